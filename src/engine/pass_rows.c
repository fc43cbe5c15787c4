/* The rows of runs (evaluation_runs): taking them with a lease, moving them on, ending them, giving them
 * back. */
#include "engine/pass.h"

enum { LEASE_MILLISECONDS = 60000 };

/* --- Taking ----------------------------------------------------------------------------------------------
 */

static int forget_row(store_session *session, pl_str account_id, int64_t rule_key, pl_error *error) {
    return store_run(session, error, "DELETE FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2",
                     "ti", account_id, rule_key);
}

/* A stored run as its row tells it. */
struct waiting {
    int64_t rule_key, ordering, message_type, revert;
    pl_str owner_id;
};

static int add_run(engine_pass *p, store_session *session, const struct waiting *row, int64_t now,
                   pl_error *error) {
    engine_rule rule;
    bool found, inside = false;
    engine_run_rule *added = NULL;
    if (engine_rule_find_key(session, &p->run.arena, row->owner_id, row->rule_key, &rule, &found, error) != 0)
        return -1;
    if (found && !(added = engine_run_add(&p->run, session, &rule, &inside, error)))
        return -1;
    if (!inside)
        return forget_row(session, p->run.account_id, row->rule_key, error);
    added->ordering = row->ordering;
    added->message_type = (engine_message_type)row->message_type;
    added->revert = row->revert != 0;
    return store_run(
        session, error,
        "UPDATE evaluation_runs SET node = $3, leased_until = $4 WHERE account_id = $1 AND rule_key = $2",
        "titi", p->run.account_id, row->rule_key, pl_str_from(p->lease), now + LEASE_MILLISECONDS);
}

