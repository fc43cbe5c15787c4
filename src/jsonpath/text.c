/* The words of a path: blanks, names, quoted texts, integers and numbers. */
#include "base/encode.h"
#include "jsonpath/path_internal.h"

static const int64_t LARGEST_INTEGER = 9007199254740991;

int pl_path_expected(parser *p, const char *what) {
    pl_failf(p->error, PL_E_InvalidParameter, "expected %s at byte %zu of the path", what, p->at);
    p->error->position = p->at;
    return -1;
}

void parser_blanks(parser *p) {
    while (p->at < p->text.n && memchr(" \t\n\r", p->text.p[p->at], 4))
        p->at++;
}

bool parser_take_word(parser *p, pl_str word) {
    if (!pl_str_starts(pl_str_skip(p->text, p->at), word))
        return false;
    p->at += word.n;
    return true;
}

static bool is_name_char(char c, bool first, bool lenient) {
    if (pl_is_letter(c) || c == '_' || (unsigned char)c >= 0x80)
        return true;
    return (pl_is_digit(c) && (lenient || !first)) || (c == '-' && lenient);
}

int parser_name(parser *p, pl_str *out) {
    size_t from = p->at;
    while (p->at < p->text.n && is_name_char(p->text.p[p->at], p->at == from, parser_lenient(p)))
        p->at++;
    if (p->at == from)
        return pl_path_expected(p, "a member name");
    *out = pl_arena_copy(p->arena, pl_str_of(p->text.p + from, p->at - from));
    return out->p ? 0 : parser_no_memory(p);
}

static int take_hex(parser *p, uint32_t *out) {
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        char c = p->at < p->text.n ? p->text.p[p->at] : '\0';
        int digit = pl_hex_value(c);
        if (digit < 0)
            return pl_path_expected(p, "four hexadecimal digits");
        unit = unit << 4 | (uint32_t)digit;
    }
    *out = unit;
    return 0;
}

/* Behind \u: one code point, perhaps of two surrogates. */
static int take_code_point(parser *p, pl_buf *out) {
    uint32_t high, low;
    if (take_hex(p, &high) != 0)
        return -1;
    if (high >= 0xdc00 && high <= 0xdfff)
        return pl_path_expected(p, "a high surrogate before a low one");
    if (high >= 0xd800 && high <= 0xdbff) {
        if (!parser_take_word(p, PL_STR("\\u")))
            return pl_path_expected(p, "a low surrogate");
        if (take_hex(p, &low) != 0)
            return -1;
        if (low < 0xdc00 || low > 0xdfff)
            return pl_path_expected(p, "a low surrogate");
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    pl_utf8_add(out, high);
    return 0;
}

static int take_escape(parser *p, char quote, pl_buf *out) {
    static const char letters[] = "bfnrt/\\";
    static const char meanings[] = "\b\f\n\r\t/\\";
    char c = p->at < p->text.n ? p->text.p[p->at] : '\0';
    const char *known = c ? strchr(letters, c) : NULL;
    if (c == 'u') {
        p->at++;
        return take_code_point(p, out);
    }
    if (!known && c != quote && !(parser_lenient(p) && (c == '\'' || c == '"')))
        return pl_path_expected(p, "an escape");
    p->at++;
    pl_buf_add_char(out, known ? meanings[known - letters] : c);
    return 0;
}

static int take_quoted(parser *p, char quote, pl_buf *out) {
    while (!parser_take(p, quote)) {
        if (p->at == p->text.n)
            return pl_path_expected(p, "the end of a quoted text");
        if ((unsigned char)p->text.p[p->at] < ' ')
            return pl_path_expected(p, "an escaped control character");
        if (!parser_take(p, '\\'))
            pl_buf_add_char(out, p->text.p[p->at++]);
        else if (take_escape(p, quote, out) != 0)
            return -1;
    }
    return 0;
}

int parser_quoted(parser *p, pl_str *out) {
    pl_buf text;
    pl_buf_init(&text, PL_PATH_MAX_TEXT);
    char quote = p->text.p[p->at++];
    int status = take_quoted(p, quote, &text);
    if (status == 0) {
        *out = text.failed ? PL_STR_NONE : pl_arena_copy(p->arena, pl_buf_str(&text));
        if (!out->p)
            status = parser_no_memory(p);
    }
    pl_buf_free(&text);
    return status;
}

int parser_integer(parser *p, int64_t *out) {
    size_t from = p->at;
    bool negative = parser_take(p, '-');
    size_t digits = p->at, n = pl_str_digits(pl_str_skip(p->text, digits));
    p->at += n;
    if (n == 0 || (p->text.p[digits] == '0' && (n > 1 || negative)) ||
        !pl_str_to_i64(pl_str_of(p->text.p + from, p->at - from), out) || *out > LARGEST_INTEGER ||
        *out < -LARGEST_INTEGER) {
        p->at = from;
        return pl_path_expected(p, "an integer");
    }
    return 0;
}

static bool take_digits(parser *p) {
    size_t n = pl_str_digits(pl_str_skip(p->text, p->at));
    p->at += n;
    return n > 0;
}

int parser_number(parser *p, pl_str *out) {
    size_t from = p->at;
    parser_take(p, '-');
    if (!parser_take(p, '0') && !take_digits(p))
        return pl_path_expected(p, "a value");
    if (parser_take(p, '.') && !take_digits(p))
        return pl_path_expected(p, "a digit");
    if (parser_take(p, 'e') || parser_take(p, 'E')) {
        if (!parser_take(p, '+'))
            parser_take(p, '-');
        if (!take_digits(p))
            return pl_path_expected(p, "a digit");
    }
    *out = pl_arena_copy(p->arena, pl_str_of(p->text.p + from, p->at - from));
    return out->p ? 0 : parser_no_memory(p);
}
