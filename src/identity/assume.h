/* Assuming a role (STS). */
#ifndef IDENTITY_ASSUME_H
#define IDENTITY_ASSUME_H

#include "identity/identity.h"

/* What a caller asks for. Absent members were not given. */
typedef struct identity_assumption {
    pl_str role_arn;
    pl_str session_name;
    pl_str session_policy; /* JSON */
    pl_str external_id;
    pl_str source_identity; /* 2 to 64 letters, digits and = , . @ - _; absent: none */
    int64_t duration_seconds;
    pl_str source_ip;
    bool secure;
    int64_t now;
} identity_assumption;

/*
 * Checks and decides, and makes the session; `*role` is the identity that it acts as. Not inside a store
 * work. InvalidParameter.RoleArn, .RoleSessionName, .ExternalId, .DurationSeconds, .PolicyGrammar,
 * .PolicySize; EntityNotExist.Role; NoPermission when identity policies, control policies or the trust policy
 * do not allow: `denial` (may be NULL) then tells why.
 */
int identity_assume_role(identity *room, pl_arena *arena, const identity_caller *caller,
                         const identity_assumption *wanted, identity_caller *role, identity_session *session,
                         identity_denial *denial, pl_error *error);

#endif
