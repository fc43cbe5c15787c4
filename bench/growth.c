/*
 * How cost grows: N resources and ten times as many are stored, then 20 rules are created and evaluated over
 * all of them, each size in a process of its own. Prints the ratio of the times of the runs, the ratio of the
 * peak memory, and the stored size of a resource (current configuration, index, one history entry) to its
 * JSON text.
 *
 *   bench_growth DIRECTORY RESOURCES   the store is made (and removed) there
 */
#include "bare.h"
#include "evaluate_work.h"

#include "engine/rules.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { TIMES = 10, ITEMS = 1000, ROUNDS = 3 };

static const pl_str account = PL_STR_INIT("100000000000001");

typedef struct bench {
    char path[512];
    pl_arena arena;
    work_documents documents;
    work_rule rules[WORK_RULES];
    catalogue *known;
    store *db;
    engine *e;
} bench;

/* What one size took. */
typedef struct use {
    double run_seconds; /* processor time of the runs */
    double load_seconds;
    double stored; /* bytes for each byte of text */
    double mebibytes;
} use;

static void die(const char *what, const pl_error *error) {
    fprintf(stderr, "bench_growth: %s: %s\n", what, error->message);
    _exit(1);
}

static double processor(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void open_all(bench *b) {
    pl_error error;
    if (store_open(&b->db, pl_str_from(b->path), NULL, &error) != 0)
        die("store", &error);
    engine_config config = {
        .store = b->db, .catalogue = b->known, .clock = pl_clock_system(), .random = pl_random_system()};
    if (engine_open(&b->e, &config, &error) != 0)
        die("engine", &error);
}

static void close_all(bench *b) {
    engine_close(b->e);
    store_close(b->db);
}

/* Records items FROM to FROM + ITEMS; returns the bytes of their texts. */
static size_t load_some(bench *b, size_t from) {
    pl_buf text;
    pl_arena arena;
    pl_json root;
    pl_error error;
    engine_ingested out;
    size_t bytes = 0;
    inventory_defaults defaults = {.account_id = account, .catalogue = b->known};
    pl_buf_init(&text, 64 << 20);
    pl_arena_init(&arena, 256 << 20);
    for (size_t i = from; i < from + ITEMS; i++) {
        pl_str configuration = b->documents.texts[i % WORK_DOCUMENTS];
        pl_buf_printf(
            &text,
            "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-bp1%012zu\",\"regionId\":"
            "\"cn-hangzhou\",\"resourceName\":\"web\",\"configuration\":%.*s}",
            i == from ? "[" : ",", i, PL_FMT(configuration));
        bytes += configuration.n;
    }
    pl_buf_add_char(&text, ']');
    if (pl_json_parse_in(&arena, pl_buf_str(&text), &root, &error) != 0 ||
        engine_ingest(b->e, &defaults, root, 1700000000000, &out, &error) != 0)
        die("ingest", &error);
    pl_arena_free(&arena);
    pl_buf_free(&text);
    return bytes;
}

static int make_rules(store_session *session, void *argument, pl_error *error) {
    bench *b = argument;
    for (size_t i = 0; i < WORK_MANAGED; i++) {
        engine_context context = {.engine = b->e,
                                  .catalogue = b->known,
                                  .random = pl_random_system(),
                                  .arena = &b->arena,
                                  .now = 1700000000000,
                                  .rules_limit = 1000};
        engine_rule rule = {.account_id = account,
                            .name = pl_arena_printf(&b->arena, "rule-%zu", i),
                            .description = PL_STR(""),
                            .owner = ENGINE_MANAGED,
                            .identifier = b->rules[i].name,
                            .input_parameters = b->rules[i].parameters,
                            .risk_level = 1,
                            .triggers = ENGINE_TRIGGER_CHANGE};
        if (engine_list_parse(&b->arena, PL_STR("ACS::ECS::Instance"), &rule.scope.resource_types, error) !=
                0 ||
            engine_rule_create(&context, session, &rule, PL_STR_NONE, error) != 0)
            return -1;
    }
    return 0;
}

/* Creates the rules, whose first evaluation covers every resource, and works until nothing is left. */
static double run_all(bench *b) {
    pl_error error;
    bool worked = true;
    double started = processor();
    if (store_write(b->db, make_rules, b, &error) != 0)
        die("rules", &error);
    while (worked)
        if (engine_work(b->e, &worked, &error) != 0)
            die("run", &error);
    return processor() - started;
}

static double file_size(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? (double)status.st_size : 0;
}

static use measure(bench *b, size_t resources) {
    use u = {0};
    size_t bytes = 0;
    bare_remove(b->path);
    open_all(b);
    double started = processor();
    for (size_t from = 0; from < resources; from += ITEMS)
        bytes += load_some(b, from);
    u.load_seconds = processor() - started;
    close_all(b);
    u.stored = file_size(b->path) / (double)bytes;
    open_all(b);
    u.run_seconds = run_all(b);
    close_all(b);
    bare_remove(b->path);
    return u;
}

/* In a process of its own, so that peak memory is its own. */
static use measure_apart(bench *b, size_t resources) {
    int out[2];
    use u = {0};
    struct rusage usage;
    if (pipe(out) != 0)
        _exit(1);
    pid_t child = fork();
    if (child == 0) {
        u = measure(b, resources);
        _exit(write(out[1], &u, sizeof u) == sizeof u ? 0 : 1);
    }
    if (child < 0 || read(out[0], &u, sizeof u) != sizeof u || wait4(child, NULL, 0, &usage) != child)
        _exit(1);
    close(out[0]);
    close(out[1]);
    u.mebibytes = (double)usage.ru_maxrss / 1024;
    return u;
}

int main(int argc, char **argv) {
    static bench b;
    double runs[ROUNDS], loads[ROUNDS], memory[ROUNDS];
    use small, large = {0};
    pl_error error;
    if (argc < 3) {
        fputs("usage: bench_growth DIRECTORY RESOURCES\n", stderr);
        return 2;
    }
    size_t resources = strtoul(argv[2], NULL, 10);
    size_t rounds = resources > 50000 ? 1 : ROUNDS;
    snprintf(b.path, sizeof b.path, "%s/bench-growth.db", argv[1]);
    pl_arena_init(&b.arena, 0);
    if (resources < ITEMS || !work_make_documents(&b.documents) || !work_make_rules(&b.arena, b.rules) ||
        catalogue_open(&b.known, NULL, &error) != 0)
        return 2;
    for (size_t i = 0; i < rounds; i++) {
        small = measure_apart(&b, resources);
        large = measure_apart(&b, resources * TIMES);
        runs[i] = large.run_seconds / small.run_seconds;
        loads[i] = large.load_seconds / small.load_seconds;
        memory[i] = large.mebibytes / small.mebibytes;
    }
    double count = (double)(resources * TIMES);
    printf("full runs of 20 rules, time over %.0f / over %zu resources: %.2f (target 10 +- 15 %%); %.0f "
           "evaluations/s\n",
           count, resources, bare_quantile(runs, rounds, 0.5), count * WORK_MANAGED / large.run_seconds);
    printf("recording, time of %.0f / of %zu resources: %.2f (target 10 +- 15 %%); %.0f resources/s\n", count,
           resources, bare_quantile(loads, rounds, 0.5), count / large.load_seconds);
    printf("recording and runs, memory over %.0f / over %zu resources: %.2f (target 1); %.1f MB\n", count,
           resources, bare_quantile(memory, rounds, 0.5), large.mebibytes);
    printf("stored bytes of a resource / bytes of its JSON text: %.2f (target 2.5)\n", large.stored);
    return 0;
}
