/*
 * JSONPath: text is compiled once into an immutable path, which is then evaluated over any number of tapes.
 *
 * Two dialects, one engine. PL_PATH_RFC9535 is RFC 9535 in full and nothing else. PL_PATH_CLOUD_CONFIG is the
 * dialect of condition rules (reference/condition-rules.md, section 4): a superset with hyphens in member
 * names, `in`/`nin`, list literals, `[(@.length-1)]` and lenient comparison; negative slice steps are
 * refused. A compiled path lives in the arena it was compiled into and may be shared by threads.
 */
#ifndef PL_JSONPATH_PATH_H
#define PL_JSONPATH_PATH_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

typedef enum pl_path_dialect { PL_PATH_RFC9535, PL_PATH_CLOUD_CONFIG } pl_path_dialect;

typedef struct pl_path pl_path;

enum {
    PL_PATH_MAX_TEXT = 8192,       /* bytes of a path's text */
    PL_PATH_MAX_SEGMENTS = 1000,   /* of one query */
    PL_PATH_MAX_DEPTH = 64,        /* parentheses, filters and function calls inside each other */
    PL_PATH_MAX_VISITS = 20000000, /* values looked at in one selection, filters included */
    PL_PATH_MATCH_LIMIT = 1000000  /* steps of one regular expression match (PCRE2 match limit) */
};

/*
 * Compiles `text`. -1 with InvalidParameter and the byte offset in `error->position` when it is not a path of
 * the dialect; the message says what was expected. The text is copied.
 */
int pl_path_compile(pl_arena *arena, pl_str text, pl_path_dialect dialect, const pl_path **out,
                    pl_error *error);

/* The text the path was compiled from; lives as long as the path. */
pl_str pl_path_text(const pl_path *path);

/*
 * True when the path yields one value or nothing: only names, single indices and `(@.length-n)`. Any other
 * path yields a list of matches, even when there is one (reference/condition-rules.md, section 4.2).
 */
bool pl_path_is_definite(const pl_path *path);

/* A plain step: one member name (`name.p` not NULL) or one index (negative: from the end). */
typedef struct pl_path_step {
    pl_str name;
    int64_t index;
} pl_path_step;

/*
 * How many segments from the root are plain steps (a name or an index and nothing else); `whole` tells that
 * there are no others, so that the path can be merged with its like into one walk.
 */
size_t pl_path_plain_steps(const pl_path *path, bool *whole);
pl_path_step pl_path_plain_step(const pl_path *path, size_t at);

/*
 * When a path is plain but for its last segment, and that is a union of member names, the number of names; 0
 * for any other path. Name `at` counts from 0.
 */
size_t pl_path_last_names(const pl_path *path);
pl_str pl_path_last_name(const pl_path *path, size_t at);

/* Selected nodes in the order of RFC 9535; `items` lives in the scratch arena. */
typedef struct pl_path_nodes {
    pl_json *items;
    size_t count;
    size_t capacity;
} pl_path_nodes;

/*
 * Selects from the document whose root is `root` and appends to nothing: `*out` is set anew. -1 with
 * ServiceUnavailable when memory ends, InvalidParameter when PL_PATH_MAX_VISITS or a match limit is exceeded;
 * never a partial result. Duplicate member names: a name selects the first.
 */
int pl_path_select(const pl_path *path, pl_json root, pl_arena *scratch, pl_path_nodes *out, pl_error *error);

/*
 * As pl_path_select, but starts with segment `from` at the node `start`, which the segments before have led
 * to; `root` is what `$` means inside filters.
 */
int pl_path_select_from(const pl_path *path, size_t from, pl_json start, pl_json root, pl_arena *scratch,
                        pl_path_nodes *out, pl_error *error);

/* The value of a definite path; missing when there is none. The path must be definite. Never fails. */
pl_json pl_path_find(const pl_path *path, pl_json root);

/* The tail of pl_path_find behind `from` segments. */
pl_json pl_path_find_from(const pl_path *path, size_t from, pl_json start);

/* Appends the normalized path (RFC 9535, section 2.7) of a node within the document of `root`. */
void pl_path_write_normalized(pl_buf *out, pl_json root, pl_json node);

#endif