static int read_waiting(engine_pass *p, store_session *session, int64_t now, struct waiting *rows,
                        size_t *count, pl_error *error) {
    int step;
    store_statement *st = store_prepare(
        session,
        store_is_postgres(session)
            ? "SELECT rule_key, ordering, message_type, revert, owner_id FROM evaluation_runs WHERE "
              "account_id = $1 AND resource_type = $2 AND resource_key = $3 AND leased_until < $4 ORDER BY "
              "ordering, rule_key LIMIT $5 FOR UPDATE SKIP LOCKED"
            : "SELECT rule_key, ordering, message_type, revert, owner_id FROM evaluation_runs WHERE "
              "account_id = $1 AND resource_type = $2 AND resource_key = $3 AND leased_until < $4 ORDER BY "
              "ordering, rule_key LIMIT $5",
        error);
    store_bind_text(st, 1, p->run.account_id);
    store_bind_text(st, 2, p->run.stored_type);
    store_bind_i64(st, 3, p->run.stored_key);
    store_bind_i64(st, 4, now);
    store_bind_i64(st, 5, ENGINE_RUN_RULES);
    for (*count = 0; (step = store_step(st, error)) == 1; ++*count) {
        rows[*count] =
            (struct waiting){store_column_i64(st, 0), store_column_i64(st, 1), store_column_i64(st, 2),
                             store_column_i64(st, 3), pl_arena_copy(&p->run.arena, store_column_text(st, 4))};
        if (!rows[*count].owner_id.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return step;
}

/* The run that waits longest, and all that stand where it stands. */
static int begin_first(engine_pass *p, store_session *session, int64_t now, bool *any, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT account_id, resource_type, resource_key FROM evaluation_runs "
                                        "WHERE leased_until < $1 ORDER BY ordering, account_id, rule_key "
                                        "LIMIT 1",
                                        error);
    store_bind_i64(st, 1, now);
    int step = store_step(st, error);
    *any = step == 1;
    if (step <= 0)
        return step;
    int status = engine_run_begin(&p->run, p->e, store_column_text(st, 0), ENGINE_RUN_RULES, error);
    if (status == 0)
        status = engine_run_resume(&p->run, store_column_text(st, 1), store_column_i64(st, 2), error);
    p->run.makes_pages = true;
    store_reset(st);
    return status;
}

static int add_runs(engine_pass *p, store_session *session, int64_t now, pl_error *error) {
    static const size_t most = ENGINE_RUN_RULES;
    size_t count;
    struct waiting *rows = pl_new(&p->run.arena, struct waiting, most);
    if (!rows)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (read_waiting(p, session, now, rows, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_run(p, session, &rows[i], now, error) != 0)
            return -1;
    p->type = p->run.stored_type;
    p->key = p->run.stored_key;
    return 0;
}

int engine_pass_fill(engine_pass *p, store_session *session, int64_t now, bool *any, pl_error *error) {
    *any = false;
    if (begin_first(p, session, now, any, error) != 0)
        return -1;
    return *any ? add_runs(p, session, now, error) : 0;
}

int engine_pass_any(store_session *session, int64_t now, bool *any, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM evaluation_runs WHERE leased_until < $1 LIMIT 1", error);
    store_bind_i64(st, 1, now);
    return store_any(st, any, error);
}

/* --- Moving on -------------------------------------------------------------------------------------------
 */

int engine_pass_check(engine_pass *p, store_session *session, bool *lost, pl_error *error) {
    engine_run *run = &p->run;
    int step;
    store_statement *st = store_prepare(
        session, "SELECT rule_key, ordering FROM evaluation_runs WHERE account_id = $1 AND node = $2", error);
    store_bind_text(st, 1, run->account_id);
    store_bind_text(st, 2, pl_str_from(p->lease));
    for (size_t i = 0; i < run->count; i++) {
        run->rules[i].lost = true;
        run->rules[i].counts = (engine_counts){0};
    }
    *lost = true;
    while ((step = store_step(st, error)) == 1) {
        int64_t rule_key = store_column_i64(st, 0), ordering = store_column_i64(st, 1);
        for (size_t i = 0; i < run->count; i++)
            if (run->rules[i].rule.rule_key == rule_key && run->rules[i].ordering == ordering)
                *lost = run->rules[i].lost = false;
    }
    return step;
}

static int move_row(engine_pass *p, store_session *session, const engine_run_rule *rule, int64_t now,
                    pl_error *error) {
    const int64_t *by = rule->counts.by;
    return store_run(session, error,
                     "UPDATE evaluation_runs SET resource_type = $3, resource_key = $4, leased_until = $5, "
                     "covered = covered + $6, non_compliant = non_compliant + $7, not_applicable = "
                     "not_applicable + $8, insufficient = insufficient + $9, ignored = ignored + $10 WHERE "
                     "account_id = $1 AND rule_key = $2",
                     "titiiiiiii", p->run.account_id, rule->rule.rule_key, p->run.stored_type,
                     p->run.stored_key, now + LEASE_MILLISECONDS, rule->counts.total,
                     by[ENGINE_NON_COMPLIANT], by[ENGINE_NOT_APPLICABLE], by[ENGINE_INSUFFICIENT_DATA],
                     by[ENGINE_IGNORED]);
}

/* The row's counts become the rule's; when it was the last row of the rule, the rule's run has ended. */
static int finish_rule(engine_pass *p, store_session *session, engine_run_rule *rule, pl_error *error) {
    engine_counts counts = {0};
    bool more;
    store_statement *st =
        store_prepare(session,
                      "SELECT covered, non_compliant, not_applicable, insufficient, ignored "
                      "FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2",
                      error);
    store_bind_text(st, 1, p->run.account_id);
    store_bind_i64(st, 2, rule->rule.rule_key);
    if (store_step(st, error) != 1)
        return -1;
    counts.total = store_column_i64(st, 0);
    for (int i = ENGINE_NON_COMPLIANT; i < ENGINE_COMPLIANCE_COUNT; i++)
        counts.by[i] = store_column_i64(st, i);
    store_reset(st);
    if (engine_run_settle(session, p->run.account_id, rule, &counts, error) != 0 ||
        forget_row(session, p->run.account_id, rule->rule.rule_key, error) != 0 ||
        engine_has_runs(session, &rule->rule, &more, error) != 0)
        return -1;
    if (more)
        return 0;
    engine_rule record = rule->rule;
    return engine_note_success(session, &record, rule->message_type, rule->ordering,
                               pl_now(&p->e->config.clock), error);
}

int engine_pass_move(engine_pass *p, store_session *session, int64_t now, bool ends, pl_error *error) {
    for (size_t i = 0; i < p->run.count; i++) {
        engine_run_rule *rule = &p->run.rules[i];
        if (!rule->lost && (move_row(p, session, rule, now, error) != 0 ||
                            (ends && finish_rule(p, session, rule, error) != 0)))
            return -1;
    }
    return 0;
}

int engine_pass_release(engine_pass *p, store_session *session, pl_error *error) {
    for (size_t i = 0; i < p->run.count; i++)
        if (store_run(session, error,
                      "UPDATE evaluation_runs SET node = '', leased_until = 0 WHERE account_id = $1 AND "
                      "rule_key = $2 AND node = $3 AND ordering = $4",
                      "titi", p->run.account_id, p->run.rules[i].rule.rule_key, pl_str_from(p->lease),
                      p->run.rules[i].ordering) != 0)
            return -1;
    return 0;
}
