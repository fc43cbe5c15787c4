/*
 * The objects of the identity room as data: users, groups, roles, policies, attachments, keys, tags.
 * Operations of RAM and of Resource Management work on the same ones.
 *
 * Every function runs inside a store work, on behalf of one account (identity_scope); results live in the
 * scope's arena. Names are found in any letter case and come back in the case they were made with, because
 * ARNs are compared without case (reference/policy-language.md, section 2.2). Functions that change anything
 * make the room forget what it remembers of the account when the transaction commits. Errors are the
 * documented codes (reference/api/ram-2015-05-01.json); limits are those of reference/policy-language.md,
 * section 1.1.
 */
#ifndef IDENTITY_ENTITIES_H
#define IDENTITY_ENTITIES_H

#include "identity/identity.h"

enum {
    IDENTITY_USERS_MAX = 5000,
    IDENTITY_GROUPS_MAX = 300,
    IDENTITY_ROLES_MAX = 1000,
    IDENTITY_GROUPS_PER_USER_MAX = 10,
    IDENTITY_KEYS_PER_USER_MAX = 2,
    IDENTITY_POLICIES_MAX = 1500,
    IDENTITY_VERSIONS_MAX = 5,
    IDENTITY_SYSTEM_ATTACHED_MAX = 20,
    IDENTITY_CUSTOM_ATTACHED_MAX = 10,
    IDENTITY_TAGS_MAX = 20
};

/* Whose identities, and the work at hand. */
typedef struct identity_scope {
    identity *room;
    store_session *session;
    pl_arena *arena;
    pl_str account_id;
    int64_t now; /* Unix milliseconds */
} identity_scope;

/* --- Users ------------------------------------------------------------------------------------------------
 */

typedef struct identity_user {
    pl_str name, id, display_name, mobile_phone, email, comments;
    int64_t created, updated, last_login; /* Unix milliseconds; last_login 0: never */
} identity_user;

/* EntityNotExist.User. */
int identity_user_find(const identity_scope *in, pl_str name, identity_user *user, pl_error *error);

/* Makes a user of the texts given; fills the rest. EntityAlreadyExists.User, LimitExceeded.User. */
int identity_user_create(const identity_scope *in, identity_user *user, pl_error *error);

/* Changes what is present in `changes`; a new name goes along everywhere. `*user` is the user afterwards. */
int identity_user_update(const identity_scope *in, pl_str name, const identity_user *changes,
                         identity_user *user, pl_error *error);

/* DeleteConflict.User.* while the user still has groups, keys, a login profile or policies. */
int identity_user_delete(const identity_scope *in, pl_str name, pl_error *error);

/* At most `limit` users behind the name `after` (absent: from the first). */
int identity_user_list(const identity_scope *in, pl_str after, int64_t limit, identity_user **users,
                       size_t *count, pl_error *error);

/* --- Groups -----------------------------------------------------------------------------------------------
 */

typedef struct identity_group {
    pl_str name, id, comments;
    int64_t created, updated;
    int64_t joined; /* in lists of a user's groups */
} identity_group;

/*
 * As with users: EntityNotExist.Group; EntityAlreadyExists.Group, LimitExceeded.Group; DeleteConflict.Group.*
 * while the group still has users or policies.
 */
int identity_group_find(const identity_scope *in, pl_str name, identity_group *group, pl_error *error);
int identity_group_create(const identity_scope *in, identity_group *group, pl_error *error);
int identity_group_update(const identity_scope *in, pl_str name, const identity_group *changes,
                          identity_group *group, pl_error *error);
int identity_group_delete(const identity_scope *in, pl_str name, pl_error *error);
int identity_group_list(const identity_scope *in, pl_str after, int64_t limit, identity_group **groups,
                        size_t *count, pl_error *error);

/* EntityAlreadyExists.User.Group, LimitExceeded.User.Group; EntityNotExist.User.Group. */
int identity_group_join(const identity_scope *in, pl_str group, pl_str user, pl_error *error);
int identity_group_leave(const identity_scope *in, pl_str group, pl_str user, pl_error *error);

/* The groups of an existing user, by name; `joined` is filled. EntityNotExist.User. */
int identity_group_list_of_user(const identity_scope *in, pl_str user, identity_group **groups, size_t *count,
                                pl_error *error);

typedef struct identity_member {
    pl_str name, display_name;
    int64_t joined;
} identity_member;

/* At most `limit` members behind the name `after`. EntityNotExist.Group. */
int identity_group_members(const identity_scope *in, pl_str group, pl_str after, int64_t limit,
                           identity_member **members, size_t *count, pl_error *error);

/* --- Login profiles ---------------------------------------------------------------------------------------
 */

/* Plumbline has no console login: a profile is kept for clients that manage it. */
typedef struct identity_login {
    pl_str user_name;
    pl_str password; /* as identity_password_hash made it */
    bool reset_required, mfa_required;
    int64_t created;
} identity_login;

enum { IDENTITY_PASSWORD_MIN = 8, IDENTITY_PASSWORD_MAX = 32 };

