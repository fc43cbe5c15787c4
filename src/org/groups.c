/*
 * Account groups: created, changed, deleted. Who is a member of an RD or FOLDER group follows from the tree
 * (build.c). reference/resource-directory.md, section 6.
 */
#include "org/work.h"

#include <stdlib.h>

typedef struct group_work {
    const org_group_request *request;
    pl_str id;
    pl_str *new_id;
} group_work;

/* --- Checks ----------------------------------------------------------------------------------------------
 */

static int check_name(const org_change *change, const org_group *self, pl_str name, pl_error *error) {
    for (size_t i = 0; name.p && i < change->before->group_count; i++) {
        const org_group *other = change->before->all_groups[i];
        if (other != self && pl_str_eq(other->owner_id, change->caller->account_id) &&
            pl_str_eq(other->name, name))
            return pl_fail(error, PL_E_AggregatorNameDuplicated);
    }
    return 0;
}

/* The member ids in order; neighbours that are equal were sent twice. */
static int sorted_ids(const org_change *change, const org_group_request *r, pl_str **ids, pl_error *error) {
    *ids = pl_new(change->caller->arena, pl_str, r->member_count + 1);
    if (!*ids)
        return org_no_memory(error);
    for (size_t i = 0; i < r->member_count; i++)
        (*ids)[i] = r->members[i].account_id;
    if (r->member_count > 1)
        qsort(*ids, r->member_count, sizeof **ids, pl_str_order);
    for (size_t i = 1; i < r->member_count; i++) {
        if (pl_str_eq((*ids)[i - 1], (*ids)[i]))
            return pl_fail(error, PL_E_AggregatorAccountListItemDuplicated);
    }
    return 0;
}

/* Another CUSTOM group of the owner that has exactly these accounts. */
static int check_same_list(const org_change *change, const org_group *self, const pl_str *ids, size_t count,
                           pl_error *error) {
    for (size_t g = 0; g < change->before->group_count; g++) {
        const org_group *other = change->before->all_groups[g];
        if (other == self || other->type != ORG_GROUP_CUSTOM || other->member_count != count ||
            !pl_str_eq(other->owner_id, change->caller->account_id))
            continue;
        size_t same = 0;
        while (same < count && pl_str_eq(other->members[same].account_id, ids[same]))
            same++;
        if (same == count)
            return pl_fail(error, PL_E_AggregatorAccountListDuplicated);
    }
    return 0;
}

static int check_members(const org_change *change, const org_group *self, const org_group_request *r,
                         pl_error *error) {
    const org_directory *d = org_directory_of(change->before, change->caller->account_id);
    if (r->member_count == 0)
        return pl_fail(error, PL_E_Invalid_AggregatorAccounts_Empty);
    if (r->member_count > change->org->config.limits.accounts_per_group)
        return pl_fail(error, PL_E_AggregatorAccountExceedMaxCount);
    for (size_t i = 0; i < r->member_count; i++) {
        if (!org_manages(change->before, d->management_id, r->members[i].account_id))
            return pl_failf(error, PL_E_Invalid_AggregatorAccounts_Value,
                            "The specified AggregatorAccounts is invalid: %.*s is not an account of the "
                            "resource directory.",
                            PL_FMT(r->members[i].account_id));
    }
    pl_str *ids;
    return sorted_ids(change, r, &ids, error) || check_same_list(change, self, ids, r->member_count, error)
               ? -1
               : 0;
}

static int check_folders(const org_change *change, const org_group_request *r, pl_error *error) {
    const org_directory *d = org_directory_of(change->before, change->caller->account_id);
    if (r->folder_count == 0)
        return pl_failf(error, PL_E_Invalid_FolderId_Value,
                        "You must specify FolderId for a group of folders.");
    for (size_t i = 0; i < r->folder_count; i++) {
        const org_node *node = org_find_node(change->before, r->folder_ids[i]);
        if (!node || node->account || node->directory != d)
            return pl_failf(error, PL_E_Invalid_FolderId_Value,
                            "The specified FolderId is invalid: %.*s is not a folder of the resource "
                            "directory.",
                            PL_FMT(r->folder_ids[i]));
    }
    return 0;
}

