/*
 * Storing what a run found. Results are compared with the stored ones while the batch is gathered
 * (engine/run_compare.c), so the write transaction only writes.
 *
 * INVARIANT: what lies behind a run's position is evaluated and counted; changes that come in meanwhile count
 * themselves (engine/outcome.c). The account's sequence tells whether anything changed between gathering and
 * storing; if so, resources that changed are evaluated anew and the comparison is made again, inside the
 * write transaction.
 */
#include "engine/listed.h"
#include "engine/seals.h"

static int out_of_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

/* --- Writing ---------------------------------------------------------------------------------------------
 */

struct storing {
    engine_run *run;
    store_session *session;
    pl_arena *arena;
    int64_t now;
    engine_writing w;
    pl_error *error;
};

static void add_shown(engine_counts *to, engine_compliance shown) {
    if (shown == ENGINE_COMPLIANCE_COUNT)
        return;
    to->by[shown]++;
    to->total++;
}

static int write_difference(struct storing *s, engine_run_rule *rule, const engine_batch *batch,
                            engine_tally *tally, const engine_difference *d) {
    engine_row row = d->row ? *d->row : (engine_row){0};
    engine_outcome o = {.account_id = s->run->account_id,
                        .rule = &rule->rule,
                        .resource_type = batch->type->name,
                        .resource_key = batch->items[d->found.item].resource_key,
                        .row = d->row ? &row : NULL,
                        .was_covered = !rule->first,
                        .covered = d->found.covered,
                        .compliance = d->found.compliance,
                        .annotation = d->found.annotation,
                        .message_type = rule->message_type,
                        .ordering = rule->ordering,
                        .tally = tally};
    engine_compliance shown;
    bool by_function = rule->rule.owner == ENGINE_FUNCTION && o.covered;
    if (o.row && row.marked && rule->revert &&
        engine_unmark(&s->w, o.account_id, &rule->rule, o.resource_type, o.resource_key, &row) != 0)
        return -1;
    if (by_function && engine_queue_function(&s->w, &o) != 0)
        return -1;
    if (by_function && o.row)
        shown = row.marked ? ENGINE_IGNORED : row.compliance;
    else if (engine_write_outcome(&s->w, &o, &shown) != 0)
        return -1;
    add_shown(&rule->counts, shown);
    return 0;
}

static int write_rule(struct storing *s, const engine_batch *batch, size_t number) {
    engine_run_rule *rule = &s->run->rules[number];
    const engine_batch_rule *from = &batch->rules[number];
    if (rule->lost)
        return 0;
    engine_tally *tally = engine_tally_of(&s->w, s->run->account_id, rule->rule.rule_key);
    for (size_t i = 0; tally && i < from->difference_count; i++)
        if (write_difference(s, rule, batch, tally, &from->differences[i]) != 0)
            return -1;
    for (size_t i = 0; i < ENGINE_COMPLIANCE_COUNT; i++)
        rule->counts.by[i] += from->same.by[i];
    rule->counts.total += from->same.total;
    return tally ? 0 : -1;
}

static int write_batch(struct storing *s, const engine_batch *batch) {
    for (size_t i = 0; batch->count && i < batch->type->program->count; i++)
        if (write_rule(s, batch, batch->type->rules[i]) != 0)
            return -1;
    return 0;
}

/* --- What changed meanwhile ------------------------------------------------------------------------------
 */

/* Keys whose resources are other ones now than when the batch was gathered. */
struct changes {
    int64_t *keys; /* room for what was gathered and what is there now */
    size_t count;
};

static int find_changes(struct storing *s, engine_batch *batch, struct changes *out) {
    inventory_capture *now;
    size_t count, at = 0;
    if (inventory_captures(s->session, s->arena, s->run->account_id, batch->range.type, batch->range.after,
                           batch->range.until, &now, &count, s->error) != 0)
        return -1;
    out->keys = pl_new(s->arena, int64_t, batch->count + count + 1);
    if (!out->keys)
        return out_of_memory(s->error);
    for (size_t i = 0; i < batch->count; i++) {
        engine_batch_item *item = &batch->items[i];
        for (; at < count && now[at].resource_key < item->resource_key; at++)
            out->keys[out->count++] = now[at].resource_key;
        bool there = at < count && now[at].resource_key == item->resource_key;
        item->gone = !there || now[at].capture_time != item->capture_time;
        at += there;
        if (item->gone)
            out->keys[out->count++] = item->resource_key;
    }
    for (; at < count; at++)
        out->keys[out->count++] = now[at].resource_key;
    return 0;
}

