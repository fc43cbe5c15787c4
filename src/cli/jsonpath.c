/*
 * `plumbline jsonpath`: one document a line in, or one of several lines; one JSON array of the selected
 * values a line out.
 *
 * Exit status: 0, or 2 for a wrong path, option or document (named by file and line).
 */
#include "cli/commands.h"
#include "cli/source.h"
#include "cli/usage.h"

#include "jsonpath/path.h"
#include "json/parser.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { DONE = 0, USAGE = 2 };

static const char help[] =
    "usage: plumbline jsonpath [--dialect rfc9535|cloud-config] [--paths] PATH [FILE|-]\n"
    "\n"
    "Reads one JSON document a line, or a single one of several lines, and writes, for each, the selected\n"
    "values as one JSON array a line.\n"
    "\n"
    "options\n"
    "  --dialect rfc9535        RFC 9535 and nothing else\n"
    "  --dialect cloud-config   what condition rules use (default)\n"
    "  --paths                  write normalized paths instead of values\n"
    "\n"
    "example\n"
    "  echo '{\"Tags\":{\"Tag\":[{\"TagKey\":\"env\"}]}}' | plumbline jsonpath '$.Tags.Tag[*].TagKey'\n";

typedef struct query {
    const pl_path *path;
    bool paths;
    pl_json_parser *parser;
    pl_arena scratch;
    pl_buf out;
} query;

static int complain(const char *what, const char *value) {
    fprintf(stderr, "plumbline jsonpath: %s %s\nTry `plumbline jsonpath --help`.\n", what, value);
    return USAGE;
}

static int fail(const pl_error *error) {
    fprintf(stderr, "plumbline jsonpath: %s\n", error->message);
    return USAGE;
}

static void write_nodes(query *q, pl_json root, const pl_path_nodes *nodes) {
    pl_buf_clear(&q->out);
    pl_buf_add_char(&q->out, '[');
    for (size_t i = 0; i < nodes->count; i++) {
        if (i)
            pl_buf_add_char(&q->out, ',');
        if (!q->paths) {
            pl_json_write(&q->out, nodes->items[i]);
            continue;
        }
        pl_buf path;
        pl_buf_init(&path, 1 << 20);
        pl_path_write_normalized(&path, root, nodes->items[i]);
        pl_json_write_string(&q->out, pl_buf_str(&path));
        pl_buf_free(&path);
    }
    pl_buf_add(&q->out, PL_STR("]\n"));
}

static int select_line(query *q, pl_str text, pl_error *error) {
    pl_json root;
    pl_path_nodes nodes;
    pl_arena_reset(&q->scratch);
    if (pl_json_parse_padded(q->parser, text, &root, error) != 0 ||
        pl_path_select(q->path, root, &q->scratch, &nodes, error) != 0)
        return -1;
    write_nodes(q, root, &nodes);
    if (q->out.failed || fwrite(q->out.p, 1, q->out.n, stdout) != q->out.n)
        return pl_failf(error, PL_E_ServiceUnavailable, "the values cannot be written");
    return 0;
}

static int select_batch(query *q, const cli_batch *batch, pl_error *error) {
    pl_str rest = batch->text, text;
    for (uint64_t number = batch->first; pl_str_split(&rest, '\n', &text); number++) {
        if (!pl_str_trim(text).n || select_line(q, text, error) == 0)
            continue;
        return pl_failf(error, PL_E_InvalidParameter, "%s:%llu: %.900s", batch->file,
                        (unsigned long long)number, error->message);
    }
    return 0;
}

static int select_all(query *q, char **files, pl_error *error) {
    cli_source *source;
    cli_batch batch;
    int result;
    if (cli_source_open(&source, files, 1, CLI_FORMAT_DOCUMENTS, NULL, error) != 0)
        return -1;
    cli_batch_init(&batch);
    while ((result = cli_source_next(source, &batch, error)) == 1)
        if ((result = select_batch(q, &batch, error)) != 0)
            break;
    cli_batch_free(&batch);
    cli_source_close(source);
    return result;
}

static int run(const char *text, pl_path_dialect dialect, bool paths, char **files) {
    pl_arena arena;
    pl_error error;
    query q = {.paths = paths, .parser = pl_json_parser_new((size_t)64 << 20)};
    pl_arena_init(&arena, 0);
    pl_arena_init(&q.scratch, 0);
    pl_buf_init(&q.out, (size_t)1 << 30);
    int status = DONE;
    if (!q.parser)
        status = complain("out of", "memory");
    else if (pl_path_compile(&arena, pl_str_from(text), dialect, &q.path, &error) != 0)
        status = fail(&error);
    else if (select_all(&q, files, &error) != 0)
        status = fail(&error);
    pl_json_parser_free(q.parser);
    pl_buf_free(&q.out);
    pl_arena_free(&q.scratch);
    pl_arena_free(&arena);
    return status;
}

int cli_jsonpath(int argc, char **argv) {
    static const struct option options[] = {{"dialect", required_argument, NULL, 'd'},
                                            {"paths", no_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static char standard_input[] = "-";
    pl_path_dialect dialect = PL_PATH_CLOUD_CONFIG;
    bool paths = false;
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, options, NULL)) != -1) {
        if (option == 'h')
            return fputs(help, stdout) < 0 ? USAGE : DONE;
        if (option == 'p')
            paths = true;
        else if (option == 'd' && strcmp(optarg, "rfc9535") == 0)
            dialect = PL_PATH_RFC9535;
        else if (option != 'd' || strcmp(optarg, "cloud-config") != 0)
            return option == 'd' ? complain("no such dialect:", optarg)
                                 : complain(cli_option_fault(option, argv[optind - 1]), argv[optind - 1]);
    }
    if (optind == argc || argc - optind > 2)
        return complain("needs", "a path and at most one file");
    char *files[] = {argc - optind == 2 ? argv[optind + 1] : standard_input};
    return run(argv[optind], dialect, paths, files);
}
