/* Operators on tags and on policy documents (catalogue/operators.md, "Tags and policies"). */
#include "base/encode.h"
#include "condition/operators.h"
#include "json/parser.h"

/* Appends the trimmed, non-empty parts of `text` to a list. */
static int split_values(pl_arena *arena, pl_str text, tag_entry *entry, pl_error *error) {
    size_t capacity = 0;
    pl_str part;
    while (pl_str_split(&text, ',', &part)) {
        part = pl_str_trim(part);
        if (part.n == 0)
            continue;
        pl_str *larger = pl_arena_grow(arena, entry->values, entry->count, &capacity, sizeof part);
        if (!larger)
            return pl_fail(error, PL_E_ServiceUnavailable);
        entry->values = larger;
        entry->values[entry->count++] = part;
    }
    return 0;
}

/* key=value,value;key */
int prepare_tags(pl_arena *arena, desired *d, pl_error *error) {
    size_t capacity = 0;
    tag_entry *entries = NULL;
    pl_str rest = d->text, part;
    while (pl_str_split(&rest, ';', &part)) {
        if (pl_str_trim(part).n == 0)
            continue;
        tag_entry *larger = pl_arena_grow(arena, entries, d->items_count, &capacity, sizeof *larger);
        if (!larger)
            return pl_fail(error, PL_E_ServiceUnavailable);
        entries = larger;
        tag_entry *entry = &entries[d->items_count++];
        size_t sign = pl_str_find_char(part, '=');
        *entry = (tag_entry){.key = pl_str_trim(sign == PL_NOT_FOUND ? part : pl_str_head(part, sign))};
        if (entry->key.n == 0)
            d->unreadable = true;
        if (sign != PL_NOT_FOUND && split_values(arena, pl_str_skip(part, sign + 1), entry, error) != 0)
            return -1;
    }
    d->items.tags = entries;
    d->unreadable = d->unreadable || d->items_count == 0;
    return 0;
}

static bool value_wanted(const tag_entry *entry, pl_json value, environment *env) {
    pl_str text = value_text(env, value);
    for (size_t i = 0; i < entry->count; i++)
        if (pl_str_eq(entry->values[i], text))
            return true;
    return entry->count == 0;
}

/* A tag's value, or one of its values. */
static bool values_wanted(const tag_entry *entry, pl_json values, environment *env) {
    pl_str key;
    pl_json value;
    if (entry->count == 0)
        return true;
    if (!pl_json_is_array(values))
        return value_wanted(entry, values, env);
    for (pl_json_walk walk = pl_json_children(values); pl_json_step(&walk, &key, &value);)
        if (value_wanted(entry, value, env))
            return true;
    return false;
}

static pl_json get_either(pl_json object, pl_str first, pl_str second) {
    pl_json value = pl_json_get(object, first);
    return pl_json_exists(value) ? value : pl_json_get(object, second);
}

static bool has_tag(const tag_entry *entry, const feature *f, environment *env) {
    pl_json element;
    if (pl_json_is_object(f->node)) {
        pl_json values = pl_json_get(f->node, entry->key);
        return pl_json_exists(values) && values_wanted(entry, values, env);
    }
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element);) {
        pl_json key = get_either(element, PL_STR("TagKey"), PL_STR("Key"));
        if (pl_json_is_string(key) && pl_str_eq(pl_json_text(key), entry->key) &&
            value_wanted(entry, get_either(element, PL_STR("TagValue"), PL_STR("Value")), env))
            return true;
    }
    return false;
}

truth test_has_tags(const desired *d, const feature *f, environment *env) {
    for (size_t i = 0; i < d->items_count; i++)
        if (!has_tag(&d->items.tags[i], f, env))
            return NO;
    return YES;
}

static bool is_text_or_texts(pl_json value) {
    pl_str key;
    pl_json element;
    if (!pl_json_is_array(value))
        return pl_json_is_string(value);
    for (pl_json_walk walk = pl_json_children(value); pl_json_step(&walk, &key, &element);)
        if (!pl_json_is_string(element))
            return false;
    return true;
}

