/*
 * The threads that work off a queue in the store: each works until nothing is left, then waits for news on a
 * channel or for a while, whichever comes first.
 *
 * INVARIANT: news that come while a thread works make it look once more before it waits.
 */
#ifndef STORE_WORKERS_H
#define STORE_WORKERS_H

#include "store/db.h"

enum { STORE_WORKERS_MOST = 64 };

typedef struct store_workers store_workers;

typedef struct store_workers_config {
    store *store;
    const pl_log *log; /* may be NULL */
    const char *name;  /* begins what is written to the log */
    pl_str channel;    /* news there wake the threads; absent: only time does */
    unsigned threads;  /* STORE_WORKERS_MOST at most, more are not started */
    int64_t wait_ms;   /* the longest wait, above 0 */
    /*
     * Does a piece of work on thread `number` (from 0); `*worked` false: nothing is left for now. A failure
     * is written to the log and tried again after the next wait.
     */
    int (*work)(void *context, unsigned number, bool *worked, pl_error *error);
    /* What the first thread does before it begins to work, at the start and after each wait; may be NULL. */
    int (*look_first)(void *context, pl_error *error);
    void *context;
} store_workers_config;

/* No thread yet. Everything in `config` outlives the workers. */
int store_workers_open(store_workers **out, const store_workers_config *config, pl_error *error);

/* Listens and begins the threads; ServiceUnavailable when one cannot be begun. */
int store_workers_start(store_workers *workers, pl_error *error);

/* True from the beginning of store_workers_stop: what takes long should end early. */
bool store_workers_stopping(store_workers *workers);

/* Ends the threads, each after its piece of work, and listens no more. Again, or NULL, is fine. */
void store_workers_stop(store_workers *workers);

/* Stops and frees; NULL is fine. The store is open unless store_workers_stop came before. */
void store_workers_close(store_workers *workers);

#endif
