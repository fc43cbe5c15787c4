/* The shared parts of the handlers of results and resources. */
#include "api/config/results.h"

#include "org/org.h"

static pl_str named_account(api_call *call) {
    static const char *const names[] = {"ResourceAccountId", "ResourceOwnerId", "MemberId"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pl_str id = pl_str_trim(api_text(call, names[i]));
        if (id.n)
            return id;
    }
    return PL_STR_NONE;
}

/* Operations on resources document a code of their own for an account outside of the group. */
static int not_a_member(api_call *call) {
    for (size_t i = 0; i < call->operation->error_count; i++)
        if (call->operation->errors[i].code == PL_E_MemberNotBelongToMaster)
            return api_fail(call->operation, call->error, PL_E_MemberNotBelongToMaster);
    return api_fail(call->operation, call->error, PL_E_Invalid_ResourceOwnerId_Value);
}

int config_accounts_of(api_call *call, const config_owner *owner, config_accounts *out) {
    pl_str id = named_account(call);
    *out = (config_accounts){owner->accounts, owner->account_count};
    if (!id.p)
        return 0;
    for (size_t i = 0; i < owner->account_count; i++)
        if (pl_str_eq(owner->accounts[i], id)) {
            *out = (config_accounts){owner->accounts + i, 1};
            return 0;
        }
    return not_a_member(call);
}

static int one_rule(api_call *call, store_session *session, const config_owner *owner, pl_str rule_id,
                    engine_rule **rules, size_t *count, pl_error *error) {
    bool found;
    *count = 1;
    *rules = pl_new(call->arena, engine_rule, 1);
    if (!*rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (engine_rule_find(session, call->arena, &owner->group, rule_id, *rules, &found, error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_ConfigRuleNotExists);
}

int config_named_rules(api_call *call, store_session *session, const config_owner *owner, pl_str rule_id,
                       pl_str pack_id, engine_rule **rules, size_t *count, pl_error *error) {
    engine_pack pack;
    bool found;
    if (pack_id.n) {
        if (engine_pack_find(session, call->arena, &owner->group, pack_id, &pack, &found, error) != 0)
            return -1;
        if (!found)
            return pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
    }
    if (rule_id.n) {
        if (one_rule(call, session, owner, rule_id, rules, count, error) != 0)
            return -1;
        if (pack_id.n && !engine_list_has(&(*rules)->pack_ids, pack_id))
            *count = 0;
        return 0;
    }
    return pack_id.n ? engine_pack_rules(session, call->arena, &pack, rules, count, error)
                     : engine_rule_list(session, call->arena, &owner->group, NULL, rules, count, error);
}

static void write_qualifier(api_call *call, const engine_result *r) {
    pl_writer *out = call->out;
    const engine_rule *rule = r->rule;
    pl_write_object(out, PL_STR("EvaluationResultQualifier"));
    if (rule->pack_ids.count)
        pl_write_string(out, PL_STR("CompliancePackId"), config_shown_pack(call, rule));
    pl_write_string(out, PL_STR("ConfigRuleArn"),
                    pl_arena_printf(call->arena, "acs:config::%.*s:rule/%.*s", PL_FMT(rule->account_id),
                                    PL_FMT(rule->rule_id)));
    pl_write_string(out, PL_STR("ConfigRuleId"), rule->rule_id);
    pl_write_string(out, PL_STR("ConfigRuleName"), rule->name);
    if (r->ignore_date.n)
        pl_write_string(out, PL_STR("IgnoreDate"), r->ignore_date);
    pl_write_string(out, PL_STR("RegionId"), r->resource.region_id);
    /* The results of rules name the group, those of resources do not. */
    bool of_rules = pl_str_ends(call->operation->name, PL_STR("ConfigRuleEvaluationResults"));
    if (of_rules && r->resource.group_id.n)
        pl_write_string(out, PL_STR("ResourceGroupId"), r->resource.group_id);
    pl_write_string(out, PL_STR("ResourceId"), r->resource.resource_id);
    pl_write_string(out, PL_STR("ResourceName"), r->resource.name);
    config_write_account(out, "ResourceOwnerId", r->resource.account_id);
    pl_write_string(out, PL_STR("ResourceType"), r->resource.resource_type);
    pl_write_object_end(out);
}

void config_write_result(api_call *call, const engine_result *r, bool remediated) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("EvaluationResult"));
    pl_write_string(out, PL_STR("Annotation"), r->annotation);
    pl_write_string(out, PL_STR("ComplianceType"), engine_compliance_name(r->compliance));
    pl_write_i64(out, PL_STR("ConfigRuleInvokedTimestamp"), r->invoked);
    pl_write_string(out, PL_STR("EvaluationId"), pl_str_from(r->evaluation_id));
    pl_write_object(out, PL_STR("EvaluationResultIdentifier"));
    write_qualifier(call, r);
    pl_write_i64(out, PL_STR("OrderingTimestamp"), r->ordering);
    pl_write_object_end(out);
    pl_write_string(out, PL_STR("InvokingEventMessageType"), r->trigger);
    if (r->last_fixed)
        pl_write_i64(out, PL_STR("LastCompliantFixedTimestamp"), r->last_fixed);
    if (r->last_non_compliant)
        pl_write_i64(out, PL_STR("LastNonCompliantRecordTimestamp"), r->last_non_compliant);
    pl_write_bool(out, PL_STR("RemediationEnabled"), remediated);
    pl_write_i64(out, PL_STR("ResultRecordedTimestamp"), r->recorded);
    pl_write_i64(out, PL_STR("RiskLevel"), r->rule->risk_level);
    pl_write_object_end(out);
}

void config_write_compliances(pl_writer *out, const engine_counts *counts, const engine_compliance *only) {
    pl_write_array(out, PL_STR("Compliances"));
    for (unsigned i = 0; i < ENGINE_COMPLIANCE_COUNT; i++) {
        if (counts->by[i] == 0 || (only && *only != i))
            continue;
        pl_write_object(out, PL_STR("Compliance"));
        pl_write_string(out, PL_STR("ComplianceType"), engine_compliance_name((engine_compliance)i));
        pl_write_i64(out, PL_STR("Count"), counts->by[i]);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

int config_types(api_call *call, const char *name, engine_list *out) {
    if (config_list(call, name, out) != 0)
        return -1;
    for (size_t i = 0; i < out->count; i++)
        out->items[i] = catalogue_type_name(call->services->catalogue, out->items[i]);
    return 0;
}

bool config_compliance(api_call *call, engine_compliance *out) {
    return engine_compliance_find(api_text(call, "ComplianceType"), out);
}

pl_str config_account_name(api_call *call, pl_str account_id) {
    pl_error ignored = {0};
    pl_str name = PL_STR("");
    const org_view *view = call->services->org ? org_view_open(call->services->org, NULL, &ignored) : NULL;
    if (!view)
        return name;
    const org_node *node = org_find_node(view, account_id);
    const org_directory *directory = node ? NULL : org_managed_directory(view, account_id);
    if (node || directory)
        name = pl_arena_copy(call->arena, node ? node->name : directory->management_name);
    org_view_close(view);
    return pl_str_or_empty(name);
}

int config_in_folder(api_call *call, pl_str account_id, pl_str folder_id, bool *inside) {
    *inside = false;
    if (!call->services->org)
        return 0;
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    *inside = org_in_folder(view, account_id, folder_id);
    org_view_close(view);
    return 0;
}