/*
 * A salted scrypt hash as text. Slow on purpose, so never inside a store work. -1 with ServiceUnavailable.
 */
int identity_password_hash(identity *room, pl_arena *arena, pl_str password, pl_str *hash, pl_error *error);
bool identity_password_is(pl_str password, pl_str hash);

/* EntityNotExist.User, EntityNotExist.User.LoginProfile. */
int identity_login_find(const identity_scope *in, pl_str user, identity_login *login, pl_error *error);
/* EntityAlreadyExists.User.LoginProfile. */
int identity_login_create(const identity_scope *in, identity_login *login, pl_error *error);
/* Writes all of `login` back. */
int identity_login_update(const identity_scope *in, const identity_login *login, pl_error *error);
int identity_login_delete(const identity_scope *in, pl_str user, pl_error *error);

/* --- Access keys ------------------------------------------------------------------------------------------
 */

typedef struct identity_access_key {
    pl_str id;
    bool active;
    int64_t created;
    int64_t last_used; /* 0: never */
} identity_access_key;

/* `user` empty: the account's own (root) keys, in all of these. Making one is identity_key_create. */
int identity_access_key_list(const identity_scope *in, pl_str user, identity_access_key **keys, size_t *count,
                             pl_error *error);
int identity_access_key_find(const identity_scope *in, pl_str user, pl_str id, identity_access_key *key,
                             pl_error *error);
int identity_access_key_set_active(const identity_scope *in, pl_str user, pl_str id, bool active,
                                   pl_error *error);
int identity_access_key_delete(const identity_scope *in, pl_str user, pl_str id, pl_error *error);

/* Makes a key of an existing user; LimitExceeded.User.AccessKey past two. */
int identity_access_key_create(const identity_scope *in, pl_str user, identity_root *key, pl_error *error);

/* --- Tags -------------------------------------------------------------------------------------------------
 */

typedef struct identity_tag {
    pl_str key, value;
} identity_tag;

typedef struct identity_tagged {
    pl_str name; /* of the role or policy */
    identity_tag tag;
} identity_tagged;

typedef enum identity_tag_kind { IDENTITY_TAG_ROLE, IDENTITY_TAG_POLICY } identity_tag_kind;

/* "role", "policy". */
pl_str identity_tag_kind_name(identity_tag_kind kind);

/* Sets tags on an existing role or custom policy. False keys are the caller's to refuse. */
int identity_tag_set(const identity_scope *in, identity_tag_kind kind, pl_str name, const identity_tag *tags,
                     size_t count, pl_error *error);

/* Removes one tag, or all when `key` is absent. */
int identity_tag_remove(const identity_scope *in, identity_tag_kind kind, pl_str name, pl_str key,
                        pl_error *error);

/* The tags of one role or policy, by key; none when it is not there. Names compare without case. */
int identity_tag_read(const identity_scope *in, identity_tag_kind kind, pl_str name, identity_tag **tags,
                      size_t *count, pl_error *error);

/* All tags of one kind in the account, by name and key. */
int identity_tag_list(const identity_scope *in, identity_tag_kind kind, identity_tagged **tags, size_t *count,
                      pl_error *error);

/* --- Roles ------------------------------------------------------------------------------------------------
 */

typedef struct identity_role {
    pl_str name, id, description, trust_policy;
    int64_t max_session_seconds;
    bool service_linked;
    int64_t created, updated;
} identity_role;

/* EntityNotExist.Role. */
int identity_role_find(const identity_scope *in, pl_str name, identity_role *role, pl_error *error);

/*
 * Makes a role of name, description, trust policy (checked here) and maximum; fills the rest.
 * EntityAlreadyExists.Role, LimitExceeded.Role, MalformedPolicyDocument.
 */
int identity_role_create(const identity_scope *in, identity_role *role, pl_error *error);

/* Changes what is present; max_session_seconds 0 stays as it is. NoPermission for a service-linked role. */
int identity_role_update(const identity_scope *in, pl_str name, const identity_role *changes,
                         identity_role *role, pl_error *error);

/* DeleteConflict.Role.Policy; NoPermission for a service-linked role. */
int identity_role_delete(const identity_scope *in, pl_str name, pl_error *error);

/* All roles of the account, by name. */
int identity_role_list(const identity_scope *in, identity_role **roles, size_t *count, pl_error *error);

/* The role's ARN. */
pl_str identity_role_arn(const identity_scope *in, pl_str role_name);

/*
 * Roles that belong to a service of the program (reference/ram-authorization.md, section 7). The description
 * is the service's own. EntityNotExist.Service, EntityAlreadyExists.Role.
 */
int identity_service_role_create(const identity_scope *in, pl_str service, identity_role *role,
                                 pl_error *error);

/* The service that the role of this name belongs to; absent for other roles. */
pl_str identity_service_of_role(pl_str role_name);

/* Deletes it at once; `*task_id` is what clients ask about. EntityNotExist.ServiceLinkedRole. */
int identity_service_role_delete(const identity_scope *in, pl_str name, pl_str *task_id, pl_error *error);

