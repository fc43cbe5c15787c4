/* Single results: ignoring, restoring, evaluating one resource, explaining (evaluation-semantics, 6). */
#include "engine/run.h"

enum { ARENA_LIMIT = 64 << 20, EAST_MINUTES = 480, RESOURCES_MAX = 64 };

/* 00:00 UTC+8 of the day. */
static int end_of_mark(pl_str date, int64_t now, int64_t *until, pl_error *error) {
    char text[PL_TIME_TEXT];
    *until = INT64_MAX;
    if (date.n == 0)
        return 0;
    if (date.n != 10 || !pl_time_parse(date, until) || !pl_str_eq(pl_time_date(*until, 0, text), date))
        return pl_fail(error, PL_E_Invalid_IgnoreDate_Value);
    *until -= (int64_t)EAST_MINUTES * 60000;
    return *until > now ? 0 : pl_fail(error, PL_E_Invalid_IgnoreDate_Value);
}

struct marking {
    engine_evaluating c;
    engine *e;
    pl_arena arena;
    const engine_rule *rule;
    pl_str date, reason; /* absent date: restore */
    int64_t until;
    pl_error *error;
};

static int unknown(struct marking *m, const engine_resource_name *name, const char *what) {
    return pl_failf(m->error, PL_E_Invalid_Resources_Value, "The resource %.*s %s.",
                    PL_FMT(name->resource_id), what);
}

static int mark_one(struct marking *m, const engine_resource_name *name) {
    inventory_resource r;
    engine_row row;
    bool found, stored = false;
    store_session *session = m->c.writing.session;
    pl_str type = catalogue_type_name(m->e->config.catalogue, name->resource_type);
    if (inventory_find(session, &m->arena, name->account_id, type, name->region_id, name->resource_id, &r,
                       &found, m->error) != 0)
        return -1;
    if (found && engine_row_of(session, &m->arena, name->account_id, m->rule->rule_key, r.resource_key, &row,
                               &stored, m->error) != 0)
        return -1;
    if (!found || r.deleted || !stored)
        return unknown(m, name,
                       m->date.p ? "has no non-compliant result of this rule"
                                 : "has no ignored result of this rule");
    if (m->date.p && row.compliance != ENGINE_NON_COMPLIANT)
        return unknown(m, name, "is not non-compliant");
    if (!m->date.p && !row.marked)
        return unknown(m, name, "is not ignored");
    engine_outcome o = {.account_id = r.account_id,
                        .rule = m->rule,
                        .resource_type = r.resource_type,
                        .resource_key = r.resource_key,
                        .message_type = ENGINE_BY_HAND};
    o.tally = engine_tally_of(&m->c.writing, r.account_id, m->rule->rule_key);
    if (!o.tally || engine_write_mark(&m->c.writing, &o, &row, m->date, m->reason, m->until) != 0)
        return -1;
    return m->date.p ? 0 : engine_evaluate_stored(&m->c, &r, ENGINE_BY_HAND, PL_STR_NONE, m->rule->rule_key);
}

static int mark_all(struct marking *m, store_session *session, const engine_resource_name *resources,
                    size_t count, int64_t now) {
    pl_arena_init(&m->arena, ARENA_LIMIT);
    int status = engine_evaluating_begin(&m->c, m->e, session, &m->arena, now, m->error);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = mark_one(m, resources + i);
    status = engine_evaluating_end(&m->c, status);
    pl_arena_free(&m->arena);
    return status;
}

int engine_ignore_results(engine *e, store_session *session, const engine_rule *rule,
                          const engine_resource_name *resources, size_t count, pl_str date, pl_str reason,
                          int64_t now, pl_error *error) {
    struct marking m = {.e = e,
                        .rule = rule,
                        .date = pl_str_or_empty(date),
                        .reason = pl_str_or_empty(reason),
                        .error = error};
    if (end_of_mark(date, now, &m.until, error) != 0)
        return -1;
    return mark_all(&m, session, resources, count, now);
}

int engine_revert_results(engine *e, store_session *session, const engine_rule *rule,
                          const engine_resource_name *resources, size_t count, int64_t now, pl_error *error) {
    struct marking m = {.e = e, .rule = rule, .error = error};
    return mark_all(&m, session, resources, count, now);
}

