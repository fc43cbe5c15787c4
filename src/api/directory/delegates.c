/* Delegated administrators and trusted services. */
#include "api/directory/answers.h"

int directory_register_delegated_administrator(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_register_delegate(call->services->org, &caller, api_text(call, "AccountId"),
                                 api_text(call, "ServicePrincipal"), call->error);
}

int directory_deregister_delegated_administrator(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_deregister_delegate(call->services->org, &caller, api_text(call, "AccountId"),
                                   api_text(call, "ServicePrincipal"), call->error);
}

/* DelegationEnabledTime is a text of epoch milliseconds. */
static void write_since(api_call *call, const org_delegation *delegation) {
    api_write_text(call->out, "DelegationEnabledTime",
                   pl_arena_printf(call->arena, "%lld", (long long)delegation->since));
}

static void write_delegate(api_call *call, const org_delegation *delegation) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Account"));
    api_write_text(out, "AccountId", delegation->account->node.id);
    write_since(call, delegation);
    api_write_text(out, "DisplayName", delegation->account->node.name);
    api_write_text(out, "JoinMethod", delegation->account->join_method);
    api_write_text(out, "ServicePrincipal", delegation->service);
    pl_write_object_end(out);
}

static int answer_delegates(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    pl_str service = api_text(call, "ServicePrincipal");
    directory_page page = directory_page_of(call);
    pl_write_object(call->out, PL_STR("Accounts"));
    pl_write_array(call->out, PL_STR("Account"));
    for (size_t i = 0; i < directory->delegation_count; i++) {
        const org_delegation *delegation = &directory->delegations[i];
        if ((service.n == 0 || pl_str_eq(delegation->service, service)) && directory_page_take(&page))
            write_delegate(call, delegation);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_delegated_administrators(api_call *call) {
    return directory_read(call, answer_delegates);
}

static int answer_services(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    pl_writer *out = call->out;
    pl_str account_id = api_text(call, "AccountId");
    pl_write_object(out, PL_STR("DelegatedServices"));
    pl_write_array(out, PL_STR("DelegatedService"));
    for (size_t i = 0; i < directory->delegation_count; i++) {
        const org_delegation *delegation = &directory->delegations[i];
        if (!pl_str_eq(delegation->account->node.id, account_id))
            continue;
        pl_write_object(out, PL_STR("DelegatedService"));
        write_since(call, delegation);
        api_write_text(out, "ServicePrincipal", delegation->service);
        api_write_text(out, "Status", PL_STR("ENABLED"));
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
    pl_write_object_end(out);
    return 0;
}

int directory_list_delegated_services_for_account(api_call *call) {
    return directory_read(call, answer_services);
}

/*
 * Cloud Config is trusted from the start; other services once they have a delegated administrator. The
 * management account answers for all of them, a delegated administrator for its own.
 */
typedef struct trusted {
    pl_str service;
    int64_t since;
} trusted;

static size_t collect_trusted(const org_directory *d, pl_str admin, trusted *list) {
    size_t count = 0;
    if (pl_str_eq(admin, d->management_id))
        admin = PL_STR("");
    if (admin.n == 0)
        list[count++] = (trusted){PL_STR(ORG_SERVICE_CONFIG), d->created};
    for (size_t i = 0; i < d->delegation_count; i++) {
        const org_delegation *delegation = &d->delegations[i];
        if (admin.n > 0 && !pl_str_eq(delegation->account->node.id, admin))
            continue;
        size_t at = 0;
        while (at < count && !pl_str_eq(list[at].service, delegation->service))
            at++;
        if (at == count)
            list[count++] = (trusted){delegation->service, delegation->since};
    }
    return count;
}

static int answer_trusted(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    pl_writer *out = call->out;
    trusted *list = pl_new(call->arena, trusted, directory->delegation_count + 1);
    if (!list)
        return pl_failf(call->error, PL_E_ServiceUnavailable, "Out of memory.");
    size_t count = collect_trusted(directory, api_text(call, "AdminAccountId"), list);
    directory_page page = directory_page_of(call);
    pl_write_object(out, PL_STR("EnabledServicePrincipals"));
    pl_write_array(out, PL_STR("EnabledServicePrincipal"));
    for (size_t i = 0; i < count; i++) {
        if (!directory_page_take(&page))
            continue;
        pl_write_object(out, PL_STR("EnabledServicePrincipal"));
        directory_write_fine_time(out, "EnableTime", list[i].since);
        api_write_text(out, "ServicePrincipal", list[i].service);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
    pl_write_object_end(out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_trusted_service_status(api_call *call) {
    return directory_read(call, answer_trusted);
}
