/* Gathering distinct calls in memory, and writing them in batches. Owns identity_calls,
 * identity_call_policies.
 */
#include "identity/calls.h"

#include "base/memory.h"
#include "identity/internal.h"
#include "json/writer.h"

#include <stdio.h>

enum { BATCH = 500, FACTS_SIZE = 16384, HASH_SIZE = PL_SHA256_SIZE };

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* One distinct call, one block; the views and the map's key point behind it. */
typedef struct gathered {
    identity_seen_call call;
    pl_str key; /* the facts that make the call distinct, each with its length in front */
} gathered;

typedef struct facts {
    char bytes[FACTS_SIZE];
    size_t size;
    bool failed;
} facts;

static void put(facts *f, pl_str fact) {
    uint32_t length = (uint32_t)fact.n;
    if (f->failed || fact.n > FACTS_SIZE || f->size + sizeof length + fact.n > FACTS_SIZE) {
        f->failed = true;
        return;
    }
    memcpy(f->bytes + f->size, &length, sizeof length);
    if (fact.n)
        memcpy(f->bytes + f->size + sizeof length, fact.p, fact.n);
    f->size += sizeof length + fact.n;
}

static pl_str take(pl_str *rest) {
    uint32_t length;
    memcpy(&length, rest->p, sizeof length);
    pl_str fact = pl_str_head(pl_str_skip(*rest, sizeof length), length);
    *rest = pl_str_skip(*rest, sizeof length + length);
    return fact;
}

/* Roles are named without a session: what binds a session beyond its role is its policy. */
static void put_principal(facts *f, const identity_caller *caller) {
    char arn[IDENTITY_NAME_MAX + 64];
    const char *kind = caller->kind == IDENTITY_USER ? "user" : "role";
    int n = snprintf(arn, sizeof arn, "acs:ram::%.*s:%s/%.*s", PL_FMT(caller->account_id), kind,
                     PL_FMT(caller->name));
    f->failed |= n < 0 || (size_t)n >= sizeof arn;
    put(f, f->failed ? PL_STR("") : pl_str_of(arn, (size_t)n));
}

/*
 * {"key": "value", "acs:ResourceTag": {"key": "value"}}; empty without conditions. An empty acs:ResourceTag
 * tells that the resource had no tags, none that nobody asked. False when there is no room or memory.
 */
static bool write_conditions(pl_buf *out, const identity_request *request, const identity_seen_tags *tags) {
    pl_writer w;
    pl_buf_clear(out);
    if (request->fact_count == 0 && !tags->known)
        return true;
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR("conditions"));
    for (size_t i = 0; i < request->fact_count; i++)
        pl_write_optional(&w, request->facts[i].key, request->facts[i].value);
    if (tags->known) {
        pl_write_object(&w, PL_STR(IDENTITY_CALL_TAGS));
        for (size_t i = 0; i < tags->count; i++)
            pl_write_optional(&w, pl_str_skip(tags->facts[i].key, sizeof IDENTITY_CALL_TAGS),
                              tags->facts[i].value);
        pl_write_object_end(&w);
    }
    pl_writer_end(&w);
    return !out->failed;
}

static void put_call(facts *f, const identity_caller *caller, pl_str owner_id,
                     const identity_request *request, pl_str resource, pl_str conditions) {
    char flags[2] = {request->secure ? '1' : '0', caller->mfa ? '1' : '0'};
    bool session = caller->kind == IDENTITY_ASSUMED_ROLE;
    f->size = 0;
    f->failed = false;
    put(f, owner_id);
    put_principal(f, caller);
    put(f, request->action);
    put(f, resource);
    put(f, request->source_ip);
    put(f, session ? caller->session_policy : PL_STR(""));
    put(f, pl_str_of(flags, sizeof flags));
    if (conditions.n)
        put(f, conditions);
}

static gathered *new_call(pl_str key, int64_t now) {
    gathered *g = pl_calloc(1, sizeof *g + key.n);
    if (!g)
        return NULL;
    char *copy = (char *)(g + 1);
    memcpy(copy, key.p, key.n);
    g->key = pl_str_of(copy, key.n);
    pl_str rest = g->key, *const parts[] = {&g->call.account_id, &g->call.principal_arn,
                                            &g->call.action,     &g->call.resource,
                                            &g->call.source_ip,  &g->call.session_policy};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = take(&rest);
    pl_str flags = take(&rest);
    g->call.secure = flags.p[0] == '1';
    g->call.mfa = flags.p[1] == '1';
    g->call.conditions = rest.n ? take(&rest) : PL_STR("");
    g->call.first_seen = now;
    return g;
}

/* Under the lock. NULL: no room until the next write. */
static gathered *gather(identity *room, pl_str key, int64_t now) {
    gathered *g = pl_map_get(&room->calls, key);
    if (g)
        return g;
    bool full = room->calls.count >= IDENTITY_CALLS_GATHERED_MAX ||
                room->calls_bytes + key.n > IDENTITY_CALLS_BYTES_MAX;
    if (full || !(g = new_call(key, now)))
        return NULL;
    if (pl_map_put(&room->calls, g->key, g)) {
        room->calls_bytes += key.n;
        return g;
    }
    pl_free(g);
    return NULL;
}

