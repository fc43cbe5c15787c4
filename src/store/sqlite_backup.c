/*
 * Copying a SQLite database while it is in use. One step copies all pages inside one read transaction: the
 * write-ahead log lets others write meanwhile, and the copy is what stood there when it began. Owns nothing.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { WAIT_MILLISECONDS = 10000 };

static int fail(const char *what, const char *path, const char *why, pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "%s %s: %s.", what, path, why);
}

static int open_source(const char *path, sqlite3 **out, pl_error *error) {
    sqlite3_stmt *mark = NULL;
    int code = sqlite3_open_v2(path, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(*out, WAIT_MILLISECONDS);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(*out, "PRAGMA application_id", -1, &mark, NULL);
    if (code == SQLITE_OK && sqlite3_step(mark) != SQLITE_ROW)
        code = sqlite3_errcode(*out);
    bool ours = code == SQLITE_OK && sqlite3_column_int(mark, 0) == STORE_SQLITE_APPLICATION;
    sqlite3_finalize(mark);
    if (code != SQLITE_OK)
        return fail("The database", path, *out ? sqlite3_errmsg(*out) : "no memory", error);
    return ours ? 0 : pl_failf(error, PL_E_InvalidParameter, "%s is not a database of Plumbline.", path);
}

static int copy(sqlite3 *source, sqlite3 *target, const char *to, pl_error *error) {
    sqlite3_busy_timeout(target, WAIT_MILLISECONDS);
    sqlite3_backup *backup = sqlite3_backup_init(target, "main", source, "main");
    int code = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
    if (backup)
        sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE)
        return 0;
    return fail("The copy", to, backup ? sqlite3_errstr(code) : sqlite3_errmsg(target), error);
}

/* The file first, so that it never has a wider mode than its owner's, and is never another one. */
static int copy_into(sqlite3 *source, const char *to, pl_error *error) {
    sqlite3 *target = NULL;
    int file = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return fail("The copy", to, strerrordesc_np(errno), error);
    int result = sqlite3_open_v2(to, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK
                     ? copy(source, target, to, error)
                     : fail("The copy", to, "it cannot be opened", error);
    if (sqlite3_close(target) != SQLITE_OK && result == 0)
        result = fail("The copy", to, "it cannot be closed", error);
    if (result == 0 && fsync(file) != 0)
        result = fail("The copy", to, strerrordesc_np(errno), error);
    close(file);
    if (result != 0)
        unlink(to);
    return result;
}

int store_backup(pl_str url, const char *to, pl_error *error) {
    char path[4096];
    sqlite3 *source = NULL;
    if (pl_str_starts(url, PL_STR("sqlite:")))
        url = pl_str_skip(url, strlen("sqlite:"));
    if (pl_str_find(url, PL_STR("://")) != PL_NOT_FOUND)
        return pl_failf(error, PL_E_InvalidParameter,
                        "PostgreSQL is backed up with its own tools (pg_dump).");
    if (url.n >= sizeof path)
        return pl_failf(error, PL_E_InvalidParameter, "The name of the database is too long.");
    memcpy(path, url.p, url.n);
    path[url.n] = '\0';
    int result = open_source(path, &source, error);
    if (result == 0)
        result = copy_into(source, to, error);
    sqlite3_close(source);
    return result;
}
