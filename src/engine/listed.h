/*
 * When new results enter the lists and the counts of their rules.
 *
 * The index that lists of a rule are read from (results_by_rule) has each rule's results in a place of its
 * own, and rule_counts has a row for each rule. On SQLite, which writes whole pages and pays for each row, a
 * change that many rules deviate on would write a page and a row for each of them. So new results of small
 * changes are stored as not `listed`, and results_waiting names their resource: one row whatever the number
 * of rules. A worker lists and counts them later, many together; where too many wait, new ones are listed and
 * counted at once.
 *
 * INVARIANTS: a result that does not leave (engine/leaving.h) is in results_by_rule and in rule_counts
 * exactly when it is `listed`; the resource of one that is not is in results_waiting. Who looks for results
 * by rule looks at both, or calls engine_list_account before. Listing moves the account's sequence, so that a
 * run that read a result before does not take it for waiting any more (engine/run_store.c).
 */
#ifndef ENGINE_LISTED_H
#define ENGINE_LISTED_H

#include "engine/outcome.h"

enum {
    ENGINE_LATER_ROWS = 128,   /* new results of a work above which all are listed at once */
    ENGINE_UNLISTED_MAX = 8192 /* results that wait above which new ones are listed at once */
};

/*
 * For statements about results that wait in the account $1: what they are read from, and by what. The plus
 * keeps SQLite from passing a bound of `u` on to `x`, which it would then read the whole range of.
 */
#define ENGINE_WAITING "results_waiting u CROSS JOIN results x"
#define ENGINE_WAITING_WHERE                                                                                 \
    " WHERE u.account_id = $1 AND x.account_id = u.account_id AND x.resource_key = +u.resource_key AND "     \
    "x.listed = 0"

/* Whether so many new results are stored as not listed; those count as waiting from now on. */
int engine_list_later(engine_writing *w, size_t rows, bool *later);

/* Notes that results of the resource wait. */
int engine_list_wait(store_session *session, pl_str account_id, int64_t resource_key, pl_error *error);

/* Adds the results of the rule that wait to what is counted of them by what they show; not to the total. */
int engine_count_waiting(store_session *session, pl_str account_id, int64_t rule_key, engine_counts *counts,
                         pl_error *error);

/* Lists and counts what waits in the account; for transactions that write. */
int engine_list_account(store_session *session, pl_str account_id, pl_error *error);

/* Lists and counts everything that waits, in transactions that are short. */
int engine_list_waiting(engine *e, pl_error *error);

#endif
