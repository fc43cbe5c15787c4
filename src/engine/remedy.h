/*
 * Remediations: the records, the resources they are still to be run for, and their finished executions
 * (reference/remediation.md). The room remediation runs them; this is what it and the API need of the engine.
 * It owns the tables of migration 0023. Every function works inside the caller's transaction.
 */
#ifndef ENGINE_REMEDY_H
#define ENGINE_REMEDY_H

#include "engine/rules.h"

/* The channel on which events are announced. */
#define ENGINE_REMEDY_CHANNEL PL_STR("remedy_wake")

enum { ENGINE_REMEDY_PAUSE = 600000 /* milliseconds between two runs by itself for one resource */ };

typedef struct engine_remedy {
    pl_str account_id, aggregator_id; /* of the rule; aggregator empty: of the account itself */
    pl_str remediation_id;            /* crr-... */
    pl_str rule_id;
    pl_str type;        /* OOS, FC */
    pl_str template_id; /* template identifier, or function ARN */
    pl_str source_type; /* ALIYUN, CUSTOM, NONE */
    pl_str invoke_type; /* AUTO_EXECUTION, MANUAL_EXECUTION, NON_EXECUTION, NOT_CONFIG */
    pl_str params;      /* as sent */
    int64_t created, modified;
    pl_str last_success_id, last_success_type; /* empty: never */
    int64_t last_success_time;
} engine_remedy;

/* The remediation with this id of the owner. In the arena. */
int engine_remedy_find(store_session *session, pl_arena *arena, const engine_group *owner, pl_str id,
                       engine_remedy *out, bool *found, pl_error *error);
int engine_remedy_of_rule(store_session *session, pl_arena *arena, pl_str owner_id, pl_str rule_id,
                          engine_remedy *out, bool *found, pl_error *error);

/* The owner's remediations, oldest first; `rules` (may be empty) restricts. */
int engine_remedy_list(store_session *session, pl_arena *arena, const engine_group *owner,
                       const engine_list *rules, engine_remedy **remedies, size_t *count, pl_error *error);

/* The ids of the owner's rules whose remediation may run, by itself or when it is started; in the arena. */
int engine_remedy_enabled(store_session *session, pl_arena *arena, const engine_group *owner, pl_str **rules,
                          size_t *count, pl_error *error);

/*
 * Stores a new record (a new id is filled in) or the changed one, and tells the evaluation whether the rule's
 * remediation runs by itself. With `forget` the executions so far are deleted.
 */
int engine_remedy_put(engine_context *context, store_session *session, engine_remedy *remedy, bool forget,
                      pl_error *error);
int engine_remedy_delete(engine_context *context, store_session *session, const engine_remedy *remedy,
                         pl_error *error);

/* What there is of a rule that goes, and of an account. What group rules did there stays told to their owner.
 */
int engine_remedy_forget_rule(store_session *session, const engine_rule *rule, pl_error *error);
int engine_remedy_forget_account(store_session *session, pl_str account_id, pl_error *error);

/* --- Events ----------------------------------------------------------------------------------------------
 */

typedef struct engine_remedy_event {
    pl_str account_id, owner_id; /* of the resource, of the rule */
    int64_t rule_key, resource_key;
    bool manual;
} engine_remedy_event;

/* Queues a run of the remediation for the resource; one that waits already stays. */
int engine_remedy_queue(store_session *session, const engine_remedy_event *event, pl_error *error);

/* The same for a verdict, unless the remediation ran for the resource within ENGINE_REMEDY_PAUSE. */
int engine_remedy_queue_by_itself(store_session *session, const engine_remedy_event *event, int64_t now,
                                  bool *queued, pl_error *error);
int engine_remedy_any_due(store_session *session, int64_t now, bool *due, pl_error *error);
int engine_remedy_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, int64_t lease,
                        size_t limit, engine_remedy_event *events, size_t *count, pl_error *error);

/* Moves the end of the lease of what `node` has claimed. */
int engine_remedy_renew(store_session *session, pl_str node, int64_t lease, pl_error *error);

/* Gives back the claims of `node`; an absent node: of processes that are gone (SQLite: all). */
int engine_remedy_release(store_session *session, pl_str node, pl_error *error);
int engine_remedy_drop(store_session *session, const engine_remedy_event *event, pl_error *error);

/* Whether the rule shows the resource as non-compliant now: neither compliant meanwhile, nor ignored. */
int engine_remedy_is_needed(store_session *session, pl_arena *arena, const engine_remedy_event *event,
                            const engine_rule *rule, bool *needed, pl_error *error);
int engine_remedy_count(store_session *session, int64_t *waiting, pl_error *error);

/* --- Executions -------------------------------------------------------------------------------------------
 */

typedef struct engine_remedy_run {
    pl_str execution_id, owner_id, rule_id, account_id;
    bool success;
    pl_str message, resource_ids, resource_type;
    int64_t created;
} engine_remedy_run;

/* A finished execution; a successful one is noted on its remediation as `invoke_type`. */
int engine_remedy_note(store_session *session, const engine_remedy_run *run, pl_str invoke_type,
                       pl_error *error);

/* Which executions of a rule are listed. */
typedef struct engine_remedy_page {
    pl_str owner_id, rule_id;
    pl_str status;     /* Success or Failed; empty: both */
    pl_str account_id; /* empty: any */
    int64_t before;    /* Unix milliseconds: those created before, or then with a smaller id than ... */
    pl_str before_id;
    size_t limit;
} engine_remedy_page;

/* Newest first. `runs` has room for the page's limit; the texts live in the arena. */
int engine_remedy_runs(store_session *session, pl_arena *arena, const engine_remedy_page *page,
                       engine_remedy_run *runs, size_t *count, pl_error *error);

#endif
