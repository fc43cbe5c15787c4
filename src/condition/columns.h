/*
 * Columns: the places of a configuration that a program looks at, so that a document can be kept as the
 * values at these places alone and evaluated again without being parsed or walked
 * (docs/decisions/0007-kept-columns.md).
 *
 * A column is named by a digest of the plain path that leads to it, so programs that were compiled apart name
 * the same place alike, in any order of their rules.
 */
#ifndef PL_CONDITION_COLUMNS_H
#define PL_CONDITION_COLUMNS_H

#include "condition/program.h"

enum { PL_COLUMN_NAME = 16 };

typedef struct pl_column {
    unsigned char name[PL_COLUMN_NAME];
    uint32_t slot; /* the program's own */
} pl_column;

/*
 * For a program whose documents are not kept, before it is sealed: it gets no columns, and no rule has any.
 * Their names are digests, and the first digest of a process costs more than everything else about a program.
 */
void pl_program_forgo_columns(pl_program *program);

/* The program's columns, sorted by name. They live as long as the program, which is sealed. */
size_t pl_program_columns(const pl_program *program, const pl_column **columns);

/*
 * True when the columns do not suffice: a rule looks at the document as a whole (a wildcard or descent at the
 * root, a filter that refers to the root).
 */
bool pl_program_reads_whole(const pl_program *program);

/*
 * Walks a document and tells where each column's value stands on its tape (0: not there); `places` has room
 * for pl_program_columns(). Results of the state's last evaluation are lost.
 */
void pl_program_locate(pl_program_state *state, pl_json configuration, uint32_t *places);

/*
 * The columns that decide about one rule, as numbers in pl_program_columns: documents that have the same
 * values there get the same verdict, annotation and error at the same time of evaluation. Not meant for rules
 * that look at anything but columns (pl_program_needs, pl_program_reads_whole).
 */
size_t pl_program_rule_columns(const pl_program *program, size_t rule, const uint32_t **columns);

/*
 * Takes a document whose places are given without evaluating anything. Until the next evaluation
 * pl_program_judge evaluates one rule of it: what it returns, and what explanations can be asked of, is that
 * of the rules judged so far.
 */
void pl_program_take(pl_program_state *state, const pl_program_input *input);
const pl_verdict *pl_program_judge(pl_program_state *state, size_t rule);

/* The name of a column that is not a path, from any text that does not begin with '$'. */
bool pl_column_name(pl_str text, unsigned char name[static PL_COLUMN_NAME]);

#endif
