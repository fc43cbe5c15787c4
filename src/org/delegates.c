/* Delegated administrators of trusted services. reference/resource-directory.md, section 4. */
#include "org/work.h"

typedef struct delegate_work {
    pl_str account_id, service;
} delegate_work;

/* The trusted services that take delegated administrators here. */
static const char *const services[] = {"config.aliyuncs.com",
                                       "actiontrail.aliyuncs.com",
                                       "cloudfw.aliyuncs.com",
                                       "sas.aliyuncs.com",
                                       "resourcecenter.aliyuncs.com",
                                       "cloudsso.aliyuncs.com",
                                       "ros.aliyuncs.com",
                                       "tag.aliyuncs.com",
                                       "resourcesharing.aliyuncs.com",
                                       "audit.log.aliyuncs.com",
                                       "cloudmonitor.aliyuncs.com",
                                       "servicecatalog.aliyuncs.com",
                                       "governance.aliyuncs.com",
                                       "energyexpert.aliyuncs.com"};

/* True for the names of trusted services. */
static bool is_known_service(pl_str service) {
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (pl_str_is(service, services[i]))
            return true;
    }
    return false;
}

static int check_register(const org_change *change, const delegate_work *w, pl_error *error) {
    if (!is_known_service(w->service))
        return pl_fail(error, PL_E_InvalidParameter_ServicePrincipal);
    if (pl_str_eq(w->account_id, change->caller->account_id))
        return pl_fail(error, PL_E_CannotRegisterMasterAsDelegatedAdministrator);
    if (!org_own_account(change, w->account_id, error))
        return -1;
    if (org_is_delegate(change->directory, w->account_id, w->service))
        return pl_fail(error, PL_E_AccountAlreadyRegistered);
    size_t count = 0;
    for (size_t i = 0; i < change->directory->delegation_count; i++)
        count += pl_str_eq(change->directory->delegations[i].service, w->service);
    return count >= change->org->config.limits.delegates_per_service
               ? pl_fail(error, PL_E_DelegatedAccountNumberExceeded)
               : 0;
}

static int register_work(org_change *change, void *argument, pl_error *error) {
    const delegate_work *w = argument;
    if (org_need_directory(change, error) || check_register(change, w, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error,
                     "INSERT INTO directory_delegations (account_id, member_id, service, created) "
                     "VALUES ($1, $2, $3, $4)",
                     "ttti", change->caller->account_id, w->account_id, w->service, change->caller->now);
}

int org_register_delegate(org *o, const org_caller *caller, pl_str account_id, pl_str service,
                          pl_error *error) {
    delegate_work w = {account_id, service};
    return org_write(o, caller, register_work, &w, NULL, error);
}

static int deregister_work(org_change *change, void *argument, pl_error *error) {
    const delegate_work *w = argument;
    if (org_need_directory(change, error))
        return -1;
    if (!is_known_service(w->service))
        return pl_fail(error, PL_E_InvalidParameter_ServicePrincipal);
    if (!org_is_delegate(change->directory, w->account_id, w->service))
        return pl_fail(error, PL_E_AccountNotRegistered);
    change->touched = true;
    return store_run(change->session, error,
                     "DELETE FROM directory_delegations WHERE account_id = $1 AND member_id = $2 "
                     "AND service = $3",
                     "ttt", change->caller->account_id, w->account_id, w->service);
}

int org_deregister_delegate(org *o, const org_caller *caller, pl_str account_id, pl_str service,
                            pl_error *error) {
    delegate_work w = {account_id, service};
    return org_write(o, caller, deregister_work, &w, NULL, error);
}
