/*
 * Counts of results: of a rule, of a pack by rules, resources and accounts, by region and by resource type;
 * their aggregate twins, and DescribeCompliance of 2019 (reference/evaluation-semantics.md, sections 9, 10).
 */
#include "api/config/results.h"
#include "api/operations.gen.h"
#include "engine/summary.h"

typedef struct count_task {
    api_call *call;
    config_owner owner;
    config_accounts accounts;
    pl_str rule_id, pack_id;
    engine_list rule_ids;
    engine_rule *rules;
    size_t rule_count;
    engine_counts *counts; /* one a rule, then of all of them */
    engine_counts total;
    engine_summary summary;
    engine_compliance *classes; /* of members, in the order of the accounts */
    engine_grouping grouping;
    engine_group_counts *groups;
    size_t group_count;
} count_task;

static void add_counts(engine_counts *sum, const engine_counts *more) {
    for (size_t i = 0; i < ENGINE_COMPLIANCE_COUNT; i++)
        sum->by[i] += more->by[i];
    sum->total += more->total;
}

static int count_rules(count_task *task, store_session *session, pl_error *error) {
    task->counts = pl_new(task->call->arena, engine_counts, task->rule_count + 1);
    task->total = (engine_counts){0};
    if (!task->counts)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < task->rule_count; i++) {
        if (engine_count_rule(task->call->services->engine, session, task->rules + i, task->accounts.items,
                              task->accounts.count, task->counts + i, error) != 0)
            return -1;
        add_counts(&task->total, task->counts + i);
    }
    return 0;
}

static int find_rules(count_task *task, store_session *session, pl_error *error) {
    return config_named_rules(task->call, session, &task->owner, task->rule_id, task->pack_id, &task->rules,
                              &task->rule_count, error);
}

static int begin(count_task *task) {
    task->rule_id = pl_str_trim(api_text(task->call, "ConfigRuleId"));
    task->pack_id = pl_str_trim(api_text(task->call, "CompliancePackId"));
    if (config_owner_of(task->call, CONFIG_READ, &task->owner) != 0)
        return -1;
    return config_accounts_of(task->call, &task->owner, &task->accounts);
}

/* --- One rule
 * ----------------------------------------------------------------------------------------------- */

static int rule_work(store_session *session, void *argument, pl_error *error) {
    count_task *task = argument;
    return find_rules(task, session, error) != 0 ? -1 : count_rules(task, session, error);
}

/* With ComplianceType only the counts of that one. */
static void write_compliance_result(api_call *call, const engine_counts *total) {
    engine_compliance only;
    bool restricted = config_compliance(call, &only);
    pl_write_object(call->out, PL_STR("ComplianceResult"));
    config_write_compliances(call->out, total, restricted ? &only : NULL);
    pl_write_i64(call->out, PL_STR("TotalCount"), restricted ? total->by[only] : total->total);
    pl_write_object_end(call->out);
}

static int count_rule(api_call *call) {
    count_task task = {.call = call};
    if (begin(&task) != 0 || config_read(call, rule_work, &task) != 0)
        return -1;
    write_compliance_result(call, &task.total);
    return 0;
}

int config_get_resource_compliance_by_config_rule(api_call *call) {
    return count_rule(call);
}

int config_get_aggregate_resource_compliance_by_config_rule(api_call *call) {
    return count_rule(call);
}

/* --- Packs
 * -------------------------------------------------------------------------------------------------- */

static int active_rules(count_task *task, store_session *session, pl_error *error) {
    size_t kept = 0;
    if (find_rules(task, session, error) != 0)
        return -1;
    for (size_t i = 0; i < task->rule_count; i++)
        if (task->rules[i].state == ENGINE_ACTIVE)
            task->rules[kept++] = task->rules[i];
    task->rule_count = kept;
    return 0;
}

static int pack_rules_work(store_session *session, void *argument, pl_error *error) {
    count_task *task = argument;
    return active_rules(task, session, error) != 0 ? -1 : count_rules(task, session, error);
}

