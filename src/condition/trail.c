/* Following the trail of former documents; learning it is trail_learn.c. */
#include "condition/trail.h"

#include "base/memory.h"

/* A trail is left for a while when less than two documents of three follow it. */
enum { CREDIT = 64, HIT = 1, MISS = 2, FIRST_HOLIDAY = 256, LAST_HOLIDAY = 1 << 16, TRAIL_BYTES = 1 << 20 };

trail *trail_new(void) {
    trail *t = pl_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->credit = CREDIT;
    pl_arena_init(&t->arena, TRAIL_BYTES);
    return t;
}

void trail_free(trail *t) {
    if (!t)
        return;
    pl_arena_free(&t->arena);
    pl_free(t);
}

static inline trail_block load_block(const uint8_t *bytes) {
    trail_block b;
    memcpy(&b, bytes, sizeof b);
    return b;
}

static inline bool is_step(const trail_step *s, const pl_json_index *x, uint32_t from) {
    const uint8_t *text = x->text + from;
    trail_block low = (load_block(text) ^ s->head[0]) & s->mask[0];
    trail_block high = (load_block(text + sizeof low) ^ s->head[1]) & s->mask[1];
    trail_block all = low | high;
    if (all[0] | all[1])
        return false;
    if (__builtin_expect(s->length <= TRAIL_HEAD, 1))
        return true;
    return s->length <= x->length - from &&
           memcmp(text + TRAIL_HEAD, s->bytes + TRAIL_HEAD, s->length - TRAIL_HEAD) == 0;
}

/* Containers that are being copied, and where the excerpt ends: kept in registers on the way. */
typedef struct copying {
    uint64_t *tape;
    uint8_t *strings;
    uint32_t depth;
    struct {
        uint32_t start, count;
    } open[PL_JSON_INDEX_DEPTH];
} copying;

static inline void pick_up(copying *c, const guide *g) {
    c->tape = g->excerpt->tape + g->excerpt->words;
    c->strings = g->excerpt->strings + g->excerpt->string_bytes;
}

static inline uint32_t words_of(const copying *c, const guide *g) {
    return (uint32_t)(c->tape - g->excerpt->tape);
}

static inline void put_down(const copying *c, guide *g) {
    g->excerpt->words = words_of(c, g);
    g->excerpt->string_bytes = (size_t)(c->strings - g->excerpt->strings);
}

static inline __attribute__((always_inline)) void add_text(copying *c, const guide *g, const uint8_t *text,
                                                           uint32_t n) {
    *c->tape++ = (uint64_t)'"' << 56 | (uint64_t)(c->strings - g->excerpt->strings);
    c->strings = pl_json_excerpt_put_text(c->strings, text, n);
}

static inline void open_copy(copying *c, const guide *g) {
    c->open[c->depth].start = words_of(c, g);
    c->open[c->depth++].count = 0;
    c->tape++;
}

static inline void close_copy(copying *c, const guide *g, char bracket) {
    c->depth--;
    pl_json_excerpt_close(g->excerpt->tape, c->open[c->depth].start, words_of(c, g), bracket,
                          c->open[c->depth].count);
    c->tape++;
}

static inline bool take_slot(guide *g, uint32_t slot, uint32_t value) {
    bool is_free = g->slots[slot] == 0;
    g->slots[slot] = value;
    return is_free;
}

/* The end of a wanted container. */
static inline void end_copy(copying *c, guide *g, const trail_op *op) {
    close_copy(c, g, op->bracket);
    if (trie_is_inner(op->child))
        trie_walk_below(op->child, pl_json_excerpt_node(g->excerpt, g->slots[op->child->slot]), g->slots,
                        g->shapes);
}

/* False when a member occurs twice, or too much is nested. */
static inline __attribute__((always_inline)) bool do_op(copying *c, guide *g, const trail_op *op,
                                                        const uint8_t *text) {
    switch (op->deed) {
    case TRAIL_TAKE: return take_slot(g, op->child->slot, 1);
    case TRAIL_BEGIN:
        if (!take_slot(g, op->child->slot, words_of(c, g)))
            return false;
        open_copy(c, g);
        return true;
    case TRAIL_OPEN:
        if (c->depth == PL_JSON_INDEX_DEPTH)
            return false;
        c->open[c->depth - 1].count++;
        open_copy(c, g);
        return true;
    case TRAIL_KEY: add_text(c, g, text + op->from, op->count); return true;
    case TRAIL_CLOSE: close_copy(c, g, op->bracket); return true;
    case TRAIL_END: end_copy(c, g, op); return true;
    }
    return false;
}

/* A value that needs more than a look: the entry behind it, or 0 when it is refused. */
static __attribute__((noinline)) uint32_t take_long(guide *g, bool wanted, uint32_t entry) {
    uint8_t c = pl_json_index_byte(g->index, entry);
    if (c == '{' || c == '[')
        return 0;
    return wanted ? pl_json_excerpt_add(g->excerpt, g->index, entry) : pl_json_index_skip(g->index, entry);
}

