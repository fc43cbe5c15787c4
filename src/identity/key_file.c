/*
 * The key file: 32 bytes in hexadecimal that seal all secrets at rest. Never logged, never in an error text.
 * A file is written beside its place, flushed and renamed, so that a crash leaves the old one or the new one.
 */
#include "identity/internal.h"

#include "base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_SIZE = PL_SEAL_KEY_SIZE * 2, PATH_SIZE = 4096 };

static int fail(const char *path, const char *what, pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "key file %s: %s", path, what);
}

static int decode(const char *path, pl_str text, unsigned char *key, pl_error *error) {
    pl_buf bytes;
    pl_buf_init(&bytes, TEXT_SIZE);
    bool good = pl_hex_decode(&bytes, pl_str_trim(text)) && bytes.n == PL_SEAL_KEY_SIZE;
    if (good)
        memcpy(key, bytes.p, PL_SEAL_KEY_SIZE);
    if (bytes.p)
        explicit_bzero(bytes.p, bytes.n);
    pl_buf_free(&bytes);
    return good ? 1 : fail(path, "not 64 hexadecimal digits", error);
}

int identity_key_file_read(const char *path, unsigned char key[static PL_SEAL_KEY_SIZE], pl_error *error) {
    char text[TEXT_SIZE + 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail(path, strerror(errno), error);
    ssize_t n = read(fd, text, sizeof text);
    int result =
        n < 0 ? fail(path, strerror(errno), error) : decode(path, pl_str_of(text, (size_t)n), key, error);
    close(fd);
    explicit_bzero(text, sizeof text);
    return result;
}

static void directory_of(const char *path, char directory[static PATH_SIZE]) {
    const char *slash = strrchr(path, '/');
    snprintf(directory, PATH_SIZE, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
}

/* Root makes a key for the user whose directory it is: the server reads it as that user. */
static bool give_to_owner(int fd, const char *path) {
    char directory[PATH_SIZE];
    struct stat owner;
    if (geteuid() != 0)
        return true;
    directory_of(path, directory);
    return stat(directory, &owner) == 0 && (owner.st_uid == 0 || fchown(fd, owner.st_uid, owner.st_gid) == 0);
}

/* A rename is durable when its directory is. */
static void flush_directory(const char *path) {
    char directory[PATH_SIZE];
    directory_of(path, directory);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static int write_bytes(const char *path, const unsigned char *key, pl_error *error) {
    static const char digits[] = "0123456789abcdef";
    char text[TEXT_SIZE + 1];
    for (size_t i = 0; i < PL_SEAL_KEY_SIZE; i++) {
        text[2 * i] = digits[key[i] >> 4];
        text[2 * i + 1] = digits[key[i] & 15];
    }
    text[TEXT_SIZE] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && give_to_owner(fd, path) && write(fd, text, sizeof text) == (ssize_t)sizeof text &&
                fsync(fd) == 0;
    int result = good ? 0 : fail(path, strerror(errno), error);
    if (fd >= 0)
        close(fd);
    explicit_bzero(text, sizeof text);
    return result;
}

int identity_key_file_write(const char *path, const unsigned char key[static PL_SEAL_KEY_SIZE],
                            pl_error *error) {
    char beside[PATH_SIZE];
    if (snprintf(beside, sizeof beside, "%s.tmp", path) >= (int)sizeof beside)
        return fail(path, "the path is too long", error);
    if (write_bytes(beside, key, error) != 0)
        return -1;
    if (rename(beside, path) != 0)
        return fail(path, strerror(errno), error);
    flush_directory(path);
    return 0;
}
