/*
 * Full runs: which rules take part, how the inventory is cut into ranges, and gathering one range as a batch.
 *
 * A range is evaluated from its page of kept columns where there is one that tells enough, else from the
 * configurations; then a page is made of them, for the rules of the account's view and not only those of the
 * run, so that later runs find it whatever rules they are about.
 */
#include "engine/gathering.h"

enum {
    RUN_ARENA_LIMIT = 256 << 20,
    SMALLEST_STEP = 128,
    SMALL_PAGE = ENGINE_BATCH / 16, /* the last page of a type is made anew while it has fewer records */
};

static const int64_t widest_step = (int64_t)1 << 40;

static int out_of_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

int engine_run_begin(engine_run *run, engine *e, pl_str account_id, size_t capacity, pl_error *error) {
    *run = (engine_run){.e = e, .capacity = capacity, .cursor.type = PL_STR(""), .stored_type = PL_STR("")};
    pl_arena_init(&run->arena, RUN_ARENA_LIMIT);
    pthread_mutex_init(&run->lock, NULL);
    run->account_id = pl_arena_copy(&run->arena, account_id);
    run->rules = pl_new(&run->arena, engine_run_rule, capacity);
    run->bounds = pl_new(&run->arena, engine_bound, capacity);
    return run->arena.failed ? out_of_memory(error) : 0;
}

void engine_run_end(engine_run *run) {
    for (engine_run_type *t = run->types; t; t = t->next)
        engine_program_free(t->program);
    engine_view_release(run->view);
    pl_arena_free(&run->arena);
    pthread_mutex_destroy(&run->lock);
}

int engine_run_resume(engine_run *run, pl_str type, int64_t key, pl_error *error) {
    run->cursor.type = run->stored_type = pl_arena_copy(&run->arena, type);
    run->cursor.after = run->stored_key = key;
    return run->stored_type.p ? 0 : out_of_memory(error);
}

engine_run_rule *engine_run_add(engine_run *run, store_session *session, const engine_rule *rule,
                                bool *inside, pl_error *error) {
    engine_run_rule *made = &run->rules[run->count];
    if (run->count == run->capacity) {
        out_of_memory(error);
        return NULL;
    }
    *made = (engine_run_rule){.rule = *rule, .first = rule->run_ordering == 0};
    if (engine_bind_rule(run->e, session, &run->arena, run->account_id, &made->rule, &run->bounds[run->count],
                         inside, error) != 0)
        return NULL;
    run->count += *inside;
    return made;
}

/* --- Types -----------------------------------------------------------------------------------------------
 */

static bool covers_type(const engine_run *run, pl_str type) {
    for (size_t i = 0; i < run->count; i++)
        if (engine_bound_has_type(&run->bounds[i], type))
            return true;
    return false;
}

/* Pages tell only what the columns tell. */
static bool columns_suffice(const engine_type_program *p) {
    bool enough = !p->needs.item && !p->needs.related && !pl_program_reads_whole(p->compiled);
    for (size_t i = 0; enough && i < p->count; i++)
        enough = p->slots[i].required_related_count == 0;
    return enough;
}

static int prepare_kept(engine_run *run, store_session *session, engine_run_type *t, pl_error *error) {
    bool scopes = false;
    if (!run->makes_pages)
        return 0;
    if (!run->view)
        run->view = engine_view_get(run->e, session, run->account_id, error);
    engine_type_program *all = run->view ? engine_view_program(run->view, t->name, error) : NULL;
    if (!all)
        return -1;
    for (size_t i = 0; i < all->count; i++)
        scopes = scopes || !all->slots[i].bound->whole;
    t->all = all->compiled;
    return engine_kept_columns_of(&run->arena, t->all, scopes, &t->kept, error);
}

static int prepare_type(engine_run *run, store_session *session, engine_run_type *t, pl_error *error) {
    t->program = engine_program_new(run->e->config.catalogue, run->e->config.strict, &run->arena, run->bounds,
                                    run->count, t->name, error);
    if (!t->program)
        return -1;
    t->rules = pl_new(&run->arena, size_t, t->program->count + 1);
    if (!t->rules)
        return out_of_memory(error);
    t->whole = true;
    for (size_t i = 0; i < t->program->count; i++) {
        t->rules[i] = (size_t)(t->program->slots[i].bound - run->bounds);
        t->whole = t->whole && t->program->slots[i].bound->whole;
    }
    t->uses_pages = columns_suffice(t->program);
    if (engine_kept_columns_of(&run->arena, t->program->compiled, !t->whole, &t->asked, error) != 0)
        return -1;
    return prepare_kept(run, session, t, error);
}

static engine_run_type *add_type(engine_run *run, store_session *session, pl_str name, pl_error *error) {
    engine_run_type *t = pl_new(&run->arena, engine_run_type, 1);
    if (!t) {
        out_of_memory(error);
        return NULL;
    }
    t->name = pl_arena_copy(&run->arena, name);
    t->next = run->types;
    run->types = t;
    if (!t->name.p)
        out_of_memory(error);
    return t->name.p && prepare_type(run, session, t, error) == 0 ? t : NULL;
}

static engine_run_type *find_type(engine_run *run, store_session *session, pl_str name, pl_error *error) {
    pthread_mutex_lock(&run->lock);
    engine_run_type *t = run->types;
    while (t && !pl_str_eq(t->name, name))
        t = t->next;
    if (!t)
        t = add_type(run, session, name, error);
    pthread_mutex_unlock(&run->lock);
    return t;
}

int engine_run_next_type(engine_run *run, store_session *session, pl_arena *arena, pl_str after,
                         engine_run_type **out, pl_error *error) {
    *out = NULL;
    do {
        if (inventory_next_type(session, arena, run->account_id, after, &after, error) != 0)
            return -1;
    } while (after.p && !covers_type(run, after));
    if (!after.p)
        return 0;
    *out = find_type(run, session, after, error);
    return *out ? 0 : -1;
}

