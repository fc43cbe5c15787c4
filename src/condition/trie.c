/*
 * The plain paths of a program as one trie, and the single pass over a tape that captures all they name.
 *
 * INVARIANT: 8 bytes are readable at every string of a tape, so that a name's length and first four bytes are
 * compared as one word; only then is the whole name looked at. Of duplicate names the first counts.
 */
#include "condition/program_internal.h"

static const uint64_t SPREAD = 0x9e3779b97f4a7c15ULL;

/* Length and first bytes of a name as they stand in a tape's string buffer; bytes behind the name are 0. */
static uint64_t head_of(pl_str name) {
    unsigned char bytes[8] = {0};
    uint32_t n = (uint32_t)name.n;
    uint64_t head;
    memcpy(bytes, &n, sizeof n);
    memcpy(bytes + sizeof n, name.p, name.n < 4 ? name.n : 4);
    memcpy(&head, bytes, sizeof head);
    return head;
}

static inline uint64_t head_at(const uint8_t *string) {
    static const uint64_t masks[4] = {0xffffffffULL, 0xffffffffffULL, 0xffffffffffffULL, 0xffffffffffffffULL};
    uint64_t head;
    memcpy(&head, string, sizeof head);
    uint32_t n = (uint32_t)head;
    return n < 4 ? head & masks[n] : head;
}

static trie_node *new_node(pl_arena *arena, trie *t) {
    trie_node *node = pl_new(arena, trie_node, 1);
    if (node)
        node->slot = t->slots++;
    return node;
}

static trie_node *child_by_name(pl_arena *arena, trie *t, trie_node *node, pl_str name) {
    for (size_t i = 0; i < node->names; i++)
        if (pl_str_eq(node->table[i].name, name))
            return (trie_node *)(uintptr_t)node->table[i].child;
    trie_name *larger = pl_arena_grow(arena, node->table, node->names, &node->name_capacity, sizeof *larger);
    trie_node *child = larger ? new_node(arena, t) : NULL;
    if (!child)
        return NULL;
    node->table = larger;
    node->table[node->names++] = (trie_name){head_of(name), name, child};
    return child;
}

static trie_node *child_by_index(pl_arena *arena, trie *t, trie_node *node, int64_t index) {
    for (size_t i = 0; i < node->index_count; i++)
        if (node->indices[i].index == index)
            return (trie_node *)(uintptr_t)node->indices[i].child;
    trie_index *larger =
        pl_arena_grow(arena, node->indices, node->index_count, &node->index_capacity, sizeof *larger);
    trie_node *child = larger ? new_node(arena, t) : NULL;
    if (!child)
        return NULL;
    node->indices = larger;
    node->indices[node->index_count++] = (trie_index){index, child};
    return child;
}

trie_node *trie_add(pl_arena *arena, trie *t, const pl_path *path, size_t steps) {
    if (!t->root)
        t->root = new_node(arena, t);
    trie_node *node = t->root;
    for (size_t i = 0; i < steps && node; i++) {
        pl_path_step step = pl_path_plain_step(path, i);
        node = step.name.p ? child_by_name(arena, t, node, step.name)
                           : child_by_index(arena, t, node, step.index);
    }
    return node;
}

/* A table at most half full, so that a probe for a foreign name nearly always ends at once. */
static bool build_table(pl_arena *arena, trie_node *node) {
    unsigned bits = 1;
    while (((size_t)1 << bits) < node->names * 2)
        bits++;
    size_t size = (size_t)1 << bits;
    trie_name *table = pl_new(arena, trie_name, size);
    if (!table)
        return false;
    for (size_t i = 0; i < node->names; i++) {
        size_t at = (size_t)(node->table[i].head * SPREAD >> (64 - bits));
        while (table[at].child)
            at = (at + 1) & (size - 1);
        table[at] = node->table[i];
    }
    node->table = table;
    node->shift = 64 - bits;
    return true;
}

bool trie_seal(pl_arena *arena, trie_node *node) {
    for (size_t i = 0; i < node->index_count; i++)
        if (!trie_seal(arena, (trie_node *)(uintptr_t)node->indices[i].child))
            return false;
    for (size_t i = 0; i < node->names; i++)
        if (!trie_seal(arena, (trie_node *)(uintptr_t)node->table[i].child))
            return false;
    return node->names == 0 || build_table(arena, node);
}

static void walk_node(const trie_node *node, pl_json value, uint32_t *slots);

/* The child for the name at `string`, or NULL. */
static inline const trie_node *find_name(const trie_node *node, const uint8_t *string) {
    uint64_t head = head_at(string);
    size_t mask = ((size_t)1 << (64 - node->shift)) - 1;
    for (size_t at = (size_t)(head * SPREAD >> node->shift); node->table[at].child; at = (at + 1) & mask) {
        const trie_name *entry = &node->table[at];
        if (entry->head == head && memcmp(string + sizeof(uint32_t), entry->name.p, entry->name.n) == 0)
            return entry->child;
    }
    return NULL;
}

static void walk_object(const trie_node *node, pl_json object, uint32_t *slots) {
    const uint64_t *tape = object.tape;
    size_t left = node->names;
    uint32_t end = (uint32_t)tape[object.at] - 1;
    for (uint32_t at = object.at + 1; at < end && left;) {
        const uint8_t *string = object.strings + (tape[at] & PL_JSON_PAYLOAD_MASK);
        const trie_node *child = find_name(node, string);
        pl_json value = pl_json_move(object, at + 1);
        if (child && slots[child->slot] == 0) {
            left--;
            walk_node(child, value, slots);
        }
        at = pl_json_behind(value);
    }
}

static void walk_array(const trie_node *node, pl_json array, uint32_t *slots) {
    for (size_t i = 0; i < node->index_count; i++) {
        int64_t index = node->indices[i].index;
        if (index < 0)
            index += (int64_t)pl_json_count(array);
        pl_json element = index < 0 ? PL_JSON_NONE : pl_json_at(array, (size_t)index);
        if (pl_json_exists(element))
            walk_node(node->indices[i].child, element, slots);
    }
}

static void walk_node(const trie_node *node, pl_json value, uint32_t *slots) {
    slots[node->slot] = value.at;
    if (node->names && pl_json_tag(value) == '{')
        walk_object(node, value, slots);
    else if (node->index_count && pl_json_tag(value) == '[')
        walk_array(node, value, slots);
}

void trie_walk(const trie *t, pl_json root, uint32_t *slots) {
    if (t->root)
        walk_node(t->root, root, slots);
}
