/*
 * The two request signatures: V1 (HMAC-SHA1, HMAC-SHA256) and V3 (ACS3-HMAC-SHA256), as strings to sign and
 * values (reference/gateway.md, sections 4 and 5). Pure: the gateway verifies with it, the client signs with
 * it.
 */
#ifndef GATEWAY_SIGNATURE_H
#define GATEWAY_SIGNATURE_H

#include "api/fields.h"
#include "base/buf.h"

typedef enum signature_method { SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256 } signature_method;

/* Appends the V1 string to sign of the merged fields; a field named Signature is left out. */
void signature_v1_string(pl_buf *out, pl_str http_method, const api_fields *fields);

/* Appends the Base64 value. -1 when libcrypto fails. */
int signature_v1_value(pl_buf *out, signature_method method, pl_str secret, pl_str string_to_sign);

/* A header as signatures see it: the name in lower case, the value trimmed. */
typedef struct signature_header {
    pl_str name;
    pl_str value;
} signature_header;

/* What V3 signs. */
typedef struct signature_v3 {
    pl_str http_method;
    pl_str path;                     /* decoded; "/" for the RPC style */
    const api_fields *query;         /* sorted; of the query string alone */
    const signature_header *headers; /* all that the request has, in any order */
    size_t header_count;
    pl_str signed_headers; /* "host;x-acs-action;..." */
    pl_str payload_hash;   /* hexadecimal SHA-256 of the body */
} signature_v3;

/* Appends the canonical request: the named headers in the order of `signed_headers`, repeated ones joined. */
void signature_v3_canonical(pl_buf *out, const signature_v3 *request);

enum { SIGNATURE_V3_STRING = 17 + 64, SIGNATURE_V3_VALUE = 64 };

/* "ACS3-HMAC-SHA256\n<hash>" and the 64 hexadecimal digits, each with a NUL. -1 when libcrypto fails. */
int signature_v3_string(char text[static SIGNATURE_V3_STRING + 1], pl_str canonical_request);
int signature_v3_value(char text[static SIGNATURE_V3_VALUE + 1], pl_str secret, pl_str string_to_sign);

/* An Authorization header taken apart; views into it. */
typedef struct signature_authorization {
    pl_str algorithm;
    pl_str credential;
    pl_str signed_headers;
    pl_str signature;
} signature_authorization;

/* False when a part is missing or given twice; blanks after commas are tolerated. */
bool signature_v3_parse(pl_str authorization, signature_authorization *parts);

#endif
