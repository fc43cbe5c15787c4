/*
 * Starting evaluations of a rule: where it applies, whether that is little enough to be done inside the
 * calling transaction, and the rows of evaluation_runs otherwise.
 */
#include "engine/function.h"
#include "engine/leaving.h"
#include "engine/links.h"
#include "engine/listed.h"
#include "engine/run.h"

enum { UNLINKED_INSIDE = 1000, INSIDE_DEFAULT = 300, INSIDE_ACCOUNTS = 50, START_ARENA_LIMIT = 256 << 20 };

int engine_rule_accounts(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                         pl_str **accounts, size_t *count, pl_error *error) {
    const engine_groups *ask = &e->config.groups;
    *count = 0;
    if (rule->aggregator_id.n) {
        engine_group group = {rule->account_id, rule->aggregator_id};
        return ask->members_of ? ask->members_of(ask->context, session, arena, group, accounts, count, error)
                               : 0;
    }
    *accounts = pl_new(arena, pl_str, 1);
    if (!*accounts)
        return pl_fail(error, PL_E_ServiceUnavailable);
    **accounts = rule->account_id;
    *count = 1;
    return 0;
}

/* Resources of the rule's types in an account. */
static int count_resources(store_session *session, pl_arena *arena, pl_str account_id,
                           const engine_rule *rule, int64_t *total, pl_error *error) {
    engine_bound bound = {.rule = rule};
    inventory_group *types;
    size_t count;
    if (inventory_count_by_type(session, arena, account_id, PL_STR_NONE, &types, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_bound_has_type(&bound, types[i].name))
            *total += types[i].count;
    return 0;
}

int engine_note_success(store_session *session, engine_rule *rule, engine_message_type message_type,
                        int64_t ordering, int64_t ended, pl_error *error) {
    rule->run_ordering = ordering;
    rule->run_trigger = engine_message_name(message_type);
    if (rule->owner != ENGINE_FUNCTION) { /* a function's run succeeds with its reports */
        rule->last_success_started = ordering;
        rule->last_success_ended = ended;
    }
    if (rule->first_evaluation_started == 0)
        rule->first_evaluation_started = ordering;
    return engine_rule_store_run(session, rule, error);
}

/* --- Results that no rule accounts for any more -----------------------------------------------------------
 */

/* Timelines of an account in which the rule has had results go on telling of it by what it is now. */
static int remember_rule(store_session *session, pl_str account_id, int64_t rule_key, int64_t now,
                         pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO former_rules (account_id, rule_key, rule_id, owner_id, name, risk_level, "
        "created, deleted) SELECT CAST($1 AS TEXT), rule_key, rule_id, account_id, name, "
        "risk_level, created, CAST($3 AS BIGINT) FROM rules WHERE rule_key = $2 AND EXISTS (SELECT 1 FROM "
        "rule_counts WHERE account_id = $1 AND rule_key = $2) ON CONFLICT "
        "(account_id, rule_key) DO UPDATE SET name = excluded.name, risk_level = "
        "excluded.risk_level, deleted = excluded.deleted",
        "tii", account_id, rule_key, now);
}

/* Its results there leave, and what waits to be done is gone. */
static int drop_rule(store_session *session, const engine_leave *leave, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM kept_results WHERE account_id = $1 AND rule_key = $2",
        "DELETE FROM rule_counts WHERE account_id = $1 AND rule_key = $2",
        "DELETE FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2",
        "DELETE FROM function_events WHERE account_id = $1 AND rule_key = $2",
        "DELETE FROM remediation_events WHERE account_id = $1 AND rule_key = $2",
        "DELETE FROM remediation_runs WHERE account_id = $1 AND rule_key = $2",
    };
    if (engine_leave_begin(session, leave, error) != 0)
        return -1;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "ti", leave->account_id, leave->rule_key) != 0)
            return -1;
    return 0;
}

int engine_leave_account(store_session *session, pl_str account_id, int64_t rule_key, int64_t now,
                         pl_error *error) {
    engine_leave leave = {account_id, rule_key, PL_STR(""), now, true};
    if (engine_list_account(session, account_id, error) != 0 ||
        remember_rule(session, account_id, rule_key, now, error) != 0)
        return -1;
    return drop_rule(session, &leave, error);
}

/*
 * True when no type of the scope is one that is recorded: the function finds what it looks at by itself. The
 * account itself is known everywhere and recorded in few places.
 */
