/* What a PostgreSQL server, or libpq, says of a failure, in the errors of the program; and whether to try
 * again. */
#include "store/postgres.h"

#include <stdio.h>

typedef enum failure {
    FAILURE_OTHER,
    FAILURE_CONFLICT,
    FAILURE_SERIALIZATION,
    FAILURE_CONNECTION,
    FAILURE_RESOURCES,
    FAILURE_WAIT,
    FAILURE_DAMAGE,
    FAILURE_READ_ONLY,
    FAILURE_VALUE,
    FAILURE_PRIVILEGE,
} failure;

/* SQLSTATE prefixes; the first that fits decides. */
static const struct {
    const char *prefix;
    failure kind;
} failures[] = {
    {"23", FAILURE_CONFLICT},     {"40", FAILURE_SERIALIZATION}, {"08", FAILURE_CONNECTION},
    {"57P", FAILURE_CONNECTION},  {"25P03", FAILURE_CONNECTION}, {"53", FAILURE_RESOURCES},
    {"55P03", FAILURE_WAIT},      {"57014", FAILURE_WAIT},       {"58", FAILURE_DAMAGE},
    {"XX00", FAILURE_DAMAGE},     {"25006", FAILURE_READ_ONLY},  {"22021", FAILURE_VALUE},
    {"22P05", FAILURE_VALUE},     {"54", FAILURE_VALUE},         {"22003", FAILURE_VALUE},
    {"42501", FAILURE_PRIVILEGE}, {"28", FAILURE_PRIVILEGE},
};

/* What has no SQLSTATE comes from libpq itself: the connection is lost, even where its status says otherwise.
 */
static failure classify(const PGresult *result) {
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    for (size_t i = 0; state && i < sizeof failures / sizeof failures[0]; i++)
        if (strncmp(state, failures[i].prefix, strlen(failures[i].prefix)) == 0)
            return failures[i].kind;
    return state ? FAILURE_OTHER : FAILURE_CONNECTION;
}

/* The first line; libpq's own have several. */
static pl_str detail_of(const PGconn *connection, const PGresult *result) {
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    pl_str text = pl_str_trim(pl_str_from(primary ? primary : PQerrorMessage(connection)));
    return pl_str_head(text, pl_str_find_char(text, '\n'));
}

static int fail_read_only(store_session *session, pl_error *error) {
    if (session->mode == STORE_MODE_READ)
        return pl_failf(error, PL_E_InternalError, "A work that reads tried to write.");
    return pl_failf(error, PL_E_ServiceUnavailable, "The database server accepts no writes now.");
}

static int describe(store_session *session, failure kind, pl_str detail, pl_error *error) {
    switch (kind) {
    case FAILURE_CONFLICT: {
        char text[512];
        snprintf(text, sizeof text, "%.*s", PL_FMT(detail));
        return store_fail_conflict(error, text);
    }
    case FAILURE_SERIALIZATION:
        return pl_failf(error, PL_E_ServiceUnavailable, "Too many changes met on the same entries.");
    case FAILURE_CONNECTION:
        return pl_failf(error, PL_E_ServiceUnavailable, "The database cannot be reached: %.*s.",
                        PL_FMT(detail));
    case FAILURE_WAIT:
        return pl_failf(error, PL_E_ServiceUnavailable, "Another change holds an entry for too long.");
    case FAILURE_RESOURCES:
    case FAILURE_DAMAGE:
    case FAILURE_PRIVILEGE:
        pl_log_write(&session->store->log, PL_LOG_ERROR, "database: %.*s", PL_FMT(detail));
        return pl_failf(error, PL_E_ServiceUnavailable, "The database cannot serve now: %.*s.",
                        PL_FMT(detail));
    case FAILURE_READ_ONLY: return fail_read_only(session, error);
    case FAILURE_VALUE:
        return pl_failf(error, PL_E_InvalidParameter, "A value to be stored was refused: %.*s.",
                        PL_FMT(detail));
    case FAILURE_OTHER: break;
    }
    return pl_failf(error, PL_E_InternalError, "The database refused a statement: %.*s.", PL_FMT(detail));
}

int store_postgres_fail(store_session *session, const PGresult *result, pl_error *error) {
    const PGconn *connection = ((store_postgres_session *)session)->connection;
    failure kind = classify(result);
    if (kind == FAILURE_CONNECTION || PQstatus(connection) != CONNECTION_OK)
        session->broken = true;
    /* A duplicate may be a row that was committed after this work's snapshot: the next run sees it. */
    if (kind == FAILURE_SERIALIZATION || kind == FAILURE_CONNECTION || kind == FAILURE_CONFLICT)
        session->retry = true;
    return describe(session, kind, detail_of(connection, result), error);
}
