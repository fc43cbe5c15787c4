/*
 * Requests that are not in use, kept for the next one that arrives. A request is taken when its first line is
 * seen and given back when its answer is sent, so a thread that answers many connections works on the same
 * few pages of memory for all of them, and connections that are silent hold none.
 */
#ifndef GATEWAY_SPARES_H
#define GATEWAY_SPARES_H

#include "gateway/request.h"

/* Processors that have a place of their own, and spares beyond those. */
enum { SPARES_PLACES = 64, SPARES_MOST = 64 };

typedef struct spares spares;

/* NULL without memory. */
spares *spares_new(request_shared *shared);

/* Frees the spares; those in use stay their holders'. NULL is fine. */
void spares_free(spares *s);

/* The request given back last on this processor, else any, else a new one; reset. NULL without memory. */
gateway_request *spares_take(spares *s);

/* Takes a request that has been reset; frees it when there are enough. NULL is fine. */
void spares_give(spares *s, gateway_request *r);

/* How many are kept now. */
size_t spares_count(spares *s);

#endif
