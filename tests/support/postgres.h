/*
 * A private PostgreSQL for one test program: its own data directory and Unix socket in a temporary directory,
 * no TCP port, as an unprivileged user when the tests run as root. It dies with the program.
 */
#ifndef PL_TESTS_POSTGRES_H
#define PL_TESTS_POSTGRES_H

#include <stddef.h>
#include <sys/types.h>

typedef struct test_postgres {
    char directory[128];
    pid_t server;
    unsigned databases; /* made so far */
} test_postgres;

/* Makes a cluster and waits until the server answers. 0, or -1 with the reason on standard error. */
int test_postgres_start(test_postgres *postgres);

/* Makes an empty database and writes its URL into `url`. 0 or -1. */
int test_postgres_new_database(test_postgres *postgres, char *url, size_t size);

/* Runs SQL statements in the database of `url`. 0 or -1. */
int test_postgres_run(const char *url, const char *sql);

/* Stops the server at once, as a crash would, and starts it again on the same data. */
void test_postgres_halt(test_postgres *postgres);
int test_postgres_resume(test_postgres *postgres);

/* Stops the server and removes everything. */
void test_postgres_stop(test_postgres *postgres);

#endif
