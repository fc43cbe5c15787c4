/* Implementation of the string view's searches and conversions. Owns nothing. */
#include "base/str.h"

static unsigned char fold(unsigned char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

int pl_str_cmp(pl_str a, pl_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order != 0)
        return order;
    return a.n == b.n ? 0 : (a.n < b.n ? -1 : 1);
}

int pl_str_order(const void *a, const void *b) {
    return pl_str_cmp(*(const pl_str *)a, *(const pl_str *)b);
}

bool pl_str_eq_fold(pl_str a, pl_str b) {
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (fold((unsigned char)a.p[i]) != fold((unsigned char)b.p[i]))
            return false;
    return true;
}

size_t pl_str_find_char(pl_str s, char c) {
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : PL_NOT_FOUND;
}

size_t pl_str_find(pl_str s, pl_str needle) {
    if (needle.n == 0)
        return 0;
    const char *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return hit ? (size_t)(hit - s.p) : PL_NOT_FOUND;
}

size_t pl_str_find_fold(pl_str s, pl_str needle) {
    if (needle.n == 0)
        return 0;
    unsigned char first = fold((unsigned char)needle.p[0]);
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (fold((unsigned char)s.p[i]) == first && pl_str_eq_fold(pl_str_of(s.p + i, needle.n), needle))
            return i;
    return PL_NOT_FOUND;
}

bool pl_str_is_plain(pl_str s, const char *others) {
    for (size_t i = 0; i < s.n; i++)
        if (!pl_is_letter(s.p[i]) && !pl_is_digit(s.p[i]) && (s.p[i] == '\0' || !strchr(others, s.p[i])))
            return false;
    return true;
}

pl_str pl_str_trim(pl_str s) {
    while (s.n && pl_is_blank(s.p[0]))
        s = pl_str_of(s.p + 1, s.n - 1);
    while (s.n && pl_is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool pl_str_split(pl_str *rest, char separator, pl_str *part) {
    if (rest->p == NULL)
        return false;
    size_t at = pl_str_find_char(*rest, separator);
    if (at == PL_NOT_FOUND) {
        *part = *rest;
        *rest = PL_STR_NONE;
        return true;
    }
    *part = pl_str_head(*rest, at);
    *rest = pl_str_skip(*rest, at + 1);
    return true;
}

bool pl_str_to_u64(pl_str s, uint64_t *value) {
    uint64_t v = 0;
    if (s.n == 0 || s.n > 20)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)((unsigned char)s.p[i] - '0');
        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *value = v;
    return true;
}

bool pl_str_to_i64(pl_str s, int64_t *value) {
    bool negative = s.n && s.p[0] == '-';
    uint64_t v;
    if (!pl_str_to_u64(negative ? pl_str_skip(s, 1) : s, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *value = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool pl_str_to_bool(pl_str s, bool *value) {
    bool yes = pl_str_eq_fold(s, PL_STR("true"));
    if (!yes && !pl_str_eq_fold(s, PL_STR("false")))
        return false;
    *value = yes;
    return true;
}

static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const char *p, size_t n) {
    uint64_t word = 0;
    memcpy(&word, p, n);
    return word;
}

uint64_t pl_str_hash(pl_str s, uint64_t seed) {
    uint64_t h = seed ^ 0x9e3779b97f4a7c15ULL ^ (s.n * 0xbf58476d1ce4e5b9ULL);
    while (s.n > 8) {
        h = mix(h ^ load(s.p, 8), 0xd6e8feb86659fd93ULL);
        s = pl_str_of(s.p + 8, s.n - 8);
    }
    if (s.n)
        h = mix(h ^ load(s.p, s.n), 0xa0761d6478bd642fULL);
    return mix(h, 0xe7037ed1a0b428dbULL);
}
