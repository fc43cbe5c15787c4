-- The log of calls with all that a decision depends on. account_id is the account whose control policies bound
-- the call, call_hash the digest of everything but times and count. A session policy is kept once by its digest;
-- an empty policy_hash: none. Owned by src/identity. What was gathered before lacks these facts, so it cannot be
-- decided again and goes.
DROP TABLE identity_calls;

CREATE TABLE identity_calls (
    account_id TEXT NOT NULL,
    call_hash BYTEA NOT NULL,
    principal_arn TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    source_ip TEXT NOT NULL,
    secure BIGINT NOT NULL,
    mfa BIGINT NOT NULL,
    policy_hash BYTEA NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    call_count BIGINT NOT NULL,
    PRIMARY KEY (account_id, call_hash)
);
CREATE INDEX identity_calls_by_time ON identity_calls (account_id, last_seen);
CREATE INDEX identity_calls_by_principal ON identity_calls (account_id, principal_arn, action, call_hash);

CREATE TABLE identity_call_policies (
    account_id TEXT NOT NULL,
    policy_hash BYTEA NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account_id, policy_hash)
);
