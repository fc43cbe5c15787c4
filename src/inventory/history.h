/*
 * Inside the inventory room: diffs and the nodes of the configuration timeline.
 *
 * INVARIANT: every change of a resource has a row of resource_history, but for the discovery of one that has
 * not changed since: its row of resources tells the same. What changes it first writes the discovery down.
 */
#ifndef INVENTORY_HISTORY_H
#define INVENTORY_HISTORY_H

#include "inventory/inventory.h"

/* Reads the resource $2 of the account $1 from its own row where nothing has changed since its discovery. */
#define INVENTORY_UNCHANGED_RESOURCE                                                                         \
    " FROM resources WHERE account_id = $1 AND resource_key = $2 AND NOT EXISTS (SELECT 1 FROM "             \
    "resource_history WHERE account_id = $1 AND resource_key = $2)"

/* As inventory_write_diff; returns the number of members that differ. */
size_t inventory_count_diff(pl_buf *out, pl_json before, pl_json after);

/*
 * Appends the configuration that stood before a change, from the one after it and the stored diff. A member
 * whose old value was null comes back as absent; conditions treat both alike.
 */
void inventory_write_before(pl_buf *out, pl_json after, pl_json diff);

#endif
