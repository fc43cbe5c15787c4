/*
 * The life of one request, in the order of checks of reference/gateway.md, section 9: protocol and method,
 * common parameters, timestamp, access key, signature, nonce, action and version, throttling, authorization,
 * parameters, operation. Owns the memory of requests.
 */
#include "gateway/request.h"

#include "base/memory.h"
#include "json/parser.h"

enum { ANSWER_MAX = 128 << 20, ARENA_MAX = 768 << 20, QUICK_BODY = 64 << 10 };

gateway_request *request_new(request_shared *shared) {
    gateway_request *r = pl_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->shared = shared;
    r->retry_after_ms = -1;
    pl_arena_init(&r->arena, ARENA_MAX);
    pl_buf_init(&r->body, SIZE_MAX);
    pl_buf_init(&r->out, ANSWER_MAX);
    pl_buf_init(&r->scratch, ARENA_MAX);
    return r;
}

void request_free(gateway_request *r) {
    if (!r)
        return;
    pl_arena_free(&r->arena);
    pl_buf_free(&r->body);
    pl_buf_free(&r->out);
    pl_buf_free(&r->scratch);
    pl_free(r);
}

static void trim(pl_buf *buf) {
    if (buf->capacity > REQUEST_KEEP_BYTES)
        pl_buf_free(buf);
    pl_buf_clear(buf);
}

void request_reset(gateway_request *r) {
    enum { KEPT = offsetof(gateway_request, next) };
    memset((char *)r + KEPT, 0, sizeof *r - KEPT);
    r->retry_after_ms = -1;
    pl_arena_reset(&r->arena);
    if (r->arena.total > REQUEST_KEEP_BYTES)
        pl_arena_free(&r->arena);
    trim(&r->body);
    trim(&r->out);
    trim(&r->scratch);
}

/* The first of the query's fields with this name; the query is sorted but may hold repetitions. */
static pl_str query_text(const gateway_request *r, const char *name) {
    return api_fields_text(&r->query, pl_str_from(name));
}

static bool is_method(const gateway_request *r, const char *name) {
    return pl_str_is(r->method, name);
}

/* Clients that take the server for their proxy send the whole address (RFC 9112, section 3.2.2). */
static void drop_authority(gateway_request *r) {
    static const pl_str schemes[] = {PL_STR_INIT("http://"), PL_STR_INIT("https://")};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!pl_str_eq_fold(pl_str_head(r->path, schemes[i].n), schemes[i]))
            continue;
        pl_str rest = pl_str_skip(r->path, schemes[i].n);
        r->path = pl_str_skip(rest, pl_str_find_char(rest, '/'));
        return;
    }
}

static int check_protocol(gateway_request *r) {
    const gateway_options *options = r->shared->options;
    for (size_t i = 0; i < options->route_count; i++)
        if (api_route_is_former(options->routes[i], r->path))
            return pl_fail_code(&r->error, 400, "UnsupportedVersion", "%s", options->routes[i]->advice);
    if (request_find_route(r))
        return r->route ? 0 : pl_fail(&r->error, PL_E_InvalidAction_NotFound);
    if (!is_method(r, "GET") && !is_method(r, "POST"))
        return pl_fail(&r->error, PL_E_UnsupportedHTTPMethod);
    if (r->path.n > 0 && !pl_str_is(r->path, "/"))
        return pl_fail(&r->error, PL_E_InvalidAction_NotFound);
    return 0;
}

/* False when the text names no format. */
static bool set_format(gateway_request *r, pl_str text) {
    bool json = pl_str_eq_fold(text, PL_STR("JSON")), xml = pl_str_eq_fold(text, PL_STR("XML"));
    if (json || xml)
        r->format = json ? PL_FORMAT_JSON : PL_FORMAT_XML;
    return json || xml || text.n == 0;
}

/*
 * The format that the query asks for, also of what goes wrong before the body is read. When nothing is said,
 * requests with their values in headers go by the accept header, those of V1 by the product.
 */
static void default_format(gateway_request *r) {
    r->format = PL_FORMAT_JSON;
    if (r->kind != REQUEST_V1) {
        pl_str accept = request_header(r, "accept");
        if (pl_str_find_fold(accept, PL_STR("xml")) != PL_NOT_FOUND &&
            pl_str_find_fold(accept, PL_STR("json")) == PL_NOT_FOUND)
            r->format = PL_FORMAT_XML;
    } else if (r->operation && r->operation->product->default_format == API_FORMAT_XML) {
        r->format = PL_FORMAT_XML;
    }
    set_format(r, query_text(r, "Format"));
}

