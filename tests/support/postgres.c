/*
 * Starting and stopping the private PostgreSQL of a test program. Owns the server process and its directory.
 * The databases sort as people do, not by bytes, as most databases of operators do.
 */
#include "support/postgres.h"

#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

enum { PATH_SIZE = 512, START_ATTEMPTS = 3000 };

/* The newest installed program of that name. */
static int find_program(const char *name, char path[static PATH_SIZE]) {
    char pattern[128];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "/usr/lib/postgresql/*/bin/%s", name);
    if (glob(pattern, 0, NULL, &found) == 0)
        snprintf(path, PATH_SIZE, "%s", found.gl_pathv[found.gl_pathc - 1]);
    else
        fprintf(stderr, "PostgreSQL is not installed: %s not found\n", pattern);
    int result = found.gl_pathc > 0 ? 0 : -1;
    globfree(&found);
    return result;
}

/* PostgreSQL refuses to run as root. */
static const struct passwd *unprivileged_user(void) {
    const struct passwd *user = getpwnam("postgres");
    return user ? user : getpwnam("nobody");
}

static void become(const struct passwd *user) {
    if (getuid() == 0 &&
        (!user || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
}

static pid_t spawn(const char *log_path, char *const argv[]) {
    const struct passwd *user = getuid() == 0 ? unprivileged_user() : NULL;
    pid_t child = fork();
    if (child != 0)
        return child;
    become(user);
    unsetenv("LD_PRELOAD");
    if (!freopen(log_path, "a", stdout) || !freopen(log_path, "a", stderr) || chdir("/") != 0)
        _exit(126);
    execv(argv[0], argv);
    _exit(127);
}

static int run(const char *log_path, char *const argv[]) {
    int status = -1;
    pid_t child = spawn(log_path, argv);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void write_url(const test_postgres *postgres, const char *database, char *url, size_t size) {
    snprintf(url, size, "postgres:///%s?host=%s&user=plumbline", database, postgres->directory);
}

static void show_log(const test_postgres *postgres) {
    char command[PATH_SIZE];
    snprintf(command, sizeof command, "tail -n 20 '%s/log' >&2", postgres->directory);
    if (system(command) != 0)
        fprintf(stderr, "there is no %s/log\n", postgres->directory);
}

static int wait_until_ready(test_postgres *postgres) {
    char url[PATH_SIZE];
    write_url(postgres, "postgres", url, sizeof url);
    for (int i = 0; i < START_ATTEMPTS; i++) {
        if (PQping(url) == PQPING_OK)
            return 0;
        if (waitpid(postgres->server, NULL, WNOHANG) != 0)
            break;
        nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
    }
    fprintf(stderr, "PostgreSQL does not start:\n");
    show_log(postgres);
    return -1;
}

static int make_directory(test_postgres *postgres) {
    snprintf(postgres->directory, sizeof postgres->directory, "/tmp/plumbline-postgres-XXXXXX");
    if (!mkdtemp(postgres->directory))
        return -1;
    const struct passwd *user = unprivileged_user();
    return getuid() != 0 || (user && chown(postgres->directory, user->pw_uid, user->pw_gid) == 0) ? 0 : -1;
}

static int make_cluster(test_postgres *postgres) {
    char initdb[PATH_SIZE], data[PATH_SIZE], log_path[PATH_SIZE];
    if (find_program("initdb", initdb) != 0 || make_directory(postgres) != 0)
        return -1;
    snprintf(data, sizeof data, "%s/data", postgres->directory);
    snprintf(log_path, sizeof log_path, "%s/log", postgres->directory);
    char *make[] = {initdb,
                    "-D",
                    data,
                    "-U",
                    "plumbline",
                    "--auth=trust",
                    "--no-sync",
                    "-E",
                    "UTF8",
                    "--locale=C.UTF-8",
                    "--locale-provider=icu",
                    "--icu-locale=en-US",
                    NULL};
    if (run(log_path, make) == 0)
        return 0;
    fprintf(stderr, "initdb failed:\n");
    show_log(postgres);
    return -1;
}

int test_postgres_resume(test_postgres *postgres) {
    char program[PATH_SIZE], data[PATH_SIZE], log_path[PATH_SIZE];
    if (find_program("postgres", program) != 0)
        return -1;
    snprintf(data, sizeof data, "%s/data", postgres->directory);
    snprintf(log_path, sizeof log_path, "%s/log", postgres->directory);
    char *serve[] = {program,
                     "-D",
                     data,
                     "-k",
                     postgres->directory,
                     "-c",
                     "listen_addresses=",
                     "-c",
                     "fsync=off",
                     "-c",
                     "max_connections=100",
                     NULL};
    postgres->server = spawn(log_path, serve);
    return postgres->server > 0 ? wait_until_ready(postgres) : -1;
}

int test_postgres_start(test_postgres *postgres) {
    *postgres = (test_postgres){0};
    return make_cluster(postgres) == 0 ? test_postgres_resume(postgres) : -1;
}

void test_postgres_halt(test_postgres *postgres) {
    if (postgres->server <= 0)
        return;
    kill(postgres->server, SIGQUIT);
    waitpid(postgres->server, NULL, 0);
    postgres->server = 0;
}

int test_postgres_run(const char *url, const char *sql) {
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    int done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : -1;
    if (done != 0)
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    return done;
}

int test_postgres_new_database(test_postgres *postgres, char *url, size_t size) {
    char name[32], sql[64], server[PATH_SIZE];
    snprintf(name, sizeof name, "test_%u", ++postgres->databases);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    write_url(postgres, "postgres", server, sizeof server);
    write_url(postgres, name, url, size);
    return test_postgres_run(server, sql);
}

void test_postgres_stop(test_postgres *postgres) {
    test_postgres_halt(postgres);
    char command[PATH_SIZE];
    snprintf(command, sizeof command, "rm -rf '%s'", postgres->directory);
    if (*postgres->directory && system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", postgres->directory);
}
