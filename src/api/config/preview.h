/* Evaluating one rule on one configuration that is not stored: dry runs and pre-deployment checks. */
#ifndef API_CONFIG_PREVIEW_H
#define API_CONFIG_PREVIEW_H

#include "api/config/shared.h"
#include "condition/program.h"

typedef struct config_preview {
    pl_verdict verdict;
    pl_str annotation; /* JSON text; empty when there is none */
    pl_str context;    /* the evaluated tree as JSON text; empty when there is none */
    pl_str applies;    /* the same of the precondition */
} config_preview;

/*
 * What is evaluated; `item` as the source CONFIGURATION_ITEM shows it. Related resources are those recorded
 * in the resource's account and the others of the same call.
 */
typedef struct config_subject {
    pl_json configuration, item;
    inventory_resource resource;     /* account, type, region and id */
    const engine_unrecorded *others; /* what the call brings along, this one included; NULL: nothing */
    size_t other_count;
} config_subject;

/*
 * Evaluates a managed rule with these input parameters (an object, or missing). A rule that recorded
 * configuration cannot decide answers PL_INSUFFICIENT_DATA. Fails with Invalid.InputParameters.Value.
 */
int config_preview_managed(api_call *call, const catalogue_rule *rule, pl_json parameters,
                           const config_subject *subject, config_preview *out);

#endif
