/* Ending a member account, and what it is reached by: deletion, e-mail address, phone, records. */
#include "api/directory/answers.h"

#include <stdio.h>

/* --- Deletion --------------------------------------------------------------------------------------------
 */

int directory_check_account_delete(api_call *call) {
    org_caller caller = directory_caller(call);
    if (directory_refuse_owner(call, PL_E_CallerIdentityError_DeleteAccount))
        return -1;
    return org_check_deletion(call->services->org, &caller, api_text(call, "AccountId"), call->error);
}

/* AbandonableCheckId names checks to pass over; what hinders here cannot be, so any list is accepted. */
int directory_delete_account(api_call *call) {
    org_caller caller = directory_caller(call);
    if (directory_refuse_owner(call, PL_E_CallerIdentityError_DeleteAccount) ||
        org_delete_account(call->services->org, &caller, api_text(call, "AccountId"), call->error))
        return -1;
    api_write_text(call->out, "DeletionType", PL_STR("0"));
    return 0;
}

/* The last check or deletion of an account that is, or was, a member. */
static int find_deletion(api_call *call, const org_view *view, const org_directory *directory,
                         org_deletion *deletion) {
    org_caller caller = directory_caller(call);
    pl_str id = api_text(call, "AccountId");
    const org_node *node = org_find_node(view, id);
    bool found;
    caller.account_id = directory->management_id;
    if (org_find_deletion(call->services->org, &caller, id, deletion, &found, call->error))
        return -1;
    if (found)
        return 0;
    return pl_fail(call->error, node && node->account && node->directory == directory
                                    ? PL_E_EntityNotExists_CheckAccount
                                    : PL_E_EntityNotExists_Account);
}

static void write_payer_reason(pl_writer *out) {
    pl_write_object(out, PL_STR_NONE);
    api_write_text(out, "CheckId", PL_STR("NON_SP_efc"));
    api_write_text(out, "CheckName", PL_STR("Enterprise finance"));
    api_write_text(out, "Description",
                   PL_STR("Another account pays for this one. Let it pay for itself (UpdatePayerForAccount) "
                          "before it is deleted."));
    pl_write_object_end(out);
}

static int answer_check(api_call *call, const org_view *view, const org_directory *directory) {
    pl_writer *out = call->out;
    org_deletion deletion;
    if (find_deletion(call, view, directory, &deletion))
        return -1;
    const org_node *node = org_find_node(view, deletion.member_id);
    bool paid = node && node->account && node->account->payer_id.n > 0;
    pl_write_object(out, PL_STR("AccountDeletionCheckResultInfo"));
    pl_write_array(out, PL_STR("AbandonableChecks"));
    pl_write_array_end(out);
    api_write_text(out, "AllowDelete", paid ? PL_STR("false") : PL_STR("true"));
    pl_write_array(out, PL_STR("NotAllowReason"));
    if (paid)
        write_payer_reason(out);
    pl_write_array_end(out);
    api_write_text(out, "Status", PL_STR("PreCheckComplete"));
    pl_write_object_end(out);
    return 0;
}

int directory_get_account_deletion_check_result(api_call *call) {
    return directory_read(call, answer_check);
}

/* Times of deletions have the zone UTC+8: "2022-08-23T17:06:01+08:00". */
static void write_zone_time(pl_writer *out, const char *name, int64_t milliseconds) {
    char seconds[PL_TIME_TEXT], text[PL_TIME_TEXT + 8];
    pl_str whole = pl_time_iso(milliseconds + (int64_t)8 * 3600 * 1000, seconds);
    int n = snprintf(text, sizeof text, "%.*s+08:00", (int)(whole.n - 1), whole.p);
    api_write_text(out, name, pl_str_of(text, (size_t)n));
}

static int answer_status(api_call *call, const org_view *view, const org_directory *directory) {
    pl_writer *out = call->out;
    org_deletion deletion;
    if (find_deletion(call, view, directory, &deletion))
        return -1;
    if (deletion.type.n == 0)
        return pl_fail(call->error, PL_E_EntityNotExists_CheckAccount);
    pl_write_object(out, PL_STR("RdAccountDeletionStatus"));
    api_write_text(out, "AccountId", deletion.member_id);
    write_zone_time(out, "CreateTime", deletion.created);
    write_zone_time(out, "DeletionTime", deletion.ended);
    api_write_text(out, "DeletionType", deletion.type);
    pl_write_array(out, PL_STR("FailReasonList"));
    pl_write_array_end(out);
    api_write_text(out, "Status", deletion.status);
    pl_write_object_end(out);
    return 0;
}

int directory_get_account_deletion_status(api_call *call) {
    return directory_read(call, answer_status);
}

/* --- E-mail address and phone ----------------------------------------------------------------------------
 */

int directory_change_account_email(api_call *call) {
    org_caller caller = directory_caller(call);
    pl_str email = api_text(call, "Email");
    if (directory_check_email(call, email))
        return -1;
    return org_change_email(call->services->org, &caller, api_text(call, "AccountId"), email, call->error);
}

int directory_retry_change_account_email(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_retry_email(call->services->org, &caller, api_text(call, "AccountId"), call->error);
}

int directory_cancel_change_account_email(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_cancel_email(call->services->org, &caller, api_text(call, "AccountId"), call->error);
}

int directory_bind_secure_mobile_phone(api_call *call) {
    org_caller caller = directory_caller(call);
    if (directory_refuse_owner(call, PL_E_CallerIdentityError))
        return -1;
    return org_bind_phone(call->services->org, &caller, api_text(call, "AccountId"),
                          api_text(call, "SecureMobilePhone"), api_text(call, "VerificationCode"),
                          call->error);
}

/* --- Records of CreateCloudAccount and PromoteResourceAccount --------------------------------------------
 */

/*
 * The confirmation that these records wait for counts as given at once, so that there is never a mail to send
 * again nor a creation to call off: a known record gives AccountTypeOrStatusMismatch.
 */
static int answer_record(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    pl_str id = api_text(call, "RecordId");
    for (size_t i = 0; i < directory->account_count; i++) {
        if (id.n > 0 && pl_str_eq(directory->accounts[i]->record_id, id))
            return pl_fail(call->error, PL_E_AccountTypeOrStatusMismatch);
    }
    return pl_fail(call->error, PL_E_EntityNotExists_AccountRecord);
}

/* How often a mail is asked for counts, whether or not there is one to send. */
static int refuse_resend(api_call *call) {
    org_caller caller = directory_caller(call);
    pl_error too_often;
    int refused = directory_read(call, answer_record);
    if (pl_error_is(call->error, PL_E_AccountTypeOrStatusMismatch) &&
        org_note_resend(call->services->org, &caller, api_text(call, "RecordId"), &too_often))
        *call->error = too_often;
    return refused;
}

int directory_resend_create_cloud_account_email(api_call *call) {
    return refuse_resend(call);
}

int directory_resend_promote_resource_account_email(api_call *call) {
    return refuse_resend(call);
}

int directory_cancel_create_cloud_account(api_call *call) {
    return directory_read(call, answer_record);
}

int directory_cancel_promote_resource_account(api_call *call) {
    return directory_read(call, answer_record);
}
