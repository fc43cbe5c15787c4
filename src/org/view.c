/* A view: taking and giving back references, and the questions that are answered from it. */
#include "org/internal.h"

int org_no_memory(pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "Out of memory.");
}

/* --- References ------------------------------------------------------------------------------------------
 */

const org_view *org_view_retain(const org_view *view) {
    atomic_fetch_add_explicit(&((org_view *)(uintptr_t)view)->references, 1, memory_order_relaxed);
    return view;
}

static void free_sets(org_view *view) {
    size_t cursor = 0;
    pl_str key;
    void *set;
    while (pl_map_next(&view->sets, &cursor, &key, &set))
        pl_policy_set_release(set);
    pl_map_free(&view->sets);
}

void org_view_close(const org_view *shared) {
    org_view *view = (org_view *)(uintptr_t)shared;
    if (!view || atomic_fetch_sub_explicit(&view->references, 1, memory_order_acq_rel) != 1)
        return;
    free_sets(view);
    pl_map_free(&view->nodes);
    pl_map_free(&view->managed);
    pl_map_free(&view->groups);
    pl_map_free(&view->memberships);
    pl_arena_free(&view->arena);
    pl_free(view);
}

int org_read_version(store_session *session, int64_t *version, pl_error *error) {
    store_statement *st = store_prepare(session, "SELECT version FROM directory_version WHERE id = 1", error);
    int step = store_step(st, error);
    if (step != 1)
        return step < 0 ? -1 : pl_failf(error, PL_E_InternalError, "The directory's version is missing.");
    *version = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

/* --- Names -----------------------------------------------------------------------------------------------
 */

pl_str org_node_kind_name(org_node_kind kind) {
    static const char *const names[] = {"Root", "Folder", "Account"};
    return pl_str_from(names[kind]);
}

pl_str org_switch_name(org_switch status) {
    static const char *const names[] = {"Disabled", "PendingEnable", "Enabled", "PendingDisable"};
    return pl_str_from(names[status]);
}

static const char *const group_types[] = {"CUSTOM", "RD", "FOLDER"};

pl_str org_group_type_name(org_group_type type) {
    return pl_str_from(group_types[type]);
}

bool org_group_type_find(pl_str name, org_group_type *type) {
    for (int i = ORG_GROUP_CUSTOM; i <= ORG_GROUP_FOLDER; i++) {
        if (!pl_str_is(name, group_types[i]))
            continue;
        *type = (org_group_type)i;
        return true;
    }
    return false;
}

org_switch org_control_status(const org_directory *directory, int64_t now) {
    bool done = now >= directory->control_ready;
    if (directory->control_on)
        return done ? ORG_ENABLED : ORG_PENDING_ENABLE;
    return done ? ORG_DISABLED : ORG_PENDING_DISABLE;
}

/* --- Questions -------------------------------------------------------------------------------------------
 */

const org_node *org_find_node(const org_view *view, pl_str id) {
    return pl_map_get(&view->nodes, id);
}

const org_directory *org_managed_directory(const org_view *view, pl_str account_id) {
    return pl_map_get(&view->managed, account_id);
}

const org_directory *org_directory_of(const org_view *view, pl_str account_id) {
    const org_directory *managed = org_managed_directory(view, account_id);
    const org_node *node = managed ? NULL : org_find_node(view, account_id);
    return managed ? managed : node && node->account ? node->directory : NULL;
}

bool org_manages(const org_view *view, pl_str management_id, pl_str account_id) {
    if (pl_str_eq(management_id, account_id))
        return true;
    const org_node *node = org_find_node(view, account_id);
    return node && node->account && pl_str_eq(node->directory->management_id, management_id);
}

bool org_in_folder(const org_view *view, pl_str account_id, pl_str folder_id) {
    const org_node *node = org_find_node(view, account_id);
    for (const org_node *at = node && node->account ? node->parent : NULL; at; at = at->parent) {
        if (pl_str_eq(at->id, folder_id))
            return true;
    }
    return false;
}

const org_policy *org_find_policy(const org_directory *directory, pl_str policy_id) {
    for (size_t i = 0; i < directory->policy_count; i++) {
        if (pl_str_eq(directory->policies[i].id, policy_id))
            return &directory->policies[i];
    }
    return NULL;
}

bool org_is_delegate(const org_directory *directory, pl_str account_id, pl_str service) {
    for (size_t i = 0; i < directory->delegation_count; i++) {
        const org_delegation *d = &directory->delegations[i];
        if (pl_str_eq(d->account->node.id, account_id) && (!service.p || pl_str_eq(d->service, service)))
            return true;
    }
    return false;
}

/* From the root folder down to the member, one level for each node. */
static int fill_levels(const org_node *member, pl_arena *arena, org_levels *out, pl_error *error) {
    size_t count = (size_t)member->depth + 1;
    pl_control_level *levels = pl_new(arena, pl_control_level, count);
    if (!levels)
        return org_no_memory(error);
    size_t i = count;
    for (const org_node *at = member; at && i > 0; at = at->parent)
        levels[--i] = (pl_control_level){at->id, at->set};
    out->levels = levels;
    out->count = count;
    return 0;
}

int org_control_levels(const org_view *view, pl_arena *arena, pl_str account_id, org_levels *out,
                       pl_error *error) {
    *out = (org_levels){.role = PL_ACCOUNT_STANDALONE};
    const org_directory *directory = org_directory_of(view, account_id);
    if (!directory)
        return 0;
    bool management = pl_str_eq(directory->management_id, account_id);
    out->role = management ? PL_ACCOUNT_MANAGEMENT : PL_ACCOUNT_MEMBER;
    out->management_id = directory->management_id;
    out->directory_id = directory->id;
    /* While the switch is pending every node has FullAliyunAccess only, so nothing depends on the clock. */
    out->enabled = directory->control_on;
    if (management)
        return 0;
    const org_node *member = org_find_node(view, account_id);
    out->path = member->path;
    return out->enabled ? fill_levels(member, arena, out, error) : 0;
}

/* --- Account groups --------------------------------------------------------------------------------------
 */

static bool has_member(const org_group *group, pl_str account_id) {
    size_t low = 0, high = group->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = pl_str_cmp(group->members[middle].account_id, account_id);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

const org_group *org_find_group(const org_view *view, pl_str account_id, pl_str group_id, bool *owner) {
    const org_group *group = pl_map_get(&view->groups, group_id);
    bool owns = group && pl_str_eq(group->owner_id, account_id);
    if (owner)
        *owner = owns;
    return group && (owns || has_member(group, account_id)) ? group : NULL;
}

const org_group *const *org_groups_of(const org_view *view, pl_str account_id, size_t *count) {
    const org_group_list *list = pl_map_get(&view->memberships, account_id);
    *count = list ? list->count : 0;
    return list ? (const org_group *const *)list->items : NULL;
}

int org_owned_groups(const org_view *view, pl_arena *arena, pl_str owner_id, const org_group ***groups,
                     size_t *count, pl_error *error) {
    size_t capacity = 0;
    *groups = NULL;
    *count = 0;
    for (size_t i = 0; i < view->group_count; i++) {
        if (!pl_str_eq(view->all_groups[i]->owner_id, owner_id))
            continue;
        const org_group **grown = pl_arena_grow(arena, *groups, *count, &capacity, sizeof *grown);
        if (!grown)
            return org_no_memory(error);
        *groups = grown;
        grown[(*count)++] = view->all_groups[i];
    }
    return 0;
}

bool org_may_own_groups(const org_view *view, pl_str account_id) {
    const org_directory *directory = org_directory_of(view, account_id);
    if (!directory)
        return false;
    return pl_str_eq(directory->management_id, account_id) ||
           org_is_delegate(directory, account_id, PL_STR(ORG_SERVICE_CONFIG));
}
