/*
 * Inside the engine room: full runs of one rule over one account, in batches by type and key. A batch is
 * gathered (read and evaluated) on one session and stored on another or the same one; only the storing part
 * holds the write transaction.
 */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "engine/evaluate.h"

enum { ENGINE_BATCH = 500 };

/* One evaluated resource of a batch. */
typedef struct engine_batch_item {
    int64_t resource_key, capture_time;
    bool covered;
    engine_compliance compliance;
    pl_str annotation;
} engine_batch_item;

typedef struct engine_batch {
    pl_str resource_type; /* of all items; absent: the run is at its end */
    int64_t last_key;     /* where the next batch goes on; INT64_MAX: the type is done */
    engine_batch_item items[ENGINE_BATCH];
    size_t count;
    int64_t sequence; /* of the inventory when it was gathered */
} engine_batch;

typedef struct engine_run {
    engine *e;
    pl_arena arena; /* of the run: rule, program */
    pl_str account_id;
    engine_rule rule;
    engine_bound bound;
    engine_message_type message_type;
    int64_t ordering;
    bool revert;
    bool first;           /* the rule has no results yet */
    pl_str resource_type; /* position: everything up to here is done */
    int64_t resource_key;
    engine_type_program *program; /* of the type being worked on */
    engine_counts counts;         /* of runs inside a transaction; stored ones count in their row */
} engine_run;

/* Prepares a run of the rule for an account; `*inside` false when the rule does not concern it. */
int engine_run_begin(engine_run *run, engine *e, store_session *session, pl_str account_id,
                     const engine_rule *rule, bool *inside, pl_error *error);
void engine_run_end(engine_run *run);

/* Reads and evaluates the next batch. Annotations live in `arena`. */
int engine_run_gather(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                      engine_batch *batch, pl_error *error);

/* Stores a batch and moves the run's position (not the row's); adds what it found to `found`. */
int engine_run_store(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                     engine_batch *batch, engine_counts *found, pl_error *error);

/* Makes the counts of a finished run the rule's counts in the account. */
int engine_run_settle(store_session *session, pl_str account_id, int64_t rule_key,
                      const engine_counts *counts, pl_error *error);

/* Starts an evaluation of an active rule everywhere it applies: inside the transaction, or as stored runs. */
int engine_start(engine *e, store_session *session, const engine_rule *rule, engine_message_type message_type,
                 bool revert, int64_t now, pl_error *error);

/* The accounts that a rule may concern, in the arena. */
int engine_rule_accounts(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                         pl_str **accounts, size_t *count, pl_error *error);

/* Lifts the mark of an ignored result; what it really is becomes visible again. */
int engine_unmark(engine_writing *w, pl_str account_id, const engine_rule *rule, pl_str resource_type,
                  int64_t resource_key, engine_row *row);

/* True while a stored run of the rule waits or works. */
int engine_has_runs(store_session *session, const engine_rule *rule, bool *any, pl_error *error);

/* Writes down in the rule's record that a run ended; a function's run succeeds with its reports only. */
int engine_note_success(store_session *session, engine_rule *rule, engine_message_type message_type,
                        int64_t ordering, int64_t ended, pl_error *error);

#endif
