-- Distinct calls that identities made, counted, for simulating changes of control policies. Owned by src/identity.
-- principal_arn names user or role, without a session.
CREATE TABLE identity_calls (
    account_id TEXT NOT NULL,
    principal_arn TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    source_ip TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    call_count BIGINT NOT NULL,
    PRIMARY KEY (account_id, principal_arn, action, resource, source_ip)
);
CREATE INDEX identity_calls_by_time ON identity_calls (account_id, last_seen);
