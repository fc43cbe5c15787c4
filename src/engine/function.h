/*
 * Rules that functions decide: the queue of events that functions have still to look at, and the results that
 * they report (reference/function-rules.md). The room functions runs the functions; this is what it needs of
 * the engine. Every function works inside the caller's transaction.
 */
#ifndef ENGINE_FUNCTION_H
#define ENGINE_FUNCTION_H

#include "engine/engine.h"

/* The channel on which events are announced. */
#define ENGINE_FUNCTION_CHANNEL PL_STR("function_wake")

/* The type of the account as a resource of its own. */
#define ENGINE_ACCOUNT_TYPE PL_STR("ACS::::Account")

/* One event: a rule has to look at a resource, or with resource_key 0 at the account as a whole. */
typedef struct engine_function_event {
    pl_str account_id; /* whose resource */
    pl_str owner_id;   /* whose rule */
    int64_t rule_key, resource_key;
    int64_t ordering; /* when the evaluation began: later ones win; the run's name together with the rule */
    int64_t message;  /* stored value of the trigger; engine_function_trigger names it */
    int64_t attempts; /* that have failed */
    bool awaiting;    /* the function has run; its report is overdue */
} engine_function_event;

/* "ConfigurationItemChangeNotification", "ScheduledNotification" or "Manual". */
pl_str engine_function_trigger(int64_t message);

/* The rule with the smallest key above `after` that has events, and its owner, in the arena; 0: none. */
int engine_function_next_rule(store_session *session, pl_arena *arena, int64_t after, int64_t *rule_key,
                              pl_str *owner_id, pl_error *error);

/* True when the rule has an event that is due. */
int engine_function_has_due(store_session *session, int64_t rule_key, int64_t now, bool *due,
                            pl_error *error);

/*
 * Claims up to `limit` due events of a rule for `node` until `lease` (Unix milliseconds); they lie in the
 * arena. An event that is not finished by then is delivered again.
 */
int engine_function_claim(store_session *session, pl_arena *arena, int64_t rule_key, pl_str node, int64_t now,
                          int64_t lease, size_t limit, engine_function_event **events, size_t *count,
                          pl_error *error);

/* Moves the end of every claim of `node` to `lease`. */
int engine_function_renew(store_session *session, pl_str node, int64_t lease, pl_error *error);

/*
 * Gives back the claims of `node`. At the start, with an absent node: of processes that are gone, which on
 * SQLite every claim is; on PostgreSQL their leases run out.
 */
int engine_function_release(store_session *session, pl_str node, pl_error *error);

/* True while the event waits for its result: neither reported nor replaced by a later one. */
int engine_function_is_pending(store_session *session, const engine_function_event *event, bool *pending,
                               pl_error *error);

/* The function has run without a result so far: it may still report until `deadline`. */
int engine_function_await(store_session *session, const engine_function_event *event, int64_t deadline,
                          pl_error *error);

/*
 * The event failed: it is tried again at `retry`, or with 0 given up; earlier results stay. The rule's record
 * tells code and message, when this try began and that it ended at `now`.
 */
int engine_function_failed(store_session *session, const engine_function_event *event, pl_str code,
                           pl_str message, int64_t started, int64_t retry, int64_t now, pl_error *error);

/* The event has no object any more: rule or resource are gone. */
int engine_function_drop(store_session *session, const engine_function_event *event, pl_error *error);

/* Events that wait or run, for GetServerStatus and /metrics. */
int engine_function_count(store_session *session, int64_t *events, pl_error *error);

/* One result as a function reports it. */
typedef struct engine_report {
    pl_str account_id, resource_type, region_id,
        resource_id; /* an absent region: whichever the resource has */
    engine_compliance compliance;
    pl_str annotation;
    int64_t reported; /* orderingTimestamp of the report; 0: none */
} engine_report;

enum { ENGINE_REPORTS_MAX = 100, ENGINE_ANNOTATION_MAX = 4096 };

/*
 * Stores the results of one report for the run that `event` names (all of them or none). A result of an older
 * run than the stored one changes nothing, nor does one of the same run with an older orderingTimestamp, so a
 * repeated report has one effect. The event counts as done. `delete_others` (manual and scheduled runs):
 * results of the rule that this run has not renewed and will not renew are withdrawn: INSUFFICIENT_DATA.
 * An account that is reported on as ACS::::Account is recorded with that. Invalid.Evaluations.Value names a
 * resource that is not in the rule's scope; one that has been recorded and is gone is passed over.
 * Invalid.ResultToken.Value when the rule is gone.
 */
int engine_function_report(engine *e, store_session *session, const engine_function_event *event,
                           const engine_report *reports, size_t count, bool delete_others, int64_t now,
                           pl_error *error);

#endif
