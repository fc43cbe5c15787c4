/*
 * How a reader's connection reads a value of many pages: SQLite asks for them one by one, and an operating
 * system that sees a file read so reads far ahead, which is more than the value by much when it has to come
 * from the disk. Told how long the value is, this layer reads it in one call and hands it out page by page.
 * Owns the layer between SQLite and the files (a VFS, sqlite.org/vfs.html) and what was read.
 *
 * SQLite takes the pages of a value one after the other at the end of the file, and with them those of the
 * rows that are written next; of pages that were given back it takes the highest first. So a value lies
 * rising with something of its own kind behind it, or falling, and now and then in several pieces.
 *
 * INVARIANT: what was read is handed out within the transaction that read it. No checkpoint overwrites pages
 * of the file that a snapshot still takes from there (sqlite.org/walformat.html, section 2.3.1), so until its
 * lock is given back nothing of it is out of date.
 */
#include "store/sqlite.h"

#include "base/memory.h"

enum {
    READ_MAX = 1 << 20,    /* bytes read ahead at once */
    PIECE_MAX = 124 << 10, /* SQLite's own layer reads no 128 KiB at once */
    CHAIN = 4,             /* bytes of a page that name the next of the value's */
    BEHIND = 3,            /* pages behind a rising value */
    EXPECT = 0x504c0001,   /* our own question to the file */
};

typedef struct ahead_file {
    sqlite3_file base;
    sqlite3_int64 expected; /* bytes of the value that are not asked for yet; 0: nothing is known */
    char *bytes;
    sqlite3_int64 room, place, count; /* of what was read: where in the file, how much */
    sqlite3_int64 last, served;       /* page of the value asked for last; pages since something was read */
    bool falling;                     /* the value's pages, as far as was seen */
} ahead_file;                         /* the file below follows it in memory */

static sqlite3_file *below(sqlite3_file *file) {
    return (sqlite3_file *)((ahead_file *)file + 1);
}

static void forget(sqlite3_file *file) {
    ((ahead_file *)file)->expected = ((ahead_file *)file)->count = 0;
}

static bool make_room(ahead_file *ahead, sqlite3_int64 size) {
    if (size <= ahead->room)
        return true;
    pl_free(ahead->bytes);
    ahead->bytes = pl_malloc((size_t)size);
    ahead->room = ahead->bytes ? size : 0;
    return ahead->bytes != NULL;
}

/* From the end, so that no piece follows the one before it: that is what an operating system reads ahead of.
 */
static int read_pieces(sqlite3_file *file, sqlite3_int64 page, sqlite3_int64 from, sqlite3_int64 size) {
    sqlite3_int64 piece = PIECE_MAX / page * page, at = (size - 1) / piece * piece;
    for (;; at -= piece) {
        sqlite3_int64 n = size - at < piece ? size - at : piece;
        int code =
            below(file)->pMethods->xRead(below(file), ((ahead_file *)file)->bytes + at, (int)n, from + at);
        if (code != SQLITE_OK || at == 0)
            return code;
    }
}

/*
 * Pages worth reading at once: all that are left of the value when it begins or turns out to lie the other
 * way round; else twice as many as the reading before was good for.
 */
static sqlite3_int64 reach_at(ahead_file *ahead, sqlite3_int64 page, sqlite3_int64 place) {
    sqlite3_int64 left = ahead->expected / (page - CHAIN), step = place - ahead->last;
    bool was_falling = ahead->falling;
    if (ahead->served == 0)
        return left;
    if (step == page || step == -page)
        ahead->falling = step < 0;
    bool all = ahead->falling != was_falling || 2 * ahead->served > left;
    return all ? left : 2 * ahead->served;
}

/* The part of the file to be read for the page that is asked for. */
static sqlite3_int64 find_range(sqlite3_file *file, sqlite3_int64 page, sqlite3_int64 place,
                                sqlite3_int64 *from) {
    ahead_file *ahead = (ahead_file *)file;
    sqlite3_int64 reach = reach_at(ahead, page, place), most = READ_MAX / page, end = 0;
    reach = reach < most ? reach : most;
    *from = place;
    if (reach < 2 || below(file)->pMethods->xFileSize(below(file), &end) != SQLITE_OK || place + page > end)
        return 0;
    if (!ahead->falling)
        return place + (reach + BEHIND) * page < end ? (reach + BEHIND) * page : end - place;
    *from = place > (reach - 1) * page ? place - (reach - 1) * page : 0;
    return place + page - *from;
}

/* Whatever hinders this is left to the reading that SQLite asked for. */
static void read_ahead(sqlite3_file *file, sqlite3_int64 page, sqlite3_int64 place) {
    ahead_file *ahead = (ahead_file *)file;
    sqlite3_int64 from, size = page > CHAIN && page < PIECE_MAX ? find_range(file, page, place, &from) : 0;
    ahead->count = ahead->served = 0;
    if (size > 0 && make_room(ahead, size) && read_pieces(file, page, from, size) == SQLITE_OK) {
        ahead->place = from;
        ahead->count = size;
    }
}

