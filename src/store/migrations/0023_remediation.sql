-- Remediations (src/engine/remedy.c): at most one for a rule, what it is still to be run for, and what it did.
-- `remediates`: the rule's remediation runs by itself.
ALTER TABLE rules ADD COLUMN remediates BIGINT NOT NULL DEFAULT 0;

CREATE TABLE remediations (
    account_id TEXT NOT NULL,
    remediation_id TEXT NOT NULL,
    aggregator_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    remediation_type TEXT NOT NULL,
    template_id TEXT NOT NULL,
    source_type TEXT NOT NULL,
    invoke_type TEXT NOT NULL,
    params TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    last_success_id TEXT NOT NULL,
    last_success_time BIGINT NOT NULL,
    last_success_type TEXT NOT NULL,
    PRIMARY KEY (account_id, remediation_id)
);

CREATE UNIQUE INDEX remediations_by_rule ON remediations (account_id, rule_id);

-- A resource that a remediation is to be run for; written with the verdict. A claim moves `due` behind the end
-- of its lease and names the node.
CREATE TABLE remediation_events (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    resource_key BIGINT NOT NULL,
    owner_id TEXT NOT NULL,
    manual BIGINT NOT NULL,
    due BIGINT NOT NULL,
    node TEXT NOT NULL,
    PRIMARY KEY (account_id, rule_key, resource_key)
);

CREATE INDEX remediation_events_by_time ON remediation_events (due);
CREATE INDEX remediation_events_by_rule ON remediation_events (rule_key);

-- When a rule's remediation last ran by itself for a resource.
CREATE TABLE remediation_runs (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    resource_key BIGINT NOT NULL,
    started BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_key, resource_key)
);

CREATE INDEX remediation_runs_by_rule ON remediation_runs (rule_key);

-- Finished executions. `owner_id` owns the rule, `account_id` the resources.
CREATE TABLE remediation_executions (
    owner_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    created BIGINT NOT NULL,
    execution_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    resource_ids TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    PRIMARY KEY (owner_id, rule_id, created, execution_id)
);
