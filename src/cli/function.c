/*
 * `plumbline function deploy|invoke|logs|list`: the functions of a running server, for custom rules.
 *
 * Exit status: 0; 1 when an invoked function failed; 2 for usage errors and refusals.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/program.h"
#include "cli/usage.h"

#include "base/encode.h"
#include "functions/archive.h"
#include "functions/record.h"
#include "json/parser.h"
#include "json/writer.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, VARIABLES = 100, EVENT_MAX = 32 << 20, BODY_MAX = 96 << 20 };

static const char version[] = "2023-03-30";

static const char help[] =
    "usage: plumbline function deploy DIR --name NAME --runtime RUNTIME --handler HANDLER [OPTION]...\n"
    "       plumbline function deploy --name NAME --remote URL [OPTION]...\n"
    "       plumbline function invoke NAME [--event TEXT | --event-file FILE|-]\n"
    "       plumbline function logs NAME\n"
    "       plumbline function list\n"
    "\n"
    "Functions decide custom rules (SourceOwner CUSTOM_FC). `deploy` packs a directory and creates or "
    "updates the\n"
    "function; `logs` shows what its instances have written since the server started.\n"
    "\n"
    "options\n"
    "  --name NAME            name of the function\n"
    "  --runtime RUNTIME      python3, python3.10, nodejs20, ... or custom (an HTTP server on port 9000)\n"
    "  --handler HANDLER      file and function, such as index.handler\n"
    "  --env NAME=VALUE       environment variable; may be repeated\n"
    "  --timeout SECONDS      longest time of an invocation (default 60)\n"
    "  --memory MB            memory of an instance (default 512)\n"
    "  --role ARN             role whose credentials the function gets (default: the account's function "
    "role)\n"
    "  --remote URL           the function runs elsewhere: its address for POST URL/invoke\n"
    "  --data DIR, --endpoint URL   the server and its key, as with `plumbline call`\n"
    "\n"
    "example\n"
    "  plumbline function deploy ./image-check --name image-check --runtime python3.10 --handler "
    "index.handler\n";

typedef struct options {
    const char *name, *runtime, *handler, *role, *remote, *event, *event_file, *data, *endpoint;
    const char *variables[VARIABLES];
    size_t variable_count;
    int64_t timeout, memory;
    const char *action, *argument;
    bool help;
} options;

static int read_option(options *o, int letter) {
    int64_t *number = letter == 't' ? &o->timeout : &o->memory;
    switch (letter) {
    case 'n': o->name = optarg; return DONE;
    case 'r': o->runtime = optarg; return DONE;
    case 'h': o->handler = optarg; return DONE;
    case 'R': o->role = optarg; return DONE;
    case 'u': o->remote = optarg; return DONE;
    case 'e': o->event = optarg; return DONE;
    case 'f': o->event_file = optarg; return DONE;
    case 'd': o->data = optarg; return DONE;
    case 'E': o->endpoint = optarg; return DONE;
    case 'H': o->help = true; return DONE;
    case 'v':
        if (o->variable_count == VARIABLES || !strchr(optarg, '='))
            return USAGE;
        o->variables[o->variable_count++] = optarg;
        return DONE;
    case 't':
    case 'm': return pl_str_to_i64(pl_str_from(optarg), number) ? DONE : USAGE;
    default: return USAGE;
    }
}

static int parse(options *o, int argc, char **argv) {
    static const struct option names[] = {{"name", required_argument, NULL, 'n'},
                                          {"runtime", required_argument, NULL, 'r'},
                                          {"handler", required_argument, NULL, 'h'},
                                          {"role", required_argument, NULL, 'R'},
                                          {"remote", required_argument, NULL, 'u'},
                                          {"event", required_argument, NULL, 'e'},
                                          {"event-file", required_argument, NULL, 'f'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"endpoint", required_argument, NULL, 'E'},
                                          {"env", required_argument, NULL, 'v'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"memory", required_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'H'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, names, NULL)) != -1)
        if (read_option(o, letter) != DONE) {
            bool wrong = strchr("?:", letter) != NULL;
            fprintf(stderr, "plumbline function: %s %s\n",
                    wrong ? cli_option_fault(letter, argv[optind - 1]) : "wrong value:",
                    wrong ? argv[optind - 1] : optarg);
            return USAGE;
        }
    o->action = optind < argc ? argv[optind++] : NULL;
    o->argument = optind < argc ? argv[optind++] : NULL;
    return optind == argc ? DONE : USAGE;
}

/* --- deploy
 * ------------------------------------------------------------------------------------------------------ */

