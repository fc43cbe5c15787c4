/*
 * `plumbline serve`: opens the program, puts a gateway on top and runs until SIGTERM or SIGINT.
 *
 * Exit status: 0 after a clean stop, 2 when it cannot start.
 */
#include "cli/commands.h"
#include "cli/credentials.h"
#include "cli/file.h"
#include "cli/measures.h"
#include "cli/options.h"
#include "cli/program.h"

#include "api/config/downloads.h"
#include "api/functions/routes.h"
#include "api/tables/products.gen.h"
#include "gateway/gateway.h"

#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DONE = 0, USAGE = 2, PEM_MAX = 1 << 20 };

static const cli_option table[] = {
    {"data", CLI_TEXT, NULL, 0, 0, "DIR", "data directory; without it PLUMBLINE_DATA, else ./plumbline-data",
     NULL, 0, false},
    {"store", CLI_TEXT, NULL, 0, 0, "URL",
     "database: postgres://... or a SQLite file; without it one in the data directory", NULL, 0, false},
    {"listen", CLI_TEXT, "127.0.0.1:7586", 0, 0, "HOST:PORT", "address to listen on; port 0 takes a free one",
     NULL, 0, false},
    {"threads", CLI_NUMBER, "0", 0, 256, "N", "listener threads; 0: one a processor", NULL, 0, false},
    {"workers", CLI_NUMBER, "0", 0, 256, "N", "threads that evaluate rules; 0: one a processor", NULL, 0,
     false},
    {"call-workers", CLI_NUMBER, "16", 1, 1024, "N", "threads for operations that may wait", NULL, 0, false},
    {"tls-cert", CLI_TEXT, NULL, 0, 0, "FILE",
     "certificate chain (PEM); with --tls-key the server speaks HTTPS", NULL, 0, false},
    {"tls-key", CLI_TEXT, NULL, 0, 0, "FILE", "private key (PEM)", NULL, 0, false},
    {"connections", CLI_NUMBER, "4096", 1, 1000000, "N", "most connections at once", NULL, 0, false},
    {"body-limit", CLI_NUMBER, "4194304", 1024, 1 << 30, "BYTES",
     "largest request body; operations that take more have their own limit", NULL, 0, false},
    {"body-memory", CLI_NUMBER, "268435456", 1 << 20, (int64_t)1 << 40, "BYTES",
     "all request bodies being received at once", NULL, 0, false},
    {"header-limit", CLI_NUMBER, "32768", 4096, 1 << 20, "BYTES", "largest request line with headers", NULL,
     0, false},
    {"read-timeout", CLI_NUMBER, "60", 1, 3600, "SECONDS", "longest time for a request to arrive", NULL, 0,
     false},
    {"idle-timeout", CLI_NUMBER, "75", 1, 3600, "SECONDS", "longest silence on a connection", NULL, 0, false},
    {"nonces", CLI_NUMBER, "4194304", 1024, 1 << 30, "N",
     "most signature nonces in memory; past it old timestamps are refused", NULL, 0, false},
    {"function-workers", CLI_NUMBER, "8", 1, 64, "N", "events that are delivered to functions at once", NULL,
     0, false},
    {"function-instances", CLI_NUMBER, "16", 1, 256, "N", "sandboxes of functions at once", NULL, 0, false},
    {"function-concurrency", CLI_NUMBER, "4", 1, 64, "N", "sandboxes of one function at once", NULL, 0,
     false},
    {"function-idle", CLI_NUMBER, "60", 1, 86400, "SECONDS", "after which an idle sandbox is ended", NULL, 0,
     false},
    {"function-retry", CLI_NUMBER, "5000", 1, 3600000, "MILLISECONDS",
     "before a failed event is tried again; five times that before the third and last try", NULL, 0, false},
    {"unsafe-functions", CLI_FLAG, NULL, 0, 0, NULL,
     "run functions without a sandbox where the kernel refuses one: their code can then do what this user "
     "can",
     NULL, 0, false},
    {"delivery-oss", CLI_TEXT, NULL, 0, 0, "URL",
     "object store that delivery channels of type OSS write to, may contain {bucket} and {region}; without "
     "it "
     "files in the data directory",
     NULL, 0, false},
    {"delivery-mns", CLI_TEXT, NULL, 0, 0, "URL",
     "message service of channels of type MNS, or webhook+http(s)://... for plain POSTs; may contain {topic}",
     NULL, 0, false},
    {"delivery-sls", CLI_TEXT, NULL, 0, 0, "URL",
     "log service of channels of type SLS, or webhook+http(s)://...; may contain {project} and {logstore}",
     NULL, 0, false},
    {"delivery-events", CLI_TEXT, NULL, 0, 0, "URL",
     "receives the CloudEvents of integrated services, may contain {service}", NULL, 0, false},
    {"delivery-access-key-id", CLI_TEXT, NULL, 0, 0, "ID",
     "key that signs calls to object store and messages", NULL, 0, false},
    {"delivery-access-key-secret", CLI_TEXT, NULL, 0, 0, "SECRET",
     "its secret; better given as PLUMBLINE_DELIVERY_ACCESS_KEY_SECRET", NULL, 0, false},
    {"delivery-workers", CLI_NUMBER, "4", 1, 64, "N", "deliveries that are sent at once", NULL, 0, false},
    {"delivery-retry", CLI_NUMBER, "5000", 1, 3600000, "MILLISECONDS",
     "before a failed delivery is sent again; doubled each time, up to ten minutes", NULL, 0, false},
    {"delivery-keep", CLI_NUMBER, "72", 1, 8760, "HOURS", "after which a delivery that fails is dropped",
     NULL, 0, false},
    {"delivery-channels", CLI_NUMBER, NULL, 1, 1000000, "N", "delivery channels an account or group may have",
     NULL, 0, false},
    {"remediation-executor", CLI_TEXT, NULL, 0, 0, "URL|simulate",
     "what carries out remediation templates: an address that gets each execution as a POST, or `simulate` "
     "to "
     "record their effect only; without it executions fail",
     NULL, 0, false},
    {"remediation-workers", CLI_NUMBER, "2", 1, 16, "N", "remediations that run at once", NULL, 0, false},
    {"strict", CLI_FLAG, NULL, 0, 0, NULL,
     "refuse what the vendor refuses: its quotas, call rate and HTTPS-only operations", NULL, 0, false},
    {"catalogue", CLI_TEXT, NULL, 0, 0, "DIR", "directory with rule files of your own", NULL, 0, false},
    {"calls-per-second", CLI_NUMBER, NULL, 0, 1000000, "N", "calls of one access key; 0: no limit", NULL, 0,
     false},
    {"rules-per-account", CLI_NUMBER, NULL, 1, 1000000, "N", "rules an account may have", NULL, 0, false},
    {"packs-per-account", CLI_NUMBER, NULL, 1, 1000000, "N", "compliance packages an account may have", NULL,
     0, false},
    {"account-groups", CLI_NUMBER, NULL, 1, 1000000, "N", "account groups of a management account", NULL, 0,
     false},
    {"accounts-per-group", CLI_NUMBER, NULL, 1, 1000000, "N", "accounts in one group", NULL, 0, false},
    {"folder-depth", CLI_NUMBER, NULL, 1, 64, "N", "levels of folders below the root", NULL, 0, false},
    {"folders-per-directory", CLI_NUMBER, NULL, 1, 1000000, "N", "folders in a resource directory", NULL, 0,
     false},
    {"accounts-per-directory", CLI_NUMBER, NULL, 1, 1000000, "N", "accounts in a resource directory", NULL, 0,
     false},
    {"control-policies", CLI_NUMBER, NULL, 1, 1000000, "N", "custom control policies in a directory", NULL, 0,
     false},
    {"policies-per-target", CLI_NUMBER, NULL, 1, 1000000, "N",
     "custom control policies on a folder or member", NULL, 0, false},
    {"invitations-per-day", CLI_NUMBER, NULL, 1, 1000000, "N", "invitations sent and not accepted", NULL, 0,
     false},
    {"resource-groups", CLI_NUMBER, NULL, 1, 1000000, "N", "resource groups of an account", NULL, 0, false},
    {"switch-interval", CLI_NUMBER, NULL, 0, 86400000, "MS",
     "least time between two switches of control policies; 0: none", NULL, 0, false},
    {"log-format", CLI_TEXT, "text", 0, 0, "text|json", "form of log lines on standard error", NULL, 0,
     false},
    {"log-level", CLI_TEXT, "info", 0, 0, "debug|info|warning|error", "least level that is logged", NULL, 0,
     false},
};

