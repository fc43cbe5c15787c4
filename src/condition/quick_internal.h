/*
 * The quick path: what most rules of most programs ask is decided in one straight pass after the walk.
 *
 * Every clause over a plain place of the configuration with a cheap operator is decided for every document,
 * wanted or not, without calls or searching (quick.c); groups and rules are then combined from bytes. Where
 * that meets a clause that nobody decided yet, evaluate.c judges the rule and finds the quick clauses
 * decided.
 *
 * A cell is a byte of pl_program_state.truths. Cells of clauses hold a truth; those of groups and required
 * places hold NO, YES, or a value with the bit ERROR_BIT or PENDING_BIT. INVARIANT: FAILED has the first of
 * these bits, UNKNOWN the second, NO and YES neither, and both survive every combination, so an error is
 * never lost.
 */
#ifndef PL_CONDITION_QUICK_INTERNAL_H
#define PL_CONDITION_QUICK_INTERNAL_H

#include "condition/program_internal.h"

enum { ERROR_BIT = 2, PENDING_BIT = 4, CELL_BITS = 3 };

_Static_assert(NO == 0 && YES == 1 && (FAILED & ERROR_BIT) != 0 && (FAILED & PENDING_BIT) == 0 &&
                   (unsigned)UNKNOWN == PENDING_BIT,
               "cells are combined bit by bit");

/* Values that need no look: the tape's type characters by class. */
enum { CLASS_OTHER, CLASS_MISSING, CLASS_NULL, CLASS_TRUE, CLASS_FALSE, CLASSES };

typedef struct quick_text {
    word_text words;
    uint32_t n;
} quick_text;

struct quick_clause {
    quick_kind kind;
    uint8_t orders;           /* of QUICK_NUMBER and the sizes */
    uint8_t negated;          /* of the kinds with texts */
    uint8_t answers[CLASSES]; /* UNKNOWN: it has to be looked at */
    uint32_t slot, cell;
    uint32_t error; /* where its error is kept */
    int64_t number;
    const quick_text *texts;
    size_t text_count;
    const clause *clause;
};

/* Joins two cells into one; larger groups are chains of pairs. */
struct quick_pair {
    uint32_t a, b, cell;
    uint32_t either; /* bits that one of the two suffices for */
};

/* A rule without precondition and required places whose condition is one cell. */
struct quick_simple {
    uint32_t rule, condition;
};

/* The same with a condition of two: `table` is where the verdicts for both begin. */
struct quick_joined {
    uint32_t rule, a, b, table;
};

/* Any other. */
struct quick_rule {
    uint32_t rule, applies, required, condition;
};

/* Tables of verdicts by cells: one, two in a group that asks for any or for all of them, or three. */
enum {
    CELL_VALUES = 1 << CELL_BITS,
    VERDICTS_ANY = CELL_VALUES,
    VERDICTS_ALL = VERDICTS_ANY + CELL_VALUES * CELL_VALUES,
    VERDICTS_RULE = VERDICTS_ALL + CELL_VALUES * CELL_VALUES,
    VERDICTS = VERDICTS_RULE + CELL_VALUES * CELL_VALUES * CELL_VALUES
};

/* What two cells are together: `either` are the bits that one of the two suffices for. */
static inline unsigned quick_join(unsigned a, unsigned b, unsigned either) {
    return (a & b) | ((a | b) & either);
}

#endif
