/*
 * What may end a member, and what it is reached by: checks and deletions, e-mail address, phone.
 * reference/resource-directory.md, sections 1.2 and 4.
 */
#include "org/work.h"

enum { EMAIL_DAYS = 14 };
#define DAY_MILLISECONDS ((int64_t)86400000)

typedef struct member_work {
    pl_str account_id;
    pl_str text, code;
    pl_str address; /* of the mail that was due */
} member_work;

static const org_account *need_account(const org_change *change, pl_str account_id, pl_error *error) {
    return org_need_directory(change, error) ? NULL : org_own_account(change, account_id, error);
}

/* --- Deletion --------------------------------------------------------------------------------------------
 */

static int check_deletable(const org_change *change, const org_account *account, pl_error *error) {
    org_switch status = org_control_status(change->directory, change->caller->now);
    if (!change->directory->deletion_enabled)
        return pl_fail(error, PL_E_NoLicense_ResourceDirectory);
    if (status == ORG_PENDING_ENABLE || status == ORG_PENDING_DISABLE)
        return pl_fail(error, PL_E_InvalidControlPolicyEnablementStatus);
    if (!pl_str_is(account->type, "ResourceAccount") || !pl_str_is(account->join_method, "created"))
        return pl_fail(error, PL_E_MemberTypeError_DeleteAccount);
    return org_is_delegate(change->directory, account->node.id, PL_STR_NONE)
               ? pl_fail(error, PL_E_RemoveConfilctAccountAsDelegatedAdministator)
               : 0;
}

static int write_deletion(const org_change *change, pl_str member_id, const char *status, const char *type,
                          pl_error *error) {
    return store_run(
        change->session, error,
        "INSERT INTO directory_deletions (account_id, member_id, status, deletion_type, created, "
        "ended) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (account_id, member_id) DO UPDATE SET "
        "status = excluded.status, deletion_type = excluded.deletion_type, "
        "created = excluded.created, ended = excluded.ended",
        "tttti", change->caller->account_id, member_id, pl_str_from(status), pl_str_from(type),
        change->caller->now);
}

static int check_work(org_change *change, void *argument, pl_error *error) {
    const member_work *w = argument;
    const org_account *account = need_account(change, w->account_id, error);
    if (!account || check_deletable(change, account, error))
        return -1;
    return write_deletion(change, account->node.id, "PreCheckComplete", "", error);
}

int org_check_deletion(org *o, const org_caller *caller, pl_str account_id, pl_error *error) {
    member_work w = {.account_id = account_id};
    return org_write(o, caller, check_work, &w, NULL, error);
}

/* What the account has in this room; the record of its deletion belongs to the management account. */
static int forget_own(const org_change *change, pl_str account_id, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM directory_emails WHERE account_id = $1",
        "DELETE FROM directory_codes WHERE account_id = $1",
        "DELETE FROM directory_tags WHERE account_id = $1",
        "DELETE FROM grouping_rules WHERE account_id = $1",
        "DELETE FROM resource_group_events WHERE account_id = $1",
        "DELETE FROM resource_group_settings WHERE account_id = $1",
        "DELETE FROM resource_groups WHERE account_id = $1",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(change->session, error, statements[i], "t", account_id) != 0)
            return -1;
    return 0;
}

/* Whoever is deleted a second time is told apart from those that never were here. */
static int refuse_missing(const org_change *change, pl_str account_id, pl_error *error) {
    store_statement *st = store_prepare(change->session,
                                        "SELECT status FROM directory_deletions WHERE account_id = $1 AND "
                                        "member_id = $2 AND status = 'Success'",
                                        error);
    store_bind_text(st, 1, change->caller->account_id);
    store_bind_text(st, 2, account_id);
    int step = store_step(st, error);
    store_reset(st);
    if (step < 0)
        return -1;
    return pl_fail(error, step == 1 ? PL_E_AccountNotExist_DeleteAccount : PL_E_EntityNotExists_Account);
}

static const org_account *need_deletable(const org_change *change, pl_str account_id, pl_error *error) {
    const org_account *account = need_account(change, account_id, error);
    if (!account && pl_error_is(error, PL_E_EntityNotExists_Account))
        refuse_missing(change, account_id, error);
    if (!account || check_deletable(change, account, error))
        return NULL;
    if (account->payer_id.n == 0)
        return account;
    pl_fail(error, PL_E_NotSupport_HasPayerAccount);
    return NULL;
}

static int delete_work(org_change *change, void *argument, pl_error *error) {
    const member_work *w = argument;
    const org_hooks *hooks = &change->org->hooks;
    const org_account *account = need_deletable(change, w->account_id, error);
    if (!account || org_forget_member(change, account, error) ||
        forget_own(change, account->node.id, error) ||
        write_deletion(change, account->node.id, "Success", "0", error))
        return -1;
    return hooks->delete_account ? hooks->delete_account(hooks->context, change->session, account->node.id,
                                                         change->caller->now, error)
                                 : 0;
}

int org_delete_account(org *o, const org_caller *caller, pl_str account_id, pl_error *error) {
    member_work w = {.account_id = account_id};
    return org_write(o, caller, delete_work, &w, NULL, error);
}

typedef struct deletion_read {
    const org_caller *caller;
    pl_str account_id;
    org_deletion *out;
    bool found;
} deletion_read;

