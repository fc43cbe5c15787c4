/* Fresh databases for tests. Owns the program's PostgreSQL, which ends with the process that started it. */
#include "support/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const test_drivers[TEST_DRIVERS] = {"sqlite", "postgres"};

static test_postgres server;
static pid_t starter; /* 0: not running */

static void stop_server(void) {
    if (starter == getpid())
        test_postgres_stop(&server);
}

test_postgres *test_database_server(void) {
    if (starter)
        return &server;
    int result = test_postgres_start(&server);
    starter = getpid();
    atexit(stop_server);
    if (result == 0)
        return &server;
    stop_server();
    starter = 0;
    return NULL;
}

int test_database_new(test_database *database, const char *driver) {
    *database = (test_database){0};
    if (strcmp(driver, "postgres") == 0) {
        test_postgres *postgres = test_database_server();
        return postgres ? test_postgres_new_database(postgres, database->url, sizeof database->url) : -1;
    }
    snprintf(database->directory, sizeof database->directory, "/tmp/plumbline-store-XXXXXX");
    if (!mkdtemp(database->directory)) {
        perror(database->directory);
        return -1;
    }
    snprintf(database->url, sizeof database->url, "sqlite:%s/plumbline.db", database->directory);
    return 0;
}

void test_database_drop(test_database *database) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", database->directory);
    if (*database->directory && system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", database->directory);
    *database->directory = '\0';
}
