/*
 * The program: a table of subcommands. Each subcommand is one file under src/cli/ and parses its own options.
 */
#include "cli/commands.h"
#include "functions/inside.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} subcommand;

static int version(int argc, char **argv);
static int help(int argc, char **argv);

static const subcommand subcommands[] = {
    {"serve", cli_serve, "run the server"},
    {"call", cli_call, "call one API operation"},
    {"import", cli_import, "record configuration items from files"},
    {"function", cli_function, "deploy, invoke and list functions of a server"},
    {"check", cli_check, "evaluate items against rules, without a server"},
    {"policy", cli_policy, "decide, test and lint policies, without a server"},
    {"backup", cli_backup, "copy a data directory beside a running server"},
    {"keys", cli_keys, "rotate the key that seals secrets"},
    {"jsonpath", cli_jsonpath, "select values from documents"},
    {"rules", cli_rules, "list, show and test managed rules"},
    {"bench", cli_bench, "measure rates on this machine"},
    {"version", version, "print the version"},
    {"help", help, "explain a subcommand"},
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static const subcommand *find(const char *name) {
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

static void overview(FILE *out) {
    fputs("usage: plumbline SUBCOMMAND [OPTION]...\n\n", out);
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        fprintf(out, "  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    fputs("\n`plumbline help SUBCOMMAND` explains one, with an example.\n", out);
}

static int unknown(const char *name) {
    fprintf(stderr, "plumbline: no subcommand \"%s\"\nTry `plumbline help`.\n", name);
    return 2;
}

static int version(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        puts("usage: plumbline version\n\nexample\n  plumbline version");
        return 0;
    }
    if (argc > 1) {
        fprintf(stderr, "plumbline version: unexpected %s\n", argv[1]);
        return 2;
    }
    puts("plumbline " PL_VERSION);
    return 0;
}

static int help(int argc, char **argv) {
    static char option[] = "--help";
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        overview(stdout);
        return 0;
    }
    if (argc > 2) {
        fprintf(stderr, "plumbline help: unexpected %s\n", argv[2]);
        return 2;
    }
    const subcommand *asked = find(argv[1]);
    char *arguments[] = {argv[1], option, NULL};
    return asked ? asked->run(2, arguments) : unknown(argv[1]);
}

/* `plumbline SUBCOMMAND -h`, also behind a verb: `plumbline policy decide --help`. */
static bool asks_for_help(int argc, char **argv) {
    const char *last = argv[argc - 1];
    return (argc == 3 || argc == 4) && (strcmp(last, "-h") == 0 || strcmp(last, "--help") == 0);
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        overview(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(1, argv);
    if (strcmp(argv[1], "--version") == 0)
        return version(1, argv);
    if (strcmp(argv[1], "function-instance") == 0) /* only ever called inside a sandbox */
        return inside_main(argc - 1, argv + 1);
    if (asks_for_help(argc, argv))
        return help(2, argv);
    const subcommand *asked = find(argv[1]);
    return asked ? asked->run(argc - 1, argv + 1) : unknown(argv[1]);
}

/* Output that got lost (a full disk) is an error, whatever the subcommand has decided. */
int main(int argc, char **argv) {
    int status = run(argc, argv);
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "plumbline: standard output: %s\n", errno ? strerror(errno) : "cannot be written");
    return 2;
}
