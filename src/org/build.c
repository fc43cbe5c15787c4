/*
 * Building a view: reads the tables once, in the order in which rows refer to each other, and links them.
 *
 * Everything goes into the view's arena; its failure mark is checked at the end, so that the readers of rows
 * stay short. Policy sets are shared by all nodes with the same attachments, and with the previous view.
 */
#include "org/internal.h"

#include <stdlib.h>

typedef struct build {
    store_session *session;
    const org_view *old;
    org_view *view;
    org_policy system;
} build;

typedef int (*row_reader)(build *b, store_statement *st, pl_error *error);

static int each_row(build *b, const char *sql, row_reader read, pl_error *error) {
    store_statement *st = store_prepare(b->session, sql, error);
    int step;
    while ((step = store_step(st, error)) == 1) {
        if (read(b, st, error))
            return -1;
    }
    return step;
}

static pl_str keep(build *b, store_statement *st, int column) {
    return pl_arena_copy(&b->view->arena, store_column_text(st, column));
}

static void *append(build *b, void *items, size_t count, size_t *capacity, size_t item_size,
                    pl_error *error) {
    void *grown = pl_arena_grow(&b->view->arena, items, count, capacity, item_size);
    if (!grown)
        org_no_memory(error);
    return grown;
}

static int put(pl_map *map, pl_str key, void *value, pl_error *error) {
    return pl_map_put(map, key, value) ? 0 : org_no_memory(error);
}

/* Lists that grow while they are read; the public structures point to them when all is there. */
typedef struct growing_directory {
    org_directory directory; /* first: an org_directory pointer is one of this */
    size_t folder_capacity, account_capacity, policy_capacity, delegation_capacity;
    const org_node **folders;
    const org_account **accounts;
    org_policy *policies;
    org_delegation *delegations;
} growing_directory;

static growing_directory *directory_of_row(build *b, store_statement *st) {
    return pl_map_get(&b->view->managed, store_column_text(st, 0));
}

static pl_str join_path(build *b, pl_str parent, pl_str id) {
    return pl_arena_printf(&b->view->arena, "%.*s/%.*s", PL_FMT(parent), PL_FMT(id));
}

static int make_root(build *b, growing_directory *g, pl_str root_id, pl_error *error) {
    org_node *root = pl_new(&b->view->arena, org_node, 1);
    if (!root)
        return org_no_memory(error);
    *root = (org_node){.kind = ORG_ROOT, .id = root_id, .name = PL_STR("root"), .directory = &g->directory};
    root->created = g->directory.created;
    root->path = join_path(b, g->directory.id, root_id);
    g->directory.root = root;
    return put(&b->view->nodes, root_id, root, error);
}

static int add_policy(build *b, growing_directory *g, const org_policy *policy, pl_error *error) {
    org_directory *d = &g->directory;
    g->policies = append(b, g->policies, d->policy_count, &g->policy_capacity, sizeof *policy, error);
    if (!g->policies)
        return -1;
    g->policies[d->policy_count++] = *policy;
    d->policies = g->policies;
    return 0;
}

static int read_directory(build *b, store_statement *st, pl_error *error) {
    org_view *view = b->view;
    growing_directory *g = pl_new(&view->arena, growing_directory, 1);
    if (!g)
        return org_no_memory(error);
    org_directory *d = &g->directory;
    d->management_id = keep(b, st, 0);
    d->id = keep(b, st, 1);
    d->management_name = keep(b, st, 3);
    d->created = store_column_i64(st, 4);
    d->deletion_enabled = store_column_i64(st, 5) != 0;
    d->display_name_sync = store_column_i64(st, 6) != 0;
    d->control_on = store_column_i64(st, 7) != 0;
    d->control_switched = store_column_i64(st, 8);
    d->control_ready = store_column_i64(st, 9);
    org_policy system = b->system;
    system.created = system.updated = d->created;
    if (make_root(b, g, keep(b, st, 2), error) || add_policy(b, g, &system, error))
        return -1;
    return put(&view->managed, d->management_id, g, error);
}

/* The folder of a row's parent column; rows are read parents first. */
static org_node *find_parent(build *b, store_statement *st, int column) {
    return pl_map_get(&b->view->nodes, store_column_text(st, column));
}