enum { OPTIONS = sizeof table / sizeof *table };

/* Everything of one run. */
typedef struct server {
    cli_option items[OPTIONS];
    cli_options options;
    pl_arena arena;
    const char *data;
    program_options program_options;
    program program;
    gateway_options gateway_options;
    gateway *gateway;
    gateway_gauge gauges[CLI_MEASURES_MAX];
} server;

static const char *text_of(const server *s, const char *name) {
    return cli_options_get(&s->options, name)->value;
}

static int64_t number_of(const server *s, const char *name) {
    return cli_options_get(&s->options, name)->number;
}

static void help(const server *s) {
    puts("usage: plumbline serve [OPTION]...\n\n"
         "Serves the Config, ResourceManager, RAM and STS operations until it gets SIGTERM or SIGINT. The "
         "first start\n"
         "makes the management account and writes its key to credentials.json in the data directory.\n"
         "Every option may also stand in plumbline.conf in the data directory (`name = value`) or in the "
         "environment\n"
         "(PLUMBLINE_READ_TIMEOUT=30). PLUMBLINE_ACCOUNT_ID, PLUMBLINE_ACCESS_KEY_ID and "
         "PLUMBLINE_ACCESS_KEY_SECRET\n"
         "preset the first account and its key.\n\noptions");
    cli_options_print(&s->options);
    puts("\nexample\n  plumbline serve --data ./data --listen 127.0.0.1:7586");
}

