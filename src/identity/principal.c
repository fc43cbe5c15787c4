/*
 * The compiled policies of users and roles, with a memory in front of the store: a policy is parsed when a
 * principal is first seen after a change, not per request.
 */
#include "identity/internal.h"

#include "base/memory.h"

#include <stdio.h>

void identity_principal_close(identity_principal *known) {
    if (!known || atomic_fetch_sub(&known->references, 1) != 1)
        return;
    pl_policy_set_release(known->account_wide.set);
    for (size_t i = 0; i < known->group_count; i++)
        pl_policy_set_release(known->groups[i].set);
    pl_arena_free(&known->arena);
    pl_free(known);
}

void identity_principals_forget(identity *room) {
    size_t cursor = 0;
    pl_str key;
    void *known;
    while (pl_map_next(&room->principals, &cursor, &key, &known))
        identity_principal_close(known);
    pl_map_clear(&room->principals);
}

/* Policies of one scope on their way to a set. */
typedef struct sources {
    pl_str resource_group_id;
    pl_policy_source *items;
    identity_origin *origins;
    size_t count, capacity, origin_capacity;
} sources;

typedef struct lookup {
    identity *room;
    const identity_caller *caller;
    const char *kind; /* "user" or "role" */
    pl_arena arena;   /* of the policies' texts, until they are compiled */
    sources *scopes;  /* the first is the whole account */
    size_t scope_count, scope_capacity;
    bool exists;
} lookup;

static sources *scope_of(lookup *l, pl_str group) {
    for (size_t i = 0; i < l->scope_count; i++)
        if (pl_str_eq(l->scopes[i].resource_group_id, group))
            return &l->scopes[i];
    sources *scopes = pl_arena_grow(&l->arena, l->scopes, l->scope_count, &l->scope_capacity, sizeof *scopes);
    if (!scopes)
        return NULL;
    l->scopes = scopes;
    scopes[l->scope_count] = (sources){.resource_group_id = pl_arena_copy(&l->arena, group)};
    return &scopes[l->scope_count++];
}

