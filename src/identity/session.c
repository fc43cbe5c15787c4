/*
 * Role sessions. Nothing is stored: the security token is the session, sealed with the key file and bound to
 * its access key id. It carries who, until when, the session policy and the secret, so every node can check
 * it.
 */
#include "identity/internal.h"

#include "base/encode.h"
#include "json/parser.h"

enum { TOKEN_MAX = 16384 };

static void add_member(pl_buf *out, const char *name, pl_str value) {
    pl_buf_add(out, out->n > 1 ? PL_STR(",") : PL_STR(""));
    pl_json_write_string(out, pl_str_from(name));
    pl_buf_add_char(out, ':');
    pl_json_write_string(out, value);
}

static void write_payload(pl_buf *out, const identity_caller *role, const identity_session *s) {
    pl_buf_add_char(out, '{');
    add_member(out, "account", role->account_id);
    add_member(out, "role", role->name);
    add_member(out, "id", role->principal_id);
    add_member(out, "session", role->session_name);
    add_member(out, "secret", pl_str_from(s->access_key_secret));
    if (role->session_policy.p)
        add_member(out, "policy", role->session_policy);
    if (role->source_identity.p)
        add_member(out, "source", role->source_identity);
    pl_buf_printf(out, ",\"service\":%s,\"mfa\":%s,\"expires\":%lld}",
                  role->kind == IDENTITY_SERVICE ? "true" : "false", role->mfa ? "true" : "false",
                  (long long)s->expires);
}

static int seal_token(identity *room, pl_arena *arena, pl_str payload, identity_session *out,
                      pl_error *error) {
    pl_buf sealed, token;
    pl_buf_init(&sealed, TOKEN_MAX);
    pl_buf_init(&token, (size_t)TOKEN_MAX * 2);
    int result = identity_seal(room, &sealed, payload, pl_str_from(out->access_key_id));
    if (result == 0)
        pl_base64_encode(&token, pl_buf_str(&sealed));
    out->security_token = pl_arena_copy(arena, pl_buf_str(&token));
    if (result != 0 || sealed.failed || token.failed || !out->security_token.p)
        result = pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf_free(&sealed);
    pl_buf_free(&token);
    return result;
}

int identity_session_make(identity *room, pl_arena *arena, const identity_caller *role, int64_t expires,
                          identity_session *out, pl_error *error) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    pl_str alphabet = pl_str_of(letters, sizeof letters - 1);
    const pl_random *random = &room->config.random;
    *out = (identity_session){.access_key_id = "STS.N", .expires = expires};
    if (pl_random_text(random, out->access_key_id + 5, 24, alphabet) != 0 ||
        pl_random_text(random, out->access_key_secret, 44, alphabet) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf payload;
    /* Room for all of it, so that growing leaves no copy of the secret behind. */
    pl_buf_init(&payload, TOKEN_MAX);
    pl_buf_reserve(&payload, TOKEN_MAX);
    write_payload(&payload, role, out);
    int result = payload.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                                : seal_token(room, arena, pl_buf_str(&payload), out, error);
    if (payload.p)
        explicit_bzero(payload.p, payload.n);
    pl_buf_free(&payload);
    return result;
}

static pl_str text(pl_json payload, const char *name) {
    return pl_json_str(pl_json_get(payload, pl_str_from(name)));
}

static void fill_key(pl_arena *arena, pl_json payload, pl_str access_key_id, identity_key *key) {
    identity_caller *caller = &key->caller;
    bool service = false;
    pl_json_bool(pl_json_get(payload, PL_STR("service")), &service);
    pl_json_bool(pl_json_get(payload, PL_STR("mfa")), &caller->mfa);
    caller->kind = service ? IDENTITY_SERVICE : IDENTITY_ASSUMED_ROLE;
    caller->account_id = text(payload, "account");
    caller->principal_id = text(payload, "id");
    caller->name = text(payload, "role");
    caller->session_name = text(payload, "session");
    caller->session_policy = text(payload, "policy");
    caller->source_identity = text(payload, "source");
    caller->arn = pl_arena_printf(arena, "acs:ram::%.*s:role/%.*s/%.*s", PL_FMT(caller->account_id),
                                  PL_FMT(caller->name), PL_FMT(caller->session_name));
    caller->access_key_id = pl_arena_copy(arena, access_key_id);
    key->secret = text(payload, "secret");
    key->active = true;
}

/* Once more when another process has replaced the key file. */
static int unseal(identity *room, pl_buf *plain, pl_str sealed, pl_str access_key_id) {
    if (identity_unseal(room, plain, sealed, access_key_id) == 0)
        return 0;
    return identity_seal_reload(room) ? identity_unseal(room, plain, sealed, access_key_id) : -1;
}

static int open_payload(identity *room, pl_arena *arena, pl_str access_key_id, pl_str token, pl_json *payload,
                        pl_error *error) {
    pl_buf sealed, plain;
    pl_buf_init(&sealed, TOKEN_MAX);
    pl_buf_init(&plain, TOKEN_MAX);
    int result = 0;
    if (!pl_base64_decode(&sealed, token) || sealed.failed)
        result = pl_fail(error, PL_E_InvalidSecurityToken_Malformed);
    else if (unseal(room, &plain, pl_buf_str(&sealed), access_key_id) != 0)
        result = pl_fail(error, PL_E_InvalidSecurityToken_MismatchWithAccessKey);
    else if (pl_json_parse_in(arena, pl_buf_str(&plain), payload, error) != 0)
        result = pl_fail(error, PL_E_InvalidSecurityToken_Malformed);
    if (plain.p)
        explicit_bzero(plain.p, plain.n);
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
    return result;
}

/* A session ends with its role; a new role of the same name has another id. */
static int check_role(identity *room, const identity_caller *caller, pl_error *error) {
    identity_principal *principal;
    if (identity_principal_open(room, caller, &principal, error) != 0)
        return -1;
    bool exists = principal->exists;
    identity_principal_close(principal);
    return exists ? 0 : pl_fail(error, PL_E_InvalidSecurityToken_Expired);
}

int identity_session_open(identity *room, pl_arena *arena, pl_str access_key_id, pl_str token, int64_t now,
                          identity_key *key, pl_error *error) {
    pl_json payload;
    int64_t expires = 0;
    if (open_payload(room, arena, access_key_id, token, &payload, error) != 0)
        return -1;
    pl_json_i64(pl_json_get(payload, PL_STR("expires")), &expires);
    if (expires <= now)
        return pl_fail(error, PL_E_InvalidSecurityToken_Expired);
    fill_key(arena, payload, access_key_id, key);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : check_role(room, &key->caller, error);
}
