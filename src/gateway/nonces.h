/*
 * Nonces: a signed request is accepted once (reference/gateway.md, section 6).
 *
 * Every nonce is remembered in memory until its request's timestamp is too old anyway. No request waits for
 * the disk because of that. What makes a replay fail after a restart:
 *
 *   - after a clean stop: all remembered nonces are in the table `nonces` and are read at the start;
 *   - after a crash: the table holds all but those of the last second (and, under more load than
 * the background writer is given, of some reading requests). A mark in `settings` tells that the stop was not
 *     clean; then requests whose timestamp lies before the start are refused, whatever their nonce. A request
 *     with a timestamp ahead of this clock is written before it is accepted, so nothing unwritten lies after
 *     the start. The start waits for the next full second, because timestamps are whole seconds;
 *   - several servers on one PostgreSQL: a request that changes something claims its nonce in the shared
 * table first; reading requests are told to the others with the background write.
 *
 * When more nonces come than memory may hold, the oldest half is forgotten and timestamps up to there are
 * refused: the accepted skew shrinks, replays are never let through.
 */
#ifndef GATEWAY_NONCES_H
#define GATEWAY_NONCES_H

#include "base/clock.h"
#include "base/log.h"
#include "store/db.h"

typedef struct nonces nonces;

enum { NONCE_SKEW_MS = 15 * 60 * 1000, NONCE_KEEP_MS = 30 * 60 * 1000, NONCE_MAX = 256 };

/*
 * `seed` is the same for every server on one store and unknown to clients. `limit` is the most nonces in
 * memory. May wait up to a second after a crash. On failure *out still goes to nonces_free (NULL when memory
 * was short).
 */
int nonces_open(nonces **out, store *store, const pl_clock *clock, const pl_log *log, uint64_t seed,
                size_t limit, pl_error *error);

/* Writes what is not in the table yet and ends the background writer; nonces_free follows after store_close.
 * NULL is fine for both. */
void nonces_close(nonces *n);
void nonces_free(nonces *n);

/*
 * Accepts the nonce of a request whose signature was found valid, or refuses with SignatureNonceUsed,
 * InvalidTimeStamp.Expired, or ServiceUnavailable. `timestamp` is the request's, within the skew, in
 * milliseconds; `changes` tells that the operation changes something.
 */
int nonces_use(nonces *n, pl_str access_key_id, pl_str nonce, int64_t timestamp, bool changes,
               pl_error *error);

/* True when accepting would wait for the store: such a request does not belong on a listener thread. */
bool nonces_would_wait(const nonces *n, int64_t timestamp, bool changes);

/* Writes what is waiting now instead of later. */
int nonces_flush(nonces *n, pl_error *error);

#endif