static bool is_here(const ahead_file *ahead, sqlite3_int64 count, sqlite3_int64 place) {
    return place >= ahead->place && place + count <= ahead->place + ahead->count;
}

static int ahead_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 place) {
    ahead_file *ahead = (ahead_file *)file;
    if (ahead->expected > 0) {
        if (!is_here(ahead, count, place))
            read_ahead(file, count, place);
        ahead->expected -= count - CHAIN;
        ahead->last = place;
        ahead->served++;
    }
    if (!is_here(ahead, count, place))
        return below(file)->pMethods->xRead(below(file), bytes, count, place);
    memcpy(bytes, ahead->bytes + (place - ahead->place), (size_t)count);
    return SQLITE_OK;
}

static int ahead_close(sqlite3_file *file) {
    pl_free(((ahead_file *)file)->bytes);
    return below(file)->pMethods->xClose(below(file));
}

static int ahead_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 place) {
    forget(file);
    return below(file)->pMethods->xWrite(below(file), bytes, count, place);
}

static int ahead_truncate(sqlite3_file *file, sqlite3_int64 size) {
    forget(file);
    return below(file)->pMethods->xTruncate(below(file), size);
}

static int ahead_sync(sqlite3_file *file, int flags) {
    return below(file)->pMethods->xSync(below(file), flags);
}

static int ahead_size(sqlite3_file *file, sqlite3_int64 *size) {
    return below(file)->pMethods->xFileSize(below(file), size);
}

static int ahead_lock(sqlite3_file *file, int kind) {
    forget(file);
    return below(file)->pMethods->xLock(below(file), kind);
}

static int ahead_unlock(sqlite3_file *file, int kind) {
    forget(file);
    return below(file)->pMethods->xUnlock(below(file), kind);
}

static int ahead_is_reserved(sqlite3_file *file, int *reserved) {
    return below(file)->pMethods->xCheckReservedLock(below(file), reserved);
}

/* What the value before left here may be what the next one needs as well. */
static int ahead_control(sqlite3_file *file, int what, void *argument) {
    ahead_file *ahead = (ahead_file *)file;
    if (what != EXPECT)
        return below(file)->pMethods->xFileControl(below(file), what, argument);
    ahead->expected = *(const sqlite3_int64 *)argument;
    ahead->served = 0;
    return SQLITE_OK;
}

static int ahead_sector(sqlite3_file *file) {
    return below(file)->pMethods->xSectorSize(below(file));
}

static int ahead_characteristics(sqlite3_file *file) {
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static int ahead_map(sqlite3_file *file, int region, int size, int extend, void volatile **out) {
    return below(file)->pMethods->xShmMap(below(file), region, size, extend, out);
}

/* A transaction begins and ends with a lock on the index of the log. */
static int ahead_lock_index(sqlite3_file *file, int offset, int n, int flags) {
    forget(file);
    return below(file)->pMethods->xShmLock(below(file), offset, n, flags);
}

static void ahead_barrier(sqlite3_file *file) {
    below(file)->pMethods->xShmBarrier(below(file));
}

static int ahead_unmap(sqlite3_file *file, int remove) {
    return below(file)->pMethods->xShmUnmap(below(file), remove);
}

/* Version 2: without memory mapping of the file itself. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = ahead_close,
    .xRead = ahead_read,
    .xWrite = ahead_write,
    .xTruncate = ahead_truncate,
    .xSync = ahead_sync,
    .xFileSize = ahead_size,
    .xLock = ahead_lock,
    .xUnlock = ahead_unlock,
    .xCheckReservedLock = ahead_is_reserved,
    .xFileControl = ahead_control,
    .xSectorSize = ahead_sector,
    .xDeviceCharacteristics = ahead_characteristics,
    .xShmMap = ahead_map,
    .xShmLock = ahead_lock_index,
    .xShmBarrier = ahead_barrier,
    .xShmUnmap = ahead_unmap,
};

/* Every other file is opened as if this layer were not there. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *opened) {
    sqlite3_vfs *under = vfs->pAppData;
    if (!(flags & SQLITE_OPEN_MAIN_DB))
        return under->xOpen(under, name, file, flags, opened);
    *(ahead_file *)file = (ahead_file){0};
    int code = under->xOpen(under, name, below(file), flags, opened);
    if (below(file)->pMethods)
        ((ahead_file *)file)->base.pMethods = &methods;
    return code;
}

void store_sqlite_ahead_register(void) {
    static sqlite3_vfs vfs;
    sqlite3_vfs *under = sqlite3_vfs_find(NULL);
    if (!under)
        return;
    vfs = *under;
    vfs.zName = STORE_SQLITE_AHEAD;
    vfs.szOsFile = (int)sizeof(ahead_file) + under->szOsFile;
    vfs.pAppData = under;
    vfs.xOpen = open_file;
    vfs.pNext = NULL;
    sqlite3_vfs_register(&vfs, 0);
}

void store_sqlite_expect(store_session *session, int64_t bytes) {
    sqlite3_int64 expected = bytes;
    sqlite3_file_control(((store_sqlite_session *)session)->connection, "main", EXPECT, &expected);
}
