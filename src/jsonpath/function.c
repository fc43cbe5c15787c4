/* Values of operands and the functions of RFC 9535, section 2.4. */
#include "base/encode.h"
#include "jsonpath/path_internal.h"

/* What a regular expression costs in values looked at: to compile one, and that many bytes to match. */
enum { COMPILE_VISITS = 100, BYTES_PER_VISIT = 64 };

static const operand NOTHING = {.kind = VALUE_NOTHING};

static operand json_value(pl_json node) {
    return (operand){.kind = pl_json_exists(node) ? VALUE_JSON : VALUE_NOTHING, .json = node};
}

/* The one node of a query; nothing when there are none or several. */
static int query_value(selection *s, const expression *e, pl_json current, operand *out) {
    sink found = {.wanted = 2};
    if (pl_path_walk(s, e->path, 0, e->path->relative ? current : s->root, &found) < 0)
        return -1;
    *out = found.count == 1 ? json_value(found.first) : NOTHING;
    return 0;
}

static int call_count(selection *s, const expression *e, pl_json current, operand *out) {
    const pl_path *path = e->left->path;
    sink found = {.wanted = SIZE_MAX};
    if (pl_path_walk(s, path, 0, path->relative ? current : s->root, &found) < 0)
        return -1;
    *out = (operand){.kind = VALUE_COUNT, .count = (int64_t)found.count};
    return 0;
}

static int call_length(selection *s, const expression *e, pl_json current, operand *out) {
    operand v;
    if (pl_path_value(s, e->left, current, &v) != 0)
        return -1;
    *out = NOTHING;
    if (v.kind != VALUE_JSON)
        return 0;
    bool text = pl_json_is_string(v.json);
    if (text || pl_json_is_array(v.json) || pl_json_is_object(v.json)) {
        size_t n = text ? pl_utf8_length(pl_json_text(v.json)) : pl_json_count(v.json);
        *out = (operand){.kind = VALUE_COUNT, .count = (int64_t)n};
    }
    return 0;
}

static int call(selection *s, const expression *e, pl_json current, operand *out) {
    switch (e->function) {
    case LENGTH: return call_length(s, e, current, out);
    case COUNT: return call_count(s, e, current, out);
    default: return query_value(s, e->left, current, out);
    }
}

int pl_path_value(selection *s, const expression *e, pl_json current, operand *out) {
    switch (e->kind) {
    case EXPRESSION_QUERY: return query_value(s, e, current, out);
    case EXPRESSION_FUNCTION: return call(s, e, current, out);
    case EXPRESSION_NUMBER: *out = (operand){.kind = VALUE_NUMBER, .number = &e->number}; return 0;
    default: *out = json_value(e->json); return 0;
    }
}

/* Patterns from the document are compiled once as long as they do not change. */
static int find_regex(selection *s, const expression *e, pl_json current, const pl_regex **out) {
    operand v;
    pl_regex_kind kind = e->function == MATCH ? PL_REGEX_I_REGEXP_MATCH : PL_REGEX_I_REGEXP_SEARCH;
    *out = e->regex;
    if (e->constant_regex)
        return 0;
    if (pl_path_value(s, e->right, current, &v) != 0)
        return -1;
    if (v.kind != VALUE_JSON || !pl_json_is_string(v.json))
        return 0;
    pl_str pattern = pl_json_text(v.json);
    if (!s->last_pattern.p || s->last_kind != kind || !pl_str_eq(s->last_pattern, pattern)) {
        if (pl_path_visit(s, COMPILE_VISITS) != 0 ||
            pl_regex_compile(s->scratch, pattern, kind, &s->last_regex, s->error) != 0)
            return -1;
        s->last_pattern = pattern;
        s->last_kind = kind;
    }
    *out = s->last_regex;
    return 0;
}

int pl_path_call_test(selection *s, const expression *e, pl_json current) {
    operand subject;
    const pl_regex *regex;
    if (pl_path_value(s, e->left, current, &subject) != 0 || find_regex(s, e, current, &regex) != 0)
        return -1;
    if (!regex || subject.kind != VALUE_JSON || !pl_json_is_string(subject.json))
        return 0;
    pl_str text = pl_json_text(subject.json);
    if (pl_path_visit(s, 1 + text.n / BYTES_PER_VISIT) != 0)
        return -1;
    return pl_regex_test(regex, text, s->error);
}
