/* The directory itself and its folders: reference/resource-directory.md, sections 1.3 and 4. */
#include "org/work.h"

/* --- Directory -------------------------------------------------------------------------------------------
 */

/* Names that management accounts were given are unique; those that accounts had before may not be. */
static int check_given_name(const org_change *change, pl_str name, pl_error *error) {
    store_statement *st = store_prepare(
        change->session, "SELECT account_id FROM directories WHERE account_name = $1 LIMIT 1", error);
    store_bind_text(st, 1, name);
    int step = store_step(st, error);
    store_reset(st);
    if (step < 0)
        return -1;
    return step == 1 ? pl_fail(error, PL_E_InvalidParameter_ManagementAccountName_AlreadyUsed) : 0;
}

static int enable_work(org_change *change, void *argument, pl_error *error) {
    pl_str name = *(const pl_str *)argument;
    const org_caller *caller = change->caller;
    if (change->directory)
        return pl_fail(error, PL_E_EntityAlreadyExists_ResourceDirectory);
    if (org_directory_of(change->before, caller->account_id))
        return pl_fail(error, PL_E_NotSupport_AccountInAnotherResourceDirectory);
    pl_str id, root;
    if (name.p ? check_given_name(change, name, error) : org_account_name(change, &name, error))
        return -1;
    if (org_random_id(change, "rd-", 6, &id, error) || org_random_id(change, "r-", 6, &root, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error,
                     "INSERT INTO directories (account_id, directory_id, root_id, account_name, created, "
                     "deletion_enabled, display_name_sync, control_on, control_switched, control_ready) "
                     "VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, 0)",
                     "tttti", caller->account_id, id, root, name, caller->now);
}

int org_enable_directory(org *o, const org_caller *caller, pl_str name, const org_view **after,
                         pl_error *error) {
    return org_write(o, caller, enable_work, &name, after, error);
}

static int destroy_work(org_change *change, void *argument, pl_error *error) {
    (void)argument;
    static const char *const tables[] = {
        "DELETE FROM control_policy_attachments WHERE account_id = $1",
        "DELETE FROM control_policies WHERE account_id = $1",
        "DELETE FROM directory_handshakes WHERE account_id = $1",
        "DELETE FROM account_groups WHERE account_id = $1",
        "DELETE FROM account_group_members WHERE account_id = $1",
        "DELETE FROM directory_tags WHERE account_id = $1 AND resource_type <> 'ResourceGroup'",
        "DELETE FROM directories WHERE account_id = $1",
    };
    if (org_need_directory(change, error))
        return -1;
    if (change->directory->account_count > 0)
        return pl_fail(error, PL_E_DeleteConflict_ResourceDirectory_Account);
    if (change->directory->folder_count > 0)
        return pl_failf(error, PL_E_DeleteConflict_Folder_SubFolder,
                        "The resource directory still has folders. Delete them first.");
    change->touched = true;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (store_run(change->session, error, tables[i], "t", change->caller->account_id))
            return -1;
    }
    return 0;
}

int org_destroy_directory(org *o, const org_caller *caller, pl_error *error) {
    return org_write(o, caller, destroy_work, NULL, NULL, error);
}

typedef struct setting {
    const char *sql;
    bool on;
} setting;

