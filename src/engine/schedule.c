/*
 * Schedules of rules, and marks that end on a day (reference/evaluation-semantics.md, sections 1.1 and 6).
 * A period that was missed is made up for once, however many were missed.
 */
#include "engine/leaving.h"
#include "engine/work.h"

#include "json/parser.h"

enum { PAGE = 200, ARENA_LIMIT = 64 << 20, EAST_OF_UTC = 8 * 3600 * 1000, MARKS = 200 };

static const int64_t day = 86400000;

/* The hour of ExtendContent {"fixedHour":"12"}; -1: it names none. */
static int fixed_hour(const engine_rule *rule, int64_t *hour, pl_error *error) {
    pl_arena arena;
    pl_json root = PL_JSON_NONE;
    *hour = -1;
    if (rule->extend_content.n == 0 || !pl_str_is(rule->frequency, "TwentyFour_Hours"))
        return 0;
    pl_arena_init(&arena, 1 << 20);
    int status = pl_json_parse_in(&arena, rule->extend_content, &root, error);
    pl_json value = pl_json_get(root, PL_STR("fixedHour"));
    if (status == 0 && !pl_json_i64(value, hour) && !pl_str_to_i64(pl_str_trim(pl_json_str(value)), hour))
        *hour = -1;
    pl_arena_free(&arena);
    if (*hour < 0 || *hour > 23)
        *hour = -1;
    /* Any text is taken for ExtendContent; what is no JSON names no hour. */
    return status != 0 && pl_error_is(error, PL_E_ServiceUnavailable) ? -1 : 0;
}

int engine_next_scheduled(const engine_rule *rule, int64_t last_run, int64_t *next, pl_error *error) {
    int64_t last = last_run ? last_run : rule->created, hour;
    if (fixed_hour(rule, &hour, error) != 0)
        return -1;
    if (hour < 0) {
        int64_t period = engine_frequency_period(rule->frequency);
        *next = last + (period ? period : day);
        return 0;
    }
    int64_t local = last + EAST_OF_UTC;
    int64_t at = local - local % day + hour * (day / 24);
    *next = (at > local ? at : at + day) - EAST_OF_UTC;
    return 0;
}

static int last_scheduled(store_session *session, const engine_rule *rule, int64_t *last, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT last_run FROM rule_schedules WHERE account_id = $1 AND rule_key = $2", error);
    store_bind_text(st, 1, rule->account_id);
    store_bind_i64(st, 2, rule->rule_key);
    return store_number(st, last, error);
}

/* One page of scheduled rules: those that are due. */
struct scanning {
    pl_arena *arena;
    int64_t now;
    pl_str after_account;
    int64_t after_key;
    engine_rule *rules;
    size_t count; /* of the page */
    engine_rule *due[PAGE];
    size_t due_count;
};

static int scan_work(store_session *session, void *argument, pl_error *error) {
    struct scanning *s = argument;
    s->due_count = 0;
    if (engine_rule_list_scheduled(session, s->arena, s->after_account, s->after_key, PAGE, &s->rules,
                                   &s->count, error) != 0)
        return -1;
    for (size_t i = 0; i < s->count; i++) {
        int64_t last, next;
        if (last_scheduled(session, s->rules + i, &last, error) != 0 ||
            engine_next_scheduled(s->rules + i, last, &next, error) != 0)
            return -1;
        if (next <= s->now)
            s->due[s->due_count++] = s->rules + i;
    }
    return 0;
}

/* Rules of one account that are due together: started in one transaction, they become one run. */
struct due {
    engine *e;
    engine_rule *const *rules;
    size_t count;
    int64_t now;
};

static int start_rule(engine *e, store_session *session, const engine_rule *rule, int64_t now,
                      pl_error *error) {
    if (store_run(session, error,
                  "INSERT INTO rule_schedules (account_id, rule_key, last_run) VALUES ($1, $2, $3) ON "
                  "CONFLICT (account_id, rule_key) DO UPDATE SET last_run = excluded.last_run",
                  "tii", rule->account_id, rule->rule_key, now) != 0)
        return -1;
    return engine_start(e, session, rule, ENGINE_BY_SCHEDULE, false, now, error);
}

/* Looks again inside the write transaction: another node may have been faster, or the rule is gone. */
static int start_if_due(struct due *d, store_session *session, const engine_rule *seen, pl_error *error) {
    pl_arena arena;
    engine_rule rule;
    bool found;
    int64_t last = 0, next = INT64_MAX;
    pl_arena_init(&arena, ARENA_LIMIT);
    int status =
        engine_rule_find_key(session, &arena, seen->account_id, seen->rule_key, &rule, &found, error);
    if (status == 0)
        status = last_scheduled(session, seen, &last, error);
    if (status == 0 && found)
        status = engine_next_scheduled(&rule, last, &next, error);
    if (status == 0 && found && rule.state == ENGINE_ACTIVE && next <= d->now)
        status = start_rule(d->e, session, &rule, d->now, error);
    pl_arena_free(&arena);
    return status;
}

