/* SimulateControlPolicyChange: which calls seen lately would be decided otherwise if a control
 * policy were attached or detached.
 */
#include "api/answer.h"
#include "api/operations.gen.h"
#include "api/resource_tags.h"
#include "identity/calls.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static void write_call(pl_writer *out, const identity_changed_call *changed) {
    const identity_seen_call *call = &changed->call;
    pl_write_object(out, PL_STR_NONE);
    api_write_text(out, "AccountId", call->account_id);
    api_write_text(out, "ActionName", call->action);
    pl_write_optional(out, PL_STR("Conditions"), call->conditions.n ? call->conditions : PL_STR_NONE);
    pl_write_i64(out, PL_STR("Count"), call->count);
    api_write_text(out, "DecisionAfter", pl_ruling_name(changed->after));
    api_write_text(out, "DecisionBefore", pl_ruling_name(changed->before));
    api_write_time(out, "FirstSeen", call->first_seen);
    api_write_time(out, "LastSeen", call->last_seen);
    pl_write_bool(out, PL_STR("MFAPresent"), call->mfa);
    api_write_text(out, "PrincipalArn", call->principal_arn);
    api_write_text(out, "ResourceArn", call->resource);
    pl_write_bool(out, PL_STR("SecureTransport"), call->secure);
    pl_write_optional(out, PL_STR("SessionPolicy"),
                      call->session_policy.n ? call->session_policy : PL_STR_NONE);
    api_write_text(out, "SourceIp", call->source_ip);
    pl_write_object_end(out);
}

static int tags_of(void *context, pl_arena *arena, pl_str account_id, pl_str resource,
                   const identity_fact **tags, size_t *count, pl_error *error) {
    return api_resource_tags(context, arena, account_id, resource, tags, count, error);
}

/* One of PolicyId and PolicyDocument; what is detached must have an id. */
static int read_change(api_call *call, identity_control_change *change) {
    *change = (identity_control_change){.target_id = api_text(call, "TargetId"),
                                        .policy_id = api_text(call, "PolicyId"),
                                        .document = api_text(call, "PolicyDocument"),
                                        .detach = pl_str_is(api_text(call, "Change"), "Detach"),
                                        .tags_of = tags_of,
                                        .tags_context = call->services};
    if (change->policy_id.n == 0 && change->document.n == 0)
        return api_refuse_missing(call, change->detach ? "PolicyId" : "PolicyDocument");
    if (change->document.n && (change->policy_id.n || change->detach))
        return api_refuse_invalid(call, "PolicyDocument");
    return 0;
}

int plumbline_simulate_control_policy_change(api_call *call) {
    identity_impact impact;
    identity_control_change change;
    int64_t since = call->now - api_number(call, "Days", 30) * DAY_MS;
    if (read_change(call, &change) != 0 ||
        identity_control_impact(call->services->identity, call->arena, api_account(call), &change, since,
                                &impact, call->error) != 0)
        return -1;
    pl_write_i64(call->out, PL_STR("Accounts"), impact.accounts);
    pl_write_array(call->out, PL_STR("Calls"));
    for (size_t i = 0; i < impact.count; i++)
        write_call(call->out, &impact.items[i]);
    pl_write_array_end(call->out);
    pl_write_i64(call->out, PL_STR("Changed"), impact.changed);
    pl_write_i64(call->out, PL_STR("Evaluated"), impact.decided);
    pl_write_bool(call->out, PL_STR("Truncated"), impact.truncated || impact.changed > (int64_t)impact.count);
    return 0;
}
