/* Views: loading an account's rules, keeping them while their versions hold, sharing them between threads. */
#include "engine/private.h"

#include "base/memory.h"

enum { VIEW_ARENA_LIMIT = 256 << 20 };

struct loading {
    engine *e;
    store_session *session;
    engine_view *view;
    size_t rule_capacity, dependency_capacity;
    pl_error *error;
};

static int out_of_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

/* --- Loading ---------------------------------------------------------------------------------------------
 */

static int depend_on(struct loading *l, pl_str account_id) {
    engine_view *v = l->view;
    for (size_t i = 0; i < v->dependency_count; i++)
        if (pl_str_eq(v->dependencies[i].account_id, account_id))
            return 0;
    engine_dependency *grown = pl_arena_grow(&v->arena, v->dependencies, v->dependency_count,
                                             &l->dependency_capacity, sizeof *grown);
    if (!grown)
        return out_of_memory(l->error);
    v->dependencies = grown;
    grown[v->dependency_count].account_id = pl_arena_copy(&v->arena, account_id);
    return engine_version_read(l->session, account_id, &grown[v->dependency_count++].version, l->error);
}

static int load_owner(struct loading *l, const engine_group *owner) {
    engine_view *v = l->view;
    engine_rule *rules;
    size_t count;
    if (depend_on(l, owner->owner_id) != 0 ||
        engine_rule_list(l->session, &v->arena, owner, NULL, &rules, &count, l->error) != 0)
        return -1;
    if (l->e->config.delivery &&
        delivery_routes_add(l->e->config.delivery, l->session, &v->arena, owner->owner_id,
                            owner->aggregator_id, &v->routes, l->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        bool inside;
        engine_bound bound;
        if (engine_bind_recorded(l->e, l->session, &v->arena, v->account_id, &v->recorder, rules + i, &bound,
                                 &inside, l->error) != 0)
            return -1;
        if (!inside)
            continue;
        engine_bound *grown = pl_arena_grow(&v->arena, v->rules, v->count, &l->rule_capacity, sizeof *grown);
        if (!grown)
            return out_of_memory(l->error);
        v->rules = grown;
        v->rules[v->count++] = bound;
    }
    return 0;
}

static int load(struct loading *l) {
    engine_view *v = l->view;
    const engine_groups *ask = &l->e->config.groups;
    engine_group own = {v->account_id, PL_STR_NONE}, *groups = NULL;
    size_t count = 0;
    if (inventory_recorder_get(l->session, &v->arena, v->account_id, &v->recorder, l->error) != 0 ||
        load_owner(l, &own) != 0)
        return -1;
    if (ask->groups_of &&
        ask->groups_of(ask->context, l->session, &v->arena, v->account_id, &groups, &count, l->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (load_owner(l, groups + i) != 0)
            return -1;
    return 0;
}

static engine_view *new_view(engine *e, store_session *session, pl_str account_id, pl_error *error) {
    engine_view *v = pl_calloc(1, sizeof *v);
    if (!v) {
        out_of_memory(error);
        return NULL;
    }
    v->references = 1;
    v->catalogue = e->config.catalogue;
    v->strict = e->config.strict;
    pl_arena_init(&v->arena, VIEW_ARENA_LIMIT);
    pthread_mutex_init(&v->lock, NULL);
    v->account_id = pl_arena_copy(&v->arena, account_id);
    struct loading l = {.e = e, .session = session, .view = v, .error = error};
    if (v->account_id.p ? load(&l) == 0 : out_of_memory(error) == 0)
        return v;
    engine_view_release(v);
    return NULL;
}

void engine_view_release(engine_view *view) {
    if (!view || __atomic_sub_fetch(&view->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (engine_type_program *p = view->programs; p; p = p->next)
        engine_program_free(p);
    pl_arena_free(&view->arena);
    pthread_mutex_destroy(&view->lock);
    pl_free(view);
}

static int is_current(store_session *session, const engine_view *view, bool *current, pl_error *error) {
    *current = true;
    for (size_t i = 0; i < view->dependency_count && *current; i++) {
        int64_t version;
        if (engine_version_read(session, view->dependencies[i].account_id, &version, error) != 0)
            return -1;
        *current = version == view->dependencies[i].version;
    }
    return 0;
}

static engine_view *find_view(engine *e, pl_str account_id) {
    pthread_mutex_lock(&e->views_lock);
    engine_view *view = pl_map_get(&e->views, account_id);
    if (view)
        __atomic_add_fetch(&view->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&e->views_lock);
    return view;
}

static void drop_any_view(engine *e) {
    size_t cursor = 0;
    pl_str key;
    void *value;
    if (!pl_map_next(&e->views, &cursor, &key, &value))
        return;
    pl_map_remove(&e->views, key);
    engine_view_release(value);
}

/* Shares a new view; without memory for the table it simply is not shared. */
static void publish(engine *e, engine_view *view) {
    pthread_mutex_lock(&e->views_lock);
    engine_view *old = pl_map_remove(&e->views, view->account_id);
    if (e->views.count >= ENGINE_VIEWS_MAX)
        drop_any_view(e);
    if (pl_map_put(&e->views, view->account_id, view))
        __atomic_add_fetch(&view->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&e->views_lock);
    engine_view_release(old);
}

engine_view *engine_view_get(engine *e, store_session *session, pl_str account_id, pl_error *error) {
    engine_view *view = find_view(e, account_id);
    if (view) {
        bool current;
        int status = is_current(session, view, &current, error);
        if (status == 0 && current)
            return view;
        engine_view_release(view);
        if (status != 0)
            return NULL;
    }
    view = new_view(e, session, account_id, error);
    if (view)
        publish(e, view);
    return view;
}

engine_type_program *engine_view_program(engine_view *view, pl_str resource_type, pl_error *error) {
    pthread_mutex_lock(&view->lock);
    engine_type_program *p = view->programs;
    while (p && !pl_str_eq(p->resource_type, resource_type))
        p = p->next;
    if (!p) {
        p = engine_program_new(view->catalogue, view->strict, &view->arena, view->rules, view->count,
                               resource_type, error);
        if (p) {
            p->next = view->programs;
            view->programs = p;
        }
        view->arena.failed = false; /* a failure was told; the next attempt is not to inherit it */
    }
    pthread_mutex_unlock(&view->lock);
    return p;
}
