/*
 * The log of calls: which identity asked for which action on which resource from where, counted. It answers
 * what a change of control policies would break.
 *
 * Distinct calls gather in memory and are written by identity_flush; they are kept for IDENTITY_CALL_DAYS and
 * at most IDENTITY_CALLS_MAX of an account, the newest ones. The account owner is not logged: control
 * policies do not bind it.
 */
#ifndef IDENTITY_CALLS_H
#define IDENTITY_CALLS_H

#include "identity/identity.h"
#include "policy/decide.h"

enum {
    IDENTITY_CALL_DAYS = 90,
    IDENTITY_CALLS_MAX = 20000, /* distinct calls kept of an account */
    IDENTITY_CALLS_GATHERED_MAX =
        20000, /* distinct calls in memory; others are not logged until the next write */
    IDENTITY_CALLS_DECIDED_MAX = 200000, /* of one simulation */
    IDENTITY_CALLS_SHOWN_MAX = 1000
};

typedef struct identity_seen_call {
    pl_str account_id;
    pl_str principal_arn; /* user or role */
    pl_str action, resource, source_ip;
    int64_t first_seen, last_seen; /* Unix milliseconds */
    int64_t count;
} identity_seen_call;

/* A call that would be decided otherwise. */
typedef struct identity_changed_call {
    identity_seen_call call;
    pl_ruling before, after;
} identity_changed_call;

typedef struct identity_impact {
    identity_changed_call *items; /* at most IDENTITY_CALLS_SHOWN_MAX */
    size_t count, capacity;
    int64_t accounts; /* that the change would bind */
    int64_t decided;  /* distinct calls looked at */
    int64_t changed;  /* of them */
    bool truncated;   /* there were more calls than could be looked at */
} identity_impact;

/*
 * What attaching a control policy to a folder or member of the directory that `management_id` manages would
 * change among the calls seen since `since`. Not inside a store work. All in the arena.
 * EntityNotExists.ResourceDirectory, EntityNotExists.Target, MalformedPolicyDocument,
 * InvalidParameter.PolicyDocument.Length.
 */
int identity_control_impact(identity *identity, pl_arena *arena, pl_str management_id, pl_str target_id,
                            pl_str document, int64_t since, int64_t now, identity_impact *impact,
                            pl_error *error);

#endif
