/*
 * Inside the engine room: changes of results that their rows do not tell any more, for compliance timelines
 * (reference/evaluation-semantics.md, section 12.3). Those of one resource in one work make one row of
 * compliance_history.
 */
#ifndef ENGINE_CHANGES_H
#define ENGINE_CHANGES_H

#include "engine/private.h"

/* One visible change of one rule's result. */
typedef struct engine_change {
    int64_t at; /* Unix milliseconds */
    int64_t rule_key;
    engine_compliance from, to; /* ENGINE_COMPLIANCE_COUNT: there was or is no result */
    engine_message_type message_type;
    pl_str annotation; /* of what it became; what it was before is told by the rule's change before */
} engine_change;

/* Changes of one resource that are to be stored. */
typedef struct engine_changes {
    pl_str account_id;
    int64_t resource_key;
    pl_buf text;
} engine_changes;

void engine_changes_init(engine_changes *changes);
void engine_changes_free(engine_changes *changes);

/* Stores what waits when it is of another resource. `account_id` must live until it is stored. */
int engine_changes_add(engine_changes *changes, store_session *session, int64_t now, pl_str account_id,
                       int64_t resource_key, const engine_change *change, pl_error *error);

/* Stores what waits, as recorded at `now`. */
int engine_changes_store(engine_changes *changes, store_session *session, int64_t now, pl_error *error);

/* Takes one stored change; -1 stops the reading. */
typedef int (*engine_change_taker)(void *context, const engine_change *change);

/*
 * Hands out the stored changes of a resource, the last recorded first, until at least `limit` are read. Their
 * annotations live in the arena.
 */
int engine_changes_read(store_session *session, pl_arena *arena, const inventory_resource *resource,
                        size_t limit, engine_change_taker take, void *context, pl_error *error);

#endif
