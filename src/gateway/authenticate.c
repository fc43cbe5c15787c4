/*
 * Whose request is it? Common parameters, timestamp, access key, signature and nonce, in this order
 * (reference/gateway.md, sections 3 to 6 and 9).
 */
#include "base/digest.h"
#include "base/encode.h"
#include "gateway/request.h"

static int missing(gateway_request *r, const char *name) {
    return pl_failf(
        &r->error, PL_E_MissingParameter,
        "The input parameter \"%s\" that is mandatory for processing this request is not supplied.", name);
}

static int check_names(gateway_request *r) {
    bool headers = r->kind != REQUEST_V1;
    if (r->action.n == 0)
        return missing(r, headers ? "x-acs-action" : "Action");
    return r->version.n == 0 ? missing(r, headers ? "x-acs-version" : "Version") : 0;
}

static int check_timestamp(gateway_request *r) {
    if (r->timestamp == INT64_MAX)
        return pl_fail(&r->error, PL_E_InvalidTimeStamp_Format);
    int64_t skew = r->timestamp > r->now ? r->timestamp - r->now : r->now - r->timestamp;
    return skew > NONCE_SKEW_MS ? pl_fail(&r->error, PL_E_InvalidTimeStamp_Expired) : 0;
}

static int check_nonce_text(gateway_request *r, const char *name) {
    if (r->nonce.n == 0)
        return missing(r, name);
    if (r->nonce.n > NONCE_MAX || !pl_utf8_valid(r->nonce) ||
        pl_str_find_char(r->nonce, '\0') != PL_NOT_FOUND)
        return pl_failf(&r->error, PL_E_InvalidParameter, "Specified parameter %s is not valid.", name);
    return 0;
}

static int find_key(gateway_request *r, pl_str id, pl_str token, identity_key *key) {
    const gateway_guard *guard = &r->shared->options->guard;
    if (guard->find_key(r->shared->services->identity, &r->arena, id, token, r->now, key, &r->error) != 0)
        return -1;
    return key->active ? 0 : pl_fail(&r->error, PL_E_InvalidAccessKeyId_Inactive);
}

/* Takes the caller over and removes the secret from memory. */
static int end_with_key(gateway_request *r, identity_key *key, int result) {
    if (key->secret.n)
        explicit_bzero((char *)(uintptr_t)key->secret.p, key->secret.n);
    if (result == 0)
        r->caller = key->caller;
    return result;
}

static bool changes_something(const gateway_request *r) {
    return !r->operation || !r->operation->read_only;
}

/* ---- version 1 ---- */

static pl_str parameter(const gateway_request *r, const char *name) {
    return api_fields_text(&r->fields, pl_str_from(name));
}

static int check_common_v1(gateway_request *r, signature_method *method) {
    static const char *const needed[] = {"AccessKeyId", "SignatureMethod", "SignatureVersion"};
    if (parameter(r, "SignatureType").n > 0)
        return pl_fail(&r->error, PL_E_UnsupportedSignatureType);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (parameter(r, needed[i]).n == 0)
            return missing(r, needed[i]);
    }
    if (parameter(r, "Timestamp").n == 0 && parameter(r, "TimeStamp").n == 0)
        return missing(r, "Timestamp");
    if (check_nonce_text(r, "SignatureNonce") != 0)
        return -1;
    if (!pl_str_is(parameter(r, "SignatureVersion"), "1.0"))
        return pl_fail(&r->error, PL_E_InvalidSignatureVersion);
    bool sha1 = pl_str_is(parameter(r, "SignatureMethod"), "HMAC-SHA1");
    if (!sha1 && !pl_str_is(parameter(r, "SignatureMethod"), "HMAC-SHA256"))
        return pl_fail(&r->error, PL_E_InvalidSignatureMethod);
    *method = sha1 ? SIGNATURE_HMAC_SHA1 : SIGNATURE_HMAC_SHA256;
    return 0;
}

/* The signature as sent; blanks stand for plus signs that the client forgot to escape. */
static bool read_signature(gateway_request *r, signature_method method, pl_str *signature) {
    pl_str sent = parameter(r, "Signature");
    size_t size = method == SIGNATURE_HMAC_SHA1 ? 28 : 44;
    char *copy = pl_arena_cstr(&r->arena, sent);
    if (!copy || sent.n != size)
        return false;
    for (size_t i = 0; i < sent.n; i++)
        copy[i] = copy[i] == ' ' ? '+' : copy[i];
    *signature = pl_str_of(copy, sent.n);
    char bytes[48];
    pl_buf out = {.p = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};
    return pl_base64_decode(&out, *signature);
}

