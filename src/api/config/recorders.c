/*
 * The configuration recorder: which resource types are monitored, of version 2020-09-07 and 2019-01-08
 * (reference/delivery.md, section 8). Changes take effect at once, so that no state lies between.
 */
#include "api/config/results.h"
#include "api/operations.gen.h"
#include "org/org.h"
#include "reports/reports.h"

#include <stdlib.h>

typedef struct recorder_task {
    api_call *call;
    config_owner owner;
    inventory_recorder recorder;
    engine_list types;
} recorder_task;

static int read_work(store_session *session, void *argument, pl_error *error) {
    recorder_task *task = argument;
    return inventory_recorder_get(session, task->call->arena, api_account(task->call), &task->recorder,
                                  error);
}

/* With every type monitored the answer lists those that the catalogue knows. */
static int write_types(recorder_task *task) {
    api_call *call = task->call;
    const catalogue *known = call->services->catalogue;
    pl_write_array(call->out, PL_STR("ResourceTypes"));
    for (size_t i = 0; !task->recorder.all_types && i < task->recorder.type_count; i++)
        pl_write_string(call->out, PL_STR("ResourceType"), task->recorder.types[i]);
    for (size_t i = 0; task->recorder.all_types && i < catalogue_type_count(known); i++) {
        const catalogue_type *type = catalogue_type_at(known, i, call->error);
        if (!type)
            return -1;
        pl_write_string(call->out, PL_STR("ResourceType"), type->name);
    }
    pl_write_array_end(call->out);
    return 0;
}

static int answer(recorder_task *task, bool dated, bool with_organization) {
    api_call *call = task->call;
    pl_write_object(call->out, PL_STR("ConfigurationRecorder"));
    if (dated)
        config_write_account(call->out, "AccountId", api_account(call));
    pl_write_string(call->out, PL_STR("ConfigurationRecorderStatus"), task->recorder.status);
    if (dated && with_organization && call->services->org) {
        const org_view *view = org_view_open(call->services->org, NULL, call->error);
        if (!view)
            return -1;
        const org_directory *directory = org_directory_of(view, api_account(call));
        pl_str master = directory ? pl_arena_copy(call->arena, directory->management_id) : PL_STR_NONE;
        org_view_close(view);
        pl_write_string(call->out, PL_STR("OrganizationEnableStatus"),
                        master.p ? PL_STR("REGISTERED") : PL_STR("REGISTRABLE"));
        if (master.p)
            config_write_account(call->out, "OrganizationMasterId", master);
    }
    if (write_types(task) != 0)
        return -1;
    pl_write_object_end(call->out);
    return 0;
}

static int show(api_call *call, bool dated) {
    recorder_task task = {.call = call};
    return config_read(call, read_work, &task) != 0 ? -1 : answer(&task, dated, true);
}

int config_get_configuration_recorder(api_call *call) {
    return show(call, false);
}

int config_describe_configuration_recorder_2019(api_call *call) {
    return show(call, true);
}

/* --- Changing
 * --------------------------------------------------------------------------------------------------- */

static int write_work(store_session *session, void *argument, pl_error *error) {
    recorder_task *task = argument;
    api_call *call = task->call;
    return engine_recorder_put(call->services->engine, session, api_account(call), &task->recorder, call->now,
                               error);
}

static int start_recorder(api_call *call, bool dated) {
    recorder_task task = {.call = call, .recorder = {.status = PL_STR("REGISTERED"), .all_types = true}};
    return config_write(call, write_work, &task) != 0 ? -1 : answer(&task, dated, true);
}

int config_start_configuration_recorder(api_call *call) {
    return start_recorder(call, false);
}

int config_start_configuration_recorder_2019(api_call *call) {
    return start_recorder(call, true);
}

/* Three parts, as in ACS::ECS::Instance (the middle one may be empty); which types there are is open. */
static bool all_are_types(const engine_list *types) {
    for (size_t i = 0; i < types->count; i++) {
        size_t first = pl_str_find(types->items[i], PL_STR("::"));
        if (first == PL_NOT_FOUND || first == 0 ||
            pl_str_find(pl_str_skip(types->items[i], first + 2), PL_STR("::")) == PL_NOT_FOUND)
            return false;
    }
    return true;
}

static int update(api_call *call, bool dated) {
    recorder_task task = {.call = call};
    if (config_types(call, "ResourceTypes", &task.types) != 0)
        return -1;
    if (task.types.count == 0 || !all_are_types(&task.types))
        return api_fail(call->operation, call->error, PL_E_Invalid_ResourceTypes_Value);
    qsort(task.types.items, task.types.count, sizeof *task.types.items, pl_str_order);
    task.recorder = (inventory_recorder){
        .status = PL_STR("REGISTERED"), .types = task.types.items, .type_count = task.types.count};
    return config_write(call, write_work, &task) != 0 ? -1 : answer(&task, dated, false);
}

int config_update_configuration_recorder(api_call *call) {
    return update(call, false);
}

int config_put_configuration_recorder_2019(api_call *call) {
    return update(call, true);
}

/* Recorded configurations, rules, packs and results go; it cannot be undone. */
static int stop_work(store_session *session, void *argument, pl_error *error) {
    recorder_task *task = argument;
    api_call *call = task->call;
    pl_str account = api_account(call);
    engine_context context = config_context(call, &task->owner);
    inventory_recorder stopped = {.status = PL_STR("REGISTRABLE")};
    if (engine_pack_remove_all(&context, session, &task->owner.group, error) != 0 ||
        engine_rule_remove_all(&context, session, &task->owner.group, error) != 0 ||
        inventory_delete_account(session, account, error) != 0 ||
        reports_delete_account(session, account, error) != 0 ||
        engine_delete_account(call->services->engine, session, account, error) != 0)
        return -1;
    return engine_recorder_put(call->services->engine, session, account, &stopped, call->now, error);
}

/* Account groups hold on to the recorders of their owner and their members. */
static int check_groups(api_call *call) {
    const org_group **owned;
    size_t owned_count = 0, member_count = 0;
    const org_view *view = call->services->org ? org_view_open(call->services->org, NULL, call->error) : NULL;
    if (!view)
        return call->services->org ? -1 : 0;
    int result = org_owned_groups(view, call->arena, api_account(call), &owned, &owned_count, call->error);
    org_groups_of(view, api_account(call), &member_count);
    org_view_close(view);
    if (result != 0)
        return -1;
    if (owned_count)
        return api_fail(call->operation, call->error, PL_E_AdminStopSLRFail);
    return member_count ? api_fail(call->operation, call->error, PL_E_MemberStopSLRFail) : 0;
}

int config_stop_configuration_recorder(api_call *call) {
    recorder_task task = {.call = call};
    if (check_groups(call) != 0)
        return -1;
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 || config_write(call, stop_work, &task) != 0)
        return -1;
    pl_write_bool(call->out, PL_STR("StopConfigurationRecorderResult"), true);
    return 0;
}
