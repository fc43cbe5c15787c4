/* The subcommands: each is one function in a file of its own; src/main.c holds their table. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* argv[0] is the subcommand's name; the result is the exit status (docs/cli.md). */
int cli_backup(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_call(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_function(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_jsonpath(int argc, char **argv);
int cli_keys(int argc, char **argv);
int cli_policy(int argc, char **argv);
int cli_rules(int argc, char **argv);
int cli_serve(int argc, char **argv);

#endif
