/*
 * The listener. Owns the daemons, the worker pool, the list of connections and the requests not in use.
 *
 * A connection has one request at a time, from the request's first line (MHD's URI callback) to the end of
 * its answer (completion callback); the object is then reset and serves another. A request runs on MHD's
 * thread when it is quick; otherwise its connection is suspended while a worker runs it. A sweeper closes
 * connections whose request takes too long to arrive. The way of a quick request takes no lock.
 */
#include "gateway/listener.h"

#include "base/memory.h"
#include "gateway/acceptor.h"
#include "gateway/answering.h"
#include "gateway/spares.h"
#include "gateway/workers.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum state { RECEIVING, REFUSED, RUNNING, DONE };
enum { SWEEP_MS = 500, ADOPTED_MOST = 256, CACHE_LINE = 64 };
#define ROOM_IDLE_NS ((int64_t)1000000000) /* silence after which a connection may be ended near the cap */

typedef struct connection {
    struct connection *previous, *next;
    int fd;
    struct lane *lane;
    gateway_request *request; /* NULL between two requests */
    _Atomic int64_t since_ns; /* end of the last answer, or the connection's start */
    atomic_bool busy;         /* a request has arrived whole and is being worked on */
    char address[INET6_ADDRSTRLEN];
} connection;

/* A daemon of one thread with its connections; that of adopted ones has a limit of its own. */
typedef struct lane {
    listener *listener;
    struct MHD_Daemon *daemon;
    unsigned number;
    bool adopted;           /* opened on this machine and handed over: as good as encrypted */
    atomic_size_t running;  /* requests that have arrived whole and are not yet answered */
    char apart[CACHE_LINE]; /* lanes count on processors of their own */
} lane;

struct listener {
    request_shared *shared;
    acceptor *acceptor;
    lane *lanes; /* as many as options->threads, which the acceptor gives connections to */
    lane inner;
    workers *workers;
    spares *spares;
    atomic_size_t body_bytes; /* of all bodies being received */
    atomic_bool refusing;     /* new requests */
    pthread_mutex_t lock;     /* guards all that follows */
    pthread_cond_t idle;      /* running became 0 while refusing */
    pthread_cond_t wake;      /* of the sweeper */
    connection *connections;
    bool stopping; /* the sweeper */
    pthread_t sweeper;
    bool has_sweeper;
};

static connection *connection_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* ---- receiving ---- */

static void *uri_seen(void *context, const char *uri, struct MHD_Connection *mhd) {
    listener *l = context;
    connection *c = connection_of(mhd);
    if (c && !c->request)
        c->request = spares_take(l->spares);
    gateway_request *r = c ? c->request : NULL;
    if (!r)
        return NULL;
    if (r->connection) /* a request before this one had no end that MHD tells of */
        request_reset(r);
    r->listener = l;
    r->started_ns = pl_monotonic_ns();
    r->connection = mhd;
    pl_str text = pl_arena_copy(&r->arena, pl_str_from(uri));
    size_t mark = pl_str_find_char(text, '?');
    r->path = pl_str_head(text, mark);
    r->query_text = mark == PL_NOT_FOUND ? PL_STR_NONE : pl_str_skip(text, mark + 1);
    return r;
}

/* In lower case; a view of the same bytes when they are. */
static pl_str lower_name(pl_arena *arena, pl_str name) {
    size_t upper = 0;
    while (upper < name.n && !(name.p[upper] >= 'A' && name.p[upper] <= 'Z'))
        upper++;
    char *lower = upper < name.n ? pl_arena_cstr(arena, name) : NULL;
    if (!lower)
        return upper < name.n ? PL_STR_NONE : name;
    for (char *c = lower; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return pl_str_of(lower, name.n);
}

/* MHD keeps names and values until the request is completed. */
static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                  const char *value, size_t value_size) {
    (void)kind;
    gateway_request *r = context;
    if (r->header_count == REQUEST_HEADERS_MAX)
        return MHD_NO;
    pl_str lower = lower_name(&r->arena, pl_str_of(name, name_size));
    if (!lower.p)
        return MHD_NO;
    pl_str text = value ? pl_str_trim(pl_str_of(value, value_size)) : PL_STR("");
    r->headers[r->header_count++] = (signature_header){lower, text};
    return MHD_YES;
}

