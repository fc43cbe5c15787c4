/* Report templates and their subscriptions. */
#include "reports/private.h"

#define COLUMNS                                                                                              \
    "template_id, name, description, file_formats, granularity, language, scope, frequency, created, "       \
    "next_due, account_id"

enum { DAY_MS = 86400000, ZONE_MS = 8 * 3600000, DUE_AT_ONCE = 32 };

static int read_row(store_statement *st, pl_arena *arena, reports_template *out, pl_error *error) {
    pl_str *const texts[] = {&out->template_id, &out->name,     &out->description, &out->file_formats,
                             &out->granularity, &out->language, &out->scope,       &out->frequency};
    *out = (reports_template){.created = store_column_i64(st, 8), .next_due = store_column_i64(st, 9)};
    for (int i = 0; i < 8; i++)
        *texts[i] = pl_arena_copy(arena, store_column_text(st, i));
    out->account_id = pl_arena_copy(arena, store_column_text(st, 10));
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int reports_template_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str template_id,
                          reports_template *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " COLUMNS " FROM report_templates WHERE account_id = $1 AND template_id = $2",
        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, template_id);
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    int result = read_row(st, arena, out, error);
    store_reset(st);
    return result;
}

static bool matches(const reports_template *t, pl_str keyword) {
    return keyword.n == 0 || pl_str_find_fold(t->name, keyword) != PL_NOT_FOUND ||
           pl_str_find_fold(t->description, keyword) != PL_NOT_FOUND;
}

static bool is_behind(const reports_template *t, const reports_template_marker *after) {
    return !after || t->created > after->created ||
           (t->created == after->created && pl_str_cmp(t->template_id, after->template_id) > 0);
}

