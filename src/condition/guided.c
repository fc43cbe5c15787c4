/*
 * The walk over the text of a new document: one pass that proves the grammar, looks for what the trie asks
 * for, and copies only that. Objects on the way to wanted places are read member by member and their members
 * predicted from the documents before; everything else is passed over by pl_json_index_skip.
 *
 * INVARIANT: prediction changes no result. A member that is not the expected one is looked up in the node's
 * table, and of members with one name the first counts, as on a tape.
 */
#include "base/memory.h"
#include "condition/program_internal.h"
#include "condition/trail.h"

/* Equals nothing: a byte 0xff stands in no text that has an index. */
static const text_member unexpected = {.words = {UINT64_MAX}, .masks = {UINT64_MAX}};

/* More members than this are not remembered. */
enum { MAX_SHAPE = 512, LOOK_AHEAD = 4, FIRST_ROOM = 32 };

static inline uint64_t low_bytes(uint32_t n) {
    return n < 8 ? ((uint64_t)1 << n * 8) - 1 : UINT64_MAX;
}

static enum text_role role_of(const trie_name *name) {
    if (!name)
        return TEXT_UNWANTED;
    return name->child->whole && !trie_is_inner(name->child) ? TEXT_LEAF : TEXT_INNER;
}

/* A key that ends right before its colon; a longer one, or one with blanks behind it, is not predicted. */
static text_member member_of(const uint8_t *quote, uint32_t span, const trie_name *name) {
    text_member m = {.role = role_of(name), .slot = name ? name->child->slot : 0, .name = name};
    uint32_t bytes = span + 1;
    if (bytes > sizeof m.words || quote[span - 1] != '"')
        return unexpected;
    for (uint32_t i = 0; i < TEXT_WORDS; i++) {
        m.masks[i] = low_bytes(bytes > i * 8 ? bytes - i * 8 : 0);
        m.words[i] = pl_json_index_load(quote + i * 8) & m.masks[i];
    }
    m.more = bytes > sizeof m.words / 2;
    return m;
}

static inline uint64_t differs(const text_member *m, const uint8_t *quote, size_t word) {
    return (pl_json_index_load(quote + word * 8) ^ m->words[word]) & m->masks[word];
}

/* True when the key is the expected one, to its colon. */
static inline bool is_member(const text_member *m, const uint8_t *quote) {
    return (differs(m, quote, 0) | differs(m, quote, 1)) == 0 &&
           (!m->more || (differs(m, quote, 2) | differs(m, quote, 3)) == 0);
}

typedef struct object_walk {
    const trie_node *node;
    text_shape *shape;
    const text_member *expected;
    uint32_t learned;   /* members remembered so far; the shape is empty while it is learned */
    uint32_t surprises; /* members that the shape does not know */
    bool learning;
} object_walk;

static bool make_room(text_shape *shape, uint32_t members) {
    if (members < shape->capacity)
        return true;
    uint32_t capacity = shape->capacity ? shape->capacity * 2 : FIRST_ROOM;
    text_member *larger = pl_realloc(shape->members, capacity * sizeof *larger);
    if (!larger)
        return false;
    shape->members = larger;
    shape->capacity = capacity;
    return true;
}

static void remember(object_walk *w, const uint8_t *quote, uint32_t span, const trie_name *name) {
    if (w->learned == MAX_SHAPE || !make_room(w->shape, w->learned + 1))
        w->learning = false;
    else
        w->shape->members[w->learned++] = member_of(quote, span, name);
}

static void end_learning(object_walk *w) {
    text_shape *shape = w->shape;
    if (w->learning && make_room(shape, w->learned + 1)) {
        shape->count = w->learned;
        shape->members[shape->count] = unexpected;
    } else if (w->surprises > 4 && w->surprises * 4 > shape->count) {
        shape->count = 0;
    }
}

/* A member other than the expected one; `*name` is what it is wanted for. False is a refusal. */
static bool find_member(object_walk *w, const pl_json_index *x, uint32_t entry, const trie_name **name) {
    const text_shape *shape = w->shape;
    const uint8_t *quote = x->text + x->at[entry];
    uint32_t span = x->at[entry + 1] - x->at[entry];
    const text_member *m = w->expected, *last = shape->count ? shape->members + shape->count : m;
    for (uint32_t i = 0; m < last && i <= LOOK_AHEAD; i++, m++) {
        if (is_member(m, quote)) {
            *name = m->name;
            w->expected = m + 1;
            return true;
        }
    }
    if (*quote != '"' || quote[span] != ':' || pl_json_index_escaped(x, entry))
        return false;
    bool shared;
    *name = trie_find(w->node, quote + 1, (uint32_t)pl_json_index_raw(x, entry).n, &shared);
    if (w->learning)
        remember(w, quote, span, *name);
    w->surprises++;
    return true;
}

