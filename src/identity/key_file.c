/* The key file: 32 bytes in hexadecimal that seal all secrets at rest. Never logged, never in an error text.
 */
#include "identity/internal.h"

#include "base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { TEXT_SIZE = PL_SEAL_KEY_SIZE * 2 };

static int fail(const char *path, const char *what, pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "key file %s: %s", path, what);
}

static int decode(const char *path, pl_str text, unsigned char *key, pl_error *error) {
    pl_buf bytes;
    pl_buf_init(&bytes, TEXT_SIZE);
    bool good = pl_hex_decode(&bytes, pl_str_trim(text)) && bytes.n == PL_SEAL_KEY_SIZE;
    if (good)
        memcpy(key, bytes.p, PL_SEAL_KEY_SIZE);
    pl_buf_free(&bytes);
    return good ? 0 : fail(path, "not 64 hexadecimal digits", error);
}

static int write_new(const char *path, const unsigned char *key, int flags, pl_error *error) {
    pl_buf text;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return fail(path, strerror(errno), error);
    pl_buf_init(&text, TEXT_SIZE + 1);
    pl_hex_encode(&text, pl_str_of((const char *)key, PL_SEAL_KEY_SIZE));
    pl_buf_add_char(&text, '\n');
    bool good = !text.failed && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    int result = good ? 0 : fail(path, strerror(errno), error);
    close(fd);
    pl_buf_free(&text);
    return result;
}

int identity_key_file_open(const char *path, const pl_random *random,
                           unsigned char key[static PL_SEAL_KEY_SIZE], pl_error *error) {
    char text[TEXT_SIZE + 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        if (pl_random_fill(random, key, PL_SEAL_KEY_SIZE) != 0)
            return fail(path, "no randomness", error);
        return write_new(path, key, O_EXCL, error);
    }
    if (fd < 0)
        return fail(path, strerror(errno), error);
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    return n < 0 ? fail(path, strerror(errno), error) : decode(path, pl_str_of(text, (size_t)n), key, error);
}

int identity_key_file_replace(const char *path, const unsigned char key[static PL_SEAL_KEY_SIZE],
                              pl_error *error) {
    char next[4096];
    if (snprintf(next, sizeof next, "%s.new", path) >= (int)sizeof next)
        return fail(path, "the path is too long", error);
    if (write_new(next, key, O_TRUNC, error) != 0)
        return -1;
    return rename(next, path) == 0 ? 0 : fail(path, strerror(errno), error);
}
