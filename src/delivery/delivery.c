/*
 * The room itself: opening, closing, and the threads that deliver. A worker claims some due rows, sends them
 * one after the other and settles all of them in one transaction.
 */
#include "delivery/private.h"

#include "base/memory.h"

#include <stdio.h>

enum {
    CLAIM_MS = 180000, /* after which a worker gives the rest of its claim back */
    TICK_MS = 5000,
    REFUSALS_MOST = 5,
    FAILURES_SURE = 5, /* tries in a row after which a target is silent for good */
    CLAIM_ARENA = 1 << 30
};

/* What became of a claimed row. */
typedef enum fate { UNTOUCHED, SENT, FAILED, POSTPONED, GONE, MADE, WAITING } fate;

typedef struct claimed {
    delivery_row row;
    delivery_channel channel; /* of a channel; of a service only the id */
    bool found, service;
    fate fate;
    bool refused, over; /* `over`: it is given up */
    int64_t due;        /* of FAILED, POSTPONED and WAITING */
    char reason[DELIVERY_REASON];
} claimed;

typedef struct claim {
    delivery *d;
    store_lease lease;
    pl_arena arena;   /* of the rows */
    pl_arena scratch; /* of one delivery, and of settling */
    int64_t now;
    bool any;
    delivery_row rows[DELIVERY_CLAIMED];
    claimed items[DELIVERY_CLAIMED];
    size_t count;
} claim;

/* --- Claiming ----------------------------------------------------------------------------------------------
 */

static int any_work(store_session *session, void *argument, pl_error *error) {
    claim *c = argument;
    return outbox_any_due(session, c->now, &c->any, error);
}

static bool is_service(pl_str id) {
    return !pl_str_starts(id, PL_STR("cdc-"));
}

static int claim_work(store_session *session, void *argument, pl_error *error) {
    claim *c = argument;
    pl_arena_reset(&c->arena);
    if (outbox_claim(session, &c->arena, pl_str_from(c->lease.name), c->now, c->now + STORE_LEASE_MS, c->rows,
                     &c->count, error) != 0)
        return -1;
    for (size_t i = 0; i < c->count; i++) {
        claimed *item = c->items + i;
        *item = (claimed){.row = c->rows[i], .service = is_service(c->rows[i].channel_id)};
        if (item->service) {
            item->found = true;
            continue;
        }
        if (channel_find_any(session, &c->arena, item->row.account_id, item->row.channel_id, &item->channel,
                             &item->found, error) != 0)
            return -1;
        item->found = item->found && item->channel.enabled;
    }
    return 0;
}

/* --- Sending -----------------------------------------------------------------------------------------------
 */

static delivery_target target_of(const claimed *item) {
    delivery_target target = {
        .type = DELIVERY_EVENTS, .account_id = item->row.account_id, .bucket = item->row.channel_id};
    if (!item->service)
        (void)delivery_target_parse(item->channel.type, item->channel.target_arn, &target);
    return target;
}

static delivery_sent send_to(claim *c, CURL *curl, claimed *item, const delivery_target *target, pl_str key,
                             pl_str payload) {
    delivery_place place;
    pl_error error = {0};
    if (target_place(c->d, &c->scratch, target, item->service ? item->row.channel_id : PL_STR(""), &place,
                     &error) != 0) {
        snprintf(item->reason, sizeof item->reason, "%.200s", error.message);
        return DELIVERY_UNREACHABLE;
    }
    return target_send(c->d, curl, &c->scratch, &place, key, item->row.delivery_id, payload, item->reason);
}

/* The whole of what is too large goes first: the summary names its object. */
static delivery_sent send_row(claim *c, CURL *curl, claimed *item) {
    delivery_target target = target_of(item), bucket;
    pl_str payload = item->row.payload;
    if (item->row.summary.p) {
        payload = item->row.summary;
        if (delivery_target_parse(DELIVERY_OSS, item->channel.oversized_arn, &bucket)) {
            delivery_sent sent = send_to(c, curl, item, &bucket, item->row.object_key, item->row.payload);
            if (sent != DELIVERY_TAKEN)
                return sent;
        }
    }
    return send_to(c, curl, item, &target, item->row.object_key, payload);
}

