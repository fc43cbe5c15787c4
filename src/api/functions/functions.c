/* CreateFunction, GetFunction, UpdateFunction, DeleteFunction, ListFunctions and the code. */
#include "api/functions/shared.h"

#include "base/digest.h"
#include "base/encode.h"
#include "functions/archive.h"
#include "json/parser.h"

enum { LIST_DEFAULT = 20, LIST_MOST = 100, DESCRIPTION_MOST = 256, LINK_MS = 600000 };

/* What a client may set; also whether it did. */
typedef struct wanted {
    api_route_call *call;
    pl_json body;
    function_record record;
    pl_str package; /* decoded zip; absent: not given */
    bool create;
} wanted;

static int parse_body(api_route_call *call, pl_json *body) {
    if (pl_json_parse_in(call->arena, call->body, body, call->error) != 0)
        return pl_error_is(call->error, PL_E_ServiceUnavailable)
                   ? -1
                   : functions_refuse(call->error, "the request body is not JSON");
    return pl_json_is_object(*body) ? 0
                                    : functions_refuse(call->error, "the request body is not a JSON object");
}

static int read_text(const wanted *w, const char *name, size_t most, pl_str *out) {
    pl_json node = pl_json_get(w->body, pl_str_from(name));
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return 0;
    bool plain = pl_json_is_string(node) && pl_json_text(node).n <= most;
    for (size_t i = 0; plain && i < pl_json_text(node).n; i++)
        plain = (unsigned char)pl_json_text(node).p[i] >= ' ' && pl_json_text(node).p[i] != 0x7f;
    if (!plain)
        return functions_refuse(
            w->call->error, "%s must be a text of at most %zu bytes without control characters", name, most);
    *out = pl_json_text(node);
    return 0;
}

static int read_number(const wanted *w, const char *name, int64_t least, int64_t most, int64_t *out) {
    pl_json node = pl_json_get(w->body, pl_str_from(name));
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return 0;
    if (!pl_json_i64(node, out) || *out < least || *out > most)
        return functions_refuse(w->call->error, "%s must be a number from %lld to %lld", name,
                                (long long)least, (long long)most);
    return 0;
}

static int keep_json(const wanted *w, const char *name, pl_json node, pl_str *out) {
    pl_buf text;
    pl_buf_init(&text, 64 << 10);
    pl_json_write(&text, node);
    *out = pl_arena_copy(w->call->arena, pl_buf_str(&text));
    bool fits = !text.failed && out->p;
    pl_buf_free(&text);
    return fits ? 0 : functions_refuse(w->call->error, "%s is too long", name);
}

/* Names as programs take them, texts as values. */
static int read_environment(wanted *w) {
    pl_json node = pl_json_get(w->body, PL_STR("environmentVariables")), value;
    pl_str name;
    size_t total = 0;
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return 0;
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &name, &value);) {
        bool sound = pl_json_is_string(value) && name.n > 0 && pl_str_find_char(name, '=') == PL_NOT_FOUND &&
                     memchr(name.p, 0, name.n) == NULL &&
                     !memchr(pl_json_text(value).p, 0, pl_json_text(value).n);
        if (!sound || (total += name.n + pl_json_str(value).n) > FUNCTION_ENVIRONMENT_MAX)
            return functions_refuse(w->call->error,
                                    "environmentVariables must be names and texts of at most %d bytes in all",
                                    FUNCTION_ENVIRONMENT_MAX);
    }
    if (!pl_json_is_object(node) || pl_json_count(node) > 100)
        return functions_refuse(w->call->error,
                                "environmentVariables must be an object of at most 100 texts");
    return keep_json(w, "environmentVariables", node, &w->record.environment);
}

