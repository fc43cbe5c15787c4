/* Numbers of a kept page as bytes (engine/kept_pack.h). */
#include "engine/kept_pack.h"

#include <string.h>

enum { GROUP = 8 }; /* codes of one bit in a byte */

/* The line that a series lies above: base + slope * number. */
struct line {
    uint64_t base;
    uint32_t slope, width; /* 0 or 1; bytes of each number */
};

const char *engine_packed_take(engine_packed *from, size_t n) {
    const char *at = from->at;
    if (from->failed || (size_t)(from->end - at) < n) {
        from->failed = true;
        return NULL;
    }
    from->at += n;
    return at;
}

/* --- Codes -----------------------------------------------------------------------------------------------
 */

size_t engine_codes_room(size_t count) {
    return (count + GROUP - 1) / GROUP * GROUP;
}

static unsigned bits_of(size_t count, size_t distinct) {
    unsigned bits = 1;
    if (distinct <= 1 || distinct == count)
        return 0;
    while ((size_t)1 << bits < distinct)
        bits *= 2;
    return bits;
}

static size_t bytes_of(size_t count, unsigned bits) {
    return (count * bits + 7) / 8;
}

void engine_codes_write(pl_buf *out, const uint16_t *codes, size_t count, size_t distinct) {
    unsigned bits = bits_of(count, distinct);
    if (bits == 16) {
        pl_buf_add(out, pl_str_of((const char *)codes, count * sizeof *codes));
        return;
    }
    for (size_t at = 0; bits && at < count;) {
        unsigned byte = 0;
        for (unsigned shift = 0; shift < 8 && at < count; shift += bits)
            byte |= (unsigned)codes[at++] << shift;
        pl_buf_add_char(out, (char)byte);
    }
}

static void unpack_1(const unsigned char *bytes, size_t n, uint16_t *codes) {
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < 8; k++)
            codes[8 * i + k] = bytes[i] >> k & 1;
}

static void unpack_2(const unsigned char *bytes, size_t n, uint16_t *codes) {
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < 4; k++)
            codes[4 * i + k] = bytes[i] >> 2 * k & 3;
}

static void unpack_4(const unsigned char *bytes, size_t n, uint16_t *codes) {
    for (size_t i = 0; i < n; i++) {
        codes[2 * i] = bytes[i] & 15;
        codes[2 * i + 1] = bytes[i] >> 4;
    }
}

static void unpack_8(const unsigned char *bytes, size_t n, uint16_t *codes) {
    for (size_t i = 0; i < n; i++)
        codes[i] = bytes[i];
}

static uint16_t highest_of(const uint16_t *codes, size_t count) {
    uint16_t highest = 0;
    for (size_t i = 0; i < count; i++)
        highest = codes[i] > highest ? codes[i] : highest;
    return highest;
}

void engine_codes_read(engine_packed *from, size_t count, size_t distinct, uint16_t *codes) {
    unsigned bits = distinct > ENGINE_CODES_MAX ? 0 : bits_of(count, distinct);
    size_t n = bytes_of(count, bits);
    const unsigned char *bytes = (const unsigned char *)engine_packed_take(from, n);
    if (from->failed || distinct > ENGINE_CODES_MAX || (count && !distinct)) {
        from->failed = true;
        return;
    }
    for (size_t i = 0; bits == 0 && i < count; i++)
        codes[i] = distinct > 1 ? (uint16_t)i : 0;
    if (bits == 1)
        unpack_1(bytes, n, codes);
    else if (bits == 2)
        unpack_2(bytes, n, codes);
    else if (bits == 4)
        unpack_4(bytes, n, codes);
    else if (bits == 8)
        unpack_8(bytes, n, codes);
    else if (bits == 16)
        memcpy(codes, bytes, n);
    if (count && highest_of(codes, count) >= distinct)
        from->failed = true;
}

/* --- Series ----------------------------------------------------------------------------------------------
 */

static uint32_t width_of(uint64_t range) {
    return range == 0 ? 0 : range <= UINT8_MAX ? 1 : range <= UINT16_MAX ? 2 : range <= UINT32_MAX ? 4 : 8;
}

/* The line of that slope through the lowest of what lies above; numbers count as signed. */
static struct line line_of(const uint64_t *values, size_t count, uint32_t slope) {
    int64_t low = count ? (int64_t)values[0] : 0, high = low;
    for (size_t i = 0; i < count; i++) {
        int64_t value = (int64_t)(values[i] - slope * i);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    return (struct line){(uint64_t)low, slope, width_of((uint64_t)high - (uint64_t)low)};
}

void engine_series_write(pl_buf *out, const uint64_t *values, size_t count) {
    struct line flat = line_of(values, count, 0), rising = line_of(values, count, 1);
    const struct line *line = rising.width < flat.width ? &rising : &flat;
    pl_buf_add(out, pl_str_of((const char *)line, sizeof *line));
    for (size_t i = 0; line->width && i < count; i++) {
        uint64_t above = values[i] - line->base - line->slope * i;
        uint8_t one = (uint8_t)above;
        uint16_t two = (uint16_t)above;
        uint32_t four = (uint32_t)above;
        const void *bytes = line->width == 1   ? (const void *)&one
                            : line->width == 2 ? (const void *)&two
                            : line->width == 4 ? (const void *)&four
                                               : (const void *)&above;
        pl_buf_add(out, pl_str_of(bytes, line->width));
    }
}

/* The width is a constant wherever this is called, so that the copy is one load. */
static inline void add_above(const char *bytes, size_t count, size_t width, uint64_t *values) {
    for (size_t i = 0; i < count; i++) {
        uint8_t one;
        uint16_t two;
        uint32_t four;
        uint64_t eight;
        if (width == 1) {
            memcpy(&one, bytes + i, 1);
            values[i] += one;
        } else if (width == 2) {
            memcpy(&two, bytes + 2 * i, 2);
            values[i] += two;
        } else if (width == 4) {
            memcpy(&four, bytes + 4 * i, 4);
            values[i] += four;
        } else {
            memcpy(&eight, bytes + 8 * i, 8);
            values[i] += eight;
        }
    }
}

void engine_series_read(engine_packed *from, size_t count, uint64_t *values) {
    struct line line = {0};
    const char *head = engine_packed_take(from, sizeof line);
    if (head)
        memcpy(&line, head, sizeof line);
    const char *bytes = line.width <= 8 ? engine_packed_take(from, count * line.width) : NULL;
    if (!bytes || line.slope > 1) {
        from->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        values[i] = line.base + line.slope * i;
    if (line.width == 1)
        add_above(bytes, count, 1, values);
    else if (line.width == 2)
        add_above(bytes, count, 2, values);
    else if (line.width == 4)
        add_above(bytes, count, 4, values);
    else if (line.width == 8)
        add_above(bytes, count, 8, values);
    else
        from->failed = from->failed || line.width != 0;
}
