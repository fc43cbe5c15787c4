/*
 * The evaluating half of the engine room: ingestion, programs, runs and results. It owns the tables of
 * migrations 0004, 0036 and 0037: results (deviations only), rule_counts, what timelines tell
 * (engine/changes.h), evaluation_runs and evaluation_statistics. Rules and packs belong to rules.c and
 * packs.c, which call the hooks below.
 *
 * INVARIANT: a resource that an active rule covers and that has no row is COMPLIANT (docs/architecture.md,
 * "The evaluation engine"); everything that changes coverage or verdicts keeps rows and counts true in the
 * same transaction. What leaves is out of sight in it, and away later (engine/leaving.h). An error never
 * becomes COMPLIANT.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "catalogue/catalogue.h"
#include "engine/rule.h"
#include "inventory/inventory.h"

typedef struct engine engine;
struct delivery;
struct delivery_result;

/* An account group: the management account that owns it and its id. */
typedef struct engine_group {
    pl_str owner_id;
    pl_str aggregator_id;
} engine_group;

/*
 * What the engine asks about account groups; answered by the program from the room org. All run inside the
 * transaction of the session and put results into the arena. Every pointer NULL: there are no groups.
 */
typedef struct engine_groups {
    void *context;
    /* The groups an account is a member of. */
    int (*groups_of)(void *context, store_session *session, pl_arena *arena, pl_str account_id,
                     engine_group **groups, size_t *count, pl_error *error);
    /* The member accounts of a group, sorted. */
    int (*members_of)(void *context, store_session *session, pl_arena *arena, engine_group group,
                      pl_str **accounts, size_t *count, pl_error *error);
    /* Whether the account lies in the folder or below it. */
    int (*in_folder)(void *context, store_session *session, pl_str account_id, pl_str folder_id, bool *inside,
                     pl_error *error);
} engine_groups;

typedef struct engine_config {
    store *store;
    const catalogue *catalogue;
    pl_clock clock;
    pl_random random;
    const pl_log *log;  /* may be NULL */
    unsigned workers;   /* threads for full runs and schedules; 0: none, engine_work is called by hand */
    bool strict;        /* refuse extension operators and sources */
    int64_t run_inside; /* most resources a run evaluates inside the calling transaction; 0: 300 */
    engine_groups groups;
    struct delivery *delivery; /* told of changes and violations; may be NULL */
} engine_config;

/* Opens the engine and starts its workers, which take up interrupted runs. Everything in `config` outlives
 * it. */
int engine_open(engine **out, const engine_config *config, pl_error *error);

/* Ends the workers, at their next batch; the store calls the engine no more. Again, or NULL, is fine. */
void engine_stop(engine *e);

/* As engine_stop, and frees everything. NULL is fine; the store is open unless engine_stop came before. */
void engine_close(engine *e);

/*
 * One piece of background work by the calling thread: due schedules, marks to lift, daily figures, one batch
 * of a run. `*worked` false when there was nothing to do.
 */
int engine_work(engine *e, bool *worked, pl_error *error);

/* Runs that wait or work, and evaluations that functions have still to make; for GetServerStatus. */
int engine_count_queues(store_session *session, int64_t *runs, int64_t *functions, pl_error *error);

/* A stored run: one rule over one account's resources. */
typedef struct engine_progress {
    pl_str account_id, rule_id;
    int64_t rule_key, started; /* Unix milliseconds */
    pl_str resource_type;      /* where it stands; empty: at the beginning */
    int64_t resource_key;
    int64_t evaluated; /* covered resources that are done */
    int64_t resources; /* of the rule's types in the account: where a scope is narrow, fewer are evaluated */
    bool begun;        /* false: it waits to be taken for the first time */
} engine_progress;

/* The runs of an owner's rules, oldest first, at most `limit`; in the arena. */
int engine_list_progress(engine *e, store_session *session, pl_arena *arena, pl_str owner_id, size_t limit,
                         engine_progress **rows, size_t *count, pl_error *error);

/* Runs that have begun, of all accounts, and how many resources they have done; for /metrics. */
int engine_sum_progress(store_session *session, int64_t *runs, int64_t *evaluated, pl_error *error);

/* --- Ingestion ------------------------------------------------------------------------------------------ */

typedef struct engine_ingested {
    int64_t accepted, changed, unchanged, removed;
} engine_ingested;

/*
 * Records configuration items (a JSON array) and evaluates what changed: all or nothing, and visible when it
 * returns. Errors of inventory_parse, or of the store.
 */
int engine_ingest(engine *e, const inventory_defaults *defaults, pl_json items, int64_t now,
                  engine_ingested *out, pl_error *error);

/* The same for items that were parsed before. */
int engine_ingest_items(engine *e, const inventory_item *items, size_t count, int64_t now,
                        engine_ingested *out, pl_error *error);

/* --- Hooks of rules.c, packs.c and org -------------------------------------------------------------------
 */