static int read_runtime_config(wanted *w) {
    pl_json node = pl_json_get(w->body, PL_STR("customRuntimeConfig"));
    int64_t port = 9000;
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return 0;
    pl_json given = pl_json_get(node, PL_STR("port"));
    if (!functions_says_nothing(pl_json_get(node, PL_STR("healthCheckConfig"))))
        return functions_refuse(w->call->error,
                                "customRuntimeConfig.healthCheckConfig is not supported by this server");
    if (!pl_json_is_object(node) || (pl_json_exists(given) && (!pl_json_i64(given, &port) || port != 9000)))
        return functions_refuse(w->call->error, "customRuntimeConfig must be an object; its port is 9000");
    return keep_json(w, "customRuntimeConfig", node, &w->record.runtime_config);
}

/* Clients may say what they meant to send. */
static int compare_checksum(const wanted *w, pl_json code) {
    uint64_t told;
    pl_str text = pl_json_str(pl_json_get(code, PL_STR("checksum")));
    if (text.n == 0 || (pl_str_to_u64(text, &told) && told == functions_crc64(w->package)))
        return 0;
    return functions_refuse(w->call->error, "code.checksum is not the CRC-64 of the zip file that arrived");
}

static int read_code(wanted *w) {
    char checksum[PL_SHA256_SIZE * 2 + 1];
    pl_json code = pl_json_get(w->body, PL_STR("code"));
    pl_str text = pl_json_str(pl_json_get(code, PL_STR("zipFile")));
    pl_buf package;
    if (!pl_json_exists(code) || pl_json_is_null(code))
        return 0;
    if (text.n == 0)
        return functions_refuse(w->call->error,
                                "code must hold zipFile: a zip file in Base64; code.ossBucketName "
                                "and code.ossObjectName are not supported by this server");
    pl_buf_init(&package, FUNCTION_PACKAGE_MAX);
    bool decoded = pl_base64_decode(&package, text) && !package.failed;
    int status = decoded ? archive_check(pl_buf_str(&package), w->call->error)
                         : functions_refuse(w->call->error, "zipFile must be Base64 of at most %d MB",
                                            FUNCTION_PACKAGE_MAX >> 20);
    if (status == 0) {
        w->package = pl_arena_copy(w->call->arena, pl_buf_str(&package));
        if (!w->package.p || pl_sha256_hex(w->package, checksum) != 0)
            status = pl_fail(w->call->error, PL_E_ServiceUnavailable);
        else
            status = compare_checksum(w, code);
    }
    pl_buf_free(&package);
    if (status != 0)
        return -1;
    w->record.code_checksum = pl_arena_copy(w->call->arena, pl_str_from(checksum));
    w->record.code_size = (int64_t)w->package.n;
    return 0;
}

/* A remote function: an extension; its code runs elsewhere. */
static int read_endpoint(wanted *w) {
    if (read_text(w, "remoteEndpoint", 512, &w->record.endpoint) != 0)
        return -1;
    pl_str url = w->record.endpoint;
    while (pl_str_ends(url, PL_STR("/")))
        url.n--;
    w->record.endpoint = url;
    if (url.n && !pl_str_starts(url, PL_STR("http://")) && !pl_str_starts(url, PL_STR("https://")))
        return functions_refuse(w->call->error, "remoteEndpoint must begin with http:// or https://");
    return 0;
}

static int read_wanted(wanted *w) {
    function_record *r = &w->record;
    if (functions_read_members(w->call, w->body, &r->members) != 0)
        return -1;
    if (read_text(w, "runtime", 32, &r->runtime) != 0 || read_text(w, "handler", 128, &r->handler) != 0 ||
        read_text(w, "description", DESCRIPTION_MOST, &r->description) != 0 ||
        read_text(w, "role", 256, &r->role) != 0 ||
        read_number(w, "timeout", 1, FUNCTION_TIMEOUT_MAX, &r->timeout_seconds) != 0 ||
        read_number(w, "memorySize", FUNCTION_MEMORY_MIN, FUNCTION_MEMORY_MAX, &r->memory_mb) != 0 ||
        read_number(w, "diskSize", 1, FUNCTION_DISK_MAX, &r->disk_mb) != 0 || read_environment(w) != 0 ||
        read_runtime_config(w) != 0 || read_endpoint(w) != 0)
        return -1;
    return read_code(w);
}

