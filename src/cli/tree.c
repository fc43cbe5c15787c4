/* The tree: objects and lists are chains of children in the order of making. */
#include "cli/tree.h"

#include "json/tape.h"

struct cli_tree {
    pl_str name, leaf; /* name in its parent; JSON text of a leaf (absent: not a leaf) */
    bool list;
    cli_tree *first, *last, *next;
};

cli_tree *cli_tree_object(pl_arena *arena) {
    return pl_new(arena, cli_tree, 1);
}

static cli_tree *add_child(pl_arena *arena, cli_tree *parent, pl_str name) {
    cli_tree *child = pl_new(arena, cli_tree, 1);
    if (!child)
        return NULL;
    child->name = pl_arena_copy(arena, name);
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    return child;
}

cli_tree *cli_tree_member(pl_arena *arena, cli_tree *object, pl_str name) {
    if (!object || object->leaf.p || object->list)
        return NULL;
    for (cli_tree *child = object->first; child; child = child->next)
        if (pl_str_eq(child->name, name))
            return child;
    return add_child(arena, object, name);
}

cli_tree *cli_tree_element(pl_arena *arena, cli_tree *list, size_t index) {
    if (!list || list->leaf.p || (!list->list && list->first))
        return NULL;
    list->list = true;
    cli_tree *child = list->first;
    for (size_t i = 0; i < index && child; i++)
        child = child->next;
    for (size_t have = cli_tree_length(list); !child && have <= index; have++) {
        cli_tree *added = add_child(arena, list, PL_STR(""));
        if (!added)
            return NULL;
        if (have == index)
            child = added;
    }
    return child;
}

void cli_tree_set(pl_arena *arena, cli_tree *node, pl_str json) {
    if (!node)
        return;
    node->leaf = pl_arena_copy(arena, json);
    node->first = node->last = NULL;
    node->list = false;
}

size_t cli_tree_length(const cli_tree *node) {
    size_t count = 0;
    for (const cli_tree *child = node && node->list ? node->first : NULL; child; child = child->next)
        count++;
    return count;
}

void cli_tree_write(pl_buf *out, const cli_tree *node) {
    if (node->leaf.p) {
        pl_buf_add(out, node->leaf);
        return;
    }
    pl_buf_add_char(out, node->list ? '[' : '{');
    for (const cli_tree *child = node->first; child; child = child->next) {
        if (child != node->first)
            pl_buf_add_char(out, ',');
        if (!node->list) {
            pl_json_write_string(out, child->name);
            pl_buf_add_char(out, ':');
        }
        cli_tree_write(out, child);
    }
    pl_buf_add_char(out, node->list ? ']' : '}');
}
