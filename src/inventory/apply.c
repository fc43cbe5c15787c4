/*
 * Applying parsed items to the tables: what is new, what changed, what went away.
 *
 * INVARIANT: resources, resource_history (inventory/history.h) and resource_counts tell the same story at
 * every commit. The row of inventory_accounts is written before anything else of the account, so two writers
 * wait for each other.
 */
#include "inventory/history.h"
#include "json/parser.h"

/* What one transaction knows of an account it writes to. */
struct account {
    pl_str id;
    inventory_recorder recorder;
    bool locked;
    int64_t next_key;   /* of the next new resource */
    int64_t stored_key; /* the same as the table has it */
    struct account *next;
};

struct tally {
    pl_str account_id, type, region;
    int64_t live; /* difference to add */
    struct tally *next;
};

/* A row of resource_history that waits to be inserted together with others. */
struct past {
    const inventory_item *item; /* of REMOVE a copy with the last attributes */
    int64_t resource_key, capture_time;
    inventory_event event;
    pl_str diff;
};

struct applying {
    store_session *session;
    pl_arena *arena;
    int64_t now;
    struct account *accounts;
    struct tally *tallies;
    struct past *past; /* room for one a change */
    size_t past_count;
    pl_json_parser *parser;
    pl_buf scratch;
    pl_error *error;
};

/* The stored row that an item speaks of. */
struct stored {
    int64_t key; /* 0: there is none */
    bool deleted;
    bool same_hash;
    int64_t capture_time;
};

static int out_of_memory(struct applying *a) {
    return pl_fail(a->error, PL_E_ServiceUnavailable);
}

static struct account *find_account(struct applying *a, pl_str id) {
    for (struct account *at = a->accounts; at; at = at->next)
        if (pl_str_eq(at->id, id))
            return at;
    struct account *made = pl_new(a->arena, struct account, 1);
    if (!made) {
        out_of_memory(a);
        return NULL;
    }
    made->id = id;
    if (inventory_recorder_get(a->session, a->arena, id, &made->recorder, a->error) != 0)
        return NULL;
    made->next = a->accounts;
    a->accounts = made;
    return made;
}

/*
 * Takes the account's row, once in a transaction. `creates`: for a new resource, so that one key is taken at
 * once; mostly it is the only one.
 */
static int lock_account(struct applying *a, struct account *account, bool creates) {
    if (account->locked)
        return 0;
    store_statement *st = store_prepare(
        a->session,
        "INSERT INTO inventory_accounts (account_id, next_key, sequence) VALUES ($1, 1 + CAST($2 AS BIGINT), "
        "1) "
        "ON CONFLICT (account_id) DO UPDATE SET next_key = inventory_accounts.next_key + CAST($2 AS BIGINT), "
        "sequence = inventory_accounts.sequence + 1 RETURNING next_key",
        a->error);
    store_bind_text(st, 1, account->id);
    store_bind_i64(st, 2, creates);
    int row = store_step(st, a->error);
    if (row < 0)
        return -1;
    account->stored_key = store_column_i64(st, 0);
    account->next_key = account->stored_key - creates;
    account->locked = true;
    store_reset(st);
    return 0;
}

static int tally(struct applying *a, const inventory_item *item, int64_t live) {
    struct tally **link = &a->tallies;
    for (struct tally *at = a->tallies; at; link = &at->next, at = at->next) {
        if (!pl_str_eq(at->region, item->region_id) || !pl_str_eq(at->type, item->resource_type) ||
            !pl_str_eq(at->account_id, item->account_id))
            continue;
        at->live += live;
        *link = at->next; /* to the front: neighbours are mostly alike */
        at->next = a->tallies;
        a->tallies = at;
        return 0;
    }
    struct tally *made = pl_new(a->arena, struct tally, 1);
    if (!made)
        return out_of_memory(a);
    *made = (struct tally){item->account_id, item->resource_type, item->region_id, live, a->tallies};
    a->tallies = made;
    return 0;
}

