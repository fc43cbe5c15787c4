/*
 * Related resources: what the source RELATED:<type> sees, and what must be evaluated again when a resource
 * changes. A relation of the catalogue names a type and the JSONPath of the property that carries the other
 * one's id, on either side.
 */
#include "engine/evaluate.h"
#include "engine/links.h"

#include "base/map.h"

enum { MAX_RELATED = 100000, MAX_DEPENDANTS = 1024 };

/* Related resources as they are gathered: configurations as texts of one JSON array. */
struct gathering {
    engine_evaluating *c;
    const engine_subject *subject;
    pl_str type;
    pl_buf list;
    pl_map seen; /* regions and ids already in the list */
    size_t count;
    pl_error *error;
};

static int add(struct gathering *g, const inventory_resource *r) {
    pl_arena *arena = &g->c->document;
    pl_str mark = pl_arena_printf(arena, "%.*s\n%.*s", PL_FMT(r->region_id), PL_FMT(r->resource_id));
    if (!mark.p)
        return pl_fail(g->error, PL_E_ServiceUnavailable);
    if (pl_map_get(&g->seen, mark))
        return 0;
    if (g->count == MAX_RELATED)
        return pl_failf(g->error, PL_E_InvalidParameter, "More than %d related resources of type %.*s.",
                        MAX_RELATED, PL_FMT(g->type));
    if (!pl_map_put(&g->seen, mark, g))
        return pl_fail(g->error, PL_E_ServiceUnavailable);
    pl_buf_add_char(&g->list, g->count++ == 0 ? '[' : ',');
    pl_buf_add(&g->list, r->configuration.p ? r->configuration : PL_STR("{}"));
    return 0;
}

