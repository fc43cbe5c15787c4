-- Delivery channels, integrated services and what is still to be delivered (src/delivery/). An absent
-- aggregator is the empty text. `delivery_type` is the stored value of delivery_type in delivery.h.
CREATE TABLE delivery_channels (
    account_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    aggregator_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    delivery_type BIGINT NOT NULL,
    target_arn TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    condition_text TEXT NOT NULL,
    oversized_arn TEXT NOT NULL,
    changes BIGINT NOT NULL,
    snapshots BIGINT NOT NULL,
    violations BIGINT NOT NULL,
    compliance_snapshots BIGINT NOT NULL,
    snapshot_time TEXT NOT NULL,
    status BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    snapshot_done BIGINT NOT NULL,
    PRIMARY KEY (account_id, channel_id)
);

CREATE TABLE integrated_services (
    account_id TEXT NOT NULL,
    service_code TEXT NOT NULL,
    status BIGINT NOT NULL,
    integrated_types TEXT NOT NULL,
    aggregator_types TEXT NOT NULL,
    PRIMARY KEY (account_id, service_code)
);

-- Written in the transaction of the change it tells of; gone when its target has taken it. `channel_id` is a
-- channel or the code of an integrated service. `summary` stands for a payload that is too large for the
-- target. A claim moves `due` behind the end of its lease and names the node.
CREATE TABLE deliveries (
    account_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    kind BIGINT NOT NULL,
    snapshot_id TEXT NOT NULL,
    object_key TEXT NOT NULL,
    payload TEXT NOT NULL,
    summary TEXT,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    node TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account_id, delivery_id)
);

CREATE INDEX deliveries_by_time ON deliveries (due, created);
CREATE INDEX deliveries_by_channel ON deliveries (account_id, channel_id);

-- How a channel fares; without a row nothing has been delivered yet.
CREATE TABLE delivery_status (
    account_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    delivered BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    last_delivered BIGINT NOT NULL,
    last_failed BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (account_id, channel_id)
);
