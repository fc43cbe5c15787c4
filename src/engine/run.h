/*
 * Inside the engine room: full runs. A run evaluates rules of one account that were started together over all
 * resources of their types, in one pass by type and key. A batch (a range of keys of one type) is gathered on
 * a reading session by any thread and stored in a short write transaction, in the order of the ranges.
 */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "engine/evaluate.h"
#include "engine/kept.h"

enum {
    ENGINE_BATCH = ENGINE_KEPT_RECORDS, /* resources of a batch */
    ENGINE_BATCH_FOUND = 16384,         /* results of a batch that a batch without a page ends at */
    ENGINE_RUN_RULES = 256,             /* rules of one run */
};

/* One rule of a run. */
typedef struct engine_run_rule {
    engine_rule rule;
    engine_message_type message_type;
    int64_t ordering;
    bool revert;
    bool first; /* the rule has no results yet */
    bool lost;  /* abandoned: deleted, deactivated or started anew meanwhile; known to whoever stores */
    engine_counts counts; /* found by the batch being stored, or by a whole run inside a transaction */
} engine_run_rule;

/* A resource type of the run. */
typedef struct engine_run_type {
    pl_str name;
    engine_type_program *program; /* of the run's rules alone */
    size_t *rules;                /* number of the rule of each slot of the program */
    bool whole;                   /* every rule covers every resource of the type */
    engine_kept_columns asked;    /* what pages must have for this run */
    bool uses_pages;              /* false: some rule looks at more than columns tell */
    const pl_program *all;        /* of all rules of the account's view: what pages are made for */
    engine_kept_columns kept;     /* columns of a page that is made */
    struct engine_run_type *next;
} engine_run_type;

/* Where the next range begins. */
typedef struct engine_cursor {
    pl_str type;   /* absent: nothing is left; empty: before the first type */
    int64_t after; /* done up to here */
    int64_t bound; /* the last key of the account when it was read; 0: to be read */
    int64_t step;  /* width of the next range without a page */
} engine_cursor;

typedef struct engine_range {
    pl_str type; /* absent: nothing is left */
    int64_t after, until;
    bool page; /* there is a page of this range */
} engine_range;

/* One evaluated resource of a batch. */
typedef struct engine_batch_item {
    int64_t resource_key, capture_time;
    bool gone;   /* changed or removed since: what was found does not count */
    bool marked; /* what its page was sealed with may not be what is stored; known when a rule is sealed */
} engine_batch_item;

/* What a rule found that is not simply COMPLIANT, by item. */
typedef struct engine_found {
    uint32_t item;
    bool covered;
    engine_compliance compliance;
    pl_str annotation;
} engine_found;

/* What a rule says of all items with the same values. */
typedef struct engine_said {
    bool deviates; /* false: COMPLIANT, and nothing else is told */
    engine_compliance compliance;
    pl_str annotation;
    uint64_t hash[2]; /* engine/seals.h */
} engine_said;

/* A result that has to be written. */
typedef struct engine_difference {
    engine_found found;
    const engine_row *row; /* as stored, or NULL */
} engine_difference;

/* What one rule found in a batch. */
typedef struct engine_batch_rule {
    engine_found *found;
    size_t found_count, found_capacity;
    const uint16_t *of;      /* which values each item has; NULL: `found` tells what was found */
    const engine_said *said; /* by values; becomes `found` when that is needed */
    int64_t said_by[ENGINE_COMPLIANCE_COUNT]; /* items of which it is said */
    engine_difference *differences;
    size_t difference_count, difference_capacity;
    engine_counts same; /* covered resources whose results need no writing */
    uint64_t digest[2]; /* of what the rule says of the page's records */
    bool sealed;        /* what is stored for unmarked records is what was found */
    bool unsealable;    /* some stored result is not what was found, and stays */
} engine_batch_rule;

typedef struct engine_batch {
    engine_range range; /* `until` is moved back to the last item when the batch was full before */
    bool full;
    engine_run_type *type;
    engine_batch_item items[ENGINE_BATCH];
    size_t count;
    engine_batch_rule *rules; /* in the arena, one for each rule of the run */
    size_t found_total;
    int64_t sequence;      /* of the inventory when it was gathered */
    pl_str page;           /* to be stored; absent: none */
    int64_t page_identity; /* of the page that the digests are about; 0: there is none */
} engine_batch;

