/*
 * Inside the engine room: what a disabled rule covers moves. COMPLIANT is what a covered resource without a
 * stored result shows, so a rule that does not evaluate must write down what comes to it: it has said nothing
 * about that (reference/evaluation-semantics.md, section 3, INSUFFICIENT_DATA).
 */
#ifndef ENGINE_COVERAGE_H
#define ENGINE_COVERAGE_H

#include "engine/private.h"

/* What a rule covers in one account. */
typedef struct engine_coverage {
    pl_str account_id;
    bool inside; /* the rule concerns the account; otherwise there is no bound */
    engine_bound bound;
    struct engine_coverage *next;
} engine_coverage;

/*
 * What a disabled rule covers in the accounts that it looks at, as of now, in the arena, which must live as
 * long as the rule; `*out` is NULL for a rule that evaluates, whose next run settles everything.
 */
int engine_coverage_of(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                       const engine_coverage **out, pl_error *error);

/*
 * Follows a disabled rule from what it covered before to what it covers now: what it does not cover any more
 * has no result, and what it has not covered until now has INSUFFICIENT_DATA. Nothing for `before` NULL of a
 * rule that evaluates. The rule's record and packs are stored as they are now.
 */
int engine_coverage_follow(engine *e, store_session *session, const engine_rule *rule,
                           const engine_coverage *before, int64_t now, pl_error *error);

/*
 * Results of types leave that an active rule, changed from `before`, covers no more: its next run does not
 * come by them.
 */
int engine_coverage_lose(engine *e, store_session *session, const engine_rule *before,
                         const engine_rule *rule, int64_t now, pl_error *error);

/* Follows a disabled rule that has come to concern the account, where it has no results. */
int engine_coverage_enter(engine *e, store_session *session, pl_str account_id, const engine_rule *rule,
                          int64_t now, pl_error *error);

#endif
