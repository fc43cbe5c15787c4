/*
 * Books: an overview of rules and the resources that do not comply with them, as a workbook with two sheets
 * (more when the second is full) or as two CSV files. Rows go to the disk as they come.
 */
#include "reports/private.h"

#include <unistd.h>
#include <xlsxwriter.h>

enum { ROWS_MAX = 1048576, TEXT_MAX = 32767, CELLS_LIMIT = 16 << 20, COLUMNS_MAX = 11, SHEET_NAME = 32 };

#define WORKBOOK_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

struct book {
    pl_arena *arena;
    pl_arena cells; /* of one row */
    book_look look;
    pl_str name;
    pl_str paths[2];
    FILE *files[2]; /* CSV: overview, resources */
    lxw_workbook *workbook;
    lxw_worksheet *sheet;
    lxw_format *bold;
    unsigned row, sheets; /* of the resources */
    bool failed;
};

/* A text in the two languages of headings. */
typedef struct words {
    const char *english, *chinese;
} words;

static const words overview_sheet = {"Overview", "概览"};
static const words resources_sheet = {"Non-compliant resources", "不合规资源"};
static const words overview_headings[] = {{"Rule name", "规则名称"},
                                          {"Rule ID", "规则 ID"},
                                          {"Risk level", "风险等级"},
                                          {"Compliance", "合规结果"},
                                          {"Compliant resources", "合规资源数"},
                                          {"Non-compliant resources", "不合规资源数"}};
static const words resource_headings[] = {
    {"Account ID", "账号 ID"},     {"Resource ID", "资源 ID"},     {"Resource name", "资源名称"},
    {"Resource type", "资源类型"}, {"Region ID", "地域 ID"},       {"Rule name", "规则名称"},
    {"Rule ID", "规则 ID"},        {"Risk level", "风险等级"},     {"Compliance", "合规结果"},
    {"Annotation", "不合规原因"},  {"Evaluation time", "评估时间"}};
static const words fact_names[] = {{"Name", "名称"},
                                   {"Compliance package ID", "合规包 ID"},
                                   {"Account ID", "账号 ID"},
                                   {"Account group ID", "账号组 ID"},
                                   {"Generated at", "生成时间"}};

static const char *in_language(const book *b, const words *w) {
    return b->look.chinese ? w->chinese : w->english;
}

/* --- Rows ------------------------------------------------------------------------------------------------
 */

/* What a cell of a workbook can hold, cut between characters. */
static const char *cell_text(book *b, pl_str text) {
    pl_str cut = pl_str_head(text, TEXT_MAX);
    while (cut.n < text.n && cut.n && ((unsigned char)text.p[cut.n] & 0xc0) == 0x80)
        cut.n--;
    const char *copy = pl_arena_cstr(&b->cells, cut);
    b->failed = b->failed || !copy;
    return copy;
}

static void write_sheet_row(book *b, const pl_str *cells, size_t count, lxw_format *format) {
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        const char *text = cell_text(b, cells[i]);
        bool small = cells[i].n < 10 && cells[i].n && pl_str_to_i64(cells[i], &number);
        if (!text)
            return;
        lxw_error wrong = small
                              ? worksheet_write_number(b->sheet, b->row, (lxw_col_t)i, (double)number, format)
                              : worksheet_write_string(b->sheet, b->row, (lxw_col_t)i, text, format);
        b->failed = b->failed || wrong != LXW_NO_ERROR;
    }
    b->row++;
}

static void write_row(book *b, int part, const pl_str *cells, size_t count, bool heading) {
    pl_arena_reset(&b->cells);
    if (!b->look.csv) {
        write_sheet_row(b, cells, count, heading ? b->bold : NULL);
        return;
    }
    for (size_t i = 0; i < count; i++)
        csv_cell(b->files[part], i == 0, cells[i]);
    csv_row_end(b->files[part]);
}

static void write_headings(book *b, int part, const words *headings, size_t count) {
    pl_str cells[COLUMNS_MAX];
    for (size_t i = 0; i < count; i++)
        cells[i] = pl_str_from(in_language(b, &headings[i]));
    write_row(b, part, cells, count, true);
}

static bool begin_sheet(book *b, const words *name, unsigned number) {
    char title[SHEET_NAME];
    if (number > 1)
        snprintf(title, sizeof title, "%s %u", in_language(b, name), number);
    else
        snprintf(title, sizeof title, "%s", in_language(b, name));
    b->sheet = workbook_add_worksheet(b->workbook, title);
    b->row = 0;
    if (!b->sheet)
        return false;
    return worksheet_set_column(b->sheet, 0, COLUMNS_MAX - 1, 24, NULL) == LXW_NO_ERROR;
}

static pl_str time_text(book *b, int64_t time) {
    char text[PL_TIME_TEXT];
    return time ? pl_arena_copy(b->arena, pl_time_iso(time, text)) : PL_STR("");
}

static void write_head(book *b, const book_head *head) {
    const pl_str facts[] = {head->title, head->pack_id, head->account_id, head->aggregator_id,
                            time_text(b, head->time)};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (facts[i].n)
            write_row(b, 0, (const pl_str[]){pl_str_from(in_language(b, &fact_names[i])), facts[i]}, 2,
                      false);
    write_headings(b, 0, overview_headings, sizeof overview_headings / sizeof *overview_headings);
}

/* --- Books -----------------------------------------------------------------------------------------------
 */

static bool open_csv(book *b) {
    for (int i = 0; i < 2; i++) {
        b->files[i] = fopen(b->paths[i].p, "wb");
        if (!b->files[i])
            return false;
        csv_begin(b->files[i]);
    }
    return true;
}