static int look_up(struct applying *a, const inventory_item *item, struct stored *out) {
    store_statement *st =
        store_prepare(a->session,
                      "SELECT resource_key, content_hash, deleted, capture_time FROM resources WHERE "
                      "account_id = $1 AND resource_type = $2 AND resource_id = $3 AND region_id = $4",
                      a->error);
    *out = (struct stored){0};
    store_bind_text(st, 1, item->account_id);
    store_bind_text(st, 2, item->resource_type);
    store_bind_text(st, 3, item->resource_id);
    store_bind_text(st, 4, item->region_id);
    int row = store_step(st, a->error);
    if (row == 1) {
        pl_str hash = store_column_blob(st, 1);
        out->key = store_column_i64(st, 0);
        out->same_hash = pl_str_eq(hash, pl_str_of((const char *)item->hash, INVENTORY_HASH_SIZE));
        out->deleted = store_column_i64(st, 2) != 0;
        out->capture_time = store_column_i64(st, 3);
        store_reset(st);
    }
    return row < 0 ? -1 : 0;
}

static void add_history(struct applying *a, const inventory_item *item, const inventory_change *change) {
    a->past[a->past_count++] = (struct past){item, change->resource_key, change->capture_time, change->event,
                                             change->event == INVENTORY_MODIFY ? change->diff : PL_STR_NONE};
}

static void load_past(store_bulk *bulk, const struct past *past) {
    store_bulk_text(bulk, past->item->account_id);
    store_bulk_i64(bulk, past->resource_key);
    store_bulk_i64(bulk, past->capture_time);
    store_bulk_i64(bulk, past->event);
    store_bulk_text(bulk, past->item->name);
    store_bulk_text(bulk, past->item->zone);
    store_bulk_text(bulk, past->item->tags);
    if (past->diff.p)
        store_bulk_text(bulk, past->diff);
    else
        store_bulk_null(bulk);
}

static int write_history(struct applying *a) {
    static const char *const columns[] = {"account_id", "resource_key", "capture_time", "event",
                                          "name",       "zone",         "tags",         "diff"};
    int status = 0;
    if (a->past_count == 0)
        return 0;
    store_bulk *bulk =
        store_bulk_begin(a->session, "resource_history", columns, sizeof columns / sizeof *columns, a->error);
    for (size_t i = 0; status == 0 && i < a->past_count; i++) {
        load_past(bulk, a->past + i);
        status = store_bulk_row(bulk, a->error);
    }
    if (store_bulk_end(bulk, a->error) != 0)
        status = -1;
    a->past_count = 0;
    return status;
}

static int insert(struct applying *a, struct account *account, const inventory_item *item,
                  inventory_change *change) {
    change->event = INVENTORY_DISCOVERED;
    change->created = true;
    change->resource_key = account->next_key++;
    change->create_time = item->create_time ? item->create_time : change->capture_time;
    change->configuration = item->configuration;
    if (store_run(a->session, a->error,
                  "INSERT INTO resources (account_id, resource_key, resource_type, region_id, resource_id, "
                  "content_hash, deleted, capture_time, create_time, name, status, group_id, zone, tags, "
                  "configuration) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14)",
                  "titttbiittttt"
                  "t",
                  item->account_id, change->resource_key, item->resource_type, item->region_id,
                  item->resource_id, pl_str_of((const char *)item->hash, INVENTORY_HASH_SIZE),
                  change->capture_time, change->create_time, item->name, item->status, item->group_id,
                  item->zone, item->tags, item->configuration_text) != 0)
        return -1;
    return tally(a, item, 1);
}

/* The resource is about to be another one than was discovered. */
static int note_discovery(struct applying *a, const inventory_item *item, int64_t key) {
    return store_run(
        a->session, a->error,
        "INSERT INTO resource_history (account_id, resource_key, capture_time, event, name, zone, "
        "tags) SELECT account_id, resource_key, capture_time, 1, name, zone, "
        "tags" INVENTORY_UNCHANGED_RESOURCE,
        "ti", item->account_id, key);
}