static int is_account_level(engine *e, store_session *session, pl_str account_id, const engine_rule *rule,
                            bool *yes, pl_error *error) {
    const engine_list *types = &rule->scope.resource_types;
    *yes = rule->owner == ENGINE_FUNCTION;
    for (size_t i = 0; *yes && i < types->count; i++) {
        pl_error unknown = {0};
        int64_t recorded = 0;
        bool known = !pl_str_eq_fold(types->items[i], ENGINE_ACCOUNT_TYPE) &&
                     catalogue_find_type(e->config.catalogue, types->items[i], &unknown);
        if (!known && inventory_count_type(session, account_id, types->items[i], &recorded, error) != 0)
            return -1;
        *yes = !known && recorded == 0 && !pl_str_is(types->items[i], "*");
    }
    return 0;
}

static int queue_account_event(engine *e, store_session *session, pl_str account_id, const engine_rule *rule,
                               engine_message_type message, int64_t ordering, pl_error *error) {
    bool account_level;
    if (is_account_level(e, session, account_id, rule, &account_level, error) != 0)
        return -1;
    return account_level ? engine_queue_account(session, account_id, rule, ordering, message, error) : 0;
}

/* --- Inside the transaction -------------------------------------------------------------------------------
 */

struct starting {
    engine *e;
    store_session *session;
    pl_arena *arena;
    const engine_rule *rule;
    engine_message_type message_type;
    bool revert;
    int64_t now;
    pl_error *error;
};

/* Goes through the whole inventory at once. */
static int run_all(struct starting *s, engine_run *run) {
    pl_arena arena;
    pl_arena_init(&arena, START_ARENA_LIMIT);
    engine_batch *end = pl_new(&arena, engine_batch, 1);
    int status = end ? engine_run_store(run, s->session, &arena, s->now, end, s->error)
                     : pl_fail(s->error, PL_E_ServiceUnavailable);
    pl_arena_free(&arena);
    return status;
}

static int run_rule(struct starting *s, engine_run *run, engine_run_rule *rule) {
    rule->message_type = s->message_type;
    rule->ordering = s->now;
    rule->revert = s->revert;
    if (engine_leave_return(s->session, run->account_id, &run->bounds[0], s->error) != 0 ||
        run_all(s, run) != 0 ||
        engine_run_settle(s->session, run->account_id, rule, &rule->counts, s->error) != 0)
        return -1;
    return queue_account_event(s->e, s->session, run->account_id, s->rule, s->message_type, s->now, s->error);
}

static int run_inside(struct starting *s, pl_str account_id) {
    engine_run run;
    bool inside = false;
    engine_run_rule *rule = NULL;
    int status = engine_run_begin(&run, s->e, account_id, 1, s->error);
    if (status == 0 && !(rule = engine_run_add(&run, s->session, s->rule, &inside, s->error)))
        status = -1;
    if (status == 0 &&
        store_run(s->session, s->error, "DELETE FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2",
                  "ti", account_id, s->rule->rule_key) != 0)
        status = -1;
    if (status == 0)
        status = inside ? run_rule(s, &run, rule)
                        : engine_leave_account(s->session, account_id, s->rule->rule_key, s->now, s->error);
    engine_run_end(&run);
    return status;
}

/* --- As runs of the workers -------------------------------------------------------------------------------
 */

static int insert_run(struct starting *s, pl_str account_id) {
    return store_run(
        s->session, s->error,
        "INSERT INTO evaluation_runs (account_id, rule_key, owner_id, ordering, message_type, revert, "
        "resource_type, resource_key, covered, non_compliant, not_applicable, insufficient, ignored, node, "
        "leased_until) VALUES ($1, $2, $3, $4, $5, $6, '', 0, 0, 0, 0, 0, 0, '', 0) ON CONFLICT (account_id, "
        "rule_key) DO UPDATE SET ordering = excluded.ordering, message_type = excluded.message_type, revert "
        "= "
        "excluded.revert, resource_type = '', resource_key = 0, covered = 0, non_compliant = 0, "
        "not_applicable "
        "= 0, insufficient = 0, ignored = 0, node = '', leased_until = 0",
        "titiii", account_id, s->rule->rule_key, s->rule->account_id, s->now, (int64_t)s->message_type,
        (int64_t)s->revert);
}

