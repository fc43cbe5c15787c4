/* SimulateControlPolicyChange: which calls seen lately would be decided otherwise under a control policy. */
#include "api/answer.h"
#include "api/operations.gen.h"
#include "identity/calls.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static void write_call(pl_writer *out, const identity_changed_call *changed) {
    const identity_seen_call *call = &changed->call;
    pl_write_object(out, PL_STR_NONE);
    api_write_text(out, "AccountId", call->account_id);
    api_write_text(out, "ActionName", call->action);
    pl_write_i64(out, PL_STR("Count"), call->count);
    api_write_text(out, "DecisionAfter", pl_ruling_name(changed->after));
    api_write_text(out, "DecisionBefore", pl_ruling_name(changed->before));
    api_write_time(out, "FirstSeen", call->first_seen);
    api_write_time(out, "LastSeen", call->last_seen);
    api_write_text(out, "PrincipalArn", call->principal_arn);
    api_write_text(out, "ResourceArn", call->resource);
    api_write_text(out, "SourceIp", call->source_ip);
    pl_write_object_end(out);
}

int plumbline_simulate_control_policy_change(api_call *call) {
    identity_impact impact;
    int64_t since = call->now - api_number(call, "Days", 30) * DAY_MS;
    if (identity_control_impact(call->services->identity, call->arena, api_account(call),
                                api_text(call, "TargetId"), api_text(call, "PolicyDocument"), since,
                                call->now, &impact, call->error) != 0)
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