/* EntityNotExist.ServiceLinkedRole.DeletionTask. A task that is known has succeeded. */
int identity_service_role_deletion(const identity_scope *in, pl_str task_id, pl_error *error);

/* --- Policies ---------------------------------------------------------------------------------------------
 */

typedef struct identity_policy {
    bool system;
    pl_str name, description;
    int64_t default_version; /* 1 is "v1" */
    int64_t created, updated;
    int64_t attachment_count;
} identity_policy;

typedef struct identity_policy_version {
    int64_t version;
    bool is_default;
    pl_str document;
    int64_t created;
} identity_policy_version;

/* "System", "Custom". */
pl_str identity_policy_type_name(bool system);

/* EntityNotExist.Policy. */
int identity_policy_find(const identity_scope *in, bool system, pl_str name, identity_policy *policy,
                         pl_error *error);

/* Makes a custom policy with its version 1; the document is checked here. */
int identity_policy_create(const identity_scope *in, identity_policy *policy, pl_str document,
                           pl_error *error);
int identity_policy_describe(const identity_scope *in, pl_str name, pl_str description,
                             identity_policy *policy, pl_error *error);

/* `with_versions`: other versions than the default go too, instead of DeleteConflict.Policy.Version. */
int identity_policy_delete(const identity_scope *in, pl_str name, bool with_versions, pl_error *error);

/* All policies, system ones first, by name. `which` limits them to "System" or "Custom"; absent: both. */
int identity_policy_list(const identity_scope *in, pl_str which, identity_policy **policies, size_t *count,
                         pl_error *error);

/* `rotate`: the oldest version that is not the default makes room, instead of LimitExceeded.Policy.Version.
 */
int identity_version_create(const identity_scope *in, pl_str name, pl_str document, bool set_default,
                            bool rotate, identity_policy_version *version, pl_error *error);
int identity_version_find(const identity_scope *in, bool system, pl_str name, int64_t version,
                          identity_policy_version *found, pl_error *error);
int identity_version_list(const identity_scope *in, bool system, pl_str name,
                          identity_policy_version **versions, size_t *count, pl_error *error);
int identity_version_set_default(const identity_scope *in, pl_str name, int64_t version, pl_error *error);
int identity_version_delete(const identity_scope *in, pl_str name, int64_t version, pl_error *error);

/* --- Attachments ------------------------------------------------------------------------------------------
 */

typedef enum identity_principal_kind {
    IDENTITY_ON_USER,
    IDENTITY_ON_GROUP,
    IDENTITY_ON_ROLE
} identity_principal_kind;

/* One attachment. The resource group is empty when the policy holds in the whole account. */
typedef struct identity_attachment {
    identity_principal_kind kind;
    pl_str principal_name;
    bool system;
    pl_str policy_name;
    pl_str resource_group_id;
    int64_t attached;
    pl_str description;      /* of the policy; in lists */
    int64_t default_version; /* of the policy; in lists */
} identity_attachment;

/*
 * EntityNotExist.User (.Group, .Role), EntityNotExist.Policy, EntityNotExists.ResourceGroup,
 * EntityAlreadyExists.User.Policy (.Group, .Role), LimitExceeded.User.Policy (.Group, .Role).
 */
int identity_attach(const identity_scope *in, const identity_attachment *wanted, pl_error *error);

/* EntityNotExist.User.Policy (.Group, .Role) when it is not attached there. */
int identity_detach(const identity_scope *in, const identity_attachment *wanted, pl_error *error);

/* What a list is limited to; every member may be left out. */
typedef struct identity_attachment_filter {
    bool by_kind;
    identity_principal_kind kind;
    pl_str principal_name;
    pl_str policy_type; /* "System" or "Custom" */
    pl_str policy_name;
    bool by_group;
    pl_str resource_group_id;
} identity_attachment_filter;

/* By policy type, policy name, principal, resource group. */
int identity_attachment_list(const identity_scope *in, const identity_attachment_filter *filter,
                             identity_attachment **attachments, size_t *count, pl_error *error);

/* --- The account ------------------------------------------------------------------------------------------
 */

typedef struct identity_preference {
    bool save_mfa_ticket, change_password, manage_access_keys, manage_public_keys, manage_mfa_devices;
    int64_t login_hours;
    pl_str login_networks; /* addresses and blocks with ';' between them */
} identity_preference;

/* What holds for all users of the account; the first values are the vendor's until others are set. */
int identity_preference_get(const identity_scope *in, identity_preference *preference, pl_error *error);
int identity_preference_set(const identity_scope *in, const identity_preference *preference, pl_error *error);

/* The alias, absent when the account has none. EntityAlreadyExists.AccountAlias for another account's. */
int identity_alias_get(const identity_scope *in, pl_str *alias, pl_error *error);
int identity_alias_set(const identity_scope *in, pl_str alias, pl_error *error);
int identity_alias_clear(const identity_scope *in, pl_error *error);

/* What the account is called; `*found` tells whether there is such an account. */
int identity_account_find(const identity_scope *in, bool *found, pl_str *name, pl_error *error);

#endif
