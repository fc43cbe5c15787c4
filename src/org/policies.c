/*
 * Control policies: the switch, the policies, their attachments. reference/resource-directory.md, section 3.
 *
 * While the feature is on every node has at least one policy: the last one cannot be detached, and new nodes
 * get FullAliyunAccess. Policies can be created and changed whatever the switch says.
 */
#include "org/work.h"

static int attach(const org_change *change, pl_str target_id, pl_str policy_id, pl_error *error) {
    return store_run(change->session, error,
                     "INSERT INTO control_policy_attachments (account_id, target_id, policy_id, attached, "
                     "position) VALUES ($1, $2, $3, $4, $5)",
                     "tttii", change->caller->account_id, target_id, policy_id, change->caller->now,
                     change->position);
}

int org_attach_default(const org_change *change, pl_str node_id, pl_error *error) {
    if (!change->directory->control_on)
        return 0;
    return attach(change, node_id, PL_STR(ORG_SYSTEM_POLICY_ID), error);
}

int org_detach_all(const org_change *change, pl_str node_id, pl_error *error) {
    return store_run(change->session, error,
                     "DELETE FROM control_policy_attachments WHERE account_id = $1 AND target_id = $2", "tt",
                     change->caller->account_id, node_id);
}

/* --- The switch ------------------------------------------------------------------------------------------
 */

static int set_switch(const org_change *change, bool on, pl_error *error) {
    int64_t now = change->caller->now;
    return store_run(change->session, error,
                     "UPDATE directories SET control_on = $1, control_switched = $2, control_ready = $3 "
                     "WHERE account_id = $4",
                     "iiit", (int64_t)on, now, now + change->org->config.limits.switch_delay,
                     change->caller->account_id);
}

static int check_interval(const org_change *change, pl_error *error) {
    int64_t interval = change->org->config.limits.switch_interval;
    int64_t switched = change->directory->control_switched;
    int64_t wait = switched + interval - change->caller->now;
    if (interval <= 0 || switched == 0 || wait <= 0)
        return 0;
    return pl_failf(error, PL_E_Throttling_EnableControlPolicy,
                    "The enable operation is too frequent. Please try again in %lld minute(s).",
                    (long long)((wait + 59999) / 60000));
}

static int need_status(const org_change *change, org_switch wanted, pl_error *error) {
    return org_control_status(change->directory, change->caller->now) == wanted
               ? 0
               : pl_fail(error, PL_E_InvalidControlPolicyEnablementStatus);
}

static int enable_work(org_change *change, void *argument, pl_error *error) {
    (void)argument;
    if (org_need_directory(change, error) || need_status(change, ORG_DISABLED, error) ||
        check_interval(change, error) || set_switch(change, true, error))
        return -1;
    const org_directory *d = change->directory;
    pl_str system = PL_STR(ORG_SYSTEM_POLICY_ID);
    if (attach(change, d->root->id, system, error))
        return -1;
    for (size_t i = 0; i < d->folder_count; i++) {
        if (attach(change, d->folders[i]->id, system, error))
            return -1;
    }
    for (size_t i = 0; i < d->account_count; i++) {
        if (attach(change, d->accounts[i]->node.id, system, error))
            return -1;
    }
    change->touched = true;
    return 0;
}

int org_enable_control(org *o, const org_caller *caller, pl_error *error) {
    return org_write(o, caller, enable_work, NULL, NULL, error);
}

