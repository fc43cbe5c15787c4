/*
 * Evaluating a resource: which rules cover it now and covered it before, what each says, and what becomes of
 * the stored results.
 */
#include "engine/evaluate.h"

#include "engine/kept.h"

#include <stdlib.h>

enum { DOCUMENT_LIMIT = 256 << 20 };

static int out_of_memory(engine_evaluating *c) {
    return pl_fail(c->error, PL_E_ServiceUnavailable);
}

int engine_evaluating_begin(engine_evaluating *c, engine *e, store_session *session, pl_arena *arena,
                            int64_t now, pl_error *error) {
    *c = (engine_evaluating){.error = error};
    engine_writing_begin(&c->writing, e, session, arena, now, error);
    pl_arena_init(&c->document, DOCUMENT_LIMIT);
    c->parser = pl_json_parser_new(8 * INVENTORY_MAX_CONFIGURATION);
    return c->parser ? 0 : out_of_memory(c);
}

int engine_evaluating_end(engine_evaluating *c, int status) {
    for (engine_typed *t = c->types; t; t = t->next)
        engine_program_give_back(t->program, t->state);
    pl_json_parser_free(c->parser);
    pl_arena_free(&c->document);
    return engine_writing_end(&c->writing, status);
}

engine_typed *engine_typed_own(engine_evaluating *c, pl_str account_id, engine_type_program *program) {
    engine_typed *made = pl_new(c->writing.arena, engine_typed, 1);
    if (made)
        made->tallies = pl_new(c->writing.arena, engine_tally *, program->count ? program->count : 1);
    if (!made || !made->tallies) {
        out_of_memory(c);
        return NULL;
    }
    made->account_id = account_id;
    made->program = program;
    made->state = engine_program_borrow(program, c->error);
    if (!made->state)
        return NULL;
    made->next = c->types;
    c->types = made;
    return made;
}

engine_typed *engine_typed_get(engine_evaluating *c, pl_str account_id, pl_str resource_type) {
    for (engine_typed *t = c->types; t; t = t->next)
        if (t->view && pl_str_eq(t->program->resource_type, resource_type) &&
            pl_str_eq(t->account_id, account_id))
            return t;
    engine_view *view = engine_writing_view(&c->writing, account_id);
    engine_type_program *program = view ? engine_view_program(view, resource_type, c->error) : NULL;
    engine_typed *made = program ? engine_typed_own(c, view->account_id, program) : NULL;
    if (made)
        made->view = view;
    return made;
}

int engine_scope_subject_of(pl_arena *arena, const inventory_resource *r, engine_scope_subject *out,
                            pl_error *error) {
    *out = (engine_scope_subject){r->resource_type, r->region_id, r->resource_id,
                                  r->group_id,      r->name,      PL_JSON_NONE};
    return r->tags.n > 2 ? pl_json_parse_in(arena, r->tags, &out->tags, error) : 0;
}

/* The surrounding item, when a rule asks for it. */
static int make_item(engine_evaluating *c, const engine_typed *t, const engine_subject *s, pl_json *item) {
    *item = PL_JSON_NONE;
    if (!t->program->needs.item)
        return 0;
    pl_buf *scratch = &c->writing.scratch;
    pl_buf_clear(scratch);
    inventory_write_item(scratch, s->resource, s->scope.tags);
    if (scratch->failed)
        return out_of_memory(c);
    return pl_json_parse_in(&c->document, pl_buf_str(scratch), item, c->error);
}

/* An explanation may ask for what the verdicts did not need, so this outlives the evaluation. */
static engine_relating *relating_of(engine_evaluating *c, const engine_subject *s) {
    engine_relating *relating = pl_new(&c->document, engine_relating, 1);
    if (!relating) {
        out_of_memory(c);
        return NULL;
    }
    *relating = (engine_relating){.e = c->writing.e,
                                  .session = c->writing.session,
                                  .arena = &c->document,
                                  .resource = s->resource,
                                  .configuration = s->configuration};
    return relating;
}

