/* Inside the delivery room: the room itself, the outbox, documents and targets. */
#ifndef DELIVERY_PRIVATE_H
#define DELIVERY_PRIVATE_H

#include "delivery/delivery.h"

#include "base/encode.h"
#include "store/leases.h"
#include "store/workers.h"
#include "json/parser.h"
#include "json/writer.h"

#include <curl/curl.h>
#include <stdatomic.h>

enum {
    DELIVERY_CLAIMED = 32,      /* deliveries a worker takes at once */
    DELIVERY_FILE_ITEMS = 1000, /* records in one object */
    DELIVERY_FILE_BYTES = 8 << 20,
    DELIVERY_LOG_ITEMS = 500, /* records in one call to a Logstore */
    DELIVERY_LOG_BYTES = 3 << 20,
    DELIVERY_MESSAGE_MAX = 65536,  /* bytes of a message; reference/delivery.md, section 6 */
    DELIVERY_RECORD_MAX = 1 << 20, /* bytes of a log record */
    DELIVERY_REASON = 256,
    DELIVERY_PAUSE_MOST = 600000 /* milliseconds between two tries */
};

#define DELIVERY_CHANNEL PL_STR("delivery_wake")

struct delivery {
    delivery_config config;
    store_leases *leases;
    store_workers *workers;
    CURL *connections[STORE_WORKERS_MOST]; /* one for each thread, made by it */
    struct delivery_standing *standing;
    atomic_llong delivered, failures, dropped;
};

/* --- How channels stand with their targets (standing.c) --- */

struct delivery_row;

int standing_open(delivery *d, pl_error *error);
void standing_close(delivery *d);

/* Whether the channel's target has failed to answer, or lets those wait who send to it now. */
bool standing_is_troubled(delivery *d, const struct delivery_row *row, int64_t now);

/* Tries in a row that found the target silent. */
int64_t standing_failures(delivery *d, const struct delivery_row *row);

/*
 * Asks to send to the row's channel, which was set last at `modified`; waits a second at most. True: send,
 * and then standing_leave. False: not before `*due`.
 */
bool standing_enter(delivery *d, const struct delivery_row *row, int64_t modified, int64_t now, int64_t *due);

/*
 * A try that began at `began` has ended: `reached` when the target has taken the document, or refused this
 * one alone. Returns when the row may be tried again, if it has failed.
 */
int64_t standing_leave(delivery *d, const struct delivery_row *row, bool reached, int64_t began, int64_t now);

/* --- Channels (channel.c) --- */

/* A channel of the account or of any of its groups. */
int channel_find_any(store_session *session, pl_arena *arena, pl_str owner_id, pl_str channel_id,
                     delivery_channel *out, bool *found, pl_error *error);

/* The enabled channels of all accounts that take snapshots. */
int channel_list_scheduled(store_session *session, pl_arena *arena, delivery_channel **channels,
                           size_t *count, pl_error *error);

/* --- The outbox (outbox.c) --- */

/* Values are stored and must not change. */
typedef enum delivery_kind {
    DELIVERY_DOCUMENT,      /* payload as it is sent */
    DELIVERY_SNAPSHOT,      /* the next page of a configuration snapshot is to be made; payload: where */
    DELIVERY_COMPLIANCE,    /* the same of a compliance snapshot */
    DELIVERY_SNAPSHOT_ENDED /* to be announced when the snapshot's objects are delivered */
} delivery_kind;

typedef struct delivery_row {
    pl_str account_id, delivery_id, channel_id;
    delivery_kind kind;
    pl_str snapshot_id; /* empty: of none */
    pl_str object_key;  /* OSS: where it goes; else where it goes when it is too large */
    pl_str payload;
    pl_str summary; /* absent: the payload fits */
    int64_t due, attempts, created;
} delivery_row;

int outbox_put(store_session *session, const delivery_row *row, pl_error *error);
int outbox_any_due(store_session *session, int64_t now, bool *any, pl_error *error);
int outbox_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, int64_t lease,
                 delivery_row *rows, size_t *count, pl_error *error);
int outbox_renew(store_session *session, pl_str node, int64_t lease, pl_error *error);

/* Gives back what processes that are gone had claimed. On PostgreSQL others may live: their leases end. */
int outbox_release(store_session *session, pl_error *error);
int outbox_delete(store_session *session, const delivery_row *row, pl_error *error);
int outbox_retry(store_session *session, const delivery_row *row, int64_t due, pl_error *error);

/* The channel's other deliveries wait, too. */
int outbox_postpone(store_session *session, const delivery_row *row, int64_t due, pl_error *error);
int outbox_move(store_session *session, const delivery_row *row, pl_str payload, pl_error *error);
int outbox_note(store_session *session, const delivery_row *row, int64_t delivered, int64_t dropped,
                int64_t now, const char *reason, pl_error *error);

