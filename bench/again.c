/*
 * A further run of rules over recorded ECS instances, with the store's file in the memory of the operating
 * system and without, as it is where the store is larger than that memory: processor time, bytes read from
 * the disk and calls that read. Each side in turns, medians.
 *
 *   bench_again DIRECTORY [RESOURCES [RULES [keep]]]   the store is made there and removed; 100 rules
 *
 * With `keep` the store stays, and is used when it is there.
 */
#include "recorded.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

enum { ROUNDS = 5 };

/* What runs took, round by round. */
typedef struct taken {
    double processor[ROUNDS], system[ROUNDS], elapsed[ROUNDS];
    double calls[ROUNDS], bytes[ROUNDS]; /* of reading; bytes from the disk */
} taken;

/* A number of /proc/self/io. */
static double count_reading(const char *name) {
    char line[128];
    double number = 0;
    FILE *file = fopen("/proc/self/io", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtod(line + strlen(name), NULL);
    if (file)
        fclose(file);
    return number;
}

static double system_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

/* The operating system gives the file's pages up, or reads all of it. */
static void prepare_file(const char *path, bool warm) {
    static char piece[1 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fdatasync(fd) != 0 || (!warm && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0))
        _exit(1);
    while (warm && read(fd, piece, sizeof piece) > 0) {
    }
    close(fd);
}

static void time_run(recorded *b, bool warm, taken *to, size_t round) {
    prepare_file(b->path, warm);
    recorded_open(b);
    double processor = recorded_processor(), system = system_seconds();
    double calls = count_reading("syscr:"), bytes = count_reading("read_bytes:");
    int64_t clock = pl_monotonic_ns();
    recorded_run(b, recorded_start_rules);
    to->elapsed[round] = (double)(pl_monotonic_ns() - clock) / 1e9;
    to->processor[round] = recorded_processor() - processor;
    to->system[round] = system_seconds() - system;
    to->calls[round] = count_reading("syscr:") - calls;
    to->bytes[round] = count_reading("read_bytes:") - bytes;
    recorded_close(b);
}

static void print_taken(const char *what, taken *t, double resources) {
    double processor = bare_quantile(t->processor, ROUNDS, 0.5);
    printf(
        "%s: %.3f s of the processor (%.3f to %.3f; system %.3f), %.0f resources/s, elapsed %.2f s; for each "
        "resource %.0f bytes from the disk, %.4f calls\n",
        what, processor, t->processor[0], t->processor[ROUNDS - 1], bare_quantile(t->system, ROUNDS, 0.5),
        resources / processor, bare_quantile(t->elapsed, ROUNDS, 0.5),
        bare_quantile(t->bytes, ROUNDS, 0.5) / resources, bare_quantile(t->calls, ROUNDS, 0.5) / resources);
}

static void make_store(recorded *b, size_t resources) {
    bare_remove(b->path);
    recorded_open(b);
    for (size_t from = 0; from < resources; from += RECORDED_ITEMS)
        (void)recorded_load(b, from);
    recorded_run(b, recorded_make_rules);
    recorded_close(b);
}

int main(int argc, char **argv) {
    static recorded b;
    static taken warm, cold;
    double ratios[ROUNDS];
    size_t resources = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
    size_t rules = argc > 3 ? strtoul(argv[3], NULL, 10) : WORK_RULES;
    bool keep = argc > 4 && strcmp(argv[4], "keep") == 0;
    if (argc < 2) {
        fputs("usage: bench_again DIRECTORY [RESOURCES [RULES [keep]]]\n", stderr);
        return 2;
    }
    b.workers = 2;
    if (!recorded_begin(&b, argv[1], rules))
        return 2;
    if (!keep || recorded_size(&b) == 0)
        make_store(&b, resources);
    for (size_t i = 0; i < ROUNDS; i++) {
        time_run(&b, true, &warm, i);
        time_run(&b, false, &cold, i);
        ratios[i] = cold.processor[i] / warm.processor[i];
    }
    print_taken("next run, file in memory", &warm, (double)resources);
    print_taken("next run, file on the disk", &cold, (double)resources);
    printf("on the disk / in memory, time over time: %.2f (target 1.15)\n",
           bare_quantile(ratios, ROUNDS, 0.5));
    if (!keep)
        bare_remove(b.path);
    return 0;
}
