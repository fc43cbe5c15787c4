/*
 * `plumbline check` over JSON Lines with 20 rules, as a ratio to reading and parsing the same file with
 * simdjson, both on 2 threads; its peak memory; and how both grow with ten times the documents. Once with the
 * managed rules of bench_evaluate, under which the report is larger than the input, and once with as many
 * conditions that few documents violate.
 *
 *   bench_check PLUMBLINE DIRECTORY DOCUMENTS [ROUNDS]
 *
 * The file is made in the directory and removed; where it does not fit on the disk or in memory, a tenth of
 * the documents are taken, which is told. Both sides are processes of their own, run in turns, so that time
 * and memory are measured alike; the time of a side is its elapsed time with a warm file cache. On a slow
 * machine rounds end when ENOUGH_SECONDS have passed, but there are ROUNDS_MIN of them.
 */
#include "evaluate_work.h"

#include "base/clock.h"
#include "base/memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 2, BLOCK = 1 << 18, ARGUMENTS_MAX = 128, GROWTH = 10, DOCUMENTS_MIN = GROWTH * 100 };
enum { ROUNDS_MIN = 3, ROUNDS_MAX = 31, ENOUGH_SECONDS = 40 };

typedef struct bench {
    const char *program;
    char large[512], small[512]; /* paths; the small file has a tenth of the documents */
    char pack[512];              /* a pack of rules that few documents violate */
    work_documents documents;
    pl_arena arena;
    char *managed[ARGUMENTS_MAX], *few[ARGUMENTS_MAX]; /* of both checks */
    double deviations; /* evaluations that are printed, of all under the pack */
} bench;

/* What one side took. */
typedef struct use {
    double seconds;   /* elapsed */
    double processor; /* seconds of all threads */
    double mebibytes;
} use;

static void die(const char *what) {
    perror(what);
    _exit(1);
}

/* --- The input
 * ------------------------------------------------------------------------------------------------- */

static void write_documents(bench *b, const char *path, size_t count) {
    FILE *out = fopen(path, "w");
    for (size_t i = 0; out && i < count; i++) {
        pl_str text = b->documents.texts[i % WORK_DOCUMENTS];
        fprintf(out,
                "{\"accountId\":\"100000000000001\",\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":"
                "\"i-bp1%012zu\",\"regionId\":\"cn-hangzhou\",\"resourceName\":\"web\",\"captureTime\":"
                "\"1700000000000\",\"tags\":{\"env\":\"prod\"},\"configuration\":%.*s}\n",
                i, PL_FMT(text));
    }
    if (!out || fclose(out) != 0)
        die(path);
}

/* Bytes that the machine can hold in memory beside what runs; unknown ones are enough. */
static double available_memory(void) {
    char line[256];
    double kibibytes = 1e15;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "MemAvailable: %lf", &kibibytes);
    if (file)
        fclose(file);
    return kibibytes * 1024;
}

/* As many documents as the disk and the file cache hold, with a tenth of them beside. */
static size_t fitting_documents(const bench *b, const char *directory, size_t documents) {
    enum { AROUND = 220 }; /* bytes that a line has around the document */
    struct statvfs disk;
    double each = 1.12 * ((double)b->documents.bytes / WORK_DOCUMENTS + AROUND), room = available_memory();
    if (statvfs(directory, &disk) == 0 && (double)disk.f_bavail * (double)disk.f_frsize < room)
        room = (double)disk.f_bavail * (double)disk.f_frsize;
    size_t fitting = documents;
    while (fitting / GROWTH >= DOCUMENTS_MIN && (double)fitting * each > room)
        fitting /= GROWTH;
    if (fitting < documents)
        printf("check: %zu documents do not fit on the disk or in memory, %zu are taken\n", documents,
               fitting);
    return fitting;
}

/* --- The bare side: each thread reads its part of the file in blocks and parses line by line
 * -------------------- */

typedef struct part {
    int fd;
    off_t from, to; /* lines that begin in here */
    size_t parsed;
} part;

static size_t parse_lines(pl_json_parser *parser, pl_str text) {
    pl_str line;
    size_t parsed = 0;
    pl_json root;
    pl_error error;
    while (pl_str_split(&text, '\n', &line)) {
        if (line.n && pl_json_parse_padded(parser, line, &root, &error) != 0)
            die(error.message);
        parsed += line.n > 0;
    }
    return parsed;
}

static void *parse_part(void *argument) {
    part *p = argument;
    pl_json_parser *parser = pl_json_parser_new(BLOCK);
    char *block = malloc(BLOCK + PL_JSON_PADDING);
    while (p->from < p->to) {
        ssize_t n = pread(p->fd, block, BLOCK, p->from);
        char *end = n > 0 ? memrchr(block, '\n', (size_t)n) : NULL;
        if (!end)
            die("read");
        size_t whole = (size_t)(end - block) + 1;
        if (p->from + (off_t)whole > p->to)
            whole = (size_t)(p->to - p->from);
        p->parsed += parse_lines(parser, pl_str_of(block, whole));
        p->from += (off_t)whole;
    }
    free(block);
    pl_json_parser_free(parser);
    return NULL;
}