static void write_pack_counts(pl_writer *out, const int64_t by[ENGINE_COMPLIANCE_COUNT], int64_t total) {
    pl_write_i64(out, PL_STR("CompliantCount"), by[ENGINE_COMPLIANT]);
    pl_write_i64(out, PL_STR("IgnoredCount"), by[ENGINE_IGNORED]);
    pl_write_i64(out, PL_STR("InsufficientDataCount"), by[ENGINE_INSUFFICIENT_DATA]);
    pl_write_i64(out, PL_STR("NonCompliantCount"), by[ENGINE_NON_COMPLIANT]);
    pl_write_i64(out, PL_STR("NotApplicableCount"), by[ENGINE_NOT_APPLICABLE]);
    pl_write_i64(out, PL_STR("TotalCount"), total);
}

static int count_pack_rules(api_call *call) {
    count_task task = {.call = call};
    int64_t by[ENGINE_COMPLIANCE_COUNT] = {0};
    if (begin(&task) != 0 || config_read(call, pack_rules_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("ConfigRuleComplianceResult"));
    pl_write_string(call->out, PL_STR("CompliancePackId"), task.pack_id);
    pl_write_array(call->out, PL_STR("ConfigRuleCompliances"));
    for (size_t i = 0; i < task.rule_count; i++) {
        int64_t size;
        engine_compliance class = engine_aggregate(task.counts + i, &size);
        by[class]++;
        pl_write_object(call->out, PL_STR("ConfigRuleCompliance"));
        pl_write_string(call->out, PL_STR("ComplianceType"), engine_compliance_name(class));
        pl_write_string(call->out, PL_STR("ConfigRuleId"), task.rules[i].rule_id);
        pl_write_string(call->out, PL_STR("ConfigRuleName"), task.rules[i].name);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    write_pack_counts(call->out, by, (int64_t)task.rule_count);
    pl_write_object_end(call->out);
    return 0;
}

static int pack_resources_work(store_session *session, void *argument, pl_error *error) {
    count_task *task = argument;
    if (active_rules(task, session, error) != 0 || count_rules(task, session, error) != 0)
        return -1;
    engine_summary_input in = {task->rules, task->rule_count, task->accounts.items, task->accounts.count};
    return engine_summarize(task->call->services->engine, session, task->call->arena, &in, &task->summary,
                            error);
}

static int count_pack_resources(api_call *call) {
    count_task task = {.call = call};
    if (begin(&task) != 0 || config_read(call, pack_resources_work, &task) != 0)
        return -1;
    task.total.by[ENGINE_NON_COMPLIANT] = task.summary.non_compliant_resources;
    pl_write_object(call->out, PL_STR("ResourceComplianceResult"));
    pl_write_string(call->out, PL_STR("CompliancePackId"), task.pack_id);
    write_pack_counts(call->out, task.total.by, task.summary.covered_resources);
    pl_write_object_end(call->out);
    return 0;
}

int config_get_config_rule_compliance_by_pack(api_call *call) {
    return count_pack_rules(call);
}

int config_get_aggregate_config_rule_compliance_by_pack(api_call *call) {
    return count_pack_rules(call);
}

int config_get_resource_compliance_by_pack(api_call *call) {
    return count_pack_resources(call);
}

int config_get_aggregate_resource_compliance_by_pack(api_call *call) {
    return count_pack_resources(call);
}

/* The class of each member: its results under all rules of the pack together. */
static int pack_accounts_work(store_session *session, void *argument, pl_error *error) {
    count_task *task = argument;
    config_accounts all = task->accounts;
    task->classes = pl_new(task->call->arena, engine_compliance, all.count + 1);
    if (!task->classes)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (active_rules(task, session, error) != 0)
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        int64_t size;
        task->accounts = (config_accounts){all.items + i, 1};
        int status = count_rules(task, session, error);
        task->accounts = all;
        if (status != 0)
            return -1;
        task->classes[i] = engine_aggregate(&task->total, &size);
    }
    return 0;
}

int config_get_aggregate_account_compliance_by_pack(api_call *call) {
    count_task task = {.call = call};
    int64_t non_compliant = 0;
    if (begin(&task) != 0 || config_read(call, pack_accounts_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("AccountComplianceResult"));
    pl_write_array(call->out, PL_STR("AccountCompliances"));
    for (size_t i = 0; i < task.accounts.count; i++) {
        non_compliant += task.classes[i] == ENGINE_NON_COMPLIANT;
        pl_write_object(call->out, PL_STR("AccountCompliance"));
        config_write_account(call->out, "AccountId", task.accounts.items[i]);
        pl_write_string(call->out, PL_STR("AccountName"), config_account_name(call, task.accounts.items[i]));
        pl_write_string(call->out, PL_STR("ComplianceType"), engine_compliance_name(task.classes[i]));
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_write_string(call->out, PL_STR("CompliancePackId"), task.pack_id);
    pl_write_i64(call->out, PL_STR("NonCompliantCount"), non_compliant);
    pl_write_i64(call->out, PL_STR("TotalCount"), (int64_t)task.accounts.count);
    pl_write_object_end(call->out);
    return 0;
}

/* --- By region and type
 * --------------------------------------------------------------------------------------- */

static int grouped_work(store_session *session, void *argument, pl_error *error) {
    count_task *task = argument;
    engine_rule *rules = pl_new(task->call->arena, engine_rule, task->rule_ids.count + 1);
    if (!rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < task->rule_ids.count; i++) {
        if (config_named_rules(task->call, session, &task->owner, task->rule_ids.items[i], PL_STR_NONE,
                               &task->rules, &task->rule_count, error) != 0)
            return -1;
        rules[i] = task->rules[0];
    }
    engine_summary_input in = {rules, task->rule_ids.count, task->accounts.items, task->accounts.count};
    return engine_count_grouped(task->call->services->engine, session, task->call->arena, &in, task->grouping,
                                &task->groups, &task->group_count, error);
}

static int count_grouped(api_call *call, engine_grouping grouping) {
    count_task task = {.call = call, .grouping = grouping};
    if (begin(&task) != 0 || config_list(call, "ConfigRuleIds", &task.rule_ids) != 0 ||
        config_read(call, grouped_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("ComplianceResult"));
    pl_write_array(call->out, PL_STR("ComplianceResultList"));
    for (size_t i = 0; i < task.group_count; i++) {
        pl_write_object(call->out, PL_STR("ComplianceResult"));
        config_write_compliances(call->out, &task.groups[i].counts, NULL);
        pl_write_string(call->out, grouping == ENGINE_BY_REGION ? PL_STR("RegionId") : PL_STR("ResourceType"),
                        task.groups[i].name);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int config_get_resource_compliance_group_by_region(api_call *call) {
    return count_grouped(call, ENGINE_BY_REGION);
}

int config_get_aggregate_resource_compliance_group_by_region(api_call *call) {
    return count_grouped(call, ENGINE_BY_REGION);
}

int config_get_resource_compliance_group_by_resource_type(api_call *call) {
    return count_grouped(call, ENGINE_BY_TYPE);
}

int config_get_aggregate_resource_compliance_group_by_resource_type(api_call *call) {
    return count_grouped(call, ENGINE_BY_TYPE);
}

/* --- 2019-01-08
 * ----------------------------------------------------------------------------------------------- */

/* Results of one resource when it is named, else of the rule. */
static int resource_work(store_session *session, void *argument, pl_error *error) {
    count_task *task = argument;
    api_call *call = task->call;
    pl_str next = PL_STR_NONE;
    if (find_rules(task, session, error) != 0)
        return -1;
    const engine_rule **rules = pl_new(call->arena, const engine_rule *, task->rule_count + 1);
    if (!rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < task->rule_count; i++)
        rules[i] = task->rules + i;
    engine_result_filter filter = {
        .rules = rules,
        .rule_count = task->rule_count,
        .accounts = task->accounts.items,
        .account_count = task->accounts.count,
        .resource_id = pl_str_trim(api_text(call, "ResourceId")),
        .resource_type = catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType")),
    };
    task->total = (engine_counts){0};
    do {
        engine_result *results;
        size_t count;
        if (engine_list_results(call->services->engine, session, call->arena, &filter, next, 1000, &results,
                                &count, &next, error) != 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            task->total.by[results[i].compliance]++;
        task->total.total += (int64_t)count;
    } while (next.p);
    return 0;
}

int config_describe_compliance_2019(api_call *call) {
    count_task task = {.call = call};
    bool one = pl_str_trim(api_text(call, "ResourceId")).n != 0;
    if (begin(&task) != 0 || config_read(call, one ? resource_work : rule_work, &task) != 0)
        return -1;
    write_compliance_result(call, &task.total);
    return 0;
}
