-- Accounts as identities, RAM users, groups, roles, policies, access keys. Owned by src/identity.

CREATE TABLE identity_accounts (
    account_id TEXT NOT NULL PRIMARY KEY,
    account_name TEXT NOT NULL,
    alias TEXT,
    created_at BIGINT NOT NULL,
    security_preference TEXT NOT NULL
);

-- An account's alias is unique in the store.
CREATE TABLE identity_aliases (
    alias TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL
);

CREATE TABLE identity_users (
    account_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    mobile_phone TEXT NOT NULL,
    email TEXT NOT NULL,
    comments TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login_at BIGINT,
    login_password TEXT,
    login_reset_required BIGINT,
    login_mfa_required BIGINT,
    login_created_at BIGINT,
    PRIMARY KEY (account_id, user_name)
);
-- Names differ in more than letter case, because ARNs are compared without it.
CREATE UNIQUE INDEX identity_users_by_folded_name ON identity_users (account_id, lower(user_name));

CREATE TABLE identity_groups (
    account_id TEXT NOT NULL,
    group_name TEXT NOT NULL,
    group_id TEXT NOT NULL,
    comments TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, group_name)
);
CREATE UNIQUE INDEX identity_groups_by_folded_name ON identity_groups (account_id, lower(group_name));

CREATE TABLE identity_group_members (
    account_id TEXT NOT NULL,
    group_name TEXT NOT NULL,
    user_name TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, group_name, user_name)
);
CREATE INDEX identity_group_members_by_user ON identity_group_members (account_id, user_name);

CREATE TABLE identity_roles (
    account_id TEXT NOT NULL,
    role_name TEXT NOT NULL,
    role_id TEXT NOT NULL,
    description TEXT NOT NULL,
    trust_policy TEXT NOT NULL,
    max_session_seconds BIGINT NOT NULL,
    service_linked BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, role_name)
);
CREATE UNIQUE INDEX identity_roles_by_folded_name ON identity_roles (account_id, lower(role_name));

-- Deletions of service-linked roles, which clients ask about by task id.
CREATE TABLE identity_role_deletions (
    account_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    role_name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, task_id)
);

-- Custom policies; system policies are part of the program.
CREATE TABLE identity_policies (
    account_id TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    description TEXT NOT NULL,
    default_version BIGINT NOT NULL,
    last_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, policy_name)
);
CREATE UNIQUE INDEX identity_policies_by_folded_name ON identity_policies (account_id, lower(policy_name));

CREATE TABLE identity_policy_versions (
    account_id TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, policy_name, version)
);

-- principal_kind: user, group, role. An empty resource_group_id is the whole account.
CREATE TABLE identity_attachments (
    account_id TEXT NOT NULL,
    principal_kind TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    policy_type TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    resource_group_id TEXT NOT NULL,
    attached_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, principal_kind, principal_name, policy_type, policy_name, resource_group_id)
);
CREATE INDEX identity_attachments_by_policy ON identity_attachments (account_id, policy_type, policy_name);

-- An empty user_name is the account's root identity. `secret` is sealed with the key file.
CREATE TABLE identity_access_keys (
    account_id TEXT NOT NULL,
    access_key_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    secret BYTEA NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (account_id, access_key_id)
);
CREATE INDEX identity_access_keys_by_user ON identity_access_keys (account_id, user_name);

-- Which account a key belongs to: the one look-up that starts without an account.
CREATE TABLE identity_key_owners (
    access_key_id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL
);

-- kind is role or policy.
CREATE TABLE identity_tags (
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    tag_key TEXT NOT NULL,
    tag_value TEXT NOT NULL,
    PRIMARY KEY (account_id, kind, name, tag_key)
);
