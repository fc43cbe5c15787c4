/* The client, on libcurl. Owns one easy handle with its connection, and the key. */
#include "cli/client.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/file.h"
#include "gateway/signature.h"
#include "json/parser.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CREDENTIALS_MAX = 64 << 10, ANSWER_MAX = 256 << 20, SECONDS = 600 };

struct cli_client {
    pl_arena arena; /* of the strings below */
    CURL *curl;
    const char *endpoint; /* without a slash at the end */
    pl_str host, key_id, secret, token;
    pl_buf received;
};

/* ---- key and endpoint ---- */

static void from_environment(cli_client *c) {
    c->key_id = pl_str_from(getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"));
    c->secret = pl_str_from(getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"));
    c->token = pl_str_from(getenv("ALIBABA_CLOUD_SECURITY_TOKEN"));
}

static int from_file(cli_client *c, const char *file, const char **endpoint, pl_error *error) {
    pl_str text;
    pl_json root;
    if (cli_file_read(&c->arena, file, CREDENTIALS_MAX, &text, error) != 0)
        return -1;
    if (pl_json_parse_in(&c->arena, text, &root, error) != 0)
        return pl_failf(error, PL_E_InvalidParameter, "%s is not JSON", file);
    c->key_id = pl_json_str(pl_json_get(root, PL_STR("AccessKeyId")));
    c->secret = pl_json_str(pl_json_get(root, PL_STR("AccessKeySecret")));
    c->token = pl_json_str(pl_json_get(root, PL_STR("SecurityToken")));
    if (!*endpoint)
        *endpoint = pl_arena_cstr(&c->arena, pl_json_str(pl_json_get(root, PL_STR("Endpoint"))));
    return 0;
}

static int find_key(cli_client *c, const char *directory, const char **endpoint, pl_error *error) {
    const char *file = pl_arena_printf(&c->arena, "%s/credentials.json", directory).p;
    if (!file)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (access(file, F_OK) == 0) {
        if (from_file(c, file, endpoint, error) != 0)
            return -1;
    } else {
        from_environment(c);
    }
    if (c->key_id.n > 0 && c->secret.n > 0)
        return 0;
    return pl_failf(
        error, PL_E_InvalidParameter,
        "no access key: neither %s nor ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        file);
}

static int set_endpoint(cli_client *c, const char *endpoint, pl_error *error) {
    pl_str text = pl_str_from(endpoint && *endpoint ? endpoint : "http://127.0.0.1:7586");
    while (pl_str_ends(text, PL_STR("/")))
        text.n--;
    size_t at = pl_str_find(text, PL_STR("://"));
    if (at == PL_NOT_FOUND || !pl_str_starts(text, PL_STR("http")))
        return pl_failf(error, PL_E_InvalidParameter,
                        "the endpoint must start with http:// or https://, not %s", endpoint);
    c->endpoint = pl_arena_cstr(&c->arena, text);
    c->host = pl_str_skip(pl_str_from(c->endpoint), at + 3);
    c->host = pl_str_head(c->host, pl_str_find_char(c->host, '/'));
    return c->endpoint ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static size_t receive(char *data, size_t size, size_t count, void *context) {
    pl_buf *buf = context;
    pl_buf_add(buf, pl_str_of(data, size * count));
    return buf->failed ? 0 : size * count;
}

int cli_client_open(cli_client **out, const char *endpoint, const char *data_directory, pl_error *error) {
    cli_client *c = pl_calloc(1, sizeof *c);
    if (!c)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_arena_init(&c->arena, 0);
    pl_buf_init(&c->received, ANSWER_MAX);
    c->curl = curl_easy_init();
    int result =
        c->curl ? find_key(c, data_directory, &endpoint, error) : pl_fail(error, PL_E_ServiceUnavailable);
    if (result == 0)
        result = set_endpoint(c, endpoint, error);
    if (result != 0) {
        cli_client_close(c);
        return -1;
    }
    *out = c;
    return 0;
}

void cli_client_close(cli_client *c) {
    if (!c)
        return;
    if (c->curl)
        curl_easy_cleanup(c->curl);
    if (c->secret.n)
        explicit_bzero((char *)(uintptr_t)c->secret.p, c->secret.n);
    pl_buf_free(&c->received);
    pl_arena_free(&c->arena);
    pl_free(c);
}

/* ---- one request ---- */

enum { HEADERS = 8 };

typedef struct outgoing {
    cli_request request;
    signature_header headers[HEADERS];
    size_t header_count;
    char hash[PL_SHA256_SIZE * 2 + 1], nonce[PL_UUID_TEXT], date[PL_TIME_TEXT];
} outgoing;

static const char *path_of(const outgoing *o) {
    return o->request.path ? o->request.path : "/";
}

static void add_header(outgoing *o, const char *name, pl_str value) {
    o->headers[o->header_count++] = (signature_header){pl_str_from(name), value};
}

/* In byte order of the names: so is the list of signed headers. */
static int add_headers(cli_client *c, outgoing *o) {
    pl_random random = pl_random_system();
    pl_clock clock = pl_clock_system();
    if (pl_sha256_hex(o->request.body, o->hash) != 0 || pl_random_uuid(&random, o->nonce) != 0)
        return -1;
    if (o->request.content_type)
        add_header(o, "content-type", pl_str_from(o->request.content_type));
    add_header(o, "host", c->host);
    add_header(o, "x-acs-action", o->request.action);
    add_header(o, "x-acs-content-sha256", pl_str_from(o->hash));
    add_header(o, "x-acs-date", pl_time_iso(pl_now(&clock), o->date));
    if (c->token.n)
        add_header(o, "x-acs-security-token", c->token);
    add_header(o, "x-acs-signature-nonce", pl_str_from(o->nonce));
    add_header(o, "x-acs-version", o->request.version);
    return 0;
}

static pl_str join_names(pl_arena *arena, const outgoing *o) {
    pl_str names = PL_STR("");
    for (size_t i = 0; i < o->header_count; i++)
        names = pl_arena_printf(arena, "%.*s%s%.*s", PL_FMT(names), i ? ";" : "", PL_FMT(o->headers[i].name));
    return names;
}

static int sign(cli_client *c, pl_arena *arena, outgoing *o, char value[static SIGNATURE_V3_VALUE + 1],
                pl_str *names, pl_error *error) {
    char to_sign[SIGNATURE_V3_STRING + 1];
    api_fields fields = {0};
    pl_buf canonical;
    if (add_headers(c, o) != 0 || api_fields_decode(&fields, arena, o->request.query, false, error) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "the request cannot be signed");
    api_fields_sort(&fields);
    *names = join_names(arena, o);
    signature_v3 request = {pl_str_from(o->request.method),
                            pl_str_from(path_of(o)),
                            &fields,
                            o->headers,
                            o->header_count,
                            *names,
                            pl_str_from(o->hash)};
    pl_buf_init(&canonical, ANSWER_MAX);
    signature_v3_canonical(&canonical, &request);
    int result = canonical.failed ? -1 : signature_v3_string(to_sign, pl_buf_str(&canonical));
    if (result == 0)
        result = signature_v3_value(value, c->secret, pl_str_of(to_sign, SIGNATURE_V3_STRING));
    pl_buf_free(&canonical);
    return result == 0 ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "the request cannot be signed");
}

/* libcurl's list of header lines; NULL without memory. */
static struct curl_slist *header_lines(cli_client *c, pl_arena *arena, const outgoing *o, pl_str names,
                                       const char *value) {
    struct curl_slist *list = NULL;
    for (size_t i = 0; i <= o->header_count + 1; i++) {
        pl_str line =
            i < o->header_count ? pl_arena_printf(arena, "%.*s: %.*s", PL_FMT(o->headers[i].name),
                                                  PL_FMT(o->headers[i].value))
            : i == o->header_count
                ? pl_arena_printf(
                      arena,
                      "Authorization: ACS3-HMAC-SHA256 Credential=%.*s,SignedHeaders=%.*s,Signature=%s",
                      PL_FMT(c->key_id), PL_FMT(names), value)
                : PL_STR("Expect:");
        struct curl_slist *longer = line.p ? curl_slist_append(list, line.p) : NULL;
        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static int transfer(cli_client *c, pl_arena *arena, const outgoing *o, struct curl_slist *headers,
                    cli_answer *answer, pl_error *error) {
    char reason[CURL_ERROR_SIZE] = "";
    long status = 0;
    pl_str url = pl_arena_printf(arena, "%s%s%s%.*s", c->endpoint, path_of(o), o->request.query.n ? "?" : "",
                                 PL_FMT(o->request.query));
    pl_buf_clear(&c->received);
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_URL, url.p);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &c->received);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)SECONDS);
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    const char *authorities = getenv("SSL_CERT_FILE");
    if (authorities && *authorities)
        curl_easy_setopt(c->curl, CURLOPT_CAINFO, authorities);
    if (strcmp(o->request.method, "GET") != 0) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->request.body.n);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, o->request.body.p);
    }
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, o->request.method);
    CURLcode code = curl_easy_perform(c->curl);
    if (code != CURLE_OK)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", c->endpoint,
                        reason[0] ? reason : curl_easy_strerror(code));
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->body = pl_arena_copy(arena, pl_buf_str(&c->received));
    return answer->body.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