typedef enum engine_rule_event {
    ENGINE_RULE_CREATED,
    ENGINE_RULE_CHANGED, /* parameters, scope, conditions, triggers: evaluate again */
    ENGINE_RULE_RENAMED, /* name, description, risk level, tags: nothing to evaluate */
    ENGINE_RULE_ACTIVATED,
    ENGINE_RULE_DEACTIVATED, /* a run under way is abandoned; results stay */
    ENGINE_RULE_DELETED      /* results, marks and counts go; timelines stay */
} engine_rule_event;

/*
 * Tells of a rule that the caller has just written in the same write transaction; `rule` is its new state
 * (DELETED: the last one). Starts an evaluation where the event asks for one: small ones are done inside this
 * transaction, larger ones become runs of the workers, and engine_is_evaluating is true until they end. After
 * store_write returned, call engine_after_commit.
 */
int engine_rule_changed(engine *e, store_session *session, const engine_rule *rule, engine_rule_event event,
                        int64_t now, pl_error *error);

/* Wakes the workers. Cheap; call it after every write transaction that called a hook. */
void engine_after_commit(engine *e);

/* A manual evaluation of one rule; `revert` also restores ignored results. The rule must be active. */
int engine_evaluate_rule(engine *e, store_session *session, const engine_rule *rule, bool revert, int64_t now,
                         pl_error *error);

/* True while a run of the rule waits or works: its state is then EVALUATING. */
int engine_is_evaluating(store_session *session, const engine_rule *rule, bool *evaluating, pl_error *error);

/* Delivery channels of the owner changed. */
int engine_channels_changed(engine *e, store_session *session, pl_str account_id, pl_error *error);

/* The pack's scope, or which rules are in a pack, changed: programs of the owner are built anew. */
int engine_pack_changed(engine *e, store_session *session, pl_str account_id, pl_error *error);

/* An account joined or left groups, or moved between folders: its group rules are other ones now. */
int engine_account_changed(engine *e, store_session *session, pl_str account_id, int64_t now,
                           pl_error *error);

/*
 * Changes what the account records. Types that are recorded no more are covered by no rule from now on: their
 * results go, timelines stay. Types that are recorded again are evaluated as they were recorded last
 * (reference/evaluation-semantics.md, sections 1 and 2.2).
 */
int engine_recorder_put(engine *e, store_session *session, pl_str account_id,
                        const inventory_recorder *recorder, int64_t now, pl_error *error);

/* Everything that the engine keeps of the account's results and runs goes (StopConfigurationRecorder). */
int engine_delete_account(engine *e, store_session *session, pl_str account_id, pl_error *error);

/*
 * Checks that a rule can be compiled, before it is stored: errors of pl_condition_compile and of the
 * catalogue (unknown identifier: Invalid.SourceIdentifier.Value).
 */
int engine_check_rule(engine *e, const engine_rule *rule, pl_error *error);

/* --- Results ---------------------------------------------------------------------------------------------
 */

/* Values are stored and must not change; the order is that of reference/evaluation-semantics.md, section 3.
 */
typedef enum engine_compliance {
    ENGINE_COMPLIANT,
    ENGINE_NON_COMPLIANT,
    ENGINE_NOT_APPLICABLE,
    ENGINE_INSUFFICIENT_DATA,
    ENGINE_IGNORED,
    ENGINE_COMPLIANCE_COUNT
} engine_compliance;

/* "COMPLIANT" ...; the empty view outside of the enum. */
pl_str engine_compliance_name(engine_compliance compliance);
bool engine_compliance_find(pl_str name, engine_compliance *out);

/* The result of one rule for one resource, as section 4 of the reference shows it. */
typedef struct engine_result {
    const engine_rule *rule;
    inventory_resource resource; /* without configuration */
    engine_compliance compliance;
    pl_str annotation; /* JSON text, or a function's text; empty, never absent */
    pl_str trigger;    /* InvokingEventMessageType */
    int64_t ordering, invoked, recorded;
    int64_t last_non_compliant, last_fixed; /* 0: not set */
    pl_str ignore_date, ignore_reason;      /* empty: none */
    char evaluation_id[PL_UUID_TEXT];
} engine_result;

/* Which results to list. Absent and empty members do not restrict. */
typedef struct engine_result_filter {
    const engine_rule *const *rules;
    size_t rule_count;
    const pl_str *accounts; /* whose resources; at least one */
    size_t account_count;
    const pl_str *types, *regions, *group_ids;
    size_t type_count, region_count, group_id_count;
    pl_str resource_type, resource_id, region_id; /* of one resource */
    bool has_compliance;
    engine_compliance compliance;
    bool oldest_non_compliant_first; /* SortBy LastNonCompliantRecordTimestamp-Asc, for NON_COMPLIANT only */
} engine_result_filter;

/*
 * Up to `limit` results behind `after` (absent: from the start), at most 1,000. `*next` is the key of the
 * following page, absent at the end. Everything lives in the arena. The order is by account, rule and
 * resource, such that a result that is there throughout is met exactly once, whatever is evaluated meanwhile.
 * A page ends early where much has to be looked at to find little: fewer results, even none, with a `*next`
 * are no end.
 */
