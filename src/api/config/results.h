/*
 * What the handlers of results and resources share: which rules and accounts a call is about, and how one
 * result is written.
 */
#ifndef API_CONFIG_RESULTS_H
#define API_CONFIG_RESULTS_H

#include "api/config/shared.h"

/* The accounts whose resources a call asks about: the owner's, or the one in ResourceAccountId. */
typedef struct config_accounts {
    const pl_str *items;
    size_t count;
} config_accounts;

/*
 * ResourceAccountId (ResourceOwnerId, in version 2019 MemberId) narrows the owner's accounts;
 * Invalid.ResourceOwnerId.Value when it names none of them.
 */
int config_accounts_of(api_call *call, const config_owner *owner, config_accounts *out);

/*
 * The owner's rules that a call names by ConfigRuleId and CompliancePackId, all of them when it names none.
 * ConfigRuleNotExists and Invalid.CompliancePackId.Value for unknown ones. Runs inside a transaction.
 */
int config_named_rules(api_call *call, store_session *session, const config_owner *owner, pl_str rule_id,
                       pl_str pack_id, engine_rule **rules, size_t *count, pl_error *error);

/* One element of EvaluationResultList. `remediated`: the rule has a remediation that may run. */
void config_write_result(api_call *call, const engine_result *result, bool remediated);

/* {ComplianceType, Count} of every kind above 0; with `only` that kind alone. */
void config_write_compliances(pl_writer *out, const engine_counts *counts, const engine_compliance *only);

/* A list parameter of resource types in the catalogue's spelling. */
int config_types(api_call *call, const char *name, engine_list *out);

/* The display name of an account of the directory; empty when it has none. Lives in the call's arena. */
pl_str config_account_name(api_call *call, pl_str account_id);

/* Whether the account lies in the folder or below it. */
int config_in_folder(api_call *call, pl_str account_id, pl_str folder_id, bool *inside);

/* The value of ComplianceType; false when it is absent or empty. */
bool config_compliance(api_call *call, engine_compliance *out);

#endif
