/* The API client on libcurl. Owns the connection and the key. */
#include "cli/client.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/file.h"
#include "gateway/signature.h"
#include "json/parser.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADERS = 8, ANSWER_LIMIT = 1 << 30 };

struct cli_client {
    CURL *curl;
    pl_arena arena; /* endpoint and key */
    pl_str endpoint, host, key_id, secret, token;
};

/* One request on its way. */
typedef struct exchange {
    cli_client *client;
    pl_arena *arena;
    pl_str body, content_type;
    signature_header headers[HEADERS];
    size_t header_count;
    pl_buf answer;
} exchange;

static pl_str member(pl_json object, const char *name) {
    return pl_json_str(pl_json_get(object, pl_str_from(name)));
}

static void take_environment(cli_client *client) {
    const char *id = getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"),
               *secret = getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    const char *token = getenv("ALIBABA_CLOUD_SECURITY_TOKEN");
    if (!id || !*id || !secret || !*secret)
        return;
    client->key_id = pl_str_from(id);
    client->secret = pl_str_from(secret);
    client->token = token && *token ? pl_str_from(token) : PL_STR_NONE;
}

static void take_file(cli_client *client, const char *directory) {
    pl_error ignored;
    pl_str text;
    pl_json root;
    const char *path = pl_arena_printf(&client->arena, "%s/credentials.json", directory).p;
    if (!path || cli_file_read(&client->arena, path, 65536, &text, &ignored) != 0 ||
        pl_json_parse_in(&client->arena, text, &root, &ignored) != 0)
        return;
    if (!client->endpoint.n)
        client->endpoint = member(root, "Endpoint");
    if (!client->key_id.n) {
        client->key_id = member(root, "AccessKeyId");
        client->secret = member(root, "AccessKeySecret");
    }
}

static int find_target(cli_client *client, const char *endpoint, const char *directory, pl_error *error) {
    client->endpoint = pl_str_from(endpoint);
    take_environment(client);
    take_file(client, directory);
    if (!client->endpoint.n)
        return pl_failf(error, PL_E_InvalidParameter, "no --endpoint, and no %s/credentials.json", directory);
    if (!client->key_id.n)
        return pl_failf(error, PL_E_InvalidParameter,
                        "no key: neither ALIBABA_CLOUD_ACCESS_KEY_ID nor %s/credentials.json", directory);
    if (pl_str_find(client->endpoint, PL_STR("://")) == PL_NOT_FOUND)
        client->endpoint = pl_arena_printf(&client->arena, "http://%.*s", PL_FMT(client->endpoint));
    client->host = pl_str_skip(client->endpoint, pl_str_find(client->endpoint, PL_STR("://")) + 3);
    client->host = pl_str_head(client->host, pl_str_find_char(client->host, '/'));
    return 0;
}

int cli_client_open(cli_client **out, const char *endpoint, const char *directory, pl_error *error) {
    cli_client *client = pl_calloc(1, sizeof *client);
    *out = NULL;
    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        pl_free(client);
        return pl_fail(error, PL_E_ServiceUnavailable);
    }
    pl_arena_init(&client->arena, 0);
    client->curl = curl_easy_init();
    int result = client->curl ? find_target(client, endpoint, directory, error)
                              : pl_fail(error, PL_E_ServiceUnavailable);
    if (result == 0)
        *out = client;
    else
        cli_client_close(client);
    return result;
}

void cli_client_close(cli_client *client) {
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    pl_arena_free(&client->arena);
    pl_free(client);
}

static void add_header(exchange *x, const char *name, pl_str value) {
    if (value.p && x->header_count < HEADERS)
        x->headers[x->header_count++] = (signature_header){pl_str_from(name), value};
}

