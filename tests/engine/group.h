/* The account group ca-1 of the owner, as the organisation would tell the engine of it. */
#ifndef PL_TESTS_ENGINE_GROUP_H
#define PL_TESTS_ENGINE_GROUP_H

#include "engine/world.h"

static const pl_str member = PL_STR_INIT("100000000000002");

/* 1: the owner alone is in the group; 2: the member, too. */
static size_t group_size;

static int groups_of(void *context, store_session *session, pl_arena *a, pl_str account_id,
                     engine_group **groups, size_t *count, pl_error *wrong) {
    (void)context;
    (void)session;
    *count = pl_str_eq(account_id, owner) || (group_size == 2 && pl_str_eq(account_id, member));
    *groups = pl_new(a, engine_group, 1);
    if (!*groups)
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    **groups = (engine_group){owner, PL_STR("ca-1")};
    return 0;
}

static int members_of(void *context, store_session *session, pl_arena *a, engine_group group,
                      pl_str **accounts, size_t *count, pl_error *wrong) {
    (void)context;
    (void)session;
    *count = pl_str_is(group.aggregator_id, "ca-1") ? group_size : 0;
    *accounts = pl_new(a, pl_str, 2);
    if (!*accounts)
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    (*accounts)[0] = owner;
    (*accounts)[1] = member;
    return 0;
}

/* Before the engine is opened. */
static inline void found_group(size_t size) {
    group_size = size;
    group_answers = (engine_groups){.groups_of = groups_of, .members_of = members_of};
}

#endif
