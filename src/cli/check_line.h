/*
 * One line of a check's input: the members of an item that every check reads, taken from its structural index
 * without a tape, or from the tape where that does not do.
 */
#ifndef CLI_CHECK_LINE_H
#define CLI_CHECK_LINE_H

#include "json/index.h"

typedef struct check_line {
    pl_json root, configuration; /* from a tape only */
    pl_str type, id, account, region;
    pl_str address; /* Terraform address, or absent */
    uint64_t number;
    pl_str place; /* members of the report that tell the resource; absent until one is written */
} check_line;

/* An empty line with this number. */
check_line check_line_new(uint64_t number);

/* Takes what is known from an item's tape. Texts made of numbers live in the arena. */
void check_line_read(check_line *line, pl_json root, pl_arena *arena);

/* Where a scan of an indexed line stands. */
typedef struct check_scan {
    const pl_json_index *index;
    uint32_t entry;
    uint32_t seen; /* known members, one bit each */
} check_scan;

/* What a scan has come to. */
typedef enum check_found {
    CHECK_REFUSED, /* not for a scan: the line has to be parsed, which also tells what is wrong with it */
    CHECK_CONFIGURATION, /* the entry is the value of the configuration; take it, then check_scan_behind */
    CHECK_END
} check_found;

check_scan check_scan_begin(const pl_json_index *index);

/* Takes members until one of these is reached. Each known member may stand there once. */
check_found check_scan_members(check_scan *scan, check_line *line);

/* Goes on behind the configuration, which ends before `entry` (0: it was refused). */
check_found check_scan_behind(check_scan *scan, uint32_t entry, check_line *line);

#endif
