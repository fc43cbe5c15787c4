/*
 * `plumbline rules`: the rule catalogue from the command line. `test` runs each rule's own cases through the
 * program that the server evaluates with.
 *
 * Exit status: 0 good; 1 a case failed, or the rule is unknown; 2 usage or input errors.
 */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/usage.h"

#include "base/clock.h"
#include "catalogue/catalogue.h"
#include "condition/program.h"
#include "json/parser.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GOOD = 0, BAD = 1, USAGE = 2, FILES_MAX = 10000 };

/* Cases that name no time are evaluated at 2026-01-01T00:00:00Z (catalogue/README.md). */
static const int64_t default_now = 1767225600000;

static const char help[] =
    "usage: plumbline rules list [--catalogue DIR]\n"
    "       plumbline rules show IDENTIFIER [--catalogue DIR]\n"
    "       plumbline rules test [--catalogue DIR] [FILE...]\n"
    "\n"
    "list: identifier, risk level, resource types and name of every managed rule\n"
    "show: the rule file\n"
    "test: runs the cases of all rules, or of the given rule files, and ends with `N passed, N failed`\n"
    "\n"
    "example\n"
    "  plumbline rules test my-rules/bucket-has-owner.json\n";

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline rules: %s %s\nTry `plumbline rules --help`.\n", what, value);
    return USAGE;
}

static int fail(const pl_error *error) {
    fprintf(stderr, "plumbline rules: %s\n", error->message);
    return USAGE;
}

static int write_out(const pl_buf *out) {
    if (!out->failed && cli_write_all(STDOUT_FILENO, pl_buf_str(out)) == 0)
        return GOOD;
    fputs("plumbline rules: the output cannot be written\n", stderr);
    return USAGE;
}

static int list(const catalogue *all) {
    static const char *const risks[] = {"", "high", "medium", "low"};
    pl_error error;
    pl_buf out;
    pl_buf_init(&out, 16 << 20);
    for (size_t i = 0; i < catalogue_rule_count(all); i++) {
        const catalogue_rule *rule = catalogue_rule_at(all, i, &error);
        if (!rule) {
            pl_buf_free(&out);
            return fail(&error);
        }
        pl_buf_printf(&out, "%.*s\t%s\t", PL_FMT(rule->identifier), risks[rule->risk_level]);
        for (size_t k = 0; k < rule->resource_types.count; k++)
            pl_buf_printf(&out, "%s%.*s", k ? "," : "", PL_FMT(rule->resource_types.items[k]));
        pl_buf_printf(&out, "\t%.*s\n", PL_FMT(rule->name));
    }
    int status = write_out(&out);
    pl_buf_free(&out);
    return status;
}

static int show(const catalogue *all, const char *identifier) {
    pl_error error;
    pl_json root;
    pl_arena arena;
    pl_str text = catalogue_rule_text(all, pl_str_from(identifier));
    if (!text.p) {
        char near[CLI_SUGGESTION_TEXT];
        fprintf(stderr, "plumbline rules: no rule %s%s\n", identifier,
                cli_did_you_mean(near, cli_nearest_rule(all, pl_str_from(identifier))));
        return USAGE;
    }
    pl_arena_init(&arena, 64 << 20);
    pl_buf out;
    pl_buf_init(&out, 16 << 20);
    int status = USAGE;
    if (pl_json_parse_in(&arena, text, &root, &error) == 0) {
        pl_json_write_indented(&out, root, 2, 80);
        pl_buf_add_char(&out, '\n');
        status = write_out(&out);
    } else {
        fail(&error);
    }
    pl_buf_free(&out);
    pl_arena_free(&arena);
    return status;
}

/* --- test ------------------------------------------------------------------------------------------------
 */

typedef struct tally {
    size_t passed, failed;
    pl_arena arena; /* of one rule */
} tally;

static int find_related(void *context, pl_str type, pl_json *list_of, pl_error *error) {
    (void)error;
    const pl_json *related = context;
    *list_of = pl_json_get(*related, type);
    return 0;
}

/* The surrounding item of a case: what the case says of it, with the resource's type. */
static int item_of(tally *t, const catalogue_rule *rule, pl_json test, pl_json *item, pl_error *error) {
    pl_str type = pl_json_str(pl_json_get(test, PL_STR("resourceType"))), key;
    pl_json value;
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add(&text, PL_STR("{\"resourceType\":"));
    pl_json_write_string(&text, type.p ? type : rule->resource_types.items[0]);
    for (pl_json_walk w = pl_json_children(pl_json_get(test, PL_STR("item")));
         pl_json_step(&w, &key, &value);) {
        pl_buf_add_char(&text, ',');
        pl_json_write_string(&text, key);
        pl_buf_add_char(&text, ':');
        pl_json_write(&text, value);
    }
    pl_buf_add_char(&text, '}');
    int result = text.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                             : pl_json_parse_in(&t->arena, pl_buf_str(&text), item, error);
    pl_buf_free(&text);
    return result;
}

static int run_program(tally *t, pl_program *program, const catalogue_rule *rule, pl_json test,
                       pl_json related, pl_buf *told, pl_error *error) {
    pl_program_input input = {.configuration = pl_json_get(test, PL_STR("configuration")),
                              .now = default_now,
                              .related = find_related,
                              .context = &related};
    pl_str now = pl_json_str(pl_json_get(test, PL_STR("now")));
    if (now.p && !pl_time_parse(now, &input.now))
        return pl_failf(error, PL_E_InvalidParameter, "`now` is not a time");
    if (item_of(t, rule, test, &input.item, error) != 0)
        return -1;
    pl_program_state *state = pl_program_state_new(program);
    if (!state)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_verdict verdict = pl_program_evaluate(state, &input)[0];
    pl_buf_add(told, pl_verdict_name(verdict));
    if (verdict == PL_VERDICT_ERROR)
        pl_buf_printf(told, " (%s)", pl_program_error(state, 0)->message);
    pl_program_state_free(state);
    return 0;
}