static void write_variables(const options *o, pl_writer *w) {
    pl_write_object(w, PL_STR("environmentVariables"));
    for (size_t i = 0; i < o->variable_count; i++) {
        pl_str text = pl_str_from(o->variables[i]);
        size_t mark = pl_str_find_char(text, '=');
        pl_write_string(w, pl_str_head(text, mark), pl_str_skip(text, mark + 1));
    }
    pl_write_object_end(w);
}

static int write_code(const options *o, pl_arena *arena, pl_writer *w, pl_error *error) {
    pl_buf package, text;
    char *directory = pl_arena_cstr(arena, pl_str_from(o->argument));
    if (!directory)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t n = strlen(directory); n > 1 && directory[n - 1] == '/'; n--)
        directory[n - 1] = '\0';
    pl_buf_init(&package, FUNCTION_PACKAGE_MAX);
    pl_buf_init(&text, BODY_MAX);
    int status = archive_pack(&package, directory, error);
    if (status == 0) {
        pl_base64_encode(&text, pl_buf_str(&package));
        pl_write_object(w, PL_STR("code"));
        pl_write_string(w, PL_STR("zipFile"), pl_buf_str(&text));
        pl_write_object_end(w);
    }
    if (status == 0 && text.failed)
        status = pl_failf(error, PL_E_InvalidParameter, "the code is larger than %d MB",
                          FUNCTION_PACKAGE_MAX >> 20);
    pl_buf_free(&package);
    pl_buf_free(&text);
    return status;
}

static int write_function(const options *o, pl_arena *arena, pl_buf *out, pl_error *error) {
    pl_writer w;
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR(""));
    pl_write_string(&w, PL_STR("functionName"), pl_str_from(o->name));
    pl_write_optional(&w, PL_STR("runtime"), pl_str_from(o->runtime));
    pl_write_optional(&w, PL_STR("handler"), pl_str_from(o->handler));
    pl_write_optional(&w, PL_STR("role"), pl_str_from(o->role));
    pl_write_optional(&w, PL_STR("remoteEndpoint"), pl_str_from(o->remote));
    pl_write_i64(&w, PL_STR("timeout"), o->timeout);
    pl_write_i64(&w, PL_STR("memorySize"), o->memory);
    write_variables(o, &w);
    if (o->argument && write_code(o, arena, &w, error) != 0)
        return -1;
    pl_writer_end(&w);
    return out->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int show_arn(pl_arena *arena, pl_str body, pl_error *error) {
    pl_json root;
    if (pl_json_parse_in(arena, body, &root, error) != 0)
        return -1;
    printf("%.*s\n", PL_FMT(pl_json_str(pl_json_get(root, PL_STR("functionArn")))));
    return 0;
}

/* A request to an operation of Function Compute, which is found by its path. */
static int ask(cli_client *client, pl_arena *arena, cli_request request, cli_answer *answer,
               pl_error *error) {
    request.version = pl_str_from(version);
    return cli_client_ask(client, arena, &request, answer, error);
}

static int deploy(const options *o, cli_client *client, pl_arena *arena, pl_error *error) {
    pl_buf body;
    cli_answer answer;
    const char *path = pl_arena_printf(arena, "/2023-03-30/functions/%s", o->name).p;
    pl_buf_init(&body, BODY_MAX);
    int status = write_function(o, arena, &body, error);
    cli_request request = {.method = "POST",
                           .path = "/2023-03-30/functions",
                           .action = PL_STR("CreateFunction"),
                           .content_type = "application/json",
                           .body = pl_buf_str(&body)};
    if (status == 0)
        status = ask(client, arena, request, &answer, error);
    if (status != 0 && strcmp(error->code, "FunctionAlreadyExists") == 0) {
        request.method = "PUT";
        request.path = path;
        request.action = PL_STR("UpdateFunction");
        status = ask(client, arena, request, &answer, error);
    }
    pl_buf_free(&body);
    return status == 0 && show_arn(arena, answer.body, error) == 0 ? DONE : USAGE;
}

/* --- The others
 * ---------------------------------------------------------------------------------------------------- */