static int check_wanted(const wanted *w) {
    const function_record *r = &w->record;
    const functions *room = w->call->services->functions;
    pl_error *error = w->call->error;
    if (r->endpoint.n)
        return 0;
    if (functions_refusal(room).p)
        return pl_fail_code(error, 503, "ServiceUnavailable", "Functions cannot run on this server: %.*s",
                            PL_FMT(functions_refusal(room)));
    if (!functions_has_runtime(room, r->runtime))
        return functions_refuse(error, "the runtime '%.*s' cannot be run on this server", PL_FMT(r->runtime));
    if (r->handler.n == 0)
        return functions_refuse(error, "handler is needed");
    return r->code_checksum.n ? 0 : functions_refuse(error, "code is needed");
}

static int fill_random(wanted *w) {
    char revision[33];
    if (pl_random_hex(&w->call->services->random, revision, 32) != 0)
        return pl_fail(w->call->error, PL_E_ServiceUnavailable);
    w->record.revision = pl_arena_copy(w->call->arena, pl_str_from(revision));
    if (w->create)
        w->record.function_id = w->record.revision;
    w->record.modified = w->call->now;
    return w->record.revision.p ? 0 : pl_fail(w->call->error, PL_E_ServiceUnavailable);
}

static int store_wanted(wanted *w, store_session *session, pl_error *error) {
    function_record *r = &w->record;
    if (w->package.p && function_put_code(session, r->account_id, r->code_checksum, w->package, error) != 0)
        return -1;
    return function_put(session, r, error);
}

static int create_work(store_session *session, void *argument, pl_error *error) {
    wanted *w = argument;
    function_record existing;
    bool found;
    int64_t count;
    if (function_find(session, w->call->arena, w->record.account_id, w->record.name, FUNCTION_LATEST,
                      &existing, &found, error) != 0 ||
        function_count(session, w->record.account_id, &count, error) != 0)
        return -1;
    if (found)
        return pl_fail_code(error, 409, "FunctionAlreadyExists", "function '%.*s' already exists",
                            PL_FMT(w->record.name));
    if (count >= FUNCTIONS_PER_ACCOUNT)
        return pl_fail_code(error, 403, "FunctionLimitExceeded", "an account has at most %d functions",
                            FUNCTIONS_PER_ACCOUNT);
    return store_wanted(w, session, error);
}

/* The function object is the whole answer. */
static int answer_function(api_route_call *call, const function_record *record) {
    pl_writer w;
    pl_buf_clear(call->out);
    pl_writer_begin(&w, call->out, PL_FORMAT_JSON, PL_STR(""));
    functions_write_members(&w, record, FUNCTION_REGION);
    return functions_end(call, &w);
}

int functions_create(api_route_call *call) {
    wanted w = {.call = call, .create = true};
    w.record = (function_record){.account_id = call->caller->account_id,
                                 .version = FUNCTION_LATEST,
                                 .runtime = PL_STR(""),
                                 .handler = PL_STR(""),
                                 .description = PL_STR(""),
                                 .environment = PL_STR("{}"),
                                 .timeout_seconds = 3,
                                 .memory_mb = 512,
                                 .disk_mb = FUNCTION_DISK_MAX,
                                 .role = PL_STR(""),
                                 .runtime_config = PL_STR(""),
                                 .endpoint = PL_STR(""),
                                 .members = PL_STR("{}"),
                                 .code_checksum = PL_STR(""),
                                 .created = call->now};
    if (!call->services->functions)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (parse_body(call, &w.body) != 0 || read_text(&w, "functionName", 256, &w.record.name) != 0)
        return -1;
    if (!function_name_is_sound(w.record.name))
        return functions_refuse(
            call->error, "functionName must be 1 to %d letters, digits, - and _, beginning with a letter",
            FUNCTION_NAME_MAX);
    if (read_wanted(&w) != 0 || functions_may_pass(call, w.record.role) != 0 || check_wanted(&w) != 0 ||
        fill_random(&w) != 0 || store_write(call->services->store, create_work, &w, call->error) != 0)
        return -1;
    return answer_function(call, &w.record);
}