static int read_folder(build *b, store_statement *st, pl_error *error) {
    growing_directory *g = directory_of_row(b, st);
    org_node *parent = find_parent(b, st, 2);
    if (!g || !parent)
        return 0;
    org_node *node = pl_new(&b->view->arena, org_node, 1);
    org_directory *d = &g->directory;
    g->folders = append(b, g->folders, d->folder_count, &g->folder_capacity, sizeof(org_node *), error);
    if (!node || !g->folders)
        return org_no_memory(error);
    *node = (org_node){.kind = ORG_FOLDER, .parent = parent, .directory = d, .depth = parent->depth + 1};
    node->id = keep(b, st, 1);
    node->name = keep(b, st, 3);
    node->created = store_column_i64(st, 4);
    node->path = join_path(b, parent->path, node->id);
    parent->folder_count++;
    g->folders[d->folder_count++] = node;
    d->folders = g->folders;
    return put(&b->view->nodes, node->id, node, error);
}

static void fill_account(build *b, store_statement *st, org_account *account) {
    account->account_name = keep(b, st, 3);
    account->node.name = keep(b, st, 4);
    account->type = keep(b, st, 5);
    account->status = keep(b, st, 6);
    account->join_method = keep(b, st, 7);
    account->payer_id = keep(b, st, 8);
    account->deletion = keep(b, st, 9);
    account->node.created = store_column_i64(st, 10);
    account->modified = store_column_i64(st, 11);
    account->email = keep(b, st, 12);
    account->new_email = keep(b, st, 13);
    account->email_status = keep(b, st, 14);
    account->record_id = keep(b, st, 15);
    account->phone = keep(b, st, 16);
    account->position = store_column_i64(st, 17);
}

static int read_account(build *b, store_statement *st, pl_error *error) {
    growing_directory *g = directory_of_row(b, st);
    org_node *parent = find_parent(b, st, 2);
    if (!g || !parent)
        return 0;
    org_account *account = pl_new(&b->view->arena, org_account, 1);
    org_directory *d = &g->directory;
    g->accounts =
        append(b, g->accounts, d->account_count, &g->account_capacity, sizeof(org_account *), error);
    if (!account || !g->accounts)
        return org_no_memory(error);
    account->node = (org_node){.kind = ORG_ACCOUNT, .parent = parent, .directory = d, .account = account};
    account->node.id = keep(b, st, 1);
    account->node.depth = parent->depth + 1;
    account->node.path = join_path(b, parent->path, account->node.id);
    fill_account(b, st, account);
    parent->account_count++;
    g->accounts[d->account_count++] = account;
    d->accounts = g->accounts;
    return put(&b->view->nodes, account->node.id, &account->node, error);
}

static int read_policy(build *b, store_statement *st, pl_error *error) {
    growing_directory *g = directory_of_row(b, st);
    if (!g)
        return 0;
    org_policy policy = {.id = keep(b, st, 1), .name = keep(b, st, 2), .description = keep(b, st, 3)};
    policy.version = store_column_i64(st, 4);
    policy.created = store_column_i64(st, 5);
    policy.updated = store_column_i64(st, 6);
    return add_policy(b, g, &policy, error);
}

static org_policy *mutable_policy(growing_directory *g, pl_str id) {
    for (size_t i = 0; i < g->directory.policy_count; i++) {
        if (pl_str_eq(g->policies[i].id, id))
            return &g->policies[i];
    }
    return NULL;
}

/* Rows come sorted by target, so the attachments of a node lie side by side. */
static int read_attachment(build *b, store_statement *st, pl_error *error) {
    growing_directory *g = directory_of_row(b, st);
    org_node *target = find_parent(b, st, 1);
    org_policy *policy = g ? mutable_policy(g, store_column_text(st, 2)) : NULL;
    if (!policy || !target)
        return 0;
    size_t capacity = target->attachment_count;
    org_attachment *grown = append(b, (void *)(uintptr_t)target->attachments, target->attachment_count,
                                   &capacity, sizeof *grown, error);
    if (!grown)
        return -1;
    grown[target->attachment_count++] = (org_attachment){policy, target, store_column_i64(st, 3)};
    target->attachments = grown;
    policy->attachment_count++;
    return 0;
}

