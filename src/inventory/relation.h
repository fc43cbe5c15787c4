/*
 * Which relations of the catalogue lie between two resource types, and on whose side each one's ids stand.
 * Pure: the server asks the store with it, the command line its own index.
 */
#ifndef INVENTORY_RELATION_H
#define INVENTORY_RELATION_H

#include "catalogue/catalogue.h"
#include "jsonpath/path.h"

/*
 * A relation by which resources of two types belong together. `on_subject`: the subject's configuration
 * carries ids of others at `path`; else the others' configurations carry the subject's id there.
 */
typedef int (*inventory_relation_visit)(void *context, pl_str path, bool on_subject, pl_error *error);

/*
 * Visits the relations between a subject's type and another type, whichever of the two declares them; a
 * relation of a type to itself carries ids on its source only, so it is visited once for each role. The first
 * result other than 0 ends the visits and is returned.
 */
int inventory_each_relation(const catalogue *known, pl_str subject, pl_str other,
                            inventory_relation_visit visit, void *context, pl_error *error);

/* Visits the paths at which configurations of a type carry ids, as `on_subject`; a path may come twice. */
int inventory_each_carried(const catalogue *known, pl_str type, inventory_relation_visit visit, void *context,
                           pl_error *error);

/* The ids at a path: one text, a list of them, or all matches. In the arena. */
int inventory_related_ids(pl_arena *arena, pl_str path, pl_json configuration, pl_path_nodes *ids,
                          pl_error *error);

#endif
