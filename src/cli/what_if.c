/*
 * `plumbline policy what-if`: asks a running server (SimulateControlPolicyChange) which of the calls that it
 * has seen would be decided otherwise if a control policy were attached or detached, and shows them. Nothing
 * is changed on the server.
 */
#include "cli/what_if.h"

#include "cli/client.h"
#include "cli/file.h"
#include "cli/program.h"
#include "cli/usage.h"

#include "base/encode.h"
#include "json/parser.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SAME = 0, CHANGES = 1, USAGE = 2, PARAMETERS_MAX = 1 << 20, COLUMNS = 7, CELL_MAX = 70 };
static const size_t largest_file = 1 << 20;

typedef struct what_if {
    const char *attach, *detach, *target, *days, *endpoint, *data;
    bool json;
} what_if;

static const struct option known[] = {
    {"attach", required_argument, NULL, 'a'},   {"detach", required_argument, NULL, 'd'},
    {"target", required_argument, NULL, 't'},   {"days", required_argument, NULL, 'n'},
    {"endpoint", required_argument, NULL, 'e'}, {"data", required_argument, NULL, 'D'},
    {"format", required_argument, NULL, 'f'},   {NULL, 0, NULL, 0}};

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline policy: what-if: %s %s\nTry `plumbline policy --help`.\n", what, value);
    return USAGE;
}

static bool take_option(what_if *w, int option) {
    switch (option) {
    case 'a': w->attach = optarg; return true;
    case 'd': w->detach = optarg; return true;
    case 't': w->target = optarg; return true;
    case 'n': w->days = optarg; return true;
    case 'e': w->endpoint = optarg; return true;
    case 'D': w->data = optarg; return true;
    case 'f': w->json = strcmp(optarg, "json") == 0; return w->json || strcmp(optarg, "table") == 0;
    default: return false;
    }
}

static int parse(what_if *w, int argc, char **argv) {
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, known, NULL)) != -1)
        if (!take_option(w, option))
            return strchr("?:", option) ? usage(cli_option_fault(option, argv[optind - 1]), argv[optind - 1])
                                        : usage("wrong value:", optarg);
    if (optind < argc)
        return usage("unexpected", argv[optind]);
    if (!w->attach == !w->detach)
        return usage("give one of", "--attach and --detach");
    return w->target ? SAME : usage("which folder or account?", "--target is missing");
}

/* --- Asking -----------------------------------------------------------------------------------------------
 */

static void add(pl_buf *out, const char *name, pl_str value) {
    if (out->n)
        pl_buf_add_char(out, '&');
    pl_buf_add(out, pl_str_from(name));
    pl_buf_add_char(out, '=');
    pl_percent_encode(out, value);
}

/* What is attached is a policy of the directory when it looks like an id, else a file with a document. */
static int add_policy(const what_if *w, pl_arena *arena, pl_buf *out, pl_error *error) {
    pl_str text, value = pl_str_from(w->attach ? w->attach : w->detach);
    if (w->detach) {
        add(out, "Change", PL_STR("Detach"));
        add(out, "PolicyId", value);
        return 0;
    }
    if (pl_str_starts(value, PL_STR("cp-"))) {
        add(out, "PolicyId", value);
        return 0;
    }
    if (cli_file_read(arena, w->attach, largest_file, &text, error) != 0)
        return -1;
    add(out, "PolicyDocument", text);
    return 0;
}

static int send(const what_if *w, pl_arena *arena, pl_str parameters, pl_json *answer, pl_str *body,
                pl_error *error) {
    cli_client *client;
    cli_answer received;
    if (cli_client_open(&client, w->endpoint, program_data_directory(w->data), error) != 0)
        return -1;
    cli_request request =
        cli_request_of(true, PL_STR("SimulateControlPolicyChange"), PL_STR("2026-11-01"), parameters);
    int result = cli_client_send(client, arena, &request, &received, error);
    cli_client_close(client);
    if (result != 0 || pl_json_parse_in(arena, received.body, answer, error) != 0)
        return -1;
    *body = received.body;
    pl_str code = pl_json_str(pl_json_get(*answer, PL_STR("Code")));
    pl_str message = pl_json_str(pl_json_get(*answer, PL_STR("Message")));
    return received.status < 400
               ? 0
               : pl_failf(error, PL_E_InvalidParameter, "%.*s: %.*s", PL_FMT(code), PL_FMT(message));
}

