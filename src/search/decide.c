/*
 * Deciding conditions, with three truths: a comparison holds when it holds for any value of its property, is
 * unknown without values, and else does not hold.
 */
#include "search/internal.h"

#include "base/decimal.h"

/* Outside of the orders that comparisons give. */
enum { INCOMPARABLE = 2 };

static int sign_of(int order) {
    return (order > 0) - (order < 0);
}

static int compare_numbers(pl_str a, pl_str b) {
    pl_decimal x, y;
    if (!pl_decimal_parse(a, &x) || !pl_decimal_parse(b, &y))
        return INCOMPARABLE;
    return sign_of(pl_decimal_compare(&x, &y));
}

static int compare_times(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* A time compares with times, and with milliseconds. */
static int compare_time(const search_value *value, const search_constant *constant) {
    int64_t milliseconds;
    if (constant->is_time)
        return compare_times(value->time, constant->time);
    if (!pl_str_to_i64(constant->text, &milliseconds))
        return INCOMPARABLE;
    return compare_times(value->time, milliseconds);
}

static int compare_text(pl_str text, const search_constant *constant) {
    int64_t time;
    search_address address;
    if (constant->kind == SEARCH_NUMBER)
        return compare_numbers(text, constant->text);
    if (constant->is_time && search_time(text, &time))
        return compare_times(time, constant->time);
    /* A recorded network is a text like any other: only addresses lie in ranges. */
    if (constant->is_address && pl_str_find_char(text, '/') == PL_NOT_FOUND &&
        search_address_of(text, &address) && search_address_within(&address, &constant->address))
        return 0;
    return sign_of(pl_str_cmp(text, constant->text));
}

static int compare_boolean(bool flag, const search_constant *constant) {
    bool wanted;
    if (!pl_str_to_bool(constant->text, &wanted))
        return INCOMPARABLE;
    return flag == wanted ? 0 : INCOMPARABLE;
}

/* The order of value and constant, INCOMPARABLE when they have none; -2 without memory. */
static int compare(search_value *value, const search_constant *constant, pl_arena *scratch) {
    if (value->kind == SEARCH_BOOLEAN)
        return compare_boolean(value->flag, constant);
    if (value->is_time)
        return compare_time(value, constant);
    pl_str text = search_value_text(value, scratch);
    if (!text.p)
        return -2;
    if (constant->kind == SEARCH_BOOLEAN)
        return pl_str_eq_fold(text, constant->text) ? 0 : INCOMPARABLE;
    if (value->kind == SEARCH_NUMBER)
        return constant->is_number ? compare_numbers(text, constant->text) : INCOMPARABLE;
    return compare_text(text, constant);
}

/* `%` any text, `_` one character; one look back suffices, at the last `%`. */
static bool is_like(pl_str text, pl_str pattern) {
    size_t t = 0, p = 0, mark = PL_NOT_FOUND, resume = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '%') {
            mark = p++;
            resume = t;
        } else if (p < pattern.n && pattern.p[p] == '_') {
            p++;
            for (t++; t < text.n && ((unsigned char)text.p[t] & 0xc0) == 0x80;)
                t++;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (mark != PL_NOT_FOUND) {
            p = mark + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '%')
        p++;
    return p == pattern.n;
}

static bool holds_between(int low, int high) {
    return low != INCOMPARABLE && high != INCOMPARABLE && low >= 0 && high <= 0;
}

static bool holds(search_operator op, int order) {
    switch (op) {
    case SEARCH_EQUAL: return order == 0;
    case SEARCH_DIFFERENT: return order != 0;
    case SEARCH_LESS: return order == -1;
    case SEARCH_LESS_EQUAL: return order == -1 || order == 0;
    case SEARCH_GREATER: return order == 1;
    case SEARCH_GREATER_EQUAL: return order == 1 || order == 0;
    default: return false;
    }
}

/* One value: 1 holds, 0 does not, -1 without memory. */
static int test(const search_condition *c, search_value *value, pl_arena *scratch) {
    if (c->op == SEARCH_LIKE) {
        pl_str text = search_value_text(value, scratch);
        return text.p ? is_like(text, c->constants->text) : -1;
    }
    int first = compare(value, c->constants, scratch);
    if (first == -2)
        return -1;
    if (c->op == SEARCH_BETWEEN) {
        int last = compare(value, c->constants + 1, scratch);
        return last == -2 ? -1 : holds_between(first, last);
    }
    if (c->op != SEARCH_IN)
        return holds(c->op, first);
    for (size_t i = 1; first != 0 && first != -2 && i < c->constant_count; i++)
        first = compare(value, c->constants + i, scratch);
    return first == -2 ? -1 : first == 0;
}

static int decide_predicate(const search_condition *c, const search_resource *resource, pl_arena *scratch,
                            pl_error *error) {
    search_values values;
    if (search_read(&c->property, resource, scratch, &values, error) != 0)
        return -1;
    if (c->op == SEARCH_IS_NULL)
        return values.count == 0 ? SEARCH_TRUE : SEARCH_FALSE;
    if (values.count == 0)
        return SEARCH_UNKNOWN;
    for (size_t i = 0; i < values.count; i++) {
        int found = test(c, &values.items[i], scratch);
        if (found != 0)
            return found < 0 ? pl_fail(error, PL_E_ServiceUnavailable) : SEARCH_TRUE;
    }
    return SEARCH_FALSE;
}

/* As deep as the parser allows. */
int search_decide(const search_condition *c, const search_resource *resource, pl_arena *scratch,
                  pl_error *error) {
    if (c->op > SEARCH_NOT)
        return decide_predicate(c, resource, scratch, error);
    int decided = c->op == SEARCH_OR ? SEARCH_FALSE : SEARCH_TRUE;
    for (const search_condition *part = c->children; part; part = part->next) {
        int truth = search_decide(part, resource, scratch, error);
        if (truth < 0)
            return -1;
        if (c->op == SEARCH_NOT)
            return SEARCH_TRUE - truth;
        if (c->op == SEARCH_OR ? truth > decided : truth < decided)
            decided = truth;
    }
    return decided;
}
