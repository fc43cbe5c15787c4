-- The inventory: current configurations, their history, counts, recorders (src/inventory/).

-- One row for each account that ever recorded something. The row is also the lock that keeps two writers of
-- one account apart; `sequence` goes up with every transaction that changes the account's inventory.
CREATE TABLE inventory_accounts (
    account_id TEXT NOT NULL PRIMARY KEY,
    next_key BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);

CREATE TABLE resources (
    account_id TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    resource_type TEXT NOT NULL,
    region_id TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    content_hash BYTEA NOT NULL,
    deleted BIGINT NOT NULL,
    capture_time BIGINT NOT NULL,
    create_time BIGINT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    group_id TEXT NOT NULL,
    zone TEXT NOT NULL,
    tags TEXT NOT NULL,
    configuration TEXT,
    PRIMARY KEY (account_id, resource_key)
);

CREATE UNIQUE INDEX resources_by_identity ON resources (account_id, resource_id, resource_type, region_id);
CREATE INDEX resources_by_type ON resources (account_id, resource_type, resource_key);

-- Every change. The diff of MODIFY leads back from the present to any earlier configuration; REMOVE keeps the
-- last configuration whole, because a resource that comes back starts a new chain.
CREATE TABLE resource_history (
    account_id TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    capture_time BIGINT NOT NULL,
    event BIGINT NOT NULL,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    tags TEXT NOT NULL,
    diff TEXT,
    configuration TEXT,
    PRIMARY KEY (account_id, resource_key, capture_time)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

-- Live and removed resources of a type in a region; exact at every commit.
CREATE TABLE resource_counts (
    account_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    region_id TEXT NOT NULL,
    live BIGINT NOT NULL,
    PRIMARY KEY (account_id, resource_type, region_id)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

-- No row: every type is monitored.
CREATE TABLE recorders (
    account_id TEXT NOT NULL PRIMARY KEY,
    status TEXT NOT NULL,
    all_types BIGINT NOT NULL,
    resource_types TEXT NOT NULL
);
