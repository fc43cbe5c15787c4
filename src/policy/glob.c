/* Wildcard matching without backtracking: anchored head and tail, one search for each part between stars. */
#include "policy/glob.h"

enum { BLOCK = 64 };

pl_glob pl_glob_of(pl_str text) {
    size_t first = pl_str_find_char(text, '*'), stars = 0, last = 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '*') {
            stars++;
            last = i;
        }
    return (pl_glob){.text = text,
                     .head = stars ? first : text.n,
                     .tail = stars ? text.n - last - 1 : 0,
                     .minimum = text.n - stars,
                     .star = stars > 0,
                     .question = pl_str_find_char(text, '?') != PL_NOT_FOUND};
}

static bool continues(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void drop_first(pl_str *s) {
    do
        *s = pl_str_skip(*s, 1);
    while (s->n && continues(s->p[0]));
}

static void drop_last(pl_str *s) {
    do
        s->n--;
    while (s->n && continues(s->p[s->n]));
}

/* Takes what `part` (without stars) matches off the front. */
static bool take_head(pl_str part, pl_str *s) {
    for (size_t i = 0; i < part.n; i++) {
        if (s->n == 0)
            return false;
        if (part.p[i] == '?')
            drop_first(s);
        else if (s->p[0] == part.p[i])
            *s = pl_str_skip(*s, 1);
        else
            return false;
    }
    return true;
}

static bool take_tail(pl_str part, pl_str *s) {
    for (size_t i = part.n; i-- > 0;) {
        if (s->n == 0)
            return false;
        if (part.p[i] == '?')
            drop_last(s);
        else if (s->p[s->n - 1] == part.p[i])
            s->n--;
        else
            return false;
    }
    return true;
}

/* Up to 64 units of a part, and where in the subject the units before them have ended. */
typedef struct block {
    uint64_t masks[256]; /* units that are this byte */
    uint64_t any;        /* units that are `?` */
    uint64_t final;      /* the part's last unit, when it is in this block */
} block;

static void block_fill(block *b, pl_str part, size_t from) {
    *b = (block){.any = 0};
    for (size_t i = from; i < part.n && i - from < BLOCK; i++) {
        uint64_t unit = (uint64_t)1 << (i - from);
        if (part.p[i] == '?')
            b->any |= unit;
        else
            b->masks[(unsigned char)part.p[i]] |= unit;
        if (i + 1 == part.n)
            b->final = unit;
    }
}

static bool exchange(uint64_t *bits, size_t at, bool value) {
    uint64_t bit = (uint64_t)1 << (at % 64);
    bool old = bits[at / 64] & bit;
    bits[at / 64] = value ? bits[at / 64] | bit : bits[at / 64] & ~bit;
    return old;
}

/*
 * Runs one block over the subject: bit i of the state says that the units up to i have just matched. A `?`
 * that matched a leading byte stays matched while the character continues. `carry` holds, for each byte,
 * whether the block before ended there, and is overwritten with this block's ends. Returns the end of the
 * part's first match.
 */
static size_t block_run(const block *b, bool first, pl_str s, uint64_t *carry) {
    uint64_t state = 0;
    bool before = first;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t next = state << 1 | before, literal = b->masks[(unsigned char)s.p[i]];
        state = continues(s.p[i]) ? (next & literal) | (state & b->any) : next & (literal | b->any);
        before = exchange(carry, i, state >> (BLOCK - 1)) || first;
        bool inside = i + 1 < s.n && continues(s.p[i + 1]);
        if ((state & b->final) && !(inside && (b->any & b->final)))
            return i + 1;
    }
    return PL_NOT_FOUND;
}

/* End of the first match of a part with `?` in the subject. */
static size_t find_units(pl_str part, pl_str s) {
    uint64_t carry[PL_GLOB_MAX_SUBJECT / 64] = {0};
    size_t end = PL_NOT_FOUND;
    for (size_t from = 0; from < part.n; from += BLOCK) {
        block b;
        block_fill(&b, part, from);
        end = block_run(&b, from == 0, s, carry);
    }
    return end;
}

static bool take_part(pl_str part, pl_str *s) {
    if (part.n > s->n)
        return false;
    bool units = pl_str_find_char(part, '?') != PL_NOT_FOUND;
    size_t end = units ? find_units(part, *s) : pl_str_find(*s, part);
    if (end == PL_NOT_FOUND)
        return false;
    *s = pl_str_skip(*s, units ? end : end + part.n);
    return true;
}

static bool match_parts(pl_str middle, pl_str subject) {
    pl_str part;
    while (pl_str_split(&middle, '*', &part))
        if (part.n && !take_part(part, &subject))
            return false;
    return true;
}

bool pl_glob_match(const pl_glob *glob, pl_str subject) {
    if (subject.n < glob->minimum || subject.n > PL_GLOB_MAX_SUBJECT)
        return false;
    if (!glob->star && !glob->question)
        return pl_str_eq(glob->text, subject);
    if (!take_head(pl_str_head(glob->text, glob->head), &subject))
        return false;
    if (!glob->star)
        return subject.n == 0;
    if (!take_tail(pl_str_skip(glob->text, glob->text.n - glob->tail), &subject))
        return false;
    return match_parts(pl_str_of(glob->text.p + glob->head, glob->text.n - glob->tail - glob->head), subject);
}

bool pl_glob_covers(pl_str wide, pl_str narrow) {
    size_t w = 0, n = 0, star = PL_NOT_FOUND, resume = 0;
    while (n < narrow.n) {
        char c = narrow.p[n];
        if (w < wide.n && wide.p[w] == '*') {
            star = w++;
            resume = n;
        } else if (w < wide.n && (wide.p[w] == c || (wide.p[w] == '?' && c != '*'))) {
            w++;
            n++;
        } else if (star != PL_NOT_FOUND) {
            w = star + 1;
            n = ++resume;
        } else {
            return false;
        }
    }
    while (w < wide.n && wide.p[w] == '*')
        w++;
    return w == wide.n;
}

static bool wild(char c) {
    return c == '*' || c == '?';
}

bool pl_glob_overlap(pl_str a, pl_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n && !wild(a.p[i]) && !wild(b.p[i]); i++)
        if (a.p[i] != b.p[i])
            return false;
    for (size_t i = 1; i <= n && !wild(a.p[a.n - i]) && !wild(b.p[b.n - i]); i++)
        if (a.p[a.n - i] != b.p[b.n - i])
            return false;
    pl_glob plain = pl_glob_of(pl_str_find_char(a, '*') == PL_NOT_FOUND ? b : a);
    pl_str other = plain.text.p == a.p ? b : a;
    bool literal =
        pl_str_find_char(other, '*') == PL_NOT_FOUND && pl_str_find_char(other, '?') == PL_NOT_FOUND;
    return !literal || pl_glob_match(&plain, other);
}
