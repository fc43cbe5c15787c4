/*
 * The store beside SQLite alone with full durability: commits a second with 1, 8 and 64 writers, the slowest
 * commits of a long row of them, and rows a second of a bulk load. Both sides in turns, commit for commit
 * where one writes alone; medians.
 *
 *   bench_store [DIRECTORY]   the databases are made (and removed) there; default: the current directory
 */
#include "bare.h"

#include "store/db.h"

#include <pthread.h>

enum {
    ROUNDS = 7,
    COMMITS = 256, /* of one round, over all writers */
    ROWS = 4000,   /* of one round of the bulk load */
    BARE_BATCH = 100,
    SLOWEST = 6000, /* commits in a row, for the quantiles */
    ALONE_ROUNDS = 15,
    TEXT_BYTES = 1400,
    WRITERS_MAX = 64,
};

typedef struct bench {
    char path[512], text[TEXT_BYTES + 1];
    store *db;
    bare alone;
    int64_t made;
    pthread_mutex_t lock; /* guards `made` */
} bench;

static void die(const char *what, const pl_error *error) {
    fprintf(stderr, "bench_store: %s: %s\n", what, error->message);
    exit(1);
}

static int make_table(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    return store_run(
        session, error,
        "CREATE TABLE bench_items (account_id TEXT NOT NULL, number BIGINT NOT NULL, resource_type "
        "TEXT, region_id TEXT, name TEXT, configuration TEXT, PRIMARY KEY (account_id, number))",
        "");
}

typedef struct one {
    bench *b;
    int64_t number;
} one;

static int insert_one(store_session *session, void *argument, pl_error *error) {
    const one *o = argument;
    return store_run(session, error, "INSERT INTO bench_items VALUES ($1,$2,$3,$4,$5,$6)", "titttt",
                     PL_STR("100000000000001"), o->number, PL_STR("ACS::ECS::Instance"),
                     PL_STR("cn-hangzhou"), PL_STR("web"), pl_str_of(o->b->text, TEXT_BYTES));
}

static void commit_one(bench *b) {
    pl_error error;
    pthread_mutex_lock(&b->lock);
    one o = {b, b->made++};
    pthread_mutex_unlock(&b->lock);
    if (store_write(b->db, insert_one, &o, &error) != 0)
        die("write", &error);
}

typedef struct writer {
    bench *b;
    size_t commits;
    pthread_t thread;
} writer;

static void *commit_some(void *argument) {
    writer *w = argument;
    for (size_t i = 0; i < w->commits; i++)
        commit_one(w->b);
    return NULL;
}

static double commit_all(bench *b, size_t writers) {
    static writer all[WRITERS_MAX];
    int64_t started = pl_monotonic_ns();
    for (size_t i = 0; i < writers; i++)
        all[i] = (writer){.b = b, .commits = COMMITS / writers};
    /* The first works in this thread, so that one writer alone needs no other. */
    for (size_t i = 1; i < writers; i++)
        if (pthread_create(&all[i].thread, NULL, commit_some, &all[i]) != 0)
            exit(1);
    commit_some(&all[0]);
    for (size_t i = 1; i < writers; i++)
        pthread_join(all[i].thread, NULL);
    return (double)(pl_monotonic_ns() - started) / 1e9;
}

static void compare_commits(bench *b, size_t writers) {
    double ratios[ROUNDS], times[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        double alone = bare_insert_all(&b->alone, pl_str_of(b->text, TEXT_BYTES), COMMITS, 1);
        times[i] = commit_all(b, writers);
        ratios[i] = alone / times[i];
    }
    printf("durable commits, %zu writers / bare SQLite commits one after the other: %.2f times as many; "
           "%.0f/s\n",
           writers, bare_quantile(ratios, ROUNDS, 0.5), COMMITS / bare_quantile(times, ROUNDS, 0.5));
}

