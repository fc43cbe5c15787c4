/*
 * The listening socket and the thread that accepts its connections. Each goes to the lane (a thread that
 * serves connections) that has fewest: threads that accept for themselves leave it to chance who is awake
 * first, and one of them may get all connections of a client that keeps them.
 */
#ifndef GATEWAY_ACCEPTOR_H
#define GATEWAY_ACCEPTOR_H

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include <sys/socket.h>

typedef struct acceptor acceptor;

/* Who serves connections. The functions are called by the acceptor's thread. */
typedef struct acceptor_lanes {
    unsigned count; /* at least 1 */
    size_t most;    /* connections of all lanes; further ones stay in the socket's queue. At least 1 */
    /* Takes the descriptor over, also where it fails: false when the connection was closed at once. */
    bool (*give)(void *context, unsigned lane, int fd, const struct sockaddr *address, socklen_t size);
    /* Connections that the lane has. Asked when all have been full for a while: one that was given and lost
     * for want of memory is not told of. */
    size_t (*held)(void *context, unsigned lane);
    void *context;
    const pl_log *log;
} acceptor_lanes;

/* Binds an address; an empty host means all of this machine, port 0 a free one. Fails with
 * ServiceUnavailable. */
int acceptor_open(acceptor **out, pl_str host, uint16_t port, pl_error *error);

uint16_t acceptor_port(const acceptor *a);

/* Begins to accept; copies `lanes`. Fails with ServiceUnavailable. */
int acceptor_start(acceptor *a, const acceptor_lanes *lanes, pl_error *error);

/* A connection that was given to the lane has ended. From any thread. */
void acceptor_ended(acceptor *a, unsigned lane);

/* Nothing is given once this returns; clients that connect afterwards wait until the socket is closed. */
void acceptor_stop(acceptor *a);

/* Stops and closes the socket. */
void acceptor_free(acceptor *a);

#endif
