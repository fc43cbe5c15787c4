/*
 * `plumbline check`: evaluates configuration items from files against rules, without a server.
 *
 * Exit status: 0 when nothing is NON_COMPLIANT, 1 when something is, 2 for usage or input errors.
 */
#include "cli/check_inventory.h"
#include "cli/check_worker.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/usage.h"

#include "base/clock.h"
#include "base/memory.h"
#include "json/parser.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

enum { COMPLIANT = 0, VIOLATED = 1, USAGE = 2, MAX_PARAMETERS = 64, MAX_RELATED = 256, BLOCK = 1 << 16 };

static const char help[] =
    "usage: plumbline check RULES... [OPTION]... INPUT...|-\n"
    "       plumbline check RULES... [OPTION]... --data DIR|--store URL\n"
    "\n"
    "Evaluates configuration items against rules. INPUT is a snapshot or change file, JSON Lines with one "
    "item\n"
    "a line, or the JSON of a Terraform plan or state (`terraform show -json`); `-` is standard input.\n"
    "With --data or --store the recorded inventory is checked, read-only, also while a server runs.\n"
    "\n"
    "rules (one or more)\n"
    "  --pack FILE            compliance package in the form of TemplateContent\n"
    "  --template ID          package template of the catalogue\n"
    "  --rule IDENTIFIER      managed rule; --param KEY=VALUE after it sets its parameters\n"
    "  --conditions FILE --type TYPE\n"
    "                         condition file for one resource type\n"
    "options\n"
    "  --format table|json|jsonl|csv|junit|sarif   output (default: table on a terminal, else jsonl)\n"
    "  --input auto|snapshot|jsonl|terraform       form of the input (default: auto)\n"
    "  --threads N            worker threads, 1 to 64 (default: the number of processors)\n"
    "  --explain              add the evaluated condition tree with actual values (table, json, jsonl)\n"
    "  --summary              counts to standard output instead of standard error\n"
    "  --catalogue DIR        rule files of your own beside the managed ones\n"
    "  --at TIME              evaluation time for rules that look at dates (default: now); with --data or\n"
    "                         --store also the time whose configurations are checked, from the history\n"
    "  --data DIR             check the inventory recorded in this data directory (or in\n"
    "                         PLUMBLINE_STORE, where that is set)\n"
    "  --store URL            check the inventory recorded in this database\n"
    "\n"
    "example\n"
    "  terraform show -json plan.out > plan.json\n"
    "  plumbline check --rule oss-bucket-public-read-prohibited plan.json\n";

typedef struct options {
    check_run run;
    check_rules *rules;
    catalogue *catalogue;
    check_related *related;
    cli_source_format input;
    const char *conditions, *type, *managed, *own;
    const char *data, *store; /* the recorded inventory is the input */
    int64_t at;               /* 0: not given */
    char *parameters[MAX_PARAMETERS];
    size_t parameter_count;
    pl_str related_types[MAX_RELATED];
    bool summary;
} options;

static const struct option long_options[] = {{"pack", required_argument, NULL, 'p'},
                                             {"template", required_argument, NULL, 't'},
                                             {"rule", required_argument, NULL, 'r'},
                                             {"param", required_argument, NULL, 'P'},
                                             {"conditions", required_argument, NULL, 'c'},
                                             {"type", required_argument, NULL, 'T'},
                                             {"format", required_argument, NULL, 'f'},
                                             {"input", required_argument, NULL, 'i'},
                                             {"threads", required_argument, NULL, 'n'},
                                             {"explain", no_argument, NULL, 'e'},
                                             {"summary", no_argument, NULL, 's'},
                                             {"catalogue", required_argument, NULL, 'C'},
                                             {"at", required_argument, NULL, 'a'},
                                             {"data", required_argument, NULL, 'd'},
                                             {"store", required_argument, NULL, 'S'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline check: %s%s%s\nTry `plumbline check --help`.\n", what, value ? " " : "",
            value ? value : "");
    return USAGE;
}

static int fail(const pl_error *error) {
    fprintf(stderr, "plumbline check: %s\n", error->message);
    return USAGE;
}

/* Adds the managed rule that was named last, with the parameters given after it. */
static int flush_managed(options *o, pl_error *error) {
    if (!o->managed)
        return 0;
    int result = check_rules_add_managed(o->rules, o->managed, o->parameters, o->parameter_count, error);
    o->managed = NULL;
    o->parameter_count = 0;
    return result;
}