static int fail_with_string(gateway_request *r, pl_error_code code) {
    r->error_tail =
        pl_arena_printf(&r->arena, " server string to sign is:%.*s", PL_FMT(pl_buf_str(&r->scratch)));
    return pl_fail(&r->error, code);
}

static int compare_v1(gateway_request *r, signature_method method, pl_str secret) {
    pl_str sent;
    char value[64];
    pl_buf own = {.p = value, .capacity = sizeof value, .limit = sizeof value};
    if (!read_signature(r, method, &sent))
        return fail_with_string(r, PL_E_IncompleteSignature);
    if (signature_v1_value(&own, method, secret, pl_buf_str(&r->scratch)) != 0)
        return pl_fail(&r->error, PL_E_InternalError);
    return pl_str_eq_constant_time(sent, pl_buf_str(&own)) ? 0
                                                           : fail_with_string(r, PL_E_SignatureDoesNotMatch);
}

static int authenticate_v1(gateway_request *r) {
    signature_method method = SIGNATURE_HMAC_SHA1;
    identity_key key = {0};
    if (check_common_v1(r, &method) != 0 || check_timestamp(r) != 0 ||
        find_key(r, parameter(r, "AccessKeyId"), parameter(r, "SecurityToken"), &key) != 0)
        return end_with_key(r, &key, -1);
    pl_buf_clear(&r->scratch);
    signature_v1_string(&r->scratch, r->method, &r->fields);
    if (r->scratch.failed)
        return end_with_key(r, &key, pl_fail(&r->error, PL_E_ServiceUnavailable));
    return end_with_key(r, &key, compare_v1(r, method, key.secret));
}

/* ---- version 3 ---- */

enum { NEEDED = 6 };

static const pl_str needed_headers[NEEDED] = {
    PL_STR_INIT("host"),       PL_STR_INIT("x-acs-action"),          PL_STR_INIT("x-acs-version"),
    PL_STR_INIT("x-acs-date"), PL_STR_INIT("x-acs-signature-nonce"), PL_STR_INIT("x-acs-content-sha256")};

/* Which of the headers that every request needs, and of those that this one has, are among the signed names.
 */
static void mark_signed(const gateway_request *r, bool needed[static NEEDED], bool *sent) {
    pl_str name;
    for (pl_str names = r->authorization.signed_headers; pl_str_split(&names, ';', &name);) {
        for (size_t i = 0; i < NEEDED; i++)
            needed[i] |= pl_str_eq(needed_headers[i], name);
        for (size_t i = 0; i < r->header_count; i++)
            sent[i] |= pl_str_eq(r->headers[i].name, name);
    }
}

static int must_be_signed(gateway_request *r, pl_str name) {
    return pl_failf(&r->error, PL_E_IncompleteSignature, "The header %.*s must be signed.", PL_FMT(name));
}

/* Every header that says what is wanted must be signed, also those that only this request has. */
static int check_signed_headers(gateway_request *r) {
    bool needed[NEEDED] = {false}, sent[REQUEST_HEADERS_MAX] = {false};
    mark_signed(r, needed, sent);
    for (size_t i = 0; i < NEEDED; i++) {
        if (!needed[i])
            return must_be_signed(r, needed_headers[i]);
    }
    for (size_t i = 0; i < r->header_count; i++) {
        pl_str name = r->headers[i].name;
        bool body_type = r->body.n > 0 && pl_str_is(name, "content-type");
        if (!sent[i] && (body_type || pl_str_starts(name, PL_STR("x-acs-"))))
            return must_be_signed(r, name);
    }
    return 0;
}

static int check_common_v3(gateway_request *r) {
    static const char *const needed[] = {"x-acs-date", "x-acs-content-sha256"};
    if (!signature_v3_parse(request_header(r, "authorization"), &r->authorization))
        return pl_fail(&r->error, PL_E_IncompleteSignature);
    if (!pl_str_is(r->authorization.algorithm, "ACS3-HMAC-SHA256"))
        return pl_fail(&r->error, PL_E_InvalidSignatureMethod);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (request_header(r, needed[i]).n == 0)
            return missing(r, needed[i]);
    }
    return check_nonce_text(r, "x-acs-signature-nonce") != 0 ? -1 : check_signed_headers(r);
}