static void report(delivery *d, const char *what, const pl_error *error) {
    if (d->config.log)
        pl_log_write(d->config.log, PL_LOG_WARNING, "delivery: %s: %s: %s", what, error->code,
                     error->message);
}

static void make_page(claim *c, claimed *item) {
    pl_error error = {0};
    item->fate = MADE;
    if (snapshot_page(c->d, &item->row, &item->channel, &error) == 0)
        return;
    report(c->d, "a snapshot cannot be made now", &error);
    item->fate = WAITING;
    item->due = pl_now(&c->d->config.clock) + c->d->config.retry_ms;
}

/* Sends the document, or puts it off while its channel is in trouble. */
static void deliver_document(claim *c, CURL *curl, claimed *item) {
    const pl_clock *clock = &c->d->config.clock;
    int64_t began = pl_now(clock);
    if (!standing_enter(c->d, &item->row, item->channel.modified, began, &item->due)) {
        item->fate = POSTPONED;
        return;
    }
    delivery_sent sent = send_row(c, curl, item);
    item->fate = sent == DELIVERY_TAKEN ? SENT : FAILED;
    item->refused = sent == DELIVERY_REFUSED;
    item->due = standing_leave(c->d, &item->row, sent != DELIVERY_UNREACHABLE, began, pl_now(clock));
}

static void deliver(claim *c, CURL *curl, claimed *item) {
    if (!item->found) {
        item->fate = GONE;
    } else if (item->row.kind == DELIVERY_SNAPSHOT || item->row.kind == DELIVERY_COMPLIANCE) {
        make_page(c, item);
    } else if (item->row.kind == DELIVERY_SNAPSHOT_ENDED) {
        item->fate = WAITING;
        item->due = pl_now(&c->d->config.clock) + c->d->config.retry_ms;
    } else {
        deliver_document(c, curl, item);
    }
    pl_arena_reset(&c->scratch);
}

/* After one could not be sent the others of the same channel need not try. */
static bool is_held_up(const claim *c, const claimed *item, int64_t *due) {
    for (size_t i = 0; i < c->count; i++) {
        const claimed *other = c->items + i;
        bool stuck = other->fate == POSTPONED || (other->fate == FAILED && !other->refused);
        if (stuck && item->row.kind == DELIVERY_DOCUMENT &&
            pl_str_eq(other->row.channel_id, item->row.channel_id) &&
            pl_str_eq(other->row.account_id, item->row.account_id)) {
            *due = other->due;
            return true;
        }
    }
    return false;
}

/* What may keep the thread waiting comes last. */
static void deliver_some(claim *c, CURL *curl, bool troubled, int64_t until) {
    for (size_t i = 0; i < c->count; i++) {
        claimed *item = c->items + i;
        if (store_workers_stopping(c->d->workers) || pl_monotonic_ns() > until)
            return;
        if (item->fate != UNTOUCHED ||
            (!troubled && standing_is_troubled(c->d, &item->row, pl_now(&c->d->config.clock))))
            continue;
        if (is_held_up(c, item, &item->due))
            item->fate = POSTPONED;
        else
            deliver(c, curl, item);
    }
}

static void deliver_all(claim *c, CURL *curl) {
    int64_t until = pl_monotonic_ns() + (int64_t)CLAIM_MS * 1000000;
    deliver_some(c, curl, false, until);
    deliver_some(c, curl, true, until);
}

/* --- Settling ----------------------------------------------------------------------------------------------
 */

/* What only waits is given up as well, or a silent target's documents would be kept for ever. */
static bool is_given_up(const claim *c, const claimed *item) {
    bool old = pl_now(&c->d->config.clock) - item->row.created > c->d->config.keep_ms;
    if (item->fate == POSTPONED)
        return old && standing_failures(c->d, &item->row) >= FAILURES_SURE;
    return item->fate == FAILED && (old || (item->refused && item->row.attempts + 1 >= REFUSALS_MOST));
}

static int settle_postponed(claim *c, store_session *session, claimed *item, pl_error *error) {
    if (!item->over)
        return outbox_retry(session, &item->row, item->due, error);
    if (outbox_note(session, &item->row, 0, 1, pl_now(&c->d->config.clock), item->reason, error) != 0)
        return -1;
    if (item->row.snapshot_id.n && outbox_drop_announcement(session, &item->row, error) != 0)
        return -1;
    return outbox_delete(session, &item->row, error);
}

