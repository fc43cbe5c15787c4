/*
 * The inventory room: what is recorded about cloud resources. It owns the tables of migration 0002: resources
 * (the current configuration), resource_history (every change), resource_counts and recorders.
 *
 * A configuration item is parsed and normalised outside of any transaction (inventory_parse), then applied
 * inside one (inventory_apply), which tells what changed; an item that says nothing new costs one indexed
 * read. Members and their forms: reference/delivery.md, sections 3 to 5; history and diffs:
 * reference/evaluation-semantics.md, section 12.
 */
#ifndef INVENTORY_INVENTORY_H
#define INVENTORY_INVENTORY_H

#include "base/arena.h"
#include "base/error.h"
#include "catalogue/catalogue.h"
#include "store/db.h"
#include "json/tape.h"

enum {
    INVENTORY_HASH_SIZE = 16,
    INVENTORY_MAX_ITEMS = 10000,
    INVENTORY_MAX_CONFIGURATION = 1 << 20, /* bytes of one configuration as compact JSON */
    INVENTORY_MAX_TAGS_TEXT = 64 << 10
};

/* Values are stored and must not change. */
typedef enum inventory_event {
    INVENTORY_UNCHANGED,
    INVENTORY_DISCOVERED,
    INVENTORY_MODIFY,
    INVENTORY_REMOVE
} inventory_event;

/* "DISCOVERED", "MODIFY", "REMOVE"; "" for INVENTORY_UNCHANGED. */
pl_str inventory_event_name(inventory_event event);

/* One item, normalised. Views point into the arena of inventory_parse or into the parsed request. */
typedef struct inventory_item {
    pl_str account_id;
    pl_str resource_type; /* in the catalogue's spelling when it knows the type */
    pl_str region_id;     /* "global" when none was sent */
    pl_str resource_id;
    pl_str name, status, group_id, zone; /* empty when not sent, never absent */
    int64_t create_time;                 /* Unix milliseconds; 0: not sent */
    int64_t capture_time;                /* Unix milliseconds; 0: not sent, the time of recording counts */
    pl_str tags;                         /* compact JSON object {"key":["value", ...]} */
    pl_json configuration;               /* an object; missing when not sent or null */
    pl_str configuration_text;           /* compact JSON of it; absent when missing */
    unsigned char hash[INVENTORY_HASH_SIZE];
    bool removal;
} inventory_item;

/* What holds for all items of one call. */
typedef struct inventory_defaults {
    pl_str account_id;          /* of items without accountId */
    const catalogue *catalogue; /* spelling of types; may be NULL */
    /* Whether items of another account are accepted; NULL: none is. */
    bool (*accepts_account)(void *context, pl_str account_id);
    void *context;
} inventory_defaults;

/*
 * Parses an array of up to INVENTORY_MAX_ITEMS items into `*items` (in the arena, in the order sent).
 * `configuration` and `tags` may be objects or JSON text; member names are those of the snapshot files, the
 * API's capitalised names are accepted as well. `root` must stay valid as long as the items are used. -1 with
 * Invalid.ConfigurationItems.Value (or .Empty, .SizeExceed), the message naming item and member, the index of
 * the item in `error->position`.
 */
int inventory_parse(pl_arena *arena, pl_json root, const inventory_defaults *defaults, inventory_item **items,
                    size_t *count, pl_error *error);

/* One item alone, e.g. of DryRunConfigRule; `index` is named in errors. */
int inventory_parse_item(pl_arena *arena, pl_json node, const inventory_defaults *defaults, size_t index,
                         inventory_item *item, pl_error *error);

/* What applying one item did. Texts live in the arena given to inventory_apply. */
typedef struct inventory_change {
    const inventory_item *item;
    inventory_event event;
    int64_t resource_key; /* unique in the account; kept when a removed resource comes back */
    int64_t capture_time; /* as recorded: later than every earlier capture of the resource */
    int64_t create_time;
    bool created;    /* the resource was never recorded before */
    bool seen;       /* the resource was recorded and alive before */
    pl_str old_name; /* before the change, when `seen` */
    pl_str old_group_id;
    pl_str old_tags;
    int64_t old_capture_time;
    pl_str diff;           /* JSON text {"Property":[old,new]}; of UNCHANGED absent */
    pl_json configuration; /* after the change; of REMOVE the last one (parsed in the arena) */
} inventory_change;

