/* Whole files. Owns nothing. */
#include "cli/file.h"

#include "base/buf.h"
#include "base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int read_to_end(int fd, const char *file, pl_buf *out, pl_error *error) {
    for (;;) {
        if (!pl_buf_reserve(out, 65536))
            return pl_failf(error, PL_E_InvalidParameter, "%s: larger than allowed", file);
        ssize_t n = read(fd, out->p + out->n, 65536);
        if (n < 0)
            return pl_failf(error, PL_E_InvalidParameter, "%s: %s", file, strerror(errno));
        if (n == 0)
            return 0;
        out->n += (size_t)n;
    }
}

int cli_file_read(pl_arena *arena, const char *file, size_t limit, pl_str *text, pl_error *error) {
    bool standard_input = strcmp(file, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pl_failf(error, PL_E_InvalidParameter, "%s: %s", file, strerror(errno));
    pl_buf content;
    pl_buf_init(&content, limit + 65536);
    int result = read_to_end(fd, file, &content, error);
    if (!standard_input)
        close(fd);
    if (result == 0 && content.n > limit)
        result = pl_failf(error, PL_E_InvalidParameter, "%s: larger than %zu bytes", file, limit);
    char *copy = result == 0 ? pl_arena_alloc(arena, content.n + 64) : NULL;
    if (copy && content.n)
        memcpy(copy, content.p, content.n);
    *text = pl_utf8_skip_mark(pl_str_of(copy, content.n));
    pl_buf_free(&content);
    if (result == 0 && !copy)
        result = pl_fail(error, PL_E_ServiceUnavailable);
    return result;
}

int cli_file_blame(const char *file, pl_str text, pl_error *error) {
    size_t line = 1;
    for (size_t i = 0; i < error->position && i < text.n; i++)
        line += text.p[i] == '\n';
    return pl_failf(error, PL_E_InvalidParameter, "%s:%zu: %.900s", file, line, error->message);
}

int cli_write_all(int fd, pl_str text) {
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text = pl_str_skip(text, (size_t)n);
    }
    return 0;
}
