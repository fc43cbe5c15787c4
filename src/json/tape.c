/* Reading a tape: typed access, walking, equality, text. Owns nothing. */
#include "json/tape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

pl_json_type pl_json_type_of(pl_json node) {
    if (!node.tape)
        return PL_JSON_MISSING;
    switch (pl_json_tag(node)) {
    case '{': return PL_JSON_OBJECT;
    case '[': return PL_JSON_ARRAY;
    case '"': return PL_JSON_STRING;
    case 'l': return PL_JSON_INTEGER;
    case 'u': return PL_JSON_UNSIGNED;
    case 'd': return PL_JSON_DOUBLE;
    case 't':
    case 'f': return PL_JSON_BOOLEAN;
    default: return PL_JSON_NULL;
    }
}

pl_str pl_json_str(pl_json node) {
    return pl_json_is_string(node) ? pl_json_text(node) : PL_STR_NONE;
}

bool pl_json_i64(pl_json node, int64_t *value) {
    if (pl_json_type_of(node) != PL_JSON_INTEGER)
        return false;
    *value = (int64_t)node.tape[node.at + 1];
    return true;
}

bool pl_json_bool(pl_json node, bool *value) {
    if (pl_json_type_of(node) != PL_JSON_BOOLEAN)
        return false;
    *value = pl_json_tag(node) == 't';
    return true;
}

static double double_of(uint64_t word) {
    double value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* NOLINTBEGIN(clang-analyzer-core.NullDereference): a node that has a number type has a tape */
bool pl_json_double(pl_json node, double *value) {
    switch (pl_json_type_of(node)) {
    case PL_JSON_INTEGER: *value = (double)(int64_t)node.tape[node.at + 1]; return true;
    case PL_JSON_UNSIGNED: *value = (double)node.tape[node.at + 1]; return true;
    case PL_JSON_DOUBLE: *value = double_of(node.tape[node.at + 1]); return true;
    default: return false;
    }
}
/* NOLINTEND(clang-analyzer-core.NullDereference) */

pl_json_walk pl_json_children(pl_json node) {
    bool object = pl_json_is_object(node);
    if (!object && !pl_json_is_array(node))
        return (pl_json_walk){.node = node, .end = 0};
    uint32_t end = pl_json_behind(node) - 1;
    return (pl_json_walk){pl_json_move(node, node.at + 1), end, object};
}

pl_json pl_json_get(pl_json object, pl_str key) {
    if (!pl_json_is_object(object))
        return PL_JSON_NONE;
    pl_str name;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(object); pl_json_step(&walk, &name, &value);)
        if (pl_str_eq(name, key))
            return value;
    return PL_JSON_NONE;
}

pl_json pl_json_at(pl_json array, size_t index) {
    pl_str key;
    pl_json value;
    if (!pl_json_is_array(array))
        return PL_JSON_NONE;
    for (pl_json_walk walk = pl_json_children(array); pl_json_step(&walk, &key, &value); index--)
        if (index == 0)
            return value;
    return PL_JSON_NONE;
}

size_t pl_json_count(pl_json node) {
    enum { SATURATED = 0xffffff };
    if (!pl_json_is_object(node) && !pl_json_is_array(node))
        return 0;
    size_t count = (size_t)(pl_json_word(node) >> 32 & SATURATED);
    if (count < SATURATED)
        return count;
    pl_str key;
    pl_json value;
    count = 0;
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &value);)
        count++;
    return count;
}

static bool is_number(pl_json_type type) {
    return type == PL_JSON_INTEGER || type == PL_JSON_UNSIGNED || type == PL_JSON_DOUBLE;
}

static bool numbers_equal(pl_json a, pl_json b, pl_json_type type_a, pl_json_type type_b) {
    if (type_a == type_b && type_a != PL_JSON_DOUBLE)
        return a.tape[a.at + 1] == b.tape[b.at + 1]; /* NOLINT: both have a number type */
    double x = 0, y = 0;
    pl_json_double(a, &x);
    pl_json_double(b, &y);
    return !(x < y) && !(x > y);
}

/* Members by name; of duplicate names the first counts. */
static bool objects_equal_by_name(pl_json a, pl_json b) {
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(a); pl_json_step(&walk, &key, &value);)
        if (!pl_json_equal(value, pl_json_get(b, key)))
            return false;
    return true;
}

/* Objects nearly always have their members in the same order, duplicates included: then places decide. */
static bool objects_equal(pl_json a, pl_json b) {
    pl_str key_a, key_b;
    pl_json x, y;
    if (pl_json_count(a) != pl_json_count(b))
        return false;
    pl_json_walk walk_b = pl_json_children(b);
    for (pl_json_walk walk_a = pl_json_children(a); pl_json_step(&walk_a, &key_a, &x);) {
        if (!pl_json_step(&walk_b, &key_b, &y) || !pl_str_eq(key_a, key_b))
            return objects_equal_by_name(a, b);
        if (!pl_json_equal(x, y))
            return false;
    }
    return true;
}

static bool arrays_equal(pl_json a, pl_json b) {
    pl_str key;
    pl_json x, y;
    if (pl_json_count(a) != pl_json_count(b))
        return false;
    pl_json_walk walk_b = pl_json_children(b);
    for (pl_json_walk walk_a = pl_json_children(a); pl_json_step(&walk_a, &key, &x);)
        if (!pl_json_step(&walk_b, &key, &y) || !pl_json_equal(x, y))
            return false;
    return true;
}

