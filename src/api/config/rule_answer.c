/* Writing rules into answers. */
#include "api/config/rule_answer.h"

#include "json/parser.h"

static int view_pack(api_call *call, store_session *session, const config_owner *owner,
                     config_rule_view *view, pl_error *error) {
    view->pack_id = view->pack_name = PL_STR("");
    if (view->rule.pack_ids.count == 0)
        return 0;
    engine_pack pack;
    bool found = false;
    pl_str id = config_shown_pack(call, &view->rule);
    if (engine_pack_find(session, call->arena, &owner->group, id, &pack, &found, error) != 0)
        return -1;
    if (found) {
        view->pack_id = pack.pack_id;
        view->pack_name = pack.name;
    }
    return 0;
}

int config_view_rules(api_call *call, store_session *session, const config_owner *owner,
                      config_rule_view *views, size_t count, pl_error *error) {
    for (size_t i = 0; i < count; i++) {
        engine_counts counts;
        if (engine_count_rule(call->services->engine, session, &views[i].rule, owner->accounts,
                              owner->account_count, &counts, error) != 0 ||
            engine_is_evaluating(session, &views[i].rule, &views[i].evaluating, error) != 0 ||
            view_pack(call, session, owner, &views[i], error) != 0)
            return -1;
        views[i].compliance = engine_aggregate(&counts, &views[i].compliance_count);
    }
    return 0;
}

pl_str config_rule_state(const config_rule_view *view) {
    bool evaluating = view->evaluating && view->rule.state == ENGINE_ACTIVE;
    return engine_rule_state_name(evaluating ? ENGINE_EVALUATING : view->rule.state);
}

void config_write_rule_arn(api_call *call, const engine_rule *rule) {
    pl_write_string(call->out, PL_STR("ConfigRuleArn"),
                    pl_arena_printf(call->arena, "acs:config::%.*s:rule/%.*s", PL_FMT(rule->account_id),
                                    PL_FMT(rule->rule_id)));
}

/* {"ComplianceType", "Count"} */
static void write_compliance(api_call *call, const config_rule_view *view) {
    pl_write_object(call->out, PL_STR("Compliance"));
    pl_write_string(call->out, PL_STR("ComplianceType"), engine_compliance_name(view->compliance));
    pl_write_i64(call->out, PL_STR("Count"), view->compliance_count);
    pl_write_object_end(call->out);
}

static void write_time(pl_writer *out, const char *name, int64_t time) {
    if (time)
        pl_write_i64(out, pl_str_from(name), time);
}

void config_write_rule_status(api_call *call, const engine_rule *rule) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("ConfigRuleEvaluationStatus"));
    write_time(out, "FirstActivatedTimestamp", rule->first_activated);
    pl_write_bool(out, PL_STR("FirstEvaluationStarted"), rule->first_evaluation_started != 0);
    write_time(out, "LastSuccessfulInvocationTimestamp", rule->last_success_started);
    write_time(out, "LastSuccessfulEvaluationTimestamp", rule->last_success_ended);
    write_time(out, "LastFailedInvocationTimestamp", rule->last_failure_started);
    write_time(out, "LastFailedEvaluationTimestamp", rule->last_failure_ended);
    pl_write_optional(out, PL_STR("LastErrorCode"), rule->last_error_code);
    pl_write_optional(out, PL_STR("LastErrorMessage"), rule->last_error_message);
    pl_write_object_end(out);
}

void config_write_rule_parameters(api_call *call, const engine_rule *rule) {
    pl_json root;
    if (config_read_stored(call, "rule parameters", rule->input_parameters, &root)) {
        pl_write_json(call->out, PL_STR("InputParameters"), root);
        return;
    }
    pl_write_object(call->out, PL_STR("InputParameters"));
    pl_write_object_end(call->out);
}

void config_write_rule_source(api_call *call, const engine_rule *rule) {
    pl_write_object(call->out, PL_STR("Source"));
    pl_write_string(call->out, PL_STR("Owner"), engine_rule_owner_name(rule->owner));
    pl_write_string(call->out, PL_STR("Identifier"), rule->identifier);
    pl_write_optional(call->out, PL_STR("Conditions"), rule->conditions);
    config_write_source_details(call->out, rule->triggers, rule->frequency, true);
    pl_write_object_end(call->out);
}

void config_write_managed(api_call *call, const engine_rule *rule) {
    pl_writer *out = call->out;
    const catalogue_rule *managed =
        rule->owner == ENGINE_MANAGED ? config_managed_rule(call, rule->identifier) : NULL;
    if (!managed)
        return;
    pl_write_object(out, PL_STR("ManagedRule"));
    pl_write_string(out, PL_STR("Identifier"), managed->identifier);
    pl_write_string(out, PL_STR("ManagedRuleName"), managed->name);
    pl_write_string(out, PL_STR("Description"), managed->description);
    pl_write_array(out, PL_STR("Labels"));
    for (size_t i = 0; i < managed->labels.count; i++)
        pl_write_string(out, PL_STR_NONE, managed->labels.items[i]);
    pl_write_array_end(out);
    config_write_parameters(out, "CompulsoryInputParameterDetails", managed, true);
    config_write_parameters(out, "OptionalInputParameterDetails", managed, false);
    config_write_source_details(out, managed->triggers, managed->frequency, true);
    pl_write_object_end(out);
}