static void write_address(char text[static INET6_ADDRSTRLEN], const struct sockaddr *address) {
    char whole[INET6_ADDRSTRLEN] = "";
    if (address && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, whole,
                  sizeof whole);
    else if (address && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, whole,
                  sizeof whole);
    else if (address && address->sa_family == AF_UNIX)
        snprintf(whole, sizeof whole, "127.0.0.1");
    pl_str seen = pl_str_from(whole);
    if (pl_str_starts(seen, PL_STR("::ffff:")))
        seen = pl_str_skip(seen, 7);
    snprintf(text, INET6_ADDRSTRLEN, "%.*s", PL_FMT(seen));
}

static void refuse(gateway_request *r, pl_error_code code, const char *message) {
    request_fail(r, code, message);
    r->state = REFUSED;
}

static size_t body_limit(const gateway_request *r) {
    size_t common = r->shared->options->body_bytes;
    size_t own = r->operation ? r->operation->max_body : r->route ? r->route->max_body : 0;
    return own > common ? own : common;
}

/* What can be said before the body has come. */
static void receive_head(gateway_request *r, const char *method) {
    int headers = MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, NULL, NULL);
    r->method = pl_arena_copy(&r->arena, pl_str_from(method));
    r->source_ip = pl_str_from(connection_of(r->connection)->address);
    r->secure = connection_of(r->connection)->lane->adopted || r->shared->options->tls_key.n > 0;
    size_t room = headers > 0 ? (size_t)headers : 0;
    r->headers =
        pl_new(&r->arena, signature_header, (room < REQUEST_HEADERS_MAX ? room : REQUEST_HEADERS_MAX) + 1);
    if (r->headers && room <= REQUEST_HEADERS_MAX)
        MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, add_header, r);
    request_prepare(r);
    if (room > REQUEST_HEADERS_MAX)
        refuse(r, PL_E_RequestHeaderTooLarge, "The request has more than 100 headers.");
    else if (r->arena.failed || !r->headers)
        refuse(r, PL_E_ServiceUnavailable, "The server has not enough memory for this request.");
    uint64_t length;
    if (r->state == RECEIVING && pl_str_to_u64(request_header(r, "content-length"), &length) &&
        length > body_limit(r))
        refuse(r, PL_E_RequestEntityTooLarge, "The request body exceeds the size limit.");
}

static bool reserve_body(listener *l, size_t bytes) {
    size_t before = atomic_fetch_add(&l->body_bytes, bytes);
    if (before + bytes <= l->shared->options->body_memory)
        return true;
    atomic_fetch_sub(&l->body_bytes, bytes);
    return false;
}

/* Takes a piece of the body. MHD_NO closes the connection: the answer to a refused body cannot wait for its
 * end. */
static enum MHD_Result receive_body(gateway_request *r, const char *data, size_t *size) {
    int64_t limit_ns = (int64_t)r->shared->options->read_seconds * 1000000000;
    if (pl_monotonic_ns() - r->started_ns > limit_ns)
        return MHD_NO;
    if (r->state == RECEIVING && *size > body_limit(r) - r->body.n)
        refuse(r, PL_E_RequestEntityTooLarge, "The request body exceeds the size limit.");
    else if (r->state == RECEIVING && !reserve_body(r->listener, *size))
        refuse(r, PL_E_ServiceUnavailable, "The server is receiving too much at once.");
    else if (r->state == RECEIVING) {
        pl_buf_add(&r->body, pl_str_of(data, *size));
        if (r->body.failed)
            return MHD_NO;
    }
    *size = 0;
    return MHD_YES;
}

/* ---- running ---- */

/* False when the listener is being stopped: nothing new is begun then. */
static bool begin_running(listener *l, gateway_request *r) {
    connection *c = connection_of(r->connection);
    atomic_fetch_add(&c->lane->running, 1);
    atomic_store_explicit(&c->busy, true, memory_order_relaxed);
    return !atomic_load(&l->refusing);
}

