/*
 * The log of calls: which identity asked for which action on which resource, with everything that a decision
 * depends on (address, transport, MFA, session policy, condition keys), counted. It answers what a change of
 * control policies would break: a call is decided again as it was made.
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
    IDENTITY_CALLS_BYTES_MAX = 32 << 20, /* in memory; others likewise */
    IDENTITY_CALLS_DECIDED_MAX = 200000, /* of one simulation */
    IDENTITY_CALLS_SHOWN_MAX = 1000
};

#define IDENTITY_CALL_TAGS "acs:ResourceTag"

typedef struct identity_seen_call {
    pl_str account_id;    /* whose control policies bound it: the owner of the resource */
    pl_str principal_arn; /* user or role */
    pl_str action, resource, source_ip;
    pl_str session_policy; /* JSON; empty: the session had none */
    pl_str conditions; /* JSON object of further condition keys and their texts, and of the resource's tags
                        * under IDENTITY_CALL_TAGS when a policy asked for them; empty: none */
    bool secure, mfa;
    int64_t first_seen, last_seen; /* Unix milliseconds; decided again as at `last_seen` */
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

/* A change of attachments to try: one of `policy_id` and `document` is given; `document` cannot be detached.
 */
typedef struct identity_control_change {
    pl_str target_id; /* folder or member of the directory */
    pl_str policy_id; /* a policy of the directory */
    pl_str document;  /* one that is not in the directory yet */
    bool detach;
    /* The tags of a resource of `account_id`, for calls whose tags no policy had asked for. May be NULL. */
    int (*tags_of)(void *context, pl_arena *arena, pl_str account_id, pl_str resource,
                   const identity_fact **tags, size_t *count, pl_error *error);
    void *tags_context;
} identity_control_change;

/*
 * What the change would do to the calls seen since `since` in the directory that `management_id` manages. Not
 * inside a store work. All in the arena. EntityNotExists.ResourceDirectory, EntityNotExists.Target,
 * EntityNotExists.ControlPolicy, EntityNotExists.ControlPolicyAttachment, NotSupport.DetachLastControlPolicy,
 * MalformedPolicyDocument, InvalidParameter.PolicyDocument.Length.
 */
int identity_control_impact(identity *room, pl_arena *arena, pl_str management_id,
                            const identity_control_change *change, int64_t since, identity_impact *impact,
                            pl_error *error);

#endif
