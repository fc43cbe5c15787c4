/* Member accounts: made, shown, renamed, moved, removed. */
#include "api/directory/answers.h"

/* What an operation shows of an account; the response trees differ. */
enum {
    SHOW_NAME = 1,     /* AccountName */
    SHOW_JOINED = 2,   /* JoinTime */
    SHOW_PATH = 4,     /* ResourceDirectoryPath */
    SHOW_RECORD = 8,   /* RecordId */
    SHOW_TAGS = 16,    /* Tags.Tag */
    SHOW_DELETION = 32 /* DeletionStatus */
};

static void write_list_tags(pl_writer *out, const org_tags *tags) {
    pl_write_object(out, PL_STR("Tags"));
    directory_write_tags(out, "Tag", tags);
    pl_write_object_end(out);
}

static void write_account(api_call *call, const org_account *account, unsigned show) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Account"));
    api_write_text(out, "AccountId", account->node.id);
    if (show & SHOW_NAME)
        api_write_text(out, "AccountName", account->account_name);
    if (show & SHOW_DELETION)
        api_write_text(out, "DeletionStatus", account->deletion);
    api_write_text(out, "DisplayName", account->node.name);
    api_write_text(out, "FolderId", account->node.parent->id);
    api_write_text(out, "JoinMethod", account->join_method);
    if (show & SHOW_JOINED)
        directory_write_fine_time(out, "JoinTime", account->node.created);
    directory_write_fine_time(out, "ModifyTime", account->modified);
    if (show & SHOW_RECORD)
        api_write_text(out, "RecordId", account->record_id);
    api_write_text(out, "ResourceDirectoryId", account->node.directory->id);
    if (show & SHOW_PATH)
        api_write_text(out, "ResourceDirectoryPath", account->node.path);
    api_write_text(out, "Status", account->status);
    if (show & SHOW_TAGS)
        write_list_tags(out, &account->node.tags);
    api_write_text(out, "Type", account->type);
    pl_write_object_end(out);
}

static int write_changed(api_call *call, const org_view *after, pl_str id, unsigned show) {
    write_account(call, org_find_node(after, id)->account, show);
    org_view_close(after);
    return 0;
}

/* --- A new member ----------------------------------------------------------------------------------------
 */

/*
 * The tags are called Tags by one client (reference/api/terraform-clients.md, fact 5). Nobody resells here,
 * so that what a reseller says of its customers' accounts is refused.
 */
int directory_create_resource_account(api_call *call) {
    org_caller caller = directory_caller(call);
    org_account_request request = {.display_name = api_text(call, "DisplayName"),
                                   .folder_id = api_text(call, "ParentFolderId"),
                                   .payer_id = api_text(call, "PayerAccountId"),
                                   .prefix = api_text(call, "AccountNamePrefix")};
    const org_view *after;
    pl_str id;
    if (pl_str_is(api_text(call, "ResellAccountType"), "non_resell"))
        return pl_fail(call->error, PL_E_NotSupport_SettingResellAccountType);
    if (directory_tags(call, api_input(call, "Tag") ? "Tag" : "Tags", &request.tags) ||
        org_create_account(call->services->org, &caller, &request, &id, &after, call->error))
        return -1;
    return write_changed(call, after, id, SHOW_NAME | SHOW_JOINED);
}

int directory_create_cloud_account(api_call *call) {
    org_caller caller = directory_caller(call);
    org_account_request request = {.display_name = api_text(call, "DisplayName"),
                                   .folder_id = api_text(call, "ParentFolderId"),
                                   .payer_id = api_text(call, "PayerAccountId"),
                                   .email = api_text(call, "Email")};
    const org_view *after;
    pl_str id;
    if (directory_check_email(call, request.email) ||
        org_create_account(call->services->org, &caller, &request, &id, &after, call->error))
        return -1;
    return write_changed(call, after, id, SHOW_NAME | SHOW_RECORD);
}

/* --- Changes ---------------------------------------------------------------------------------------------
 */

