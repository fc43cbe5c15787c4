/* Member accounts: made, renamed, switched, moved, removed. reference/resource-directory.md, section 4. */
#include "org/work.h"

const org_account *org_own_account(const org_change *change, pl_str account_id, pl_error *error) {
    const org_node *node = org_find_node(change->before, account_id);
    if (node && node->account && node->directory == change->directory)
        return node->account;
    pl_fail(error, PL_E_EntityNotExists_Account);
    return NULL;
}

/* The caller manages a directory and the account is in it. */
static const org_account *need_account(const org_change *change, pl_str account_id, pl_error *error) {
    return org_need_directory(change, error) ? NULL : org_own_account(change, account_id, error);
}

bool org_display_name_taken(const org_directory *directory, pl_str display_name) {
    for (size_t i = 0; i < directory->account_count; i++) {
        if (pl_str_eq(directory->accounts[i]->node.name, display_name))
            return true;
    }
    return false;
}

/* --- A new member ----------------------------------------------------------------------------------------
 */

int org_add_member(org_change *change, const org_member_row *row, pl_error *error) {
    const org_caller *caller = change->caller;
    change->touched = true;
    if (store_run(change->session, error,
                  "INSERT INTO directory_accounts (account_id, member_id, folder_id, account_name, "
                  "display_name, type, status, join_method, payer_id, deletion, email, new_email, "
                  "email_status, phone, record_id, joined, modified, position) VALUES ($1, $2, $3, $4, $5, "
                  "$6, $7, $8, $9, '', $10, '', '', '', $11, $12, $12, $13)",
                  "tttttttttttii", caller->account_id, row->id, row->folder_id, row->account_name,
                  row->display_name, row->type, row->status, row->join_method, row->payer_id, row->email,
                  row->record_id, caller->now, change->position) ||
        org_attach_default(change, row->id, error))
        return -1;
    return row->tags ? org_put_tags(change->session, caller->account_id, PL_STR(ORG_TAG_ACCOUNT), row->id,
                                    row->tags, error)
                     : 0;
}

/* 16 digits that no account has, as far as this server knows. */
static int new_account_id(const org_change *change, pl_str *id, pl_error *error) {
    char text[16];
    bool taken = true;
    for (int round = 0; taken && round < 16; round++) {
        text[0] = '1';
        if (pl_random_text(&change->org->config.random, text, 15, PL_STR("0123456789")))
            return pl_failf(error, PL_E_ServiceUnavailable, "No randomness can be had.");
        *id = pl_arena_printf(change->caller->arena, "1%s", text);
        if (!id->p)
            return org_no_memory(error);
        taken = org_directory_of(change->before, *id) != NULL;
        const org_hooks *hooks = &change->org->hooks;
        pl_str name;
        if (!taken && hooks->find_account &&
            hooks->find_account(hooks->context, change->session, change->caller->arena, *id, &taken, &name,
                                error))
            return -1;
    }
    return taken ? pl_failf(error, PL_E_ServiceUnavailable, "No free account id was found.") : 0;
}

