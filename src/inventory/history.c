/*
 * The configuration timeline and earlier configurations: walking back from the present along the stored
 * diffs (reference/evaluation-semantics.md, sections 12.1 and 12.2).
 */
#include "inventory/history.h"

#include "json/parser.h"

/* The walk from the newest node to older ones. `after` is the configuration that stood behind the node. */
struct walking {
    pl_arena *arena;
    pl_json after;
    pl_buf scratch;
    pl_error *error;
};

static int parse(struct walking *w, pl_str text, pl_json *out) {
    *out = PL_JSON_NONE;
    return text.p ? pl_json_parse_in(w->arena, text, out, w->error) : 0;
}

static int begin(struct walking *w, pl_arena *arena, const inventory_resource *resource, pl_error *error) {
    *w = (struct walking){.arena = arena, .error = error};
    pl_buf_init(&w->scratch, 8 * INVENTORY_MAX_CONFIGURATION);
    return parse(w, resource->configuration, &w->after);
}

static pl_str keep(struct walking *w) {
    return w->scratch.failed ? PL_STR_NONE : pl_arena_copy(w->arena, pl_buf_str(&w->scratch));
}

/* Steps over the statement's current node: `*before` is what stood before it. */
static int step_back(struct walking *w, store_statement *st, pl_json *before) {
    inventory_event event = (inventory_event)store_column_i64(st, 1);
    pl_str last = store_column_text(st, 6);
    if (event == INVENTORY_REMOVE) {
        *before = w->after;
        return last.p ? parse(w, last, before) : 0;
    }
    *before = PL_JSON_NONE;
    if (event != INVENTORY_MODIFY)
        return 0;
    pl_json diff;
    if (parse(w, store_column_text(st, 5), &diff) != 0)
        return -1;
    pl_buf_clear(&w->scratch);
    inventory_write_before(&w->scratch, w->after, diff);
    pl_str text = keep(w);
    return text.p ? parse(w, text, before) : pl_fail(w->error, PL_E_ServiceUnavailable);
}

static store_statement *prepare_nodes(store_session *session, const inventory_resource *r, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT capture_time, event, name, zone, tags, diff, configuration FROM resource_history WHERE "
        "account_id = $1 AND resource_key = $2 UNION ALL SELECT capture_time, 1, name, zone, tags, NULL, "
        "NULL" INVENTORY_UNCHANGED_RESOURCE " ORDER BY capture_time DESC",
        error);
    store_bind_text(st, 1, r->account_id);
    store_bind_i64(st, 2, r->resource_key);
    return st;
}

/* The node with the diff written out: creation and removal keep theirs in no column. */
static int read_node(struct walking *w, store_statement *st, pl_json before, inventory_node *out) {
    out->capture_time = store_column_i64(st, 0);
    out->event = (inventory_event)store_column_i64(st, 1);
    out->name = pl_arena_copy(w->arena, store_column_text(st, 2));
    out->zone = pl_arena_copy(w->arena, store_column_text(st, 3));
    out->tags = pl_arena_copy(w->arena, store_column_text(st, 4));
    pl_buf_clear(&w->scratch);
    if (out->event == INVENTORY_MODIFY)
        pl_buf_add(&w->scratch, store_column_text(st, 5));
    else
        inventory_write_diff(&w->scratch, before, out->event == INVENTORY_REMOVE ? PL_JSON_NONE : w->after);
    out->diff = keep(w);
    return out->name.p && out->zone.p && out->tags.p && out->diff.p
               ? 0
               : pl_fail(w->error, PL_E_ServiceUnavailable);
}

static int collect(struct walking *w, store_statement *st, int64_t from, int64_t to, size_t limit,
                   inventory_node *nodes, size_t *count) {
    int row = 0;
    while (*count < limit && (row = store_step(st, w->error)) == 1) {
        pl_json before;
        int64_t captured = store_column_i64(st, 0);
        if (captured < from)
            break;
        if (step_back(w, st, &before) != 0)
            return -1;
        if (captured <= to && read_node(w, st, before, nodes + (*count)++) != 0)
            return -1;
        w->after = before;
    }
    if (row == 1)
        store_reset(st);
    return row < 0 ? -1 : 0;
}

int inventory_timeline(store_session *session, pl_arena *arena, const inventory_resource *resource,
                       int64_t from, int64_t to, size_t limit, inventory_node **nodes, size_t *count,
                       pl_error *error) {
    struct walking w;
    *count = 0;
    *nodes = pl_new(arena, inventory_node, limit ? limit : 1);
    if (!*nodes)
        return pl_fail(error, PL_E_ServiceUnavailable);
    int status = begin(&w, arena, resource, error);
    if (status == 0)
        status = collect(&w, prepare_nodes(session, resource, error), from, to, limit, *nodes, count);
    pl_buf_free(&w.scratch);
    return status;
}

static int walk_to(struct walking *w, store_statement *st, int64_t at, pl_str *configuration) {
    int row;
    while ((row = store_step(st, w->error)) == 1) {
        pl_json before;
        if (store_column_i64(st, 0) <= at) {
            bool gone = store_column_i64(st, 1) == INVENTORY_REMOVE;
            store_reset(st);
            if (gone || !pl_json_exists(w->after))
                return 0;
            pl_buf_clear(&w->scratch);
            pl_json_write(&w->scratch, w->after);
            *configuration = keep(w);
            return configuration->p ? 0 : pl_fail(w->error, PL_E_ServiceUnavailable);
        }
        if (step_back(w, st, &before) != 0)
            return -1;
        w->after = before;
    }
    return row;
}

int inventory_configuration_at(store_session *session, pl_arena *arena, const inventory_resource *resource,
                               int64_t at, pl_str *configuration, pl_error *error) {
    struct walking w;
    *configuration = PL_STR_NONE;
    int status = begin(&w, arena, resource, error);
    if (status == 0)
        status = walk_to(&w, prepare_nodes(session, resource, error), at, configuration);
    pl_buf_free(&w.scratch);
    return status;
}

int inventory_first_capture(store_session *session, const inventory_resource *resource, int64_t *captured,
                            pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT capture_time FROM resource_history WHERE account_id = $1 AND resource_key = $2 "
                      "UNION ALL SELECT "
                      "capture_time" INVENTORY_UNCHANGED_RESOURCE " ORDER BY capture_time LIMIT 1",
                      error);
    store_bind_text(st, 1, resource->account_id);
    store_bind_i64(st, 2, resource->resource_key);
    return store_number(st, captured, error);
}
