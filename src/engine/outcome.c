/*
 * Verdicts become rows, counts and history (reference/evaluation-semantics.md, sections 3, 4, 6 and 12.3).
 *
 * INVARIANTS: a row exists exactly for a result that deviates from COMPLIANT or once did. For each rule and
 * account, rule_counts equals the listed rows by `shown`. A row tells its own last change, engine/changes.h
 * the earlier ones, so that a first deviation costs one row. While a result is ignored its real changes
 * go into the row but not onto the timeline.
 */
#include "engine/outcome.h"

#include "engine/function.h"
#include "engine/kept.h"
#include "engine/listed.h"
#include "engine/remedy.h"

#include <stdlib.h>

enum { SCRATCH_LIMIT = 1 << 20 };

/* --- Counts ----------------------------------------------------------------------------------------------
 */

void engine_writing_begin(engine_writing *w, engine *e, store_session *session, pl_arena *arena, int64_t now,
                          pl_error *error) {
    *w = (engine_writing){.e = e, .session = session, .arena = arena, .now = now, .error = error};
    pl_buf_init(&w->scratch, SCRATCH_LIMIT);
    engine_changes_init(&w->changes);
}

static engine_tally *find_tally(engine_writing *w, pl_str account_id, int64_t rule_key) {
    engine_tally **bucket = &w->tally_of[(uint64_t)rule_key % ENGINE_TALLY_BUCKETS];
    for (engine_tally *at = *bucket; at; at = at->alike)
        if (at->rule_key == rule_key && pl_str_eq(at->account_id, account_id))
            return at;
    engine_tally *made = pl_new(w->arena, engine_tally, 1);
    if (!made) {
        pl_fail(w->error, PL_E_ServiceUnavailable);
        return NULL;
    }
    made->account_id = account_id;
    made->rule_key = rule_key;
    made->next = w->tallies;
    w->tallies = made;
    made->alike = *bucket;
    *bucket = made;
    return made;
}

/* Tells the tallies of an account which runs are under way; once in a transaction. */
static int learn_runs(engine_writing *w, pl_str account_id) {
    for (const engine_account_runs *at = w->accounts; at; at = at->next)
        if (pl_str_eq(at->account_id, account_id))
            return 0;
    engine_account_runs *known = pl_new(w->arena, engine_account_runs, 1);
    if (!known)
        return pl_fail(w->error, PL_E_ServiceUnavailable);
    *known = (engine_account_runs){account_id, w->accounts};
    w->accounts = known;
    store_statement *st = store_prepare(
        w->session, "SELECT rule_key, resource_type, resource_key FROM evaluation_runs WHERE account_id = $1",
        w->error);
    store_bind_text(st, 1, account_id);
    int step;
    while ((step = store_step(st, w->error)) == 1) {
        engine_tally *tally = find_tally(w, account_id, store_column_i64(st, 0));
        if (!tally)
            return -1;
        tally->has_run = true;
        tally->run_type = pl_arena_copy(w->arena, store_column_text(st, 1));
        tally->run_key = store_column_i64(st, 2);
        if (!tally->run_type.p)
            return pl_fail(w->error, PL_E_ServiceUnavailable);
    }
    return step;
}

engine_tally *engine_tally_of(engine_writing *w, pl_str account_id, int64_t rule_key) {
    return learn_runs(w, account_id) == 0 ? find_tally(w, account_id, rule_key) : NULL;
}

static bool is_zero(int64_t covered, const int64_t by[ENGINE_COMPLIANCE_COUNT]) {
    return !covered && !by[ENGINE_NON_COMPLIANT] && !by[ENGINE_NOT_APPLICABLE] &&
           !by[ENGINE_INSUFFICIENT_DATA] && !by[ENGINE_IGNORED];
}