const pl_verdict *engine_run_program(engine_evaluating *c, engine_typed *t, const engine_subject *s) {
    pl_program_input input = {.configuration = s->configuration, .now = c->writing.now};
    if (t->program->needs.related) {
        input.related = engine_find_related;
        input.context = relating_of(c, s);
        if (!input.context)
            return NULL;
    }
    if (make_item(c, t, s, &input.item) != 0)
        return NULL;
    return pl_program_evaluate(t->state, &input);
}

/* Types of which a related resource must exist: the first that has none. */
static int lacks_related(engine_evaluating *c, const engine_slot *slot, const engine_subject *s,
                         pl_str *lacking) {
    *lacking = PL_STR_NONE;
    if (slot->required_related_count == 0)
        return 0;
    engine_relating *relating = relating_of(c, s);
    if (!relating)
        return -1;
    for (size_t i = 0; i < slot->required_related_count; i++) {
        pl_json list = PL_JSON_NONE;
        if (engine_find_related(relating, slot->required_related[i], &list, c->error) != 0)
            return -1;
        if (pl_json_count(list) == 0) {
            *lacking = slot->required_related[i];
            return 0;
        }
    }
    return 0;
}

static int explain_reason(engine_evaluating *c, const char *format, pl_str detail, pl_str *annotation) {
    pl_str reason = pl_arena_printf(&c->document, format, PL_FMT(detail));
    pl_buf *scratch = &c->writing.scratch;
    pl_buf_clear(scratch);
    pl_buf_add(scratch, PL_STR("{\"reason\":"));
    pl_json_write_string(scratch, reason);
    pl_buf_add_char(scratch, '}');
    *annotation = scratch->failed ? PL_STR_NONE : pl_arena_copy(&c->document, pl_buf_str(scratch));
    return annotation->p ? 0 : out_of_memory(c);
}

static int judge_compiled(engine_evaluating *c, engine_typed *t, const engine_slot *slot, pl_verdict verdict,
                          engine_compliance *compliance, pl_str *annotation) {
    static const engine_compliance of[] = {ENGINE_COMPLIANT, ENGINE_NON_COMPLIANT, ENGINE_NOT_APPLICABLE,
                                           ENGINE_INSUFFICIENT_DATA, ENGINE_INSUFFICIENT_DATA};
    *compliance = of[verdict];
    *annotation = PL_STR("");
    if (verdict == PL_COMPLIANT || verdict == PL_NOT_APPLICABLE)
        return 0;
    if (verdict == PL_VERDICT_ERROR) {
        const pl_error *why = pl_program_error(t->state, (size_t)slot->index);
        if (pl_error_is(why, PL_E_ServiceUnavailable)) /* says nothing about the resource: tried again */
            return out_of_memory(c);
        return explain_reason(c, "The evaluation failed: %.*s", pl_str_from(why->message), annotation);
    }
    pl_buf *scratch = &c->writing.scratch;
    pl_buf_clear(scratch);
    pl_program_write_annotation(t->state, (size_t)slot->index, scratch);
    *annotation = scratch->failed ? PL_STR_NONE : pl_arena_copy(&c->document, pl_buf_str(scratch));
    return annotation->p ? 0 : out_of_memory(c);
}

int engine_judge(engine_evaluating *c, engine_typed *t, size_t index, const pl_verdict *verdicts,
                 const engine_subject *s, engine_compliance *compliance, pl_str *annotation) {
    const engine_slot *slot = t->program->slots + index;
    pl_str lacking;
    *compliance = ENGINE_INSUFFICIENT_DATA;
    *annotation = slot->insufficient;
    if (slot->insufficient.p)
        return 0;
    bool decided = verdicts[slot->index] == PL_COMPLIANT || verdicts[slot->index] == PL_NON_COMPLIANT;
    if (decided && lacks_related(c, slot, s, &lacking) != 0)
        return -1;
    if (decided && lacking.p)
        return explain_reason(c, "No related resource of type %.*s is recorded.", lacking, annotation);
    return judge_compiled(c, t, slot, verdicts[slot->index], compliance, annotation);
}

static engine_tally *tally_of(engine_evaluating *c, engine_typed *t, size_t slot) {
    if (!t->tallies[slot])
        t->tallies[slot] =
            engine_tally_of(&c->writing, t->account_id, t->program->slots[slot].bound->rule->rule_key);
    return t->tallies[slot];
}