static bool open_workbook(book *b, const char *directory) {
    lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = (char *)(uintptr_t)directory};
    b->workbook = workbook_new_opt(b->paths[0].p, &options);
    if (!b->workbook)
        return false;
    b->bold = workbook_add_format(b->workbook);
    if (b->bold)
        format_set_bold(b->bold);
    return b->bold && begin_sheet(b, &overview_sheet, 1);
}

book *book_new(pl_arena *arena, const char *directory, pl_str name, const book_look *look,
               const book_head *head, pl_error *error) {
    book *b = pl_new(arena, book, 1);
    if (!b) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return NULL;
    }
    *b = (book){.arena = arena, .look = *look, .name = pl_arena_copy(arena, name)};
    pl_arena_init(&b->cells, CELLS_LIMIT);
    b->paths[0] =
        pl_arena_printf(arena, "%s/%.*s%s", directory, PL_FMT(name), look->csv ? "-overview.csv" : ".xls");
    b->paths[1] = pl_arena_printf(arena, "%s/%.*s-resources.csv", directory, PL_FMT(name));
    if (!arena->failed && (look->csv ? open_csv(b) : open_workbook(b, directory))) {
        write_head(b, head);
        return b;
    }
    pl_error ignored;
    made_file files[2];
    size_t count;
    (void)book_end(b, false, files, &count, &ignored);
    pl_failf(error, PL_E_ServiceUnavailable, "The report could not be begun in %s.", directory);
    return NULL;
}

static int check(const book *b, pl_error *error) {
    return b->failed || b->arena->failed
               ? pl_failf(error, PL_E_ServiceUnavailable, "The report could not be written.")
               : 0;
}

int book_rule(book *b, const engine_rule *rule, const engine_counts *counts, pl_error *error) {
    int64_t size;
    char risk[8], good[24], bad[24];
    snprintf(risk, sizeof risk, "%d", rule->risk_level);
    snprintf(good, sizeof good, "%lld", (long long)counts->by[ENGINE_COMPLIANT]);
    snprintf(bad, sizeof bad, "%lld", (long long)counts->by[ENGINE_NON_COMPLIANT]);
    const pl_str cells[] = {rule->name,        rule->rule_id,
                            pl_str_from(risk), engine_compliance_name(engine_aggregate(counts, &size)),
                            pl_str_from(good), pl_str_from(bad)};
    write_row(b, 0, cells, sizeof cells / sizeof *cells, false);
    return check(b, error);
}

/* The resources begin behind the last rule. */
static bool room_for_result(book *b) {
    if (b->sheets > 0 && (b->look.csv || b->row < ROWS_MAX))
        return true;
    b->sheets++;
    if (!b->look.csv && !begin_sheet(b, &resources_sheet, b->sheets))
        return false;
    write_headings(b, 1, resource_headings, sizeof resource_headings / sizeof *resource_headings);
    return true;
}

int book_result(book *b, const engine_result *result, pl_error *error) {
    char risk[8], time[PL_TIME_TEXT];
    const engine_rule *rule = result->rule;
    const inventory_resource *r = &result->resource;
    snprintf(risk, sizeof risk, "%d", rule->risk_level);
    const pl_str cells[] = {r->account_id,
                            r->resource_id,
                            r->name,
                            r->resource_type,
                            r->region_id,
                            rule->name,
                            rule->rule_id,
                            pl_str_from(risk),
                            engine_compliance_name(result->compliance),
                            result->annotation,
                            pl_time_iso(result->recorded, time)};
    if (!room_for_result(b))
        b->failed = true;
    else
        write_row(b, 1, cells, sizeof cells / sizeof *cells, false);
    return check(b, error);
}

static int close_csv(book *b, pl_error *error) {
    int result = 0;
    for (int i = 0; i < 2; i++)
        if (b->files[i] && csv_end(b->files[i], 0, error) != 0)
            result = -1;
    return result;
}

static int close_workbook(book *b, pl_error *error) {
    lxw_error wrong = b->workbook ? workbook_close(b->workbook) : LXW_NO_ERROR;
    b->workbook = NULL;
    if (wrong == LXW_NO_ERROR)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "The workbook could not be written: %s.",
                    lxw_strerror(wrong));
}

int book_end(book *b, bool sound, made_file files[static 2], size_t *count, pl_error *error) {
    pl_error closing;
    bool complete = sound && !b->failed && (b->sheets > 0 || room_for_result(b));
    int result = b->look.csv ? close_csv(b, &closing) : close_workbook(b, &closing);
    pl_arena_free(&b->cells);
    *count = b->look.csv ? 2 : 1;
    for (size_t i = 0; i < *count; i++)
        files[i] =
            (made_file){b->paths[i],
                        pl_arena_printf(b->arena, "%.*s%s", PL_FMT(b->name),
                                        b->look.csv ? (i ? "-resources.csv" : "-overview.csv") : ".xls"),
                        b->look.csv ? PL_STR("text/csv;charset=utf-8") : PL_STR(WORKBOOK_TYPE)};
    complete = complete && !b->failed && !b->arena->failed;
    for (size_t i = 0; i < *count && (!complete || result != 0); i++)
        if (b->paths[i].p)
            unlink(b->paths[i].p);
    if (!sound)
        return 0;
    if (result != 0)
        *error = closing;
    return complete && result == 0 ? 0
           : result != 0           ? -1
                         : pl_failf(error, PL_E_ServiceUnavailable, "The report could not be written.");
}
