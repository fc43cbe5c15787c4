/* Rows of functions, their code and aliases. */
#include "functions/record.h"

#include "json/parser.h"

#define COLUMNS                                                                                              \
    "name, version, function_id, runtime, handler, description, environment, role, runtime_config, "         \
    "endpoint, members, code_checksum, revision, timeout_seconds, memory_mb, disk_mb, code_size, created, "  \
    "modified"

static int read_row(store_statement *st, pl_arena *arena, pl_str account_id, function_record *out,
                    pl_error *error) {
    *out = (function_record){.account_id = account_id};
    pl_str *texts[] = {&out->name,           &out->version,     &out->function_id, &out->runtime,
                       &out->handler,        &out->description, &out->environment, &out->role,
                       &out->runtime_config, &out->endpoint,    &out->members,     &out->code_checksum,
                       &out->revision};
    int64_t *numbers[] = {&out->timeout_seconds, &out->memory_mb, &out->disk_mb,
                          &out->code_size,       &out->created,   &out->modified};
    int column = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = pl_arena_copy(arena, store_column_text(st, column++));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = store_column_i64(st, column++);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int find_version(store_session *session, pl_arena *arena, pl_str account_id, pl_str name,
                        pl_str version, function_record *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " COLUMNS " FROM functions WHERE account_id = $1 AND name = $2 AND version = $3",
        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, name);
    store_bind_text(st, 3, version);
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    int status = read_row(st, arena, account_id, out, error);
    store_reset(st);
    return status;
}

static int resolve_alias(store_session *session, pl_arena *arena, pl_str account_id, pl_str name,
                         pl_str *qualifier, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT version FROM function_aliases WHERE account_id = $1 AND name = $2 AND alias = $3",
        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, name);
    store_bind_text(st, 3, *qualifier);
    int step = store_step(st, error);
    if (step <= 0)
        return step;
    *qualifier = pl_arena_copy(arena, store_column_text(st, 0));
    store_reset(st);
    return qualifier->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

int function_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str name, pl_str qualifier,
                  function_record *out, bool *found, pl_error *error) {
    if (qualifier.n == 0)
        qualifier = FUNCTION_LATEST;
    if (find_version(session, arena, account_id, name, qualifier, out, found, error) != 0 || *found)
        return *found ? 0 : -1;
    if (resolve_alias(session, arena, account_id, name, &qualifier, error) != 0)
        return -1;
    return find_version(session, arena, account_id, name, qualifier, out, found, error);
}

int function_put(store_session *session, const function_record *r, pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO functions (account_id, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
        "$11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ON CONFLICT (account_id, name, version) DO UPDATE "
        "SET "
        "runtime = excluded.runtime, handler = excluded.handler, description = excluded.description, "
        "environment = excluded.environment, role = excluded.role, runtime_config = excluded.runtime_config, "
        "endpoint = excluded.endpoint, members = excluded.members, code_checksum = excluded.code_checksum, "
        "revision = excluded.revision, "
        "timeout_seconds = excluded.timeout_seconds, memory_mb = excluded.memory_mb, disk_mb = "
        "excluded.disk_mb, code_size = excluded.code_size, modified = excluded.modified",
        "ttttttttttttttiiiiii", r->account_id, r->name, r->version, r->function_id, r->runtime, r->handler,
        r->description, r->environment, r->role, r->runtime_config, r->endpoint, r->members, r->code_checksum,
        r->revision, r->timeout_seconds, r->memory_mb, r->disk_mb, r->code_size, r->created, r->modified);
}

static int drop_unused_code(store_session *session, pl_str account_id, pl_error *error) {
    return store_run(session, error,
                     "DELETE FROM function_code WHERE account_id = $1 AND checksum NOT IN (SELECT "
                     "code_checksum FROM functions WHERE account_id = $1)",
                     "t", account_id);
}

int function_delete(store_session *session, pl_str account_id, pl_str name, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM functions WHERE account_id = $1 AND name = $2",
        "DELETE FROM function_aliases WHERE account_id = $1 AND name = $2",
        "DELETE FROM function_invocations WHERE account_id = $1 AND name = $2",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "tt", account_id, name) != 0)
            return -1;
    return drop_unused_code(session, account_id, error);
}

