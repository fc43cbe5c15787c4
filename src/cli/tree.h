/*
 * A small JSON tree that can be built up out of order, for translating Terraform attributes into a
 * configuration. Lives in an arena; failures mark the arena.
 */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct cli_tree cli_tree;

/* An empty object; NULL without memory. */
cli_tree *cli_tree_object(pl_arena *arena);

/* The member of an object, made as an empty object when it is absent; NULL when the node is not an object. */
cli_tree *cli_tree_member(pl_arena *arena, cli_tree *object, pl_str name);

/* Element `index` of a list (an empty node becomes one); elements before it are made as empty objects. */
cli_tree *cli_tree_element(pl_arena *arena, cli_tree *list, size_t index);

/* Makes the node a leaf with this JSON text (copied). */
void cli_tree_set(pl_arena *arena, cli_tree *node, pl_str json);

/* Number of elements of a list, 0 for other nodes. */
size_t cli_tree_length(const cli_tree *node);

/* Appends compact JSON. */
void cli_tree_write(pl_buf *out, const cli_tree *node);

#endif