int directory_update_account(api_call *call) {
    org_caller caller = directory_caller(call);
    pl_str id = api_text(call, "AccountId");
    pl_str name = api_text(call, "NewDisplayName"), type = api_text(call, "NewAccountType");
    const org_view *after;
    if (directory_refuse_owner(call, PL_E_CallerIdentityError))
        return -1;
    if ((name.n > 0) == (type.n > 0))
        return pl_fail(call->error, PL_E_MissingDisplayNameOrAccountType);
    int failed = name.n > 0
                     ? org_rename_account(call->services->org, &caller, id, name, &after, call->error)
                     : org_switch_account_type(call->services->org, &caller, id, type, &after, call->error);
    return failed ? -1 : write_changed(call, after, id, SHOW_NAME | SHOW_JOINED);
}

int directory_promote_resource_account(api_call *call) {
    org_caller caller = directory_caller(call);
    pl_str id = api_text(call, "AccountId"), email = api_text(call, "Email");
    const org_view *after;
    if (directory_check_email(call, email) ||
        org_promote_account(call->services->org, &caller, id, email, &after, call->error))
        return -1;
    return write_changed(call, after, id, SHOW_NAME | SHOW_JOINED | SHOW_RECORD);
}

int directory_move_account(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_move_account(call->services->org, &caller, api_text(call, "AccountId"),
                            api_text(call, "DestinationFolderId"), call->error);
}

int directory_remove_cloud_account(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_remove_account(call->services->org, &caller, api_text(call, "AccountId"), call->error);
}

/* --- One account -----------------------------------------------------------------------------------------
 */

static const org_account *find_account(api_call *call, const org_view *view, const org_directory *directory) {
    const org_node *node = org_find_node(view, api_text(call, "AccountId"));
    if (node && node->account && node->directory == directory)
        return node->account;
    pl_fail(call->error, PL_E_EntityNotExists_Account);
    return NULL;
}

/* Names from the root down, as people see the place: root/Folder/Sub. */
static pl_str location(api_call *call, const org_account *account) {
    pl_str text = PL_STR_NONE;
    for (const org_node *at = account->node.parent; at; at = at->parent)
        text = text.p ? pl_arena_printf(call->arena, "%.*s/%.*s", PL_FMT(at->name), PL_FMT(text)) : at->name;
    return text;
}

static int answer_account(api_call *call, const org_view *view, const org_directory *directory) {
    const org_account *account = find_account(call, view, directory);
    pl_writer *out = call->out;
    if (!account)
        return -1;
    pl_write_object(out, PL_STR("Account"));
    api_write_text(out, "AccountId", account->node.id);
    api_write_text(out, "AccountName", account->account_name);
    api_write_text(out, "DisplayName", account->node.name);
    api_write_text(out, "EmailStatus", org_email_status(account, call->now));
    api_write_text(out, "FolderId", account->node.parent->id);
    api_write_text(out, "JoinMethod", account->join_method);
    directory_write_fine_time(out, "JoinTime", account->node.created);
    api_write_text(out, "Location", location(call, account));
    directory_write_fine_time(out, "ModifyTime", account->modified);
    api_write_text(out, "ResourceDirectoryId", directory->id);
    api_write_text(out, "ResourceDirectoryPath", account->node.path);
    api_write_text(out, "Status", account->status);
    if (api_flag(call, "IncludeTags", false))
        directory_write_tags(out, "Tags", &account->node.tags);
    api_write_text(out, "Type", account->type);
    pl_write_object_end(out);
    return 0;
}

int directory_get_account(api_call *call) {
    return directory_read(call, answer_account);
}

static int answer_payer(api_call *call, const org_view *view, const org_directory *directory) {
    const org_account *account = find_account(call, view, directory);
    if (!account)
        return -1;
    pl_str payer = account->payer_id.n > 0 ? account->payer_id : account->node.id;
    const org_node *node = org_find_node(view, payer);
    api_write_text(call->out, "PayerAccountId", payer);
    api_write_text(call->out, "PayerAccountName",
                   node ? node->account->account_name : directory->management_name);
    return 0;
}

int directory_get_payer_for_account(api_call *call) {
    return directory_read(call, answer_payer);
}

