/*
 * When new results enter the lists of their rules.
 *
 * The index that lists of a rule are read from (results_by_rule) has each rule's results in a place of its
 * own. On SQLite, which writes whole pages, a change that many rules deviate on would write a page for each
 * of them. So new results of small works are stored as not `listed`: a second index has those together by
 * resource. A worker lists them later, many together; where too many wait, new ones are listed at once.
 *
 * INVARIANT: a result is in exactly one of both indexes, by `listed`. Who looks for results by rule looks at
 * both, or calls engine_list_account before.
 */
#ifndef ENGINE_LISTED_H
#define ENGINE_LISTED_H

#include "engine/outcome.h"

enum {
    ENGINE_LATER_ROWS = 128,   /* new results of a work above which all are listed at once */
    ENGINE_UNLISTED_MAX = 8192 /* results that wait above which new ones are listed at once */
};

/* Whether so many new results are stored as not listed; those count as waiting from now on. */
int engine_list_later(engine_writing *w, size_t rows, bool *later);

/* Lists what waits in the account; for transactions that write. */
int engine_list_account(store_session *session, pl_str account_id, pl_error *error);

/* Lists everything that waits, in transactions that are short. */
int engine_list_waiting(engine *e, pl_error *error);

#endif
