/* The parser of filters (RFC 9535, section 2.3.5), with the well-typedness of section 2.4.3. */
#include "jsonpath/path_internal.h"

#include "json/parser.h"

static const struct {
    pl_str name;
    size_t arguments;
    bool nodes; /* takes nodes, not a value */
    bool truth; /* yields a truth, not a value */
} functions[FUNCTION_COUNT] = {[LENGTH] = {PL_STR_INIT("length"), 1, false, false},
                               [COUNT] = {PL_STR_INIT("count"), 1, true, false},
                               [VALUE] = {PL_STR_INIT("value"), 1, true, false},
                               [MATCH] = {PL_STR_INIT("match"), 2, false, true},
                               [SEARCH] = {PL_STR_INIT("search"), 2, false, true}};

static int parse_or(parser *p, const expression **out);
static int parse_operand(parser *p, expression **out);

static expression *new_expression(parser *p, expression_kind kind) {
    expression *e = pl_new(p->arena, expression, 1);
    if (e)
        e->kind = kind;
    else
        parser_no_memory(p);
    return e;
}

static int enter(parser *p) {
    return ++p->depth > PL_PATH_MAX_DEPTH ? pl_path_expected(p, "less nesting") : 0;
}

/* Puts a literal's JSON text on a tape; `*fits` false when a number does not fit there. */
static int put_on_tape(parser *p, expression *e, pl_str json, bool *fits) {
    pl_error why;
    e->kind = EXPRESSION_JSON;
    *fits = pl_json_parse_in(p->arena, json, &e->json, &why) == 0;
    return *fits || !pl_error_is(&why, PL_E_ServiceUnavailable) ? 0 : parser_no_memory(p);
}

static int parse_text(parser *p, expression *e) {
    pl_str text;
    pl_buf json;
    if (parser_quoted(p, &text) != 0)
        return -1;
    pl_buf_init(&json, (size_t)PL_PATH_MAX_TEXT * 6 + 2);
    pl_json_write_string(&json, text);
    bool fits;
    int status = json.failed ? parser_no_memory(p) : put_on_tape(p, e, pl_buf_str(&json), &fits);
    pl_buf_free(&json);
    return status;
}

static int parse_number(parser *p, expression *e) {
    pl_str text;
    size_t from = p->at;
    if (parser_number(p, &text) != 0)
        return -1;
    bool fits;
    if (put_on_tape(p, e, text, &fits) != 0)
        return -1;
    if (fits)
        return 0;
    e->kind = EXPRESSION_NUMBER;
    if (pl_decimal_parse(text, &e->number))
        return 0;
    p->at = from;
    return pl_path_expected(p, "a smaller number");
}

/* Takes a literal that is a word; the absent view when none stands here. */
static pl_str take_word(parser *p) {
    static const pl_str words[] = {PL_STR_INIT("true"), PL_STR_INIT("false"), PL_STR_INIT("null")};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (parser_take_word(p, words[i]))
            return words[i];
    return PL_STR_NONE;
}

static int parse_literal(parser *p, expression *e) {
    if (parser_peek(p, '\'') || parser_peek(p, '"'))
        return parse_text(p, e);
    bool fits;
    pl_str word = take_word(p);
    return word.p ? put_on_tape(p, e, word, &fits) : parse_number(p, e);
}

static int add_literal(parser *p, pl_buf *json) {
    expression item = {.kind = EXPRESSION_JSON};
    parser_blanks(p);
    if (parse_literal(p, &item) != 0)
        return -1;
    if (item.kind != EXPRESSION_JSON)
        return pl_path_expected(p, "a smaller number");
    pl_json_write(json, item.json);
    parser_blanks(p);
    return 0;
}

/* [literal, ...] of the cloud-config dialect */
static int parse_list(parser *p, expression *e, pl_buf *json) {
    p->at++;
    pl_buf_add_char(json, '[');
    parser_blanks(p);
    while (!parser_peek(p, ']')) {
        if (add_literal(p, json) != 0)
            return -1;
        if (!parser_take(p, ','))
            break;
        pl_buf_add_char(json, ',');
    }
    if (!parser_take(p, ']') || (json->n && json->p[json->n - 1] == ','))
        return pl_path_expected(p, ", or ]");
    pl_buf_add_char(json, ']');
    bool fits;
    return json->failed ? parser_no_memory(p) : put_on_tape(p, e, pl_buf_str(json), &fits);
}

static int parse_list_literal(parser *p, expression *e) {
    pl_buf json;
    pl_buf_init(&json, (size_t)PL_PATH_MAX_TEXT * 6);
    int status = parse_list(p, e, &json);
    pl_buf_free(&json);
    return status;
}