/*
 * Applies items in order inside a write transaction; `changes` has room for `count`. Items of types that are
 * not monitored are left out of `changes` with event UNCHANGED and resource_key 0. `now` is the capture time
 * of items without one.
 */
int inventory_apply(store_session *session, pl_arena *arena, const inventory_item *items, size_t count,
                    int64_t now, inventory_change *changes, pl_error *error);

/* A recorded resource. Texts live in the arena of the reading function. */
typedef struct inventory_resource {
    pl_str account_id;
    int64_t resource_key;
    pl_str resource_type, region_id, resource_id, name, status, group_id, zone;
    int64_t create_time, capture_time;
    pl_str tags;
    pl_str configuration; /* JSON text; absent when there is none, or it was not asked for */
    bool deleted;
} inventory_resource;

/* An item as the resource that it describes, without key and time of capture; it has the item's texts. */
inventory_resource inventory_resource_of(const inventory_item *item);

/* Copies every text of a visited resource into the arena; -1 when it is full. */
int inventory_copy_resource(pl_arena *arena, inventory_resource *resource, pl_error *error);

/* Reads one resource; `*found` false when there is none. An absent `region_id` takes the first by region. */
int inventory_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_type,
                   pl_str region_id, pl_str resource_id, inventory_resource *out, bool *found,
                   pl_error *error);
int inventory_find_key(store_session *session, pl_arena *arena, pl_str account_id, int64_t resource_key,
                       inventory_resource *out, bool *found, pl_error *error);

/* All live resources with this id, of any type and region, at most `capacity`. */
int inventory_find_id(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_id,
                      inventory_resource *out, size_t capacity, size_t *count, pl_error *error);

/* Which resources to list. Absent and empty members do not restrict. */
typedef struct inventory_filter {
    pl_str account_id; /* required */
    const pl_str *types, *regions, *exclude_types, *ids;
    size_t type_count, region_count, exclude_type_count, id_count;
    pl_str resource_id, name;
    bool with_deleted, without_live;
    int64_t updated_from, updated_to; /* capture time, inclusive; 0: open */
} inventory_filter;

/* Calls back for each row; a result other than 0 stops the walk (1: cleanly, -1: with the error filled). */
typedef int (*inventory_visit)(void *context, const inventory_resource *resource, pl_error *error);

/* Walks matching resources in the order of their keys, from behind `after_key`, without configurations. */
int inventory_list(store_session *session, const inventory_filter *filter, int64_t after_key,
                   inventory_visit visit, void *context, pl_error *error);
int inventory_count(store_session *session, const inventory_filter *filter, int64_t *count, pl_error *error);

/*
 * Up to `limit` live resources of one type behind `after_key`, configurations included, for full runs; the
 * views are valid during the visit only.
 */
int inventory_scan(store_session *session, pl_str account_id, pl_str resource_type, int64_t after_key,
                   int64_t limit, inventory_visit visit, void *context, pl_error *error);

/*
 * The same for keys above `after` and up to `until`. Every new resource of the account gets the next key, so
 * a range below it can only lose resources, or regain those that were removed.
 */
int inventory_scan_range(store_session *session, pl_str account_id, pl_str resource_type, int64_t after,
                         int64_t until, int64_t limit, inventory_visit visit, void *context, pl_error *error);
int inventory_next_key(store_session *session, pl_str account_id, int64_t *next, pl_error *error);

/* When each live resource of a range was captured, by key: enough to tell whether it has changed. */
typedef struct inventory_capture {
    int64_t resource_key, capture_time;
} inventory_capture;

int inventory_captures(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_type,
                       int64_t after, int64_t until, inventory_capture **captures, size_t *count,
                       pl_error *error);

/* The first recorded type behind `after` in byte order; the absent view when there is none. */
int inventory_next_type(store_session *session, pl_arena *arena, pl_str account_id, pl_str after,
                        pl_str *type, pl_error *error);

/* Live resources by region or by type (the other one may be given to restrict). */
typedef struct inventory_group {
    pl_str name;
    int64_t count;
} inventory_group;

