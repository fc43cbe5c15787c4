/*
 * Scalars found in a JSON text without a structural index, and values copied out of it.
 *
 * INVARIANT: what is accepted here pl_json_parse accepts in the same place, when what stands behind the
 * scalar ends it. A refusal says nothing (compare json/index.h).
 */
#ifndef PL_JSON_SCALAR_H
#define PL_JSON_SCALAR_H

#include "json/index.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { PL_JSON_GLANCE = 32 }; /* bytes of a text that are looked at in one go */

/*
 * Which of 32 bytes can not stand within a plain text: the quote, the backslash, control characters and,
 * because they have to be proven, bytes beyond ASCII. At least the first one is marked.
 */
#if defined(__AVX2__)
static inline uint32_t pl_json_stops(const uint8_t *bytes) {
    __m256i all = _mm256_loadu_si256((const __m256i_u *)(const void *)bytes);
    __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), all); /* signed: what is beyond ASCII, too */
    __m256i quote = _mm256_cmpeq_epi8(all, _mm256_set1_epi8('"'));
    __m256i backslash = _mm256_cmpeq_epi8(all, _mm256_set1_epi8('\\'));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, _mm256_or_si256(quote, backslash)));
}
#elif defined(__SSE2__)
static inline uint32_t pl_json_half_stops(const uint8_t *bytes) {
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    __m128i low = _mm_cmplt_epi8(half, _mm_set1_epi8(' ')); /* signed: what is beyond ASCII, too */
    __m128i quote = _mm_cmpeq_epi8(half, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(half, _mm_set1_epi8('\\'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}

static inline uint32_t pl_json_stops(const uint8_t *bytes) {
    return pl_json_half_stops(bytes) | pl_json_half_stops(bytes + 16) << 16;
}
#else
static inline uint32_t pl_json_stops(const uint8_t *bytes) {
    uint32_t stops = 0;
    for (uint32_t i = 0; i < PL_JSON_GLANCE; i++)
        stops |= (uint32_t)(bytes[i] < ' ' || bytes[i] >= 0x80 || bytes[i] == '"' || bytes[i] == '\\') << i;
    return stops;
}
#endif

/*
 * Bytes of the text that begins with the quote at `p`, both quotes included, when it is plain and has no more
 * than PL_JSON_GLANCE; else 0. So many bytes must be readable.
 */
static inline uint32_t pl_json_short_text(const uint8_t *p) {
    uint32_t stops = pl_json_stops(p) & ~(uint32_t)1;
    if (__builtin_expect(stops == 0, 0))
        return 0;
    uint32_t last = (uint32_t)__builtin_ctz(stops);
    return p[last] == '"' ? last + 1 : 0;
}

/* Digits at `p` before anything else, at most eight. */
static inline uint32_t pl_json_digits(const uint8_t *p) {
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t digits = pl_json_index_load(p) ^ 0x30 * ones;
    uint64_t other = ((digits + 0x76 * ones) | digits) & 0x80 * ones; /* the lowest mark is sound */
    return other ? (uint32_t)__builtin_ctzll(other) >> 3 : 8;
}

/* Bytes of the integer of up to eight digits or of the word at `p`, where PL_JSON_GLANCE are readable; else
 * 0.
 */
static inline uint32_t pl_json_short_bare(const uint8_t *p) {
    uint32_t n = pl_json_digits(p);
    if (n)
        return pl_json_ends_scalar[p[n]] && (*p != '0' || n == 1) ? n : 0;
    return pl_json_is_literal(p) ? pl_json_literals[*p].n : 0;
}

/*
 * Bytes of any text or any other scalar that begins at `p` and may reach to `end`, behind which
 * PL_JSON_PADDING bytes are readable; 0 is a refusal, also of what pl_json_copy could not copy exactly.
 */
uint32_t pl_json_long_text(pl_json_parser *parser, const uint8_t *p, const uint8_t *end);
uint32_t pl_json_long_bare(const uint8_t *p, const uint8_t *end);

/* The bytes behind the scalar at `p`, or 0. */
static inline uint32_t pl_json_text_at(pl_json_parser *parser, const uint8_t *p, const uint8_t *end) {
    uint32_t n = pl_json_short_text(p);
    return __builtin_expect(n != 0, 1) ? n : pl_json_long_text(parser, p, end);
}

static inline uint32_t pl_json_bare_at(const uint8_t *p, const uint8_t *end) {
    uint32_t n = pl_json_short_bare(p);
    return __builtin_expect(n != 0, 1) ? n : pl_json_long_bare(p, end);
}

/*
 * The text that begins with the quote at `p`, decoded: as it stands, or in the parser's scratch, which any
 * text with an escape overwrites. Its bytes with both quotes, or 0 when it is refused.
 */
uint32_t pl_json_take_text(pl_json_parser *parser, const uint8_t *p, const uint8_t *end, pl_str *out);

/* The byte behind the value at `p`, which has to be before `end`; NULL when it is refused. */
const uint8_t *pl_json_skip_value(pl_json_parser *parser, const uint8_t *p, const uint8_t *end);

/* The next byte that is no blank; `p` is at most PL_JSON_PADDING bytes behind the text, and is then left. */
static inline const uint8_t *pl_json_skip_blanks(const uint8_t *p, const uint8_t *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/*
 * Decodes the text behind the opening quote at `p`, whose closing quote is known to be there, to `into`,
 * which has room for as many bytes as the text has and 32 more. The byte behind the decoded ones; NULL when
 * an escape is wrong.
 */
uint8_t *pl_json_decode(pl_json_parser *parser, const uint8_t *p, uint8_t *into);

/* The same into the parser's scratch; `n` bytes lie between the quotes. */
bool pl_json_decode_scratch(pl_json_parser *parser, const uint8_t *p, size_t n, pl_str *out);

/*
 * Empties the excerpt and makes room for all values of a text of so many bytes, each twice; false without
 * memory.
 */
bool pl_json_excerpt_reserve(pl_json_excerpt *e, size_t text_bytes);

/*
 * Copies a value to the end of the excerpt, which has been reserved for its text; its node is `e->words` from
 * before. All scalars of the value were accepted above, with the same parser, and its brackets, commas, keys
 * and colons are known to be sound.
 */
void pl_json_copy(pl_json_excerpt *e, pl_json_parser *parser, const uint8_t *p);

#endif
