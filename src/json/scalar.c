/* Scalars that need more than a look, and copying values that are proven. No state. */
#include "json/scalar.h"

#include "base/encode.h"

/* What a text holds besides plain bytes. */
typedef struct seen {
    bool escape, foreign; /* a backslash; a byte beyond ASCII */
} seen;

/* The closing quote, or NULL: there is none before `end`, or a control character. */
static const uint8_t *closing_quote(const uint8_t *p, const uint8_t *end, seen *out) {
    const uint8_t *escaped = p; /* up to here nothing ends the text */
    for (p++; p < end; p += PL_JSON_GLANCE) {
        for (uint32_t stops = pl_json_stops(p); stops; stops &= stops - 1) {
            const uint8_t *at = p + __builtin_ctz(stops);
            if (at <= escaped)
                continue;
            if (*at == '"')
                return at < end ? at : NULL;
            if (*at < ' ')
                return NULL;
            out->foreign |= *at >= 0x80;
            out->escape |= *at == '\\';
            escaped = *at == '\\' ? at + 1 : escaped;
        }
    }
    return NULL;
}

uint32_t pl_json_take_text(pl_json_parser *parser, const uint8_t *p, const uint8_t *end, pl_str *out) {
    seen has = {false, false};
    const uint8_t *last = closing_quote(p, end, &has);
    if (!last || (size_t)(last - p) >= UINT32_MAX)
        return 0;
    *out = pl_str_of((const char *)p + 1, (size_t)(last - p) - 1);
    uint32_t n = (uint32_t)out->n + 2;
    if (has.foreign && !pl_utf8_valid(*out))
        return 0;
    return has.escape && !pl_json_decode_scratch(parser, p + 1, out->n, out) ? 0 : n;
}

uint32_t pl_json_long_text(pl_json_parser *parser, const uint8_t *p, const uint8_t *end) {
    pl_str ignored;
    return pl_json_take_text(parser, p, end, &ignored);
}

uint32_t pl_json_long_bare(const uint8_t *p, const uint8_t *end) {
    pl_json_number number;
    return p < end && pl_json_read_number(p, &number) && pl_json_number_is_exact(&number) ? number.length : 0;
}

static const uint8_t *skip_nested(pl_json_parser *parser, const uint8_t *p, const uint8_t *end,
                                  unsigned depth);

/* The byte behind a key and its colon, or NULL. */
static const uint8_t *skip_key(pl_json_parser *parser, const uint8_t *p, const uint8_t *end) {
    uint32_t n = p < end && *p == '"' ? pl_json_text_at(parser, p, end) : 0;
    p = pl_json_skip_blanks(p + n, end);
    return n && p < end && *p == ':' ? p + 1 : NULL;
}

static const uint8_t *skip_container(pl_json_parser *parser, const uint8_t *p, const uint8_t *end,
                                     unsigned depth) {
    bool object = *p == '{';
    uint8_t close = object ? '}' : ']';
    p = pl_json_skip_blanks(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    while (p && p < end && depth < PL_JSON_INDEX_DEPTH) {
        p = object ? skip_key(parser, pl_json_skip_blanks(p, end), end) : p;
        p = p ? skip_nested(parser, pl_json_skip_blanks(p, end), end, depth + 1) : NULL;
        p = p ? pl_json_skip_blanks(p, end) : NULL;
        if (p && p < end && *p == close)
            return p + 1;
        p = p && p < end && *p == ',' ? p + 1 : NULL;
    }
    return NULL;
}

static const uint8_t *skip_nested(pl_json_parser *parser, const uint8_t *p, const uint8_t *end,
                                  unsigned depth) {
    if (p >= end)
        return NULL;
    if (*p == '{' || *p == '[')
        return skip_container(parser, p, end, depth);
    uint32_t n = *p == '"' ? pl_json_text_at(parser, p, end) : pl_json_bare_at(p, end);
    return n && n <= (size_t)(end - p) ? p + n : NULL;
}

const uint8_t *pl_json_skip_value(pl_json_parser *parser, const uint8_t *p, const uint8_t *end) {
    return skip_nested(parser, p, end, 0);
}

/* What is known to be there needs no end. */
static const uint8_t *copy_text(pl_json_excerpt *e, pl_json_parser *parser, const uint8_t *p) {
    uint32_t n = pl_json_short_text(p);
    if (__builtin_expect(n != 0, 1)) {
        pl_json_excerpt_add_text(e, p + 1, n - 2);
        return p + n;
    }
    uint8_t *start = e->strings + e->string_bytes;
    const uint8_t *last = p + 1;
    for (; *last != '"'; last++)
        last += *last == '\\';
    uint8_t *behind = pl_json_decode(parser, p + 1, start + sizeof n);
    n = behind ? (uint32_t)(behind - start) - (uint32_t)sizeof n : 0;
    memcpy(start, &n, sizeof n);
    start[sizeof n + n] = '\0';
    e->tape[e->words++] = (uint64_t)'"' << 56 | e->string_bytes;
    e->string_bytes += sizeof n + n + 1;
    return last + 1;
}

static const uint8_t *copy_bare(pl_json_excerpt *e, const uint8_t *p) {
    pl_json_number number;
    uint32_t n = pl_json_short_bare(p);
    if (n) {
        pl_json_excerpt_add_short(e, p, n);
        return p + n;
    }
    pl_json_read_number(p, &number);
    pl_json_excerpt_add_number(e, &number);
    return p + number.length;
}

/* Something else always follows. */
static const uint8_t *behind_blanks(const uint8_t *p) {
    while (*p <= ' ')
        p++;
    return p;
}

static const uint8_t *copy_value(pl_json_excerpt *e, pl_json_parser *parser, const uint8_t *p);

static const uint8_t *copy_container(pl_json_excerpt *e, pl_json_parser *parser, const uint8_t *p) {
    char open = (char)*p;
    uint32_t start = e->words++;
    uint64_t count = 0;
    for (p = behind_blanks(p + 1); *p != '}' && *p != ']'; count++) {
        if (*p == ',')
            p = behind_blanks(p + 1);
        if (open == '{')
            p = behind_blanks(behind_blanks(copy_text(e, parser, p)) + 1); /* the colon */
        p = behind_blanks(copy_value(e, parser, p));
    }
    pl_json_excerpt_close(e->tape, start, e->words++, open, count);
    return p + 1;
}

/* Nested no deeper than PL_JSON_INDEX_DEPTH, as the walk that accepted the value made sure. */
static const uint8_t *copy_value(pl_json_excerpt *e, pl_json_parser *parser, const uint8_t *p) {
    if (*p == '{' || *p == '[')
        return copy_container(e, parser, p);
    return *p == '"' ? copy_text(e, parser, p) : copy_bare(e, p);
}

void pl_json_copy(pl_json_excerpt *e, pl_json_parser *parser, const uint8_t *p) {
    copy_value(e, parser, p);
}