static int flush_conditions(options *o, pl_error *error) {
    if (!o->conditions || !o->type)
        return 0;
    int result = check_rules_add_conditions(o->rules, o->conditions, o->type, error);
    o->conditions = o->type = NULL;
    return result;
}

static int take_rule_option(options *o, int option, pl_error *error) {
    switch (option) {
    case 'p': return check_rules_add_pack(o->rules, optarg, error);
    case 't': return check_rules_add_template(o->rules, optarg, error);
    case 'r':
        if (flush_managed(o, error) != 0)
            return -1;
        o->managed = optarg;
        return 0;
    case 'P':
        if (!o->managed || o->parameter_count == MAX_PARAMETERS)
            return pl_failf(error, PL_E_InvalidParameter, "--param %s: comes after --rule, at most %d times",
                            optarg, MAX_PARAMETERS);
        o->parameters[o->parameter_count++] = optarg;
        return 0;
    case 'c': o->conditions = optarg; return flush_conditions(o, error);
    default: o->type = optarg; return flush_conditions(o, error);
    }
}

static int take_run_option(options *o, int option, pl_error *error) {
    int64_t threads;
    switch (option) {
    case 'f':
        return check_format_parse(optarg, &o->run.format)
                   ? 0
                   : pl_failf(error, PL_E_InvalidParameter, "--format %s: no such format", optarg);
    case 'i':
        return cli_source_format_parse(optarg, &o->input)
                   ? 0
                   : pl_failf(error, PL_E_InvalidParameter, "--input %s: no such form", optarg);
    case 'n':
        if (!pl_str_to_i64(pl_str_from(optarg), &threads) || threads < 1 || threads > 64)
            return pl_failf(error, PL_E_InvalidParameter, "--threads %s: not a number from 1 to 64", optarg);
        o->run.threads = (unsigned)threads;
        return 0;
    case 'a':
        if (pl_time_parse(pl_str_from(optarg), &o->at)) {
            o->run.now = o->at;
            return 0;
        }
        return pl_failf(error, PL_E_InvalidParameter, "--at %s: not a time like 2026-01-31T08:00:00Z",
                        optarg);
    case 'd': o->data = optarg; return 0;
    case 'S': o->store = optarg; return 0;
    case 'e': o->run.explain = true; return 0;
    default: o->summary = true; return 0;
    }
}

/* The catalogue must be open before rules can be named, so --catalogue is looked for first. */
static int open_rules(options *o, int argc, char **argv, pl_error *error) {
    optind = 0;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, long_options, NULL)) != -1;)
        if (option == 'C')
            o->own = optarg;
    if (catalogue_open(&o->catalogue, o->own, error) != 0)
        return -1;
    return check_rules_new(&o->rules, o->catalogue, error);
}

/* 0: go on; else the exit status + 1. */
static int parse(options *o, int argc, char **argv, pl_error *error) {
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return COMPLIANT + 1;
        }
        if (option == '?' || option == ':')
            return usage(cli_option_fault(option, argv[optind - 1]), argv[optind - 1]) + 1;
        bool rule = strchr("ptrPcT", option) != NULL;
        if (option != 'C' &&
            (rule ? take_rule_option(o, option, error) : take_run_option(o, option, error)) != 0)
            return fail(error) + 1;
    }
    if (flush_managed(o, error) != 0)
        return fail(error) + 1;
    if (o->conditions || o->type)
        return usage("--conditions and --type go together", NULL) + 1;
    if (check_rules_count(o->rules) == 0)
        return usage("no rules: give --pack, --template, --rule or --conditions", NULL) + 1;
    if (optind == argc && !o->data && !o->store)
        return usage("no input", NULL) + 1;
    if (o->input != CLI_FORMAT_AUTO && (o->data || o->store))
        return usage("--input is the form of an INPUT: --data and --store have none", NULL) + 1;
    if (o->run.explain && !check_format_explains(o->run.format))
        return usage("--explain goes with table, json and jsonl: this --format has no place for it", NULL) +
               1;
    if (optind != argc && (o->data || o->store))
        return usage("--data and --store take no INPUT:", argv[optind]) + 1;
    return 0;
}

