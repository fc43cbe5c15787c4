/*
 * One invocation: an HTTP request by the custom-runtime contract (reference/function-rules.md, section 8) to
 * an instance, or to a remote function's endpoint. Whatever goes wrong on the function's side is an outcome.
 *
 * A new instance of a function with an initializer gets that request first, once.
 */
#include "functions/private.h"

#include "base/encode.h"
#include "json/tape.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_MS = 10000, HEADERS_MOST = 4096, EXIT_WAIT_MS = 1000, MESSAGE_MOST = 900 };

typedef struct exchange {
    functions *f;
    const function_record *function;
    function_initializer initializer;
    pl_str request_id;
    instance *i;       /* NULL: remote */
    bool initializing; /* what is being sent is /initialize */
    pl_buf body;
    char error_type[64];
    bool failed_status; /* x-fc-status says 404 */
    long http_status;
    CURLcode result;
    int64_t began_ns;
    struct curl_slist *headers;
} exchange;

/* --- The request
 * ----------------------------------------------------------------------------------------------- */

static size_t receive_body(char *data, size_t size, size_t count, void *context) {
    exchange *x = context;
    pl_buf_add(&x->body, pl_str_of(data, size * count));
    return x->body.failed ? 0 : size * count;
}

static size_t receive_header(char *data, size_t size, size_t count, void *context) {
    exchange *x = context;
    pl_str line = pl_str_of(data, size * count);
    size_t colon = pl_str_find_char(line, ':');
    if (colon == PL_NOT_FOUND)
        return size * count;
    pl_str name = pl_str_head(line, colon), value = pl_str_trim(pl_str_skip(line, colon + 1));
    if (pl_str_eq_fold(name, PL_STR("x-fc-status")))
        x->failed_status = !pl_str_is(value, "200");
    else if (pl_str_eq_fold(name, PL_STR("x-fc-error-type")))
        snprintf(x->error_type, sizeof x->error_type, "%.*s", PL_FMT(value));
    return size * count;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose, (void)address;
    int made = sandbox_socket(&((instance *)context)->box);
    return made < 0 ? CURL_SOCKET_BAD : made;
}

/*
 * A remote function is somewhere in the operator's networks, where that is, is the operator's business. But
 * link-local addresses are where clouds tell machines their secrets, and no function is there.
 */
static bool is_link_local(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        return (ntohl(four->sin_addr.s_addr) >> 16) == 0xa9fe;
    }
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LINKLOCAL(six) ||
           (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 0xa9 && six->s6_addr[13] == 0xfe);
}

static curl_socket_t open_remote(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context, (void)purpose;
    bool sound =
        (address->family == AF_INET || address->family == AF_INET6) && !is_link_local(&address->addr);
    int made = sound ? socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol) : -1;
    return made < 0 ? CURL_SOCKET_BAD : made;
}

static void add_header(exchange *x, pl_arena *arena, const char *name, pl_str value) {
    pl_str line = pl_arena_printf(arena, "%s: %.*s", name, PL_FMT(value));
    struct curl_slist *longer = line.p ? curl_slist_append(x->headers, line.p) : NULL;
    if (longer)
        x->headers = longer;
}

static void add_number(exchange *x, pl_arena *arena, const char *name, int64_t value) {
    add_header(x, arena, name, pl_arena_printf(arena, "%lld", (long long)value));
}

static void add_common_headers(exchange *x, pl_arena *arena, const identity_session *session) {
    const function_record *r = x->function;
    add_header(x, arena, "Content-Type", PL_STR("application/octet-stream"));
    add_header(x, arena, "Expect", PL_STR(""));
    add_header(x, arena, "x-fc-request-id", x->request_id);
    add_header(x, arena, "x-fc-access-key-id", pl_str_from(session->access_key_id));
    add_header(x, arena, "x-fc-access-key-secret", pl_str_from(session->access_key_secret));
    add_header(x, arena, "x-fc-security-token", session->security_token);
    add_header(x, arena, "x-fc-function-name", r->name);
    add_header(x, arena, "x-fc-function-handler", r->handler);
    add_number(x, arena, "x-fc-function-memory", r->memory_mb);
    add_number(x, arena, "x-fc-function-timeout", r->timeout_seconds);
    add_header(x, arena, "x-fc-region", x->f->config.region);
    add_header(x, arena, "x-fc-account-id", r->account_id);
    add_header(x, arena, "x-fc-qualifier", r->version);
    add_header(x, arena, "x-fc-version-id", r->version);
    if (x->initializer.handler.n == 0)
        return;
    add_header(x, arena, "x-fc-function-initializer", x->initializer.handler);
    add_number(x, arena, "x-fc-initialization-timeout", x->initializer.timeout_seconds);
}

