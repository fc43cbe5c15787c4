/*
 * `plumbline bench`: rates of this program on this machine, on work that it makes itself. Short and without
 * baselines; what the project promises against others is measured by `make bench`.
 *
 * Exit status: 0, or 2 when the work cannot be done.
 */
#include "cli/bench_work.h"
#include "cli/check_rules.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/program.h"

#include "base/clock.h"
#include "engine/rules.h"
#include "policy/decide.h"
#include "json/parser.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DONE = 0,
    USAGE = 2,
    DOCUMENTS = 1000,
    BATCH = 1000,
    SINGLES = 300,
    CONNECTIONS = 16,
    OPEN_FILES = 32
};

static const char help[] =
    "usage: plumbline bench evaluate|ingest|policy|gateway [SECONDS]\n"
    "\n"
    "Prints rates of this program on this machine, on work that it makes itself. Every part runs for SECONDS "
    "(default: 3).\n"
    "\n"
    "evaluate: JSON documents parsed and evaluated under 20 managed rules, one core\n"
    "ingest:   resources recorded with history and verdicts of 20 rules, and the time of one durable "
    "change;\n"
    "          in a scratch store below TMPDIR (default: /tmp)\n"
    "policy:   decisions under 50 policy statements, one core\n"
    "gateway:  signed requests over 16 connections to a server on a scratch store\n"
    "\n"
    "example\n"
    "  plumbline bench evaluate\n";

static double now_seconds(void) {
    return (double)pl_monotonic_ns() / 1e9;
}

static int fail(const pl_error *error) {
    fprintf(stderr, "plumbline bench: %s\n", error->message);
    return USAGE;
}

/* --- evaluate --------------------------------------------------------------------------------------------
 */

typedef struct evaluation {
    catalogue *catalogue;
    check_rules *rules;
    pl_program_state *state;
    pl_json_parser *parser;
    pl_buf texts[DOCUMENTS];
    size_t bytes, rule_count;
} evaluation;

static int evaluation_open(evaluation *v, pl_error *error) {
    if (catalogue_open(&v->catalogue, NULL, error) != 0 ||
        check_rules_new(&v->rules, v->catalogue, error) != 0)
        return -1;
    for (size_t i = 0; i < BENCH_RULES; i++) {
        char *pair = (char *)(uintptr_t)bench_rules[i].pair;
        if (check_rules_add_managed(v->rules, bench_rules[i].identifier, &pair, pair[0] != '\0', error) != 0)
            return -1;
    }
    const check_program *compiled = check_rules_program(v->rules, PL_STR("ACS::ECS::Instance"), error);
    if (!compiled)
        return -1;
    v->rule_count = compiled->count;
    v->state = pl_program_state_new(compiled->program);
    v->parser = pl_json_parser_new(1 << 20);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        pl_buf_init(&v->texts[i], 1 << 16);
        bench_write_configuration(&v->texts[i], i);
        v->bytes += v->texts[i].n;
        pl_buf_reserve(&v->texts[i], PL_JSON_PADDING);
    }
    return v->state && v->parser ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static void evaluation_close(evaluation *v) {
    pl_program_state_free(v->state);
    pl_json_parser_free(v->parser);
    check_rules_free(v->rules);
    catalogue_close(v->catalogue);
    for (size_t i = 0; i < DOCUMENTS; i++)
        pl_buf_free(&v->texts[i]);
}

/* Seconds for all documents; those that violate something are counted. */
static double evaluate_all(evaluation *v, bool only_parse, size_t *violating) {
    pl_json root;
    pl_error error;
    double started = now_seconds();
    *violating = 0;
    for (size_t i = 0; i < DOCUMENTS; i++) {
        if (pl_json_parse_padded(v->parser, pl_buf_str(&v->texts[i]), &root, &error) != 0 || only_parse)
            continue;
        pl_program_input input = {.configuration = root, .now = 1795305600000};
        const pl_verdict *verdicts = pl_program_evaluate(v->state, &input);
        size_t rule = 0;
        while (rule < v->rule_count && verdicts[rule] != PL_NON_COMPLIANT)
            rule++;
        *violating += rule < v->rule_count;
    }
    return now_seconds() - started;
}

