/*
 * The SQLite driver: an embedded database in one file. Owns the connections: one that writes, and read-only
 * ones that each see the snapshot of their transaction (write-ahead log).
 *
 * A commit is durable when it returns: write-ahead log with synchronous=FULL. Memory stays small: little page
 * cache per connection, no memory mapping (an input-output error under a mapping would be a signal, not an
 * error value); the operating system's cache does the rest.
 */
#include "store/sqlite.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    PAGE_SIZE = 4096, /* a change writes whole pages, and few rows on each */
    WRITER_CACHE_KIB = 16384,
    READER_CACHE_KIB = 1024,
};

static int execute(store_session *session, const char *sql, pl_error *error) {
    int code = sqlite3_exec(((store_sqlite_session *)session)->connection, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : store_sqlite_fail(session, code, error);
}

static int64_t pragma_number(store_session *session, const char *sql, pl_error *error) {
    sqlite3_stmt *handle = NULL;
    sqlite3 *connection = ((store_sqlite_session *)session)->connection;
    int code = sqlite3_prepare_v2(connection, sql, -1, &handle, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(handle);
    int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(handle, 0) : -1;
    if (code != SQLITE_ROW)
        store_sqlite_fail(session, code, error);
    sqlite3_finalize(handle);
    return number;
}

/*
 * Refuses a file that some other program made; marks a new one. The mark is set before any table is made, so
 * a file with tables whose mark is read afterwards and is missing is not ours, even while others start.
 */
static int claim_file(store_session *session, pl_error *error) {
    int64_t objects = pragma_number(session, "SELECT count(*) FROM sqlite_schema", error);
    int64_t id = objects < 0 ? -1 : pragma_number(session, "PRAGMA application_id", error);
    if (id < 0)
        return -1;
    if (id == STORE_SQLITE_APPLICATION)
        return 0;
    if (id != 0 || objects != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s is a database of another program.",
                        session->store->location);
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA application_id=%d",
             PAGE_SIZE, STORE_SQLITE_APPLICATION);
    return execute(session, sql, error);
}

static int configure(store_session *session, bool writer, pl_error *error) {
    char sql[256];
    sqlite3 *connection = ((store_sqlite_session *)session)->connection;
    sqlite3_busy_timeout(connection, (int)session->store->wait_seconds * 1000);
    sqlite3_extended_result_codes(connection, 1);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    snprintf(sql, sizeof sql,
             "PRAGMA mmap_size=0; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-%d",
             writer ? WRITER_CACHE_KIB : READER_CACHE_KIB);
    if (execute(session, sql, error) != 0)
        return -1;
    if (!writer)
        return 0;
    if (claim_file(session, error) != 0)
        return -1;
    if (execute(session, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", error) != 0)
        return -1;
    store_sqlite_watch_log((store_sqlite_session *)session);
    return 0;
}

static void sqlite_disconnect(store_session *base) {
    store_sqlite_session *session = (store_sqlite_session *)base;
    store_session_free(base);
    store_sqlite_plans_free(session);
    sqlite3_finalize(session->begin);
    sqlite3_finalize(session->commit);
    sqlite3_finalize(session->version);
    for (size_t i = 0; i < sizeof session->points / sizeof *session->points; i++)
        sqlite3_finalize(session->points[i]);
    sqlite3_close(session->connection);
    pl_free(session);
}

static int prepare_kept(store_sqlite_session *session, const char *sql, sqlite3_stmt **out, pl_error *error) {
    int code = sqlite3_prepare_v3(session->connection, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return code == SQLITE_OK ? 0 : store_sqlite_fail(&session->base, code, error);
}

static int prepare_points(store_sqlite_session *session, pl_error *error) {
    static const char *const sql[] = {
        [STORE_POINT_SET] = "SAVEPOINT work",
        [STORE_POINT_KEEP] = "RELEASE work",
        [STORE_POINT_UNDO] = "ROLLBACK TO work",
    };
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        if (prepare_kept(session, sql[i], &session->points[i], error) != 0)
            return -1;
    return 0;
}

static int prepare_frame(store_sqlite_session *session, bool writer, pl_error *error) {
    if (prepare_kept(session, writer ? "BEGIN IMMEDIATE" : "BEGIN", &session->begin, error) != 0 ||
        prepare_kept(session, "COMMIT", &session->commit, error) != 0 ||
        prepare_kept(session, "PRAGMA data_version", &session->version, error) != 0)
        return -1;
    return writer ? prepare_points(session, error) : 0;
}

/*
 * A switch to WAL is refused at once while another connection reads, whatever the busy timeout: writers that
 * start take turns by a lock on the directory. A descriptor of the directory, -1 where it cannot be had.
 */
static int take_turn(const char *location) {
    const char *slash = strrchr(location, '/');
    char directory[PATH_MAX] = ".";
    if (slash)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - location + 1), location);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    return fd;
}

static int configure_in_turn(store_session *session, bool writer, pl_error *error) {
    int turn = writer ? take_turn(session->store->location) : -1;
    int result = configure(session, writer, error);
    if (turn >= 0)
        close(turn);
    return result;
}

static store_session *sqlite_connect(store *s, bool writer, pl_error *error) {
    store_sqlite_session *session = pl_calloc(1, sizeof *session);
    if (!session) {
        store_fail_memory(error);
        return NULL;
    }
    store_session_init(&session->base, s);
    session->base.mode = writer ? STORE_MODE_WRITE : STORE_MODE_READ;
    int flags = (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(s->location, &session->connection, flags,
                               writer ? STORE_SQLITE_LOG : STORE_SQLITE_AHEAD);
    int result = code == SQLITE_OK ? 0 : store_sqlite_fail(&session->base, code, error);
    if (result == 0)
        result = configure_in_turn(&session->base, writer, error);
    if (result == 0)
        result = prepare_frame(session, writer, error);
    if (result == 0)
        return &session->base;
    sqlite_disconnect(&session->base);
    return NULL;
}

/* SQLite's own count of its memory takes a lock at every allocation and is asked for by nobody. */
static void prepare_library(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    store_sqlite_log_register();
    store_sqlite_ahead_register();
}

/* Makes the file first, so that it never exists with a wider mode than its owner's. */
static int sqlite_open(store *s, pl_error *error) {
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    pthread_once(&prepared, prepare_library);
    int how = s->read_only ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC;
    int fd = open(s->location, how, 0600);
    if (fd < 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "The database file %s cannot be opened: %s.",
                        s->location, strerrordesc_np(errno));
    close(fd);
    s->state = store_sqlite_state_new(s);
    return s->state ? 0 : store_fail_memory(error);
}

static void sqlite_close(store *s) {
    store_sqlite_state_free(s->state);
}

static int run_frame(store_session *session, sqlite3_stmt *handle, pl_error *error) {
    int code = sqlite3_step(handle);
    int result = code == SQLITE_DONE ? 0 : store_sqlite_fail(session, code, error);
    sqlite3_reset(handle);
    return result;
}

static bool sqlite_in_transaction(store_session *session) {
    return !sqlite3_get_autocommit(((store_sqlite_session *)session)->connection);
}

static void sqlite_rollback(store_session *session) {
    if (sqlite_in_transaction(session))
        sqlite3_exec(((store_sqlite_session *)session)->connection, "ROLLBACK", NULL, NULL, NULL);
}

/* A rollback that failed, for lack of memory, has left its transaction open: it is tried again. */
static int sqlite_begin(store_session *session, store_mode mode, pl_error *error) {
    (void)mode;
    sqlite_rollback(session);
    return run_frame(session, ((store_sqlite_session *)session)->begin, error);
}

static int sqlite_commit(store_session *session, pl_error *error) {
    if (run_frame(session, ((store_sqlite_session *)session)->commit, error) == 0)
        return 0;
    sqlite_rollback(session);
    return -1;
}

/* SQLite's own number: it changes with every commit of another connection, whichever process has it. */
static int sqlite_version(store_session *session, int64_t *version, pl_error *error) {
    sqlite3_stmt *handle = ((store_sqlite_session *)session)->version;
    int code = sqlite3_step(handle);
    *version = code == SQLITE_ROW ? sqlite3_column_int64(handle, 0) : -1;
    int result = code == SQLITE_ROW ? 0 : store_sqlite_fail(session, code, error);
    sqlite3_reset(handle);
    return result;
}

/* The connection has the index mapped since it first read, and for as long as it is open. */
static void find_index(store_sqlite_session *session) {
    enum { REGION = 32768 };
    sqlite3_file *file = NULL;
    void volatile *region = NULL;
    if (sqlite3_file_control(session->connection, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
        file && file->pMethods && file->pMethods->iVersion >= 2 && file->pMethods->xShmMap &&
        file->pMethods->xShmMap(file, 0, REGION, 0, &region) == SQLITE_OK)
        session->index = (const uint64_t *)(uintptr_t)region;
}

/*
 * The index of the write-ahead log begins with two copies of a head that every commit changes: a counter, the
 * length of the log and its checksum (sqlite.org/walformat.html, section 2.1). They differ during a commit.
 */
static void sqlite_glance(store_session *base, store_mark *mark) {
    enum { FORMAT = 3007000, WORDS = sizeof mark->words / sizeof *mark->words };
    store_sqlite_session *session = (store_sqlite_session *)base;
    if (!session->index)
        find_index(session);
    for (size_t i = 0; session->index && i < WORDS; i++)
        mark->words[i] = __atomic_load_n(&session->index[i], __ATOMIC_ACQUIRE);
    mark->known = session->index && (uint32_t)mark->words[0] == FORMAT &&
                  memcmp(mark->words, mark->words + WORDS / 2, sizeof mark->words / 2) == 0;
}

static int sqlite_point(store_session *base, store_point point, pl_error *error) {
    store_sqlite_session *session = (store_sqlite_session *)base;
    if (point == STORE_POINT_UNDO && run_frame(base, session->points[STORE_POINT_UNDO], error) != 0)
        return -1;
    return run_frame(base, session->points[point == STORE_POINT_SET ? point : STORE_POINT_KEEP], error);
}

const store_driver store_sqlite = {
    .name = "sqlite",
    .one_writer = true,
    .open = sqlite_open,
    .close = sqlite_close,
    .connect = sqlite_connect,
    .disconnect = sqlite_disconnect,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
    .version = sqlite_version,
    .glance = sqlite_glance,
    .point = sqlite_point,
    .tend = store_sqlite_tend,
    .script = execute,
    .prepare = store_sqlite_prepare,
    .finish = store_sqlite_finish,
    .reset = store_sqlite_reset,
    .bind = store_sqlite_bind,
    .step = store_sqlite_step,
    .expect = store_sqlite_expect,
    .column = store_sqlite_column,
    .column_i64 = store_sqlite_column_i64,
    .column_null = store_sqlite_column_null,
    .bulk_begin = store_sqlite_bulk_begin,
    .bulk_value = store_sqlite_bulk_value,
    .bulk_row = store_sqlite_bulk_row,
    .bulk_end = store_sqlite_bulk_end,
};
