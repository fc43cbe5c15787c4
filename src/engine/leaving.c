/* Results that leave: out of sight at once, away in pieces. Owns results_leaving. */
#include "engine/leaving.h"

#include "engine/listed.h"

/* --- Out of sight -----------------------------------------------------------------------------------------
 */

static int has_results(store_session *session, const engine_leave *leave, bool *any, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT 1 FROM results WHERE account_id = $1 AND rule_key = $2 AND listed = 1 LIMIT 1",
        error);
    store_bind_text(st, 1, leave->account_id);
    store_bind_i64(st, 2, leave->rule_key);
    return store_any(st, any, error);
}

int engine_leave_begin(store_session *session, const engine_leave *leave, pl_error *error) {
    bool any;
    if (engine_list_account(session, leave->account_id, error) != 0 ||
        has_results(session, leave, &any, error) != 0)
        return -1;
    if (!any)
        return 0;
    return store_run(session, error,
                     "INSERT INTO results_leaving (account_id, rule_key, resource_type, since, told, behind) "
                     "VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (account_id, rule_key, resource_type) DO "
                     "NOTHING",
                     "titii", leave->account_id, leave->rule_key, leave->resource_type, leave->since,
                     (int64_t)leave->told);
}

/* --- Of a type --------------------------------------------------------------------------------------------
 */

/* What results of the type show; `*any` also where that is COMPLIANT, which is not counted. */
static int count_type(store_session *session, const engine_leave *leave, engine_counts *out, bool *any,
                      pl_error *error) {
    int step;
    *any = false;
    store_statement *st = store_prepare(
        session,
        "SELECT x.shown, COUNT(*) FROM results x CROSS JOIN resources r WHERE x.account_id = $1 AND "
        "x.rule_key = $2 AND x.listed = 1 AND r.account_id = x.account_id AND r.resource_key = "
        "x.resource_key AND r.resource_type = $3 GROUP BY x.shown",
        error);
    store_bind_text(st, 1, leave->account_id);
    store_bind_i64(st, 2, leave->rule_key);
    store_bind_text(st, 3, leave->resource_type);
    while ((step = store_step(st, error)) == 1) {
        out->by[store_column_i64(st, 0)] = store_column_i64(st, 1);
        *any = true;
    }
    return step;
}

static int discount(store_session *session, const engine_leave *leave, const engine_counts *gone,
                    pl_error *error) {
    const int64_t *by = gone->by;
    return store_run(
        session, error,
        "UPDATE rule_counts SET covered = covered - $3, non_compliant = non_compliant - $4, not_applicable = "
        "not_applicable - $5, insufficient = insufficient - $6, ignored = ignored - $7 WHERE account_id = $1 "
        "AND rule_key = $2",
        "tiiiiii", leave->account_id, leave->rule_key, gone->total, by[ENGINE_NON_COMPLIANT],
        by[ENGINE_NOT_APPLICABLE], by[ENGINE_INSUFFICIENT_DATA], by[ENGINE_IGNORED]);
}

int engine_leave_type(store_session *session, pl_str account_id, int64_t rule_key, pl_str type,
                      int64_t covered, int64_t now, pl_error *error) {
    engine_leave leave = {account_id, rule_key, type, now, true};
    engine_counts gone = {.total = covered};
    bool any;
    if (engine_list_account(session, account_id, error) != 0 ||
        count_type(session, &leave, &gone, &any, error) != 0 ||
        discount(session, &leave, &gone, error) != 0 ||
        (any && engine_leave_begin(session, &leave, error) != 0))
        return -1;
    return store_run(
        session, error,
        "DELETE FROM kept_results WHERE account_id = $1 AND rule_key = $2 AND resource_type = $3", "tit",
        account_id, rule_key, type);
}

/* --- A piece ----------------------------------------------------------------------------------------------
 */

#define INTO_CHANGES                                                                                         \
    "INSERT INTO compliance_changes (account_id, resource_key, changed, rule_key, compliance_from, "         \
    "compliance_to, annotation_from, annotation_to, message_type) SELECT account_id, resource_key, "
#define LAST_CHANGE                                                                                          \
    INTO_CHANGES "changed, rule_key, changed_from, shown, annotation_from, annotation, message_type FROM "   \
                 "results"
#define LEAVING                                                                                              \
    INTO_CHANGES "CAST($3 AS BIGINT), rule_key, shown, CAST(NULL AS BIGINT), annotation, '', message_type "  \
                 "FROM results"