bool pl_json_equal(pl_json a, pl_json b) {
    pl_json_type type_a = pl_json_type_of(a), type_b = pl_json_type_of(b);
    if (is_number(type_a) && is_number(type_b))
        return numbers_equal(a, b, type_a, type_b);
    if (type_a != type_b)
        return false;
    switch (type_a) {
    case PL_JSON_BOOLEAN: return pl_json_tag(a) == pl_json_tag(b);
    case PL_JSON_STRING: return pl_str_eq(pl_json_text(a), pl_json_text(b));
    case PL_JSON_ARRAY: return arrays_equal(a, b);
    case PL_JSON_OBJECT: return objects_equal(a, b);
    default: return true;
    }
}

void pl_json_write_double(pl_buf *out, double value) {
    char text[40];
    if (fabs(value) < 1e15 && !(value < floor(value)) && !(value > floor(value))) {
        pl_buf_add_i64(out, (int64_t)value);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        double back = strtod(text, NULL);
        if (!(back < value) && !(back > value))
            break;
    }
    pl_buf_add(out, pl_str_from(text));
}

static void write_escape(pl_buf *out, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    static const char named[] = "\b\t\n\f\r\"\\";
    static const char letters[] = "btnfr\"\\";
    const char *at = memchr(named, c, sizeof named - 1);
    pl_buf_add_char(out, '\\');
    if (at) {
        pl_buf_add_char(out, letters[at - named]);
        return;
    }
    pl_buf_add(out, PL_STR("u00"));
    pl_buf_add_char(out, digits[c >> 4]);
    pl_buf_add_char(out, digits[c & 15]);
}

/* The high bit of every byte that is a control character, a quote or a backslash; exact for the first of
 * them. */
static inline uint64_t needing_escape(uint64_t word) {
    const uint64_t ones = 0x0101010101010101ULL, high = 0x80 * ones;
    uint64_t quote = word ^ '"' * ones, backslash = word ^ '\\' * ones;
    return ((word - ' ' * ones) & ~word & high) | ((quote - ones) & ~quote & high) |
           ((backslash - ones) & ~backslash & high);
}

/* Takes `size` bytes into a word whose other bytes need no escape. */
static inline bool needs_escape(const char *p, size_t size) {
    uint64_t word = 0x2020202020202020ULL;
    memcpy(&word, p, size);
    return needing_escape(word) != 0;
}

/* Bytes at the front that stand for themselves in a string literal; short texts are the rule. */
static size_t plain_length(pl_str s) {
    size_t i = 0;
    while (s.n - i >= 8 && !needs_escape(s.p + i, 8))
        i += 8;
    if (s.n - i >= 4 && !needs_escape(s.p + i, 4))
        i += 4;
    if (s.n - i >= 2 && !needs_escape(s.p + i, 2))
        i += 2;
    while (i < s.n && !needs_escape(s.p + i, 1))
        i++;
    return i;
}

void pl_json_write_string(pl_buf *out, pl_str s) {
    if (!pl_buf_reserve(out, s.n + 2))
        return;
    out->p[out->n++] = '"';
    for (;;) {
        size_t plain = plain_length(s);
        pl_buf_add(out, pl_str_head(s, plain));
        if (plain == s.n)
            break;
        write_escape(out, (unsigned char)s.p[plain]);
        s = pl_str_skip(s, plain + 1);
    }
    pl_buf_add_char(out, '"');
}

static void write_children(pl_buf *out, pl_json node, bool object) {
    pl_str key;
    pl_json value;
    bool first = true;
    pl_buf_add_char(out, object ? '{' : '[');
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &value);) {
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        if (object) {
            pl_json_write_string(out, key);
            pl_buf_add_char(out, ':');
        }
        pl_json_write(out, value);
    }
    pl_buf_add_char(out, object ? '}' : ']');
}

void pl_json_write(pl_buf *out, pl_json node) {
    switch (pl_json_type_of(node)) {
    case PL_JSON_MISSING: break;
    case PL_JSON_NULL: pl_buf_add(out, PL_STR("null")); break;
    case PL_JSON_STRING: pl_json_write_string(out, pl_json_text(node)); break;
    case PL_JSON_OBJECT: write_children(out, node, true); break;
    case PL_JSON_ARRAY: write_children(out, node, false); break;
    default: pl_json_write_text(out, node);
    }
}

void pl_json_write_text(pl_buf *out, pl_json node) {
    switch (pl_json_type_of(node)) {
    case PL_JSON_MISSING:
    case PL_JSON_NULL: break;
    case PL_JSON_BOOLEAN: pl_buf_add(out, pl_json_tag(node) == 't' ? PL_STR("true") : PL_STR("false")); break;
    case PL_JSON_INTEGER: pl_buf_add_i64(out, (int64_t)node.tape[node.at + 1]); break;
    case PL_JSON_UNSIGNED: pl_buf_add_u64(out, node.tape[node.at + 1]); break;
    case PL_JSON_DOUBLE: pl_json_write_double(out, double_of(node.tape[node.at + 1])); break;
    case PL_JSON_STRING: pl_buf_add(out, pl_json_text(node)); break;
    default: pl_json_write(out, node);
    }
}
