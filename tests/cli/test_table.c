/* Answers as people see them on a terminal. */
#include "support/testing.h"

#include "cli/table.h"
#include "json/parser.h"

#include <stdio.h>

/* The lines of the table made of a JSON text; NUL-terminated in `text`. */
static void table_of(const char *json, char text[static 4096]) {
    pl_arena arena;
    pl_json root;
    pl_error error;
    pl_buf out;
    pl_arena_init(&arena, 0);
    pl_buf_init(&out, 4096);
    assert_int_equal(pl_json_parse_in(&arena, pl_str_from(json), &root, &error), 0);
    cli_table_write(&out, root);
    assert_false(out.failed);
    snprintf(text, 4096, "%.*s", PL_FMT(pl_buf_str(&out)));
    pl_buf_free(&out);
    pl_arena_free(&arena);
}

static void a_list_has_a_line_for_each_item_below_its_columns(void **state) {
    (void)state;
    char text[4096], header[4096];
    table_of("{\"RequestId\":\"r\",\"Rules\":{\"List\":[{\"Name\":\"one\",\"Level\":1},"
             "{\"Name\":\"second\",\"Level\":22}]}}",
             text);
    pl_str rest = pl_str_from(text), line;
    assert_true(pl_str_split(&rest, '\n', &line));
    snprintf(header, sizeof header, "%.*s", PL_FMT(line));
    assert_non_null(strstr(header, "Name"));
    size_t column = (size_t)(strstr(header, "Level") - header);
    const char *wanted[][2] = {{"one", "1"}, {"second", "22"}};
    size_t row = 0;
    while (pl_str_split(&rest, '\n', &line)) {
        if (!pl_str_starts(line, pl_str_from(wanted[row][0])))
            continue;
        assert_true(pl_str_starts(pl_str_skip(line, column), pl_str_from(wanted[row][1])));
        if (++row == 2)
            break;
    }
    assert_int_equal(row, 2);
}

static void an_answer_without_a_list_has_a_line_for_each_member(void **state) {
    (void)state;
    char text[4096];
    table_of("{\"RequestId\":\"r-1\",\"ConfigRuleId\":\"cr-1\"}", text);
    assert_non_null(strstr(text, "RequestId"));
    assert_non_null(strstr(text, "cr-1"));
    assert_non_null(strchr(text, '\n'));
}

static void long_cells_are_cut(void **state) {
    (void)state;
    char json[1024], text[4096], cell[301];
    memset(cell, 'x', 300);
    cell[300] = '\0';
    snprintf(json, sizeof json, "{\"List\":[{\"Name\":\"%s\"}]}", cell);
    table_of(json, text);
    cell[CLI_TABLE_WIDTH + 1] = '\0';
    assert_null(strstr(text, cell));
    cell[CLI_TABLE_WIDTH / 2] = '\0';
    assert_non_null(strstr(text, cell));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_a_line_for_each_item_below_its_columns),
        cmocka_unit_test(an_answer_without_a_list_has_a_line_for_each_member),
        cmocka_unit_test(long_cells_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
