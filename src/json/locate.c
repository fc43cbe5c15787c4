/*
 * Places in a JSON text, for error messages: where it stops being JSON, and where a node of its tape stands.
 * The first runs only after simdjson has refused the text; it walks with an explicit depth counter, so that
 * hostile nesting costs no stack.
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
    while (s->at < s->text.n && pl_is_digit(s->text.p[s->at]))
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

/* Opens containers until a scalar or an empty container has been read: what a value begins with. */
static bool take_first_leaf(scanner *s) {
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
    while (take_first_leaf(&s)) {
        for (skip_blanks(&s); s.depth && take(&s, s.objects[s.depth] ? '}' : ']'); skip_blanks(&s))
            s.depth--;
        if (s.depth == 0 || !take(&s, ',') || (s.objects[s.depth] && !take_key(&s)))
            break;
    }
    return s.at;
}

static size_t behind_string(pl_str text, size_t at) {
    for (at++; at < text.n && text.p[at] != '"'; at++)
        if (text.p[at] == '\\')
            at++;
    return at + 1;
}

static size_t behind_token(pl_str text, size_t at) {
    if (text.p[at] == '"')
        return behind_string(text, at);
    if (memchr("{}[]", text.p[at], 4))
        return at + 1;
    while (at < text.n && !memchr(" \t\r\n,:{}[]", text.p[at], 10))
        at++;
    return at;
}

/* The tape is in document order, so counting words while the text is read finds the node again. */
size_t pl_json_locate_node(pl_str text, pl_json node) {
    uint32_t word = 1;
    for (size_t at = 0; at < text.n;) {
        char c = text.p[at];
        if (memchr(" \t\r\n,:", c, 6)) {
            at++;
            continue;
        }
        if (word == node.at)
            return at;
        word += c == '-' || pl_is_digit(c) ? 2 : 1;
        at = behind_token(text, at);
    }
    return text.n;
}

static bool plain_name(pl_str name) {
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!pl_is_letter(c) && c != '_' && !(i && pl_is_digit(c)))
            return false;
    }
    return name.n > 0;
}

static void add_step(pl_buf *out, pl_str key, size_t index) {
    if (!key.p) {
        pl_buf_printf(out, "[%zu]", index);
    } else if (plain_name(key)) {
        pl_buf_printf(out, ".%.*s", PL_FMT(key));
    } else {
        pl_buf_add_char(out, '[');
        pl_json_write_string(out, key);
        pl_buf_add_char(out, ']');
    }
}

/* One level down towards the node; false when `*here` is the node or has no child that holds it. */
static bool descend(pl_buf *out, pl_json *here, uint32_t at) {
    pl_str key;
    pl_json child;
    size_t index = 0;
    for (pl_json_walk walk = pl_json_children(*here); pl_json_step(&walk, &key, &child); index++) {
        uint32_t first = key.p ? child.at - 1 : child.at;
        if (at < first || at >= pl_json_behind(child))
            continue;
        add_step(out, key, index);
        *here = child;
        return at > child.at;
    }
    return false;
}

void pl_json_path(pl_buf *out, pl_json root, pl_json node) {
    pl_buf_add_char(out, '$');
    while (descend(out, &root, node.at))
        ;
}
