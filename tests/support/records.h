/* A store in memory of this test alone, and items made from JSON text. For tests of inventory and engine. */
#ifndef PL_TESTS_RECORDS_H
#define PL_TESTS_RECORDS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "inventory/inventory.h"
#include "store/db.h"
#include "json/parser.h"

static pl_arena arena;
static pl_error error;
static store *db;
static char db_directory[] = "/tmp/plumbline-test-XXXXXX";

static inline int open_records(void) {
    char path[128];
    pl_arena_init(&arena, 0);
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
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", db_directory, files[i]);
        unlink(path);
    }
    rmdir(db_directory);
    pl_arena_free(&arena);
    return 0;
}

static inline pl_json parsed(const char *text) {
    pl_json root = PL_JSON_NONE;
    if (pl_json_parse_in(&arena, pl_str_from(text), &root, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    return root;
}

#endif
