/*
 * Inside the engine room: evaluating resources inside one transaction. The context keeps the views, programs
 * and working memory that the transaction has touched; verdicts go through engine/outcome.h.
 */
#ifndef ENGINE_EVALUATE_H
#define ENGINE_EVALUATE_H

#include "engine/outcome.h"
#include "json/parser.h"

/* One account and resource type within the transaction. */
typedef struct engine_typed {
    pl_str account_id;
    engine_view *view; /* borrowed from the context, or NULL: a program of its own */
    engine_type_program *program;
    pl_program_state *state;
    engine_tally **tallies; /* one for each slot, filled when first needed */
    struct engine_typed *next;
} engine_typed;

/* Which types must be looked at again when a resource of another type changes. */
typedef struct engine_dependency_types {
    pl_str account_id, changed;
    pl_str *types;
    size_t count;
    struct engine_dependency_types *next;
} engine_dependency_types;

typedef struct engine_evaluating {
    engine_writing writing;
    engine_typed *types;
    engine_dependency_types *dependencies;
    pl_json_parser *parser; /* of stored configurations, tags and items; one document at a time */
    pl_arena document;      /* what one evaluation needs; reset for each resource */
    pl_error *error;
} engine_evaluating;

/* A resource to evaluate: what it is and what it was. */
typedef struct engine_subject {
    const inventory_resource *resource; /* as it is now; configuration text not needed */
    pl_json configuration;              /* parsed; missing: none recorded */
    engine_scope_subject scope;         /* of the resource as it is now */
    engine_scope_subject before;        /* as it was, when `seen` */
    bool seen, removed;
} engine_subject;

/* `error` outlives the context. Ending gives everything back and writes the counts when `status` is 0. */
int engine_evaluating_begin(engine_evaluating *c, engine *e, store_session *session, pl_arena *arena,
                            int64_t now, pl_error *error);
int engine_evaluating_end(engine_evaluating *c, int status);

/* The program of the account's view for the type, and its working memory; NULL on failure. */
engine_typed *engine_typed_get(engine_evaluating *c, pl_str account_id, pl_str resource_type);

/* The same around a program of the caller's own, which outlives the context. */
engine_typed *engine_typed_own(engine_evaluating *c, pl_str account_id, engine_type_program *program);

/* What the scope is compared with. Parses the tags into `arena`. */
int engine_scope_subject_of(pl_arena *arena, const inventory_resource *resource, engine_scope_subject *out,
                            pl_error *error);

/* Runs the compiled rules over the subject; the verdicts live until the next call with the same type. */
const pl_verdict *engine_run_program(engine_evaluating *c, engine_typed *t, const engine_subject *s);

/* The result of the program's slot `index` after engine_run_program. The annotation lives in the document
 * arena. */
int engine_judge(engine_evaluating *c, engine_typed *t, size_t index, const pl_verdict *verdicts,
                 const engine_subject *s, engine_compliance *compliance, pl_str *annotation);

/* Evaluates one recorded change with every rule that covers the resource, or did. */
int engine_evaluate_change(engine_evaluating *c, const inventory_change *change);

/*
 * Evaluates a stored resource with all active rules of its type, whatever their trigger, as `message_type`.
 * `related_to` restricts to rules that look at related resources of that type, `rule_key` to one rule; absent
 * and 0: all rules.
 */
int engine_evaluate_stored(engine_evaluating *c, const inventory_resource *resource,
                           engine_message_type message_type, pl_str related_to, int64_t rule_key);

/*
 * What one rule makes of a stored resource that it has not covered until now and of which it has no result:
 * the same as of a resource that has just been recorded.
 */
int engine_evaluate_entering(engine_evaluating *c, const inventory_resource *resource, int64_t rule_key);

/*
 * True when the text of a configuration (absent: it has none) carries the id at the path; most do not hold it
 * anywhere, and are not parsed.
 */
int engine_names_id(pl_arena *arena, pl_str configuration, pl_str path, pl_str id, bool *names,
                    pl_error *error);

/* Evaluates again what looks at the changed resource from elsewhere. */
int engine_evaluate_dependants(engine_evaluating *c, const inventory_change *change);

#endif