int function_delete_version(store_session *session, pl_str account_id, pl_str name, pl_str version,
                            bool *deleted, pl_error *error) {
    int64_t changes;
    if (store_run_counted(session, &changes, error,
                          "DELETE FROM functions WHERE account_id = $1 AND name = $2 AND version = $3", "ttt",
                          account_id, name, version) != 0)
        return -1;
    *deleted = changes > 0;
    return drop_unused_code(session, account_id, error);
}

static int read_rows(store_statement *st, pl_arena *arena, pl_str account_id, size_t limit,
                     function_record **records, size_t *count, pl_error *error) {
    *records = pl_new(arena, function_record, limit ? limit : 1);
    *count = 0;
    if (!*records)
        return pl_fail(error, PL_E_ServiceUnavailable);
    int step;
    while ((step = store_step(st, error)) == 1)
        if (read_row(st, arena, account_id, *records + (*count)++, error) != 0)
            return -1;
    return step;
}

int function_list(store_session *session, pl_arena *arena, pl_str account_id, pl_str prefix, pl_str after,
                  size_t limit, function_record **records, size_t *count, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " COLUMNS " FROM functions WHERE account_id = $1 AND version "
                                        "= 'LATEST' AND name > $2 AND substr(name, 1, length($3)) = $3 ORDER "
                                        "BY name LIMIT $4",
                                        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, pl_str_or_empty(after));
    store_bind_text(st, 3, pl_str_or_empty(prefix));
    store_bind_i64(st, 4, (int64_t)limit);
    return read_rows(st, arena, account_id, limit, records, count, error);
}

int function_list_versions(store_session *session, pl_arena *arena, pl_str account_id, pl_str name,
                           function_record **records, size_t *count, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " COLUMNS " FROM functions WHERE account_id = $1 AND name = "
                                        "$2 AND version <> 'LATEST' ORDER BY length(version) DESC, version "
                                        "DESC LIMIT $3",
                                        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, name);
    store_bind_i64(st, 3, FUNCTION_VERSIONS_MAX);
    return read_rows(st, arena, account_id, FUNCTION_VERSIONS_MAX, records, count, error);
}

int function_count(store_session *session, pl_str account_id, int64_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT COUNT(*) FROM functions WHERE account_id = $1 AND version = 'LATEST'", error);
    store_bind_text(st, 1, account_id);
    return store_number(st, count, error);
}

/* --- Code --------------------------------------------------------------------------------------------------
 */

int function_put_code(store_session *session, pl_str account_id, pl_str checksum, pl_str package,
                      pl_error *error) {
    if (store_run(session, error,
                  "INSERT INTO function_code (account_id, checksum, package) VALUES ($1, $2, $3) ON CONFLICT "
                  "(account_id, checksum) DO NOTHING",
                  "ttb", account_id, checksum, package) != 0)
        return -1;
    return 0;
}

