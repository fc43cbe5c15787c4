/* Links that a run needs and that are not kept yet: of every type whose resources name what its rules look
 * at. */
#include "engine/links.h"
#include "engine/run.h"

struct missing {
    engine_run *run;
    store_session *session;
    pl_arena *arena;
    pl_str *types;
    size_t count, capacity;
    pl_error *error;
};

static int need_type(struct missing *m, pl_str type) {
    bool any, complete;
    pl_str name = catalogue_type_name(m->run->e->config.catalogue, type);
    for (size_t i = 0; i < m->count; i++)
        if (pl_str_eq(m->types[i], name))
            return 0;
    if (engine_links_kept(m->session, m->run->account_id, name, &any, &complete, m->error) != 0)
        return -1;
    if (complete)
        return 0;
    pl_str *grown = pl_arena_grow(m->arena, m->types, m->count, &m->capacity, sizeof *grown);
    pl_str copy = grown ? pl_arena_copy(m->arena, name) : PL_STR_NONE;
    if (!copy.p)
        return pl_fail(m->error, PL_E_ServiceUnavailable);
    m->types = grown;
    grown[m->count++] = copy;
    return 0;
}

/* The sides that hold the paths of the relations between two types. */
static int need_between(struct missing *m, pl_str source_name, pl_str target) {
    pl_error ignored = {0};
    const catalogue_type *source = catalogue_find_type(m->run->e->config.catalogue, source_name, &ignored);
    for (size_t i = 0; source && i < source->relation_count; i++)
        if (source->relations[i].path.n && pl_str_eq_fold(source->relations[i].target_type, target) &&
            need_type(m, source->relations[i].path_on) != 0)
            return -1;
    return 0;
}

static int need_related(struct missing *m, pl_str type, pl_str related) {
    return need_between(m, type, related) != 0 ? -1 : need_between(m, related, type);
}

static int need_of_type(struct missing *m, const engine_run_type *t) {
    pl_str types[32];
    size_t count = pl_program_related_types(t->program->compiled, types, 32);
    for (size_t i = 0; i < count && i < 32; i++)
        if (need_related(m, t->name, types[i]) != 0)
            return -1;
    for (size_t i = 0; i < t->program->count; i++)
        for (size_t n = 0; n < t->program->slots[i].required_related_count; n++)
            if (need_related(m, t->name, t->program->slots[i].required_related[n]) != 0)
                return -1;
    return 0;
}

int engine_links_missing(engine_run *run, store_session *session, pl_arena *arena, pl_str **types,
                         size_t *count, pl_error *error) {
    struct missing m = {.run = run, .session = session, .arena = arena, .error = error};
    for (pl_str type = PL_STR("");;) {
        engine_run_type *t;
        if (engine_run_next_type(run, session, arena, type, &t, error) != 0)
            return -1;
        if (!t)
            break;
        type = t->name;
        if (need_of_type(&m, t) != 0)
            return -1;
    }
    *types = m.types;
    *count = m.count;
    return 0;
}
