/* Tags of what the room owns: rows of directory_tags. */
#include "org/internal.h"

int org_read_tags(store_session *session, pl_arena *arena, pl_str owner_id, pl_str resource_type,
                  pl_str resource_id, org_tags *tags, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT tag_key, tag_value FROM directory_tags WHERE account_id = $1 "
                                        "AND resource_type = $2 AND resource_id = $3 ORDER BY tag_key",
                                        error);
    store_bind_text(st, 1, owner_id);
    store_bind_text(st, 2, resource_type);
    store_bind_text(st, 3, resource_id);
    org_tag *items = NULL;
    size_t capacity = 0;
    int step;
    tags->count = 0;
    while ((step = store_step(st, error)) == 1) {
        items = pl_arena_grow(arena, items, tags->count, &capacity, sizeof *items);
        if (!items)
            return org_no_memory(error);
        items[tags->count++] = (org_tag){pl_arena_copy(arena, store_column_text(st, 0)),
                                         pl_arena_copy(arena, store_column_text(st, 1))};
    }
    tags->items = items;
    return step;
}

int org_put_tags(store_session *session, pl_str owner_id, pl_str resource_type, pl_str resource_id,
                 const org_tags *tags, pl_error *error) {
    for (size_t i = 0; i < tags->count; i++) {
        pl_str value = tags->items[i].value.p ? tags->items[i].value : PL_STR("");
        if (store_run(session, error,
                      "INSERT INTO directory_tags (account_id, resource_type, resource_id, tag_key, tag_value) "
                      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, resource_type, resource_id, "
                      "tag_key) DO UPDATE SET tag_value = excluded.tag_value",
                      "ttttt", owner_id, resource_type, resource_id, tags->items[i].key, value))
            return -1;
    }
    return 0;
}

int org_drop_tags(store_session *session, pl_str owner_id, pl_str resource_type, pl_str resource_id,
                  pl_error *error) {
    return store_run(
        session, error,
        "DELETE FROM directory_tags WHERE account_id = $1 AND resource_type = $2 AND resource_id = $3", "ttt",
        owner_id, resource_type, resource_id);
}