static int account_name(const org_change *change, pl_str prefix, pl_str *name, pl_error *error) {
    char random[9];
    pl_str letters = PL_STR("abcdefghijklmnopqrstuvwxyz0123456789");
    if (prefix.n == 0) {
        if (pl_random_text(&change->org->config.random, random, sizeof random - 1, letters))
            return pl_failf(error, PL_E_ServiceUnavailable, "No randomness can be had.");
        prefix = pl_str_from(random);
    }
    char *lower = pl_arena_cstr(change->caller->arena, change->directory->id);
    for (char *c = lower; c && *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    *name =
        pl_arena_printf(change->caller->arena, "%.*s@%s.aliyunid.com", PL_FMT(prefix), lower ? lower : "");
    if (!lower || !name->p)
        return org_no_memory(error);
    for (size_t i = 0; i < change->directory->account_count; i++) {
        if (pl_str_eq_fold(change->directory->accounts[i]->account_name, *name))
            return pl_fail(error, PL_E_EntityAlreadyExists_ResourceDirectory_Account);
    }
    return 0;
}

/* A payer is the management account or a member that pays for itself. */
static int check_payer(const org_change *change, pl_str payer_id, pl_error *error) {
    if (payer_id.n == 0 || pl_str_eq(payer_id, change->caller->account_id))
        return 0;
    const org_node *payer = org_find_node(change->before, payer_id);
    if (!payer || !payer->account || payer->directory != change->directory)
        return pl_fail(error, PL_E_NotSupport_PayerAccountInAnotherResourceDirectory);
    if (payer->account->payer_id.n > 0)
        return pl_fail(error, PL_E_PaymentAccountFinancialRelationshipVerifyError);
    return 0;
}

typedef struct account_work {
    const org_account_request *request;
    pl_str id, text;
    pl_str *new_id;
} account_work;

static int check_new_account(const org_change *change, const org_account_request *r, pl_error *error) {
    if (org_need_directory(change, error))
        return -1;
    if (!org_own_folder(change, r->folder_id))
        return pl_fail(error, PL_E_EntityNotExists_Folder);
    if (change->directory->account_count >= change->org->config.limits.accounts)
        return pl_fail(error, PL_E_LimitExceeded_Account);
    if (org_display_name_taken(change->directory, r->display_name))
        return pl_fail(error, PL_E_InvalidParameter_Account_DisplayName_AlreadyUsed);
    for (size_t i = 0; r->email.n > 0 && i < change->directory->account_count; i++) {
        if (pl_str_eq_fold(change->directory->accounts[i]->email, r->email))
            return pl_fail(error, PL_E_InvalidParameter_Email_AlreadyUsed);
    }
    return check_payer(change, r->payer_id, error);
}

static pl_str or_empty(pl_str text) {
    return text.p ? text : PL_STR("");
}

/* The confirmation by e-mail that CreateCloudAccount waits for counts as given: no mail is sent. */
static int create_work(org_change *change, void *argument, pl_error *error) {
    account_work *w = argument;
    const org_account_request *r = w->request;
    org_member_row row = {.display_name = r->display_name, .tags = &r->tags, .record_id = PL_STR("")};
    if (check_new_account(change, r, error) || new_account_id(change, &row.id, error) ||
        account_name(change, r->prefix, &row.account_name, error))
        return -1;
    if (r->email.n > 0 && org_random_id(change, "", 16, &row.record_id, error))
        return -1;
    row.folder_id = org_own_folder(change, r->folder_id)->id;
    row.type = r->email.n > 0 ? PL_STR("CloudAccount") : PL_STR("ResourceAccount");
    row.status = PL_STR("CreateSuccess");
    row.join_method = PL_STR("created");
    row.payer_id = pl_str_eq(or_empty(r->payer_id), row.id) ? PL_STR("") : or_empty(r->payer_id);
    row.email = or_empty(r->email);
    *w->new_id = row.id;
    if (org_add_member(change, &row, error))
        return -1;
    const org_hooks *hooks = &change->org->hooks;
    org_new_account account = {row.id, row.account_name, change->caller->account_id};
    return hooks->create_account
               ? hooks->create_account(hooks->context, change->session, &account, change->caller->now, error)
               : 0;
}

int org_create_account(org *o, const org_caller *caller, const org_account_request *request,
                       pl_str *account_id, const org_view **after, pl_error *error) {
    account_work w = {.request = request, .new_id = account_id};
    return org_write(o, caller, create_work, &w, after, error);
}

/* --- Changes ---------------------------------------------------------------------------------------------
 */

static int rename_work(org_change *change, void *argument, pl_error *error) {
    account_work *w = argument;
    const org_account *account = need_account(change, w->id, error);
    if (!account)
        return -1;
    if (pl_str_eq(account->node.name, w->text))
        return 0;
    if (org_display_name_taken(change->directory, w->text))
        return pl_fail(error, PL_E_InvalidParameter_Account_DisplayName_AlreadyUsed);
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_accounts SET display_name = $1, modified = $2 "
                     "WHERE account_id = $3 AND member_id = $4",
                     "titt", w->text, change->caller->now, change->caller->account_id, account->node.id);
}

