/*
 * Ingestion: items are parsed outside of the transaction; then one write transaction records them, evaluates
 * what changed and stores what follows, so that the verdicts are visible when the call returns.
 */
#include "engine/evaluate.h"
#include "engine/grouping_work.h"
#include "engine/kept.h"
#include "engine/links.h"

enum { ARENA_LIMIT = 512 << 20, FOLLOW_ROUNDS = 4 };

struct ingesting {
    engine *e;
    pl_arena *arena;
    const inventory_item *items;
    size_t count;
    bool place; /* put items into the groups that the account's rules give them */
    int64_t now;
    engine_ingested *out;
};

/* New resources first: they have no stored results to read, so all of theirs are inserted together. */
static int evaluate_all(engine_evaluating *c, const inventory_change *changes, size_t count) {
    if (engine_kept_mark_changes(c->writing.session, changes, count, c->error) != 0 ||
        engine_links_follow(c, changes, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (changes[i].created && engine_evaluate_change(c, changes + i) != 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        if (!changes[i].created && engine_evaluate_change(c, changes + i) != 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        if (changes[i].event != INVENTORY_UNCHANGED && engine_evaluate_dependants(c, changes + i) != 0)
            return -1;
    return engine_note_changes(&c->writing, changes, count);
}

static void sum_up(const inventory_change *changes, size_t count, engine_ingested *out) {
    *out = (engine_ingested){.accepted = (int64_t)count};
    for (size_t i = 0; i < count; i++) {
        if (changes[i].event == INVENTORY_UNCHANGED)
            out->unchanged++;
        else if (changes[i].event == INVENTORY_REMOVE)
            out->removed++;
        else
            out->changed++;
    }
}

/* Resources that follow what has moved, and what follows them; logs who joined and left which group. */
static int follow(engine_evaluating *c, struct ingesting *in, engine_grouping *grouping,
                  const inventory_change *changes, size_t count, pl_error *error) {
    for (int round = 0; count > 0 && round < FOLLOW_ROUNDS; round++) {
        inventory_item *items;
        size_t more;
        if (engine_grouping_record(grouping, changes, count, error) != 0 ||
            engine_grouping_follow(grouping, changes, count, &items, &more, error) != 0)
            return -1;
        inventory_change *next = pl_new(in->arena, inventory_change, more + 1);
        if (!next)
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (more && (inventory_apply(c->writing.session, in->arena, items, more, in->now, next, error) != 0 ||
                     evaluate_all(c, next, more) != 0))
            return -1;
        changes = next;
        count = more;
    }
    return 0;
}

static int apply(store_session *session, struct ingesting *in, engine_grouping *grouping, pl_error *error) {
    const inventory_item *items = in->items;
    inventory_change *changes = pl_new(in->arena, inventory_change, in->count);
    if (!changes)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (engine_grouping_place(grouping, &items, in->count, error) != 0 ||
        inventory_apply(session, in->arena, items, in->count, in->now, changes, error) != 0)
        return -1;
    sum_up(changes, in->count, in->out);
    if (in->out->unchanged == in->out->accepted)
        return 0;
    engine_evaluating c;
    int status = engine_evaluating_begin(&c, in->e, session, in->arena, in->now, error);
    c.writing.keeps_sequence = true; /* it has gone up with the inventory */
    c.writing.lists_later = true;
    if (status == 0)
        status = evaluate_all(&c, changes, in->count);
    if (status == 0)
        status = follow(&c, in, grouping, changes, in->count, error);
    return engine_evaluating_end(&c, status);
}

static int ingest_work(store_session *session, void *argument, pl_error *error) {
    struct ingesting *in = argument;
    engine_grouping *grouping;
    pl_arena_reset(in->arena);
    if (engine_grouping_begin(&grouping, in->e, session, in->arena, in->now, in->place, error) != 0)
        return -1;
    int status = apply(session, in, grouping, error);
    engine_grouping_end(grouping);
    return status;
}

int engine_ingest_items(engine *e, const inventory_item *items, size_t count, int64_t now,
                        engine_ingested *out, pl_error *error) {
    return engine_ingest_placed(e, items, count, true, now, out, error);
}

int engine_ingest_placed(engine *e, const inventory_item *items, size_t count, bool place, int64_t now,
                         engine_ingested *out, pl_error *error) {
    pl_arena arena;
    pl_arena_init(&arena, ARENA_LIMIT);
    struct ingesting in = {e, &arena, items, count, place, now, out};
    int status = store_write(e->config.store, ingest_work, &in, error);
    pl_arena_free(&arena);
    return status;
}

int engine_ingest(engine *e, const inventory_defaults *defaults, pl_json items, int64_t now,
                  engine_ingested *out, pl_error *error) {
    pl_arena arena;
    inventory_item *parsed;
    size_t count;
    pl_arena_init(&arena, ARENA_LIMIT);
    int status = inventory_parse(&arena, items, defaults, &parsed, &count, error);
    if (status == 0)
        status = engine_ingest_items(e, parsed, count, now, out, error);
    pl_arena_free(&arena);
    return status;
}