int directory_update_payer_for_account(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_set_payer(call->services->org, &caller, api_text(call, "AccountId"),
                         api_text(call, "PayerAccountId"), call->error);
}

/* --- Lists -----------------------------------------------------------------------------------------------
 */

typedef struct account_filter {
    const org_node *parent; /* NULL: any */
    pl_str keyword;
    org_tags tags;
} account_filter;

static bool matches(const account_filter *filter, const org_account *account) {
    return (!filter->parent || account->node.parent == filter->parent) &&
           pl_str_find(account->node.name, filter->keyword) != PL_NOT_FOUND &&
           directory_has_tags(&account->node.tags, &filter->tags);
}

/* A page by number, or behind the account that an earlier page ended with, which may have left since. */
typedef struct account_page {
    directory_page of;
    int64_t after, last; /* positions; none is 0 */
} account_page;

static bool take(account_page *page, const org_account *account) {
    page->of.skip += account->position <= page->after;
    if (!directory_page_take(&page->of))
        return false;
    page->last = account->position;
    return true;
}

static void write_accounts(api_call *call, const org_directory *directory, const account_filter *filter,
                           account_page *page, unsigned show) {
    if (api_flag(call, "IncludeTags", false))
        show |= SHOW_TAGS;
    pl_write_object(call->out, PL_STR("Accounts"));
    pl_write_array(call->out, PL_STR("Account"));
    for (size_t i = 0; i < directory->account_count; i++) {
        if (matches(filter, directory->accounts[i]) && take(page, directory->accounts[i]))
            write_account(call, directory->accounts[i], show);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
}

/* The newer product pages by token, too. */
static int page_by_token(api_call *call, account_page *page) {
    pl_str key;
    if (api_token_open(call, &key))
        return -1;
    if (key.p || api_input(call, "MaxResults"))
        page->of.take = api_number(call, "MaxResults", 10);
    if (!key.p)
        return 0;
    page->of.skip = 0;
    return pl_str_to_i64(key, &page->after) ? 0 : pl_fail(call->error, PL_E_InvalidNextToken);
}

static int write_next(api_call *call, const account_page *page) {
    pl_str key = pl_arena_printf(call->arena, "%lld", (long long)page->last);
    pl_str token = api_token_make(call, key);
    if (!token.p)
        return pl_failf(call->error, PL_E_ServiceUnavailable, "Out of memory.");
    api_write_text(call->out, "NextToken", token);
    return 0;
}

static int answer_accounts(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    bool newer = pl_str_is(call->operation->product->name, "ResourceDirectoryMaster");
    account_filter filter = {.keyword = api_text(call, "QueryKeyword")};
    account_page page = {.of = directory_page_of(call)};
    if (directory_tags(call, "Tag", &filter.tags) || (newer && page_by_token(call, &page)))
        return -1;
    unsigned show = SHOW_JOINED | SHOW_PATH | (newer ? SHOW_NAME | SHOW_DELETION : 0u);
    write_accounts(call, directory, &filter, &page, show);
    if (newer && page.of.total > page.of.skip + page.of.take && write_next(call, &page))
        return -1;
    directory_write_page(call, &page.of);
    return 0;
}

int directory_list_accounts(api_call *call) {
    return directory_read(call, answer_accounts);
}

static int answer_children(api_call *call, const org_view *view, const org_directory *directory) {
    pl_str parent_id = api_text(call, "ParentFolderId");
    const org_node *parent = parent_id.n > 0 ? org_find_node(view, parent_id) : directory->root;
    account_filter filter = {.parent = parent, .keyword = api_text(call, "QueryKeyword")};
    if (!parent || parent->account || parent->directory != directory)
        return pl_fail(call->error, PL_E_EntityNotExists_Folder);
    if (directory_tags(call, "Tag", &filter.tags))
        return -1;
    account_page page = {.of = directory_page_of(call)};
    write_accounts(call, directory, &filter, &page, SHOW_JOINED);
    directory_write_page(call, &page.of);
    return 0;
}

int directory_list_accounts_for_parent(api_call *call) {
    return directory_read(call, answer_children);
}