static int disable_work(org_change *change, void *argument, pl_error *error) {
    (void)argument;
    if (org_need_directory(change, error) || need_status(change, ORG_ENABLED, error) ||
        set_switch(change, false, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error, "DELETE FROM control_policy_attachments WHERE account_id = $1",
                     "t", change->caller->account_id);
}

int org_disable_control(org *o, const org_caller *caller, pl_error *error) {
    return org_write(o, caller, disable_work, NULL, NULL, error);
}

/* --- Policies --------------------------------------------------------------------------------------------
 */

typedef struct policy_work {
    const org_policy_request *request;
    pl_str id;
    pl_str target_id;
    pl_str *new_id;
} policy_work;

static const org_policy *find_name(const org_directory *directory, pl_str name) {
    for (size_t i = 0; i < directory->policy_count; i++) {
        if (pl_str_eq(directory->policies[i].name, name))
            return &directory->policies[i];
    }
    return NULL;
}

static int check_document(const org_change *change, pl_str document, pl_error *error) {
    const pl_policy *policy;
    return pl_policy_parse(change->caller->arena, PL_POLICY_CONTROL, document, &policy, error);
}

/* The system policy is one of the list, and not one of the limit. */
static int check_new_policy(const org_change *change, const org_policy_request *r, pl_error *error) {
    if (check_document(change, r->document, error))
        return -1;
    if (find_name(change->directory, r->name))
        return pl_fail(error, PL_E_EntityAlreadyExists_ControlPolicy);
    return change->directory->policy_count - 1 >= change->org->config.limits.control_policies
               ? pl_fail(error, PL_E_LimitExceeded_ControlPolicy)
               : 0;
}

static int create_work(org_change *change, void *argument, pl_error *error) {
    policy_work *w = argument;
    const org_policy_request *r = w->request;
    if (org_need_directory(change, error) || check_new_policy(change, r, error) ||
        org_random_id(change, "cp-", 16, w->new_id, error))
        return -1;
    change->touched = true;
    const org_caller *caller = change->caller;
    if (store_run(
            change->session, error,
            "INSERT INTO control_policies (account_id, policy_id, name, description, document, version, "
            "created, updated, position) VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7)",
            "tttttii", caller->account_id, *w->new_id, r->name,
            r->description.p ? r->description : PL_STR(""), r->document, caller->now, change->position))
        return -1;
    return org_put_tags(change->session, caller->account_id, PL_STR(ORG_TAG_POLICY), *w->new_id, &r->tags,
                        error);
}

int org_create_policy(org *o, const org_caller *caller, const org_policy_request *request, pl_str *policy_id,
                      const org_view **after, pl_error *error) {
    policy_work w = {.request = request, .new_id = policy_id};
    return org_write(o, caller, create_work, &w, after, error);
}

static const org_policy *need_policy(const org_change *change, pl_str id, pl_error *error) {
    const org_policy *policy =
        org_need_directory(change, error) ? NULL : org_find_policy(change->directory, id);
    if (!policy && change->directory)
        pl_fail(error, PL_E_EntityNotExists_ControlPolicy);
    return policy;
}

static const org_policy *need_custom(const org_change *change, pl_str id, pl_error *error) {
    const org_policy *policy = need_policy(change, id, error);
    if (!policy || !policy->system)
        return policy;
    pl_fail(error, PL_E_NotSupport_SystemControlPolicy);
    return NULL;
}

static int check_update(const org_change *change, const org_policy *policy, const org_policy_request *r,
                        pl_error *error) {
    const org_policy *other = r->name.p ? find_name(change->directory, r->name) : NULL;
    if (other && other != policy)
        return pl_fail(error, PL_E_EntityAlreadyExists_ControlPolicy);
    if (!r->document.p || !check_document(change, r->document, error))
        return 0;
    if (pl_error_is(error, PL_E_InvalidParameter_PolicyDocument_Length))
        pl_fail(error, PL_E_InvalidParameter_NewPolicyDocument_Length);
    return -1;
}

static int update_work(org_change *change, void *argument, pl_error *error) {
    policy_work *w = argument;
    const org_policy_request *r = w->request;
    const org_policy *policy = need_custom(change, w->id, error);
    if (!policy || check_update(change, policy, r, error))
        return -1;
    change->touched = true;
    return store_run(change->session, error,
                     "UPDATE control_policies SET name = $1, description = $2, "
                     "document = COALESCE($3, document), version = version + $4, updated = $5 "
                     "WHERE account_id = $6 AND policy_id = $7",
                     "tttiitt", r->name.p ? r->name : policy->name,
                     r->description.p ? r->description : policy->description, r->document,
                     (int64_t)(r->document.p != NULL), change->caller->now, change->caller->account_id,
                     policy->id);
}

int org_update_policy(org *o, const org_caller *caller, pl_str policy_id, const org_policy_request *request,
                      const org_view **after, pl_error *error) {
    policy_work w = {.request = request, .id = policy_id};
    return org_write(o, caller, update_work, &w, after, error);
}

static int delete_work(org_change *change, void *argument, pl_error *error) {
    policy_work *w = argument;
    const org_policy *policy = need_custom(change, w->id, error);
    if (!policy)
        return -1;
    if (policy->attachment_count > 0)
        return pl_fail(error, PL_E_DeleteConflict_ControlPolicy_Target);
    change->touched = true;
    pl_str account_id = change->caller->account_id;
    if (store_run(change->session, error,
                  "DELETE FROM control_policies WHERE account_id = $1 AND policy_id = $2", "tt", account_id,
                  policy->id))
        return -1;
    return org_drop_tags(change->session, account_id, PL_STR(ORG_TAG_POLICY), policy->id, error);
}

int org_delete_policy(org *o, const org_caller *caller, pl_str policy_id, pl_error *error) {
    policy_work w = {.id = policy_id};
    return org_write(o, caller, delete_work, &w, NULL, error);
}

/* --- Attachments -----------------------------------------------------------------------------------------
 */

static const org_node *need_target(const org_change *change, pl_str target_id, pl_error *error) {
    const org_node *node = org_find_node(change->before, target_id);
    if (node && node->directory == change->directory)
        return node;
    pl_fail(error, PL_E_EntityNotExists_Target);
    return NULL;
}

static const org_attachment *find_attachment(const org_node *node, const org_policy *policy) {
    for (size_t i = 0; i < node->attachment_count; i++) {
        if (node->attachments[i].policy == policy)
            return &node->attachments[i];
    }
    return NULL;
}

static size_t count_custom(const org_node *node) {
    size_t count = 0;
    for (size_t i = 0; i < node->attachment_count; i++)
        count += !node->attachments[i].policy->system;
    return count;
}

static int attach_work(org_change *change, void *argument, pl_error *error) {
    policy_work *w = argument;
    const org_policy *policy = need_policy(change, w->id, error);
    const org_node *target = policy ? need_target(change, w->target_id, error) : NULL;
    if (!target || need_status(change, ORG_ENABLED, error))
        return -1;
    if (find_attachment(target, policy))
        return pl_fail(error, PL_E_EntityAlreadyExists_ControlPolicyAttachment);
    if (!policy->system && count_custom(target) >= change->org->config.limits.policies_per_target)
        return pl_fail(error, PL_E_LimitExceeded_ControlPolicyAttachment);
    change->touched = true;
    return attach(change, target->id, policy->id, error);
}

int org_attach_policy(org *o, const org_caller *caller, pl_str policy_id, pl_str target_id, pl_error *error) {
    policy_work w = {.id = policy_id, .target_id = target_id};
    return org_write(o, caller, attach_work, &w, NULL, error);
}

static int detach_work(org_change *change, void *argument, pl_error *error) {
    policy_work *w = argument;
    const org_policy *policy = need_policy(change, w->id, error);
    const org_node *target = policy ? need_target(change, w->target_id, error) : NULL;
    if (!target || need_status(change, ORG_ENABLED, error))
        return -1;
    if (!find_attachment(target, policy))
        return pl_fail(error, PL_E_EntityNotExists_ControlPolicyAttachment);
    if (target->attachment_count == 1)
        return pl_fail(error, PL_E_NotSupport_DetachLastControlPolicy);
    change->touched = true;
    return store_run(change->session, error,
                     "DELETE FROM control_policy_attachments WHERE account_id = $1 AND target_id = $2 "
                     "AND policy_id = $3",
                     "ttt", change->caller->account_id, target->id, policy->id);
}

int org_detach_policy(org *o, const org_caller *caller, pl_str policy_id, pl_str target_id, pl_error *error) {
    policy_work w = {.id = policy_id, .target_id = target_id};
    return org_write(o, caller, detach_work, &w, NULL, error);
}

/* --- Documents -------------------------------------------------------------------------------------------
 */

typedef struct document_read {
    pl_arena *arena;
    pl_str owner_id, policy_id;
    pl_str *document;
} document_read;

static int read_document(store_session *session, void *argument, pl_error *error) {
    document_read *r = argument;
    store_statement *st = store_prepare(
        session, "SELECT document FROM control_policies WHERE account_id = $1 AND policy_id = $2", error);
    store_bind_text(st, 1, r->owner_id);
    store_bind_text(st, 2, r->policy_id);
    int step = store_step(st, error);
    if (step != 1)
        return step < 0 ? -1 : pl_fail(error, PL_E_EntityNotExists_ControlPolicy);
    *r->document = pl_arena_copy(r->arena, store_column_text(st, 0));
    return r->document->p ? 0 : org_no_memory(error);
}

int org_read_policy_document(org *o, pl_arena *arena, const org_directory *directory, pl_str policy_id,
                             pl_str *document, pl_error *error) {
    if (pl_str_is(policy_id, ORG_SYSTEM_POLICY_ID)) {
        *document = PL_STR(ORG_SYSTEM_POLICY_DOCUMENT);
        return 0;
    }
    document_read r = {arena, directory->management_id, policy_id, document};
    return store_read(o->config.store, read_document, &r, error);
}
