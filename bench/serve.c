/*
 * The running server on an empty store: time until it listens, idle memory, and the time from a change to its
 * verdict (PutConfigurationItems with one item under 100 rules, over HTTP) beside one durable SQLite commit
 * of the same text. Both sides in turns, in rounds whose ratios are told by their middle: a round's p99 is
 * the third slowest of its changes, and any of them may have met another program's flush.
 *
 *   bench_serve PLUMBLINE DIRECTORY
 */
#include "bare.h"
#include "evaluate_work.h"
#include "signed.h"

#include "cli/client.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { STARTS = 9, ROUNDS = 17, CHANGES = 300, NODES = 32 };

typedef struct bench {
    const char *program;
    char data[512];
    pid_t server;
    pl_arena arena;
    work_documents documents;
    work_rule rules[WORK_RULES];
    cli_client *client;
    signed_key key;
    uint16_t port;
    int connection;
    bare alone;
} bench;

static void die(const char *what) {
    fprintf(stderr, "bench_serve: %s\n", what);
    _exit(1);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind, (void)place;
    return remove(path);
}

/* Starts the server; seconds until its ready line. */
static double start(bench *b) {
    int out[2];
    char line[256];
    int64_t started = pl_monotonic_ns();
    if (pipe(out) != 0 || (b->server = fork()) < 0)
        die("fork");
    if (b->server == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        execl(b->program, b->program, "serve", "--data", b->data, "--listen", "127.0.0.1:0", "--log-level",
              "warning", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *in = fdopen(out[0], "r");
    if (!in || !fgets(line, sizeof line, in) || !strrchr(line, ':'))
        die("the server does not start");
    b->port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
    double seconds = (double)(pl_monotonic_ns() - started) / 1e9;
    fclose(in);
    return seconds;
}

static void stop(bench *b) {
    kill(b->server, SIGTERM);
    if (waitpid(b->server, NULL, 0) != b->server)
        die("wait");
}

/* A number of /proc/PID/status in mebibytes. */
static double memory_of(const bench *b, const char *name) {
    char path[64], line[256];
    double kibibytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)b->server);
    FILE *in = fopen(path, "r");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, name, strlen(name)) == 0)
            kibibytes = strtod(line + strlen(name) + 1, NULL);
    if (in)
        fclose(in);
    return kibibytes / 1024;
}

static void measure_starts(bench *b) {
    double empty[STARTS], again[STARTS], memory[STARTS], own[STARTS];
    for (size_t i = 0; i < STARTS; i++) {
        nftw(b->data, remove_entry, NODES, FTW_DEPTH | FTW_PHYS);
        empty[i] = start(b);
        stop(b);
        again[i] = start(b);
        /* The ready line comes last: what is resident now is what an idle server keeps. */
        memory[i] = memory_of(b, "VmRSS:");
        own[i] = memory_of(b, "RssAnon:");
        stop(b);
    }
    printf("start, first (store and keys are made): %.0f ms, again: %.0f ms (target 100)\n",
           bare_quantile(empty, STARTS, 0.5) * 1e3, bare_quantile(again, STARTS, 0.5) * 1e3);
    printf("idle memory: %.1f MB resident, %.1f MB of it not shared code (target 15)\n",
           bare_quantile(memory, STARTS, 0.5), bare_quantile(own, STARTS, 0.5));
}

static void call(bench *b, const char *action, pl_str parameters) {
    cli_answer answer;
    pl_error error;
    cli_request request = cli_request_of(true, pl_str_from(action), PL_STR("2020-09-07"), parameters);
    if (cli_client_send(b->client, &b->arena, &request, &answer, &error) != 0)
        die(error.message);
    if (answer.status != 200) {
        fprintf(stderr, "%.*s\n", PL_FMT(answer.body));
        die(action);
    }
}

static void add_parameter(pl_buf *out, const char *name, pl_str value) {
    pl_buf_printf(out, "%s%s=", out->n ? "&" : "", name);
    for (size_t i = 0; i < value.n; i++)
        pl_buf_printf(out, "%%%02X", (unsigned char)value.p[i]);
}

static void make_rules(bench *b) {
    pl_buf parameters;
    pl_buf_init(&parameters, 1 << 20);
    for (size_t i = 0; i < WORK_RULES; i++) {
        const work_rule *rule = &b->rules[i];
        bool managed = i < WORK_MANAGED;
        pl_buf_clear(&parameters);
        add_parameter(&parameters, "ConfigRuleName", pl_arena_printf(&b->arena, "rule-%zu", i));
        add_parameter(&parameters, "SourceOwner",
                      managed ? PL_STR("ALIYUN") : PL_STR("CUSTOM_CONFIGURATION"));
        add_parameter(&parameters, "SourceIdentifier",
                      managed ? rule->name : PL_STR("acs-config-configuration"));
        add_parameter(&parameters, "InputParameters", managed ? rule->parameters : PL_STR("{}"));
        add_parameter(&parameters, "ConfigRuleTriggerTypes", PL_STR("ConfigurationItemChangeNotification"));
        add_parameter(&parameters, "ResourceTypesScope", PL_STR("ACS::ECS::Instance"));
        add_parameter(&parameters, "RiskLevel", PL_STR("1"));
        if (!managed)
            add_parameter(
                &parameters, "Conditions",
                pl_arena_printf(&b->arena, "{\"ComplianceConditions\":%.*s}", PL_FMT(rule->condition)));
        call(b, "CreateConfigRule", pl_buf_str(&parameters));
    }
    pl_buf_free(&parameters);
}