static int find_run(store_session *session, void *argument, pl_error *error) {
    deletion_read *r = argument;
    store_statement *st =
        store_prepare(session,
                      "SELECT status, deletion_type, created, ended FROM directory_deletions "
                      "WHERE account_id = $1 AND member_id = $2",
                      error);
    store_bind_text(st, 1, r->caller->account_id);
    store_bind_text(st, 2, r->account_id);
    int step = store_step(st, error);
    r->found = step == 1;
    if (step != 1)
        return step;
    *r->out = (org_deletion){.member_id = r->account_id,
                             .status = pl_arena_copy(r->caller->arena, store_column_text(st, 0)),
                             .type = pl_arena_copy(r->caller->arena, store_column_text(st, 1)),
                             .created = store_column_i64(st, 2),
                             .ended = store_column_i64(st, 3)};
    return r->caller->arena->failed ? org_no_memory(error) : 0;
}

int org_find_deletion(org *o, const org_caller *caller, pl_str account_id, org_deletion *out, bool *found,
                      pl_error *error) {
    deletion_read r = {.caller = caller, .account_id = account_id, .out = out};
    if (store_read(o->config.store, find_run, &r, error))
        return -1;
    *found = r.found;
    return 0;
}

/* --- E-mail address --------------------------------------------------------------------------------------
 */

pl_str org_email_status(const org_account *account, int64_t now) {
    bool old = now >= account->modified + EMAIL_DAYS * DAY_MILLISECONDS;
    return pl_str_is(account->email_status, "WAIT_MODIFY") && old ? PL_STR("EXPIRED") : account->email_status;
}

static bool is_pending(const org_change *change, const org_account *account) {
    return pl_str_is(org_email_status(account, change->caller->now), "WAIT_MODIFY");
}

static int write_email(org_change *change, const org_account *account, pl_str email, const char *status,
                       pl_error *error) {
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_accounts SET new_email = $1, email_status = $2, modified = $3 "
                     "WHERE account_id = $4 AND member_id = $5",
                     "ttitt", email, pl_str_from(status), change->caller->now, change->caller->account_id,
                     account->node.id);
}

static int email_work(org_change *change, void *argument, pl_error *error) {
    member_work *w = argument;
    const org_account *account = need_account(change, w->account_id, error);
    if (!account)
        return -1;
    if (!pl_str_is(account->join_method, "created"))
        return pl_fail(error, PL_E_NotSupport_InvitedAccount);
    if (is_pending(change, account))
        return pl_fail(error, PL_E_NotSupportedOperation_Account_EmailModify);
    w->address = w->text;
    return write_email(change, account, w->text, "WAIT_MODIFY", error);
}

static int retry_work(org_change *change, void *argument, pl_error *error) {
    member_work *w = argument;
    const org_account *account = need_account(change, w->account_id, error);
    if (!account)
        return -1;
    if (!is_pending(change, account))
        return pl_fail(error, PL_E_EntityNotExists_EmailModifyRecord);
    w->address = pl_arena_copy(change->caller->arena, account->new_email);
    return write_email(change, account, account->new_email, "WAIT_MODIFY", error);
}

static int cancel_work(org_change *change, void *argument, pl_error *error) {
    member_work *w = argument;
    const org_account *account = need_account(change, w->account_id, error);
    if (!account)
        return -1;
    return is_pending(change, account) ? write_email(change, account, PL_STR(""), "CANCELLED", error)
                                       : pl_fail(error, PL_E_EntityNotExists_EmailModifyRecord);
}

static int run_email(org *o, const org_caller *caller, org_change_work work, member_work *w,
                     pl_error *error) {
    if (org_write(o, caller, work, w, NULL, error))
        return -1;
    if (o->config.log && w->address.n > 0)
        pl_log_write(o->config.log, PL_LOG_INFO, "address of account %.*s is to become %.*s",
                     PL_FMT(w->account_id), PL_FMT(w->address));
    return 0;
}

int org_change_email(org *o, const org_caller *caller, pl_str account_id, pl_str email, pl_error *error) {
    member_work w = {.account_id = account_id, .text = email};
    return run_email(o, caller, email_work, &w, error);
}

int org_retry_email(org *o, const org_caller *caller, pl_str account_id, pl_error *error) {
    member_work w = {.account_id = account_id};
    return run_email(o, caller, retry_work, &w, error);
}

int org_cancel_email(org *o, const org_caller *caller, pl_str account_id, pl_error *error) {
    member_work w = {.account_id = account_id};
    return run_email(o, caller, cancel_work, &w, error);
}

/* --- Phone -----------------------------------------------------------------------------------------------
 */

static int phone_work(org_change *change, void *argument, pl_error *error) {
    const member_work *w = argument;
    const org_account *account = need_account(change, w->account_id, error);
    if (!account)
        return -1;
    if (!pl_str_is(account->type, "ResourceAccount"))
        return pl_fail(error, PL_E_AccountTypeMismatch);
    if (account->phone.n > 0)
        return pl_fail(error, PL_E_AccountSecureMobileAlreadyExists);
    if (org_take_code(change, PL_STR(ORG_CODE_PHONE), w->text, w->code, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_accounts SET phone = $1, modified = $2 WHERE account_id = $3 "
                     "AND member_id = $4",
                     "titt", w->text, change->caller->now, change->caller->account_id, account->node.id);
}

int org_bind_phone(org *o, const org_caller *caller, pl_str account_id, pl_str phone, pl_str code,
                   pl_error *error) {
    member_work w = {.account_id = account_id, .text = phone, .code = code};
    return org_write(o, caller, phone_work, &w, NULL, error);
}
