/* A pool of threads that run requests which may wait, in the order of their arrival. */
#ifndef GATEWAY_WORKERS_H
#define GATEWAY_WORKERS_H

#include "gateway/request.h"

typedef struct workers workers;

/* Starts `count` threads; `done` is called on them after each request. NULL without memory or threads. */
workers *workers_new(unsigned count, void (*done)(gateway_request *r));

/* Hands a request over; the queue is as long as there are connections. */
void workers_put(workers *w, gateway_request *r);

/* Requests that wait for a thread. */
size_t workers_waiting(workers *w);

/* Runs what is queued, then ends the threads. NULL is fine. */
void workers_free(workers *w);

#endif
