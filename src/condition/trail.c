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

/* Containers that are being copied; more than so many within each other leave the trail. */
enum { COPY_DEPTH = 16 };

typedef struct copying {
    uint32_t start, count;
} copying;

/*
 * Where the walk stands and where the excerpt ends: a copy of what the guide has, which stays in registers
 * though bytes are written.
 */
typedef struct walker {
    uint64_t *tape;
    uint8_t *strings;
    uint64_t *const first_word;
    uint8_t *const first_string;
    uint32_t *const slots;
    const uint8_t *const text;
    const bool plain; /* no backslash anywhere */
    copying *open;    /* behind the innermost container */
    copying *const outermost;
} walker;

static inline __attribute__((always_inline)) uint32_t words_of(const walker *w) {
    return (uint32_t)(w->tape - w->first_word);
}

static inline __attribute__((always_inline)) void put_down(const walker *w, guide *g) {
    g->excerpt->words = words_of(w);
    g->excerpt->string_bytes = (size_t)(w->strings - w->first_string);
}

static inline __attribute__((always_inline)) void add_text(walker *w, const uint8_t *text, uint32_t n) {
    *w->tape++ = (uint64_t)'"' << 56 | (uint64_t)(w->strings - w->first_string);
    w->strings = pl_json_excerpt_put_text(w->strings, text, n);
}

static inline __attribute__((always_inline)) bool take_slot(walker *w, uint32_t slot, uint32_t value) {
    uint32_t *at = &w->slots[slot];
    bool is_free = *at == 0;
    *at = value;
    return is_free;
}

static inline __attribute__((always_inline)) bool open_copy(walker *w) {
    if (w->open == w->outermost + COPY_DEPTH)
        return false;
    *w->open++ = (copying){words_of(w), 0};
    w->tape++;
    return true;
}

static inline __attribute__((always_inline)) void close_copy(walker *w, char bracket) {
    w->open--;
    pl_json_excerpt_close(w->first_word, w->open->start, words_of(w), bracket, w->open->count);
    w->tape++;
}

/* The end of a wanted container. */
static inline __attribute__((always_inline)) void end_copy(walker *w, guide *g, const trail_op *op) {
    close_copy(w, op->bracket);
    if (trie_is_inner(op->child))
        trie_walk_below(op->child, pl_json_excerpt_node(g->excerpt, w->slots[op->child->slot]), g->slots,
                        g->shapes);
}

/* False when a member occurs twice, or too much is nested. */
static inline __attribute__((always_inline)) bool do_ops(walker *w, guide *g, const trail_op *op,
                                                         const uint8_t *text) {
    for (;; op++) {
        switch (op->deed) {
        case TRAIL_TAKE:
            if (!take_slot(w, op->child->slot, 1))
                return false;
            break;
        case TRAIL_BEGIN:
            if (!take_slot(w, op->child->slot, words_of(w)) || !open_copy(w))
                return false;
            break;
        case TRAIL_OPEN:
            w->open[-1].count++;
            if (!open_copy(w))
                return false;
            break;
        case TRAIL_KEY: add_text(w, text + op->from, op->count); break;
        case TRAIL_CLOSE: close_copy(w, op->bracket); break;
        case TRAIL_END: end_copy(w, g, op); break;
        case TRAIL_DONE: return true;
        }
    }
}

/* A value that needs more than a look; false when it is refused. */
static __attribute__((noinline)) bool take_long(guide *g, bool wanted, const uint32_t *at) {
    uint32_t entry = (uint32_t)(at - g->index->at);
    uint8_t c = pl_json_index_byte(g->index, entry);
    if (c == '{' || c == '[')
        return false;
    return (wanted ? pl_json_excerpt_add(g->excerpt, g->index, entry)
                   : pl_json_index_skip(g->index, entry)) != 0;
}

static inline __attribute__((always_inline)) bool copy_long(walker *w, guide *g, const uint32_t *at) {
    put_down(w, g);
    bool sound = take_long(g, true, at);
    w->tape = w->first_word + g->excerpt->words;
    w->strings = w->first_string + g->excerpt->string_bytes;
    return sound;
}

static inline __attribute__((always_inline)) bool copy_text(walker *w, guide *g, const uint32_t *at) {
    const uint8_t *value = w->text + at[0];
    uint32_t n = at[1] - at[0];
    if (__builtin_expect(value[n - 1] != '"' || !w->plain, 0))
        return copy_long(w, g, at);
    add_text(w, value + 1, n - 2);
    return true;
}

static inline __attribute__((always_inline)) bool copy_bare(walker *w, guide *g, const uint32_t *at) {
    const uint8_t *value = w->text + at[0];
    uint32_t n = at[1] - at[0];
    if (n <= 8 && pl_json_is_short_integer(value, n)) {
        w->tape[0] = (uint64_t)'l' << 56;
        w->tape[1] = pl_json_short_integer(value, n);
        w->tape += 2;
        return true;
    }
    if (!pl_json_is_literal(value))
        return copy_long(w, g, at);
    *w->tape++ = (uint64_t)*value << 56;
    return true;
}

static inline __attribute__((always_inline)) bool skip_text(walker *w, guide *g, const uint32_t *at) {
    return (w->text[at[1] - 1] == '"' && w->plain) || take_long(g, false, at);
}

static inline __attribute__((always_inline)) bool skip_bare(walker *w, guide *g, const uint32_t *at) {
    const uint8_t *value = w->text + at[0];
    uint32_t n = at[1] - at[0];
    return (n <= 8 && pl_json_is_short_integer(value, n)) || pl_json_is_literal(value) ||
           take_long(g, false, at);
}

/* The value behind a step; false when it is refused, occurs twice, or nothing follows. */
static inline __attribute__((always_inline)) bool take_value(walker *w, guide *g, const trail_step *s,
                                                             const uint32_t *at) {
    switch (s->want) {
    case TRAIL_SKIP_TEXT: return skip_text(w, g, at);
    case TRAIL_SLOT_TEXT: return take_slot(w, s->slot, words_of(w)) && copy_text(w, g, at);
    case TRAIL_SKIP_BARE: return skip_bare(w, g, at);
    case TRAIL_SLOT_BARE: return take_slot(w, s->slot, words_of(w)) && copy_bare(w, g, at);
    case TRAIL_COPY_TEXT: w->open[-1].count++; return copy_text(w, g, at);
    case TRAIL_COPY_BARE: w->open[-1].count++; return copy_bare(w, g, at);
    case TRAIL_PLACE: return take_slot(w, s->slot, 1) && take_long(g, false, at);
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
    const uint32_t *at = x->at + entry, *const end = x->at + x->count;
    copying open[COPY_DEPTH] = {{0, 0}};
    walker w = {.tape = g->excerpt->tape + g->excerpt->words,
                .strings = g->excerpt->strings + g->excerpt->string_bytes,
                .first_word = g->excerpt->tape,
                .first_string = g->excerpt->strings,
                .slots = g->slots,
                .text = x->text,
                .plain = !x->escapes,
                .open = open,
                .outermost = open};
    if (!is_step(s, x, *at))
        return 0;
    for (;;) {
        if (s->op && !do_ops(&w, g, s->op, w.text + *at))
            return 0;
        at += s->entries;
        if (at >= end || !take_value(&w, g, s, at))
            break;
        at++;
        const trail_step *next = s->next[0];
        if (__builtin_expect(next && is_step(next, x, *at), 1))
            s = next;
        else if (!(s = find_other(s, x, *at)))
            return 0;
    }
    put_down(&w, g);
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
