/* Reading and writing whole files, with errors that name the file. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "base/arena.h"
#include "base/error.h"

/* Reads a file ("-": standard input) of at most `limit` bytes into the arena, with 64 readable bytes behind;
 * a byte order mark at its begin is left out. */
int cli_file_read(pl_arena *arena, const char *file, size_t limit, pl_str *text, pl_error *error);

/* Puts the file and the line of `error->position` in `text` before the message of the JSON parser's error;
 * -1. */
int cli_file_blame(const char *file, pl_str text, pl_error *error);

/* Writes all bytes to a descriptor; -1 (errno set) when that fails. */
int cli_write_all(int fd, pl_str text);

#endif
