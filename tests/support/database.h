/*
 * Fresh databases for tests of everything that stores: the same cases run on both drivers.
 *
 *     int main(void) {
 *         int failed = 0;
 *         for (int i = 0; i < TEST_DRIVERS; i++) {
 *             driver = test_drivers[i];
 *             failed += cmocka_run_group_tests_name(driver, cases, NULL, NULL);
 *         }
 *         return failed;
 *     }
 *
 * with test_database_new(&database, driver) and store_open(&store, pl_str_from(database.url), ...) in the
 * setup of each case, store_close and test_database_drop in its teardown. The private PostgreSQL of the
 * program is started when the first database of it is asked for and removed when the program ends.
 */
#ifndef PL_TESTS_DATABASE_H
#define PL_TESTS_DATABASE_H

#include "support/postgres.h"

enum { TEST_DRIVERS = 2 };
extern const char *const test_drivers[TEST_DRIVERS]; /* "sqlite", "postgres" */

typedef struct test_database {
    char directory[64]; /* temporary; empty on PostgreSQL */
    char url[512];      /* for store_open */
} test_database;

/* An empty database of that driver. 0, or -1 with the reason on standard error: then the test fails. */
int test_database_new(test_database *database, const char *driver);

/* Removes what belongs to it; the store must be closed. A PostgreSQL database goes with its server. */
void test_database_drop(test_database *database);

/* The program's PostgreSQL, started when it is not running; NULL with the reason on standard error. */
test_postgres *test_database_server(void);

#endif
