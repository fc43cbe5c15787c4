/*
 * Trying policies: what would be decided for a principal if other policies were attached. The stored ones and
 * the tried ones go through the same decision as real calls.
 */
#ifndef IDENTITY_SIMULATE_H
#define IDENTITY_SIMULATE_H

#include "identity/identity.h"
#include "policy/decide.h"

/* A policy to try. */
typedef struct identity_trial {
    pl_str target_id; /* of a control policy: the folder or account; absent: the principal's account */
    pl_str replaces;  /* name of a stored identity policy, or id of a control policy; absent: it is added */
    pl_str name;      /* what answers call it */
    pl_str document;  /* JSON; absent: the policy `replaces` is taken off `target_id`, nothing added */
} identity_trial;

/* Policies to try. With `levels` they stand instead of all stored ones, otherwise besides them. */
typedef struct identity_trials {
    const identity_trial *items;
    size_t count;
    bool instead;
    /* Control policies that stand instead: items[i] belongs to level level_of[i], from the root folder down.
     */
    const size_t *level_of;
    size_t level_count;
} identity_trials;

typedef struct identity_simulation {
    pl_str principal_arn; /* root, user or role (a session name may follow) of an existing identity */
    pl_str action;
    pl_str resource;
    const pl_context_entry *context;
    size_t context_count;
    identity_trials identity_policies, control_policies;
    identity_request common; /* source address, transport and time; its other members are not used */
} identity_simulation;

/* A statement that applied. */
typedef struct identity_matched {
    pl_str step; /* "control policy", "session policy", "identity policy", ... */
    pl_str effect;
    pl_str policy_id; /* of a control policy, else empty */
    pl_str policy_name;
    pl_str target_id; /* node of a control policy, else empty */
    pl_json statement;
} identity_matched;

/* All in the arena. */
typedef struct identity_verdict {
    pl_ruling ruling;
    pl_str step;        /* that decided */
    pl_str policy_name; /* of the statement that decided; empty for an implicit denial */
    pl_str target_id, target_name, target_path; /* of a deciding control-policy level, else empty */
    const identity_matched *matched;
    size_t matched_count;
} identity_verdict;

/*
 * Simulates on behalf of `account_id`, which must be the principal's account or manage it. Not inside a store
 * work. Invalid.PrincipalArn.Value, Invalid.IdentityPolicies.Value, Invalid.ControlPolicies.Value,
 * Invalid.Context.Value, Invalid.ActionName.Value.
 */
int identity_simulate(identity *room, pl_arena *arena, pl_str account_id, const identity_simulation *s,
                      identity_verdict *verdict, pl_error *error);

#endif
