/* Inside the search room: tokens, plans and values. */
#ifndef SEARCH_INTERNAL_H
#define SEARCH_INTERNAL_H

#include "search/search.h"

/* --- Tokens --------------------------------------------------------------------------------------------- */

typedef enum token_kind {
    TOKEN_END,
    TOKEN_WORD, /* a keyword or a property, back quotes included */
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_SIGN /* ( ) , * ; = != <> < <= > >= */
} token_kind;

typedef struct token {
    token_kind kind;
    pl_str text; /* as written; of a string its content */
    size_t at;   /* byte offset */
} token;

/* The reader of one statement; `now` is the token to be read next. */
typedef struct search_parser {
    pl_arena *arena;
    pl_str statement;
    size_t offset; /* behind `now` */
    size_t ended;  /* behind the token before `now` */
    token now;
    bool strict;
    unsigned depth;
    size_t constants;
    unsigned needs;
    pl_error *error;
} search_parser;

/* Reads the next token into `now`. */
int search_next(search_parser *p);

/* Fails at an offset, with a reason. */
int search_refuse(search_parser *p, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* True when this sign, or keyword in any letter case, is the token at hand. */
bool search_at_sign(const search_parser *p, const char *sign);
bool search_at_word(const search_parser *p, const char *keyword);

/* --- Plans ---------------------------------------------------------------------------------------------- */

typedef enum search_common {
    COMMON_NONE, /* a path into the configuration */
    COMMON_ACCOUNT,
    COMMON_REGION,
    COMMON_ID,
    COMMON_TYPE,
    COMMON_NAME,
    COMMON_ZONE,
    COMMON_CREATED,
    COMMON_GROUP,
    COMMON_ARN,
    COMMON_STATUS,
    COMMON_DELETED,
    COMMON_TAGS,
    COMMON_TAG_KEY,
    COMMON_TAG_VALUE,
    COMMON_TAG_PAIR
} search_common;

typedef struct search_property {
    search_common common;
    pl_str *segments; /* of a path */
    size_t segment_count;
} search_property;

/* Do both name the same place? */
bool search_same_property(const search_property *a, const search_property *b);

typedef struct search_address {
    unsigned char bytes[16];
    size_t size;   /* 4 or 16 */
    unsigned bits; /* of the network part */
} search_address;

/* A constant, taken apart once. */
typedef struct search_constant {
    search_kind kind; /* BOOLEAN, NUMBER or TEXT */
    pl_str text;
    bool is_time, is_address, is_number;
    int64_t time;
    search_address address;
} search_constant;

typedef enum search_operator {
    SEARCH_AND, /* and OR, NOT: of children */
    SEARCH_OR,
    SEARCH_NOT,
    SEARCH_EQUAL, /* the rest: of a property */
    SEARCH_DIFFERENT,
    SEARCH_LESS,
    SEARCH_LESS_EQUAL,
    SEARCH_GREATER,
    SEARCH_GREATER_EQUAL,
    SEARCH_LIKE,
    SEARCH_IN,
    SEARCH_BETWEEN,
    SEARCH_IS_NULL
} search_operator;

typedef struct search_condition {
    search_operator op;
    struct search_condition *children, *next;
    search_property property;
    search_constant *constants;
    size_t constant_count;
} search_condition;

typedef enum search_aggregate {
    AGGREGATE_NONE,
    AGGREGATE_COUNT_ALL,
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_AVG,
    AGGREGATE_MIN,
    AGGREGATE_MAX
} search_aggregate;

/* A selected or ordering item. In grouped plans `index` is that of its key or total. */
typedef struct search_item {
    search_aggregate aggregate;
    search_property property;
    size_t index;
    size_t at; /* in the statement */
    bool descending;
} search_item;

struct search_plan {
    pl_str *titles;
    search_item *columns;
    size_t column_count;
    search_condition *where; /* NULL: all */
    search_item *keys;       /* GROUP BY */
    size_t key_count;
    search_item *totals; /* distinct aggregates that columns and order ask for */
    size_t total_count;
    bool grouped; /* rows are groups: there are keys or totals */
    search_item *orders;
    size_t order_count;
    int64_t limit; /* -1: none */
    unsigned needs;
    const pl_str *types;
    size_t type_count;
};

/* Each takes its part of the statement; -1 with the error filled. */
int search_parse_property(search_parser *p, search_property *out);
int search_parse_condition(search_parser *p, search_condition **out);

/* --- Values --------------------------------------------------------------------------------------------- */

typedef struct search_value {
    search_kind kind;
    bool is_time;
    int64_t time; /* Unix milliseconds */
    bool flag;
    pl_json node; /* of numbers and trees from documents */
    pl_str text;  /* digits or bytes; absent of a number or tree until search_value_text */
} search_value;

typedef struct search_values {
    search_value *items;
    size_t count;
} search_values;

/*
 * The values of a property that are not null, in the scratch arena. Invalid.Sql.Value when they are more than
 * a search can look at, ServiceUnavailable without memory.
 */
int search_read(const search_property *property, const search_resource *resource, pl_arena *scratch,
                search_values *out, pl_error *error);

/* The value as text (see search_cell); the absent view without memory. */
pl_str search_value_text(search_value *value, pl_arena *scratch);

/* All values as one cell. */
int search_cell_of(search_values *values, pl_arena *scratch, search_cell *out);

/* Order of cells: null, booleans, numbers by value, texts by bytes, JSON by bytes. */
int search_compare_cells(const search_cell *a, const search_cell *b);

/* The time of a text, "yyyy-MM-dd" or "yyyy-MM-dd HH:mm:ss" and the forms of pl_time_parse. */
bool search_time(pl_str text, int64_t *milliseconds);

/* An address, or with `/bits` a network. */
bool search_address_of(pl_str text, search_address *out);

/* Whether `inner` lies in `outer`; an IPv4 address never lies in an IPv6 network. */
bool search_address_within(const search_address *inner, const search_address *outer);

typedef enum search_truth { SEARCH_FALSE, SEARCH_UNKNOWN, SEARCH_TRUE } search_truth;

/* Evaluates: a search_truth, or -1 with the errors of search_read. */
int search_decide(const search_condition *condition, const search_resource *resource, pl_arena *scratch,
                  pl_error *error);

/* --- Runs ----------------------------------------------------------------------------------------------- */

/* A row that waits: one block of memory with its cells, those to order by first, and their bytes. */
typedef struct search_kept {
    const search_plan *plan;
    uint64_t number; /* order of arrival */
    size_t bytes;
    search_cell cells[];
} search_kept;

typedef struct search_groups search_groups;

struct search_run {
    const search_plan *plan;
    search_limits limits;
    search_emit emit;
    void *context;
    pl_arena scratch;
    int64_t emitted, most; /* rows of the answer; most INT64_MAX: no limit */
    search_kept **kept;
    size_t kept_count, kept_capacity, kept_bytes;
    uint64_t arrived;
    search_groups *groups;
};

/* Fails because the limit of memory is reached. */
int search_too_much(const search_run *run, const char *what, pl_error *error);

/* Gives a row to the caller, or keeps it when the plan orders; `order` are the cells to order by. */
int search_give(search_run *run, const search_cell *order, const search_cell *cells, pl_error *error);

/* Gives the rows that waited, in order. */
int search_rows_end(search_run *run, pl_error *error);

/* Frees what waited; nothing is given any more. */
void search_rows_free(search_run *run);

/* An empty table of groups; `seed` is random, for keys come from strangers. NULL without memory. */
search_groups *search_groups_new(uint64_t seed);
void search_groups_free(search_groups *groups);
int search_groups_add(search_run *run, const search_resource *resource, pl_error *error);
int search_groups_end(search_run *run, pl_error *error);

#endif
