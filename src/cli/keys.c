/*
 * `plumbline keys`: the key that seals secrets at rest.
 *
 * `rotate` seals every access key secret anew under a fresh key. It may run beside a server on the same data
 * directory, which takes the new file by itself. Exit status: 0, or 2 for usage and failures.
 */
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/usage.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { DONE = 0, USAGE = 2 };

static const char help[] =
    "usage: plumbline keys rotate [--data DIR] [--store URL]\n"
    "\n"
    "Makes a new key file (secret.key in the data directory) and seals every stored secret with it. Access\n"
    "keys stay as they are; sessions of roles end. A crash at any moment leaves a working key file.\n"
    "\n"
    "options\n"
    "  --data DIR     data directory (default: PLUMBLINE_DATA or ./plumbline-data)\n"
    "  --store URL    database, when it is not the directory's own (default: PLUMBLINE_STORE)\n"
    "\n"
    "example\n"
    "  plumbline keys rotate --data /var/lib/plumbline\n";

static int fail(const pl_error *error) {
    fprintf(stderr, "plumbline keys: %s\n", error->message);
    return USAGE;
}

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline keys: %s %s\nTry `plumbline keys --help`.\n", what, value);
    return USAGE;
}

static int rotate(const program_options *options) {
    program opened;
    pl_error error;
    int64_t secrets = 0;
    if (program_open(&opened, options, &error) != 0)
        return fail(&error);
    int result = identity_rotate_key(opened.identity, &secrets, &error);
    program_close(&opened);
    if (result != 0)
        return fail(&error);
    printf("sealed %lld secrets with a new key\n", (long long)secrets);
    return DONE;
}

int cli_keys(int argc, char **argv) {
    static const struct option known[] = {{"data", required_argument, NULL, 'd'},
                                          {"store", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    program_options options = {.limits = program_limits(false),
                               .log = {.fd = 2, .least = PL_LOG_WARNING, .clock = pl_clock_system()}};
    const char *data = NULL;
    int letter;
    optind = 1;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, known, NULL)) != -1) {
        if (letter == 'h')
            return fputs(help, stdout) < 0 ? USAGE : DONE;
        if (letter == 'd')
            data = optarg;
        else if (letter == 's')
            options.store_url = optarg;
        else
            return usage(cli_option_fault(letter, argv[optind - 1]), argv[optind - 1]);
    }
    if (argc - optind != 1 || strcmp(argv[optind], "rotate") != 0)
        return usage("expected rotate, not", optind < argc ? argv[argc - 1] : "nothing");
    options.data = program_data_directory(data);
    return rotate(&options);
}
