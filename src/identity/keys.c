/*
 * Access keys: making, finding with a memory in front of the store, when they were used last.
 *
 * The memory holds secrets in the clear, as the signature check needs them; it is wiped when it is forgotten.
 */
#include "identity/internal.h"

#include "base/memory.h"

#include <stdio.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static int fill_new(identity *room, identity_root *key, pl_error *error) {
    const pl_random *random = &room->config.random;
    pl_str alphabet = pl_str_of(letters, sizeof letters - 1);
    int result = 0;
    if (!key->access_key_id[0]) {
        memcpy(key->access_key_id, "LTAI5t", 6);
        result |= pl_random_text(random, key->access_key_id + 6, 18, alphabet);
    }
    if (!key->access_key_secret[0])
        result |= pl_random_text(random, key->access_key_secret, 30, alphabet);
    return result == 0 ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int insert(store_session *session, pl_str account_id, pl_str id, pl_str user_name, pl_str sealed,
                  int64_t now, pl_error *error) {
    if (store_run(session, error,
                  "INSERT INTO identity_key_owners (access_key_id, account_id) VALUES ($1, $2)", "tt", id,
                  account_id) != 0)
        return -1;
    return store_run(
        session, error,
        "INSERT INTO identity_access_keys (account_id, access_key_id, user_name, secret, status, "
        "created_at) VALUES ($1, $2, $3, $4, 'Active', $5)",
        "tttbi", account_id, id, user_name, sealed, now);
}

int identity_key_create(identity *room, store_session *session, pl_str account_id, pl_str user_name,
                        int64_t now, identity_root *out, pl_error *error) {
    char bound[256];
    pl_buf sealed;
    if (identity_seal_ready(room, session, error) != 0 || fill_new(room, out, error) != 0)
        return -1;
    snprintf(out->account_id, sizeof out->account_id, "%.*s", PL_FMT(account_id));
    pl_str id = pl_str_from(out->access_key_id);
    pl_buf_init(&sealed, 1024);
    int result = identity_seal(room, &sealed, pl_str_from(out->access_key_secret),
                               identity_key_bound(bound, sizeof bound, account_id, id));
    result = result != 0 ? pl_fail(error, PL_E_ServiceUnavailable)
                         : insert(session, account_id, id, user_name, pl_buf_str(&sealed), now, error);
    pl_buf_free(&sealed);
    return result == 0 ? identity_changed(room, session, account_id, error) : -1;
}

/* --- The memory ------------------------------------------------------------------------------------------
 */

static void free_key(identity_known_key *key) {
    explicit_bzero((char *)(uintptr_t)key->secret.p, key->secret.n);
    pl_free(key);
}

void identity_keys_forget(identity *room) {
    size_t cursor = 0;
    pl_str id;
    void *key;
    while (pl_map_next(&room->keys, &cursor, &id, &key))
        free_key(key);
    pl_map_clear(&room->keys);
}

static pl_str put_text(char **at, pl_str s) {
    char *copy = *at;
    if (s.n)
        memcpy(copy, s.p, s.n);
    *at += s.n;
    return pl_str_of(copy, s.n);
}

typedef struct lookup {
    identity *room;
    pl_str access_key_id;
    uint64_t generation;
    identity_known_key *found; /* NULL: there is no such key */
    bool sealed_otherwise;     /* with another key than the one in memory */
} lookup;

static const pl_str arn_head = PL_STR_INIT("acs:ram::");