/* --- Reading
 * ---------------------------------------------------------------------------------------------------- */

struct reading {
    api_route_call *call;
    function_record record;
    function_record *records;
    size_t count, limit;
    pl_str package;
};

static int find_work(store_session *session, void *argument, pl_error *error) {
    struct reading *r = argument;
    return functions_find(r->call, session, &r->record, error);
}

int functions_get(api_route_call *call) {
    struct reading r = {.call = call};
    if (store_read(call->services->store, find_work, &r, call->error) != 0)
        return -1;
    return answer_function(call, &r.record);
}

static int list_work(store_session *session, void *argument, pl_error *error) {
    struct reading *r = argument;
    const api_fields *query = r->call->query;
    return function_list(
        session, r->call->arena, r->call->caller->account_id, api_fields_text(query, PL_STR("prefix")),
        api_fields_text(query, PL_STR("nextToken")), r->limit + 1, &r->records, &r->count, error);
}

int functions_list(api_route_call *call) {
    struct reading r = {.call = call, .limit = LIST_DEFAULT};
    int64_t limit;
    pl_writer w;
    pl_str text = api_fields_text(call->query, PL_STR("limit"));
    if (text.n) {
        if (!pl_str_to_i64(text, &limit) || limit < 1 || limit > LIST_MOST)
            return functions_refuse(call->error, "limit must be a number from 1 to %d", LIST_MOST);
        r.limit = (size_t)limit;
    }
    if (store_read(call->services->store, list_work, &r, call->error) != 0)
        return -1;
    size_t shown = r.count > r.limit ? r.limit : r.count;
    functions_begin(call, &w);
    pl_write_array(&w, PL_STR("functions"));
    for (size_t i = 0; i < shown; i++)
        functions_write(&w, PL_STR(""), &r.records[i], FUNCTION_REGION);
    pl_write_array_end(&w);
    if (r.count > shown)
        pl_write_string(&w, PL_STR("nextToken"), r.records[shown - 1].name);
    return functions_end(call, &w);
}

/* --- Changing
 * ----------------------------------------------------------------------------------------------------- */

static int update_work(store_session *session, void *argument, pl_error *error) {
    wanted *w = argument;
    bool found;
    pl_str name = w->call->parameters[0];
    if (function_find(session, w->call->arena, w->call->caller->account_id, name, FUNCTION_LATEST, &w->record,
                      &found, error) != 0)
        return -1;
    if (!found)
        return functions_missing(w->call, name);
    if (read_wanted(w) != 0 || check_wanted(w) != 0 || fill_random(w) != 0)
        return -1;
    return store_wanted(w, session, error);
}

int functions_update(api_route_call *call) {
    wanted w = {.call = call};
    if (!call->services->functions)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (parse_body(call, &w.body) != 0 ||
        functions_may_pass(call, pl_json_str(pl_json_get(w.body, PL_STR("role")))) != 0 ||
        store_write(call->services->store, update_work, &w, call->error) != 0)
        return -1;
    functions_changed(call->services->functions, w.record.account_id, w.record.name);
    return answer_function(call, &w.record);
}

static int delete_work(store_session *session, void *argument, pl_error *error) {
    struct reading *r = argument;
    if (functions_find(r->call, session, &r->record, error) != 0)
        return -1;
    return function_delete(session, r->record.account_id, r->record.name, error);
}

int functions_delete(api_route_call *call) {
    struct reading r = {.call = call};
    if (store_write(call->services->store, delete_work, &r, call->error) != 0)
        return -1;
    if (call->services->functions)
        functions_changed(call->services->functions, r.record.account_id, r.record.name);
    call->status = 204;
    return 0;
}