/* Is the desired statement one? Effect and Condition are compared as they are. */
static bool is_pattern(pl_json json) {
    pl_str key;
    pl_json value;
    if (!pl_json_is_object(json) || pl_json_count(json) == 0)
        return false;
    for (pl_json_walk walk = pl_json_children(json); pl_json_step(&walk, &key, &value);) {
        bool texts = pl_str_is(key, "Action") || pl_str_is(key, "Resource") || pl_str_is(key, "Principal");
        bool others =
            ((pl_str_is(key, "Effect") || pl_str_is(key, "AnyAction")) && pl_json_is_string(value)) ||
            (pl_str_is(key, "Condition") && pl_json_is_object(value));
        if (!(texts && is_text_or_texts(value)) && !others)
            return false;
    }
    return true;
}

int prepare_statement(pl_arena *arena, desired *d, pl_error *error) {
    int status = pl_json_parse_in(arena, d->text, &d->json, error);
    d->unreadable = status != 0 || !is_pattern(d->json);
    return status != 0 && pl_error_is(error, PL_E_ServiceUnavailable) ? -1 : 0;
}

/* Texts of a value that is a text or an array of texts: 1, 0 at the end, -1 when it is neither. */
typedef struct text_walk {
    pl_json value;
    pl_json_walk walk;
    bool array, done;
} text_walk;

static text_walk texts_of(pl_json value) {
    return (text_walk){value, pl_json_children(value), pl_json_is_array(value), false};
}

static int next_text(text_walk *walk, pl_str *out) {
    pl_str key;
    pl_json element = walk->value;
    if (walk->array ? !pl_json_step(&walk->walk, &key, &element) : walk->done)
        return 0;
    walk->done = true;
    if (!pl_json_is_string(element))
        return -1;
    *out = pl_json_text(element);
    return 1;
}

static bool same_char(pl_str a, pl_str b, bool fold) {
    return fold ? pl_str_eq_fold(a, b) : pl_str_eq(a, b);
}

/* One code point off the front, as bytes. */
static pl_str take_char(pl_str *s) {
    pl_str before = *s;
    pl_utf8_take(s);
    return pl_str_head(before, before.n - s->n);
}

/* `*` is any run of characters, `?` one; goes back only to the last `*`, so the cost is bounded by n times m.
 */
static bool glob(pl_str pattern, pl_str text, bool fold) {
    pl_str star = PL_STR_NONE, retry = PL_STR_NONE;
    while (text.n) {
        if (pattern.n && pattern.p[0] == '*') {
            pattern = star = pl_str_skip(pattern, 1);
            retry = text;
            continue;
        }
        pl_str p = pattern, t = text;
        pl_str own = take_char(&t), wanted = take_char(&p);
        if (wanted.n && (wanted.p[0] == '?' || same_char(own, wanted, fold))) {
            pattern = p;
            text = t;
            continue;
        }
        if (!star.p)
            return false;
        take_char(&retry);
        pattern = star;
        text = retry;
    }
    while (pattern.n && pattern.p[0] == '*')
        pattern = pl_str_skip(pattern, 1);
    return pattern.n == 0;
}

/* *:* means every action. */
static pl_str plain_star(pl_str text, bool action) {
    return action && pl_str_is(text, "*:*") ? PL_STR("*") : text;
}

/* Is the text covered by one of the patterns (or, for `none`, kept clear of all)? */
static truth text_covered(pl_json patterns, pl_str text, bool action, bool none) {
    pl_str pattern;
    int status;
    truth found = none ? YES : NO;
    text_walk walk = texts_of(patterns);
    while ((status = next_text(&walk, &pattern)) > 0) {
        pattern = plain_star(pattern, action);
        if (glob(pattern, text, action) || (none && glob(text, pattern, action)))
            found = none ? NO : YES;
    }
    return status < 0 ? UNREADABLE : found;
}

