/*
 * Databases for the tests of the store: every case runs on a fresh database of each driver. A test program
 * runs its cases with run_on_both and uses new_case, open_case and drop_case around each.
 */
#ifndef PL_TESTS_STORE_CASES_H
#define PL_TESTS_STORE_CASES_H

#include "support/testing.h"

#include <stdio.h>
#include <string.h>

#include "store/driver.h"
#include "support/database.h"

/* One database under test. */
typedef struct test_case {
    test_database database;
    const char *url;
    store *store;
} test_case;

static bool case_postgres; /* the driver of this round */
static pl_error error;

static inline int use_sqlite(void **state) {
    (void)state;
    case_postgres = false;
    return 0;
}

static inline int use_postgres(void **state) {
    (void)state;
    case_postgres = true;
    return 0;
}

static inline int new_case(test_case *test) {
    *test = (test_case){.url = test->database.url};
    return test_database_new(&test->database, test_drivers[case_postgres]);
}

static inline void drop_case(test_case *test) {
    store_close(test->store);
    test_database_drop(&test->database);
}

static inline void open_case(test_case *test, const store_options *options) {
    if (store_open(&test->store, pl_str_from(test->url), options, &error) != 0)
        fail_msg("%s", error.message);
}

/* Runs an array of cmocka cases on both drivers; the number of failures. */
#define run_on_both(cases)                                                                                   \
    (cmocka_run_group_tests_name("SQLite", cases, use_sqlite, NULL) +                                        \
     cmocka_run_group_tests_name("PostgreSQL", cases, use_postgres, NULL))

#define assert_done(call)                                                                                    \
    do {                                                                                                     \
        if ((call) != 0)                                                                                     \
            fail_msg("%s: %s: %s", #call, error.code, error.message);                                        \
    } while (0)

/* The call fails with this code. */
#define assert_fails(call, wanted)                                                                           \
    do {                                                                                                     \
        assert_int_equal((call), -1);                                                                        \
        if (strcmp(error.code, wanted) != 0)                                                                 \
            fail_msg("%s, wanted %s: %s", error.code, wanted, error.message);                                \
    } while (0)

#endif
