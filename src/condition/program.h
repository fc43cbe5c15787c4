/*
 * A program: all rules of one resource type, compiled together (docs/architecture.md, "The evaluation
 * engine").
 *
 * The plain paths of all clauses form one trie that is walked once per document; other paths run on their own
 * subtree once per document; equal clauses are evaluated once and shared by the rules. A program is built,
 * sealed, then immutable: shared by threads, counted by references. What a thread needs while it evaluates is
 * its own pl_program_state, reused over documents without allocation in the steady state.
 *
 * INVARIANT: an error while evaluating makes the rule's verdict PL_VERDICT_ERROR; it never becomes COMPLIANT.
 */
#ifndef PL_CONDITION_PROGRAM_H
#define PL_CONDITION_PROGRAM_H

#include "condition/condition.h"
#include "json/index.h"

typedef struct pl_program pl_program;
typedef struct pl_program_state pl_program_state;

/* What one rule consists of. Everything is compiled into the program; nothing given here is kept. */
typedef struct pl_program_rule {
    pl_str conditions; /* the `Conditions` text of a user's rule; absent when `condition` is given */
    pl_json condition; /* the tree of a catalogue rule; missing when `conditions` is given */
    pl_json applies;   /* tree of the precondition (not met: NOT_APPLICABLE), or missing */
    pl_json required;  /* array of JSONPath texts over the configuration (one of them missing or null, or a
                          list without a value: INSUFFICIENT_DATA), or missing */
    pl_json
        required_related; /* array of resource types (no related resource: INSUFFICIENT_DATA), or missing */
    pl_json sufficient;   /* tree of what must be known besides (not met: INSUFFICIENT_DATA), or missing */
    pl_str insufficient;  /* not empty: every verdict is INSUFFICIENT_DATA for this reason; no condition is
                             needed then (a required parameter is not set, data nobody records) */
    pl_json parameters;   /* object of the rule's input parameters: see pl_condition_options */
    pl_str annotation_operator; /* operator name to print in annotations, or absent */
    bool strict, readable;      /* see pl_condition_options */
} pl_program_rule;

/* An open program with one reference, or NULL without memory. */
pl_program *pl_program_new(void);

/*
 * Adds a rule; rules are numbered from 0 in the order of adding. -1 with the errors of pl_condition_compile;
 * the program is then as before the call (the number is not used up).
 */
int pl_program_add(pl_program *program, const pl_program_rule *rule, pl_error *error);

/* Ends the adding: builds the trie and the tables. -1 with ServiceUnavailable without memory. */
int pl_program_seal(pl_program *program, pl_error *error);

/* One reference more, given back; or one less: the last one frees the program. */
pl_program *pl_program_hold(pl_program *program);
void pl_program_release(pl_program *program); /* NULL is allowed */

/* The number of rules. */
size_t pl_program_rules(const pl_program *program);

/* What any of the program's rules asks for besides the configuration. */
pl_condition_needs pl_program_needs(const pl_program *program);
size_t pl_program_related_types(const pl_program *program, pl_str *types, size_t capacity);

/* A thread's working memory for one sealed program, which it holds a reference to. NULL without memory. */
pl_program_state *pl_program_state_new(const pl_program *program);
void pl_program_state_free(pl_program_state *state);

/* One document. All tapes, and `context`, must stay valid until the next evaluation with the same state. */
typedef struct pl_program_input {
    pl_json configuration;  /* missing or null: every rule is INSUFFICIENT_DATA */
    const uint32_t *places; /* where each of pl_program_columns stands on the configuration's tape, whose root
                               is not looked at then; NULL: the configuration is walked */
    pl_json item;           /* the surrounding item (source CONFIGURATION_ITEM), or missing */
    int64_t now;            /* evaluation time, Unix milliseconds */
    /*
     * Source RELATED:<type>: sets `*list` to an array with the configurations of the related resources of
     * that type; -1 with an error makes the rules that ask for it PL_VERDICT_ERROR. NULL: no related
     * resources.
     */
    int (*related)(void *context, pl_str type, pl_json *list, pl_error *error);
    void *context;
} pl_program_input;

typedef enum pl_verdict {
    PL_COMPLIANT,
    PL_NON_COMPLIANT,
    PL_NOT_APPLICABLE,
    PL_INSUFFICIENT_DATA,
    PL_VERDICT_ERROR
} pl_verdict;

/* "COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE", "INSUFFICIENT_DATA"; "ERROR" for PL_VERDICT_ERROR. */
pl_str pl_verdict_name(pl_verdict verdict);

/*
 * Evaluates every rule. Returns an array of pl_program_rules() verdicts that lives in the state until the
 * next evaluation. Cannot fail as a whole: what fails, fails rule by rule.
 */
const pl_verdict *pl_program_evaluate(pl_program_state *state, const pl_program_input *input);

/*
 * As pl_program_evaluate for a document that is still text, with PL_JSON_PADDING readable bytes behind it;
 * `input->configuration` is not read. Where the rules allow it the text is read once and only what they ask
 * for is copied, else it is parsed by `parser`; both give the same. The text must stay valid, and the parser
 * unused, until the next evaluation with the same state. NULL with the errors of pl_json_parse when it is not
 * JSON.
 */
const pl_verdict *pl_program_evaluate_text(pl_program_state *state, pl_json_parser *parser, pl_str text,
                                           const pl_program_input *input, pl_error *error);

/*
 * The same for a part of an indexed text: the value at `*entry`, which becomes the entry behind it. NULL when
 * the text has to be parsed: it may be no JSON, the value is no object, or the program needs all of it. The
 * verdicts count only once the whole text is proven to be JSON.
 */
const pl_verdict *pl_program_evaluate_indexed(pl_program_state *state, const pl_json_index *index,
                                              uint32_t *entry, const pl_program_input *input);

/*
 * The same for the object at `*at` in a text, where it reads like documents before it; `*at` becomes the
 * place behind it. NULL when it does not, or is damaged: that is for the functions above. They also teach
 * what documents read like. What is said of text and parser above holds here, too.
 */
const pl_verdict *pl_program_evaluate_known(pl_program_state *state, pl_json_parser *parser, pl_str text,
                                            size_t *at, const pl_program_input *input);

/* The error behind PL_VERDICT_ERROR of rule `rule`; ServiceUnavailable for a rule that has none. */
const pl_error *pl_program_error(const pl_program_state *state, size_t rule);

/*
 * Appends the annotation of the last evaluation's verdict of `rule` (reference/evaluation-semantics.md,
 * section 5): for NON_COMPLIANT the JSON text with `configuration`, `desiredValue`, `operator`, `property`
 * and, when the value is missing, `reason`, of the first false clause; nothing for other verdicts.
 */
void pl_program_write_annotation(pl_program_state *state, size_t rule, pl_buf *out);

/* Appends a sentence that says why the verdict is INSUFFICIENT_DATA or an error; nothing for other verdicts.
 */
void pl_program_write_reason(pl_program_state *state, size_t rule, pl_buf *out);

/*
 * Appends the evaluated tree of the rule's condition in the form of RuleConditionContext
 * (reference/condition-rules.md, section 6.1), with the actual value of every clause.
 */
void pl_program_write_context(pl_program_state *state, size_t rule, pl_buf *out);

/* As pl_program_write_context for the rule's precondition; nothing when it has none. */
void pl_program_write_applies_context(pl_program_state *state, size_t rule, pl_buf *out);

#endif
