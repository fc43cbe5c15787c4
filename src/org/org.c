/*
 * Opening and closing the room, and the newest view: who reads it, when it is read anew, how another takes
 * its place.
 *
 * A reader takes a reference under a short lock; a change puts a whole new view in the old one's place. A
 * node that missed a change of another node sees `wanted` ahead of its view and reads it anew.
 */
#include "org/internal.h"

/* --- The newest view -------------------------------------------------------------------------------------
 */

void org_publish(org *o, const org_view *view) {
    const org_view *old = view;
    pthread_mutex_lock(&o->lock);
    if (!o->view || view->version > o->view->version) {
        old = o->view;
        o->view = org_view_retain(view);
    } else {
        old = NULL;
    }
    pthread_mutex_unlock(&o->lock);
    org_view_close(old);
}

/* The view of the session's own change, if it is one, else the newest. Retained. */
static const org_view *take_view(org *o, const store_session *session, bool *own) {
    *own = false;
    pthread_mutex_lock(&o->lock);
    const org_view *view = o->view;
    for (const org_pending *p = o->pending; session && p; p = p->next) {
        if (p->session == session) {
            view = p->view;
            *own = true;
        }
    }
    org_view_retain(view);
    pthread_mutex_unlock(&o->lock);
    return view;
}

/* Replaces `*view` by a newer one when the session sees a newer version. */
static int follow(org *o, store_session *session, const org_view **view, pl_error *error) {
    int64_t version;
    if (org_read_version(session, &version, error))
        return -1;
    if (version == (*view)->version)
        return 0;
    org_view *fresh;
    if (org_view_build(session, *view, &fresh, error))
        return -1;
    org_view_close(*view);
    *view = fresh;
    org_publish(o, fresh);
    return 0;
}

typedef struct refresh {
    org *org;
    const org_view **view;
} refresh;

static int refresh_work(store_session *session, void *argument, pl_error *error) {
    refresh *r = argument;
    return follow(r->org, session, r->view, error);
}

const org_view *org_view_open(org *o, store_session *session, pl_error *error) {
    bool own;
    const org_view *view = take_view(o, session, &own);
    int failed = 0;
    if (session) {
        failed = own ? 0 : follow(o, session, &view, error);
    } else if (atomic_load(&o->wanted) > view->version || atomic_exchange(&o->unsure, false)) {
        failed = store_read(o->config.store, refresh_work, &(refresh){o, &view}, error);
        if (failed)
            atomic_store(&o->unsure, true);
    }
    if (!failed)
        return view;
    org_view_close(view);
    return NULL;
}

/* --- Opening the room ------------------------------------------------------------------------------------
 */

static void on_notified(void *context, pl_str payload) {
    org *o = context;
    int64_t version;
    if (!pl_str_to_i64(payload, &version)) {
        atomic_store(&o->unsure, true);
        return;
    }
    long long seen = atomic_load(&o->wanted);
    while (seen < version && !atomic_compare_exchange_weak(&o->wanted, &seen, version)) {
    }
}

static void default_to(uint32_t *limit, uint32_t value) {
    if (*limit == 0)
        *limit = value;
}

static void fill_limits(org_limits *limits) {
    default_to(&limits->folders, 10000);
    default_to(&limits->folder_depth, 5);
    default_to(&limits->accounts, 10000);
    default_to(&limits->invitations_per_day, 20);
    default_to(&limits->control_policies, 1500);
    default_to(&limits->policies_per_target, 10);
    default_to(&limits->delegates_per_service, 5);
    default_to(&limits->groups, 5);
    default_to(&limits->accounts_per_group, 200);
    default_to(&limits->resource_groups, 30);
}

static int first_view(store_session *session, void *argument, pl_error *error) {
    return org_view_build(session, NULL, argument, error);
}

int org_open(org **out, const org_config *config, pl_error *error) {
    org *o = pl_calloc(1, sizeof *o);
    if (!o)
        return org_no_memory(error);
    o->config = *config;
    fill_limits(&o->config.limits);
    pthread_mutex_init(&o->lock, NULL);
    org_view *view = NULL;
    int failed = store_read(config->store, first_view, &view, error);
    o->view = view;
    atomic_init(&o->unsure, true); /* what happened between reading and listening is not known */
    if (failed || store_listen(config->store, PL_STR(ORG_CHANNEL), on_notified, o, error)) {
        org_close(o);
        return -1;
    }
    *out = o;
    return 0;
}

void org_set_hooks(org *o, const org_hooks *hooks) {
    o->hooks = *hooks;
}

void org_close(org *o) {
    if (!o)
        return;
    org_view_close(o->view);
    pthread_mutex_destroy(&o->lock);
    pl_free(o);
}
