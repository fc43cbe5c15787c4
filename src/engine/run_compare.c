/*
 * Comparing what a run found with what is stored: what is to be written, and what stays as it is.
 *
 * Rows are read by resource, for all rules of the batch at once; a rule that is alone is looked up by
 * resource. Of a sealed rule (engine/seals.h) only marked resources are looked at: of all others it is known
 * that the stored results are those that were found.
 */
#include "engine/seals.h"

#include <stdlib.h>

enum { FEW_RULES = 2, SPARSE = 2 };

/* One rule of the batch. */
struct comparing {
    engine_run *run;
    store_session *session;
    pl_arena *arena;
    engine_batch *batch;
    const engine_run_rule *rule;
    engine_batch_rule *out;
    size_t next_found;
    bool repeats;    /* a violation counts though it was known: it is told or remedied again */
    bool sealed;     /* and may be believed to be */
    int64_t outside; /* live resources that the rule does not cover */
    pl_error *error;
};

/* All rules of the batch. */
struct reading {
    store_session *session;
    const engine_batch *batch;
    struct comparing *rules; /* by key */
    size_t count;
    bool sealed_only; /* rows of the others have been read */
    pl_error *error;
};

/* What is compared of a row; the whole of it is read only when something is to be written. */
typedef struct brief_row {
    engine_compliance compliance, shown;
    int64_t ordering;
    pl_str annotation;
    bool marked;
} brief_row;

static int out_of_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

/* --- One result -------------------------------------------------------------------------------------------
 */

static int load_row(struct comparing *c, uint32_t item, engine_row **out) {
    bool found;
    *out = pl_new(c->arena, engine_row, 1);
    if (!*out)
        return out_of_memory(c->error);
    if (engine_row_of(c->session, c->arena, c->run->account_id, c->rule->rule.rule_key,
                      c->batch->items[item].resource_key, *out, &found, c->error) != 0)
        return -1;
    return found ? 0 : pl_fail(c->error, PL_E_InternalError);
}

static int add_difference(struct comparing *c, const engine_found *found, bool stored) {
    engine_batch_rule *out = c->out;
    engine_difference *grown = pl_arena_grow(c->arena, out->differences, out->difference_count,
                                             &out->difference_capacity, sizeof *grown);
    engine_row *row = NULL;
    if (!grown)
        return out_of_memory(c->error);
    if (stored && load_row(c, found->item, &row) != 0)
        return -1;
    out->differences = grown;
    grown[out->difference_count++] = (engine_difference){*found, row};
    if (found->covered)
        out->same.total--;
    return 0;
}

/* What was found and has no row, or is known to be what its row says. */
static int compare_new(struct comparing *c, const engine_found *found) {
    const engine_batch_item *item = &c->batch->items[found->item];
    if (item->gone)
        return 0;
    if (!found->covered)
        c->outside++;
    else if (c->sealed && !item->marked)
        c->out->same.by[found->compliance]++;
    else if (found->compliance != ENGINE_COMPLIANT)
        return add_difference(c, found, false);
    return 0;
}

static bool stays(const struct comparing *c, const engine_found *found, const brief_row *row) {
    const engine_run_rule *rule = c->rule;
    bool same = row->compliance == found->compliance && pl_str_eq(row->annotation, found->annotation);
    if (row->marked || (rule->ordering < row->ordering && !same))
        c->out->unsealable = true;
    if (!found->covered || rule->rule.owner == ENGINE_FUNCTION || (row->marked && rule->revert))
        return false;
    if (rule->ordering < row->ordering)
        return true;
    return same && !(c->repeats && row->shown == ENGINE_NON_COMPLIANT);
}

static int compare_row(struct comparing *c, uint32_t item, const brief_row *row) {
    const engine_batch_rule *out = c->out;
    engine_found found = {.item = item, .covered = true, .annotation = PL_STR("")};
    while (c->next_found < out->found_count && out->found[c->next_found].item < item)
        if (compare_new(c, &out->found[c->next_found++]) != 0)
            return -1;
    if (c->next_found < out->found_count && out->found[c->next_found].item == item)
        found = out->found[c->next_found++];
    if (c->batch->items[item].gone)
        return 0;
    c->outside += !found.covered;
    if (!stays(c, &found, row))
        return add_difference(c, &found, true);
    c->out->same.by[row->shown]++;
    return 0;
}

/* --- Rows -------------------------------------------------------------------------------------------------
 */