static void end_running(listener *l, lane *own) {
    if (atomic_fetch_sub(&own->running, 1) != 1 || !atomic_load(&l->refusing))
        return;
    pthread_mutex_lock(&l->lock);
    pthread_cond_broadcast(&l->idle);
    pthread_mutex_unlock(&l->lock);
}

/* On a worker's thread. */
static void run_waiting(gateway_request *r) {
    request_run(r);
    r->state = DONE;
    MHD_resume_connection(r->connection);
}

static enum MHD_Result run(listener *l, gateway_request *r) {
    enum MHD_Result result;
    if (answering_send_page(r, &result))
        return result;
    if (!begin_running(l, r)) {
        refuse(r, PL_E_ServiceUnavailable, "The server is being stopped.");
        r->state = DONE;
        return answering_send(r);
    }
    if (request_is_quick(r)) {
        r->state = DONE;
        request_run(r);
        return answering_send(r);
    }
    r->state = RUNNING;
    MHD_suspend_connection(r->connection);
    workers_put(l->workers, r);
    return MHD_YES;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **request) {
    (void)url, (void)version, (void)mhd;
    gateway_request *r = *request;
    if (!r)
        return MHD_NO;
    if (r->method.n == 0) {
        receive_head(r, method);
        /* A refused body need not be sent: MHD closes the connection after this answer. */
        return r->state == REFUSED ? answering_send(r) : MHD_YES;
    }
    if (*size > 0)
        return receive_body(r, data, size);
    if (r->state == RECEIVING)
        return run(context, r);
    return answering_send(r);
}

/* Forgets the connection's request and leaves the object to the next, whoever sends it. */
static void give_back(listener *l, connection *c) {
    if (c->request)
        request_reset(c->request);
    spares_give(l->spares, c->request);
    c->request = NULL;
}

static void completed(void *context, struct MHD_Connection *mhd, void **request,
                      enum MHD_RequestTerminationCode code) {
    (void)code;
    listener *l = context;
    gateway_request *r = *request;
    connection *c = connection_of(mhd);
    if (!r || !c)
        return;
    atomic_store_explicit(&c->since_ns, pl_monotonic_ns(), memory_order_relaxed);
    atomic_store_explicit(&c->busy, false, memory_order_relaxed);
    if (r->body.n)
        atomic_fetch_sub(&l->body_bytes, r->body.n);
    bool ran = r->state == DONE;
    *request = NULL;
    give_back(l, c);
    if (ran)
        end_running(l, c->lane);
}

/* ---- connections ---- */

static void link_connection(listener *l, connection *c) {
    pthread_mutex_lock(&l->lock);
    c->next = l->connections;
    if (c->next)
        c->next->previous = c;
    else
        pthread_cond_signal(&l->wake);
    l->connections = c;
    pthread_mutex_unlock(&l->lock);
}

static void unlink_connection(listener *l, connection *c) {
    pthread_mutex_lock(&l->lock);
    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        l->connections = c->next;
    pthread_mutex_unlock(&l->lock);
    give_back(l, c);
    pl_free(c);
}

static void connection_changed(void *context, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode code) {
    lane *own = context;
    listener *l = own->listener;
    metrics *m = &l->shared->metrics;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        atomic_fetch_sub(&m->connections, 1);
        if (*socket_context)
            unlink_connection(l, *socket_context);
        if (!own->adopted)
            acceptor_ended(l->acceptor, own->number);
        return;
    }
    atomic_fetch_add(&m->connections, 1);
    atomic_fetch_add(&m->connections_total, 1);
    connection *c = pl_calloc(1, sizeof *c);
    *socket_context = c;
    if (!c)
        return;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    write_address(c->address, info ? info->client_addr : NULL);
    c->lane = own;
    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    atomic_store(&c->since_ns, pl_monotonic_ns());
    link_connection(l, c);
}

