/*
 * How channels stand with their targets, as this process has found out. A target that does not answer keeps a
 * thread for half a minute with each try: a channel in trouble is tried by one thread at a time, after a
 * pause that doubles, and channels in trouble together never have all threads. One that seems well gets all
 * but a few, so that the moment in which it falls silent leaves some for the others.
 *
 * INVARIANT: a channel without an entry is well and nobody sends to it.
 */
#include "delivery/private.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum {
    KNOWN_MOST = 4096,
    FORGET_MS = 3600000,
    PATIENCE_MS = 1000,
    SILENCE_MS = 2000,
    ACCOUNT = 32,
    CHANNEL = 64
};

typedef struct entry {
    struct entry *next;
    char account_id[ACCOUNT], channel_id[CHANNEL];
    unsigned running;           /* threads that send to it now */
    bool probed;                /* one of them tries whether its trouble is over */
    int64_t failures, modified; /* in a row; of the channel as it was set then */
    int64_t failed, until;      /* when it failed last; not to be tried before */
    int64_t alive;              /* when it last took something, or was first sent to */
} entry;

struct delivery_standing {
    pthread_mutex_t lock;
    pthread_cond_t left;
    entry *entries; /* guarded by `lock`, as is the following */
    size_t count;
    unsigned probes; /* threads that try channels in trouble */
};

int standing_open(delivery *d, pl_error *error) {
    pthread_condattr_t attributes;
    struct delivery_standing *s = pl_calloc(1, sizeof *s);
    if (!s)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->left, &attributes);
    pthread_condattr_destroy(&attributes);
    d->standing = s;
    return 0;
}

void standing_close(delivery *d) {
    struct delivery_standing *s = d->standing;
    if (!s)
        return;
    while (s->entries) {
        entry *at = s->entries;
        s->entries = at->next;
        pl_free(at);
    }
    pthread_cond_destroy(&s->left);
    pthread_mutex_destroy(&s->lock);
    pl_free(s);
    d->standing = NULL;
}

/* --- Entries: the lock is held
 * ---------------------------------------------------------------------------- */

static entry *find(const struct delivery_standing *s, const delivery_row *row) {
    for (entry *at = s->entries; at; at = at->next)
        if (pl_str_is(row->channel_id, at->channel_id) && pl_str_is(row->account_id, at->account_id))
            return at;
    return NULL;
}

/* Drops what is well, and channels that nobody has sent to for long: they may be gone. */
static void tidy(struct delivery_standing *s, int64_t now) {
    for (entry **at = &s->entries; *at;) {
        entry *e = *at;
        if (e->running == 0 && (e->failures == 0 || e->until < now - FORGET_MS)) {
            *at = e->next;
            s->count--;
            pl_free(e);
        } else {
            at = &e->next;
        }
    }
}

/* NULL without memory, and when too many are known: such a channel is sent to as if it were well. */
static entry *add(struct delivery_standing *s, const delivery_row *row, int64_t now) {
    if (s->count == KNOWN_MOST)
        tidy(s, now);
    entry *made = s->count < KNOWN_MOST ? pl_calloc(1, sizeof *made) : NULL;
    if (!made)
        return NULL;
    snprintf(made->account_id, sizeof made->account_id, "%.*s", PL_FMT(row->account_id));
    snprintf(made->channel_id, sizeof made->channel_id, "%.*s", PL_FMT(row->channel_id));
    made->next = s->entries;
    s->entries = made;
    s->count++;
    return made;
}

/* --- Sending -----------------------------------------------------------------------------------------------
 */

static unsigned threads_of(const delivery *d) {
    return d->config.workers ? d->config.workers : 1;
}

static unsigned most_of(const delivery *d, unsigned spared) {
    return threads_of(d) > spared ? threads_of(d) - spared : 1;
}

/* Its last try failed, or the threads that send to it have waited for an answer for long. */
static bool is_troubled(const entry *e, int64_t now) {
    return e->failures > 0 || (e->running > 0 && now - e->alive > SILENCE_MS);
}

