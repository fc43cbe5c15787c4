/* Strings to sign and signature values. No state. */
#include "gateway/signature.h"

#include "base/digest.h"
#include "base/encode.h"

static bool is_unreserved(char c) {
    char letter = (char)(c | 32);
    return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

/* enc(enc(s)): what the string to sign of V1 holds of names and values. */
static void encode_twice(pl_buf *out, pl_str s) {
    static const char digits[] = "0123456789ABCDEF";
    if (!pl_buf_reserve(out, s.n * 5))
        return;
    char *at = out->p + out->n;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved((char)c)) {
            *at++ = (char)c;
            continue;
        }
        memcpy(at, "%25", 3);
        at[3] = digits[c >> 4];
        at[4] = digits[c & 15];
        at += 5;
    }
    out->n = (size_t)(at - out->p);
}

void signature_v1_string(pl_buf *out, pl_str http_method, const api_fields *fields) {
    pl_buf_add(out, http_method);
    pl_buf_add(out, PL_STR("&%2F&"));
    bool first = true;
    for (size_t i = 0; i < fields->count; i++) {
        const api_field *field = &fields->items[i];
        if (pl_str_is(field->name, "Signature"))
            continue;
        if (!first)
            pl_buf_add(out, PL_STR("%26"));
        first = false;
        encode_twice(out, field->name);
        pl_buf_add(out, PL_STR("%3D"));
        encode_twice(out, field->value);
    }
}

int signature_v1_value(pl_buf *out, signature_method method, pl_str secret, pl_str string_to_sign) {
    unsigned char sum[PL_SHA256_SIZE];
    pl_buf key;
    pl_buf_init(&key, secret.n + 1);
    pl_buf_add(&key, secret);
    pl_buf_add_char(&key, '&');
    bool short_sum = method == SIGNATURE_HMAC_SHA1;
    int result = key.failed  ? -1
                 : short_sum ? pl_hmac_sha1(pl_buf_str(&key), string_to_sign, sum)
                             : pl_hmac_sha256(pl_buf_str(&key), string_to_sign, sum);
    if (key.p)
        explicit_bzero(key.p, key.n);
    pl_buf_free(&key);
    if (result == 0)
        pl_base64_encode(out, pl_str_of((char *)sum, short_sum ? PL_SHA1_SIZE : PL_SHA256_SIZE));
    return result;
}

static void add_query(pl_buf *out, const api_fields *query) {
    for (size_t i = 0; i < query->count; i++) {
        if (i > 0)
            pl_buf_add_char(out, '&');
        pl_percent_encode(out, query->items[i].name);
        pl_buf_add_char(out, '=');
        pl_percent_encode(out, query->items[i].value);
    }
}

static void add_path(pl_buf *out, pl_str path) {
    pl_str segment;
    bool first = true;
    while (pl_str_split(&path, '/', &segment)) {
        if (!first)
            pl_buf_add_char(out, '/');
        first = false;
        pl_percent_encode(out, segment);
    }
}

/* The values of a header that was sent several times, in byte order. */
static void add_values(pl_buf *out, const signature_v3 *request, pl_str name) {
    const signature_header *last = NULL;
    for (;;) {
        const signature_header *next = NULL;
        for (size_t i = 0; i < request->header_count; i++) {
            const signature_header *header = &request->headers[i];
            if (!pl_str_eq(header->name, name))
                continue;
            int to_last = last ? pl_str_cmp(header->value, last->value) : 1;
            bool after = to_last > 0 || (to_last == 0 && header > last);
            if (after && (!next || pl_str_cmp(header->value, next->value) < 0))
                next = header;
        }
        if (!next)
            return;
        if (last)
            pl_buf_add_char(out, ',');
        pl_buf_add(out, next->value);
        last = next;
    }
}

/* One canonical line; the values of a repeated header are joined with commas. */
static void add_header(pl_buf *out, const signature_v3 *request, pl_str name) {
    const signature_header *first = NULL;
    bool repeated = false;
    for (size_t i = 0; i < request->header_count && !repeated; i++) {
        if (!pl_str_eq(request->headers[i].name, name))
            continue;
        repeated = first != NULL;
        first = &request->headers[i];
    }
    pl_buf_add(out, name);
    pl_buf_add_char(out, ':');
    if (repeated)
        add_values(out, request, name);
    else if (first)
        pl_buf_add(out, first->value);
    pl_buf_add_char(out, '\n');
}

void signature_v3_canonical(pl_buf *out, const signature_v3 *request) {
    pl_buf_add(out, request->http_method);
    pl_buf_add_char(out, '\n');
    add_path(out, request->path);
    pl_buf_add_char(out, '\n');
    add_query(out, request->query);
    pl_buf_add_char(out, '\n');
    pl_str name;
    for (pl_str names = request->signed_headers; pl_str_split(&names, ';', &name);)
        add_header(out, request, name);
    pl_buf_add_char(out, '\n');
    pl_buf_add(out, request->signed_headers);
    pl_buf_add_char(out, '\n');
    pl_buf_add(out, request->payload_hash);
}

int signature_v3_string(char text[static SIGNATURE_V3_STRING + 1], pl_str canonical_request) {
    memcpy(text, "ACS3-HMAC-SHA256\n", 17);
    return pl_sha256_hex(canonical_request, text + 17);
}

int signature_v3_value(char text[static SIGNATURE_V3_VALUE + 1], pl_str secret, pl_str string_to_sign) {
    unsigned char sum[PL_SHA256_SIZE];
    if (pl_hmac_sha256(secret, string_to_sign, sum) != 0)
        return -1;
    pl_buf out = {.p = text, .capacity = SIGNATURE_V3_VALUE, .limit = SIGNATURE_V3_VALUE};
    pl_hex_encode(&out, pl_str_of((char *)sum, sizeof sum));
    text[SIGNATURE_V3_VALUE] = '\0';
    return 0;
}

static bool take(pl_str part, pl_str prefix, pl_str *value) {
    if (!pl_str_starts(part, prefix) || value->p)
        return false;
    *value = pl_str_skip(part, prefix.n);
    return true;
}

bool signature_v3_parse(pl_str authorization, signature_authorization *parts) {
    *parts = (signature_authorization){0};
    size_t blank = pl_str_find_char(authorization, ' ');
    if (blank == PL_NOT_FOUND)
        return false;
    parts->algorithm = pl_str_head(authorization, blank);
    pl_str rest = pl_str_skip(authorization, blank + 1), part;
    while (pl_str_split(&rest, ',', &part)) {
        part = pl_str_trim(part);
        if (!take(part, PL_STR("Credential="), &parts->credential) &&
            !take(part, PL_STR("SignedHeaders="), &parts->signed_headers) &&
            !take(part, PL_STR("Signature="), &parts->signature))
            return false;
    }
    return parts->credential.n > 0 && parts->signed_headers.n > 0 && parts->signature.n > 0;
}