/* Two passes need standard input twice: it is kept in an unnamed file. */
static int keep_standard_input(char **files, size_t count, char *path, size_t size, pl_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i], "-") != 0)
            continue;
        FILE *spool = tmpfile();
        static char block[65536];
        ssize_t n;
        if (!spool)
            return pl_failf(error, PL_E_ServiceUnavailable, "standard input: %s", strerror(errno));
        while ((n = read(STDIN_FILENO, block, sizeof block)) > 0)
            if (cli_write_all(fileno(spool), pl_str_of(block, (size_t)n)) != 0)
                return pl_failf(error, PL_E_ServiceUnavailable, "standard input: %s", strerror(errno));
        snprintf(path, size, "/proc/self/fd/%d", fileno(spool));
        files[i] = path;
    }
    return 0;
}

typedef struct indexing {
    pl_json_parser *parser, *inner;
    pl_arena arena;
} indexing;

static int index_line(options *o, indexing *in, pl_str text, pl_error *error) {
    check_line line = check_line_new(0);
    pl_json root;
    pl_arena_reset(&in->arena);
    if (pl_json_parse_padded(in->parser, text, &root, error) != 0)
        return 0; /* the second pass names the line */
    check_line_read(&line, root, &in->arena);
    if (check_line_is_removal(&line) || !check_related_wants(o->related, line.type))
        return 0;
    if (pl_json_is_string(line.configuration) &&
        pl_json_parse(in->inner, pl_json_text(line.configuration), &line.configuration, error) != 0)
        return 0;
    if (!pl_json_is_object(line.configuration))
        return 0;
    return check_related_add(o->related, line.type, line.id, line.account, line.configuration, error);
}

static int index_lines(options *o, cli_source *source, pl_error *error) {
    indexing in = {pl_json_parser_new((size_t)64 << 20), pl_json_parser_new((size_t)64 << 20), {0}};
    cli_batch batch;
    int result = in.parser && in.inner ? 1 : pl_fail(error, PL_E_ServiceUnavailable);
    pl_arena_init(&in.arena, 0);
    cli_batch_init(&batch);
    while (result == 1 && (result = cli_source_next(source, &batch, error)) == 1) {
        pl_str rest = batch.text, text;
        while (result == 1 && pl_str_split(&rest, '\n', &text))
            if (pl_str_trim(text).n && index_line(o, &in, text, error) != 0)
                result = -1;
    }
    cli_batch_free(&batch);
    pl_json_parser_free(in.parser);
    pl_json_parser_free(in.inner);
    pl_arena_free(&in.arena);
    return result;
}

/* The first pass, when a rule asks for related resources. */
static int index_related(options *o, char **files, size_t count, size_t types, pl_error *error) {
    cli_source *source;
    if (check_related_new(&o->related, o->catalogue, o->related_types, types, error) != 0 ||
        cli_source_open(&source, files, count, o->input, o->catalogue, error) != 0)
        return -1;
    int result = index_lines(o, source, error);
    cli_source_close(source);
    o->run.related = o->related;
    return result;
}

static double seconds_since(int64_t started) {
    return (double)(pl_monotonic_ns() - started) / 1e9;
}

static int put(pl_buf *text, pl_error *error) {
    int result = text->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
    if (result == 0 && cli_write_all(STDOUT_FILENO, pl_buf_str(text)) != 0)
        result = pl_failf(error, PL_E_ServiceUnavailable, "standard output: %s", strerror(errno));
    pl_buf_clear(text);
    return result;
}

static int put_file(FILE *file, pl_buf *text, pl_error *error) {
    ssize_t n;
    if (lseek(fileno(file), 0, SEEK_SET) != 0 || !pl_buf_reserve(text, BLOCK))
        return pl_failf(error, PL_E_ServiceUnavailable, "the report cannot be kept");
    while ((n = read(fileno(file), text->p, BLOCK)) > 0) {
        text->n = (size_t)n;
        if (put(text, error) != 0)
            return -1;
    }
    return n == 0 ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "the report cannot be read back");
}

/* The deviations wait in an unnamed file until the counts before them are known. */
static int write_counted_report(options *o, pl_buf *text, check_counts *counts, int64_t started,
                                pl_error *error) {
    FILE *kept = tmpfile();
    if (!kept)
        return pl_failf(error, PL_E_ServiceUnavailable, "a temporary file: %s", strerror(errno));
    o->run.out = fileno(kept);
    pl_clock clock = pl_clock_system();
    int64_t now = pl_now(&clock);
    o->run.violated = pl_calloc(check_rules_count(o->rules), sizeof *o->run.violated);
    int result =
        o->run.violated ? check_run_all(&o->run, counts, error) : pl_fail(error, PL_E_ServiceUnavailable);
    if (result == 0) {
        check_report_begin_counted(text, counts, o->rules, o->run.violated, now, seconds_since(started));
        result = put(text, error);
    }
    if (result == 0)
        result = put_file(kept, text, error);
    pl_free(o->run.violated);
    fclose(kept);
    return result;
}