static bool is_form(pl_str content_type) {
    return pl_str_find_fold(content_type, PL_STR("application/x-www-form-urlencoded")) == 0;
}

static void choose_kind(gateway_request *r) {
    pl_str authorization = request_header(r, "authorization");
    bool v3 = pl_str_starts(authorization, PL_STR("ACS3-"));
    r->kind = v3 ? REQUEST_V3 : REQUEST_V1;
    if (v3)
        return;
    /*
     * A V3 request without a signature: its values are in the headers. Clients of V1 send x-acs-action too,
     * with the signature in a form that is not read yet, but never a date header.
     */
    bool form = is_form(request_header(r, "content-type")) && !request_header(r, "x-acs-date").n;
    if (request_header(r, "x-acs-action").n && !form && !query_text(r, "Action").p &&
        !query_text(r, "Signature").p)
        r->kind = REQUEST_ANONYMOUS;
}

/* `yyyy-MM-ddTHH:mm:ssZ`; one official client writes milliseconds besides. INT64_MAX: it is not of that form.
 */
static int64_t read_time(pl_str text) {
    int64_t time;
    bool formed = text.n >= 20 && text.p[19] == (text.n == 20 ? 'Z' : '.') && text.p[text.n - 1] == 'Z';
    return formed && pl_time_parse(text, &time) ? time : INT64_MAX;
}

/* Where the request says what it wants; with V1 the body may still say it. */
static void read_names(gateway_request *r, const api_fields *fields) {
    bool headers = r->kind != REQUEST_V1;
    pl_str timestamp;
    if (headers) {
        r->action = request_header(r, "x-acs-action");
        r->version = request_header(r, "x-acs-version");
        r->nonce = request_header(r, "x-acs-signature-nonce");
        timestamp = request_header(r, "x-acs-date");
    } else {
        r->action = api_fields_text(fields, PL_STR("Action"));
        r->version = api_fields_text(fields, PL_STR("Version"));
        r->nonce = api_fields_text(fields, PL_STR("SignatureNonce"));
        timestamp = api_fields_text(fields, PL_STR("Timestamp"));
        if (timestamp.n == 0) /* spelled so in one product's documents; it is signed as it was sent */
            timestamp = api_fields_text(fields, PL_STR("TimeStamp"));
    }
    r->timestamp = read_time(timestamp);
}

/* The operation of that version and name, of the product that the host names where several have it. */
static bool find_operation(gateway_request *r) {
    char key[160];
    pl_buf text = {.p = key, .capacity = sizeof key, .limit = sizeof key};
    pl_buf_add(&text, r->version);
    pl_buf_add_char(&text, ' ');
    pl_buf_add(&text, r->action);
    const request_operation *found =
        text.failed ? NULL : pl_map_get(&r->shared->operations, pl_buf_str(&text));
    if (!found)
        return false;
    pl_str host = found->next ? request_header(r, "host") : PL_STR_NONE;
    for (const request_operation *at = found->next; at; at = at->next) {
        if (pl_str_starts(host, at->operation->product->host))
            found = at;
    }
    r->operation = found->operation;
    r->product_index = found->product_index;
    return true;
}

int request_find(gateway_request *r) {
    if (find_operation(r))
        return 0;
    const gateway_options *options = r->shared->options;
    for (size_t i = 0; i < options->product_count; i++) {
        if (pl_str_eq(options->products[i]->version, r->version))
            return pl_fail(&r->error, PL_E_InvalidAction_NotFound);
    }
    return pl_fail(&r->error, PL_E_InvalidVersion);
}

/* The system is asked once for the ids of many requests: a call of it costs more than all else here. */
static int make_id(gateway_request *r) {
    if (r->chance_left < PL_UUID_BYTES) {
        if (pl_random_fill(&r->shared->services->random, r->chance, sizeof r->chance) != 0)
            return -1;
        r->chance_left = sizeof r->chance;
    }
    r->chance_left -= PL_UUID_BYTES;
    pl_uuid_text(r->chance + r->chance_left, r->request_id);
    return 0;
}

bool request_prepare(gateway_request *r) {
    r->now = pl_now(&r->shared->services->clock);
    r->prepared = true;
    if (make_id(r) != 0) {
        memset(r->request_id, '0', PL_UUID_TEXT - 1);
        pl_fail(&r->error, PL_E_ServiceUnavailable);
        return false;
    }
    drop_authority(r);
    if (check_protocol(r) != 0 ||
        api_fields_decode(&r->query, &r->arena, r->query_text, false, &r->error) != 0)
        return false;
    api_fields_sort(&r->query);
    choose_kind(r);
    read_names(r, &r->query);
    if (!r->route && r->action.n && r->version.n)
        find_operation(r); /* a missing one is told after the signature was checked */
    default_format(r);
    return r->operation != NULL;
}

