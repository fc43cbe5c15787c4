/*
 * Joining the steps of a trail (trail.h) over values that hardly ever change: from such a step to the next
 * value that does change is one stretch of bytes, which is compared in one go; what is to be done for the
 * values in between is done behind that.
 *
 * Which values they are is found out by looking at some documents that followed, once nothing new has been
 * learned for a while. Steps that were learned stay, and are followed where a joined one does not fit;
 * learning knows nothing of joined ones. All memory is the trail's arena.
 */
#include "condition/memo.h"
#include "condition/trail.h"
#include "json/scalar.h"

enum { MAX_JOINED = 480 /* bytes */, MAX_OPS = 64, SHARE = 8 };

/* Keeps what stands behind a step most of the time; `same` is by how much more often than anything else. */
static void note(trail_usual *u, const uint8_t *at, uint32_t n, trail_step *next) {
    bool same = u->n == n && u->next == next && memcmp(u->bytes, at, n) == 0;
    u->seen++;
    if (u->same == 0 && n <= sizeof u->bytes) {
        memcpy(u->bytes, at, n);
        u->n = n;
        u->next = next;
        same = true;
    }
    if (same)
        u->same++;
    else if (u->same)
        u->same--;
}

static trail_step *next_of(const trail_step *s, const uint8_t *at, const uint8_t *end) {
    for (size_t i = 0; i < TRAIL_EDGES && s->next[i]; i++) {
        trail_step *next = s->next[i];
        if (!next->joined && next->length <= (size_t)(end - at) && memcmp(at, next->bytes, next->length) == 0)
            return next;
    }
    return NULL;
}

void trail_look(trail *t, pl_json_parser *parser, const uint8_t *at, const uint8_t *end) {
    for (trail_step *s = t->first; s && s->value != TRAIL_LAST;) {
        at += s->before;
        uint32_t n = s->value == TRAIL_TEXT ? pl_json_text_at(parser, at, end) : pl_json_bare_at(at, end);
        if (n == 0 || n > (size_t)(end - at))
            return;
        trail_step *next = next_of(s, at + n, end);
        note(&s->usual, at, n, next);
        at += n;
        s = next;
    }
}

/* A joined step being made: bytes and ops so far, and where the last of its parts begins. */
typedef struct draft {
    uint8_t bytes[MAX_JOINED];
    trail_op ops[MAX_OPS];
    uint32_t op_count, from;
    const trail_step *last;
} draft;

static bool is_usual(const trail *t, const trail_step *s) {
    const trail_usual *u = &s->usual;
    return s->value != TRAIL_LAST && u->next && u->seen >= t->patience &&
           u->same * SHARE >= u->seen * (SHARE - 1);
}

static bool add_op(draft *d, trail_op op) {
    if (d->op_count == MAX_OPS)
        return false;
    d->ops[d->op_count++] = op;
    return true;
}

static bool add_part(draft *d, const trail_step *s) {
    if (d->from + s->length > MAX_JOINED)
        return false;
    memcpy(d->bytes + d->from, s->bytes, s->length);
    for (const trail_op *op = s->op; op && op->deed != TRAIL_DONE; op++) {
        trail_op moved = *op;
        moved.from += d->from;
        if (!add_op(d, moved))
            return false;
    }
    d->last = s;
    return true;
}

/* The usual value behind the last part, and what usually follows it; false when they do not fit. */
static bool add_usual(draft *d) {
    const trail_step *s = d->last;
    const trail_usual *u = &s->usual;
    uint32_t at = d->from + s->before, n = d->op_count;
    if (at + u->n > MAX_JOINED)
        return false;
    memcpy(d->bytes + at, u->bytes, u->n);
    bool any = s->sized && u->n > 2;
    bool fits = !s->slot || add_op(d, (trail_op){.deed = s->memo ? TRAIL_VALUE : TRAIL_TAKE,
                                                 .slot = s->slot,
                                                 .from = at,
                                                 .memo = s->memo,
                                                 .n = any ? MEMO_ANY_TEXT : u->n,
                                                 .key = any ? memo_any_text : NULL});
    uint32_t from = d->from;
    d->from = at + u->n;
    if (fits && add_part(d, u->next))
        return true;
    d->from = from;
    d->op_count = n;
    return false;
}

static trail_step *keep(trail *t, const draft *d) {
    const uint32_t length = d->from + d->last->length;
    trail_step *s = pl_new(&t->joints, trail_step, 1);
    trail_op *ops = pl_new(&t->joints, trail_op, d->op_count + 1);
    uint8_t *bytes = pl_arena_alloc(&t->joints, length);
    if (!s || !ops || !bytes)
        return NULL;
    memcpy(ops, d->ops, d->op_count * sizeof *ops);
    ops[d->op_count].deed = TRAIL_DONE;
    memcpy(bytes, d->bytes, length);
    *s = (trail_step){.length = length,
                      .before = d->from + d->last->before,
                      .value = d->last->value,
                      .sized = d->last->sized,
                      .slot = d->last->slot,
                      .memo = d->last->memo,
                      .op = d->op_count ? ops : NULL,
                      .bytes = bytes,
                      .joined = d->last,
                      .older = t->joined};
    trail_fill_head(s);
    t->joined = s;
    return s;
}

/* The step over the usual values that begin behind this one, or NULL. */
static trail_step *join_from(trail *t, const trail_step *s) {
    draft d = {.from = 0};
    bool longer = add_part(&d, s);
    while (longer && is_usual(t, d.last))
        longer = add_usual(&d);
    return d.from ? keep(t, &d) : NULL;
}

/* Leaves the edges that were learned. */
static void drop_joined(trail_step *s) {
    size_t count = 0;
    for (size_t i = 0; i < TRAIL_EDGES; i++) {
        trail_step *next = s->next[i];
        s->next[i] = NULL;
        if (next && !next->joined)
            s->next[count++] = next;
    }
}

/* Puts joined steps before those that they begin with, where there is room. */
static void add_joined(trail_step *s) {
    trail_step *learned[TRAIL_EDGES];
    size_t count = 0, at = 0;
    while (count < TRAIL_EDGES && s->next[count]) {
        learned[count] = s->next[count];
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        if (learned[i]->over && at + count - i < TRAIL_EDGES)
            s->next[at++] = learned[i]->over;
        s->next[at++] = learned[i];
    }
}

void trail_join(trail *t) {
    for (trail_step *s = t->all; s; s = s->older)
        drop_joined(s);
    t->joined = NULL;
    pl_arena_reset(&t->joints);
    for (trail_step *s = t->all; s; s = s->older)
        s->over = is_usual(t, s) ? join_from(t, s) : NULL;
    for (trail_step *s = t->all; s; s = s->older) {
        s->usual = (trail_usual){.n = 0};
        add_joined(s);
    }
    trail_refresh(t);
}