/* The page maker becomes what announces the snapshot's end; and what was to be announced is not. */
int outbox_end_pages(store_session *session, const delivery_row *row, pl_error *error);
int outbox_drop_announcement(store_session *session, const delivery_row *row, pl_error *error);

/* True when objects of the snapshot still wait. */
int outbox_has_snapshot(store_session *session, const delivery_row *row, bool *has, pl_error *error);

/* A new lower-case UUID. */
int delivery_uuid(delivery *d, char text[static PL_UUID_TEXT]);

/* --- Documents (document.c) --- */

/* What any record says of its resource. */
typedef struct delivery_item {
    pl_str account_id, region_id, resource_id, resource_type, name, status, zone, group_id, tags;
    pl_str configuration, diff; /* JSON text; empty: none */
    int64_t create_time, capture_time;
    inventory_event event;
    pl_str arn;
    pl_str directory_id; /* empty: none */
} delivery_item;

/* The resource's ARN by the catalogue's pattern. */
pl_str delivery_arn(pl_arena *arena, const catalogue *known, const delivery_item *item);

void document_change_file(pl_writer *w, const delivery_item *item);
void document_snapshot_file(pl_writer *w, const delivery_item *item);
void document_change_message(pl_writer *w, const delivery_item *item, pl_json diff, pl_json configuration,
                             pl_json tags, pl_str request_id, int64_t now, bool whole, pl_str object);
void document_change_log(pl_writer *w, const delivery_item *item, pl_str request_id, bool whole,
                         pl_str object);
void document_snapshot_log(pl_writer *w, const delivery_item *item, pl_str request_id, bool whole,
                           pl_str object);
void document_violation_message(pl_writer *w, const delivery_violation *v, pl_str arn, pl_str request_id,
                                int64_t now, bool whole, pl_str object);
void document_violation_log(pl_writer *w, const delivery_violation *v, pl_str arn, pl_str request_id,
                            int64_t now, bool whole, pl_str object);
void document_result_log(pl_writer *w, const delivery_result *result, pl_str request_id, bool whole,
                         pl_str object);
void document_snapshot_event(pl_writer *w, pl_str request_id, int64_t now, pl_str cause);

/* A CloudEvent around `data`, an object in JSON text (reference/delivery.md, section 7). */
void document_event(pl_writer *w, pl_str service, pl_str resource_type, pl_str kind, pl_str subject,
                    pl_str account_id, pl_str region_id, pl_str id, int64_t now, pl_json data);

/* Folder and name of an object; `kind` is the data type, or Oversized. */
pl_str document_object_key(pl_arena *arena, pl_str account_id, pl_str region_id, const char *kind,
                           pl_str request_id, int64_t now);

/* --- Targets (target.c, send.c) --- */

/* Where something goes: `url` is absent for a directory. */
typedef struct delivery_place {
    pl_str url;
    bool webhook; /* plain POST of the document */
    delivery_target target;
} delivery_place;

/*
 * Where a target is reached, as the configuration says; in the arena. Without an address for its kind the url
 * is absent: its documents become files. ServiceUnavailable when the address is too long, or without memory.
 */
int target_place(delivery *d, pl_arena *arena, const delivery_target *target, pl_str service,
                 delivery_place *out, pl_error *error);

typedef enum delivery_sent {
    DELIVERY_TAKEN,
    DELIVERY_REFUSED,    /* this document will not be taken */
    DELIVERY_UNREACHABLE /* nothing is taken now */
} delivery_sent;

/* Sends one document. `reason` gets why not. */
delivery_sent target_send(delivery *d, CURL *curl, pl_arena *arena, const delivery_place *place,
                          pl_str object_key, pl_str delivery_id, pl_str payload,
                          char reason[static DELIVERY_REASON]);

/* Whether the target is there. */
bool target_probe(delivery *d, pl_arena *arena, const delivery_place *place,
                  char reason[static DELIVERY_REASON]);

/* --- Snapshots (snapshot.c) --- */

/* Begins the snapshots that are due. */
int snapshot_begin_due(delivery *d, int64_t now, bool *worked, pl_error *error);

/* Makes the next page of a snapshot, or ends it. */
int snapshot_page(delivery *d, const delivery_row *row, const delivery_channel *channel, pl_error *error);

/* Tells the owner's MNS channels of a snapshot that reached its bucket, or (with a cause) did not. */
int snapshot_announce(delivery *d, store_session *session, pl_arena *arena, const delivery_channel *channel,
                      pl_str cause, pl_error *error);

#endif
