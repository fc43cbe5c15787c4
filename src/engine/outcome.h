/*
 * Inside the engine room: what one write transaction does to results. Verdicts become rows, counts and
 * history; counts are gathered and written once at the end.
 */
#ifndef ENGINE_OUTCOME_H
#define ENGINE_OUTCOME_H

#include "engine/changes.h"

/* Differences to add to the counts of one rule in one account, and the run that is under way. */
typedef struct engine_tally {
    pl_str account_id;
    int64_t rule_key;
    int64_t covered;
    int64_t by[ENGINE_COMPLIANCE_COUNT]; /* COMPLIANT is not counted */
    bool has_run;                        /* a run has passed (run_type, run_key) */
    pl_str run_type;
    int64_t run_key;
    int64_t run_covered;
    int64_t run_by[ENGINE_COMPLIANCE_COUNT];
    struct engine_tally *next;
    struct engine_tally *alike; /* another one of the same bucket */
} engine_tally;

enum { ENGINE_TALLY_BUCKETS = 64 };

/* Accounts whose runs are known to the transaction. */
typedef struct engine_account_runs {
    pl_str account_id;
    struct engine_account_runs *next;
} engine_account_runs;

/* A new result that waits to be inserted together with others. */
typedef struct engine_new_row {
    pl_str account_id;
    int64_t rule_key, resource_key;
    engine_compliance compliance, changed_from;
    engine_message_type message_type;
    int64_t ordering;
    pl_str annotation;
    engine_tally *tally;
} engine_new_row;

enum { ENGINE_NEW_ROWS_MAX = 20000 };

/* A view that the transaction holds. */
typedef struct engine_viewed {
    engine_view *view;
    struct engine_viewed *next;
} engine_viewed;

typedef struct engine_writing {
    engine *e;
    store_session *session;
    pl_arena *arena; /* lives as long as the transaction */
    int64_t now;
    engine_tally *tallies;
    engine_tally *tally_of[ENGINE_TALLY_BUCKETS]; /* the same by their rule */
    engine_account_runs *accounts;
    bool keeps_sequence;   /* no need to tell runs that results of the accounts change */
    bool lists_later;      /* new results may wait to be listed (engine/listed.h) */
    bool functions_queued; /* events for functions are to be announced */
    engine_viewed *views;
    bool remedies_queued;       /* events for remediations are to be announced */
    delivery_batch *deliveries; /* NULL until there are some */
    pl_buf scratch;
    engine_new_row *rows; /* not in the table yet */
    size_t row_count, row_capacity;
    engine_changes changes; /* for timelines, not stored yet */
    pl_error *error;
} engine_writing;

/* A stored result. */
typedef struct engine_row {
    int64_t rule_key;
    engine_compliance compliance, shown;
    engine_message_type message_type;
    int64_t ordering, recorded, last_non_compliant, last_fixed;
    pl_str annotation;
    bool marked; /* ignored */
    pl_str ignore_date, ignore_reason;
    int64_t changed; /* when `shown` or the annotation became what they are */
    engine_compliance changed_from;
    pl_str annotation_from; /* of rows that were written last when changes did not tell it yet; else empty */
    bool listed;            /* and counted in rule_counts (engine/listed.h) */
} engine_row;

#define ENGINE_ROW_COLUMNS                                                                                   \
    "rule_key, compliance, shown, message_type, ordering, recorded, last_non_compliant, last_fixed, "        \
    "annotation, ignore_until, ignore_date, ignore_reason, changed, changed_from, annotation_from, "         \
    "listed"

/* The columns from `first` on, as views into the statement. */
void engine_row_read(store_statement *st, int first, engine_row *out);

/* Copies the row's texts into the arena; -1 when it is full. */
int engine_row_copy(pl_arena *arena, engine_row *row, pl_error *error);

/* All rows of a resource by their rule's key, or the one of a rule, copied into the arena. */
int engine_rows_of(store_session *session, pl_arena *arena, pl_str account_id, int64_t resource_key,
                   engine_row **rows, size_t *count, pl_error *error);
int engine_row_of(store_session *session, pl_arena *arena, pl_str account_id, int64_t rule_key,
                  int64_t resource_key, engine_row *out, bool *found, pl_error *error);

/* The annotation of the INSUFFICIENT_DATA that a rule has for what came when it did not evaluate. */
#define ENGINE_NOT_RUN_SINCE PL_STR("{\"reason\":\"The rule has not run since the resource was recorded.\"}")

/* What an evaluation found for one rule and one resource. */
typedef struct engine_outcome {
    pl_str account_id; /* of the resource */
    const engine_rule *rule;
    pl_str resource_type;
    int64_t resource_key;
    const engine_row *row; /* the stored result, or NULL */
    bool was_covered, covered;
    bool tracks_coverage; /* the rule's coverage is counted by hand */
    engine_compliance compliance;
    pl_str annotation;
    engine_message_type message_type;
    int64_t ordering;
    engine_tally *tally;
} engine_outcome;

void engine_writing_begin(engine_writing *w, engine *e, store_session *session, pl_arena *arena, int64_t now,
                          pl_error *error);

/* Inserts the new results that wait; needed before results of the same transaction are read. */
int engine_writing_flush(engine_writing *w);

/* Writes the new results and the gathered counts; the writing is ended either way. */
int engine_writing_end(engine_writing *w, int status);

/* The tally of a rule in an account; NULL without memory. Knows the rule's run, if there is one. */
engine_tally *engine_tally_of(engine_writing *w, pl_str account_id, int64_t rule_key);

/*
 * Brings row, counts and compliance history in line with the outcome; `*shown` (may be NULL) is what reads
 * will show then, ENGINE_COMPLIANCE_COUNT when the rule does not cover the resource.
 */
int engine_write_outcome(engine_writing *w, const engine_outcome *outcome, engine_compliance *shown);

/* The account's view, held until the writing ends; NULL on failure. */
engine_view *engine_writing_view(engine_writing *w, pl_str account_id);

/*
 * Tells the channels of a result that is shown as NON_COMPLIANT. `news`: it was not so before, or for another
 * reason; otherwise only manual evaluations are told (reference/delivery.md, section 4.2). Queues the rule's
 * remediation when that runs by itself.
 */
int engine_note_violation(engine_writing *w, const engine_outcome *o, bool news);

/* Tells the channels of recorded changes. */
int engine_note_changes(engine_writing *w, const inventory_change *changes, size_t count);

/* A function has to look at the resource: at most one event waits for a rule and a resource. */
int engine_queue_function(engine_writing *w, const engine_outcome *o);

/* A function has to look at the account as a whole. */
int engine_queue_account(store_session *session, pl_str account_id, const engine_rule *rule, int64_t ordering,
                         engine_message_type message, pl_error *error);

/*
 * Marks a stored result as ignored until `until` (Unix milliseconds; INT64_MAX: until it is reverted), or
 * with an absent date lifts the mark; the row is changed alike. Of the outcome only resource, rule and tally
 * count.
 */
int engine_write_mark(engine_writing *w, const engine_outcome *o, engine_row *row, pl_str date, pl_str reason,
                      int64_t until);

#endif
