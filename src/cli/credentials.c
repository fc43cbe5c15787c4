/* Reading and writing credentials.json. */
#include "cli/credentials.h"

#include "cli/file.h"
#include "json/parser.h"
#include "json/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 10, PATH_SIZE = 4096 };

static int take(const char *name, char *into, size_t size, pl_error *error) {
    const char *value = getenv(name);
    if (!value)
        return 0;
    if (strlen(value) >= size)
        return pl_failf(error, PL_E_InvalidParameter, "%s is longer than %zu characters", name, size - 1);
    memcpy(into, value, strlen(value) + 1);
    return 0;
}

int credentials_wanted(identity_root *wanted, pl_error *error) {
    *wanted = (identity_root){0};
    if (take("PLUMBLINE_ACCOUNT_ID", wanted->account_id, sizeof wanted->account_id, error) != 0 ||
        take("PLUMBLINE_ACCESS_KEY_ID", wanted->access_key_id, sizeof wanted->access_key_id, error) != 0)
        return -1;
    return take("PLUMBLINE_ACCESS_KEY_SECRET", wanted->access_key_secret, sizeof wanted->access_key_secret,
                error);
}

static int fail(const char *path, pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerror(errno));
}

/* Beside the old file first, then in its place: a crash leaves one of the two. */
static int replace(const char *directory, pl_str text, pl_error *error) {
    char path[PATH_SIZE], fresh[PATH_SIZE];
    snprintf(path, sizeof path, "%s/credentials.json", directory);
    snprintf(fresh, sizeof fresh, "%s/credentials.json.new", directory);
    unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(fresh, error);
    bool written = cli_write_all(fd, text) == 0 && fsync(fd) == 0;
    if (!written)
        fail(fresh, error);
    close(fd);
    if (!written)
        return -1;
    return rename(fresh, path) == 0 ? 0 : fail(path, error);
}

static int write_members(const char *directory, pl_str endpoint, pl_str account, pl_str id, pl_str secret,
                         pl_error *error) {
    pl_buf out;
    pl_writer w;
    pl_buf_init(&out, FILE_MAX);
    pl_writer_begin(&w, &out, PL_FORMAT_JSON, PL_STR(""));
    pl_write_string(&w, PL_STR("Endpoint"), endpoint);
    pl_write_string(&w, PL_STR("RegionId"), PL_STR("cn-shanghai"));
    pl_write_string(&w, PL_STR("AccountId"), account);
    pl_write_string(&w, PL_STR("AccessKeyId"), id);
    pl_write_string(&w, PL_STR("AccessKeySecret"), secret);
    pl_writer_end(&w);
    pl_buf_add_char(&out, '\n');
    int result =
        out.failed ? pl_fail(error, PL_E_ServiceUnavailable) : replace(directory, pl_buf_str(&out), error);
    if (out.p)
        explicit_bzero(out.p, out.n);
    pl_buf_free(&out);
    return result;
}

int credentials_set_aside(const char *directory, bool *done, pl_error *error) {
    char path[PATH_SIZE], former[PATH_SIZE];
    snprintf(path, sizeof path, "%s/credentials.json", directory);
    snprintf(former, sizeof former, "%s/credentials.json.former", directory);
    *done = rename(path, former) == 0;
    return *done || errno == ENOENT ? 0 : fail(path, error);
}

int credentials_write(const char *directory, const identity_root *root, pl_str endpoint, pl_error *error) {
    return write_members(directory, endpoint, pl_str_from(root->account_id), pl_str_from(root->access_key_id),
                         pl_str_from(root->access_key_secret), error);
}

int credentials_set_endpoint(const char *directory, pl_str endpoint, pl_error *error) {
    char path[PATH_SIZE];
    pl_arena arena;
    pl_str text;
    pl_json root;
    snprintf(path, sizeof path, "%s/credentials.json", directory);
    if (access(path, F_OK) != 0)
        return 0;
    pl_arena_init(&arena, 0);
    int result = cli_file_read(&arena, path, FILE_MAX, &text, error);
    if (result == 0 && pl_json_parse_in(&arena, text, &root, error) != 0)
        result = pl_failf(error, PL_E_InvalidParameter, "%s is not JSON", path);
    if (result == 0 && !pl_str_eq(pl_json_str(pl_json_get(root, PL_STR("Endpoint"))), endpoint))
        result = write_members(directory, endpoint, pl_json_str(pl_json_get(root, PL_STR("AccountId"))),
                               pl_json_str(pl_json_get(root, PL_STR("AccessKeyId"))),
                               pl_json_str(pl_json_get(root, PL_STR("AccessKeySecret"))), error);
    pl_arena_free(&arena);
    return result;
}