static int settle_failure(claim *c, store_session *session, claimed *item, pl_error *error) {
    delivery_row *row = &item->row, again = *row;
    if (outbox_note(session, row, 0, item->over, pl_now(&c->d->config.clock), item->reason, error) != 0)
        return -1;
    if (row->snapshot_id.n && row->attempts == 0 && item->channel.type == DELIVERY_OSS &&
        snapshot_announce(c->d, session, &c->scratch, &item->channel, pl_str_from(item->reason), error) != 0)
        return -1;
    if (item->over && row->snapshot_id.n && outbox_drop_announcement(session, row, error) != 0)
        return -1;
    if (item->over)
        return outbox_delete(session, row, error);
    again.attempts++;
    if (outbox_retry(session, &again, item->due, error) != 0)
        return -1;
    return item->refused ? 0 : outbox_postpone(session, row, item->due, error);
}

static int settle_ended(claim *c, store_session *session, claimed *item, pl_error *error) {
    bool more;
    if (outbox_has_snapshot(session, &item->row, &more, error) != 0)
        return -1;
    if (more)
        return outbox_retry(session, &item->row, item->due, error);
    if (snapshot_announce(c->d, session, &c->scratch, &item->channel, PL_STR(""), error) != 0)
        return -1;
    return outbox_delete(session, &item->row, error);
}

static int settle_one(claim *c, store_session *session, claimed *item, pl_error *error) {
    switch (item->fate) {
    case SENT:
        if (outbox_note(session, &item->row, 1, 0, pl_now(&c->d->config.clock), NULL, error) != 0)
            return -1;
        return outbox_delete(session, &item->row, error);
    case FAILED: return settle_failure(c, session, item, error);
    case GONE: return outbox_delete(session, &item->row, error);
    case MADE: return 0;
    case WAITING:
        if (item->row.kind == DELIVERY_SNAPSHOT_ENDED)
            return settle_ended(c, session, item, error);
        return outbox_retry(session, &item->row, item->due, error);
    case POSTPONED: return settle_postponed(c, session, item, error);
    default: return outbox_retry(session, &item->row, 0, error);
    }
}

static int settle_work(store_session *session, void *argument, pl_error *error) {
    claim *c = argument;
    pl_arena_reset(&c->scratch);
    for (size_t i = 0; i < c->count; i++)
        if (settle_one(c, session, c->items + i, error) != 0)
            return -1;
    return 0;
}

static void report_item(const claim *c, const claimed *item) {
    if (c->d->config.log)
        pl_log_write(c->d->config.log, PL_LOG_WARNING, "delivery: %.*s of account %.*s %s: %s",
                     PL_FMT(item->row.channel_id), PL_FMT(item->row.account_id),
                     item->over ? "has dropped a delivery" : "takes nothing now", item->reason);
}

/* Decides what is given up, once for the books and the store. */
static void count_all(claim *c) {
    for (size_t i = 0; i < c->count; i++) {
        claimed *item = c->items + i;
        item->over = is_given_up(c, item);
        if (item->over && item->fate == POSTPONED)
            snprintf(item->reason, sizeof item->reason, "nothing was taken for too long");
        atomic_fetch_add(&c->d->delivered, item->fate == SENT);
        atomic_fetch_add(&c->d->failures, item->fate == FAILED);
        atomic_fetch_add(&c->d->dropped, item->over);
        if (item->over || item->fate == FAILED)
            report_item(c, item);
    }
}

/* Claims, sends and settles while the lease is held. */
static int work_held(claim *c, CURL *curl, bool *worked, pl_error *error) {
    store *db = c->d->config.store;
    int status = store_write(db, claim_work, c, error);
    if (status != 0 || c->count == 0)
        return status;
    *worked = true;
    deliver_all(c, curl);
    count_all(c);
    return store_write(db, settle_work, c, error);
}

