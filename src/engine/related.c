/*
 * Related resources: what the source RELATED:<type> sees, and what must be evaluated again when a resource
 * changes. A relation of the catalogue names a type and the JSONPath of the property that carries the other
 * one's id, on either side.
 */
#include "engine/evaluate.h"
#include "engine/links.h"

#include "base/map.h"
#include "inventory/relation.h"

enum { MAX_RELATED = 100000, MAX_DEPENDANTS = 1024, SEEK_ARENA = 64 << 20 };

/* Related resources as they are gathered: configurations as texts of one JSON array. */
struct gathering {
    const engine_relating *of;
    pl_str type;
    pl_buf list;
    pl_map seen; /* regions and ids of what is recorded and in the list */
    size_t count;
    pl_error *error;
};

/* True when the call brought its own resource of this name. */
static bool is_replaced(const struct gathering *g, const inventory_resource *r) {
    for (size_t i = 0; i < g->of->other_count; i++) {
        const inventory_resource *other = &g->of->others[i].resource;
        if (pl_str_eq(other->resource_id, r->resource_id) &&
            pl_str_eq_fold(other->resource_type, r->resource_type) &&
            (other->region_id.n == 0 || pl_str_eq(other->region_id, r->region_id)))
            return true;
    }
    return false;
}

static int begin_entry(struct gathering *g) {
    if (g->count == MAX_RELATED)
        return pl_failf(g->error, PL_E_InvalidParameter, "More than %d related resources of type %.*s.",
                        MAX_RELATED, PL_FMT(g->type));
    pl_buf_add_char(&g->list, g->count++ == 0 ? '[' : ',');
    return 0;
}

static int add(struct gathering *g, const inventory_resource *r) {
    pl_str mark = pl_arena_printf(g->of->arena, "%.*s\n%.*s", PL_FMT(r->region_id), PL_FMT(r->resource_id));
    if (!mark.p)
        return pl_fail(g->error, PL_E_ServiceUnavailable);
    if (pl_map_get(&g->seen, mark) || is_replaced(g, r))
        return 0;
    if (!pl_map_put(&g->seen, mark, g))
        return pl_fail(g->error, PL_E_ServiceUnavailable);
    if (begin_entry(g) != 0)
        return -1;
    pl_buf_add(&g->list, r->configuration.p ? r->configuration : PL_STR("{}"));
    return 0;
}

