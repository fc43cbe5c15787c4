-- Rules that put resources into resource groups, and what came of it. Owned by src/org.

-- `scopes` and `contents` are JSON: lists of ids by parameter name, and the rule's contents.
CREATE TABLE grouping_rules (
    account_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    type TEXT NOT NULL,
    scopes TEXT NOT NULL,
    contents TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_id)
);

-- Who joined and left which resource group. A rule's id tells that the rule did it; else it is empty.
CREATE TABLE resource_group_events (
    account_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    happened BIGINT NOT NULL,
    change_type TEXT NOT NULL,
    group_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    target_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    region_id TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    PRIMARY KEY (account_id, position)
);
CREATE INDEX resource_group_events_by_rule ON resource_group_events (account_id, rule_id, position);