static int work_claim(delivery *d, CURL *curl, bool *worked, pl_error *error) {
    claim *c = pl_calloc(1, sizeof *c);
    if (!c)
        return pl_fail(error, PL_E_ServiceUnavailable);
    c->d = d;
    c->now = pl_now(&d->config.clock);
    pl_arena_init(&c->arena, CLAIM_ARENA);
    pl_arena_init(&c->scratch, CLAIM_ARENA);
    int status = store_read(d->config.store, any_work, c, error);
    if (status == 0 && c->any && (status = store_lease_hold(d->leases, &c->lease, error)) == 0) {
        status = work_held(c, curl, worked, error);
        store_lease_let_go(d->leases, &c->lease);
    }
    pl_arena_free(&c->arena);
    pl_arena_free(&c->scratch);
    pl_free(c);
    return status;
}

int delivery_work(delivery *d, bool *worked, pl_error *error) {
    CURL *curl = curl_easy_init();
    *worked = false;
    if (!curl)
        return pl_fail(error, PL_E_ServiceUnavailable);
    int status = snapshot_begin_due(d, pl_now(&d->config.clock), worked, error);
    if (status == 0)
        status = work_claim(d, curl, worked, error);
    curl_easy_cleanup(curl);
    return status;
}

/* --- Threads -----------------------------------------------------------------------------------------------
 */

static int begin_snapshots(void *context, pl_error *error) {
    delivery *d = context;
    bool begun;
    return snapshot_begin_due(d, pl_now(&d->config.clock), &begun, error);
}

/* Each thread keeps its connections from one claim to the next. */
static int work_once(void *context, unsigned number, bool *worked, pl_error *error) {
    delivery *d = context;
    CURL **curl = &d->connections[number];
    if (!*curl)
        *curl = curl_easy_init();
    return *curl ? work_claim(d, *curl, worked, error) : pl_fail(error, PL_E_ServiceUnavailable);
}

static int open_workers(delivery *d, pl_error *error) {
    const delivery_config *c = &d->config;
    store_workers_config workers = {.store = c->store,
                                    .log = c->log,
                                    .name = "delivery",
                                    .channel = DELIVERY_CHANNEL,
                                    .threads = c->workers,
                                    .wait_ms = c->retry_ms < TICK_MS ? c->retry_ms : TICK_MS,
                                    .work = work_once,
                                    .look_first = begin_snapshots,
                                    .context = d};
    return store_workers_open(&d->workers, &workers, error);
}

int delivery_open(delivery **out, const delivery_config *config, pl_error *error) {
    delivery *d = pl_calloc(1, sizeof *d);
    *out = NULL;
    if (!d)
        return pl_fail(error, PL_E_ServiceUnavailable);
    d->config = *config;
    d->config.retry_ms = config->retry_ms ? config->retry_ms : 5000;
    d->config.keep_ms = config->keep_ms ? config->keep_ms : (int64_t)72 * 3600000;
    store_leases_config leases = {.store = config->store,
                                  .clock = config->clock,
                                  .random = config->random,
                                  .log = config->log,
                                  .renew = outbox_renew};
    if (standing_open(d, error) != 0 || store_leases_open(&d->leases, &leases, error) != 0 ||
        open_workers(d, error) != 0) {
        delivery_close(d);
        return -1;
    }
    *out = d;
    return 0;
}

static int release_work(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    return outbox_release(session, error);
}

int delivery_start(delivery *d, pl_error *error) {
    if (store_write(d->config.store, release_work, NULL, error) != 0 ||
        store_leases_start(d->leases, error) != 0)
        return -1;
    return store_workers_start(d->workers, error);
}

void delivery_stop(delivery *d) {
    if (!d)
        return;
    store_workers_stop(d->workers);
    for (size_t i = 0; i < STORE_WORKERS_MOST; i++) {
        curl_easy_cleanup(d->connections[i]);
        d->connections[i] = NULL;
    }
    store_leases_close(d->leases);
    d->leases = NULL;
}

void delivery_close(delivery *d) {
    if (!d)
        return;
    delivery_stop(d);
    store_workers_close(d->workers);
    standing_close(d);
    pl_free(d);
}

void delivery_count_all(delivery *d, delivery_counts *counts) {
    *counts = (delivery_counts){.delivered = atomic_load(&d->delivered),
                                .failures = atomic_load(&d->failures),
                                .dropped = atomic_load(&d->dropped)};
}
