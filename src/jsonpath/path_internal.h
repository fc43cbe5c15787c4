/* The compiled form of a path. Only the files of this room and its tests include this. */
#ifndef PL_JSONPATH_PATH_INTERNAL_H
#define PL_JSONPATH_PATH_INTERNAL_H

#include "base/decimal.h"
#include "jsonpath/path.h"
#include "jsonpath/regex.h"

typedef struct expression expression;

typedef enum selector_kind {
    SELECT_NAME,
    SELECT_INDEX,
    SELECT_FROM_END, /* [(@.length-n)]: `start` is n */
    SELECT_WILDCARD,
    SELECT_SLICE,
    SELECT_FILTER
} selector_kind;

typedef struct selector {
    selector_kind kind;
    bool has_start, has_end;
    pl_str name;
    int64_t start, end, step;
    const expression *filter;
} selector;

typedef struct segment {
    bool descend;
    selector *selectors;
    size_t count;
} segment;

struct pl_path {
    pl_str text;
    pl_path_dialect dialect;
    bool relative; /* starts at `@` */
    bool definite;
    segment *segments;
    size_t count;
    size_t plain; /* leading segments of one name or index */
};

typedef enum expression_kind {
    EXPRESSION_OR,  /* of `items` */
    EXPRESSION_AND, /* of `items` */
    EXPRESSION_NOT, /* of `left` */
    EXPRESSION_COMPARE,
    EXPRESSION_TEST,   /* truth of `left`, which is a query, a literal or a function */
    EXPRESSION_QUERY,  /* nodes, or in a comparison their value */
    EXPRESSION_JSON,   /* a literal on its own small tape */
    EXPRESSION_NUMBER, /* a number literal beyond the tape's range */
    EXPRESSION_FUNCTION
} expression_kind;

typedef enum comparison { EQUAL, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, IN, NOT_IN } comparison;

typedef enum function { LENGTH, COUNT, VALUE, MATCH, SEARCH, FUNCTION_COUNT } function;

struct expression {
    expression_kind kind;
    comparison comparison;
    function function;
    const expression *left, *right; /* operands, or the arguments of a function */
    const pl_path *path;
    pl_json json;
    pl_decimal number;
    const expression **items;
    size_t count;
    const pl_regex *regex; /* of MATCH and SEARCH with a literal pattern */
    bool constant_regex;   /* `regex` is decided: NULL then means "never matches" */
    bool member_is_text;   /* EXPRESSION_COMPARE of `@.name` with a text by == or != */
};

/* What a comparison or a function sees. */
typedef enum value_kind { VALUE_NOTHING, VALUE_JSON, VALUE_COUNT, VALUE_NUMBER } value_kind;

typedef struct operand {
    value_kind kind;
    pl_json json;
    int64_t count;
    const pl_decimal *number;
} operand;

/* Working state of one selection. */
typedef struct selection {
    pl_json root;
    pl_arena *scratch;
    pl_error *error;
    uint64_t visits;
    const pl_regex *last_regex; /* the last pattern that came from the document */
    pl_str last_pattern;
    pl_regex_kind last_kind;
    bool strict; /* dialect rfc9535 */
} selection;

/* Where selected nodes go; a walk ends early when `count` reaches `wanted`. */
typedef struct sink {
    pl_path_nodes *nodes; /* NULL: only count them and keep the first */
    size_t count, wanted;
    pl_json first;
} sink;

enum { WALK_ON = 0, WALK_ENOUGH = 1 }; /* -1: error */

/* Walks `path` from segment `at` at `node` (evaluate.c). */
int pl_path_walk(selection *s, const pl_path *path, size_t at, pl_json node, sink *out);

/* Adds to the number of values looked at; -1 with an error past the limit. */
int pl_path_visit(selection *s, uint64_t count);

/* Truth of a filter for the node `@`: 1, 0, or -1 with an error (filter.c). */
int pl_path_test(selection *s, const expression *e, pl_json current);

/* Result of a comparison: 1, 0, or -1 with an error (compare.c). */
int pl_path_compare(selection *s, comparison how, const operand *a, const operand *b);

/* Result of a function that yields a truth: MATCH, SEARCH (function.c). */
int pl_path_call_test(selection *s, const expression *e, pl_json current);

/* Value of a query, literal or function; -1 with an error (function.c). */
int pl_path_value(selection *s, const expression *e, pl_json current, operand *out);

/* The parser's state; text.c, parse.c and parse_filter.c share it. */
typedef struct parser {
    pl_arena *arena;
    pl_str text;
    size_t at;
    pl_path_dialect dialect;
    unsigned depth;
    pl_error *error;
} parser;

/* Fails with what was expected at the parser's place; always -1. */
int pl_path_expected(parser *p, const char *what);

static inline int parser_no_memory(parser *p) {
    return pl_fail(p->error, PL_E_ServiceUnavailable);
}

/* Does `c` stand here? parser_take goes behind it. */
static inline bool parser_peek(const parser *p, char c) {
    return p->at < p->text.n && p->text.p[p->at] == c;
}

static inline bool parser_take(parser *p, char c) {
    if (!parser_peek(p, c))
        return false;
    p->at++;
    return true;
}

/* True when an integer may begin here. */
static inline bool parser_at_integer(const parser *p) {
    return p->at < p->text.n && (p->text.p[p->at] == '-' || pl_is_digit(p->text.p[p->at]));
}

/* The dialect of condition rules. */
static inline bool parser_lenient(const parser *p) {
    return p->dialect == PL_PATH_CLOUD_CONFIG;
}

/* Skips spaces, tabs, line feeds and carriage returns. */
void parser_blanks(parser *p);

/* Takes `word` when it stands here. */
bool parser_take_word(parser *p, pl_str word);

/* 0 and the decoded text of a quoted literal, or -1. */
int parser_quoted(parser *p, pl_str *out);

/* 0 and the member name behind a dot, or -1. */
int parser_name(parser *p, pl_str *out);

/* 0 and an integer in the exact range of I-JSON, or -1; leading zeros and -0 are refused. */
int parser_integer(parser *p, int64_t *out);

/* 0 and the text of a number literal, or -1. */
int parser_number(parser *p, pl_str *out);

/* Parses the segments behind `$` or `@`; `path` is filled (parse.c). */
int parser_query(parser *p, pl_path *path);

/* Parses the expression behind `?` (parse_filter.c). */
int parser_filter(parser *p, const expression **out);

#endif