int function_get_code(store_session *session, pl_arena *arena, pl_str account_id, pl_str checksum,
                      pl_str *package, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT package FROM function_code WHERE account_id = $1 AND checksum = $2", error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, checksum);
    int step = store_step(st, error);
    *package = step == 1 ? pl_arena_copy(arena, store_column_blob(st, 0)) : PL_STR_NONE;
    if (step == 1)
        store_reset(st);
    if (step == 1 && !package->p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return step < 0 ? -1 : 0;
}

/* --- Aliases
 * ------------------------------------------------------------------------------------------------ */

int function_put_alias(store_session *session, pl_str account_id, pl_str name, const function_alias *alias,
                       pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO function_aliases (account_id, name, alias, version, description, created, "
                     "modified) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, name, alias) DO "
                     "UPDATE SET version = excluded.version, description = excluded.description, modified = "
                     "excluded.modified",
                     "tttttii", account_id, name, alias->name, alias->version, alias->description,
                     alias->created, alias->modified);
}

int function_delete_alias(store_session *session, pl_str account_id, pl_str name, pl_str alias, bool *deleted,
                          pl_error *error) {
    int64_t changes;
    if (store_run_counted(session, &changes, error,
                          "DELETE FROM function_aliases WHERE account_id = $1 AND name = $2 AND alias = $3",
                          "ttt", account_id, name, alias) != 0)
        return -1;
    *deleted = changes > 0;
    return 0;
}

int function_list_aliases(store_session *session, pl_arena *arena, pl_str account_id, pl_str name,
                          function_alias **aliases, size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    store_statement *st = store_prepare(session,
                                        "SELECT alias, version, description, created, modified FROM "
                                        "function_aliases WHERE account_id = $1 AND name = $2 ORDER BY alias",
                                        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, name);
    *aliases = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        function_alias *grown = pl_arena_grow(arena, *aliases, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *aliases = grown;
        grown[(*count)++] = (function_alias){
            pl_arena_copy(arena, store_column_text(st, 0)), pl_arena_copy(arena, store_column_text(st, 1)),
            pl_arena_copy(arena, store_column_text(st, 2)), store_column_i64(st, 3), store_column_i64(st, 4)};
    }
    return step < 0 || arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int function_initializer_of(pl_arena *arena, const function_record *record, function_initializer *out,
                            pl_error *error) {
    pl_json root = PL_JSON_NONE;
    if (record->members.n > 2 && pl_json_parse_in(arena, record->members, &root, error) != 0)
        return -1;
    pl_json initializer =
        pl_json_get(pl_json_get(root, PL_STR("instanceLifecycleConfig")), PL_STR("initializer"));
    *out = (function_initializer){.handler = pl_json_str(pl_json_get(initializer, PL_STR("handler"))),
                                  .timeout_seconds = FUNCTION_INITIALIZER_SECONDS};
    pl_json_i64(pl_json_get(initializer, PL_STR("timeout")), &out->timeout_seconds);
    return 0;
}

/* --- Names
 * -------------------------------------------------------------------------------------------------- */

bool function_name_is_sound(pl_str name) {
    if (name.n == 0 || name.n > FUNCTION_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i], letter = (char)(c | 32);
        bool first = (letter >= 'a' && letter <= 'z') || c == '_';
        if (!first && (i == 0 || ((c < '0' || c > '9') && c != '-')))
            return false;
    }
    return true;
}

/* services/{service}[.{qualifier}]/functions/{function} or functions/{function}[/{qualifier}] */
static bool parse_path(pl_str path, function_name *out) {
    pl_str word, service, functions;
    if (!pl_str_split(&path, '/', &word))
        return false;
    if (pl_str_is(word, "services")) {
        if (!pl_str_split(&path, '/', &service) || !pl_str_split(&path, '/', &functions) ||
            !pl_str_is(functions, "functions"))
            return false;
        size_t dot = pl_str_find_char(service, '.');
        if (dot != PL_NOT_FOUND)
            out->qualifier = pl_str_skip(service, dot + 1);
        out->name = path;
        return pl_str_find_char(path, '/') == PL_NOT_FOUND;
    }
    if (!pl_str_is(word, "functions") || !pl_str_split(&path, '/', &out->name))
        return false;
    if (path.p)
        out->qualifier = path;
    return true;
}

bool function_arn_parse(pl_str arn, function_name *out) {
    pl_str acs, fc;
    *out = (function_name){.qualifier = FUNCTION_LATEST};
    if (!pl_str_split(&arn, ':', &acs) || !pl_str_split(&arn, ':', &fc) ||
        !pl_str_split(&arn, ':', &out->region) || !pl_str_split(&arn, ':', &out->account_id) || !arn.p)
        return false;
    return pl_str_is(acs, "acs") && pl_str_is(fc, "fc") && out->region.n > 0 && out->account_id.n > 0 &&
           parse_path(arn, out) && function_name_is_sound(out->name) && out->qualifier.n > 0;
}

int functions_delete_account(store_session *session, pl_str account_id, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM functions WHERE account_id = $1",
        "DELETE FROM function_code WHERE account_id = $1",
        "DELETE FROM function_aliases WHERE account_id = $1",
        "DELETE FROM function_invocations WHERE account_id = $1",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "t", account_id) != 0)
            return -1;
    return 0;
}
