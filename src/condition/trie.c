/*
 * The plain paths of a program as one trie, and the single pass over a tape that captures all they name.
 *
 * INVARIANT: 8 bytes are readable at every string of a tape, so that a name's length and first four bytes are
 * compared as one word; only then is the whole name looked at. Of duplicate names the first counts, whatever
 * the prediction said: every member is compared until all wanted ones are found.
 */
#include "base/memory.h"
#include "condition/program_internal.h"

/* More members than this are not remembered. */
enum { MAX_SHAPE = 512, LOOK_AHEAD = 4 };

#define UNPREDICTED UINT64_MAX

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

static inline uint64_t load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t mask_of(uint64_t head) {
    static const uint64_t masks[5] = {0xffffffffULL, 0xffffffffffULL, 0xffffffffffffULL, 0xffffffffffffffULL,
                                      UINT64_MAX};
    uint32_t n = (uint32_t)head;
    return masks[n < 4 ? n : 4];
}

bool word_text_make(pl_arena *arena, pl_str text, word_text *out) {
    uint8_t *bytes = pl_arena_alloc(arena, text.n + sizeof(uint64_t));
    if (!bytes)
        return false;
    if (text.n)
        memcpy(bytes, text.p, text.n);
    size_t rest = text.n % sizeof(uint64_t);
    *out = (word_text){bytes, text.n - rest, ((uint64_t)1 << rest * 8) - 1};
    return true;
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
    word_text tail;
    if (!child || !word_text_make(arena, pl_str_skip(name, 4), &tail))
        return NULL;
    node->table = larger;
    node->table[node->names++] = (trie_name){head_of(name), tail, name, child};
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

trie_node *trie_add_name(pl_arena *arena, trie *t, trie_node *node, pl_str name) {
    return child_by_name(arena, t, node, name);
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
        node->only = node->names == 1 ? &table[at] : NULL;
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

/* The entry for the name with this head, the rest of which stands at `tail`. */
static inline const trie_name *find_name(const trie_node *node, uint64_t head, const uint8_t *tail,
                                         bool *shared) {
    size_t mask = ((size_t)1 << (64 - node->shift)) - 1;
    *shared = false;
    for (size_t at = (size_t)(head * SPREAD >> node->shift); node->table[at].child; at = (at + 1) & mask) {
        const trie_name *entry = &node->table[at];
        if (entry->head != head)
            continue;
        if (word_text_is(&entry->tail, tail))
            return entry;
        *shared = true;
    }
    return NULL;
}

const trie_name *trie_find(const trie_node *node, const uint8_t *name, uint32_t n, bool *shared) {
    uint32_t first;
    memcpy(&first, name, sizeof first);
    uint64_t head = (uint64_t)first << 32 | n;
    return find_name(node, head & mask_of(head), name + sizeof first, shared);
}

static inline uint32_t behind(const uint64_t *tape, uint32_t at) {
    uint64_t word = tape[at];
    char tag = (char)(word >> 56);
    if (tag == '"')
        return at + 1;
    if (tag == '{' || tag == '[')
        return (uint32_t)word;
    return tag == 'l' || tag == 'u' || tag == 'd' ? at + 2 : at + 1;
}

/* Words of a key and its value by the value's type character; 0: the value tells where it ends. */
static const uint8_t widths[256] = {
    ['"'] = 2, ['t'] = 2, ['f'] = 2, ['n'] = 2, ['l'] = 3, ['u'] = 3, ['d'] = 3};

typedef struct walker {
    uint32_t *slots;
    trie_shape *shapes;
} walker;

static void walk_node(const walker *w, const trie_node *node, pl_json value);

static inline const uint8_t *key_at(pl_json object, uint32_t at) {
    return object.strings + (object.tape[at] & PL_JSON_PAYLOAD_MASK);
}

/* The entry of the member whose key stands at `at`, by the node's table. */
static const trie_name *find_member(const trie_node *node, pl_json object, uint32_t at, bool *shared) {
    uint64_t head = load(key_at(object, at));
    return find_name(node, head & mask_of(head), key_at(object, at) + 8, shared);
}

/* The way without prediction. */
static void walk_unpredicted(const walker *w, const trie_node *node, pl_json object) {
    uint32_t end = (uint32_t)object.tape[object.at] - 1;
    size_t left = node->names;
    for (uint32_t at = object.at + 1; at < end && left; at = behind(object.tape, at + 1)) {
        bool shared;
        const trie_name *name = find_member(node, object, at, &shared);
        if (!name || w->slots[name->child->slot])
            continue;
        left--;
        w->slots[name->child->slot] = at + 1;
        if (trie_is_inner(name->child))
            walk_node(w, name->child, pl_json_move(object, at + 1));
    }
}

static bool make_room(trie_shape *shape, size_t members) {
    if (shape->members && shape->wanted && members <= shape->capacity)
        return true;
    trie_member *larger = pl_realloc(shape->members, (members + 1) * sizeof *larger);
    if (!larger)
        return false;
    shape->members = larger;
    trie_wanted *wanted = pl_realloc(shape->wanted, (members + 1) * sizeof *wanted);
    if (!wanted)
        return false;
    shape->wanted = wanted;
    shape->capacity = (uint32_t)members;
    return true;
}

/* True when the name is wanted already by an earlier member of the shape. */
static bool is_again(const trie_shape *shape, const trie_name *name) {
    for (size_t i = 0; i < shape->wanted_count; i++)
        if (shape->wanted[i].name == name)
            return true;
    return false;
}

static void add_member(trie_shape *shape, const trie_node *node, pl_json object, uint32_t at) {
    uint64_t mask = mask_of(load(key_at(object, at))), head = load(key_at(object, at)) & mask;
    bool shared;
    const trie_name *name = find_name(node, head, key_at(object, at) + 8, &shared);
    bool again = name && is_again(shape, name), unclear = again || (shared && !name);
    shape->members[shape->count] =
        (trie_member){unclear ? UNPREDICTED : head, mask, widths[object.tape[at + 1] >> 56]};
    if (name && !again)
        shape->wanted[shape->wanted_count++] =
            (trie_wanted){name, shape->count, name->child->slot, trie_is_inner(name->child)};
    shape->count++;
}

/* Remembers the members of an object and their order; false when there is no room for them. */
static bool learn_object(const walker *w, const trie_node *node, pl_json object) {
    trie_shape *shape = &w->shapes[node->slot];
    size_t members = pl_json_count(object);
    uint32_t end = (uint32_t)object.tape[object.at] - 1;
    shape->count = shape->wanted_count = 0;
    if (members == 0 || members > MAX_SHAPE || !make_room(shape, members))
        return false;
    for (uint32_t at = object.at + 1; at < end; at = behind(object.tape, at + 1))
        add_member(shape, node, object, at);
    shape->members[shape->count] = (trie_member){UNPREDICTED, 0, 0};
    return true;
}

/* Number in the shape of the member with this head, from `next` a little further on; `count` when not there.
 */
static uint32_t look_ahead(const trie_shape *shape, uint32_t next, uint64_t head) {
    for (uint32_t i = next; i < shape->count && i <= next + LOOK_AHEAD; i++)
        if ((head & shape->members[i].mask) == shape->members[i].head)
            return i;
    return shape->count;
}

/*
 * Finds where the members of the shape stand in the object, in order, each at most once; 0 for those that are
 * not there. False when a wanted name stands where it was not expected. There is no branch on what the
 * members hold, and those on the shape repeat from document to document.
 */
static bool match_members(const trie_node *node, trie_shape *shape, pl_json object, uint32_t *places) {
    const uint64_t *tape = object.tape;
    const trie_member *members = shape->members;
    uint32_t at = object.at + 1, end = (uint32_t)tape[object.at] - 1, next = 0, surprises = 0;
    uintptr_t strings =
        (uintptr_t)object.strings - ((uintptr_t)'"' << 56); /* keys need not lose their type */
    while (at < end) {
        const trie_member *member = &members[next];
        uint64_t head = load((const uint8_t *)(strings + tape[at])), value = tape[at + 1];
        bool expected = ((head & member->mask) == member->head) & (widths[value >> 56] == member->width);
        if (__builtin_expect(expected, 1)) {
            places[next++] = at;
            at = member->width ? at + member->width : (uint32_t)value;
            continue;
        }
        uint32_t found = look_ahead(shape, next, head);
        if (found < shape->count) {
            while (next < found)
                places[next++] = 0;
            places[next++] = at;
        } else {
            bool shared;
            surprises++;
            if (find_member(node, object, at, &shared))
                return false;
        }
        at = behind(tape, at + 1);
    }
    while (next < shape->count)
        places[next++] = 0;
    if (surprises > 4 && surprises * 4 > shape->count)
        shape->count = 0;
    return true;
}

/* Captures what is wanted; false (and nothing captured) when a name only begins like the expected one. */
static bool take_members(const walker *w, const trie_shape *shape, pl_json object, const uint32_t *places) {
    uint32_t *slots = w->slots;
    bool same = true;
    for (size_t i = 0; i < shape->wanted_count; i++) {
        const trie_wanted *wanted = &shape->wanted[i];
        uint32_t at = places[wanted->member];
        const uint8_t *string = at ? key_at(object, at) : NULL;
        same &= !at || word_text_is(&wanted->name->tail, string + 8);
        slots[wanted->slot] = at ? at + 1 : 0;
    }
    for (size_t i = 0; !same && i < shape->wanted_count; i++)
        slots[shape->wanted[i].slot] = 0;
    return same;
}

static void walk_object(const walker *w, const trie_node *node, pl_json object) {
    uint32_t places[MAX_SHAPE];
    trie_shape *shape = &w->shapes[node->slot];
    if (!match_members(node, shape, object, places) || !take_members(w, shape, object, places)) {
        walk_unpredicted(w, node, object);
        return;
    }
    for (size_t i = 0; i < shape->wanted_count; i++) {
        const trie_wanted *wanted = &shape->wanted[i];
        if (wanted->inner && w->slots[wanted->slot])
            walk_node(w, wanted->name->child, pl_json_move(object, w->slots[wanted->slot]));
    }
}

static void walk_array(const walker *w, const trie_node *node, pl_json array) {
    for (size_t i = 0; i < node->index_count; i++) {
        int64_t index = node->indices[i].index;
        if (index < 0)
            index += (int64_t)pl_json_count(array);
        pl_json element = index < 0 ? PL_JSON_NONE : pl_json_at(array, (size_t)index);
        if (!pl_json_exists(element))
            continue;
        w->slots[node->indices[i].child->slot] = element.at;
        walk_node(w, node->indices[i].child, element);
    }
}

/* One wanted name, as most inner objects have: the members are compared with it until it comes. */
static void walk_only(const walker *w, const trie_name *only, pl_json object) {
    const trie_node *child = only->child;
    uint64_t mask = mask_of(only->head);
    uint32_t end = (uint32_t)object.tape[object.at] - 1;
    for (uint32_t at = object.at + 1; at < end; at = behind(object.tape, at + 1)) {
        const uint8_t *string = key_at(object, at);
        if ((load(string) & mask) != only->head || !word_text_is(&only->tail, string + 8))
            continue;
        w->slots[child->slot] = at + 1;
        if (trie_is_inner(child))
            walk_node(w, child, pl_json_move(object, at + 1));
        return;
    }
}

/* Looks below a captured place. */
static void walk_node(const walker *w, const trie_node *node, pl_json value) {
    if (node->names && pl_json_tag(value) == '{') {
        if (node->only)
            walk_only(w, node->only, value);
        else if (w->shapes[node->slot].count || learn_object(w, node, value))
            walk_object(w, node, value);
        else
            walk_unpredicted(w, node, value);
    } else if (node->index_count && pl_json_tag(value) == '[') {
        walk_array(w, node, value);
    }
}

void trie_walk(const trie *t, pl_json root, uint32_t *slots, trie_shape *shapes) {
    walker w = {slots, shapes};
    if (!t->root)
        return;
    slots[t->root->slot] = root.at;
    walk_node(&w, t->root, root);
}

void trie_walk_below(const trie_node *node, pl_json value, uint32_t *slots, trie_shape *shapes) {
    walker w = {slots, shapes};
    walk_node(&w, node, value);
}

void trie_forget(const trie *t, trie_shape *shapes) {
    for (size_t i = 0; shapes && i < t->slots; i++) {
        pl_free(shapes[i].members);
        pl_free(shapes[i].wanted);
    }
    pl_free(shapes);
}
