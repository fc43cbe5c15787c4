/*
 * The claims a process holds on rows of a queue, kept alive. A claim is a short lease on its rows: they are
 * due again when it ends. While its holder works, a thread of the leases renews it; when the process is gone,
 * somebody else gets the rows within STORE_LEASE_MS.
 *
 * INVARIANT: a lease that is not held is not renewed, so rows that could not be settled come back by
 * themselves.
 */
#ifndef STORE_LEASES_H
#define STORE_LEASES_H

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"

enum { STORE_LEASE_MS = 20000, STORE_LEASE_NAME = 33 };

typedef struct store_leases store_leases;

/* One claim; lies with its holder. `name` is what its rows carry: no other claim has it, in no process. */
typedef struct store_lease {
    char name[STORE_LEASE_NAME];
    struct store_lease *next;
} store_lease;

typedef struct store_leases_config {
    store *store;
    pl_clock clock;
    pl_random random;
    const pl_log *log; /* may be NULL */
    /* Moves the end of the lease of the rows that carry `name` to `until` (Unix milliseconds). */
    int (*renew)(store_session *session, pl_str name, int64_t until, pl_error *error);
} store_leases_config;

/* Everything in `config` outlives the leases. */
int store_leases_open(store_leases **out, const store_leases_config *config, pl_error *error);

/* Begins renewing by a thread of its own. */
int store_leases_start(store_leases *leases, pl_error *error);

/* Ends the thread; NULL is fine. Nothing may be held any more. */
void store_leases_close(store_leases *leases);

/* Gives the lease a name and holds it until it is let go. */
int store_lease_hold(store_leases *leases, store_lease *lease, pl_error *error);
void store_lease_let_go(store_leases *leases, store_lease *lease);

/* Renews all that is held, in one transaction; what the thread does. */
int store_leases_renew(store_leases *leases, pl_error *error);

#endif
