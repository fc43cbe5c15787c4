/* Operators on numbers and versions. Numbers are exact decimals. */
#include "condition/operators.h"

/* Order of the feature and the desired number; false when one of them is no number. */
static bool order_of(const desired *d, const feature *f, int *order) {
    pl_number_text text;
    pl_decimal number;
    if (!f->node.tape || !d->is_number)
        return false;
    char tag = pl_json_tag(f->node);
    if (tag == 'l' && d->is_integer) {
        int64_t value = (int64_t)f->node.tape[f->node.at + 1];
        *order = (value > d->integer) - (value < d->integer);
        return true;
    }
    if (tag == '"' ? !pl_decimal_parse(pl_json_text(f->node), &number)
                   : !pl_number_is(f->node) || !pl_decimal_parse(pl_number_text_of(f->node, &text), &number))
        return false;
    *order = pl_decimal_compare(&number, &d->number);
    return true;
}

truth test_number_equals(const desired *d, const feature *f, environment *env) {
    (void)env;
    int order;
    return order_of(d, f, &order) && order == 0 ? YES : NO;
}

truth test_number_less(const desired *d, const feature *f, environment *env) {
    (void)env;
    int order;
    return order_of(d, f, &order) && order < 0 ? YES : NO;
}

truth test_number_less_or_equals(const desired *d, const feature *f, environment *env) {
    (void)env;
    int order;
    return order_of(d, f, &order) && order <= 0 ? YES : NO;
}

truth test_number_greater(const desired *d, const feature *f, environment *env) {
    (void)env;
    int order;
    return order_of(d, f, &order) && order > 0 ? YES : NO;
}

truth test_number_greater_or_equals(const desired *d, const feature *f, environment *env) {
    (void)env;
    int order;
    return order_of(d, f, &order) && order >= 0 ? YES : NO;
}

/* Skips the letter before a version; false when no number follows. */
static bool begin_version(pl_str *s) {
    if (s->n && (s->p[0] == 'v' || s->p[0] == 'V'))
        *s = pl_str_skip(*s, 1);
    return pl_str_digits(*s) > 0;
}

/* The next part without leading zeros; the empty text behind the last. */
static pl_str take_part(pl_str *s) {
    size_t n = pl_str_digits(*s);
    pl_str part = pl_str_head(*s, n);
    *s = pl_str_skip(*s, n);
    if (s->n > 1 && s->p[0] == '.' && pl_str_digits(pl_str_skip(*s, 1)))
        *s = pl_str_skip(*s, 1);
    else
        *s = PL_STR("");
    while (part.n && part.p[0] == '0')
        part = pl_str_skip(part, 1);
    return part;
}

static int compare_versions(pl_str a, pl_str b) {
    while (a.n || b.n) {
        pl_str x = take_part(&a), y = take_part(&b);
        int order = x.n != y.n ? (x.n < y.n ? -1 : 1) : pl_str_cmp(x, y);
        if (order)
            return order;
    }
    return 0;
}

int prepare_version(pl_arena *arena, desired *d, pl_error *error) {
    (void)arena;
    (void)error;
    pl_str version = d->text;
    d->unreadable = !begin_version(&version);
    return 0;
}

truth test_version_at_least(const desired *d, const feature *f, environment *env) {
    pl_str wanted = d->text;
    if (!pl_json_is_string(f->node) && !pl_number_is(f->node))
        return UNREADABLE;
    pl_str version = value_text(env, f->node);
    if (!begin_version(&version))
        return UNREADABLE;
    begin_version(&wanted); /* as it does in prepare_version */
    return compare_versions(version, wanted) >= 0 ? YES : NO;
}
