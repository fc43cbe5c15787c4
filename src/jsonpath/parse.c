/* The parser of paths: segments and selectors (RFC 9535, sections 2.1 to 2.5). */
#include "base/encode.h"
#include "jsonpath/path_internal.h"

/* [start] : [end] [: [step]]; `at` stands behind the start, if any. */
static int parse_slice(parser *p, selector *out) {
    out->kind = SELECT_SLICE;
    out->step = 1;
    p->at++;
    parser_blanks(p);
    if (parser_at_integer(p)) {
        if (parser_integer(p, &out->end) != 0)
            return -1;
        out->has_end = true;
    }
    size_t behind = p->at;
    parser_blanks(p);
    if (!parser_take(p, ':')) {
        p->at = behind;
        return 0;
    }
    behind = p->at;
    parser_blanks(p);
    size_t step_at = p->at;
    if (!parser_at_integer(p)) {
        p->at = behind;
        return 0;
    }
    if (parser_integer(p, &out->step) != 0)
        return -1;
    if (out->step > 0 || !parser_lenient(p))
        return 0;
    p->at = step_at;
    return pl_path_expected(p, "a positive step");
}

static int parse_index(parser *p, selector *out) {
    out->kind = SELECT_INDEX;
    if (!parser_peek(p, ':')) {
        if (parser_integer(p, &out->start) != 0)
            return -1;
        out->has_start = true;
    }
    size_t behind = p->at;
    parser_blanks(p);
    if (parser_peek(p, ':'))
        return parse_slice(p, out);
    p->at = behind;
    return 0;
}

static int parse_filter(parser *p, selector *out) {
    out->kind = SELECT_FILTER;
    p->at++;
    parser_blanks(p);
    return parser_filter(p, &out->filter);
}

/* (@.length-n) of the cloud-config dialect */
static int parse_script(parser *p, selector *out) {
    out->kind = SELECT_FROM_END;
    p->at++;
    parser_blanks(p);
    if (!parser_take_word(p, PL_STR("@.length")))
        return pl_path_expected(p, "@.length");
    parser_blanks(p);
    if (!parser_take(p, '-'))
        return pl_path_expected(p, "-");
    parser_blanks(p);
    if (parser_peek(p, '-'))
        return pl_path_expected(p, "a number");
    if (parser_integer(p, &out->start) != 0)
        return -1;
    parser_blanks(p);
    return parser_take(p, ')') ? 0 : pl_path_expected(p, ")");
}

static int parse_selector(parser *p, selector *out) {
    char c = p->at < p->text.n ? p->text.p[p->at] : '\0';
    switch (c) {
    case '\'':
    case '"': out->kind = SELECT_NAME; return parser_quoted(p, &out->name);
    case '*':
        out->kind = SELECT_WILDCARD;
        p->at++;
        return 0;
    case '?': return parse_filter(p, out);
    case '(':
        if (parser_lenient(p))
            return parse_script(p, out);
        break;
    default:
        if (c == '-' || c == ':' || pl_is_digit(c))
            return parse_index(p, out);
    }
    return pl_path_expected(p, "a selector");
}

static int add_selector(parser *p, segment *s, size_t *capacity, const selector *one) {
    selector *larger = pl_arena_grow(p->arena, s->selectors, s->count, capacity, sizeof *larger);
    if (!larger)
        return parser_no_memory(p);
    s->selectors = larger;
    s->selectors[s->count++] = *one;
    return 0;
}

static int parse_bracket(parser *p, segment *s) {
    size_t capacity = 0;
    p->at++;
    do {
        selector one = {.kind = SELECT_NAME};
        parser_blanks(p);
        if (parse_selector(p, &one) != 0 || add_selector(p, s, &capacity, &one) != 0)
            return -1;
        parser_blanks(p);
    } while (parser_take(p, ','));
    return parser_take(p, ']') ? 0 : pl_path_expected(p, ", or ]");
}

/* Behind a dot: a wildcard or a name. */
static int parse_dotted(parser *p, segment *s) {
    selector one = {.kind = SELECT_WILDCARD};
    size_t capacity = 0;
    if (!parser_take(p, '*')) {
        one.kind = SELECT_NAME;
        if (parser_name(p, &one.name) != 0)
            return -1;
    }
    return add_selector(p, s, &capacity, &one);
}

static int parse_segment(parser *p, segment *s) {
    if (parser_peek(p, '['))
        return parse_bracket(p, s);
    p->at++;
    s->descend = parser_take(p, '.');
    return s->descend && parser_peek(p, '[') ? parse_bracket(p, s) : parse_dotted(p, s);
}

static bool is_single(const segment *s) {
    return !s->descend && s->count == 1 &&
           (s->selectors[0].kind == SELECT_NAME || s->selectors[0].kind == SELECT_INDEX ||
            s->selectors[0].kind == SELECT_FROM_END);
}

static void classify(pl_path *path) {
    path->definite = true;
    for (size_t i = 0; i < path->count; i++)
        path->definite = path->definite && is_single(&path->segments[i]);
    while (path->plain < path->count && is_single(&path->segments[path->plain]) &&
           path->segments[path->plain].selectors[0].kind != SELECT_FROM_END)
        path->plain++;
}

int parser_query(parser *p, pl_path *path) {
    size_t capacity = 0;
    path->dialect = p->dialect;
    path->relative = parser_peek(p, '@');
    p->at++;
    for (;;) {
        size_t behind = p->at;
        parser_blanks(p);
        if (!parser_peek(p, '.') && !parser_peek(p, '[')) {
            p->at = behind;
            break;
        }
        if (path->count == PL_PATH_MAX_SEGMENTS)
            return pl_path_expected(p, "fewer segments");
        segment *larger = pl_arena_grow(p->arena, path->segments, path->count, &capacity, sizeof *larger);
        if (!larger)
            return parser_no_memory(p);
        path->segments = larger;
        path->segments[path->count] = (segment){.descend = false};
        if (parse_segment(p, &path->segments[path->count++]) != 0)
            return -1;
    }
    classify(path);
    return 0;
}

int pl_path_compile(pl_arena *arena, pl_str text, pl_path_dialect dialect, const pl_path **out,
                    pl_error *error) {
    parser p = {.arena = arena, .text = text, .dialect = dialect, .error = error};
    if (text.n > PL_PATH_MAX_TEXT)
        return pl_failf(error, PL_E_InvalidParameter, "the path has more than %d bytes", PL_PATH_MAX_TEXT);
    if (!pl_utf8_valid(text))
        return pl_failf(error, PL_E_InvalidParameter, "the path is not UTF-8");
    pl_path *path = pl_new(arena, pl_path, 1);
    if (!path)
        return parser_no_memory(&p);
    if (!parser_peek(&p, '$'))
        return pl_path_expected(&p, "$");
    if (parser_query(&p, path) != 0)
        return -1;
    if (p.at != text.n)
        return pl_path_expected(&p, ". or [ or the end");
    path->text = pl_arena_copy(arena, text);
    if (!path->text.p)
        return parser_no_memory(&p);
    *out = path;
    return 0;
}
