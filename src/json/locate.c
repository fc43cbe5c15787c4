/*
 * Finds where a text stops being JSON, for error messages. Runs only after simdjson has refused the text; it
 * walks with an explicit depth counter, so hostile nesting costs no stack.
 */
#include "base/encode.h"
#include "json/parser.h"

typedef struct scanner {
    pl_str text;
    size_t at;
    unsigned depth;
    bool objects[PL_JSON_MAX_DEPTH + 1]; /* kind of each open container */
} scanner;

static bool peek(const scanner *s, char c) {
    return s->at < s->text.n && s->text.p[s->at] == c;
}

static void skip_blanks(scanner *s) {
    while (s->at < s->text.n && memchr(" \t\r\n", s->text.p[s->at], 4))
        s->at++;
}

static bool take(scanner *s, char c) {
    if (!peek(s, c))
        return false;
    s->at++;
    return true;
}

static bool take_escape(scanner *s) {
    if (s->at >= s->text.n || !memchr("\"\\/bfnrtu", s->text.p[s->at], 9))
        return false;
    size_t digits = s->text.p[s->at++] == 'u' ? 4 : 0;
    for (; digits; digits--, s->at++)
        if (s->at >= s->text.n || !memchr("0123456789abcdefABCDEF", s->text.p[s->at], 22))
            return false;
    return true;
}

static bool take_string(scanner *s) {
    if (!take(s, '"'))
        return false;
    while (s->at < s->text.n && s->text.p[s->at] != '"') {
        if ((unsigned char)s->text.p[s->at] < ' ')
            return false;
        if (take(s, '\\')) {
            if (!take_escape(s))
                return false;
            continue;
        }
        pl_str rest = pl_str_skip(s->text, s->at), before = rest;
        if (pl_utf8_take(&rest) == 0xfffd && !pl_str_starts(before, PL_STR("\xef\xbf\xbd")))
            return false;
        s->at += before.n - rest.n;
    }
    return take(s, '"');
}

static bool take_digits(scanner *s) {
    size_t from = s->at;
    while (s->at < s->text.n && s->text.p[s->at] >= '0' && s->text.p[s->at] <= '9')
        s->at++;
    return s->at > from;
}

static bool take_number(scanner *s) {
    take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return false;
    if (take(s, '.') && !take_digits(s))
        return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            take(s, '-');
        return take_digits(s);
    }
    return true;
}

static bool take_word(scanner *s, pl_str word) {
    if (!pl_str_starts(pl_str_skip(s->text, s->at), word))
        return false;
    s->at += word.n;
    return true;
}

static bool take_scalar(scanner *s) {
    if (peek(s, '"'))
        return take_string(s);
    return take_word(s, PL_STR("true")) || take_word(s, PL_STR("false")) || take_word(s, PL_STR("null")) ||
           take_number(s);
}

static bool take_key(scanner *s) {
    skip_blanks(s);
    if (!take_string(s))
        return false;
    skip_blanks(s);
    return take(s, ':');
}

/* Opens containers until a scalar or an empty container has been read. */
static bool take_value(scanner *s) {
    for (;;) {
        skip_blanks(s);
        bool object = peek(s, '{');
        if (!object && !peek(s, '['))
            return take_scalar(s);
        if (s->depth == PL_JSON_MAX_DEPTH)
            return false;
        s->at++;
        skip_blanks(s);
        if (take(s, object ? '}' : ']'))
            return true;
        s->objects[++s->depth] = object;
        if (object && !take_key(s))
            return false;
    }
}

size_t pl_json_locate_error(pl_str text) {
    scanner s = {.text = text};
    while (take_value(&s)) {
        for (skip_blanks(&s); s.depth && take(&s, s.objects[s.depth] ? '}' : ']'); skip_blanks(&s))
            s.depth--;
        if (s.depth == 0 || !take(&s, ',') || (s.objects[s.depth] && !take_key(&s)))
            break;
    }
    return s.at;
}