static int read_delegation(build *b, store_statement *st, pl_error *error) {
    growing_directory *g = directory_of_row(b, st);
    org_node *member = find_parent(b, st, 1);
    if (!g || !member || !member->account)
        return 0;
    org_directory *d = &g->directory;
    g->delegations = append(b, g->delegations, d->delegation_count, &g->delegation_capacity,
                            sizeof *g->delegations, error);
    if (!g->delegations)
        return -1;
    g->delegations[d->delegation_count++] =
        (org_delegation){member->account, keep(b, st, 2), store_column_i64(st, 3)};
    d->delegations = g->delegations;
    return 0;
}

/* --- Policy sets -----------------------------------------------------------------------------------------
 */

/* What tells the sets apart: ids and versions of the attached policies. */
static pl_str set_key(build *b, const org_node *node) {
    pl_str key = PL_STR("");
    for (size_t i = 0; i < node->attachment_count; i++) {
        const org_policy *policy = node->attachments[i].policy;
        key = pl_arena_printf(&b->view->arena, "%.*s%.*s:%lld,", PL_FMT(key), PL_FMT(policy->id),
                              (long long)policy->version);
    }
    return key;
}

static int read_document(build *b, const org_node *node, const org_policy *policy, pl_str *document,
                         pl_error *error) {
    *document = PL_STR(ORG_SYSTEM_POLICY_DOCUMENT);
    if (policy->system)
        return 0;
    store_statement *st = store_prepare(
        b->session, "SELECT document FROM control_policies WHERE account_id = $1 AND policy_id = $2", error);
    store_bind_text(st, 1, node->directory->management_id);
    store_bind_text(st, 2, policy->id);
    int step = store_step(st, error);
    if (step == 1)
        *document = keep(b, st, 0);
    return step == 1 ? 0 : step < 0 ? -1 : pl_fail(error, PL_E_InternalError);
}

static int compile_set(build *b, const org_node *node, pl_policy_set **set, pl_error *error) {
    pl_policy_source *sources = pl_new(&b->view->arena, pl_policy_source, node->attachment_count);
    if (!sources)
        return org_no_memory(error);
    for (size_t i = 0; i < node->attachment_count; i++) {
        const org_policy *policy = node->attachments[i].policy;
        sources[i].kind = policy->system ? PL_POLICY_SYSTEM : PL_POLICY_CONTROL;
        sources[i].name = policy->id;
        if (read_document(b, node, policy, &sources[i].text, error))
            return -1;
    }
    return pl_policy_set_compile(sources, node->attachment_count, 0, set, NULL, error);
}

static int attach_set(build *b, org_node *node, pl_error *error) {
    if (node->attachment_count == 0)
        return 0;
    pl_str key = set_key(b, node);
    pl_policy_set *set = pl_map_get(&b->view->sets, key);
    if (!set) {
        set = b->old ? pl_map_get(&b->old->sets, key) : NULL;
        if (set)
            pl_policy_set_retain(set);
        else if (compile_set(b, node, &set, error))
            return -1;
        if (put(&b->view->sets, key, set, error)) {
            pl_policy_set_release(set);
            return -1;
        }
    }
    node->set = set;
    return 0;
}

static int attach_sets(build *b, pl_error *error) {
    size_t cursor = 0;
    pl_str id;
    void *node;
    while (pl_map_next(&b->view->nodes, &cursor, &id, &node)) {
        if (attach_set(b, node, error))
            return -1;
    }
    return 0;
}

/* --- Account groups --------------------------------------------------------------------------------------
 */

static int split_folders(build *b, pl_str text, org_group *group, pl_error *error) {
    pl_str rest = text, part;
    size_t capacity = 0;
    pl_str *ids = NULL;
    while (text.n > 0 && pl_str_split(&rest, ',', &part)) {
        ids = append(b, ids, group->folder_count, &capacity, sizeof *ids, error);
        if (!ids)
            return -1;
        ids[group->folder_count++] = part;
    }
    group->folder_ids = ids;
    return 0;
}

/* CUSTOM groups are filled row by row, the others from the directory. */
typedef struct growing_group {
    org_group group; /* first: an org_group pointer is one of this */
    org_group_member *members;
    size_t capacity;
} growing_group;

static int add_member(build *b, growing_group *g, pl_str account_id, pl_str name, pl_error *error) {
    g->members = append(b, g->members, g->group.member_count, &g->capacity, sizeof *g->members, error);
    if (!g->members)
        return -1;
    g->members[g->group.member_count++] = (org_group_member){account_id, name};
    g->group.members = g->members;
    return 0;
}