static int write_report(options *o, check_counts *counts, int64_t started, pl_error *error) {
    pl_buf text;
    int result;
    pl_buf_init(&text, 1 << 22);
    if (check_format_counts_first(o->run.format)) {
        result = write_counted_report(o, &text, counts, started, error);
    } else {
        check_report_begin(&text, o->run.format, o->rules);
        result = put(&text, error);
        if (result == 0)
            result = check_run_all(&o->run, counts, error);
    }
    check_report_end(&text, o->run.format);
    if (result == 0)
        result = put(&text, error);
    pl_buf_free(&text);
    return result;
}

static void write_summary(const options *o, const check_counts *counts, int64_t started) {
    pl_buf text;
    pl_buf_init(&text, 4096);
    check_report_summary(&text, counts, check_rules_count(o->rules), seconds_since(started));
    if (cli_write_all(o->summary ? STDOUT_FILENO : STDERR_FILENO, pl_buf_str(&text)) != 0)
        fputs("plumbline check: the summary cannot be written\n", stderr);
    pl_buf_free(&text);
}

static void note_repeated(const check_rules *rules) {
    pl_str name;
    size_t count = check_rules_repeated(rules, &name);
    if (count)
        fprintf(stderr, "plumbline check: note: given more than once, evaluated once: %.*s", PL_FMT(name));
    if (count > 1)
        fprintf(stderr, " and %zu more", count - 1);
    fputs(count ? "\n" : "", stderr);
}

/* A misspelt type or the wrong file must not look like success. */
static void warn_of_nothing(const check_counts *counts) {
    if (counts->resources == 0)
        fputs("plumbline check: warning: the input has no resources\n", stderr);
    else if (counts->evaluations == 0)
        fputs("plumbline check: warning: none of the rules is about the types of these resources\n", stderr);
}

static int run(options *o, char **files, size_t count, pl_error *error) {
    char spool[64];
    check_counts counts = {0};
    int64_t started = pl_monotonic_ns();
    size_t types = check_rules_related(o->rules, o->related_types, MAX_RELATED, error);
    if (types == PL_NOT_FOUND)
        return fail(error);
    if (types && (keep_standard_input(files, count, spool, sizeof spool, error) != 0 ||
                  index_related(o, files, count, types, error) != 0))
        return fail(error);
    if (cli_source_open(&o->run.source, files, count, o->input, o->catalogue, error) != 0)
        return fail(error);
    if (!check_format_numbers(o->run.format))
        cli_source_share(o->run.source);
    o->run.rules = o->rules;
    o->run.catalogue = o->catalogue;
    o->run.out = STDOUT_FILENO;
    int result = write_report(o, &counts, started, error);
    cli_source_close(o->run.source);
    if (result != 0)
        return fail(error);
    write_summary(o, &counts, started);
    note_repeated(o->rules);
    warn_of_nothing(&counts);
    return counts.results[PL_NON_COMPLIANT] ? VIOLATED : COMPLIANT;
}

/* The recorded inventory takes the place of standard input. */
static int run_recorded(options *o, pl_error *error) {
    static char input[] = "-";
    char *files[] = {input};
    check_inventory *inventory;
    pl_error reading;
    if (check_inventory_open(&inventory, o->data, o->store, o->at, error) != 0)
        return fail(error);
    o->input = CLI_FORMAT_LINES;
    int status = run(o, files, 1, error);
    return check_inventory_close(inventory, &reading) == 0 ? status : fail(&reading);
}

int cli_check(int argc, char **argv) {
    pl_error error;
    pl_clock clock = pl_clock_system();
    options *o = pl_calloc(1, sizeof *o);
    if (!o)
        return usage("out of memory", NULL);
    o->run.format = isatty(STDOUT_FILENO) ? CHECK_TABLE : CHECK_LINES;
    o->run.threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    o->run.now = pl_now(&clock);
    int status = open_rules(o, argc, argv, &error) == 0 ? parse(o, argc, argv, &error) : fail(&error) + 1;
    if (status)
        status--;
    else if (o->data || o->store)
        status = run_recorded(o, &error);
    else
        status = run(o, argv + optind, (size_t)(argc - optind), &error);
    check_related_free(o->related);
    check_rules_free(o->rules);
    catalogue_close(o->catalogue);
    pl_free(o);
    return status;
}
