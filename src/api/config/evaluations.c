/* PutEvaluations: functions hand in their results (reference/function-rules.md, section 6). */
#include "api/config/shared.h"
#include "api/operations.gen.h"
#include "functions/functions.h"

int config_put_evaluations(api_call *call) {
    const api_value *evaluations = api_input(call, "Evaluations");
    pl_json list = evaluations ? evaluations->json : PL_JSON_NONE;
    if (!call->services->functions)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (functions_put_evaluations(call->services->functions, api_account(call), api_text(call, "ResultToken"),
                                  list, api_flag(call, "DeleteMode", false), call->now, call->error) != 0)
        return -1;
    engine_after_commit(call->services->engine);
    pl_write_bool(call->out, PL_STR("Result"), true);
    return 0;
}

int config_put_evaluations_2019(api_call *call) {
    return config_put_evaluations(call);
}
