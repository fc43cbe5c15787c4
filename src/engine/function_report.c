/*
 * Results that functions report, brought into the stored results. Order is that of the runs: the token names
 * the run, so a late report of an older one never overwrites a newer result, whatever timestamp it carries.
 */
#include "engine/function.h"
#include "engine/listed.h"
#include "engine/run.h"

#include "json/parser.h"

enum { REPORT_ARENA = 64 << 20, WITHDRAW_PAGE = 500 };

struct reporting {
    engine *e;
    store_session *session;
    pl_arena arena;
    const engine_function_event *event;
    engine_rule rule;
    engine_writing writing;
    engine_bound bound; /* of `bound_account` */
    pl_str bound_account;
    bool inside;
    int64_t now;
    pl_error *error;
};

/* A function may speak of the accounts of its rule only, whatever it knows of others. */
static int is_concerned(struct reporting *r, pl_str account_id, bool *concerned) {
    pl_str *accounts = NULL;
    size_t count;
    *concerned = false;
    if (engine_rule_accounts(r->e, r->session, &r->arena, &r->rule, &accounts, &count, r->error) != 0)
        return -1;
    for (size_t i = 0; i < count && !*concerned; i++)
        *concerned = pl_str_eq(accounts[i], account_id);
    return 0;
}

static int bind_account(struct reporting *r, pl_str account_id) {
    if (r->bound_account.p && pl_str_eq(r->bound_account, account_id))
        return 0;
    r->bound_account = account_id;
    if (is_concerned(r, account_id, &r->inside) != 0)
        return -1;
    return r->inside ? engine_bind_rule(r->e, r->session, &r->arena, account_id, &r->rule, &r->bound,
                                        &r->inside, r->error)
                     : 0;
}

static int covers(struct reporting *r, const inventory_resource *resource, bool *covered) {
    engine_scope_subject subject;
    if (engine_scope_subject_of(&r->arena, resource, &subject, r->error) != 0)
        return -1;
    *covered = !resource->deleted && r->inside && engine_bound_covers(&r->bound, &subject);
    return 0;
}

