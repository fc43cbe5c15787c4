/*
 * The nonce memory and its table. Owns the table `nonces` and the setting `gateway.nonces`.
 *
 * The memory is a hash set in shards, each with its own lock; the background writer takes whole batches out
 * of a queue with its own lock. INVARIANT: a nonce whose timestamp is above the watermark and within the skew
 * is either in its shard or was never accepted.
 */
#include "gateway/nonces.h"

#include "base/arena.h"
#include "base/encode.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
    SHARDS = 16,
    FIRST_CAPACITY = 64,
    BATCH_READS =
        100, /* reading requests written in one batch when other servers hear of it; see the header */
    BATCH_READS_ALONE = 1000, /* otherwise */
    BATCH_MAX = 100000,       /* changing requests waiting; past that they wait for the writer */
    BATCH_MS = 100,           /* how long a batch collects when other servers hear of it */
    BATCH_MS_ALONE = 1000,    /* otherwise: each batch is a commit that changes have to wait for */
    PURGE_MS = 60 * 1000,
    NOTIFY_ENTRIES = 100, /* entries in one notification */
};

typedef struct entry {
    uint64_t hash; /* 0: free */
    int64_t timestamp;
} entry;

typedef struct shard {
    pthread_mutex_t lock;
    entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
} shard;

typedef struct waiting {
    struct waiting *next;
    pl_str access_key_id;
    pl_str nonce;
    int64_t timestamp;
    uint64_t hash;
} waiting;

typedef struct batch {
    pl_arena arena;
    waiting *first;
    size_t count;
} batch;

struct nonces {
    store *store;
    pl_clock clock;
    const pl_log *log;
    uint64_t seed;
    size_t shard_limit;
    bool shared;                 /* several servers may use the store */
    _Atomic int64_t watermark;   /* timestamps up to here are refused */
    _Atomic int64_t lossy_until; /* accepted nonces up to this timestamp may be missing in the table */
    shard shards[SHARDS];
    pthread_mutex_t queue_lock;
    pthread_mutex_t write_lock; /* one batch is written at a time */
    pthread_cond_t wake;
    batch queue, writing;
    atomic_size_t queued; /* entries of `queue`, to be looked at without its lock */
    bool stopping;
    bool has_thread;
    pthread_t thread;
    int64_t purged_at;
};

static void raise_to(_Atomic int64_t *value, int64_t least) {
    int64_t before = atomic_load(value);
    while (before < least && !atomic_compare_exchange_weak(value, &before, least))
        ;
}

static uint64_t hash_of(const nonces *n, pl_str access_key_id, pl_str nonce) {
    uint64_t hash = pl_str_hash(nonce, pl_str_hash(access_key_id, n->seed));
    return hash ? hash : 1;
}

static entry *find(const shard *s, uint64_t hash) {
    size_t mask = s->capacity - 1, at = (size_t)(hash >> 8) & mask;
    while (s->entries[at].hash && s->entries[at].hash != hash)
        at = (at + 1) & mask;
    return &s->entries[at];
}

/* A new table of the given capacity with the entries after `oldest`. */
static bool rebuild(shard *s, size_t capacity, int64_t oldest) {
    shard larger = {.capacity = capacity, .entries = pl_calloc(capacity, sizeof(entry))};
    if (!larger.entries)
        return false;
    for (size_t i = 0; i < s->capacity; i++) {
        if (s->entries[i].hash && s->entries[i].timestamp > oldest) {
            *find(&larger, s->entries[i].hash) = s->entries[i];
            larger.count++;
        }
    }
    pl_free(s->entries);
    s->entries = larger.entries;
    s->capacity = capacity;
    s->count = larger.count;
    return true;
}

static int by_time(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Forgets the older half and refuses timestamps up to there from now on. */
static bool forget_half(nonces *n, shard *s) {
    int64_t *times = pl_malloc(s->count * sizeof *times);
    if (!times)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < s->capacity; i++)
        if (s->entries[i].hash)
            times[count++] = s->entries[i].timestamp;
    qsort(times, count, sizeof *times, by_time);
    int64_t middle = times[count / 2];
    pl_free(times);
    raise_to(&n->watermark, middle);
    pl_log_write(n->log, PL_LOG_WARNING,
                 "more signature nonces than the limit: requests older than %lld ms are refused",
                 (long long)(pl_now(&n->clock) - middle));
    return rebuild(s, s->capacity, middle);
}

