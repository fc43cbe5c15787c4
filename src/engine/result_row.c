/* Reading the rows of results: the one place that knows their columns by number. */
#include "engine/leaving.h"
#include "engine/outcome.h"

void engine_row_read(store_statement *st, int first, engine_row *out) {
    *out = (engine_row){
        .rule_key = store_column_i64(st, first),
        .compliance = (engine_compliance)store_column_i64(st, first + 1),
        .shown = (engine_compliance)store_column_i64(st, first + 2),
        .message_type = (engine_message_type)store_column_i64(st, first + 3),
        .ordering = store_column_i64(st, first + 4),
        .recorded = store_column_i64(st, first + 5),
        .last_non_compliant = store_column_i64(st, first + 6),
        .last_fixed = store_column_i64(st, first + 7),
        .annotation = store_column_text(st, first + 8),
        .marked = !store_column_null(st, first + 9),
        .ignore_date = store_column_text(st, first + 10),
        .ignore_reason = store_column_text(st, first + 11),
        .changed = store_column_i64(st, first + 12),
        .changed_from = store_column_null(st, first + 13)
                            ? ENGINE_COMPLIANCE_COUNT
                            : (engine_compliance)store_column_i64(st, first + 13),
        .annotation_from = store_column_text(st, first + 14),
        .listed = store_column_i64(st, first + 15) != 0,
    };
}

int engine_row_copy(pl_arena *arena, engine_row *row, pl_error *error) {
    row->annotation = pl_arena_copy(arena, row->annotation);
    row->ignore_date = pl_arena_copy(arena, row->ignore_date);
    row->ignore_reason = pl_arena_copy(arena, row->ignore_reason);
    row->annotation_from = pl_arena_copy(arena, row->annotation_from);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int engine_rows_of(store_session *session, pl_arena *arena, pl_str account_id, int64_t resource_key,
                   engine_row **rows, size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    store_statement *st =
        store_prepare(session,
                      "SELECT " ENGINE_ROW_COLUMNS
                      " FROM results WHERE account_id = $1 AND resource_key = $2 ORDER BY rule_key",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, resource_key);
    *rows = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        engine_row *grown = pl_arena_grow(arena, *rows, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *rows = grown;
        engine_row_read(st, 0, grown + *count);
        if (engine_row_copy(arena, grown + (*count)++, error) != 0)
            return -1;
    }
    return step;
}

int engine_row_of(store_session *session, pl_arena *arena, pl_str account_id, int64_t rule_key,
                  int64_t resource_key, engine_row *out, bool *found, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " ENGINE_ROW_COLUMNS " FROM results WHERE account_id = $1 AND "
                      "rule_key = $2 AND resource_key = $3" ENGINE_STAYS("results"),
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, rule_key);
    store_bind_i64(st, 3, resource_key);
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    engine_row_read(st, 0, out);
    int status = engine_row_copy(arena, out, error);
    store_reset(st);
    return status;
}