static int start_due(store_session *session, void *argument, pl_error *error) {
    struct due *d = argument;
    for (size_t i = 0; i < d->count; i++)
        if (start_if_due(d, session, d->rules[i], error) != 0)
            return -1;
    return 0;
}

static int start_page(engine *e, struct scanning *s, bool *worked, pl_error *error) {
    for (size_t from = 0, to; from < s->due_count; from = to) {
        to = from + 1;
        while (to < s->due_count && pl_str_eq(s->due[to]->account_id, s->due[from]->account_id))
            to++;
        struct due due = {e, s->due + from, to - from, s->now};
        if (store_write(e->config.store, start_due, &due, error) != 0)
            return -1;
        *worked = true;
    }
    return 0;
}

int engine_work_schedules(engine *e, int64_t now, bool *worked, pl_error *error) {
    pl_arena arena;
    int status = 0;
    pl_arena_init(&arena, ARENA_LIMIT);
    struct scanning s = {.arena = &arena, .now = now, .after_account = PL_STR("")};
    do {
        status = store_read(e->config.store, scan_work, &s, error);
        if (status == 0)
            status = start_page(e, &s, worked, error);
        if (status != 0 || s.count == 0)
            break;
        s.after_account = s.rules[s.count - 1].account_id;
        s.after_key = s.rules[s.count - 1].rule_key;
    } while (s.count == PAGE);
    pl_arena_free(&arena);
    return status;
}

/* --- Marks -----------------------------------------------------------------------------------------------
 */

struct lifting {
    engine *e;
    int64_t now;
    size_t lifted;
};

struct ended_mark {
    pl_str account_id;
    int64_t rule_key, resource_key;
};

static int read_ended(store_session *session, pl_arena *arena, int64_t now, struct ended_mark *marks,
                      size_t *count, pl_error *error) {
    int step;
    store_statement *st = store_prepare(
        session,
        "SELECT account_id, rule_key, resource_key FROM results WHERE ignore_until IS NOT NULL AND "
        "ignore_until <= $1" ENGINE_STAYS("results") " ORDER BY ignore_until LIMIT $2",
        error);
    store_bind_i64(st, 1, now);
    store_bind_i64(st, 2, MARKS);
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        marks[*count] = (struct ended_mark){pl_arena_copy(arena, store_column_text(st, 0)),
                                            store_column_i64(st, 1), store_column_i64(st, 2)};
        if (!marks[(*count)++].account_id.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return step;
}

static int lift(engine_writing *w, const struct ended_mark *mark) {
    inventory_resource resource;
    engine_row row;
    bool found, known;
    engine_rule rule = {.rule_key = mark->rule_key};
    if (engine_row_of(w->session, w->arena, mark->account_id, mark->rule_key, mark->resource_key, &row,
                      &found, w->error) != 0 ||
        inventory_find_key(w->session, w->arena, mark->account_id, mark->resource_key, &resource, &known,
                           w->error) != 0)
        return -1;
    return found && known
               ? engine_unmark(w, mark->account_id, &rule, resource.resource_type, mark->resource_key, &row)
               : 0;
}

static int lift_work(store_session *session, void *argument, pl_error *error) {
    struct lifting *l = argument;
    pl_arena arena;
    engine_writing w;
    pl_arena_init(&arena, ARENA_LIMIT);
    engine_writing_begin(&w, l->e, session, &arena, l->now, error);
    struct ended_mark *marks = pl_new(&arena, struct ended_mark, MARKS);
    int status = marks ? read_ended(session, &arena, l->now, marks, &l->lifted, error)
                       : pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; status == 0 && i < l->lifted; i++)
        status = lift(&w, marks + i);
    status = engine_writing_end(&w, status);
    pl_arena_free(&arena);
    return status;
}

static int any_ended(store_session *session, void *argument, pl_error *error) {
    struct lifting *l = argument;
    store_statement *st = store_prepare(
        session,
        "SELECT 1 FROM results WHERE ignore_until IS NOT NULL AND ignore_until <= $1" ENGINE_STAYS(
            "results") " LIMIT 1",
        error);
    store_bind_i64(st, 1, l->now);
    bool any;
    int status = store_any(st, &any, error);
    l->lifted = any;
    return status;
}

int engine_work_marks(engine *e, int64_t now, bool *worked, pl_error *error) {
    struct lifting l = {e, now, 0};
    if (store_read(e->config.store, any_ended, &l, error) != 0)
        return -1;
    if (l.lifted == 0)
        return 0;
    *worked = true;
    return store_write(e->config.store, lift_work, &l, error);
}
