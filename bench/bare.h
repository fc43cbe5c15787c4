/*
 * SQLite alone with full durability, as the side that the store is compared with: one table with the columns
 * of a stored resource, one prepared statement, an explicit transaction for each batch.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "base/clock.h"
#include "base/str.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct bare {
    char path[512];
    sqlite3 *connection;
    sqlite3_stmt *insert, *begin, *commit;
    uint64_t made;
} bare;

static inline void bare_remove(const char *path) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    char text[600];
    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%s%s", path, endings[i]);
        unlink(text);
    }
}

static inline bool bare_open(bare *b, const char *directory) {
    snprintf(b->path, sizeof b->path, "%s/bench-bare.db", directory);
    bare_remove(b->path);
    return sqlite3_open(b->path, &b->connection) == SQLITE_OK &&
           sqlite3_exec(
               b->connection,
               "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE items (account_id TEXT, "
               "resource_type TEXT, region_id TEXT, resource_id TEXT, name TEXT, configuration TEXT, "
               "PRIMARY KEY (account_id, resource_type, resource_id, region_id))",
               NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(b->connection, "INSERT INTO items VALUES (?,?,?,?,?,?)", -1, &b->insert,
                              NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(b->connection, "BEGIN IMMEDIATE", -1, &b->begin, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(b->connection, "COMMIT", -1, &b->commit, NULL) == SQLITE_OK;
}

static inline void bare_close(bare *b) {
    sqlite3_finalize(b->insert);
    sqlite3_finalize(b->begin);
    sqlite3_finalize(b->commit);
    sqlite3_close(b->connection);
    bare_remove(b->path);
}

static inline void bare_run(sqlite3_stmt *st) {
    if (sqlite3_step(st) != SQLITE_DONE)
        fprintf(stderr, "bare SQLite: %s\n", sqlite3_errmsg(sqlite3_db_handle(st)));
    sqlite3_reset(st);
}

static inline void bare_bind(sqlite3_stmt *st, int index, pl_str value) {
    sqlite3_bind_text(st, index, value.p, (int)value.n, SQLITE_STATIC);
}

static inline void bare_insert(bare *b, pl_str configuration) {
    char id[32];
    int n = snprintf(id, sizeof id, "i-bp1%012llu", (unsigned long long)b->made++);
    bare_bind(b->insert, 1, PL_STR("100000000000001"));
    bare_bind(b->insert, 2, PL_STR("ACS::ECS::Instance"));
    bare_bind(b->insert, 3, PL_STR("cn-hangzhou"));
    bare_bind(b->insert, 4, pl_str_of(id, (size_t)n));
    bare_bind(b->insert, 5, PL_STR("web"));
    bare_bind(b->insert, 6, configuration);
    bare_run(b->insert);
}

/* Seconds for `count` rows in durable transactions of `batch` rows. */
static inline double bare_insert_all(bare *b, pl_str configuration, size_t count, size_t batch) {
    int64_t started = pl_monotonic_ns();
    for (size_t i = 0; i < count; i++) {
        if (i % batch == 0)
            bare_run(b->begin);
        bare_insert(b, configuration);
        if (i % batch == batch - 1 || i + 1 == count)
            bare_run(b->commit);
    }
    return (double)(pl_monotonic_ns() - started) / 1e9;
}

static inline int bare_by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values and gives the one below which `share` (0 to 1) of them lie. */
static inline double bare_quantile(double *values, size_t count, double share) {
    qsort(values, count, sizeof *values, bare_by_size);
    size_t at = (size_t)((double)count * share);
    return values[at < count ? at : count - 1];
}

/*
 * What rounds of a bench found. One of them is noise where one flush waits for somebody else's: the middle of
 * many counts, and the quarters on both sides tell how far to trust it.
 */
typedef struct bare_rounds {
    double lower, middle, upper;
} bare_rounds;

/* Sorts the values. */
static inline bare_rounds bare_rounds_of(double *values, size_t count) {
    return (bare_rounds){bare_quantile(values, count, 0.25), bare_quantile(values, count, 0.5),
                         bare_quantile(values, count, 0.75)};
}

#endif
