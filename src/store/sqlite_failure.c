/* What SQLite says of a failure, in the errors of the program. */
#include "store/sqlite.h"

int store_sqlite_fail(store_session *session, int code, pl_error *error) {
    const char *detail = sqlite3_errmsg(((store_sqlite_session *)session)->connection);
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT: return store_fail_conflict(error, detail);
    case SQLITE_FULL:
        return pl_failf(error, PL_E_ServiceUnavailable, "The disk that holds the database is full.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        pl_log_write(&session->store->log, PL_LOG_ERROR, "database %s: %s (code %d)",
                     session->store->location, detail, code);
        return pl_failf(error, PL_E_ServiceUnavailable, "The database file is damaged: %s.", detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return pl_failf(error, PL_E_ServiceUnavailable, "Another process holds the database for too long.");
    case SQLITE_NOMEM: return store_fail_memory(error);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return pl_failf(error, PL_E_ServiceUnavailable, "The database file cannot be used: %s (code %d).",
                        detail, code);
    case SQLITE_READONLY:
        if (session->mode != STORE_MODE_READ)
            return pl_failf(error, PL_E_ServiceUnavailable, "The database file may not be written.");
        return pl_failf(error, PL_E_InternalError, "A work that reads tried to write.");
    case SQLITE_TOOBIG: return pl_failf(error, PL_E_InvalidParameter, "A value to be stored is too long.");
    default: return pl_failf(error, PL_E_InternalError, "The database refused a statement: %s.", detail);
    }
}