/* An account has at most REPORTS_TEMPLATES_MAX of them. */
int reports_template_list(store_session *session, pl_arena *arena, const reports_template_query *query,
                          reports_template_page *page, pl_error *error) {
    int step;
    *page = (reports_template_page){.items = pl_new(arena, reports_template, REPORTS_TEMPLATES_MAX + 1)};
    if (!page->items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_statement *st = store_prepare(
        session,
        "SELECT " COLUMNS " FROM report_templates WHERE account_id = $1 ORDER BY created, template_id",
        error);
    store_bind_text(st, 1, query->account_id);
    while ((step = store_step(st, error)) == 1) {
        reports_template t;
        if (read_row(st, arena, &t, error) != 0)
            return -1;
        if (!matches(&t, query->keyword))
            continue;
        page->total++;
        if (!is_behind(&t, query->after))
            continue;
        if (page->count < query->limit && page->count < REPORTS_TEMPLATES_MAX)
            page->items[page->count++] = t;
        else
            page->more = true;
    }
    return step;
}

/* The next time of the subscription; at most once on a day (UTC+8). */
static int64_t plan(const reports_template *t, int64_t after) {
    int64_t next = 0;
    const char *why;
    pl_str expression = pl_str_trim(t->frequency);
    if (expression.n == 0 || !reports_cron_next(expression, after, &next, &why))
        return 0;
    return next;
}

static int64_t end_of_day(int64_t time) {
    return ((time + ZONE_MS) / DAY_MS + 1) * DAY_MS - ZONE_MS - 1;
}

static int count_all(store_session *session, pl_str account_id, int64_t *count, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT COUNT(*) FROM report_templates WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    if (store_step(st, error) != 1)
        return -1;
    *count = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int make_id(store_session *session, pl_arena *arena, const pl_random *random, reports_template *t,
                   pl_error *error) {
    char digits[21];
    int64_t count;
    if (count_all(session, t->account_id, &count, error) != 0)
        return -1;
    if (count >= REPORTS_TEMPLATES_MAX)
        return pl_fail_code(error, 400, "ExceedMaxReportTemplateCount",
                            "An account has at most %d report templates.", REPORTS_TEMPLATES_MAX);
    if (pl_random_hex(random, digits, 20) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    t->template_id = pl_arena_printf(arena, "crt-%s", digits);
    return t->template_id.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

int reports_template_put(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                         reports_template *t, pl_error *error) {
    if (t->template_id.n == 0) {
        t->created = now;
        if (make_id(session, arena, random, t, error) != 0)
            return -1;
    }
    t->next_due = plan(t, now);
    return store_run(
        session, error,
        "INSERT INTO report_templates (account_id, template_id, name, description, file_formats, "
        "granularity, "
        "language, scope, frequency, created, next_due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
        "$11) "
        "ON CONFLICT (account_id, template_id) DO UPDATE SET name = excluded.name, description = "
        "excluded.description, file_formats = excluded.file_formats, granularity = excluded.granularity, "
        "language = excluded.language, scope = excluded.scope, frequency = excluded.frequency, next_due = "
        "excluded.next_due",
        "tttttttttii", t->account_id, t->template_id, t->name, t->description, t->file_formats,
        t->granularity, t->language, t->scope, t->frequency, t->created, t->next_due);
}

int reports_template_delete(store_session *session, pl_str account_id, pl_str template_id, bool *found,
                            pl_error *error) {
    int64_t changed;
    if (store_run_counted(session, &changed, error,
                          "DELETE FROM report_templates WHERE account_id = $1 AND template_id = $2", "tt",
                          account_id, template_id) != 0)
        return -1;
    *found = changed > 0;
    /* Its files have no name any more; the pieces go first. */
    if (store_run(session, error,
                  "DELETE FROM report_chunks WHERE account_id = $1 AND file_id IN (SELECT file_id FROM "
                  "report_files WHERE account_id = $1 AND object_id = $2 AND kind = 5)",
                  "tt", account_id, template_id) != 0)
        return -1;
    return store_run(session, error,
                     "DELETE FROM report_files WHERE account_id = $1 AND object_id = $2 AND kind = 5", "tt",
                     account_id, template_id);
}

/* --- Reports ---------------------------------------------------------------------------------------------
 */

static pl_str request_of(pl_arena *arena, const reports_template *t) {
    const struct {
        const char *name;
        pl_str value;
    } members[] = {{"{\"formats\":", t->file_formats},
                   {",\"granularity\":", t->granularity},
                   {",\"language\":", t->language},
                   {",\"title\":", t->name}};
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        pl_buf_add(&text, pl_str_from(members[i].name));
        pl_json_write_string(&text, members[i].value);
    }
    pl_buf_add(&text, PL_STR(",\"scope\":"));
    pl_buf_add(&text, t->scope.n ? t->scope : PL_STR("[]"));
    pl_buf_add_char(&text, '}');
    pl_str copy = text.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

int reports_template_start(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                           const reports_template *t, bool send, bool *busy, pl_error *error) {
    reports_file file = {.account_id = t->account_id,
                         .kind = REPORTS_TEMPLATE,
                         .aggregator_id = PL_STR(""),
                         .object_id = t->template_id,
                         .request = request_of(arena, t),
                         .send = send};
    if (!file.request.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return reports_start(session, arena, random, now, &file, busy, error);
}

int templates_start_due(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                        bool *any, pl_error *error) {
    reports_template due[DUE_AT_ONCE];
    size_t count = 0;
    int step;
    bool busy;
    store_statement *st =
        store_prepare(session,
                      store_is_postgres(session)
                          ? "SELECT " COLUMNS
                            " FROM report_templates WHERE next_due > 0 AND next_due <= $1 ORDER BY next_due "
                            "LIMIT $2 FOR UPDATE SKIP LOCKED"
                          : "SELECT " COLUMNS
                            " FROM report_templates WHERE next_due > 0 AND next_due <= $1 ORDER BY next_due "
                            "LIMIT $2",
                      error);
    store_bind_i64(st, 1, now);
    store_bind_i64(st, 2, DUE_AT_ONCE);
    while ((step = store_step(st, error)) == 1)
        if (read_row(st, arena, &due[count++], error) != 0)
            return -1;
    *any = count > 0;
    for (size_t i = 0; step == 0 && i < count; i++)
        if (store_run(session, error,
                      "UPDATE report_templates SET next_due = $3 WHERE account_id = $1 AND template_id = $2",
                      "tti", due[i].account_id, due[i].template_id, plan(&due[i], end_of_day(now))) != 0 ||
            reports_template_start(session, arena, random, now, &due[i], true, &busy, error) != 0)
            return -1;
    return step;
}
