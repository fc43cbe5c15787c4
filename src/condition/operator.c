/* The operator table, look-up by name, and how an operator is applied to single values and lists. */
#include "condition/operators.h"

#include "condition/condition_internal.h"

enum { PUBLISHED = 0, OWN = 1, EACH = 1, WHOLE = 0, IS = 0, NOT = 1 };

static const pl_operator_info infos[PL_OPERATOR_COUNT] = {
#define PL_OPERATOR(name, data_type, arity, origin, shape, sense, prepare, test, text)                       \
    {PL_STR_INIT(#name), PL_STR_INIT(#data_type), PL_STR_INIT(text), arity, origin},
#include "condition/operators.def"
#undef PL_OPERATOR
};

const operator_row pl_operator_rows[PL_OPERATOR_COUNT] = {
#define PL_OPERATOR(name, data_type, arity, origin, shape, sense, prepare, test, text)                       \
    {test_##test, prepare_##prepare, shape, sense},
#include "condition/operators.def"
#undef PL_OPERATOR
};

const pl_operator_info *pl_operator_info_of(pl_operator op) {
    return &infos[op];
}

bool operator_is_timed(pl_operator op) {
    return pl_operator_rows[op].prepare == prepare_days;
}

operator_sight operator_sight_of(pl_operator op) {
    operator_test test = pl_operator_rows[op].test;
    if (test == test_string_empty || test == test_string_not_empty)
        return SEES_LISTS;
    return test == test_empty || test == test_empty_list || test == test_absent ||
                   test == test_length_at_least || test == test_length_at_most
               ? SEES_SIZE
               : SEES_ALL;
}

/* Reading the value costs no more than its size, and the answer does not depend on the time. */
static bool is_cheap(pl_operator op) {
    operator_prepare prepare = pl_operator_rows[op].prepare;
    return !pl_str_is(infos[op].data_type, "Base64String") &&
           (prepare == prepare_nothing || prepare == prepare_text || prepare == prepare_folded ||
            prepare == prepare_list || prepare == prepare_folded_list || prepare == prepare_number ||
            prepare == prepare_count);
}

static quick_kind quick_kind_of_text(operator_test test, const desired *d) {
    enum { FEW = 8 };
    if (test == test_contains || (test == test_intersects && d->count && d->count <= FEW))
        return QUICK_SHARES;
    if (test == test_equals_folded && d->folded_count == 0)
        return QUICK_EQUALS;
    return test == test_in_folded && d->folded_count == 0 && d->count <= FEW ? QUICK_IN : QUICK_TEST;
}

static unsigned orders_of(operator_test test) {
    if (test == test_number_less)
        return ORDER_LESS;
    if (test == test_number_less_or_equals || test == test_length_at_most)
        return ORDER_LESS | ORDER_SAME;
    if (test == test_number_greater)
        return ORDER_MORE;
    if (test == test_number_greater_or_equals || test == test_length_at_least)
        return ORDER_MORE | ORDER_SAME;
    return test == test_string_not_empty ? ORDER_MORE : ORDER_SAME;
}

quick_kind operator_quick(pl_operator op, const desired *d, unsigned *orders) {
    const operator_row *row = &pl_operator_rows[op];
    if (!is_cheap(op))
        return QUICK_NONE;
    *orders = orders_of(row->test) ^ (row->negated ? ORDER_LESS | ORDER_SAME | ORDER_MORE : 0);
    if (row->prepare == prepare_number)
        return d->is_integer ? QUICK_NUMBER : QUICK_TEST;
    if (row->prepare == prepare_count)
        return row->test == test_length_at_least || row->test == test_length_at_most ? QUICK_LENGTH
                                                                                     : QUICK_TEST;
    if (row->test == test_string_empty || row->test == test_string_not_empty)
        return QUICK_TEXT_SIZE;
    if (row->test == test_empty)
        return QUICK_SIZE;
    return row->test == test_empty_list ? QUICK_LENGTH : quick_kind_of_text(row->test, d);
}

bool pl_operator_find(pl_str name, pl_operator *op) {
    for (unsigned i = 0; i < PL_OPERATOR_COUNT; i++)
        if (pl_str_eq(infos[i].name, name)) {
            *op = (pl_operator)i;
            return true;
        }
    return false;
}

static truth in_sense(const operator_row *row, truth t) {
    if (!row->negated || t > YES)
        return t;
    return t == YES ? NO : YES;
}

static truth apply_to_each(const operator_row *row, const desired *d, const feature *f, environment *env) {
    truth all = YES;
    bool none = true;
    feature element = feature_of(PL_JSON_NONE);
    for (feature_walk walk = feature_elements(f); feature_next(&walk, &element.node); none = false) {
        truth t = in_sense(row, row->test(d, &element, env));
        if (t == FAILED)
            return FAILED;
        if (t != YES)
            all = NO;
    }
    if (!none)
        return all;
    element.node = PL_JSON_NONE;
    return in_sense(row, row->test(d, &element, env));
}

truth operator_apply(pl_operator op, const desired *d, const feature *f, environment *env) {
    const operator_row *row = &pl_operator_rows[op];
    if (d->unreadable)
        return NO;
    truth t =
        row->each && feature_is_list(f) ? apply_to_each(row, d, f, env) : in_sense(row, row->test(d, f, env));
    if (env->text->failed) {
        pl_buf_clear(env->text);
        pl_failf(env->error, PL_E_ServiceUnavailable, "a value is too long to be compared");
        return FAILED;
    }
    return t == UNREADABLE ? NO : t;
}
