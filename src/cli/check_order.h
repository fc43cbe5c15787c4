/*
 * The order in which a check writes its report: pieces come from workers as they are done, and go out in the
 * order in which their batches were read.
 *
 * INVARIANT: pieces are written by one worker at a time. A piece whose turn has not come is parked, so that
 * its worker goes on with another buffer; `lock` guards the parked pieces, spare buffers, `turn` and
 * `writing`. What only the writing worker uses (`wrote`, `counts`, `progress`, `error`) needs no lock. The
 * first error stops all workers; nothing behind it is written.
 */
#ifndef CLI_CHECK_ORDER_H
#define CLI_CHECK_ORDER_H

#include "cli/check_worker.h"
#include "cli/progress.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CHECK_PIECE_MAX = 1 << 30 /* bytes of the report of one batch */ };

/* What became of a batch. */
typedef struct check_outcome {
    int result; /* 0, or -1 with `error` filled */
    pl_buf piece;
    check_counts counts;
    pl_error error;
} check_outcome;

typedef struct check_parked check_parked;

typedef struct check_order {
    const check_run *run;
    pthread_mutex_t lock;
    pthread_cond_t turn_changed;
    uint64_t turn;
    check_parked *parked; /* by ticket, modulo their number */
    size_t parked_count;
    pl_buf *spare; /* empty buffers, the last one used last: its memory is near */
    size_t spare_count;
    bool writing;
    atomic_bool stopped; /* by the first error, which `error` then tells */
    bool wrote;
    check_counts counts; /* of all that was written */
    cli_progress progress;
    pl_error error;
} check_order;

/* Begins a report of batches with the tickets 0, 1 and so on. False, and nothing to close, without memory. */
bool check_order_open(check_order *order, const check_run *run, unsigned threads);

/* Ends it, once no worker uses it any more; counts, `stopped` and `error` stay. */
void check_order_close(check_order *order);

/*
 * Writes the outcome of the batch with this ticket, or leaves that to the worker that writes or will write.
 * `own->piece` may be another, empty buffer afterwards. Waits while too many outcomes are parked.
 */
void check_order_finish(check_order *order, uint64_t ticket, check_outcome *own);

#endif
