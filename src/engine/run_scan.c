/*
 * Gathering one range of a run from the inventory: each configuration is read and judged, and a page of kept
 * columns is made of the range on the way where the run makes pages.
 */
#include "engine/gathering.h"
#include "engine/seals.h"

int engine_gather_found(engine_gathering *g, size_t slot, engine_found found) {
    engine_batch_rule *to = &g->batch->rules[g->type->rules[slot]];
    engine_found *grown =
        pl_arena_grow(g->c.writing.arena, to->found, to->found_count, &to->found_capacity, sizeof *grown);
    if (!grown)
        return pl_fail(g->c.error, PL_E_ServiceUnavailable);
    to->found = grown;
    grown[to->found_count++] = found;
    g->batch->found_total++;
    return 0;
}

static int judge_slot(engine_gathering *g, size_t slot, const pl_verdict *verdicts, const engine_subject *s) {
    engine_found found = {.item = (uint32_t)g->batch->count, .covered = true};
    if (engine_judge(&g->c, g->typed, slot, verdicts, s, &found.compliance, &found.annotation) != 0)
        return -1;
    found.annotation = found.annotation.n ? pl_arena_copy(g->c.writing.arena, found.annotation) : PL_STR("");
    return found.annotation.p ? engine_gather_found(g, slot, found)
                              : pl_fail(g->c.error, PL_E_ServiceUnavailable);
}

static int judge_slots(engine_gathering *g, const engine_subject *s) {
    const engine_type_program *p = g->type->program;
    const pl_verdict *verdicts = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const engine_slot *slot = &p->slots[i];
        if (!slot->bound->whole && !engine_bound_covers(slot->bound, &s->scope)) {
            engine_found outside = {.item = (uint32_t)g->batch->count, .annotation = PL_STR("")};
            if (engine_gather_found(g, i, outside) != 0)
                return -1;
            continue;
        }
        if (!verdicts && !(verdicts = engine_run_program(&g->c, g->typed, s)))
            return -1;
        if (slot->index >= 0 && verdicts[slot->index] == PL_COMPLIANT && slot->required_related_count == 0)
            continue;
        if (judge_slot(g, i, verdicts, s) != 0)
            return -1;
    }
    return 0;
}

static int add_item(engine_gathering *g, const engine_subject *s) {
    const inventory_resource *r = s->resource;
    if (judge_slots(g, s) != 0)
        return -1;
    g->batch->items[g->batch->count++] =
        (engine_batch_item){.resource_key = r->resource_key, .capture_time = r->capture_time};
    return 0;
}

int engine_gather_resource(engine_gathering *g, const inventory_resource *r, pl_error *error) {
    engine_subject s = {.resource = r, .configuration = PL_JSON_NONE, .seen = true};
    bool scoped = !g->type->whole || g->type->program->needs.item ||
                  (g->kept && g->type->kept.count > g->type->kept.program + 1);
    pl_arena_reset(&g->c.document);
    if (scoped && engine_scope_subject_of(&g->c.document, r, &s.scope, error) != 0)
        return -1;
    if (r->configuration.p && pl_json_parse(g->c.parser, r->configuration, &s.configuration, error) != 0)
        return -1;
    if (g->kept) {
        pl_program_locate(g->locating, s.configuration, g->places);
        engine_kept_add(g->kept, r, s.configuration, s.scope.tags, g->places);
    }
    return add_item(g, &s);
}

static bool is_full(const engine_batch *b) {
    return b->count == ENGINE_BATCH || b->found_total >= ENGINE_BATCH_FOUND;
}

static int visit_resource(void *context, const inventory_resource *r, pl_error *error) {
    engine_gathering *g = context;
    if (engine_gather_resource(g, r, error) != 0)
        return -1;
    return is_full(g->batch);
}

int engine_gather_scanned(engine_gathering *g, store_session *session, pl_error *error) {
    engine_batch *b = g->batch;
    if (inventory_scan_range(session, g->run->account_id, g->type->name, b->range.after, b->range.until,
                             ENGINE_BATCH, visit_resource, g, error) != 0)
        return -1;
    b->full = is_full(b) && b->items[b->count - 1].resource_key < b->range.until;
    if (b->full)
        b->range.until = b->items[b->count - 1].resource_key;
    if (g->kept && b->count) {
        b->page = engine_kept_body(g->kept);
        engine_seal_batch(b, engine_kept_identity(b->page));
    }
    return 0;
}

int engine_gather_rows(engine_gathering *g, store_session *session, pl_error *error) {
    engine_kept_writer writer;
    if (!g->type->all)
        return engine_gather_scanned(g, session, error);
    g->locating = pl_program_state_new(g->type->all);
    g->places = pl_new(g->c.writing.arena, uint32_t, g->type->kept.program + 1);
    if (!g->locating || !g->places) {
        pl_program_state_free(g->locating);
        return pl_fail(error, PL_E_ServiceUnavailable);
    }
    engine_kept_begin(&writer, g->c.writing.arena, &g->type->kept);
    g->kept = &writer;
    int status = engine_gather_scanned(g, session, error);
    g->kept = NULL;
    engine_kept_end(&writer);
    pl_program_state_free(g->locating);
    return status;
}
