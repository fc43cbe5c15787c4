/*
 * The decision: may this principal do this action on this resource?
 *
 * Control policies of every level from the member account up to the root, then the session policy, then the
 * identity policies, then those scoped to a resource group, then (AssumeRole) the trust policy; the first
 * step that does not allow is final (reference/policy-language.md, section 4).
 * INVARIANT: anything that goes wrong is a denial. A decision allocates nothing.
 */
#ifndef PL_POLICY_DECIDE_H
#define PL_POLICY_DECIDE_H

#include "policy/set.h"

enum {
    PL_REQUEST_MAX_ACTION = 256,    /* bytes of an action */
    PL_REQUEST_MAX_RESOURCE = 2048, /* bytes of an ARN */
    PL_REQUEST_MAX_VALUE = 4096,    /* bytes of a context value */
    PL_REQUEST_MAX_CONTEXT = 1024,  /* context entries */
    PL_DECISION_MAX_LEVELS = 64,    /* control-policy levels */
    PL_DECISION_MAX_MATCHED = 32    /* statements that a decision names */
};

typedef enum pl_caller_kind {
    PL_CALLER_ROOT,                /* the owner of the account */
    PL_CALLER_USER,                /* RAM user */
    PL_CALLER_ROLE,                /* session of an ordinary role */
    PL_CALLER_SERVICE_LINKED_ROLE, /* session of a service-linked role */
    PL_CALLER_SERVICE,             /* a cloud service assuming a role */
    PL_CALLER_FEDERATED            /* an identity provider's user assuming a role */
} pl_caller_kind;

typedef enum pl_account_role {
    PL_ACCOUNT_STANDALONE, /* in no resource directory */
    PL_ACCOUNT_MEMBER,
    PL_ACCOUNT_MANAGEMENT
} pl_account_role;

typedef struct pl_request_principal {
    pl_caller_kind kind;
    pl_account_role account_role;
    pl_str account_id;
    pl_str arn; /* of user, role (without the session name) or identity provider; a service's own name */
} pl_request_principal;

/* A condition key of the request with its values; a key without values is missing. Keys ignore case. */
typedef struct pl_context_entry {
    pl_str key;
    const pl_str *values;
    size_t count;
} pl_context_entry;

typedef struct pl_request {
    pl_str action;   /* "config:GetConfigRule" */
    pl_str resource; /* one ARN */
    pl_request_principal principal;
    const pl_context_entry *context;
    size_t context_count;
} pl_request;

/* The policies of one node of the directory; `id` is the folder's or account's. A NULL set allows nothing. */
typedef struct pl_control_level {
    pl_str id;
    const pl_policy_set *set;
} pl_control_level;

/* How the identity step and the trust policy combine (reference/policy-language.md, sections 4.2, 4.3). */
typedef enum pl_trust_use {
    PL_TRUST_NONE,         /* the call assumes no role */
    PL_TRUST_AND_IDENTITY, /* AssumeRole: both must allow */
    PL_TRUST_ALONE         /* role-based SSO and services: the trust policy decides */
} pl_trust_use;

/* Everything that has a say. Sets are not owned; they must live until the decision is no longer read. */
typedef struct pl_authority {
    const pl_control_level *control; /* from the root folder down to the account */
    size_t control_count;            /* 0: control policies are off, or the account is no member */
    const pl_policy_set *session;    /* of a role's session, asked of nobody else; NULL: it has no policy */
    const pl_policy_set *identity;   /* NULL: nothing attached */
    const pl_policy_set *resource_group; /* scoped to the resource's group; NULL: none */
    const pl_policy_set *trust;          /* of the role that is to be assumed */
    pl_trust_use trust_use;
} pl_authority;

typedef enum pl_ruling { PL_IMPLICIT_DENY, PL_EXPLICIT_DENY, PL_ALLOW } pl_ruling;

typedef enum pl_decider {
    PL_BY_NOBODY, /* an error: see pl_decide */
    PL_BY_OWNER,  /* root identity */
    PL_BY_CONTROL_POLICY,
    PL_BY_SESSION_POLICY,
    PL_BY_IDENTITY_POLICY,
    PL_BY_RESOURCE_GROUP_POLICY,
    PL_BY_TRUST_POLICY
} pl_decider;

/* A statement that applied. */
typedef struct pl_matched_statement {
    pl_decider step;
    pl_effect effect;
    size_t level; /* index into the authority's `control`, for that step */
    const pl_policy_set *set;
    size_t policy;    /* index in the set */
    size_t statement; /* index in the policy */
} pl_matched_statement;

typedef struct pl_decision {
    pl_ruling verdict;
    pl_decider decided_by;
    size_t level;      /* for PL_BY_CONTROL_POLICY: index into `control` */
    pl_str decided_at; /* for PL_BY_CONTROL_POLICY: the level's id */
    pl_matched_statement matched[PL_DECISION_MAX_MATCHED];
    size_t matched_count; /* entries in `matched` */
    size_t matched_total; /* statements that applied, also those beyond the array */
} pl_decision;

/*
 * Decides. 0 with a verdict; -1 with an error (over a limit above, or an action without service) and a
 * decision that denies, decided by nobody. Stops at the first statement that settles a step; `matched` then
 * holds these statements.
 */
int pl_decide(const pl_authority *authority, const pl_request *request, pl_decision *decision,
              pl_error *error);

/*
 * The same verdict, with every applicable statement of every step that was reached, in the order of steps,
 * policies and statements. For simulation; slower.
 */
int pl_decide_explained(const pl_authority *authority, const pl_request *request, pl_decision *decision,
                        pl_error *error);

/* "Allow", "ExplicitDeny", "ImplicitDeny": also NoPermissionType of AccessDeniedDetail. */
pl_str pl_ruling_name(pl_ruling verdict);

/* "owner", "control policy", "session policy", "identity policy", ... for people. */
pl_str pl_decider_name(pl_decider decider);

/* PolicyType of AccessDeniedDetail (reference/ram-authorization.md, section 4). */
pl_str pl_decider_policy_type(pl_decider decider);

#endif
