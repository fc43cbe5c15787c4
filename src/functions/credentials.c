/*
 * The credentials in a function's context: a session of the role that the function names. A function without
 * one acts as the account's function role, which is made when it is first needed, and may then only read the
 * account's configuration and hand in results.
 */
#include "functions/private.h"

#include "identity/entities.h"
#include "json/parser.h"

enum { SESSION_HOURS = 36 };

static const pl_str default_role = PL_STR_INIT("PlumblineFunctionRole");
static const pl_str trust = PL_STR_INIT(
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{"
    "\"Service\":[\"fc.aliyuncs.com\"]}}]}");
static const pl_str reporting = PL_STR_INIT(
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"config:PutEvaluations\","
    "\"config:Get*\",\"config:List*\",\"config:Describe*\"],\"Resource\":\"*\"}]}");

struct finding {
    functions *f;
    pl_arena *arena;
    const function_record *function;
    pl_str name;
    int64_t now;
    identity_role role;
    bool missing;
};

static identity_scope scope_of(const struct finding *w, store_session *session) {
    return (identity_scope){w->f->config.identity, session, w->arena, w->function->account_id, w->now};
}

static int find_role(store_session *session, void *argument, pl_error *error) {
    struct finding *w = argument;
    identity_scope scope = scope_of(w, session);
    w->missing = false;
    if (identity_role_find(&scope, w->name, &w->role, error) == 0)
        return 0;
    w->missing = error->http_status == 404;
    return w->missing ? 0 : -1;
}

static int make_role(store_session *session, void *argument, pl_error *error) {
    struct finding *w = argument;
    identity_scope scope = scope_of(w, session);
    if (find_role(session, argument, error) != 0)
        return -1;
    if (!w->missing) /* another thread was faster */
        return 0;
    w->role = (identity_role){.name = default_role,
                              .description = PL_STR("Functions without a role of their own act as this one."),
                              .trust_policy = trust,
                              .max_session_seconds = 3600};
    identity_attachment attachment = {.kind = IDENTITY_ON_ROLE,
                                      .principal_name = default_role,
                                      .system = true,
                                      .policy_name = PL_STR("AliyunConfigFullAccess"),
                                      .resource_group_id = PL_STR("")};
    return identity_role_create(&scope, &w->role, error) == 0 ? identity_attach(&scope, &attachment, error)
                                                              : -1;
}

/* True when a statement of the trust policy lets the function service assume the role. */
static bool trusts_functions(pl_arena *arena, pl_str policy) {
    pl_json root, statement, service;
    pl_str unnamed;
    pl_error ignored;
    if (pl_json_parse_in(arena, policy, &root, &ignored) != 0)
        return false;
    for (pl_json_walk w = pl_json_children(pl_json_get(root, PL_STR("Statement")));
         pl_json_step(&w, &unnamed, &statement);) {
        pl_json named = pl_json_get(pl_json_get(statement, PL_STR("Principal")), PL_STR("Service"));
        if (!pl_str_is(pl_json_str(pl_json_get(statement, PL_STR("Effect"))), "Allow"))
            continue;
        if (pl_str_is(pl_json_str(named), "fc.aliyuncs.com"))
            return true;
        for (pl_json_walk v = pl_json_children(named); pl_json_step(&v, &unnamed, &service);)
            if (pl_str_is(pl_json_str(service), "fc.aliyuncs.com"))
                return true;
    }
    return false;
}

/* acs:ram::{account}:role/{name} of the function's own account. */
static bool own_role_name(const function_record *function, pl_arena *arena, pl_str *name) {
    pl_str prefix = pl_arena_printf(arena, "acs:ram::%.*s:role/", PL_FMT(function->account_id));
    if (!prefix.p || !pl_str_starts(function->role, prefix))
        return false;
    *name = pl_str_skip(function->role, prefix.n);
    return name->n > 0;
}

static int find_named(struct finding *w, pl_error *error) {
    if (!own_role_name(w->function, w->arena, &w->name))
        return pl_failf(error, PL_E_ServiceUnavailable, "The function's role %.*s is not one of its account.",
                        PL_FMT(w->function->role));
    if (store_read(w->f->config.store, find_role, w, error) != 0)
        return -1;
    if (w->missing || !trusts_functions(w->arena, w->role.trust_policy))
        return pl_failf(error, PL_E_ServiceUnavailable,
                        "The function's role %.*s does not exist or does not trust fc.aliyuncs.com.",
                        PL_FMT(w->function->role));
    return 0;
}

static int find_default(struct finding *w, pl_error *error) {
    w->name = default_role;
    if (store_read(w->f->config.store, find_role, w, error) != 0)
        return -1;
    return w->missing ? store_write(w->f->config.store, make_role, w, error) : 0;
}

int function_credentials(functions *f, pl_arena *arena, const function_record *function, int64_t now,
                         identity_session *session, pl_error *error) {
    struct finding w = {.f = f, .arena = arena, .function = function, .now = now};
    bool named = function->role.n > 0;
    if ((named ? find_named(&w, error) : find_default(&w, error)) != 0)
        return -1;
    identity_caller role = {.kind = IDENTITY_ASSUMED_ROLE,
                            .account_id = function->account_id,
                            .principal_id = w.role.id,
                            .name = w.role.name,
                            .session_name = function->name,
                            .session_policy = named ? PL_STR_NONE : reporting};
    return identity_session_make(f->config.identity, arena, &role, now + (int64_t)SESSION_HOURS * 3600000,
                                 session, error);
}