/* In byte order of the names, as they are signed. */
static int fill_headers(exchange *x, pl_str action, pl_str version, char hash[static 65], pl_error *error) {
    char uuid[PL_UUID_TEXT], now[PL_TIME_TEXT];
    pl_random random = pl_random_system();
    pl_clock clock = pl_clock_system();
    if (pl_sha256_hex(x->body, hash) != 0 || pl_random_uuid(&random, uuid) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    add_header(x, "content-type", x->content_type);
    add_header(x, "host", x->client->host);
    add_header(x, "x-acs-action", action);
    add_header(x, "x-acs-content-sha256", pl_str_from(hash));
    add_header(x, "x-acs-date", pl_arena_copy(x->arena, pl_time_iso(pl_now(&clock), now)));
    add_header(x, "x-acs-security-token", x->client->token);
    add_header(x, "x-acs-signature-nonce", pl_arena_copy(x->arena, pl_str_from(uuid)));
    add_header(x, "x-acs-version", version);
    return x->arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static pl_str names_of(exchange *x) {
    pl_str names = PL_STR("");
    for (size_t i = 0; i < x->header_count; i++)
        names =
            pl_arena_printf(x->arena, "%.*s%s%.*s", PL_FMT(names), i ? ";" : "", PL_FMT(x->headers[i].name));
    return names;
}

static pl_str authorization(exchange *x, const char *hash, pl_error *error) {
    static const api_fields no_query = {NULL, 0, 0};
    char string[SIGNATURE_V3_STRING + 1], value[SIGNATURE_V3_VALUE + 1];
    signature_v3 request = {.http_method = PL_STR("POST"),
                            .path = PL_STR("/"),
                            .query = &no_query,
                            .headers = x->headers,
                            .header_count = x->header_count,
                            .signed_headers = names_of(x),
                            .payload_hash = pl_str_from(hash)};
    pl_buf canonical;
    pl_buf_init(&canonical, 1 << 20);
    signature_v3_canonical(&canonical, &request);
    bool good = !canonical.failed && signature_v3_string(string, pl_buf_str(&canonical)) == 0 &&
                signature_v3_value(value, x->client->secret, pl_str_from(string)) == 0;
    pl_buf_free(&canonical);
    if (!good) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return PL_STR_NONE;
    }
    return pl_arena_printf(x->arena,
                           "Authorization: ACS3-HMAC-SHA256 Credential=%.*s,SignedHeaders=%.*s,Signature=%s",
                           PL_FMT(x->client->key_id), PL_FMT(request.signed_headers), value);
}

static size_t receive(char *bytes, size_t size, size_t count, void *context) {
    exchange *x = context;
    pl_buf_add(&x->answer, pl_str_of(bytes, size * count));
    return x->answer.failed ? 0 : size * count;
}

static struct curl_slist *header_list(exchange *x, pl_str signature) {
    struct curl_slist *list = curl_slist_append(NULL, signature.p);
    list = curl_slist_append(list, "Accept: application/json");
    list = curl_slist_append(list, "Expect:");
    for (size_t i = 0; i < x->header_count; i++) {
        pl_str line =
            pl_arena_printf(x->arena, "%.*s: %.*s", PL_FMT(x->headers[i].name), PL_FMT(x->headers[i].value));
        if (line.p)
            list = curl_slist_append(list, line.p);
    }
    return list;
}

static int transfer(exchange *x, pl_str signature, long *status, pl_error *error) {
    CURL *curl = x->client->curl;
    struct curl_slist *headers = header_list(x, signature);
    char reason[CURL_ERROR_SIZE] = "";
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, pl_arena_printf(x->arena, "%.*s/", PL_FMT(x->client->endpoint)).p);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, x->body.n ? x->body.p : "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.n);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    if (code == CURLE_OK)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "%.*s: %s", PL_FMT(x->client->endpoint),
                    *reason ? reason : curl_easy_strerror(code));
}

/* An API error becomes this program's error. */
static int read_answer(exchange *x, long status, pl_json *answer, pl_error *error) {
    if (pl_json_parse_in(x->arena, pl_buf_str(&x->answer), answer, error) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%.*s answered %ld with something that is not JSON",
                        PL_FMT(x->client->endpoint), status);
    if (status < 400)
        return 0;
    char code[96];
    snprintf(code, sizeof code, "%.*s", PL_FMT(member(*answer, "Code")));
    return pl_fail_code(error, (int)status, code, "%.*s", PL_FMT(member(*answer, "Message")));
}

static int run(exchange *x, pl_str action, pl_str version, pl_json *answer, pl_error *error) {
    char hash[65];
    long status = 0;
    pl_buf_init(&x->answer, ANSWER_LIMIT);
    int result = fill_headers(x, action, version, hash, error);
    pl_str signature = result == 0 ? authorization(x, hash, error) : PL_STR_NONE;
    if (!signature.p)
        result = -1;
    if (result == 0)
        result = transfer(x, signature, &status, error);
    if (result == 0)
        result = read_answer(x, status, answer, error);
    pl_buf_free(&x->answer);
    return result;
}

int cli_client_post_json(cli_client *client, pl_arena *arena, pl_str action, pl_str version, pl_str body,
                         pl_json *answer, pl_error *error) {
    exchange x = {.client = client,
                  .arena = arena,
                  .body = body,
                  .content_type = PL_STR("application/json; charset=utf-8")};
    return run(&x, action, version, answer, error);
}

int cli_client_call(cli_client *client, pl_arena *arena, pl_str action, pl_str version,
                    const cli_parameter *parameters, size_t count, pl_json *answer, pl_error *error) {
    pl_buf form;
    exchange x = {
        .client = client, .arena = arena, .content_type = PL_STR("application/x-www-form-urlencoded")};
    pl_buf_init(&form, ANSWER_LIMIT);
    for (size_t i = 0; i < count; i++) {
        if (i)
            pl_buf_add_char(&form, '&');
        pl_percent_encode(&form, parameters[i].name);
        pl_buf_add_char(&form, '=');
        pl_percent_encode(&form, parameters[i].value);
    }
    x.body = pl_buf_str(&form);
    int result =
        form.failed ? pl_fail(error, PL_E_ServiceUnavailable) : run(&x, action, version, answer, error);
    pl_buf_free(&form);
    return result;
}
