/*
 * Cost of evaluating, as ratios to parsing the same documents with simdjson, on one core. Both sides of a
 * ratio run in turns over the same documents; the median of the rounds' ratios is printed with its target.
 *
 *   bench_evaluate            the table
 *   bench_evaluate --count RULES PASSES   for instruction counts: 20 or 100 rules over parsed documents,
 *                                         -20 or -100 over new ones, 1 with its explanation
 *   bench_evaluate --rate     documents per second with 20 rules, as one number
 *   bench_evaluate --dump     documents and managed rules as JSON, for bench/peers/evaluate.mjs
 *
 * Stored documents are measured by bench_kept, as runs read them.
 */
#include "evaluate_work.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 61, PASSES = 4 };

typedef struct bench {
    work_documents documents;
    pl_arena arena;
    work_rule rules[WORK_RULES];
    pl_json_parser *parser;
    pl_json parsed[WORK_DOCUMENTS];
    pl_program_state *one, *twenty, *hundred;
    pl_buf text;
    int64_t now;
    size_t deviations;
} bench;

typedef void (*side)(bench *b, size_t document);

static pl_json parse(bench *b, size_t document) {
    pl_json root = PL_JSON_NONE;
    pl_error error;
    if (pl_json_parse_padded(b->parser, b->documents.texts[document], &root, &error) != 0)
        fprintf(stderr, "%s\n", error.message);
    return root;
}

static void evaluate(bench *b, pl_program_state *state, size_t rules, pl_json root) {
    pl_program_input input = {.configuration = root, .now = b->now};
    const pl_verdict *verdicts = pl_program_evaluate(state, &input);
    for (size_t i = 0; i < rules; i++)
        b->deviations += verdicts[i] != PL_COMPLIANT;
}

static void only_parse(bench *b, size_t document) {
    b->deviations += pl_json_is_object(parse(b, document));
}

/* From the text to the verdicts. */
static void evaluate_text(bench *b, pl_program_state *state, size_t rules, size_t document) {
    pl_program_input input = {.now = b->now};
    pl_error error;
    const pl_verdict *verdicts =
        pl_program_evaluate_text(state, b->parser, b->documents.texts[document], &input, &error);
    for (size_t i = 0; i < rules; i++)
        b->deviations += verdicts[i] != PL_COMPLIANT;
}

static void new_20(bench *b, size_t document) {
    evaluate_text(b, b->twenty, WORK_MANAGED, document);
}

static void new_100(bench *b, size_t document) {
    evaluate_text(b, b->hundred, WORK_RULES, document);
}

static void only_20(bench *b, size_t document) {
    evaluate(b, b->twenty, WORK_MANAGED, b->parsed[document]);
}

static void only_100(bench *b, size_t document) {
    evaluate(b, b->hundred, WORK_RULES, b->parsed[document]);
}

static void new_1(bench *b, size_t document) {
    evaluate_text(b, b->one, 1, document);
}

static void explain_1(bench *b, size_t document) {
    new_1(b, document);
    pl_buf_clear(&b->text);
    pl_program_write_context(b->one, 0, &b->text);
    pl_program_write_applies_context(b->one, 0, &b->text);
}

/* Processor time of this thread, so that others on the machine disturb little. */
static double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds(bench *b, side what) {
    double started = clock_seconds();
    for (size_t pass = 0; pass < PASSES; pass++)
        for (size_t i = 0; i < WORK_DOCUMENTS; i++)
            what(b, i);
    return clock_seconds() - started;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, by_size);
    return values[ROUNDS / 2];
}

/* Median of what/base in turns; the absolute speed of `what` beside it. */
static void compare(bench *b, const char *name, side what, side base, const char *target) {
    double ratios[ROUNDS], times[ROUNDS];
    for (size_t round = 0; round < ROUNDS; round++) {
        double below = seconds(b, base);
        times[round] = seconds(b, what);
        ratios[round] = times[round] / below;
    }
    double ratio = median(ratios), time = median(times);
    printf("%-58s %6.2f  (target %s; %.0f documents/s)\n", name, ratio, target,
           PASSES * WORK_DOCUMENTS / time);
    fflush(stdout);
}

static pl_program_state *make_state(bench *b, const work_rule *rules, size_t count) {
    pl_program *program = work_make_program(&b->arena, rules, count);
    pl_program_state *state = program ? pl_program_state_new(program) : NULL;
    pl_program_release(program);
    return state;
}