/* Ends an idle connection, as its client must expect at any time. */
static void shut(connection *c, int64_t now) {
    shutdown(c->fd, SHUT_RDWR);
    atomic_store(&c->since_ns, now);
}

/*
 * A request must arrive within the read time. Its first byte is not seen from here, so the time runs from the
 * end of the last answer, with the allowed silence added.
 */
static void close_slow(listener *l) {
    const gateway_options *options = l->shared->options;
    int64_t allowed = (int64_t)(options->idle_seconds + options->read_seconds) * 1000000000;
    int64_t now = pl_monotonic_ns();
    for (connection *c = l->connections; c; c = c->next) {
        if (!atomic_load(&c->busy) && now - atomic_load(&c->since_ns) > allowed) {
            shut(c, now);
            atomic_fetch_add(&l->shared->metrics.closed_slow, 1);
        }
    }
}

/*
 * Near the cap the longest opened idle connections make room: MHD accepts nobody at the cap, so clients that
 * keep connections for later would shut out all others until the idle time has passed.
 */
static void make_room(listener *l) {
    size_t most = l->shared->options->connections, count = 0;
    int64_t now = pl_monotonic_ns();
    connection *oldest = NULL;
    for (connection *c = l->connections; c; c = c->next) {
        oldest = c;
        count++;
    }
    if (count < most - most / 4)
        return;
    for (connection *c = oldest; c && count > most / 2; c = c->previous) {
        if (atomic_load(&c->busy) || now - atomic_load(&c->since_ns) < ROOM_IDLE_NS)
            continue;
        shut(c, now);
        count--;
    }
}

static void after(struct timespec *until, int64_t milliseconds) {
    clock_gettime(CLOCK_MONOTONIC, until);
    int64_t nanoseconds = until->tv_nsec + milliseconds % 1000 * 1000000;
    until->tv_sec += (time_t)(milliseconds / 1000 + nanoseconds / 1000000000);
    until->tv_nsec = (long)(nanoseconds % 1000000000);
}

static void *sweep(void *argument) {
    listener *l = argument;
    pthread_mutex_lock(&l->lock);
    while (!l->stopping) {
        struct timespec until;
        after(&until, SWEEP_MS);
        if (l->connections)
            pthread_cond_timedwait(&l->wake, &l->lock, &until);
        else
            pthread_cond_wait(&l->wake, &l->lock);
        close_slow(l);
        make_room(l);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- starting and stopping ---- */

static void log_library(void *context, const char *format, va_list arguments) {
    const listener *l = context;
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    pl_log_write(l->shared->services->log, PL_LOG_DEBUG, "listener: %s", text);
}

/*
 * The acceptor keeps to the limit of all lanes, so that of each may be as high; and one more, because the
 * library tells of a connection's end before it counts it out, and would refuse the one accepted in its
 * place.
 */
static int start_lane(listener *l, lane *own, pl_error *error) {
    const gateway_options *o = l->shared->options;
    bool tls = o->tls_key.n > 0 && !own->adopted;
    struct MHD_OptionItem tls_items[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->tls_key.p},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->tls_certificate.p},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC;
    own->listener = l;
    own->daemon = MHD_start_daemon(
        flags | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, handle, l, MHD_OPTION_EXTERNAL_LOGGER, log_library, l,
        MHD_OPTION_CONNECTION_LIMIT, own->adopted ? (unsigned)ADOPTED_MOST : o->connections + 1,
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->header_bytes,
        MHD_OPTION_URI_LOG_CALLBACK, uri_seen, l, MHD_OPTION_NOTIFY_COMPLETED, completed, l,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, own, MHD_OPTION_ARRAY, tls ? tls_items : none,
        MHD_OPTION_END);
    if (own->daemon)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "cannot serve: %s",
                    tls ? "the certificate and key do not fit, or threads cannot be started"
                        : "threads cannot be started");
}