#define TALLY_ROW(a, b, c, d, e, f, g) "($" #a ", $" #b ", $" #c ", $" #d ", $" #e ", $" #f ", $" #g ")"
#define TALLY_INSERT                                                                                         \
    "INSERT INTO rule_counts (account_id, rule_key, covered, non_compliant, not_applicable, insufficient, "  \
    "ignored) VALUES "
#define TALLY_UPDATE                                                                                         \
    " ON CONFLICT (account_id, rule_key) DO UPDATE SET covered = rule_counts.covered + excluded.covered, "   \
    "non_compliant = rule_counts.non_compliant + excluded.non_compliant, not_applicable = "                  \
    "rule_counts.not_applicable + excluded.not_applicable, insufficient = rule_counts.insufficient + "       \
    "excluded.insufficient, ignored = rule_counts.ignored + excluded.ignored"

enum { TALLIES_TOGETHER = 4, TALLY_COLUMNS = 7 };

static void bind_tally(store_statement *st, size_t place, const engine_tally *t) {
    int first = (int)place * TALLY_COLUMNS;
    store_bind_text(st, first + 1, t->account_id);
    store_bind_i64(st, first + 2, t->rule_key);
    store_bind_i64(st, first + 3, t->covered);
    store_bind_i64(st, first + 4, t->by[ENGINE_NON_COMPLIANT]);
    store_bind_i64(st, first + 5, t->by[ENGINE_NOT_APPLICABLE]);
    store_bind_i64(st, first + 6, t->by[ENGINE_INSUFFICIENT_DATA]);
    store_bind_i64(st, first + 7, t->by[ENGINE_IGNORED]);
}

/* Adds a few tallies to the stored counts: all of them with one statement, or each with its own. */
static int add_tallies(engine_writing *w, const engine_tally *const *tallies, size_t count) {
    static const char together[] =
        TALLY_INSERT TALLY_ROW(1, 2, 3, 4, 5, 6, 7) ", " TALLY_ROW(8, 9, 10, 11, 12, 13, 14) ", " TALLY_ROW(
            15, 16, 17, 18, 19, 20, 21) ", " TALLY_ROW(22, 23, 24, 25, 26, 27, 28) TALLY_UPDATE;
    static const char alone[] = TALLY_INSERT TALLY_ROW(1, 2, 3, 4, 5, 6, 7) TALLY_UPDATE;
    size_t step = count == TALLIES_TOGETHER ? TALLIES_TOGETHER : 1;
    for (size_t first = 0; first < count; first += step) {
        store_statement *st = store_prepare(w->session, step > 1 ? together : alone, w->error);
        for (size_t i = 0; i < step; i++)
            bind_tally(st, i, tallies[first + i]);
        if (store_step(st, w->error) != 0)
            return -1;
    }
    return 0;
}

/* What the rule's run has counted so far must follow. */
static int add_to_run(engine_writing *w, const engine_tally *t) {
    const int64_t *run = t->run_by;
    if (is_zero(t->run_covered, run))
        return 0;
    return store_run(w->session, w->error,
                     "UPDATE evaluation_runs SET covered = covered + $3, non_compliant = non_compliant + $4, "
                     "not_applicable = not_applicable + $5, insufficient = insufficient + $6, ignored = "
                     "ignored + $7 WHERE account_id = $1 AND rule_key = $2",
                     "tiiiiii", t->account_id, t->rule_key, t->run_covered, run[ENGINE_NON_COMPLIANT],
                     run[ENGINE_NOT_APPLICABLE], run[ENGINE_INSUFFICIENT_DATA], run[ENGINE_IGNORED]);
}

static int write_tallies(engine_writing *w) {
    const engine_tally *some[TALLIES_TOGETHER];
    size_t count = 0;
    for (const engine_tally *t = w->tallies; t; t = t->next) {
        if (!is_zero(t->covered, t->by))
            some[count++] = t;
        if (count == TALLIES_TOGETHER && add_tallies(w, some, count) != 0)
            return -1;
        count %= TALLIES_TOGETHER;
        if (add_to_run(w, t) != 0)
            return -1;
    }
    return add_tallies(w, some, count);
}

