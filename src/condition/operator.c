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

bool pl_operator_find(pl_str name, pl_operator *op) {
    for (unsigned i = 0; i < PL_OPERATOR_COUNT; i++)
        if (pl_str_eq(infos[i].name, name)) {
            *op = (pl_operator)i;
            return true;
        }
    return false;
}

const pl_json pl_feature_no_items[1] = {{NULL, NULL, 0}};

feature_walk feature_elements(const feature *f) {
    return (feature_walk){.feature = f,
                          .walk = f->items ? (pl_json_walk){.end = 0} : pl_json_children(f->node)};
}

bool feature_next(feature_walk *walk, pl_json *element) {
    pl_str key;
    if (!walk->feature->items)
        return !walk->walk.object && pl_json_step(&walk->walk, &key, element);
    if (walk->at == walk->feature->count)
        return false;
    *element = walk->feature->items[walk->at++];
    return true;
}

size_t feature_length(const feature *f) {
    return f->items ? f->count : pl_json_count(f->node);
}

void feature_write_text(pl_buf *out, const feature *f) {
    if (!f->items) {
        pl_json_write_text(out, f->node);
        return;
    }
    pl_buf_add_char(out, '[');
    for (size_t i = 0; i < f->count; i++) {
        if (i)
            pl_buf_add_char(out, ',');
        pl_json_write(out, f->items[i]);
    }
    pl_buf_add_char(out, ']');
}

pl_str value_text(environment *env, pl_json node) {
    if (pl_json_is_string(node))
        return pl_json_text(node);
    pl_buf_clear(env->text);
    pl_json_write_text(env->text, node);
    return pl_buf_str(env->text);
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
        pl_failf(env->error, PL_E_ServiceUnavailable, "a value is too long to be compared");
        return FAILED;
    }
    return t == UNREADABLE ? NO : t;
}