static void count_call(identity *room, pl_str key, int64_t now) {
    pthread_mutex_lock(&room->calls_lock);
    gathered *g = gather(room, key, now);
    if (g) {
        g->call.count++;
        g->call.last_seen = now;
    }
    pthread_mutex_unlock(&room->calls_lock);
}

void identity_calls_note(identity *room, const identity_caller *caller, pl_str owner_id,
                         const identity_request *request, const identity_seen_tags *tags) {
    facts f;
    pl_buf conditions;
    if (caller->kind != IDENTITY_USER && caller->kind != IDENTITY_ASSUMED_ROLE)
        return;
    pl_buf_init(&conditions, FACTS_SIZE);
    for (size_t i = 0; i < request->resource_count && i < IDENTITY_RESOURCES_LOGGED; i++) {
        if (!write_conditions(&conditions, request, &tags[i]))
            continue;
        put_call(&f, caller, owner_id, request, request->resources[i], pl_buf_str(&conditions));
        if (!f.failed)
            count_call(room, pl_str_of(f.bytes, f.size), request->now);
    }
    pl_buf_free(&conditions);
}

void identity_calls_forget(identity *room) {
    size_t cursor = 0;
    pl_str key;
    void *call;
    while (pl_map_next(&room->calls, &cursor, &key, &call))
        pl_free(call);
    pl_map_clear(&room->calls);
    room->calls_bytes = 0;
}

/* --- Writing
 * ------------------------------------------------------------------------------------------------
 */

typedef struct batch {
    const gathered *calls[BATCH];
    size_t count;
} batch;

static int digest(pl_str bytes, unsigned char sum[static HASH_SIZE], pl_str *hash, pl_error *error) {
    if (pl_sha256(bytes, sum) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *hash = pl_str_of((const char *)sum, HASH_SIZE);
    return 0;
}

/* The session policy once for all calls under it; an empty hash stands for none. */
static int write_policy(store_session *session, const identity_seen_call *call,
                        unsigned char sum[static HASH_SIZE], pl_str *hash, pl_error *error) {
    *hash = PL_STR("");
    if (call->session_policy.n == 0)
        return 0;
    if (digest(call->session_policy, sum, hash, error) != 0)
        return -1;
    return store_run(session, error,
                     "INSERT INTO identity_call_policies (account_id, policy_hash, document) "
                     "VALUES ($1, $2, $3) ON CONFLICT (account_id, policy_hash) DO NOTHING",
                     "tbt", call->account_id, *hash, call->session_policy);
}

static int write_call(store_session *session, const gathered *g, pl_error *error) {
    const identity_seen_call *call = &g->call;
    unsigned char sum[HASH_SIZE], policy_sum[HASH_SIZE];
    pl_str hash, policy_hash;
    if (digest(g->key, sum, &hash, error) != 0 ||
        write_policy(session, call, policy_sum, &policy_hash, error) != 0)
        return -1;
    return store_run(session, error,
                     "INSERT INTO identity_calls (account_id, call_hash, principal_arn, action, resource, "
                     "source_ip, secure, mfa, policy_hash, first_seen, last_seen, call_count, conditions) "
                     "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
                     "ON CONFLICT (account_id, call_hash) DO UPDATE SET last_seen = EXCLUDED.last_seen, "
                     "call_count = identity_calls.call_count + EXCLUDED.call_count",
                     "tbttttiibiiit", call->account_id, hash, call->principal_arn, call->action,
                     call->resource, call->source_ip, (int64_t)call->secure, (int64_t)call->mfa, policy_hash,
                     call->first_seen, call->last_seen, call->count, call->conditions);
}

/* What is too old goes, what an account has beyond its share, and calls of an account deleted since they were
 * made.
 */
static int prune(store_session *session, const identity_seen_call *call, pl_error *error) {
    if (store_run(session, error,
                  "DELETE FROM identity_calls WHERE account_id = $1 AND NOT EXISTS "
                  "(SELECT a.account_id FROM identity_accounts a WHERE a.account_id = $1)",
                  "t", call->account_id) != 0)
        return -1;
    if (store_run(session, error, "DELETE FROM identity_calls WHERE account_id = $1 AND last_seen < $2", "ti",
                  call->account_id, call->last_seen - IDENTITY_CALL_DAYS * DAY_MS) != 0)
        return -1;
    if (store_run(session, error,
                  "DELETE FROM identity_calls WHERE account_id = $1 AND last_seen < "
                  "(SELECT c.last_seen FROM identity_calls c WHERE c.account_id = $1 "
                  "ORDER BY c.last_seen DESC LIMIT 1 OFFSET CAST($2 AS BIGINT))",
                  "ti", call->account_id, (int64_t)IDENTITY_CALLS_MAX - 1) != 0)
        return -1;
    return store_run(session, error,
                     "DELETE FROM identity_call_policies WHERE account_id = $1 AND policy_hash NOT IN "
                     "(SELECT c.policy_hash FROM identity_calls c WHERE c.account_id = $1)",
                     "t", call->account_id);
}

static int write_batch(store_session *session, void *argument, pl_error *error) {
    const batch *b = argument;
    for (size_t i = 0; i < b->count; i++) {
        const identity_seen_call *call = &b->calls[i]->call;
        bool last = i + 1 == b->count || !pl_str_eq(call->account_id, b->calls[i + 1]->call.account_id);
        if (write_call(session, b->calls[i], error) != 0 || (last && prune(session, call, error) != 0))
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
    room->calls_bytes = 0;
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