/* Makes room for one more entry. */
static bool make_room(nonces *n, shard *s) {
    if ((s->count + 1) * 4 <= s->capacity * 3)
        return true;
    int64_t oldest = pl_now(&n->clock) - NONCE_KEEP_MS;
    size_t live = 0;
    for (size_t i = 0; i < s->capacity; i++)
        live += s->entries[i].hash && s->entries[i].timestamp > oldest;
    if (live * 2 < s->capacity && s->capacity)
        return rebuild(s, s->capacity, oldest);
    size_t larger = s->capacity ? s->capacity * 2 : FIRST_CAPACITY;
    if (larger <= n->shard_limit || s->capacity == 0)
        return rebuild(s, larger, oldest);
    return forget_half(n, s);
}

typedef enum outcome { ACCEPTED, SEEN, TOO_OLD, NO_MEMORY } outcome;

static outcome remember(nonces *n, uint64_t hash, int64_t timestamp) {
    shard *s = &n->shards[hash % SHARDS];
    outcome result = ACCEPTED;
    pthread_mutex_lock(&s->lock);
    if (s->capacity && find(s, hash)->hash)
        result = SEEN;
    else if (!make_room(n, s))
        result = NO_MEMORY;
    else if (timestamp <= atomic_load(&n->watermark))
        result = TOO_OLD;
    else {
        *find(s, hash) = (entry){hash, timestamp};
        s->count++;
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

/* The row of one nonce; a row that is there already belongs to the same nonce. */
static int insert(store_session *session, const waiting *w, pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO nonces(access_key_id, nonce, expires_at) VALUES ($1, $2, $3) "
                     "ON CONFLICT (access_key_id, nonce) DO NOTHING",
                     "tti", w->access_key_id, w->nonce, w->timestamp + NONCE_KEEP_MS);
}

/* Tells other servers: sixteen hexadecimal digits of the hash and as many of the timestamp for each nonce. */
static int tell_others(store_session *session, const batch *b, pl_error *error) {
    char text[NOTIFY_ENTRIES * 32 + 1];
    size_t used = 0;
    for (const waiting *w = b->first; w; w = w->next) {
        pl_buf out = {.p = text + used, .capacity = 33, .limit = 33};
        pl_buf_printf(&out, "%016llx%016llx", (unsigned long long)w->hash, (unsigned long long)w->timestamp);
        used += 32;
        if ((used == NOTIFY_ENTRIES * 32 || !w->next) &&
            store_notify(session, PL_STR("gateway_nonces"), pl_str_of(text, used), error) != 0)
            return -1;
        used %= NOTIFY_ENTRIES * 32;
    }
    return 0;
}

static bool read_hex(pl_str text, uint64_t *value) {
    char bytes[8] = {0};
    pl_buf out = {.p = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};
    if (text.n != 16 || !pl_hex_decode(&out, text))
        return false;
    *value = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        *value = *value << 8 | (unsigned char)bytes[i];
    return true;
}

static void hear_others(void *context, pl_str payload) {
    nonces *n = context;
    uint64_t hash, timestamp;
    while (payload.n >= 32 && read_hex(pl_str_head(payload, 16), &hash) &&
           read_hex(pl_str_head(pl_str_skip(payload, 16), 16), &timestamp)) {
        remember(n, hash, (int64_t)timestamp);
        payload = pl_str_skip(payload, 32);
    }
}

typedef struct batch_write {
    nonces *n;
    bool purge;
    int64_t now;
} batch_write;

static int write_rows(store_session *session, void *argument, pl_error *error) {
    const batch_write *write = argument;
    for (const waiting *w = write->n->writing.first; w; w = w->next) {
        if (insert(session, w, error) != 0)
            return -1;
    }
    if (write->n->shared && write->n->writing.first && tell_others(session, &write->n->writing, error) != 0)
        return -1;
    if (!write->purge)
        return 0;
    return store_run(session, error, "DELETE FROM nonces WHERE expires_at <= $1", "i", write->now);
}

int nonces_flush(nonces *n, pl_error *error) {
    pthread_mutex_lock(&n->write_lock);
    pthread_mutex_lock(&n->queue_lock);
    batch swapped = n->writing;
    n->writing = n->queue;
    n->queue = swapped;
    atomic_store_explicit(&n->queued, 0, memory_order_relaxed);
    pthread_mutex_unlock(&n->queue_lock);
    int64_t now = pl_now(&n->clock);
    batch_write write = {n, now - n->purged_at >= PURGE_MS, now};
    int result = 0;
    if (n->writing.first || write.purge)
        result = store_write(n->store, write_rows, &write, error);
    if (result == 0 && write.purge)
        n->purged_at = now;
    if (result != 0)
        raise_to(&n->lossy_until, now);
    pl_arena_reset(&n->writing.arena);
    n->writing.first = NULL;
    n->writing.count = 0;
    pthread_mutex_unlock(&n->write_lock);
    return result;
}

static void deadline(const nonces *n, struct timespec *until) {
    long milliseconds = n->shared ? BATCH_MS : BATCH_MS_ALONE;
    clock_gettime(CLOCK_MONOTONIC, until);
    until->tv_nsec += milliseconds % 1000 * 1000000L;
    until->tv_sec += milliseconds / 1000 + until->tv_nsec / 1000000000L;
    until->tv_nsec %= 1000000000L;
}

static void *write_in_background(void *argument) {
    nonces *n = argument;
    pl_error error;
    pthread_mutex_lock(&n->queue_lock);
    while (!n->stopping) {
        if (!n->queue.first) {
            pthread_cond_wait(&n->wake, &n->queue_lock);
            continue;
        }
        struct timespec until;
        deadline(n, &until);
        while (!n->stopping && pthread_cond_timedwait(&n->wake, &n->queue_lock, &until) == 0)
            ;
        pthread_mutex_unlock(&n->queue_lock);
        if (nonces_flush(n, &error) != 0)
            pl_log_write(n->log, PL_LOG_WARNING, "signature nonces could not be stored: %s", error.message);
        pthread_mutex_lock(&n->queue_lock);
    }
    pthread_mutex_unlock(&n->queue_lock);
    return NULL;
}

/* False when it does not fit: the batch is full or memory is short. */
static bool put_in_queue(nonces *n, pl_str access_key_id, pl_str nonce, int64_t timestamp, bool changes,
                         uint64_t hash) {
    size_t most = changes ? BATCH_MAX : n->shared ? BATCH_READS : BATCH_READS_ALONE;
    if (atomic_load_explicit(&n->queued, memory_order_relaxed) >= most)
        return false;
    pthread_mutex_lock(&n->queue_lock);
    batch *b = &n->queue;
    waiting *w = b->count < most ? pl_new(&b->arena, waiting, 1) : NULL;
    if (w) {
        w->access_key_id = pl_arena_copy(&b->arena, access_key_id);
        w->nonce = pl_arena_copy(&b->arena, nonce);
        w->timestamp = timestamp;
        w->hash = hash;
    }
    bool put = w && w->access_key_id.p && w->nonce.p;
    if (put) {
        bool was_empty = !b->first;
        w->next = b->first;
        b->first = w;
        atomic_store_explicit(&n->queued, ++b->count, memory_order_relaxed);
        if (was_empty)
            pthread_cond_signal(&n->wake);
    }
    pthread_mutex_unlock(&n->queue_lock);
    return put;
}

typedef struct claim {
    nonces *n;
    waiting row;
    bool seen;
} claim;

/* PostgreSQL: visible to the other servers at once, which is what matters; the disk may follow. */
static int claim_row(store_session *session, void *argument, pl_error *error) {
    claim *c = argument;
    int64_t changes = 0;
    if (store_is_postgres(session) &&
        store_run(session, error, "SET LOCAL synchronous_commit TO off", "") != 0)
        return -1;
    if (store_run_counted(session, &changes, error,
                          "INSERT INTO nonces(access_key_id, nonce, expires_at) VALUES ($1, $2, $3) "
                          "ON CONFLICT (access_key_id, nonce) DO NOTHING",
                          "tti", c->row.access_key_id, c->row.nonce, c->row.timestamp + NONCE_KEEP_MS) != 0)
        return -1;
    c->seen = changes == 0;
    return 0;
}

bool nonces_would_wait(const nonces *n, int64_t timestamp, bool changes) {
    return timestamp > pl_now(&n->clock) || (n->shared && changes);
}

int nonces_use(nonces *n, pl_str access_key_id, pl_str nonce, int64_t timestamp, bool changes,
               pl_error *error) {
    uint64_t hash = hash_of(n, access_key_id, nonce);
    bool waits = nonces_would_wait(n, timestamp, changes);
    switch (remember(n, hash, timestamp)) {
    case SEEN: return pl_fail(error, PL_E_SignatureNonceUsed);
    case TOO_OLD: return pl_fail(error, PL_E_InvalidTimeStamp_Expired);
    case NO_MEMORY: return pl_fail(error, PL_E_ServiceUnavailable);
    case ACCEPTED: break;
    }
    if (waits) {
        claim c = {n, {.access_key_id = access_key_id, .nonce = nonce, .timestamp = timestamp}, false};
        if (store_write(n->store, claim_row, &c, error) != 0)
            return -1;
        return c.seen ? pl_fail(error, PL_E_SignatureNonceUsed) : 0;
    }
    if (!put_in_queue(n, access_key_id, nonce, timestamp, changes, hash))
        raise_to(&n->lossy_until, timestamp);
    return 0;
}

static int load_rows(store_session *session, void *argument, pl_error *error) {
    nonces *n = argument;
    store_statement *st = store_prepare(
        session, "SELECT access_key_id, nonce, expires_at FROM nonces WHERE expires_at > $1", error);
    store_bind_i64(st, 1, pl_now(&n->clock));
    int row;
    while ((row = store_step(st, error)) == 1) {
        uint64_t hash = hash_of(n, store_column_text(st, 0), store_column_text(st, 1));
        remember(n, hash, store_column_i64(st, 2) - NONCE_KEEP_MS);
    }
    return row;
}

typedef struct mark {
    const char *value;
    bool was_open;
} mark;

/* Sets the mark and tells what it was before. */
static int set_mark(store_session *session, void *argument, pl_error *error) {
    mark *m = argument;
    store_statement *st =
        store_prepare(session, "SELECT value FROM settings WHERE name = 'gateway.nonces'", error);
    int row = store_step(st, error);
    if (row < 0)
        return -1;
    m->was_open = row == 1 && pl_str_is(store_column_text(st, 0), "open");
    return store_run(session, error,
                     "INSERT INTO settings(name, value) VALUES ('gateway.nonces', $1) "
                     "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                     "t", pl_str_from(m->value));
}

/* After a crash: timestamps before the next full second are refused, and nothing is served before it. */
static void refuse_the_past(nonces *n) {
    int64_t now = pl_now(&n->clock), start = (now / 1000 + 1) * 1000;
    atomic_store(&n->watermark, start - 1000);
    struct timespec rest = {.tv_nsec = (long)(start - now) * 1000000L};
    if (rest.tv_nsec == 1000000000L)
        rest = (struct timespec){.tv_sec = 1};
    nanosleep(&rest, NULL);
    pl_log_write(n->log, PL_LOG_WARNING,
                 "the last stop was not clean: requests signed before this start are refused");
}

static int start_with_table(nonces *n, pl_error *error) {
    store_counters counters;
    store_count(n->store, &counters);
    n->shared = strcmp(counters.driver, "postgres") == 0;
    if (store_read(n->store, load_rows, n, error) != 0)
        return -1;
    if (n->shared)
        return store_listen(n->store, PL_STR("gateway_nonces"), hear_others, n, error);
    mark m = {.value = "open"};
    if (store_write(n->store, set_mark, &m, error) != 0)
        return -1;
    if (m.was_open)
        refuse_the_past(n);
    return 0;
}

static int start_thread(nonces *n, pl_error *error) {
    if (pthread_create(&n->thread, NULL, write_in_background, n) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    n->has_thread = true;
    return 0;
}

static void make_locks(nonces *n) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&n->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&n->queue_lock, NULL);
    pthread_mutex_init(&n->write_lock, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&n->shards[i].lock, NULL);
}

static size_t power_of_two_below(size_t value) {
    size_t power = FIRST_CAPACITY;
    while (power * 2 <= value)
        power *= 2;
    return power;
}

void nonces_free(nonces *n) {
    if (!n)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        pl_free(n->shards[i].entries);
        pthread_mutex_destroy(&n->shards[i].lock);
    }
    pl_arena_free(&n->queue.arena);
    pl_arena_free(&n->writing.arena);
    pthread_cond_destroy(&n->wake);
    pthread_mutex_destroy(&n->queue_lock);
    pthread_mutex_destroy(&n->write_lock);
    pl_free(n);
}

