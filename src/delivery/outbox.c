/*
 * The outbox (tables deliveries and delivery_status). A claim is a lease (store/leases.h): what a killed
 * process had is delivered again.
 */
#include "delivery/private.h"

#include <ctype.h>

int delivery_uuid(delivery *d, char text[static PL_UUID_TEXT]) {
    if (pl_random_uuid(&d->config.random, text) != 0)
        return -1;
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return 0;
}

int outbox_put(store_session *session, const delivery_row *row, pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO deliveries (account_id, delivery_id, channel_id, kind, snapshot_id, "
        "object_key, payload, summary, due, attempts, node, created) VALUES ($1, $2, $3, $4, $5, "
        "$6, $7, $8, 0, 0, '', $9)",
        "tttitttti", row->account_id, row->delivery_id, row->channel_id, (int64_t)row->kind, row->snapshot_id,
        row->object_key, row->payload, row->summary, row->created);
}

int outbox_any_due(store_session *session, int64_t now, bool *any, pl_error *error) {
    store_statement *st = store_prepare(session, "SELECT 1 FROM deliveries WHERE due <= $1 LIMIT 1", error);
    store_bind_i64(st, 1, now);
    return store_any(st, any, error);
}

#define CLAIM                                                                                                \
    "SELECT account_id, delivery_id, channel_id, kind, snapshot_id, object_key, payload, summary, "          \
    "attempts, "                                                                                             \
    "created FROM deliveries WHERE due <= $1 ORDER BY due, created LIMIT $2"

static int read_rows(store_statement *st, pl_arena *arena, delivery_row *rows, size_t *count,
                     pl_error *error) {
    int step;
    *count = 0;
    while ((step = store_step(st, error)) == 1)
        rows[(*count)++] = (delivery_row){.account_id = pl_arena_copy(arena, store_column_text(st, 0)),
                                          .delivery_id = pl_arena_copy(arena, store_column_text(st, 1)),
                                          .channel_id = pl_arena_copy(arena, store_column_text(st, 2)),
                                          .kind = (delivery_kind)store_column_i64(st, 3),
                                          .snapshot_id = pl_arena_copy(arena, store_column_text(st, 4)),
                                          .object_key = pl_arena_copy(arena, store_column_text(st, 5)),
                                          .payload = pl_arena_copy(arena, store_column_text(st, 6)),
                                          .summary = pl_arena_copy(arena, store_column_text(st, 7)),
                                          .attempts = store_column_i64(st, 8),
                                          .created = store_column_i64(st, 9)};
    return step < 0 ? -1 : arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int outbox_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, int64_t lease,
                 delivery_row *rows, size_t *count, pl_error *error) {
    store_statement *st =
        store_prepare(session, store_is_postgres(session) ? CLAIM " FOR UPDATE SKIP LOCKED" : CLAIM, error);
    store_bind_i64(st, 1, now);
    store_bind_i64(st, 2, DELIVERY_CLAIMED);
    if (read_rows(st, arena, rows, count, error) != 0)
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (store_run(session, error,
                      "UPDATE deliveries SET due = $3, node = $4 WHERE account_id = $1 AND delivery_id = $2",
                      "ttit", rows[i].account_id, rows[i].delivery_id, lease, node) != 0)
            return -1;
    return 0;
}

int outbox_renew(store_session *session, pl_str node, int64_t lease, pl_error *error) {
    return store_run(session, error, "UPDATE deliveries SET due = $2 WHERE node = $1", "ti", node, lease);
}

int outbox_release(store_session *session, pl_error *error) {
    if (store_is_postgres(session))
        return 0;
    return store_run(session, error, "UPDATE deliveries SET due = 0, node = '' WHERE node <> ''", "");
}

int outbox_delete(store_session *session, const delivery_row *row, pl_error *error) {
    return store_run(session, error, "DELETE FROM deliveries WHERE account_id = $1 AND delivery_id = $2",
                     "tt", row->account_id, row->delivery_id);
}

int outbox_retry(store_session *session, const delivery_row *row, int64_t due, pl_error *error) {
    return store_run(session, error,
                     "UPDATE deliveries SET due = $3, attempts = $4, node = '' WHERE account_id = $1 AND "
                     "delivery_id = $2",
                     "ttii", row->account_id, row->delivery_id, due, row->attempts);
}

int outbox_postpone(store_session *session, const delivery_row *row, int64_t due, pl_error *error) {
    return store_run(session, error,
                     "UPDATE deliveries SET due = $3 WHERE account_id = $1 AND channel_id = $2 AND node = '' "
                     "AND due < $3 AND kind = 0",
                     "tti", row->account_id, row->channel_id, due);
}

int outbox_move(store_session *session, const delivery_row *row, pl_str payload, pl_error *error) {
    return store_run(
        session, error,
        "UPDATE deliveries SET payload = $3, due = 0, attempts = 0, node = '' WHERE account_id = "
        "$1 AND delivery_id = $2",
        "ttt", row->account_id, row->delivery_id, payload);
}

