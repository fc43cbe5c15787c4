/*
 * `plumbline import`: records configuration items from files, into a data directory or through a server.
 *
 * Items go in batches, each all or nothing; a bad item stops the import with file and line, and what was
 * accepted before stays. Exit status: 0, or 2 for usage and input errors.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/program.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/usage.h"

#include "base/memory.h"
#include "catalogue/catalogue.h"
#include "engine/import.h"
#include "json/parser.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

enum { DONE = 0, USAGE = 2, BATCH_ITEMS = 5000, BATCH_BYTES = 8 << 20 };

static const char help[] =
    "usage: plumbline import [--data DIR | --endpoint URL] [OPTION]... FILE...|-\n"
    "\n"
    "Records configuration items: snapshot and change files, JSON Lines with one item a line, and the JSON "
    "of a\n"
    "Terraform plan or state (`terraform show -json`). Rules are evaluated as the items are stored.\n"
    "\n"
    "options\n"
    "  --data DIR             store in this data directory (default: PLUMBLINE_DATA or ./plumbline-data)\n"
    "  --store URL            store in this database instead of the directory's own\n"
    "  --endpoint URL         send to a running server, signed with the key of credentials.json or of\n"
    "                         ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET\n"
    "  --account ID           account of items that name none (default: the caller's)\n"
    "  --format auto|snapshot|jsonl|terraform      form of the files (default: auto)\n"
    "\n"
    "example\n"
    "  plumbline import --endpoint http://127.0.0.1:7586 inventory.jsonl\n";

typedef struct options {
    const char *data, *store, *endpoint, *account;
    cli_source_format format;
    bool data_given;
} options;

/* Where items go: a program of our own, or a server. */
typedef struct target {
    program *local;
    engine_import *import; /* into `local` */
    cli_client *remote;
    pl_str account_id; /* of items that name none; may be absent */
    engine_ingested sum;
    pl_json_parser *parser;
} target;

/* A batch being gathered: the items as a JSON array, and where they came from. */
typedef struct gathering {
    pl_buf array;
    size_t items;
    const char *file;
    uint64_t lines[BATCH_ITEMS]; /* of each item */
    bool by_item;
} gathering;

