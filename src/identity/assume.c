/*
 * Assuming a role: the caller's own permission and the role's trust policy must both allow it
 * (reference/policy-language.md, sections 4.3 and 5).
 */
#include "identity/assume.h"

#include "identity/decision.h"
#include "identity/entities.h"

/* acs:ram:<anything>:<account>:role/<name> */
static bool split_role_arn(pl_str arn, pl_str *account_id, pl_str *name) {
    pl_str rest = arn, acs, code, region, prefix = PL_STR("role/");
    if (!pl_str_split(&rest, ':', &acs) || !pl_str_split(&rest, ':', &code) ||
        !pl_str_split(&rest, ':', &region) || !pl_str_split(&rest, ':', account_id) || !rest.p)
        return false;
    *name = pl_str_skip(rest, prefix.n);
    return pl_str_is(acs, "acs") && pl_str_is(code, "ram") && (region.n == 0 || pl_str_is(region, "*")) &&
           account_id->n > 0 && pl_str_starts(rest, prefix) && name->n > 0 && name->n <= IDENTITY_NAME_MAX &&
           pl_str_find_char(*name, '/') == PL_NOT_FOUND;
}

static int check(const identity_assumption *wanted, pl_arena *arena, pl_error *error) {
    const pl_policy *policy;
    pl_str session = wanted->session_name, external = wanted->external_id;
    if (session.n < 2 || session.n > 64 || !pl_str_is_plain(session, ".@-_"))
        return pl_fail(error, PL_E_InvalidParameter_RoleSessionName);
    if (external.p && (external.n < 2 || external.n > 1224 || !pl_str_is_plain(external, "=,.@:/-_+")))
        return pl_fail(error, PL_E_InvalidParameter_ExternalId);
    return wanted->session_policy.p
               ? pl_policy_parse(arena, PL_POLICY_SESSION, wanted->session_policy, &policy, error)
               : 0;
}

typedef struct role_lookup {
    identity_scope scope;
    pl_str name;
    identity_role role;
} role_lookup;

static int refuse(pl_error *error) {
    return pl_fail_code(error, 403, "NoPermission",
                        "You are not authorized to do this action. You should be authorized by RAM.");
}

static int find_role_work(store_session *session, void *argument, pl_error *error) {
    role_lookup *l = argument;
    l->scope.session = session;
    return identity_role_find(&l->scope, l->name, &l->role, error);
}

/* A role that does not exist is one that trusts nobody: `*exists` false. */
static int find_role(identity *room, role_lookup *l, bool *exists, pl_error *error) {
    *exists = store_read(room->config.store, find_role_work, l, error) == 0;
    if (*exists)
        return 0;
    l->role.name = l->name;
    return pl_error_is(error, PL_E_EntityNotExist_Role) ? 0 : -1;
}

static int compile_trust(identity *room, const role_lookup *l, pl_policy_set **trust, pl_error *error) {
    size_t bad;
    pl_policy_source source = {PL_POLICY_TRUST, l->role.name, l->role.trust_policy};
    return pl_policy_set_compile(&source, 1, room->seed, trust, &bad, error);
}

int identity_trust_of(identity *room, pl_arena *arena, pl_str role_arn, pl_policy_set **trust,
                      pl_error *error) {
    bool exists;
    role_lookup l = {.scope = {.room = room, .arena = arena}};
    *trust = NULL;
    if (!split_role_arn(role_arn, &l.scope.account_id, &l.name))
        return 0;
    if (find_role(room, &l, &exists, error) != 0)
        return -1;
    return exists ? compile_trust(room, &l, trust, error) : 0;
}

static int check_duration(const identity_assumption *wanted, const identity_role *role, pl_error *error) {
    if (wanted->duration_seconds >= 900 && wanted->duration_seconds <= role->max_session_seconds)
        return 0;
    return pl_failf(error, PL_E_InvalidParameter_DurationSeconds,
                    "The Min/Max value of DurationSeconds is 900/%lld seconds.",
                    (long long)role->max_session_seconds);
}

typedef struct tag_lookup {
    identity_scope scope;
    pl_str name;
    identity_tag *tags;
    size_t count;
} tag_lookup;

static int read_tags_work(store_session *session, void *argument, pl_error *error) {
    tag_lookup *l = argument;
    l->scope.session = session;
    return identity_tag_read(&l->scope, IDENTITY_TAG_ROLE, l->name, &l->tags, &l->count, error);
}

