/* The compiled form of conditions and what operators see. Only the files of this room include this. */
#ifndef PL_CONDITION_CONDITION_INTERNAL_H
#define PL_CONDITION_CONDITION_INTERNAL_H

#include "base/decimal.h"
#include "condition/condition.h"
#include "jsonpath/number.h"
#include "jsonpath/regex.h"

/*
 * The value a clause looks at. An indefinite path gives a list of nodes (`items`, possibly none), a definite
 * one a single node, which may be missing.
 */
typedef struct feature {
    pl_json node;
    const pl_json *items; /* not NULL: a list of `count` nodes */
    size_t count;
} feature;

/* `items` of an empty list points here, so that it is not NULL. */
extern const pl_json pl_feature_no_items[1];

/* A single node, which may be missing. */
static inline feature feature_of(pl_json node) {
    return (feature){.node = node};
}

/* Walks the elements of a list or of an array on the tape; any other value has none. */
typedef struct feature_walk {
    const feature *feature;
    pl_json_walk walk;
    size_t at;
} feature_walk;

/* A list of nodes, or an array. */
static inline bool feature_is_list(const feature *f) {
    return f->items || pl_json_is_array(f->node);
}

/* Missing, or null. */
static inline bool feature_is_absent(const feature *f) {
    return !f->items && (!f->node.tape || pl_json_tag(f->node) == 'n');
}

/* The walk begins before the first element; feature_next is false behind the last. */
feature_walk feature_elements(const feature *f);
bool feature_next(feature_walk *walk, pl_json *element);
size_t feature_length(const feature *f);

/* Appends the text of the value (pl_json_write_text; a list as compact JSON). */
void feature_write_text(pl_buf *out, const feature *f);

/* UNREADABLE is false in both senses of an operator; FAILED comes with an error. */
typedef enum truth { NO, YES, UNREADABLE, FAILED, UNKNOWN } truth;

typedef struct port_range {
    unsigned low, high;
} port_range;

typedef struct time_window {
    int start, end; /* minutes; the end may lie on the next day */
} time_window;

typedef struct address_block {
    unsigned char bytes[16];
    unsigned length; /* prefix length in bits */
    bool six;        /* IPv6 */
} address_block;

typedef struct tag_entry {
    pl_str key;
    pl_str *values; /* one of them suffices; none: the key alone */
    size_t count;
} tag_entry;

/* The desired text, read once for the operator. */
typedef struct desired {
    pl_str text;
    bool unreadable; /* the operator cannot read it: the clause is false */
    bool unset;      /* it names a parameter that has no value: unreadable, too */
    pl_str wrong;    /* the parameter whose value makes it unreadable; absent: there is none */
    pl_str *list;    /* sorted, without duplicates */
    size_t count;
    const pl_regex **folded; /* list items (or the text) with non-ASCII letters, for folding by PCRE2 */
    size_t folded_count;
    const pl_regex *regex;
    bool is_number, is_integer;
    pl_decimal number;
    int64_t integer;
    double days;
    union {
        const port_range *ports;
        const time_window *windows;
        const address_block *blocks;
        const tag_entry *tags;
    } items;
    size_t items_count;
    pl_json json; /* the desired statement */
} desired;

/* What an operator may use while it decides. */
typedef struct environment {
    int64_t now;       /* Unix milliseconds */
    pl_buf *text;      /* scratch for texts; any test may overwrite it */
    pl_arena *scratch; /* dies with the evaluation of the document */
    pl_error *error;
} environment;

/* The text of a scalar, or compact JSON; may lie in env->text. */
pl_str value_text(environment *env, pl_json node);

typedef truth (*operator_test)(const desired *, const feature *, environment *);
typedef int (*operator_prepare)(pl_arena *, desired *, pl_error *);

typedef struct operator_row {
    operator_test test;
    operator_prepare prepare;
    bool each;    /* shape EACH */
    bool negated; /* sense NOT */
} operator_row;

extern const operator_row pl_operator_rows[PL_OPERATOR_COUNT];

/*
 * How the quick path (quick.c) decides an operator for the kinds of values it mostly meets; everything else
 * goes through the operator's test.
 */
typedef enum quick_kind {
    QUICK_NONE,      /* costly or dependent on the time: only when a rule needs it */
    QUICK_TEST,      /* always the operator's test */
    QUICK_EQUALS,    /* folded equality of texts */
    QUICK_IN,        /* folded membership in a short list */
    QUICK_NUMBER,    /* order of integers */
    QUICK_TEXT_SIZE, /* bytes of a text */
    QUICK_SIZE,      /* bytes of a text, elements or members */
    QUICK_LENGTH,    /* elements of an array */
    QUICK_SHARES,    /* an array has one of a few texts */
    QUICK_KINDS
} quick_kind;

enum { ORDER_LESS = 1, ORDER_SAME = 2, ORDER_MORE = 4 };

/* `orders` tells for which orders of the value's number, or size, to the desired one the answer is YES. */
quick_kind operator_quick(pl_operator op, const desired *d, unsigned *orders);

/* What of a value an operator's answer depends on at most. */
typedef enum operator_sight {
    SEES_SIZE,  /* whether a text is empty, how many elements an array has; all of any other value */
    SEES_LISTS, /* whether a text is empty; all of any other value */
    SEES_ALL
} operator_sight;

/* SEES_ALL unless the operator is known to see less. */
operator_sight operator_sight_of(pl_operator op);

/* True when the operator's answer depends on the time of evaluation. */
bool operator_is_timed(pl_operator op);

/* Applies an operator to a value: NO, YES or FAILED. */
truth operator_apply(pl_operator op, const desired *d, const feature *f, environment *env);

/* Splits a list-valued text: a JSON array, or parts between commas (reference/operators.json). */
int list_of(pl_arena *arena, pl_str text, pl_str **out, size_t *count, pl_error *error);

/* Index of `text` in a sorted list, or PL_NOT_FOUND. */
size_t list_find(const pl_str *list, size_t count, pl_str text);

typedef enum source_kind {
    SOURCE_CONFIGURATION,
    SOURCE_FIELD,
    SOURCE_ITEM,
    SOURCE_PARAMETER,
    SOURCE_RELATED
} source_kind;

typedef struct clause {
    pl_operator op;
    source_kind source;
    pl_str source_text;   /* as written */
    pl_str related_type;  /* of SOURCE_RELATED */
    const pl_path *field; /* of SOURCE_FIELD: where the JSON text lies in the configuration */
    const pl_path *path;
    feature fixed; /* of SOURCE_PARAMETER: the value, known from the start */
    desired desired;
} clause;

typedef struct program_note program_note; /* program_internal.h */

/* A part of the tree: a group, or a clause when `children` is NULL. */
typedef struct branch {
    bool any; /* group: `or` */
    struct branch *children;
    size_t count;
    size_t clause;            /* number in the condition, in a program number in the program */
    const program_note *note; /* of a clause of a rule's condition, in a program */
} branch;

struct pl_condition {
    branch root; /* always a group */
    clause *clauses;
    size_t count;
};

/* Reads a `desired` member: its text with the parameters put in place (desired.c). */
int desired_read(pl_arena *arena, pl_json value, pl_json parameters, desired *out, pl_error *error);

#endif