/* --- Ranges ----------------------------------------------------------------------------------------------
 */

static int last_key(engine_run *run, store_session *session, int64_t *key, pl_error *error) {
    int status = inventory_next_key(session, run->account_id, key, error);
    --*key;
    return status;
}

static int enter_next_type(engine_run *run, store_session *session, engine_cursor *c, pl_error *error) {
    do {
        if (inventory_next_type(session, &run->arena, run->account_id, c->type, &c->type, error) != 0)
            return -1;
    } while (c->type.p && !covers_type(run, c->type));
    c->after = 0;
    c->step = ENGINE_BATCH;
    return last_key(run, session, &c->bound, error);
}

/* What has come in behind the bound is worth more ranges only when it is much; the rest is caught up with. */
static int raise_bound(engine_run *run, store_session *session, engine_cursor *c, pl_error *error) {
    int64_t last;
    if (last_key(run, session, &last, error) != 0)
        return -1;
    if (c->bound == 0 || last - c->after > ENGINE_BATCH)
        c->bound = last;
    return 0;
}

static int cut_range(engine_run *run, store_session *session, engine_cursor *c, engine_range *out,
                     pl_error *error) {
    engine_kept_range page, behind;
    bool found, more = true;
    if (engine_kept_next(session, run->account_id, c->type, c->after, &page, &found, error) != 0)
        return -1;
    if (found && page.records < SMALL_PAGE &&
        engine_kept_next(session, run->account_id, c->type, page.until, &behind, &more, error) != 0)
        return -1;
    found = found && more;
    out->page = found && page.from == c->after;
    if (out->page) {
        out->until = page.until;
        c->bound = page.until > c->bound ? page.until : c->bound;
    } else {
        int64_t end = found && page.from < c->bound ? page.from : c->bound;
        out->until = end - c->after > c->step ? c->after + c->step : end;
    }
    out->type = c->type;
    out->after = c->after;
    c->after = out->until;
    return 0;
}

static int claim(engine_run *run, store_session *session, engine_cursor *c, engine_range *out,
                 pl_error *error) {
    *out = (engine_range){.type = PL_STR_NONE};
    while (c->type.p) {
        c->step = c->step ? c->step : ENGINE_BATCH;
        if (c->type.n && c->after >= c->bound && raise_bound(run, session, c, error) != 0)
            return -1;
        if (c->type.n && c->after < c->bound)
            return cut_range(run, session, c, out, error);
        if (enter_next_type(run, session, c, error) != 0)
            return -1;
    }
    return 0;
}

int engine_run_claim(engine_run *run, store_session *session, engine_cursor *cursor, engine_range *range,
                     pl_error *error) {
    pthread_mutex_lock(&run->lock);
    int status = claim(run, session, cursor, range, error);
    pthread_mutex_unlock(&run->lock);
    return status;
}

/* Ranges without pages should hold about a batch of the type, however thinly its keys lie. */
static void adapt_step(engine_run *run, const engine_batch *batch) {
    engine_cursor *c = &run->cursor;
    pthread_mutex_lock(&run->lock);
    if (batch->full && c->step > SMALLEST_STEP)
        c->step /= 2;
    else if (!batch->full && batch->count < ENGINE_BATCH / 2 && c->step < widest_step)
        c->step *= 2;
    pthread_mutex_unlock(&run->lock);
}

/* --- Batches ---------------------------------------------------------------------------------------------
 */

static int begin_gathering(engine_gathering *g, engine_run *run, store_session *session, pl_arena *arena,
                           int64_t now, engine_run_type *type, engine_batch *batch, pl_error *error) {
    *g = (engine_gathering){.run = run, .type = type, .batch = batch};
    batch->type = type;
    batch->count = batch->found_total = 0;
    batch->full = false;
    batch->page = PL_STR_NONE;
    batch->page_identity = 0;
    batch->rules = pl_new(arena, engine_batch_rule, run->count + 1);
    if (engine_evaluating_begin(&g->c, run->e, session, arena, now, error) != 0)
        return -1;
    if (!batch->rules)
        return out_of_memory(error);
    g->typed = engine_typed_own(&g->c, run->account_id, type->program);
    return g->typed ? 0 : -1;
}

int engine_run_gather(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                      const engine_range *range, engine_batch *batch, pl_error *error) {
    engine_gathering g;
    engine_run_type *type = find_type(run, session, range->type, error);
    if (!type || inventory_sequence(session, run->account_id, &batch->sequence, error) != 0)
        return -1;
    batch->range = *range;
    int status = begin_gathering(&g, run, session, arena, now, type, batch, error);
    if (status == 0)
        status =
            range->page ? engine_gather_page(&g, session, error) : engine_gather_rows(&g, session, error);
    if (engine_evaluating_end(&g.c, status) != 0)
        return -1;
    if (!range->page)
        adapt_step(run, batch);
    return engine_run_compare(run, session, arena, batch, error);
}

int engine_run_gather_keys(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                           engine_run_type *type, const int64_t *keys, size_t count, engine_batch *batch,
                           pl_error *error) {
    engine_gathering g;
    int status = begin_gathering(&g, run, session, arena, now, type, batch, error);
    for (size_t i = 0; status == 0 && i < count; i++) {
        inventory_resource r;
        bool found;
        status = inventory_find_key(session, arena, run->account_id, keys[i], &r, &found, error);
        if (status == 0 && found && !r.deleted)
            status = engine_gather_resource(&g, &r, error);
    }
    if (engine_evaluating_end(&g.c, status) != 0)
        return -1;
    return engine_run_compare(run, session, arena, batch, error);
}