/* --- Code
 * ----------------------------------------------------------------------------------------------------------
 */

static const pl_str link_bound = PL_STR_INIT("plumbline code link 1");

/* A link that carries its own permission for a while, as clients download without a signature. */
static int make_link(api_route_call *call, const function_record *r, pl_str *link) {
    pl_buf sealed, token;
    pl_str plain = pl_arena_printf(call->arena, "%.*s %.*s %lld", PL_FMT(r->account_id),
                                   PL_FMT(r->code_checksum), (long long)(call->now + LINK_MS));
    pl_buf_init(&sealed, 1024);
    pl_buf_init(&token, 4096);
    bool made = plain.p &&
                pl_seal(&sealed, call->services->server_key, plain, link_bound, &call->services->random) == 0;
    pl_hex_encode(&token, pl_buf_str(&sealed));
    *link = pl_arena_printf(call->arena, "%s://%.*s/2023-03-30/functions/%.*s/package?token=%.*s",
                            call->secure ? "https" : "http", PL_FMT(call->host), PL_FMT(r->name),
                            PL_FMT(pl_buf_str(&token)));
    made = made && !token.failed && link->p;
    pl_buf_free(&sealed);
    pl_buf_free(&token);
    return made ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
}

int functions_get_code(api_route_call *call) {
    struct reading r = {.call = call};
    pl_str link;
    pl_writer w;
    if (store_read(call->services->store, find_work, &r, call->error) != 0 ||
        make_link(call, &r.record, &link) != 0)
        return -1;
    functions_begin(call, &w);
    pl_write_string(&w, PL_STR("url"), link);
    pl_write_string(&w, PL_STR("checksum"), r.record.code_checksum);
    return functions_end(call, &w);
}

static int open_link(api_route_call *call, pl_str *account_id, pl_str *checksum) {
    pl_buf sealed, plain;
    pl_str rest, expiry;
    int64_t expires = 0;
    pl_buf_init(&sealed, 4096);
    pl_buf_init(&plain, 4096);
    bool sound = pl_hex_decode(&sealed, api_fields_text(call->query, PL_STR("token"))) &&
                 pl_unseal(&plain, call->services->server_key, pl_buf_str(&sealed), link_bound) == 0;
    rest = sound ? pl_arena_copy(call->arena, pl_buf_str(&plain)) : PL_STR_NONE;
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
    sound = rest.p && pl_str_split(&rest, ' ', account_id) && pl_str_split(&rest, ' ', checksum) &&
            pl_str_split(&rest, ' ', &expiry) && pl_str_to_i64(expiry, &expires) && expires > call->now;
    return sound ? 0 : pl_fail_code(call->error, 403, "AccessDenied", "the link is not valid any more");
}

static int package_work(store_session *session, void *argument, pl_error *error) {
    struct reading *r = argument;
    return function_get_code(session, r->call->arena, r->record.account_id, r->record.code_checksum,
                             &r->package, error);
}

int functions_download_code(api_route_call *call) {
    struct reading r = {.call = call};
    if (open_link(call, &r.record.account_id, &r.record.code_checksum) != 0 ||
        store_read(call->services->store, package_work, &r, call->error) != 0)
        return -1;
    if (!r.package.p)
        return functions_missing(call, call->parameters[0]);
    call->content_type = "application/zip";
    pl_buf_add(call->out, r.package);
    return 0;
}

int functions_get_log(api_route_call *call) {
    struct reading r = {.call = call};
    pl_str text;
    if (!call->services->functions)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (store_read(call->services->store, find_work, &r, call->error) != 0 ||
        functions_log(call->services->functions, call->arena, r.record.account_id, r.record.name, &text,
                      call->error) != 0)
        return -1;
    call->content_type = "text/plain;charset=utf-8";
    pl_buf_add(call->out, text);
    return 0;
}