/* In the order of the table's key, so that neighbours are inserted after each other. */
static int by_key(const void *left, const void *right) {
    const engine_new_row *a = left, *b = right;
    if (a->resource_key != b->resource_key)
        return a->resource_key < b->resource_key ? -1 : 1;
    if (a->rule_key != b->rule_key)
        return a->rule_key < b->rule_key ? -1 : 1;
    return pl_str_cmp(a->account_id, b->account_id);
}

static bool is_sorted(const engine_new_row *rows, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (by_key(rows + i - 1, rows + i) > 0)
            return false;
    return true;
}

static void load_row(store_bulk *bulk, const engine_new_row *row, int64_t now, bool listed) {
    store_bulk_text(bulk, row->account_id);
    store_bulk_i64(bulk, row->rule_key);
    store_bulk_i64(bulk, row->resource_key);
    store_bulk_i64(bulk, row->compliance);
    store_bulk_i64(bulk, row->compliance);
    store_bulk_i64(bulk, row->message_type);
    store_bulk_i64(bulk, row->ordering);
    store_bulk_i64(bulk, now);
    store_bulk_i64(bulk, row->compliance == ENGINE_NON_COMPLIANT ? row->ordering : 0);
    store_bulk_i64(bulk, 0);
    store_bulk_text(bulk, row->annotation);
    store_bulk_i64(bulk, now);
    if (row->changed_from == ENGINE_COMPLIANCE_COUNT)
        store_bulk_null(bulk);
    else
        store_bulk_i64(bulk, row->changed_from);
    store_bulk_text(bulk, PL_STR(""));
    store_bulk_i64(bulk, listed);
}

/* Rows of a resource are neighbours. */
static int wait_to_be_listed(engine_writing *w) {
    for (size_t i = 0; i < w->row_count; i++) {
        const engine_new_row *row = w->rows + i, *before = row - 1;
        bool known = i > 0 && before->resource_key == row->resource_key &&
                     pl_str_eq(before->account_id, row->account_id);
        if (!known && engine_list_wait(w->session, row->account_id, row->resource_key, w->error) != 0)
            return -1;
    }
    return 0;
}

int engine_writing_flush(engine_writing *w) {
    static const char *const columns[] = {
        "account_id",   "rule_key", "resource_key", "compliance",         "shown",
        "message_type", "ordering", "recorded",     "last_non_compliant", "last_fixed",
        "annotation",   "changed",  "changed_from", "annotation_from",    "listed"};
    bool later;
    if (w->row_count == 0)
        return 0;
    int status = engine_list_later(w, w->row_count, &later);
    if (status != 0)
        return -1;
    for (size_t i = 0; !later && i < w->row_count; i++)
        w->rows[i].tally->by[w->rows[i].compliance]++;
    if (!is_sorted(w->rows, w->row_count))
        qsort(w->rows, w->row_count, sizeof *w->rows, by_key);
    store_bulk *bulk =
        store_bulk_begin(w->session, "results", columns, sizeof columns / sizeof *columns, w->error);
    for (size_t i = 0; status == 0 && i < w->row_count; i++) {
        load_row(bulk, w->rows + i, w->now, !later);
        status = store_bulk_row(bulk, w->error);
    }
    if (store_bulk_end(bulk, w->error) != 0)
        status = -1;
    if (status == 0 && later)
        status = wait_to_be_listed(w);
    w->row_count = 0;
    return status;
}

/* Runs that have compared results of the account before must look again (engine/run_store.c). */
static int move_sequences(engine_writing *w) {
    for (const engine_account_runs *at = w->accounts; at; at = at->next)
        if (inventory_touch(w->session, at->account_id, w->error) != 0)
            return -1;
    return 0;
}

