/* Resources as templates of the orchestration service (ROS) write them. */
#ifndef API_CONFIG_ORCHESTRATION_H
#define API_CONFIG_ORCHESTRATION_H

#include "api/config/shared.h"

/*
 * Turns a type of the orchestration service ("ALIYUN::OSS::Bucket") and an object with its properties into
 * the recorded type and a configuration of it (reference/evaluation-semantics.md, section 13). What a
 * property means is data (catalogue/orchestration/); properties that the mapping does not name, and all of a
 * type without a mapping, keep their names. Results live in the call's arena.
 */
int config_from_orchestration(api_call *call, pl_str type, pl_json properties, pl_str *recorded_type,
                              pl_json *configuration);

#endif