/* Resources of the type that carry one of the ids found at `path` in the subject's configuration. */
static int add_named(struct gathering *g, pl_str path_text) {
    engine_evaluating *c = g->c;
    const pl_path *path;
    pl_path_nodes nodes;
    if (pl_path_compile(&c->document, path_text, PL_PATH_CLOUD_CONFIG, &path, g->error) != 0 ||
        pl_path_select(path, g->subject->configuration, &c->document, &nodes, g->error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count; i++) {
        inventory_resource found[4];
        size_t count;
        pl_str id = pl_json_str(nodes.items[i]);
        if (id.n == 0)
            continue;
        if (inventory_find_id(c->writing.session, &c->document, g->subject->resource->account_id, id, found,
                              4, &count, g->error) != 0)
            return -1;
        for (size_t n = 0; n < count; n++)
            if (pl_str_eq_fold(found[n].resource_type, g->type) && add(g, found + n) != 0)
                return -1;
    }
    return 0;
}

/* True when the configuration carries the id at the path. */
static int names_id(pl_arena *arena, pl_str configuration, pl_str path_text, pl_str id, bool *names,
                    pl_error *error) {
    const pl_path *path;
    pl_path_nodes nodes;
    pl_json root;
    *names = false;
    if (!configuration.p || pl_str_find(configuration, id) == PL_NOT_FOUND)
        return 0;
    if (pl_json_parse_in(arena, configuration, &root, error) != 0 ||
        pl_path_compile(arena, path_text, PL_PATH_CLOUD_CONFIG, &path, error) != 0 ||
        pl_path_select(path, root, arena, &nodes, error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count && !*names; i++)
        *names = pl_str_eq(pl_json_str(nodes.items[i]), id);
    return 0;
}

struct naming {
    struct gathering *g;
    pl_str path;
};

static int visit_naming(void *context, const inventory_resource *r, pl_error *error) {
    struct naming *n = context;
    bool names;
    if (names_id(&n->g->c->document, r->configuration, n->path, n->g->subject->resource->resource_id, &names,
                 error) != 0)
        return -1;
    return names ? add(n->g, r) : 0;
}

static int visit_linked(void *context, int64_t key, pl_error *error) {
    struct gathering *g = context;
    inventory_resource r;
    bool found;
    if (inventory_find_key(g->c->writing.session, &g->c->document, g->subject->resource->account_id, key, &r,
                           &found, error) != 0)
        return -1;
    return found && !r.deleted ? add(g, &r) : 0;
}

/* Resources of the type whose configuration carries the subject's id: by link, else at `path` of each. */
static int add_naming(struct gathering *g, pl_str path) {
    struct naming n = {g, path};
    const inventory_resource *subject = g->subject->resource;
    pl_str type = catalogue_type_name(g->c->writing.e->config.catalogue, g->type);
    bool known;
    if (engine_links_visit(g->c->writing.session, &g->c->document, subject->account_id, type,
                           subject->resource_type, subject->resource_id, &known, visit_linked, g,
                           g->error) != 0)
        return -1;
    return known ? 0
                 : inventory_scan(g->c->writing.session, subject->account_id, type, 0, INT64_MAX,
                                  visit_naming, &n, g->error);
}

static int gather_relations(struct gathering *g, const catalogue_type *source, pl_str target, bool reversed) {
    for (size_t i = 0; source && i < source->relation_count; i++) {
        const catalogue_relation *relation = source->relations + i;
        bool on_subject = pl_str_eq_fold(relation->path_on, g->subject->resource->resource_type);
        if (!pl_str_eq_fold(relation->target_type, target) || relation->path.n == 0)
            continue;
        /* A relation of a type to itself names ids on its source only. */
        if (pl_str_eq_fold(source->name, target))
            on_subject = !reversed;
        if ((on_subject ? add_named(g, relation->path) : add_naming(g, relation->path)) != 0)
            return -1;
    }
    return 0;
}

static int visit_any(void *context, const inventory_resource *r, pl_error *error) {
    (void)error;
    return add(context, r);
}

/* Everything in an account is related to the account itself. */
static int gather_account(struct gathering *g) {
    return inventory_scan(g->c->writing.session, g->subject->resource->account_id,
                          catalogue_type_name(g->c->writing.e->config.catalogue, g->type), 0, INT64_MAX,
                          visit_any, g, g->error);
}

static int gather(struct gathering *g) {
    const catalogue *known = g->c->writing.e->config.catalogue;
    pl_error ignored = {0};
    pl_str own = g->subject->resource->resource_type;
    if (!known)
        return 0;
    if (pl_str_eq_fold(own, PL_STR("ACS::::Account")))
        return gather_account(g);
    const catalogue_type *source = catalogue_find_type(known, own, &ignored);
    const catalogue_type *target = catalogue_find_type(known, g->type, &ignored);
    if (gather_relations(g, source, g->type, false) != 0)
        return -1;
    return gather_relations(g, target, own, true);
}

int engine_find_related(void *context, pl_str type, pl_json *list, pl_error *error) {
    const engine_related *related = context;
    struct gathering *g = pl_new(&related->c->document, struct gathering, 1);
    *list = PL_JSON_NONE;
    if (!g)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *g = (struct gathering){.c = related->c, .subject = related->subject, .type = type, .error = error};
    pl_buf_init(&g->list, 64 << 20);
    pl_map_init(&g->seen, 0);
    int status = gather(g);
    pl_buf_add(&g->list, g->count ? PL_STR("]") : PL_STR("[]"));
    if (status == 0 && g->list.failed)
        status = pl_fail(error, PL_E_ServiceUnavailable);
    if (status == 0)
        status = pl_json_parse_in(&related->c->document, pl_buf_str(&g->list), list, error);
    pl_buf_free(&g->list);
    pl_map_free(&g->seen);
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
    pl_str path;
    bool named; /* the path lies on the dependant */
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
static int add_named_keys(struct dependants *d, pl_str type) {
    engine_evaluating *c = d->c;
    const pl_path *path;
    pl_path_nodes nodes;
    pl_arena_reset(&c->document);
    if (pl_path_compile(&c->document, d->path, PL_PATH_CLOUD_CONFIG, &path, c->error) != 0 ||
        pl_path_select(path, d->change->configuration, &c->document, &nodes, c->error) != 0)
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
            if (pl_str_eq_fold(found[n].resource_type, type) &&
                add_key(d, found[n].resource_key, c->error) != 0)
                return -1;
    }
    return 0;
}

static int visit_linked_dependant(void *context, int64_t key, pl_error *error) {
    return add_key(context, key, error);
}

/* Dependants that name the changed resource: by link, else at the path of each. */
static int add_naming_keys(struct dependants *d, pl_str type) {
    engine_evaluating *c = d->c;
    const inventory_item *item = d->change->item;
    bool known;
    if (engine_links_visit(c->writing.session, c->writing.arena, item->account_id, type, item->resource_type,
                           item->resource_id, &known, visit_linked_dependant, d, c->error) != 0)
        return -1;
    return known ? 0
                 : inventory_scan(c->writing.session, item->account_id, type, 0, INT64_MAX, visit_dependant,
                                  d, c->error);
}

static int gather_dependants(struct dependants *d, const catalogue_type *source, pl_str target, pl_str type) {
    for (size_t i = 0; source && i < source->relation_count; i++) {
        const catalogue_relation *relation = source->relations + i;
        if (!pl_str_eq_fold(relation->target_type, target) || relation->path.n == 0)
            continue;
        d->path = relation->path;
        bool on_dependant = pl_str_eq_fold(relation->path_on, type);
        if ((on_dependant ? add_naming_keys(d, type) : add_named_keys(d, type)) != 0)
            return -1;
    }
    return 0;
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

static int evaluate_type(engine_evaluating *c, const inventory_change *change, const catalogue_type *changed,
                         pl_str type) {
    struct dependants d = {.c = c, .change = change};
    pl_error ignored = {0};
    const catalogue_type *source = catalogue_find_type(c->writing.e->config.catalogue, type, &ignored);
    if (gather_dependants(&d, source, change->item->resource_type, type) != 0 ||
        gather_dependants(&d, changed, type, type) != 0)
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
    pl_error ignored = {0};
    const catalogue *known = c->writing.e->config.catalogue;
    const engine_dependency_types *types =
        dependent_types(c, change->item->account_id, change->item->resource_type);
    if (!types)
        return -1;
    if (types->count == 0 || !known)
        return 0;
    const catalogue_type *changed = catalogue_find_type(known, change->item->resource_type, &ignored);
    for (size_t i = 0; i < types->count; i++)
        if (evaluate_type(c, change, changed, types->types[i]) != 0)
            return -1;
    return 0;
}
