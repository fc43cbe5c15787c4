/* Starting the runtime of an instance: its code unpacked, its command and environment, its sandbox. No state.
 */
#include "functions/private.h"

#include "functions/archive.h"
#include "json/parser.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENVIRONMENT_MOST = 128 };

static const char runtime_port[] = "9000";

static bool starts(pl_str runtime, const char *prefix) {
    return pl_str_starts(runtime, pl_str_from(prefix));
}

bool functions_has_runtime(const functions *f, pl_str runtime) {
    functions_settle(f);
    if (starts(runtime, "python3"))
        return f->host.python != NULL;
    if (starts(runtime, "nodejs"))
        return f->host.node != NULL;
    return pl_str_is(runtime, "custom") || starts(runtime, "custom.debian");
}

typedef struct starting {
    functions *f;
    pl_arena arena;
    const function_record *function;
    instance *i;
    const char *command[64];
    const char *environment[ENVIRONMENT_MOST];
    size_t commands, variables;
    pl_error *error;
} starting;

static void add_word(starting *s, pl_str word) {
    if (s->commands < 63)
        s->command[s->commands++] = pl_arena_cstr(&s->arena, word);
}

static void add_variable(starting *s, const char *name, pl_str value) {
    if (s->variables < ENVIRONMENT_MOST - 1)
        s->environment[s->variables++] = pl_arena_printf(&s->arena, "%s=%.*s", name, PL_FMT(value)).p;
}

/* customRuntimeConfig: {"command": [...], "args": [...]}; without it /code/bootstrap. */
static int add_custom_command(starting *s) {
    pl_json root = PL_JSON_NONE, word;
    pl_str unnamed;
    pl_str config = s->function->runtime_config;
    if (config.n && pl_json_parse_in(&s->arena, config, &root, s->error) != 0)
        return -1;
    static const char *const lists[] = {"command", "args"};
    for (size_t n = 0; n < 2; n++) {
        pl_json list = pl_json_get(root, pl_str_from(lists[n]));
        for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unnamed, &word);)
            add_word(s, pl_json_str(word));
    }
    if (s->commands == 0)
        add_word(s, s->f->host.unsafe ? PL_STR("./bootstrap") : PL_STR("/code/bootstrap"));
    return 0;
}

static int add_command(starting *s) {
    pl_str runtime = s->function->runtime;
    const sandbox_host *host = &s->f->host;
    pl_str bridges = host->unsafe ? pl_str_from(host->base) : PL_STR("/runtime");
    if (starts(runtime, "python3")) {
        add_word(s, pl_str_from(host->python));
        add_word(s, PL_STR("-uB"));
        add_word(s, pl_arena_printf(&s->arena, "%.*s/bridge.py", PL_FMT(bridges)));
    } else if (starts(runtime, "nodejs")) {
        add_word(s, pl_str_from(host->node));
        add_word(s,
                 pl_arena_printf(&s->arena, "--max-old-space-size=%lld", (long long)s->function->memory_mb));
        add_word(s, pl_arena_printf(&s->arena, "%.*s/bridge.mjs", PL_FMT(bridges)));
    } else if (add_custom_command(s) != 0) {
        return -1;
    }
    return s->arena.failed ? pl_fail(s->error, PL_E_ServiceUnavailable) : 0;
}