static int rewrite(struct applying *a, const inventory_item *item, const inventory_change *change) {
    return store_run(
        a->session, a->error,
        "UPDATE resources SET content_hash = $3, deleted = 0, capture_time = $4, create_time = $5, "
        "name = $6, status = $7, group_id = $8, zone = $9, tags = $10, configuration = $11 "
        "WHERE account_id = $1 AND resource_key = $2",
        "tibiittttt"
        "t",
        item->account_id, change->resource_key, pl_str_of((const char *)item->hash, INVENTORY_HASH_SIZE),
        change->capture_time, change->create_time, item->name, item->status, item->group_id, item->zone,
        item->tags, item->configuration_text);
}

/* A removed resource is back. Its last configuration moves into the history row of the removal. */
static int revive(struct applying *a, const inventory_item *item, const struct stored *stored,
                  inventory_change *change) {
    change->event = INVENTORY_DISCOVERED;
    change->create_time = item->create_time ? item->create_time : change->capture_time;
    change->configuration = item->configuration;
    if (write_history(a) != 0)
        return -1;
    if (store_run(a->session, a->error,
                  "UPDATE resource_history SET configuration = (SELECT configuration FROM resources WHERE "
                  "account_id = $1 AND resource_key = $2) WHERE account_id = $1 AND resource_key = $2 AND "
                  "capture_time = $3",
                  "tii", item->account_id, stored->key, stored->capture_time) != 0)
        return -1;
    add_history(a, item, change);
    return rewrite(a, item, change) != 0 ? -1 : tally(a, item, 1);
}

/* The old row's attributes; `*configuration` parsed in the arena. */
static int load_old(struct applying *a, const inventory_item *item, int64_t key, inventory_resource *old,
                    pl_json *configuration) {
    bool found;
    *configuration = PL_JSON_NONE;
    if (inventory_find_key(a->session, a->arena, item->account_id, key, old, &found, a->error) != 0)
        return -1;
    if (!found)
        return pl_fail(a->error, PL_E_InternalError);
    if (!old->configuration.p)
        return 0;
    if (!a->parser)
        a->parser = pl_json_parser_new(INVENTORY_MAX_CONFIGURATION);
    if (!a->parser)
        return out_of_memory(a);
    if (pl_json_parse(a->parser, old->configuration, configuration, a->error) != 0)
        return -1;
    *configuration = pl_json_keep(a->arena, a->parser, *configuration);
    return pl_json_exists(*configuration) ? 0 : out_of_memory(a);
}

static void remember_old(inventory_change *change, const inventory_resource *old) {
    change->seen = true;
    change->old_name = old->name;
    change->old_group_id = old->group_id;
    change->old_tags = old->tags;
    change->old_capture_time = old->capture_time;
}

static bool same_attributes(const inventory_item *item, const inventory_resource *old) {
    return pl_str_eq(item->name, old->name) && pl_str_eq(item->status, old->status) &&
           pl_str_eq(item->group_id, old->group_id) && pl_str_eq(item->zone, old->zone) &&
           pl_str_eq(item->tags, old->tags) &&
           (item->create_time == 0 || item->create_time == old->create_time);
}

/* The hash differs: compare by value, because member order does not count as a change. */
static int modify(struct applying *a, const inventory_item *item, const struct stored *stored,
                  inventory_change *change) {
    inventory_resource old;
    pl_json before;
    if (load_old(a, item, stored->key, &old, &before) != 0)
        return -1;
    pl_buf_clear(&a->scratch);
    size_t members = inventory_count_diff(&a->scratch, before, item->configuration);
    if (members == 0 && same_attributes(item, &old) &&
        pl_json_exists(before) == pl_json_exists(item->configuration))
        return 0;
    change->event = INVENTORY_MODIFY;
    change->create_time = item->create_time ? item->create_time : old.create_time;
    change->configuration = item->configuration;
    change->diff = pl_arena_copy(a->arena, pl_buf_str(&a->scratch));
    if (!change->diff.p || a->scratch.failed)
        return out_of_memory(a);
    remember_old(change, &old);
    if (note_discovery(a, item, stored->key) != 0)
        return -1;
    add_history(a, item, change);
    return rewrite(a, item, change);
}

