/*
 * Inside the engine room: what is shown of a stored result, or of its absence. Results that are COMPLIANT and
 * always were have no row; their times are those of the rule's last run and of the resource's capture.
 */
#ifndef ENGINE_RESULTS_H
#define ENGINE_RESULTS_H

#include "engine/outcome.h"

/* A covered resource without a row (NULL) is compliant, unless the rule has never run. */
engine_compliance engine_shown(const engine_rule *rule, const engine_row *row);

/*
 * The result of a rule for a resource as it is listed, texts in the arena. ServiceUnavailable without memory,
 * InternalError when there is no such resource.
 */
int engine_load_result(store_session *session, pl_arena *arena, const engine_rule *rule, pl_str account_id,
                       int64_t resource_key, engine_result *out, pl_error *error);

#endif
