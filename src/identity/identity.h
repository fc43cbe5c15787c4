/*
 * The identity room: accounts' root identities, RAM users, groups, roles, access keys, sessions, policies.
 * It owns the tables of migration 0006 and the sealed secrets. It answers two questions for the gateway:
 * whose key is this, and may this principal do that.
 */
#ifndef IDENTITY_IDENTITY_H
#define IDENTITY_IDENTITY_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "store/db.h"

typedef struct identity identity;

typedef enum identity_kind {
    IDENTITY_ROOT,         /* the account itself */
    IDENTITY_USER,         /* RAM user */
    IDENTITY_ASSUMED_ROLE, /* STS session of a role */
    IDENTITY_SERVICE       /* Plumbline's own work, never from the wire */
} identity_kind;

/* Who calls. Lives in the request's arena. */
typedef struct identity_caller {
    identity_kind kind;
    pl_str account_id;
    pl_str principal_id; /* user or role id */
    pl_str name;         /* user name, or role name */
    pl_str session_name; /* of an assumed role */
    pl_str arn;          /* acs:ram::{account}:user/{name} and so on */
    pl_str access_key_id;
    pl_str session_policy; /* JSON text; absent when the session has none */
    bool mfa;
} identity_caller;

/* A key as the gateway needs it to verify a signature. Lives in the arena; wiped by the caller after use. */
typedef struct identity_key {
    pl_str secret;
    bool active;
    identity_caller caller;
} identity_key;

/*
 * Finds an access key (permanent or STS) with its secret. `security_token` is absent for permanent keys.
 * Fails with InvalidAccessKeyId.NotFound, .Inactive, MissingSecurityToken or InvalidSecurityToken.*
 * (reference/gateway.md, section 9). Served from memory after the first use.
 */
int identity_find_key(identity *identity, pl_arena *arena, pl_str access_key_id, pl_str security_token,
                      int64_t now, identity_key *key, pl_error *error);

/* What is to be authorized: an action on one or more resources, with the request's context. */
typedef struct identity_request {
    pl_str action;           /* "config:CreateConfigRule" */
    const pl_str *resources; /* ARNs; all must be allowed */
    size_t resource_count;
    pl_str source_ip;
    bool secure;
    int64_t now;
} identity_request;

/* Why a call was denied, for AccessDeniedDetail (reference/ram-authorization.md). */
typedef struct identity_denial {
    pl_str policy_type;        /* AccountLevelIdentityBasedPolicy, ControlPolicy, SessionPolicy, ... */
    pl_str no_permission_type; /* ImplicitDeny or ExplicitDeny */
    pl_str decided_at;         /* folder or account id of a control policy */
} identity_denial;

/*
 * Identity policies and session policy and control policies along the directory, default deny. 0 when
 * allowed; -1 with the product's own denial code otherwise (`denial` filled). An evaluation error denies.
 */
int identity_authorize(identity *identity, pl_arena *arena, const identity_caller *caller,
                       const identity_request *request, identity_denial *denial, pl_error *error);

#endif
