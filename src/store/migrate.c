/*
 * Migrations: numbered SQL files, packed into the program, applied when the store is opened. Owns the table
 * schema_version, one row for each migration applied.
 *
 * All that are missing are applied in one transaction, taken exclusively among processes; so several
 * processes may start at once, and one that is killed, or a migration that fails, leaves the database as it
 * was. Inside a file, lines between `-- sqlite only` (or `-- postgres only`) and `-- end` are for that
 * database.
 */
#include "store/driver.h"

enum { SCRIPT_MAX = 1 << 20, VERSIONS_MAX = 10000 };

typedef struct migration {
    int64_t version;
    pl_str name; /* "0001_server.sql" */
    pl_str sql;
} migration;

typedef struct stored_versions {
    int64_t newest; /* 0: none */
    bool applied[VERSIONS_MAX];
} stored_versions;

/* Takes one packed entry off the front; false at the end or when the pack is malformed (*broken). */
static bool next_entry(pl_str *pack, migration *m, bool *broken) {
    pl_str length_text;
    int64_t length = 0;
    if (pack->n == 0)
        return false;
    *broken = true;
    if (!pl_str_split(pack, '\0', &m->name) || !pl_str_split(pack, '\0', &length_text) ||
        !pl_str_to_i64(length_text, &length) || length < 0 || (size_t)length >= pack->n)
        return false;
    m->sql = pl_str_head(*pack, (size_t)length);
    *pack = pl_str_skip(*pack, (size_t)length + 1);
    *broken = m->name.n < 6 || m->name.p[4] != '_' || !pl_str_to_i64(pl_str_head(m->name, 4), &m->version) ||
              m->version < 1;
    return !*broken;
}

/* The lines of the script that are meant for this database; false when the blocks are not balanced. */
static bool select_lines(pl_buf *out, pl_str script, bool postgres) {
    bool inside = false, wanted = true;
    pl_str line;
    while (pl_str_split(&script, '\n', &line)) {
        pl_str text = pl_str_trim(line);
        bool for_sqlite = pl_str_is(text, "-- sqlite only");
        if (for_sqlite || pl_str_is(text, "-- postgres only")) {
            if (inside)
                return false;
            inside = true;
            wanted = for_sqlite != postgres;
        } else if (inside && pl_str_is(text, "-- end")) {
            inside = false;
            wanted = true;
        } else if (wanted) {
            pl_buf_add(out, line);
            pl_buf_add_char(out, '\n');
        }
    }
    pl_buf_add_char(out, '\0');
    return !inside && !out->failed;
}

static int create_table(store_session *session, pl_error *error) {
    return session->store->driver->script(session,
                                          "CREATE TABLE IF NOT EXISTS schema_version("
                                          "version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
                                          "applied_at BIGINT NOT NULL)",
                                          error);
}

static int read_versions(store_session *session, void *argument, pl_error *error) {
    stored_versions *stored = argument;
    memset(stored, 0, sizeof *stored);
    store_statement *st = store_prepare(session, "SELECT version FROM schema_version", error);
    int result;
    while ((result = store_step(st, error)) == 1) {
        int64_t version = store_column_i64(st, 0);
        if (version > stored->newest)
            stored->newest = version;
        if (version > 0 && version < VERSIONS_MAX)
            stored->applied[version] = true;
    }
    return result;
}

static int apply_script(store_session *session, const migration *m, pl_error *error) {
    pl_buf sql;
    pl_buf_init(&sql, SCRIPT_MAX);
    int result = 0;
    if (!select_lines(&sql, m->sql, store_is_postgres(session)))
        result = sql.failed ? store_fail_memory(error)
                            : pl_failf(error, PL_E_InternalError,
                                       "%.*s: a block for one database has no end.", PL_FMT(m->name));
    else
        result = session->store->driver->script(session, sql.p, error);
    pl_buf_free(&sql);
    return result;
}

static int apply_one(store_session *session, const migration *m, pl_error *error) {
    pl_clock clock = pl_clock_system();
    pl_error cause;
    if (apply_script(session, m, &cause) == 0 &&
        store_run(session, &cause, "INSERT INTO schema_version(version, name, applied_at) VALUES($1, $2, $3)",
                  "iti", m->version, m->name, pl_now(&clock)) == 0)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "Migration %.*s could not be applied: %s",
                    PL_FMT(m->name), cause.message);
}

static int run_exclusively(store_session *session, store_work work, void *argument, pl_error *error) {
    const store_driver *driver = session->store->driver;
    session->mode = STORE_MODE_EXCLUSIVE;
    if (driver->begin(session, STORE_MODE_EXCLUSIVE, error) != 0)
        return -1;
    if (store_session_work(session, work, argument, error) == 0)
        return driver->commit(session, error);
    driver->rollback(session);
    return -1;
}

static int64_t newest_known(pl_str pack) {
    bool broken = false;
    migration m = {0};
    int64_t newest = 0;
    while (next_entry(&pack, &m, &broken))
        newest = m.version > newest ? m.version : newest;
    return newest;
}

/* What one start brings the schema to. */
typedef struct migrating {
    pl_str pack;
    int64_t known;          /* number of the newest migration */
    stored_versions stored; /* before */
} migrating;

static int refuse_newer(const stored_versions *stored, int64_t known, pl_error *error) {
    if (stored->newest <= known)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable,
                    "The database has schema version %lld, this program knows versions up to %lld: "
                    "use a newer program.",
                    (long long)stored->newest, (long long)known);
}

static int apply_missing(store_session *session, void *argument, pl_error *error) {
    migrating *all = argument;
    pl_str pack = all->pack;
    bool broken = false;
    migration m = {0};
    if (create_table(session, error) != 0 || read_versions(session, &all->stored, error) != 0 ||
        refuse_newer(&all->stored, all->known, error) != 0)
        return -1;
    while (next_entry(&pack, &m, &broken))
        if (!all->stored.applied[m.version] && apply_one(session, &m, error) != 0)
            return -1;
    return broken ? pl_failf(error, PL_E_InternalError, "The program's migrations are damaged.") : 0;
}

static void log_applied(const store *s, const migrating *all) {
    pl_str pack = all->pack;
    bool broken = false;
    migration m = {0};
    while (next_entry(&pack, &m, &broken))
        if (!all->stored.applied[m.version])
            pl_log_write(&s->log, PL_LOG_INFO, "applied migration %.*s", PL_FMT(m.name));
}

static int migrate_with(store_session *session, pl_str pack, pl_error *error) {
    migrating all = {.pack = pack, .known = newest_known(pack)};
    if (run_exclusively(session, apply_missing, &all, error) != 0)
        return -1;
    log_applied(session->store, &all);
    session->store->schema_version = (int)all.known;
    return 0;
}

int store_migrations_check(store *s, pl_str pack, pl_error *error) {
    stored_versions stored;
    if (store_read(s, read_versions, &stored, error) != 0)
        return -1;
    s->schema_version = (int)stored.newest;
    return refuse_newer(&stored, newest_known(pack), error);
}

int store_migrate(store *s, pl_str pack, pl_error *error) {
    store_session *session = s->writer;
    if (session)
        return migrate_with(session, pack, error);
    session = store_pool_take(s, error);
    if (!session)
        return -1;
    int result = migrate_with(session, pack, error);
    store_pool_give(session);
    return result;
}
