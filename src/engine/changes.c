/*
 * Changes of results as text: for each its time, rule, compliance before and after, message type and the
 * length of its annotation, then the annotation. Texts that follow each other are one text, so what a second
 * work of the same millisecond records is appended.
 */
#include "engine/changes.h"

enum { TEXT_LIMIT = 64 << 20, NUMBERS = 6 };

void engine_changes_init(engine_changes *changes) {
    *changes = (engine_changes){0};
    pl_buf_init(&changes->text, TEXT_LIMIT);
}

void engine_changes_free(engine_changes *changes) {
    pl_buf_free(&changes->text);
}

static void write_change(pl_buf *out, const engine_change *c) {
    const int64_t numbers[NUMBERS] = {c->at, c->rule_key,     c->from,
                                      c->to, c->message_type, (int64_t)c->annotation.n};
    for (size_t i = 0; i < NUMBERS; i++) {
        pl_buf_add_i64(out, numbers[i]);
        pl_buf_add_char(out, ' ');
    }
    pl_buf_add(out, c->annotation);
}

int engine_changes_store(engine_changes *changes, store_session *session, int64_t now, pl_error *error) {
    if (changes->text.failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (changes->text.n == 0)
        return 0;
    int status = store_run(
        session, error,
        "INSERT INTO compliance_history (account_id, resource_key, recorded, changes) VALUES ($1, $2, "
        "$3, $4) ON CONFLICT (account_id, resource_key, recorded) DO UPDATE SET changes = "
        "compliance_history.changes || excluded.changes",
        "tiit", changes->account_id, changes->resource_key, now, pl_buf_str(&changes->text));
    pl_buf_clear(&changes->text);
    return status;
}

int engine_changes_add(engine_changes *changes, store_session *session, int64_t now, pl_str account_id,
                       int64_t resource_key, const engine_change *change, pl_error *error) {
    bool same = changes->resource_key == resource_key && pl_str_eq(changes->account_id, account_id);
    if (!same && engine_changes_store(changes, session, now, error) != 0)
        return -1;
    changes->account_id = account_id;
    changes->resource_key = resource_key;
    write_change(&changes->text, change);
    return changes->text.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* --- Reading ---------------------------------------------------------------------------------------------
 */

static bool is_compliance(int64_t value) {
    return value >= 0 && value <= ENGINE_COMPLIANCE_COUNT;
}

static bool read_change(pl_str *rest, engine_change *out) {
    int64_t numbers[NUMBERS];
    pl_str part;
    for (size_t i = 0; i < NUMBERS; i++)
        if (!pl_str_split(rest, ' ', &part) || !pl_str_to_i64(part, &numbers[i]))
            return false;
    size_t length = (size_t)numbers[5];
    bool message = numbers[4] >= ENGINE_BY_CHANGE && numbers[4] <= ENGINE_BY_HAND;
    if (!is_compliance(numbers[2]) || !is_compliance(numbers[3]) || !message || length > rest->n)
        return false;
    *out = (engine_change){numbers[0],
                           numbers[1],
                           (engine_compliance)numbers[2],
                           (engine_compliance)numbers[3],
                           (engine_message_type)numbers[4],
                           pl_str_head(*rest, length)};
    *rest = pl_str_skip(*rest, length);
    return true;
}

/* The changes of one row, the last first. */
struct reading {
    pl_arena *arena;
    engine_change *changes;
    size_t count, capacity;
};

static int read_text(struct reading *r, pl_str text, pl_error *error) {
    r->count = 0;
    while (text.n) {
        engine_change *grown = pl_arena_grow(r->arena, r->changes, r->count, &r->capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        r->changes = grown;
        if (!read_change(&text, &grown[r->count++]))
            return pl_failf(error, PL_E_ServiceUnavailable, "The stored compliance history cannot be read.");
    }
    return 0;
}

int engine_changes_read(store_session *session, pl_arena *arena, const inventory_resource *resource,
                        size_t limit, engine_change_taker take, void *context, pl_error *error) {
    struct reading r = {.arena = arena};
    size_t taken = 0;
    int step = 0;
    store_statement *st = store_prepare(session,
                                        "SELECT changes FROM compliance_history WHERE account_id = $1 AND "
                                        "resource_key = $2 ORDER BY recorded DESC",
                                        error);
    store_bind_text(st, 1, resource->account_id);
    store_bind_i64(st, 2, resource->resource_key);
    while (taken < limit && (step = store_step(st, error)) == 1) {
        pl_str text = pl_arena_copy(arena, store_column_text(st, 0));
        if (!text.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (read_text(&r, text, error) != 0)
            return -1;
        for (size_t i = r.count; i-- > 0; taken++)
            if (take(context, r.changes + i) != 0)
                return -1;
    }
    store_reset(st);
    return step < 0 ? -1 : 0;
}
