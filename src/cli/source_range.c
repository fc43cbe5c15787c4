/* Ranges of shared files. Owns the files while they have users. */
#include "cli/source_range.h"

#include "base/memory.h"
#include "json/parser.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What is read behind a range: the end of its last line mostly is within. */
enum { BEHIND = 4096, MORE = 1 << 16 };

const pl_str cli_byte_order_mark = PL_STR_INIT("\xEF\xBB\xBF");

cli_shared_file *cli_shared_file_new(int fd, const char *name, uint64_t size, atomic_uint_fast64_t *read) {
    cli_shared_file *file = pl_calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->fd = fd;
    file->name = name;
    file->size = size;
    file->read = read;
    atomic_init(&file->users, 1);
    return file;
}

void cli_shared_file_release(cli_shared_file *file) {
    if (!file || atomic_fetch_sub_explicit(&file->users, 1, memory_order_acq_rel) != 1)
        return;
    close(file->fd);
    pl_free(file);
}

void cli_range_hold(cli_range *range, cli_shared_file *file, uint64_t from, uint64_t to) {
    atomic_fetch_add_explicit(&file->users, 1, memory_order_relaxed);
    cli_range_release(range);
    *range = (cli_range){file, from, to};
}

void cli_range_release(cli_range *range) {
    cli_shared_file_release(range->file);
    *range = (cli_range){0};
}

/* Reads up to `n` bytes at an offset; the number, less than `n` at the end of the file only; -1: an error. */
static ssize_t read_at(const cli_shared_file *file, char *to, size_t n, uint64_t offset) {
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(file->fd, to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* Reads behind the bytes of the buffer, which begins at `start`; 1: there is more, 0: the file has ended. */
static int read_behind(const cli_shared_file *file, pl_buf *buffer, uint64_t start, size_t n,
                       pl_error *error) {
    if (!pl_buf_reserve(buffer, n + PL_JSON_PADDING))
        return pl_fail(error, PL_E_ServiceUnavailable);
    ssize_t got = read_at(file, buffer->p + buffer->n, n, start + buffer->n);
    if (got < 0)
        return pl_failf(error, PL_E_InvalidParameter, "%s: %s", file->name, strerror(errno));
    buffer->n += (size_t)got;
    return (size_t)got == n;
}

/* Offset behind the first line feed at or after `from`; PL_NOT_FOUND without one. */
static size_t behind_line(const pl_buf *buffer, size_t from) {
    const char *feed = from < buffer->n ? memchr(buffer->p + from, '\n', buffer->n - from) : NULL;
    return feed ? (size_t)(feed - buffer->p) + 1 : PL_NOT_FOUND;
}

/* Offset behind the byte order mark at the begin of a file. */
static size_t behind_mark(const pl_buf *buffer) {
    return pl_str_starts(pl_buf_str(buffer), cli_byte_order_mark) ? cli_byte_order_mark.n : 0;
}

static int too_long(const cli_range *range, size_t longest, pl_error *error) {
    cli_range whole = {range->file, range->to, range->to};
    return pl_failf(error, PL_E_InvalidParameter, "%s:%llu: the line is longer than %zu bytes",
                    range->file->name, (unsigned long long)cli_range_lines_before(&whole) + 1, longest);
}

/* Reads on until the line that holds the byte at `last` has ended; `*end` is where. */
static int read_line_end(const cli_range *range, pl_buf *buffer, uint64_t start, size_t last, size_t longest,
                         size_t *end, pl_error *error) {
    size_t from = last;
    for (int more = 1; (*end = behind_line(buffer, from)) == PL_NOT_FOUND;) {
        if (!more) {
            *end = buffer->n;
            return 0;
        }
        if (buffer->n > last + longest)
            return too_long(range, longest, error);
        from = buffer->n > last ? buffer->n : last;
        more = read_behind(range->file, buffer, start, MORE, error);
        if (more < 0)
            return -1;
    }
    return 0;
}

int cli_range_read(cli_range *range, pl_buf *buffer, size_t longest, pl_str *lines, pl_error *error) {
    uint64_t start = range->from ? range->from - 1 : 0; /* a line feed there makes the first byte a begin */
    size_t own = (size_t)(range->to - start), begin, end;
    *lines = PL_STR("");
    pl_buf_clear(buffer);
    atomic_fetch_add_explicit(range->file->read, range->to - range->from, memory_order_relaxed);
    if (read_behind(range->file, buffer, start, own + BEHIND, error) < 0)
        return -1;
    begin = range->from ? behind_line(buffer, 0) : behind_mark(buffer);
    if (begin >= own || begin >= buffer->n)
        return 0;
    if (read_line_end(range, buffer, start, own - 1, longest, &end, error) != 0)
        return -1;
    range->from = start + begin;
    *lines = pl_str_of(buffer->p + begin, end - begin);
    return 0;
}

static uint64_t count_feeds(const char *at, size_t n) {
    uint64_t count = 0;
    for (const char *end = at + n; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

uint64_t cli_range_lines_before(const cli_range *range) {
    char block[16384];
    uint64_t count = 0;
    for (uint64_t at = 0; at < range->from;) {
        uint64_t left = range->from - at;
        ssize_t n = read_at(range->file, block, left < sizeof block ? (size_t)left : sizeof block, at);
        if (n <= 0)
            break;
        count += count_feeds(block, (size_t)n);
        at += (uint64_t)n;
    }
    return count;
}