static void write_creator(api_call *call, const config_owner *owner, const config_rule_view *view) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("CreateBy"));
    pl_write_string(out, PL_STR("CompliancePackId"), view->pack_id);
    pl_write_string(out, PL_STR("CompliancePackName"), view->pack_name);
    pl_write_optional(out, PL_STR("CreatorId"), view->rule.creator_id);
    pl_write_optional(out, PL_STR("CreatorName"), view->rule.creator_name);
    if (owner->group.aggregator_id.p) {
        pl_write_string(out, PL_STR("AggregatorId"), owner->group.aggregator_id);
        pl_write_string(out, PL_STR("AggregatorName"), owner->aggregator_name);
        pl_write_optional(out, PL_STR("CreatorType"), view->rule.creator_type);
    }
    pl_write_object_end(out);
}

static void write_rule_scope(api_call *call, const engine_rule *rule) {
    pl_writer *out = call->out;
    const engine_scope *scope = &rule->scope;
    pl_write_object(out, PL_STR("Scope"));
    pl_write_array(out, PL_STR("ComplianceResourceTypes"));
    for (size_t i = 0; i < scope->resource_types.count; i++)
        pl_write_string(out, PL_STR_NONE, scope->resource_types.items[i]);
    pl_write_array_end(out);
    pl_write_object_end(out);
    pl_write_string(out, PL_STR("ResourceTypesScope"), scope->resource_types.text);
    config_write_list(out, "ResourceNameScope", &scope->resource_names);
    config_write_list(out, "AccountIdsScope", &scope->account_ids);
    config_write_list(out, "ExcludeAccountIdsScope", &scope->exclude_account_ids);
    config_write_list(out, "FolderIdsScope", &scope->folder_ids);
    config_write_list(out, "ExcludeFolderIdsScope", &scope->exclude_folder_ids);
    if (scope->tags.count == 0) /* only as it was given: clients compare it with what they wrote */
        pl_write_optional(out, PL_STR("TagKeyLogicScope"), engine_scope_logic(scope));
    config_write_scope(out, scope);
}

static void write_names(api_call *call, const config_rule_view *view) {
    const engine_rule *rule = &view->rule;
    config_write_account(call->out, "AccountId", rule->account_id);
    pl_write_string(call->out, PL_STR("ConfigRuleId"), rule->rule_id);
    config_write_rule_arn(call, rule);
    pl_write_string(call->out, PL_STR("ConfigRuleName"), rule->name);
    pl_write_string(call->out, PL_STR("Description"), rule->description);
    pl_write_i64(call->out, PL_STR("RiskLevel"), rule->risk_level);
    pl_write_string(call->out, PL_STR("ConfigRuleState"), config_rule_state(view));
    write_compliance(call, view);
}

void config_write_rule(api_call *call, const config_owner *owner, const config_rule_view *view) {
    pl_writer *out = call->out;
    const engine_rule *rule = &view->rule;
    pl_write_object(out, PL_STR("ConfigRule"));
    write_names(call, view);
    pl_write_string(out, PL_STR("ConfigRuleTriggerTypes"), engine_triggers_name(rule->triggers));
    if (rule->triggers & ENGINE_TRIGGER_SCHEDULE)
        pl_write_string(out, PL_STR("MaximumExecutionFrequency"), rule->frequency);
    pl_write_optional(out, PL_STR("ExtendContent"), rule->extend_content);
    pl_write_i64(out, PL_STR("CreateTimestamp"), rule->created);
    pl_write_i64(out, PL_STR("ModifiedTimestamp"), rule->modified);
    config_write_rule_parameters(call, rule);
    config_write_rule_source(call, rule);
    config_write_managed(call, rule);
    config_write_rule_status(call, rule);
    write_creator(call, owner, view);
    write_rule_scope(call, rule);
    config_write_tags(call, "Tags", rule->tags, "TagKey", "TagValue");
    pl_write_object_end(out);
}

void config_write_rule_line(api_call *call, const config_owner *owner, const config_rule_view *view) {
    pl_writer *out = call->out;
    const engine_rule *rule = &view->rule;
    char date[PL_TIME_TEXT];
    pl_write_object(out, PL_STR_NONE);
    write_names(call, view);
    pl_write_string(out, PL_STR("SourceOwner"), engine_rule_owner_name(rule->owner));
    pl_write_string(out, PL_STR("SourceIdentifier"), rule->identifier);
    pl_write_string(out, PL_STR("ResourceTypesScope"), rule->scope.resource_types.text);
    pl_write_string(out, PL_STR("CreateDate"), pl_time_iso(rule->created, date));
    pl_write_string(out, PL_STR("AutomationType"), PL_STR(""));
    pl_write_string(out, PL_STR("CompliancePackId"), view->pack_id);
    write_creator(call, owner, view);
    config_write_tags(call, "Tags", rule->tags, "Key", "Value");
    pl_write_object_end(out);
}
