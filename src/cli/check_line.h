/*
 * One line of a check's input: the members of an item that every check reads, taken from its text without a
 * tape, or from the tape where that does not do.
 */
#ifndef CLI_CHECK_LINE_H
#define CLI_CHECK_LINE_H

#include "json/parser.h"

typedef struct check_line {
    pl_json root, configuration; /* from a tape only */
    pl_str type, id, account, region;
    pl_str address;        /* Terraform address, or absent */
    pl_str event, deleted; /* resourceEventType and resourceDeleted, or absent */
    uint64_t number;
    bool scanned; /* the texts that are not empty stand in the line, between quotes and without an escape */
    pl_str place; /* members of the report that tell the resource; absent until one is written */
} check_line;

/* An empty line with this number. */
check_line check_line_new(uint64_t number);

/* Takes what is known from an item's tape. Texts made of numbers live in the arena. */
void check_line_read(check_line *line, pl_json root, pl_arena *arena);

/* True when the item tells that its resource is gone, as inventory_parse_item understands it. */
bool check_line_is_removal(const check_line *line);

/*
 * What lines read like: the bytes between two values of former lines (comma, key, colon and blanks), in
 * order, with the member that they name. They were sound where they stood, and stand in the same place again.
 * A thread's own; zeroed at its birth.
 */
enum { CHECK_STEPS = 16 };

typedef uint64_t check_block __attribute__((vector_size(16)));

typedef struct check_step {
    check_block bytes[2], masks[2];
    uint32_t length; /* bytes; 0: nothing is known */
    uint32_t member;
} check_step;

typedef struct check_shape {
    check_step steps[CHECK_STEPS];
} check_shape;

/* Where a scan of a line stands. */
typedef struct check_scan {
    pl_json_parser *parser; /* lends its scratch; no text of the line is kept there */
    check_shape *shape;
    const uint8_t *at, *end;
    uint32_t step; /* number of the next member */
    uint32_t seen; /* known members, one bit each */
} check_scan;

/* What a scan has come to. */
typedef enum check_found {
    CHECK_REFUSED, /* not for a scan: the line has to be parsed, which also tells what is wrong with it */
    CHECK_CONFIGURATION, /* `at` is the value of the configuration; take it, then check_scan_behind */
    CHECK_END
} check_found;

/* At the beginning of a line, which has PL_JSON_PADDING readable bytes behind it. */
check_scan check_scan_begin(pl_json_parser *parser, check_shape *shape, pl_str line);

/* Takes members until one of these is reached. Each known member may stand there once. */
check_found check_scan_members(check_scan *scan, check_line *line);

/* Goes on at the byte behind the configuration (NULL: it was refused). */
check_found check_scan_behind(check_scan *scan, const uint8_t *at, check_line *line);

#endif
