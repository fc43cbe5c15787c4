/*
 * ListResourcesByAdvancedSearch and its aggregate twin (reference/advanced-search.md): a statement over the
 * live resources of the accounts that the caller may see.
 */
#include "api/config/results.h"
#include "api/operations.gen.h"
#include "reports/reports.h"
#include "json/parser.h"

#include <stdlib.h>

/* ANSWER_BYTES: as recorded; written as JSON or XML they stay below what a server's answer may hold. */
enum { ROWS_MAX = 1000, MEMORY = 64 << 20, SECONDS = 20, ANSWER_BYTES = 48 << 20 };

typedef struct search_task {
    api_call *call;
    config_owner owner;
    search_plan *plan;
    pl_writer writer; /* before the work, which may run more than once */
    size_t written;
    size_t bytes; /* of all values so far */
    pl_json null;
} search_task;

static int write_number(search_task *task, pl_str text, pl_error *error) {
    int64_t number;
    if (pl_str_to_i64(text, &number)) {
        pl_write_i64(task->call->out, PL_STR_NONE, number);
        return 0;
    }
    const char *plain = pl_arena_cstr(task->call->arena, text);
    if (!plain)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_write_double(task->call->out, PL_STR_NONE, strtod(plain, NULL));
    return 0;
}

static int write_cell(search_task *task, const search_cell *cell, pl_error *error) {
    pl_writer *out = task->call->out;
    pl_json tree;
    switch (cell->kind) {
    case SEARCH_NULL: pl_write_json(out, PL_STR_NONE, task->null); return 0;
    case SEARCH_BOOLEAN: pl_write_bool(out, PL_STR_NONE, pl_str_is(cell->text, "true")); return 0;
    case SEARCH_NUMBER: return write_number(task, cell->text, error);
    case SEARCH_TEXT: pl_write_string(out, PL_STR_NONE, cell->text); return 0;
    case SEARCH_JSON: break;
    }
    if (pl_json_parse_in(task->call->arena, cell->text, &tree, error) != 0)
        return -1;
    pl_write_json(out, PL_STR_NONE, tree);
    return 0;
}

static int write_cells(search_task *task, const search_cell *cells, size_t count, pl_error *error) {
    pl_write_array(task->call->out, PL_STR("Values"));
    for (size_t i = 0; i < count; i++)
        if (write_cell(task, &cells[i], error) != 0)
            return -1;
    pl_write_array_end(task->call->out);
    return 0;
}

/* XML cannot tell where a list in a list ends: a row is the text of its JSON there. */
static int write_row_text(search_task *task, const search_cell *cells, size_t count, pl_error *error) {
    pl_buf text;
    pl_writer json = {.format = PL_FORMAT_JSON}, *out = task->call->out;
    pl_buf_init(&text, 16 << 20);
    json.out = &text;
    json.depth = 1;
    json.levels[0].array = json.levels[0].empty = true;
    task->call->out = &json;
    int result = write_cells(task, cells, count, error);
    task->call->out = out;
    if (result == 0 && text.failed)
        result = pl_fail(error, PL_E_ServiceUnavailable);
    if (result == 0)
        pl_write_string(out, PL_STR_NONE, pl_buf_str(&text));
    pl_buf_free(&text);
    return result;
}

static int write_row(void *context, const search_cell *cells, size_t count, pl_error *error) {
    search_task *task = context;
    for (size_t i = 0; i < count; i++)
        task->bytes += cells[i].text.n;
    if (task->bytes > ANSWER_BYTES)
        return pl_failf(
            error, PL_E_Invalid_Sql_Value,
            "The specified Sql is invalid: its answer is larger than %d MB; create a search file.",
            ANSWER_BYTES >> 20);
    int result = task->call->out->format == PL_FORMAT_XML ? write_row_text(task, cells, count, error)
                                                          : write_cells(task, cells, count, error);
    return result == 0 && task->call->out->out->failed ? pl_fail(error, PL_E_ServiceUnavailable) : result;
}

static void write_columns(pl_writer *out, const search_plan *plan) {
    const pl_str *titles;
    size_t count = search_columns(plan, &titles);
    pl_write_array(out, PL_STR("Columns"));
    for (size_t i = 0; i < count; i++)
        pl_write_string(out, PL_STR_NONE, titles[i]);
    pl_write_array_end(out);
}

static int run(search_task *task, store_session *session) {
    api_call *call = task->call;
    search_limits limits = {.rows = ROWS_MAX, .memory = MEMORY};
    if (pl_random_fill(&call->services->random, &limits.seed, sizeof limits.seed) != 0)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    search_run *run = search_run_new(task->plan, &limits, write_row, task);
    if (!run)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    int result =
        reports_scan(session, call->services->catalogue, task->owner.accounts, task->owner.account_count,
                     task->plan, run, pl_monotonic_ns() + (int64_t)SECONDS * 1000000000, call->error);
    search_run_free(run);
    return result;
}

static int search_work(store_session *session, void *argument, pl_error *error) {
    search_task *task = argument;
    pl_writer *out = task->call->out;
    (void)error; /* the store was given that of the call */
    *out = task->writer;
    out->out->n = task->written;
    task->bytes = 0;
    pl_write_object(out, PL_STR("QueryResults"));
    pl_write_object(out, PL_STR("QueryResultList"));
    write_columns(out, task->plan);
    pl_write_array(out, PL_STR("Values"));
    if (run(task, session) != 0)
        return -1;
    pl_write_array_end(out);
    pl_write_object_end(out);
    pl_write_object_end(out);
    return 0;
}

static int search(api_call *call) {
    search_task task = {.call = call, .writer = *call->out, .written = call->out->out->n};
    if (config_owner_of(call, CONFIG_READ, &task.owner) != 0 ||
        pl_json_parse_in(call->arena, PL_STR("null"), &task.null, call->error) != 0 ||
        search_compile(call->arena, api_text(call, "Sql"), call->services->limits->strict, &task.plan,
                       call->error) != 0)
        return -1;
    return config_read(call, search_work, &task);
}

int config_list_resources_by_advanced_search(api_call *call) {
    return search(call);
}

int config_list_aggregate_resources_by_advanced_search(api_call *call) {
    return search(call);
}
