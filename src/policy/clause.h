/*
 * Condition clauses, compiled: operator, key, and operands in the form that the operator compares
 * (reference/policy-language.md, section 3).
 */
#ifndef PL_POLICY_CLAUSE_H
#define PL_POLICY_CLAUSE_H

#include "base/decimal.h"
#include "policy/address.h"
#include "policy/decide.h"
#include "policy/glob.h"

typedef struct pl_operand {
    union {
        struct {
            pl_glob exact;
            pl_glob folded; /* ASCII letters in lower case */
        } text;
        pl_decimal number;
        int64_t instant; /* Unix milliseconds */
        bool truth;
        pl_address address;
    };
} pl_operand;

typedef struct pl_clause {
    pl_policy_operator op;
    pl_str key;
    const pl_operand *operands;
    size_t count;
} pl_clause;

typedef enum pl_operator_family {
    PL_FAMILY_STRING,
    PL_FAMILY_NUMERIC,
    PL_FAMILY_DATE,
    PL_FAMILY_BOOL,
    PL_FAMILY_IP
} pl_operator_family;

typedef enum pl_comparison {
    PL_EQUAL,
    PL_EQUAL_FOLDED,
    PL_LIKE,
    PL_LESS,
    PL_LESS_OR_EQUAL,
    PL_GREATER,
    PL_GREATER_OR_EQUAL
} pl_comparison;

/* What the operator compares, and how; both follow from its name. */
pl_operator_family pl_operator_family_of(pl_policy_operator op);
pl_comparison pl_operator_comparison(pl_policy_operator op);

/* True when a policy may name this value with this operator. */
bool pl_operand_valid(pl_policy_operator op, pl_str value);

/* Compiles a checked clause into the arena; -1 with ServiceUnavailable without memory. */
int pl_clause_compile(pl_arena *arena, const pl_policy_clause *source, pl_clause *clause, pl_error *error);

/* Whether the clause holds for a request's context. */
bool pl_clause_holds(const pl_clause *clause, const pl_context_entry *context, size_t count);

/* Copy with ASCII letters in lower case, into the arena or into bytes that the caller has. */
pl_str pl_fold(pl_arena *arena, pl_str s);
pl_str pl_fold_into(char *bytes, pl_str s);

#endif