/* Most requests have no body, and the hash of nothing is known. */
static int hash_body(const pl_buf *body, char text[static PL_SHA256_SIZE * 2 + 1]) {
    static const char of_nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    if (body->n > 0)
        return pl_sha256_hex(pl_buf_str(body), text);
    memcpy(text, of_nothing, sizeof of_nothing);
    return 0;
}

static int compare_v3(gateway_request *r, pl_str secret) {
    char hash[PL_SHA256_SIZE * 2 + 1], to_sign[SIGNATURE_V3_STRING + 1], value[SIGNATURE_V3_VALUE + 1];
    if (hash_body(&r->body, hash) != 0)
        return pl_fail(&r->error, PL_E_InternalError);
    pl_str sent_hash = request_header(r, "x-acs-content-sha256");
    if (!pl_str_is(sent_hash, hash))
        return pl_failf(&r->error, PL_E_SignatureDoesNotMatch,
                        "The header x-acs-content-sha256 is not the SHA-256 of the body, which is %s.", hash);
    signature_v3 request = {r->method,       r->route ? r->route_path : PL_STR("/"), &r->query, r->headers,
                            r->header_count, r->authorization.signed_headers,        sent_hash};
    pl_buf_clear(&r->scratch);
    signature_v3_canonical(&r->scratch, &request);
    if (r->scratch.failed)
        return pl_fail(&r->error, PL_E_ServiceUnavailable);
    if (signature_v3_string(to_sign, pl_buf_str(&r->scratch)) != 0 ||
        signature_v3_value(value, secret, pl_str_of(to_sign, SIGNATURE_V3_STRING)) != 0)
        return pl_fail(&r->error, PL_E_InternalError);
    if (pl_str_eq_constant_time(pl_str_of(value, SIGNATURE_V3_VALUE), r->authorization.signature))
        return 0;
    r->error_tail =
        pl_arena_printf(&r->arena, " server StringToSign is [%s] server CanonicalRequest is [%.*s]", to_sign,
                        PL_FMT(pl_buf_str(&r->scratch)));
    return pl_failf(&r->error, PL_E_SignatureDoesNotMatch,
                    "Specified signature does not match our calculation.");
}

static int authenticate_v3(gateway_request *r) {
    identity_key key = {0};
    if (check_common_v3(r) != 0 || check_timestamp(r) != 0)
        return -1;
    pl_str token = request_header(r, "x-acs-security-token");
    if (find_key(r, r->authorization.credential, token, &key) != 0)
        return end_with_key(r, &key, -1);
    return end_with_key(r, &key, compare_v3(r, key.secret));
}

/* ---- both ---- */

static bool has_bearer(const gateway_request *r) {
    return request_header(r, "x-acs-bearer-token").p ||
           pl_str_is(request_header(r, "x-acs-signature-type"), "BEARERTOKEN");
}

int request_authenticate(gateway_request *r) {
    if (check_names(r) != 0)
        return -1;
    if (has_bearer(r))
        return pl_fail(&r->error, PL_E_UnsupportedSignatureType);
    bool unsigned_v1 =
        r->kind == REQUEST_V1 && parameter(r, "AccessKeyId").n == 0 && parameter(r, "Signature").n == 0;
    if (r->operation && r->operation->anonymous && (unsigned_v1 || r->kind == REQUEST_ANONYMOUS)) {
        r->caller = (identity_caller){.kind = IDENTITY_ANONYMOUS};
        return 0;
    }
    if (r->kind == REQUEST_ANONYMOUS)
        return pl_fail(&r->error, PL_E_IncompleteSignature);
    /* Keys and policies as they are now, also when another server has changed them. */
    if (store_hear(r->shared->services->store, &r->error) != 0)
        return -1;
    if ((r->kind == REQUEST_V3 ? authenticate_v3(r) : authenticate_v1(r)) != 0)
        return -1;
    return nonces_use(r->shared->nonces, r->caller.access_key_id, r->nonce, r->timestamp,
                      changes_something(r), &r->error);
}