static int add_source(lookup *l, sources *list, pl_policy_source source, identity_origin origin,
                      pl_error *error) {
    pl_policy_source *items =
        list ? pl_arena_grow(&l->arena, list->items, list->count, &list->capacity, sizeof *items) : NULL;
    identity_origin *origins =
        items ? pl_arena_grow(&l->arena, list->origins, list->count, &list->origin_capacity, sizeof *origins)
              : NULL;
    if (!origins)
        return pl_fail(error, PL_E_ServiceUnavailable);
    source.name = pl_arena_copy(&l->arena, source.name);
    source.text = pl_arena_copy(&l->arena, source.text);
    list->items = items;
    list->origins = origins;
    items[list->count] = source;
    origins[list->count++] = origin;
    return l->arena.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static const char *entity_of(pl_str kind) {
    return pl_str_is(kind, "user") ? "RamUser" : pl_str_is(kind, "group") ? "RamGroup" : "RamRole";
}

/* A row: policy type, name, resource group, document and version (custom policies), principal kind. */
static int add_attachment(lookup *l, store_statement *row, pl_error *error) {
    pl_str name = store_column_text(row, 1), text = store_column_text(row, 3);
    bool system = pl_str_is(store_column_text(row, 0), "System");
    const identity_system_policy *shipped = system ? identity_system_policy_find(name) : NULL;
    if (shipped)
        text = shipped->document;
    if (!text.p)
        return pl_failf(error, PL_E_InternalError, "The attached policy %.*s is not there.", PL_FMT(name));
    pl_policy_source source = {system ? PL_POLICY_SYSTEM : PL_POLICY_IDENTITY, name, text};
    pl_str version =
        system ? PL_STR("") : pl_arena_printf(&l->arena, "v%lld", (long long)store_column_i64(row, 4));
    identity_origin origin = {version, entity_of(store_column_text(row, 5))};
    return add_source(l, scope_of(l, store_column_text(row, 2)), source, origin, error);
}

static int read_attachments(lookup *l, store_session *session, pl_error *error) {
    store_statement *rows = store_prepare(
        session,
        "SELECT a.policy_type, a.policy_name, a.resource_group_id, v.document, v.version, a.principal_kind "
        "FROM identity_attachments a "
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
    pl_arena_reset(&l->arena);
    l->scopes = NULL;
    l->scope_count = l->scope_capacity = 0;
    if (!scope_of(l, PL_STR("")))
        return pl_fail(error, PL_E_ServiceUnavailable);
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

static int compile(identity *room, pl_arena *arena, const sources *from, identity_scoped_set *to,
                   pl_error *error) {
    size_t bad;
    if (from->count == 0)
        return 0;
    identity_origin *origins = pl_new(arena, identity_origin, from->count);
    if (!origins)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < from->count; i++)
        origins[i] =
            (identity_origin){pl_arena_copy(arena, from->origins[i].version), from->origins[i].entity};
    to->origins = origins;
    to->resource_group_id = pl_arena_copy(arena, from->resource_group_id);
    if (arena->failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return pl_policy_set_compile(from->items, from->count, room->seed, &to->set, &bad, error);
}

static int compile_all(lookup *l, identity_principal *known, pl_error *error) {
    if (compile(l->room, &known->arena, &l->scopes[0], &known->account_wide, error) != 0)
        return -1;
    known->groups = pl_new(&known->arena, identity_scoped_set, l->scope_count);
    if (!known->groups)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 1; i < l->scope_count; i++) {
        if (compile(l->room, &known->arena, &l->scopes[i], &known->groups[known->group_count], error) != 0)
            return -1;
        known->group_count++;
    }
    return 0;
}

static identity_principal *build(lookup *l, pl_str key, uint64_t generation, pl_error *error) {
    identity_principal *known = pl_calloc(1, sizeof *known);
    if (!known) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return NULL;
    }
    atomic_init(&known->references, 1);
    known->generation = generation;
    known->exists = l->exists;
    pl_arena_init(&known->arena, (size_t)64 << 20);
    known->key = pl_arena_copy(&known->arena, key);
    if (compile_all(l, known, error) == 0 && !known->arena.failed)
        return known;
    if (known->arena.failed)
        pl_fail(error, PL_E_ServiceUnavailable);
    identity_principal_close(known);
    return NULL;
}

static int remember(identity *room, identity_principal *known, pl_error *error) {
    pthread_rwlock_wrlock(&room->lock);
    if (room->principals.count >= IDENTITY_REMEMBERED_MAX)
        identity_principals_forget(room);
    identity_principal_close(pl_map_remove(&room->principals, known->key));
    bool kept = pl_map_put(&room->principals, known->key, known);
    pthread_rwlock_unlock(&room->lock);
    if (kept)
        return 0;
    identity_principal_close(known);
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static identity_principal *recall(identity *room, pl_str key) {
    pthread_rwlock_rdlock(&room->lock);
    identity_principal *known = pl_map_get(&room->principals, key);
    if (known && known->generation == atomic_load(&room->generation))
        atomic_fetch_add(&known->references, 1);
    else
        known = NULL;
    pthread_rwlock_unlock(&room->lock);
    return known;
}

/* What was read is as new as the call, even if a change has outdated it for the next one. */
static int load(identity *room, const identity_caller *caller, const char *kind, pl_str key,
                identity_principal **principal, pl_error *error) {
    uint64_t generation = atomic_load(&room->generation);
    lookup l = {.room = room, .caller = caller, .kind = kind};
    pl_arena_init(&l.arena, (size_t)64 << 20);
    identity_principal *known = NULL;
    if (store_read(room->config.store, lookup_work, &l, error) == 0)
        known = build(&l, key, generation, error);
    pl_arena_free(&l.arena);
    if (!known)
        return -1;
    atomic_fetch_add(&known->references, 1); /* the caller's; the other is of the memory of principals */
    if (remember(room, known, error) == 0) {
        *principal = known;
        return 0;
    }
    identity_principal_close(known);
    return -1;
}

int identity_principal_open(identity *room, const identity_caller *caller, identity_principal **principal,
                            pl_error *error) {
    char text[512];
    const char *kind = caller->kind == IDENTITY_USER ? "user" : "role";
    int n = snprintf(text, sizeof text, "%.*s\n%s\n%.*s\n%.*s", PL_FMT(caller->account_id), kind,
                     PL_FMT(caller->name), PL_FMT(caller->principal_id));
    if (n < 0 || (size_t)n >= sizeof text)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str key = pl_str_of(text, (size_t)n);
    *principal = recall(room, key);
    return *principal ? 0 : load(room, caller, kind, key, principal, error);
}

/* acs:<code>:<region>:<account>:resourcegroup/<id>, the id up to a further slash. */
static pl_str resource_group_of(pl_str resource) {
    pl_str part, prefix = PL_STR("resourcegroup/");
    for (int i = 0; i < 4; i++)
        if (!pl_str_split(&resource, ':', &part))
            return PL_STR_NONE;
    if (!resource.p || !pl_str_starts(resource, prefix))
        return PL_STR_NONE;
    resource = pl_str_skip(resource, prefix.n);
    return pl_str_head(resource, pl_str_find_char(resource, '/'));
}

const identity_scoped_set *identity_principal_group(const identity_principal *principal, pl_str resource) {
    pl_str id = principal && principal->group_count ? resource_group_of(resource) : PL_STR_NONE;
    for (size_t i = 0; id.n && i < principal->group_count; i++)
        if (pl_str_eq(principal->groups[i].resource_group_id, id))
            return &principal->groups[i];
    return NULL;
}
