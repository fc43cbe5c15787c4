/* ExplainEvaluation: the condition of a rule, evaluated over a recorded resource, with actual values. */
#include "api/call.h"
#include "api/operations.gen.h"
#include "engine/rules.h"
#include "org/org.h"
#include "json/parser.h"

typedef struct explain_task {
    api_call *call;
    pl_str account_id;
    engine_rule rule;
    inventory_resource resource;
    engine_explanation explanation;
} explain_task;

/* Own rules first, then those of the groups that the account belongs to. */
static int find_rule(explain_task *task, store_session *session, pl_error *error) {
    api_call *call = task->call;
    pl_str rule_id = pl_str_trim(api_text(call, "ConfigRuleId"));
    engine_group own = {task->account_id, PL_STR_NONE};
    bool found = false;
    if (engine_rule_find(session, call->arena, &own, rule_id, &task->rule, &found, error) != 0)
        return -1;
    const org_view *view =
        found || !call->services->org ? NULL : org_view_open(call->services->org, session, error);
    size_t count = 0;
    const org_group *const *groups = view ? org_groups_of(view, task->account_id, &count) : NULL;
    int status = 0;
    for (size_t i = 0; status == 0 && !found && i < count; i++) {
        engine_group group = {groups[i]->owner_id, groups[i]->id};
        status = engine_rule_find(session, call->arena, &group, rule_id, &task->rule, &found, error);
    }
    if (view)
        org_view_close(view);
    if (status != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_ConfigRuleNotExists);
}

static int find_resource(explain_task *task, store_session *session, pl_error *error) {
    api_call *call = task->call;
    bool found;
    pl_str region = pl_str_trim(api_text(call, "Region"));
    if (inventory_find(session, call->arena, task->account_id,
                       catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType")),
                       region.n ? region : PL_STR_NONE, pl_str_trim(api_text(call, "ResourceId")),
                       &task->resource, &found, error) != 0)
        return -1;
    return found && !task->resource.deleted ? 0 : pl_fail(error, PL_E_Invalid_ResourceId_Value);
}

static int explain_work(store_session *session, void *argument, pl_error *error) {
    explain_task *task = argument;
    if (find_rule(task, session, error) != 0 || find_resource(task, session, error) != 0)
        return -1;
    return engine_explain(task->call->services->engine, session, task->call->arena, &task->rule,
                          &task->resource, task->call->now, &task->explanation, error);
}

/* The caller's account, or one of the members it manages. */
static int take_account(explain_task *task) {
    api_call *call = task->call;
    pl_str sent = pl_str_trim(api_text(call, "AccountId"));
    task->account_id = sent.n ? sent : api_account(call);
    if (pl_str_eq(task->account_id, api_account(call)))
        return 0;
    const org_view *view = call->services->org ? org_view_open(call->services->org, NULL, call->error) : NULL;
    if (call->services->org && !view)
        return -1;
    bool managed = view && org_manages(view, api_account(call), task->account_id);
    if (view)
        org_view_close(view);
    return managed ? 0 : api_fail(call->operation, call->error, PL_E_Invalid_AccountId_Value);
}

static int write_tree(api_call *call, const char *name, pl_str text) {
    pl_json tree;
    if (!text.p)
        return 0;
    if (pl_json_parse_in(call->arena, text, &tree, call->error) != 0)
        return pl_fail(call->error, PL_E_InternalError);
    pl_write_json(call->out, pl_str_from(name), tree);
    return 0;
}

int plumbline_explain_evaluation(api_call *call) {
    explain_task task = {.call = call};
    if (take_account(&task) != 0 || store_read(call->services->store, explain_work, &task, call->error) != 0)
        return -1;
    const engine_explanation *e = &task.explanation;
    pl_write_string(call->out, PL_STR("Annotation"), e->annotation);
    pl_write_string(call->out, PL_STR("ComplianceType"),
                    e->covered ? engine_compliance_name(e->compliance) : PL_STR("NOT_APPLICABLE"));
    pl_write_string(call->out, PL_STR("ConfigRuleId"), task.rule.rule_id);
    pl_write_bool(call->out, PL_STR("InScope"), e->covered);
    if (write_tree(call, "Evaluation", e->context) != 0 ||
        write_tree(call, "Precondition", e->applies_context) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("ResourceId"), task.resource.resource_id);
    pl_write_string(call->out, PL_STR("ResourceType"), task.resource.resource_type);
    return 0;
}
