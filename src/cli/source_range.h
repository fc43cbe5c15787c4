/*
 * JSON Lines that several threads read from one regular file, each by itself: a range is claimed in order and
 * read without a lock. A line belongs to the range that its first byte is in.
 */
#ifndef CLI_SOURCE_RANGE_H
#define CLI_SOURCE_RANGE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdatomic.h>

/* U+FEFF as UTF-8: editors and shells of some systems put it before what they write. It is no part of the
 * text. */
extern const pl_str cli_byte_order_mark;

/* An open file with its readers; closed by the last one that releases it. */
typedef struct cli_shared_file {
    int fd;
    const char *name; /* for messages; outlives the file */
    uint64_t size;    /* when it was opened: lines that begin behind it are not read */
    atomic_uint users;
    atomic_uint_fast64_t *read; /* sums up the ranges read; outlives the file */
} cli_shared_file;

/* A part of a file, of which the holder is a user. */
typedef struct cli_range {
    cli_shared_file *file; /* NULL: none is held */
    uint64_t from, to;     /* offsets */
} cli_range;

/* Takes over the descriptor and has one user; NULL without memory. */
cli_shared_file *cli_shared_file_new(int fd, const char *name, uint64_t size, atomic_uint_fast64_t *read);

/* NULL is allowed. */
void cli_shared_file_release(cli_shared_file *file);

/* Holds the range from here; what was held before is released. */
void cli_range_hold(cli_range *range, cli_shared_file *file, uint64_t from, uint64_t to);
void cli_range_release(cli_range *range);

/*
 * Reads the lines that begin in the range, the last one to its end, with PL_JSON_PADDING readable bytes
 * behind them, once; `*lines` lives in the buffer and is empty when none begins there. `range->from` becomes
 * the offset of the first. A line of more than `longest` bytes, or what cannot be read, is an error with file
 * and place.
 */
int cli_range_read(cli_range *range, pl_buf *buffer, size_t longest, pl_str *lines, pl_error *error);

/* Line feeds before the range's begin, or before where reading fails: what numbers its lines. Reads them all.
 */
uint64_t cli_range_lines_before(const cli_range *range);

#endif