bool standing_is_troubled(delivery *d, const delivery_row *row, int64_t now) {
    struct delivery_standing *s = d->standing;
    pthread_mutex_lock(&s->lock);
    const entry *e = find(s, row);
    bool troubled = e && is_troubled(e, now);
    pthread_mutex_unlock(&s->lock);
    return troubled;
}

int64_t standing_failures(delivery *d, const delivery_row *row) {
    struct delivery_standing *s = d->standing;
    pthread_mutex_lock(&s->lock);
    const entry *e = find(s, row);
    int64_t failures = e ? e->failures : 0;
    pthread_mutex_unlock(&s->lock);
    return failures;
}

/* For a place among the threads that send to a channel that is well; false when there is none for long. */
static bool await_place(const delivery *d, struct delivery_standing *s, const delivery_row *row) {
    struct timespec until;
    unsigned most = most_of(d, (threads_of(d) + 3) / 4);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    for (const entry *e = find(s, row); e && e->failures == 0 && e->running >= most; e = find(s, row))
        if (pthread_cond_timedwait(&s->left, &s->lock, &until) != 0)
            return false;
    return true;
}

/* Whether a channel in trouble may be tried now; else when it may. */
static bool may_try(const delivery *d, const struct delivery_standing *s, const entry *e, int64_t now,
                    int64_t *due) {
    *due = e->until > now ? e->until : now + d->config.retry_ms;
    return e->until <= now && e->running == 0 && s->probes < most_of(d, threads_of(d) / 2);
}

bool standing_enter(delivery *d, const delivery_row *row, int64_t modified, int64_t now, int64_t *due) {
    struct delivery_standing *s = d->standing;
    pthread_mutex_lock(&s->lock);
    entry *e = find(s, row);
    if (e && e->modified != modified) /* it was changed: perhaps its target, too */
        e->failures = e->until = 0;
    bool enters = (e && is_troubled(e, now)) || await_place(d, s, row);
    *due = now + d->config.retry_ms;
    e = find(s, row);
    if (enters && e && is_troubled(e, now) && (enters = may_try(d, s, e, now, due))) {
        e->probed = true;
        s->probes++;
    }
    if (enters && !e)
        e = add(s, row, now);
    if (enters && e) {
        e->modified = modified;
        e->alive = e->running++ ? e->alive : now;
    }
    pthread_mutex_unlock(&s->lock);
    return enters;
}

static int64_t pause_after(const delivery *d, int64_t failures) {
    int64_t wait = d->config.retry_ms;
    for (int64_t i = 1; i < failures && wait < DELIVERY_PAUSE_MOST; i++)
        wait *= 2;
    return wait < DELIVERY_PAUSE_MOST ? wait : DELIVERY_PAUSE_MOST;
}

static void end_try(const delivery *d, struct delivery_standing *s, entry *e, bool reached, int64_t began,
                    int64_t now) {
    if (e->probed)
        s->probes--;
    e->probed = false;
    e->running -= e->running > 0;
    if (reached) {
        e->failures = e->until = 0;
        e->alive = now;
    }
    if (reached || began < e->failed) /* of tries that overlap the first failure says it all */
        return;
    e->failed = now;
    e->until = now + pause_after(d, ++e->failures);
}

int64_t standing_leave(delivery *d, const delivery_row *row, bool reached, int64_t began, int64_t now) {
    struct delivery_standing *s = d->standing;
    int64_t until = now + pause_after(d, row->attempts + 1);
    pthread_mutex_lock(&s->lock);
    entry *e = find(s, row);
    if (e) {
        end_try(d, s, e, reached, began, now);
        until = e->until > until ? e->until : until;
        if (e->running == 0 && e->failures == 0)
            tidy(s, now);
    }
    pthread_cond_broadcast(&s->left);
    pthread_mutex_unlock(&s->lock);
    return until;
}
