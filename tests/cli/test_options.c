/* Where `serve` takes a setting from, and what it says about wrong ones. */
#include "support/testing.h"

#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const cli_option table[] = {
    {"read-timeout", CLI_NUMBER, "60", 1, 3600, "SECONDS", "a number", NULL, 0, false},
    {"store", CLI_TEXT, NULL, 0, 0, "URL", "a text", NULL, 0, false},
    {"strict", CLI_FLAG, NULL, 0, 0, NULL, "a flag", NULL, 0, false},
};

enum { COUNT = sizeof table / sizeof *table };

typedef struct world {
    cli_option items[COUNT];
    cli_options options;
    pl_arena arena;
    pl_error error;
    char file[64];
    char first[64], second[64]; /* options keep views of the arguments */
} world;

static int setup(void **state) {
    static world w;
    memcpy(w.items, table, sizeof table);
    w.options = (cli_options){.program = "plumbline serve", .items = w.items, .count = COUNT};
    pl_arena_init(&w.arena, 0);
    strcpy(w.file, "/tmp/plumbline-test-XXXXXX");
    int fd = mkstemp(w.file);
    unsetenv("PLUMBLINE_READ_TIMEOUT");
    *state = &w;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state) {
    world *w = *state;
    pl_arena_free(&w->arena);
    return unlink(w->file);
}

static int parse(world *w, const char *a, const char *b) {
    char *arguments[] = {"serve", w->first, w->second};
    snprintf(w->first, sizeof w->first, "%s", a);
    snprintf(w->second, sizeof w->second, "%s", b ? b : "");
    return cli_options_parse(&w->options, b ? 3 : 2, arguments, &w->error);
}

static void write_file(world *w, const char *text) {
    FILE *file = fopen(w->file, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int64_t timeout_of(world *w) {
    return cli_options_get(&w->options, "read-timeout")->number;
}

static void the_command_line_goes_before_environment_file_and_default(void **state) {
    world *w = *state;
    write_file(w, "# comment\n\n read-timeout = 30 \nstrict = true\n");
    assert_int_equal(parse(w, "--store=here", NULL), 0);
    assert_int_equal(timeout_of(w), 60);
    setenv("PLUMBLINE_READ_TIMEOUT", "20", 1);
    assert_int_equal(cli_options_environment(&w->options, &w->error), 0);
    assert_int_equal(cli_options_file(&w->options, &w->arena, w->file, &w->error), 0);
    assert_int_equal(timeout_of(w), 20);
    assert_int_equal(cli_options_get(&w->options, "strict")->number, 1);
    assert_string_equal(cli_options_get(&w->options, "store")->value, "here");
}

static void the_file_goes_before_the_default(void **state) {
    world *w = *state;
    write_file(w, "read-timeout = 30");
    assert_int_equal(parse(w, "--strict", NULL), 0);
    assert_int_equal(cli_options_environment(&w->options, &w->error), 0);
    assert_int_equal(cli_options_file(&w->options, &w->arena, w->file, &w->error), 0);
    assert_int_equal(timeout_of(w), 30);
}

static void wrong_arguments_are_named(void **state) {
    world *w = *state;
    static const char *const cases[][3] = {
        {"--read-timeout", "0", "read-timeout must be a number from 1 to 3600, not \"0\""},
        {"--read-timeout", "3601", "read-timeout must be a number from 1 to 3600, not \"3601\""},
        {"--read-timeout", "soon", "read-timeout must be a number from 1 to 3600, not \"soon\""},
        {"--strict=perhaps", NULL, "strict must be true or false, not \"perhaps\""},
        {"--store", NULL, "--store needs a value"},
        {"--shop", "x", "unknown option --shop"},
        {"here", NULL, "unexpected argument here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(w, cases[i][0], cases[i][1]), -1);
        assert_string_equal(w->error.message, cases[i][2]);
    }
}

static void a_mistake_in_the_file_is_named_by_line(void **state) {
    world *w = *state;
    char wanted[160];
    assert_int_equal(parse(w, "--strict", NULL), 0);
    write_file(w, "strict = true\nread-timeout = soon\n");
    assert_int_equal(cli_options_file(&w->options, &w->arena, w->file, &w->error), -1);
    snprintf(wanted, sizeof wanted, "%s:2: read-timeout must be a number from 1 to 3600, not \"soon\"",
             w->file);
    assert_string_equal(w->error.message, wanted);
    write_file(w, "\nshop = x\n");
    assert_int_equal(cli_options_file(&w->options, &w->arena, w->file, &w->error), -1);
    snprintf(wanted, sizeof wanted, "%s:2: no option \"shop\"", w->file);
    assert_string_equal(w->error.message, wanted);
}

static void help_ends_the_reading(void **state) {
    world *w = *state;
    assert_int_equal(parse(w, "--help", "--shop"), 0);
    assert_true(w->options.help);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(the_command_line_goes_before_environment_file_and_default),
        CASE(the_file_goes_before_the_default),
        CASE(wrong_arguments_are_named),
        CASE(a_mistake_in_the_file_is_named_by_line),
        CASE(help_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