int engine_writing_end(engine_writing *w, int status) {
    if (status == 0)
        status = engine_writing_flush(w);
    if (status == 0)
        status = engine_changes_store(&w->changes, w->session, w->now, w->error);
    if (status == 0)
        status = write_tallies(w);
    if (status == 0 && !w->keeps_sequence)
        status = move_sequences(w);
    if (status == 0 && w->functions_queued)
        status = store_notify(w->session, ENGINE_FUNCTION_CHANNEL, PL_STR(""), w->error);
    status = delivery_batch_end(w->deliveries, status, w->error);
    if (status == 0 && w->remedies_queued)
        status = store_notify(w->session, ENGINE_REMEDY_CHANNEL, PL_STR(""), w->error);
    for (engine_viewed *v = w->views; v; v = v->next)
        engine_view_release(v->view);
    engine_changes_free(&w->changes);
    pl_buf_free(&w->scratch);
    return status;
}

/* Whether the rule's run has the resource behind it, so that its own counts must follow. */
static bool is_passed(const engine_tally *t, const engine_outcome *o) {
    int order = t->has_run ? pl_str_cmp(o->resource_type, t->run_type) : 1;
    return order < 0 || (order == 0 && o->resource_key <= t->run_key);
}

/* Results that wait to be listed are counted when they are; a run counts all that it has behind it. */
static void count(const engine_outcome *o, engine_compliance shown, bool listed, int64_t difference) {
    if (shown == ENGINE_COMPLIANCE_COUNT)
        return;
    if (listed)
        o->tally->by[shown] += difference;
    if (is_passed(o->tally, o))
        o->tally->run_by[shown] += difference;
}

static void count_coverage(const engine_outcome *o) {
    int64_t difference = (int64_t)o->covered - (int64_t)o->was_covered;
    if (!o->tracks_coverage)
        return;
    o->tally->covered += difference;
    if (is_passed(o->tally, o))
        o->tally->run_covered += difference;
}

/* --- Outcomes --------------------------------------------------------------------------------------------
 */

static void bind_compliance(store_statement *st, int index, engine_compliance value) {
    if (value != ENGINE_COMPLIANCE_COUNT)
        store_bind_i64(st, index, value);
}

/* A node for the compliance timeline. */
static int note_change(engine_writing *w, const engine_outcome *o, const engine_change *change) {
    return engine_changes_add(&w->changes, w->session, w->now, o->account_id, o->resource_key, change,
                              w->error);
}

/* The change that a row tells of becomes history, because the row is about to tell of another. */
static int retire_change(engine_writing *w, const engine_outcome *o, const engine_row *row) {
    engine_change change = {.at = row->changed,
                            .rule_key = o->rule->rule_key,
                            .from = row->changed_from,
                            .to = row->shown,
                            .message_type = row->message_type,
                            .annotation = row->annotation};
    return note_change(w, o, &change);
}

static int insert_row(engine_writing *w, const engine_outcome *o) {
    if (w->row_count == ENGINE_NEW_ROWS_MAX && engine_writing_flush(w) != 0)
        return -1;
    engine_new_row *grown = pl_arena_grow(w->arena, w->rows, w->row_count, &w->row_capacity, sizeof *grown);
    pl_str annotation = grown && o->annotation.n ? pl_arena_copy(w->arena, o->annotation) : PL_STR("");
    if (!grown || !annotation.p)
        return pl_fail(w->error, PL_E_ServiceUnavailable);
    w->rows = grown;
    grown[w->row_count++] = (engine_new_row){
        .account_id = o->account_id,
        .rule_key = o->rule->rule_key,
        .resource_key = o->resource_key,
        .compliance = o->compliance,
        .changed_from = o->was_covered ? ENGINE_COMPLIANT : ENGINE_COMPLIANCE_COUNT,
        .message_type = o->message_type,
        .ordering = o->ordering,
        .annotation = annotation,
        .tally = o->tally,
    };
    count(o, o->compliance, false, 1); /* whether it is listed is known when it is inserted */
    return 0;
}

