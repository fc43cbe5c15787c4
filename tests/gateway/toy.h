/*
 * A toy product with a few operations, a guard with one key, and a gateway over a real store: what the tests
 * of the gateway run against. Included by each test file once.
 */
#ifndef TESTS_GATEWAY_TOY_H
#define TESTS_GATEWAY_TOY_H

#include "support/testing.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/memory.h"
#include "gateway/gateway.h"
#include "gateway/signature.h"
#include "json/parser.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOY_KEY "LTAIplumbline0000001"
#define TOY_OTHER_KEY "LTAIplumbline0000002" /* of another account; the same secret */
#define TOY_SECRET "plumblineSecret0000000000000001"
#define TOY_STS_TOKEN "token/+ =1"

/* ---- the product ---- */

static const struct api_parameter toy_echo_parameters[] = {
    {.name = PL_STR_INIT("Text"), .type = API_STRING, .required = true, .max_length = 20},
    {.name = PL_STR_INIT("Items"), .type = API_ARRAY, .item = API_STRING, .wire = API_WIRE_LIST},
};
static const struct api_parameter toy_make_parameters[] = {
    {.name = PL_STR_INIT("Name"), .type = API_STRING, .required = true},
    {.name = PL_STR_INIT("ClientToken"), .type = API_STRING},
};
static const struct api_parameter toy_list_parameters[] = {
    {.name = PL_STR_INIT("NextToken"), .type = API_STRING},
    {.name = PL_STR_INIT("MaxResults"), .type = API_INT32},
    {.name = PL_STR_INIT("RuleIds"), .type = API_ARRAY, .item = API_STRING, .wire = API_WIRE_CSV},
};
static const pl_str toy_echo_resources[] = {PL_STR_INIT("acs:toy:*:{@account}:echo/{Text}")};
static const pl_str toy_list_resources[] = {PL_STR_INIT("acs:toy:*:{@account}:rule/{RuleIds}")};
static const pl_str toy_move_resources[] = {PL_STR_INIT("acs:toy:*:{@account}:{@node:Text}")};
static const struct api_error toy_errors[] = {
    {PL_E_ConfigRuleNotExists, 404, "This toy has no such rule."},
};

static atomic_int toy_effects;
static atomic_int toy_in_slow;
static pthread_mutex_t toy_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t toy_changed = PTHREAD_COND_INITIALIZER;
static bool toy_release;
static char toy_asked[512]; /* the last question to authorize */

static int toy_echo(api_call *call) {
    pl_write_string(call->out, PL_STR("Text"), api_text(call, "Text"));
    pl_write_string(call->out, PL_STR("Account"), api_account(call));
    pl_write_array(call->out, PL_STR("Items"));
    const api_value *items = api_input(call, "Items");
    for (size_t i = 0; items && i < items->count; i++)
        pl_write_string(call->out, PL_STR_NONE, items->items[i].text);
    pl_write_array_end(call->out);
    return 0;
}

static int toy_store_name(store_session *session, void *argument, pl_error *error) {
    api_call *call = argument;
    pl_write_string(call->out, PL_STR("Id"), PL_STR("id-1"));
    return store_run(session, error, "INSERT INTO settings(name, value) VALUES ($1, 'made')", "t",
                     pl_arena_printf(call->arena, "toy.%.*s", PL_FMT(api_text(call, "Name"))));
}

static int toy_make(api_call *call) {
    if (api_write(call, toy_store_name, call) != 0)
        return -1;
    pl_write_i64(call->out, PL_STR("Effects"), atomic_fetch_add(&toy_effects, 1) + 1);
    return 0;
}

static int toy_slow(api_call *call) {
    (void)call;
    pthread_mutex_lock(&toy_lock);
    toy_in_slow++;
    pthread_cond_broadcast(&toy_changed);
    while (!toy_release)
        pthread_cond_wait(&toy_changed, &toy_lock);
    pthread_mutex_unlock(&toy_lock);
    return 0;
}

static int toy_list(api_call *call) {
    pl_str key;
    if (api_token_open(call, &key) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("Key"), key);
    pl_write_string(call->out, PL_STR("NextToken"), api_token_make(call, PL_STR("row 17/+")));
    return 0;
}

static int toy_fail(api_call *call) {
    pl_write_string(call->out, PL_STR("Thrown"), PL_STR("away"));
    return pl_fail(call->error, PL_E_ConfigRuleNotExists);
}