/* The verdict's name, as the engine would give it. */
static int evaluate(tally *t, const catalogue_rule *rule, pl_json test, pl_buf *told, pl_error *error) {
    pl_json values, given = pl_json_get(test, PL_STR("parameters"));
    if (rule->missing.n || catalogue_lacking_parameter(rule, given)) {
        pl_buf_add(told, PL_STR("INSUFFICIENT_DATA"));
        return 0;
    }
    if (catalogue_parameters(rule, &t->arena, given, &values, error) != 0)
        return -1;
    pl_program *program = pl_program_new();
    if (!program)
        return pl_fail(error, PL_E_ServiceUnavailable);
    int result = catalogue_program_add(rule, program, &t->arena, values, error);
    if (result == 0)
        result = pl_program_seal(program, error);
    if (result == 0)
        result = run_program(t, program, rule, test, pl_json_get(test, PL_STR("related")), told, error);
    pl_program_release(program);
    return result;
}

static void run_case(tally *t, const catalogue_rule *rule, size_t index, pl_json test) {
    pl_error error = {0};
    pl_str wanted = pl_json_str(pl_json_get(test, PL_STR("expect")));
    pl_buf told;
    pl_buf_init(&told, 1 << 16);
    if (evaluate(t, rule, test, &told, &error) != 0)
        pl_buf_printf(&told, "error (%s)", error.message);
    if (pl_str_eq(pl_buf_str(&told), wanted)) {
        t->passed++;
    } else {
        t->failed++;
        printf("%.*s: $.cases[%zu] (%.*s): wanted %.*s, got %.*s\n", PL_FMT(rule->identifier), index,
               PL_FMT(pl_json_str(pl_json_get(test, PL_STR("name")))), PL_FMT(wanted),
               PL_FMT(pl_buf_str(&told)));
    }
    pl_buf_free(&told);
}

static int test_rule(tally *t, const catalogue *all, const catalogue_rule *rule, pl_error *error) {
    pl_json root, test;
    pl_str key;
    size_t index = 0;
    pl_arena_reset(&t->arena);
    if (pl_json_parse_in(&t->arena, catalogue_rule_text(all, rule->identifier), &root, error) != 0)
        return -1;
    pl_json cases = pl_json_get(root, PL_STR("cases"));
    for (pl_json_walk w = pl_json_children(cases); pl_json_step(&w, &key, &test);)
        run_case(t, rule, index++, test);
    return 0;
}

static int test_all(const catalogue *all) {
    tally t = {0};
    pl_error error = {0};
    int status = GOOD;
    pl_arena_init(&t.arena, 64 << 20);
    for (size_t i = 0; i < catalogue_rule_count(all) && status == GOOD; i++) {
        const catalogue_rule *rule = catalogue_rule_at(all, i, &error);
        if (!rule || test_rule(&t, all, rule, &error) != 0)
            status = fail(&error);
    }
    pl_arena_free(&t.arena);
    printf("%zu passed, %zu failed\n", t.passed, t.failed);
    return status != GOOD ? status : t.failed ? BAD : GOOD;
}

/* Takes `--catalogue DIR` out of the arguments; -1 when the value is missing. */
static int take_directory(int *argc, char **argv, const char **directory) {
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        pl_str word = pl_str_from(argv[i]), joined = PL_STR("--catalogue=");
        if (pl_str_starts(word, joined)) {
            *directory = argv[i] + joined.n;
        } else if (!pl_str_is(word, "--catalogue")) {
            argv[kept++] = argv[i];
        } else {
            if (i + 1 == *argc)
                return -1;
            *directory = argv[++i];
        }
    }
    *argc = kept;
    return 0;
}

int cli_rules(int argc, char **argv) {
    const char *directory = NULL, *verb = argc > 1 ? argv[1] : "";
    if (argc == 2 && (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0))
        return fputs(help, stdout) < 0 ? USAGE : GOOD;
    if (take_directory(&argc, argv, &directory) != 0)
        return usage("a value is missing for", "--catalogue");
    verb = argc > 1 ? argv[1] : "";
    bool is_list = strcmp(verb, "list") == 0, is_show = strcmp(verb, "show") == 0,
         is_test = strcmp(verb, "test") == 0;
    if (!is_list && !is_show && !is_test)
        return usage("expected list, show or test, not", verb);
    if (is_test && argc > 2 && directory)
        return usage("rule files are tested without", "--catalogue");
    if ((is_list && argc != 2) || (is_show && argc != 3) || argc > FILES_MAX)
        return usage("wrong number of arguments for", verb);
    for (int i = 2; i < argc; i++)
        if (argv[i][0] == '-')
            return usage("unknown option", argv[i]);
    catalogue *all;
    pl_error error;
    int opened = is_test && argc > 2
                     ? catalogue_open_files(&all, (const char *const *)argv + 2, (size_t)argc - 2, &error)
                     : catalogue_open(&all, directory, &error);
    if (opened != 0)
        return fail(&error);
    int status = is_list ? list(all) : is_show ? show(all, argv[2]) : test_all(all);
    catalogue_close(all);
    return status;
}