bool request_is_quick(const gateway_request *r) {
    const struct api_operation *operation = r->operation;
    return operation && operation->read_only && operation->access == API_ACCESS_GET &&
           r->body.n <= QUICK_BODY && !nonces_would_wait(r->shared->nonces, r->timestamp, false);
}

static bool is_json(pl_str content_type) {
    return pl_str_find_fold(content_type, PL_STR("application/json")) == 0;
}

static int read_body(gateway_request *r) {
    pl_str type = request_header(r, "content-type"), body = pl_buf_str(&r->body);
    if (body.n == 0)
        return 0;
    if (is_method(r, "GET"))
        return pl_failf(&r->error, PL_E_InvalidRequestBody, "A GET request carries no body.");
    if (is_form(type))
        return api_fields_decode(&r->fields, &r->arena, body, true, &r->error);
    if (!is_json(type))
        return pl_fail(&r->error, PL_E_InvalidParameter_ContentType);
    if (r->kind == REQUEST_V1)
        return pl_failf(&r->error, PL_E_InvalidRequestBody,
                        "A JSON body is not covered by signature version 1.0: use ACS3-HMAC-SHA256.");
    return 0;
}

int request_read_fields(gateway_request *r) {
    for (size_t i = 0; i < r->query.count; i++) {
        if (api_fields_add(&r->fields, &r->arena, r->query.items[i], &r->error) != 0)
            return -1;
    }
    if (read_body(r) != 0 || api_fields_merge(&r->fields, &r->error) != 0)
        return -1;
    if (r->kind == REQUEST_V1) {
        read_names(r, &r->fields);
        if (!r->operation && r->action.n && r->version.n) {
            find_operation(r);
            default_format(r);
        }
    }
    return set_format(r, api_fields_text(&r->fields, PL_STR("Format")))
               ? 0
               : pl_fail(&r->error, PL_E_InvalidParameter_Format);
}

/* The members of a JSON body; read after the signature was found valid, so that strangers cannot have it
 * parsed. */
static int read_json_body(gateway_request *r) {
    pl_json root;
    if (r->body.n == 0 || !is_json(request_header(r, "content-type")))
        return 0;
    if (pl_json_parse_in(&r->arena, pl_buf_str(&r->body), &root, &r->error) != 0) {
        if (pl_error_is(&r->error, PL_E_ServiceUnavailable))
            return -1;
        return pl_failf(&r->error, PL_E_InvalidRequestBody, "The request body is not JSON from byte %zu on.",
                        r->error.position);
    }
    if (api_fields_from_json(&r->fields, &r->arena, root, &r->error) != 0)
        return -1;
    return api_fields_merge(&r->fields, &r->error);
}

/* What the operation says about how it may be called. */
static int check_operation_protocol(gateway_request *r) {
    if (!r->operation)
        return 0;
    const api_limits *limits = r->shared->services->limits;
    if (r->operation->https_only && !r->secure && limits->strict)
        return pl_fail(&r->error, PL_E_InvalidProtocol_NeedSsl);
    unsigned method = is_method(r, "GET") ? API_GET : API_POST;
    if (!(r->operation->methods & method))
        return pl_fail(&r->error, PL_E_UnsupportedHTTPMethod);
    return 0;
}

/* Waits for nobody: fails when the caller's key has had its share of calls. */
static int check_throttle(gateway_request *r) {
    int64_t wait = throttle_take(r->shared->throttle, r->caller.access_key_id, r->now);
    if (wait == 0)
        return 0;
    r->retry_after_ms = wait;
    return pl_fail(&r->error, PL_E_Throttling_User);
}

static void make_call(gateway_request *r) {
    r->call = (api_call){.operation = r->operation,
                         .services = r->shared->services,
                         .caller = &r->caller,
                         .arena = &r->arena,
                         .error = &r->error,
                         .now = r->now,
                         .request_id = pl_str_of(r->request_id, PL_UUID_TEXT - 1),
                         .source_ip = r->source_ip,
                         .host = request_header(r, "host"),
                         .secure = r->secure,
                         .denial = &r->denial};
}

/* Parameters are bound before authorization, which needs them to name resources, but refused after it. */
static int bind_and_authorize(gateway_request *r) {
    pl_error wrong;
    make_call(r);
    int bound = api_bind(r->shared->binder, r->operation, &r->fields, &r->arena, &r->call.input, &wrong);
    if (!r->call.input)
        return pl_fail(&r->error, PL_E_ServiceUnavailable);
    if (request_authorize(r) != 0)
        return -1;
    if (bound != 0)
        r->error = wrong;
    return bound;
}