static int measure_evaluation(double seconds, pl_error *error) {
    static evaluation v;
    size_t violating = 0, passes = 0, ignored;
    double parsing = 0, all = 0;
    int result = evaluation_open(&v, error);
    while (result == 0 && parsing + all < seconds) {
        parsing += evaluate_all(&v, true, &ignored);
        all += evaluate_all(&v, false, &violating);
        passes++;
    }
    if (result == 0) {
        double documents = (double)(passes * DOCUMENTS);
        printf("documents of %zu bytes, %zu of %d violate a rule\n", v.bytes / DOCUMENTS, violating,
               DOCUMENTS);
        printf("parsing alone            %12.0f documents/s  %.2f GB/s\n", documents / parsing,
               (double)(passes * v.bytes) / parsing / 1e9);
        printf("parsing and %zu rules     %12.0f documents/s  %.0f evaluations/s\n", v.rule_count,
               documents / all, documents * (double)v.rule_count / all);
    }
    evaluation_close(&v);
    return result;
}

/* --- ingest ----------------------------------------------------------------------------------------------
 */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static int make_scratch(char *path, size_t size, pl_error *error) {
    const char *directory = getenv("TMPDIR");
    snprintf(path, size, "%s/plumbline-bench-XXXXXX", directory && *directory ? directory : "/tmp");
    return mkdtemp(path) ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "%s: no scratch directory", path);
}

typedef struct recording {
    program program;
    program_options options;
    pl_arena arena;
    uint64_t made;
} recording;

static const pl_str account = PL_STR_INIT("100000000000001");

static int create_rules(store_session *session, void *argument, pl_error *error) {
    recording *r = argument;
    pl_arena_reset(&r->arena);
    for (size_t i = 0; i < BENCH_RULES; i++) {
        engine_context context = {.engine = r->program.engine,
                                  .catalogue = r->program.catalogue,
                                  .random = pl_random_system(),
                                  .arena = &r->arena,
                                  .now = 1795305600000,
                                  .rules_limit = 1000};
        pl_str parameters = pl_str_from(bench_rules[i].parameters);
        engine_rule rule = {.account_id = account,
                            .name = pl_str_from(bench_rules[i].identifier),
                            .description = PL_STR(""),
                            .owner = ENGINE_MANAGED,
                            .identifier = pl_str_from(bench_rules[i].identifier),
                            .input_parameters = parameters.n ? parameters : PL_STR("{}"),
                            .risk_level = 1,
                            .triggers = ENGINE_TRIGGER_CHANGE};
        if (engine_list_parse(&r->arena, PL_STR("ACS::ECS::Instance"), &rule.scope.resource_types, error) !=
                0 ||
            engine_rule_create(&context, session, &rule, PL_STR_NONE, error) != 0)
            return -1;
    }
    return 0;
}