int inventory_count_by_region(store_session *session, pl_arena *arena, pl_str account_id,
                              pl_str resource_type, inventory_group **groups, size_t *count, pl_error *error);
int inventory_count_by_type(store_session *session, pl_arena *arena, pl_str account_id, pl_str region_id,
                            inventory_group **groups, size_t *count, pl_error *error);

/* Live resources of one type; an absent type counts all. */
int inventory_count_type(store_session *session, pl_str account_id, pl_str resource_type, int64_t *count,
                         pl_error *error);

/* Goes up with every transaction that changed the account's inventory; 0 when nothing was ever recorded. */
int inventory_sequence(store_session *session, pl_str account_id, int64_t *sequence, pl_error *error);

/* The first account behind `after` that ever recorded something; the absent view when there is none. */
int inventory_next_account(store_session *session, pl_arena *arena, pl_str after, pl_str *account_id,
                           pl_error *error);

/*
 * Up to `limit` resources of every type behind `after_key`, removed ones and configurations included. A visit
 * that does not answer 0 ends the walk with -1.
 */
int inventory_walk(store_session *session, pl_str account_id, int64_t after_key, int64_t limit,
                   inventory_visit visit, void *context, pl_error *error);

/*
 * Turns the resource back to what it was at `at`: name, zone, tags and configuration; status and group are
 * not in the history. `*existed` false: it was not recorded yet, or removed.
 */
int inventory_resource_at(store_session *session, pl_arena *arena, inventory_resource *resource, int64_t at,
                          bool *existed, pl_error *error);

/* Raises the sequence for something else that whoever compares it must see. */
int inventory_touch(store_session *session, pl_str account_id, pl_error *error);

/* One node of the configuration timeline. */
typedef struct inventory_node {
    int64_t capture_time;
    inventory_event event;
    pl_str name, zone, tags;
    pl_str diff;
} inventory_node;

/* Nodes with from <= capture_time <= to, newest first, at most `limit`. */
int inventory_timeline(store_session *session, pl_arena *arena, const inventory_resource *resource,
                       int64_t from, int64_t to, size_t limit, inventory_node **nodes, size_t *count,
                       pl_error *error);

/* When the resource was first recorded; 0 when it never was. */
int inventory_first_capture(store_session *session, const inventory_resource *resource, int64_t *captured,
                            pl_error *error);

/* The configuration as it stood at `at`; the absent view when the resource did not exist then. */
int inventory_configuration_at(store_session *session, pl_arena *arena, const inventory_resource *resource,
                               int64_t at, pl_str *configuration, pl_error *error);

/* Appends the diff of two configurations by top-level member; either may be missing. */
void inventory_write_diff(pl_buf *out, pl_json before, pl_json after);

/* True when tags (as stored) carry the key, and the value when it is neither absent nor empty. */
bool inventory_has_tag(pl_json tags, pl_str key, pl_str value);

/* Appends the item as the condition source CONFIGURATION_ITEM shows it (reference/condition-rules.md, 3). */
void inventory_write_item(pl_buf *out, const inventory_resource *resource, pl_json tags);

/* The recorder: reference/delivery.md, section 8. Without a row every type is monitored. */
typedef struct inventory_recorder {
    pl_str status;       /* REGISTRABLE, REGISTERED */
    bool all_types;      /* new types are monitored as they come */
    const pl_str *types; /* when not all_types, sorted */
    size_t type_count;
} inventory_recorder;

int inventory_recorder_get(store_session *session, pl_arena *arena, pl_str account_id,
                           inventory_recorder *out, pl_error *error);
int inventory_recorder_put(store_session *session, pl_str account_id, const inventory_recorder *recorder,
                           pl_error *error);
bool inventory_recorder_covers(const inventory_recorder *recorder, pl_str resource_type);

/* Deletes all that is recorded of the account (StopConfigurationRecorder); how it records stays. */
int inventory_delete_account(store_session *session, pl_str account_id, pl_error *error);

/* Deletes the account's recorder: nothing is recorded there any more. */
int inventory_recorder_delete(store_session *session, pl_str account_id, pl_error *error);

#endif