typedef struct engine_run {
    engine *e;
    pl_arena arena;
    pthread_mutex_t lock; /* guards the arena, the types and the cursor */
    pl_str account_id;
    engine_run_rule *rules;
    engine_bound *bounds; /* of the rules */
    size_t count, capacity;
    engine_run_type *types;
    engine_view *view; /* of the account; NULL until needed */
    bool makes_pages;
    engine_cursor cursor; /* of gathering */
    pl_str stored_type;   /* position: everything up to here is stored and counted */
    int64_t stored_key;
} engine_run;

/* Prepares a run without rules from the start of the account's inventory. */
int engine_run_begin(engine_run *run, engine *e, pl_str account_id, size_t capacity, pl_error *error);
void engine_run_end(engine_run *run);

/* Goes on from a stored position. */
int engine_run_resume(engine_run *run, pl_str type, int64_t key, pl_error *error);

/*
 * Adds a rule, whose record must outlive the run or lie in its arena; NULL on failure. `*inside` false: the
 * rule does not concern the account and was not added.
 */
engine_run_rule *engine_run_add(engine_run *run, store_session *session, const engine_rule *rule,
                                bool *inside, pl_error *error);

/* The first type behind `after` that the run covers; `*out` NULL: there is none. */
int engine_run_next_type(engine_run *run, store_session *session, pl_arena *arena, pl_str after,
                         engine_run_type **out, pl_error *error);

/* Types whose links the run's rules need and that are not complete, in the arena. */
int engine_links_missing(engine_run *run, store_session *session, pl_arena *arena, pl_str **types,
                         size_t *count, pl_error *error);

/* The next range, to be gathered by the caller; `range->type` absent: there is none. */
int engine_run_claim(engine_run *run, store_session *session, engine_cursor *cursor, engine_range *range,
                     pl_error *error);

/*
 * Reads and evaluates a range, or its beginning when it holds too much for a batch (`batch->full`). All that
 * the batch points to lives in `arena`.
 */
int engine_run_gather(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                      const engine_range *range, engine_batch *batch, pl_error *error);

/*
 * Stores a batch inside a write transaction, and first what has come in behind the run's position and before
 * the batch. The results found are added to the rules' counts; the run's position moves to the batch's end. A
 * batch without a type stands for the end.
 */
int engine_run_store(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                     engine_batch *batch, pl_error *error);

/* Tells the results of the batch's rules apart from those stored: what is to be written, what stays. */
int engine_run_compare(engine_run *run, store_session *session, pl_arena *arena, engine_batch *batch,
                       pl_error *error);

/* Evaluates resources that changed meanwhile, by key, as a batch of their own. */
int engine_run_gather_keys(engine_run *run, store_session *session, pl_arena *arena, int64_t now,
                           engine_run_type *type, const int64_t *keys, size_t count, engine_batch *batch,
                           pl_error *error);

/* Makes the counts of a finished run the rule's counts in the account, and the run its last one there. */
int engine_run_settle(store_session *session, pl_str account_id, const engine_run_rule *rule,
                      const engine_counts *counts, pl_error *error);

/* Starts an evaluation of an active rule everywhere it applies: inside the transaction, or as stored runs. */
int engine_start(engine *e, store_session *session, const engine_rule *rule, engine_message_type message_type,
                 bool revert, int64_t now, pl_error *error);

/* The same for an active rule of the account, or of a group that it is a member of, in this account alone. */
int engine_start_account(engine *e, store_session *session, pl_str account_id, const engine_rule *rule,
                         int64_t now, pl_error *error);

/*
 * Results of a rule in an account that it does not concern any more leave (engine/leaving.h); timelines keep
 * what they told, and that they left at `now`. What waits to be done there is gone.
 */
int engine_leave_account(store_session *session, pl_str account_id, int64_t rule_key, int64_t now,
                         pl_error *error);

/* Accounts that a rule looks at: its owner, or the members of its group. */
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