int engine_evaluate_resource(engine *e, store_session *session, pl_str account_id, pl_str resource_id,
                             int64_t now, size_t *evaluated, pl_error *error) {
    pl_arena arena;
    engine_evaluating c;
    inventory_resource found[RESOURCES_MAX];
    pl_arena_init(&arena, ARENA_LIMIT);
    *evaluated = 0;
    int status =
        inventory_find_id(session, &arena, account_id, resource_id, found, RESOURCES_MAX, evaluated, error);
    if (status == 0 && *evaluated) {
        status = engine_evaluating_begin(&c, e, session, &arena, now, error);
        for (size_t i = 0; status == 0 && i < *evaluated; i++)
            status = engine_evaluate_stored(&c, found + i, ENGINE_BY_HAND, PL_STR_NONE, 0);
        status = engine_evaluating_end(&c, status);
    }
    pl_arena_free(&arena);
    return status;
}

/* --- Explaining --------------------------------------------------------------------------------------------
 */

static pl_str keep_text(engine_evaluating *c, pl_arena *arena, const engine_typed *t, size_t index,
                        void (*write)(pl_program_state *, size_t, pl_buf *)) {
    pl_buf text;
    pl_buf_init(&text, 8 << 20);
    write(t->state, index, &text);
    pl_str kept = text.n && !text.failed ? pl_arena_copy(arena, pl_buf_str(&text)) : PL_STR_NONE;
    if (text.failed || (text.n && !kept.p))
        pl_fail(c->error, PL_E_ServiceUnavailable);
    pl_buf_free(&text);
    return kept;
}

static int explain_covered(engine_evaluating *c, pl_arena *arena, engine_typed *t, const engine_subject *s,
                           engine_explanation *out) {
    pl_str annotation;
    const pl_verdict *verdicts = engine_run_program(c, t, s);
    if (!verdicts || engine_judge(c, t, 0, verdicts, s, &out->compliance, &annotation) != 0)
        return -1;
    out->annotation = pl_arena_copy(arena, annotation);
    if (!out->annotation.p)
        return pl_fail(c->error, PL_E_ServiceUnavailable);
    int index = t->program->slots[0].index;
    if (index < 0)
        return 0;
    out->context = keep_text(c, arena, t, (size_t)index, pl_program_write_context);
    out->applies_context = keep_text(c, arena, t, (size_t)index, pl_program_write_applies_context);
    return c->error->code[0] ? -1 : 0;
}

static int explain_with(engine_evaluating *c, const engine_run *run, engine_type_program *program,
                        pl_arena *arena, const inventory_resource *resource, engine_explanation *out) {
    engine_subject s = {.resource = resource, .configuration = PL_JSON_NONE, .seen = true};
    engine_typed *t = engine_typed_own(c, run->account_id, program);
    if (!t || engine_scope_subject_of(&c->document, resource, &s.scope, c->error) != 0)
        return -1;
    out->covered = engine_bound_covers(&run->bounds[0], &s.scope);
    if (!out->covered)
        return 0;
    if (resource->configuration.p &&
        pl_json_parse(c->parser, resource->configuration, &s.configuration, c->error) != 0)
        return -1;
    return explain_covered(c, arena, t, &s, out);
}

static int explain_typed(engine_run *run, store_session *session, pl_arena *arena,
                         const inventory_resource *resource, int64_t now, engine_explanation *out,
                         pl_error *error) {
    engine_evaluating c;
    engine_type_program *program =
        engine_program_new(run->e->config.catalogue, run->e->config.strict, &run->arena, run->bounds, 1,
                           resource->resource_type, error);
    if (!program)
        return -1;
    int status = engine_evaluating_begin(&c, run->e, session, &run->arena, now, error);
    if (status == 0)
        status = explain_with(&c, run, program, arena, resource, out);
    status = engine_evaluating_end(&c, status);
    engine_program_free(program);
    return status;
}

int engine_explain(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                   const inventory_resource *resource, int64_t now, engine_explanation *out,
                   pl_error *error) {
    engine_run run;
    bool inside = false;
    *out = (engine_explanation){.annotation = PL_STR("")};
    *error = (pl_error){0};
    int status = engine_run_begin(&run, e, resource->account_id, 1, error);
    if (status == 0 && !engine_run_add(&run, session, rule, &inside, error))
        status = -1;
    if (status == 0 && inside && engine_bound_has_type(&run.bounds[0], resource->resource_type))
        status = explain_typed(&run, session, arena, resource, now, out, error);
    engine_run_end(&run);
    return status;
}