/* Records `count` new resources; adds the seconds it took. */
static int record(recording *r, size_t count, double *seconds, pl_error *error) {
    pl_buf text;
    pl_json items;
    engine_ingested out;
    inventory_defaults defaults = {.account_id = account, .catalogue = r->program.catalogue};
    pl_buf_init(&text, 64 << 20);
    pl_arena_reset(&r->arena);
    bench_write_items(&text, r->made, count);
    r->made += count;
    double started = now_seconds();
    int result = pl_json_parse_in(&r->arena, pl_buf_str(&text), &items, error);
    if (result == 0)
        result = engine_ingest(r->program.engine, &defaults, items, 1795305600000, &out, error);
    *seconds += now_seconds() - started;
    pl_buf_free(&text);
    return result;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int record_and_print(recording *r, double seconds, pl_error *error) {
    static double singles[SINGLES];
    double spent = 0, bulk = 0;
    while (bulk < seconds)
        if (record(r, BATCH, &bulk, error) != 0)
            return -1;
    printf("recording with %d rules  %12.0f resources/s\n", BENCH_RULES, (double)r->made / bulk);
    size_t count = 0;
    for (; count < SINGLES && spent < seconds; count++) {
        singles[count] = 0;
        if (record(r, 1, &singles[count], error) != 0)
            return -1;
        spent += singles[count];
    }
    qsort(singles, count, sizeof *singles, by_size);
    printf("one durable change       %12.2f ms, p99 %.2f ms\n", singles[count / 2] * 1e3,
           singles[count * 99 / 100] * 1e3);
    return 0;
}

static int measure_recording(double seconds, pl_error *error) {
    static recording r;
    char scratch[512];
    if (make_scratch(scratch, sizeof scratch, error) != 0)
        return -1;
    pl_arena_init(&r.arena, 256 << 20);
    r.options = (program_options){.data = scratch, .limits = program_limits(false), .log = {.fd = -1}};
    int result = program_open(&r.program, &r.options, error);
    if (result == 0) {
        result = store_write(r.program.store, create_rules, &r, error);
        if (result == 0)
            result = record_and_print(&r, seconds, error);
        program_close(&r.program);
    }
    pl_arena_free(&r.arena);
    nftw(scratch, remove_entry, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
    return result;
}

/* --- policy ----------------------------------------------------------------------------------------------
 */

enum { SERVICES = 10, STATEMENTS = 5 };

/* Five statements about one service. */
static void write_policy(pl_buf *out, const char *s) {
    pl_buf_printf(
        out,
        "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"%s:Describe*\",\"%s:List*\"],"
        "\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"%s:StartInstance\",\"Resource\":"
        "\"acs:%s:*:*:instance/web-*\"},{\"Effect\":\"Allow\",\"Action\":\"%s:CreateInstance\",\"Resource\":"
        "\"*\",\"Condition\":{\"IpAddress\":{\"acs:SourceIp\":\"10.0.0.0/8\"}}},",
        s, s, s, s, s);
    pl_buf_printf(
        out,
        "{\"Effect\":\"Deny\",\"Action\":\"%s:Delete*\",\"Resource\":\"acs:%s:*:*:instance/prod-*\"},"
        "{\"Effect\":\"Allow\",\"Action\":\"%s:DeleteInstance\",\"Resource\":\"*\"}]}",
        s, s, s);
}

static pl_policy_set *compile_policies(pl_error *error) {
    static const char *const services[SERVICES] = {"ecs", "rds", "oss", "config", "ram",
                                                   "vpc", "slb", "log", "kms",    "fc"};
    pl_buf texts[SERVICES];
    pl_policy_source sources[SERVICES];
    pl_policy_set *set = NULL;
    for (size_t i = 0; i < SERVICES; i++) {
        pl_buf_init(&texts[i], 1 << 16);
        write_policy(&texts[i], services[i]);
        sources[i] = (pl_policy_source){PL_POLICY_SYSTEM, PL_STR("bench"), pl_buf_str(&texts[i])};
    }
    pl_policy_set_compile(sources, SERVICES, 0, &set, NULL, error);
    for (size_t i = 0; i < SERVICES; i++)
        pl_buf_free(&texts[i]);
    return set;
}

static int measure_policy(double seconds, pl_error *error) {
    static const pl_str actions[] = {PL_STR_INIT("ecs:DescribeInstances"), PL_STR_INIT("rds:StartInstance"),
                                     PL_STR_INIT("oss:CreateInstance"), PL_STR_INIT("kms:DeleteInstance"),
                                     PL_STR_INIT("fc:RebootInstance")};
    static const pl_str source_ip[] = {PL_STR_INIT("10.20.30.40")};
    static const pl_context_entry context[] = {{PL_STR_INIT("acs:SourceIp"), source_ip, 1}};
    enum { ACTIONS = sizeof actions / sizeof *actions, BETWEEN = 10000 };
    pl_policy_set *set = compile_policies(error);
    if (!set)
        return -1;
    pl_authority authority = {.identity = set};
    pl_request request = {.resource = PL_STR("acs:ecs:cn-hangzhou:100000000000001:instance/web-17"),
                          .principal = {PL_CALLER_USER, PL_ACCOUNT_STANDALONE, account,
                                        PL_STR("acs:ram::100000000000001:user/alice")},
                          .context = context,
                          .context_count = 1};
    pl_decision decision;
    uint64_t made = 0, allowed = 0;
    double started = now_seconds(), spent = 0;
    for (int result = 0; result == 0 && spent < seconds; spent = now_seconds() - started) {
        for (size_t i = 0; result == 0 && i < BETWEEN; i++, made++) {
            request.action = actions[made % ACTIONS];
            result = pl_decide(&authority, &request, &decision, error);
            allowed += decision.verdict == PL_ALLOW;
        }
        if (result != 0) {
            pl_policy_set_release(set);
            return -1;
        }
    }
    printf("%d statements            %12.0f decisions/s, %.0f %% allowed\n", SERVICES * STATEMENTS,
           (double)made / spent, 100 * (double)allowed / (double)made);
    pl_policy_set_release(set);
    return 0;
}

/* --- gateway ---------------------------------------------------------------------------------------------
 */

typedef struct caller {
    pthread_t thread;
    const char *data;
    double until;
    uint64_t answered;
    int result;
    pl_error error;
} caller;

static void *call_until(void *argument) {
    caller *c = argument;
    cli_client *client;
    cli_answer answer = {0};
    pl_arena arena;
    cli_request request =
        cli_request_of(false, PL_STR("GetCallerIdentity"), PL_STR("2015-04-01"), PL_STR(""));
    pl_arena_init(&arena, 0);
    c->result = cli_client_open(&client, NULL, c->data, &c->error);
    while (c->result == 0 && now_seconds() < c->until) {
        c->result = cli_client_send(client, &arena, &request, &answer, &c->error);
        if (c->result == 0 && answer.status != 200)
            c->result = pl_failf(&c->error, PL_E_ServiceUnavailable, "the server answered %.*s",
                                 PL_FMT(pl_str_head(answer.body, 500)));
        c->answered += c->result == 0;
        pl_arena_reset(&arena);
    }
    cli_client_close(client);
    pl_arena_free(&arena);
    return NULL;
}

/* The server is this program in a process of its own. */
static pid_t start_server(const char *data, pl_error *error) {
    int out[2];
    char line[256] = "";
    pid_t server = pipe(out) == 0 ? fork() : -1;
    if (server == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        execl("/proc/self/exe", "plumbline", "serve", "--data", data, "--listen", "127.0.0.1:0",
              "--log-level", "warning", (char *)NULL);
        _exit(USAGE);
    }
    if (server < 0) {
        pl_failf(error, PL_E_ServiceUnavailable, "the server cannot be started");
        return -1;
    }
    close(out[1]);
    ssize_t n = read(out[0], line, sizeof line - 1);
    close(out[0]);
    if (n > 0)
        return server;
    waitpid(server, NULL, 0);
    pl_failf(error, PL_E_ServiceUnavailable, "the server does not start");
    return -1;
}

static int call_all(const char *data, double seconds, pl_error *error) {
    static caller callers[CONNECTIONS];
    uint64_t answered = 0;
    int result = 0;
    double started = now_seconds();
    for (size_t i = 0; i < CONNECTIONS; i++) {
        callers[i] = (caller){.data = data, .until = started + seconds};
        if (pthread_create(&callers[i].thread, NULL, call_until, &callers[i]) != 0)
            return pl_failf(error, PL_E_ServiceUnavailable, "no thread for a connection");
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        pthread_join(callers[i].thread, NULL);
        answered += callers[i].answered;
        if (callers[i].result != 0) {
            *error = callers[i].error;
            result = -1;
        }
    }
    if (result == 0)
        printf("signed calls, %d clients %12.0f requests/s (clients and server share this machine)\n",
               CONNECTIONS, (double)answered / (now_seconds() - started));
    return result;
}

static int measure_gateway(double seconds, pl_error *error) {
    char scratch[512];
    if (make_scratch(scratch, sizeof scratch, error) != 0)
        return -1;
    pid_t server = start_server(scratch, error);
    int result = server < 0 ? -1 : call_all(scratch, seconds, error);
    if (server > 0) {
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
    }
    nftw(scratch, remove_entry, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
    return result;
}

/* --- */

typedef struct part {
    const char *name;
    int (*measure)(double seconds, pl_error *error);
} part;

int cli_bench(int argc, char **argv) {
    static const part parts[] = {{"evaluate", measure_evaluation},
                                 {"ingest", measure_recording},
                                 {"policy", measure_policy},
                                 {"gateway", measure_gateway}};
    int64_t seconds = 3;
    pl_error error;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return DONE;
    }
    if (argc == 3 && (!pl_str_to_i64(pl_str_from(argv[2]), &seconds) || seconds < 1 || seconds > 3600)) {
        fprintf(stderr, "plumbline bench: SECONDS is a number from 1 to 3600, not \"%s\"\n", argv[2]);
        return USAGE;
    }
    for (size_t i = 0; argc >= 2 && argc <= 3 && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].measure((double)seconds, &error) == 0 ? DONE : fail(&error);
    fputs("plumbline bench: one of evaluate, ingest, policy, gateway\nTry `plumbline bench --help`.\n",
          stderr);
    return USAGE;
}
