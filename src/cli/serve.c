/*
 * `plumbline serve`: the server. Opens the program, makes the first account at the first start, listens, and
 * stops cleanly on SIGTERM and SIGINT.
 *
 * Exit status: 0 after a clean stop, 2 when it cannot start.
 */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/program.h"

#include "api/tables/products.gen.h"
#include "gateway/gateway.h"
#include "json/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DONE = 0, USAGE = 2, PATH_SIZE = 4096, PEM_LIMIT = 1 << 20 };

static const char help[] =
    "usage: plumbline serve [OPTION]...\n"
    "\n"
    "options\n"
    "  --data DIR             data directory (default: PLUMBLINE_DATA or ./plumbline-data)\n"
    "  --store URL            postgres://... instead of SQLite in the data directory (or PLUMBLINE_STORE)\n"
    "  --listen HOST:PORT     (default: 127.0.0.1:7586; port 0 picks a free one)\n"
    "  --threads N            listener threads (default: the number of processors)\n"
    "  --workers N            evaluation threads (default: the number of processors)\n"
    "  --tls-cert FILE --tls-key FILE    PEM files; with them the server speaks HTTPS\n"
    "  --strict               the vendor's limits, and nothing the vendor would refuse\n"
    "  --catalogue DIR        rule files of your own, which behave like managed rules\n"
    "  --log-format text|json logs go to standard error (default: text)\n"
    "\n"
    "At the first start the management account and its key are made and written to credentials.json in the\n"
    "data directory; PLUMBLINE_ACCOUNT_ID, PLUMBLINE_ACCESS_KEY_ID and PLUMBLINE_ACCESS_KEY_SECRET preset "
    "them.\n"
    "\n"
    "example\n"
    "  plumbline serve --data /var/lib/plumbline --listen 0.0.0.0:7586\n";

typedef struct options {
    program_options program;
    gateway_options gateway;
    const char *certificate, *key;
    pl_arena arena;
} options;

static const struct option long_options[] = {{"data", required_argument, NULL, 'd'},
                                             {"store", required_argument, NULL, 's'},
                                             {"listen", required_argument, NULL, 'l'},
                                             {"threads", required_argument, NULL, 't'},
                                             {"workers", required_argument, NULL, 'w'},
                                             {"tls-cert", required_argument, NULL, 'c'},
                                             {"tls-key", required_argument, NULL, 'k'},
                                             {"strict", no_argument, NULL, 'S'},
                                             {"catalogue", required_argument, NULL, 'C'},
                                             {"log-format", required_argument, NULL, 'f'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline serve: %s %s\nTry `plumbline serve --help`.\n", what, value);
    return USAGE;
}

static int fail(const pl_error *error) {
    fprintf(stderr, "plumbline serve: %s\n", error->message);
    return USAGE;
}

static bool parse_listen(options *o, const char *text) {
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || !pl_str_to_u64(pl_str_from(colon + 1), &port) || port > 65535)
        return false;
    pl_str host = pl_str_of(text, (size_t)(colon - text));
    if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = pl_str_of(host.p + 1, host.n - 2);
    o->gateway.host = host;
    o->gateway.port = (uint16_t)port;
    return host.n > 0;
}

static bool parse_count(const char *text, unsigned *count) {
    uint64_t value;
    if (!pl_str_to_u64(pl_str_from(text), &value) || value < 1 || value > 256)
        return false;
    *count = (unsigned)value;
    return true;
}

/* 0: go on; else the exit status + 1. */
static int take_option(options *o, int option, char **argv) {
    switch (option) {
    case 'd': o->program.data = optarg; return 0;
    case 's': o->program.store_url = optarg; return 0;
    case 'l': return parse_listen(o, optarg) ? 0 : usage("--listen is not HOST:PORT:", optarg) + 1;
    case 't':
        return parse_count(optarg, &o->gateway.threads) ? 0 : usage("--threads is not 1 to 256:", optarg) + 1;
    case 'w':
        return parse_count(optarg, &o->program.workers) ? 0 : usage("--workers is not 1 to 256:", optarg) + 1;
    case 'c': o->certificate = optarg; return 0;
    case 'k': o->key = optarg; return 0;
    case 'S': o->program.limits = program_limits(true); return 0;
    case 'C': o->program.catalogue = optarg; return 0;
    case 'f':
        o->program.log.json = strcmp(optarg, "json") == 0;
        if (o->program.log.json || strcmp(optarg, "text") == 0)
            return 0;
        return usage("--log-format is not text or json:", optarg) + 1;
    case 'h': return fputs(help, stdout) < 0 ? USAGE + 1 : DONE + 1;
    default: return usage("unknown option or missing value:", argv[optind - 1]) + 1;
    }
}

static int parse(options *o, int argc, char **argv) {
    int option, status = 0;
    optind = 1;
    opterr = 0;
    while (!status && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        status = take_option(o, option, argv);
    if (!status && optind < argc)
        status = usage("unexpected", argv[optind]) + 1;
    if (!status && !o->certificate != !o->key)
        status = usage("--tls-cert and --tls-key", "go together") + 1;
    return status;
}

static int read_tls(options *o, pl_error *error) {
    if (!o->certificate)
        return 0;
    if (cli_file_read(&o->arena, o->certificate, PEM_LIMIT, &o->gateway.tls_certificate, error) != 0)
        return -1;
    return cli_file_read(&o->arena, o->key, PEM_LIMIT, &o->gateway.tls_key, error);
}

/* --- credentials.json --------------------------------------------------------------------------------------
 */

static void preset(char *out, size_t size, const char *variable) {
    const char *value = getenv(variable);
    if (value)
        snprintf(out, size, "%s", value);
}

static pl_str file_text(pl_arena *arena, const char *endpoint, const identity_root *root) {
    return pl_arena_printf(arena,
                           "{\"Endpoint\":\"%s\",\"RegionId\":\"cn-shanghai\",\"AccountId\":\"%s\","
                           "\"AccessKeyId\":\"%s\",\"AccessKeySecret\":\"%s\"}\n",
                           endpoint, root->account_id, root->access_key_id, root->access_key_secret);
}

static int replace_file(const char *path, pl_str text, pl_error *error) {
    char next[PATH_SIZE + 8];
    snprintf(next, sizeof next, "%s.new", path);
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && cli_write_all(fd, text) == 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (good && rename(next, path) == 0)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerror(errno));
}

