/*
 * The tags of what an ARN names, as condition keys (reference/policy-language.md, section 3.3). Owns nothing:
 * rules and packs, the directory and RAM keep their own tags.
 */
#ifndef API_RESOURCE_TAGS_H
#define API_RESOURCE_TAGS_H

#include "api/shared.h"

/*
 * acs:ResourceTag/<key> of a rule, pack, account group, folder, member, control policy, resource group, role
 * or RAM policy that the account may name. Nothing for all other ARNs, for lists (`rule/<star>`) and for what
 * is not there. In the arena; ServiceUnavailable when the store cannot be read.
 */
int api_resource_tags(const api_services *services, pl_arena *arena, pl_str account_id, pl_str resource,
                      const identity_fact **tags, size_t *count, pl_error *error);

/*
 * The condition keys that the parameters of a call bring: acs:RequestTag/<key> of the tags it sets, and
 * ram:ServiceName of the service whose role it makes (reference/ram-authorization.md, section 7). In the
 * arena; ServiceUnavailable without memory.
 */
int api_request_facts(const struct api_operation *operation, const struct api_value *input, pl_arena *arena,
                      const identity_fact **facts, size_t *count, pl_error *error);

#endif
