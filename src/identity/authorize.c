/*
 * May this principal do that: control policies along the directory, session policy, identity policies,
 * policies scoped to a resource group (reference/policy-language.md, section 4; ram-authorization.md,
 * sections 1 to 4). INVARIANT: everything that goes wrong is a denial.
 */
#include "identity/internal.h"
#include "org/org.h"

enum { CONTEXT_MAX = 8 };

/* All that has a say in one call, held while it is decided. */
typedef struct authority {
    pl_authority sides;
    pl_request request;
    pl_policy_set *account_wide, *by_group, *session;
    const org_view *view;
    org_levels levels;
    pl_context_entry context[CONTEXT_MAX];
    pl_str values[CONTEXT_MAX];
} authority;

static void add_context(authority *a, const char *key, pl_str value) {
    if (!value.p || a->request.context_count == CONTEXT_MAX)
        return;
    size_t at = a->request.context_count++;
    a->values[at] = value;
    a->context[at] = (pl_context_entry){pl_str_from(key), &a->values[at], 1};
}

static void fill_context(authority *a, pl_arena *arena, const identity_caller *caller,
                         const identity_request *request) {
    char now[PL_TIME_TEXT];
    a->request.context = a->context;
    add_context(a, "acs:CurrentTime", pl_arena_copy(arena, pl_time_iso(request->now, now)));
    add_context(a, "acs:SecureTransport", request->secure ? PL_STR("true") : PL_STR("false"));
    add_context(a, "acs:SourceIp", request->source_ip.n ? request->source_ip : PL_STR_NONE);
    add_context(a, "acs:PrincipalARN", a->request.principal.arn);
    add_context(a, "acs:MFAPresent", caller->mfa ? PL_STR("true") : PL_STR_NONE);
    add_context(a, "acs:PrincipalRDId", a->levels.directory_id);
    add_context(a, "acs:PrincipalRDPath", a->levels.path);
}

static pl_caller_kind kind_of(const identity_caller *caller) {
    switch (caller->kind) {
    case IDENTITY_ROOT: return PL_CALLER_ROOT;
    case IDENTITY_USER: return PL_CALLER_USER;
    case IDENTITY_ASSUMED_ROLE: return PL_CALLER_ROLE;
    case IDENTITY_SERVICE: return PL_CALLER_SERVICE_LINKED_ROLE;
    case IDENTITY_ANONYMOUS: break; /* a user without policies: everything is denied */
    }
    return PL_CALLER_USER;
}

/* Sessions are known by their role's ARN, without the session name. */
static pl_str principal_arn(pl_arena *arena, const identity_caller *caller) {
    if (caller->kind == IDENTITY_ROOT || caller->kind == IDENTITY_USER)
        return caller->arn;
    return pl_arena_printf(arena, "acs:ram::%.*s:role/%.*s", PL_FMT(caller->account_id),
                           PL_FMT(caller->name));
}

static int find_levels(authority *a, identity *room, pl_arena *arena, pl_str account_id, pl_error *error) {
    a->levels.role = PL_ACCOUNT_STANDALONE;
    if (!room->config.org)
        return 0;
    a->view = org_view_open(room->config.org, NULL, error);
    if (!a->view || org_control_levels(a->view, arena, account_id, &a->levels, error) != 0)
        return -1;
    a->sides.control = a->levels.levels;
    a->sides.control_count = a->levels.count;
    return 0;
}

static int compile_session(authority *a, identity *room, const identity_caller *caller, pl_error *error) {
    size_t bad;
    pl_policy_source source = {PL_POLICY_SESSION, PL_STR("session"), caller->session_policy};
    if (!caller->session_policy.n)
        return 0;
    if (pl_policy_set_compile(&source, 1, room->seed, &a->session, &bad, error) != 0)
        return -1;
    a->sides.session = a->session;
    return 0;
}

static int gather(authority *a, identity *room, pl_arena *arena, const identity_caller *caller,
                  pl_error *error) {
    bool exists = true;
    if (find_levels(a, room, arena, caller->account_id, error) != 0)
        return -1;
    if (caller->kind != IDENTITY_ROOT &&
        identity_principal_sets(room, caller, &a->account_wide, &a->by_group, &exists, error) != 0)
        return -1;
    if (!exists)
        return pl_fail(error, PL_E_InvalidAccessKeyId_NotFound);
    a->sides.identity = a->account_wide;
    a->request.principal = (pl_request_principal){kind_of(caller), a->levels.role, caller->account_id,
                                                  principal_arn(arena, caller)};
    return compile_session(a, room, caller, error);
}

static void let_go(authority *a) {
    pl_policy_set_release(a->account_wide);
    pl_policy_set_release(a->by_group);
    pl_policy_set_release(a->session);
    if (a->view)
        org_view_close(a->view);
}

static int deny(pl_arena *arena, const pl_decision *decision, identity_denial *denial, pl_error *error) {
    denial->policy_type = pl_decider_policy_type(decision->decided_by);
    denial->no_permission_type = pl_ruling_name(decision->verdict);
    denial->decided_at = pl_arena_copy(arena, decision->decided_at);
    return pl_fail_code(error, 403, "NoPermission", "You are not authorized to perform this operation.");
}

static int decide_all(authority *a, pl_arena *arena, const identity_request *request, identity_denial *denial,
                      pl_error *error) {
    for (size_t i = 0; i < request->resource_count; i++) {
        pl_decision decision;
        a->request.resource = request->resources[i];
        if (pl_decide(&a->sides, &a->request, &decision, error) != 0 || decision.verdict != PL_ALLOW)
            return deny(arena, &decision, denial, error);
    }
    return request->resource_count ? 0
                                   : pl_fail_code(error, 403, "NoPermission", "No resource to decide about.");
}

int identity_authorize(identity *room, pl_arena *arena, const identity_caller *caller,
                       const identity_request *request, identity_denial *denial, pl_error *error) {
    authority a = {.request.action = request->action};
    *denial = (identity_denial){.policy_type = PL_STR("")};
    int result = gather(&a, room, arena, caller, error);
    if (result == 0) {
        fill_context(&a, arena, caller, request);
        result = arena->failed ? pl_fail(error, PL_E_ServiceUnavailable)
                               : decide_all(&a, arena, request, denial, error);
    }
    let_go(&a);
    return result;
}
