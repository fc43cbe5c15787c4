/* Operators on lists: membership, subsets, sizes. Texts are compared with case. */
#include "base/map.h"
#include "condition/operators.h"

/* Elements are always there, but may be null. */
static bool is_null(pl_json element) {
    return pl_json_tag(element) == 'n';
}

truth test_contains(const desired *d, const feature *f, environment *env) {
    pl_json element;
    if (feature_is_absent(f))
        return NO;
    if (!feature_is_list(f))
        return d->text.n && pl_str_find(value_text(env, f->node), d->text) != PL_NOT_FOUND ? YES : NO;
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element);)
        if (!is_null(element) && pl_str_eq(value_text(env, element), d->text))
            return YES;
    return NO;
}

truth test_in(const desired *d, const feature *f, environment *env) {
    if (feature_is_absent(f))
        return NO;
    return list_find(d->list, d->count, value_text(env, f->node)) != PL_NOT_FOUND ? YES : NO;
}

truth test_intersects(const desired *d, const feature *f, environment *env) {
    pl_json element;
    if (!feature_is_list(f))
        return test_in(d, f, env);
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element);)
        if (!is_null(element) && list_find(d->list, d->count, value_text(env, element)) != PL_NOT_FOUND)
            return YES;
    return NO;
}

/* Marks the desired items that occur in the feature; returns how many, or -1 without memory. */
static ptrdiff_t count_found(const desired *d, const feature *f, environment *env) {
    pl_json element;
    ptrdiff_t found = 0;
    bool *marks = pl_new(env->scratch, bool, d->count + 1);
    if (!marks)
        return -1;
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element);) {
        size_t at = is_null(element) ? PL_NOT_FOUND : list_find(d->list, d->count, value_text(env, element));
        if (at == PL_NOT_FOUND || marks[at])
            continue;
        marks[at] = true;
        found++;
    }
    return found;
}

/* As count_found for a text, which is read as a list itself. */
static ptrdiff_t count_found_in_text(const desired *d, pl_str text, environment *env) {
    pl_str *own;
    size_t count;
    ptrdiff_t found = 0;
    bool *marks = pl_new(env->scratch, bool, d->count + 1);
    if (!marks || list_of(env->scratch, text, &own, &count, env->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        size_t at = list_find(d->list, d->count, own[i]);
        if (at == PL_NOT_FOUND || marks[at])
            continue;
        marks[at] = true;
        found++;
    }
    return found;
}

/* How many different desired items the feature holds; a text is split at commas. */
static ptrdiff_t shared_items(const desired *d, const feature *f, environment *env) {
    if (feature_is_absent(f))
        return 0;
    if (feature_is_list(f))
        return count_found(d, f, env);
    if (pl_json_is_string(f->node))
        return count_found_in_text(d, pl_json_text(f->node), env);
    return test_in(d, f, env) == YES;
}

truth test_contains_all(const desired *d, const feature *f, environment *env) {
    ptrdiff_t found = shared_items(d, f, env);
    if (found < 0) {
        pl_fail(env->error, PL_E_ServiceUnavailable);
        return FAILED;
    }
    return d->count && (size_t)found == d->count ? YES : NO;
}

truth test_contains_any(const desired *d, const feature *f, environment *env) {
    ptrdiff_t found = shared_items(d, f, env);
    if (found < 0) {
        pl_fail(env->error, PL_E_ServiceUnavailable);
        return FAILED;
    }
    return found > 0 ? YES : NO;
}

truth test_empty_list(const desired *d, const feature *f, environment *env) {
    (void)d;
    (void)env;
    if (feature_is_list(f))
        return feature_length(f) == 0 ? YES : NO;
    return feature_is_absent(f) ? YES : NO;
}

truth test_absent(const desired *d, const feature *f, environment *env) {
    (void)d;
    (void)env;
    return feature_is_absent(f) ? YES : NO;
}

truth test_empty(const desired *d, const feature *f, environment *env) {
    if (pl_json_is_object(f->node))
        return pl_json_count(f->node) == 0 ? YES : NO;
    if (pl_json_is_string(f->node))
        return pl_json_text(f->node).n == 0 ? YES : NO;
    return test_empty_list(d, f, env);
}

static int64_t length_of(const feature *f) {
    if (feature_is_list(f))
        return (int64_t)feature_length(f);
    return feature_is_absent(f) ? 0 : 1;
}

truth test_length_at_least(const desired *d, const feature *f, environment *env) {
    (void)env;
    return length_of(f) >= d->integer ? YES : NO;
}

truth test_length_at_most(const desired *d, const feature *f, environment *env) {
    (void)env;
    return length_of(f) <= d->integer ? YES : NO;
}

/* Different texts among the elements; -1 without memory. */
static int64_t distinct_of_list(const feature *f, environment *env) {
    pl_map seen;
    pl_json element;
    bool fits = true;
    pl_map_init(&seen, (uint64_t)(uintptr_t)env);
    for (feature_walk walk = feature_elements(f); fits && feature_next(&walk, &element);) {
        pl_str text = value_text(env, element);
        if (text.n == 0 || pl_map_get(&seen, text))
            continue;
        if (!pl_json_is_string(element))
            text = pl_arena_copy(env->scratch, text);
        fits = text.p && pl_map_put(&seen, text, &seen);
    }
    int64_t count = fits ? (int64_t)seen.count : -1;
    pl_map_free(&seen);
    return count;
}

static int64_t distinct_of(const feature *f, environment *env) {
    if (feature_is_list(f))
        return distinct_of_list(f, env);
    return value_text(env, f->node).n ? 1 : 0;
}

truth test_distinct_at_least(const desired *d, const feature *f, environment *env) {
    int64_t count = distinct_of(f, env);
    if (count < 0) {
        pl_fail(env->error, PL_E_ServiceUnavailable);
        return FAILED;
    }
    return count >= d->integer ? YES : NO;
}

truth test_distinct_at_most(const desired *d, const feature *f, environment *env) {
    int64_t count = distinct_of(f, env);
    if (count < 0) {
        pl_fail(env->error, PL_E_ServiceUnavailable);
        return FAILED;
    }
    return count <= d->integer ? YES : NO;
}
