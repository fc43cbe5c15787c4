/*
 * The compiled policies of users and roles, with a memory in front of the store: a policy is parsed when a
 * principal is first seen after a change, not per request.
 */
#include "identity/internal.h"

#include "base/memory.h"

#include <stdio.h>

static void free_principal(identity_known_principal *known) {
    pl_policy_set_release(known->account_wide);
    pl_policy_set_release(known->by_group);
    pl_free(known->key);
    pl_free(known);
}

void identity_principals_forget(identity *room) {
    size_t cursor = 0;
    pl_str key;
    void *known;
    while (pl_map_next(&room->principals, &cursor, &key, &known))
        free_principal(known);
    pl_map_clear(&room->principals);
}

typedef struct sources {
    pl_policy_source *items;
    size_t count, capacity;
} sources;

typedef struct lookup {
    identity *room;
    const identity_caller *caller;
    const char *kind; /* "user" or "role" */
    pl_arena arena;
    sources account_wide, by_group;
    bool exists;
} lookup;

static int add_source(lookup *l, sources *list, pl_policy_kind kind, pl_str name, pl_str text,
                      pl_error *error) {
    pl_policy_source *items =
        pl_arena_grow(&l->arena, list->items, list->count, &list->capacity, sizeof *items);
    if (!items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    list->items = items;
    items[list->count++] =
        (pl_policy_source){kind, pl_arena_copy(&l->arena, name), pl_arena_copy(&l->arena, text)};
    return l->arena.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* A row: policy type, policy name, resource group, document (custom policies). */
static int add_attachment(lookup *l, store_statement *row, pl_error *error) {
    pl_str name = store_column_text(row, 1), group = store_column_text(row, 2),
           text = store_column_text(row, 3);
    bool system = pl_str_is(store_column_text(row, 0), "System");
    const identity_system_policy *shipped = system ? identity_system_policy_find(name) : NULL;
    if (shipped)
        text = shipped->document;
    if (!text.p)
        return 0;
    pl_policy_kind kind = system ? PL_POLICY_SYSTEM : PL_POLICY_IDENTITY;
    if (!group.n)
        return add_source(l, &l->account_wide, kind, name, text, error);
    pl_str scoped = pl_arena_printf(&l->arena, "%.*s/%.*s", PL_FMT(group), PL_FMT(name));
    return add_source(l, &l->by_group, kind, scoped, text, error);
}

static int read_attachments(lookup *l, store_session *session, pl_error *error) {
    store_statement *rows = store_prepare(
        session,
        "SELECT a.policy_type, a.policy_name, a.resource_group_id, v.document FROM identity_attachments a "
        "LEFT JOIN identity_policies p ON p.account_id = a.account_id AND p.policy_name = a.policy_name "
        "LEFT JOIN identity_policy_versions v ON v.account_id = p.account_id AND v.policy_name = "
        "p.policy_name "
        "AND v.version = p.default_version "
        "WHERE a.account_id = $1 AND ((a.principal_kind = $2 AND a.principal_name = $3) "
        "OR (a.principal_kind = 'group' AND $2 = 'user' AND a.principal_name IN "
        "(SELECT m.group_name FROM identity_group_members m WHERE m.account_id = $1 AND m.user_name = $3))) "
        "ORDER BY a.principal_kind, a.principal_name, a.policy_type, a.policy_name, a.resource_group_id",
        error);
    store_bind_text(rows, 1, l->caller->account_id);
    store_bind_text(rows, 2, pl_str_from(l->kind));
    store_bind_text(rows, 3, l->caller->name);
    int step;
    while ((step = store_step(rows, error)) == 1)
        if (add_attachment(l, rows, error) != 0)
            return -1;
    return step;
}

static int lookup_work(store_session *session, void *argument, pl_error *error) {
    lookup *l = argument;
    bool user = strcmp(l->kind, "user") == 0;
    store_statement *row =
        store_prepare(session,
                      user ? "SELECT user_id FROM identity_users WHERE account_id = $1 AND user_name = $2"
                           : "SELECT role_id FROM identity_roles WHERE account_id = $1 AND role_name = $2",
                      error);
    store_bind_text(row, 1, l->caller->account_id);
    store_bind_text(row, 2, l->caller->name);
    int step = store_step(row, error);
    if (step < 0)
        return -1;
    /* A new role of the same name is another role. */
    l->exists = step == 1 && pl_str_eq(store_column_text(row, 0), l->caller->principal_id);
    return l->exists ? read_attachments(l, session, error) : 0;
}

static int compile(identity *room, const sources *list, pl_policy_set **set, pl_error *error) {
    size_t bad;
    *set = NULL;
    return list->count ? pl_policy_set_compile(list->items, list->count, room->seed, set, &bad, error) : 0;
}

static identity_known_principal *build(lookup *l, pl_str key, uint64_t generation, pl_error *error) {
    identity_known_principal *known = pl_calloc(1, sizeof *known);
    if (!known) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return NULL;
    }
    known->generation = generation;
    known->exists = l->exists;
    known->key = pl_malloc(key.n);
    if (known->key && compile(l->room, &l->account_wide, &known->account_wide, error) == 0 &&
        compile(l->room, &l->by_group, &known->by_group, error) == 0) {
        memcpy(known->key, key.p, key.n);
        return known;
    }
    if (!known->key)
        pl_fail(error, PL_E_ServiceUnavailable);
    free_principal(known);
    return NULL;
}

static int remember(identity *room, pl_str key, identity_known_principal *known, pl_error *error) {
    pthread_rwlock_wrlock(&room->lock);
    if (room->principals.count >= IDENTITY_REMEMBERED_MAX)
        identity_principals_forget(room);
    identity_known_principal *old = pl_map_remove(&room->principals, key);
    if (old)
        free_principal(old);
    bool kept = pl_map_put(&room->principals, pl_str_of(known->key, key.n), known);
    pthread_rwlock_unlock(&room->lock);
    if (kept)
        return 0;
    free_principal(known);
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static bool recall(identity *room, pl_str key, pl_policy_set **account_wide, pl_policy_set **by_group,
                   bool *exists) {
    pthread_rwlock_rdlock(&room->lock);
    identity_known_principal *known = pl_map_get(&room->principals, key);
    bool fresh = known && known->generation == atomic_load(&room->generation);
    if (fresh) {
        *exists = known->exists;
        *account_wide = known->account_wide ? pl_policy_set_retain(known->account_wide) : NULL;
        *by_group = known->by_group ? pl_policy_set_retain(known->by_group) : NULL;
    }
    pthread_rwlock_unlock(&room->lock);
    return fresh;
}

static int load(identity *room, const identity_caller *caller, const char *kind, pl_str key,
                pl_error *error) {
    uint64_t generation = atomic_load(&room->generation);
    lookup l = {.room = room, .caller = caller, .kind = kind};
    pl_arena_init(&l.arena, (size_t)64 << 20);
    identity_known_principal *known = NULL;
    if (store_read(room->config.store, lookup_work, &l, error) == 0)
        known = build(&l, key, generation, error);
    pl_arena_free(&l.arena);
    return known ? remember(room, key, known, error) : -1;
}

int identity_principal_sets(identity *room, const identity_caller *caller, pl_policy_set **account_wide,
                            pl_policy_set **by_group, bool *exists, pl_error *error) {
    char text[512];
    const char *kind = caller->kind == IDENTITY_USER ? "user" : "role";
    int n = snprintf(text, sizeof text, "%.*s\n%s\n%.*s\n%.*s", PL_FMT(caller->account_id), kind,
                     PL_FMT(caller->name), PL_FMT(caller->principal_id));
    if (n < 0 || (size_t)n >= sizeof text)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str key = pl_str_of(text, (size_t)n);
    for (int attempt = 0; attempt < 8; attempt++) {
        if (recall(room, key, account_wide, by_group, exists))
            return 0;
        if (load(room, caller, kind, key, error) != 0)
            return -1;
    }
    return pl_fail(error, PL_E_ServiceUnavailable);
}
