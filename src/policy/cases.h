/*
 * Requests, policies and decision cases as JSON: what `plumbline policy` and SimulatePolicy read.
 *
 * The form of a case is that of reference/ram-authorization.md, section 8. A case may also have
 * "trust_policy", the trust policy of the role that the request assumes; its principal may then be of type
 * Service (the ARN is the service's name) or Federated (the ARN of the identity provider).
 */
#ifndef PL_POLICY_CASES_H
#define PL_POLICY_CASES_H

#include "policy/decide.h"

enum { PL_CASES_MAX = 100000 };

/*
 * A request's context from a JSON object: key to string, number, boolean, or list of those. Lives in the
 * arena. -1 with InvalidParameter and the path for any other value.
 */
int pl_context_from_json(pl_arena *arena, pl_json object, const pl_context_entry **entries, size_t *count,
                         pl_error *error);

/* Adds a key with one value, unless the context has the key (ignoring case). -1 with ServiceUnavailable. */
int pl_context_add(pl_arena *arena, const pl_context_entry **entries, size_t *count, pl_str key, pl_str value,
                   pl_error *error);

/* The ARN of a role session without the name of the session; any other ARN as it is. A view into `arn`. */
pl_str pl_principal_of_session(pl_str arn);

/*
 * A set from a JSON array of documents, or from one document. Each element is a policy document, or an object
 * {"PolicyName": ..., "PolicyDocument": document or its JSON text}. Documents without a name are called by
 * their place, as "policy 2". The caller releases the set.
 */
int pl_policy_set_from_json(pl_arena *arena, pl_json documents, pl_policy_kind kind, pl_policy_set **set,
                            pl_error *error);

typedef struct pl_case_result {
    pl_str id;
    pl_str group;
    pl_ruling expected;
    const pl_decision *decision; /* its sets live while the result is reported */
    bool passed;
} pl_case_result;

/*
 * Runs every case of a JSON array through the real decision and hands each result to `report`. 0 when the
 * file is well-formed, whatever passed; -1 with InvalidParameter and the path of the first bad member.
 */
int pl_cases_run(pl_json cases, void (*report)(void *context, const pl_case_result *result), void *context,
                 pl_error *error);

#endif