/* Sends the request and waits for its answer, which must be a success; seconds from one to the other. */
static double exchange(bench *b, const char *text, size_t n) {
    static char in[16384];
    size_t got = 0;
    int64_t started = pl_monotonic_ns();
    if (write(b->connection, text, n) != (ssize_t)n)
        die("write");
    while (signed_answer_size(pl_str_of(in, got)) == 0) {
        ssize_t more = read(b->connection, in + got, sizeof in - got);
        if (more <= 0)
            die("read");
        got += (size_t)more;
    }
    double seconds = (double)(pl_monotonic_ns() - started) / 1e9;
    if (memcmp(in + 9, "200", 3) != 0) {
        fprintf(stderr, "%.*s\n", (int)got, in);
        die("PutConfigurationItems");
    }
    return seconds;
}

/* The clock runs from the first byte of the signed request to the last of the answer. */
static double change(bench *b, size_t number) {
    static char text[16384];
    pl_arena arena;
    pl_arena_init(&arena, 0);
    pl_str body =
        pl_arena_printf(&arena,
                        "{\"ConfigurationItems\":[{\"resourceType\":\"ACS::ECS::Instance\","
                        "\"resourceId\":\"i-bp1%012zu\",\"regionId\":\"cn-hangzhou\",\"resourceName\":"
                        "\"web\",\"configuration\":%.*s}]}",
                        number % 50, PL_FMT(b->documents.texts[number % WORK_DOCUMENTS]));
    signed_call call = {"POST", "PutConfigurationItems", "2026-11-01", PL_STR(""), body};
    size_t n = signed_write(&b->key, &arena, &call, text, sizeof text);
    double seconds = exchange(b, text, n);
    pl_arena_free(&arena);
    return seconds;
}

/* One round; the ratios of its quantiles go to `high` (p99) and `middle` (p50), its own p99 to `slow`. */
static void compare_changes(bench *b, size_t round, double *high, double *middle, double *slow) {
    static double own[CHANGES], alone[CHANGES];
    for (size_t i = 0; i < CHANGES; i++) {
        size_t number = round * CHANGES + i;
        alone[i] = bare_insert_all(&b->alone, b->documents.texts[number % WORK_DOCUMENTS], 1, 1);
        own[i] = change(b, number);
    }
    *slow = bare_quantile(own, CHANGES, 0.99);
    *high = *slow / bare_quantile(alone, CHANGES, 0.99);
    *middle = bare_quantile(own, CHANGES, 0.5) / bare_quantile(alone, CHANGES, 0.5);
}

static void measure_changes(bench *b) {
    double high[ROUNDS], middle[ROUNDS], slow[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++)
        compare_changes(b, i, high + i, middle + i, slow + i);
    bare_rounds highs = bare_rounds_of(high, ROUNDS), middles = bare_rounds_of(middle, ROUNDS);
    printf("change to verdict over HTTP, 100 rules / one durable commit: p99 %.2f, p50 %.2f (target 2); the "
           "middle "
           "half of %d rounds: %.2f to %.2f and %.2f to %.2f; %.2f ms\n",
           highs.middle, middles.middle, ROUNDS, highs.lower, highs.upper, middles.lower, middles.upper,
           bare_quantile(slow, ROUNDS, 0.5) * 1e3);
}

int main(int argc, char **argv) {
    static bench b;
    pl_error error;
    if (argc < 3) {
        fputs("usage: bench_serve PLUMBLINE DIRECTORY\n", stderr);
        return 2;
    }
    b.program = argv[1];
    snprintf(b.data, sizeof b.data, "%s/bench-serve", argv[2]);
    pl_arena_init(&b.arena, 0);
    if (!work_make_documents(&b.documents) || !work_make_rules(&b.arena, b.rules) ||
        !bare_open(&b.alone, argv[2]))
        die("the work cannot be made");
    measure_starts(&b);
    start(&b);
    if (cli_client_open(&b.client, NULL, b.data, &error) != 0)
        die(error.message);
    make_rules(&b);
    if (!signed_read_key(&b.key, &b.arena, b.data))
        die("credentials");
    b.connection = signed_dial(b.port);
    measure_changes(&b);
    printf("memory after that: %.1f MB resident\n", memory_of(&b, "VmRSS:"));
    close(b.connection);
    stop(&b);
    cli_client_close(b.client);
    bare_close(&b.alone);
    nftw(b.data, remove_entry, NODES, FTW_DEPTH | FTW_PHYS);
    return 0;
}