static int start_lanes(listener *l, pl_error *error) {
    unsigned count = l->shared->options->threads;
    l->lanes = pl_calloc(count, sizeof *l->lanes);
    if (!l->lanes)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (unsigned i = 0; i < count; i++) {
        l->lanes[i].number = i;
        if (start_lane(l, &l->lanes[i], error) != 0)
            return -1;
    }
    l->inner.adopted = true;
    return start_lane(l, &l->inner, error);
}

static bool give_to_lane(void *context, unsigned number, int fd, const struct sockaddr *address,
                         socklen_t size) {
    listener *l = context;
    return MHD_add_connection(l->lanes[number].daemon, fd, address, size) == MHD_YES;
}

static size_t held_by_lane(void *context, unsigned number) {
    listener *l = context;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(l->lanes[number].daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

static int start_accepting(listener *l, pl_error *error) {
    const gateway_options *o = l->shared->options;
    acceptor_lanes lanes = {.count = o->threads,
                            .most = o->connections,
                            .give = give_to_lane,
                            .held = held_by_lane,
                            .context = l,
                            .log = l->shared->services->log};
    return acceptor_start(l->acceptor, &lanes, error);
}

int listener_adopt(listener *l, int descriptor) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!l)
        return -1;
    /* The library closes the descriptor when it refuses it. */
    MHD_add_connection(l->inner.daemon, descriptor, (const struct sockaddr *)&address, sizeof address);
    return 0;
}

static int start_all(listener *l, pl_error *error) {
    const gateway_options *o = l->shared->options;
    if (acceptor_open(&l->acceptor, o->host, o->port, error) != 0)
        return -1;
    l->spares = spares_new(l->shared);
    if (!l->spares)
        return pl_fail(error, PL_E_ServiceUnavailable);
    l->workers = workers_new(o->workers, run_waiting);
    if (!l->workers)
        return pl_failf(error, PL_E_ServiceUnavailable, "cannot start the worker threads");
    if (start_lanes(l, error) != 0)
        return -1;
    l->has_sweeper = pthread_create(&l->sweeper, NULL, sweep, l) == 0;
    if (!l->has_sweeper)
        return pl_failf(error, PL_E_ServiceUnavailable, "cannot start a thread");
    return start_accepting(l, error);
}

int listener_start(listener **out, request_shared *shared, pl_error *error) {
    listener *l = pl_calloc(1, sizeof *l);
    if (!l)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->idle, &monotonic);
    pthread_cond_init(&l->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&l->lock, NULL);
    l->shared = shared;
    if (start_all(l, error) != 0) {
        listener_stop(l, 0);
        return -1;
    }
    *out = l;
    return 0;
}

uint16_t listener_port(const listener *l) {
    return acceptor_port(l->acceptor);
}

static size_t count_running(const listener *l) {
    unsigned count = l->lanes ? l->shared->options->threads : 0;
    size_t running = atomic_load(&l->inner.running);
    for (unsigned i = 0; i < count; i++)
        running += atomic_load(&l->lanes[i].running);
    return running;
}

static void wait_for_running(listener *l, int64_t milliseconds) {
    struct timespec until;
    after(&until, milliseconds);
    pthread_mutex_lock(&l->lock);
    atomic_store(&l->refusing, true);
    while (count_running(l) > 0 && pthread_cond_timedwait(&l->idle, &l->lock, &until) == 0)
        ;
    l->stopping = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

static void stop_lanes(listener *l) {
    unsigned count = l->lanes ? l->shared->options->threads : 0;
    for (unsigned i = 0; i < count; i++) {
        if (l->lanes[i].daemon)
            MHD_stop_daemon(l->lanes[i].daemon);
    }
    if (l->inner.daemon)
        MHD_stop_daemon(l->inner.daemon);
    pl_free(l->lanes);
}

void listener_stop(listener *l, int64_t milliseconds) {
    if (!l)
        return;
    acceptor_stop(l->acceptor);
    wait_for_running(l, milliseconds);
    if (l->has_sweeper)
        pthread_join(l->sweeper, NULL);
    workers_free(l->workers);
    stop_lanes(l);
    spares_free(l->spares);
    acceptor_free(l->acceptor);
    pthread_cond_destroy(&l->idle);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    pl_free(l);
}
