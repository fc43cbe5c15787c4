/* Rows of files and their pieces. */
#include "reports/private.h"

enum { LEASE_MS = 120000, RETRY_MS = 10000, TRIES = 3, SWEPT_AT_ONCE = 20, OLD_MAX = 64 };

#define COLUMNS                                                                                              \
    "file_id, kind, aggregator_id, object_id, request, send, state, started, ended, name, content_type, "    \
    "size, account_id"

pl_str reports_state_name(reports_state state) {
    static const pl_str names[] = {PL_STR_INIT(""), PL_STR_INIT("CREATING"), PL_STR_INIT("COMPLETE"),
                                   PL_STR_INIT("FAILED")};
    return names[state];
}

static int read_row(store_statement *st, pl_arena *arena, reports_file *out, pl_error *error) {
    *out = (reports_file){.file_id = pl_arena_copy(arena, store_column_text(st, 0)),
                          .kind = (reports_kind)store_column_i64(st, 1),
                          .aggregator_id = pl_arena_copy(arena, store_column_text(st, 2)),
                          .object_id = pl_arena_copy(arena, store_column_text(st, 3)),
                          .request = pl_arena_copy(arena, store_column_text(st, 4)),
                          .send = store_column_i64(st, 5) != 0,
                          .state = (reports_state)store_column_i64(st, 6),
                          .started = store_column_i64(st, 7),
                          .ended = store_column_i64(st, 8),
                          .name = pl_arena_copy(arena, store_column_text(st, 9)),
                          .content_type = pl_arena_copy(arena, store_column_text(st, 10)),
                          .size = store_column_i64(st, 11),
                          .account_id = pl_arena_copy(arena, store_column_text(st, 12))};
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int take_row(store_statement *st, pl_arena *arena, reports_file *out, bool *found, pl_error *error) {
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    int result = read_row(st, arena, out, error);
    store_reset(st);
    return result;
}

/* --- Asking ----------------------------------------------------------------------------------------------
 */

static pl_str subject_of(pl_arena *arena, reports_kind kind, pl_str aggregator_id, pl_str object_id) {
    return pl_arena_printf(arena, "%d/%.*s/%.*s", (int)kind, PL_FMT(aggregator_id), PL_FMT(object_id));
}

static int make_id(pl_arena *arena, const pl_random *random, reports_file *file, pl_error *error) {
    char digits[33];
    size_t count = file->kind == REPORTS_RULES ? 16 : 32;
    const char *prefix = file->kind == REPORTS_RULES      ? "crp-"
                         : file->kind == REPORTS_TEMPLATE ? "crtr-"
                                                          : "crf-";
    if (pl_random_hex(random, digits, count) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    file->file_id = pl_arena_printf(arena, "%s%s", prefix, digits);
    return file->file_id.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int insert(store_session *session, const reports_file *file, pl_str subject, pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO report_files (account_id, file_id, subject, kind, aggregator_id, object_id, "
        "request, send, state, started, ended, name, content_type, size, attempts, due, node) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', '', 0, 0, 0, '')",
        "tttitttiii", file->account_id, file->file_id, subject, (int64_t)file->kind, file->aggregator_id,
        file->object_id, file->request, (int64_t)file->send, (int64_t)REPORTS_CREATING, file->started);
}

/* Asking again for a report that is only to be looked at must not lose that it is to be sent. */
static int join(store_session *session, const reports_file *asked, reports_file *running, pl_error *error) {
    if (!asked->send || running->send)
        return 0;
    running->send = true;
    return store_run(session, error,
                     "UPDATE report_files SET send = 1 WHERE account_id = $1 AND file_id = $2", "tt",
                     running->account_id, running->file_id);
}

/* A file with its pieces. */
static int drop(store_session *session, const reports_file *file, pl_error *error) {
    if (files_drop_chunks(session, file, error) != 0)
        return -1;
    return store_run(session, error, "DELETE FROM report_files WHERE account_id = $1 AND file_id = $2", "tt",
                     file->account_id, file->file_id);
}

int reports_start(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                  reports_file *file, bool *busy, pl_error *error) {
    reports_file running;
    pl_str subject = subject_of(arena, file->kind, file->aggregator_id, file->object_id);
    if (!subject.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_statement *st = store_prepare(
        session, "SELECT " COLUMNS " FROM report_files WHERE account_id = $1 AND subject = $2 AND state = $3",
        error);
    store_bind_text(st, 1, file->account_id);
    store_bind_text(st, 2, subject);
    store_bind_i64(st, 3, REPORTS_CREATING);
    if (take_row(st, arena, &running, busy, error) != 0)
        return -1;
    bool stays = file->kind == REPORTS_PACK || file->kind == REPORTS_RULES;
    if (*busy && (stays || pl_str_eq(running.request, file->request))) {
        int result = join(session, file, &running, error);
        *file = running;
        return result;
    }
    file->started = now;
    file->state = REPORTS_CREATING;
    file->name = file->content_type = PL_STR("");
    if ((*busy && drop(session, &running, error) != 0) || make_id(arena, random, file, error) != 0 ||
        insert(session, file, subject, error) != 0)
        return -1;
    *busy = false;
    return store_notify(session, PL_STR("reports"), PL_STR("wanted"), error);
}

int reports_find(store_session *session, pl_arena *arena, pl_str account_id, reports_kind kind,
                 pl_str aggregator_id, pl_str object_id, reports_file *out, bool *found, pl_error *error) {
    pl_str subject = subject_of(arena, kind, aggregator_id, object_id);
    if (!subject.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_statement *st =
        store_prepare(session,
                      "SELECT " COLUMNS " FROM report_files WHERE account_id = $1 AND subject = "
                      "$2 ORDER BY started DESC, file_id LIMIT 1",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, subject);
    return take_row(st, arena, out, found, error);
}

int reports_find_id(store_session *session, pl_arena *arena, pl_str account_id, pl_str file_id,
                    reports_file *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " COLUMNS " FROM report_files WHERE account_id = $1 AND file_id = $2", error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, file_id);
    return take_row(st, arena, out, found, error);
}

int reports_read(store_session *session, pl_arena *arena, pl_str account_id, pl_str file_id, int64_t position,
                 pl_str *bytes, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT bytes FROM report_chunks WHERE account_id = $1 AND file_id = $2 AND position = $3",
        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, file_id);
    store_bind_i64(st, 3, position);
    *bytes = PL_STR_NONE;
    int step = store_step(st, error);
    if (step <= 0)
        return step;
    *bytes = pl_arena_copy(arena, store_column_blob(st, 0));
    store_reset(st);
    return bytes->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* --- Making ----------------------------------------------------------------------------------------------
 */

int files_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, reports_file *file,
                bool *found, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      store_is_postgres(session)
                          ? "SELECT " COLUMNS " FROM report_files WHERE state = 1 AND due <= $1 ORDER BY "
                            "due, started LIMIT 1 FOR UPDATE SKIP "
                            "LOCKED"
                          : "SELECT " COLUMNS
                            " FROM report_files WHERE state = 1 AND due <= $1 ORDER BY due, started LIMIT 1",
                      error);
    store_bind_i64(st, 1, now);
    int status = take_row(st, arena, file, found, error);
    if (status != 0 || !*found)
        return status;
    return store_run(
        session, error,
        "UPDATE report_files SET due = $3, node = $4, attempts = attempts + 1 WHERE account_id = "
        "$1 AND file_id = $2",
        "ttit", file->account_id, file->file_id, now + LEASE_MS, node);
}

int files_renew(store_session *session, pl_str account_id, pl_str file_id, pl_str node, int64_t now,
                pl_error *error) {
    return store_run(session, error,
                     "UPDATE report_files SET due = $4 WHERE account_id = $1 AND file_id = $2 AND node = $3 "
                     "AND state = 1",
                     "ttti", account_id, file_id, node, now + LEASE_MS);
}

int files_release(store_session *session, pl_error *error) {
    if (store_is_postgres(session))
        return 0;
    return store_run(session, error,
                     "UPDATE report_files SET due = 0, node = '' WHERE state = 1 AND node <> ''", "");
}

int files_hold(store_session *session, const reports_file *file, pl_str node, bool *held, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        store_is_postgres(session)
            ? "SELECT 1 FROM report_files WHERE account_id = $1 AND file_id = $2 AND node = $3 AND state = 1 "
              "FOR UPDATE"
            : "SELECT 1 FROM report_files WHERE account_id = $1 AND file_id = $2 AND node = $3 AND state = 1",
        error);
    store_bind_text(st, 1, file->account_id);
    store_bind_text(st, 2, file->file_id);
    store_bind_text(st, 3, node);
    return store_any(st, held, error);
}

int files_drop_chunks(store_session *session, const reports_file *file, pl_error *error) {
    return store_run(session, error, "DELETE FROM report_chunks WHERE account_id = $1 AND file_id = $2", "tt",
                     file->account_id, file->file_id);
}

int files_put_chunk(store_session *session, const reports_file *file, int64_t position, pl_str bytes,
                    pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO report_chunks (account_id, file_id, position, bytes) VALUES ($1, $2, $3, "
                     "$4)",
                     "ttib", file->account_id, file->file_id, position, bytes);
}

/* The ended files of a subject but for the newest `keep`. */
static int drop_older(store_session *session, const reports_file *file, int64_t keep, pl_error *error) {
    char ids[OLD_MAX][REPORTS_ID];
    size_t count = 0;
    int step;
    int64_t seen = 0;
    pl_arena arena;
    pl_arena_init(&arena, 1 << 16);
    store_statement *st = store_prepare(session,
                                        "SELECT file_id FROM report_files WHERE account_id = $1 AND subject "
                                        "= $2 AND state <> 1 ORDER BY started DESC, file_id",
                                        error);
    store_bind_text(st, 1, file->account_id);
    pl_str subject = subject_of(&arena, file->kind, file->aggregator_id, file->object_id);
    store_bind_text(st, 2, subject);
    step = subject.p ? 1 : pl_fail(error, PL_E_ServiceUnavailable);
    while (step == 1 && (step = store_step(st, error)) == 1)
        if (seen++ >= keep && count < OLD_MAX)
            snprintf(ids[count++], REPORTS_ID, "%.*s", PL_FMT(store_column_text(st, 0)));
    pl_arena_free(&arena);
    for (size_t i = 0; step == 0 && i < count; i++) {
        reports_file old = {.account_id = file->account_id, .file_id = pl_str_from(ids[i])};
        if (drop(session, &old, error) != 0)
            return -1;
    }
    return step;
}

int files_complete(store_session *session, const reports_file *file, pl_error *error) {
    if (store_run(session, error,
                  "UPDATE report_files SET state = 2, ended = $3, name = $4, content_type = $5, size = $6, "
                  "node = '' WHERE account_id = $1 AND file_id = $2",
                  "ttitti", file->account_id, file->file_id, file->ended, file->name, file->content_type,
                  file->size) != 0)
        return -1;
    return drop_older(session, file, file->kind == REPORTS_RULES ? REPORTS_RULES_KEPT : 1, error);
}

int files_fail(store_session *session, const reports_file *file, int64_t now, bool final, pl_error *error) {
    if (files_drop_chunks(session, file, error) != 0)
        return -1;
    return store_run(session, error,
                     "UPDATE report_files SET node = '', due = $3, state = CASE WHEN CAST($4 AS BIGINT) = 1 "
                     "OR attempts >= $5 THEN 3 ELSE 1 END, ended = CASE WHEN CAST($4 AS BIGINT) = 1 OR "
                     "attempts >= $5 THEN CAST($6 AS BIGINT) ELSE 0 END WHERE account_id = $1 AND file_id = "
                     "$2",
                     "ttiiii", file->account_id, file->file_id, now + RETRY_MS, (int64_t) final,
                     (int64_t)TRIES, now);
}

/* --- Forgetting ------------------------------------------------------------------------------------------
 */

int files_sweep(store_session *session, int64_t before, pl_error *error) {
    pl_arena arena;
    reports_file old[SWEPT_AT_ONCE];
    size_t count = 0;
    int step;
    pl_arena_init(&arena, 1 << 16);
    store_statement *st = store_prepare(session,
                                        "SELECT account_id, file_id FROM report_files WHERE state <> 1 AND "
                                        "ended < $1 ORDER BY ended LIMIT $2",
                                        error);
    store_bind_i64(st, 1, before);
    store_bind_i64(st, 2, SWEPT_AT_ONCE);
    while ((step = store_step(st, error)) == 1)
        old[count++] = (reports_file){.account_id = pl_arena_copy(&arena, store_column_text(st, 0)),
                                      .file_id = pl_arena_copy(&arena, store_column_text(st, 1))};
    if (step == 0 && arena.failed)
        step = pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; step == 0 && i < count; i++)
        if (drop(session, &old[i], error) != 0)
            step = -1;
    pl_arena_free(&arena);
    return step;
}

int reports_delete_account(store_session *session, pl_str account_id, pl_error *error) {
    static const char *const statements[] = {"DELETE FROM report_chunks WHERE account_id = $1",
                                             "DELETE FROM report_files WHERE account_id = $1",
                                             "DELETE FROM report_templates WHERE account_id = $1"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "t", account_id) != 0)
            return -1;
    return 0;
}
