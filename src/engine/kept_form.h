/*
 * Inside the engine room: the form of a kept page's body, between those that write and read it.
 *
 * A header; the names of the columns; then, unless the page is declined, how many values each column has, the
 * keys and the capture times, the strings, the shapes, and for each column its values and the codes of its
 * records.
 *
 * Values that are alike but for their strings and numbers have one shape: the words of such a value on the
 * tape, with the number of a string in place of its position and brackets counted from the value's
 * beginning. Of all values of a shape, words that are the same are written once and the others word by word
 * as series. A value's number is its turn among all values, shape by shape; 0 is "not there", 1 an empty
 * object, and those are no values of any shape.
 */
#ifndef ENGINE_KEPT_FORM_H
#define ENGINE_KEPT_FORM_H

#include "engine/kept.h"
#include "engine/kept_pack.h"

enum {
    KEPT_MAGIC = 0x324b4c50, /* also tells the byte order */
    KEPT_FIRST_PLACE = 3,    /* a root word, so that place 0 is nothing, and an empty object */
    KEPT_FIRST_VALUE = 2,
    KEPT_TAPE_BYTES = 64 << 20,
    KEPT_TAPE_WORDS = KEPT_TAPE_BYTES / 8,
};

typedef struct kept_header {
    uint32_t magic, records, columns, words, values, shapes, strings, string_bytes;
    uint64_t checksum; /* of the header with 0 here, and of everything behind it */
} kept_header;

/* What a shape begins with; its words follow, then which of them are series, then those. */
typedef struct kept_shape_head {
    uint32_t length, count; /* words of a value; values */
} kept_shape_head;

/* Words of 64 bits that tell which of `length` words are series. */
static inline size_t kept_flags(size_t length) {
    return (length + 63) / 64;
}

static inline bool kept_is_bracket(char tag) {
    return tag == '{' || tag == '[' || tag == '}' || tag == ']';
}

/* A number of 64 bits follows. */
static inline bool kept_is_number(char tag) {
    return tag == 'l' || tag == 'u' || tag == 'd';
}

/* Of a header, but for its own checksum, and the `n` bytes behind it. */
uint64_t engine_kept_checksum(const kept_header *header, const char *bytes, size_t n);

#endif