/* Resources of the type that carry one of the ids found at `path` in the subject's configuration. */
static int add_named(struct gathering *g, pl_str path) {
    const engine_relating *of = g->of;
    pl_path_nodes nodes;
    if (inventory_related_ids(of->arena, path, of->configuration, &nodes, g->error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count; i++) {
        inventory_resource found[4];
        size_t count;
        pl_str id = pl_json_str(nodes.items[i]);
        if (id.n == 0)
            continue;
        if (inventory_find_id(of->session, of->arena, of->resource->account_id, id, found, 4, &count,
                              g->error) != 0)
            return -1;
        for (size_t n = 0; n < count; n++)
            if (pl_str_eq_fold(found[n].resource_type, g->type) && add(g, found + n) != 0)
                return -1;
    }
    return 0;
}

/* True when the configuration carries the id at the path. */
static int carries_id(pl_arena *arena, pl_json configuration, pl_str path, pl_str id, bool *carries,
                      pl_error *error) {
    pl_path_nodes nodes;
    *carries = false;
    if (inventory_related_ids(arena, path, configuration, &nodes, error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count && !*carries; i++)
        *carries = pl_str_eq(pl_json_str(nodes.items[i]), id);
    return 0;
}

/* The same for a configuration that is text; most do not hold the id anywhere. */
static int names_id(pl_arena *arena, pl_str configuration, pl_str path, pl_str id, bool *names,
                    pl_error *error) {
    pl_json root;
    *names = false;
    if (!configuration.p || pl_str_find(configuration, id) == PL_NOT_FOUND)
        return 0;
    if (pl_json_parse_in(arena, configuration, &root, error) != 0)
        return -1;
    return carries_id(arena, root, path, id, names, error);
}

struct naming {
    struct gathering *g;
    pl_str path;
};

static int visit_naming(void *context, const inventory_resource *r, pl_error *error) {
    struct naming *n = context;
    const engine_relating *of = n->g->of;
    bool names;
    if (names_id(of->arena, r->configuration, n->path, of->resource->resource_id, &names, error) != 0)
        return -1;
    return names ? add(n->g, r) : 0;
}

static int visit_linked(void *context, int64_t key, pl_error *error) {
    struct gathering *g = context;
    inventory_resource r;
    bool found;
    if (inventory_find_key(g->of->session, g->of->arena, g->of->resource->account_id, key, &r, &found,
                           error) != 0)
        return -1;
    return found && !r.deleted ? add(g, &r) : 0;
}

/* Resources of the type whose configuration carries the subject's id: by link, else at `path` of each. */
static int add_naming(struct gathering *g, pl_str path) {
    struct naming n = {g, path};
    const engine_relating *of = g->of;
    const inventory_resource *subject = of->resource;
    pl_str type = catalogue_type_name(of->e->config.catalogue, g->type);
    bool known;
    if (engine_links_visit(of->session, of->arena, subject->account_id, type, subject->resource_type,
                           subject->resource_id, &known, visit_linked, g, g->error) != 0)
        return -1;
    return known ? 0
                 : inventory_scan(of->session, subject->account_id, type, 0, INT64_MAX, visit_naming, &n,
                                  g->error);
}

static int visit_recorded(void *context, pl_str path, bool on_subject, pl_error *error) {
    (void)error;
    return on_subject ? add_named(context, path) : add_naming(context, path);
}

static int visit_any(void *context, const inventory_resource *r, pl_error *error) {
    (void)error;
    return add(context, r);
}

/* --- Resources that are not recorded ---------------------------------------------------------------------
 */

static bool is_account(const engine_relating *of) {
    return pl_str_eq_fold(of->resource->resource_type, PL_STR("ACS::::Account"));
}

/* One that may belong to the subject. */
struct pairing {
    struct gathering *g;
    const engine_unrecorded *other;
    bool related;
};

static int visit_pair(void *context, pl_str path, bool on_subject, pl_error *error) {
    struct pairing *p = context;
    const engine_relating *of = p->g->of;
    pl_str id = on_subject ? p->other->resource.resource_id : of->resource->resource_id;
    pl_json configuration = on_subject ? of->configuration : p->other->configuration;
    return p->related ? 0 : carries_id(of->arena, configuration, path, id, &p->related, error);
}

static int add_other(struct gathering *g, const engine_unrecorded *other) {
    struct pairing p = {g, other, is_account(g->of)};
    if (inventory_each_relation(g->of->e->config.catalogue, g->of->resource->resource_type, g->type,
                                visit_pair, &p, g->error) != 0)
        return -1;
    if (!p.related)
        return 0;
    if (begin_entry(g) != 0)
        return -1;
    if (pl_json_exists(other->configuration))
        pl_json_write(&g->list, other->configuration);
    else
        pl_buf_add(&g->list, PL_STR("{}"));
    return 0;
}

static int add_others(struct gathering *g) {
    for (size_t i = 0; i < g->of->other_count; i++)
        if (pl_str_eq_fold(g->of->others[i].resource.resource_type, g->type) &&
            add_other(g, &g->of->others[i]) != 0)
            return -1;
    return 0;
}

static int gather(struct gathering *g) {
    const engine_relating *of = g->of;
    const catalogue *known = of->e->config.catalogue;
    if (!known)
        return 0;
    if (add_others(g) != 0)
        return -1;
    if (!is_account(of))
        return inventory_each_relation(known, of->resource->resource_type, g->type, visit_recorded, g,
                                       g->error);
    /* Everything in an account is related to the account itself. */
    return inventory_scan(of->session, of->resource->account_id, catalogue_type_name(known, g->type), 0,
                          INT64_MAX, visit_any, g, g->error);
}

int engine_find_related(void *context, pl_str type, pl_json *list, pl_error *error) {
    const engine_relating *of = context;
    struct gathering *g = pl_new(of->arena, struct gathering, 1);
    *list = PL_JSON_NONE;
    if (!g)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *g = (struct gathering){.of = of, .type = type, .error = error};
    pl_buf_init(&g->list, 64 << 20);
    pl_map_init(&g->seen, 0);
    int status = gather(g);
    pl_buf_add(&g->list, g->count ? PL_STR("]") : PL_STR("[]"));
    if (status == 0 && g->list.failed)
        status = pl_fail(error, PL_E_ServiceUnavailable);
    if (status == 0)
        status = pl_json_parse_in(of->arena, pl_buf_str(&g->list), list, error);
    pl_buf_free(&g->list);
    pl_map_free(&g->seen);
    return status;
}

/* --- Resources that name another one ---------------------------------------------------------------------
 */

struct seeking {
    const engine_relating *of;
    pl_str path;
    pl_arena scratch; /* reset for each resource */
    inventory_visit visit;
    void *context;
};

static int seek_scanned(void *context, const inventory_resource *r, pl_error *error) {
    struct seeking *s = context;
    bool names;
    pl_arena_reset(&s->scratch);
    if (names_id(&s->scratch, r->configuration, s->path, s->of->resource->resource_id, &names, error) != 0)
        return -1;
    return names ? s->visit(s->context, r, error) : 0;
}

/* Links do not tell by which of several relations they were made, so the path decides. */
static int seek_linked(void *context, int64_t key, pl_error *error) {
    struct seeking *s = context;
    pl_arena row;
    inventory_resource r;
    bool found;
    pl_arena_init(&row, SEEK_ARENA);
    int status =
        inventory_find_key(s->of->session, &row, s->of->resource->account_id, key, &r, &found, error);
    if (status == 0 && found && !r.deleted)
        status = seek_scanned(s, &r, error);
    pl_arena_free(&row);
    return status;
}

int engine_visit_naming(const engine_relating *of, pl_str type, pl_str path, inventory_visit visit,
                        void *context, pl_error *error) {
    struct seeking s = {.of = of, .path = path, .visit = visit, .context = context};
    const inventory_resource *named = of->resource;
    bool known;
    pl_arena_init(&s.scratch, SEEK_ARENA);
    int status = engine_links_visit(of->session, of->arena, named->account_id, type, named->resource_type,
                                    named->resource_id, &known, seek_linked, &s, error);
    if (status == 0 && !known)
        status = inventory_scan(of->session, named->account_id, type, 0, INT64_MAX, seek_scanned, &s, error);
    pl_arena_free(&s.scratch);
    return status;
}

/* --- Dependants ------------------------------------------------------------------------------------------
 */

/* Keys of resources to evaluate again, gathered before anything is evaluated. */
struct dependants {
    engine_evaluating *c;
    const inventory_change *change;
    int64_t *keys;
    size_t count, capacity;
    pl_str type; /* of the dependants */
    pl_str path;
};

static int add_key(struct dependants *d, int64_t key, pl_error *error) {
    if (d->count == MAX_DEPENDANTS || key == d->change->resource_key)
        return 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->keys[i] == key)
            return 0;
    int64_t *grown = pl_arena_grow(d->c->writing.arena, d->keys, d->count, &d->capacity, sizeof *grown);
    if (!grown)
        return pl_fail(error, PL_E_ServiceUnavailable);
    d->keys = grown;
    d->keys[d->count++] = key;
    return 0;
}

static int visit_dependant(void *context, const inventory_resource *r, pl_error *error) {
    struct dependants *d = context;
    bool names;
    pl_arena_reset(&d->c->document);
    if (names_id(&d->c->document, r->configuration, d->path, d->change->item->resource_id, &names, error) !=
        0)
        return -1;
    return names ? add_key(d, r->resource_key, error) : 0;
}

/* Dependants that the changed resource names in its own configuration. */
static int add_named_keys(struct dependants *d) {
    engine_evaluating *c = d->c;
    pl_path_nodes nodes;
    pl_arena_reset(&c->document);
    if (inventory_related_ids(&c->document, d->path, d->change->configuration, &nodes, c->error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count; i++) {
        inventory_resource found[4];
        size_t count;
        pl_str id = pl_json_str(nodes.items[i]);
        if (id.n == 0)
            continue;
        if (inventory_find_id(c->writing.session, &c->document, d->change->item->account_id, id, found, 4,
                              &count, c->error) != 0)
            return -1;
        for (size_t n = 0; n < count; n++)
            if (pl_str_eq_fold(found[n].resource_type, d->type) &&
                add_key(d, found[n].resource_key, c->error) != 0)
                return -1;
    }
    return 0;
}

static int visit_linked_dependant(void *context, int64_t key, pl_error *error) {
    return add_key(context, key, error);
}

/* Dependants that name the changed resource: by link, else at the path of each. */
static int add_naming_keys(struct dependants *d) {
    engine_evaluating *c = d->c;
    const inventory_item *item = d->change->item;
    bool known;
    if (engine_links_visit(c->writing.session, c->writing.arena, item->account_id, d->type,
                           item->resource_type, item->resource_id, &known, visit_linked_dependant, d,
                           c->error) != 0)
        return -1;
    return known ? 0
                 : inventory_scan(c->writing.session, item->account_id, d->type, 0, INT64_MAX,
                                  visit_dependant, d, c->error);
}

static int visit_relation(void *context, pl_str path, bool on_dependant, pl_error *error) {
    struct dependants *d = context;
    (void)error;
    d->path = path;
    return on_dependant ? add_naming_keys(d) : add_named_keys(d);
}

static int evaluate_keys(struct dependants *d) {
    engine_evaluating *c = d->c;
    for (size_t i = 0; i < d->count; i++) {
        bool found;
        inventory_resource r;
        if (inventory_find_key(c->writing.session, c->writing.arena, d->change->item->account_id, d->keys[i],
                               &r, &found, c->error) != 0)
            return -1;
        if (found && !r.deleted &&
            engine_evaluate_stored(c, &r, ENGINE_BY_CHANGE, d->change->item->resource_type, 0) != 0)
            return -1;
    }
    return 0;
}

static bool asks_for(const engine_type_program *program, pl_str changed) {
    pl_str types[32];
    size_t count = pl_program_related_types(program->compiled, types, 32);
    for (size_t i = 0; i < count && i < 32; i++)
        if (pl_str_eq_fold(types[i], changed))
            return true;
    for (size_t i = 0; i < program->count; i++)
        for (size_t n = 0; n < program->slots[i].required_related_count; n++)
            if (pl_str_eq_fold(program->slots[i].required_related[n], changed))
                return true;
    return false;
}

static int evaluate_type(engine_evaluating *c, const inventory_change *change, pl_str type) {
    struct dependants d = {.c = c, .change = change, .type = type};
    if (inventory_each_relation(c->writing.e->config.catalogue, type, change->item->resource_type,
                                visit_relation, &d, c->error) != 0)
        return -1;
    return evaluate_keys(&d);
}

/* The recorded types of the account whose rules look at resources of the changed type; once in a transaction.
 */
static engine_dependency_types *dependent_types(engine_evaluating *c, pl_str account_id, pl_str changed) {
    for (engine_dependency_types *at = c->dependencies; at; at = at->next)
        if (pl_str_eq(at->changed, changed) && pl_str_eq(at->account_id, account_id))
            return at;
    engine_dependency_types *made = pl_new(c->writing.arena, engine_dependency_types, 1);
    if (!made) {
        pl_fail(c->error, PL_E_ServiceUnavailable);
        return NULL;
    }
    *made = (engine_dependency_types){account_id, changed, NULL, 0, c->dependencies};
    size_t capacity = 0;
    for (pl_str type = PL_STR_NONE;;) {
        if (inventory_next_type(c->writing.session, c->writing.arena, account_id, type, &type, c->error) != 0)
            return NULL;
        if (!type.p)
            break;
        engine_typed *t = engine_typed_get(c, account_id, type);
        if (!t)
            return NULL;
        if (!asks_for(t->program, changed))
            continue;
        pl_str *grown = pl_arena_grow(c->writing.arena, made->types, made->count, &capacity, sizeof *grown);
        if (!grown) {
            pl_fail(c->error, PL_E_ServiceUnavailable);
            return NULL;
        }
        made->types = grown;
        made->types[made->count++] = type;
    }
    c->dependencies = made;
    return made;
}

int engine_evaluate_dependants(engine_evaluating *c, const inventory_change *change) {
    const engine_dependency_types *types =
        dependent_types(c, change->item->account_id, change->item->resource_type);
    if (!types)
        return -1;
    for (size_t i = 0; c->writing.e->config.catalogue && i < types->count; i++)
        if (evaluate_type(c, change, types->types[i]) != 0)
            return -1;
    return 0;
}
