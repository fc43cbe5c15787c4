/* The progress bar on standard error: shown on a terminal after two seconds, with rate and time left. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_progress {
    const char *label;
    uint64_t total;         /* bytes; 0: unknown */
    int64_t started, shown; /* monotonic nanoseconds */
    bool terminal;
} cli_progress;

/* `total` bytes are to be done; 0: not known. The label is not copied. */
void cli_progress_begin(cli_progress *progress, const char *label, uint64_t total);

/* `done` bytes and `items` things so far; redraws at most ten times a second. */
void cli_progress_update(cli_progress *progress, uint64_t done, uint64_t items);

/* Removes the bar. */
void cli_progress_end(cli_progress *progress);

#endif