static int invoke(const options *o, cli_client *client, pl_arena *arena, pl_error *error) {
    cli_answer answer;
    pl_json root;
    pl_error ignored;
    pl_str event = pl_str_from(o->event ? o->event : "{}");
    const char *path = pl_arena_printf(arena, "/2023-03-30/functions/%s/invocations", o->argument).p;
    if (o->event_file && cli_file_read(arena, o->event_file, EVENT_MAX, &event, error) != 0)
        return USAGE;
    cli_request request = {.method = "POST",
                           .path = path,
                           .action = PL_STR("InvokeFunction"),
                           .content_type = event.n ? "application/octet-stream" : NULL,
                           .body = event};
    if (ask(client, arena, request, &answer, error) != 0)
        return USAGE;
    printf("%.*s\n", PL_FMT(answer.body));
    bool failed = pl_json_parse_in(arena, answer.body, &root, &ignored) == 0 &&
                  pl_json_exists(pl_json_get(root, PL_STR("errorMessage")));
    return failed ? FAILED : DONE;
}

static int logs(const options *o, cli_client *client, pl_arena *arena, pl_error *error) {
    cli_answer answer;
    const char *path = pl_arena_printf(arena, "/2023-03-30/functions/%s/log", o->argument).p;
    cli_request request = {.method = "GET", .path = path, .action = PL_STR("GetFunctionLog")};
    if (ask(client, arena, request, &answer, error) != 0)
        return USAGE;
    printf("%.*s", PL_FMT(answer.body));
    return DONE;
}

static pl_str member(pl_json object, const char *name) {
    return pl_json_str(pl_json_get(object, pl_str_from(name)));
}

static int list(const options *o, cli_client *client, pl_arena *arena, pl_error *error) {
    cli_answer answer;
    pl_json root, one;
    pl_str unnamed;
    (void)o;
    cli_request request = {
        .method = "GET", .path = "/2023-03-30/functions", .action = PL_STR("ListFunctions")};
    if (ask(client, arena, request, &answer, error) != 0 ||
        pl_json_parse_in(arena, answer.body, &root, error) != 0)
        return USAGE;
    for (pl_json_walk w = pl_json_children(pl_json_get(root, PL_STR("functions")));
         pl_json_step(&w, &unnamed, &one);)
        printf("%.*s\t%.*s\t%.*s\n", PL_FMT(member(one, "functionName")), PL_FMT(member(one, "runtime")),
               PL_FMT(member(one, "functionArn")));
    return DONE;
}

static const struct action {
    const char *name;
    int (*run)(const options *o, cli_client *client, pl_arena *arena, pl_error *error);
    bool needs_name, needs_argument;
} actions[] = {{"deploy", deploy, true, false},
               {"invoke", invoke, false, true},
               {"logs", logs, false, true},
               {"list", list, false, false}};

static void complain_of_action(const options *o) {
    for (size_t i = 0; o->action && i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, o->action) == 0) {
            fprintf(stderr, "plumbline function: %s needs %s\n", o->action,
                    actions[i].needs_name && !o->name ? "--name" : "the name of a function");
            return;
        }
    fprintf(stderr, "plumbline function: expected deploy, invoke, logs or list, not %s\n",
            o->action ? o->action : "nothing");
}

static const struct action *find_action(const options *o) {
    for (size_t i = 0; o->action && i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, o->action) == 0 && (!actions[i].needs_name || o->name) &&
            (!actions[i].needs_argument || o->argument))
            return &actions[i];
    return NULL;
}

int cli_function(int argc, char **argv) {
    options o = {.timeout = 60, .memory = 512};
    pl_arena arena;
    pl_error error = {0};
    cli_client *client = NULL;
    int status = parse(&o, argc, argv);
    const struct action *action = find_action(&o);
    if (o.help || status != DONE || !action) {
        if (status == DONE && !o.help)
            complain_of_action(&o);
        fputs(o.help ? help : "Try `plumbline function --help`.\n", o.help ? stdout : stderr);
        return o.help ? DONE : USAGE;
    }
    pl_arena_init(&arena, 0);
    status = cli_client_open(&client, o.endpoint, program_data_directory(o.data), &error) == 0
                 ? action->run(&o, client, &arena, &error)
                 : USAGE;
    if (status == USAGE)
        fprintf(stderr, "plumbline function: %s\n", error.message);
    cli_client_close(client);
    pl_arena_free(&arena);
    return status;
}