static struct api_product toy_product;
/* In byte order of the names. */
static const struct api_operation toy_operations[] = {
    {.name = PL_STR_INIT("Anonymous"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .anonymous = true,
     .parameters = toy_echo_parameters,
     .parameter_count = 2,
     .handler = toy_echo},
    {.name = PL_STR_INIT("Echo"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .read_only = true,
     .access = API_ACCESS_GET,
     .ram_action = PL_STR_INIT("toy:Echo"),
     .ram_resources = toy_echo_resources,
     .ram_resource_count = 1,
     .parameters = toy_echo_parameters,
     .parameter_count = 2,
     .handler = toy_echo},
    {.name = PL_STR_INIT("Fail"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .https_only = true,
     .errors = toy_errors,
     .error_count = 1,
     .handler = toy_fail},
    {.name = PL_STR_INIT("List"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .read_only = true,
     .paging = API_PAGING_TOKEN,
     .access = API_ACCESS_LIST,
     .ram_action = PL_STR_INIT("toy:List"),
     .ram_resources = toy_list_resources,
     .ram_resource_count = 1,
     .parameters = toy_list_parameters,
     .parameter_count = 3,
     .handler = toy_list},
    {.name = PL_STR_INIT("List2"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .read_only = true,
     .paging = API_PAGING_TOKEN,
     .access = API_ACCESS_LIST,
     .parameters = toy_list_parameters,
     .parameter_count = 3,
     .handler = toy_list},
    {.name = PL_STR_INIT("Make"),
     .product = &toy_product,
     .methods = API_POST,
     .idempotent = true,
     .access = API_ACCESS_CREATE,
     .parameters = toy_make_parameters,
     .parameter_count = 2,
     .handler = toy_make},
    {.name = PL_STR_INIT("Move"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .access = API_ACCESS_UPDATE,
     .ram_action = PL_STR_INIT("toy:Move"),
     .ram_resources = toy_move_resources,
     .ram_resource_count = 1,
     .parameters = toy_echo_parameters,
     .parameter_count = 1,
     .handler = toy_fail},
    {.name = PL_STR_INIT("Slow"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .idempotent = true,
     .parameters = toy_make_parameters,
     .parameter_count = 2,
     .handler = toy_slow},
    {.name = PL_STR_INIT("Unfinished"),
     .product = &toy_product,
     .methods = API_GET | API_POST,
     .parameters = toy_echo_parameters,
     .parameter_count = 1},
};
static struct api_product toy_product = {
    .name = PL_STR_INIT("Toy"),
    .version = PL_STR_INIT("2026-01-01"),
    .host = PL_STR_INIT("toy"),
    .missing = {"Missing{Name}", "{Name} is mandatory for this action.", 400},
    .invalid = {"Invalid{Name}", "Specified parameter {Name} is not valid.", 400},
    .operations = toy_operations,
    .operation_count = sizeof toy_operations / sizeof *toy_operations};
static const struct api_product *const toy_products[] = {&toy_product};

/* ---- the guard ---- */

static int toy_find_key(identity *room, pl_arena *arena, pl_str id, pl_str token, int64_t now,
                        identity_key *key, pl_error *error) {
    (void)room, (void)now;
    bool session = pl_str_is(id, "STS.1"), other = pl_str_is(id, TOY_OTHER_KEY);
    if (!session && !other && !pl_str_is(id, TOY_KEY) && !pl_str_is(id, "LTAIinactive"))
        return pl_fail(error, PL_E_InvalidAccessKeyId_NotFound);
    if (session && !token.n)
        return pl_fail(error, PL_E_MissingSecurityToken);
    if (session && !pl_str_is(token, TOY_STS_TOKEN))
        return pl_fail(error, PL_E_InvalidSecurityToken_MismatchWithAccessKey);
    key->secret = pl_arena_copy(arena, PL_STR(TOY_SECRET));
    key->active = !pl_str_is(id, "LTAIinactive");
    key->caller =
        (identity_caller){.kind = IDENTITY_USER,
                          .account_id = other ? PL_STR("1000000000000002") : PL_STR("1000000000000001"),
                          .principal_id = PL_STR("2000000000000001"),
                          .access_key_id = pl_arena_copy(arena, id)};
    return 0;
}

static void toy_note(const identity_request *request) {
    pthread_mutex_lock(&toy_lock);
    size_t used = (size_t)snprintf(toy_asked, sizeof toy_asked, "%.*s", PL_FMT(request->action));
    for (size_t i = 0; i < request->resource_count && used < sizeof toy_asked; i++)
        used += (size_t)snprintf(toy_asked + used, sizeof toy_asked - used, " %.*s",
                                 PL_FMT(request->resources[i]));
    pthread_mutex_unlock(&toy_lock);
}

static int toy_authorize(identity *room, pl_arena *arena, const identity_caller *caller,
                         const identity_request *request, identity_denial *denial, pl_error *error) {
    (void)room, (void)arena;
    toy_note(request);
    for (size_t i = 0; i < request->resource_count; i++) {
        if (pl_str_ends(request->resources[i], PL_STR("forbidden"))) {
            *denial = (identity_denial){.action = request->action,
                                        .policy_type = PL_STR("ControlPolicy"),
                                        .no_permission_type = PL_STR("ExplicitDeny"),
                                        .decided_at = PL_STR("fd-1"),
                                        .principal_type = PL_STR("SubUser"),
                                        .principal_owner = caller->account_id,
                                        .principal_name = caller->principal_id};
            return pl_fail(error, PL_E_NoPermission);
        }
    }
    return 0;
}

/* A directory in which one folder is, and one cannot be looked for. */
static int toy_directory_path(struct org *org, pl_arena *arena, pl_str account_id, pl_str id, pl_str *path,
                              pl_error *error) {
    (void)org, (void)arena, (void)account_id;
    *path = pl_str_is(id, "fd-1") ? PL_STR("r-1/fd-1") : PL_STR_NONE;
    return pl_str_is(id, "fd-lost") ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* ---- the server ---- */

typedef struct toy {
    pl_arena arena;
    char directory[64];
    store *store;
    api_services services;
    api_limits limits;
    pl_log log;
    int64_t now; /* the server's clock */
    gateway_options options;
    gateway *gateway;
    int nonce;
} toy;

static void toy_start(toy *t) {
    pl_error error;
    char url[96];
    snprintf(url, sizeof url, "%s/toy.db", t->directory);
    if (store_open(&t->store, pl_str_from(url), NULL, &error) != 0)
        fail_msg("%s", error.message);
    t->services.store = t->store;
    if (gateway_start(&t->gateway, &t->options, &t->services, &error) != 0)
        fail_msg("%s", error.message);
}

static void toy_stop(toy *t) {
    gateway_stop(t->gateway);
    store_close(t->store);
    gateway_free(t->gateway);
    t->gateway = NULL;
}

static int toy_set_up(void **state) {
    toy *t = calloc(1, sizeof *t);
    t->now = 1768465800000; /* 2026-01-15T08:30:00Z */
    strcpy(t->directory, "/tmp/plumbline-test-XXXXXX");
    assert_non_null(mkdtemp(t->directory));
    pl_arena_init(&t->arena, 0);
    t->log = (pl_log){.fd = -1, .clock = pl_clock_fixed(&t->now)};
    t->services = (api_services){
        .limits = &t->limits, .clock = pl_clock_fixed(&t->now), .random = pl_random_system(), .log = &t->log};
    t->options = (gateway_options){.host = PL_STR("127.0.0.1"),
                                   .threads = 2,
                                   .workers = 4,
                                   .products = toy_products,
                                   .product_count = 1,
                                   .guard = {toy_find_key, toy_authorize, toy_directory_path}};
    toy_release = false;
    toy_in_slow = 0;
    toy_effects = 0;
    toy_asked[0] = '\0';
    toy_start(t);
    *state = t;
    return 0;
}

static int toy_tear_down(void **state) {
    toy *t = *state;
    char command[128];
    if (t->gateway)
        toy_stop(t);
    pl_arena_free(&t->arena);
    snprintf(command, sizeof command, "rm -rf %s", t->directory);
    assert_int_equal(system(command), 0);
    free(t);
    return 0;
}

/* ---- a client over a bare socket ---- */

typedef struct reply {
    int status; /* 0: the connection was closed without an answer */
    pl_str head, body;
    pl_json json;
} reply;

static int toy_connect(const toy *t) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(gateway_port(t->gateway)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void toy_write(int fd, pl_str text) {
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text = pl_str_skip(text, (size_t)n);
    }
}

static size_t toy_body_length(pl_str head) {
    size_t at = pl_str_find_fold(head, PL_STR("content-length:"));
    uint64_t length = 0;
    if (at == PL_NOT_FOUND)
        return 0;
    pl_str rest = pl_str_skip(head, at + 15);
    pl_str_to_u64(pl_str_trim(pl_str_head(rest, pl_str_find_char(rest, '\r'))), &length);
    return (size_t)length;
}

/* Reads one answer. */
static reply toy_read(toy *t, int fd) {
    pl_buf in;
    pl_buf_init(&in, 8 << 20);
    reply r = {0};
    size_t head_end = PL_NOT_FOUND;
    for (;;) {
        assert_true(pl_buf_reserve(&in, 65536));
        ssize_t n = recv(fd, in.p + in.n, 65536, 0);
        if (n <= 0)
            break;
        in.n += (size_t)n;
        head_end = pl_str_find(pl_buf_str(&in), PL_STR("\r\n\r\n"));
        if (head_end != PL_NOT_FOUND &&
            in.n >= head_end + 4 + toy_body_length(pl_str_head(pl_buf_str(&in), head_end)))
            break;
    }
    if (head_end != PL_NOT_FOUND) {
        pl_str all = pl_arena_copy(&t->arena, pl_buf_str(&in));
        pl_error error;
        r.head = pl_str_head(all, head_end);
        r.body = pl_str_skip(all, head_end + 4);
        r.status = atoi(r.head.p + 9);
        if (r.body.n && r.body.p[0] == '{')
            assert_int_equal(pl_json_parse_in(&t->arena, r.body, &r.json, &error), 0);
    }
    pl_buf_free(&in);
    return r;
}

static reply toy_send(toy *t, pl_str text) {
    int fd = toy_connect(t);
    toy_write(fd, text);
    reply r = toy_read(t, fd);
    close(fd);
    return r;
}

/* ---- signed requests ---- */

typedef struct toy_request {
    const char *method;
    const char *action;
    const char *query; /* encoded parameters besides the common ones */
    const char *body;  /* form, or JSON when `json` */
    bool json;
    const char *key;       /* NULL: TOY_KEY */
    const char *secret;    /* NULL: TOY_SECRET */
    const char *token;     /* STS */
    const char *nonce;     /* NULL: a new one */
    const char *algorithm; /* V1; NULL: HMAC-SHA1 */
    const char *extra;     /* header lines */
    int64_t skew;          /* milliseconds added to the server's time */
} toy_request;

static pl_str toy_nonce(toy *t, const toy_request *q) {
    return q->nonce ? pl_str_from(q->nonce)
                    : pl_arena_printf(&t->arena, "nonce-%d-%d", (int)getpid(), ++t->nonce);
}

static pl_str toy_encode(toy *t, pl_str s) {
    pl_buf out;
    pl_buf_init(&out, 1 << 20);
    pl_percent_encode(&out, s);
    pl_str copy = pl_arena_copy(&t->arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return copy;
}

/* A request with signature version 1.0, as text. */
__attribute__((unused)) static pl_str toy_v1(toy *t, toy_request q) {
    char when[PL_TIME_TEXT];
    pl_error error;
    api_fields fields = {0};
    const char *algorithm = q.algorithm ? q.algorithm : "HMAC-SHA1";
    pl_str query = pl_arena_printf(
        &t->arena,
        "Action=%s&Version=2026-01-01&AccessKeyId=%s&SignatureMethod=%s&SignatureVersion=1.0&SignatureNonce=%"
        ".*s&"
        "Timestamp=%.*s%s%s%s%.*s",
        q.action, q.key ? q.key : TOY_KEY, algorithm, PL_FMT(toy_nonce(t, &q)),
        PL_FMT(toy_encode(t, pl_time_iso(t->now + q.skew, when))), q.query ? "&" : "", q.query ? q.query : "",
        q.token ? "&SecurityToken=" : "", PL_FMT(q.token ? toy_encode(t, pl_str_from(q.token)) : PL_STR("")));
    pl_str body = pl_str_from(q.body ? q.body : "");
    assert_int_equal(api_fields_decode(&fields, &t->arena, query, false, &error), 0);
    assert_int_equal(api_fields_decode(&fields, &t->arena, body, true, &error), 0);
    api_fields_sort(&fields);
    pl_buf to_sign, value;
    pl_buf_init(&to_sign, 1 << 20);
    pl_buf_init(&value, 100);
    signature_v1_string(&to_sign, pl_str_from(q.method), &fields);
    signature_method method =
        strcmp(algorithm, "HMAC-SHA256") == 0 ? SIGNATURE_HMAC_SHA256 : SIGNATURE_HMAC_SHA1;
    signature_v1_value(&value, method, pl_str_from(q.secret ? q.secret : TOY_SECRET), pl_buf_str(&to_sign));
    pl_str signature = toy_encode(t, pl_buf_str(&value));
    pl_buf_free(&to_sign);
    pl_buf_free(&value);
    return pl_arena_printf(
        &t->arena,
        "%s /?%.*s&Signature=%.*s HTTP/1.1\r\nHost: toy.example\r\n%s%sContent-Length: %zu\r\n\r\n%.*s",
        q.method, PL_FMT(query), PL_FMT(signature), q.extra ? q.extra : "",
        body.n ? "Content-Type: application/x-www-form-urlencoded\r\n" : "", body.n, PL_FMT(body));
}

/* A request with ACS3-HMAC-SHA256, as text. */
__attribute__((unused)) static pl_str toy_v3(toy *t, toy_request q) {
    char when[PL_TIME_TEXT], hash[65], to_sign[SIGNATURE_V3_STRING + 1], value[SIGNATURE_V3_VALUE + 1];
    pl_error error;
    api_fields fields = {0};
    pl_str body = pl_str_from(q.body ? q.body : ""), query = pl_str_from(q.query ? q.query : "");
    const char *type = q.json ? "application/json" : "application/x-www-form-urlencoded";
    assert_int_equal(pl_sha256_hex(body, hash), 0);
    assert_int_equal(api_fields_decode(&fields, &t->arena, query, false, &error), 0);
    api_fields_sort(&fields);
    signature_header headers[] = {
        {PL_STR("host"), PL_STR("toy.example")},
        {PL_STR("x-acs-action"), pl_str_from(q.action)},
        {PL_STR("x-acs-version"), PL_STR("2026-01-01")},
        {PL_STR("x-acs-date"), pl_arena_copy(&t->arena, pl_time_iso(t->now + q.skew, when))},
        {PL_STR("x-acs-signature-nonce"), toy_nonce(t, &q)},
        {PL_STR("x-acs-content-sha256"), pl_str_from(hash)},
        {PL_STR("content-type"), pl_str_from(type)},
        {PL_STR("x-acs-security-token"), pl_str_from(q.token)},
    };
    size_t count = q.token ? 8 : 7;
    pl_str names = pl_arena_printf(&t->arena,
                                   "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;%s"
                                   "x-acs-signature-nonce;x-acs-version",
                                   q.token ? "x-acs-security-token;" : "");
    signature_v3 request = {pl_str_from(q.method), PL_STR("/"), &fields, headers, count, names,
                            pl_str_from(hash)};
    pl_buf canonical;
    pl_buf_init(&canonical, 1 << 20);
    signature_v3_canonical(&canonical, &request);
    signature_v3_string(to_sign, pl_buf_str(&canonical));
    signature_v3_value(value, pl_str_from(q.secret ? q.secret : TOY_SECRET), pl_str_from(to_sign));
    pl_buf_free(&canonical);
    pl_str lines = PL_STR("");
    for (size_t i = 0; i < count; i++)
        lines = pl_arena_printf(&t->arena, "%.*s%.*s: %.*s\r\n", PL_FMT(lines), PL_FMT(headers[i].name),
                                PL_FMT(headers[i].value));
    return pl_arena_printf(
        &t->arena,
        "%s /%s%.*s HTTP/1.1\r\n%.*sAuthorization: ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%.*s,"
        "Signature=%s\r\n%sContent-Length: %zu\r\n\r\n%.*s",
        q.method, query.n ? "?" : "", PL_FMT(query), PL_FMT(lines), q.key ? q.key : TOY_KEY, PL_FMT(names),
        value, q.extra ? q.extra : "", body.n, PL_FMT(body));
}

static pl_str toy_member(reply r, const char *name) {
    return pl_json_str(pl_json_get(r.json, pl_str_from(name)));
}

/* Status and code of an error; the message contains `part`. */
#define assert_refused(answer, wanted_status, code, part)                                                    \
    do {                                                                                                     \
        reply r_ = (answer);                                                                                 \
        if (r_.status != (wanted_status) || !pl_str_is(toy_member(r_, "Code"), (code)) ||                    \
            pl_str_find(toy_member(r_, "Message"), pl_str_from(part)) == PL_NOT_FOUND)                       \
            fail_msg("wanted %d %s with \"%s\", got %d %.*s", (wanted_status), (code), (part), r_.status,    \
                     PL_FMT(r_.body));                                                                       \
    } while (0)

#endif
