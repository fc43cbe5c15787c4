/* Security Token Service: who is calling, and sessions of roles. */
#include "api/answer.h"
#include "api/operations.gen.h"
#include "identity/assume.h"

int sts_get_caller_identity(api_call *call) {
    const identity_caller *caller = call->caller;
    bool session = caller->kind == IDENTITY_ASSUMED_ROLE || caller->kind == IDENTITY_SERVICE;
    pl_str type = session                         ? PL_STR("AssumedRoleUser")
                  : caller->kind == IDENTITY_USER ? PL_STR("RAMUser")
                                                  : PL_STR("Account");
    pl_str principal = caller->principal_id;
    if (session)
        principal = pl_arena_printf(call->arena, "%.*s:%.*s", PL_FMT(caller->principal_id),
                                    PL_FMT(caller->session_name));
    api_write_text(call->out, "AccountId", caller->account_id);
    api_write_text(call->out, "Arn", caller->arn);
    api_write_text(call->out, "IdentityType", type);
    api_write_text(call->out, "PrincipalId", principal);
    api_write_text(call->out, session ? "RoleId" : "UserId", caller->principal_id);
    return 0;
}

static void write_session(api_call *call, const identity_caller *role, const identity_session *session) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("AssumedRoleUser"));
    api_write_text(out, "Arn", role->arn);
    api_write_text(
        out, "AssumedRoleId",
        pl_arena_printf(call->arena, "%.*s:%.*s", PL_FMT(role->principal_id), PL_FMT(role->session_name)));
    pl_write_object_end(out);
    pl_write_object(out, PL_STR("Credentials"));
    api_write_text(out, "AccessKeyId", pl_str_from(session->access_key_id));
    api_write_text(out, "AccessKeySecret", pl_str_from(session->access_key_secret));
    api_write_time(out, "Expiration", session->expires);
    api_write_text(out, "SecurityToken", session->security_token);
    pl_write_object_end(out);
    pl_write_optional(out, PL_STR("SourceIdentity"), role->source_identity);
}

/* A role session that carries a source identity hands it on, and cannot take another. */
static pl_str source_identity(const api_call *call) {
    pl_str carried = call->caller->source_identity, given = api_text(call, "SourceIdentity");
    return carried.n ? carried : given.n ? given : PL_STR_NONE;
}

int sts_assume_role(api_call *call) {
    pl_str policy = api_text(call, "Policy"), external = api_text(call, "ExternalId");
    identity_assumption wanted = {.role_arn = api_text(call, "RoleArn"),
                                  .session_name = api_text(call, "RoleSessionName"),
                                  .session_policy = policy.n ? policy : PL_STR_NONE,
                                  .external_id = external.n ? external : PL_STR_NONE,
                                  .source_identity = source_identity(call),
                                  .duration_seconds = api_number(call, "DurationSeconds", 3600),
                                  .source_ip = call->source_ip,
                                  .secure = call->secure,
                                  .now = call->now};
    identity_caller role;
    identity_session session;
    if (identity_assume_role(call->services->identity, call->arena, call->caller, &wanted, &role, &session,
                             call->denial, call->error) != 0)
        return -1;
    write_session(call, &role, &session);
    explicit_bzero(&session, sizeof session);
    return 0;
}

/*
 * Plumbline keeps no identity providers, so there is none that could have issued the token or assertion. The
 * code follows the scheme of the other missing entities.
 */
int sts_assume_role_with_saml(api_call *call) {
    return pl_fail_code(call->error, 404, "EntityNotExist.SAMLProvider", "The SAML provider does not exist.");
}

int sts_assume_role_with_oidc(api_call *call) {
    return pl_fail_code(call->error, 404, "EntityNotExist.OIDCProvider", "The OIDC provider does not exist.");
}
