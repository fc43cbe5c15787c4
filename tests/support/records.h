/*
 * A store of this test alone and JSON made from text, for tests of inventory and engine. The same tests run
 * on both databases: `return run_on_both(tests);`.
 */
#ifndef PL_TESTS_RECORDS_H
#define PL_TESTS_RECORDS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "inventory/inventory.h"
#include "store/db.h"
#include "support/postgres.h"
#include "json/parser.h"

static pl_arena arena;
static pl_error error;
static store *db;
static char db_directory[] = "/tmp/plumbline-test-XXXXXX";

static test_postgres postgres;
static bool on_postgres;

static inline int open_records(void) {
    char path[256];
    pl_arena_init(&arena, 0);
    if (on_postgres) {
        if (test_postgres_new_database(&postgres, path, sizeof path) != 0)
            return -1;
        return store_open(&db, pl_str_from(path), NULL, &error);
    }
    snprintf(db_directory, sizeof db_directory, "/tmp/plumbline-test-XXXXXX");
    if (!mkdtemp(db_directory))
        return -1;
    snprintf(path, sizeof path, "%s/test.db", db_directory);
    return store_open(&db, pl_str_from(path), NULL, &error);
}

static inline int close_records(void) {
    static const char *const files[] = {"test.db", "test.db-wal", "test.db-shm"};
    char path[128];
    store_close(db);
    db = NULL;
    pl_arena_free(&arena);
    if (on_postgres)
        return 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", db_directory, files[i]);
        unlink(path);
    }
    rmdir(db_directory);
    return 0;
}

static inline pl_json parsed(const char *text) {
    pl_json root = PL_JSON_NONE;
    if (pl_json_parse_in(&arena, pl_str_from(text), &root, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    return root;
}

static inline int start_postgres(void **state) {
    (void)state;
    on_postgres = true;
    return test_postgres_start(&postgres);
}

static inline int stop_postgres(void **state) {
    (void)state;
    test_postgres_stop(&postgres);
    return 0;
}

#define run_on_both(tests)                                                                                   \
    (cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(tests, start_postgres, stop_postgres))

#endif
