/*
 * The structural index of a JSON text: a way to look at parts of a document without building its tape.
 *
 * The index holds, in order, the offsets of every bracket, colon and comma outside strings and of the first
 * byte of every key and value; making it proves UTF-8, closed strings and no control characters in them. The
 * rest of the grammar is proven by whoever walks it: pl_json_index_skip for values nobody wants,
 * pl_json_excerpt_add for values that are wanted, which it copies as tape words.
 *
 * INVARIANT: what is walked to its end without a refusal is JSON that pl_json_parse accepts, with the same
 * values. A refusal says nothing: the text is then parsed, which decides (numbers beyond 18 digits and
 * nesting beyond PL_JSON_INDEX_DEPTH are refused though they may be sound).
 */
#ifndef PL_JSON_INDEX_H
#define PL_JSON_INDEX_H

#include "json/parser.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_JSON_INDEX_DEPTH = 64 };

/* Valid until the parser's next use. An entry is named by its number; 0 is the root's. */
typedef struct pl_json_index {
    const uint8_t *text; /* PL_JSON_PADDING bytes are readable behind it */
    const uint32_t *at;  /* offsets; the three entries behind the last are readable */
    uint32_t count;
    uint32_t length; /* bytes of the text */
    bool escapes;    /* there is a backslash somewhere */
    pl_json_parser *parser;
} pl_json_index;

/* Indexes a padded text; false when that fails for any reason. */
bool pl_json_index_make(pl_json_parser *parser, pl_str text, pl_json_index *out);

/* The entry at an offset of the text; `count` when there is none. */
uint32_t pl_json_index_find(const pl_json_index *x, size_t offset);

/*
 * The decoded bytes of the string at `entry`, in the parser's scratch until the next call; false when an
 * escape is wrong. Only for texts with `escapes`.
 */
bool pl_json_index_unescape(const pl_json_index *x, uint32_t entry, pl_str *out);

/* First byte of an entry; `entry` may be `count`, which gives an arbitrary byte. */
static inline uint8_t pl_json_index_byte(const pl_json_index *x, uint32_t entry) {
    return x->text[x->at[entry]];
}

/* What may stand behind a number or a word, and the words by their first byte. */
extern const bool pl_json_ends_scalar[256];
typedef struct pl_json_literal {
    uint64_t text, mask;
    uint32_t n; /* 0: no word begins so */
} pl_json_literal;
extern const pl_json_literal pl_json_literals[256];

static inline uint64_t pl_json_index_load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* True when `n` (up to eight) bytes are digits and nothing else, the first not 0 unless it is alone. */
static inline bool pl_json_is_short_integer(const uint8_t *p, uint32_t n) {
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t mask = n < 8 ? ((uint64_t)1 << n * 8) - 1 : UINT64_MAX;
    uint64_t digits = pl_json_index_load(p) ^ 0x30 * ones;
    return (((digits + 0x76 * ones) | digits) & 0x80 * ones & mask) == 0 && ((*p != '0') | (n == 1));
}

/* True for the word (true, false, null) that begins at `p`. */
static inline bool pl_json_is_literal(const uint8_t *p) {
    const pl_json_literal *word = &pl_json_literals[*p];
    return word->n && (pl_json_index_load(p) & word->mask) == word->text && pl_json_ends_scalar[p[word->n]];
}

/* A number as it is written. */
typedef struct pl_json_number {
    uint64_t digits; /* of the whole and the broken part, as one integer */
    uint32_t count;  /* of them */
    uint32_t broken; /* digits behind the point */
    uint32_t length; /* bytes */
    bool negative, has_point;
} pl_json_number;

/* Reads a number of up to 18 digits without an exponent; false when it is none of these. */
bool pl_json_read_number(const uint8_t *p, pl_json_number *out);

/* True when its double, if it is one, is exact. */
bool pl_json_number_is_exact(const pl_json_number *number);

/* The entry behind the value at `entry`, or 0 when it is refused. */
uint32_t pl_json_index_skip(const pl_json_index *x, uint32_t entry);

/* The bytes between the quotes of the string at `entry`, escapes as they are written. */
static inline pl_str pl_json_index_raw(const pl_json_index *x, uint32_t entry) {
    uint32_t from = x->at[entry], end = x->at[entry + 1] - 1;
    while (x->text[end] != '"') /* blanks stand between a string and what follows it */
        end--;
    return pl_str_of((const char *)x->text + from + 1, end > from ? end - from - 1 : 0);
}

