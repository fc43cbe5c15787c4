/*
 * Related resources: what the source RELATED:<type> sees. A relation of the catalogue names a type and the
 * JSONPath of the property that carries the other one's id, on either side.
 */
#include "engine/evaluate.h"
#include "engine/links.h"

#include "base/map.h"
#include "inventory/relation.h"

enum { MAX_RELATED = 100000, SEEK_ARENA = 64 << 20 };

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
int engine_names_id(pl_arena *arena, pl_str configuration, pl_str path, pl_str id, bool *names,
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
    if (engine_names_id(of->arena, r->configuration, n->path, of->resource->resource_id, &names, error) != 0)
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

static engine_link_search links_to(const inventory_resource *named, pl_str from_type,
                                   int (*visit)(void *, int64_t, pl_error *), void *context) {
    return (engine_link_search){.from_type = from_type,
                                .account_id = named->account_id,
                                .to_type = named->resource_type,
                                .to_id = named->resource_id,
                                .visit = visit,
                                .context = context};
}

/* Resources of the type whose configuration carries the subject's id: by link, else at `path` of each. */
static int add_naming(struct gathering *g, pl_str path) {
    struct naming n = {g, path};
    const engine_relating *of = g->of;
    const inventory_resource *subject = of->resource;
    pl_str type = catalogue_type_name(of->e->config.catalogue, g->type);
    engine_link_search search = links_to(subject, type, visit_linked, g);
    bool known;
    if (engine_links_visit(of->session, of->arena, &search, &known, g->error) != 0)
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
    if (engine_names_id(&s->scratch, r->configuration, s->path, s->of->resource->resource_id, &names,
                        error) != 0)
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
    engine_link_search search = links_to(named, type, seek_linked, &s);
    int status = engine_links_visit(of->session, of->arena, &search, &known, error);
    if (status == 0 && !known)
        status = inventory_scan(of->session, named->account_id, type, 0, INT64_MAX, seek_scanned, &s, error);
    pl_arena_free(&s.scratch);
    return status;
}
