/*
 * `plumbline backup`: a data directory copied whole into a new one, beside a running server.
 *
 * The copy has the database as of one moment, the key of its secrets, the credentials and the configuration;
 * `serve --data` opens it. Exit status: 0, or 2 for usage and failures.
 */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/program.h"
#include "cli/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DONE = 0, USAGE = 2, PATH_SIZE = 4096, FILE_MAX = 1 << 20 };

static const char help[] =
    "usage: plumbline backup [--data DIR] [--store FILE] TO\n"
    "\n"
    "Copies a data directory into the new directory TO, also while a server runs on it: the database as of "
    "one\n"
    "moment, the key of its secrets, credentials and configuration. `serve --data TO` opens the copy. "
    "Whoever\n"
    "has it can read the secrets in it. A PostgreSQL database is backed up with pg_dump instead.\n"
    "\n"
    "options\n"
    "  --data DIR     data directory (default: PLUMBLINE_DATA or ./plumbline-data)\n"
    "  --store FILE   SQLite file, when it is not the directory's own (default: PLUMBLINE_STORE)\n"
    "\n"
    "example\n"
    "  plumbline backup --data /var/lib/plumbline /backup/plumbline-monday\n";

static const char *const beside[] = {"secret.key", "credentials.json", "plumbline.conf"};

static int fail(const char *message) {
    fprintf(stderr, "plumbline backup: %s\n", message);
    return USAGE;
}

static int write_new(const char *path, pl_str text, pl_error *error) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerrordesc_np(errno));
    int result = cli_write_all(file, text) == 0 && fsync(file) == 0 ? 0 : -1;
    if (result != 0)
        pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerrordesc_np(errno));
    close(file);
    return result;
}

/* A file that is not there is not copied: without it the directory worked as well. */
static int copy_beside(const char *data, const char *to, const char *name, pl_error *error) {
    char from[PATH_SIZE], into[PATH_SIZE];
    pl_arena arena;
    pl_str text;
    snprintf(from, sizeof from, "%s/%s", data, name);
    snprintf(into, sizeof into, "%s/%s", to, name);
    if (access(from, F_OK) != 0 && errno == ENOENT)
        return 0;
    pl_arena_init(&arena, 0);
    int result = cli_file_read(&arena, from, FILE_MAX, &text, error);
    if (result == 0)
        result = write_new(into, text, error);
    pl_arena_free(&arena);
    return result;
}

static int sync_directory(const char *path, pl_error *error) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = directory >= 0 && fsync(directory) == 0 ? 0 : -1;
    if (result != 0)
        pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerrordesc_np(errno));
    if (directory >= 0)
        close(directory);
    return result;
}

static void remove_copy(const char *to) {
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        snprintf(path, sizeof path, "%s/%s", to, beside[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/plumbline.db", to);
    unlink(path);
    rmdir(to);
}

static int backup(const char *data, const char *database, const char *to, pl_error *error) {
    char path[PATH_SIZE], into[PATH_SIZE];
    const char *url = program_store_url(database, data, path, sizeof path);
    if (mkdir(to, 0700) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", to, strerrordesc_np(errno));
    snprintf(into, sizeof into, "%s/plumbline.db", to);
    int result = store_backup(pl_str_from(url), into, error);
    for (size_t i = 0; result == 0 && i < sizeof beside / sizeof *beside; i++)
        result = copy_beside(data, to, beside[i], error);
    if (result == 0)
        result = sync_directory(to, error);
    if (result != 0)
        remove_copy(to);
    return result;
}

int cli_backup(int argc, char **argv) {
    static const struct option known[] = {{"data", required_argument, NULL, 'd'},
                                          {"store", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *data = NULL, *database = NULL;
    pl_error error = {0};
    int letter;
    optind = 1;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, known, NULL)) != -1) {
        switch (letter) {
        case 'd': data = optarg; break;
        case 's': database = optarg; break;
        case 'h': fputs(help, stdout); return DONE;
        default:
            pl_failf(&error, PL_E_InvalidParameter, "%s %s\nTry `plumbline backup --help`.",
                     cli_option_fault(letter, argv[optind - 1]), argv[optind - 1]);
            return fail(error.message);
        }
    }
    if (optind + 1 != argc)
        return fail("name one new directory\nTry `plumbline backup --help`.");
    return backup(program_data_directory(data), database, argv[optind], &error) == 0 ? DONE
                                                                                     : fail(error.message);
}