static int64_t seconds_of(const exchange *x) {
    return x->initializing ? x->initializer.timeout_seconds : x->function->timeout_seconds;
}

static void add_headers(exchange *x, pl_arena *arena, const identity_session *session, int64_t retries) {
    add_common_headers(x, arena, session);
    add_number(x, arena, "x-fc-function-deadline", pl_now(&x->f->config.clock) + seconds_of(x) * 1000);
    add_header(x, arena, "x-fc-control-path", x->initializing ? PL_STR("/initialize") : PL_STR("/invoke"));
    add_number(x, arena, "x-fc-retry-count", retries);
}

static void set_options(exchange *x, CURL *curl, const char *url, pl_str payload) {
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, payload.p ? payload.p : "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)payload.n);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(seconds_of(x) * 1000));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, x->i ? "*" : NULL);
    if (x->i && x->i->box.control >= 0) {
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, x->i);
    }
    if (!x->i)
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_remote);
}

static void perform(exchange *x, CURL *curl, const char *url, pl_str payload) {
    x->began_ns = pl_monotonic_ns();
    set_options(x, curl, url, payload);
    x->result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &x->http_status);
    curl_slist_free_all(x->headers);
    x->headers = NULL;
}

/* --- What came of it
 * --------------------------------------------------------------------------------------------- */

static void fail(functions_outcome *out, const char *code, const char *type, pl_str message,
                 pl_arena *arena) {
    pl_buf body;
    pl_buf_init(&body, 16 << 10);
    pl_buf_add(&body, PL_STR("{\"errorMessage\":"));
    pl_json_write_string(&body, message);
    pl_buf_add_char(&body, '}');
    out->code = pl_str_from(code);
    out->error_type = pl_str_from(type);
    out->message = message;
    out->body = body.failed ? PL_STR("{}") : pl_arena_copy(arena, pl_buf_str(&body));
    pl_buf_free(&body);
}

/* The beginning of what a function said, as text: it may say anything, and the store takes text only. */
static pl_str readable(pl_arena *arena, pl_str said) {
    pl_buf text;
    pl_buf_init(&text, 4 * MESSAGE_MOST);
    while (said.n > 0 && text.n < MESSAGE_MOST) {
        uint32_t letter = pl_utf8_take(&said);
        pl_utf8_add(&text, letter >= ' ' ? letter : '?');
    }
    pl_str copy = pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return pl_str_or_empty(copy);
}

/* The function answered, but said that it failed: its document is the body. */
static void fail_by_function(exchange *x, functions_outcome *out, pl_arena *arena) {
    out->code = PL_STR("FunctionInvokeError");
    out->error_type = pl_arena_copy(arena, x->error_type[0] ? pl_str_from(x->error_type)
                                                            : PL_STR("UnhandledInvocationError"));
    out->body = pl_arena_copy(arena, pl_buf_str(&x->body));
    out->message = readable(arena, pl_buf_str(&x->body));
}

/* Waits a moment for the watcher to see how the process ended. */
static void wait_for_exit(functions *f, const instance *i) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += EXIT_WAIT_MS / 1000;
    instance_wake_watcher(f);
    while (!i->exited && pthread_cond_timedwait(&f->freed, &f->lock, &until) == 0)
        instance_wake_watcher(f);
}