int outbox_end_pages(store_session *session, const delivery_row *row, pl_error *error) {
    return store_run(session, error,
                     "UPDATE deliveries SET kind = 3, payload = '', due = 0, attempts = 0, node = '' WHERE "
                     "account_id = $1 AND delivery_id = $2",
                     "tt", row->account_id, row->delivery_id);
}

int outbox_drop_announcement(store_session *session, const delivery_row *row, pl_error *error) {
    return store_run(
        session, error,
        "DELETE FROM deliveries WHERE account_id = $1 AND channel_id = $2 AND snapshot_id = $3 AND "
        "kind = 3",
        "ttt", row->account_id, row->channel_id, row->snapshot_id);
}

int outbox_has_snapshot(store_session *session, const delivery_row *row, bool *has, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT 1 FROM deliveries WHERE account_id = $1 AND channel_id = $2 "
                                        "AND snapshot_id = $3 AND kind = 0 LIMIT 1",
                                        error);
    store_bind_text(st, 1, row->account_id);
    store_bind_text(st, 2, row->channel_id);
    store_bind_text(st, 3, row->snapshot_id);
    return store_any(st, has, error);
}

/* --- Status ----------------------------------------------------------------------------------------------
 */

int outbox_note(store_session *session, const delivery_row *row, int64_t delivered, int64_t dropped,
                int64_t now, const char *reason, pl_error *error) {
    if (!reason)
        return store_run(session, error,
                         "INSERT INTO delivery_status (account_id, channel_id, delivered, dropped, failures, "
                         "last_delivered, last_failed, last_error) VALUES ($1, $2, $3, $4, 0, $5, 0, '') ON "
                         "CONFLICT (account_id, channel_id) DO UPDATE SET delivered = "
                         "delivery_status.delivered + excluded.delivered, failures = 0, last_delivered = "
                         "excluded.last_delivered",
                         "ttiii", row->account_id, row->channel_id, delivered, dropped, now);
    return store_run(session, error,
                     "INSERT INTO delivery_status (account_id, channel_id, delivered, dropped, failures, "
                     "last_delivered, last_failed, last_error) VALUES ($1, $2, 0, $3, 1, 0, $4, $5) ON "
                     "CONFLICT (account_id, channel_id) DO UPDATE SET dropped = delivery_status.dropped + "
                     "excluded.dropped, failures = delivery_status.failures + 1, last_failed = "
                     "excluded.last_failed, last_error = excluded.last_error",
                     "ttiit", row->account_id, row->channel_id, dropped, now, pl_str_from(reason));
}

static int read_status(store_statement *st, pl_arena *arena, delivery_status *out, pl_error *error) {
    *out = (delivery_status){.channel_id = pl_arena_copy(arena, store_column_text(st, 0)),
                             .aggregator_id = pl_arena_copy(arena, store_column_text(st, 1)),
                             .enabled = store_column_i64(st, 2) != 0,
                             .waiting = store_column_i64(st, 3),
                             .delivered = store_column_i64(st, 4),
                             .dropped = store_column_i64(st, 5),
                             .failures = store_column_i64(st, 6),
                             .last_delivered = store_column_i64(st, 7),
                             .last_failed = store_column_i64(st, 8),
                             .last_error = pl_arena_copy(arena, store_column_text(st, 9))};
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int delivery_list_status(store_session *session, pl_arena *arena, pl_str owner_id, size_t most,
                         delivery_status **out, size_t *count, pl_error *error) {
    int step;
    store_statement *st = store_prepare(
        session,
        "SELECT c.channel_id, c.aggregator_id, c.status, (SELECT COUNT(*) FROM deliveries d WHERE "
        "d.account_id = c.account_id AND d.channel_id = c.channel_id AND d.kind = 0), COALESCE(s.delivered, "
        "0), COALESCE(s.dropped, 0), COALESCE(s.failures, 0), COALESCE(s.last_delivered, 0), "
        "COALESCE(s.last_failed, 0), COALESCE(s.last_error, '') FROM delivery_channels c LEFT JOIN "
        "delivery_status s ON s.account_id = c.account_id AND s.channel_id = c.channel_id WHERE "
        "c.account_id = $1 ORDER BY c.created, c.channel_id LIMIT $2",
        error);
    *count = 0;
    *out = pl_new(arena, delivery_status, most + 1);
    if (!*out)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_bind_text(st, 1, owner_id);
    store_bind_i64(st, 2, (int64_t)most);
    while ((step = store_step(st, error)) == 1)
        if (read_status(st, arena, *out + (*count)++, error) != 0)
            return -1;
    return step;
}

int delivery_count(store_session *session, int64_t *waiting, pl_error *error) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM deliveries WHERE kind = 0", error);
    if (store_step(st, error) != 1)
        return -1;
    *waiting = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}
