/*
 * A network that loses things: stands between a client and the PostgreSQL of the test program and drops the
 * connection at the next commit, before or after the server has done it.
 */
#ifndef PL_TESTS_PROXY_H
#define PL_TESTS_PROXY_H

#include <pthread.h>
#include <stdatomic.h>

enum { TEST_PROXY_PASS, TEST_PROXY_LOSE_COMMIT, TEST_PROXY_LOSE_ANSWER };

typedef struct test_proxy {
    char directory[64]; /* of its socket; the host of the client's URL */
    char server[160];   /* the server's socket */
    int listening;
    pthread_t thread;
    atomic_int mode; /* one of the above; back to TEST_PROXY_PASS when it has happened */
} test_proxy;

/* Listens in front of the server whose socket lies in `server_directory`. 0 or -1. */
int test_proxy_start(test_proxy *proxy, const char *server_directory);

/* All connections through it must be closed. */
void test_proxy_stop(test_proxy *proxy);

#endif
