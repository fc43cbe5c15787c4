/*
 * The remediation room: checks and fills the parameters of remediations and runs them
 * (reference/remediation.md). Records, queue and executions are the engine's (engine/remedy.h).
 *
 * A template remediation is a request to an executor that the server's settings name, or (on request) a
 * simulation: the template's effect is recorded as if it had been carried out. Without either an execution
 * fails and says so; nothing ever claims to have changed what it has not. A custom remediation runs a
 * function.
 *
 * INVARIANT: an event leaves the queue together with its execution's record, so each is run at least once.
 */
#ifndef REMEDIATION_REMEDIATION_H
#define REMEDIATION_REMEDIATION_H

#include "engine/remedy.h"
#include "functions/functions.h"

typedef struct remediation remediation;

typedef struct remediation_config {
    store *store;
    engine *engine;
    const catalogue *catalogue;
    functions *functions; /* may be NULL: custom remediations fail */
    pl_clock clock;
    pl_random random;
    const pl_log *log;    /* may be NULL */
    const char *executor; /* http(s) URL, "simulate", or NULL */
    unsigned workers;     /* 0: none, remediation_work is called by hand */
} remediation_config;

/* Everything in `config` outlives the room. */
int remediation_open(remediation **out, const remediation_config *config, pl_error *error);
int remediation_start(remediation *r, pl_error *error);
void remediation_stop(remediation *r);
void remediation_close(remediation *r);
int remediation_work(remediation *r, bool *worked, pl_error *error);

/*
 * Checks template and parameters for a rule. RemediationTemplateNotExist: no such template, none for the
 * rule, or no function ARN; Invalid.Params.Value: not JSON, an unknown or missing parameter, a value that is
 * not allowed; RemediationInputParamInConsistentWithRule: tags other than those the rule asks for.
 */
int remediation_check(const catalogue *known, pl_arena *arena, const engine_rule *rule,
                      const engine_remedy *remedy, pl_error *error);

/* What the placeholders of parameters stand for. */
typedef struct remediation_subject {
    pl_str account_id, region_id, resource_type, resource_id, resource_name;
} remediation_subject;

/*
 * The values a template runs with, as a JSON object of texts in the arena: stored parameters over the
 * template's defaults, placeholders replaced.
 */
int remediation_values(pl_arena *arena, const catalogue_remediation *template, pl_str params,
                       const remediation_subject *subject, pl_json *values, pl_error *error);

/*
 * The resource after the template's effect, as a configuration item; into `out`. InvalidParameter: the
 * template has no effect that could be simulated.
 */
int remediation_apply(pl_arena *arena, const catalogue_remediation *template, pl_json values,
                      const inventory_resource *resource, pl_buf *out, pl_error *error);

#endif