#define ONE_NODE                                                                                             \
    " ON CONFLICT (account_id, resource_key, changed, rule_key) DO UPDATE SET compliance_to = "              \
    "excluded.compliance_to, annotation_to = excluded.annotation_to"

/* The keys come first, so that a statement looks at the rows of these resources and not at all of the rule's.
 */
#define OF_RULE " WHERE account_id = $1 AND rule_key = $2 AND resource_key IN "
#define FIRST_ROWS(most)                                                                                     \
    OF_RULE "(SELECT f.resource_key FROM results f WHERE f.account_id = $1 AND f.rule_key = $2 AND "         \
            "f.listed = 1 ORDER BY f.shown, f.last_non_compliant, f.resource_key LIMIT " most ")"
#define ROWS_OF_TYPE(type, after, until)                                                                     \
    OF_RULE "(SELECT r.resource_key FROM resources r WHERE r.account_id = $1 AND r.resource_type = " type    \
            " AND r.resource_key > " after " AND r.resource_key <= " until ")"

/* One row of results_leaving. */
struct piece {
    engine_leave leave;
    int64_t behind, until; /* of a type: the piece's resources */
    bool last;             /* nothing is left behind it */
};

static int take_rows(store_session *session, const engine_leave *l, int64_t most, int64_t *gone,
                     pl_error *error) {
    if (store_run(session, error, LAST_CHANGE FIRST_ROWS("$3") ONE_NODE, "tii", l->account_id, l->rule_key,
                  most) != 0 ||
        (l->told && store_run(session, error, LEAVING FIRST_ROWS("$4") ONE_NODE, "tiii", l->account_id,
                              l->rule_key, l->since, most) != 0))
        return -1;
    return store_run_counted(session, gone, error, "DELETE FROM results" FIRST_ROWS("$3"), "tii",
                             l->account_id, l->rule_key, most);
}

static int take_type(store_session *session, const struct piece *p, pl_error *error) {
    const engine_leave *l = &p->leave;
    if (store_run(session, error, LAST_CHANGE ROWS_OF_TYPE("$3", "$4", "$5") ONE_NODE, "titii", l->account_id,
                  l->rule_key, l->resource_type, p->behind, p->until) != 0 ||
        (l->told &&
         store_run(session, error, LEAVING ROWS_OF_TYPE("$4", "$5", "$6") ONE_NODE, "tiitii", l->account_id,
                   l->rule_key, l->since, l->resource_type, p->behind, p->until) != 0))
        return -1;
    return store_run(session, error, "DELETE FROM results" ROWS_OF_TYPE("$3", "$4", "$5"), "titii",
                     l->account_id, l->rule_key, l->resource_type, p->behind, p->until);
}

/* Where the next so many resources of the type end. */
static int find_end(store_session *session, struct piece *p, int64_t most, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT COUNT(*), COALESCE(MAX(resource_key), 0) FROM (SELECT resource_key FROM "
                      "resources WHERE account_id = $1 AND resource_type = $2 AND resource_key > $3 ORDER BY "
                      "resource_key LIMIT $4) AS next",
                      error);
    store_bind_text(st, 1, p->leave.account_id);
    store_bind_text(st, 2, p->leave.resource_type);
    store_bind_i64(st, 3, p->behind);
    store_bind_i64(st, 4, most);
    if (store_step(st, error) != 1)
        return -1;
    p->last = store_column_i64(st, 0) < most;
    p->until = store_column_i64(st, 1);
    store_reset(st);
    return 0;
}

static int move_on(store_session *session, const struct piece *p, pl_error *error) {
    const engine_leave *l = &p->leave;
    if (p->last)
        return store_run(
            session, error,
            "DELETE FROM results_leaving WHERE account_id = $1 AND rule_key = $2 AND resource_type = $3",
            "tit", l->account_id, l->rule_key, l->resource_type);
    return store_run(session, error,
                     "UPDATE results_leaving SET behind = $4 WHERE account_id = $1 AND rule_key = $2 AND "
                     "resource_type = $3",
                     "titi", l->account_id, l->rule_key, l->resource_type, p->until);
}

