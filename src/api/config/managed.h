/* Which resource types hold resources that no rule looks at: for recommendations and filters. */
#ifndef API_CONFIG_MANAGED_H
#define API_CONFIG_MANAGED_H

#include "api/config/shared.h"

typedef struct config_type_count {
    pl_str type;
    int64_t count;
} config_type_count;

/*
 * The types of the owner's live resources inside the scope (NULL: everything) that are recorded and that no
 * rule of the owner names, with the number of resources. What is kept of a type that is not recorded any more
 * does not count: no rule would look at it. A rule for every type ("*") does not count as looking at one. The
 * array lives in the call's arena.
 */
int config_uncovered_types(api_call *call, store_session *session, const config_owner *owner,
                           const engine_scope *scope, config_type_count **types, size_t *count,
                           pl_error *error);

/* Resources behind the rule's largest uncovered type; 0: the rule would look at nothing new. */
int64_t config_uncovered_count(const catalogue_rule *rule, const config_type_count *types, size_t count);

#endif
