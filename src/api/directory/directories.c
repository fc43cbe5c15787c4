/* Opening, showing and closing a resource directory, and its switches. */
#include "api/directory/answers.h"

static bool is_master_product(const api_call *call) {
    return pl_str_is(call->operation->product->name, "ResourceDirectoryMaster");
}

static int write_opened(api_call *call, const org_view *view, const org_directory *d) {
    (void)view;
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("ResourceDirectory"));
    directory_write_fine_time(out, "CreateTime", d->created);
    api_write_text(out, "MasterAccountId", d->management_id);
    api_write_text(out, "MasterAccountName", d->management_name);
    api_write_text(out, "ResourceDirectoryId", d->id);
    api_write_text(out, "RootFolderId", d->root->id);
    pl_write_object_end(out);
    return 0;
}

static int enable(api_call *call, pl_str name) {
    org_caller caller = directory_caller(call);
    const org_view *after;
    if (org_enable_directory(call->services->org, &caller, name, &after, call->error))
        return -1;
    return directory_answer_after(call, after, write_opened);
}

/* Enterprise real-name verification counts as given: the account is the operator's own. */
int directory_init_resource_directory(api_call *call) {
    return enable(call, PL_STR_NONE);
}

/* Country code and number, as "86-13900000000"; the code of the country may be missing. */
static bool is_phone(pl_str phone) {
    size_t digits = 0, dashes = 0;
    for (size_t i = 0; i < phone.n; i++) {
        dashes += phone.p[i] == '-';
        digits += pl_is_digit(phone.p[i]);
    }
    return digits + dashes == phone.n && dashes <= 1 && digits >= 5 && digits <= 19;
}

/*
 * EnableMode NewManagementAccount would open a second account with a phone number that a text message
 * confirms; the confirmation is checked, the account is the caller's.
 */
int directory_enable_resource_directory(api_call *call) {
    if (pl_str_is(api_text(call, "EnableMode"), "CurrentAccount"))
        return enable(call, PL_STR_NONE);
    pl_str name = api_text(call, "MAName");
    pl_str phone = api_text(call, "MASecureMobilePhone");
    if (!pl_str_ends(name, PL_STR("@rdadmin.aliyunid.com")))
        return pl_fail(call->error, PL_E_InvalidParameter_ManagementAccountName);
    if (phone.n == 0)
        return pl_fail(call->error, PL_E_MissingSecureMobilePhone);
    if (!is_phone(phone))
        return pl_fail(call->error, PL_E_InvalidParameter_ManagementAccountSecurityInfo);
    org_caller caller = directory_caller(call);
    if (org_use_code(call->services->org, &caller, PL_STR(ORG_CODE_ENABLE), phone,
                     api_text(call, "VerificationCode"), call->error))
        return -1;
    return enable(call, name);
}

/* --- Showing ---------------------------------------------------------------------------------------------
 */

/* Members see the directory they belong to, without its switches. */
static void write_switches(api_call *call, const org_directory *d) {
    pl_writer *out = call->out;
    api_write_text(out, "ControlPolicyStatus", org_switch_name(org_control_status(d, call->now)));
}

static void write_directory(api_call *call, const org_directory *d) {
    pl_writer *out = call->out;
    bool manager = pl_str_eq(d->management_id, call->caller->account_id);
    pl_write_object(out, PL_STR("ResourceDirectory"));
    if (manager)
        write_switches(call, d);
    directory_write_fine_time(out, "CreateTime", d->created);
    api_write_text(out, "MasterAccountId", d->management_id);
    api_write_text(out, "MasterAccountName", d->management_name);
    if (manager && is_master_product(call))
        api_write_text(out, "MemberAccountDisplayNameSyncStatus",
                       d->display_name_sync ? PL_STR("Enabled") : PL_STR("Disabled"));
    if (manager)
        api_write_text(out, "MemberDeletionStatus",
                       d->deletion_enabled ? PL_STR("Enabled") : PL_STR("Disabled"));
    api_write_text(out, "ResourceDirectoryId", d->id);
    api_write_text(out, "RootFolderId", d->root->id);
    pl_write_object_end(out);
}

