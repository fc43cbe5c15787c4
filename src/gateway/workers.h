/*
 * A pool of threads that run requests which may wait, begun in the order of their arrival, each by the thread
 * that became idle last.
 */
#ifndef GATEWAY_WORKERS_H
#define GATEWAY_WORKERS_H

#include "gateway/request.h"

typedef struct workers workers;

/* Starts `count` threads; `run` is called on them for each request. NULL without memory or threads. */
workers *workers_new(unsigned count, void (*run)(gateway_request *r));

/*
 * Hands a request over, to which nothing else is done before `run`. Those that wait are linked through the
 * requests themselves: there are at most as many as connections.
 */
void workers_put(workers *w, gateway_request *r);

/* Threads that have nothing to do. */
size_t workers_idle(workers *w);

/* Runs what is queued, then ends the threads. NULL is fine. */
void workers_free(workers *w);

#endif
