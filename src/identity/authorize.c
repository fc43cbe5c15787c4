/*
 * May this principal do that: control policies along the directory, session policy, identity policies,
 * policies scoped to a resource group (reference/policy-language.md, section 4; ram-authorization.md,
 * sections 1 to 4). INVARIANT: nothing that goes wrong is an Allow; want of memory is no denial either.
 */
#include "identity/decision.h"

static pl_caller_kind kind_of(const identity_caller *caller) {
    switch (caller->kind) {
    case IDENTITY_ROOT: return PL_CALLER_ROOT;
    case IDENTITY_ASSUMED_ROLE: return PL_CALLER_ROLE;
    case IDENTITY_SERVICE: return PL_CALLER_SERVICE_LINKED_ROLE;
    default: return PL_CALLER_USER; /* an anonymous caller is a user without policies: everything is denied */
    }
}

/* Sessions are known by their role's ARN, without the session name. */
static pl_str principal_arn(pl_arena *arena, const identity_caller *caller) {
    if (caller->kind == IDENTITY_ROOT || caller->kind == IDENTITY_USER)
        return caller->arn;
    return pl_arena_printf(arena, "acs:ram::%.*s:role/%.*s", PL_FMT(caller->account_id),
                           PL_FMT(caller->name));
}

static int find_levels(identity_authority *a, identity *room, pl_arena *arena, pl_str account_id,
                       pl_str owner_id, pl_account_role *role, pl_error *error) {
    *role = PL_ACCOUNT_STANDALONE;
    if (!room->config.org)
        return 0;
    a->view = org_view_open(room->config.org, NULL, error);
    if (!a->view || org_control_levels(a->view, arena, account_id, &a->levels, error) != 0)
        return -1;
    *role = a->levels.role;
    org_levels owner = a->levels;
    if (!pl_str_eq(account_id, owner_id) && org_control_levels(a->view, arena, owner_id, &owner, error) != 0)
        return -1;
    /* The exemption of a management account ends with its own directory. */
    bool elsewhere = owner.role == PL_ACCOUNT_MEMBER && !pl_str_eq(owner.management_id, account_id);
    if (*role == PL_ACCOUNT_MANAGEMENT && elsewhere)
        *role = PL_ACCOUNT_STANDALONE;
    a->sides.control = owner.levels;
    a->sides.control_count = owner.count;
    return 0;
}

/* A service-linked role has no session policy (ram-authorization.md, section 3). */
static int compile_session(identity_authority *a, identity *room, const identity_caller *caller,
                           pl_error *error) {
    size_t bad;
    pl_policy_source source = {PL_POLICY_SESSION, PL_STR("session"), caller->session_policy};
    if (!caller->session_policy.n || caller->kind != IDENTITY_ASSUMED_ROLE)
        return 0;
    if (pl_policy_set_compile(&source, 1, room->seed, &a->session, &bad, error) != 0)
        return -1;
    a->sides.session = a->session;
    return 0;
}

static int find_principal(identity_authority *a, identity *room, const identity_caller *caller,
                          pl_error *error) {
    if (caller->kind == IDENTITY_ROOT)
        return 0;
    if (identity_principal_open(room, caller, &a->principal, error) != 0)
        return -1;
    if (!a->principal->exists)
        return pl_fail(error, PL_E_InvalidAccessKeyId_NotFound);
    a->sides.identity = a->principal->account_wide.set;
    return 0;
}

int identity_authority_open(identity_authority *a, identity *room, pl_arena *arena,
                            const identity_caller *caller, pl_str owner_id, pl_error *error) {
    pl_account_role role;
    a->sides = (pl_authority){.control = NULL};
    a->request = (pl_request){.context = a->context};
    a->principal = NULL;
    a->session = NULL;
    a->overflow = false;
    memset(a->tags, 0, sizeof a->tags);
    a->view = NULL;
    a->levels = (org_levels){.role = PL_ACCOUNT_STANDALONE};
    if (find_levels(a, room, arena, caller->account_id, owner_id, &role, error) != 0 ||
        find_principal(a, room, caller, error) != 0)
        return -1;
    a->request.principal =
        (pl_request_principal){kind_of(caller), role, caller->account_id, principal_arn(arena, caller)};
    return compile_session(a, room, caller, error);
}

void identity_authority_close(identity_authority *a) {
    identity_principal_close(a->principal);
    pl_policy_set_release(a->session);
    if (a->view)
        org_view_close(a->view);
}

/* An absent value leaves the key out. The texts are not copied. Too many deny the call. */
static void add_key(identity_authority *a, pl_str key, pl_str value) {
    if (!value.p)
        return;
    a->overflow |= a->request.context_count == IDENTITY_CONTEXT_MAX;
    if (a->overflow)
        return;
    size_t at = a->request.context_count++;
    a->values[at] = value;
    a->context[at] = (pl_context_entry){key, &a->values[at], 1};
}

void identity_authority_add_keys(identity_authority *a, pl_arena *arena, const identity_caller *caller,
                                 const identity_request *request) {
    char now[PL_TIME_TEXT];
    pl_str yes = PL_STR("true"), no = PL_STR("false");
    add_key(a, PL_STR("acs:CurrentTime"), pl_arena_copy(arena, pl_time_iso(request->now, now)));
    add_key(a, PL_STR("acs:SecureTransport"), request->secure ? yes : no);
    add_key(a, PL_STR("acs:SourceIp"), request->source_ip.n ? request->source_ip : PL_STR_NONE);
    add_key(a, PL_STR("acs:PrincipalARN"), a->request.principal.arn);
    add_key(a, PL_STR("acs:MFAPresent"), caller->mfa ? yes : PL_STR_NONE);
    add_key(a, PL_STR("acs:PrincipalRDId"), a->levels.directory_id);
    add_key(a, PL_STR("acs:PrincipalRDPath"), a->levels.path);
    identity_authority_add_facts(a, request->facts, request->fact_count);
}

