/*
 * A parsed JSON document: simdjson's tape, read by C.
 *
 * The tape is a flat array of 64-bit words: the type character in the top 8 bits, a payload below. Objects
 * and arrays carry the index behind their end, so a subtree is skipped in O(1). Strings lie in a second
 * buffer: 32-bit length, bytes, NUL; PL_JSON_STRING_PADDING bytes are readable behind the last. Only
 * parser.cc writes tapes; everything else walks them through this header.
 *
 * A pl_json is a place on a tape, passed by value. It stays valid as long as the tape's owner (a parser until
 * its next parse, or an arena). `tape` NULL means "missing", which every accessor accepts.
 */
#ifndef PL_JSON_TAPE_H
#define PL_JSON_TAPE_H

#include "base/buf.h"

enum { PL_JSON_STRING_PADDING = 16 }; /* two words are read of the shortest name */

typedef struct pl_json {
    const uint64_t *tape; /* start of the document's tape; NULL: missing */
    const uint8_t *strings;
    uint32_t at; /* index of this node's word */
} pl_json;

typedef enum pl_json_type {
    PL_JSON_MISSING,
    PL_JSON_NULL,
    PL_JSON_BOOLEAN,
    PL_JSON_INTEGER,  /* fits int64_t */
    PL_JSON_UNSIGNED, /* above INT64_MAX, fits uint64_t */
    PL_JSON_DOUBLE,
    PL_JSON_STRING,
    PL_JSON_ARRAY,
    PL_JSON_OBJECT
} pl_json_type;

#define PL_JSON_NONE ((pl_json){NULL, NULL, 0})

/* The raw word, its type character, and its payload; for the walkers of floor 2. */
static inline uint64_t pl_json_word(pl_json node) {
    return node.tape[node.at];
}

/* The type character of the node's word; the node must exist. */
static inline char pl_json_tag(pl_json node) {
    return (char)(node.tape[node.at] >> 56); /* NOLINT: the node exists */
}

#define PL_JSON_PAYLOAD_MASK (((uint64_t)1 << 56) - 1)

/* Another node of the same tape. */
static inline pl_json pl_json_move(pl_json node, uint32_t at) {
    return (pl_json){node.tape, node.strings, at};
}

/* Index of the word behind this node and all below it. */
static inline uint32_t pl_json_behind(pl_json node) {
    uint64_t word = node.tape[node.at];
    switch ((char)(word >> 56)) {
    case '{':
    case '[': return (uint32_t)word;
    case 'l':
    case 'u':
    case 'd': return node.at + 2;
    default: return node.at + 1;
    }
}

/* The bytes of a string node (also of a member's key); the node must be a string. */
static inline pl_str pl_json_text(pl_json node) {
    const uint8_t *at =
        node.strings + (node.tape[node.at] & PL_JSON_PAYLOAD_MASK); /* NOLINT: the node exists */
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return pl_str_of((const char *)at + sizeof n, n);
}

pl_json_type pl_json_type_of(pl_json node);

static inline bool pl_json_exists(pl_json node) {
    return node.tape != NULL;
}

static inline bool pl_json_is_object(pl_json node) {
    return node.tape && pl_json_tag(node) == '{';
}

static inline bool pl_json_is_array(pl_json node) {
    return node.tape && pl_json_tag(node) == '[';
}

static inline bool pl_json_is_string(pl_json node) {
    return node.tape && pl_json_tag(node) == '"';
}

static inline bool pl_json_is_null(pl_json node) {
    return node.tape && pl_json_tag(node) == 'n';
}

/* The string's bytes, or the absent view when the node is not a string. */
pl_str pl_json_str(pl_json node);

/* Exact values; false (nothing written) when the node is of another kind or does not fit. */
bool pl_json_i64(pl_json node, int64_t *value);
bool pl_json_bool(pl_json node, bool *value);

/* Any number as a double; false when the node is not a number. */
bool pl_json_double(pl_json node, double *value);

/* The first member with this key; missing when there is none or the node is not an object. */
pl_json pl_json_get(pl_json object, pl_str key);

/* Element `index` from 0; missing past the end. Cost grows with the index. */
pl_json pl_json_at(pl_json array, size_t index);

/* Number of members or elements; 0 for other kinds. */
size_t pl_json_count(pl_json node);

/* Walking: `for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value);)`; key absent in
 * arrays. */
typedef struct pl_json_walk {
    pl_json node;
    uint32_t end;
    bool object;
} pl_json_walk;

pl_json_walk pl_json_children(pl_json node);

static inline bool pl_json_step(pl_json_walk *walk, pl_str *key, pl_json *value) {
    if (walk->end == 0 || walk->node.at >= walk->end)
        return false;
    *key = PL_STR_NONE;
    if (walk->object) {
        *key = pl_json_text(walk->node);
        walk->node.at++;
    }
    *value = walk->node;
    walk->node.at = pl_json_behind(walk->node);
    return true;
}

/* Equal by value: object members in any order, numbers by value, strings by bytes. */
bool pl_json_equal(pl_json a, pl_json b);

/* Appends compact JSON, members in document order; nothing for a missing node. */
void pl_json_write(pl_buf *out, pl_json node);

/*
 * Appends JSON with a line for each member and element and `step` more blanks a level. Containers that fit
 * with their blanks into less than `width` bytes stay on one line, and so do empty ones; width 0: only those.
 */
void pl_json_write_indented(pl_buf *out, pl_json node, unsigned step, size_t width);

/* Appends a JSON string literal of the bytes, quotes included. */
void pl_json_write_string(pl_buf *out, pl_str s);

/* Appends the shortest decimal text that reads back as the same number ("8", "0.1", "1e+300"). */
void pl_json_write_double(pl_buf *out, double value);

/*
 * Appends the text of a value as conditions and annotations use it: a string itself, a number in shortest
 * decimal form, true/false, nothing for null and missing, compact JSON for arrays and objects
 * (reference/operators.json, commonRules).
 */
void pl_json_write_text(pl_buf *out, pl_json node);

#endif