static int keep_row(lookup *l, store_statement *row, pl_error *error) {
    char bound[256];
    pl_buf secret;
    pl_str account_id = store_column_text(row, 0), user_name = store_column_text(row, 1);
    pl_str user_id = store_column_text(row, 4);
    pl_buf_init(&secret, 1024);
    if (identity_unseal(l->room, &secret, store_column_blob(row, 2),
                        identity_key_bound(bound, sizeof bound, account_id, l->access_key_id)) != 0) {
        pl_buf_free(&secret);
        l->sealed_otherwise = true;
        return pl_failf(error, PL_E_ServiceUnavailable,
                        "the secret of key %.*s was sealed with another key file", PL_FMT(l->access_key_id));
    }
    pl_str kind = user_name.n ? PL_STR(":user/") : PL_STR(":root");
    size_t arn = arn_head.n + account_id.n + kind.n + user_name.n;
    identity_known_key *key = pl_calloc(1, sizeof *key + l->access_key_id.n + account_id.n + user_name.n +
                                               user_id.n + arn + secret.n);
    if (key) {
        char *at = (char *)(key + 1);
        key->generation = l->generation;
        key->access_key_id = put_text(&at, l->access_key_id);
        key->account_id = put_text(&at, account_id);
        key->user_name = put_text(&at, user_name);
        key->user_id = put_text(&at, user_id);
        key->arn = pl_str_of(at, arn);
        put_text(&at, arn_head);
        put_text(&at, account_id);
        put_text(&at, kind);
        put_text(&at, user_name);
        key->secret = put_text(&at, pl_buf_str(&secret));
        key->active = pl_str_is(store_column_text(row, 3), "Active");
        atomic_store(&key->used_written, store_column_i64(row, 5));
    }
    explicit_bzero(secret.p, secret.n);
    pl_buf_free(&secret);
    l->found = key;
    return key ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int lookup_work(store_session *session, void *argument, pl_error *error) {
    lookup *l = argument;
    store_statement *row = store_prepare(
        session,
        "SELECT k.account_id, k.user_name, k.secret, k.status, u.user_id, k.last_used_at "
        "FROM identity_key_owners o "
        "JOIN identity_access_keys k ON k.account_id = o.account_id AND k.access_key_id = o.access_key_id "
        "LEFT JOIN identity_users u ON u.account_id = k.account_id AND u.user_name = k.user_name "
        "WHERE o.access_key_id = $1",
        error);
    store_bind_text(row, 1, l->access_key_id);
    int step = store_step(row, error);
    l->found = NULL;
    return step == 1 ? keep_row(l, row, error) : step;
}

static void fill_caller(identity_caller *caller, pl_arena *arena, const identity_known_key *key) {
    bool root = key->user_name.n == 0;
    caller->kind = root ? IDENTITY_ROOT : IDENTITY_USER;
    caller->account_id = pl_arena_copy(arena, key->account_id);
    caller->name = root ? PL_STR("root") : pl_arena_copy(arena, key->user_name);
    caller->principal_id = root ? caller->account_id : pl_arena_copy(arena, key->user_id);
    caller->arn = pl_arena_copy(arena, key->arn);
    caller->access_key_id = pl_arena_copy(arena, key->access_key_id);
}

/* Copies the key out and notes that it was used. */
static void use_key(identity_known_key *key, pl_arena *arena, int64_t now, identity_key *out) {
    atomic_store(&key->used_at, now);
    fill_caller(&out->caller, arena, key);
    out->secret = pl_arena_copy(arena, key->secret);
    out->active = key->active;
}

/* Copies a remembered key out; false when it is not remembered, or is too old. */
static bool recall(identity *room, pl_arena *arena, pl_str id, int64_t now, identity_key *out) {
    pthread_rwlock_rdlock(&room->lock);
    identity_known_key *key = pl_map_get(&room->keys, id);
    bool known = key && key->generation == atomic_load(&room->generation);
    if (known)
        use_key(key, arena, now, out);
    pthread_rwlock_unlock(&room->lock);
    return known;
}

static int remember(identity *room, identity_known_key *key, pl_error *error) {
    pthread_rwlock_wrlock(&room->lock);
    if (room->keys.count >= IDENTITY_REMEMBERED_MAX)
        identity_keys_forget(room);
    identity_known_key *old = pl_map_remove(&room->keys, key->access_key_id);
    if (old) {
        if (atomic_load(&old->used_at) > atomic_load(&key->used_at))
            atomic_store(&key->used_at, atomic_load(&old->used_at));
        free_key(old);
    }
    bool kept = pl_map_put(&room->keys, key->access_key_id, key);
    pthread_rwlock_unlock(&room->lock);
    if (kept)
        return 0;
    free_key(key);
    return pl_fail(error, PL_E_ServiceUnavailable);
}

/* Reads the key's row; once more where a rotation of the key file and the row come together in a moment only.
 */
static int look_up(lookup *l, pl_error *error) {
    enum { ATTEMPTS = 8 };
    for (int attempt = 1;; attempt++) {
        l->sealed_otherwise = false;
        l->generation = atomic_load(&l->room->generation);
        if (store_read(l->room->config.store, lookup_work, l, error) == 0)
            return l->found ? 0 : pl_fail(error, PL_E_InvalidAccessKeyId_NotFound);
        if (!l->sealed_otherwise || attempt == ATTEMPTS)
            return -1;
        identity_seal_refresh(l->room);
    }
}

/* What was read is as new as the call, even if a change has outdated it for the next one. */
static int find_permanent(identity *room, pl_arena *arena, pl_str id, int64_t now, identity_key *key,
                          pl_error *error) {
    if (!recall(room, arena, id, now, key)) {
        lookup l = {.room = room, .access_key_id = id};
        if (look_up(&l, error) != 0)
            return -1;
        use_key(l.found, arena, now, key);
        if (remember(room, l.found, error) != 0)
            return -1;
    }
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int identity_find_key(identity *room, pl_arena *arena, pl_str access_key_id, pl_str security_token,
                      int64_t now, identity_key *key, pl_error *error) {
    *key = (identity_key){.active = false};
    if (pl_str_starts(access_key_id, PL_STR("STS."))) {
        if (!security_token.n)
            return pl_fail(error, PL_E_MissingSecurityToken);
        return identity_session_open(room, arena, access_key_id, security_token, now, key, error);
    }
    if (security_token.n)
        return pl_fail(error, PL_E_InvalidSecurityToken_MismatchWithAccessKey);
    if (find_permanent(room, arena, access_key_id, now, key, error) != 0)
        return -1;
    return key->active ? 0 : pl_fail(error, PL_E_InvalidAccessKeyId_Inactive);
}

int64_t identity_key_last_used(identity *room, pl_str access_key_id, int64_t stored) {
    pthread_rwlock_rdlock(&room->lock);
    identity_known_key *key = pl_map_get(&room->keys, access_key_id);
    int64_t used = key ? atomic_load(&key->used_at) : 0;
    pthread_rwlock_unlock(&room->lock);
    return used > stored ? used : stored;
}

/* --- Last use ----------------------------------------------------------------------------------------------
 */

/* Uses that the store does not know of yet, copied out of the memory. */
typedef struct use {
    pl_str access_key_id, account_id;
    int64_t at;
} use;

typedef struct uses {
    use *items;
    size_t count;
} uses;

static bool used_since(const identity_known_key *key) {
    return atomic_load(&key->used_at) > atomic_load(&key->used_written);
}

static void collect_uses(identity *room, pl_arena *arena, uses *list) {
    size_t cursor = 0;
    pl_str id;
    void *value;
    list->items = pl_new(arena, use, room->keys.count ? room->keys.count : 1);
    while (list->items && pl_map_next(&room->keys, &cursor, &id, &value)) {
        const identity_known_key *key = value;
        if (used_since(key))
            list->items[list->count++] =
                (use){pl_arena_copy(arena, key->access_key_id), pl_arena_copy(arena, key->account_id),
                      atomic_load(&key->used_at)};
    }
}

static int write_uses(store_session *session, void *argument, pl_error *error) {
    const uses *list = argument;
    for (size_t i = 0; i < list->count; i++)
        if (store_run(session, error,
                      "UPDATE identity_access_keys SET last_used_at = $3 "
                      "WHERE account_id = $1 AND access_key_id = $2 "
                      "AND (last_used_at IS NULL OR last_used_at < $3)",
                      "tti", list->items[i].account_id, list->items[i].access_key_id, list->items[i].at) != 0)
            return -1;
    return 0;
}

static void mark_written(identity *room, const uses *list) {
    pthread_rwlock_rdlock(&room->lock);
    for (size_t i = 0; i < list->count; i++) {
        identity_known_key *key = pl_map_get(&room->keys, list->items[i].access_key_id);
        if (key)
            atomic_store(&key->used_written, list->items[i].at);
    }
    pthread_rwlock_unlock(&room->lock);
}

int identity_keys_flush(identity *room, pl_error *error) {
    pl_arena arena;
    uses list = {NULL, 0};
    pl_arena_init(&arena, (size_t)64 << 20);
    pthread_rwlock_rdlock(&room->lock);
    collect_uses(room, &arena, &list);
    pthread_rwlock_unlock(&room->lock);
    int result = arena.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
    if (result == 0 && list.count)
        result = store_write(room->config.store, write_uses, &list, error);
    if (result == 0)
        mark_written(room, &list);
    pl_arena_free(&arena);
    return result;
}