static int setting_work(org_change *change, void *argument, pl_error *error) {
    const setting *s = argument;
    if (org_need_directory(change, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error, s->sql, "it", (int64_t)s->on, change->caller->account_id);
}

int org_set_member_deletion(org *o, const org_caller *caller, bool enabled, const org_view **after,
                            pl_error *error) {
    setting s = {"UPDATE directories SET deletion_enabled = $1 WHERE account_id = $2", enabled};
    return org_write(o, caller, setting_work, &s, after, error);
}

int org_set_display_name_sync(org *o, const org_caller *caller, bool enabled, const org_view **after,
                              pl_error *error) {
    setting s = {"UPDATE directories SET display_name_sync = $1 WHERE account_id = $2", enabled};
    return org_write(o, caller, setting_work, &s, after, error);
}

/* --- Folders ---------------------------------------------------------------------------------------------
 */

static bool name_taken(const org_directory *directory, const org_node *parent, pl_str name) {
    for (size_t i = 0; i < directory->folder_count; i++) {
        const org_node *folder = directory->folders[i];
        if (folder->parent == parent && pl_str_eq(folder->name, name))
            return true;
    }
    return false;
}

typedef struct folder_request {
    pl_str id; /* of the folder to change */
    pl_str parent_id, name;
    const org_tags *tags;
    pl_str *folder_id;
} folder_request;

static int check_new_folder(const org_change *change, const org_node *parent, pl_str name, pl_error *error) {
    const org_limits *limits = &change->org->config.limits;
    if (!parent)
        return pl_fail(error, PL_E_EntityNotExists_Folder);
    if (parent->depth >= limits->folder_depth)
        return pl_fail(error, PL_E_LimitExceeded_Folder_Depth);
    if (change->directory->folder_count >= limits->folders)
        return pl_fail(error, PL_E_QuotaExceeded_Folder_Count);
    return name_taken(change->directory, parent, name)
               ? pl_fail(error, PL_E_InvalidParameter_Folder_Name_AlreadyUsed)
               : 0;
}

static int create_folder_work(org_change *change, void *argument, pl_error *error) {
    folder_request *r = argument;
    if (org_need_directory(change, error))
        return -1;
    const org_node *parent = org_own_folder(change, r->parent_id);
    pl_str id;
    if (check_new_folder(change, parent, r->name, error) || org_random_id(change, "fd-", 10, &id, error))
        return -1;
    *r->folder_id = id;
    change->touched = true;
    if (store_run(change->session, error,
                  "INSERT INTO directory_folders (account_id, folder_id, parent_id, name, created, position) "
                  "VALUES ($1, $2, $3, $4, $5, $6)",
                  "ttttii", change->caller->account_id, id, parent->id, r->name, change->caller->now,
                  change->position))
        return -1;
    return org_attach_default(change, id, error) ||
                   (r->tags && org_put_tags(change->session, change->caller->account_id,
                                            PL_STR(ORG_TAG_FOLDER), id, r->tags, error))
               ? -1
               : 0;
}

int org_create_folder(org *o, const org_caller *caller, pl_str parent_id, pl_str name, const org_tags *tags,
                      pl_str *folder_id, const org_view **after, pl_error *error) {
    folder_request r = {.parent_id = parent_id, .name = name, .tags = tags, .folder_id = folder_id};
    return org_write(o, caller, create_folder_work, &r, after, error);
}

static int rename_folder_work(org_change *change, void *argument, pl_error *error) {
    folder_request *r = argument;
    if (org_need_directory(change, error))
        return -1;
    const org_node *folder = org_own_folder(change, r->id);
    if (!folder)
        return pl_fail(error, PL_E_EntityNotExists_Folder);
    if (folder->kind == ORG_ROOT)
        return pl_fail(error, PL_E_NotSupport_RootFolder);
    if (pl_str_eq(folder->name, r->name))
        return 0;
    if (name_taken(change->directory, folder->parent, r->name))
        return pl_fail(error, PL_E_InvalidParameter_Folder_Name_AlreadyUsed);
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE directory_folders SET name = $1 WHERE account_id = $2 AND folder_id = $3", "ttt",
                     r->name, change->caller->account_id, folder->id);
}

int org_rename_folder(org *o, const org_caller *caller, pl_str folder_id, pl_str name, const org_view **after,
                      pl_error *error) {
    folder_request r = {.id = folder_id, .name = name};
    return org_write(o, caller, rename_folder_work, &r, after, error);
}

static int check_empty(const org_node *folder, pl_error *error) {
    if (!folder)
        return pl_fail(error, PL_E_EntityNotExists_Folder);
    if (folder->kind == ORG_ROOT)
        return pl_fail(error, PL_E_NotSupport_RootFolder);
    if (folder->folder_count > 0)
        return pl_fail(error, PL_E_DeleteConflict_Folder_SubFolder);
    return folder->account_count > 0 ? pl_fail(error, PL_E_DeleteConflict_Folder_Account) : 0;
}

static int delete_folder_work(org_change *change, void *argument, pl_error *error) {
    folder_request *r = argument;
    if (org_need_directory(change, error))
        return -1;
    const org_node *folder = org_own_folder(change, r->id);
    if (check_empty(folder, error))
        return -1;
    change->touched = true;
    pl_str account_id = change->caller->account_id;
    if (store_run(change->session, error,
                  "DELETE FROM directory_folders WHERE account_id = $1 AND folder_id = $2", "tt", account_id,
                  folder->id) ||
        org_detach_all(change, folder->id, error))
        return -1;
    return org_drop_tags(change->session, account_id, PL_STR(ORG_TAG_FOLDER), folder->id, error);
}

int org_delete_folder(org *o, const org_caller *caller, pl_str folder_id, pl_error *error) {
    folder_request r = {.id = folder_id};
    return org_write(o, caller, delete_folder_work, &r, NULL, error);
}
