/* Inside the inventory room: diffs and the rows of resource_history. */
#ifndef INVENTORY_HISTORY_H
#define INVENTORY_HISTORY_H

#include "inventory/inventory.h"

/* As inventory_write_diff; returns the number of members that differ. */
size_t inventory_count_diff(pl_buf *out, pl_json before, pl_json after);

/*
 * Appends the configuration that stood before a change, from the one after it and the stored diff. A member
 * whose old value was null comes back as absent; conditions treat both alike.
 */
void inventory_write_before(pl_buf *out, pl_json after, pl_json diff);

#endif
