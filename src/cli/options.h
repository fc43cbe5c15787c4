/*
 * Options of a subcommand that is configured rather than asked: one table says name, default, bounds and
 * text. A value comes from the command line, else from the environment (PLUMBLINE_ and the name in capitals
 * with underscores), else from `plumbline.conf` in the data directory (lines `name = value`, `#` starts a
 * comment), else from the table.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/arena.h"
#include "base/error.h"

typedef enum cli_option_kind { CLI_TEXT, CLI_NUMBER, CLI_FLAG } cli_option_kind;

typedef struct cli_option {
    const char *name; /* "read-timeout" */
    cli_option_kind kind;
    const char *fallback; /* NULL: none */
    int64_t least, most;  /* CLI_NUMBER */
    const char *argument; /* what help calls the value; NULL for flags */
    const char *text;     /* of help */
    /* Filled by reading: */
    const char *value; /* NULL: nowhere given and no fallback */
    int64_t number;    /* of the value; 1 for a flag that is set */
    bool given;        /* not the fallback */
} cli_option;

typedef struct cli_options {
    const char *program; /* "plumbline serve" */
    cli_option *items;
    size_t count;
    bool help; /* --help was given */
} cli_options;

/* Reads the command line. Unknown options, missing and wrong values, and arguments fail naming them. */
int cli_options_parse(cli_options *options, int argc, char **argv, pl_error *error);

/* Then the environment for what was not given. */
int cli_options_environment(cli_options *options, pl_error *error);

/* Then the file, if it is there: its values live in the arena. A mistake is named by file and line. */
int cli_options_file(cli_options *options, pl_arena *arena, const char *file, pl_error *error);

/* The option of this name; it must be in the table. */
const cli_option *cli_options_get(const cli_options *options, const char *name);

/* Prints the table for help, one option a paragraph. */
void cli_options_print(const cli_options *options);

#endif
