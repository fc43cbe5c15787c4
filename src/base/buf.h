/*
 * The one growable byte buffer. It has a maximum from its birth; an append past it, or without memory, marks
 * the buffer as failed and changes nothing more, so that a writer checks once at the end.
 */
#ifndef PL_BASE_BUF_H
#define PL_BASE_BUF_H

#include "base/str.h"

typedef struct pl_buf {
    char *p;
    size_t n;
    size_t capacity;
    size_t limit; /* bytes */
    bool failed;
} pl_buf;

/* An empty buffer that may grow to `limit` bytes. Allocates nothing yet. */
void pl_buf_init(pl_buf *buf, size_t limit);

/* Frees the bytes; the buffer may be used again. */
void pl_buf_free(pl_buf *buf);

/* Forgets the content, keeps the memory, clears the mark. */
void pl_buf_clear(pl_buf *buf);

/* The way of pl_buf_reserve when the buffer must grow. */
bool pl_buf_grow(pl_buf *buf, size_t more);

/* Room for `more` bytes behind the content; false (and failed) when there is none. */
static inline bool pl_buf_reserve(pl_buf *buf, size_t more) {
    return !buf->failed && buf->capacity - buf->n >= more ? true : pl_buf_grow(buf, more);
}

/* Appends the bytes. */
static inline void pl_buf_add(pl_buf *buf, pl_str s) {
    if (s.n == 0 || !pl_buf_reserve(buf, s.n))
        return;
    memcpy(buf->p + buf->n, s.p, s.n);
    buf->n += s.n;
}

enum { PL_BUF_BLOCK = 64 };

/*
 * Copies a text with PL_BUF_BLOCK readable bytes behind it to where as much room is, in whole blocks and
 * without a call; for short ones. Gives the place behind the text, where the next one goes.
 */
static inline char *pl_buf_put_blocks(char *to, pl_str s) {
    for (size_t at = 0; at < s.n; at += PL_BUF_BLOCK)
        memcpy(to + at, s.p + at, PL_BUF_BLOCK);
    return to + s.n;
}

/* As pl_buf_add for such a text. */
static inline void pl_buf_add_blocks(pl_buf *buf, pl_str s) {
    if (buf->failed || buf->capacity - buf->n < s.n + PL_BUF_BLOCK)
        pl_buf_add(buf, s);
    else
        buf->n = (size_t)(pl_buf_put_blocks(buf->p + buf->n, s) - buf->p);
}

/* Appends one byte. */
static inline void pl_buf_add_char(pl_buf *buf, char c) {
    if (pl_buf_reserve(buf, 1))
        buf->p[buf->n++] = c;
}

/* Appends formatted text, or a decimal number. */
void pl_buf_printf(pl_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pl_buf_add_i64(pl_buf *buf, int64_t value);
void pl_buf_add_u64(pl_buf *buf, uint64_t value);

/* View of the content; valid until the next append. */
static inline pl_str pl_buf_str(const pl_buf *buf) {
    return pl_str_of(buf->p ? buf->p : "", buf->n);
}

#endif