static truth covers(pl_json statement, pl_json wanted, pl_str name, pl_str opposite) {
    pl_str text;
    truth all = YES;
    bool action = pl_str_is(name, "Action");
    pl_json patterns = pl_json_get(statement, name), clear = pl_json_get(statement, opposite);
    bool none = !pl_json_exists(patterns);
    if (none && !pl_json_exists(clear))
        return NO;
    for (text_walk walk = texts_of(wanted); next_text(&walk, &text) > 0;) {
        truth t = text_covered(none ? clear : patterns, plain_star(text, action), action, none);
        if (t == UNREADABLE)
            return UNREADABLE;
        if (t == NO)
            all = NO;
    }
    return all;
}

/* Is one of the actions, which commas join, covered? */
static truth covers_any(pl_json statement, pl_str actions) {
    pl_str action;
    truth found = NO;
    pl_json patterns = pl_json_get(statement, PL_STR("Action"));
    bool none = !pl_json_exists(patterns);
    if (none)
        patterns = pl_json_get(statement, PL_STR("NotAction"));
    while (pl_json_exists(patterns) && pl_str_split(&actions, ',', &action)) {
        action = plain_star(pl_str_trim(action), true);
        truth t = action.n ? text_covered(patterns, action, true, none) : NO;
        if (t == UNREADABLE)
            return UNREADABLE;
        if (t == YES)
            found = YES;
    }
    return found;
}

/* Does one of the texts equal `text` or is it `*`? */
static truth names_principal(pl_json texts, pl_str text) {
    pl_str own;
    int status;
    truth found = NO;
    text_walk walk = texts_of(texts);
    while ((status = next_text(&walk, &own)) > 0)
        if (pl_str_eq(own, text) || pl_str_is(own, "*"))
            found = YES;
    return status < 0 ? UNREADABLE : found;
}

static truth has_principal(pl_json principal, pl_str text) {
    pl_str key;
    pl_json part;
    truth found = NO;
    if (!pl_json_exists(principal))
        return NO;
    if (!pl_json_is_object(principal))
        return names_principal(principal, text);
    for (pl_json_walk walk = pl_json_children(principal); pl_json_step(&walk, &key, &part);) {
        truth t = names_principal(part, text);
        if (t == UNREADABLE)
            return UNREADABLE;
        if (t == YES)
            found = YES;
    }
    return found;
}

static truth has_principals(pl_json principal, pl_json wanted) {
    pl_str text;
    truth all = YES;
    for (text_walk walk = texts_of(wanted); next_text(&walk, &text) > 0;) {
        truth t = has_principal(principal, text);
        if (t == UNREADABLE)
            return UNREADABLE;
        if (t == NO)
            all = NO;
    }
    return all;
}

/* A value of a condition key, or an array of them, holds the text. `wanted` may lie in another buffer. */
static bool holds_value(pl_json values, pl_str wanted, environment *env) {
    pl_str key;
    pl_json value;
    if (!pl_json_is_array(values))
        return pl_str_eq_fold(value_text(env, values), wanted);
    for (pl_json_walk walk = pl_json_children(values); pl_json_step(&walk, &key, &value);)
        if (pl_str_eq_fold(value_text(env, value), wanted))
            return true;
    return false;
}

static truth holds_values(pl_json have, pl_json wanted, environment *env) {
    pl_str key;
    pl_json value = wanted;
    bool array = pl_json_is_array(wanted);
    for (pl_json_walk walk = pl_json_children(wanted); !array || pl_json_step(&walk, &key, &value);) {
        pl_str text = pl_arena_copy(env->scratch, value_text(env, value));
        if (!text.p) {
            pl_fail(env->error, PL_E_ServiceUnavailable);
            return FAILED;
        }
        if (!pl_str_is(text, "*") && !holds_value(have, text, env))
            return NO;
        if (!array)
            break;
    }
    return YES;
}

static pl_json get_folded(pl_json object, pl_str name) {
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(object); pl_json_step(&walk, &key, &value);)
        if (pl_str_eq_fold(key, name))
            return value;
    return PL_JSON_NONE;
}

static truth has_condition(pl_json condition, pl_json wanted, environment *env) {
    pl_str op, key;
    pl_json keys, values;
    for (pl_json_walk walk = pl_json_children(wanted); pl_json_step(&walk, &op, &keys);) {
        pl_json have = pl_json_get(condition, op);
        if (!pl_json_is_object(have) || !pl_json_is_object(keys))
            return NO;
        for (pl_json_walk inner = pl_json_children(keys); pl_json_step(&inner, &key, &values);) {
            pl_json mine = get_folded(have, key);
            truth t = pl_json_exists(mine) ? holds_values(mine, values, env) : NO;
            if (t != YES)
                return t;
        }
    }
    return YES;
}