cli_request cli_request_of(bool post, pl_str action, pl_str version, pl_str parameters) {
    cli_request request = {.method = post ? "POST" : "GET", .action = action, .version = version};
    if (post && parameters.n)
        request.content_type = "application/x-www-form-urlencoded";
    *(post ? &request.body : &request.query) = parameters;
    return request;
}

int cli_client_send(cli_client *c, pl_arena *arena, const cli_request *request, cli_answer *answer,
                    pl_error *error) {
    outgoing sent = {.request = *request}, *o = &sent;
    char value[SIGNATURE_V3_VALUE + 1];
    pl_str names;
    o->request.query = pl_str_or_empty(request->query);
    o->request.body = pl_str_or_empty(request->body);
    if (sign(c, arena, o, value, &names, error) != 0)
        return -1;
    struct curl_slist *headers = header_lines(c, arena, o, names, value);
    if (!headers)
        return pl_fail(error, PL_E_ServiceUnavailable);
    int result = transfer(c, arena, o, headers, answer, error);
    curl_slist_free_all(headers);
    return result;
}

/* The error that an answer tells; a body that is no envelope is told by its status. */
static int answer_error(const cli_answer *answer, pl_json root, pl_error *error) {
    pl_str code = pl_json_str(pl_json_get(root, PL_STR("Code")));
    pl_str message = pl_json_str(pl_json_get(root, PL_STR("Message")));
    char text[96];
    if (code.n == 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "the server answered with status %d", answer->status);
    snprintf(text, sizeof text, "%.*s", PL_FMT(code));
    return pl_fail_code(error, answer->status, text, "%.*s", PL_FMT(message));
}

int cli_client_ask(cli_client *c, pl_arena *arena, const cli_request *request, cli_answer *answer,
                   pl_error *error) {
    pl_json root = PL_JSON_NONE;
    pl_error ignored;
    if (cli_client_send(c, arena, request, answer, error) != 0)
        return -1;
    if (answer->status < 400)
        return 0;
    bool parsed = pl_json_parse_in(arena, answer->body, &root, &ignored) == 0;
    return answer_error(answer, parsed ? root : PL_JSON_NONE, error);
}
