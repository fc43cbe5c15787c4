/* Associated transfer: resources that follow the one they belong to into its resource group. */
#include "api/directory/answers.h"
#include "engine/grouping.h"

static int apply(api_call *call, const org_grouping_change *change) {
    org_caller caller = directory_caller(call);
    return org_change_grouping(call->services->org, &caller, change, call->error);
}

int directory_enable_associated_transfer(api_call *call) {
    org_grouping_change change = {.transfer = ORG_ON};
    return apply(call, &change) || directory_take_up_associated(call) ? -1 : 0;
}

int directory_disable_associated_transfer(api_call *call) {
    org_grouping_change change = {.transfer = ORG_OFF};
    return apply(call, &change);
}

static void write_side(api_call *call, const char *kind_name, const char *service_name, const char *type) {
    pl_str service, kind;
    engine_split_type(pl_str_from(type), &service, &kind);
    api_write_text(call->out, kind_name, directory_lower(call, kind));
    api_write_text(call->out, service_name, directory_lower(call, service));
}

static pl_str status(bool on) {
    return on ? PL_STR("Enable") : PL_STR("Disable");
}

int directory_list_associated_transfer_setting(api_call *call) {
    org_caller caller = directory_caller(call);
    org_grouping switches;
    size_t count;
    const engine_association *associations = engine_associations(&count);
    if (org_read_grouping(call->services->org, &caller, &switches, call->error))
        return -1;
    if (!switches.transfer_known)
        return pl_fail(call->error, PL_E_EntityNotExists_AssociatedTransferSetting);
    pl_write_object(call->out, PL_STR("AssociatedTransferSetting"));
    api_write_text(call->out, "AccountId", api_account(call));
    api_write_text(call->out, "EnableExistingResourcesTransfer",
                   switches.transfer_existing ? PL_STR("true") : PL_STR("false"));
    pl_write_array(call->out, PL_STR("RuleSettings"));
    for (size_t i = 0; i < count; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        write_side(call, "AssociatedResourceType", "AssociatedService", associations[i].associated);
        write_side(call, "MasterResourceType", "MasterService", associations[i].master);
        api_write_text(call->out, "Status", status(!(switches.transfer_without & (1U << i))));
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    api_write_text(call->out, "Status", status(switches.transfer));
    pl_write_object_end(call->out);
    return 0;
}

static bool is_side(const char *type, pl_str service, pl_str kind) {
    pl_str own_service, own_kind;
    engine_split_type(pl_str_from(type), &own_service, &own_kind);
    return (service.n == 0 || pl_str_eq_fold(service, own_service)) &&
           (kind.n == 0 || pl_str_eq_fold(kind, own_kind));
}

/* Members that are not sent do not restrict; a setting that names no association is refused. */
static int read_setting(api_call *call, const api_value *setting, org_grouping_change *change) {
    size_t count, found = 0;
    const engine_association *associations = engine_associations(&count);
    org_switching how = pl_str_is(api_member_text(setting, "Status"), "Enable") ? ORG_ON : ORG_OFF;
    for (size_t i = 0; i < count; i++) {
        if (!is_side(associations[i].master, api_member_text(setting, "MasterService"),
                     api_member_text(setting, "MasterResourceType")) ||
            !is_side(associations[i].associated, api_member_text(setting, "AssociatedService"),
                     api_member_text(setting, "AssociatedResourceType")))
            continue;
        change->associations[i] = how;
        found++;
    }
    return found ? 0 : pl_fail(call->error, PL_E_EntityNotExists_AssociatedTransferRule);
}

int directory_update_associated_transfer_setting(api_call *call) {
    org_grouping_change change = {.transfer = ORG_SAME};
    const api_value *list = api_input(call, "RuleSettings");
    pl_str existing = api_text(call, "EnableExistingResourcesTransfer");
    for (size_t i = 0; list && i < list->count; i++)
        if (read_setting(call, &list->items[i], &change))
            return -1;
    if (existing.n)
        change.transfer_existing = pl_str_is(existing, "true") ? ORG_ON : ORG_OFF;
    return apply(call, &change) || directory_take_up_associated(call) ? -1 : 0;
}
