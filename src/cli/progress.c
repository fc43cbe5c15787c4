/* The progress bar. Writes to standard error only. */
#include "cli/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR = 30, QUIET_NS = 2000000000, EVERY_NS = 100000000 };

void cli_progress_begin(cli_progress *progress, const char *label, uint64_t total) {
    *progress = (cli_progress){.label = label, .total = total, .started = pl_monotonic_ns()};
    progress->terminal = isatty(STDERR_FILENO) == 1;
}

static void draw_bar(uint64_t done, uint64_t total) {
    char bar[BAR + 1];
    size_t filled = (size_t)(done * BAR / total);
    for (size_t i = 0; i < BAR; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "[%s] %3llu %%  ", bar, (unsigned long long)(done * 100 / total));
}

void cli_progress_update(cli_progress *progress, uint64_t done, uint64_t items) {
    int64_t now = pl_monotonic_ns();
    if (!progress->terminal || now - progress->started < QUIET_NS || now - progress->shown < EVERY_NS)
        return;
    progress->shown = now;
    double seconds = (double)(now - progress->started) / 1e9;
    fprintf(stderr, "\r\033[K%s ", progress->label);
    if (progress->total && done <= progress->total)
        draw_bar(done, progress->total);
    fprintf(stderr, "%llu, %.0f/s", (unsigned long long)items, (double)items / seconds);
    if (progress->total && done && done <= progress->total)
        fprintf(stderr, ", %.0f s left", seconds * (double)(progress->total - done) / (double)done);
    fflush(stderr);
}

void cli_progress_end(cli_progress *progress) {
    if (progress->terminal && progress->shown)
        fprintf(stderr, "\r\033[K");
}
