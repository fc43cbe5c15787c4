/*
 * The search room: statements over recorded resources (reference/advanced-search.md). A statement is compiled
 * into a plan; a run is fed resources one by one and gives rows. No I/O, no clock, and nothing of a statement
 * ever becomes part of anything but its plan: which resources a run sees is the caller's to decide.
 *
 *     SELECT * | item [, item ...]
 *     [WHERE condition] [GROUP BY property [, ...]] [ORDER BY item [ASC|DESC] [, ...]] [LIMIT count]
 *
 * item: a property, or COUNT, SUM, AVG, MIN, MAX of one; COUNT also of `*` and `1`. condition: properties
 * compared with constants by = != <> < <= > >=, LIKE, IN, BETWEEN, IS NULL, joined by AND, OR, NOT and
 * parentheses. A property is one of the common ones or a path into the configuration; arrays on its way make
 * it multi-valued, and a comparison holds when it holds for any of the values. A comparison without a value
 * is unknown, as in SQL; `= NULL` and `!= NULL` mean IS NULL and IS NOT NULL.
 */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

enum {
    SEARCH_ITEMS_MAX = 64,       /* selected columns, and properties in GROUP BY and ORDER BY each */
    SEARCH_DEPTH_MAX = 64,       /* nesting of parentheses and NOT */
    SEARCH_CONSTANTS_MAX = 1000, /* in one statement */
    SEARCH_SEGMENTS_MAX = 32,    /* of one path */
};

typedef struct search_plan search_plan;

/*
 * Compiles a statement. The plan lives in the arena, with views into `statement`, and is immutable. -1 with
 * Invalid.Sql.Value, the message naming character and reason, `error->position` the byte. `strict` refuses
 * wildcards that do not end their text, as the vendor does.
 */
int search_compile(pl_arena *arena, pl_str statement, bool strict, search_plan **out, pl_error *error);

/* What the plan looks at beyond the plain members of a resource. */
enum { SEARCH_NEEDS_CONFIGURATION = 1, SEARCH_NEEDS_TAGS = 2, SEARCH_NEEDS_ARN = 4 };
unsigned search_needs(const search_plan *plan);

/* Resource types outside of which nothing can match; 0: the plan does not say. */
size_t search_types(const search_plan *plan, const pl_str **types);

/* The titles of the columns, as selected. */
size_t search_columns(const search_plan *plan, const pl_str **titles);

/* One resource. Views are read during search_add only. */
typedef struct search_resource {
    pl_str account_id, region_id, resource_id, resource_type, name, zone, group_id, status;
    pl_str arn;            /* absent: unknown */
    int64_t create_time;   /* Unix milliseconds; 0: unknown */
    pl_str tags_text;      /* the tag document */
    pl_json tags;          /* the same as {"key":["value"]}; missing when not needed */
    pl_json configuration; /* missing when there is none, or when not needed */
} search_resource;

/* A value of an answer. `text`: digits of a number, true or false, bytes, or compact JSON. */
typedef enum search_kind {
    SEARCH_NULL,
    SEARCH_BOOLEAN,
    SEARCH_NUMBER,
    SEARCH_TEXT,
    SEARCH_JSON /* an object, or all values of a multi-valued property */
} search_kind;

typedef struct search_cell {
    search_kind kind;
    pl_str text;
} search_cell;

/* Takes one row; views are valid during the call. 0, or -1 with the error filled, which ends the run. */
typedef int (*search_emit)(void *context, const search_cell *cells, size_t count, pl_error *error);

typedef struct search_limits {
    int64_t rows;  /* most rows of the answer; 0: no limit */
    size_t memory; /* bytes that sorting and grouping may hold */
    uint64_t seed; /* random: hashes of groups */
} search_limits;

typedef struct search_run search_run;

/* A run of a plan, which must outlive it; NULL without memory. */
search_run *search_run_new(const search_plan *plan, const search_limits *limits, search_emit emit,
                           void *context);
void search_run_free(search_run *run);

/*
 * Shows the run a resource: 0 go on, 1 the answer is complete, -1 failed (Invalid.Sql.Value when what must be
 * sorted or grouped outgrows the limit of memory, ServiceUnavailable without memory, or what `emit` said).
 */
int search_add(search_run *run, const search_resource *resource, pl_error *error);

/* All resources were shown: gives the rows that had to wait for it. */
int search_end(search_run *run, pl_error *error);

#endif