static int check_counts(const org_change *change, org_group_type type, pl_error *error) {
    size_t owned = 0;
    for (size_t i = 0; i < change->before->group_count; i++) {
        const org_group *group = change->before->all_groups[i];
        if (!pl_str_eq(group->owner_id, change->caller->account_id))
            continue;
        owned++;
        if (type == ORG_GROUP_RD && group->type == ORG_GROUP_RD)
            return pl_failf(error, PL_E_AggregatorExceedMaxCount,
                            "The account already has an account group of type RD.");
    }
    return owned >= change->org->config.limits.groups ? pl_fail(error, PL_E_AggregatorExceedMaxCount) : 0;
}

/* --- Rows ------------------------------------------------------------------------------------------------
 */

static int join_folders(const org_change *change, const org_group_request *r, pl_str *text, pl_error *error) {
    *text = PL_STR("");
    for (size_t i = 0; i < r->folder_count; i++) {
        *text = pl_arena_printf(change->caller->arena, "%.*s%s%.*s", PL_FMT(*text), i > 0 ? "," : "",
                                PL_FMT(r->folder_ids[i]));
        if (!text->p)
            return org_no_memory(error);
    }
    return 0;
}

static int write_members(const org_change *change, pl_str group_id, const org_group_request *r,
                         pl_error *error) {
    pl_str owner = change->caller->account_id;
    if (store_run(change->session, error,
                  "DELETE FROM account_group_members WHERE account_id = $1 AND group_id = $2", "tt", owner,
                  group_id))
        return -1;
    for (size_t i = 0; i < r->member_count; i++) {
        pl_str name = r->members[i].name;
        if (store_run(change->session, error,
                      "INSERT INTO account_group_members (account_id, group_id, member_id, name) "
                      "VALUES ($1, $2, $3, $4)",
                      "tttt", owner, group_id, r->members[i].account_id, name.p ? name : PL_STR("")))
            return -1;
    }
    return 0;
}

static int write_tags(const org_change *change, pl_str group_id, const org_group_request *r,
                      pl_error *error) {
    pl_str type = PL_STR(ORG_TAG_GROUP), owner = change->caller->account_id;
    if (!r->tags_given)
        return 0;
    return org_drop_tags(change->session, owner, type, group_id, error) ||
                   org_put_tags(change->session, owner, type, group_id, &r->tags, error)
               ? -1
               : 0;
}

static int new_group_id(const org_change *change, pl_str *id, pl_error *error) {
    char hex[21];
    if (pl_random_hex(&change->org->config.random, hex, 20))
        return pl_failf(error, PL_E_ServiceUnavailable, "No randomness can be had.");
    *id = pl_arena_printf(change->caller->arena, "ca-%s", hex);
    return id->p ? 0 : org_no_memory(error);
}

/* --- Changes ---------------------------------------------------------------------------------------------
 */

static int check_new_group(const org_change *change, const org_group_request *r, pl_error *error) {
    if (!org_may_own_groups(change->before, change->caller->account_id))
        return pl_fail(error, PL_E_NoPermissionCreateAggregator);
    if (check_counts(change, r->type, error) || check_name(change, NULL, r->name, error))
        return -1;
    if (r->type == ORG_GROUP_CUSTOM)
        return check_members(change, NULL, r, error);
    return r->type == ORG_GROUP_FOLDER ? check_folders(change, r, error) : 0;
}

static int create_work(org_change *change, void *argument, pl_error *error) {
    group_work *w = argument;
    const org_group_request *r = w->request;
    pl_str folders = PL_STR("");
    if (check_new_group(change, r, error) || new_group_id(change, w->new_id, error) ||
        (r->type == ORG_GROUP_FOLDER && join_folders(change, r, &folders, error)))
        return -1;
    change->touched = true;
    if (store_run(change->session, error,
                  "INSERT INTO account_groups (account_id, group_id, name, description, type, folder_ids, "
                  "created, position) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                  "ttttttii", change->caller->account_id, *w->new_id, r->name,
                  r->description.p ? r->description : PL_STR(""), org_group_type_name(r->type), folders,
                  change->caller->now, change->position) ||
        (r->type == ORG_GROUP_CUSTOM && write_members(change, *w->new_id, r, error)))
        return -1;
    return write_tags(change, *w->new_id, r, error);
}