static bool begin(bench *b) {
    pl_arena_init(&b->arena, 0);
    pl_buf_init(&b->text, 1 << 20);
    if (!work_make_documents(&b->documents) || !work_make_rules(&b->arena, b->rules) ||
        !pl_time_parse(PL_STR("2026-11-22T00:00:00Z"), &b->now))
        return false;
    b->parser = pl_json_parser_new(1 << 20);
    b->one = make_state(b, &b->rules[4], 1);
    b->twenty = make_state(b, b->rules, WORK_MANAGED);
    b->hundred = make_state(b, b->rules, WORK_RULES);
    for (size_t i = 0; b->parser && i < WORK_DOCUMENTS; i++)
        b->parsed[i] = pl_json_keep(&b->arena, b->parser, parse(b, i));
    return b->parser && b->one && b->twenty && b->hundred && !b->arena.failed;
}

static void print_table(bench *b) {
    printf("documents of %.0f bytes, simdjson alone: ", (double)b->documents.bytes / WORK_DOCUMENTS);
    double alone[ROUNDS];
    for (size_t round = 0; round < ROUNDS; round++)
        alone[round] = seconds(b, only_parse);
    printf("%.2f GB/s\n", PASSES * (double)b->documents.bytes / median(alone) / 1e9);
    compare(b, "new document, 20 rules / parsing alone", new_20, only_parse, "1.3");
    compare(b, "new document, 100 rules / parsing alone", new_100, only_parse, "1.5");
    compare(b, "parsed document, 20 rules alone / parsing alone", only_20, only_parse, "-");
    compare(b, "parsed document, 100 rules alone / parsing alone", only_100, only_parse, "-");
    compare(b, "explaining one evaluation / the evaluation", explain_1, new_1, "2");
}

static void print_rule(const work_rule *rule, bool first) {
    printf("%s{\"name\":\"%.*s\",\"condition\":%.*s,\"parameters\":%.*s", first ? "" : ",\n",
           PL_FMT(rule->name), PL_FMT(rule->condition), PL_FMT(rule->parameters));
    if (rule->applies.n)
        printf(",\"applies\":%.*s", PL_FMT(rule->applies));
    if (rule->required.n)
        printf(",\"required\":%.*s", PL_FMT(rule->required));
    printf("}");
}

/* With the counts per verdict and rule, which other programs have to arrive at. */
static void dump(bench *b) {
    size_t counts[WORK_MANAGED][5] = {{0}};
    printf("{\"now\":%lld,\"rules\":[", (long long)b->now);
    for (size_t i = 0; i < WORK_MANAGED; i++)
        print_rule(&b->rules[i], i == 0);
    printf("],\n\"documents\":[");
    for (size_t i = 0; i < WORK_DOCUMENTS; i++) {
        pl_program_input input = {.configuration = b->parsed[i], .now = b->now};
        const pl_verdict *verdicts = pl_program_evaluate(b->twenty, &input);
        for (size_t rule = 0; rule < WORK_MANAGED; rule++)
            counts[rule][verdicts[rule]]++;
        printf("%s%.*s", i ? ",\n" : "", PL_FMT(b->documents.texts[i]));
    }
    printf("],\n\"verdicts\":[");
    for (size_t rule = 0; rule < WORK_MANAGED; rule++)
        printf("%s[%zu,%zu,%zu,%zu]", rule ? "," : "", counts[rule][0], counts[rule][1], counts[rule][2],
               counts[rule][3]);
    printf("]}\n");
}

/* Documents per second of wall time from text to the verdicts of 20 rules, the best of three. */
static void print_rate(bench *b) {
    double best = 0;
    for (size_t round = 0; round < 3; round++) {
        int64_t started = pl_monotonic_ns();
        for (size_t i = 0; i < 50; i++)
            seconds(b, new_20);
        double rate = 50.0 * PASSES * WORK_DOCUMENTS * 1e9 / (double)(pl_monotonic_ns() - started);
        best = rate > best ? rate : best;
    }
    printf("%.0f\n", best);
}

static void count(bench *b, long rules, long passes) {
    static const struct {
        long rules;
        side what;
    } sides[] = {{1, explain_1},
                 {WORK_MANAGED, only_20},
                 {WORK_RULES, only_100},
                 {-WORK_MANAGED, new_20},
                 {-WORK_RULES, new_100}};
    side what = only_20;
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        if (sides[i].rules == rules)
            what = sides[i].what;
    for (long pass = 0; pass < passes; pass++)
        for (size_t i = 0; i < WORK_DOCUMENTS; i++)
            what(b, i);
    printf("%zu deviations\n", b->deviations);
}

int main(int argc, char **argv) {
    static bench b;
    if (!begin(&b)) {
        fprintf(stderr, "bench_evaluate: the work cannot be made\n");
        return 2;
    }
    if (argc == 4 && strcmp(argv[1], "--count") == 0)
        count(&b, strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
    else if (argc == 2 && strcmp(argv[1], "--rate") == 0)
        print_rate(&b);
    else if (argc == 2 && strcmp(argv[1], "--dump") == 0)
        dump(&b);
    else
        print_table(&b);
    return 0;
}
