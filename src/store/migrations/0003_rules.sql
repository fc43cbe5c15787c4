-- Rules, compliance packs and which rule is in which pack. An absent aggregator is the empty text, so that
-- names are unique per account and per account group. Rows of deleted rules go at once; their names are free.
CREATE TABLE sequences (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO sequences (name, value) VALUES ('rule_key', 0);

CREATE TABLE rules (
    account_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    aggregator_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    owner BIGINT NOT NULL,
    identifier TEXT NOT NULL,
    conditions TEXT,
    input_parameters TEXT NOT NULL,
    risk_level BIGINT NOT NULL,
    triggers BIGINT NOT NULL,
    frequency TEXT NOT NULL,
    extend_content TEXT,
    scope TEXT NOT NULL,
    state BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    first_activated BIGINT NOT NULL,
    first_evaluation_started BIGINT NOT NULL,
    last_success_started BIGINT NOT NULL,
    last_success_ended BIGINT NOT NULL,
    last_failure_started BIGINT NOT NULL,
    last_failure_ended BIGINT NOT NULL,
    last_error_code TEXT,
    last_error_message TEXT,
    run_ordering BIGINT NOT NULL,
    run_trigger TEXT,
    creator_id TEXT,
    creator_name TEXT,
    creator_type TEXT,
    tags TEXT,
    made_by_pack BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_id)
);

CREATE UNIQUE INDEX rules_by_key ON rules (account_id, rule_key);
CREATE UNIQUE INDEX rules_by_name ON rules (account_id, aggregator_id, name);

CREATE TABLE packs (
    account_id TEXT NOT NULL,
    pack_id TEXT NOT NULL,
    aggregator_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    template_id TEXT,
    template_content TEXT,
    risk_level BIGINT NOT NULL,
    scope TEXT NOT NULL,
    status TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    tags TEXT,
    PRIMARY KEY (account_id, pack_id)
);

CREATE UNIQUE INDEX packs_by_name ON packs (account_id, aggregator_id, name);

CREATE TABLE pack_rules (
    account_id TEXT NOT NULL,
    pack_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, pack_id, rule_id)
);

CREATE INDEX pack_rules_by_rule ON pack_rules (account_id, rule_id);
