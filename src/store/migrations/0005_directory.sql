-- Resource directories, control policies, account groups, resource groups (src/org/).
-- account_id is the management account, or the account that owns the group.

-- One row. `locked` is written first by every change, which serializes them; `version` counts changes of what
-- views show.
CREATE TABLE directory_version (
    id BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    locked BIGINT NOT NULL
);
INSERT INTO directory_version (id, version, locked) VALUES (1, 1, 0);

CREATE TABLE directories (
    account_id TEXT NOT NULL,
    directory_id TEXT NOT NULL,
    root_id TEXT NOT NULL,
    account_name TEXT NOT NULL,
    created BIGINT NOT NULL,
    deletion_enabled BIGINT NOT NULL,
    display_name_sync BIGINT NOT NULL,
    control_on BIGINT NOT NULL,
    control_switched BIGINT NOT NULL,
    control_ready BIGINT NOT NULL,
    PRIMARY KEY (account_id)
);

-- Without the root folder, which is a column of its directory. A folder's parent is older than the folder.
CREATE TABLE directory_folders (
    account_id TEXT NOT NULL,
    folder_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, folder_id),
    UNIQUE (account_id, parent_id, name)
);

CREATE TABLE directory_accounts (
    account_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    folder_id TEXT NOT NULL,
    account_name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    join_method TEXT NOT NULL,
    payer_id TEXT NOT NULL,
    deletion TEXT NOT NULL,
    email TEXT NOT NULL,
    new_email TEXT NOT NULL,
    email_status TEXT NOT NULL,
    phone TEXT NOT NULL,
    record_id TEXT NOT NULL,
    joined BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, member_id),
    UNIQUE (account_id, display_name)
);

-- Checks and deletions of members; they outlive the member.
CREATE TABLE directory_deletions (
    account_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    status TEXT NOT NULL,
    deletion_type TEXT NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    PRIMARY KEY (account_id, member_id)
);

CREATE TABLE directory_delegations (
    account_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    service TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account_id, member_id, service)
);

CREATE TABLE directory_handshakes (
    account_id TEXT NOT NULL,
    handshake_id TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target TEXT NOT NULL,
    note TEXT NOT NULL,
    status TEXT NOT NULL,
    folder_id TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (account_id, handshake_id)
);
CREATE INDEX directory_handshakes_target ON directory_handshakes (target, created);

-- Verification codes that were sent, by what they are for.
CREATE TABLE directory_codes (
    account_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    code TEXT NOT NULL,
    phone TEXT NOT NULL,
    sent BIGINT NOT NULL,
    position BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (account_id, purpose, position)
);

-- Tags of folders, members, control policies, resource groups and account groups; account_id is their owner.
CREATE TABLE directory_tags (
    account_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    tag_key TEXT NOT NULL,
    tag_value TEXT NOT NULL,
    PRIMARY KEY (account_id, resource_type, resource_id, tag_key)
);

CREATE TABLE control_policies (
    account_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    document TEXT NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, policy_id),
    UNIQUE (account_id, name)
);

CREATE TABLE control_policy_attachments (
    account_id TEXT NOT NULL,
    target_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    attached BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, target_id, policy_id)
);

CREATE TABLE account_groups (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    type TEXT NOT NULL,
    folder_ids TEXT NOT NULL,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, group_id),
    UNIQUE (account_id, name)
);

-- The accounts that a CUSTOM group names.
CREATE TABLE account_group_members (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account_id, group_id, member_id)
);

CREATE TABLE resource_groups (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    status TEXT NOT NULL,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, group_id),
    UNIQUE (account_id, name)
);

-- Switches of an account's resource groups.
CREATE TABLE resource_group_settings (
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
);