static const struct option long_options[] = {{"data", required_argument, NULL, 'd'},
                                             {"store", required_argument, NULL, 's'},
                                             {"endpoint", required_argument, NULL, 'e'},
                                             {"account", required_argument, NULL, 'a'},
                                             {"format", required_argument, NULL, 'f'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static int fail(const pl_error *error) {
    fprintf(stderr, "plumbline import: %s\n", error->message);
    return USAGE;
}

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline import: %s %s\nTry `plumbline import --help`.\n", what, value);
    return USAGE;
}

static bool any_account(void *context, pl_str account_id) {
    (void)context;
    return account_id.n > 0;
}

/* "items.jsonl:1-5000", or "snapshot.json:items 1-5000". */
static pl_str label_of(const gathering *g, uint64_t first, uint64_t last, char *out, size_t size) {
    int n = snprintf(out, size, first == last ? "%.300s:%s%llu" : "%.300s:%s%llu-%llu", g->file,
                     g->by_item ? first == last ? "item " : "items " : "", (unsigned long long)first,
                     (unsigned long long)last);
    return pl_str_of(out, n > 0 ? (size_t)n : 0);
}

/* Puts where the items came from before the message. */
static int blame(const gathering *g, size_t first, size_t last, pl_error *error) {
    char label[400], message[sizeof error->message];
    pl_str where = label_of(g, g->lines[first], g->lines[last], label, sizeof label);
    memcpy(message, error->message, sizeof message);
    return pl_failf(error, PL_E_InvalidParameter, "%.*s: %.600s", PL_FMT(where), message);
}

static int send_local(target *t, const gathering *g, pl_error *error) {
    char label[400];
    pl_str where = label_of(g, g->lines[0], g->lines[g->items - 1], label, sizeof label);
    int64_t now = pl_now(&t->local->services.clock);
    switch (engine_import_add(t->import, pl_buf_str(&g->array), where, now, error)) {
    case ENGINE_IMPORT_TAKEN: t->sum.accepted += (int64_t)g->items; return 0;
    case ENGINE_IMPORT_LOST: return -1;
    case ENGINE_IMPORT_MALFORMED: break;
    }
    bool one = !pl_error_is(error, PL_E_InvalidParameter) && error->position < g->items;
    return one ? blame(g, error->position, error->position, error) : blame(g, 0, g->items - 1, error);
}

static int64_t count_in(pl_json answer, pl_str name) {
    int64_t value = 0;
    pl_json_i64(pl_json_get(answer, name), &value);
    return value;
}

static int send_remote(target *t, const gathering *g, pl_error *error) {
    pl_arena arena;
    cli_answer received;
    pl_json answer;
    pl_arena_init(&arena, 0);
    pl_str body = pl_arena_printf(&arena, "{\"ConfigurationItems\":%.*s}", PL_FMT(pl_buf_str(&g->array)));
    cli_request request = {.method = "POST",
                           .action = PL_STR("PutConfigurationItems"),
                           .version = PL_STR("2026-11-01"),
                           .content_type = "application/json",
                           .body = body};
    int result = cli_client_ask(t->remote, &arena, &request, &received, error);
    if (result == 0)
        result = pl_json_parse_in(&arena, received.body, &answer, error);
    if (result == 0) {
        t->sum.accepted += count_in(answer, PL_STR("Accepted"));
        t->sum.changed += count_in(answer, PL_STR("Changed"));
        t->sum.unchanged += count_in(answer, PL_STR("Unchanged"));
        t->sum.removed += count_in(answer, PL_STR("Removed"));
    }
    pl_arena_free(&arena);
    return result == 0 ? 0 : blame(g, 0, g->items - 1, error);
}

static int send(target *t, gathering *g, pl_error *error) {
    if (!g->items)
        return 0;
    pl_buf_add_char(&g->array, ']');
    if (g->array.failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if ((t->local ? send_local(t, g, error) : send_remote(t, g, error)) != 0)
        return -1;
    g->items = 0;
    pl_buf_clear(&g->array);
    return 0;
}

/* Does the server have to be told the account of this item? Into a store of our own the defaults have it. */
static bool lacks_account(const target *t, pl_json item) {
    static const char *const names[] = {"accountId", "AccountId", "ResourceOwnerId"};
    bool named = !t->remote || t->account_id.n == 0 || !pl_json_is_object(item);
    for (size_t i = 0; i < sizeof names / sizeof *names && !named; i++) {
        pl_json given = pl_json_get(item, pl_str_from(names[i]));
        named = pl_json_exists(given) && !pl_json_is_null(given) &&
                !(pl_json_is_string(given) && pl_json_text(given).n == 0);
    }
    return !named;
}

/* The item with its account as the first member. */
static void add_with_account(const target *t, gathering *g, pl_str text, pl_json item) {
    pl_buf_add(&g->array, PL_STR("{\"accountId\":"));
    pl_json_write_string(&g->array, t->account_id);
    pl_buf_add_char(&g->array, pl_json_count(item) ? ',' : ' ');
    pl_buf_add(&g->array, pl_str_skip(text, 1));
}

static int gather_line(target *t, gathering *g, pl_str text, pl_json item, uint64_t number, pl_error *error) {
    if (g->items && (g->items == BATCH_ITEMS || g->array.n + text.n > BATCH_BYTES) && send(t, g, error) != 0)
        return -1;
    g->lines[g->items] = number;
    pl_buf_add_char(&g->array, g->items++ ? ',' : '[');
    if (lacks_account(t, item))
        add_with_account(t, g, text, item);
    else
        pl_buf_add(&g->array, text);
    return 0;
}

/* A line that is not JSON would spoil its whole batch: it is named before. */
static int check_line(target *t, const cli_batch *batch, pl_str text, uint64_t number, pl_json *item,
                      pl_error *error) {
    if (pl_json_parse_padded(t->parser, text, item, error) == 0)
        return 0;
    return pl_failf(error, PL_E_InvalidParameter, "%s:%llu: %.900s", batch->file, (unsigned long long)number,
                    error->message);
}

static int import_batch(target *t, gathering *g, const cli_batch *batch, pl_error *error) {
    pl_str rest = batch->text, text;
    uint64_t number = batch->first;
    if (g->items && g->file != batch->file && send(t, g, error) != 0)
        return -1;
    g->file = batch->file;
    g->by_item = batch->items;
    for (; pl_str_split(&rest, '\n', &text); number++) {
        text = pl_str_trim(text);
        pl_json item;
        if (text.n && (check_line(t, batch, text, number, &item, error) != 0 ||
                       gather_line(t, g, text, item, number, error) != 0))
            return -1;
    }
    return 0;
}

static int import_all(target *t, cli_source *source, pl_error *error) {
    cli_batch batch;
    cli_progress progress;
    gathering g;
    int result;
    g.items = 0;
    pl_buf_init(&g.array, (size_t)256 << 20);
    cli_batch_init(&batch);
    cli_progress_begin(&progress, "importing", cli_source_size(source));
    while ((result = cli_source_next(source, &batch, error)) == 1) {
        if (import_batch(t, &g, &batch, error) != 0) {
            result = -1;
            break;
        }
        cli_progress_update(&progress, cli_source_read(source), (uint64_t)t->sum.accepted);
    }
    if (result == 0)
        result = send(t, &g, error);
    cli_progress_end(&progress);
    cli_batch_free(&batch);
    pl_buf_free(&g.array);
    return result;
}

static int import_source(target *t, const options *o, const catalogue *known, char **files, size_t count,
                         pl_error *error) {
    cli_source *source;
    if (cli_source_open(&source, files, count, o->format, known, error) != 0)
        return -1;
    int result = import_all(t, source, error);
    cli_source_close(source);
    return result;
}

static int import_files(target *t, const options *o, const catalogue *known, char **files, size_t count,
                        pl_error *error) {
    inventory_defaults defaults = {
        .account_id = t->account_id, .catalogue = known, .accepts_account = any_account};
    t->parser = pl_json_parser_new((size_t)256 << 20);
    if (t->local)
        t->import = engine_import_begin(t->local->engine, &defaults, error);
    bool ready = t->parser && (t->import || !t->local);
    int result =
        ready ? import_source(t, o, known, files, count, error) : pl_fail(error, PL_E_ServiceUnavailable);
    if (t->import) {
        pl_error last = {0};
        if (engine_import_end(t->import, &t->sum, &last) != 0 && result == 0) {
            *error = last;
            result = -1;
        }
    }
    pl_json_parser_free(t->parser);
    fprintf(stderr, "%lld items accepted: %lld changed, %lld unchanged, %lld removed\n",
            (long long)t->sum.accepted, (long long)t->sum.changed, (long long)t->sum.unchanged,
            (long long)t->sum.removed);
    return result;
}

/*
 * The account of credentials.json in the data directory, when --account does not say it. A directory without
 * that file (no server ran there) has none: every item has to name its own.
 */
static int find_account(pl_arena *arena, const options *o, const char *directory, pl_str *account,
                        pl_error *error) {
    pl_str text;
    pl_json root;
    *account = pl_str_from(o->account ? o->account : "");
    if (o->account)
        return 0;
    const char *path = pl_arena_printf(arena, "%s/credentials.json", directory).p;
    if (!path)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    if (cli_file_read(arena, path, 65536, &text, error) != 0)
        return -1;
    if (pl_json_parse_in(arena, text, &root, error) != 0)
        return cli_file_blame(path, text, error);
    *account = pl_json_str(pl_json_get(root, PL_STR("AccountId")));
    return 0;
}

static int run_local(const options *o, char **files, size_t count, pl_error *error) {
    program p;
    pl_arena arena;
    target t = {.local = &p};
    program_options open = {
        .data = program_data_directory(o->data),
        .store_url = o->store,
        .limits = program_limits(false),
        .log = {.fd = STDERR_FILENO, .least = PL_LOG_WARNING, .clock = pl_clock_system()}};
    pl_arena_init(&arena, 0);
    int result = find_account(&arena, o, open.data, &t.account_id, error);
    if (result == 0)
        result = program_open(&p, &open, error);
    if (result == 0) {
        result = import_files(&t, o, p.catalogue, files, count, error);
        program_close(&p);
    }
    pl_arena_free(&arena);
    return result;
}

static int run_remote(const options *o, char **files, size_t count, pl_error *error) {
    catalogue *known = NULL;
    target t = {.account_id = pl_str_from(o->account)};
    int result = cli_client_open(&t.remote, o->endpoint, program_data_directory(o->data), error);
    if (result == 0)
        result = catalogue_open(&known, NULL, error);
    if (result == 0)
        result = import_files(&t, o, known, files, count, error);
    catalogue_close(known);
    cli_client_close(t.remote);
    return result;
}

/* 0: go on; else the exit status + 1. */
static int parse(options *o, int argc, char **argv) {
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, long_options, NULL)) != -1) {
        switch (option) {
        case 'd': o->data = optarg; break;
        case 's': o->store = optarg; break;
        case 'e': o->endpoint = optarg; break;
        case 'a': o->account = optarg; break;
        case 'f':
            if (!cli_source_format_parse(optarg, &o->format))
                return usage("no such format:", optarg) + 1;
            break;
        case 'h': fputs(help, stdout); return DONE + 1;
        default: return usage(cli_option_fault(option, argv[optind - 1]), argv[optind - 1]) + 1;
        }
    }
    if (o->endpoint && o->store)
        return usage("not together with --endpoint: --store", o->store) + 1;
    return optind == argc ? usage("no file to", "import") + 1 : 0;
}

int cli_import(int argc, char **argv) {
    pl_error error;
    options o = {.format = CLI_FORMAT_AUTO};
    int status = parse(&o, argc, argv);
    if (status)
        return status - 1;
    char **files = argv + optind;
    size_t count = (size_t)(argc - optind);
    int result = o.endpoint ? run_remote(&o, files, count, &error) : run_local(&o, files, count, &error);
    return result == 0 ? DONE : fail(&error);
}
