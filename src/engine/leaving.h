/*
 * Results that leave: those of a rule that was deleted or does not concern an account any more, and those of
 * a type that it does not cover any more. They are out of sight at once, by a row of results_leaving, and
 * workers take them away in transactions that are short, however many they are; a process that ends meanwhile
 * goes on with them when it is started again. Timelines tell the same before and after.
 *
 * INVARIANTS: a result that leaves is in no count and no list, and nothing changes it. Keys of rules are
 * given once, so only a rule that comes to cover the same again could meet what it left: it calls
 * engine_leave_return before it writes anything.
 */
#ifndef ENGINE_LEAVING_H
#define ENGINE_LEAVING_H

#include "engine/private.h"

enum { ENGINE_LEAVING_PIECE = 256 }; /* results, or resources of a type, of one transaction */

/* What leaves; `resource_type` empty: everything of the rule in the account. */
typedef struct engine_leave {
    pl_str account_id;
    int64_t rule_key;
    pl_str resource_type;
    int64_t since; /* Unix milliseconds */
    bool told;     /* timelines say that it left then; otherwise only what it showed last */
} engine_leave;

/* For statements about rows of `results`, named `x`: those that stay. */
#define ENGINE_STAYS(x)                                                                                      \
    " AND NOT EXISTS (SELECT 1 FROM results_leaving l WHERE l.account_id = " x ".account_id AND "            \
    "l.rule_key = " x ".rule_key AND (l.resource_type = '' OR l.resource_type = (SELECT s.resource_type "    \
    "FROM resources s WHERE s.account_id = " x ".account_id AND s.resource_key = " x ".resource_key)))"

/*
 * Lets results leave, where there are any; what leaves already leaves as it did. Lists what waits in the
 * account first. Counts are the caller's to adjust.
 */
int engine_leave_begin(store_session *session, const engine_leave *leave, pl_error *error);

/*
 * Lets the results of a type leave that the rule does not cover any more, told at `now`, and takes them out
 * of its counts; `covered`: so many resources of the type that a narrow scope covered.
 */
int engine_leave_type(store_session *session, pl_str account_id, int64_t rule_key, pl_str type,
                      int64_t covered, int64_t now, pl_error *error);

/* The rule covers this in the account, again perhaps: what it left of that goes at once. */
int engine_leave_return(store_session *session, pl_str account_id, const engine_bound *bound,
                        pl_error *error);

/* What leaves of the results of resources of a type, by rule and the narrower first; in the arena. */
int engine_leave_list(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_type,
                      engine_leave **leaves, size_t *count, pl_error *error);

/* Takes one piece away; `*worked` is set when there was one. */
int engine_leave_work(engine *e, bool *worked, pl_error *error);

#endif
