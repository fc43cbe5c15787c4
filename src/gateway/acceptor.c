/*
 * The acceptor. Owns the listening socket, its thread and the counts of connections by lane; one mutex guards
 * the counts. INVARIANT: `open` is the sum of the counts, and nothing is given while it is `lanes.most`.
 */
#include "gateway/acceptor.h"

#include "base/memory.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 1024, RECOUNT_MS = 500, PAUSE_MS = 100 };

struct acceptor {
    acceptor_lanes lanes;
    int fd;
    int wake; /* becomes readable when the thread is to end */
    uint16_t port;
    bool troubled; /* the last connection could not be accepted, which has been told */
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t ended; /* a connection, or the thread is to */
    size_t *counts;       /* by lane */
    size_t open;
    bool stopping;
};

/* ---- the socket ---- */

static int bind_address(acceptor *a, const struct addrinfo *address, int *reason) {
    int one = 1, zero = 0;
    a->fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    if (a->fd < 0) {
        *reason = errno;
        return -1;
    }
    setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (address->ai_family == AF_INET6)
        setsockopt(a->fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(a->fd, address->ai_addr, address->ai_addrlen) == 0 && listen(a->fd, BACKLOG) == 0)
        return 0;
    *reason = errno;
    close(a->fd);
    a->fd = -1;
    return -1;
}

static void read_port(acceptor *a) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t size = sizeof bound;
    if (getsockname(a->fd, &bound.any, &size) != 0)
        return;
    a->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

static int open_socket(acceptor *a, pl_str name, uint16_t number, pl_error *error) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *addresses;
    char host[256], port[8];
    snprintf(host, sizeof host, "%.*s", PL_FMT(name));
    snprintf(port, sizeof port, "%u", number);
    int failed = getaddrinfo(host[0] ? host : NULL, port, &hints, &addresses), reason = 0;
    if (failed)
        return pl_failf(error, PL_E_ServiceUnavailable, "cannot listen on %s: %s", host,
                        gai_strerror(failed));
    for (struct addrinfo *at = addresses; at && a->fd < 0; at = at->ai_next)
        bind_address(a, at, &reason);
    freeaddrinfo(addresses);
    if (a->fd < 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "cannot listen on %s:%s: %s", host, port,
                        strerror(reason));
    read_port(a);
    return 0;
}

int acceptor_open(acceptor **out, pl_str host, uint16_t port, pl_error *error) {
    *out = NULL;
    acceptor *a = pl_calloc(1, sizeof *a);
    if (!a)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&a->lock, NULL);
    a->fd = a->wake = -1;
    if (open_socket(a, host, port, error) != 0) {
        acceptor_free(a);
        return -1;
    }
    *out = a;
    return 0;
}

uint16_t acceptor_port(const acceptor *a) {
    return a->port;
}

/* ---- counts ---- */

/* The lane that gets the next connection, which is counted as its own from now on. */
static unsigned choose_lane(acceptor *a) {
    unsigned least = 0;
    pthread_mutex_lock(&a->lock);
    for (unsigned i = 1; i < a->lanes.count; i++) {
        if (a->counts[i] < a->counts[least])
            least = i;
    }
    a->counts[least]++;
    a->open++;
    pthread_mutex_unlock(&a->lock);
    return least;
}

void acceptor_ended(acceptor *a, unsigned lane) {
    pthread_mutex_lock(&a->lock);
    if (a->counts[lane] > 0) {
        a->counts[lane]--;
        a->open--;
    }
    pthread_cond_signal(&a->ended);
    pthread_mutex_unlock(&a->lock);
}

/* Under the lock. */
static void count_again(acceptor *a) {
    a->open = 0;
    for (unsigned i = 0; i < a->lanes.count; i++) {
        a->counts[i] = a->lanes.held(a->lanes.context, i);
        a->open += a->counts[i];
    }
}

static struct timespec after(long milliseconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    long nanoseconds = until.tv_nsec + milliseconds * 1000000;
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    return until;
}

/* False when the thread is to end. */
static bool wait_for_room(acceptor *a) {
    pthread_mutex_lock(&a->lock);
    while (!a->stopping && a->open >= a->lanes.most) {
        struct timespec until = after(RECOUNT_MS);
        if (pthread_cond_timedwait(&a->ended, &a->lock, &until) == ETIMEDOUT)
            count_again(a);
    }
    bool more = !a->stopping;
    pthread_mutex_unlock(&a->lock);
    return more;
}

/* ---- accepting ---- */

static void wait_for_client(const acceptor *a) {
    struct pollfd both[] = {{.fd = a->fd, .events = POLLIN}, {.fd = a->wake, .events = POLLIN}};
    poll(both, 2, -1);
}

/* The system has no descriptor or memory for a connection: one that ends makes room for it. */
static void pause_accepting(acceptor *a, int reason) {
    struct pollfd wake = {.fd = a->wake, .events = POLLIN};
    if (!a->troubled)
        pl_log_write(a->lanes.log, PL_LOG_WARNING, "a connection cannot be accepted: %s", strerror(reason));
    a->troubled = true;
    poll(&wake, 1, PAUSE_MS);
}

static void accept_one(acceptor *a) {
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof address;
    int fd = accept4(a->fd, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait_for_client(a);
        else if (errno != EINTR && errno != ECONNABORTED)
            pause_accepting(a, errno);
        return;
    }
    a->troubled = false;
    unsigned lane = choose_lane(a);
    if (!a->lanes.give(a->lanes.context, lane, fd, &address.any, size))
        acceptor_ended(a, lane);
}

static void *accept_all(void *argument) {
    acceptor *a = argument;
    while (wait_for_room(a))
        accept_one(a);
    return NULL;
}

int acceptor_start(acceptor *a, const acceptor_lanes *lanes, pl_error *error) {
    a->lanes = *lanes;
    a->counts = pl_calloc(lanes->count, sizeof *a->counts);
    a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!a->counts || a->wake < 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    a->has_thread = pthread_create(&a->thread, NULL, accept_all, a) == 0;
    return a->has_thread ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "cannot start a thread");
}

void acceptor_stop(acceptor *a) {
    if (!a || !a->has_thread)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_signal(&a->ended);
    pthread_mutex_unlock(&a->lock);
    eventfd_write(a->wake, 1);
    pthread_join(a->thread, NULL);
    a->has_thread = false;
}

void acceptor_free(acceptor *a) {
    if (!a)
        return;
    acceptor_stop(a);
    if (a->fd >= 0)
        close(a->fd);
    if (a->wake >= 0)
        close(a->wake);
    pl_free(a->counts);
    pthread_cond_destroy(&a->ended);
    pthread_mutex_destroy(&a->lock);
    pl_free(a);
}
