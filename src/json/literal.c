/* Python literals as JSON: one pass, no memory of its own. */
#include "json/literal.h"

#include "base/encode.h"
#include "json/tape.h"

enum { STRING_MAX = 1 << 20 };

typedef struct reader {
    pl_str rest;
    pl_buf *out;
    unsigned depth;
} reader;

static bool read_value(reader *r);

static char peek(reader *r) {
    while (r->rest.n && strchr(" \t\r\n", *r->rest.p) && *r->rest.p)
        r->rest = pl_str_skip(r->rest, 1);
    return r->rest.n ? *r->rest.p : '\0';
}

static bool take(reader *r, char wanted) {
    if (peek(r) != wanted)
        return false;
    r->rest = pl_str_skip(r->rest, 1);
    return true;
}

static bool take_word(reader *r, pl_str word, pl_str json) {
    if (!pl_str_starts(r->rest, word))
        return false;
    r->rest = pl_str_skip(r->rest, word.n);
    pl_buf_add(r->out, json);
    return true;
}

/* The code point of \xHH, \uHHHH and \UHHHHHHHH. */
static bool read_code(reader *r, unsigned digits, uint32_t *code) {
    *code = 0;
    if (r->rest.n < digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        int digit = pl_hex_value(r->rest.p[i]);
        if (digit < 0)
            return false;
        *code = *code << 4 | (uint32_t)digit;
    }
    r->rest = pl_str_skip(r->rest, digits);
    return *code <= 0x10ffff;
}

/* Two escaped surrogates are one character. */
static bool read_escaped_code(reader *r, unsigned digits, pl_buf *text) {
    uint32_t code, low;
    if (!read_code(r, digits, &code))
        return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (!pl_str_starts(r->rest, PL_STR("\\u")))
            return false;
        r->rest = pl_str_skip(r->rest, 2);
        if (!read_code(r, 4, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return false;
    }
    pl_utf8_add(text, code);
    return true;
}

static bool read_escape(reader *r, pl_buf *text) {
    static const char from[] = "nrtabfv0\\'\"", to[] = "\n\r\t\a\b\f\v\0\\'\"";
    if (r->rest.n == 0)
        return false;
    char c = *r->rest.p;
    r->rest = pl_str_skip(r->rest, 1);
    if (c == 'x' || c == 'u' || c == 'U')
        return read_escaped_code(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, text);
    for (size_t i = 0; i < sizeof from - 1; i++) {
        if (from[i] == c) {
            pl_buf_add_char(text, to[i]);
            return true;
        }
    }
    pl_buf_add_char(text, '\\'); /* an unknown escape stands for itself */
    pl_buf_add_char(text, c);
    return true;
}

static bool read_text(reader *r, char quote, pl_buf *text) {
    while (r->rest.n > 0) {
        char c = *r->rest.p;
        r->rest = pl_str_skip(r->rest, 1);
        if (c == quote)
            return !text->failed;
        if (c != '\\')
            pl_buf_add_char(text, c);
        else if (!read_escape(r, text))
            return false;
    }
    return false;
}

static bool read_string(reader *r) {
    if (peek(r) == 'u' || peek(r) == 'b')
        r->rest = pl_str_skip(r->rest, 1);
    char quote = r->rest.n ? *r->rest.p : '\0';
    if (quote != '\'' && quote != '"')
        return false;
    r->rest = pl_str_skip(r->rest, 1);
    pl_buf text;
    pl_buf_init(&text, STRING_MAX);
    bool sound = read_text(r, quote, &text);
    if (sound)
        pl_json_write_string(r->out, pl_buf_str(&text));
    pl_buf_free(&text);
    return sound;
}

static bool read_list(reader *r, char close) {
    pl_buf_add_char(r->out, '[');
    for (bool first = true; !take(r, close); first = false) {
        if (!first) {
            if (!take(r, ','))
                return false;
            if (take(r, close)) /* a comma may end the list */
                break;
            pl_buf_add_char(r->out, ',');
        }
        if (!read_value(r))
            return false;
    }
    pl_buf_add_char(r->out, ']');
    return true;
}

static bool read_dictionary(reader *r) {
    pl_buf_add_char(r->out, '{');
    for (bool first = true; !take(r, '}'); first = false) {
        if (!first) {
            if (!take(r, ','))
                return false;
            if (take(r, '}'))
                break;
            pl_buf_add_char(r->out, ',');
        }
        if (!read_string(r) || !take(r, ':'))
            return false;
        pl_buf_add_char(r->out, ':');
        if (!read_value(r))
            return false;
    }
    pl_buf_add_char(r->out, '}');
    return true;
}

static bool read_number(reader *r) {
    size_t n = 0;
    while (n < r->rest.n && strchr("0123456789+-.eE", r->rest.p[n]) && r->rest.p[n])
        n++;
    pl_buf_add(r->out, pl_str_head(r->rest, n));
    r->rest = pl_str_skip(r->rest, n);
    if (r->rest.n && *r->rest.p == 'L') /* a long of Python 2 */
        r->rest = pl_str_skip(r->rest, 1);
    return n > 0;
}

static bool read_any(reader *r) {
    char c = peek(r);
    if (take(r, '['))
        return read_list(r, ']');
    if (take(r, '('))
        return read_list(r, ')');
    if (take(r, '{'))
        return read_dictionary(r);
    if (c == '\'' || c == '"' || c == 'u' || c == 'b')
        return read_string(r);
    return take_word(r, PL_STR("None"), PL_STR("null")) || take_word(r, PL_STR("True"), PL_STR("true")) ||
           take_word(r, PL_STR("False"), PL_STR("false")) || read_number(r);
}

static bool read_value(reader *r) {
    if (++r->depth > PL_LITERAL_DEPTH)
        return false;
    bool sound = read_any(r);
    r->depth--;
    return sound && !r->out->failed;
}

bool pl_json_from_python(pl_buf *out, pl_str text) {
    reader r = {.rest = text, .out = out};
    return read_value(&r) && peek(&r) == '\0' && r.rest.n == 0;
}