static struct comparing *find_rule(const struct reading *r, int64_t rule_key) {
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->rules[middle].rule->rule.rule_key < rule_key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && r->rules[low].rule->rule.rule_key == rule_key ? &r->rules[low] : NULL;
}

/* Passes rows in the order of their resources on to their rules. */
static int take_rows(const struct reading *r, store_statement *st) {
    const engine_batch *b = r->batch;
    uint32_t item = 0;
    int step;
    while ((step = store_step(st, r->error)) == 1) {
        int64_t key = store_column_i64(st, 0);
        while (item < b->count && b->items[item].resource_key < key)
            item++;
        if (item == b->count || b->items[item].resource_key != key)
            continue;
        struct comparing *c = find_rule(r, store_column_i64(st, 1));
        if (!c || (r->sealed_only && !c->sealed) || (c->sealed && !b->items[item].marked))
            continue;
        brief_row row = {(engine_compliance)store_column_i64(st, 2),
                         (engine_compliance)store_column_i64(st, 3), store_column_i64(st, 4),
                         store_column_text(st, 5), !store_column_null(st, 6)};
        if (compare_row(c, item, &row) != 0)
            return -1;
    }
    return step;
}

#define BRIEF_COLUMNS                                                                                        \
    "x.resource_key, x.rule_key, x.compliance, x.shown, x.ordering, x.annotation, x.ignore_until"

static void bind_range(const struct reading *r, store_statement *st, int64_t from, int64_t until) {
    store_bind_text(st, 1, r->rules->run->account_id);
    store_bind_i64(st, 2, from);
    store_bind_i64(st, 3, until);
}

static int read_range(const struct reading *r, int64_t from, int64_t until) {
    store_statement *st = store_prepare(r->session,
                                        "SELECT " BRIEF_COLUMNS " FROM results x WHERE x.account_id = $1 AND "
                                        "x.resource_key >= $2 AND x.resource_key <= $3 ORDER BY "
                                        "x.resource_key, x.rule_key",
                                        r->error);
    bind_range(r, st, from, until);
    return take_rows(r, st);
}

/* Where most keys of the range are those of other types. */
static int read_type(const struct reading *r, int64_t from, int64_t until) {
    store_statement *st = store_prepare(
        r->session,
        "SELECT " BRIEF_COLUMNS " FROM resources r CROSS JOIN results x WHERE r.account_id = $1 "
        "AND r.resource_type = $4 AND r.resource_key >= $2 AND r.resource_key <= $3 AND "
        "x.account_id = r.account_id AND x.resource_key = r.resource_key ORDER BY "
        "r.resource_key, x.rule_key",
        r->error);
    bind_range(r, st, from, until);
    store_bind_text(st, 4, r->batch->type->name);
    return take_rows(r, st);
}

static int read_rule(const struct reading *r, int64_t rule_key, int64_t from, int64_t until) {
    store_statement *st = store_prepare(
        r->session,
        "SELECT " BRIEF_COLUMNS " FROM resources r CROSS JOIN results x WHERE r.account_id = $1 "
        "AND r.resource_type = $4 AND r.resource_key >= $2 AND r.resource_key <= $3 AND "
        "x.account_id = r.account_id AND x.resource_key = r.resource_key AND x.rule_key = $5 "
        "ORDER BY r.resource_key",
        r->error);
    bind_range(r, st, from, until);
    store_bind_text(st, 4, r->batch->type->name);
    store_bind_i64(st, 5, rule_key);
    return take_rows(r, st);
}

/* What is marked may have other results than sealed rules say. */
static int read_marked(struct reading *r) {
    const engine_batch *b = r->batch;
    r->sealed_only = true;
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].marked && read_range(r, b->items[i].resource_key, b->items[i].resource_key) != 0)
            return -1;
    return 0;
}

static int read_rows(struct reading *r) {
    const engine_batch *b = r->batch;
    int64_t from = b->items[0].resource_key, until = b->items[b->count - 1].resource_key;
    size_t open = 0;
    for (size_t i = 0; i < r->count; i++)
        open += !r->rules[i].sealed;
    if (open > FEW_RULES)
        return until - from >= (int64_t)b->count * SPARSE ? read_type(r, from, until)
                                                          : read_range(r, from, until);
    for (size_t i = 0; i < r->count; i++)
        if (!r->rules[i].sealed && read_rule(r, r->rules[i].rule->rule.rule_key, from, until) != 0)
            return -1;
    return open < r->count ? read_marked(r) : 0;
}

