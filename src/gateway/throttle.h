/*
 * Throttling per access key: a token bucket that holds one second's worth of calls (reference/gateway.md,
 * section 11). Off unless a limit is set.
 */
#ifndef GATEWAY_THROTTLE_H
#define GATEWAY_THROTTLE_H

#include "base/str.h"

typedef struct throttle throttle;

enum { THROTTLE_KEYS_MAX = 100000 };

/* NULL without memory. */
throttle *throttle_new(uint32_t calls_per_second);
void throttle_free(throttle *t);

/*
 * Takes one call of this key at `now` (milliseconds): 0 when it may go on, else the milliseconds after which
 * the next one may. Past THROTTLE_KEYS_MAX keys in use at once further keys go unthrottled.
 */
int64_t throttle_take(throttle *t, pl_str access_key_id, int64_t now);

#endif