/* ---- options ---- */

static int read_options(server *s, int argc, char **argv, pl_error *error) {
    memcpy(s->items, table, sizeof table);
    s->options = (cli_options){.program = "plumbline serve", .items = s->items, .count = OPTIONS};
    if (cli_options_parse(&s->options, argc, argv, error) != 0)
        return -1;
    if (s->options.help)
        return 0;
    if (cli_options_environment(&s->options, error) != 0)
        return -1;
    s->data = program_data_directory(text_of(s, "data"));
    const char *file = pl_arena_printf(&s->arena, "%s/plumbline.conf", s->data).p;
    return file ? cli_options_file(&s->options, &s->arena, file, error)
                : pl_fail(error, PL_E_ServiceUnavailable);
}

static void set_limit(const server *s, const char *name, uint32_t *limit) {
    const cli_option *option = cli_options_get(&s->options, name);
    if (option->given)
        *limit = (uint32_t)option->number;
}

static api_limits read_limits(const server *s) {
    api_limits limits = program_limits(number_of(s, "strict"));
    set_limit(s, "calls-per-second", &limits.calls_per_second);
    set_limit(s, "rules-per-account", &limits.rules_per_account);
    set_limit(s, "packs-per-account", &limits.packs_per_account);
    set_limit(s, "account-groups", &limits.account_groups);
    set_limit(s, "accounts-per-group", &limits.accounts_per_group);
    set_limit(s, "folder-depth", &limits.folder_depth);
    set_limit(s, "folders-per-directory", &limits.folders_per_directory);
    set_limit(s, "accounts-per-directory", &limits.accounts_per_directory);
    set_limit(s, "control-policies", &limits.control_policies);
    set_limit(s, "policies-per-target", &limits.policies_per_target);
    set_limit(s, "invitations-per-day", &limits.invitations_per_day);
    set_limit(s, "resource-groups", &limits.resource_groups);
    set_limit(s, "switch-interval", &limits.switch_interval);
    set_limit(s, "delivery-channels", &limits.delivery_channels);
    return limits;
}

static int read_log(const server *s, pl_log *log, pl_error *error) {
    static const char *const levels[] = {"debug", "info", "warning", "error"};
    const char *format = text_of(s, "log-format"), *level = text_of(s, "log-level");
    *log = (pl_log){.fd = STDERR_FILENO, .json = strcmp(format, "json") == 0, .clock = pl_clock_system()};
    if (!log->json && strcmp(format, "text") != 0)
        return pl_failf(error, PL_E_InvalidParameter, "log-format must be text or json, not \"%s\"", format);
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(levels[i], level) == 0) {
            log->least = (pl_log_level)i;
            return 0;
        }
    }
    return pl_failf(error, PL_E_InvalidParameter,
                    "log-level must be debug, info, warning or error, not \"%s\"", level);
}

/* HOST:PORT, an IPv6 host in brackets. */
static int read_address(server *s, pl_error *error) {
    pl_str text = pl_str_from(text_of(s, "listen"));
    size_t colon = text.n;
    uint64_t port;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || !pl_str_to_u64(pl_str_skip(text, colon), &port) || port > UINT16_MAX)
        return pl_failf(error, PL_E_InvalidParameter, "listen must be HOST:PORT, not \"%.*s\"", PL_FMT(text));
    pl_str host = pl_str_head(text, colon - 1);
    if (pl_str_starts(host, PL_STR("[")) && pl_str_ends(host, PL_STR("]")))
        host = pl_str_of(host.p + 1, host.n - 2);
    s->gateway_options.host = host;
    s->gateway_options.port = (uint16_t)port;
    return 0;
}