static int parse_query(parser *p, expression *e) {
    pl_path *path = pl_new(p->arena, pl_path, 1);
    e->kind = EXPRESSION_QUERY;
    e->path = path;
    return path ? parser_query(p, path) : parser_no_memory(p);
}

/* The function's name when one stands here, directly before a parenthesis. */
static bool parse_function_name(parser *p, pl_str *name) {
    size_t n = 0;
    pl_str rest = pl_str_skip(p->text, p->at);
    while (n < rest.n &&
           ((rest.p[n] >= 'a' && rest.p[n] <= 'z') || (n && (rest.p[n] == '_' || pl_is_digit(rest.p[n])))))
        n++;
    *name = pl_str_head(rest, n);
    return n && n < rest.n && rest.p[n] == '(';
}

static bool is_value(const parser *p, const expression *e) {
    if (e->kind == EXPRESSION_QUERY)
        return e->path->definite || parser_lenient(p);
    return e->kind != EXPRESSION_FUNCTION || !functions[e->function].truth;
}

static int parse_argument(parser *p, const expression *call, const expression **out) {
    expression *e;
    size_t from = p->at;
    if (parse_operand(p, &e) != 0)
        return -1;
    bool fits = functions[call->function].nodes ? e->kind == EXPRESSION_QUERY : is_value(p, e);
    *out = e;
    if (fits)
        return 0;
    p->at = from;
    return pl_path_expected(p, functions[call->function].nodes ? "a query" : "a single value");
}

static int parse_arguments(parser *p, expression *e) {
    parser_blanks(p);
    if (parse_argument(p, e, &e->left) != 0)
        return -1;
    parser_blanks(p);
    if (functions[e->function].arguments == 2) {
        if (!parser_take(p, ','))
            return pl_path_expected(p, "a second argument");
        parser_blanks(p);
        if (parse_argument(p, e, &e->right) != 0)
            return -1;
        parser_blanks(p);
    }
    return parser_take(p, ')') ? 0 : pl_path_expected(p, ")");
}

/* A literal pattern is compiled with the path. */
static int compile_pattern(parser *p, expression *e) {
    if (!e->right || !pl_json_is_string(e->right->json))
        return 0;
    e->constant_regex = true;
    return pl_regex_compile(p->arena, pl_json_str(e->right->json),
                            e->function == MATCH ? PL_REGEX_I_REGEXP_MATCH : PL_REGEX_I_REGEXP_SEARCH,
                            &e->regex, p->error);
}

static int parse_call(parser *p, expression *e, pl_str name) {
    e->kind = EXPRESSION_FUNCTION;
    e->function = LENGTH;
    while (e->function < FUNCTION_COUNT && !pl_str_eq(functions[e->function].name, name))
        e->function++;
    if (e->function == FUNCTION_COUNT)
        return pl_path_expected(p, "length, count, value, match or search");
    p->at += name.n + 1;
    if (enter(p) != 0 || parse_arguments(p, e) != 0)
        return -1;
    p->depth--;
    return compile_pattern(p, e);
}

static int parse_operand(parser *p, expression **out) {
    pl_str name;
    expression *e = *out = new_expression(p, EXPRESSION_JSON);
    if (!e)
        return -1;
    if (parser_peek(p, '@') || parser_peek(p, '$'))
        return parse_query(p, e);
    if (parser_peek(p, '[') && parser_lenient(p))
        return parse_list_literal(p, e);
    return parse_function_name(p, &name) ? parse_call(p, e, name) : parse_literal(p, e);
}

/* A word operator must not run into a name. */
static bool take_operator_word(parser *p, pl_str word) {
    pl_str behind = pl_str_skip(p->text, p->at + word.n);
    char c = behind.n ? behind.p[0] : ' ';
    return c != '_' && !pl_is_digit(c) && !pl_is_letter(c) && parser_take_word(p, word);
}

