/* What is said about wrong arguments: one wording for all subcommands. */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "base/str.h"
#include "catalogue/catalogue.h"

enum { CLI_SUGGESTION_TEXT = 192 };

/* Short options for getopt_long: none, and a missing value is told from an unknown option. */
#define CLI_NO_SHORT_OPTIONS ":"

/*
 * What is wrong with `text`, the word of the command line that getopt_long stopped at with `option` ('?' or
 * ':'): "unknown option", "a value is missing for" or "no value is taken by".
 */
const char *cli_option_fault(int option, const char *text);

/*
 * The name closest to a misspelt one among `count` names, which `name(context, index)` gives; absent when
 * none is near: one letter in four may be wrong, missing, too many or in the place of its neighbour.
 */
pl_str cli_nearest(pl_str wanted, pl_str (*name)(const void *context, size_t index), const void *context,
                   size_t count);

/* The managed rule with the identifier closest to a misspelt one; absent when none is near. */
pl_str cli_nearest_rule(const catalogue *all, pl_str identifier);

/* "; did you mean NAME?" in `text`, which is returned; empty for an absent name. */
const char *cli_did_you_mean(char text[static CLI_SUGGESTION_TEXT], pl_str name);

#endif
