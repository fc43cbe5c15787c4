/* Inside the inventory room: one list of columns and one way to read it. */
#ifndef INVENTORY_ROWS_H
#define INVENTORY_ROWS_H

#include "inventory/inventory.h"

/* The order that inventory_read_row expects; configuration is last. */
#define INVENTORY_COLUMNS                                                                                    \
    "resource_key, resource_type, region_id, resource_id, name, status, group_id, zone, create_time, "       \
    "capture_time, tags, deleted"

/*
 * The current row as views into the statement, valid until its next step. `account_id` is taken over. With
 * `configuration` the column behind INVENTORY_COLUMNS is read as well.
 */
void inventory_read_row(store_statement *st, pl_str account_id, bool configuration, inventory_resource *out);

/* Shows the rows of a bound statement, with their configuration, until the visitor wants no more. */
int inventory_visit_rows(store_statement *st, pl_str account_id, inventory_visit visit, void *context,
                         pl_error *error);

#endif