static void fail_by_instance(exchange *x, functions_outcome *out, pl_arena *arena) {
    functions *f = x->f;
    instance *i = x->i;
    pthread_mutex_lock(&f->lock);
    wait_for_exit(f, i);
    bool memory = i->over_memory, output = i->over_output;
    int status = i->exited ? i->exit_status : -1;
    pthread_mutex_unlock(&f->lock);
    pl_str message =
        memory
            ? pl_arena_printf(arena, "Function instance exceeded its memory limit of %lld MB and was ended.",
                              (long long)i->memory_mb)
        : output ? pl_arena_printf(arena, "Function instance wrote more than %d MB of output and was ended.",
                                   LOG_MOST >> 20)
        : status >= 0
            ? pl_arena_printf(arena, "Function instance exited unexpectedly (exit status %d).", status)
            : pl_arena_printf(arena, "Function instance cannot be reached: %s.",
                              curl_easy_strerror(x->result));
    fail(out, "FunctionInvokeError", "UnhandledInvocationError", message, arena);
}

static void fail_exchange(exchange *x, functions_outcome *out, pl_arena *arena) {
    if (x->result == CURLE_OPERATION_TIMEDOUT) {
        fail(out, "TimeOut", "UnhandledInvocationError",
             pl_arena_printf(arena, "Function %stimed out after %lld seconds (maxMemoryUsage: %lld.00MB)",
                             x->initializing ? "initializer " : "", (long long)seconds_of(x),
                             (long long)out->memory_mb),
             arena);
    } else if (x->body.failed) {
        fail(out, "FunctionInvokeError", "UnhandledInvocationError",
             pl_arena_printf(arena, "The function's answer is larger than %d MB.", ANSWER_MOST >> 20), arena);
    } else if (x->i) {
        fail_by_instance(x, out, arena);
    } else {
        fail(out, "FunctionUnreachable", "UnhandledInvocationError",
             pl_arena_printf(arena, "The remote function cannot be reached: %s.",
                             curl_easy_strerror(x->result)),
             arena);
    }
}

static void conclude(exchange *x, functions_outcome *out, pl_arena *arena) {
    out->duration_ms = (pl_monotonic_ns() - x->began_ns) / 1000000;
    if (x->result != CURLE_OK)
        fail_exchange(x, out, arena);
    else if (x->failed_status || x->error_type[0] || (!x->i && x->http_status >= 400))
        fail_by_function(x, out, arena);
    else
        out->body = pl_arena_copy(arena, pl_buf_str(&x->body));
}

/* --- Both kinds
 * --------------------------------------------------------------------------------------------------- */

/* Everything that the function wrote before it answered lies in the pipe by now. */
static void take_log(exchange *x, functions_outcome *out, pl_arena *arena) {
    functions *f = x->f;
    pl_str end = pl_arena_printf(arena, "FC Invoke End RequestId: %.*s%s%.*s\n", PL_FMT(x->request_id),
                                 out->error_type.n ? ", Error: " : "",
                                 PL_FMT(out->error_type.n ? pl_str_head(out->message, 300) : PL_STR("")));
    pthread_mutex_lock(&f->lock);
    instance_note(f, x->i, end);
    out->log = tail_read(&x->i->log, arena, x->i->log_from);
    out->memory_mb = x->i->peak_mb;
    pthread_mutex_unlock(&f->lock);
    out->instance_id = pl_arena_copy(arena, pl_str_from(x->i->id));
}

static void note_begin(exchange *x, pl_arena *arena) {
    pl_str begin = pl_arena_printf(arena, "FC %s Start RequestId: %.*s\n",
                                   x->initializing ? "Initialize" : "Invoke", PL_FMT(x->request_id));
    pthread_mutex_lock(&x->f->lock);
    instance_note(x->f, x->i, begin);
    pthread_mutex_unlock(&x->f->lock);
}

/* Sends one request to the instance; what came of it is in `out`. */
static void ask(exchange *x, pl_arena *arena, const identity_session *session, pl_str payload,
                int64_t retries, functions_outcome *out) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/%s", x->i->port,
             x->initializing ? "initialize" : "invoke");
    note_begin(x, arena);
    add_headers(x, arena, session, retries);
    pl_buf_clear(&x->body);
    x->failed_status = false;
    x->error_type[0] = '\0';
    x->result = CURLE_OUT_OF_MEMORY;
    if (x->i->curl)
        perform(x, x->i->curl, url, payload);
    conclude(x, out, arena);
}