int directory_get_resource_directory(api_call *call) {
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    const org_directory *d = org_directory_of(view, call->caller->account_id);
    if (d)
        write_directory(call, d);
    else
        pl_fail(call->error, PL_E_ResourceDirectoryNotInUse);
    org_view_close(view);
    return d ? 0 : -1;
}

int directory_destroy_resource_directory(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_destroy_directory(call->services->org, &caller, call->error);
}

/* --- Switches --------------------------------------------------------------------------------------------
 */

static int write_deletion(api_call *call, const org_view *view, const org_directory *d) {
    (void)view;
    api_write_text(call->out, "ManagementAccountId", d->management_id);
    api_write_text(call->out, "MemberDeletionStatus",
                   d->deletion_enabled ? PL_STR("Enabled") : PL_STR("Disabled"));
    api_write_text(call->out, "ResourceDirectoryId", d->id);
    return 0;
}

/* A member learns that it may not; an account outside of any directory that there is none. */
static int deny_member(api_call *call) {
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    const org_directory *d = org_directory_of(view, call->caller->account_id);
    bool member = d && !pl_str_eq(d->management_id, call->caller->account_id);
    org_view_close(view);
    return member ? pl_fail(call->error, PL_E_MemberAccountAccessDenied) : 0;
}

int directory_set_member_deletion_permission(api_call *call) {
    org_caller caller = directory_caller(call);
    const org_view *after;
    bool enabled = pl_str_is(api_text(call, "Status"), "Enabled");
    if (deny_member(call) ||
        org_set_member_deletion(call->services->org, &caller, enabled, &after, call->error))
        return -1;
    return directory_answer_after(call, after, write_deletion);
}

static int write_sync(api_call *call, const org_view *view, const org_directory *d) {
    (void)view;
    api_write_text(call->out, "MemberAccountDisplayNameSyncStatus",
                   d->display_name_sync ? PL_STR("Enabled") : PL_STR("Disabled"));
    return 0;
}

int directory_set_member_display_name_sync_status(api_call *call) {
    org_caller caller = directory_caller(call);
    const org_view *after;
    bool enabled = pl_str_is(api_text(call, "Status"), "Enabled");
    if (org_set_display_name_sync(call->services->org, &caller, enabled, &after, call->error))
        return -1;
    return directory_answer_after(call, after, write_sync);
}

/* --- Verification codes ----------------------------------------------------------------------------------
 */

static int send_code(api_call *call, const char *purpose, int64_t *expires) {
    org_caller caller = directory_caller(call);
    pl_str phone = api_text(call, "SecureMobilePhone");
    if (phone.p && !is_phone(phone))
        return pl_fail(call->error, PL_E_InvalidParameter_MobileCountryCode);
    return org_send_code(call->services->org, &caller, pl_str_from(purpose), pl_str_or_empty(phone), expires,
                         call->error);
}

int directory_send_verification_code_for_enable_rd(api_call *call) {
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    int64_t expires;
    if (!view)
        return -1;
    const org_directory *own = org_directory_of(view, call->caller->account_id);
    bool manager = own && pl_str_eq(own->management_id, call->caller->account_id);
    org_view_close(view);
    if (own)
        return pl_fail(call->error, manager ? PL_E_EntityAlreadyExists_ResourceDirectory
                                            : PL_E_NotSupport_AccountInAnotherResourceDirectory);
    return send_code(call, ORG_CODE_ENABLE, &expires);
}

int directory_send_verification_code_for_bind_secure_mobile_phone(api_call *call) {
    int64_t expires;
    if (send_code(call, ORG_CODE_PHONE, &expires))
        return -1;
    directory_write_fine_time(call->out, "ExpirationDate", expires);
    return 0;
}