int org_rename_account(org *o, const org_caller *caller, pl_str account_id, pl_str display_name,
                       const org_view **after, pl_error *error) {
    account_work w = {.id = account_id, .text = display_name};
    return org_write(o, caller, rename_work, &w, after, error);
}

/* The owner of a resource account cannot sign in, so that its keys must not be in use any more. */
static int check_root_keys(const org_change *change, pl_str account_id, pl_error *error) {
    const org_hooks *hooks = &change->org->hooks;
    bool active = false;
    if (hooks->root_key_active &&
        hooks->root_key_active(hooks->context, change->session, account_id, &active, error))
        return -1;
    return active ? pl_fail(error, PL_E_PrimaryAkInUse) : 0;
}

/* The owner of a cloud account signs in with what it is reached by; invited accounts bring their own. */
static int check_reachable(const org_account *account, pl_error *error) {
    bool own = !pl_str_is(account->join_method, "created");
    return own || account->email.n > 0 || account->phone.n > 0 ? 0 : pl_fail(error, PL_E_MissingSecurityInfo);
}

static int switch_work(org_change *change, void *argument, pl_error *error) {
    account_work *w = argument;
    const org_account *account = need_account(change, w->id, error);
    if (!account)
        return -1;
    if (pl_str_eq(account->type, w->text))
        return pl_fail(error, PL_E_AccountTypeMismatch);
    if (pl_str_is(w->text, "ResourceAccount") ? check_root_keys(change, account->node.id, error)
                                              : check_reachable(account, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_accounts SET type = $1, status = 'SwitchSuccess', modified = $2 "
                     "WHERE account_id = $3 AND member_id = $4",
                     "titt", w->text, change->caller->now, change->caller->account_id, account->node.id);
}

int org_switch_account_type(org *o, const org_caller *caller, pl_str account_id, pl_str type,
                            const org_view **after, pl_error *error) {
    account_work w = {.id = account_id, .text = type};
    return org_write(o, caller, switch_work, &w, after, error);
}

static int promote_work(org_change *change, void *argument, pl_error *error) {
    account_work *w = argument;
    const org_account *account = need_account(change, w->id, error);
    pl_str record_id;
    if (!account)
        return -1;
    if (!pl_str_is(account->type, "ResourceAccount") || !pl_str_is(account->join_method, "created"))
        return pl_fail(error, PL_E_AccountTypeOrStatusMismatch);
    for (size_t i = 0; i < change->directory->account_count; i++) {
        if (pl_str_eq_fold(change->directory->accounts[i]->email, w->text))
            return pl_fail(error, PL_E_InvalidParameter_Email_AlreadyUsed);
    }
    if (org_random_id(change, "", 16, &record_id, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_accounts SET type = 'CloudAccount', status = 'PromoteSuccess', "
                     "email = $1, record_id = $2, modified = $3 WHERE account_id = $4 AND member_id = $5",
                     "ttitt", w->text, record_id, change->caller->now, change->caller->account_id,
                     account->node.id);
}

int org_promote_account(org *o, const org_caller *caller, pl_str account_id, pl_str email,
                        const org_view **after, pl_error *error) {
    account_work w = {.id = account_id, .text = email};
    return org_write(o, caller, promote_work, &w, after, error);
}

static int move_work(org_change *change, void *argument, pl_error *error) {
    account_work *w = argument;
    const org_account *account = need_account(change, w->id, error);
    if (!account)
        return -1;
    const org_node *folder = org_own_folder(change, w->text);
    if (!folder)
        return pl_fail(error, PL_E_EntityNotExists_Folder);
    if (account->node.parent == folder)
        return 0;
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_accounts SET folder_id = $1, modified = $2 "
                     "WHERE account_id = $3 AND member_id = $4",
                     "titt", folder->id, change->caller->now, change->caller->account_id, account->node.id);
}

int org_move_account(org *o, const org_caller *caller, pl_str account_id, pl_str folder_id, pl_error *error) {
    account_work w = {.id = account_id, .text = folder_id};
    return org_write(o, caller, move_work, &w, NULL, error);
}

static int payer_work(org_change *change, void *argument, pl_error *error) {
    account_work *w = argument;
    const org_account *account = need_account(change, w->id, error);
    bool itself = pl_str_eq(w->id, w->text);
    if (!account || (!itself && check_payer(change, w->text, error)))
        return -1;
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_accounts SET payer_id = $1, modified = $2 "
                     "WHERE account_id = $3 AND member_id = $4",
                     "titt", itself ? PL_STR("") : w->text, change->caller->now, change->caller->account_id,
                     account->node.id);
}