/* The port may be another one at every start: the file always names the current endpoint. */
static int update_endpoint(pl_arena *arena, const char *path, const char *endpoint, pl_error *error) {
    pl_str text;
    pl_json root;
    pl_error ignored;
    identity_root known = {.account_id = ""};
    if (cli_file_read(arena, path, 65536, &text, &ignored) != 0)
        return 0;
    if (pl_json_parse_in(arena, text, &root, &ignored) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: not valid JSON", path);
    if (pl_str_is(pl_json_str(pl_json_get(root, PL_STR("Endpoint"))), endpoint))
        return 0;
    snprintf(known.account_id, sizeof known.account_id, "%.*s",
             PL_FMT(pl_json_str(pl_json_get(root, PL_STR("AccountId")))));
    snprintf(known.access_key_id, sizeof known.access_key_id, "%.*s",
             PL_FMT(pl_json_str(pl_json_get(root, PL_STR("AccessKeyId")))));
    snprintf(known.access_key_secret, sizeof known.access_key_secret, "%.*s",
             PL_FMT(pl_json_str(pl_json_get(root, PL_STR("AccessKeySecret")))));
    return replace_file(path, file_text(arena, endpoint, &known), error);
}

static int write_credentials(options *o, program *p, const char *endpoint, pl_error *error) {
    char path[PATH_SIZE];
    identity_root wanted = {.account_id = ""}, root;
    bool created;
    snprintf(path, sizeof path, "%s/credentials.json", o->program.data);
    preset(wanted.account_id, sizeof wanted.account_id, "PLUMBLINE_ACCOUNT_ID");
    preset(wanted.access_key_id, sizeof wanted.access_key_id, "PLUMBLINE_ACCESS_KEY_ID");
    preset(wanted.access_key_secret, sizeof wanted.access_key_secret, "PLUMBLINE_ACCESS_KEY_SECRET");
    if (identity_bootstrap(p->identity, &wanted, &root, &created, error) != 0)
        return -1;
    if (!created)
        return update_endpoint(&o->arena, path, endpoint, error);
    int result = replace_file(path, file_text(&o->arena, endpoint, &root), error);
    explicit_bzero(&root, sizeof root);
    return result;
}

/* --- running -----------------------------------------------------------------------------------------------
 */

static int directory_path(struct org *directory, pl_arena *arena, pl_str account_id, pl_str id,
                          pl_str *path) {
    pl_error ignored;
    const org_view *view = org_view_open(directory, NULL, &ignored);
    if (!view)
        return -1;
    const org_directory *own = org_directory_of(view, account_id);
    const org_node *node = org_find_node(view, id);
    bool visible = own && node && node->directory == own;
    *path = visible ? pl_arena_copy(arena, node->path) : PL_STR_NONE;
    org_view_close(view);
    return visible ? 0 : -1;
}

static void wait_for_stop(sigset_t *signals) {
    int number;
    while (sigwait(signals, &number) != 0)
        ;
}

static void print_ready(const char *endpoint) {
    printf("listening on %s\n", endpoint);
    fflush(stdout);
}

static int listen_and_wait(options *o, program *p, gateway **door, sigset_t *signals, pl_error *error) {
    char endpoint[512];
    o->gateway.products = api_products;
    o->gateway.product_count = api_product_count;
    o->gateway.guard = (gateway_guard){identity_find_key, identity_authorize, directory_path};
    if (gateway_start(door, &o->gateway, &p->services, error) != 0)
        return -1;
    bool v6 = pl_str_find_char(o->gateway.host, ':') != PL_NOT_FOUND;
    snprintf(endpoint, sizeof endpoint, "%s://%s%.*s%s:%u", o->certificate ? "https" : "http", v6 ? "[" : "",
             PL_FMT(o->gateway.host), v6 ? "]" : "", gateway_port(*door));
    int result = write_credentials(o, p, endpoint, error);
    if (result == 0) {
        print_ready(endpoint);
        wait_for_stop(signals);
    }
    gateway_stop(*door);
    return result;
}

static int serve(options *o, pl_error *error) {
    program p;
    gateway *door = NULL;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (read_tls(o, error) != 0 || program_open(&p, &o->program, error) != 0)
        return -1;
    int result = listen_and_wait(o, &p, &door, &signals, error);
    program_close(&p);
    gateway_free(door);
    return result;
}

int cli_serve(int argc, char **argv) {
    pl_error error;
    options o = {.gateway = {.host = PL_STR("127.0.0.1"), .port = 7586}};
    o.program.limits = program_limits(false);
    o.program.workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    o.program.log = (pl_log){.fd = STDERR_FILENO, .least = PL_LOG_INFO, .clock = pl_clock_system()};
    pl_arena_init(&o.arena, 0);
    int status = parse(&o, argc, argv);
    if (status)
        return status - 1;
    o.program.data = program_data_directory(o.program.data);
    int result = serve(&o, &error);
    pl_arena_free(&o.arena);
    return result == 0 ? DONE : fail(&error);
}