static int take_away(store_session *session, struct piece *p, int64_t most, pl_error *error) {
    int64_t gone;
    if (p->leave.resource_type.n) {
        if (find_end(session, p, most, error) != 0 || take_type(session, p, error) != 0)
            return -1;
    } else {
        if (take_rows(session, &p->leave, most, &gone, error) != 0)
            return -1;
        p->last = gone < most;
    }
    return move_on(session, p, error);
}

/* --- Coming back ------------------------------------------------------------------------------------------
 */

#define LEAVE_COLUMNS "rule_key, since, told, resource_type, behind"

static int read_leave(store_statement *st, pl_arena *arena, pl_str account_id, engine_leave *out,
                      pl_error *error) {
    *out = (engine_leave){account_id, store_column_i64(st, 0), pl_arena_copy(arena, store_column_text(st, 3)),
                          store_column_i64(st, 1), store_column_i64(st, 2) != 0};
    return out->resource_type.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int read_leaves(store_statement *st, pl_arena *arena, pl_str account_id, engine_leave **leaves,
                       size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    *leaves = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        engine_leave *grown = pl_arena_grow(arena, *leaves, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *leaves = grown;
        if (read_leave(st, arena, account_id, grown + (*count)++, error) != 0)
            return -1;
    }
    return step;
}

int engine_leave_list(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_type,
                      engine_leave **leaves, size_t *count, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " LEAVE_COLUMNS " FROM results_leaving WHERE account_id = $1 AND "
                      "(resource_type = '' OR resource_type = $2) ORDER BY rule_key, resource_type DESC",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, resource_type);
    return read_leaves(st, arena, account_id, leaves, count, error);
}

static int return_one(store_session *session, const engine_leave *leave, pl_error *error) {
    struct piece p = {.leave = *leave};
    return take_away(session, &p, INT64_MAX, error);
}

int engine_leave_return(store_session *session, pl_str account_id, const engine_bound *bound,
                        pl_error *error) {
    pl_arena arena;
    engine_leave *leaves;
    size_t count;
    store_statement *st =
        store_prepare(session,
                      "SELECT " LEAVE_COLUMNS " FROM results_leaving WHERE account_id = $1 AND rule_key = $2 "
                      "ORDER BY since, resource_type DESC",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, bound->rule->rule_key);
    pl_arena_init(&arena, 1 << 20);
    int status = read_leaves(st, &arena, account_id, &leaves, &count, error);
    bool whole = false;
    for (size_t i = 0; status == 0 && i < count; i++)
        whole = whole || leaves[i].resource_type.n == 0;
    for (size_t i = 0; status == 0 && i < count; i++)
        if (whole || engine_bound_has_type(bound, leaves[i].resource_type))
            status = return_one(session, leaves + i, error);
    pl_arena_free(&arena);
    return status;
}

/* --- Work -------------------------------------------------------------------------------------------------
 */

#define FIRST                                                                                                \
    "SELECT " LEAVE_COLUMNS ", account_id FROM results_leaving ORDER BY since, account_id, rule_key, "       \
    "resource_type DESC LIMIT 1"

static int any_piece(store_session *session, void *argument, pl_error *error) {
    store_statement *st = store_prepare(session, "SELECT 1 FROM results_leaving LIMIT 1", error);
    return store_any(st, argument, error);
}

/* The first that nobody else is at. */
static int work_piece(store_session *session, void *argument, pl_error *error) {
    bool *worked = argument;
    struct piece p;
    pl_arena arena;
    store_statement *st =
        store_prepare(session, store_is_postgres(session) ? FIRST " FOR UPDATE SKIP LOCKED" : FIRST, error);
    int step = store_step(st, error);
    *worked = step == 1;
    if (step <= 0)
        return step;
    pl_arena_init(&arena, 1 << 16);
    p = (struct piece){.behind = store_column_i64(st, 4)};
    pl_str account_id = pl_arena_copy(&arena, store_column_text(st, 5));
    int status = account_id.p ? read_leave(st, &arena, account_id, &p.leave, error)
                              : pl_fail(error, PL_E_ServiceUnavailable);
    store_reset(st);
    if (status == 0)
        status = take_away(session, &p, ENGINE_LEAVING_PIECE, error);
    pl_arena_free(&arena);
    return status;
}

int engine_leave_work(engine *e, bool *worked, pl_error *error) {
    bool any = false;
    if (store_read(e->config.store, any_piece, &any, error) != 0)
        return -1;
    if (any && store_write(e->config.store, work_piece, &any, error) != 0)
        return -1;
    *worked = *worked || any;
    return 0;
}
