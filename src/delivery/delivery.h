/*
 * The delivery room: channels, what is still to be delivered through them, and the threads that deliver it
 * (reference/delivery.md). It owns the tables of migration 0022.
 *
 * A change is put into the outbox (table deliveries) in the transaction that records it, so what was
 * acknowledged is delivered at least once, whatever happens to the process. A delivery leaves the outbox when
 * its target has taken it, when its channel is gone or disabled, or when it has been refused for too long.
 *
 * Where targets lie: a channel names buckets, topics and Logstores; the server's settings say where those
 * are. http(s) addresses speak the vendor's protocols, webhook+http(s) addresses get the documents as plain
 * POSTs, and what has no address is written below a directory.
 */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "inventory/inventory.h"
#include "org/org.h"

typedef struct delivery delivery;

/* Values are stored and must not change. */
typedef enum delivery_type { DELIVERY_OSS, DELIVERY_MNS, DELIVERY_SLS, DELIVERY_EVENTS } delivery_type;

enum { DELIVERY_ID_TEXT = 21, DELIVERY_CHANNELS_PER_OWNER = 5 };

/* "OSS", "MNS", "SLS"; false when there is no such type. */
pl_str delivery_type_name(delivery_type type);
bool delivery_type_find(pl_str name, delivery_type *type);

/* One result of a rule, as compliance snapshots show it. */
typedef struct delivery_result {
    pl_str account_id, rule_id, rule_name, identifier, compliance, annotation;
    int risk_level;
    pl_str region_id, resource_type, resource_id, resource_name;
    int64_t ordering, recorded;
} delivery_result;

/*
 * A page of the results of an owner's rules behind `after` (empty: from the start); answered by the engine.
 * `*next` is absent at the end.
 */
typedef int (*delivery_read_results)(void *context, store_session *session, pl_arena *arena, pl_str owner_id,
                                     pl_str aggregator_id, pl_str after, delivery_result **results,
                                     size_t *count, pl_str *next, pl_error *error);

typedef struct delivery_config {
    store *store;
    org *org; /* may be NULL: no directories and no groups */
    const catalogue *catalogue;
    pl_clock clock;
    pl_random random;
    const pl_log *log;     /* may be NULL */
    const char *directory; /* of targets without an address */
    /* Addresses with {bucket}, {topic}, {project}, {logstore}, {service}, {region} and {account}; or NULL. */
    const char *oss_url, *mns_url, *sls_url, *events_url;
    const char *access_key_id, *access_key_secret; /* sign for oss and mns; NULL: unsigned */
    unsigned workers;                              /* 0: none, delivery_work is called by hand */
    int64_t retry_ms;                              /* before the second try, doubled each time; 0: 5000 */
    int64_t keep_ms;               /* after which a refused delivery is dropped; 0: 72 hours */
    delivery_read_results results; /* NULL: no compliance snapshots */
    void *results_context;
} delivery_config;

/* Everything in `config` outlives the room. */
int delivery_open(delivery **out, const delivery_config *config, pl_error *error);
int delivery_start(delivery *d, pl_error *error);

/* Ends the threads; what is not delivered stays. NULL is fine for both. Close after the store was closed. */
void delivery_stop(delivery *d);
void delivery_close(delivery *d);

/* One round by the calling thread: due snapshots, then a batch of due deliveries. */
int delivery_work(delivery *d, bool *worked, pl_error *error);

/* --- Channels --------------------------------------------------------------------------------------------
 */

typedef struct delivery_channel {
    pl_str account_id;    /* the owner: the account, or the one that owns the group */
    pl_str aggregator_id; /* empty: of the account itself */
    pl_str channel_id;    /* cdc-... */
    pl_str name, description;
    delivery_type type;
    pl_str target_arn, role_arn, condition, oversized_arn;
    bool changes, snapshots, violations, compliance_snapshots;
    pl_str snapshot_time; /* HH:mmZ; empty: twice a day */
    bool enabled;
    int64_t created, modified; /* Unix milliseconds */
    int64_t snapshot_done;     /* snapshots up to here have begun; 0 when put: from now on */
} delivery_channel;

/* A target ARN taken apart; what does not belong to the type is empty. */
typedef struct delivery_target {
    delivery_type type;
    pl_str region, account_id, bucket, topic, project, logstore;
} delivery_target;

/* False when the text is no target ARN of this type with sound names. */
bool delivery_target_parse(delivery_type type, pl_str arn, delivery_target *out);

/* The filters of DeliveryChannelCondition (reference/delivery.md, section 2). */
typedef struct delivery_condition {
    int risk_level;      /* only violations at least this severe (1 is the highest); 0: all */
    const pl_str *types; /* only these resource types, when there are any */
    size_t type_count;
} delivery_condition;

/* Into the arena; false for what is no condition. Empty text: no filter. */
bool delivery_condition_parse(pl_arena *arena, pl_str text, delivery_condition *out);

/*
 * Checks what a client may set: Invalid.DeliveryChannelTargetArn.Format, ...Condition.Format,
 * ...AssumeRoleArn.Format, Invalid.OversizedDataOSSTargetArn.Format, and what the channel's type cannot
 * deliver (InvalidParameter). Whose the target is: MemberNotBelongToMaster, DeliveryChannelAccountNotSupport.
 */