static int by_rule(const void *key, const void *row) {
    int64_t wanted = *(const int64_t *)key, found = ((const engine_row *)row)->rule_key;
    return wanted < found ? -1 : wanted > found;
}

static const engine_row *find_row(const engine_row *rows, size_t count, int64_t rule_key) {
    return count ? bsearch(&rule_key, rows, count, sizeof *rows, by_rule) : NULL;
}

/* How a change concerns one rule. */
typedef enum concern { NOTHING, LEAVES, WAITS, EVALUATES } concern;

/* All rules of a type's program have the type. */
static concern concern_of(const engine_bound *bound, const engine_subject *s, engine_message_type by,
                          const engine_row *row, bool *was, bool *is) {
    *was = s->seen && (bound->whole || engine_bound_covers(bound, &s->before));
    *is = !s->removed && (bound->whole || engine_bound_covers(bound, &s->scope));
    if (!*is)
        return *was || row ? LEAVES : NOTHING;
    if (!bound->active) /* what comes now has never been evaluated, and is not taken for compliant */
        return *was || row ? NOTHING : WAITS;
    if (by != ENGINE_BY_CHANGE || bound->rule->triggers & ENGINE_TRIGGER_CHANGE)
        return EVALUATES;
    return *was ? NOTHING : WAITS;
}

/* Most results are COMPLIANT as ever: there is neither a row nor a count to write. */
static bool leaves_nothing(const engine_outcome *o) {
    return o->covered && o->compliance == ENGINE_COMPLIANT && !o->row && !o->tracks_coverage;
}

static int settle(engine_evaluating *c, engine_typed *t, size_t index, const engine_subject *s, concern what,
                  const pl_verdict *verdicts, engine_outcome *o) {
    const engine_slot *slot = t->program->slots + index;
    o->annotation = PL_STR("");
    o->rule = slot->bound->rule;
    o->tracks_coverage = !slot->bound->whole;
    if (what == WAITS) {
        o->compliance = ENGINE_INSUFFICIENT_DATA;
        o->annotation = ENGINE_NOT_RUN_SINCE;
    } else if (what == EVALUATES) {
        if (engine_judge(c, t, index, verdicts, s, &o->compliance, &o->annotation) != 0)
            return -1;
        if (o->rule->owner == ENGINE_FUNCTION) {
            if (engine_queue_function(&c->writing, o) != 0)
                return -1;
            if (o->row) /* the last report of the function stands until the next */
                return 0;
        }
    }
    if (leaves_nothing(o))
        return 0;
    o->tally = tally_of(c, t, index);
    return o->tally ? engine_write_outcome(&c->writing, o, NULL) : -1;
}

static bool looks_at(const engine_slot *slot, const engine_typed *t, pl_str related_to) {
    pl_str types[32];
    if (related_to.n == 0)
        return true;
    for (size_t i = 0; i < slot->required_related_count; i++)
        if (pl_str_eq_fold(slot->required_related[i], related_to))
            return true;
    size_t count = pl_program_related_types(t->program->compiled, types, 32);
    for (size_t i = 0; slot->index >= 0 && i < count && i < 32; i++)
        if (pl_str_eq_fold(types[i], related_to))
            return true;
    return false;
}

/* Which rules take part. */
typedef struct selection {
    pl_str related_to; /* those that look at this type; absent: all */
    int64_t rule_key;  /* this one; 0: all */
} selection;

static bool is_selected(const engine_slot *slot, const engine_typed *t, const selection *chosen) {
    return (chosen->rule_key == 0 || slot->bound->rule->rule_key == chosen->rule_key) &&
           looks_at(slot, t, chosen->related_to);
}

