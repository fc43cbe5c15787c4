/* Moving recorded resources into other groups: as configuration items that say the same but for the group. */
#include "engine/grouping_work.h"

#include "engine/private.h"

enum { ARENA_LIMIT = 512 << 20, PAGE = 200, LIST_SIZE = 256 << 20 };

static int ingest_list(engine *e, pl_arena *arena, pl_buf *list, bool place, int64_t now, pl_error *error) {
    inventory_item *items;
    engine_ingested done;
    size_t count;
    if (list->n == 0 && !list->failed)
        return 0;
    return engine_parse_moved(arena, list, &items, &count, error) ||
                   engine_ingest_placed(e, items, count, place, now, &done, error)
               ? -1
               : 0;
}

int engine_move_resource(engine *e, const inventory_resource *resource, pl_str group_id, int64_t now,
                         pl_error *error) {
    pl_arena arena;
    pl_buf list;
    pl_arena_init(&arena, ARENA_LIMIT);
    pl_buf_init(&list, LIST_SIZE);
    engine_write_moved(&list, resource, group_id);
    int result = ingest_list(e, &arena, &list, false, now, error);
    pl_buf_free(&list);
    pl_arena_free(&arena);
    return result;
}

/* --- What is recorded already ----------------------------------------------------------------------------
 */

typedef struct walk {
    engine *e;
    pl_arena arena; /* of one page */
    pl_arena kept;  /* the type at hand */
    pl_str account_id, type;
    int64_t after, now;
    size_t seen;
    engine_grouping *grouping;
    pl_buf list;
} walk;

static int visit(void *context, const inventory_resource *r, pl_error *error) {
    walk *w = context;
    inventory_resource copy = *r;
    w->after = r->resource_key;
    w->seen++;
    copy.account_id = w->account_id;
    if (inventory_copy_resource(&w->arena, &copy, error))
        return -1;
    return engine_grouping_move_existing(w->grouping, &copy, &w->list, error);
}

static int page_run(store_session *session, void *argument, pl_error *error) {
    walk *w = argument;
    pl_arena_reset(&w->arena);
    pl_buf_clear(&w->list);
    w->seen = 0;
    if (engine_grouping_begin(&w->grouping, w->e, session, &w->arena, w->now, true, error))
        return -1;
    int result =
        inventory_scan(session, w->account_id, w->type, w->after, PAGE, visit, w, error) < 0 ? -1 : 0;
    engine_grouping_end(w->grouping);
    return result;
}

static int next_type_run(store_session *session, void *argument, pl_error *error) {
    walk *w = argument;
    return inventory_next_type(session, &w->kept, w->account_id, w->type, &w->type, error);
}

static int walk_type(walk *w, pl_error *error) {
    w->after = 0;
    do {
        if (store_read(w->e->config.store, page_run, w, error) ||
            ingest_list(w->e, &w->arena, &w->list, true, w->now, error))
            return -1;
    } while (w->seen == PAGE);
    return 0;
}

int engine_group_existing(engine *e, pl_str account_id, int64_t now, pl_error *error) {
    walk w = {.e = e, .account_id = account_id, .type = PL_STR(""), .now = now};
    int result;
    pl_arena_init(&w.arena, ARENA_LIMIT);
    pl_arena_init(&w.kept, 1 << 20);
    pl_buf_init(&w.list, LIST_SIZE);
    while ((result = store_read(e->config.store, next_type_run, &w, error)) == 0 && w.type.p)
        if ((result = walk_type(&w, error)) != 0)
            break;
    pl_buf_free(&w.list);
    pl_arena_free(&w.kept);
    pl_arena_free(&w.arena);
    if (result == 0)
        engine_after_commit(e);
    return result;
}
