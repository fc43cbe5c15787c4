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

static int read_version(store_session *session, pl_str account_id, int64_t *version, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT version FROM rule_versions WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    *version = 0;
    int row = store_step(st, error);
    if (row == 1) {
        *version = store_column_i64(st, 0);
        store_reset(st);
    }
    return row < 0 ? -1 : 0;
}

int engine_version_renew(engine *e, store_session *session, pl_str account_id, pl_error *error) {
    int64_t version;
    if (pl_random_fill(&e->config.random, &version, sizeof version) != 0)
        return out_of_memory(error);
    return store_run(
        session, error,
        "INSERT INTO rule_versions (account_id, version) VALUES ($1, $2) ON CONFLICT (account_id) "
        "DO UPDATE SET version = excluded.version",
        "ti", account_id, version);
}

/* --- What a rule covers ----------------------------------------------------------------------------------
 */

static bool is_whole(const engine_scope *s) {
    return s->region_ids.count == 0 && s->exclude_region_ids.count == 0 && s->resource_ids.count == 0 &&
           s->exclude_resource_ids.count == 0 && s->resource_group_ids.count == 0 &&
           s->exclude_resource_group_ids.count == 0 && s->resource_names.count == 0 && s->tags.count == 0 &&
           s->exclude_tags.count == 0 && s->tag_keys.count == 0;
}

bool engine_bound_has_type(const engine_bound *bound, pl_str resource_type) {
    const engine_list *types = &bound->rule->scope.resource_types;
    if (bound->recorder && !inventory_recorder_covers(bound->recorder, resource_type))
        return false;
    for (size_t i = 0; i < types->count; i++)
        if (pl_str_is(types->items[i], "*") || pl_str_eq_fold(types->items[i], resource_type))
            return true;
    return false;
}

bool engine_bound_covers(const engine_bound *bound, const engine_scope_subject *subject) {
    if (!engine_bound_has_type(bound, subject->resource_type))
        return false;
    if (bound->whole)
        return true;
    if (!engine_scope_covers(&bound->rule->scope, subject))
        return false;
    for (size_t i = 0; i < bound->pack_count; i++)
        if (!engine_scope_covers(bound->packs + i, subject))
            return false;
    return true;
}

static int in_any_folder(engine *e, store_session *session, pl_str account_id, const engine_list *folders,
                         bool *inside, pl_error *error) {
    *inside = false;
    for (size_t i = 0; i < folders->count && !*inside; i++)
        if (e->config.groups.in_folder &&
            e->config.groups.in_folder(e->config.groups.context, session, account_id, folders->items[i],
                                       inside, error) != 0)
            return -1;
    return 0;
}

/* Accounts and folders of a group rule: given together, either suffices; exclusion wins. */
static int covers_account(engine *e, store_session *session, pl_str account_id, const engine_scope *s,
                          bool *inside, pl_error *error) {
    bool in_folder, out_of_folder;
    if (in_any_folder(e, session, account_id, &s->folder_ids, &in_folder, error) != 0 ||
        in_any_folder(e, session, account_id, &s->exclude_folder_ids, &out_of_folder, error) != 0)
        return -1;
    bool restricted = s->account_ids.count || s->folder_ids.count;
    *inside = (!restricted || in_folder || engine_list_has(&s->account_ids, account_id)) && !out_of_folder &&
              !engine_list_has(&s->exclude_account_ids, account_id);
    return 0;
}

/* Binds a rule of an account that records so. */
static int bind_recorded(engine *e, store_session *session, pl_arena *arena, pl_str account_id,
                         const inventory_recorder *recorder, const engine_rule *rule, engine_bound *out,
                         bool *inside, pl_error *error) {
    engine_scope *packs = NULL;
    *out = (engine_bound){.rule = rule, .recorder = recorder};
    *inside = true;
    if (rule->aggregator_id.n && covers_account(e, session, account_id, &rule->scope, inside, error) != 0)
        return -1;
    if (!*inside)
        return 0;
    if (engine_rule_pack_scopes(session, arena, rule, &packs, &out->pack_count, error) != 0)
        return -1;
    out->packs = packs;
    out->active = rule->state == ENGINE_ACTIVE || rule->state == ENGINE_EVALUATING;
    out->whole = is_whole(&rule->scope);
    for (size_t i = 0; i < out->pack_count; i++)
        out->whole = out->whole && is_whole(packs + i);
    return 0;
}

int engine_bind_rule(engine *e, store_session *session, pl_arena *arena, pl_str account_id,
                     const engine_rule *rule, engine_bound *out, bool *inside, pl_error *error) {
    inventory_recorder *recorder = pl_new(arena, inventory_recorder, 1);
    if (!recorder)
        return out_of_memory(error);
    if (inventory_recorder_get(session, arena, account_id, recorder, error) != 0)
        return -1;
    return bind_recorded(e, session, arena, account_id, recorder, rule, out, inside, error);
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
    return read_version(l->session, account_id, &grown[v->dependency_count++].version, l->error);
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
        if (bind_recorded(l->e, l->session, &v->arena, v->account_id, &v->recorder, rules + i, &bound,
                          &inside, l->error) != 0)
            return -1;
        if (!inside || rules[i].state == ENGINE_DELETING)
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
        if (read_version(session, view->dependencies[i].account_id, &version, error) != 0)
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
