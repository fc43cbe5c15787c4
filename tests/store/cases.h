/*
 * Databases for the tests of the store: every case runs on a fresh database of each driver. A test program
 * defines one driver at a time with case_driver and uses open_case in its setup.
 */
#ifndef PL_TESTS_STORE_CASES_H
#define PL_TESTS_STORE_CASES_H

#include "support/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/driver.h"
#include "support/postgres.h"

/* One database under test. */
typedef struct test_case {
    char directory[128]; /* of SQLite's file */
    char url[512];
    store *store;
} test_case;

static test_postgres case_server; /* running when case_postgres */
static bool case_postgres;
static pl_error error;

static inline int use_sqlite(void **state) {
    (void)state;
    case_postgres = false;
    return 0;
}

static inline int use_postgres(void **state) {
    (void)state;
    case_postgres = true;
    return test_postgres_start(&case_server);
}

static inline int stop_postgres(void **state) {
    (void)state;
    test_postgres_stop(&case_server);
    return 0;
}

static inline int new_case(test_case *test) {
    *test = (test_case){0};
    if (case_postgres)
        return test_postgres_new_database(&case_server, test->url, sizeof test->url);
    snprintf(test->directory, sizeof test->directory, "/tmp/plumbline-store-XXXXXX");
    if (!mkdtemp(test->directory))
        return -1;
    snprintf(test->url, sizeof test->url, "sqlite:%s/plumbline.db", test->directory);
    return 0;
}

static inline void drop_case(test_case *test) {
    store_close(test->store);
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", test->directory);
    if (*test->directory && system(command) != 0)
        fail_msg("cannot remove %s", test->directory);
}

static inline void open_case(test_case *test, const store_options *options) {
    if (store_open(&test->store, pl_str_from(test->url), options, &error) != 0)
        fail_msg("%s", error.message);
}

#define assert_done(call)                                                                                    \
    do {                                                                                                     \
        if ((call) != 0)                                                                                     \
            fail_msg("%s: %s: %s", #call, error.code, error.message);                                        \
    } while (0)

/* The call fails with this code. */
#define assert_fails(call, wanted)                                                                           \
    do {                                                                                                     \
        assert_int_equal((call), -1);                                                                        \
        assert_string_equal(error.code, wanted);                                                             \
    } while (0)

#endif
