/* Tags of what the room owns: rows of directory_tags. */
#include "org/work.h"

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
        if (store_run(
                session, error,
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

/* --- Tagging by name -------------------------------------------------------------------------------------
 */

static bool group_exists(const org_change *change, pl_str id) {
    bool owner;
    return org_find_group(change->before, change->caller->account_id, id, &owner) && owner;
}

static int resource_group_exists(const org_change *change, pl_str id, pl_error *error) {
    store_statement *st = store_prepare(
        change->session, "SELECT 1 FROM resource_groups WHERE account_id = $1 AND group_id = $2", error);
    store_bind_text(st, 1, change->caller->account_id);
    store_bind_text(st, 2, id);
    int step = store_step(st, error);
    store_reset(st);
    return step < 0 ? -1 : step == 1 ? 0 : pl_fail(error, PL_E_EntityNotExists_ResourceGroup);
}

static int need_object(const org_change *change, pl_str type, pl_str id, pl_error *error) {
    const org_node *node = org_find_node(change->before, id);
    bool own = node && change->directory && node->directory == change->directory;
    if (pl_str_is(type, ORG_TAG_RESOURCE_GROUP))
        return resource_group_exists(change, id, error);
    if (pl_str_is(type, ORG_TAG_GROUP))
        return group_exists(change, id) ? 0 : pl_fail(error, PL_E_Invalid_AggregatorId_Value);
    if (org_need_directory(change, error))
        return -1;
    if (pl_str_is(type, ORG_TAG_FOLDER))
        return own && !node->account ? 0 : pl_fail(error, PL_E_EntityNotExists_Folder);
    if (pl_str_is(type, ORG_TAG_ACCOUNT))
        return own && node->account ? 0 : pl_fail(error, PL_E_EntityNotExists_Account);
    return org_find_policy(change->directory, id) ? 0 : pl_fail(error, PL_E_EntityNotExists_ControlPolicy);
}

static int tag_work(org_change *change, void *argument, pl_error *error) {
    const org_tagging *t = argument;
    pl_str owner = change->caller->account_id;
    for (size_t i = 0; i < t->id_count; i++) {
        org_tags now;
        if (need_object(change, t->type, t->ids[i], error) ||
            org_put_tags(change->session, owner, t->type, t->ids[i], &t->tags, error) ||
            org_read_tags(change->session, change->caller->arena, owner, t->type, t->ids[i], &now, error))
            return -1;
        if (now.count > ORG_TAGS_PER_RESOURCE)
            return pl_failf(error, PL_E_InvalidParameter_Tag, "A resource can have at most %d tags.",
                            ORG_TAGS_PER_RESOURCE);
    }
    change->touched = !pl_str_is(t->type, ORG_TAG_RESOURCE_GROUP);
    return 0;
}

int org_tag_resources(org *o, const org_caller *caller, const org_tagging *tagging, pl_error *error) {
    return org_write(o, caller, tag_work, (void *)(uintptr_t)tagging, NULL, error);
}

static int untag_work(org_change *change, void *argument, pl_error *error) {
    const org_tagging *t = argument;
    pl_str owner = change->caller->account_id;
    for (size_t i = 0; i < t->id_count; i++) {
        if (need_object(change, t->type, t->ids[i], error) ||
            (t->all && org_drop_tags(change->session, owner, t->type, t->ids[i], error)))
            return -1;
        for (size_t k = 0; k < t->key_count; k++) {
            if (store_run(change->session, error,
                          "DELETE FROM directory_tags WHERE account_id = $1 AND resource_type = $2 "
                          "AND resource_id = $3 AND tag_key = $4",
                          "tttt", owner, t->type, t->ids[i], t->keys[k]))
                return -1;
        }
    }
    change->touched = !pl_str_is(t->type, ORG_TAG_RESOURCE_GROUP);
    return 0;
}

int org_untag_resources(org *o, const org_caller *caller, const org_tagging *tagging, pl_error *error) {
    return org_write(o, caller, untag_work, (void *)(uintptr_t)tagging, NULL, error);
}

/* --- Listing ---------------------------------------------------------------------------------------------
 */

typedef struct tag_list {
    const org_caller *caller;
    pl_str type;
    org_tag_row *rows;
    size_t count, capacity;
} tag_list;

static int list_run(store_session *session, void *argument, pl_error *error) {
    tag_list *l = argument;
    pl_arena *arena = l->caller->arena;
    store_statement *st = store_prepare(session,
                                        "SELECT resource_id, tag_key, tag_value FROM directory_tags "
                                        "WHERE account_id = $1 AND resource_type = $2 "
                                        "ORDER BY resource_id, tag_key",
                                        error);
    store_bind_text(st, 1, l->caller->account_id);
    store_bind_text(st, 2, l->type);
    int step;
    l->count = 0;
    while ((step = store_step(st, error)) == 1) {
        org_tag_row *grown = pl_arena_grow(arena, l->rows, l->count, &l->capacity, sizeof *grown);
        if (!grown)
            return org_no_memory(error);
        l->rows = grown;
        grown[l->count++] = (org_tag_row){pl_arena_copy(arena, store_column_text(st, 0)),
                                          pl_arena_copy(arena, store_column_text(st, 1)),
                                          pl_arena_copy(arena, store_column_text(st, 2))};
    }
    return step < 0 ? -1 : arena->failed ? org_no_memory(error) : 0;
}

int org_list_tags(org *o, const org_caller *caller, pl_str resource_type, org_tag_row **rows, size_t *count,
                  pl_error *error) {
    tag_list l = {.caller = caller, .type = resource_type};
    if (store_read(o->config.store, list_run, &l, error))
        return -1;
    *rows = l.rows;
    *count = l.count;
    return 0;
}
