/* Keeping and forgetting what values have decided (memo.h). */
#include "condition/memo.h"

#include "base/memory.h"

/*
 * An entry gives way to another text of the same hash; a table grows when that happens, up to its largest
 * size. One that misses more than one document of SHARE keeps nothing for a while, each time for longer.
 */
enum {
    FIRST_BITS = 3,
    LAST_BITS = 6,
    MEMO_BYTES = 4 << 20,
    TRIES = 64,
    SHARE = 4,
    FIRST_HOLIDAY = 512,
    LAST_HOLIDAY = 1 << 16
};

const uint8_t memo_any_text[MEMO_GLANCE] = "\"x\"",
              memo_elements[MEMO_GLANCE] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";

memo_set *memos_new(const pl_program *program) {
    memo_set *m = pl_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    pl_arena_init(&m->arena, MEMO_BYTES);
    m->each = pl_calloc(program->group_count + 1, sizeof *m->each);
    m->missed = pl_calloc(program->group_count + 1, sizeof(memo *));
    m->absent = pl_calloc(program->cell_count + 1, 1);
    if (!m->each || !m->missed || !m->absent) {
        memos_free(m);
        return NULL;
    }
    if (program->cell_count)
        memcpy(m->absent, program->absent, program->cell_count);
    for (size_t i = 0; i < program->group_count; i++) {
        const program_group *g = &program->groups[i];
        m->each[i] = (memo){.group = g,
                            .cell = g->cell,
                            .width = g->width,
                            .room = MEMO_GLANCE,
                            .version = 1,
                            .holiday = FIRST_HOLIDAY};
    }
    return m;
}

void memos_free(memo_set *m) {
    if (!m)
        return;
    pl_arena_free(&m->arena);
    pl_free(m->each);
    pl_free(m->missed);
    pl_free(m->absent);
    pl_free(m);
}

/* What was found before has to be looked up again. */
static void change(memo *m) {
    m->version = m->version == UINT32_MAX ? 1 : m->version + 1;
}

static size_t table_bytes(const memo *m) {
    return ((size_t)1 << (64 - m->shift)) * m->stride;
}

static void forget_timed(memo_set *m, const pl_program *program) {
    for (size_t i = 0; i < program->group_count; i++) {
        memo *one = &m->each[i];
        if (!one->group->timed)
            continue;
        memcpy(m->absent + one->cell, program->absent + one->cell, one->width);
        if (one->kept)
            memset(one->kept, 0, table_bytes(one));
        change(one);
    }
}

void memos_begin(memo_set *m, const pl_program *program, int64_t now) {
    if (m->now != now)
        forget_timed(m, program);
    m->now = now;
    m->documents++;
    m->missed_count = 0;
}

/* Of a text of at least 16 bytes: two words at a time, the last two over those before them. */
static uint64_t hash_long(const uint8_t *text, uint32_t n) {
    memo_block last = memo_load(text + n - sizeof last);
    uint64_t one = last[0] + n, other = last[1];
    for (uint32_t at = 0; at + sizeof last < n; at += (uint32_t)sizeof last) {
        memo_block next = memo_load(text + at);
        one = memo_spread(next[0], one);
        other = memo_spread(next[1], other);
    }
    return memo_spread(one, other);
}

/* The same as `kept`, behind whose `n` bytes zeros stand; the last bytes over those before them. */
static bool is_long(const uint8_t *kept, const uint8_t *text, uint32_t n) {
    const uint32_t last = n - (uint32_t)sizeof(memo_block);
    memo_block other = memo_load(kept + last) ^ memo_load(text + last);
    for (uint32_t at = 0; at < last; at += (uint32_t)sizeof other)
        other |= memo_load(kept + at) ^ memo_load(text + at);
    return (other[0] | other[1]) == 0;
}

memo_entry *memo_find_long(const memo *m, const uint8_t *text, uint32_t n) {
    if (n > m->room)
        return NULL;
    memo_entry *e = memo_at(m, m->entries, hash_long(text, n));
    return e->n == n && is_long(e->bytes + m->width, text, n) ? e : NULL;
}

