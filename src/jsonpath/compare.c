/*
 * Comparisons of filters: RFC 9535, section 2.3.5.2.2, and the lenient rules of the cloud-config dialect
 * (reference/condition-rules.md, section 4.2). Numbers are compared as exact decimals.
 */
#include "jsonpath/number.h"
#include "jsonpath/path_internal.h"

/* UNRELATED: unequal and without order. */
typedef enum relation { SMALLER, SAME, LARGER, UNRELATED } relation;

static relation relation_of(int order) {
    return order < 0 ? SMALLER : (order > 0 ? LARGER : SAME);
}

static bool equal_nodes(selection *s, pl_json a, pl_json b, int *status);

static bool equal_objects(selection *s, pl_json a, pl_json b, int *status) {
    pl_str key;
    pl_json child;
    if (pl_json_count(a) != pl_json_count(b))
        return false;
    for (pl_json_walk walk = pl_json_children(a); pl_json_step(&walk, &key, &child);) {
        if (pl_path_visit(s, pl_json_count(b)) != 0) {
            *status = -1;
            return false;
        }
        if (!equal_nodes(s, child, pl_json_get(b, key), status))
            return false;
    }
    return true;
}

static bool equal_arrays(selection *s, pl_json a, pl_json b, int *status) {
    pl_str key;
    pl_json x, y;
    if (pl_json_count(a) != pl_json_count(b))
        return false;
    pl_json_walk other = pl_json_children(b);
    for (pl_json_walk walk = pl_json_children(a); pl_json_step(&walk, &key, &x);)
        if (!pl_json_step(&other, &key, &y) || !equal_nodes(s, x, y, status))
            return false;
    return true;
}

/* Deep equality; `*status` becomes -1 when the limit is exceeded. Depth is bounded by the JSON parser's. */
static bool equal_nodes(selection *s, pl_json a, pl_json b, int *status) {
    pl_json_type x = pl_json_type_of(a), y = pl_json_type_of(b);
    if (pl_path_visit(s, 1) != 0) {
        *status = -1;
        return false;
    }
    if (pl_number_is(a) && pl_number_is(b))
        return pl_number_compare(a, b) == 0;
    if (x != y)
        return false;
    switch (x) {
    case PL_JSON_BOOLEAN: return pl_json_tag(a) == pl_json_tag(b);
    case PL_JSON_STRING: return pl_str_eq(pl_json_text(a), pl_json_text(b));
    case PL_JSON_ARRAY: return equal_arrays(s, a, b, status);
    case PL_JSON_OBJECT: return equal_objects(s, a, b, status);
    default: return true;
    }
}

/* The number behind a value that is there; texts count only where the dialect is lenient. */
static bool decimal_of(const selection *s, const operand *v, pl_number_text *text, pl_decimal *out) {
    if (v->kind == VALUE_NUMBER) {
        *out = *v->number;
        return true;
    }
    if (v->kind == VALUE_COUNT)
        return pl_decimal_parse(pl_number_text_of_i64(v->count, text), out);
    if (pl_number_is(v->json))
        return pl_decimal_parse(pl_number_text_of(v->json, text), out);
    return !s->strict && pl_json_is_string(v->json) && pl_decimal_parse(pl_json_text(v->json), out);
}

static bool both_strings(const operand *a, const operand *b) {
    return a->kind == VALUE_JSON && b->kind == VALUE_JSON && pl_json_is_string(a->json) &&
           pl_json_is_string(b->json);
}

/* A boolean, or leniently its text. */
static bool boolean_of(const selection *s, const operand *v, bool *out) {
    if (v->kind != VALUE_JSON)
        return false;
    if (pl_json_bool(v->json, out))
        return true;
    pl_str text = s->strict ? PL_STR_NONE : pl_json_str(v->json);
    *out = pl_str_is(text, "true");
    return *out || pl_str_is(text, "false");
}

static bool is_boolean(const operand *v) {
    return v->kind == VALUE_JSON && pl_json_type_of(v->json) == PL_JSON_BOOLEAN;
}

static int relate(selection *s, const operand *a, const operand *b, relation *out) {
    pl_number_text text_a, text_b;
    pl_decimal x, y;
    bool p, q;
    int status = 0;
    *out = UNRELATED;
    if (a->kind == VALUE_NOTHING || b->kind == VALUE_NOTHING) {
        if (a->kind == b->kind && s->strict)
            *out = SAME;
    } else if (both_strings(a, b)) {
        *out = relation_of(pl_str_cmp(pl_json_text(a->json), pl_json_text(b->json)));
    } else if (decimal_of(s, a, &text_a, &x) && decimal_of(s, b, &text_b, &y)) {
        *out = relation_of(pl_decimal_compare(&x, &y));
    } else if (is_boolean(a) || is_boolean(b)) {
        if (boolean_of(s, a, &p) && boolean_of(s, b, &q) && p == q)
            *out = SAME;
    } else if (a->kind == VALUE_JSON && b->kind == VALUE_JSON && equal_nodes(s, a->json, b->json, &status)) {
        *out = SAME;
    }
    return status;
}

/* Is `a` equal to an element of the list `b`? */
static int listed(selection *s, const operand *a, const operand *b) {
    pl_str key;
    operand element = {.kind = VALUE_JSON};
    if (b->kind != VALUE_JSON || !pl_json_is_array(b->json))
        return 0;
    for (pl_json_walk walk = pl_json_children(b->json); pl_json_step(&walk, &key, &element.json);) {
        relation found;
        if (pl_path_visit(s, 1) != 0 || relate(s, a, &element, &found) != 0)
            return -1;
        if (found == SAME)
            return 1;
    }
    return 0;
}

int pl_path_compare(selection *s, comparison how, const operand *a, const operand *b) {
    relation found;
    if (how == IN || how == NOT_IN) {
        int truth = listed(s, a, b);
        return truth < 0 ? -1 : truth == (how == IN);
    }
    if (relate(s, a, b, &found) != 0)
        return -1;
    switch (how) {
    case EQUAL: return found == SAME;
    case UNEQUAL: return found != SAME;
    case LESS: return found == SMALLER;
    case LESS_EQUAL: return found == SMALLER || found == SAME;
    case GREATER: return found == LARGER;
    default: return found == LARGER || found == SAME;
    }
}