/* Once in the life of an instance. What fails here is never invoked. */
static void initialize(exchange *x, pl_arena *arena, const identity_session *session,
                       functions_outcome *out) {
    x->initializing = true;
    ask(x, arena, session, PL_STR(""), 0, out);
    if (out->error_type.n == 0 && x->http_status != 200)
        fail(out, "FunctionInvokeError", "UnhandledInvocationError",
             pl_arena_printf(arena, "The function's initializer answered with status %ld.", x->http_status),
             arena);
    if (out->error_type.n)
        out->error_type = PL_STR("InitializationError");
    x->initializing = false;
    x->i->initialized = out->error_type.n == 0;
}

static int invoke_instance(exchange *x, pl_arena *arena, const identity_session *session, pl_str payload,
                           int64_t retries, functions_outcome *out, pl_error *error) {
    int64_t wait_ns = x->function->timeout_seconds * 1000000000 + (int64_t)CONNECT_MS * 1000000;
    if (instance_acquire(x->f, x->function, pl_monotonic_ns() + wait_ns, &x->i, error) != 0)
        return -1;
    if (!x->i->curl)
        x->i->curl = curl_easy_init();
    if (!x->i->initialized && x->initializer.handler.n)
        initialize(x, arena, session, out);
    if (out->error_type.n == 0)
        ask(x, arena, session, payload, retries, out);
    take_log(x, out, arena);
    bool usable = x->result == CURLE_OK && !pl_str_is(out->error_type, "InitializationError");
    instance_release(x->f, x->i, !usable);
    return 0;
}

static int invoke_remote(exchange *x, pl_arena *arena, const identity_session *session, pl_str payload,
                         int64_t retries, functions_outcome *out, pl_error *error) {
    CURL *curl = curl_easy_init();
    const char *url = pl_arena_printf(arena, "%.*s/invoke", PL_FMT(x->function->endpoint)).p;
    if (!curl || !url) {
        curl_easy_cleanup(curl);
        return pl_fail(error, PL_E_ServiceUnavailable);
    }
    add_headers(x, arena, session, retries);
    perform(x, curl, url, payload);
    curl_easy_cleanup(curl);
    conclude(x, out, arena);
    return 0;
}

static void count_outcome(functions *f, bool failed) {
    pthread_mutex_lock(&f->lock);
    f->counts.invocations++;
    f->counts.failures += failed;
    pthread_mutex_unlock(&f->lock);
}

int functions_invoke(functions *f, pl_arena *arena, const function_record *function, pl_str payload,
                     pl_str request_id, int64_t retries, functions_outcome *out, pl_error *error) {
    identity_session session;
    int64_t now = pl_now(&f->config.clock);
    exchange x = {.f = f, .function = function, .request_id = request_id};
    bool remote = function->endpoint.n > 0;
    *out = (functions_outcome){.error_type = PL_STR(""), .log = PL_STR(""), .instance_id = PL_STR("")};
    if (!remote && functions_refusal(f).p)
        return pl_failf(error, PL_E_ServiceUnavailable, "Functions cannot run on this server: %.*s",
                        PL_FMT(functions_refusal(f)));
    if (function_initializer_of(arena, function, &x.initializer, error) != 0 ||
        function_credentials(f, arena, function, now, &session, error) != 0)
        return -1;
    pl_buf_init(&x.body, ANSWER_MOST);
    int status = remote ? invoke_remote(&x, arena, &session, payload, retries, out, error)
                        : invoke_instance(&x, arena, &session, payload, retries, out, error);
    curl_slist_free_all(x.headers);
    pl_buf_free(&x.body);
    explicit_bzero(&session.access_key_secret, sizeof session.access_key_secret);
    if (status == 0 && (arena->failed || !out->body.p))
        status = pl_fail(error, PL_E_ServiceUnavailable);
    count_outcome(f, status != 0 || out->error_type.n > 0);
    return status;
}