static int write_changed(struct storing *s, engine_run_type *type, const struct changes *changed) {
    engine_batch *again = pl_new(s->arena, engine_batch, 1);
    if (!again)
        return out_of_memory(s->error);
    for (size_t at = 0; at < changed->count; at += ENGINE_BATCH) {
        size_t count = changed->count - at < ENGINE_BATCH ? changed->count - at : ENGINE_BATCH;
        if (engine_run_gather_keys(s->run, s->session, s->arena, s->now, type, changed->keys + at, count,
                                   again, s->error) != 0 ||
            write_batch(s, again) != 0)
            return -1;
    }
    return 0;
}

static int write_page(struct storing *s, const engine_batch *batch, const struct changes *changed) {
    engine_kept_range range = {batch->range.after, batch->range.until, (int64_t)batch->count};
    if (!batch->page.p)
        return 0;
    if (engine_seals_break(s->run, s->session, batch, s->error) != 0 ||
        engine_kept_store(s->session, s->run->account_id, batch->range.type, &range, batch->page, s->error) !=
            0)
        return -1;
    for (size_t i = 0; i < changed->count; i++)
        if (engine_kept_mark(s->session, s->run->account_id, batch->range.type, changed->keys[i], s->error) !=
            0)
            return -1;
    return 0;
}

static int store_items(struct storing *s, engine_batch *batch) {
    struct changes changed = {0};
    int64_t sequence;
    if (inventory_sequence(s->session, s->run->account_id, &sequence, s->error) != 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i].gone = false;
    if (sequence != batch->sequence &&
        (find_changes(s, batch, &changed) != 0 ||
         engine_run_compare(s->run, s->session, s->arena, batch, s->error) != 0))
        return -1;
    if (write_batch(s, batch) != 0 || write_changed(s, batch->type, &changed) != 0)
        return -1;
    if (write_page(s, batch, &changed) != 0)
        return -1;
    return batch->count ? engine_seals_write(s->run, s->session, batch, s->error) : 0;
}

static int store_batch(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                       engine_batch *batch, pl_error *error) {
    struct storing s = {.run = run, .session = session, .arena = arena, .now = now, .error = error};
    engine_writing_begin(&s.w, run->e, session, arena, now, error);
    s.w.keeps_sequence = true;
    if (engine_writing_end(&s.w, store_items(&s, batch)) != 0)
        return -1;
    run->stored_type = batch->type->name;
    run->stored_key = batch->range.until;
    return 0;
}

/* --- In order --------------------------------------------------------------------------------------------
 */

static bool is_before(const engine_range *range, const engine_batch *batch) {
    if (!range->type.p || !batch->range.type.p)
        return range->type.p != NULL;
    return pl_str_cmp(range->type, batch->range.type) < 0;
}

/* Ranges that have come into being between the run's position and the batch, usually none. */
static int catch_up(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                    const engine_batch *batch, pl_error *error) {
    engine_cursor c = {.type = run->stored_type, .after = run->stored_key};
    engine_batch *between = pl_new(arena, engine_batch, 1);
    engine_range range;
    if (!between)
        return out_of_memory(error);
    for (;;) {
        if (engine_run_claim(run, session, &c, &range, error) != 0)
            return -1;
        if (!is_before(&range, batch))
            return 0;
        do {
            if (engine_run_gather(run, session, arena, now, &range, between, error) != 0 ||
                store_batch(run, session, arena, now, between, error) != 0)
                return -1;
            range.after = between->range.until;
            range.page = false;
        } while (between->full);
    }
}

int engine_run_store(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                     engine_batch *batch, pl_error *error) {
    bool follows = batch->range.type.p && pl_str_eq(batch->range.type, run->stored_type);
    if (!follows && catch_up(run, session, arena, now, batch, error) != 0)
        return -1;
    return batch->range.type.p ? store_batch(run, session, arena, now, batch, error) : 0;
}

int engine_run_settle(store_session *session, pl_str account_id, const engine_run_rule *rule,
                      const engine_counts *counts, pl_error *error) {
    const int64_t *by = counts->by;
    if (engine_list_account(session, account_id, error) != 0) /* the run has counted what waits */
        return -1;
    return store_run(session, error,
                     "INSERT INTO rule_counts (account_id, rule_key, covered, non_compliant, not_applicable, "
                     "insufficient, ignored, run_ordering, run_message) VALUES ($1, $2, $3, $4, $5, $6, $7, "
                     "$8, $9) ON CONFLICT (account_id, "
                     "rule_key) DO UPDATE SET covered = excluded.covered, non_compliant = "
                     "excluded.non_compliant, not_applicable = excluded.not_applicable, insufficient = "
                     "excluded.insufficient, ignored = excluded.ignored, run_ordering = "
                     "excluded.run_ordering, run_message = excluded.run_message",
                     "tiiiiiiii", account_id, rule->rule.rule_key, counts->total, by[ENGINE_NON_COMPLIANT],
                     by[ENGINE_NOT_APPLICABLE], by[ENGINE_INSUFFICIENT_DATA], by[ENGINE_IGNORED],
                     rule->ordering, (int64_t)rule->message_type);
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