static uint32_t walk_object(guide *g, const trie_node *node, uint32_t entry);

/* True when the value of `n` bytes needs no more than a look: a text, a short integer, a word. */
static inline bool is_short(const uint8_t *value, uint32_t n, bool plain) {
    return (*value == '"' && plain) || (n <= 8 && pl_json_is_short_integer(value, n)) ||
           pl_json_is_literal(value);
}

static inline uint32_t skip(const pl_json_index *x, uint32_t entry) {
    bool sound = is_short(x->text + x->at[entry], x->at[entry + 1] - x->at[entry], !x->escapes);
    return sound ? entry + 1 : pl_json_index_skip(x, entry);
}

/* The value of a wanted member: copied, walked into, or passed over when it is not what the paths expect. */
static uint32_t take(guide *g, const trie_node *child, uint32_t entry) {
    const pl_json_index *x = g->index;
    uint32_t *slot = &g->slots[child->slot];
    uint8_t c = pl_json_index_byte(x, entry);
    if (*slot)
        return skip(x, entry);
    *slot = g->excerpt->words;
    if (!child->whole && child->index_count == 0) {
        *slot = 1; /* the place is taken */
        return c == '{' ? walk_object(g, child, entry) : skip(x, entry);
    }
    entry = pl_json_excerpt_add(g->excerpt, x, entry);
    if (trie_is_inner(child) && entry)
        trie_walk_below(child, pl_json_excerpt_node(g->excerpt, *slot), g->slots, g->shapes);
    return entry;
}

static uint32_t take_other(guide *g, object_walk *w, uint32_t entry) {
    const trie_name *name = NULL;
    if (!find_member(w, g->index, entry, &name))
        return 0;
    return name ? take(g, name->child, entry + 2) : skip(g->index, entry + 2);
}

/* A wanted short value; false when it is none, or the place is taken. */
static inline bool take_short(guide *g, uint32_t slot, const uint8_t *value, uint32_t n, bool plain) {
    uint32_t words = g->excerpt->words;
    if (g->slots[slot])
        return false;
    if (*value == '"') {
        if (!plain || value[n - 1] != '"' || n == 1)
            return false;
        pl_json_excerpt_add_text(g->excerpt, value + 1, n - 2);
    } else if (!pl_json_excerpt_add_short(g->excerpt, value, n)) {
        return false;
    }
    g->slots[slot] = words;
    return true;
}

/* The entry behind an object. Expected members with short values are the rule and need no call. */
static uint32_t walk_members(guide *g, object_walk *w, uint32_t entry) {
    const pl_json_index *x = g->index;
    const uint8_t *const text = x->text;
    const uint32_t *const all = x->at, *at = all + entry, *const end = all + x->count;
    const bool plain = !x->escapes;
    while (at + 3 < end) {
        const text_member *m = w->expected;
        const uint8_t *value = text + at[2];
        if (__builtin_expect(is_member(m, text + at[0]), 1)) {
            w->expected = m + 1;
            uint32_t n = at[3] - at[2];
            if (m->role == TEXT_UNWANTED ? is_short(value, n, plain)
                                         : m->role == TEXT_LEAF && take_short(g, m->slot, value, n, plain))
                at += 3;
            else if (m->role == TEXT_UNWANTED)
                at = all + pl_json_index_skip(x, (uint32_t)(at - all) + 2);
            else
                at = all + take(g, m->name->child, (uint32_t)(at - all) + 2);
        } else {
            at = all + take_other(g, w, (uint32_t)(at - all));
        }
        if (at == all)
            return 0;
        uint8_t c = text[*at++];
        if (c != ',')
            return c == '}' && at <= end ? (uint32_t)(at - all) : 0;
    }
    return 0;
}

static uint32_t walk_object(guide *g, const trie_node *node, uint32_t entry) {
    text_shape *shape = &g->text_shapes[node->slot];
    object_walk w = {.node = node, .shape = shape, .learning = shape->count == 0};
    w.expected = shape->count ? shape->members : &unexpected;
    if (pl_json_index_byte(g->index, entry + 1) == '}')
        return entry + 2;
    entry = walk_members(g, &w, entry + 1);
    if (entry)
        end_learning(&w);
    return entry;
}

uint32_t guide_walk(guide *g, const trie *t, uint32_t entry) {
    if (!t->root || t->root->names == 0)
        return skip(g->index, entry);
    g->slots[t->root->slot] = 1;
    uint32_t end = walk_object(g, t->root, entry);
    if (end)
        trail_learn(g->trail, g->index, t->root, entry);
    return end;
}

void guide_forget(const trie *t, text_shape *shapes) {
    for (size_t i = 0; shapes && i < t->slots; i++)
        pl_free(shapes[i].members);
    pl_free(shapes);
}