static uint64_t hash_of(const uint8_t *text, uint32_t n) {
    if (n > MEMO_GLANCE)
        return hash_long(text, n);
    memo_key key = memo_key_of(text, n);
    return memo_spread(key.low[0] ^ key.high[1], key.low[1] ^ key.high[0]);
}

/* A larger table in the place of the old one, which is forgotten. */
static bool grow(memo_set *all, memo *m, unsigned bits, uint32_t room) {
    size_t bytes = sizeof(memo_entry) + m->width + room, lines = (bytes + MEMO_LINE - 1) / MEMO_LINE;
    uint8_t *larger = pl_arena_alloc(&all->arena, (lines << bits) * MEMO_LINE + MEMO_LINE);
    if (!larger)
        return false;
    larger += -(uintptr_t)larger % MEMO_LINE;
    m->entries = m->kept = larger;
    m->shift = 64 - bits;
    m->stride = (uint32_t)lines * MEMO_LINE;
    m->room = room;
    return true;
}

/* Room for the current value; false when there is none. */
static bool has_room(memo_set *all, memo *m) {
    if (m->n > m->room)
        return grow(all, m, m->kept ? 64 - m->shift : FIRST_BITS, MEMO_TEXT);
    return m->kept || grow(all, m, FIRST_BITS, m->room);
}

/* False while the values of the group vary too much to be kept. */
static bool is_worth(memo_set *all, memo *m) {
    if (all->documents < m->rest)
        return false;
    if (!m->entries) {
        m->entries = m->kept;
        m->since = all->documents;
        m->missed = 0;
    }
    if (++m->missed < TRIES)
        return true;
    bool worth = all->documents - m->since >= (uint64_t)TRIES * SHARE;
    m->since = all->documents;
    m->missed = 0;
    if (worth)
        return true;
    m->entries = NULL;
    m->rest = all->documents + m->holiday;
    m->holiday = m->holiday < LAST_HOLIDAY ? m->holiday * 2 : LAST_HOLIDAY;
    return false;
}

static bool is_keepable(const memo *m, const unsigned char *cells) {
    return m->n <= MEMO_TEXT && m->width && !memchr(cells + m->cell, FAILED, m->width);
}

static void keep(memo_set *all, memo *m, const unsigned char *cells) {
    if (!is_worth(all, m) || !is_keepable(m, cells) || !has_room(all, m))
        return;
    memo_entry *e = memo_at(m, m->kept, hash_of(m->key, m->n));
    if (e->n && 64 - m->shift < LAST_BITS && grow(all, m, 64 - m->shift + 1, m->room))
        e = memo_at(m, m->kept, hash_of(m->key, m->n));
    change(m);
    e->n = m->n;
    memcpy(e->bytes, cells + m->cell, m->width);
    memset(e->bytes + m->width, 0, m->room);
    memcpy(e->bytes + m->width, m->key, m->n);
}

/*
 * What was decided only because a rule asked for it, of values that were known, or of places that are empty.
 * Those that were not known are kept behind this.
 */
static void add_late(memo_set *m, const pl_program *program, const unsigned char *cells,
                     const uint32_t *slots) {
    for (size_t i = 0; i < program->group_count; i++) {
        const memo *one = &m->each[i];
        memo_entry *found;
        if (!one->width || memchr(cells + one->cell, FAILED, one->width))
            continue;
        if (slots[one->group->node->slot] == 0)
            memcpy(m->absent + one->cell, cells + one->cell, one->width);
        else if ((found = memo_find(one, one->key, one->n)))
            memcpy(found->bytes, cells + one->cell, one->width);
    }
}

void memos_end(memo_set *m, const pl_program *program, const unsigned char *cells, const uint32_t *slots,
               bool late) {
    if (late)
        add_late(m, program, cells, slots);
    for (size_t i = 0; i < m->missed_count; i++)
        keep(m, m->missed[i], cells);
}
