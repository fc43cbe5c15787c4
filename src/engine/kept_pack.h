/*
 * Inside the engine room: numbers of a kept page as bytes, and back. Codes are numbers below a small count,
 * 0, 1, 2, 4, 8 or 16 bits each; a series is numbers near a line, written as what each lies above it, 0, 1,
 * 2, 4 or 8 bytes each. Bytes are in the order of the machine, which the page's first number tells.
 *
 * INVARIANT: reading never leaves the bytes given, whatever they are; what cannot be makes the reader fail,
 * and a reader that failed gives nothing any more.
 */
#ifndef ENGINE_KEPT_PACK_H
#define ENGINE_KEPT_PACK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENGINE_CODES_MAX = 1 << 16 };

typedef struct engine_packed {
    const char *at, *end;
    bool failed;
} engine_packed;

/* The next `n` bytes, or NULL. */
const char *engine_packed_take(engine_packed *from, size_t n);

/* Room for `count` codes: unpacking writes whole groups. */
size_t engine_codes_room(size_t count);

/*
 * `count` codes below `distinct` (at most ENGINE_CODES_MAX), whole bytes. Codes that are all different must
 * be 0, 1, 2 and so on; they take no bytes, as those take none that are all 0.
 */
void engine_codes_write(pl_buf *out, const uint16_t *codes, size_t count, size_t distinct);
void engine_codes_read(engine_packed *from, size_t count, size_t distinct, uint16_t *codes);

/* Any numbers of 64 bits, signed or not; few bytes when they are alike, or rise evenly. */
void engine_series_write(pl_buf *out, const uint64_t *values, size_t count);
void engine_series_read(engine_packed *from, size_t count, uint64_t *values);

#endif