int delivery_channel_check(delivery *d, const delivery_channel *channel, pl_error *error);

/* Asks the targets whether they are there: DeliveryChannel{Oss,Mns,Sls}Unreachable. Waits for the network. */
int delivery_channel_probe(delivery *d, const delivery_channel *channel, pl_error *error);

/* All of these work inside the caller's transaction; texts live in the arena. */
int delivery_channel_find(store_session *session, pl_arena *arena, pl_str owner_id, pl_str aggregator_id,
                          pl_str channel_id, delivery_channel *out, bool *found, pl_error *error);
int delivery_channel_list(store_session *session, pl_arena *arena, pl_str owner_id, pl_str aggregator_id,
                          delivery_channel **channels, size_t *count, pl_error *error);

/*
 * Stores a new channel under a new id, or with an id the changed one. DeliveryChannelExceedMaxCount when the
 * owner has `limit` channels. Deliveries of a disabled channel are dropped, those that failed tried again.
 */
int delivery_channel_put(delivery *d, store_session *session, pl_arena *arena, delivery_channel *channel,
                         uint32_t limit, pl_error *error);
int delivery_channel_delete(store_session *session, pl_str owner_id, pl_str channel_id, pl_error *error);

/* All channels of a group, or with an absent group all that the room keeps of an account. */
int delivery_delete_owner(store_session *session, pl_str owner_id, pl_str aggregator_id, pl_error *error);

/* How a channel fares. Times are Unix milliseconds, 0: never. */
typedef struct delivery_status {
    pl_str channel_id, aggregator_id; /* no aggregator: of the account itself */
    bool enabled;
    int64_t waiting, delivered, dropped; /* documents; the latter two since the channel was made */
    int64_t failures;                    /* tries in a row that failed */
    int64_t last_delivered, last_failed;
    pl_str last_error; /* of the last failure; empty: none yet */
} delivery_status;

/* The account's channels and those of its groups, oldest first, at most `most`. */
int delivery_list_status(store_session *session, pl_arena *arena, pl_str owner_id, size_t most,
                         delivery_status **out, size_t *count, pl_error *error);

/* Deliveries that wait, over all accounts. */
int delivery_count(store_session *session, int64_t *waiting, pl_error *error);

/* --- Integrated services ----------------------------------------------------------------------------------
 */

typedef struct delivery_service {
    pl_str code; /* eventbridge, cms, bpstudio */
    pl_str name;
    bool enabled;
    pl_str types;            /* comma-separated data types */
    pl_str aggregator_types; /* of resources of member accounts */
} delivery_service;

/* All services, those that were never set among them. */
int delivery_service_list(store_session *session, pl_arena *arena, pl_str account_id,
                          delivery_service **services, size_t *count, pl_error *error);
int delivery_service_put(store_session *session, pl_str account_id, const delivery_service *service,
                         pl_error *error);

/* --- Routes: where what happens in an account goes
 * ---------------------------------------------------------- */

typedef struct delivery_route {
    delivery_type type;
    pl_str owner_id, aggregator_id, channel_id;
    pl_str directory_id;  /* of a group's channel; empty: none */
    pl_str oversized_arn; /* empty: none */
    bool changes, violations;
    delivery_condition condition;
} delivery_route;

typedef struct delivery_routes {
    delivery_route *items;
    size_t count, capacity;
    bool changes, violations; /* some route takes them */
} delivery_routes;

/* Adds the routes of an owner. `aggregator_id` absent: the account itself. */
int delivery_routes_add(delivery *d, store_session *session, pl_arena *arena, pl_str owner_id,
                        pl_str aggregator_id, delivery_routes *routes, pl_error *error);

/* --- What happened -----------------------------------------------------------------------------------------
 */

/* A resource that a rule found non-compliant. */
typedef struct delivery_violation {
    const inventory_resource *resource;
    pl_str owner_id, aggregator_id; /* of the rule; aggregator absent or empty: of the account itself */
    pl_str rule_id, rule_name, identifier, pack_id;
    int risk_level;
    pl_str annotation, trigger;
    int64_t ordering, last_non_compliant;
} delivery_violation;

/* One transaction's deliveries. Files that collect several records are written at its end. */
typedef struct delivery_batch delivery_batch;

/* In the arena; NULL without memory. */
delivery_batch *delivery_batch_new(delivery *d, store_session *session, pl_arena *arena, int64_t now);
int delivery_add_change(delivery_batch *batch, const delivery_routes *routes, const inventory_change *change,
                        pl_error *error);
int delivery_add_violation(delivery_batch *batch, const delivery_routes *routes, const delivery_violation *v,
                           pl_error *error);

/* Writes what is open unless `status` is -1, and frees the batch's memory. NULL is fine. */
int delivery_batch_end(delivery_batch *batch, int status, pl_error *error);

typedef struct delivery_counts {
    int64_t delivered, failures, dropped; /* since the start */
} delivery_counts;

/* All zero when nothing was delivered yet; may be called by any thread. */
void delivery_count_all(delivery *d, delivery_counts *counts);

#endif
