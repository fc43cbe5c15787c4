/*
 * Inside the engine room: kept columns. A page holds, for a range of resources of one type, the values at the
 * places that the type's rules look at, as one small tape that all its records share: equal values stand on
 * it once, a record is a row of places. Full runs evaluate pages instead of parsing configurations
 * (docs/decisions/0007-kept-columns.md).
 *
 * Owns the tables kept_pages and kept_marks (migration 0012). INVARIANT: a record whose resource changed
 * after the page was written has a mark, made in the transaction that changed it; marked records are never
 * believed.
 */
#ifndef ENGINE_KEPT_H
#define ENGINE_KEPT_H

#include "base/map.h"
#include "condition/columns.h"
#include "engine/scope.h"

enum { ENGINE_KEPT_RECORDS = 1024, ENGINE_KEPT_COLUMNS = 4096 };

/* --- Columns ---------------------------------------------------------------------------------------------
 */

/* Besides those of the program: whether there is a configuration, and what scopes look at. */
enum { KEPT_CONFIGURATION, KEPT_REGION, KEPT_ID, KEPT_GROUP, KEPT_NAME, KEPT_TAGS, KEPT_EXTRA };

/* The names of a program's columns and of the extras: the first of them alone, or all when scopes are asked.
 */
typedef struct engine_kept_columns {
    unsigned char (*names)[PL_COLUMN_NAME];
    size_t count;   /* of the program's and the extras */
    size_t program; /* of the program's, which come first */
} engine_kept_columns;

/* The columns of a sealed program, with those of scopes when they are wanted; in the arena. */
int engine_kept_columns_of(pl_arena *arena, const pl_program *program, bool scopes, engine_kept_columns *out,
                           pl_error *error);

/* --- Reading ---------------------------------------------------------------------------------------------
 */

/* What a column has of a page's records. */
typedef struct engine_kept_column {
    const uint16_t *codes;  /* of each record: which of the values it has */
    const uint32_t *places; /* of each value on the tape, all different; 0: it is not there */
    size_t distinct;        /* values, in the order in which records have them first */
} engine_kept_column;

typedef struct engine_kept_page {
    size_t count, columns;
    unsigned char (*names)[PL_COLUMN_NAME];
    const int64_t *keys, *captures; /* by key */
    engine_kept_column *by_column;
    pl_json root;     /* an empty object on the page's tape */
    int64_t identity; /* of its bytes; 0 without records */
} engine_kept_page;

/*
 * Unpacks the body into the arena and checks it; nothing points to it afterwards. False when it is damaged,
 * of another form, or memory ends.
 */
bool engine_kept_open(pl_arena *arena, pl_str body, engine_kept_page *out);

/* The same of a body that was just made; 0: it has no records. */
int64_t engine_kept_identity(pl_str body);

/* Where the wanted columns stand in the page; false when one is not kept. `map` has room for wanted->count.
 */
bool engine_kept_bind(const engine_kept_page *page, const engine_kept_columns *wanted, uint32_t *map);

/* The places of one record, in the order of the wanted columns. */
void engine_kept_places(const engine_kept_page *page, size_t record, const uint32_t *map, size_t count,
                        uint32_t *places);

/* The text at a place where there is one. */
pl_str engine_kept_text(const engine_kept_page *page, uint32_t place);

/* --- Writing ---------------------------------------------------------------------------------------------
 */

/* A value that was added: its words, and its turn among those of its shape (engine/kept_form.h). */
typedef struct engine_kept_value {
    uint32_t at, shape, turn;
} engine_kept_value;

typedef struct engine_kept_shape {
    uint32_t length, count; /* words of a value; values */
    uint32_t first;         /* number of the first of them, known when all are there */
} engine_kept_shape;

typedef struct engine_kept_writer {
    pl_arena *arena;
    const engine_kept_columns *columns;
    pl_buf words, strings, scratch;
    pl_map known, texts, forms; /* number + 1 of what was added: values, strings, shapes */
    engine_kept_value *values;
    engine_kept_shape *shapes;
    uint32_t *text_at; /* where each string begins */
    size_t value_count, value_capacity, shape_count, shape_capacity, text_count, text_capacity;
    uint32_t *recent; /* values that each column had lately, and the last that was new */
    uint64_t *keys, *captures;
    uint32_t *places; /* of each record by column: 0, 1, or 2 + number of the value */
    size_t count, key_capacity, capture_capacity, place_capacity;
    size_t text_bytes; /* of the configurations */
    bool failed;
} engine_kept_writer;

/* An empty writer, and its end; in between its memory grows in the arena. */
void engine_kept_begin(engine_kept_writer *w, pl_arena *arena, const engine_kept_columns *columns);
void engine_kept_end(engine_kept_writer *w);

/* Adds a resource: where its values stand in its own document, by the program's columns. */
void engine_kept_add(engine_kept_writer *w, const inventory_resource *resource, pl_json configuration,
                     pl_json tags, const uint32_t *places);

/*
 * The page in the arena; absent when something failed. A page that would not be much smaller in memory than
 * the configurations has the columns without any record, which tells runs to read the configurations.
 */
pl_str engine_kept_body(engine_kept_writer *w);

/* --- The tables ------------------------------------------------------------------------------------------
 */

/* The keys that a page holds, from the first to the last, and how many records. */
typedef struct engine_kept_range {
    int64_t from, until, records;
} engine_kept_range;

/* The first page with from_key >= after; `*found` false: none. Its body is not read. */
int engine_kept_next(store_session *session, pl_str account_id, pl_str type, int64_t after,
                     engine_kept_range *out, bool *found, pl_error *error);

/* The page that begins there, in the arena; absent when it is not there or damaged. */
int engine_kept_load(store_session *session, pl_arena *arena, pl_str account_id, pl_str type, int64_t from,
                     engine_kept_page *out, bool *found, pl_error *error);

/* Marked resources of the range, ascending; at most `capacity`, `*count` tells how many there are. */
int engine_kept_marks(store_session *session, pl_str account_id, pl_str type, int64_t after, int64_t until,
                      int64_t *keys, size_t capacity, size_t *count, pl_error *error);

/* Stores the page in place of all that overlaps with it; marks in its range go. */
int engine_kept_store(store_session *session, pl_str account_id, pl_str type, const engine_kept_range *range,
                      pl_str body, pl_error *error);

/* Marks a resource that a page tells of. */
int engine_kept_mark(store_session *session, pl_str account_id, pl_str type, int64_t resource_key,
                     pl_error *error);

/* Marks all that an ingestion changed; new resources lie behind every page. */
int engine_kept_mark_changes(store_session *session, const inventory_change *changes, size_t count,
                             pl_error *error);

#endif
