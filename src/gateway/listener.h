/*
 * The HTTP side of the gateway, on libmicrohttpd: receives requests, hands them to request.h, sends the
 * answers, and keeps slow or greedy clients from hurting others. The only file pair that knows libmicrohttpd.
 */
#ifndef GATEWAY_LISTENER_H
#define GATEWAY_LISTENER_H

#include "gateway/request.h"

typedef struct listener listener;

/* Binds and serves. The shared part must outlive the listener. Fails with ServiceUnavailable. */
int listener_start(listener **out, request_shared *shared, pl_error *error);

/* The port bound. */
uint16_t listener_port(const listener *l);

/* Stops accepting, waits up to `milliseconds` for running requests, closes all connections, frees. */
void listener_stop(listener *l, int64_t milliseconds);

/* Takes over a connected socket, for requests in plain HTTP. -1: not taken. */
int listener_adopt(listener *l, int descriptor);

#endif
