/* An answer as a table for people: the list in it by columns, or its members by lines. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "json/tape.h"

enum { CLI_TABLE_COLUMNS = 12, CLI_TABLE_WIDTH = 60 };

/*
 * Appends the first list of objects found in the answer, one row each, with its scalar members as columns (at
 * most CLI_TABLE_COLUMNS, cells cut to CLI_TABLE_WIDTH characters); an answer without such a list gives a
 * line a member.
 */
void cli_table_write(pl_buf *out, pl_json answer);

#endif