/*
 * A handler that fails without saying why, or leaves its answer unfinished, is a fault of the server. What
 * was read with too little memory may lack something: that is no answer.
 */
static int call_handler(gateway_request *r, pl_writer *w) {
    unsigned depth = w->depth;
    r->error = (pl_error){0};
    r->call.out = w;
    if (r->operation->handler(&r->call) != 0) {
        r->denied = r->denial.no_permission_type.n > 0 && r->error.http_status == 403;
        return r->error.http_status ? -1 : pl_fail(&r->error, PL_E_InternalError);
    }
    if (r->operation->read_only && r->arena.failed)
        return pl_fail(&r->error, PL_E_ServiceUnavailable);
    if (w->depth != depth || w->out->failed)
        return pl_failf(&r->error, PL_E_InternalError, "The answer of %.*s could not be written.",
                        PL_FMT(r->operation->name));
    return 0;
}

static int run_plain(gateway_request *r) {
    pl_writer w;
    envelope_begin(r, &w);
    if (call_handler(r, &w) != 0)
        return -1;
    envelope_end(r, &w);
    return r->out.failed ? pl_fail(&r->error, PL_E_InternalError) : 0;
}

/* With a ClientToken the answer is made as JSON first, to be kept, and then brought into the format asked
 * for. */
static int run_with_token(gateway_request *r) {
    pl_writer w;
    pl_error lost;
    pl_buf_clear(&r->scratch);
    pl_writer_begin(&w, &r->scratch, PL_FORMAT_JSON, PL_STR(""));
    int result = call_handler(r, &w);
    if (result == 0)
        pl_writer_end(&w);
    pl_str members = pl_buf_str(&r->scratch);
    if (api_client_token_end(r->shared->client_tokens, &r->call, result == 0, members, &lost) != 0)
        pl_log_write(r->shared->services->log, PL_LOG_WARNING,
                     "the answer of request %s could not be kept: %s", r->request_id, lost.message);
    return result == 0 ? envelope_from_json(r, members) : -1;
}

static int run_operation(gateway_request *r) {
    pl_str replay;
    if (!r->operation->handler)
        return pl_failf(&r->error, PL_E_UnsupportedOperation,
                        "The operation %.*s is not available on this server.", PL_FMT(r->operation->name));
    if (api_client_token_begin(r->shared->client_tokens, &r->call, &r->fields, &replay) != 0)
        return -1;
    if (replay.p)
        return envelope_from_json(r, replay);
    return r->call.client_token ? run_with_token(r) : run_plain(r);
}

static int run(gateway_request *r) {
    if (r->error.http_status != 0 || check_operation_protocol(r) != 0 || request_read_fields(r) != 0 ||
        check_operation_protocol(r) != 0 || request_authenticate(r) != 0)
        return -1;
    if (!r->operation && request_find(r) != 0)
        return -1;
    if (check_throttle(r) != 0 || read_json_body(r) != 0 || bind_and_authorize(r) != 0)
        return -1;
    return run_operation(r);
}

/* An operation by path: the same checks in the same order. V1 does not sign the path. */
static int run_route(gateway_request *r) {
    if (r->error.http_status != 0)
        return -1;
    if (r->route->anonymous)
        return request_call_route(r);
    if (r->kind != REQUEST_V3)
        return pl_failf(&r->error, PL_E_IncompleteSignature,
                        "This operation needs signature ACS3-HMAC-SHA256.");
    if (request_authenticate(r) != 0 || check_throttle(r) != 0 || request_authorize_route(r) != 0)
        return -1;
    return request_call_route(r);
}

void request_run(gateway_request *r) {
    if (!r->prepared)
        request_prepare(r);
    if ((r->route ? run_route(r) : run(r)) == 0)
        return;
    if (r->operation)
        api_error_localize(r->operation, &r->error);
    if (r->operation && r->denied)
        api_error_word_denial(r->operation, &r->error);
    if (r->error.http_status >= 500 && r->error.http_status != 501)
        pl_log_write(r->shared->services->log, PL_LOG_ERROR, "request %s: %s: %s", r->request_id,
                     r->error.code, r->error.message);
    envelope_error(r);
}

void request_fail(gateway_request *r, pl_error_code code, const char *message) {
    if (!r->prepared)
        request_prepare(r);
    pl_failf(&r->error, code, "%s", message);
    envelope_error(r);
}