static int read_group(build *b, store_statement *st, pl_error *error) {
    org_view *view = b->view;
    growing_group *g = pl_new(&view->arena, growing_group, 1);
    if (!g)
        return org_no_memory(error);
    g->group.owner_id = keep(b, st, 0);
    g->group.id = keep(b, st, 1);
    g->group.name = keep(b, st, 2);
    g->group.description = keep(b, st, 3);
    org_group_type_find(store_column_text(st, 4), &g->group.type);
    g->group.created = store_column_i64(st, 6);
    g->group.position = store_column_i64(st, 7);
    if (split_folders(b, keep(b, st, 5), &g->group, error) || put(&view->groups, g->group.id, g, error))
        return -1;
    org_group **all =
        append(b, view->all_groups, view->group_count, &view->group_capacity, sizeof *all, error);
    if (!all)
        return -1;
    all[view->group_count++] = &g->group;
    view->all_groups = all;
    return 0;
}

static int read_group_member(build *b, store_statement *st, pl_error *error) {
    growing_group *g = pl_map_get(&b->view->groups, store_column_text(st, 1));
    return g ? add_member(b, g, keep(b, st, 2), keep(b, st, 3), error) : 0;
}

static bool below_any(const org_group *group, const org_node *node) {
    for (const org_node *at = node->parent; at; at = at->parent) {
        for (size_t i = 0; i < group->folder_count; i++) {
            if (pl_str_eq(at->id, group->folder_ids[i]))
                return true;
        }
    }
    return false;
}

static int by_account_id(const void *a, const void *b) {
    return pl_str_cmp(((const org_group_member *)a)->account_id, ((const org_group_member *)b)->account_id);
}

/*
 * Members of RD and FOLDER groups follow the directory. A group whose owner is no longer a delegated
 * administrator stays, but covers nobody.
 */
static int resolve_group(build *b, growing_group *g, pl_error *error) {
    const org_directory *d = org_directory_of(b->view, g->group.owner_id);
    if (!org_may_own_groups(b->view, g->group.owner_id)) {
        g->group.member_count = 0;
        return 0;
    }
    for (size_t i = 0; d && g->group.type != ORG_GROUP_CUSTOM && i < d->account_count; i++) {
        const org_account *account = d->accounts[i];
        if (g->group.type == ORG_GROUP_FOLDER && !below_any(&g->group, &account->node))
            continue;
        if (add_member(b, g, account->node.id, account->node.name, error))
            return -1;
    }
    if (g->group.member_count > 1)
        qsort(g->members, g->group.member_count, sizeof *g->members, by_account_id);
    return 0;
}

static int remember_membership(build *b, const org_group *group, pl_str account_id, pl_error *error) {
    org_group_list *list = pl_map_get(&b->view->memberships, account_id);
    if (!list) {
        list = pl_new(&b->view->arena, org_group_list, 1);
        if (!list)
            return org_no_memory(error);
        if (put(&b->view->memberships, account_id, list, error))
            return -1;
    }
    list->items = append(b, list->items, list->count, &list->capacity, sizeof *list->items, error);
    if (!list->items)
        return -1;
    list->items[list->count++] = group;
    return 0;
}

static int resolve_groups(build *b, pl_error *error) {
    for (size_t i = 0; i < b->view->group_count; i++) {
        org_group *group = b->view->all_groups[i];
        if (resolve_group(b, (growing_group *)group, error))
            return -1;
        for (size_t m = 0; m < group->member_count; m++) {
            if (remember_membership(b, group, group->members[m].account_id, error))
                return -1;
        }
    }
    return 0;
}

/* --- Tags ------------------------------------------------------------------------------------------------
 */

/* Where the tags of a row's object are kept; NULL for objects that views do not hold. */
static org_tags *tags_of(build *b, store_statement *st) {
    pl_str type = store_column_text(st, 1), id = store_column_text(st, 2);
    org_node *node = pl_map_get(&b->view->nodes, id);
    growing_group *group = pl_map_get(&b->view->groups, id);
    growing_directory *g = directory_of_row(b, st);
    if (node && (pl_str_is(type, ORG_TAG_FOLDER) || pl_str_is(type, ORG_TAG_ACCOUNT)))
        return &node->tags;
    if (group && pl_str_is(type, ORG_TAG_GROUP))
        return &group->group.tags;
    org_policy *policy = g && pl_str_is(type, ORG_TAG_POLICY) ? mutable_policy(g, id) : NULL;
    return policy ? &policy->tags : NULL;
}