/* True when the string at `entry` has a backslash. */
static inline bool pl_json_index_escaped(const pl_json_index *x, uint32_t entry) {
    return x->escapes && memchr(x->text + x->at[entry], '\\', x->at[entry + 1] - x->at[entry]) != NULL;
}

/* A tape of the wanted values of a document, one behind the other. Reused from document to document. */
typedef struct pl_json_excerpt {
    uint64_t *tape; /* begins with a root word and an empty object, the root of the excerpt */
    uint8_t *strings;
    uint32_t words;
    size_t string_bytes;
    size_t word_capacity, string_capacity;
} pl_json_excerpt;

/* Empties the excerpt and makes room for anything in the indexed text; false without memory. */
bool pl_json_excerpt_begin(pl_json_excerpt *e, const pl_json_index *x);
void pl_json_excerpt_free(pl_json_excerpt *e);

/* A node of the excerpt; 1 is its root. */
static inline pl_json pl_json_excerpt_node(const pl_json_excerpt *e, uint32_t at) {
    return (pl_json){e->tape, e->strings, at};
}

/* Writes a string of `n` bytes without escapes as string buffers have it; the byte behind it. */
static inline uint8_t *pl_json_excerpt_put_text(uint8_t *to, const uint8_t *text, uint32_t n) {
    enum { CHUNK = 32 };
    memcpy(to, &n, sizeof n);
    to += sizeof n;
    memcpy(to, text, CHUNK);
    for (uint32_t done = CHUNK; __builtin_expect(done < n, 0); done += CHUNK)
        memcpy(to + done, text + done, CHUNK);
    to[n] = '\0';
    return to + n + 1;
}

/* Copies a string of `n` bytes without escapes to the end of the excerpt. */
static inline void pl_json_excerpt_add_text(pl_json_excerpt *e, const uint8_t *text, uint32_t n) {
    uint8_t *to = e->strings + e->string_bytes;
    e->tape[e->words++] = (uint64_t)'"' << 56 | e->string_bytes;
    e->string_bytes = (size_t)(pl_json_excerpt_put_text(to, text, n) - e->strings);
}

/* The value of a short integer (pl_json_is_short_integer) of `n` digits: pairs, then fours, then all. */
static inline uint64_t pl_json_short_integer(const uint8_t *p, uint32_t n) {
    uint64_t digits = (pl_json_index_load(p) ^ 0x3030303030303030ULL) << (8 - n) * 8;
    digits = digits * 10 + (digits >> 8);
    return ((digits & 0x000000ff000000ffULL) * 0x000f424000000064ULL +
            ((digits >> 16) & 0x000000ff000000ffULL) * 0x0000271000000001ULL) >>
           32;
}

/* A short integer or a word, copied to the end of the excerpt; false when `n` bytes at `p` are neither. */
static inline bool pl_json_excerpt_add_short(pl_json_excerpt *e, const uint8_t *p, uint32_t n) {
    if (n <= 8 && pl_json_is_short_integer(p, n)) {
        e->tape[e->words] = (uint64_t)'l' << 56;
        e->tape[e->words + 1] = pl_json_short_integer(p, n);
        e->words += 2;
        return true;
    }
    e->tape[e->words] = (uint64_t)*p << 56;
    e->words += pl_json_is_literal(p);
    return pl_json_is_literal(p);
}

/* Copies a number that is exact to the end of the excerpt. */
void pl_json_excerpt_add_number(pl_json_excerpt *e, const pl_json_number *read);

/*
 * Writes the first and the last word of a container of `count` members or elements, which stand at `start`
 * and `last`; `open` is its opening bracket.
 */
static inline void pl_json_excerpt_close(uint64_t *tape, uint32_t start, uint32_t last, char open,
                                         uint64_t count) {
    const uint64_t saturated = 0xffffff;
    tape[last] = (uint64_t)(open == '{' ? '}' : ']') << 56 | start;
    tape[start] = (uint64_t)open << 56 | (count < saturated ? count : saturated) << 32 | (last + 1);
}

/*
 * Copies the value at `entry` to the end of the excerpt: its node is `e->words` from before. The entry behind
 * it, or 0 when it is refused; the excerpt is then of no use until it is begun again. A value may be added
 * once only.
 */
uint32_t pl_json_excerpt_add(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry);

#ifdef __cplusplus
}
#endif
#endif