static int take_away(struct applying *a, const inventory_item *item, const struct stored *stored,
                     inventory_change *change) {
    inventory_resource old;
    if (load_old(a, item, stored->key, &old, &change->configuration) != 0)
        return -1;
    change->event = INVENTORY_REMOVE;
    change->create_time = old.create_time;
    remember_old(change, &old);
    inventory_item *last = pl_new(a->arena, inventory_item, 1);
    if (!last)
        return out_of_memory(a);
    *last = *item;
    last->name = old.name;
    last->zone = old.zone;
    last->tags = old.tags;
    if (note_discovery(a, item, stored->key) != 0 ||
        store_run(a->session, a->error,
                  "UPDATE resources SET deleted = 1, capture_time = $3 WHERE account_id = $1 AND "
                  "resource_key = $2",
                  "tii", item->account_id, stored->key, change->capture_time) != 0)
        return -1;
    add_history(a, last, change);
    return tally(a, item, -1);
}

static int apply_one(struct applying *a, const inventory_item *item, inventory_change *change) {
    struct stored stored;
    struct account *account = find_account(a, item->account_id);
    *change = (inventory_change){.item = item, .configuration = PL_JSON_NONE};
    if (!account)
        return -1;
    if (!inventory_recorder_covers(&account->recorder, item->resource_type))
        return 0;
    if (look_up(a, item, &stored) != 0)
        return -1;
    bool alive = stored.key && !stored.deleted;
    change->resource_key = stored.key;
    if (item->removal ? !alive : alive && stored.same_hash)
        return 0;
    change->capture_time = item->capture_time ? item->capture_time : a->now;
    if (stored.key && change->capture_time <= stored.capture_time)
        change->capture_time = stored.capture_time + 1;
    if (lock_account(a, account, !stored.key) != 0)
        return -1;
    if (!stored.key)
        return insert(a, account, item, change);
    if (item->removal)
        return take_away(a, item, &stored, change);
    return alive ? modify(a, item, &stored, change) : revive(a, item, &stored, change);
}

static int write_tallies(struct applying *a) {
    for (const struct tally *at = a->tallies; at; at = at->next)
        if (at->live != 0 &&
            store_run(a->session, a->error,
                      "INSERT INTO resource_counts (account_id, resource_type, region_id, live) VALUES ($1, "
                      "$2, $3, $4) ON CONFLICT (account_id, resource_type, region_id) DO UPDATE SET live = "
                      "resource_counts.live + excluded.live",
                      "ttti", at->account_id, at->type, at->region, at->live) != 0)
            return -1;
    for (const struct account *at = a->accounts; at; at = at->next)
        if (at->next_key != at->stored_key &&
            store_run(a->session, a->error,
                      "UPDATE inventory_accounts SET next_key = $2 WHERE account_id = $1", "ti", at->id,
                      at->next_key) != 0)
            return -1;
    return 0;
}

int inventory_apply(store_session *session, pl_arena *arena, const inventory_item *items, size_t count,
                    int64_t now, inventory_change *changes, pl_error *error) {
    struct applying a = {.session = session, .arena = arena, .now = now, .error = error};
    a.past = pl_new(arena, struct past, count ? count : 1);
    int status = a.past ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf_init(&a.scratch, 8 * INVENTORY_MAX_CONFIGURATION);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = apply_one(&a, items + i, changes + i);
    if (status == 0)
        status = write_history(&a);
    if (status == 0)
        status = write_tallies(&a);
    pl_buf_free(&a.scratch);
    pl_json_parser_free(a.parser);
    return status;
}