static int read_tag(build *b, store_statement *st, pl_error *error) {
    org_tags *tags = tags_of(b, st);
    if (!tags)
        return 0;
    size_t capacity = tags->count; /* a handful: each one makes room for itself */
    org_tag *grown = append(b, (void *)(uintptr_t)tags->items, tags->count, &capacity, sizeof *grown, error);
    if (!grown)
        return -1;
    grown[tags->count++] = (org_tag){keep(b, st, 3), keep(b, st, 4)};
    tags->items = grown;
    return 0;
}

static int read_tags(build *b, pl_error *error) {
    return each_row(b,
                    "SELECT account_id, resource_type, resource_id, tag_key, tag_value FROM directory_tags "
                    "WHERE resource_type <> 'ResourceGroup' "
                    "ORDER BY account_id, resource_type, resource_id, tag_key",
                    read_tag, error);
}

/* --- All of it -------------------------------------------------------------------------------------------
 */

static int read_tree(build *b, pl_error *error) {
    if (each_row(b,
                 "SELECT account_id, directory_id, root_id, account_name, created, deletion_enabled, "
                 "display_name_sync, control_on, control_switched, control_ready FROM directories "
                 "ORDER BY account_id",
                 read_directory, error))
        return -1;
    if (each_row(b,
                 "SELECT account_id, folder_id, parent_id, name, created FROM directory_folders "
                 "ORDER BY account_id, position, folder_id",
                 read_folder, error))
        return -1;
    return each_row(b,
                    "SELECT account_id, member_id, folder_id, account_name, display_name, type, status, "
                    "join_method, payer_id, deletion, joined, modified, email, new_email, email_status, "
                    "record_id, phone, position FROM directory_accounts "
                    "ORDER BY account_id, position, member_id",
                    read_account, error);
}

static int read_policies(build *b, pl_error *error) {
    if (each_row(b,
                 "SELECT account_id, policy_id, name, description, version, created, updated "
                 "FROM control_policies ORDER BY account_id, position, policy_id",
                 read_policy, error))
        return -1;
    if (each_row(b,
                 "SELECT account_id, target_id, policy_id, attached FROM control_policy_attachments "
                 "ORDER BY account_id, target_id, position, policy_id",
                 read_attachment, error))
        return -1;
    if (each_row(b,
                 "SELECT account_id, member_id, service, created FROM directory_delegations "
                 "ORDER BY account_id, created, member_id, service",
                 read_delegation, error))
        return -1;
    return attach_sets(b, error);
}

static int read_groups(build *b, pl_error *error) {
    if (each_row(b,
                 "SELECT account_id, group_id, name, description, type, folder_ids, created, position "
                 "FROM account_groups ORDER BY account_id, position, group_id",
                 read_group, error))
        return -1;
    if (each_row(b,
                 "SELECT account_id, group_id, member_id, name FROM account_group_members "
                 "ORDER BY account_id, group_id, member_id",
                 read_group_member, error))
        return -1;
    return resolve_groups(b, error);
}

static int fill(build *b, pl_error *error) {
    if (org_read_version(b->session, &b->view->version, error) || read_tree(b, error) ||
        read_policies(b, error) || read_groups(b, error) || read_tags(b, error))
        return -1;
    return b->view->arena.failed ? org_no_memory(error) : 0;
}

int org_view_build(store_session *session, const org_view *old, org_view **out, pl_error *error) {
    org_view *view = pl_calloc(1, sizeof *view);
    if (!view)
        return org_no_memory(error);
    pl_arena_init(&view->arena, 0);
    atomic_init(&view->references, 1);
    build b = {.session = session, .old = old, .view = view};
    b.system = (org_policy){.id = PL_STR(ORG_SYSTEM_POLICY_ID), .name = PL_STR(ORG_SYSTEM_POLICY_NAME)};
    b.system.system = true;
    if (fill(&b, error)) {
        org_view_close(view);
        return -1;
    }
    *out = view;
    return 0;
}
