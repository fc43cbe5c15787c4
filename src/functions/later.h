/* Asynchronous invocations: stored until they have run (table function_invocations). Inside store works. */
#ifndef FUNCTIONS_LATER_H
#define FUNCTIONS_LATER_H

#include "functions/record.h"

typedef struct later {
    pl_str account_id, id, name, version, payload;
    int64_t attempts;
} later;

/* Queues an invocation; it is due at once. */
int later_put(store_session *session, const later *l, int64_t now, pl_error *error);

/* Claims up to `limit` due ones, without payloads. */
int later_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, int64_t lease,
                size_t limit, later *items, size_t *count, pl_error *error);

/* The whole row; `*found` false when it is gone. */
int later_load(store_session *session, pl_arena *arena, later *l, bool *found, pl_error *error);

/* It has run: removed with `retry` 0, else tried again then. */
int later_end(store_session *session, const later *l, int64_t retry, pl_error *error);

/* Not run: it is due again then. */
int later_put_back(store_session *session, const later *l, int64_t due, pl_error *error);

/*
 * Makes what `node` has claimed due at once; an absent node: what any has, where no other process can be at
 * work (SQLite).
 */
int later_release(store_session *session, pl_str node, pl_error *error);

/* Moves the ends of what `node` has claimed to `lease`. */
int later_renew(store_session *session, pl_str node, int64_t lease, pl_error *error);

#endif