int org_create_group(org *o, const org_caller *caller, const org_group_request *request, pl_str *group_id,
                     pl_error *error) {
    group_work w = {.request = request, .new_id = group_id};
    return org_write(o, caller, create_work, &w, NULL, error);
}

/* The caller's own group; a member of it may not change it, for all others it does not exist. */
static const org_group *need_group(const org_change *change, pl_str group_id, pl_error *error) {
    bool owner;
    const org_group *group = org_find_group(change->before, change->caller->account_id, group_id, &owner);
    if (group && owner)
        return group;
    pl_fail(error, group ? PL_E_AggregatorMemberNoPermission : PL_E_Invalid_AggregatorId_Value);
    return NULL;
}

static int check_changes(const org_change *change, const org_group *group, const org_group_request *r,
                         pl_error *error) {
    if (check_name(change, group, r->name, error))
        return -1;
    if (group->type == ORG_GROUP_CUSTOM && r->members_given && check_members(change, group, r, error))
        return -1;
    return group->type == ORG_GROUP_FOLDER && r->folder_count > 0 ? check_folders(change, r, error) : 0;
}

static int update_work(org_change *change, void *argument, pl_error *error) {
    group_work *w = argument;
    const org_group_request *r = w->request;
    const org_group *group = need_group(change, w->id, error);
    if (!group || check_changes(change, group, r, error))
        return -1;
    pl_str folders = PL_STR_NONE;
    if (group->type == ORG_GROUP_FOLDER && r->folder_count > 0 && join_folders(change, r, &folders, error))
        return -1;
    change->touched = true;
    if (store_run(
            change->session, error,
            "UPDATE account_groups SET name = COALESCE($1, name), description = COALESCE($2, "
            "description), folder_ids = COALESCE($3, folder_ids) WHERE account_id = $4 AND group_id = $5",
            "ttttt", r->name, r->description, folders, group->owner_id, group->id) ||
        (group->type == ORG_GROUP_CUSTOM && r->members_given && write_members(change, group->id, r, error)))
        return -1;
    return write_tags(change, group->id, r, error);
}

int org_update_group(org *o, const org_caller *caller, pl_str group_id, const org_group_request *request,
                     pl_error *error) {
    group_work w = {.request = request, .id = group_id};
    return org_write(o, caller, update_work, &w, NULL, error);
}

static int delete_group(org_change *change, pl_str id, bool *deleted, pl_error *error) {
    bool owner;
    const org_group *group = org_find_group(change->before, change->caller->account_id, id, &owner);
    *deleted = group && owner;
    if (!*deleted)
        return 0;
    change->touched = true;
    if (store_run(change->session, error,
                  "DELETE FROM account_groups WHERE account_id = $1 AND group_id = $2", "tt", group->owner_id,
                  group->id) ||
        store_run(change->session, error,
                  "DELETE FROM account_group_members WHERE account_id = $1 AND group_id = $2", "tt",
                  group->owner_id, group->id))
        return -1;
    return org_drop_tags(change->session, group->owner_id, PL_STR(ORG_TAG_GROUP), group->id, error);
}

typedef struct groups_work {
    const pl_str *ids;
    size_t count;
    bool *deleted;
} groups_work;

static int delete_work(org_change *change, void *argument, pl_error *error) {
    const groups_work *w = argument;
    for (size_t i = 0; i < w->count; i++) {
        if (delete_group(change, w->ids[i], &w->deleted[i], error))
            return -1;
    }
    return 0;
}

int org_delete_groups(org *o, const org_caller *caller, const pl_str *ids, size_t count, bool *deleted,
                      pl_error *error) {
    groups_work w = {ids, count, deleted};
    return org_write(o, caller, delete_work, &w, NULL, error);
}
