/* The acceptor: who gets which connection, the limit of all, and its end. */
#include "gateway/acceptor.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum { LANES = 3, CONNECTIONS = 64 };

/* The lanes of one test, and what they were given. */
typedef struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    acceptor *acceptor;
    size_t given, asked; /* asked: how often `held` was */
    size_t refused;      /* connections that lanes refuse at first */
    size_t counts[LANES];
    size_t held[LANES]; /* what the lanes say that they have */
    int fds[CONNECTIONS];
    int clients[CONNECTIONS];
    size_t client_count;
} seen;

static bool give(void *context, unsigned lane, int fd, const struct sockaddr *address, socklen_t size) {
    seen *s = context;
    pthread_mutex_lock(&s->lock);
    bool taken = s->refused == 0 && address->sa_family == AF_INET && size == sizeof(struct sockaddr_in);
    if (taken) {
        s->fds[s->given++] = fd;
        s->counts[lane]++;
    } else {
        s->refused--;
        close(fd);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return taken;
}

static size_t held(void *context, unsigned lane) {
    seen *s = context;
    pthread_mutex_lock(&s->lock);
    s->asked++;
    size_t count = s->held[lane];
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return count;
}

static void start(seen *s, unsigned lanes, size_t most) {
    pl_error error;
    static const pl_log silent = {.fd = -1};
    *s = (seen){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(acceptor_open(&s->acceptor, PL_STR("127.0.0.1"), 0, &error), 0);
    acceptor_lanes all = {
        .count = lanes, .most = most, .give = give, .held = held, .context = s, .log = &silent};
    assert_int_equal(acceptor_start(s->acceptor, &all, &error), 0);
}

static void end(seen *s) {
    acceptor_free(s->acceptor);
    for (size_t i = 0; i < s->given; i++)
        close(s->fds[i]);
    for (size_t i = 0; i < s->client_count; i++)
        close(s->clients[i]);
}

static int dial(uint16_t port) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void connect_clients(seen *s, size_t count) {
    for (size_t i = 0; i < count; i++)
        s->clients[s->client_count++] = dial(acceptor_port(s->acceptor));
}

static void wait_until(seen *s, const size_t *number, size_t least) {
    pthread_mutex_lock(&s->lock);
    while (*number < least)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static size_t read_number(seen *s, const size_t *number) {
    pthread_mutex_lock(&s->lock);
    size_t value = *number;
    pthread_mutex_unlock(&s->lock);
    return value;
}

static void set_number(seen *s, size_t *number, size_t value) {
    pthread_mutex_lock(&s->lock);
    *number = value;
    pthread_mutex_unlock(&s->lock);
}

static void set_held(seen *s, size_t first, size_t others) {
    for (size_t i = 0; i < LANES; i++)
        set_number(s, &s->held[i], i ? others : first);
}

static void test_lanes_get_as_many(void **state) {
    seen s;
    (void)state;
    start(&s, LANES, CONNECTIONS);
    connect_clients(&s, 4 * LANES);
    wait_until(&s, &s.given, 4 * LANES);
    for (size_t i = 0; i < LANES; i++)
        assert_int_equal(read_number(&s, &s.counts[i]), 4);
    end(&s);
}

static void test_the_lane_with_fewest_gets_the_next(void **state) {
    seen s;
    (void)state;
    start(&s, LANES, CONNECTIONS);
    connect_clients(&s, 3 * LANES);
    wait_until(&s, &s.given, 3 * LANES);
    acceptor_ended(s.acceptor, 1);
    acceptor_ended(s.acceptor, 1);
    connect_clients(&s, 2);
    wait_until(&s, &s.given, 3 * LANES + 2);
    assert_int_equal(read_number(&s, &s.counts[0]), 3);
    assert_int_equal(read_number(&s, &s.counts[1]), 5);
    assert_int_equal(read_number(&s, &s.counts[2]), 3);
    end(&s);
}

static void test_the_limit_is_that_of_all_lanes(void **state) {
    seen s;
    (void)state;
    start(&s, LANES, 4);
    set_held(&s, 2, 1);
    connect_clients(&s, 6);
    wait_until(&s, &s.asked, LANES); /* it has found them full, for a while */
    assert_int_equal(read_number(&s, &s.given), 4);
    acceptor_ended(s.acceptor, 0);
    wait_until(&s, &s.given, 5);
    wait_until(&s, &s.asked, 2 * LANES);
    assert_int_equal(read_number(&s, &s.given), 5);
    end(&s);
}

static void test_a_lost_connection_is_missed(void **state) {
    seen s;
    (void)state;
    start(&s, LANES, 4);
    set_held(&s, 1, 1); /* of four given ones */
    connect_clients(&s, 5);
    wait_until(&s, &s.given, 5);
    assert_true(read_number(&s, &s.asked) >= LANES);
    end(&s);
}

static void test_a_refused_connection_takes_no_room(void **state) {
    seen s;
    (void)state;
    start(&s, 1, 3);
    set_number(&s, &s.refused, 3);
    connect_clients(&s, 5);
    wait_until(&s, &s.given, 2);
    assert_int_equal(read_number(&s, &s.asked), 0);
    end(&s);
}

static void test_more_ends_than_connections(void **state) {
    seen s;
    (void)state;
    start(&s, 1, 1);
    acceptor_ended(s.acceptor, 0);
    connect_clients(&s, 2);
    set_held(&s, 1, 0);
    wait_until(&s, &s.asked, 1);
    assert_int_equal(read_number(&s, &s.given), 1);
    end(&s);
}

static void test_nothing_is_given_after_the_end(void **state) {
    seen s;
    char byte;
    (void)state;
    start(&s, LANES, CONNECTIONS);
    connect_clients(&s, 1);
    wait_until(&s, &s.given, 1);
    acceptor_stop(s.acceptor);
    connect_clients(&s, 1); /* the socket still listens */
    assert_int_equal(read_number(&s, &s.given), 1);
    acceptor_free(s.acceptor);
    s.acceptor = NULL;
    assert_true(read(s.clients[1], &byte, 1) <= 0);
    assert_int_equal(s.given, 1);
    end(&s);
}

static void test_it_ends_while_full(void **state) {
    seen s;
    (void)state;
    start(&s, 1, 1);
    connect_clients(&s, 2);
    wait_until(&s, &s.given, 1);
    end(&s);
    assert_int_equal(s.given, 1);
}

static void test_an_address_that_is_taken(void **state) {
    seen s;
    pl_error error;
    acceptor *second;
    (void)state;
    start(&s, 1, 1);
    assert_int_equal(acceptor_open(&second, PL_STR("127.0.0.1"), acceptor_port(s.acceptor), &error), -1);
    assert_null(second);
    assert_true(pl_error_is(&error, PL_E_ServiceUnavailable));
    assert_non_null(strstr(error.message, "cannot listen on 127.0.0.1:"));
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes_get_as_many),
        cmocka_unit_test(test_the_lane_with_fewest_gets_the_next),
        cmocka_unit_test(test_the_limit_is_that_of_all_lanes),
        cmocka_unit_test(test_a_lost_connection_is_missed),
        cmocka_unit_test(test_a_refused_connection_takes_no_room),
        cmocka_unit_test(test_more_ends_than_connections),
        cmocka_unit_test(test_nothing_is_given_after_the_end),
        cmocka_unit_test(test_it_ends_while_full),
        cmocka_unit_test(test_an_address_that_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
