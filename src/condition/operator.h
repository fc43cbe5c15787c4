/*
 * The operators of the condition language: one table, src/condition/operators.def, from which the enum, the
 * look-up, the list operation (ListConfigRuleOperators) and the tests come.
 *
 * The documented operators are those of reference/operators.json; the others are Plumbline's own
 * (catalogue/extension-operators.json) and are refused where a client asked for strict vendor behaviour.
 */
#ifndef PL_CONDITION_OPERATOR_H
#define PL_CONDITION_OPERATOR_H

#include "base/str.h"

typedef enum pl_operator {
#define PL_OPERATOR(name, data_type, arity, origin, shape, sense, prepare, test, text) PL_OPERATOR_##name,
#include "condition/operators.def"
#undef PL_OPERATOR
    PL_OPERATOR_COUNT
} pl_operator;

typedef struct pl_operator_info {
    pl_str name;
    pl_str data_type; /* String, Number, Base64String, Array; Any, Date, Object, Policy for extensions */
    pl_str description;
    int arity;      /* 1: `desired` is not needed, 2: it is */
    bool extension; /* not an operator that the vendor publishes */
} pl_operator_info;

/* Facts of one operator; `op` below PL_OPERATOR_COUNT. Documented operators come first, in published order.
 */
const pl_operator_info *pl_operator_info_of(pl_operator op);

/* Finds an operator by its exact name; false when there is none. */
bool pl_operator_find(pl_str name, pl_operator *op);

#endif