static int delete_row(engine_writing *w, const engine_outcome *o) {
    const engine_row *row = o->row;
    count(o, row->shown, row->listed, -1);
    if (store_run(w->session, w->error,
                  "DELETE FROM results WHERE account_id = $1 AND rule_key = $2 AND resource_key = $3", "tii",
                  o->account_id, o->rule->rule_key, o->resource_key) != 0 ||
        retire_change(w, o, row) != 0)
        return -1;
    engine_change left = {.at = w->now,
                          .rule_key = o->rule->rule_key,
                          .from = row->shown,
                          .to = ENGINE_COMPLIANCE_COUNT,
                          .message_type = o->message_type,
                          .annotation = PL_STR("")};
    return note_change(w, o, &left);
}

/* The row tells of a change of its mark alone. */
static int move_change(engine_writing *w, const engine_outcome *o, const engine_row *row) {
    if (retire_change(w, o, row) != 0)
        return -1;
    store_statement *st =
        store_prepare(w->session,
                      "UPDATE results SET changed = $4, changed_from = $5, annotation_from = '' "
                      "WHERE account_id = $1 AND rule_key = $2 AND resource_key = $3",
                      w->error);
    store_bind_text(st, 1, o->account_id);
    store_bind_i64(st, 2, o->rule->rule_key);
    store_bind_i64(st, 3, o->resource_key);
    store_bind_i64(st, 4, w->now);
    bind_compliance(st, 5, row->shown);
    return store_step(st, w->error);
}

#define ROW_KEY " WHERE account_id = $1 AND rule_key = $2 AND resource_key = $3"
#define ROW_VERDICT                                                                                          \
    "UPDATE results SET compliance = $4, message_type = $5, ordering = $6, recorded = $7, last_fixed = $8, " \
    "annotation = $9, changed = $10, changed_from = $11, annotation_from = ''"

/* What the index of the rule does not have is often all that changes: then its page is left alone. */
static store_statement *prepare_rewrite(engine_writing *w, const engine_row *row, engine_compliance shown,
                                        int64_t last_non_compliant) {
    bool moves = shown != row->shown || last_non_compliant != row->last_non_compliant;
    store_statement *st = store_prepare(w->session,
                                        moves ? ROW_VERDICT ", shown = $12, last_non_compliant = $13" ROW_KEY
                                              : ROW_VERDICT ROW_KEY,
                                        w->error);
    if (moves) {
        store_bind_i64(st, 12, shown);
        store_bind_i64(st, 13, last_non_compliant);
    }
    return st;
}

/* `tells`: the row tells of this change from now on, otherwise of an earlier one. */
static int rewrite_row(engine_writing *w, const engine_outcome *o, engine_compliance shown, bool tells) {
    const engine_row *row = o->row;
    bool falls = o->compliance == ENGINE_NON_COMPLIANT && row->compliance != ENGINE_NON_COMPLIANT;
    bool recovers = o->compliance == ENGINE_COMPLIANT && row->compliance == ENGINE_NON_COMPLIANT;
    store_statement *st = prepare_rewrite(w, row, shown, falls ? o->ordering : row->last_non_compliant);
    store_bind_text(st, 1, o->account_id);
    store_bind_i64(st, 2, o->rule->rule_key);
    store_bind_i64(st, 3, o->resource_key);
    store_bind_i64(st, 4, o->compliance);
    store_bind_i64(st, 5, o->message_type);
    store_bind_i64(st, 6, o->ordering);
    store_bind_i64(st, 7, w->now);
    store_bind_i64(st, 8, recovers ? o->ordering : row->last_fixed);
    store_bind_text(st, 9, o->annotation);
    store_bind_i64(st, 10, tells ? w->now : row->changed);
    bind_compliance(st, 11, tells ? row->shown : row->changed_from);
    return store_step(st, w->error);
}

