/*
 * What the files of the room share: the view's inside, how it is built, and the frame of every change.
 * Not for other rooms.
 */
#ifndef ORG_INTERNAL_H
#define ORG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/memory.h"
#include "org/change.h"
#include "org/org.h"

#define ORG_CHANNEL "directory"
#define ORG_SYSTEM_POLICY_ID "cp-FullAliyunAccess"
#define ORG_SYSTEM_POLICY_NAME "FullAliyunAccess"
#define ORG_SYSTEM_POLICY_DOCUMENT                                                                           \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"

/* The groups of one account. */
typedef struct org_group_list {
    const org_group **items;
    size_t count;
    size_t capacity;
} org_group_list;

struct org_view {
    pl_arena arena;
    atomic_size_t references;
    int64_t version;
    pl_map nodes;           /* folder, root and member ids: org_node */
    pl_map managed;         /* management account id: org_directory */
    pl_map groups;          /* group id: org_group */
    pl_map memberships;     /* account id: org_group_list */
    pl_map sets;            /* policy ids and versions: pl_policy_set, one reference each */
    org_group **all_groups; /* by owner, then oldest first */
    size_t group_count, group_capacity;
};

/* A view that only the transaction of `session` may see yet. */
typedef struct org_pending {
    store_session *session;
    const org_view *view;
    struct org_pending *next;
} org_pending;

struct org {
    org_config config;
    org_hooks hooks;
    pthread_mutex_t lock; /* guards `view` and `pending` */
    const org_view *view;
    org_pending *pending;
    atomic_llong wanted; /* newest version that anybody told of */
    atomic_bool unsure;  /* notifications may have been missed */
};

/*
 * Reads everything into a new view with one reference. Compiled policy sets are taken over from `old` (may be
 * NULL) where nothing changed.
 */
int org_view_build(store_session *session, const org_view *old, org_view **out, pl_error *error);

/* One reference more; org_view_close gives it back. */
const org_view *org_view_retain(const org_view *view);

/* Makes `view` the newest one unless there is a newer one already. Keeps its own reference. */
void org_publish(org *o, const org_view *view);

/* The version that the session sees. */
int org_read_version(store_session *session, int64_t *version, pl_error *error);

/* Fails with ServiceUnavailable; always -1. */
int org_no_memory(pl_error *error);

#endif
