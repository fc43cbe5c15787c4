/* Truth of filters: logic, tests and comparisons (RFC 9535, section 2.3.5.2). */
#include "jsonpath/path_internal.h"

static int test_chain(selection *s, const expression *e, pl_json current) {
    int decides = e->kind == EXPRESSION_OR;
    for (size_t i = 0; i < e->count; i++) {
        int truth = pl_path_test(s, e->items[i], current);
        if (truth < 0 || truth == decides)
            return truth;
    }
    return !decides;
}

/* Leniently, a value counts as true unless it is false or null. */
static bool is_true(pl_json value) {
    bool yes = true;
    return !pl_json_is_null(value) && !(pl_json_bool(value, &yes) && !yes);
}

/* RFC 9535: there is a node. Leniently, a single node also counts as true. */
static int test_query(selection *s, const pl_path *path, pl_json current) {
    sink found = {.wanted = s->strict ? 1 : 2};
    if (pl_path_walk(s, path, 0, path->relative ? current : s->root, &found) < 0)
        return -1;
    return s->strict || found.count != 1 ? found.count > 0 : is_true(found.first);
}

/* A literal or a value-yielding function as a test; only the cloud-config dialect has these. */
static int test_value(selection *s, const expression *e, pl_json current) {
    operand v;
    if (pl_path_value(s, e, current, &v) != 0)
        return -1;
    return v.kind == VALUE_JSON ? is_true(v.json) : v.kind != VALUE_NOTHING;
}

static int test_operand(selection *s, const expression *e, pl_json current) {
    if (e->kind == EXPRESSION_QUERY)
        return test_query(s, e->path, current);
    if (e->kind == EXPRESSION_FUNCTION && (e->function == MATCH || e->function == SEARCH))
        return pl_path_call_test(s, e, current);
    return test_value(s, e, current);
}

/* The member's value when it is a text; false when the comparison has to be made in the general way. */
static bool find_text(selection *s, const expression *e, pl_json current, pl_str *out) {
    pl_json value = pl_json_get(current, e->left->path->segments[0].selectors[0].name);
    s->visits += pl_json_count(current);
    *out = pl_json_str(value);
    return pl_json_is_string(value) && s->visits <= PL_PATH_MAX_VISITS;
}

static int test_comparison(selection *s, const expression *e, pl_json current) {
    operand a, b;
    pl_str text;
    if (e->member_is_text && find_text(s, e, current, &text))
        return pl_str_eq(text, pl_json_text(e->right->json)) == (e->comparison == EQUAL);
    if (pl_path_value(s, e->left, current, &a) != 0 || pl_path_value(s, e->right, current, &b) != 0)
        return -1;
    return pl_path_compare(s, e->comparison, &a, &b);
}

int pl_path_test(selection *s, const expression *e, pl_json current) {
    int truth;
    switch (e->kind) {
    case EXPRESSION_OR:
    case EXPRESSION_AND: return test_chain(s, e, current);
    case EXPRESSION_NOT: truth = pl_path_test(s, e->left, current); return truth < 0 ? -1 : !truth;
    case EXPRESSION_COMPARE: return test_comparison(s, e, current);
    default: return test_operand(s, e->left, current);
    }
}
