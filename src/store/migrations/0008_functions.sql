-- Functions (src/functions/) and the delivery of their events (src/engine/function_queue.c).

-- An event waits until `due`; a claim moves it behind the end of its lease and names the node. `awaiting`: the
-- function has run and its result is expected until `due`.
ALTER TABLE function_events ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE function_events ADD COLUMN due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE function_events ADD COLUMN awaiting BIGINT NOT NULL DEFAULT 0;
ALTER TABLE function_events ADD COLUMN node TEXT NOT NULL DEFAULT '';
CREATE INDEX function_events_by_rule ON function_events (rule_key, due);

-- orderingTimestamp as the function reported it: of two reports of one run the later counts.
ALTER TABLE results ADD COLUMN reported BIGINT NOT NULL DEFAULT 0;

-- One row for each version of a function; LATEST is what UpdateFunction changes, numbers are published copies.
CREATE TABLE functions (
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    function_id TEXT NOT NULL,
    runtime TEXT NOT NULL,
    handler TEXT NOT NULL,
    description TEXT NOT NULL,
    environment TEXT NOT NULL,
    timeout_seconds BIGINT NOT NULL,
    memory_mb BIGINT NOT NULL,
    disk_mb BIGINT NOT NULL,
    role TEXT NOT NULL,
    runtime_config TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    code_checksum TEXT NOT NULL,
    code_size BIGINT NOT NULL,
    revision TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (account_id, name, version)
);

-- Code packages (zip) by their SHA-256; versions share them.
CREATE TABLE function_code (
    account_id TEXT NOT NULL,
    checksum TEXT NOT NULL,
    package BYTEA NOT NULL,
    PRIMARY KEY (account_id, checksum)
);

CREATE TABLE function_aliases (
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version TEXT NOT NULL,
    description TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (account_id, name, alias)
);

-- Asynchronous invocations until they have run.
CREATE TABLE function_invocations (
    account_id TEXT NOT NULL,
    invocation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    payload BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    node TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account_id, invocation_id)
);
CREATE INDEX function_invocations_by_time ON function_invocations (due);