/* Where the first line behind the middle begins. */
static off_t middle(int fd, off_t size) {
    char block[65536];
    off_t at = size / 2;
    ssize_t n = pread(fd, block, sizeof block, at);
    char *end = n > 0 ? memchr(block, '\n', (size_t)n) : NULL;
    return end ? at + (end - block) + 1 : size;
}

static int parse_file(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        die(path);
    off_t size = lseek(fd, 0, SEEK_END), half = middle(fd, size);
    part parts[THREADS] = {{fd, 0, half, 0}, {fd, half, size, 0}};
    pthread_t other;
    if (pthread_create(&other, NULL, parse_part, &parts[1]) != 0)
        die("thread");
    parse_part(&parts[0]);
    pthread_join(other, NULL);
    return parts[0].parsed + parts[1].parsed > 0 ? 0 : 1;
}

/* --- Both sides
 * ------------------------------------------------------------------------------------------------ */

static void add_argument(bench *b, char **arguments, const char *text) {
    size_t count = 0;
    while (arguments[count])
        count++;
    if (count + 2 >= ARGUMENTS_MAX)
        die("too many arguments");
    arguments[count] = pl_arena_cstr(&b->arena, pl_str_from(text));
}

static void add_rule(bench *b, const work_managed *rule) {
    pl_str key;
    pl_json value;
    pl_json parameters = work_parse(&b->arena, pl_str_from(rule->parameters));
    add_argument(b, b->managed, "--rule");
    add_argument(b, b->managed, rule->identifier);
    for (pl_json_walk walk = pl_json_children(parameters); pl_json_step(&walk, &key, &value);) {
        pl_str text = pl_arena_printf(&b->arena, "%.*s=%.*s", PL_FMT(key), PL_FMT(pl_json_str(value)));
        add_argument(b, b->managed, "--param");
        add_argument(b, b->managed, text.p);
    }
}

static void add_options(bench *b, char **arguments) {
    static const char *const rest[] = {"--at", "2026-11-22T00:00:00Z", "--threads", "2", "--format", "jsonl"};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        add_argument(b, arguments, rest[i]);
}

static void make_arguments(bench *b) {
    add_argument(b, b->managed, b->program);
    add_argument(b, b->managed, "check");
    for (size_t i = 0; i < WORK_MANAGED; i++)
        add_rule(b, &work_managed_rules[i]);
    add_options(b, b->managed);
    add_argument(b, b->few, b->program);
    add_argument(b, b->few, "check");
    add_argument(b, b->few, "--pack");
    add_argument(b, b->few, b->pack);
    add_options(b, b->few);
}

/* Documents that violate the rule. */
static size_t count_violations(bench *b, const work_rule *rule) {
    pl_program *program = work_make_program(&b->arena, rule, 1);
    pl_program_state *state = program ? pl_program_state_new(program) : NULL;
    pl_json_parser *parser = pl_json_parser_new(BLOCK);
    size_t violations = 0;
    pl_error error;
    if (!state || !parser)
        die("a rule");
    for (size_t i = 0; i < WORK_DOCUMENTS; i++) {
        pl_program_input input = {.now = 0};
        const pl_verdict *verdicts =
            pl_program_evaluate_text(state, parser, b->documents.texts[i], &input, &error);
        violations += !verdicts || verdicts[0] != PL_COMPLIANT;
    }
    pl_program_state_free(state);
    pl_program_release(program);
    pl_json_parser_free(parser);
    return violations;
}

static void write_pack_rule(FILE *out, const work_rule *rule, bool first) {
    pl_buf text, member;
    pl_buf_init(&text, 1 << 16);
    pl_buf_init(&member, 1 << 16);
    pl_buf_add(&text, PL_STR("{\"ComplianceConditions\":"));
    pl_json_write_string(&text, rule->condition);
    pl_buf_add_char(&text, '}');
    pl_json_write_string(&member, pl_buf_str(&text));
    fprintf(out,
            "%s{\"configRuleName\":\"%.*s\",\"riskLevel\":1,\"scope\":{\"complianceResourceTypes\":"
            "[\"ACS::ECS::Instance\"]},\"source\":{\"owner\":\"CUSTOM_CONFIGURATION\",\"identifier\":"
            "\"acs-config-configuration\",\"conditions\":%.*s}}",
            first ? "" : ",\n", PL_FMT(rule->name), PL_FMT(pl_buf_str(&member)));
    pl_buf_free(&text);
    pl_buf_free(&member);
}