static bool take_comparison(parser *p, comparison *out) {
    static const struct {
        pl_str sign;
        comparison comparison;
    } signs[] = {{PL_STR_INIT("=="), EQUAL},      {PL_STR_INIT("!="), UNEQUAL},
                 {PL_STR_INIT("<="), LESS_EQUAL}, {PL_STR_INIT(">="), GREATER_EQUAL},
                 {PL_STR_INIT("<"), LESS},        {PL_STR_INIT(">"), GREATER}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (parser_take_word(p, signs[i].sign)) {
            *out = signs[i].comparison;
            return true;
        }
    if (!parser_lenient(p))
        return false;
    *out = parser_peek(p, 'n') ? NOT_IN : IN;
    return take_operator_word(p, *out == IN ? PL_STR("in") : PL_STR("nin"));
}

/* `@.name == 'text'`, the comparison that filters are mostly made of. */
static bool is_member_with_text(const expression *e) {
    const expression *left = e->left, *right = e->right;
    return left->kind == EXPRESSION_QUERY && left->path->relative && left->path->count == 1 &&
           left->path->definite && left->path->segments[0].selectors[0].kind == SELECT_NAME &&
           right->kind == EXPRESSION_JSON && pl_json_is_string(right->json) &&
           (e->comparison == EQUAL || e->comparison == UNEQUAL);
}

static int parse_comparison(parser *p, expression *left, comparison how, size_t left_at,
                            const expression **out) {
    expression *right;
    parser_blanks(p);
    size_t right_at = p->at;
    if (parse_operand(p, &right) != 0)
        return -1;
    if (!is_value(p, left) || !is_value(p, right)) {
        p->at = is_value(p, left) ? right_at : left_at;
        return pl_path_expected(p, "a single value to compare");
    }
    expression *e = new_expression(p, EXPRESSION_COMPARE);
    if (!e)
        return -1;
    e->comparison = how;
    e->left = left;
    e->right = right;
    e->member_is_text = is_member_with_text(e);
    *out = e;
    return 0;
}

/* An operand alone, or a comparison; `bare`: a comparison may not follow (RFC 9535 behind `!`). */
static int parse_test(parser *p, bool bare, const expression **out) {
    expression *left;
    comparison how;
    size_t from = p->at;
    if (parse_operand(p, &left) != 0)
        return -1;
    size_t behind = p->at;
    parser_blanks(p);
    if (!bare && take_comparison(p, &how))
        return parse_comparison(p, left, how, from, out);
    p->at = behind;
    bool truth = left->kind == EXPRESSION_QUERY ||
                 (left->kind == EXPRESSION_FUNCTION && functions[left->function].truth);
    if (!truth && !parser_lenient(p)) {
        parser_blanks(p);
        return pl_path_expected(p, "a comparison");
    }
    expression *e = new_expression(p, EXPRESSION_TEST);
    if (!e)
        return -1;
    e->left = left;
    *out = e;
    return 0;
}

static int parse_group(parser *p, const expression **out) {
    p->at++;
    if (enter(p) != 0)
        return -1;
    parser_blanks(p);
    if (parse_or(p, out) != 0)
        return -1;
    parser_blanks(p);
    p->depth--;
    return parser_take(p, ')') ? 0 : pl_path_expected(p, ")");
}

static int parse_unary(parser *p, bool negated, const expression **out);

static int parse_not(parser *p, const expression **out) {
    expression *e = new_expression(p, EXPRESSION_NOT);
    if (!e || enter(p) != 0)
        return -1;
    p->at++;
    parser_blanks(p);
    if (parse_unary(p, true, &e->left) != 0)
        return -1;
    p->depth--;
    *out = e;
    return 0;
}

static int parse_unary(parser *p, bool negated, const expression **out) {
    if (parser_peek(p, '!') && (!negated || parser_lenient(p)))
        return parse_not(p, out);
    if (parser_peek(p, '('))
        return parse_group(p, out);
    return parse_test(p, negated && !parser_lenient(p), out);
}

/* One or more of `next`, joined by `sign`. */
static int parse_chain(parser *p, pl_str sign, expression_kind kind,
                       int (*next)(parser *, const expression **), const expression **out) {
    size_t capacity = 0, behind;
    expression *chain = new_expression(p, kind);
    if (!chain)
        return -1;
    do {
        parser_blanks(p);
        const expression **larger =
            pl_arena_grow(p->arena, chain->items, chain->count, &capacity, sizeof *larger);
        if (!larger)
            return parser_no_memory(p);
        chain->items = larger;
        if (next(p, &chain->items[chain->count]) != 0)
            return -1;
        chain->count++;
        behind = p->at;
        parser_blanks(p);
    } while (parser_take_word(p, sign));
    p->at = behind;
    *out = chain->count == 1 ? chain->items[0] : chain;
    return 0;
}

static int parse_first(parser *p, const expression **out) {
    return parse_unary(p, false, out);
}

static int parse_and(parser *p, const expression **out) {
    return parse_chain(p, PL_STR("&&"), EXPRESSION_AND, parse_first, out);
}

static int parse_or(parser *p, const expression **out) {
    return parse_chain(p, PL_STR("||"), EXPRESSION_OR, parse_and, out);
}

int parser_filter(parser *p, const expression **out) {
    if (enter(p) != 0 || parse_or(p, out) != 0)
        return -1;
    p->depth--;
    return 0;
}
