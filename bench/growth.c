/*
 * How cost grows: N resources and ten times as many are stored, then rules are created and evaluated over all
 * of them, then evaluated once more, each size in a process of its own. Prints the ratio of the times of the
 * runs, the ratio of the peak memory, and the stored size of a resource (current configuration, index, one
 * history entry) to its JSON text.
 *
 *   bench_growth DIRECTORY RESOURCES [RULES [TIMES]]   the store is made (and removed) there; 20 rules, 10
 * times
 */
#include "recorded.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { ROUNDS = 3 };

/* What one size took. */
typedef struct use {
    double load_seconds, run_seconds, again_seconds; /* processor time */
    double run_elapsed, again_elapsed;
    double stored, kept; /* bytes for each byte of text */
    double mebibytes;
} use;

/* Processor time of a whole run. */
static double timed_run(recorded *b, store_work start, double *elapsed) {
    double started = recorded_processor();
    int64_t clock = pl_monotonic_ns();
    recorded_run(b, start);
    *elapsed = (double)(pl_monotonic_ns() - clock) / 1e9;
    return recorded_processor() - started;
}

static use measure(recorded *b, size_t resources) {
    use u = {0};
    size_t bytes = 0;
    bare_remove(b->path);
    recorded_open(b);
    double started = recorded_processor();
    for (size_t from = 0; from < resources; from += RECORDED_ITEMS)
        bytes += recorded_load(b, from);
    u.load_seconds = recorded_processor() - started;
    recorded_close(b);
    u.stored = recorded_size(b) / (double)bytes;
    recorded_open(b);
    u.run_seconds = timed_run(b, recorded_make_rules, &u.run_elapsed);
    recorded_close(b);
    recorded_open(b);
    u.again_seconds = timed_run(b, recorded_start_rules, &u.again_elapsed);
    recorded_close(b);
    u.kept = recorded_size(b) / (double)bytes;
    bare_remove(b->path);
    return u;
}

/* In a process of its own, so that peak memory is its own. */
static use measure_apart(recorded *b, size_t resources) {
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

static void print_growth(const char *what, double *ratios, size_t rounds, double times, double resources,
                         double seconds) {
    printf("%s: %.2f (target %.0f +- 15 %%); %.2f s of the processor, %.0f resources/s\n", what,
           bare_quantile(ratios, rounds, 0.5), times, seconds, resources / seconds);
}

int main(int argc, char **argv) {
    static recorded b;
    double loads[ROUNDS], runs[ROUNDS], again[ROUNDS], memory[ROUNDS];
    use small, large = {0};
    if (argc < 3) {
        fputs("usage: bench_growth DIRECTORY RESOURCES [RULES [TIMES]]\n", stderr);
        return 2;
    }
    size_t resources = strtoul(argv[2], NULL, 10),
           rules = argc > 3 ? strtoul(argv[3], NULL, 10) : WORK_MANAGED;
    size_t times = argc > 4 ? strtoul(argv[4], NULL, 10) : 10, rounds = resources > 50000 ? 1 : ROUNDS;
    b.workers = 2;
    if (resources < RECORDED_ITEMS || !recorded_begin(&b, argv[1], rules))
        return 2;
    for (size_t i = 0; i < rounds; i++) {
        small = measure_apart(&b, resources);
        large = measure_apart(&b, resources * times);
        loads[i] = large.load_seconds / small.load_seconds;
        runs[i] = large.run_seconds / small.run_seconds;
        again[i] = large.again_seconds / small.again_seconds;
        memory[i] = large.mebibytes / small.mebibytes;
    }
    double count = (double)(resources * times);
    printf("%.0f resources over %zu, %zu rules, 2 threads\n", count, resources, rules);
    print_growth("recording, time over time", loads, rounds, (double)times, count, large.load_seconds);
    print_growth("first run of the rules, time over time", runs, rounds, (double)times, count,
                 large.run_seconds);
    print_growth("next run of the rules, time over time", again, rounds, (double)times, count,
                 large.again_seconds);
    printf("elapsed: first run %.2f s, next run %.2f s\n", large.run_elapsed, large.again_elapsed);
    printf("recording and runs, peak memory over peak memory: %.2f (target 1); %.1f MB\n",
           bare_quantile(memory, rounds, 0.5), large.mebibytes);
    printf(
        "stored bytes of a resource / bytes of its JSON text: %.2f (target 2.5); %.2f with results and kept "
        "columns\n",
        large.stored, large.kept);
    return 0;
}
