/*
 * Recording many batches one after the other: while one is evaluated and stored, the next is read and parsed
 * by the caller's thread. Each batch is all or nothing, and they are stored in the order given.
 */
#ifndef ENGINE_IMPORT_H
#define ENGINE_IMPORT_H

#include "engine/engine.h"

typedef struct engine_import engine_import;

/* `e` and what `defaults` points to outlive the import. NULL: no memory (error filled). End with
 * engine_import_end. */
engine_import *engine_import_begin(engine *e, const inventory_defaults *defaults, pl_error *error);

/* What became of a batch. */
typedef enum engine_import_taken {
    ENGINE_IMPORT_TAKEN,
    ENGINE_IMPORT_MALFORMED, /* this one: `error->position` is the index of the bad item */
    ENGINE_IMPORT_LOST       /* the one before could not be stored: its label stands before the message */
} engine_import_taken;

/*
 * Takes a batch: a JSON array of items, up to INVENTORY_MAX_ITEMS. Returns when it is parsed and the batch
 * before is stored; the text is not needed any more then. `label` names it in errors ("items.jsonl:1-5000").
 * After a failure only engine_import_end may follow.
 */
engine_import_taken engine_import_add(engine_import *import, pl_str array, pl_str label, int64_t now,
                                      pl_error *error);

/*
 * Waits for the last batch and frees the import; also after a failure. `sum` counts the batches that were
 * stored. -1 when a batch was not, with `error` filled unless engine_import_add has told it.
 */
int engine_import_end(engine_import *import, engine_ingested *sum, pl_error *error);

#endif