static int queue_run(struct starting *s, pl_str account_id) {
    engine_run run;
    bool inside = false;
    int status = engine_run_begin(&run, s->e, account_id, 1, s->error);
    if (status == 0 && !engine_run_add(&run, s->session, s->rule, &inside, s->error))
        status = -1;
    if (status == 0 && !inside)
        status = engine_leave_account(s->session, account_id, s->rule->rule_key, s->now, s->error);
    else if (status == 0)
        status = engine_leave_return(s->session, account_id, &run.bounds[0], s->error) == 0
                     ? insert_run(s, account_id)
                     : -1;
    if (status == 0 && inside)
        status =
            queue_account_event(s->e, s->session, account_id, s->rule, s->message_type, s->now, s->error);
    engine_run_end(&run);
    return status;
}

/* True when links of many resources are to be gathered first: that is nothing for this transaction. */
static int needs_links(struct starting *s, pl_str account_id, bool *yes) {
    engine_run run;
    pl_str *types = NULL;
    size_t count = 0;
    bool inside = false;
    int64_t total = 0;
    int status = engine_run_begin(&run, s->e, account_id, 1, s->error);
    if (status == 0 && !engine_run_add(&run, s->session, s->rule, &inside, s->error))
        status = -1;
    if (status == 0 && inside)
        status = engine_links_missing(&run, s->session, s->arena, &types, &count, s->error);
    for (size_t i = 0; status == 0 && i < count; i++) {
        int64_t of_type;
        status = inventory_count_type(s->session, account_id, types[i], &of_type, s->error);
        total += status == 0 ? of_type : 0;
    }
    *yes = total > UNLINKED_INSIDE;
    engine_run_end(&run);
    return status;
}

/* Starts in these accounts; `*at_once` tells whether everything has been done already. */
static int start_in(struct starting *s, const pl_str *accounts, size_t count, bool *at_once) {
    int64_t total = 0, most = s->e->config.run_inside ? s->e->config.run_inside : INSIDE_DEFAULT;
    for (size_t i = 0; i < count && total <= most; i++)
        if (count_resources(s->session, s->arena, accounts[i], s->rule, &total, s->error) != 0)
            return -1;
    *at_once = total <= most && count <= INSIDE_ACCOUNTS;
    for (size_t i = 0; i < count && *at_once && total; i++) {
        bool later;
        if (needs_links(s, accounts[i], &later) != 0)
            return -1;
        *at_once = !later;
    }
    for (size_t i = 0; i < count; i++)
        if ((*at_once ? run_inside(s, accounts[i]) : queue_run(s, accounts[i])) != 0)
            return -1;
    return *at_once ? 0 : store_notify(s->session, ENGINE_WAKE_CHANNEL, PL_STR(""), s->error);
}

static int start_everywhere(struct starting *s) {
    pl_str *accounts = NULL;
    size_t count;
    bool at_once;
    if (engine_rule_accounts(s->e, s->session, s->arena, s->rule, &accounts, &count, s->error) != 0 ||
        start_in(s, accounts, count, &at_once) != 0)
        return -1;
    engine_rule record = *s->rule;
    if (at_once)
        return engine_note_success(s->session, &record, s->message_type, s->now, pl_now(&s->e->config.clock),
                                   s->error);
    if (record.first_evaluation_started == 0)
        record.first_evaluation_started = s->now;
    return engine_rule_store_run(s->session, &record, s->error);
}

int engine_start(engine *e, store_session *session, const engine_rule *rule, engine_message_type message_type,
                 bool revert, int64_t now, pl_error *error) {
    pl_arena arena;
    pl_arena_init(&arena, START_ARENA_LIMIT);
    struct starting s = {e, session, &arena, rule, message_type, revert, now, error};
    int status = start_everywhere(&s);
    pl_arena_free(&arena);
    return status;
}

int engine_start_account(engine *e, store_session *session, pl_str account_id, const engine_rule *rule,
                         int64_t now, pl_error *error) {
    pl_arena arena;
    bool at_once;
    if (rule->aggregator_id.n == 0)
        return engine_start(e, session, rule, ENGINE_BY_HAND, false, now, error);
    pl_arena_init(&arena, START_ARENA_LIMIT);
    struct starting s = {e, session, &arena, rule, ENGINE_BY_HAND, false, now, error};
    int status = start_in(&s, &account_id, 1, &at_once);
    pl_arena_free(&arena);
    return status;
}

/* --- Hooks -----------------------------------------------------------------------------------------------
 */