static int read_tls(server *s, pl_error *error) {
    const char *certificate = text_of(s, "tls-cert"), *key = text_of(s, "tls-key");
    if (!certificate != !key)
        return pl_failf(error, PL_E_InvalidParameter, "tls-cert and tls-key go together");
    if (!certificate)
        return 0;
    if (cli_file_read(&s->arena, certificate, PEM_MAX, &s->gateway_options.tls_certificate, error) != 0 ||
        cli_file_read(&s->arena, key, PEM_MAX, &s->gateway_options.tls_key, error) != 0)
        return -1;
    s->gateway_options.tls_certificate.p = pl_arena_cstr(&s->arena, s->gateway_options.tls_certificate);
    s->gateway_options.tls_key.p = pl_arena_cstr(&s->arena, s->gateway_options.tls_key);
    return s->arena.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* ---- what the gateway asks and shows ---- */

/* Only nodes of the caller's own directory have a path to it. */
static int directory_path(org *o, pl_arena *arena, pl_str account_id, pl_str id, pl_str *path,
                          pl_error *error) {
    const org_view *view = org_view_open(o, NULL, error);
    if (!view)
        return -1;
    const org_directory *own = org_directory_of(view, account_id);
    const org_node *node = id.n || !own ? org_find_node(view, id) : own->root;
    bool visible = own && node && node->directory == own;
    *path = visible ? pl_arena_copy(arena, node->path) : PL_STR_NONE;
    org_view_close(view);
    return visible && !path->p ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static const api_route_product *const routes[] = {&functions_api, &config_downloads};

static void set_gateway_options(server *s) {
    gateway_options *o = &s->gateway_options;
    o->gauges = s->gauges;
    o->gauge_count = cli_measures(&s->program, s->gauges);
    o->threads = (unsigned)number_of(s, "threads");
    o->workers = (unsigned)number_of(s, "call-workers");
    o->connections = (unsigned)number_of(s, "connections");
    o->body_bytes = (size_t)number_of(s, "body-limit");
    o->body_memory = (size_t)number_of(s, "body-memory");
    o->header_bytes = (size_t)number_of(s, "header-limit");
    o->read_seconds = (unsigned)number_of(s, "read-timeout");
    o->idle_seconds = (unsigned)number_of(s, "idle-timeout");
    o->nonces = (size_t)number_of(s, "nonces");
    o->routes = routes;
    o->route_count = sizeof routes / sizeof *routes;
    o->products = api_products;
    o->product_count = api_product_count;
    o->guard = (gateway_guard){identity_find_key, identity_authorize, directory_path};
}

static unsigned processors(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

static int configure(server *s, pl_error *error) {
    if (read_log(s, &s->program_options.log, error) != 0 || read_address(s, error) != 0 ||
        read_tls(s, error) != 0)
        return -1;
    set_gateway_options(s);
    s->program_options.data = s->data;
    s->program_options.store_url = text_of(s, "store");
    s->program_options.catalogue = text_of(s, "catalogue");
    s->program_options.workers = number_of(s, "workers") ? (unsigned)number_of(s, "workers") : processors();
    s->program_options.limits = read_limits(s);
    s->program_options.alone = true;
    s->program_options.with_functions = true;
    s->program_options.with_reports = true;
    s->program_options.functions = (functions_config){
        .workers = (unsigned)number_of(s, "function-workers"),
        .instances = (unsigned)number_of(s, "function-instances"),
        .per_function = (unsigned)number_of(s, "function-concurrency"),
        .idle_seconds = (unsigned)number_of(s, "function-idle"),
        .retry_ms = number_of(s, "function-retry"),
        .unsafe = number_of(s, "unsafe-functions"),
    };
    s->program_options.delivery = (delivery_config){
        .oss_url = text_of(s, "delivery-oss"),
        .mns_url = text_of(s, "delivery-mns"),
        .sls_url = text_of(s, "delivery-sls"),
        .events_url = text_of(s, "delivery-events"),
        .access_key_id = text_of(s, "delivery-access-key-id"),
        .access_key_secret = text_of(s, "delivery-access-key-secret"),
        .workers = (unsigned)number_of(s, "delivery-workers"),
        .retry_ms = number_of(s, "delivery-retry"),
        .keep_ms = number_of(s, "delivery-keep") * 3600000,
    };
    s->program_options.remediation = (remediation_config){
        .executor = text_of(s, "remediation-executor"),
        .workers = (unsigned)number_of(s, "remediation-workers"),
    };
    return 0;
}

/* ---- running ---- */

/* What a client on this machine puts before the port: a wildcard address is none. */
static pl_str endpoint(server *s) {
    pl_str host = s->gateway_options.host;
    bool wildcard = host.n == 0 || pl_str_is(host, "0.0.0.0") || pl_str_is(host, "::");
    bool six = pl_str_find_char(host, ':') != PL_NOT_FOUND && !wildcard;
    return pl_arena_printf(&s->arena, "%s://%s%.*s%s:%u", s->gateway_options.tls_key.n ? "https" : "http",
                           six ? "[" : "", PL_FMT(wildcard ? PL_STR("127.0.0.1") : host), six ? "]" : "",
                           gateway_port(s->gateway));
}

/* Meanwhile, once a minute, what identities keep back is written. */
static void wait_for_signal(server *s, const sigset_t *signals) {
    const struct timespec minute = {.tv_sec = 60};
    pl_error error;
    while (sigtimedwait(signals, NULL, &minute) < 0)
        if (identity_flush(s->program.identity, &error) != 0)
            pl_log_write(&s->program_options.log, PL_LOG_WARNING, "identities: %s", error.message);
}

static int adopt(void *context, int descriptor) {
    return gateway_adopt(((server *)context)->gateway, descriptor);
}

static int start_functions(server *s, pl_str address, pl_error *error) {
    functions_link link = {.server_key = s->program.services.server_key,
                           .endpoint = pl_arena_cstr(&s->arena, address),
                           .serve = adopt,
                           .context = s};
    return link.endpoint ? functions_start(s->program.functions, &link, error)
                         : pl_fail(error, PL_E_ServiceUnavailable);
}

/* Gives back the pages of one file's read-only segments; what is still in use is mapped again when it is met.
 */
static int unmap_cold(struct dl_phdr_info *info, size_t size, void *context) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size, (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = info->dlpi_phdr + i;
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
            continue;
        uintptr_t from = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t to = (info->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

/* Most of what a start reads (the dynamic linker's tables, the catalogue, initialisers) is not read again. */
static void forget_start(void) {
    dl_iterate_phdr(unmap_cold, NULL);
    malloc_trim(0);
}

/* A new store beside an old key: somebody lost the store, and the key belongs to its backup. */
static int write_credentials(server *s, const identity_root *root, pl_error *error) {
    bool former;
    if (credentials_set_aside(s->data, &former, error) != 0)
        return -1;
    if (former)
        pl_log_write(&s->program_options.log, PL_LOG_WARNING,
                     "the store is new: the key of another one is kept in credentials.json.former");
    return credentials_write(s->data, root, PL_STR(""), error);
}

static int run(server *s, const sigset_t *signals, pl_error *error) {
    identity_root wanted, root;
    bool created = false;
    if (credentials_wanted(&wanted, error) != 0 ||
        identity_bootstrap(s->program.identity, &wanted, &root, &created, error) != 0)
        return -1;
    /* The key is shown once only: it must be on disk before anything else can fail. */
    if (created && write_credentials(s, &root, error) != 0)
        return -1;
    if (gateway_start(&s->gateway, &s->gateway_options, &s->program.services, error) != 0)
        return -1;
    pl_str address = endpoint(s);
    if (start_functions(s, address, error) != 0 || delivery_start(s->program.delivery, error) != 0 ||
        remediation_start(s->program.remediation, error) != 0 ||
        credentials_set_endpoint(s->data, address, error) != 0)
        return -1;
    printf("listening on %.*s\n", PL_FMT(address));
    fflush(stdout);
    forget_start();
    wait_for_signal(s, signals);
    pl_log_write(&s->program_options.log, PL_LOG_INFO, "stopping");
    return 0;
}

static int serve(server *s, pl_error *error) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    /* Before any thread exists: all inherit the mask, and the main thread alone takes the signals. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (program_open(&s->program, &s->program_options, error) != 0)
        return -1;
    int result = run(s, &signals, error);
    remediation_stop(s->program.remediation);
    functions_stop(s->program.functions);
    delivery_stop(s->program.delivery);
    gateway_stop(s->gateway);
    program_close(&s->program);
    gateway_free(s->gateway);
    return result;
}

int cli_serve(int argc, char **argv) {
    server s = {.data = NULL};
    pl_error error;
    pl_arena_init(&s.arena, 0);
    int result = read_options(&s, argc, argv, &error);
    if (result == 0 && s.options.help) {
        help(&s);
    } else if (result == 0) {
        result = configure(&s, &error);
        if (result == 0)
            result = serve(&s, &error);
    }
    if (result != 0)
        fprintf(stderr, "plumbline serve: %s\n", error.message);
    pl_arena_free(&s.arena);
    return result == 0 ? DONE : USAGE;
}
