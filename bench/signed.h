/*
 * Signed requests as bytes, for benches that drive the server themselves: what a client library costs is left
 * out of the time of a call, and a request can be signed before the clock runs.
 */
#ifndef BENCH_SIGNED_H
#define BENCH_SIGNED_H

#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/random.h"
#include "gateway/signature.h"
#include "json/parser.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct signed_key {
    pl_str id, secret;
} signed_key;

typedef struct signed_call {
    const char *method, *action, *version;
    pl_str query;
    pl_str body; /* JSON; empty: none */
} signed_call;

/* The key that the server wrote into its data directory; false when it is not there. */
static inline bool signed_read_key(signed_key *key, pl_arena *arena, const char *directory) {
    char path[600], text[4096];
    pl_json root = PL_JSON_NONE;
    pl_error error;
    snprintf(path, sizeof path, "%s/credentials.json", directory);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        fclose(file);
    if (!file || pl_json_parse_in(arena, pl_str_of(text, n), &root, &error) != 0)
        return false;
    key->id = pl_json_str(pl_json_get(root, PL_STR("AccessKeyId")));
    key->secret = pl_json_str(pl_json_get(root, PL_STR("AccessKeySecret")));
    return key->id.n > 0 && key->secret.n > 0;
}

/* Writes the whole request; its bytes, cut at `size`. */
static inline size_t signed_write(const signed_key *key, pl_arena *arena, const signed_call *call, char *text,
                                  size_t size) {
    char date[PL_TIME_TEXT], nonce[PL_UUID_TEXT], hash[65], to_sign[SIGNATURE_V3_STRING + 1];
    char value[SIGNATURE_V3_VALUE + 1];
    pl_clock clock = pl_clock_system();
    pl_random random = pl_random_system();
    pl_error error;
    pl_buf canonical;
    api_fields fields = {0};
    pl_sha256_hex(call->body, hash);
    pl_random_uuid(&random, nonce);
    api_fields_decode(&fields, arena, call->query, false, &error);
    api_fields_sort(&fields);
    pl_time_iso(pl_now(&clock), date);
    signature_header headers[] = {{PL_STR("content-type"), PL_STR("application/json")},
                                  {PL_STR("host"), PL_STR("config.local")},
                                  {PL_STR("x-acs-action"), pl_str_from(call->action)},
                                  {PL_STR("x-acs-content-sha256"), pl_str_from(hash)},
                                  {PL_STR("x-acs-date"), pl_str_from(date)},
                                  {PL_STR("x-acs-signature-nonce"), pl_str_from(nonce)},
                                  {PL_STR("x-acs-version"), pl_str_from(call->version)}};
    pl_str every =
        PL_STR("content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;"
               "x-acs-version");
    pl_str names = call->body.n ? every : pl_str_skip(every, sizeof "content-type");
    signature_v3 request = {pl_str_from(call->method), PL_STR("/"), &fields, headers, 7, names,
                            pl_str_from(hash)};
    pl_buf_init(&canonical, 1 << 16);
    signature_v3_canonical(&canonical, &request);
    signature_v3_string(to_sign, pl_buf_str(&canonical));
    signature_v3_value(value, key->secret, pl_str_from(to_sign));
    pl_buf_free(&canonical);
    int n = snprintf(text, size,
                     "%s /?%.*s HTTP/1.1\r\nhost: config.local\r\nx-acs-action: %s\r\nx-acs-version: %s\r\n"
                     "x-acs-date: %s\r\nx-acs-signature-nonce: %s\r\nx-acs-content-sha256: %s\r\n"
                     "accept: application/json\r\n%sContent-Length: %zu\r\nAuthorization: ACS3-HMAC-SHA256 "
                     "Credential=%.*s,SignedHeaders=%.*s,Signature=%s\r\n\r\n%.*s",
                     call->method, PL_FMT(call->query), call->action, call->version, date, nonce, hash,
                     call->body.n ? "content-type: application/json\r\n" : "", call->body.n, PL_FMT(key->id),
                     PL_FMT(names), value, PL_FMT(call->body));
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* A connection to the server on this machine. */
static inline int signed_dial(uint16_t port) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("connect");
        _exit(1);
    }
    return fd;
}

/* Bytes of a whole answer in the buffer, 0 when it is not whole yet. */
static inline size_t signed_answer_size(pl_str text) {
    size_t end = pl_str_find(text, PL_STR("\r\n\r\n"));
    uint64_t length = 0;
    if (end == PL_NOT_FOUND)
        return 0;
    size_t at = pl_str_find_fold(pl_str_head(text, end), PL_STR("content-length: "));
    pl_str rest = pl_str_skip(text, at + 16);
    pl_str_to_u64(pl_str_head(rest, pl_str_find_char(rest, '\r')), &length);
    return text.n >= end + 4 + length ? end + 4 + (size_t)length : 0;
}

#endif
