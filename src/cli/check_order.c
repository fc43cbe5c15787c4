/* Writing pieces in the order of their batches. */
#include "cli/check_order.h"

#include "base/memory.h"
#include "cli/file.h"

enum { PARKED_EACH = 4 }; /* places for each worker's outcomes */

/* A place for an outcome that waits for its turn. */
struct check_parked {
    bool full;
    check_outcome outcome;
};

static void add_counts(check_counts *sum, const check_counts *more) {
    sum->resources += more->resources;
    sum->evaluations += more->evaluations;
    sum->ignored_types += more->ignored_types;
    for (size_t i = 0; i < sizeof sum->results / sizeof *sum->results; i++)
        sum->results[i] += more->results[i];
}

static int write_piece(check_order *order, pl_str piece) {
    bool comma = order->run->format == CHECK_JSON || order->run->format == CHECK_SARIF;
    if (!piece.n)
        return 0;
    if (comma && !order->wrote)
        piece = pl_str_skip(piece, 1);
    order->wrote = true;
    return cli_write_all(order->run->out, piece);
}

/* Writes a piece whose turn it is, or records its error. */
static void deliver(check_order *order, check_outcome *done) {
    if (!order->stopped && done->result == 0 && write_piece(order, pl_buf_str(&done->piece)) != 0)
        done->result = pl_failf(&done->error, PL_E_ServiceUnavailable, "the report cannot be written");
    if (!order->stopped && done->result != 0) {
        order->error = done->error;
        order->stopped = true;
    }
    if (!order->stopped)
        add_counts(&order->counts, &done->counts);
    cli_progress_update(&order->progress, cli_source_read(order->run->source), order->counts.resources);
}

/* Delivers what is next in order; `lock` is held at both ends and not while something is written. */
static void deliver_next(check_order *order, check_outcome *done) {
    pthread_mutex_unlock(&order->lock);
    deliver(order, done);
    pthread_mutex_lock(&order->lock);
    order->turn++;
    pthread_cond_broadcast(&order->turn_changed);
}

/* Delivers the worker's own outcome, whose turn it is, and all parked ones behind it. */
static void deliver_all(check_order *order, check_outcome *own) {
    order->writing = true;
    deliver_next(order, own);
    for (check_parked *p; (p = &order->parked[order->turn % order->parked_count])->full;) {
        deliver_next(order, &p->outcome);
        p->full = false;
        order->spare[order->spare_count++] = p->outcome.piece;
    }
    order->writing = false;
}

/* Leaves the outcome to a worker that writes, or will; there is a spare buffer for each parked one. */
static void park(check_order *order, check_outcome *own, uint64_t ticket) {
    check_parked *p = &order->parked[ticket % order->parked_count];
    *p = (check_parked){true, *own};
    own->piece = order->spare[--order->spare_count];
}

void check_order_finish(check_order *order, uint64_t ticket, check_outcome *own) {
    pthread_mutex_lock(&order->lock);
    while (ticket - order->turn >= order->parked_count)
        pthread_cond_wait(&order->turn_changed, &order->lock);
    if (ticket == order->turn && !order->writing)
        deliver_all(order, own);
    else
        park(order, own, ticket);
    pthread_mutex_unlock(&order->lock);
}

/* Nothing is parked any more. */
static void close_parked(check_order *order) {
    for (size_t i = 0; i < order->spare_count; i++)
        pl_buf_free(&order->spare[i]);
    pl_free(order->parked);
    pl_free(order->spare);
}

bool check_order_open(check_order *order, const check_run *run, unsigned threads) {
    *order = (check_order){.run = run,
                           .lock = PTHREAD_MUTEX_INITIALIZER,
                           .turn_changed = PTHREAD_COND_INITIALIZER,
                           .parked_count = (size_t)threads * PARKED_EACH};
    order->parked = pl_calloc(order->parked_count, sizeof *order->parked);
    order->spare = pl_calloc(order->parked_count, sizeof *order->spare);
    if (!order->parked || !order->spare) {
        close_parked(order);
        return false;
    }
    while (order->spare_count < order->parked_count)
        pl_buf_init(&order->spare[order->spare_count++], CHECK_PIECE_MAX);
    cli_progress_begin(&order->progress, "checking", cli_source_size(run->source));
    return true;
}

void check_order_close(check_order *order) {
    cli_progress_end(&order->progress);
    close_parked(order);
}
