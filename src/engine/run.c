/*
 * Full runs: reading resources by key, evaluating them with the one rule, storing what deviates.
 *
 * INVARIANT: what lies behind a run's position is evaluated and counted; changes that come in meanwhile count
 * themselves (engine/outcome.c). A resource that changed between gathering and storing is evaluated anew
 * inside the write transaction.
 */
#include "engine/run.h"

enum { RUN_ARENA_LIMIT = 64 << 20 };

int engine_run_begin(engine_run *run, engine *e, store_session *session, pl_str account_id,
                     const engine_rule *rule, bool *inside, pl_error *error) {
    *run = (engine_run){.e = e, .resource_type = PL_STR("")};
    pl_arena_init(&run->arena, RUN_ARENA_LIMIT);
    run->rule = *rule;
    run->account_id = pl_arena_copy(&run->arena, account_id);
    run->first = rule->run_ordering == 0;
    if (!run->account_id.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return engine_bind_rule(e, session, &run->arena, run->account_id, &run->rule, &run->bound, inside, error);
}

void engine_run_end(engine_run *run) {
    engine_program_free(run->program);
    pl_arena_free(&run->arena);
}

/* --- Gathering -------------------------------------------------------------------------------------------
 */

/* Moves on to the type that the batch is about: the current one, or the next that the rule covers. */
static int find_type(engine_run *run, store_session *session, pl_str *type, int64_t *after, pl_error *error) {
    *type = run->resource_type;
    *after = run->resource_key;
    if (type->n && run->resource_key != INT64_MAX)
        return 0;
    *after = 0;
    do {
        if (inventory_next_type(session, &run->arena, run->account_id, *type, type, error) != 0)
            return -1;
    } while (type->p && !engine_bound_has_type(&run->bound, *type));
    return 0;
}

static int compile(engine_run *run, pl_str type, pl_error *error) {
    if (run->program && pl_str_eq(run->program->resource_type, type))
        return 0;
    engine_program_free(run->program);
    run->program = engine_program_new(run->e->config.catalogue, run->e->config.strict, &run->arena,
                                      &run->bound, 1, type, error);
    return run->program ? 0 : -1;
}

struct gathering {
    engine_run *run;
    engine_evaluating c;
    engine_typed *typed;
    engine_batch *batch;
};

static int judge_resource(engine_evaluating *c, engine_typed *t, const engine_bound *bound,
                          const inventory_resource *r, engine_batch_item *item, pl_error *error) {
    engine_subject s = {.resource = r, .configuration = PL_JSON_NONE, .seen = true};
    pl_arena_reset(&c->document);
    *item = (engine_batch_item){
        .resource_key = r->resource_key, .capture_time = r->capture_time, .annotation = PL_STR("")};
    if (!bound->whole && engine_scope_subject_of(&c->document, r, &s.scope, error) != 0)
        return -1;
    if (bound->whole && t->program->needs.item &&
        engine_scope_subject_of(&c->document, r, &s.scope, error) != 0)
        return -1;
    item->covered = bound->whole || engine_bound_covers(bound, &s.scope);
    if (!item->covered)
        return 0;
    if (r->configuration.p && pl_json_parse(c->parser, r->configuration, &s.configuration, error) != 0)
        return -1;
    const pl_verdict *verdicts = engine_run_program(c, t, &s);
    if (!verdicts || engine_judge(c, t, 0, verdicts, &s, &item->compliance, &item->annotation) != 0)
        return -1;
    item->annotation = pl_arena_copy(c->writing.arena, item->annotation);
    return item->annotation.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int gather_resource(void *context, const inventory_resource *r, pl_error *error) {
    struct gathering *g = context;
    g->batch->last_key = r->resource_key;
    return judge_resource(&g->c, g->typed, &g->run->bound, r, g->batch->items + g->batch->count++, error);
}

int engine_run_gather(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                      engine_batch *batch, pl_error *error) {
    struct gathering g = {.run = run, .batch = batch};
    int64_t after;
    batch->count = 0;
    if (find_type(run, session, &batch->resource_type, &after, error) != 0)
        return -1;
    if (!batch->resource_type.p)
        return 0;
    if (inventory_sequence(session, run->account_id, &batch->sequence, error) != 0 ||
        compile(run, batch->resource_type, error) != 0)
        return -1;
    int status = engine_evaluating_begin(&g.c, run->e, session, arena, now, error);
    if (status == 0 && !(g.typed = engine_typed_own(&g.c, run->account_id, run->program)))
        status = -1;
    if (status == 0)
        status = inventory_scan(session, run->account_id, batch->resource_type, after, ENGINE_BATCH,
                                gather_resource, &g, error);
    if (batch->count < ENGINE_BATCH)
        batch->last_key = INT64_MAX;
    return engine_evaluating_end(&g.c, status);
}

/* --- Storing ---------------------------------------------------------------------------------------------
 */

struct storing {
    engine_run *run;
    engine_evaluating c;
    engine_typed *typed; /* made when something has to be evaluated anew */
    engine_batch *batch;
    engine_tally *tally;
    engine_row *rows; /* of the rule within the batch's keys, by key */
    int64_t *row_keys;
    size_t row_count, row_at;
    bool moved; /* the inventory has changed since gathering */
};

static int load_rows(struct storing *s, pl_error *error) {
    const engine_batch *b = s->batch;
    pl_arena *arena = s->c.writing.arena;
    size_t rows = 0, keys = 0;
    int step;
    if (b->count == 0)
        return 0;
    store_statement *st =
        store_prepare(s->c.writing.session,
                      "SELECT resource_key, " ENGINE_ROW_COLUMNS
                      " FROM results WHERE account_id = $1 AND rule_key = $2 AND resource_key "
                      ">= $3 AND resource_key <= $4 ORDER BY resource_key",
                      error);
    store_bind_text(st, 1, s->run->account_id);
    store_bind_i64(st, 2, s->run->rule.rule_key);
    store_bind_i64(st, 3, b->items[0].resource_key);
    store_bind_i64(st, 4, b->items[b->count - 1].resource_key);
    while ((step = store_step(st, error)) == 1) {
        engine_row *row = pl_arena_grow(arena, s->rows, s->row_count, &rows, sizeof *row);
        int64_t *key = pl_arena_grow(arena, s->row_keys, s->row_count, &keys, sizeof *key);
        if (!row || !key)
            return pl_fail(error, PL_E_ServiceUnavailable);
        s->rows = row;
        s->row_keys = key;
        key[s->row_count] = store_column_i64(st, 0);
        engine_row_read(st, 1, row + s->row_count);
        if (engine_row_copy(arena, row + s->row_count++, error) != 0)
            return -1;
    }
    return step;
}

static engine_row *row_of(struct storing *s, int64_t key) {
    while (s->row_at < s->row_count && s->row_keys[s->row_at] < key)
        s->row_at++;
    return s->row_at < s->row_count && s->row_keys[s->row_at] == key ? s->rows + s->row_at : NULL;
}

/* The resource changed since it was evaluated: evaluate what is stored now. `*gone` when it was removed. */
static int refresh(struct storing *s, engine_batch_item *item, bool *gone, pl_error *error) {
    engine_run *run = s->run;
    inventory_resource r;
    bool found;
    *gone = false;
    if (!s->moved)
        return 0;
    if (inventory_find_key(s->c.writing.session, s->c.writing.arena, run->account_id, item->resource_key, &r,
                           &found, error) != 0)
        return -1;
    *gone = !found || r.deleted;
    if (*gone || r.capture_time == item->capture_time)
        return 0;
    if (!s->typed && !(s->typed = engine_typed_own(&s->c, run->account_id, run->program)))
        return -1;
    return judge_resource(&s->c, s->typed, &run->bound, &r, item, error);
}

static int store_item(struct storing *s, engine_batch_item *item, engine_counts *found, pl_error *error) {
    engine_run *run = s->run;
    engine_row *row = row_of(s, item->resource_key);
    bool gone;
    if (refresh(s, item, &gone, error) != 0)
        return -1;
    if (gone)
        return 0;
    if (row && row->marked && run->revert &&
        engine_unmark(&s->c.writing, run->account_id, &run->rule, s->batch->resource_type, item->resource_key,
                      row) != 0)
        return -1;
    engine_outcome o = {.account_id = run->account_id,
                        .rule = &run->rule,
                        .resource_type = s->batch->resource_type,
                        .resource_key = item->resource_key,
                        .row = row,
                        .was_covered = !run->first,
                        .covered = item->covered,
                        .compliance = item->compliance,
                        .annotation = item->annotation,
                        .message_type = run->message_type,
                        .ordering = run->ordering,
                        .tally = s->tally};
    engine_compliance shown;
    bool by_function = run->rule.owner == ENGINE_FUNCTION && item->covered;
    if (by_function && engine_queue_function(&s->c.writing, &o) != 0)
        return -1;
    if (row && by_function) {
        shown = row->marked ? ENGINE_IGNORED : row->compliance;
    } else if (!row && item->covered && item->compliance == ENGINE_COMPLIANT) {
        shown = ENGINE_COMPLIANT;
    } else if (engine_write_outcome(&s->c.writing, &o, &shown) != 0) {
        return -1;
    }
    if (shown != ENGINE_COMPLIANCE_COUNT) {
        found->by[shown]++;
        found->total++;
    }
    return 0;
}

static int store_items(struct storing *s, engine_counts *found, pl_error *error) {
    int64_t sequence;
    if (inventory_sequence(s->c.writing.session, s->run->account_id, &sequence, error) != 0 ||
        load_rows(s, error) != 0)
        return -1;
    s->moved = sequence != s->batch->sequence;
    s->tally = engine_tally_of(&s->c.writing, s->run->account_id, s->run->rule.rule_key);
    if (!s->tally)
        return -1;
    for (size_t i = 0; i < s->batch->count; i++)
        if (store_item(s, s->batch->items + i, found, error) != 0)
            return -1;
    return 0;
}

int engine_run_store(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                     engine_batch *batch, engine_counts *found, pl_error *error) {
    struct storing s = {.run = run, .batch = batch};
    if (!batch->resource_type.p)
        return 0;
    int status = engine_evaluating_begin(&s.c, run->e, session, arena, now, error);
    if (status == 0)
        status = store_items(&s, found, error);
    if (engine_evaluating_end(&s.c, status) != 0)
        return -1;
    run->resource_type = batch->resource_type;
    run->resource_key = batch->last_key;
    return 0;
}

int engine_run_settle(store_session *session, pl_str account_id, int64_t rule_key,
                      const engine_counts *counts, pl_error *error) {
    const int64_t *by = counts->by;
    return store_run(session, error,
                     "INSERT INTO rule_counts (account_id, rule_key, covered, non_compliant, not_applicable, "
                     "insufficient, ignored) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, "
                     "rule_key) DO UPDATE SET covered = excluded.covered, non_compliant = "
                     "excluded.non_compliant, not_applicable = excluded.not_applicable, insufficient = "
                     "excluded.insufficient, ignored = excluded.ignored",
                     "tiiiiii", account_id, rule_key, counts->total, by[ENGINE_NON_COMPLIANT],
                     by[ENGINE_NOT_APPLICABLE], by[ENGINE_INSUFFICIENT_DATA], by[ENGINE_IGNORED]);
}

int engine_unmark(engine_writing *w, pl_str account_id, const engine_rule *rule, pl_str resource_type,
                  int64_t resource_key, engine_row *row) {
    engine_outcome o = {
        .account_id = account_id, .rule = rule, .resource_type = resource_type, .resource_key = resource_key};
    o.tally = engine_tally_of(w, account_id, rule->rule_key);
    if (!o.tally)
        return -1;
    return engine_write_mark(w, &o, row, PL_STR_NONE, PL_STR_NONE, 0);
}
