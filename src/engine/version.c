/* Versions of an account's rules: what views compare, and what every change renews. */
#include "engine/private.h"

int engine_version_read(store_session *session, pl_str account_id, int64_t *version, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT version FROM rule_versions WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    *version = 0;
    int row = store_step(st, error);
    if (row == 1) {
        *version = store_column_i64(st, 0);
        store_reset(st);
    }
    return row < 0 ? -1 : 0;
}

int engine_version_renew(engine *e, store_session *session, pl_str account_id, pl_error *error) {
    int64_t version;
    if (pl_random_fill(&e->config.random, &version, sizeof version) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return store_run(
        session, error,
        "INSERT INTO rule_versions (account_id, version) VALUES ($1, $2) ON CONFLICT (account_id) "
        "DO UPDATE SET version = excluded.version",
        "ti", account_id, version);
}