int nonces_open(nonces **out, store *s, const pl_clock *clock, const pl_log *log, uint64_t seed, size_t limit,
                pl_error *error) {
    nonces *n = pl_calloc(1, sizeof *n);
    *out = n;
    if (!n)
        return pl_fail(error, PL_E_ServiceUnavailable);
    n->store = s;
    n->clock = *clock;
    n->log = log;
    n->seed = seed;
    n->shard_limit = power_of_two_below(limit / SHARDS);
    n->purged_at = pl_now(clock);
    atomic_store(&n->watermark, INT64_MIN);
    pl_arena_init(&n->queue.arena, (size_t)64 << 20);
    pl_arena_init(&n->writing.arena, (size_t)64 << 20);
    make_locks(n);
    return start_with_table(n, error) != 0 ? -1 : start_thread(n, error);
}

void nonces_close(nonces *n) {
    pl_error error;
    if (!n || !n->has_thread)
        return;
    pthread_mutex_lock(&n->queue_lock);
    n->stopping = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->queue_lock);
    pthread_join(n->thread, NULL);
    mark m = {.value = "clean"};
    bool all =
        nonces_flush(n, &error) == 0 && atomic_load(&n->lossy_until) + NONCE_SKEW_MS < pl_now(&n->clock);
    if (all && !n->shared)
        store_write(n->store, set_mark, &m, &error);
}
