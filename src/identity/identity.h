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
#include "base/log.h"
#include "base/random.h"
#include "store/db.h"
#include "json/writer.h"

struct org;
struct org_hooks;

typedef struct identity identity;

/* `key_file` holds the 32 bytes that seal secrets, in hexadecimal; it is made (mode 0600) when it is missing.
 */
typedef struct identity_config {
    store *store;
    struct org *org; /* NULL: no resource directories */
    pl_clock clock;
    pl_random random;
    const pl_log *log; /* may be NULL */
    const char *key_file;
} identity_config;

/* Opens the room. ServiceUnavailable when the key file cannot be read, made, or is not the store's. */
int identity_open(identity **out, const identity_config *config, pl_error *error);
void identity_close(identity *room); /* after store_close; NULL is fine */

/* A root identity with its key, as credentials.json shows it. NUL-terminated. */
typedef struct identity_root {
    char account_id[32];
    char access_key_id[64];
    char access_key_secret[128];
} identity_root;

/*
 * Makes the first account and its root key, when the store has no account yet. Members of `wanted` that are
 * not empty preset the values. `*created` tells whether it did; `*root` is filled only then.
 */
int identity_bootstrap(identity *room, const identity_root *wanted, identity_root *root, bool *created,
                       pl_error *error);

/*
 * Seals every secret anew under a fresh key, in one transaction, and replaces the key file. Sessions end,
 * because their tokens were sealed with the old key. A process that shares the file takes the new one by
 * itself; nodes on other machines need it copied. A crash leaves either key working; -1 leaves everything as
 * it was.
 */
int identity_rotate_key(identity *room, int64_t *secrets, pl_error *error);

typedef enum identity_kind {
    IDENTITY_ROOT,         /* the account itself */
    IDENTITY_USER,         /* RAM user */
    IDENTITY_ASSUMED_ROLE, /* STS session of a role */
    IDENTITY_SERVICE,      /* Plumbline's own work, never from the wire */
    IDENTITY_ANONYMOUS     /* of the few operations that come without signature; owns nothing */
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
    pl_str session_policy;  /* JSON text; absent when the session has none */
    pl_str source_identity; /* as AssumeRole was told; absent otherwise */
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
int identity_find_key(identity *room, pl_arena *arena, pl_str access_key_id, pl_str security_token,
                      int64_t now, identity_key *key, pl_error *error);

/* A condition key with its value, as acs:RequestTag/env. */
typedef struct identity_fact {
    pl_str key, value;
} identity_fact;

/*
 * The tags of a resource, as acs:ResourceTag/<key>, in the arena that identity_authorize was given. None for
 * a resource that has no tags or is not there. An error ends the authorization as that error.
 */
typedef int (*identity_tags_of)(void *context, pl_str resource, const identity_fact **tags, size_t *count,
                                pl_error *error);

/* What is to be authorized: an action on one or more resources, with the request's context. */
typedef struct identity_request {
    pl_str action;           /* "config:CreateConfigRule" */
    const pl_str *resources; /* ARNs; all must be allowed */
    size_t resource_count;
    pl_str source_ip;
    bool secure;
    int64_t now;
    const identity_fact *facts; /* condition keys that the parameters bring */
    size_t fact_count;
    identity_tags_of tags_of; /* asked when a policy wants to know; NULL: tags are not known */
    void *tags_context;
} identity_request;

/* Why a call was denied, for AccessDeniedDetail (reference/ram-authorization.md). */
typedef struct identity_denial {
    pl_str action;             /* that was denied; what the operation asked for */
    pl_str policy_type;        /* AccountLevelIdentityBasedPolicy, ControlPolicy, SessionPolicy, ... */
    pl_str no_permission_type; /* ImplicitDeny or ExplicitDeny */
    pl_str decided_at;         /* folder or account id of a control policy */
    pl_str principal_type;     /* SubUser, AssumedRoleUser */
    pl_str principal_owner;    /* account id */
    pl_str principal_name;     /* user id, or role:session */
    pl_str encoded_message;    /* for DecodeDiagnosticMessage; absent when it could not be made */
} identity_denial;

/*
 * Identity policies and session policy and control policies along the directory, default deny. 0 when
 * allowed; -1 with the product's own denial code otherwise (`denial` filled), also when the request is over a
 * limit of the decision. -1 without a denial (`no_permission_type` absent) when nothing could be decided:
 * ServiceUnavailable for want of memory or of the store.
 */
int identity_authorize(identity *room, pl_arena *arena, const identity_caller *caller,
                       const identity_request *request, identity_denial *denial, pl_error *error);

/*
 * Whether the caller may do an action on a resource of any group (`*everywhere`), and on one in each of the
 * resource groups (`allowed`, one for each id). Nothing is logged; what goes wrong is a no and -1.
 */
int identity_may_in_groups(identity *room, pl_arena *arena, const identity_caller *caller,
                           const identity_request *request, const pl_str *group_ids, size_t count,
                           bool *everywhere, bool *allowed, pl_error *error);

/*
 * Opens `encoded_message`: the object DecodedDiagnosticMessage, in the arena, and when it was made (Unix
 * milliseconds). EntityNotExist for anything that this store's program did not make.
 */
int identity_diagnosis_open(identity *room, pl_arena *arena, pl_str encoded, pl_json *message, int64_t *at,
                            pl_error *error);

/* --- Sessions --------------------------------------------------------------------------------------------
 */

/* What AssumeRole hands out; NUL-terminated where it is an array. The token lives in the arena. */
typedef struct identity_session {
    char access_key_id[64];
    char access_key_secret[64];
    pl_str security_token;
    int64_t expires; /* Unix milliseconds */
} identity_session;

/* Makes a session of a role; nothing is stored: the token is sealed and carries all that is needed. */
int identity_session_make(identity *room, pl_arena *arena, const identity_caller *role, int64_t expires,
                          identity_session *out, pl_error *error);

/* --- For the operations of RAM ----------------------------------------------------------------------------
 */

/* Seals and stores a new key of a user (an empty name: of the root) inside the caller's transaction. */
int identity_key_create(identity *room, store_session *session, pl_str account_id, pl_str user_name,
                        int64_t now, identity_root *out, pl_error *error);

/*
 * To be called in every transaction that changes users, groups, roles, policies, attachments or keys: what is
 * remembered of the account is forgotten, here and on other nodes, when it commits.
 */
int identity_changed(identity *room, store_session *session, pl_str account_id, pl_error *error);

/* Makes the root identity of a member account (hook of the room org). */
int identity_account_create(identity *room, store_session *session, pl_str account_id, pl_str name,
                            int64_t now, pl_error *error);

/* The hooks by which the organisation room makes, deletes and finds accounts, and asks for their owners'
 * keys; sets these four members only.
 */
void identity_org_hooks(identity *room, struct org_hooks *hooks);

/*
 * Writes what is kept back for a while: when keys were used last, and the log of calls. To be called every
 * minute or so, and before store_close.
 */
int identity_flush(identity *room, pl_error *error);

/* Deletes everything of an account. */
int identity_account_delete(identity *room, store_session *session, pl_str account_id, pl_error *error);

/* When a key was used last, Unix milliseconds; 0: never. Includes uses that are not written to the store yet.
 */
int64_t identity_key_last_used(identity *room, pl_str access_key_id, int64_t stored);

typedef struct identity_system_policy {
    pl_str name, description, document;
} identity_system_policy;

/* The policies that the program ships, in byte order of their names. */
const identity_system_policy *identity_system_policies(size_t *count);
const identity_system_policy *identity_system_policy_find(pl_str name); /* NULL: none of this name */

#endif
