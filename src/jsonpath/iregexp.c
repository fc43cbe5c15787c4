/* RFC 9485 (I-Regexp): checks a pattern against the grammar and writes it as PCRE2 understands it. */
#include "jsonpath/regex.h"

enum { MAX_GROUPS = 200 };

typedef struct reader {
    pl_str rest;
    pl_buf *out;
} reader;

static bool peek(const reader *r, char c) {
    return r->rest.n && r->rest.p[0] == c;
}

/* Copies the next byte. */
static void pass(reader *r) {
    pl_buf_add_char(r->out, r->rest.p[0]);
    r->rest = pl_str_skip(r->rest, 1);
}

static bool take_digits(reader *r) {
    size_t from = r->rest.n;
    while (r->rest.n && pl_is_digit(r->rest.p[0]))
        pass(r);
    return r->rest.n < from;
}

/* {n}, {n,}, {n,m} */
static bool take_range(reader *r) {
    pass(r);
    if (!take_digits(r))
        return false;
    if (peek(r, ',')) {
        pass(r);
        take_digits(r);
    }
    if (!peek(r, '}'))
        return false;
    pass(r);
    return true;
}

static bool take_quantifier(reader *r) {
    if (peek(r, '{'))
        return take_range(r);
    if (peek(r, '*') || peek(r, '+') || peek(r, '?'))
        pass(r);
    return true;
}

/* The category between the braces of \p{...}: a letter, or a letter and its subdivision. */
static bool is_category(pl_str name) {
    static const char *const groups[] = {"Llmotu", "Mcen", "Ndlo", "Pcdefios", "Zlps", "Sckmo", "Ccfno"};
    if (name.n == 0 || name.n > 2)
        return false;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (groups[i][0] == name.p[0])
            return name.n == 1 || (name.p[1] != '\0' && strchr(groups[i] + 1, name.p[1]) != NULL);
    return false;
}

static bool take_category(reader *r) {
    size_t end = pl_str_find_char(r->rest, '}');
    if (end == PL_NOT_FOUND || end < 3 || r->rest.p[2] != '{')
        return false;
    if (!is_category(pl_str_head(pl_str_skip(r->rest, 3), end - 3)))
        return false;
    pl_buf_add(r->out, pl_str_head(r->rest, end + 1));
    r->rest = pl_str_skip(r->rest, end + 1);
    return true;
}

static bool take_escape(reader *r) {
    if (r->rest.n < 2)
        return false;
    char c = r->rest.p[1];
    if (c == 'p' || c == 'P')
        return take_category(r);
    if (c == '\0' || !strchr("()*+-.?[\\]^nrt{|}", c))
        return false;
    pass(r);
    pass(r);
    return true;
}

static bool is_class_escape(const reader *r) {
    return r->rest.n > 1 && r->rest.p[0] == '\\' && (r->rest.p[1] == 'p' || r->rest.p[1] == 'P');
}

/* One character of a class, which may be escaped. */
static bool take_class_char(reader *r) {
    if (r->rest.n == 0 || peek(r, '[') || peek(r, ']') || peek(r, '-'))
        return false;
    if (peek(r, '\\'))
        return !is_class_escape(r) && take_escape(r);
    if (peek(r, '^'))
        pl_buf_add_char(r->out, '\\');
    do
        pass(r);
    while (r->rest.n && ((unsigned char)r->rest.p[0] & 0xc0) == 0x80);
    return true;
}

/* A character, a range, or a category. */
static bool take_class_item(reader *r) {
    if (is_class_escape(r))
        return take_escape(r);
    if (!take_class_char(r))
        return false;
    if (!peek(r, '-') || (r->rest.n > 1 && r->rest.p[1] == ']'))
        return true;
    pass(r);
    return take_class_char(r);
}

static void pass_hyphen(reader *r) {
    pl_buf_add_char(r->out, '\\');
    pass(r);
}

static bool take_class(reader *r) {
    pass(r);
    if (peek(r, '^'))
        pass(r);
    if (peek(r, '-'))
        pass_hyphen(r);
    else if (!take_class_item(r))
        return false;
    while (r->rest.n && !peek(r, ']') && !peek(r, '-'))
        if (!take_class_item(r))
            return false;
    if (peek(r, '-'))
        pass_hyphen(r);
    if (!peek(r, ']'))
        return false;
    pass(r);
    return true;
}

/* Anything that a quantifier may follow, but groups. */
static bool take_atom(reader *r) {
    if (peek(r, '['))
        return take_class(r);
    if (peek(r, '\\'))
        return take_escape(r);
    if (peek(r, '.')) {
        pl_buf_add(r->out, PL_STR("[^\\n\\r]"));
        r->rest = pl_str_skip(r->rest, 1);
        return true;
    }
    if (r->rest.p[0] != '\0' && strchr("*+?{}]", r->rest.p[0]))
        return false;
    do
        pass(r);
    while (r->rest.n && ((unsigned char)r->rest.p[0] & 0xc0) == 0x80);
    return true;
}

bool pl_regex_translate(pl_buf *out, pl_str pattern) {
    reader r = {pattern, out};
    unsigned groups = 0;
    while (r.rest.n) {
        if (peek(&r, '(')) {
            if (++groups > MAX_GROUPS)
                return false;
            pl_buf_add(out, PL_STR("(?:"));
            r.rest = pl_str_skip(r.rest, 1);
            continue;
        }
        if (peek(&r, '|')) {
            pass(&r);
            continue;
        }
        bool anchor = peek(&r, '^') || peek(&r, '$');
        if (peek(&r, ')')) {
            if (groups-- == 0)
                return false;
            pass(&r);
        } else if (!take_atom(&r)) {
            return false;
        }
        if (!anchor && !take_quantifier(&r))
            return false;
    }
    return groups == 0 && !out->failed;
}
