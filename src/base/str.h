/*
 * The one string view: a pointer and a length, passed by value.
 *
 * A pl_str owns nothing and need not end in NUL. The bytes belong to whoever made them (an arena, a
 * request buffer, a literal) and must outlive the view. `p` may be NULL only when `n` is 0; such a view is
 * "absent", which differs from "empty" (`p` not NULL, `n` 0) where a caller cares.
 */
#ifndef PL_BASE_STR_H
#define PL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct pl_str {
    const char *p;
    size_t n;
} pl_str;

/* For static initialisers and for expressions, from a string literal. */
#define PL_STR_INIT(literal)                                                                                 \
    { (literal), sizeof(literal) - 1 }
#define PL_STR(literal) ((pl_str)PL_STR_INIT(literal))
#define PL_STR_NONE ((pl_str){NULL, 0})

/* For printf: printf("%.*s", PL_FMT(s)). Lengths above INT_MAX are cut. */
#define PL_FMT(s) ((s).n > 0x7fffffff ? 0x7fffffff : (int)(s).n), ((s).p ? (s).p : "")

/* View of `n` bytes at `p`. */
static inline pl_str pl_str_of(const char *p, size_t n) {
    return (pl_str){p, n};
}

/* View of a NUL-terminated text; NULL gives the absent view. */
static inline pl_str pl_str_from(const char *text) {
    return text ? (pl_str){text, strlen(text)} : PL_STR_NONE;
}

/* The view itself, or the empty one for an absent one: for columns and members that are always there. */
static inline pl_str pl_str_or_empty(pl_str s) {
    return s.p ? s : (pl_str){"", 0};
}

/* Equal bytes; an absent view equals the empty one. */
static inline bool pl_str_eq(pl_str a, pl_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool pl_str_is(pl_str a, const char *literal) {
    return pl_str_eq(a, pl_str_from(literal));
}

/* An empty prefix or suffix is always there. */
static inline bool pl_str_starts(pl_str s, pl_str prefix) {
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool pl_str_ends(pl_str s, pl_str suffix) {
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* Bytes from `from` on; an offset past the end gives the empty tail. */
static inline pl_str pl_str_skip(pl_str s, size_t from) {
    return from >= s.n ? (pl_str){s.p ? s.p + s.n : NULL, 0} : (pl_str){s.p + from, s.n - from};
}

/* The first `n` bytes, or all when there are fewer. */
static inline pl_str pl_str_head(pl_str s, size_t n) {
    return (pl_str){s.p, n < s.n ? n : s.n};
}

/* 0 to 9. */
static inline bool pl_is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Of ASCII. */
static inline bool pl_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A blank, tab, line feed or carriage return. */
static inline bool pl_is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* How many decimal digits the text begins with. */
static inline size_t pl_str_digits(pl_str s) {
    size_t n = 0;
    while (n < s.n && pl_is_digit(s.p[n]))
        n++;
    return n;
}

/* Takes `c` off the front; false, and nothing taken, when it does not stand there. */
static inline bool pl_str_take(pl_str *s, char c) {
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = pl_str_skip(*s, 1);
    return true;
}

#define PL_NOT_FOUND ((size_t)-1)

/* Byte order, shorter first on a common prefix; negative, 0 or positive. */
int pl_str_cmp(pl_str a, pl_str b);

/* The same for qsort and bsearch: `a` and `b` point to a pl_str, or to an object that begins with one. */
int pl_str_order(const void *a, const void *b);

/* Equal when ASCII letters are folded to one case. */
bool pl_str_eq_fold(pl_str a, pl_str b);

/* Offset of the first byte `c`, or of the first occurrence of `needle`; PL_NOT_FOUND when there is none. */
size_t pl_str_find_char(pl_str s, char c);
size_t pl_str_find(pl_str s, pl_str needle);

/* As pl_str_find with ASCII letters folded. */
size_t pl_str_find_fold(pl_str s, pl_str needle);

/* True when the text has only ASCII letters, digits and characters of `others`; so of an empty text. */
bool pl_str_is_plain(pl_str s, const char *others);

/* Without blanks (pl_is_blank) at both ends. */
pl_str pl_str_trim(pl_str s);

/*
 * Takes the part before the next `separator` off the front of `*rest` into `*part`. False when nothing is
 * left. "a,,b" gives "a", "", "b"; an empty text gives one empty part, an absent text gives none.
 */
bool pl_str_split(pl_str *rest, char separator, pl_str *part);

/* Whole text as a decimal number within the type. False on anything else, nothing is written then. */
bool pl_str_to_i64(pl_str s, int64_t *value);
bool pl_str_to_u64(pl_str s, uint64_t *value);

/* `true` and `false` in any letter case (reference/gateway.md, section 2). */
bool pl_str_to_bool(pl_str s, bool *value);

/* 64-bit hash of the bytes, stable within one program version; not for untrusted keys without `seed`. */
uint64_t pl_str_hash(pl_str s, uint64_t seed);

#endif