/* An ignored result's real changes are not told. */
static int change_row(engine_writing *w, const engine_outcome *o, engine_compliance shown) {
    const engine_row *row = o->row;
    count(o, row->shown, row->listed, -1);
    count(o, shown, row->listed, 1);
    if (!row->marked && retire_change(w, o, row) != 0)
        return -1;
    return rewrite_row(w, o, shown, !row->marked);
}

/* A function found the same again: an older report that comes in later must not count. */
static int renew_row(engine_writing *w, const engine_outcome *o) {
    return store_run(w->session, w->error,
                     "UPDATE results SET message_type = $4, ordering = $5, recorded = $6 WHERE account_id = "
                     "$1 AND rule_key = $2 AND resource_key = $3",
                     "tiiiii", o->account_id, o->rule->rule_key, o->resource_key, (int64_t)o->message_type,
                     o->ordering, w->now);
}

/* Brings the row in line with an outcome that covers the resource. */
static int write_covered(engine_writing *w, const engine_outcome *o, engine_compliance visible, bool same) {
    const engine_row *row = o->row;
    if (!row)
        return o->compliance == ENGINE_COMPLIANT ? 0 : insert_row(w, o);
    if (same)
        return o->rule->owner == ENGINE_FUNCTION ? renew_row(w, o) : 0;
    return change_row(w, o, visible);
}

int engine_write_outcome(engine_writing *w, const engine_outcome *o, engine_compliance *shown) {
    const engine_row *row = o->row;
    engine_compliance visible = !o->covered          ? ENGINE_COMPLIANCE_COUNT
                                : row && row->marked ? ENGINE_IGNORED
                                                     : o->compliance;
    /* Only reports of functions overtake each other; what is judged here is of now, whatever the clock says.
     */
    bool late = o->covered && row && o->rule->owner == ENGINE_FUNCTION && o->ordering < row->ordering;
    bool same = row && row->compliance == o->compliance && pl_str_eq(row->annotation, o->annotation);
    if (shown)
        *shown = late ? row->shown : visible;
    count_coverage(o);
    if (!o->covered)
        return row ? delete_row(w, o) : 0;
    if (late)
        return 0;
    if (write_covered(w, o, visible, same) != 0)
        return -1;
    return visible == ENGINE_NON_COMPLIANT ? engine_note_violation(w, o, !same) : 0;
}

static int store_mark(engine_writing *w, const engine_outcome *o, engine_compliance shown, pl_str date,
                      pl_str reason, int64_t until) {
    if (!date.p)
        return store_run(
            w->session, w->error,
            "UPDATE results SET shown = $4, ignore_until = NULL, ignore_date = NULL, ignore_reason "
            "= NULL WHERE account_id = $1 AND rule_key = $2 AND resource_key = $3",
            "tiii", o->account_id, o->rule->rule_key, o->resource_key, (int64_t)shown);
    return store_run(w->session, w->error,
                     "UPDATE results SET shown = $4, ignore_until = $5, ignore_date = $6, ignore_reason = $7 "
                     "WHERE account_id = $1 AND rule_key = $2 AND resource_key = $3",
                     "tiiiitt", o->account_id, o->rule->rule_key, o->resource_key, (int64_t)shown, until,
                     date, reason);
}

int engine_write_mark(engine_writing *w, const engine_outcome *o, engine_row *row, pl_str date, pl_str reason,
                      int64_t until) {
    engine_compliance after = date.p ? ENGINE_IGNORED : row->compliance;
    count(o, row->shown, row->listed, -1);
    count(o, after, row->listed, 1);
    if (row->shown != after) {
        if (move_change(w, o, row) != 0)
            return -1;
        row->changed = w->now;
        row->changed_from = row->shown;
    }
    row->shown = after;
    row->marked = date.p != NULL;
    if (engine_kept_mark(w->session, o->account_id, o->resource_type, o->resource_key, w->error) != 0)
        return -1;
    return store_mark(w, o, after, date, reason, until);
}