/* One statement against the desired one; a member that is not desired is not read. */
static truth statement_matches(pl_json statement, pl_json wanted, environment *env) {
    pl_json effect = pl_json_get(wanted, PL_STR("Effect")), action = pl_json_get(wanted, PL_STR("Action")),
            any = pl_json_get(wanted, PL_STR("AnyAction")),
            resource = pl_json_get(wanted, PL_STR("Resource")),
            principal = pl_json_get(wanted, PL_STR("Principal")),
            condition = pl_json_get(wanted, PL_STR("Condition"));
    truth t = YES;
    if (pl_json_exists(effect) && !pl_json_equal(effect, pl_json_get(statement, PL_STR("Effect"))))
        return NO;
    if (pl_json_exists(action))
        t = covers(statement, action, PL_STR("Action"), PL_STR("NotAction"));
    if (t == YES && pl_json_exists(any))
        t = covers_any(statement, pl_json_text(any));
    if (t == YES && pl_json_exists(resource))
        t = covers(statement, resource, PL_STR("Resource"), PL_STR("NotResource"));
    if (t == YES && pl_json_exists(principal))
        t = has_principals(pl_json_get(statement, PL_STR("Principal")), principal);
    if (t == YES && pl_json_exists(condition))
        t = has_condition(pl_json_get(statement, PL_STR("Condition")), condition, env);
    return t;
}

/* Every statement is looked at, so that an unreadable one is never passed over. */
static truth document_matches(pl_json document, pl_json wanted, environment *env) {
    pl_str key;
    pl_json statement, statements = pl_json_get(document, PL_STR("Statement"));
    truth found = NO;
    if (pl_json_is_object(statements))
        return statement_matches(statements, wanted, env);
    if (!pl_json_is_array(statements))
        return UNREADABLE;
    for (pl_json_walk walk = pl_json_children(statements); pl_json_step(&walk, &key, &statement);) {
        truth t = pl_json_is_object(statement) ? statement_matches(statement, wanted, env) : UNREADABLE;
        if (t == UNREADABLE || t == FAILED)
            return t;
        if (t == YES)
            found = YES;
    }
    return found;
}

/* A document may be JSON text. */
static truth value_matches(pl_json value, pl_json wanted, environment *env) {
    pl_json document = value;
    if (pl_json_is_string(value) &&
        pl_json_parse_in(env->scratch, pl_json_text(value), &document, env->error) != 0)
        return pl_error_is(env->error, PL_E_ServiceUnavailable) ? FAILED : UNREADABLE;
    return document_matches(document, wanted, env);
}

static bool is_no_document(pl_json value) {
    return !value.tape || pl_json_tag(value) == 'n' ||
           (pl_json_is_string(value) && pl_json_text(value).n == 0);
}

/* Looks through one or several documents: YES, NO, UNKNOWN when there is none, UNREADABLE or FAILED. */
static truth find_statement(const desired *d, const feature *f, environment *env) {
    pl_json element;
    truth found = UNKNOWN;
    if (!feature_is_list(f))
        return is_no_document(f->node) ? UNKNOWN : value_matches(f->node, d->json, env);
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element);) {
        truth t = is_no_document(element) ? UNKNOWN : value_matches(element, d->json, env);
        if (t == UNREADABLE || t == FAILED)
            return t;
        if (t == YES || found == UNKNOWN)
            found = t;
    }
    return found;
}

truth test_policy_contains(const desired *d, const feature *f, environment *env) {
    truth found = find_statement(d, f, env);
    return found == UNKNOWN ? NO : found;
}

truth test_policy_excludes(const desired *d, const feature *f, environment *env) {
    truth found = find_statement(d, f, env);
    if (found == UNREADABLE || found == FAILED)
        return found;
    return found == YES ? NO : YES;
}