static inline __attribute__((always_inline)) bool copy_long(copying *c, guide *g, const uint32_t *at) {
    put_down(c, g);
    uint32_t end = take_long(g, true, (uint32_t)(at - g->index->at));
    pick_up(c, g);
    return end != 0;
}

static inline bool skip_long(guide *g, const uint32_t *at) {
    return take_long(g, false, (uint32_t)(at - g->index->at)) != 0;
}

static inline __attribute__((always_inline)) bool copy_text(copying *c, guide *g, const uint32_t *at,
                                                            const uint8_t *text) {
    const uint8_t *value = text + at[0], *end = text + at[1];
    if (__builtin_expect(end[-1] != '"' || g->index->escapes, 0))
        return copy_long(c, g, at);
    add_text(c, g, value + 1, (uint32_t)(end - value) - 2);
    return true;
}

static inline __attribute__((always_inline)) bool copy_bare(copying *c, guide *g, const uint32_t *at,
                                                            const uint8_t *text) {
    const uint8_t *value = text + at[0];
    uint32_t n = at[1] - at[0];
    if (n <= 8 && pl_json_is_short_integer(value, n)) {
        c->tape[0] = (uint64_t)'l' << 56;
        c->tape[1] = pl_json_short_integer(value, n);
        c->tape += 2;
        return true;
    }
    if (!pl_json_is_literal(value))
        return copy_long(c, g, at);
    *c->tape++ = (uint64_t)*value << 56;
    return true;
}

/* The value behind a step; false when it is refused or occurs twice. */
static inline __attribute__((always_inline)) bool take_value(copying *c, guide *g, const trail_step *s,
                                                             const uint32_t *at, const uint8_t *text) {
    switch (s->want) {
    case TRAIL_SKIP_TEXT: return (text[at[1] - 1] == '"' && !g->index->escapes) || skip_long(g, at);
    case TRAIL_SLOT_TEXT: return take_slot(g, s->slot, words_of(c, g)) && copy_text(c, g, at, text);
    case TRAIL_SKIP_BARE:
        return (at[1] - at[0] <= 8 && pl_json_is_short_integer(text + at[0], at[1] - at[0])) ||
               pl_json_is_literal(text + at[0]) || skip_long(g, at);
    case TRAIL_SLOT_BARE: return take_slot(g, s->slot, words_of(c, g)) && copy_bare(c, g, at, text);
    case TRAIL_COPY_TEXT: c->open[c->depth - 1].count++; return copy_text(c, g, at, text);
    case TRAIL_COPY_BARE: c->open[c->depth - 1].count++; return copy_bare(c, g, at, text);
    case TRAIL_PLACE: return take_slot(g, s->slot, 1) && skip_long(g, at);
    case TRAIL_LAST: return false;
    }
    return false;
}

/* The step at an entry, of those that were seen behind another; NULL when it is none of them. */
static const trail_step *find_other(const trail_step *before, const pl_json_index *x, uint32_t from) {
    for (size_t i = 1; i < TRAIL_EDGES && before->next[i]; i++)
        if (is_step(before->next[i], x, from))
            return before->next[i];
    return NULL;
}

static uint32_t follow(const trail_step *s, guide *g, uint32_t entry) {
    const pl_json_index *x = g->index;
    const uint8_t *const text = x->text;
    const uint32_t *at = x->at + entry, *const end = x->at + x->count;
    copying c;
    c.depth = 0;
    pick_up(&c, g);
    if (!is_step(s, x, *at))
        return 0;
    for (;;) {
        for (const trail_op *op = s->op, *ops = op + s->ops; op < ops; op++)
            if (!do_op(&c, g, op, text + *at))
                return 0;
        at += s->entries;
        if (__builtin_expect(s->want == TRAIL_LAST || at >= end, 0))
            break;
        if (!take_value(&c, g, s, at++, text))
            return 0;
        const trail_step *next = s->next[0];
        if (__builtin_expect(next && is_step(next, x, *at), 1))
            s = next;
        else if (!(s = find_other(s, x, *at)))
            return 0;
    }
    put_down(&c, g);
    return s->want == TRAIL_LAST && at <= end ? (uint32_t)(at - x->at) : 0;
}

uint32_t trail_follow(trail *t, guide *g, uint32_t entry) {
    if (t->rest) {
        t->rest--;
        return 0;
    }
    if (!t->first)
        return 0;
    uint32_t end = follow(t->first, g, entry);
    t->credit += end ? HIT : -MISS;
    if (t->credit > CREDIT) {
        t->credit = CREDIT;
    } else if (t->credit < 0) {
        t->holiday = t->holiday == 0             ? FIRST_HOLIDAY
                     : t->holiday < LAST_HOLIDAY ? t->holiday * 2
                                                 : LAST_HOLIDAY;
        t->rest = t->holiday;
        t->credit = CREDIT / 4;
    }
    return end;
}
