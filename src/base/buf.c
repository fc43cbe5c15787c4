/* The growable buffer. Owns its bytes. */
#include "base/buf.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void pl_buf_init(pl_buf *buf, size_t limit) {
    *buf = (pl_buf){.limit = limit};
}

void pl_buf_free(pl_buf *buf) {
    pl_free(buf->p);
    pl_buf_init(buf, buf->limit);
}

void pl_buf_clear(pl_buf *buf) {
    buf->n = 0;
    buf->failed = false;
}

static bool grow(pl_buf *buf, size_t needed) {
    size_t larger = buf->capacity ? buf->capacity * 2 : 256;
    if (larger < needed)
        larger = needed;
    if (larger > buf->limit)
        larger = buf->limit;
    char *p = pl_realloc(buf->p, larger);
    if (!p)
        return false;
    buf->p = p;
    buf->capacity = larger;
    return true;
}

bool pl_buf_grow(pl_buf *buf, size_t more) {
    if (!buf->failed && (more > buf->limit - buf->n || !grow(buf, buf->n + more)))
        buf->failed = true;
    return !buf->failed;
}

void pl_buf_printf(pl_buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !pl_buf_reserve(buf, (size_t)n + 1)) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
    va_end(args);
    buf->n += (size_t)n;
}

void pl_buf_add_u64(pl_buf *buf, uint64_t value) {
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    pl_buf_add(buf, pl_str_of(digits + n, sizeof digits - n));
}

void pl_buf_add_i64(pl_buf *buf, int64_t value) {
    if (value < 0)
        pl_buf_add_char(buf, '-');
    pl_buf_add_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}