int org_set_payer(org *o, const org_caller *caller, pl_str account_id, pl_str payer_id, pl_error *error) {
    account_work w = {.id = account_id, .text = payer_id};
    return org_write(o, caller, payer_work, &w, NULL, error);
}

/* --- Leaving ---------------------------------------------------------------------------------------------
 */

/* The address stays the account's own when it leaves: invitations by mail find it. */
static int keep_mail(const org_change *change, const org_account *account, pl_error *error) {
    if (account->email.n == 0)
        return 0;
    return store_run(change->session, error,
                     "INSERT INTO directory_emails (account_id, email) VALUES ($1, $2) "
                     "ON CONFLICT (account_id) DO UPDATE SET email = excluded.email",
                     "tt", account->node.id, account->email);
}

int org_forget_member(org_change *change, const org_account *account, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM directory_accounts WHERE account_id = $1 AND member_id = $2",
        "DELETE FROM directory_delegations WHERE account_id = $1 AND member_id = $2",
        "DELETE FROM control_policy_attachments WHERE account_id = $1 AND target_id = $2",
        "UPDATE directory_accounts SET payer_id = '' WHERE account_id = $1 AND payer_id = $2",
        "DELETE FROM directory_tags WHERE account_id = $1 AND resource_type = 'Account' AND resource_id = $2",
    };
    pl_str id = account->node.id;
    change->touched = true;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (store_run(change->session, error, statements[i], "tt", change->caller->account_id, id))
            return -1;
    }
    /* CUSTOM groups of the management account and of delegated administrators may name it. */
    return store_run(change->session, error, "DELETE FROM account_group_members WHERE member_id = $1", "t",
                     id) ||
                   store_run(change->session, error,
                             "DELETE FROM account_group_members WHERE account_id = $1", "t", id) ||
                   store_run(change->session, error, "DELETE FROM account_groups WHERE account_id = $1", "t",
                             id)
               ? -1
               : 0;
}

static int remove_work(org_change *change, void *argument, pl_error *error) {
    account_work *w = argument;
    const org_account *account = need_account(change, w->id, error);
    if (!account)
        return -1;
    if (!pl_str_is(account->type, "CloudAccount"))
        return pl_fail(error, PL_E_AccountTypeOrStatusMismatch);
    for (size_t i = 0; i < change->directory->delegation_count; i++) {
        const org_delegation *d = &change->directory->delegations[i];
        if (d->account == account)
            return pl_failf(error, PL_E_Deny_TrustedService,
                            "You attempted to remove an account that is used in %.*s. To complete this "
                            "operation, you must first remove this account from the Trusted Service.",
                            PL_FMT(d->service));
    }
    return keep_mail(change, account, error) || org_forget_member(change, account, error) ? -1 : 0;
}

int org_remove_account(org *o, const org_caller *caller, pl_str account_id, pl_error *error) {
    account_work w = {.id = account_id};
    return org_write(o, caller, remove_work, &w, NULL, error);
}
