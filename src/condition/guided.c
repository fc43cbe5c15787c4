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

/* More members than this are not remembered. */
enum { MAX_SHAPE = 512, LOOK_AHEAD = 4, FIRST_ROOM = 32, KNOWN_BYTES = 15 };

static inline uint64_t load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t low_bytes(uint32_t n) {
    return n < 8 ? ((uint64_t)1 << n * 8) - 1 : UINT64_MAX;
}

/* What is remembered of the key between an opening quote and a colon right behind the closing one. */
static text_member member_of(const uint8_t *quote, uint32_t span, const trie_name *name) {
    uint64_t head_mask = low_bytes(span), next_mask = low_bytes(span > 8 ? span - 8 : 0);
    return (text_member){.head = load(quote) & head_mask,
                         .next = load(quote + 8) & next_mask,
                         .head_mask = head_mask,
                         .next_mask = next_mask,
                         .span = span,
                         .name = name};
}

/* True when the key is the expected one as far as it is remembered, and a colon follows it. */
static inline bool is_like(const text_member *m, const uint8_t *quote, uint32_t span) {
    static const uint8_t end[2] = {'"', ':'};
    uint16_t a, b;
    memcpy(&a, quote + span - 1, sizeof a);
    memcpy(&b, end, sizeof b);
    return (((load(quote) & m->head_mask) ^ m->head) | ((load(quote + 8) & m->next_mask) ^ m->next) |
            (span ^ m->span) | (uint32_t)(a ^ b)) == 0;
}

/*
 * A long name is not known to its end: a wanted one is compared, any other may be a wanted one in disguise
 * when the text has escapes.
 */
static inline bool is_member(const text_member *m, const pl_json_index *x, const uint8_t *quote,
                             uint32_t span) {
    if (!is_like(m, quote, span))
        return false;
    return span - 2 <= KNOWN_BYTES || (m->name ? word_text_is(&m->name->tail, quote + 5) : !x->escapes);
}

typedef struct object_walk {
    const trie_node *node;
    text_shape *shape;
    uint32_t next;      /* the member of the shape that is expected */
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

/*
 * A foreign name that cannot be told from a wanted one by what is remembered is not predicted. Neither is one
 * with blanks before its colon.
 */
static void remember(object_walk *w, const uint8_t *quote, uint32_t span, const trie_name *name,
                     bool shared) {
    bool clear = quote[span - 1] == '"' && (name || !shared || span - 2 <= KNOWN_BYTES);
    if (w->learned == MAX_SHAPE || !make_room(w->shape, w->learned + 1))
        w->learning = false;
    else
        w->shape->members[w->learned++] = clear ? member_of(quote, span, name) : (text_member){0};
}

static void end_learning(object_walk *w) {
    text_shape *shape = w->shape;
    if (w->learning && make_room(shape, w->learned + 1)) {
        shape->count = w->learned;
        shape->members[shape->count] = (text_member){0};
    } else if (w->surprises > 4 && w->surprises * 4 > shape->count) {
        shape->count = 0;
    }
}

/* A member other than the expected one; `*name` is what it is wanted for. False is a refusal. */
static bool find_member(object_walk *w, const pl_json_index *x, uint32_t entry, const trie_name **name) {
    const text_shape *shape = w->shape;
    const uint8_t *quote = x->text + x->at[entry];
    uint32_t span = x->at[entry + 1] - x->at[entry];
    for (uint32_t i = w->next; i < shape->count && i <= w->next + LOOK_AHEAD; i++) {
        if (is_member(&shape->members[i], x, quote, span)) {
            *name = shape->members[i].name;
            w->next = i + 1;
            return true;
        }
    }
    if (*quote != '"' || quote[span] != ':' || pl_json_index_escaped(x, entry))
        return false;
    bool shared;
    *name = trie_find(w->node, quote + 1, (uint32_t)pl_json_index_raw(x, entry).n, &shared);
    if (w->learning)
        remember(w, quote, span, *name, shared);
    w->surprises++;
    return true;
}

static uint32_t walk_object(guide *g, const trie_node *node, uint32_t entry);

static inline uint32_t skip(const pl_json_index *x, uint32_t entry) {
    return pl_json_index_byte(x, entry) == '"' && !x->escapes ? entry + 1 : pl_json_index_skip(x, entry);
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

/* The entry behind an object. */
static uint32_t walk_members(guide *g, object_walk *w, uint32_t entry) {
    const pl_json_index *x = g->index;
    const text_shape *shape = w->shape;
    while (entry + 3 < x->count) {
        const trie_name *name = NULL;
        uint32_t from = x->at[entry], span = x->at[entry + 1] - from;
        const text_member *expected = shape->members + w->next;
        if (__builtin_expect(w->next < shape->count && is_member(expected, x, x->text + from, span), 1)) {
            name = expected->name;
            w->next++;
        } else if (!find_member(w, x, entry, &name)) {
            return 0;
        }
        entry = name ? take(g, name->child, entry + 2) : skip(x, entry + 2);
        if (entry == 0 || entry >= x->count)
            return 0;
        uint8_t c = pl_json_index_byte(x, entry++);
        if (c != ',')
            return c == '}' ? entry : 0;
    }
    return 0;
}

static uint32_t walk_object(guide *g, const trie_node *node, uint32_t entry) {
    text_shape *shape = &g->text_shapes[node->slot];
    object_walk w = {.node = node, .shape = shape, .learning = shape->count == 0};
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
    return walk_object(g, t->root, entry);
}

void guide_forget(const trie *t, text_shape *shapes) {
    for (size_t i = 0; shapes && i < t->slots; i++)
        pl_free(shapes[i].members);
    pl_free(shapes);
}
