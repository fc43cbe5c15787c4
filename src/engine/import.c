/*
 * The import: two batches, one being parsed by the caller's thread, one being stored by a thread of its own.
 *
 * INVARIANT: `busy` belongs to the storing thread while it is set, the other batch to the caller. Without a
 * thread (none could be had) the caller stores as well.
 */
#include "engine/import.h"

#include "base/memory.h"
#include "json/parser.h"

#include <pthread.h>
#include <stdio.h>

enum { ARENA_LIMIT = 512 << 20, PARSED_LIMIT = 256 << 20 };

typedef struct batch {
    pl_arena arena;
    pl_json_parser *parser;
    inventory_item *items;
    size_t count;
    pl_str label;
    int64_t now;
} batch;

struct engine_import {
    engine *e;
    inventory_defaults defaults;
    batch batches[2];
    size_t next; /* the batch that the caller fills */
    pthread_t thread;
    bool threaded, failed;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    batch *busy;         /* guarded by `lock`, as are the following */
    bool stop, lost;     /* lost: a batch could not be stored */
    pl_error why;        /* when `lost` */
    engine_ingested sum; /* of the batches stored */
};

static void prefix(const batch *b, pl_error *error) {
    char message[sizeof error->message];
    memcpy(message, error->message, sizeof message);
    snprintf(error->message, sizeof error->message, "%.*s: %.800s", PL_FMT(b->label), message);
}

/* Stores one batch and notes what became of it. */
static void store_one(engine_import *im, const batch *b) {
    engine_ingested done;
    pl_error error = {0};
    int status = engine_ingest_items(im->e, b->items, b->count, b->now, &done, &error);
    pthread_mutex_lock(&im->lock);
    if (status == 0) {
        im->sum.accepted += done.accepted;
        im->sum.changed += done.changed;
        im->sum.unchanged += done.unchanged;
        im->sum.removed += done.removed;
    } else {
        im->lost = true;
        im->why = error;
        prefix(b, &im->why);
    }
    im->busy = NULL;
    pthread_cond_signal(&im->changed);
    pthread_mutex_unlock(&im->lock);
}

static void *store_batches(void *argument) {
    engine_import *im = argument;
    pthread_mutex_lock(&im->lock);
    while (!im->stop) {
        batch *b = im->busy;
        if (!b) {
            pthread_cond_wait(&im->changed, &im->lock);
            continue;
        }
        pthread_mutex_unlock(&im->lock);
        store_one(im, b);
        pthread_mutex_lock(&im->lock);
    }
    pthread_mutex_unlock(&im->lock);
    return NULL;
}

/* Until the batch before is stored; -1 when it, or one earlier, could not be. */
static int wait_stored(engine_import *im, pl_error *error) {
    pthread_mutex_lock(&im->lock);
    while (im->busy)
        pthread_cond_wait(&im->changed, &im->lock);
    bool lost = im->lost;
    if (lost)
        *error = im->why;
    pthread_mutex_unlock(&im->lock);
    return lost ? -1 : 0;
}

static void hand_over(engine_import *im, batch *b) {
    pthread_mutex_lock(&im->lock);
    im->busy = b;
    pthread_cond_signal(&im->changed);
    pthread_mutex_unlock(&im->lock);
    if (!im->threaded)
        store_one(im, b);
}

engine_import *engine_import_begin(engine *e, const inventory_defaults *defaults, pl_error *error) {
    engine_import *im = pl_calloc(1, sizeof *im);
    if (!im) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return NULL;
    }
    im->e = e;
    im->defaults = *defaults;
    pthread_mutex_init(&im->lock, NULL);
    pthread_cond_init(&im->changed, NULL);
    for (size_t i = 0; i < 2; i++) {
        pl_arena_init(&im->batches[i].arena, ARENA_LIMIT);
        im->batches[i].parser = pl_json_parser_new(PARSED_LIMIT);
    }
    im->failed = !im->batches[0].parser || !im->batches[1].parser;
    im->threaded = !im->failed && pthread_create(&im->thread, NULL, store_batches, im) == 0;
    if (!im->failed)
        return im;
    engine_import_end(im, NULL, NULL);
    pl_fail(error, PL_E_ServiceUnavailable);
    return NULL;
}

/* The items keep pointing into the parser's document, which lives until this batch is filled again. */
static int parse(engine_import *im, batch *b, pl_str array, pl_error *error) {
    pl_json root;
    if (pl_json_parse(b->parser, array, &root, error) != 0)
        return -1;
    return inventory_parse(&b->arena, root, &im->defaults, &b->items, &b->count, error);
}

engine_import_taken engine_import_add(engine_import *im, pl_str array, pl_str label, int64_t now,
                                      pl_error *error) {
    batch *b = im->batches + im->next;
    pl_error before = {0};
    bool refused = im->failed;
    im->failed = true;
    if (refused) {
        pl_failf(error, PL_E_InternalError, "The import has failed before.");
        return ENGINE_IMPORT_LOST;
    }
    pl_arena_reset(&b->arena);
    b->label = pl_arena_copy(&b->arena, label);
    b->now = now;
    int parsed = b->label.p ? parse(im, b, array, error) : pl_fail(error, PL_E_ServiceUnavailable);
    if (wait_stored(im, &before) != 0) { /* of two failures the earlier one is told */
        *error = before;
        return ENGINE_IMPORT_LOST;
    }
    if (parsed != 0)
        return ENGINE_IMPORT_MALFORMED;
    hand_over(im, b);
    im->next = 1 - im->next;
    im->failed = false;
    return ENGINE_IMPORT_TAKEN;
}

static void stop_thread(engine_import *im) {
    pthread_mutex_lock(&im->lock);
    im->stop = true;
    pthread_cond_signal(&im->changed);
    pthread_mutex_unlock(&im->lock);
    pthread_join(im->thread, NULL);
}

int engine_import_end(engine_import *im, engine_ingested *sum, pl_error *error) {
    pl_error why = {0};
    int status = wait_stored(im, &why);
    if (status != 0 && error && !im->failed)
        *error = why;
    if (im->threaded)
        stop_thread(im);
    if (sum)
        *sum = im->sum;
    for (size_t i = 0; i < 2; i++) {
        pl_arena_free(&im->batches[i].arena);
        pl_json_parser_free(im->batches[i].parser);
    }
    pthread_cond_destroy(&im->changed);
    pthread_mutex_destroy(&im->lock);
    pl_free(im);
    return status;
}
