/* One result as it is listed: from its row, or derived where there is none. */
#include "engine/results.h"

#include "base/digest.h"

#include <stdio.h>

/* Whether the capture made the rule look. A disabled rule was modified last when it was disabled, or later.
 */
static bool follows(const engine_rule *rule, int64_t capture_time) {
    bool disabled = rule->state == ENGINE_INACTIVE && capture_time > rule->modified;
    return (rule->triggers & ENGINE_TRIGGER_CHANGE) != 0 && rule->owner != ENGINE_FUNCTION && !disabled;
}

/* The last full run of a rule where a result is. */
struct last_run {
    int64_t ordering;
    pl_str trigger; /* empty: not known */
};

/*
 * A rule of a group may have run in one member alone, when that joined or its recorder changed: what others
 * show is as old as it was.
 */
static int find_last_run(store_session *session, const engine_rule *rule, pl_str account_id,
                         struct last_run *out, pl_error *error) {
    *out = (struct last_run){rule->run_ordering, rule->run_trigger};
    if (rule->aggregator_id.n == 0)
        return 0;
    store_statement *st =
        store_prepare(session,
                      "SELECT run_ordering, run_message FROM rule_counts WHERE account_id = $1 "
                      "AND rule_key = $2 AND run_ordering > 0",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, rule->rule_key);
    int step = store_step(st, error);
    if (step <= 0)
        return step;
    *out = (struct last_run){store_column_i64(st, 0),
                             engine_message_name((engine_message_type)store_column_i64(st, 1))};
    store_reset(st);
    return 0;
}

/*
 * When the result was produced: the last of the full run, the capture, and the row's own evaluation. A run of
 * a function renews only what the function reports; what it fails to report keeps its age.
 */
static int64_t evaluated_at(const engine_rule *rule, const struct last_run *run, const inventory_resource *r,
                            const engine_row *row) {
    if (row && rule->owner == ENGINE_FUNCTION)
        return row->ordering;
    int64_t at = run->ordering;
    if (r->capture_time > at && follows(rule, r->capture_time))
        at = r->capture_time;
    return row && row->ordering > at ? row->ordering : at;
}

engine_compliance engine_shown(const engine_rule *rule, const engine_row *row) {
    if (row)
        return row->shown;
    return rule->run_ordering ? ENGINE_COMPLIANT : ENGINE_INSUFFICIENT_DATA;
}

/* The id of a result that is not stored as such: the same for the same evaluation, new for each. */
static void write_evaluation_id(engine_result *out) {
    unsigned char digest[PL_SHA256_SIZE];
    char text[256];
    int n = snprintf(text, sizeof text, "%lld/%.*s/%lld/%lld/%d", (long long)out->rule->rule_key,
                     PL_FMT(out->resource.account_id), (long long)out->resource.resource_key,
                     (long long)out->ordering, (int)out->compliance);
    out->evaluation_id[0] = 0;
    if (pl_sha256(pl_str_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1), digest) != 0)
        return;
    snprintf(out->evaluation_id, sizeof out->evaluation_id,
             "%02x%02x%02x%02x-%02x%02x-4%x%02x-a%x%02x-%02x%02x%02x%02x%02x%02x", digest[0], digest[1],
             digest[2], digest[3], digest[4], digest[5], digest[6] & 15, digest[7], digest[8] & 15, digest[9],
             digest[10], digest[11], digest[12], digest[13], digest[14], digest[15]);
}

static void complete(engine_result *out, const engine_rule *rule, const struct last_run *run,
                     const engine_row *row) {
    out->rule = rule;
    out->compliance = engine_shown(rule, row);
    out->annotation = row ? row->annotation : PL_STR("");
    out->ordering = out->invoked = evaluated_at(rule, run, &out->resource, row);
    out->recorded = out->ordering;
    out->trigger = out->ordering == run->ordering && run->trigger.n ? run->trigger
                                                                    : engine_message_name(ENGINE_BY_CHANGE);
    if (row && row->ordering == out->ordering) {
        out->trigger = engine_message_name(row->message_type);
        out->recorded = row->recorded;
    }
    out->last_non_compliant = row ? row->last_non_compliant : 0;
    out->last_fixed = row ? row->last_fixed : 0;
    out->ignore_date = row && row->ignore_date.p ? row->ignore_date : PL_STR("");
    out->ignore_reason = row && row->ignore_reason.p ? row->ignore_reason : PL_STR("");
    write_evaluation_id(out);
}

int engine_load_result(store_session *session, pl_arena *arena, const engine_rule *rule, pl_str account_id,
                       int64_t resource_key, engine_result *out, pl_error *error) {
    engine_row row;
    struct last_run run;
    bool found, stored;
    if (find_last_run(session, rule, account_id, &run, error) != 0 ||
        inventory_find_key(session, arena, account_id, resource_key, &out->resource, &found, error) != 0 ||
        engine_row_of(session, arena, account_id, rule->rule_key, resource_key, &row, &stored, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_InternalError);
    complete(out, rule, &run, stored ? &row : NULL);
    return 0;
}
