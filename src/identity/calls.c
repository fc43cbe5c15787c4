/* Gathering distinct calls in memory, and writing them in batches. Owns identity_calls. */
#include "identity/calls.h"

#include "base/memory.h"
#include "identity/internal.h"

enum { BATCH = 500, RESOURCES_LOGGED = 16, KEY_SIZE = 4096 };

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* One distinct call, one block; the views and the map's key point behind it. */
typedef struct gathered {
    identity_seen_call call;
    pl_str key;
} gathered;

/* account NL principal NL action NL resource NL address */
static size_t put(char *key, size_t at, pl_str part) {
    if (at + part.n + 1 >= KEY_SIZE)
        return KEY_SIZE;
    if (part.n)
        memcpy(key + at, part.p, part.n);
    key[at + part.n] = '\n';
    return at + part.n + 1;
}

static size_t put_principal(char *key, size_t at, const identity_caller *caller) {
    const pl_str parts[] = {PL_STR("acs:ram::"), caller->account_id,
                            caller->kind == IDENTITY_USER ? PL_STR(":user/") : PL_STR(":role/"),
                            caller->name};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        at = put(key, at, parts[i]);
        if (at == KEY_SIZE)
            return at;
        at--; /* without the line end between the parts */
    }
    return put(key, at, PL_STR(""));
}

static size_t make_key(char *key, const identity_caller *caller, const identity_request *request,
                       pl_str resource) {
    size_t at = put(key, 0, caller->account_id);
    if (at < KEY_SIZE)
        at = put_principal(key, at, caller);
    if (at < KEY_SIZE)
        at = put(key, at, request->action);
    if (at < KEY_SIZE)
        at = put(key, at, resource);
    return at < KEY_SIZE ? put(key, at, request->source_ip) : at;
}

static gathered *new_call(pl_str key, int64_t now) {
    gathered *g = pl_calloc(1, sizeof *g + key.n);
    if (!g)
        return NULL;
    char *copy = (char *)(g + 1);
    memcpy(copy, key.p, key.n);
    g->key = pl_str_of(copy, key.n);
    pl_str rest = g->key, *const parts[] = {&g->call.account_id, &g->call.principal_arn, &g->call.action,
                                            &g->call.resource, &g->call.source_ip};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!pl_str_split(&rest, '\n', parts[i]))
            *parts[i] = PL_STR("");
    g->call.first_seen = now;
    return g;
}

static void count_call(identity *room, pl_str key, int64_t now) {
    pthread_mutex_lock(&room->calls_lock);
    gathered *g = pl_map_get(&room->calls, key);
    if (!g && room->calls.count < IDENTITY_CALLS_GATHERED_MAX && (g = new_call(key, now)) != NULL &&
        !pl_map_put(&room->calls, g->key, g)) {
        pl_free(g);
        g = NULL;
    }
    if (g) {
        g->call.count++;
        g->call.last_seen = now;
    }
    pthread_mutex_unlock(&room->calls_lock);
}

void identity_calls_note(identity *room, const identity_caller *caller, const identity_request *request) {
    char key[KEY_SIZE];
    if (caller->kind != IDENTITY_USER && caller->kind != IDENTITY_ASSUMED_ROLE)
        return;
    for (size_t i = 0; i < request->resource_count && i < RESOURCES_LOGGED; i++) {
        size_t size = make_key(key, caller, request, request->resources[i]);
        if (size < KEY_SIZE)
            count_call(room, pl_str_of(key, size), request->now);
    }
}

void identity_calls_forget(identity *room) {
    size_t cursor = 0;
    pl_str key;
    void *call;
    while (pl_map_next(&room->calls, &cursor, &key, &call))
        pl_free(call);
    pl_map_clear(&room->calls);
}

/* --- Writing
 * ------------------------------------------------------------------------------------------------
 */

typedef struct batch {
    const gathered *calls[BATCH];
    size_t count;
} batch;

static int write_call(store_session *session, const identity_seen_call *call, pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO identity_calls (account_id, principal_arn, action, resource, source_ip, "
                     "first_seen, last_seen, call_count) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
                     "ON CONFLICT (account_id, principal_arn, action, resource, source_ip) DO UPDATE SET "
                     "last_seen = EXCLUDED.last_seen, "
                     "call_count = identity_calls.call_count + EXCLUDED.call_count",
                     "tttttiii", call->account_id, call->principal_arn, call->action, call->resource,
                     call->source_ip, call->first_seen, call->last_seen, call->count);
}

/* What is too old goes, and what an account has beyond its share. */
static int prune(store_session *session, const identity_seen_call *call, pl_error *error) {
    if (store_run(session, error, "DELETE FROM identity_calls WHERE account_id = $1 AND last_seen < $2", "ti",
                  call->account_id, call->last_seen - IDENTITY_CALL_DAYS * DAY_MS) != 0)
        return -1;
    return store_run(session, error,
                     "DELETE FROM identity_calls WHERE account_id = $1 AND last_seen < "
                     "(SELECT c.last_seen FROM identity_calls c WHERE c.account_id = $1 "
                     "ORDER BY c.last_seen DESC LIMIT 1 OFFSET CAST($2 AS BIGINT))",
                     "ti", call->account_id, (int64_t)IDENTITY_CALLS_MAX - 1);
}

static int write_batch(store_session *session, void *argument, pl_error *error) {
    const batch *b = argument;
    for (size_t i = 0; i < b->count; i++) {
        const identity_seen_call *call = &b->calls[i]->call;
        bool last = i + 1 == b->count || !pl_str_eq(call->account_id, b->calls[i + 1]->call.account_id);
        if (write_call(session, call, error) != 0 || (last && prune(session, call, error) != 0))
            return -1;
    }
    return 0;
}

static int write_all(identity *room, const pl_map *calls, pl_error *error) {
    batch b = {.count = 0};
    size_t cursor = 0;
    pl_str key;
    void *call;
    bool more = true;
    while (more) {
        more = pl_map_next(calls, &cursor, &key, &call);
        if (more)
            b.calls[b.count++] = call;
        if (b.count == BATCH || (!more && b.count)) {
            if (store_write(room->config.store, write_batch, &b, error) != 0)
                return -1;
            b.count = 0;
        }
    }
    return 0;
}

/* Calls that come meanwhile gather in a map of their own. What cannot be written is lost: a log, not a
 * record. */
int identity_calls_flush(identity *room, pl_error *error) {
    pthread_mutex_lock(&room->calls_lock);
    pl_map full = room->calls;
    pl_map_init(&room->calls, room->seed);
    pthread_mutex_unlock(&room->calls_lock);
    int result = write_all(room, &full, error);
    size_t cursor = 0;
    pl_str key;
    void *call;
    while (pl_map_next(&full, &cursor, &key, &call))
        pl_free(call);
    pl_map_free(&full);
    return result;
}
