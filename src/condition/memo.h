/*
 * What values have decided: for each group of clauses (program_internal.h) the texts that its place held in
 * former documents, with the truths that its clauses had for them. A thread's own, part of its state.
 *
 * INVARIANT: the truths of a group depend on the text of its value alone and, where the group is timed, on
 * the time of evaluation, with which they are forgotten. A truth that FAILED is not kept.
 */
#ifndef PL_CONDITION_MEMO_H
#define PL_CONDITION_MEMO_H

#include "condition/program_internal.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

enum {
    MEMO_GLANCE = 32,
    MEMO_TEXT = 112, /* longer texts are not kept */
    MEMO_WORD = 8,
    MEMO_LINE = 64 /* bytes that a processor fetches at once */
};

/*
 * Empty while `n` is 0. Behind it stand the truths, in words, then the text, filled up with zeros. Entries
 * begin with a line, and those of short texts mostly end with it.
 */
typedef struct memo_entry {
    uint64_t n;
    uint8_t bytes[];
} memo_entry;

/* One group's. `entries` is NULL when nothing is looked up: nothing is kept yet, or the values vary too much.
 */
typedef struct memo {
    uint8_t *entries, *kept;
    unsigned shift;  /* 64 minus the binary logarithm of the number of entries */
    uint32_t stride; /* bytes of an entry */
    uint32_t room;   /* of its text: MEMO_GLANCE, or MEMO_TEXT once there was a longer one */
    uint32_t cell, width;
    const program_group *group;
    /* Of the current document: the value, and what it is looked up by, which stands for it. */
    const uint8_t *text, *key;
    uint32_t n;     /* of the key */
    uint32_t count; /* of elements */
    /* How it went. */
    uint32_t missed;
    uint32_t version;     /* not 0; another whenever an entry is no longer what it was */
    uint64_t since, rest; /* numbers of documents: when the counting began, until when nothing is kept */
    uint32_t holiday;
} memo;

/* All of a state. */
struct memo_set {
    memo *each;    /* by group */
    memo **missed; /* those of the current document that were not found, in order */
    size_t missed_count;
    unsigned char *absent; /* the cells of a document without any wanted place */
    uint64_t documents;
    int64_t now; /* of what is kept of timed groups */
    pl_arena arena;
};

/* The memories of a thread for all groups of a sealed program; NULL without memory. */
memo_set *memos_new(const pl_program *program);
void memos_free(memo_set *m);

/* Begins a document; forgets what depends on another time. */
void memos_begin(memo_set *m, const pl_program *program, int64_t now);

/*
 * Ends a document whose cells are decided as far as they were asked for: keeps those of values that were not
 * found. `late`: cells were decided that what was found left open.
 */
void memos_end(memo_set *m, const pl_program *program, const unsigned char *cells, const uint32_t *slots,
               bool late);

typedef uint64_t memo_block __attribute__((vector_size(16)));

static inline memo_block memo_load(const uint8_t *bytes) {
    memo_block block;
    memcpy(&block, bytes, sizeof block);
    return block;
}

/* Ones for `n` bytes, and zeros. */
static inline const uint8_t *memo_mask(uint32_t n) {
    static const uint8_t masks[2 * MEMO_GLANCE] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return masks + (MEMO_GLANCE - n);
}

/* The first bytes of a text, zeros behind its end. */
typedef struct memo_key {
    memo_block low, high;
} memo_key;

static inline memo_key memo_key_of(const uint8_t *text, uint32_t n) {
    const uint8_t *mask = memo_mask(n);
    return (memo_key){memo_load(text) & memo_load(mask), memo_load(text + 16) & memo_load(mask + 16)};
}

static inline uint64_t memo_spread(uint64_t a, uint64_t b) {
    return (a ^ (b << 23 | b >> 41)) * 0x9e3779b97f4a7c15ULL;
}

static inline memo_entry *memo_at(const memo *m, uint8_t *entries, uint64_t hash) {
    return (memo_entry *)(void *)(entries + (size_t)(hash >> m->shift) * m->stride);
}

#if defined(__AVX2__)
static inline memo_entry *memo_find_short(const memo *m, const uint8_t *text, uint32_t n) {
    __m256i key = _mm256_and_si256(_mm256_loadu_si256((const __m256i_u *)text),
                                   _mm256_loadu_si256((const __m256i_u *)memo_mask(n)));
    __m256i mixed = _mm256_xor_si256(key, _mm256_permute4x64_epi64(key, 0x1b)); /* in reverse order */
    memo_entry *e = memo_at(
        m, m->entries,
        memo_spread((uint64_t)_mm256_extract_epi64(mixed, 0), (uint64_t)_mm256_extract_epi64(mixed, 1)));
    __m256i other = _mm256_xor_si256(key, _mm256_loadu_si256((const __m256i_u *)(e->bytes + m->width)));
    return (_mm256_testz_si256(other, other) & (e->n == n)) ? e : NULL;
}
#else
static inline memo_entry *memo_find_short(const memo *m, const uint8_t *text, uint32_t n) {
    memo_key key = memo_key_of(text, n);
    memo_block mixed = key.low ^ __builtin_shufflevector(key.high, key.high, 1, 0);
    memo_entry *e = memo_at(m, m->entries, memo_spread(mixed[0], mixed[1]));
    const uint8_t *kept = e->bytes + m->width;
    memo_block other = (memo_load(kept) ^ key.low) | (memo_load(kept + 16) ^ key.high);
    return (((other[0] | other[1]) == 0) & (e->n == n)) ? e : NULL;
}
#endif

/* The entry of a text of more than MEMO_GLANCE bytes, or NULL. */
memo_entry *memo_find_long(const memo *m, const uint8_t *text, uint32_t n);

static inline memo_entry *memo_find(const memo *m, const uint8_t *text, uint32_t n) {
    if (__builtin_expect(!m->entries, 0))
        return NULL;
    return __builtin_expect(n <= MEMO_GLANCE, 1) ? memo_find_short(m, text, n) : memo_find_long(m, text, n);
}

/*
 * Keys of values of which only the size matters: any text that is not empty, and as many brackets as an array
 * has elements, and one more. No text, number, word or object has them.
 */
extern const uint8_t memo_any_text[MEMO_GLANCE], memo_elements[MEMO_GLANCE];
enum { MEMO_ANY_TEXT = 3 /* bytes */ };

/* Bytes of the key for `count` elements; more than it has are not kept. */
static inline uint32_t memo_elements_n(uint32_t count) {
    return count < MEMO_GLANCE ? count + 1 : MEMO_TEXT + 1;
}

/* Puts down what was found. */
static inline void memo_put(const memo *m, const memo_entry *found, unsigned char *cells) {
    cells += m->cell;
    memcpy(cells, found->bytes, MEMO_WORD); /* nothing is kept for groups without a clause */
    for (uint32_t i = MEMO_WORD; __builtin_expect(i < m->width, 0); i += MEMO_WORD)
        memcpy(cells + i, found->bytes + i, MEMO_WORD);
}

/*
 * Takes the truths of the value of a group, which has been noted, where they are known by its key. What was
 * found, or NULL.
 */
static inline memo_entry *memo_take(memo_set *all, memo *m, const uint8_t *key, uint32_t n,
                                    unsigned char *cells) {
    memo_entry *found = memo_find(m, key, n);
    m->key = key;
    m->n = n;
    if (__builtin_expect(!found, 0)) {
        all->missed[all->missed_count++] = m;
        return NULL;
    }
    memo_put(m, found, cells);
    return found;
}

#endif