/* The role is the resource, so its tags are the resource's. */
static int add_role_tags(identity_authority *a, const role_lookup *l, const pl_policy_set *trust,
                         pl_error *error) {
    tag_lookup found = {.scope = l->scope, .name = l->role.name};
    if (!identity_authority_reads_tags(a) && !pl_policy_set_reads_resource_tags(trust))
        return 0;
    if (store_read(l->scope.room->config.store, read_tags_work, &found, error) != 0)
        return -1;
    identity_fact *facts = pl_new(l->scope.arena, identity_fact, found.count + 1);
    if (!facts)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < found.count; i++)
        facts[i] = (identity_fact){
            pl_arena_printf(l->scope.arena, "acs:ResourceTag/%.*s", PL_FMT(found.tags[i].key)),
            found.tags[i].value};
    a->tags[0] = (identity_seen_tags){facts, found.count, true};
    identity_authority_add_facts(a, facts, found.count);
    return 0;
}

static int decide(identity_authority *a, pl_arena *arena, const identity_caller *caller,
                  const identity_assumption *wanted, const role_lookup *l, bool trusts, pl_policy_set *trust,
                  identity_denial *denial, pl_error *error) {
    pl_decision decision;
    pl_str resource =
        pl_arena_printf(arena, "acs:ram:*:%.*s:role/%.*s", PL_FMT(l->scope.account_id), PL_FMT(l->role.name));
    const identity_fact conditions[] = {{PL_STR("sts:ExternalId"), wanted->external_id},
                                        {PL_STR("sts:RoleSessionName"), wanted->session_name},
                                        {PL_STR("sts:SourceIdentity"), wanted->source_identity}};
    identity_request request = {.action = PL_STR("sts:AssumeRole"),
                                .resources = &resource,
                                .resource_count = 1,
                                .source_ip = wanted->source_ip,
                                .secure = wanted->secure,
                                .now = wanted->now,
                                .facts = conditions,
                                .fact_count = sizeof conditions / sizeof *conditions};
    a->request.action = request.action;
    a->sides.trust = trust;
    a->sides.trust_use = trusts ? PL_TRUST_AND_IDENTITY : PL_TRUST_NONE;
    identity_authority_add_keys(a, arena, caller, &request);
    if (add_role_tags(a, l, trust, error) != 0)
        return -1;
    if (arena->failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    bool allowed =
        identity_authority_decide(a, resource, &decision, error) == 0 && decision.verdict == PL_ALLOW;
    /* What strangers try in vain stays out of an account's log, which they could fill. */
    if (allowed || pl_str_eq(caller->account_id, l->scope.account_id))
        identity_calls_note(l->scope.room, caller, l->scope.account_id, &request, a->tags);
    if (allowed)
        return 0;
    identity_authority_explain(a, l->scope.room, arena, caller, &decision, wanted->now, denial);
    return refuse(error);
}

/* A missing role of the caller's own account is named as such to those who may assume it; one of another
 * account is never told from one that trusts nobody. */
static int check_permission(identity *room, pl_arena *arena, const identity_caller *caller,
                            const identity_assumption *wanted, const role_lookup *l, bool exists,
                            identity_denial *denial, pl_error *error) {
    pl_policy_set *trust = NULL;
    if (exists && compile_trust(room, l, &trust, error) != 0)
        return -1;
    identity_authority a;
    bool foreign = !pl_str_eq(l->scope.account_id, caller->account_id);
    int result = identity_authority_open(&a, room, arena, caller, l->scope.account_id, error);
    if (result == 0)
        result = decide(&a, arena, caller, wanted, l, exists || foreign, trust, denial, error);
    identity_authority_close(&a);
    pl_policy_set_release(trust);
    return result == 0 && !exists ? pl_fail(error, PL_E_EntityNotExist_Role) : result;
}

int identity_assume_role(identity *room, pl_arena *arena, const identity_caller *caller,
                         const identity_assumption *wanted, identity_caller *role, identity_session *session,
                         identity_denial *denial, pl_error *error) {
    bool exists;
    identity_denial unread;
    role_lookup l = {.scope = {.room = room, .arena = arena, .now = wanted->now}};
    if (!split_role_arn(wanted->role_arn, &l.scope.account_id, &l.name))
        return pl_fail(error, PL_E_InvalidParameter_RoleArn);
    if (check(wanted, arena, error) != 0 || find_role(room, &l, &exists, error) != 0 ||
        check_permission(room, arena, caller, wanted, &l, exists, denial ? denial : &unread, error) != 0 ||
        check_duration(wanted, &l.role, error) != 0)
        return -1;
    *role = (identity_caller){.kind = IDENTITY_ASSUMED_ROLE,
                              .account_id = l.scope.account_id,
                              .principal_id = l.role.id,
                              .name = l.role.name,
                              .session_name = wanted->session_name,
                              .session_policy = wanted->session_policy,
                              .source_identity = wanted->source_identity};
    role->arn = pl_arena_printf(arena, "acs:ram::%.*s:role/%.*s/%.*s", PL_FMT(role->account_id),
                                PL_FMT(role->name), PL_FMT(role->session_name));
    return identity_session_make(room, arena, role, wanted->now + wanted->duration_seconds * 1000, session,
                                 error);
}
