/* Statements as tokens, and how a mistake is told. No state beyond the parser's. */
#include "search/internal.h"

#include "base/encode.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const signs[] = {"!=", "<>", "<=", ">=", "(", ")", ",", "*", ";", "=", "<", ">"};

int search_refuse(search_parser *p, size_t at, const char *format, ...) {
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    size_t character = pl_utf8_length(pl_str_head(p->statement, at)) + 1;
    pl_failf(p->error, PL_E_Invalid_Sql_Value, "The specified Sql is invalid: character %zu: %s.", character,
             reason);
    p->error->position = at;
    return -1;
}

static bool is_letter(char c) {
    return pl_is_letter(c) || c == '_' || (unsigned char)c >= 0x80;
}

static char peek(const search_parser *p, size_t ahead) {
    return p->offset + ahead < p->statement.n ? p->statement.p[p->offset + ahead] : '\0';
}

/* Quotes are written twice inside the quotes. */
static int take_string(search_parser *p, char quote) {
    size_t from = p->offset;
    pl_buf text;
    pl_buf_init(&text, p->statement.n + 1);
    for (p->offset++; p->offset < p->statement.n; p->offset++) {
        if (peek(p, 0) == quote && peek(p, 1) != quote)
            break;
        if (peek(p, 0) == quote)
            p->offset++;
        pl_buf_add_char(&text, peek(p, 0));
    }
    bool closed = p->offset < p->statement.n;
    p->offset += closed;
    p->now.kind = TOKEN_STRING;
    p->now.text = text.failed ? PL_STR_NONE : pl_arena_copy(p->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    if (!closed)
        return search_refuse(p, from, "the text is not closed");
    return p->now.text.p ? 0 : pl_fail(p->error, PL_E_ServiceUnavailable);
}

static int take_number(search_parser *p) {
    size_t from = p->offset;
    p->offset += peek(p, 0) == '-' || peek(p, 0) == '+';
    while (pl_is_digit(peek(p, 0)) || peek(p, 0) == '.')
        p->offset++;
    if ((peek(p, 0) == 'e' || peek(p, 0) == 'E') &&
        (pl_is_digit(peek(p, 1)) || ((peek(p, 1) == '-' || peek(p, 1) == '+') && pl_is_digit(peek(p, 2)))))
        for (p->offset += 2; pl_is_digit(peek(p, 0));)
            p->offset++;
    p->now.kind = TOKEN_NUMBER;
    p->now.text = pl_str_of(p->statement.p + from, p->offset - from);
    return is_letter(peek(p, 0)) ? search_refuse(p, from, "this is not a number") : 0;
}

/* Letters, digits, dots and hyphens; anything between back quotes. */
static int take_word(search_parser *p) {
    size_t from = p->offset;
    bool quoted = false;
    for (; p->offset < p->statement.n; p->offset++) {
        char c = peek(p, 0);
        if (c == '`')
            quoted = !quoted;
        else if (!quoted && !is_letter(c) && !pl_is_digit(c) && c != '.' && c != '-')
            break;
    }
    p->now.kind = TOKEN_WORD;
    p->now.text = pl_str_of(p->statement.p + from, p->offset - from);
    return quoted ? search_refuse(p, from, "the name is not closed") : 0;
}

static bool take_sign(search_parser *p) {
    pl_str rest = pl_str_skip(p->statement, p->offset);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        pl_str sign = pl_str_from(signs[i]);
        if (!pl_str_starts(rest, sign))
            continue;
        p->now.kind = TOKEN_SIGN;
        p->now.text = sign;
        p->offset += sign.n;
        return true;
    }
    return false;
}

int search_next(search_parser *p) {
    p->ended = p->offset;
    while (pl_is_blank(peek(p, 0)))
        p->offset++;
    char c = peek(p, 0), after = peek(p, 1);
    p->now = (token){.kind = TOKEN_END, .at = p->offset};
    if (p->offset >= p->statement.n)
        return 0;
    if (c == '\'' || c == '"')
        return take_string(p, c);
    if (pl_is_digit(c) || ((c == '-' || c == '+' || c == '.') && (pl_is_digit(after) || after == '.')))
        return take_number(p);
    if (is_letter(c) || c == '`')
        return take_word(p);
    return take_sign(p) ? 0 : search_refuse(p, p->offset, "this character has no meaning here");
}

bool search_at_sign(const search_parser *p, const char *sign) {
    return p->now.kind == TOKEN_SIGN && pl_str_is(p->now.text, sign);
}

bool search_at_word(const search_parser *p, const char *keyword) {
    return p->now.kind == TOKEN_WORD && pl_str_eq_fold(p->now.text, pl_str_from(keyword));
}
