/*
 * The frame of every change: one transaction that locks the organisation, works on the newest view, builds
 * the next one when something was touched, and tells the hooks what is different.
 */
#include "org/internal.h"

#include <stdio.h>

typedef struct frame {
    org *org;
    const org_caller *caller;
    org_change_work work;
    void *argument;
    const org_view *after; /* retained; of the last attempt */
} frame;

int org_need_directory(const org_change *change, pl_error *error) {
    return change->directory ? 0 : pl_fail(error, PL_E_EntityNotExists_ResourceDirectory);
}

/* Waits for other changes to end; their result is then visible. */
static int lock_all(store_session *session, int64_t *position, pl_error *error) {
    if (store_run(session, error, "UPDATE directory_version SET locked = locked + 1 WHERE id = 1", ""))
        return -1;
    store_statement *st = store_prepare(session, "SELECT locked FROM directory_version WHERE id = 1", error);
    if (store_step(st, error) != 1)
        return -1;
    *position = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static void add_pending(org *o, org_pending *pending) {
    pthread_mutex_lock(&o->lock);
    pending->next = o->pending;
    o->pending = pending;
    pthread_mutex_unlock(&o->lock);
}

static void drop_pending(org *o, const org_pending *pending) {
    pthread_mutex_lock(&o->lock);
    org_pending **at = &o->pending;
    while (*at != pending)
        at = &(*at)->next;
    *at = pending->next;
    pthread_mutex_unlock(&o->lock);
}

/* --- What is different -----------------------------------------------------------------------------------
 */

static pl_str parent_path(const org_view *view, pl_str account_id) {
    const org_node *node = org_find_node(view, account_id);
    return node && node->parent ? node->parent->path : PL_STR_NONE;
}

static bool same_groups(const org_view *before, const org_view *after, pl_str account_id) {
    size_t old_count, new_count;
    const org_group *const *old_groups = org_groups_of(before, account_id, &old_count);
    const org_group *const *new_groups = org_groups_of(after, account_id, &new_count);
    if (old_count != new_count)
        return false;
    for (size_t i = 0; i < old_count; i++) {
        if (!pl_str_eq(old_groups[i]->id, new_groups[i]->id))
            return false;
    }
    return true;
}

static bool same_place(const org_view *before, const org_view *after, pl_str account_id) {
    return pl_str_eq(parent_path(before, account_id), parent_path(after, account_id)) &&
           same_groups(before, after, account_id);
}

static int tell_account(const org_change *change, const org_view *after, pl_str account_id, pl_error *error) {
    const org_hooks *hooks = &change->org->hooks;
    if (same_place(change->before, after, account_id))
        return 0;
    return hooks->account_changed(hooks->context, change->session, account_id, change->caller->now, error);
}

/* Members of `list` that `other` does not have, or all with NULL. */
static int tell_members(const org_change *change, const org_view *after, const org_view *list,
                        const org_view *other, pl_error *error) {
    size_t cursor = 0;
    pl_str id;
    void *value;
    while (pl_map_next(&list->nodes, &cursor, &id, &value)) {
        if (!((const org_node *)value)->account || (other && org_find_node(other, id)))
            continue;
        if (tell_account(change, after, id, error))
            return -1;
    }
    return 0;
}

/* Management accounts in groups are no nodes: they are found by their memberships. */
static int tell_memberships(const org_change *change, const org_view *after, const org_view *list,
                            const org_view *other, pl_error *error) {
    size_t cursor = 0, count;
    pl_str id;
    void *value;
    while (pl_map_next(&list->memberships, &cursor, &id, &value)) {
        if (org_find_node(after, id) || org_find_node(change->before, id))
            continue;
        if (other && org_groups_of(other, id, &count))
            continue;
        if (tell_account(change, after, id, error))
            return -1;
    }
    return 0;
}

static int tell_groups(const org_change *change, const org_view *after, pl_error *error) {
    const org_hooks *hooks = &change->org->hooks;
    for (size_t i = 0; hooks->group_deleted && i < change->before->group_count; i++) {
        const org_group *group = change->before->all_groups[i];
        if (pl_map_get(&after->groups, group->id))
            continue;
        if (hooks->group_deleted(hooks->context, change->session, group->owner_id, group->id,
                                 change->caller->now, error))
            return -1;
    }
    return 0;
}

static int tell_hooks(const org_change *change, const org_view *after, pl_error *error) {
    const org_view *before = change->before;
    if (tell_groups(change, after, error))
        return -1;
    if (!change->org->hooks.account_changed)
        return 0;
    if (tell_members(change, after, after, NULL, error) || tell_members(change, after, before, after, error))
        return -1;
    return tell_memberships(change, after, after, NULL, error) ||
                   tell_memberships(change, after, before, after, error)
               ? -1
               : 0;
}

/* --- The transaction -------------------------------------------------------------------------------------
 */

static int tell_nodes(const org_change *change, int64_t version, pl_error *error) {
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)version);
    return store_notify(change->session, PL_STR(ORG_CHANNEL), pl_str_of(text, (size_t)n), error);
}

/* The work has touched something: builds the view of it and lets the hooks see it. */
static int follow_up(org_change *change, const org_view **after, pl_error *error) {
    org_view *view;
    if (store_run(change->session, error, "UPDATE directory_version SET version = version + 1 WHERE id = 1",
                  "") ||
        org_view_build(change->session, change->before, &view, error))
        return -1;
    *after = view;
    org_pending pending = {.session = change->session, .view = view};
    add_pending(change->org, &pending);
    int failed = tell_hooks(change, view, error);
    drop_pending(change->org, &pending);
    return failed ? -1 : tell_nodes(change, view->version, error);
}

static int run_frame(store_session *session, void *argument, pl_error *error) {
    frame *f = argument;
    org_view_close(f->after);
    f->after = NULL;
    org_change change = {.org = f->org, .session = session, .caller = f->caller};
    if (lock_all(session, &change.position, error))
        return -1;
    change.before = org_view_open(f->org, session, error);
    if (!change.before)
        return -1;
    change.directory = org_managed_directory(change.before, f->caller->account_id);
    int failed = f->work(&change, f->argument, error);
    if (!failed && change.touched)
        failed = follow_up(&change, &f->after, error);
    else if (!failed)
        f->after = org_view_retain(change.before);
    org_view_close(change.before);
    return failed;
}

int org_write(org *o, const org_caller *caller, org_change_work work, void *argument, const org_view **after,
              pl_error *error) {
    frame f = {.org = o, .caller = caller, .work = work, .argument = argument};
    int failed = caller->write ? caller->write(caller->context, run_frame, &f, error)
                               : store_write(o->config.store, run_frame, &f, error);
    if (failed) {
        org_view_close(f.after);
        return -1;
    }
    org_publish(o, f.after);
    if (o->hooks.committed)
        o->hooks.committed(o->hooks.context);
    if (after)
        *after = f.after;
    else
        org_view_close(f.after);
    return 0;
}
