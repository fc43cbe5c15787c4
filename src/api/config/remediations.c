/*
 * Remediations of version 2020-09-07 for accounts and account groups, their executions, and the templates
 * (also of 2019-01-08). reference/remediation.md.
 */
#include "api/answer.h"
#include "api/config/shared.h"
#include "api/operations.gen.h"
#include "remediation/remediation.h"

enum { RUNS_MAX = 100, RUNS_DEFAULT = 10, PAGE_RESULTS = 500, DELETED_MAX = 100 };

typedef struct remedy_task {
    api_call *call;
    config_owner owner;
    pl_str id, rule_id;
    engine_remedy remedy;
    engine_remedy *remedies;
    size_t count;
    engine_list ids;
    bool deleted[DELETED_MAX];
    engine_remedy_run runs[RUNS_MAX + 1];
    int64_t before;
    pl_str before_id;
    size_t limit;
} remedy_task;

static int begin(api_call *call, int access, remedy_task **task) {
    *task = pl_new(call->arena, remedy_task, 1);
    if (!*task)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    (*task)->call = call;
    return config_owner_of(call, access, &(*task)->owner);
}

static int find_rule(remedy_task *task, store_session *session, pl_str rule_id, engine_rule *rule,
                     pl_error *error) {
    bool found = false;
    if (engine_rule_find(session, task->call->arena, &task->owner.group, rule_id, rule, &found, error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_ConfigRuleNotExists);
}

/* --- Creating and changing ---------------------------------------------------------------------------------
 */

/* Puts the parameters that say something over the record; true when what it does has changed. */
static bool read_remedy(const api_call *call, engine_remedy *r) {
    const struct {
        const char *name;
        pl_str *text;
        bool forgets;
    } texts[] = {{"RemediationType", &r->type, true},
                 {"RemediationTemplateId", &r->template_id, true},
                 {"Params", &r->params, true},
                 {"SourceType", &r->source_type, false},
                 {"InvokeType", &r->invoke_type, false}};
    bool changed = false;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pl_str sent = api_text(call, texts[i].name);
        if (sent.n == 0)
            continue;
        changed = changed || (texts[i].forgets && !pl_str_eq(sent, *texts[i].text));
        *texts[i].text = sent;
    }
    return changed;
}

static int put_remedy(remedy_task *task, store_session *session, engine_remedy *remedy,
                      const engine_rule *rule, bool forget, pl_error *error) {
    api_call *call = task->call;
    engine_context context = config_context(call, &task->owner);
    if (remediation_check(call->services->catalogue, call->arena, rule, remedy, error) != 0 ||
        engine_remedy_put(&context, session, remedy, forget, error) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("RemediationId"), remedy->remediation_id);
    return 0;
}

static int create_work(store_session *session, void *argument, pl_error *error) {
    remedy_task *task = argument;
    api_call *call = task->call;
    engine_rule rule;
    bool found = false;
    engine_remedy made = {.account_id = task->owner.group.owner_id,
                          .aggregator_id = pl_str_or_empty(task->owner.group.aggregator_id),
                          .rule_id = pl_str_trim(api_text(call, "ConfigRuleId")),
                          .type = PL_STR(""),
                          .template_id = PL_STR(""),
                          .source_type = PL_STR("ALIYUN"),
                          .invoke_type = PL_STR(""),
                          .params = PL_STR("{}"),
                          .last_success_id = PL_STR(""),
                          .last_success_type = PL_STR("")};
    if (find_rule(task, session, made.rule_id, &rule, error) != 0 ||
        engine_remedy_of_rule(session, call->arena, made.account_id, made.rule_id, &task->remedy, &found,
                              error) != 0)
        return -1;
    if (found)
        return pl_failf(error, PL_E_Invalid_ConfigRuleId_Value,
                        "The rule %.*s has the remediation %.*s already.", PL_FMT(made.rule_id),
                        PL_FMT(task->remedy.remediation_id));
    (void)read_remedy(call, &made);
    return put_remedy(task, session, &made, &rule, false, error);
}

static int create(api_call *call) {
    remedy_task *task;
    return begin(call, CONFIG_WRITE, &task) != 0 ? -1 : api_write(call, create_work, task);
}