int engine_list_results(engine *e, store_session *session, pl_arena *arena,
                        const engine_result_filter *filter, pl_str after, size_t limit,
                        engine_result **results, size_t *count, pl_str *next, pl_error *error);

/* The results of an owner's rules, page by page, for compliance snapshots (delivery_read_results). */
int engine_read_results(void *context, store_session *session, pl_arena *arena, pl_str owner_id,
                        pl_str aggregator_id, pl_str after, struct delivery_result **out, size_t *count,
                        pl_str *next, pl_error *error);

/* --- Single results ----------------------------------------------------------------------------------------
 */

/* A resource as calls name it. */
typedef struct engine_resource_name {
    pl_str account_id, resource_type, region_id, resource_id;
} engine_resource_name;

/*
 * Ignores non-compliant results of a rule, or restores ignored ones and evaluates them again: all of them or,
 * with Invalid.Resources.Value, none (reference/evaluation-semantics.md, section 6). `date` is YYYY-MM-DD, on
 * which the results are restored by themselves, or empty; Invalid.IgnoreDate.Value when it is not in the
 * future. Inside the caller's write transaction.
 */
int engine_ignore_results(engine *e, store_session *session, const engine_rule *rule,
                          const engine_resource_name *resources, size_t count, pl_str date, pl_str reason,
                          int64_t now, pl_error *error);
int engine_revert_results(engine *e, store_session *session, const engine_rule *rule,
                          const engine_resource_name *resources, size_t count, int64_t now, pl_error *error);

/*
 * Evaluates every live resource with this id with all active rules that cover it (trigger Manual);
 * `*evaluated` tells how many resources there were.
 */
int engine_evaluate_resource(engine *e, store_session *session, pl_str account_id, pl_str resource_id,
                             int64_t now, size_t *evaluated, pl_error *error);

/* Why a rule says of a resource what it says. */
typedef struct engine_explanation {
    bool covered; /* by the rule; else there is nothing below */
    engine_compliance compliance;
    pl_str annotation;
    pl_str context, applies_context; /* the evaluated trees as JSON text; absent: there is none to show */
} engine_explanation;

/* Evaluates one resource with one rule: nothing is stored. The texts live in the arena. */
int engine_explain(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                   const inventory_resource *resource, int64_t now, engine_explanation *out, pl_error *error);

/* --- Related resources -----------------------------------------------------------------------------------
 */

/* A resource that a call brings along: account, type, region (empty: any) and id, and its configuration. */
typedef struct engine_unrecorded {
    inventory_resource resource;
    pl_json configuration; /* missing: none */
} engine_unrecorded;

/* Whose related resources are asked for; it need not be recorded. Everything outlives the answers. */
typedef struct engine_relating {
    engine *e;
    store_session *session;
    pl_arena *arena; /* of the answers */
    const inventory_resource *resource;
    pl_json configuration;
    const engine_unrecorded *others; /* stand for what is recorded under the same names; the subject may be
                                        one of them */
    size_t other_count;
} engine_relating;

/*
 * The configurations of the resources of a type that the catalogue's relations tie to `context`, an
 * engine_relating, as a JSON array: `related` of pl_program_input. InvalidParameter when there are too many.
 */
int engine_find_related(void *context, pl_str type, pl_json *list, pl_error *error);

/*
 * Visits the recorded resources of a type (in the catalogue's spelling) whose configurations name the
 * resource of `of` at `path`: by key where links are kept, else all of the type are looked at. Visits must
 * not use the session.
 */
int engine_visit_naming(const engine_relating *of, pl_str type, pl_str path, inventory_visit visit,
                        void *context, pl_error *error);

/* --- Compliance timeline ---------------------------------------------------------------------------------
 */

/* One node: all results as they were then, and what changed, in the texts of section 12.3. */
typedef struct engine_node {
    int64_t capture_time;
    pl_str configuration, configuration_diff;
} engine_node;

/*
 * Nodes with from <= capture_time <= to, newest first, at most `limit`, over the rules of the account and of
 * its groups.
 */
int engine_compliance_timeline(engine *e, store_session *session, pl_arena *arena,
                               const inventory_resource *resource, int64_t from, int64_t to, size_t limit,
                               engine_node **nodes, size_t *count, pl_error *error);

/* How many results of each kind there are; IGNORED ones count as such only. */
typedef struct engine_counts {
    int64_t by[ENGINE_COMPLIANCE_COUNT];
    int64_t total; /* covered resources */
} engine_counts;

/* The results of one rule over some accounts; those that the rule is not of count nothing. */
int engine_count_rule(engine *e, store_session *session, const engine_rule *rule, const pl_str *accounts,
                      size_t account_count, engine_counts *out, pl_error *error);

/* Section 9: the class of an aggregate and its size, from counts. */
engine_compliance engine_aggregate(const engine_counts *counts, int64_t *size);

#endif
