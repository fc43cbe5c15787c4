/*
 * The condition language: a tree of clauses joined by `and` and `or` (reference/condition-rules.md).
 *
 * A condition is checked and compiled once, with the rule's input parameters already put in place, into an
 * immutable tree inside an arena. It is evaluated as part of a program (condition/program.h).
 */
#ifndef PL_CONDITION_CONDITION_H
#define PL_CONDITION_CONDITION_H

#include "condition/operator.h"
#include "jsonpath/path.h"
#include "json/tape.h"

/* Limits: reference/condition-rules.md, section 7. Characters are code points. */
enum {
    PL_CONDITION_MAX_DEPTH = 5,
    PL_CONDITION_MAX_CLAUSES = 50,
    PL_CONDITION_MAX_CHILDREN = 20,
    PL_CONDITION_MAX_PATH = 512,
    PL_CONDITION_MAX_DESIRED = 4096,
    PL_CONDITION_MAX_TEXT = 65536
};

typedef struct pl_condition pl_condition;

typedef struct pl_condition_options {
    /*
     * The rule's input parameters, an object of texts, or missing. When it is an object, `${name}` in
     * `desired` is replaced by the parameter's text, and a clause that names an absent parameter is false;
     * when it is missing, `${name}` stands for itself. In both cases it is what the source PARAMETER reads.
     */
    pl_json parameters;
    bool strict; /* refuse extension operators and sources, as the vendor would */
    /*
     * Refuse a `desired` that its operator cannot read. Else the clause is false; so it is where the text is
     * empty, or a parameter in it has no value. Catalogue rules have parameters that may be empty on purpose:
     * theirs are checked by pl_condition_wrong_parameter.
     */
    bool readable;
} pl_condition_options;

/*
 * The conditions text of an imported package template: operators that only such templates name are those they
 * stand for (StringEqualsIn: StringIn; reference/operators.json, "unlisted"). `*out` is `text` itself where
 * there are none and where it is no condition, which compiling it tells; else it lives in the arena. -1: out
 * of memory.
 */
int pl_condition_imported(pl_arena *arena, pl_str text, pl_str *out, pl_error *error);

/*
 * Compiles the value of the request parameter `Conditions`: JSON text whose member `ComplianceConditions` is
 * JSON text (or, leniently, an object) with the tree. -1 with Invalid.Conditions.Empty for an absent or blank
 * text, else Invalid.Conditions.Value; the message names the place in the tree, `error->position` the byte
 * offset where JSON or a path stops being one. Nothing of `text` or `options` is kept.
 */
int pl_condition_compile(pl_arena *arena, pl_str text, const pl_condition_options *options,
                         const pl_condition **out, pl_error *error);

/* As pl_condition_compile for the tree itself, as the catalogue's files hold it. */
int pl_condition_compile_tree(pl_arena *arena, pl_json tree, const pl_condition_options *options,
                              const pl_condition **out, pl_error *error);

/*
 * The first parameter in a desired text that the clause's operator cannot read with the value it has: no
 * number, port, address or expression. Such a clause is false. Absent: there is none. Lives as long as the
 * condition.
 */
pl_str pl_condition_wrong_parameter(const pl_condition *condition);

/* What a condition looks at besides the configuration itself. */
typedef struct pl_condition_needs {
    bool item;    /* CONFIGURATION_ITEM */
    bool related; /* RELATED:<type> */
    bool now;     /* an operator that depends on the time of evaluation */
} pl_condition_needs;

/* What any clause of the condition needs. */
pl_condition_needs pl_condition_needs_of(const pl_condition *condition);

#endif
