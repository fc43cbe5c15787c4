/*
 * Sums over an account or a group: GetComplianceSummary, GetConfigRuleSummaryByRiskLevel,
 * ListConfigRuleEvaluationStatistics, their aggregate twins, DescribeComplianceSummary of 2019.
 */
#include "api/config/results.h"
#include "api/operations.gen.h"
#include "engine/summary.h"

enum { EAST_MINUTES = 480 };

typedef struct summary_task {
    api_call *call;
    config_owner owner;
    engine_summary summary;
    engine_statistic *days;
    size_t day_count;
} summary_task;

static int summary_work(store_session *session, void *argument, pl_error *error) {
    summary_task *task = argument;
    engine_rule *rules;
    size_t count;
    if (engine_rule_list(session, task->call->arena, &task->owner.group, NULL, &rules, &count, error) != 0)
        return -1;
    engine_summary_input in = {rules, count, task->owner.accounts, task->owner.account_count};
    return engine_summarize(task->call->services->engine, session, task->call->arena, &in, &task->summary,
                            error);
}

static int begin(summary_task *task, store_work work) {
    if (config_owner_of(task->call, CONFIG_READ, &task->owner) != 0)
        return -1;
    return config_read(task->call, work, task);
}

static void write_pair(api_call *call, int64_t compliant, int64_t non_compliant) {
    pl_write_i64(call->out, PL_STR("ComplianceSummaryTimestamp"), call->now);
    pl_write_i64(call->out, PL_STR("CompliantCount"), compliant);
    pl_write_i64(call->out, PL_STR("NonCompliantCount"), non_compliant);
    pl_write_i64(call->out, PL_STR("TotalCount"), compliant + non_compliant);
}

static int summarize(api_call *call, bool with_risk) {
    summary_task task = {.call = call};
    if (begin(&task, summary_work) != 0)
        return -1;
    const engine_summary *s = &task.summary;
    pl_write_object(call->out, PL_STR("ComplianceSummary"));
    pl_write_object(call->out, PL_STR("ComplianceSummaryByConfigRule"));
    write_pair(call, s->compliant_rules, s->non_compliant_rules);
    pl_write_object_end(call->out);
    pl_write_object(call->out, PL_STR("ComplianceSummaryByResource"));
    write_pair(call, s->compliant_resources, s->non_compliant_resources);
    if (with_risk) {
        pl_write_i64(call->out, PL_STR("HighRiskRuleNonCompliantResourceCount"), s->by_risk[0]);
        pl_write_i64(call->out, PL_STR("MediumRiskRuleNonCompliantResourceCount"), s->by_risk[1]);
        pl_write_i64(call->out, PL_STR("LowRiskRuleNonCompliantResourceCount"), s->by_risk[2]);
    }
    pl_write_object_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int config_get_compliance_summary(api_call *call) {
    return summarize(call, true);
}

int config_get_aggregate_compliance_summary(api_call *call) {
    return summarize(call, true);
}

int config_describe_compliance_summary_2019(api_call *call) {
    return summarize(call, false);
}

static int by_risk(api_call *call) {
    summary_task task = {.call = call};
    if (begin(&task, summary_work) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("ConfigRuleSummaries"));
    for (int i = 0; i < 3; i++) {
        pl_write_object(call->out, PL_STR("ConfigRuleSummary"));
        pl_write_i64(call->out, PL_STR("CompliantCount"), task.summary.compliant_rules_by_risk[i]);
        pl_write_i64(call->out, PL_STR("NonCompliantCount"), task.summary.non_compliant_rules_by_risk[i]);
        pl_write_i64(call->out, PL_STR("RiskLevel"), i + 1);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

int config_get_config_rule_summary_by_risk_level(api_call *call) {
    return by_risk(call);
}

int config_get_aggregate_config_rule_summary_by_risk_level(api_call *call) {
    return by_risk(call);
}

/* The days that have ended. They are kept for the whole group, so a mere member has none. */
static int past_days(store_session *session, summary_task *task, pl_error *error) {
    pl_arena *arena = task->call->arena;
    if (task->owner.partly) {
        task->days = pl_new(arena, engine_statistic, 1);
        return task->days ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
    }
    return engine_list_statistics(session, arena, &task->owner.group, task->call->now, &task->days,
                                  &task->day_count, error);
}

/* The days that have ended, and today as it stands. */
static int days_work(store_session *session, void *argument, pl_error *error) {
    summary_task *task = argument;
    char text[PL_TIME_TEXT];
    const engine_summary *s = &task->summary;
    if (summary_work(session, task, error) != 0 || past_days(session, task, error) != 0)
        return -1;
    pl_str today = pl_arena_copy(task->call->arena, pl_time_date(task->call->now, EAST_MINUTES, text));
    if (!today.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    task->days[task->day_count++] =
        (engine_statistic){today, s->compliant_resources + s->non_compliant_resources,
                           s->non_compliant_resources, s->rules, s->non_compliant_rules};
    return 0;
}

static int list_days(api_call *call) {
    summary_task task = {.call = call};
    if (begin(&task, days_work) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("EvaluationResults"));
    for (size_t i = 0; i < task.day_count; i++) {
        const engine_statistic *day = task.days + i;
        pl_write_object(call->out, PL_STR("EvaluationResult"));
        pl_write_optional(call->out, PL_STR("AggregatorId"), task.owner.group.aggregator_id);
        pl_write_i64(call->out, PL_STR("NonCompliantResourceCnt"), day->non_compliant_resources);
        pl_write_i64(call->out, PL_STR("NonCompliantRuleCnt"), day->non_compliant_rules);
        pl_write_string(call->out, PL_STR("StatisticDate"), day->date);
        pl_write_i64(call->out, PL_STR("TotalResourceCnt"), day->resources);
        pl_write_i64(call->out, PL_STR("TotalRuleCnt"), day->rules);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

int config_list_config_rule_evaluation_statistics(api_call *call) {
    return list_days(call);
}

int config_list_aggregate_config_rule_evaluation_statistics(api_call *call) {
    return list_days(call);
}