static int evaluate_subject(engine_evaluating *c, engine_typed *t, const engine_subject *s,
                            engine_message_type by, const selection *chosen) {
    const inventory_resource *r = s->resource;
    engine_row *rows = NULL;
    size_t count = 0;
    const pl_verdict *verdicts = NULL;
    if (s->seen && engine_writing_flush(&c->writing) != 0)
        return -1;
    if (s->seen && engine_rows_of(c->writing.session, &c->document, t->account_id, r->resource_key, &rows,
                                  &count, c->error) != 0)
        return -1;
    for (size_t i = 0; i < t->program->count; i++) {
        const engine_slot *slot = t->program->slots + i;
        engine_outcome o = {.account_id = t->account_id,
                            .resource_type = t->program->resource_type,
                            .resource_key = r->resource_key,
                            .row = find_row(rows, count, slot->bound->rule->rule_key),
                            .message_type = by,
                            .ordering = c->writing.now};
        concern what = concern_of(slot->bound, s, by, o.row, &o.was_covered, &o.covered);
        bool recount = o.was_covered != o.covered && !slot->bound->whole;
        if ((what == NOTHING && !recount) || !is_selected(slot, t, chosen))
            continue;
        if (what == NOTHING) {
            o.compliance = ENGINE_COMPLIANT;
            o.row = NULL;
        }
        if (what == EVALUATES && !verdicts && !(verdicts = engine_run_program(c, t, s)))
            return -1;
        if (settle(c, t, i, s, what, verdicts, &o) != 0)
            return -1;
    }
    return 0;
}

static inventory_resource describe(const inventory_change *change) {
    inventory_resource resource = inventory_resource_of(change->item);
    resource.resource_key = change->resource_key;
    resource.create_time = change->create_time;
    resource.capture_time = change->capture_time;
    return resource;
}

int engine_evaluate_change(engine_evaluating *c, const inventory_change *change) {
    inventory_resource now, old;
    if (change->event == INVENTORY_UNCHANGED)
        return 0;
    engine_typed *t = engine_typed_get(c, change->item->account_id, change->item->resource_type);
    if (!t)
        return -1;
    if (t->program->count == 0)
        return 0;
    pl_arena_reset(&c->document);
    now = describe(change);
    engine_subject s = {.resource = &now,
                        .configuration = change->configuration,
                        .seen = change->seen,
                        .removed = change->event == INVENTORY_REMOVE};
    if (engine_scope_subject_of(&c->document, &now, &s.scope, c->error) != 0)
        return -1;
    s.before = s.scope;
    if (change->seen) {
        old = now;
        old.name = change->old_name;
        old.group_id = change->old_group_id;
        old.tags = change->old_tags;
        if (engine_scope_subject_of(&c->document, &old, &s.before, c->error) != 0)
            return -1;
    }
    static const selection all = {PL_STR_INIT(""), 0};
    return evaluate_subject(c, t, &s, ENGINE_BY_CHANGE, &all);
}

static int evaluate_stored(engine_evaluating *c, const inventory_resource *resource, bool seen,
                           engine_message_type message_type, const selection *chosen) {
    engine_typed *t = engine_typed_get(c, resource->account_id, resource->resource_type);
    if (!t)
        return -1;
    pl_arena_reset(&c->document);
    engine_subject s = {.resource = resource, .configuration = PL_JSON_NONE, .seen = seen};
    if (engine_scope_subject_of(&c->document, resource, &s.scope, c->error) != 0)
        return -1;
    s.before = s.scope;
    if (resource->configuration.p &&
        pl_json_parse(c->parser, resource->configuration, &s.configuration, c->error) != 0)
        return -1;
    /* Seals are about rules that look at the resource alone. */
    if (chosen->related_to.n == 0 &&
        engine_kept_mark(c->writing.session, t->account_id, t->program->resource_type, resource->resource_key,
                         c->error) != 0)
        return -1;
    return evaluate_subject(c, t, &s, message_type, chosen);
}

int engine_evaluate_stored(engine_evaluating *c, const inventory_resource *resource,
                           engine_message_type message_type, pl_str related_to, int64_t rule_key) {
    selection chosen = {related_to, rule_key};
    return evaluate_stored(c, resource, true, message_type, &chosen);
}

int engine_evaluate_entering(engine_evaluating *c, const inventory_resource *resource, int64_t rule_key) {
    selection chosen = {PL_STR(""), rule_key};
    return evaluate_stored(c, resource, false, ENGINE_BY_CHANGE, &chosen);
}