/* Keeps what timelines will say of the rule; its results in the account leave. */
static int forget_rule(store_session *session, pl_str account_id, const engine_rule *rule, int64_t now,
                       pl_error *error) {
    if (store_run(
            session, error,
            "INSERT INTO former_rules (account_id, rule_key, rule_id, owner_id, name, risk_level, created, "
            "deleted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id, rule_key) DO UPDATE "
            "SET name = excluded.name, risk_level = excluded.risk_level, deleted = excluded.deleted",
            "tittti"
            "ii",
            account_id, rule->rule_key, rule->rule_id, rule->account_id, rule->name,
            (int64_t)rule->risk_level, rule->created, now) != 0)
        return -1;
    engine_leave leave = {account_id, rule->rule_key, PL_STR(""), now, false};
    return drop_rule(session, &leave, error);
}

static int delete_everywhere(engine *e, store_session *session, const engine_rule *rule, int64_t now,
                             pl_error *error) {
    pl_arena arena;
    pl_str *accounts = NULL;
    size_t count;
    pl_arena_init(&arena, START_ARENA_LIMIT);
    int status = engine_rule_accounts(e, session, &arena, rule, &accounts, &count, error);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = forget_rule(session, accounts[i], rule, now, error);
    if (status == 0)
        status =
            store_run(session, error, "DELETE FROM rule_schedules WHERE account_id = $1 AND rule_key = $2",
                      "ti", rule->account_id, rule->rule_key);
    pl_arena_free(&arena);
    return status;
}

static int start_rule(engine *e, store_session *session, const engine_rule *rule, int64_t now,
                      pl_error *error) {
    return rule->state == ENGINE_ACTIVE ? engine_start(e, session, rule, ENGINE_BY_HAND, false, now, error)
                                        : 0;
}

static int any_row(store_session *session, const char *sql, const engine_rule *rule, bool *evaluating,
                   pl_error *error) {
    store_statement *st = store_prepare(session, sql, error);
    store_bind_i64(st, 1, rule->rule_key);
    return store_any(st, evaluating, error);
}

int engine_has_runs(store_session *session, const engine_rule *rule, bool *any, pl_error *error) {
    return any_row(session, "SELECT 1 FROM evaluation_runs WHERE rule_key = $1 LIMIT 1", rule, any, error);
}

/* What an abandoned run has not come by is not known to be COMPLIANT under the rule as it is now. */
static int abandon_runs(store_session *session, const engine_rule *rule, pl_error *error) {
    engine_rule record = *rule;
    bool any;
    if (engine_has_runs(session, rule, &any, error) != 0)
        return -1;
    record.run_ordering = 0;
    if (any && engine_rule_store_run(session, &record, error) != 0)
        return -1;
    return store_run(session, error, "DELETE FROM evaluation_runs WHERE rule_key = $1", "i", rule->rule_key);
}

/* Nothing is to be evaluated any more; results stay. */
static int stop_rule(store_session *session, const engine_rule *rule, pl_error *error) {
    if (store_run(session, error, "DELETE FROM function_events WHERE rule_key = $1", "i", rule->rule_key) !=
        0)
        return -1;
    return abandon_runs(session, rule, error);
}

int engine_rule_changed(engine *e, store_session *session, const engine_rule *rule, engine_rule_event event,
                        int64_t now, pl_error *error) {
    if (engine_version_renew(e, session, rule->account_id, error) != 0)
        return -1;
    if (event == ENGINE_RULE_RENAMED)
        return 0;
    if (event == ENGINE_RULE_DEACTIVATED)
        return stop_rule(session, rule, error);
    if (event == ENGINE_RULE_DELETED)
        return delete_everywhere(e, session, rule, now, error);
    return start_rule(e, session, rule, now, error);
}

int engine_evaluate_rule(engine *e, store_session *session, const engine_rule *rule, bool revert, int64_t now,
                         pl_error *error) {
    return engine_start(e, session, rule, ENGINE_BY_HAND, revert, now, error);
}

/* Reports on changes are no run. */
int engine_is_evaluating(store_session *session, const engine_rule *rule, bool *evaluating, pl_error *error) {
    if (engine_has_runs(session, rule, evaluating, error) != 0)
        return -1;
    if (*evaluating || rule->owner != ENGINE_FUNCTION)
        return 0;
    return any_row(session, "SELECT 1 FROM function_events WHERE rule_key = $1 AND message_type <> 0 LIMIT 1",
                   rule, evaluating, error);
}

int engine_pack_changed(engine *e, store_session *session, pl_str account_id, pl_error *error) {
    return engine_version_renew(e, session, account_id, error);
}
