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

/* The entry for the name at `string`, or NULL; `*shared` tells that a wanted name has the same head. */
static const trie_name *find_name(const trie_node *node, uint64_t head, const uint8_t *string, bool *shared) {
    size_t mask = ((size_t)1 << (64 - node->shift)) - 1;
    *shared = false;
    for (size_t at = (size_t)(head * SPREAD >> node->shift); node->table[at].child; at = (at + 1) & mask) {
        const trie_name *entry = &node->table[at];
        if (entry->head != head)
            continue;
        if (word_text_is(&entry->tail, string + 8))
            return entry;
        *shared = true;
    }
    return NULL;
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

typedef struct walker {
    uint32_t *slots;
    trie_shape *shapes;
} walker;

static void walk_node(const walker *w, const trie_node *node, pl_json value);

static inline bool is_inner(const trie_node *node) {
    return node->names || node->index_count;
}

/* Captures the value of a wanted member; false when an earlier one of this name has been. */
static inline bool capture(const walker *w, const trie_name *name, pl_json value) {
    const trie_node *child = name->child;
    if (w->slots[child->slot])
        return false;
    w->slots[child->slot] = value.at;
    if (is_inner(child))
        walk_node(w, child, value);
    return true;
}

static bool make_room(trie_shape *shape, size_t members) {
    if (shape->members && members <= shape->capacity)
        return true;
    trie_member *larger = pl_realloc(shape->members, (members + 1) * sizeof *larger);
    if (!larger)
        return false;
    shape->members = larger;
    shape->capacity = (uint32_t)members;
    return true;
}

static trie_member member_of(uint64_t head, uint64_t mask, const trie_name *name) {
    return (trie_member){head, mask, name, name ? name->child->slot : 0, name && is_inner(name->child)};
}

/* Looks every member up in the table and remembers their order. */
static void learn_object(const walker *w, const trie_node *node, pl_json object) {
    trie_shape *shape = &w->shapes[node->slot];
    size_t members = pl_json_count(object);
    bool room = members && members <= MAX_SHAPE && make_room(shape, members);
    uint32_t end = (uint32_t)object.tape[object.at] - 1, count = 0;
    for (uint32_t at = object.at + 1; at < end; at = behind(object.tape, at + 1)) {
        const uint8_t *string = object.strings + (object.tape[at] & PL_JSON_PAYLOAD_MASK);
        uint64_t mask = mask_of(load(string)), head = load(string) & mask;
        bool shared;
        const trie_name *name = find_name(node, head, string, &shared);
        bool again = name && !capture(w, name, pl_json_move(object, at + 1));
        if (room)
            shape->members[count++] = member_of(again || (shared && !name) ? UNPREDICTED : head, mask, name);
    }
    shape->count = room ? count : 0;
    if (room)
        shape->members[count] = member_of(UNPREDICTED, 0, NULL);
}

/* Where in the shape the member with this head stands a little further on; NULL when it does not. */
static const trie_member *look_ahead(const trie_member *next, const trie_member *last, uint64_t head) {
    for (size_t i = 0; i < LOOK_AHEAD && next < last; i++, next++)
        if ((head & next->mask) == next->head)
            return next;
    return NULL;
}

/* The entry of a member that was not predicted, by the node's table. */
static const trie_name *find_unpredicted(const trie_node *node, const uint8_t *string) {
    uint64_t head = load(string);
    bool shared;
    return find_name(node, head & mask_of(head), string, &shared);
}

/* Walking one object. */
typedef struct member_walk {
    const trie_member *next;
    size_t left;      /* names of the node that have not been met */
    size_t surprises; /* members that the shape does not have where they stand */
    size_t strays;    /* names captured out of the order of the shape */
} member_walk;

static void take_stray(const walker *w, const trie_node *node, pl_json value, member_walk *m) {
    const trie_name *name =
        find_unpredicted(node, value.strings + (value.tape[value.at - 1] & PL_JSON_PAYLOAD_MASK));
    if (!name || !capture(w, name, value))
        return;
    m->strays++;
    m->left--;
}

/* A member that stands where another was expected. */
static void take_surprise(const walker *w, const trie_node *node, pl_json value, member_walk *m) {
    const trie_shape *shape = &w->shapes[node->slot];
    const uint8_t *string = value.strings + (value.tape[value.at - 1] & PL_JSON_PAYLOAD_MASK);
    const trie_member *found = look_ahead(m->next, shape->members + shape->count, load(string));
    m->surprises += !found;
    m->next = found ? found + 1 : m->next;
    if (!found || (found->name && (m->strays || !word_text_is(&found->name->tail, string + 8)))) {
        take_stray(w, node, value, m);
    } else if (found->name) {
        capture(w, found->name, value);
        m->left--;
    }
}

/*
 * INVARIANT: names are captured in the order of the shape, in which a name stands once; so only after a stray
 * a captured name can come again.
 */
static void walk_object(const walker *w, const trie_node *node, pl_json object) {
    const uint64_t *tape = object.tape;
    uint32_t *slots = w->slots;
    trie_shape *shape = &w->shapes[node->slot];
    member_walk m = {.next = shape->members, .left = node->names};
    const trie_member *next = m.next; /* of `m` the slow path keeps count */
    size_t left = m.left;
    uint32_t at = object.at + 1, end = (uint32_t)tape[object.at] - 1;
    uintptr_t strings =
        (uintptr_t)object.strings - ((uintptr_t)'"' << 56); /* keys need not lose their type */
    for (; at < end; at = behind(tape, at + 1)) {
        const uint8_t *string = (const uint8_t *)(strings + tape[at]);
        const trie_member *member = next;
        bool expected = (load(string) & member->mask) == member->head;
        if (__builtin_expect(expected && !member->name, 1)) {
            next++;
            continue;
        }
        if (__builtin_expect(expected && !m.strays && word_text_is(&member->name->tail, string + 8), 1)) {
            next++;
            slots[member->slot] = at + 1;
            if (member->inner)
                walk_node(w, member->name->child, pl_json_move(object, at + 1));
            if (--left == 0)
                break;
            continue;
        }
        m.next = next;
        m.left = left;
        take_surprise(w, node, pl_json_move(object, at + 1), &m);
        next = m.next;
        left = m.left;
        if (left == 0)
            break;
    }
    if (m.surprises > 4 && m.surprises * 4 > shape->count)
        shape->count = 0;
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

/* Looks below a captured place. */
static void walk_node(const walker *w, const trie_node *node, pl_json value) {
    if (node->names && pl_json_tag(value) == '{') {
        if (w->shapes[node->slot].count)
            walk_object(w, node, value);
        else
            learn_object(w, node, value);
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

void trie_forget(const trie *t, trie_shape *shapes) {
    for (size_t i = 0; shapes && i < t->slots; i++)
        pl_free(shapes[i].members);
    pl_free(shapes);
}
