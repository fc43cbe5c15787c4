/* Links: what a configuration names, written when it changes, and gathered once for a type that has none yet.
 */
#include "engine/links.h"

enum { BUILD_BATCH = 500, BUILD_ARENA = 256 << 20 };

static int out_of_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

int engine_links_kept(store_session *session, pl_str account_id, pl_str type, bool *any, bool *complete,
                      pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT complete FROM linked_types WHERE account_id = $1 AND from_type = $2", error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, type);
    int step = store_step(st, error);
    *any = step == 1;
    *complete = step == 1 && store_column_i64(st, 0) != 0;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

/* --- What a configuration names --------------------------------------------------------------------------
 */

/* One resource whose links are written. */
struct linking {
    store_session *session;
    const catalogue *known;
    pl_arena *arena; /* reset by the caller for each resource */
    pl_str account_id, type;
    int64_t key;
    pl_json configuration;
    pl_error *error;
};

static int write_link(const struct linking *l, pl_str to_type, pl_str id) {
    return store_run(
        l->session, l->error,
        "INSERT INTO resource_links (account_id, to_type, to_id, from_type, from_key) VALUES ($1, "
        "$2, $3, $4, $5) ON CONFLICT (account_id, to_type, to_id, from_type, from_key) DO NOTHING",
        "tttti", l->account_id, to_type, id, l->type, l->key);
}

static int write_named(const struct linking *l, pl_str to_type, pl_str path_text) {
    const pl_path *path;
    pl_path_nodes nodes;
    if (pl_path_compile(l->arena, path_text, PL_PATH_CLOUD_CONFIG, &path, l->error) != 0 ||
        pl_path_select(path, l->configuration, l->arena, &nodes, l->error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count; i++) {
        pl_str id = pl_json_str(nodes.items[i]);
        if (id.n && write_link(l, to_type, id) != 0)
            return -1;
    }
    return 0;
}

/* Relations whose path lies on the type, from whichever side they are declared. */
static int write_relations(const struct linking *l, const catalogue_type *source) {
    for (size_t i = 0; i < source->relation_count; i++) {
        const catalogue_relation *r = &source->relations[i];
        if (r->path.n == 0 || !pl_str_eq_fold(r->path_on, l->type))
            continue;
        bool own = pl_str_eq_fold(source->name, l->type);
        pl_str other = own ? catalogue_type_name(l->known, r->target_type) : source->name;
        if (!own && !pl_str_eq_fold(r->target_type, l->type))
            continue;
        if (write_named(l, other, r->path) != 0)
            return -1;
    }
    return 0;
}

static int write_all(const struct linking *l) {
    for (size_t i = 0; pl_json_exists(l->configuration) && i < catalogue_type_count(l->known); i++) {
        const catalogue_type *source = catalogue_type_at(l->known, i, l->error);
        if (!source || write_relations(l, source) != 0)
            return -1;
    }
    return 0;
}

static int forget_links(const struct linking *l) {
    return store_run(l->session, l->error,
                     "DELETE FROM resource_links WHERE account_id = $1 AND from_key = $2", "ti",
                     l->account_id, l->key);
}

/* --- Following changes -----------------------------------------------------------------------------------
 */

/* Types of the transaction's changes, so that each is asked for once. */
typedef struct asked_type {
    pl_str account_id, type;
    bool linked;
    struct asked_type *next;
} asked_type;

static int ask_type(engine_evaluating *c, asked_type **asked, const inventory_item *item, bool *linked) {
    bool complete;
    for (const asked_type *at = *asked; at; at = at->next)
        if (pl_str_eq(at->type, item->resource_type) && pl_str_eq(at->account_id, item->account_id)) {
            *linked = at->linked;
            return 0;
        }
    asked_type *made = pl_new(c->writing.arena, asked_type, 1);
    if (!made)
        return out_of_memory(c->error);
    if (engine_links_kept(c->writing.session, item->account_id, item->resource_type, linked, &complete,
                          c->error) != 0)
        return -1;
    *made = (asked_type){item->account_id, item->resource_type, *linked, *asked};
    *asked = made;
    return 0;
}

static int follow(engine_evaluating *c, const inventory_change *change) {
    struct linking l = {.session = c->writing.session,
                        .known = c->writing.e->config.catalogue,
                        .arena = &c->document,
                        .account_id = change->item->account_id,
                        .type = change->item->resource_type,
                        .key = change->resource_key,
                        .configuration = change->configuration,
                        .error = c->error};
    pl_arena_reset(&c->document);
    if (!change->created && forget_links(&l) != 0)
        return -1;
    return change->event == INVENTORY_REMOVE ? 0 : write_all(&l);
}

int engine_links_follow(engine_evaluating *c, const inventory_change *changes, size_t count) {
    asked_type *asked = NULL;
    for (size_t i = 0; i < count; i++) {
        bool linked = false;
        if (changes[i].event == INVENTORY_UNCHANGED)
            continue;
        if (ask_type(c, &asked, changes[i].item, &linked) != 0 || (linked && follow(c, &changes[i]) != 0))
            return -1;
    }
    return 0;
}

/* --- Looking up ------------------------------------------------------------------------------------------
 */

/* The keys of what is looked for: 0, or -1. They are read at once: a visit may use the same statement. */
static int read_links(store_session *session, pl_arena *arena, const engine_link_search *search,
                      int64_t **keys, size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    store_statement *st =
        store_prepare(session,
                      "SELECT from_key FROM resource_links WHERE account_id = $1 AND to_type "
                      "= $2 AND to_id = $3 AND from_type = $4 ORDER BY from_key",
                      error);
    store_bind_text(st, 1, search->account_id);
    store_bind_text(st, 2, search->to_type);
    store_bind_text(st, 3, search->to_id);
    store_bind_text(st, 4, search->from_type);
    *keys = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        int64_t *grown = pl_arena_grow(arena, *keys, *count, &capacity, sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        *keys = grown;
        grown[(*count)++] = store_column_i64(st, 0);
    }
    return step;
}

int engine_links_visit(store_session *session, pl_arena *arena, const engine_link_search *search, bool *known,
                       pl_error *error) {
    bool any;
    int64_t *keys;
    size_t count;
    if (engine_links_kept(session, search->account_id, search->from_type, &any, known, error) != 0)
        return -1;
    if (!*known)
        return 0;
    if (read_links(session, arena, search, &keys, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (search->visit(search->context, keys[i], error) != 0)
            return -1;
    return 0;
}

/* --- Building --------------------------------------------------------------------------------------------
 */

struct building {
    engine *e;
    pl_str account_id, type;
    int64_t after, last; /* done before this batch; its last key */
    size_t seen;
    pl_arena arena;
    store_session *session;
};

static int link_resource(void *context, const inventory_resource *r, pl_error *error) {
    struct building *b = context;
    struct linking l = {.session = b->session,
                        .known = b->e->config.catalogue,
                        .arena = &b->arena,
                        .account_id = b->account_id,
                        .type = b->type,
                        .key = r->resource_key,
                        .configuration = PL_JSON_NONE,
                        .error = error};
    pl_arena_reset(&b->arena);
    b->last = r->resource_key;
    b->seen++;
    if (r->configuration.p && pl_json_parse_in(&b->arena, r->configuration, &l.configuration, error) != 0)
        return -1;
    return write_all(&l);
}

static int set_linked(store_session *session, const struct building *b, bool complete, pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO linked_types (account_id, from_type, complete) VALUES ($1, $2, $3) ON "
                     "CONFLICT (account_id, from_type) DO UPDATE SET complete = excluded.complete",
                     "tti", b->account_id, b->type, (int64_t)complete);
}

static int build_work(store_session *session, void *argument, pl_error *error) {
    struct building *b = argument;
    b->session = session;
    b->seen = 0;
    b->last = b->after;
    if (set_linked(session, b, false, error) != 0 ||
        inventory_scan(session, b->account_id, b->type, b->after, BUILD_BATCH, link_resource, b, error) != 0)
        return -1;
    return b->seen < BUILD_BATCH ? set_linked(session, b, true, error) : 0;
}

int engine_links_build(engine *e, pl_str account_id, pl_str from_type, pl_error *error) {
    struct building b = {.e = e, .account_id = account_id, .type = from_type};
    int status;
    pl_arena_init(&b.arena, BUILD_ARENA);
    do {
        b.after = b.last;
        status = store_write(e->config.store, build_work, &b, error);
    } while (status == 0 && b.seen == BUILD_BATCH);
    pl_arena_free(&b.arena);
    return status;
}
