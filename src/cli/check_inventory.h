/*
 * The recorded inventory as the input of a check: the store is opened for reading only, and its resources are
 * written as JSON Lines to what becomes standard input, by a thread of their own. A server may run on the
 * store meanwhile; the check sees one moment of it.
 */
#ifndef CLI_CHECK_INVENTORY_H
#define CLI_CHECK_INVENTORY_H

#include "base/error.h"

typedef struct check_inventory check_inventory;

/*
 * Opens the store at `store_url`, or the SQLite file of the data directory when that is NULL, and begins to
 * write. `at` 0: as recorded now; else as it was then (Unix milliseconds), from the history. The caller
 * closes *out.
 */
int check_inventory_open(check_inventory **out, const char *data_directory, const char *store_url, int64_t at,
                         pl_error *error);

/* Ends the writing. -1 when not everything could be read; `error` tells why. NULL is fine. */
int check_inventory_close(check_inventory *c, pl_error *error);

#endif