/* --- A batch ----------------------------------------------------------------------------------------------
 */

/* Some channel takes violations of this account. */
static int find_listeners(engine_run *run, store_session *session, bool *told, pl_error *error) {
    *told = false;
    if (!run->e->config.delivery)
        return 0;
    engine_view *view = engine_view_get(run->e, session, run->account_id, error);
    if (!view)
        return -1;
    *told = view->routes.violations;
    engine_view_release(view);
    return 0;
}

static void begin_rule(struct comparing *c, int64_t alive, bool told) {
    const engine_run_rule *rule = c->rule;
    c->repeats = rule->rule.remediates || (told && rule->message_type == ENGINE_BY_HAND);
    c->sealed = c->out->sealed && !c->repeats && !rule->revert && rule->rule.owner != ENGINE_FUNCTION;
    c->out->unsealable = false;
    c->out->difference_count = 0;
    c->out->same = (engine_counts){.total = alive};
}

/* What was found, item by item, of what was said by values. */
static int list_found(struct comparing *c) {
    engine_batch_rule *out = c->out;
    size_t deviating = 0;
    for (size_t i = 0; i < ENGINE_COMPLIANCE_COUNT; i++)
        deviating += (size_t)out->said_by[i];
    out->found = pl_new(c->arena, engine_found, deviating + 1);
    if (!out->found)
        return out_of_memory(c->error);
    for (size_t i = 0; i < c->batch->count; i++) {
        const engine_said *said = &out->said[out->of[i]];
        if (said->deviates)
            out->found[out->found_count++] =
                (engine_found){(uint32_t)i, true, said->compliance, said->annotation};
    }
    out->found_capacity = deviating + 1;
    out->of = NULL;
    return 0;
}

static bool is_as_gathered(const engine_batch *b) {
    bool same = true;
    for (size_t i = 0; i < b->count; i++)
        same = same && !b->items[i].gone && !b->items[i].marked;
    return same;
}

/* A sealed rule is only counted while all items are what they were. */
static int list_where_needed(struct reading *r) {
    bool as_gathered = is_as_gathered(r->batch);
    for (size_t i = 0; i < r->count; i++)
        if (r->rules[i].out->of && !(as_gathered && r->rules[i].sealed) && list_found(&r->rules[i]) != 0)
            return -1;
    return 0;
}

static int finish_rule(struct comparing *c) {
    for (size_t i = 0; c->out->of && i < ENGINE_COMPLIANCE_COUNT; i++)
        c->out->same.by[i] += c->out->said_by[i];
    while (c->next_found < c->out->found_count)
        if (compare_new(c, &c->out->found[c->next_found++]) != 0)
            return -1;
    c->out->same.total -= c->outside;
    return 0;
}

static int by_rule_key(const void *left, const void *right) {
    const struct comparing *a = left, *b = right;
    return a->rule->rule.rule_key < b->rule->rule.rule_key ? -1 : 1;
}

static int begin(struct reading *r, engine_run *run, pl_arena *arena, engine_batch *batch) {
    int64_t alive = 0;
    bool told;
    r->rules = pl_new(arena, struct comparing, r->count + 1);
    if (!r->rules)
        return out_of_memory(r->error);
    if (find_listeners(run, r->session, &told, r->error) != 0 ||
        engine_seals_check(run, r->session, batch, r->error) != 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++)
        alive += !batch->items[i].gone;
    for (size_t i = 0; i < r->count; i++) {
        size_t number = batch->type->rules[i];
        r->rules[i] = (struct comparing){.run = run,
                                         .session = r->session,
                                         .arena = arena,
                                         .batch = batch,
                                         .rule = &run->rules[number],
                                         .out = &batch->rules[number],
                                         .error = r->error};
        begin_rule(&r->rules[i], alive, told);
    }
    qsort(r->rules, r->count, sizeof *r->rules, by_rule_key);
    return 0;
}

int engine_run_compare(engine_run *run, store_session *session, pl_arena *arena, engine_batch *batch,
                       pl_error *error) {
    struct reading r = {
        .session = session, .batch = batch, .count = batch->type->program->count, .error = error};
    if (batch->count == 0)
        return 0;
    if (begin(&r, run, arena, batch) != 0 || list_where_needed(&r) != 0 || read_rows(&r) != 0)
        return -1;
    for (size_t i = 0; i < r.count; i++)
        if (finish_rule(&r.rules[i]) != 0)
            return -1;
    return 0;
}