/* Conditions of bench_evaluate that at most a seventh of the documents violate, those first that any does. */
static void write_pack(bench *b) {
    FILE *out = fopen(b->pack, "w");
    size_t written = 0, violations = 0;
    if (!out)
        die(b->pack);
    fprintf(out, "{\"configRuleTemplates\":[");
    for (size_t i = 0; i < 2 * (WORK_RULES - WORK_MANAGED) && written < WORK_MANAGED; i++) {
        work_rule rule = work_from_clauses(&b->arena, i % (WORK_RULES - WORK_MANAGED));
        size_t found = count_violations(b, &rule);
        if (found > WORK_DOCUMENTS / 7 || (found > 0) != (i < WORK_RULES - WORK_MANAGED))
            continue;
        write_pack_rule(out, &rule, written++ == 0);
        violations += found;
    }
    fprintf(out, "]}");
    b->deviations = (double)violations / WORK_DOCUMENTS / WORK_MANAGED;
    if (written < WORK_MANAGED || fclose(out) != 0)
        die(b->pack);
}

/* In the child: the report goes to nowhere, the summary with it. */
static void run_check(bench *b, char **arguments, const char *path) {
    int nowhere = open("/dev/null", O_WRONLY);
    add_argument(b, arguments, path);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execv(b->program, arguments);
    _exit(127);
}

/* `arguments` NULL: the bare side. */
static use measure(bench *b, const char *path, char **arguments) {
    struct rusage usage;
    int status;
    int64_t started = pl_monotonic_ns();
    pid_t child = fork();
    if (child == 0) {
        if (arguments)
            run_check(b, arguments, path);
        _exit(parse_file(path));
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) > 1)
        die(arguments ? "plumbline check" : "parsing");
    double elapsed = (double)(pl_monotonic_ns() - started) / 1e9;
    double processor = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return (use){elapsed, processor, (double)usage.ru_maxrss / 1024};
}

/* --- Ratios
 * ---------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

/* True when another round would take too long, and there are enough. */
static bool is_enough(size_t rounds, int64_t started) {
    return rounds >= ROUNDS_MIN && pl_monotonic_ns() - started > (int64_t)ENOUGH_SECONDS * 1000000000;
}

static void compare(bench *b, size_t documents, size_t wanted) {
    double ratios[ROUNDS_MAX], works[ROUNDS_MAX], times[ROUNDS_MAX], growth[ROUNDS_MAX], few[ROUNDS_MAX],
        few_works[ROUNDS_MAX];
    double memory = 0, small_memory = 0;
    int64_t started = pl_monotonic_ns();
    size_t rounds = 0;
    measure(b, b->large, NULL); /* warms the file cache */
    for (; rounds < wanted && !is_enough(rounds, started); rounds++) {
        size_t i = rounds;
        use bare = measure(b, b->large, NULL), own = measure(b, b->large, b->managed),
            small = measure(b, b->small, b->managed), quiet = measure(b, b->large, b->few);
        ratios[i] = own.seconds / bare.seconds;
        works[i] = own.processor / bare.processor;
        few[i] = quiet.seconds / bare.seconds;
        few_works[i] = quiet.processor / bare.processor;
        times[i] = own.seconds;
        growth[i] = own.processor / small.processor;
        memory = own.mebibytes > memory ? own.mebibytes : memory;
        small_memory = small.mebibytes > small_memory ? small.mebibytes : small_memory;
    }
    double grown = median(growth, rounds);
    printf("check of %zu documents, 20 rules, 2 threads / reading and parsing them: %.2f (target 1.5); "
           "%.0f documents/s\n",
           documents, median(ratios, rounds), (double)documents / median(times, rounds));
    printf("check, processor time / processor time of reading and parsing: %.2f (target 1.5)\n",
           median(works, rounds));
    printf("check with few deviations (%.1f %% of the evaluations) / reading and parsing: %.2f (target 1.5), "
           "in processor time %.2f\n",
           b->deviations * 100, median(few, rounds), median(few_works, rounds));
    printf("check, peak memory: %.1f MB (target 300)\n", memory);
    printf("check, processor time of %zu / of %zu documents: %.2f (target 10 +- 15 %%)\n", documents,
           documents / GROWTH, grown);
    printf("check, memory of %zu / memory of %zu documents: %.2f (target 1)\n", documents, documents / GROWTH,
           memory / small_memory);
}

int main(int argc, char **argv) {
    static bench b;
    if (argc < 4) {
        fputs("usage: bench_check PLUMBLINE DIRECTORY DOCUMENTS [ROUNDS]\n", stderr);
        return 2;
    }
    size_t documents = strtoul(argv[3], NULL, 10), rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 9;
    b.program = argv[1];
    pl_arena_init(&b.arena, 0);
    if (documents < DOCUMENTS_MIN || rounds < 1 || rounds > ROUNDS_MAX || !work_make_documents(&b.documents))
        return 2;
    snprintf(b.large, sizeof b.large, "%s/bench-check.jsonl", argv[2]);
    snprintf(b.small, sizeof b.small, "%s/bench-check-tenth.jsonl", argv[2]);
    snprintf(b.pack, sizeof b.pack, "%s/bench-check-pack.json", argv[2]);
    documents = fitting_documents(&b, argv[2], documents);
    make_arguments(&b);
    write_pack(&b);
    write_documents(&b, b.large, documents);
    write_documents(&b, b.small, documents / GROWTH);
    compare(&b, documents, rounds);
    unlink(b.large);
    unlink(b.small);
    unlink(b.pack);
    return 0;
}