/* What the function reported last for this result, within the stored run. */
static int reported_before(struct reporting *r, const inventory_resource *resource, int64_t *reported) {
    store_statement *st = store_prepare(r->session,
                                        "SELECT reported FROM results WHERE account_id = $1 AND rule_key = "
                                        "$2 AND resource_key = $3",
                                        r->error);
    store_bind_text(st, 1, resource->account_id);
    store_bind_i64(st, 2, r->rule.rule_key);
    store_bind_i64(st, 3, resource->resource_key);
    int step = store_step(st, r->error);
    *reported = step == 1 ? store_column_i64(st, 0) : 0;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

static int write_result(struct reporting *r, const inventory_resource *resource, bool covered,
                        engine_compliance compliance, pl_str annotation, int64_t reported) {
    engine_row row;
    bool found;
    int64_t before;
    if (engine_row_of(r->session, &r->arena, resource->account_id, r->rule.rule_key, resource->resource_key,
                      &row, &found, r->error) != 0 ||
        reported_before(r, resource, &before) != 0)
        return -1;
    if (found && row.ordering == r->event->ordering && reported < before)
        return 0;
    engine_outcome o = {.account_id = resource->account_id,
                        .rule = &r->rule,
                        .resource_type = resource->resource_type,
                        .resource_key = resource->resource_key,
                        .row = found ? &row : NULL,
                        .was_covered = covered,
                        .covered = covered,
                        .compliance = compliance,
                        .annotation = annotation,
                        .message_type = (engine_message_type)r->event->message,
                        .ordering = r->event->ordering,
                        .tally = engine_tally_of(&r->writing, resource->account_id, r->rule.rule_key)};
    if (!o.tally || engine_write_outcome(&r->writing, &o, NULL) != 0)
        return -1;
    return store_run(r->session, r->error,
                     "UPDATE results SET reported = $4 WHERE account_id = $1 AND rule_key = $2 AND "
                     "resource_key = $3 AND ordering = $5",
                     "tiiii", resource->account_id, r->rule.rule_key, resource->resource_key, reported,
                     r->event->ordering);
}

static int refuse(struct reporting *r, size_t index, const engine_report *report) {
    return pl_failf(r->error, PL_E_Invalid_Evaluations_Value,
                    "The specified Evaluations is invalid: element %zu names %.*s %.*s, which is not a "
                    "recorded resource in the scope of the rule.",
                    index, PL_FMT(report->resource_type), PL_FMT(report->resource_id));
}

/* The resource that the event was about may have gone, or left the scope, since: its result then has no
 * place. */
static int is_own(struct reporting *r, const engine_report *report, bool *own) {
    inventory_resource resource;
    bool found;
    *own = false;
    if (r->event->resource_key == 0 || !pl_str_eq(report->account_id, r->event->account_id))
        return 0;
    if (inventory_find_key(r->session, &r->arena, r->event->account_id, r->event->resource_key, &resource,
                           &found, r->error) != 0)
        return -1;
    *own = !found || (pl_str_eq(resource.resource_id, report->resource_id) &&
                      pl_str_eq(resource.resource_type, report->resource_type) &&
                      (!report->region_id.p || pl_str_eq(resource.region_id, report->region_id)));
    return 0;
}

/* Resources go while a function looks at many of them: what it says of the others holds nevertheless. */
static bool is_gone(const struct reporting *r, const inventory_resource *resource) {
    return resource->deleted && r->inside && engine_bound_has_type(&r->bound, resource->resource_type);
}

static int find_resource(struct reporting *r, const engine_report *report, inventory_resource *resource,
                         bool *found) {
    return inventory_find(r->session, &r->arena, report->account_id, report->resource_type, report->region_id,
                          report->resource_id, resource, found, r->error);
}

/* What other rules say of it; the rule itself is about to be told, so that its event is done. */
static int introduce(struct reporting *r, const engine_report *report, const inventory_change *change) {
    engine_evaluating c;
    engine_function_event event = {.account_id = report->account_id,
                                   .rule_key = r->rule.rule_key,
                                   .resource_key = change->resource_key,
                                   .ordering = r->event->ordering};
    if (change->event == INVENTORY_UNCHANGED)
        return 0;
    if (engine_writing_end(&r->writing, 0) != 0)
        return -1;
    int status = engine_evaluating_begin(&c, r->e, r->session, &r->arena, r->event->ordering, r->error);
    if (status == 0)
        status = engine_evaluate_change(&c, change);
    status = engine_evaluating_end(&c, status);
    engine_writing_begin(&r->writing, r->e, r->session, &r->arena, r->now, r->error);
    return status == 0 ? engine_function_drop(r->session, &event, r->error) : -1;
}

/*
 * Every account exists, recorded or not. Recording it says nothing of how it is configured: for what other
 * rules ask of it there is no data, until somebody imports it.
 */
static int record_account(struct reporting *r, const engine_report *report) {
    inventory_item *items;
    inventory_change change;
    pl_json list;
    size_t count;
    inventory_defaults defaults = {.account_id = report->account_id, .catalogue = r->e->config.catalogue};
    pl_str text = pl_arena_printf(
        &r->arena, "[{\"resourceType\":\"%.*s\",\"resourceId\":\"%.*s\",\"regionId\":\"global\"}]",
        PL_FMT(ENGINE_ACCOUNT_TYPE), PL_FMT(report->account_id));
    if (!text.p)
        return pl_fail(r->error, PL_E_ServiceUnavailable);
    if (pl_json_parse_in(&r->arena, text, &list, r->error) != 0 ||
        inventory_parse(&r->arena, list, &defaults, &items, &count, r->error) != 0 ||
        inventory_apply(r->session, &r->arena, items, count, r->now, &change, r->error) != 0)
        return -1;
    return introduce(r, report, &change);
}

/* An account of the rule's scope that reports name by its own id. */
static bool is_account(const struct reporting *r, const engine_report *report) {
    return r->inside && pl_str_eq_fold(report->resource_type, ENGINE_ACCOUNT_TYPE) &&
           pl_str_eq(report->resource_id, report->account_id) &&
           engine_bound_has_type(&r->bound, ENGINE_ACCOUNT_TYPE);
}

static int take_report(struct reporting *r, size_t index, const engine_report *report) {
    inventory_resource resource = {0};
    bool found, covered = false;
    if (bind_account(r, report->account_id) != 0 || find_resource(r, report, &resource, &found) != 0)
        return -1;
    if ((!found || resource.deleted) && is_account(r, report) &&
        (record_account(r, report) != 0 || find_resource(r, report, &resource, &found) != 0))
        return -1;
    if (found && covers(r, &resource, &covered) != 0)
        return -1;
    if (found && covered)
        return write_result(r, &resource, true, report->compliance, report->annotation, report->reported);
    if (found && is_gone(r, &resource))
        return 0;
    bool own;
    if (is_own(r, report, &own) != 0)
        return -1;
    return own ? 0 : refuse(r, index, report);
}

/* --- DeleteMode ------------------------------------------------------------------------------------------
 */

static int stale_results(struct reporting *r, int64_t after, int64_t *keys, size_t *count) {
    if (engine_list_account(r->session, r->event->account_id, r->error) != 0)
        return -1;
    store_statement *st = store_prepare(
        r->session,
        "SELECT resource_key FROM results WHERE account_id = $1 AND rule_key = $2 AND listed = 1 AND "
        "ordering < $3 AND "
        "resource_key > $4 AND compliance <> 3 AND NOT EXISTS (SELECT 1 FROM function_events f WHERE "
        "f.account_id = results.account_id AND f.rule_key = results.rule_key AND f.resource_key = "
        "results.resource_key) ORDER BY resource_key LIMIT $5",
        r->error);
    store_bind_text(st, 1, r->event->account_id);
    store_bind_i64(st, 2, r->rule.rule_key);
    store_bind_i64(st, 3, r->event->ordering);
    store_bind_i64(st, 4, after);
    store_bind_i64(st, 5, WITHDRAW_PAGE);
    int step;
    *count = 0;
    while ((step = store_step(st, r->error)) == 1)
        keys[(*count)++] = store_column_i64(st, 0);
    return step;
}

static int withdraw(struct reporting *r, int64_t resource_key) {
    inventory_resource resource;
    bool found, covered;
    if (inventory_find_key(r->session, &r->arena, r->event->account_id, resource_key, &resource, &found,
                           r->error) != 0)
        return -1;
    if (!found)
        return 0;
    if (covers(r, &resource, &covered) != 0)
        return -1;
    return write_result(r, &resource, covered, ENGINE_INSUFFICIENT_DATA,
                        PL_STR("{\"reason\":\"The function has withdrawn its result.\"}"), 0);
}

static int withdraw_others(struct reporting *r) {
    int64_t keys[WITHDRAW_PAGE], after = 0;
    size_t count;
    if (r->event->message == ENGINE_BY_CHANGE)
        return 0;
    if (bind_account(r, r->event->account_id) != 0)
        return -1;
    do {
        if (stale_results(r, after, keys, &count) != 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (withdraw(r, keys[i]) != 0)
                return -1;
        after = count ? keys[count - 1] : after;
    } while (count == WITHDRAW_PAGE);
    return 0;
}

/* --- A report ---------------------------------------------------------------------------------------------
 */

static int note_report(struct reporting *r, int64_t now) {
    engine_rule *rule = &r->rule;
    if (r->event->ordering >= rule->last_success_started) {
        rule->last_success_started = r->event->ordering;
        rule->last_success_ended = now;
    }
    return engine_rule_store_run(r->session, rule, r->error);
}

static int take_all(struct reporting *r, const engine_report *reports, size_t count, bool delete_others,
                    int64_t now) {
    engine_writing_begin(&r->writing, r->e, r->session, &r->arena, now, r->error);
    int status = engine_function_drop(r->session, r->event, r->error);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = take_report(r, i, reports + i);
    if (status == 0 && delete_others)
        status = withdraw_others(r);
    if (engine_writing_end(&r->writing, status) != 0)
        return -1;
    return note_report(r, now);
}

int engine_function_report(engine *e, store_session *session, const engine_function_event *event,
                           const engine_report *reports, size_t count, bool delete_others, int64_t now,
                           pl_error *error) {
    struct reporting r = {.e = e, .session = session, .event = event, .now = now, .error = error};
    bool found;
    pl_arena_init(&r.arena, REPORT_ARENA);
    int status =
        engine_rule_find_key(session, &r.arena, event->owner_id, event->rule_key, &r.rule, &found, error);
    if (status == 0 && (!found || r.rule.owner != ENGINE_FUNCTION))
        status = pl_failf(error, PL_E_Invalid_ResultToken_Value,
                          "The specified ResultToken is invalid: its rule is gone.");
    if (status == 0)
        status = take_all(&r, reports, count, delete_others, now);
    pl_arena_free(&r.arena);
    return status;
}
