/* Operators on texts: folded comparison, emptiness, Base64, regular expressions. */
#include "base/encode.h"
#include "condition/operators.h"

static truth yes_if(bool b) {
    return b ? YES : NO;
}

/* Tries the expressions for texts beyond ASCII. */
static truth any_folded(const pl_regex *const *folded, size_t count, pl_str text, environment *env) {
    for (size_t i = 0; i < count; i++) {
        int match = folded[i] ? pl_regex_test(folded[i], text, env->error) : 0;
        if (match != 0)
            return match < 0 ? FAILED : YES;
    }
    return NO;
}

truth test_equals_folded(const desired *d, const feature *f, environment *env) {
    if (feature_is_absent(f))
        return NO;
    pl_str text = value_text(env, f->node);
    if (pl_str_eq_fold(text, d->text))
        return YES;
    return any_folded(d->folded, d->folded_count ? 1 : 0, text, env);
}

truth test_contains_folded(const desired *d, const feature *f, environment *env) {
    if (feature_is_absent(f) || d->text.n == 0)
        return NO;
    pl_str text = value_text(env, f->node);
    if (pl_str_find_fold(text, d->text) != PL_NOT_FOUND)
        return YES;
    return d->folded_count ? any_folded(d->folded + 1, 1, text, env) : NO;
}

/* The list is in lower case; a longer one is searched by halves with a folded copy of the text. */
static bool in_ascii_list(const desired *d, pl_str text, environment *env) {
    enum { FEW = 8 };
    if (d->count <= FEW) {
        for (size_t i = 0; i < d->count; i++)
            if (pl_str_eq_fold(text, d->list[i]))
                return true;
        return false;
    }
    char *copy = pl_arena_cstr(env->scratch, text);
    if (!copy) {
        env->text->failed = true;
        return false;
    }
    for (size_t i = 0; i < text.n; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] + ('a' - 'A'));
    return list_find(d->list, d->count, pl_str_of(copy, text.n)) != PL_NOT_FOUND;
}

truth test_in_folded(const desired *d, const feature *f, environment *env) {
    if (feature_is_absent(f))
        return NO;
    pl_str text = value_text(env, f->node);
    return in_ascii_list(d, text, env) ? YES : any_folded(d->folded, d->folded_count, text, env);
}

static bool is_empty_text(pl_json node) {
    return !node.tape || pl_json_tag(node) == 'n' || (pl_json_is_string(node) && pl_json_text(node).n == 0);
}

truth test_string_empty(const desired *d, const feature *f, environment *env) {
    (void)d;
    (void)env;
    pl_json element;
    if (!feature_is_list(f))
        return yes_if(is_empty_text(f->node));
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element);)
        if (!is_empty_text(element))
            return NO;
    return YES;
}

truth test_string_not_empty(const desired *d, const feature *f, environment *env) {
    (void)d;
    (void)env;
    pl_json element;
    bool none = true;
    if (!feature_is_list(f))
        return yes_if(!is_empty_text(f->node));
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element); none = false)
        if (is_empty_text(element))
            return NO;
    return yes_if(!none);
}

/* Base64 comes in groups of four letters; a word of another length is no Base64. */
static bool has_whole_groups(pl_str text) {
    size_t letters = 0;
    for (size_t i = 0; i < text.n; i++)
        letters += !memchr(" \t\r\n", text.p[i], 4);
    return letters % 4 == 0;
}

/* The bytes behind a Base64 text; false when the value is not one. They lie in env->text. */
static bool decoded(const feature *f, environment *env, pl_str *out) {
    env->text->n = 0;
    if (!pl_json_is_string(f->node) || !has_whole_groups(pl_json_text(f->node)) ||
        !pl_base64_decode(env->text, pl_json_text(f->node)))
        return false;
    *out = pl_buf_str(env->text);
    return true;
}

truth test_base64_contains(const desired *d, const feature *f, environment *env) {
    pl_str bytes;
    return yes_if(d->text.n && decoded(f, env, &bytes) && pl_str_find(bytes, d->text) != PL_NOT_FOUND);
}

truth test_base64_contains_all(const desired *d, const feature *f, environment *env) {
    pl_str bytes;
    if (d->count == 0 || !decoded(f, env, &bytes))
        return NO;
    for (size_t i = 0; i < d->count; i++)
        if (pl_str_find(bytes, d->list[i]) == PL_NOT_FOUND)
            return NO;
    return YES;
}

truth test_base64_contains_any(const desired *d, const feature *f, environment *env) {
    pl_str bytes;
    if (!decoded(f, env, &bytes))
        return NO;
    for (size_t i = 0; i < d->count; i++)
        if (pl_str_find(bytes, d->list[i]) != PL_NOT_FOUND)
            return YES;
    return NO;
}

truth test_text_contains_any(const desired *d, const feature *f, environment *env) {
    if (feature_is_absent(f))
        return NO;
    pl_str text = value_text(env, f->node);
    for (size_t i = 0; i < d->count; i++)
        if (d->list[i].n && pl_str_find(text, d->list[i]) != PL_NOT_FOUND)
            return YES;
    return NO;
}

truth test_regex(const desired *d, const feature *f, environment *env) {
    if (feature_is_absent(f))
        return NO;
    int match = pl_regex_test(d->regex, value_text(env, f->node), env->error);
    return match < 0 ? FAILED : yes_if(match);
}
