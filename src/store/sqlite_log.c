/*
 * How the writer's connection writes the write-ahead log: what SQLite adds to the log piece by piece, for
 * each page a head of 24 bytes and the page, gathers here and goes to the file in one write before it is
 * flushed. One call instead of two for each page saves about half of the time that writing a commit takes.
 * Owns the layer between SQLite and the files (a VFS, sqlite.org/vfs.html) and what waits to be written.
 *
 * INVARIANT: nothing waits when a flush, a reading or any other look at the file returns. The index of the
 * log tells others of a commit only after its flush, because the writer runs with synchronous=FULL; with less
 * SQLite would tell of pages that still wait here.
 */
#include "store/sqlite.h"

#include "base/memory.h"

enum { WAITING_MAX = 124 << 10 }; /* SQLite's own layer writes no 128 KiB at once */

typedef struct log_file {
    sqlite3_file base;
    char *waiting;
    size_t count;
    sqlite3_int64 place; /* in the file, of the first byte that waits */
} log_file;              /* the file below follows it in memory */

static sqlite3_file *below(sqlite3_file *file) {
    return (sqlite3_file *)((log_file *)file + 1);
}

/* What cannot be written is forgotten: the commit that it belongs to fails. */
static int write_waiting(sqlite3_file *file) {
    log_file *log = (log_file *)file;
    size_t count = log->count;
    log->count = 0;
    if (count == 0)
        return SQLITE_OK;
    return below(file)->pMethods->xWrite(below(file), log->waiting, (int)count, log->place);
}

static int log_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 place) {
    log_file *log = (log_file *)file;
    size_t n = (size_t)count;
    int code = SQLITE_OK;
    if (log->count + n > WAITING_MAX || place != log->place + (sqlite3_int64)log->count)
        code = write_waiting(file);
    if (code != SQLITE_OK)
        return code;
    if (n > WAITING_MAX)
        return below(file)->pMethods->xWrite(below(file), bytes, count, place);
    if (log->count == 0)
        log->place = place;
    memcpy(log->waiting + log->count, bytes, n);
    log->count += n;
    return SQLITE_OK;
}

static int log_close(sqlite3_file *file) {
    int code = write_waiting(file), closed = below(file)->pMethods->xClose(below(file));
    pl_free(((log_file *)file)->waiting);
    return code == SQLITE_OK ? closed : code;
}

static int log_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 place) {
    int code = write_waiting(file);
    return code == SQLITE_OK ? below(file)->pMethods->xRead(below(file), bytes, count, place) : code;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int code = write_waiting(file);
    return code == SQLITE_OK ? below(file)->pMethods->xTruncate(below(file), size) : code;
}

static int log_sync(sqlite3_file *file, int flags) {
    int code = write_waiting(file);
    return code == SQLITE_OK ? below(file)->pMethods->xSync(below(file), flags) : code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size) {
    int code = write_waiting(file);
    return code == SQLITE_OK ? below(file)->pMethods->xFileSize(below(file), size) : code;
}

static int log_lock(sqlite3_file *file, int kind) {
    return below(file)->pMethods->xLock(below(file), kind);
}

static int log_unlock(sqlite3_file *file, int kind) {
    return below(file)->pMethods->xUnlock(below(file), kind);
}

static int log_is_reserved(sqlite3_file *file, int *reserved) {
    return below(file)->pMethods->xCheckReservedLock(below(file), reserved);
}

static int log_control(sqlite3_file *file, int what, void *argument) {
    return below(file)->pMethods->xFileControl(below(file), what, argument);
}

static int log_sector(sqlite3_file *file) {
    return below(file)->pMethods->xSectorSize(below(file));
}

static int log_characteristics(sqlite3_file *file) {
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_characteristics,
};

static sqlite3_vfs *files_below(sqlite3_vfs *vfs) {
    return vfs->pAppData;
}

/* Every other file is opened as if this layer were not there. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *opened) {
    sqlite3_vfs *under = files_below(vfs);
    if (!(flags & SQLITE_OPEN_WAL))
        return under->xOpen(under, name, file, flags, opened);
    log_file *log = (log_file *)file;
    *log = (log_file){.waiting = pl_malloc(WAITING_MAX)};
    if (!log->waiting)
        return SQLITE_NOMEM;
    int code = under->xOpen(under, name, below(file), flags, opened);
    if (below(file)->pMethods) {
        log->base.pMethods = &methods;
        return code;
    }
    pl_free(log->waiting);
    return code;
}

/* What has to do with no open file, SQLite's own layer does as before: it looks at nothing of the object. */
void store_sqlite_log_register(void) {
    static sqlite3_vfs vfs;
    sqlite3_vfs *under = sqlite3_vfs_find(NULL);
    if (!under)
        return;
    vfs = *under;
    vfs.zName = STORE_SQLITE_LOG;
    vfs.szOsFile = (int)sizeof(log_file) + under->szOsFile;
    vfs.pAppData = under;
    vfs.xOpen = open_file;
    vfs.pNext = NULL;
    sqlite3_vfs_register(&vfs, 0);
}