static int find_remedy(remedy_task *task, store_session *session, pl_str id, pl_error *error) {
    bool found = false;
    if (engine_remedy_find(session, task->call->arena, &task->owner.group, id, &task->remedy, &found,
                           error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_RemediationNotExist);
}

static int update_work(store_session *session, void *argument, pl_error *error) {
    remedy_task *task = argument;
    engine_rule rule;
    if (find_remedy(task, session, pl_str_trim(api_text(task->call, "RemediationId")), error) != 0 ||
        find_rule(task, session, task->remedy.rule_id, &rule, error) != 0)
        return -1;
    bool changed = read_remedy(task->call, &task->remedy);
    return put_remedy(task, session, &task->remedy, &rule, changed, error);
}

static int update(api_call *call) {
    remedy_task *task;
    return begin(call, CONFIG_WRITE, &task) != 0 ? -1 : api_write(call, update_work, task);
}

static int delete_work(store_session *session, void *argument, pl_error *error) {
    remedy_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    for (size_t i = 0; i < task->ids.count; i++) {
        bool found = false;
        if (engine_remedy_find(session, task->call->arena, &task->owner.group, task->ids.items[i],
                               &task->remedy, &found, error) != 0)
            return -1;
        task->deleted[i] = found;
        if (found && engine_remedy_delete(&context, session, &task->remedy, error) != 0)
            return -1;
    }
    return 0;
}

static int delete (api_call *call) {
    remedy_task *task;
    if (begin(call, CONFIG_WRITE, &task) != 0 || config_list(call, "RemediationIds", &task->ids) != 0)
        return -1;
    if (task->ids.count == 0 || task->ids.count > DELETED_MAX)
        return api_fail_generic(task->ids.count ? &call->operation->product->invalid
                                                : &call->operation->product->missing,
                                call->error, PL_STR("RemediationIds"));
    if (config_write(call, delete_work, task) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("RemediationDeleteResults"));
    for (size_t i = 0; i < task->ids.count; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, PL_STR("RemediationId"), task->ids.items[i]);
        pl_write_bool(call->out, PL_STR("Success"), task->deleted[i]);
        if (!task->deleted[i])
            pl_write_string(call->out, PL_STR("ErrorMessage"), PL_STR("RemediationConfigNotExist"));
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

/* --- Showing -----------------------------------------------------------------------------------------------
 */

/* The list of a group spells the parameters' name as the vendor declares it. */
static void write_remedy(api_call *call, const engine_remedy *r, bool of_group_list) {
    pl_writer *out = call->out;
    config_write_account(out, "AccountId", r->account_id);
    pl_write_string(out, PL_STR("ConfigRuleId"), r->rule_id);
    pl_write_string(out, PL_STR("InvokeType"), r->invoke_type);
    pl_write_string(out, PL_STR("RemediationId"), r->remediation_id);
    pl_write_string(out,
                    of_group_list ? PL_STR("RemediaitonOriginParams") : PL_STR("RemediationOriginParams"),
                    r->params);
    pl_write_string(out, PL_STR("RemediationSourceType"), r->source_type);
    pl_write_string(out, PL_STR("RemediationTemplateId"), r->template_id);
    pl_write_string(out, PL_STR("RemediationType"), r->type);
    if (r->last_success_time == 0)
        return;
    pl_write_string(out, PL_STR("LastSuccessfulInvocationId"), r->last_success_id);
    pl_write_i64(out, PL_STR("LastSuccessfulInvocationTime"), r->last_success_time);
    pl_write_string(out, PL_STR("LastSuccessfulInvocationType"), r->last_success_type);
}

static int describe_work(store_session *session, void *argument, pl_error *error) {
    remedy_task *task = argument;
    bool found = false;
    if (task->id.n)
        return find_remedy(task, session, task->id, error);
    if (engine_remedy_of_rule(session, task->call->arena, task->owner.group.owner_id, task->rule_id,
                              &task->remedy, &found, error) != 0)
        return -1;
    found = found && pl_str_eq(task->remedy.aggregator_id, task->owner.group.aggregator_id);
    return found ? 0 : pl_fail(error, PL_E_RemediationConfigNotExist);
}

static int describe(api_call *call) {
    remedy_task *task;
    if (begin(call, CONFIG_READ, &task) != 0)
        return -1;
    task->id = pl_str_trim(api_text(call, "RemediationId"));
    task->rule_id = pl_str_trim(api_text(call, "ConfigRuleId"));
    if (config_read(call, describe_work, task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("Remediation"));
    write_remedy(call, &task->remedy, false);
    pl_write_object_end(call->out);
    return 0;
}

static int list_work(store_session *session, void *argument, pl_error *error) {
    remedy_task *task = argument;
    return engine_remedy_list(session, task->call->arena, &task->owner.group, &task->ids, &task->remedies,
                              &task->count, error);
}

static void write_page(api_call *call, int64_t page, int64_t take, int64_t total) {
    pl_write_i64(call->out, PL_STR("PageNumber"), page);
    pl_write_i64(call->out, PL_STR("PageSize"), take);
    pl_write_string(call->out, PL_STR("TotalCount"),
                    pl_arena_printf(call->arena, "%lld", (long long)total)); /* a text by declaration */
}

static int list(api_call *call) {
    remedy_task *task;
    int64_t page, take, skip;
    if (begin(call, CONFIG_READ, &task) != 0 || config_list(call, "ConfigRuleIds", &task->ids) != 0 ||
        config_read(call, list_work, task) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_array(call->out, PL_STR("Remediations"));
    for (int64_t i = skip; i < (int64_t)task->count && i - skip < take; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        if (task->remedies[i].aggregator_id.n)
            pl_write_string(call->out, PL_STR("AggregatorId"), task->remedies[i].aggregator_id);
        write_remedy(call, &task->remedies[i], task->remedies[i].aggregator_id.n != 0);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    if (!task->owner.group.aggregator_id.p) /* the answer of groups has no page */
        write_page(call, page, take, (int64_t)task->count);
    return 0;
}

/* --- Executions --------------------------------------------------------------------------------------------
 */

static int runs_work(store_session *session, void *argument, pl_error *error) {
    remedy_task *task = argument;
    api_call *call = task->call;
    engine_rule rule;
    if (find_rule(task, session, pl_str_trim(api_text(call, "ConfigRuleId")), &rule, error) != 0)
        return -1;
    int64_t account = api_number(call, "ResourceAccountId", 0);
    pl_str account_id = account ? pl_arena_printf(call->arena, "%lld", (long long)account) : PL_STR("");
    if (task->owner.partly && account_id.n && !pl_str_eq(account_id, api_account(call)))
        return 0; /* a member sees what was done to its own resources alone */
    if (task->owner.partly)
        account_id = api_account(call);
    engine_remedy_page page = {.owner_id = rule.account_id,
                               .rule_id = rule.rule_id,
                               .status = pl_str_or_empty(api_text(call, "ExecutionStatus")),
                               .account_id = account_id,
                               .before = task->before,
                               .before_id = task->before_id,
                               .limit = task->limit + 1};
    return engine_remedy_runs(session, call->arena, &page, task->runs, &task->count, error);
}

static int open_token(remedy_task *task) {
    pl_str token, time;
    task->before = INT64_MAX;
    task->before_id = PL_STR("");
    if (api_token_open(task->call, &token) != 0)
        return -1;
    if (!token.p)
        return 0;
    if (!pl_str_split(&token, ',', &time) || !pl_str_to_i64(time, &task->before))
        return api_fail_generic(&task->call->operation->product->invalid, task->call->error,
                                PL_STR("NextToken"));
    task->before_id = token;
    return 0;
}

static void write_run(api_call *call, const engine_remedy_run *run) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR_NONE);
    api_write_time(out, "ExecutionCreateDate", run->created);
    pl_write_string(out, PL_STR("ExecutionInvocationId"), run->execution_id);
    pl_write_string(out, PL_STR("ExecutionResourceIds"), run->resource_ids);
    pl_write_string(out, PL_STR("ExecutionResourceType"), run->resource_type);
    pl_write_string(out, PL_STR("ExecutionStatus"), run->success ? PL_STR("Success") : PL_STR("Failed"));
    pl_write_string(out, PL_STR("ExecutionStatusMessage"), run->message);
    pl_write_object_end(out);
}

static int list_runs(api_call *call) {
    remedy_task *task;
    pl_str next = PL_STR("");
    if (begin(call, CONFIG_READ, &task) != 0 || open_token(task) != 0)
        return -1;
    task->limit = (size_t)api_number(call, "MaxResults", RUNS_DEFAULT);
    if (config_read(call, runs_work, task) != 0)
        return -1;
    size_t shown = task->count < task->limit ? task->count : task->limit;
    if (task->count > task->limit) {
        const engine_remedy_run *last = task->runs + shown - 1;
        next = api_token_make(call, pl_arena_printf(call->arena, "%lld,%.*s", (long long)last->created,
                                                    PL_FMT(last->execution_id)));
    }
    pl_write_object(call->out, PL_STR("RemediationExecutionData"));
    pl_write_i64(call->out, PL_STR("MaxResults"), (int64_t)task->limit);
    pl_write_string(call->out, PL_STR("NextToken"), next);
    pl_write_array(call->out, PL_STR("RemediationExecutions"));
    for (size_t i = 0; i < shown; i++)
        write_run(call, task->runs + i);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

/* --- Starting ----------------------------------------------------------------------------------------------
 */

/* The accounts whose resources are to be remedied: one member, or all that the group's rule covers. */
static int choose_accounts(remedy_task *task, const pl_str **accounts, size_t *count) {
    api_call *call = task->call;
    int64_t one = api_number(call, "ResourceAccountId", 0);
    *accounts = task->owner.accounts;
    *count = task->owner.account_count;
    if (one == 0)
        return 0;
    pl_str id = pl_arena_printf(call->arena, "%lld", (long long)one);
    for (size_t i = 0; i < task->owner.account_count; i++)
        if (pl_str_eq(task->owner.accounts[i], id)) {
            *accounts = task->owner.accounts + i;
            *count = 1;
            return 0;
        }
    return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("ResourceAccountId"));
}

static int queue_results(store_session *session, const engine_rule *rule, const engine_result *results,
                         size_t count, pl_error *error) {
    for (size_t i = 0; i < count; i++) {
        engine_remedy_event event = {.account_id = results[i].resource.account_id,
                                     .owner_id = rule->account_id,
                                     .rule_key = rule->rule_key,
                                     .resource_key = results[i].resource.resource_key,
                                     .manual = true};
        if (engine_remedy_queue(session, &event, error) != 0)
            return -1;
    }
    return 0;
}

static int queue_all(remedy_task *task, store_session *session, const engine_rule *rule, pl_error *error) {
    api_call *call = task->call;
    engine_result *results;
    size_t count;
    pl_str next = PL_STR_NONE;
    engine_result_filter filter = {
        .rules = &rule,
        .rule_count = 1,
        .resource_id = pl_str_trim(api_text(call, "ResourceId")),
        .resource_type = catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType")),
        .region_id = pl_str_trim(api_text(call, "ResourceRegionId")),
        .has_compliance = true,
        .compliance = ENGINE_NON_COMPLIANT};
    if (choose_accounts(task, &filter.accounts, &filter.account_count) != 0)
        return -1;
    if (filter.account_count == 0)
        return 0;
    do {
        if (engine_list_results(call->services->engine, session, call->arena, &filter, next, PAGE_RESULTS,
                                &results, &count, &next, error) != 0 ||
            queue_results(session, rule, results, count, error) != 0)
            return -1;
    } while (next.p);
    return store_notify(session, ENGINE_REMEDY_CHANNEL, PL_STR(""), error);
}

static int start_work(store_session *session, void *argument, pl_error *error) {
    remedy_task *task = argument;
    engine_rule rule;
    task->id = PL_STR_NONE;
    task->rule_id = pl_str_trim(api_text(task->call, "ConfigRuleId"));
    if (find_rule(task, session, task->rule_id, &rule, error) != 0 ||
        describe_work(session, task, error) != 0)
        return -1;
    if (pl_str_is(task->remedy.invoke_type, "NON_EXECUTION") ||
        pl_str_is(task->remedy.invoke_type, "NOT_CONFIG"))
        return pl_failf(error, PL_E_RemediationConfigNotExist,
                        "The remediation of the rule is not to be executed: its InvokeType is %.*s.",
                        PL_FMT(task->remedy.invoke_type));
    if (remediation_check(task->call->services->catalogue, task->call->arena, &rule, &task->remedy, error) !=
        0)
        return -1;
    return queue_all(task, session, &rule, error);
}

static int start(api_call *call) {
    remedy_task *task;
    if (begin(call, CONFIG_WRITE, &task) != 0 || config_write(call, start_work, task) != 0)
        return -1;
    pl_write_bool(call->out, PL_STR("Data"), true);
    return 0;
}

CONFIG_TWINS(config_create_remediation, config_create_aggregate_remediation, create)
CONFIG_TWINS(config_update_remediation, config_update_aggregate_remediation, update)
CONFIG_TWINS(config_delete_remediations, config_delete_aggregate_remediations, delete)
CONFIG_TWINS(config_describe_remediation, config_describe_aggregate_remediation, describe)
CONFIG_TWINS(config_list_remediations, config_list_aggregate_remediations, list)
CONFIG_TWINS(config_list_remediation_executions, config_list_aggregate_remediation_executions, list_runs)
CONFIG_TWINS(config_start_remediation, config_start_aggregate_remediation, start)

/* --- Templates ---------------------------------------------------------------------------------------------
 */

static bool is_for(const catalogue_remediation *t, pl_str rule) {
    for (size_t i = 0; i < t->rules.count; i++)
        if (pl_str_eq_fold(t->rules.items[i], rule))
            return true;
    return rule.n == 0;
}

/* `rule` NULL: the answer does not name it. */
static void write_template(api_call *call, const catalogue_remediation *t, const pl_str *rule, bool dated) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR_NONE);
    pl_write_string(out, PL_STR("RemediationType"), PL_STR("OOS"));
    pl_write_string(out, PL_STR("TemplateDefinition"), t->definition);
    if (!dated)
        pl_write_string(out, PL_STR("TemplateDescription"), t->description);
    pl_write_string(out, PL_STR("TemplateIdentifier"), t->identifier);
    pl_write_string(out, PL_STR("TemplateName"), t->name);
    if (rule)
        pl_write_string(out, PL_STR("ManagedRuleIdentifier"), *rule);
    pl_write_object_end(out);
}

/* There are templates of the type OOS only. */
static int write_templates(api_call *call, int64_t skip, int64_t take, bool dated, int64_t *total) {
    const catalogue *known = call->services->catalogue;
    pl_str rule = pl_str_trim(api_text(call, "ManagedRuleIdentifier")),
           type = pl_str_trim(api_text(call, "RemediationType"));
    *total = 0;
    pl_write_array(call->out, PL_STR("RemediationTemplates"));
    for (size_t i = 0; i < catalogue_remediation_count(known); i++) {
        const catalogue_remediation *t = catalogue_remediation_at(known, i, call->error);
        if (!t)
            return -1;
        if (!is_for(t, rule) || (type.n && !pl_str_is(type, "OOS")))
            continue;
        if (*total >= skip && *total - skip < take)
            write_template(call, t, NULL, dated);
        ++*total;
    }
    pl_write_array_end(call->out);
    return 0;
}

int config_list_remediation_templates(api_call *call) {
    int64_t page, take, skip, total;
    api_page(call, 20, &page, &take, &skip);
    if (write_templates(call, skip, take, false, &total) != 0)
        return -1;
    write_page(call, page, take, total);
    return 0;
}

int config_list_remediation_templates_2019(api_call *call) {
    int64_t total;
    return write_templates(call, 0, INT64_MAX, true, &total);
}

/* One entry for each rule that the template is made for; of all templates when none is named. */
int config_get_remediation_template(api_call *call) {
    const catalogue *known = call->services->catalogue;
    pl_str id = pl_str_trim(api_text(call, "TemplateIdentifier"));
    pl_write_array(call->out, PL_STR("RemediationTemplates"));
    for (size_t i = 0; i < catalogue_remediation_count(known); i++) {
        const catalogue_remediation *t = catalogue_remediation_at(known, i, call->error);
        if (!t)
            return -1;
        for (size_t k = 0; k < t->rules.count && (id.n == 0 || pl_str_eq(t->identifier, id)); k++)
            write_template(call, t, &t->rules.items[k], false);
    }
    pl_write_array_end(call->out);
    return 0;
}