void identity_authority_add_facts(identity_authority *a, const identity_fact *facts, size_t count) {
    for (size_t i = 0; i < count; i++)
        add_key(a, facts[i].key, facts[i].value);
}

bool identity_authority_reads_tags(const identity_authority *a) {
    bool reads = pl_policy_set_reads_resource_tags(a->sides.identity) ||
                 pl_policy_set_reads_resource_tags(a->sides.session);
    for (size_t i = 0; i < a->sides.control_count; i++)
        reads |= pl_policy_set_reads_resource_tags(a->sides.control[i].set);
    for (size_t i = 0; a->principal && i < a->principal->group_count; i++)
        reads |= pl_policy_set_reads_resource_tags(a->principal->groups[i].set);
    return reads;
}

static void aim(identity_authority *a, pl_str resource) {
    const identity_scoped_set *group = identity_principal_group(a->principal, resource);
    a->request.resource = resource;
    a->sides.resource_group = group ? group->set : NULL;
}

int identity_authority_decide(identity_authority *a, pl_str resource, pl_decision *decision,
                              pl_error *error) {
    aim(a, resource);
    if (a->overflow) {
        *decision = (pl_decision){.verdict = PL_IMPLICIT_DENY};
        return pl_failf(error, PL_E_InvalidParameter, "the request brings more than %d condition keys",
                        IDENTITY_CONTEXT_MAX);
    }
    return pl_decide(&a->sides, &a->request, decision, error);
}

static int refuse(pl_error *error) {
    return pl_fail_code(error, 403, "NoPermission", "You are not authorized to perform this operation.");
}

/* Replaces the tags of the resource before; `common` keys come from the request itself. */
static int add_tags(identity_authority *a, const identity_request *request, size_t common, size_t index,
                    pl_error *error) {
    identity_seen_tags tags = {.known = true};
    a->request.context_count = common;
    if (!request->tags_of || !identity_authority_reads_tags(a))
        return 0;
    if (request->tags_of(request->tags_context, request->resources[index], &tags.facts, &tags.count, error) !=
        0)
        return -1;
    identity_authority_add_facts(a, tags.facts, tags.count);
    if (index < IDENTITY_RESOURCES_LOGGED)
        a->tags[index] = tags;
    return 0;
}

static int decide_all(identity_authority *a, identity *room, pl_arena *arena, const identity_caller *caller,
                      const identity_request *request, identity_denial *denial, pl_error *error) {
    size_t common = a->request.context_count;
    for (size_t i = 0; i < request->resource_count; i++) {
        pl_decision decision;
        if (add_tags(a, request, common, i, error) != 0)
            return -1;
        if (arena->failed)
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (identity_authority_decide(a, request->resources[i], &decision, error) == 0 &&
            decision.verdict == PL_ALLOW)
            continue;
        identity_authority_explain(a, room, arena, caller, &decision, request->now, denial);
        return refuse(error);
    }
    return request->resource_count ? 0 : refuse(error);
}

int identity_authorize(identity *room, pl_arena *arena, const identity_caller *caller,
                       const identity_request *request, identity_denial *denial, pl_error *error) {
    identity_authority a;
    *denial = (identity_denial){.policy_type = PL_STR("")};
    if (caller->kind == IDENTITY_ANONYMOUS)
        return refuse(error);
    int result = identity_authority_open(&a, room, arena, caller, caller->account_id, error);
    if (result == 0) {
        a.request.action = request->action;
        identity_authority_add_keys(&a, arena, caller, request);
        result = arena->failed ? pl_fail(error, PL_E_ServiceUnavailable)
                               : decide_all(&a, room, arena, caller, request, denial, error);
        identity_calls_note(room, caller, caller->account_id, request, a.tags);
    }
    identity_authority_close(&a);
    return result;
}

/* --- Resource groups ---------------------------------------------------------------------------------------
 */

static const pl_policy_set *group_set(const identity_authority *a, pl_str group_id) {
    for (size_t i = 0; a->principal && i < a->principal->group_count; i++)
        if (pl_str_eq(a->principal->groups[i].resource_group_id, group_id))
            return a->principal->groups[i].set;
    return NULL;
}

static int may_with(identity_authority *a, const identity_request *request, const pl_policy_set *group,
                    bool *may, pl_error *error) {
    pl_decision decision;
    a->request.action = request->action;
    a->request.resource = request->resources[0];
    a->sides.resource_group = group;
    int result = pl_decide(&a->sides, &a->request, &decision, error);
    *may = result == 0 && decision.verdict == PL_ALLOW;
    return result;
}

int identity_may_in_groups(identity *room, pl_arena *arena, const identity_caller *caller,
                           const identity_request *request, const pl_str *group_ids, size_t count,
                           bool *everywhere, bool *allowed, pl_error *error) {
    identity_authority a;
    *everywhere = false;
    memset(allowed, 0, count * sizeof *allowed);
    int result = identity_authority_open(&a, room, arena, caller, caller->account_id, error);
    if (result == 0) {
        identity_authority_add_keys(&a, arena, caller, request);
        result = arena->failed ? pl_fail(error, PL_E_ServiceUnavailable)
                               : may_with(&a, request, NULL, everywhere, error);
        for (size_t i = 0; i < count && result == 0; i++)
            result = may_with(&a, request, group_set(&a, group_ids[i]), &allowed[i], error);
    }
    identity_authority_close(&a);
    return result;
}