static int ask(const what_if *w, pl_arena *arena, pl_json *answer, pl_str *body, pl_error *error) {
    pl_buf parameters;
    pl_buf_init(&parameters, PARAMETERS_MAX);
    add(&parameters, "TargetId", pl_str_from(w->target));
    if (w->days)
        add(&parameters, "Days", pl_str_from(w->days));
    int result = add_policy(w, arena, &parameters, error);
    if (result == 0 && parameters.failed)
        result = pl_failf(error, PL_E_InvalidParameter, "the policy is too large");
    if (result == 0)
        result = send(w, arena, pl_buf_str(&parameters), answer, body, error);
    pl_buf_free(&parameters);
    return result;
}

/* --- Showing ----------------------------------------------------------------------------------------------
 */

static const char *const titles[COLUMNS] = {"before", "after",    "calls",    "last seen",
                                            "action", "resource", "principal"};
static const char *const members[COLUMNS] = {"DecisionBefore", "DecisionAfter", "Count",       "LastSeen",
                                             "ActionName",     "ResourceArn",   "PrincipalArn"};

static int64_t number(pl_json object, const char *name) {
    int64_t value = 0;
    pl_json_i64(pl_json_get(object, pl_str_from(name)), &value);
    return value;
}

static pl_str cell(pl_arena *arena, pl_json row, int column) {
    pl_json value = pl_json_get(row, pl_str_from(members[column]));
    return pl_json_is_string(value) ? pl_json_str(value)
                                    : pl_arena_printf(arena, "%lld", (long long)number(row, members[column]));
}

static void print_row(const pl_str cells[static COLUMNS], const size_t widths[static COLUMNS]) {
    for (int i = 0; i < COLUMNS; i++)
        printf("%-*.*s%s", i + 1 < COLUMNS ? (int)widths[i] : 0, PL_FMT(cells[i]),
               i + 1 < COLUMNS ? "  " : "\n");
}

static void print_calls(pl_arena *arena, pl_json calls) {
    size_t widths[COLUMNS];
    pl_str cells[COLUMNS], key;
    pl_json row;
    for (int i = 0; i < COLUMNS; i++) {
        cells[i] = pl_str_from(titles[i]);
        widths[i] = cells[i].n;
        for (pl_json_walk w = pl_json_children(calls); pl_json_step(&w, &key, &row);) {
            size_t n = cell(arena, row, i).n;
            widths[i] = n > CELL_MAX ? CELL_MAX : n > widths[i] ? n : widths[i];
        }
    }
    print_row(cells, widths);
    for (pl_json_walk w = pl_json_children(calls); pl_json_step(&w, &key, &row);) {
        for (int i = 0; i < COLUMNS; i++)
            cells[i] = cell(arena, row, i);
        print_row(cells, widths);
    }
}

static void print_table(pl_arena *arena, const what_if *w, pl_json answer) {
    bool truncated = false;
    pl_json_bool(pl_json_get(answer, PL_STR("Truncated")), &truncated);
    if (number(answer, "Changed") > 0)
        print_calls(arena, pl_json_get(answer, PL_STR("Calls")));
    printf("%lld of %lld distinct calls of the last %s days would change, in %lld account%s%s\n",
           (long long)number(answer, "Changed"), (long long)number(answer, "Evaluated"),
           w->days ? w->days : "30", (long long)number(answer, "Accounts"),
           number(answer, "Accounts") == 1 ? "" : "s", truncated ? " (there are more)" : "");
}

int cli_policy_what_if(int argc, char **argv) {
    what_if w = {.json = isatty(STDOUT_FILENO) != 1};
    pl_arena arena;
    pl_error error = {0};
    pl_json answer = PL_JSON_NONE;
    pl_str body;
    int status = parse(&w, argc, argv);
    if (status != SAME)
        return status;
    pl_arena_init(&arena, 0);
    if (ask(&w, &arena, &answer, &body, &error) != 0) {
        fprintf(stderr, "plumbline policy: what-if: %s\n", error.message);
        status = USAGE;
    } else {
        w.json ? (void)printf("%.*s\n", PL_FMT(body)) : print_table(&arena, &w, answer);
        status = number(answer, "Changed") > 0 ? CHANGES : SAME;
    }
    pl_arena_free(&arena);
    return status;
}