static int load(store_session *session, void *argument, pl_error *error) {
    static const char *const columns[] = {"account_id", "number", "resource_type",
                                          "region_id",  "name",   "configuration"};
    bench *b = argument;
    store_bulk *bulk = store_bulk_begin(session, "bench_items", columns, 6, error);
    for (size_t i = 0; i < ROWS; i++) {
        store_bulk_text(bulk, PL_STR("100000000000001"));
        store_bulk_i64(bulk, b->made + (int64_t)i);
        store_bulk_text(bulk, PL_STR("ACS::ECS::Instance"));
        store_bulk_text(bulk, PL_STR("cn-hangzhou"));
        store_bulk_text(bulk, PL_STR("web"));
        store_bulk_text(bulk, pl_str_of(b->text, TEXT_BYTES));
        if (store_bulk_row(bulk, error) != 0)
            break;
    }
    return store_bulk_end(bulk, error);
}

static void compare_bulk(bench *b) {
    double ratios[ROUNDS], times[ROUNDS];
    pl_error error;
    for (size_t i = 0; i < ROUNDS; i++) {
        double alone = bare_insert_all(&b->alone, pl_str_of(b->text, TEXT_BYTES), ROWS, BARE_BATCH);
        int64_t started = pl_monotonic_ns();
        if (store_write(b->db, load, b, &error) != 0)
            die("bulk", &error);
        times[i] = (double)(pl_monotonic_ns() - started) / 1e9;
        b->made += ROWS;
        ratios[i] = times[i] / alone;
    }
    printf("bulk load / bare SQLite insert in batches of 100: %.2f of the time; %.0f rows/s\n",
           bare_quantile(ratios, ROUNDS, 0.5), ROWS / bare_quantile(times, ROUNDS, 0.5));
}

static void print_quantiles(const char *what, double *seconds) {
    double middle = bare_quantile(seconds, SLOWEST, 0.5);
    printf("%s: p50 %.3f ms, p99 %.3f ms, p99.9 %.1f ms, slowest %.1f ms\n", what, middle * 1e3,
           seconds[SLOWEST * 99 / 100] * 1e3, seconds[SLOWEST - 1 - SLOWEST / 1000] * 1e3,
           seconds[SLOWEST - 1] * 1e3);
}

static double sum_of(const double *seconds, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += seconds[i];
    return sum;
}

/*
 * One writer, commit for commit in turns: with whole rounds in turns, whichever side was writing when the
 * disk was busy had lost. Each round is long enough for the bare side to copy its log, which it pays for
 * itself.
 */
static void compare_alone(bench *b) {
    static double own[SLOWEST], alone[SLOWEST];
    double ratios[ALONE_ROUNDS];
    size_t each = SLOWEST / ALONE_ROUNDS;
    for (size_t i = 0; i < SLOWEST; i++) {
        alone[i] = bare_insert_all(&b->alone, pl_str_of(b->text, TEXT_BYTES), 1, 1);
        int64_t started = pl_monotonic_ns();
        commit_one(b);
        own[i] = (double)(pl_monotonic_ns() - started) / 1e9;
    }
    for (size_t i = 0; i < ALONE_ROUNDS; i++)
        ratios[i] = sum_of(alone + i * each, each) / sum_of(own + i * each, each);
    bare_rounds of = bare_rounds_of(ratios, ALONE_ROUNDS);
    printf(
        "durable commits, 1 writers / bare SQLite commits in turns: %.2f times as many; %.2f to %.2f in %d "
        "rounds\n",
        of.middle, of.lower, of.upper, ALONE_ROUNDS);
    print_quantiles("one commit", own);
    print_quantiles("one bare commit", alone);
}

int main(int argc, char **argv) {
    static bench b = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const char *directory = argc > 1 ? argv[1] : ".";
    pl_error error;
    snprintf(b.path, sizeof b.path, "%s/bench-store.db", directory);
    memset(b.text, 'x', TEXT_BYTES);
    bare_remove(b.path);
    if (!bare_open(&b.alone, directory))
        return 1;
    if (store_open(&b.db, pl_str_from(b.path), NULL, &error) != 0 ||
        store_write(b.db, make_table, &b, &error) != 0)
        die("open", &error);
    compare_alone(&b);
    compare_commits(&b, 8);
    compare_commits(&b, 64);
    compare_bulk(&b);
    store_close(b.db);
    bare_close(&b.alone);
    bare_remove(b.path);
    return 0;
}
