/* Tried policies laid over the stored ones of an authority. Internal to the room. */
#ifndef IDENTITY_OVERLAY_H
#define IDENTITY_OVERLAY_H

#include "identity/decision.h"
#include "identity/simulate.h"

/* What was compiled for the trial; released after the decision is no longer read. */
typedef struct identity_overlay {
    pl_control_level levels[PL_DECISION_MAX_LEVELS];
    pl_policy_set *sets[PL_DECISION_MAX_LEVELS];
    size_t level_count;
    pl_policy_set *identity;
} identity_overlay;

/* An overlay that changes nothing, and its end. */
void identity_overlay_init(identity_overlay *overlay);
void identity_overlay_close(identity_overlay *overlay);

/* Lays identity policies over; -1 with Invalid.IdentityPolicies.Value when one is malformed. */
int identity_overlay_identity(identity_overlay *overlay, identity_authority *a, identity *room,
                              pl_arena *arena, const identity_trials *trials, pl_error *error);

/*
 * Lays control policies over the levels of `owner_id`. Where control policies are not enforced yet, every
 * node counts as having the policy that allows everything, as enabling would give it. -1 with
 * Invalid.ControlPolicies.Value.
 */
int identity_overlay_control(identity_overlay *overlay, identity_authority *a, identity *room,
                             pl_arena *arena, pl_str owner_id, const identity_trials *trials,
                             pl_error *error);

/* The caller that an ARN stands for, read from the store; Invalid.PrincipalArn.Value. */
int identity_caller_of_arn(identity *room, pl_arena *arena, pl_str arn, identity_caller *caller,
                           pl_error *error);

#endif
