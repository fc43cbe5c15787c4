/* PutConfigurationItems: records configuration items; their verdicts are visible when it returns. */
#include "api/call.h"
#include "api/operations.gen.h"
#include "engine/engine.h"
#include "org/org.h"

/* Items of other accounts are for the management account to record, of its members. */
struct managing {
    const org_view *view;
    pl_str account_id;
};

static bool manages(void *context, pl_str account_id) {
    const struct managing *m = context;
    return m->view && org_manages(m->view, m->account_id, account_id);
}

/* The parameter as one JSON array; a body of {"ConfigurationItems": [...]} arrives the same way. */
static int take_items(api_call *call, pl_json *items) {
    const api_value *value = api_input(call, "ConfigurationItems");
    *items = value ? value->json : PL_JSON_NONE;
    if (pl_json_is_array(*items))
        return 0;
    return api_fail(call->operation, call->error, PL_E_Invalid_ConfigurationItems_Value);
}

int plumbline_put_configuration_items(api_call *call) {
    pl_json items;
    engine_ingested done;
    struct managing managing = {.account_id = api_account(call)};
    inventory_defaults defaults = {.account_id = api_account(call),
                                   .catalogue = call->services->catalogue,
                                   .accepts_account = manages,
                                   .context = &managing};
    if (take_items(call, &items) != 0)
        return -1;
    if (call->services->org && !(managing.view = org_view_open(call->services->org, NULL, call->error)))
        return -1;
    int status = engine_ingest(call->services->engine, &defaults, items, call->now, &done, call->error);
    if (managing.view)
        org_view_close(managing.view);
    if (status != 0)
        return -1;
    pl_write_i64(call->out, PL_STR("Accepted"), done.accepted);
    pl_write_i64(call->out, PL_STR("Changed"), done.changed);
    pl_write_i64(call->out, PL_STR("Unchanged"), done.unchanged);
    pl_write_i64(call->out, PL_STR("Removed"), done.removed);
    return 0;
}
