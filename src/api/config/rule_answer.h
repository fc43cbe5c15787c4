/*
 * Rules as answers show them. What an answer needs beside the record (compliance, pack name, whether a run is
 * under way) is read inside the transaction into a config_rule_view; the writing comes after it.
 */
#ifndef API_CONFIG_RULE_ANSWER_H
#define API_CONFIG_RULE_ANSWER_H

#include "api/config/shared.h"

typedef struct config_rule_view {
    engine_rule rule;
    engine_compliance compliance;
    int64_t compliance_count;
    bool evaluating;
    pl_str pack_id, pack_name; /* of the oldest pack the rule is in; empty: none */
} config_rule_view;

/* Completes views whose `rule` is filled. */
int config_view_rules(api_call *call, store_session *session, const config_owner *owner,
                      config_rule_view *views, size_t count, pl_error *error);

/* "ACTIVE", "EVALUATING", "INACTIVE". */
pl_str config_rule_state(const config_rule_view *view);

/* The object ConfigRule of GetConfigRule and GetAggregateConfigRule. */
void config_write_rule(api_call *call, const config_owner *owner, const config_rule_view *view);

/* An element of ConfigRuleList. */
void config_write_rule_line(api_call *call, const config_owner *owner, const config_rule_view *view);

/* acs:config::{account}:rule/{id} */
void config_write_rule_arn(api_call *call, const engine_rule *rule);

/* ConfigRuleEvaluationStatus */
void config_write_rule_status(api_call *call, const engine_rule *rule);

/* Source with owner, identifier, details and conditions; ManagedRule of managed rules. */
void config_write_rule_source(api_call *call, const engine_rule *rule);
void config_write_managed(api_call *call, const engine_rule *rule);

/* InputParameters as an object. */
void config_write_rule_parameters(api_call *call, const engine_rule *rule);

#endif
