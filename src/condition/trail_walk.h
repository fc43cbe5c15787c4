/*
 * The walk along a trail, compiled twice: for any processor (trail.c), and for those with registers of 32
 * bytes (trail_wide.c). TRAIL_FOLLOW is the name of the function; the file that includes this defines it.
 */
#include "condition/memo.h"
#include "condition/trail.h"
#include "json/scalar.h"

static inline trail_block load_block(const uint8_t *bytes) {
    trail_block b;
    memcpy(&b, bytes, sizeof b);
    return b;
}

/* The bytes of a long step behind its head, the last block over the one before it. */
static inline bool is_tail(const trail_step *s, const uint8_t *at) {
#if defined(__AVX2__)
    const uint32_t last = s->length - (uint32_t)sizeof(__m256i);
    __m256i differs = _mm256_xor_si256(_mm256_loadu_si256((const __m256i_u *)(at + last)),
                                       _mm256_loadu_si256((const __m256i_u *)(s->bytes + last)));
    for (uint32_t i = TRAIL_HEAD; i < last; i += (uint32_t)sizeof differs)
        differs =
            _mm256_or_si256(differs, _mm256_xor_si256(_mm256_loadu_si256((const __m256i_u *)(at + i)),
                                                      _mm256_loadu_si256((const __m256i_u *)(s->bytes + i))));
    return _mm256_testz_si256(differs, differs);
#else
    const uint32_t last = s->length - (uint32_t)sizeof(trail_block);
    trail_block other = load_block(at + last) ^ load_block(s->bytes + last);
    for (uint32_t i = TRAIL_HEAD; i < last; i += (uint32_t)sizeof other)
        other |= load_block(at + i) ^ load_block(s->bytes + i);
    return (other[0] | other[1]) == 0;
#endif
}

static inline bool is_head(const trail_step *s, const uint8_t *at) {
#if defined(__AVX2__)
    __m256i other = _mm256_xor_si256(_mm256_loadu_si256((const __m256i_u *)at),
                                     _mm256_loadu_si256((const __m256i_u *)s->head));
    return _mm256_testz_si256(other, _mm256_loadu_si256((const __m256i_u *)s->mask));
#else
    trail_block low = (load_block(at) ^ s->head[0]) & s->mask[0];
    trail_block high = (load_block(at + sizeof low) ^ s->head[1]) & s->mask[1];
    trail_block all = low | high;
    return (all[0] | all[1]) == 0;
#endif
}

static inline bool is_step(const trail_step *s, const uint8_t *at, const uint8_t *end) {
    if (!is_head(s, at))
        return false;
    if (__builtin_expect(s->length <= TRAIL_HEAD, 1))
        return true;
    return s->length <= (size_t)(end - at) && is_tail(s, at);
}

static inline __attribute__((always_inline)) bool take_slot(const trail_follower *f, uint32_t slot) {
    bool is_free = f->slots[slot] == 0;
    f->slots[slot] = SLOT_IS_TEXT;
    return is_free;
}

/* A value of known bytes: looked up again only when what is kept has changed. */
static inline __attribute__((always_inline)) void take_known(const trail_follower *f, trail_op *op,
                                                             const uint8_t *text) {
    memo *m = op->memo;
    const uint8_t *key = op->key ? op->key : text;
    m->text = text;
    if (__builtin_expect(op->version != m->version, 0)) {
        op->found = memo_take(f->memos, m, key, op->n, f->cells);
        op->version = op->found ? m->version : 0;
        return;
    }
    m->key = key;
    m->n = op->n;
    memo_put(m, op->found, f->cells);
}

/* False when a member occurs twice. */
static inline __attribute__((always_inline)) bool do_ops(const trail_follower *f, trail_op *op,
                                                         const uint8_t *at) {
    for (;; op++) {
        switch (op->deed) {
        case TRAIL_VALUE:
            if (!take_slot(f, op->slot))
                return false;
            take_known(f, op, at + op->from);
            break;
        case TRAIL_TAKE:
            if (!take_slot(f, op->slot))
                return false;
            break;
        case TRAIL_BEGIN:
            if (!take_slot(f, op->slot))
                return false;
            op->memo->text = at + op->from;
            op->memo->count = 0;
            break;
        case TRAIL_COUNT: op->memo->count++; break;
        case TRAIL_END: {
            const uint8_t *text = op->memo->text;
            memo_take(f->memos, op->memo, text, (uint32_t)(at + op->from - text), f->cells);
            break;
        }
        case TRAIL_CLOSE:
            memo_take(f->memos, op->memo, memo_elements, memo_elements_n(op->memo->count), f->cells);
            break;
        case TRAIL_DONE: return true;
        }
    }
}

/* The byte behind the value of a step, which begins at `at`; NULL when it is refused or occurs twice. */
static inline __attribute__((always_inline)) const uint8_t *
take_step_value(const trail_follower *f, const trail_step *s, const uint8_t *at) {
    uint32_t n =
        s->value == TRAIL_TEXT ? pl_json_text_at(f->parser, at, f->end) : pl_json_bare_at(at, f->end);
    if (!n)
        return NULL;
    if (s->slot) {
        if (!take_slot(f, s->slot))
            return NULL;
        if (s->memo) {
            bool any = s->sized & (n > 2);
            s->memo->text = at;
            memo_take(f->memos, s->memo, any ? memo_any_text : at, any ? MEMO_ANY_TEXT : n, f->cells);
        }
    }
    return at + n;
}

/* The step at a place, of those that were seen behind another; NULL when it is none of them. */
static const trail_step *find_other(const trail_step *before, const uint8_t *at, const uint8_t *end) {
    for (size_t i = 1; i < TRAIL_EDGES && before->next[i]; i++)
        if (is_step(before->next[i], at, end))
            return before->next[i];
    return NULL;
}

const uint8_t *TRAIL_FOLLOW(const trail_step *s, const trail_follower *f, const uint8_t *at) {
    const uint8_t *const end = f->end;
    if (!is_step(s, at, end))
        return NULL;
    for (;;) {
        if (s->op && !do_ops(f, s->op, at))
            return NULL;
        at += s->before;
        if (s->value == TRAIL_LAST)
            return at <= end ? at : NULL;
        at = take_step_value(f, s, at);
        if (!at || at > end)
            return NULL;
        const trail_step *next = s->next[0];
        if (__builtin_expect(next && is_step(next, at, end), 1))
            s = next;
        else if (!(s = find_other(s, at, end)))
            return NULL;
    }
}