static int add_environment(starting *s, const char *port) {
    const function_record *r = s->function;
    pl_json variables, value;
    pl_str name;
    function_initializer initializer;
    if (function_initializer_of(&s->arena, r, &initializer, s->error) != 0)
        return -1;
    add_variable(s, "PATH", PL_STR("/code:/usr/local/bin:/usr/bin:/bin"));
    add_variable(s, "HOME", PL_STR("/tmp"));
    add_variable(s, "TMPDIR", PL_STR("/tmp"));
    add_variable(s, "LANG", PL_STR("C.UTF-8"));
    add_variable(s, "FC_SERVER_PORT", pl_str_from(port));
    add_variable(s, "FC_FUNCTION_NAME", r->name);
    add_variable(s, "FC_FUNCTION_HANDLER", r->handler);
    add_variable(s, "FC_FUNCTION_MEMORY_SIZE", pl_arena_printf(&s->arena, "%lld", (long long)r->memory_mb));
    add_variable(s, "FC_REGION", s->f->config.region);
    add_variable(s, "FC_ACCOUNT_ID", r->account_id);
    add_variable(s, "FC_INSTANCE_ID", pl_str_from(s->i->id));
    add_variable(s, "_HANDLER", r->handler);
    if (initializer.handler.n)
        add_variable(s, "_INITIALIZER", initializer.handler);
    if (s->f->host.unsafe && atomic_load(&s->f->linked) && s->f->link.endpoint)
        add_variable(s, "PLUMBLINE_ENDPOINT", pl_str_from(s->f->link.endpoint));
    if (pl_json_parse_in(&s->arena, r->environment, &variables, s->error) != 0)
        return -1;
    for (pl_json_walk w = pl_json_children(variables); pl_json_step(&w, &name, &value);) {
        char *text = pl_arena_cstr(&s->arena, name);
        if (text)
            add_variable(s, text, pl_json_str(value));
    }
    return s->arena.failed ? pl_fail(s->error, PL_E_ServiceUnavailable) : 0;
}

struct loading {
    pl_arena *arena;
    const function_record *function;
    pl_str package;
};

static int load_code(store_session *session, void *argument, pl_error *error) {
    struct loading *l = argument;
    return function_get_code(session, l->arena, l->function->account_id, l->function->code_checksum,
                             &l->package, error);
}

static int unpack_code(starting *s) {
    char code[SANDBOX_PATH + 8];
    struct loading l = {&s->arena, s->function, PL_STR_NONE};
    snprintf(code, sizeof code, "%s/code", s->i->directory);
    if (mkdir(s->i->directory, 0700) != 0 || mkdir(code, 0755) != 0 || chmod(code, 0755) != 0)
        return pl_failf(s->error, PL_E_ServiceUnavailable, "%s: %s", code, strerror(errno));
    if (store_read(s->f->config.store, load_code, &l, s->error) != 0)
        return -1;
    if (!l.package.p)
        return pl_failf(s->error, PL_E_ServiceUnavailable, "the function has no code");
    if (archive_unpack(l.package, code, s->error) != 0)
        return -1;
    uid_t user = SANDBOX_UID_FIRST + s->i->slot;
    if (s->f->host.root && !s->f->host.unsafe && chown(s->i->directory, user, user) != 0)
        return pl_failf(s->error, PL_E_ServiceUnavailable, "%s: %s", s->i->directory, strerror(errno));
    return 0;
}

/* A port of the host that is free now; only functions without a sandbox need one. */
static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = probe >= 0 && bind(probe, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(probe, (struct sockaddr *)&address, &size) == 0;
    if (probe >= 0)
        close(probe);
    return bound ? ntohs(address.sin_port) : 0;
}

static int start_runtime(starting *s) {
    char port[8];
    instance *i = s->i;
    i->port = s->f->host.unsafe ? free_port() : 9000;
    snprintf(port, sizeof port, "%u", i->port);
    if (unpack_code(s) != 0 || add_command(s) != 0 ||
        add_environment(s, s->f->host.unsafe ? port : runtime_port) != 0)
        return -1;
    sandbox_order order = {.directory = i->directory,
                           .slot = i->slot,
                           .command = s->command,
                           .environment = s->environment,
                           .memory_mb = i->memory_mb,
                           .disk_mb = s->function->disk_mb,
                           .cpu_seconds = 20 * s->function->timeout_seconds + 60,
                           .generous = starts(s->function->runtime, "nodejs")};
    return sandbox_start(&s->f->host, &order, &i->box, s->error);
}

int instance_start(functions *f, const function_record *function, instance *i, pl_error *error) {
    starting s = {.f = f, .function = function, .i = i, .error = error};
    pl_arena_init(&s.arena, (size_t)FUNCTION_PACKAGE_MAX + (4 << 20));
    int status = start_runtime(&s);
    pl_arena_free(&s.arena);
    return status;
}
