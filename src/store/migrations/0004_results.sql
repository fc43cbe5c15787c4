-- Results of the evaluation (src/engine/): deviations, counts, compliance history, runs, daily figures.

-- The version of an account's rules; a new random number whenever rules, packs or groups of it change.
-- Compiled rules carry the versions they were made from.
CREATE TABLE rule_versions (
    account_id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);

-- Only what deviates from COMPLIANT, or did once. `shown` is `compliance`, or IGNORED while marked; since
-- `changed`, before that it was `changed_from` (NULL: there was no result).
CREATE TABLE results (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    resource_key BIGINT NOT NULL,
    compliance BIGINT NOT NULL,
    shown BIGINT NOT NULL,
    message_type BIGINT NOT NULL,
    ordering BIGINT NOT NULL,
    recorded BIGINT NOT NULL,
    last_non_compliant BIGINT NOT NULL,
    last_fixed BIGINT NOT NULL,
    annotation TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_from BIGINT,
    annotation_from TEXT NOT NULL,
    ignore_until BIGINT,
    ignore_date TEXT,
    ignore_reason TEXT,
    PRIMARY KEY (account_id, rule_key, resource_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

CREATE INDEX results_by_resource ON results (account_id, resource_key);
CREATE INDEX results_ignored ON results (ignore_until) WHERE ignore_until IS NOT NULL;

-- How many resources of an account a rule covers and how many deviate; exact at every commit. `covered` is
-- kept only for rules whose scope looks at more than the resource type: others cover whole types, which
-- resource_counts counts.
CREATE TABLE rule_counts (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    covered BIGINT NOT NULL,
    non_compliant BIGINT NOT NULL,
    not_applicable BIGINT NOT NULL,
    insufficient BIGINT NOT NULL,
    ignored BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

-- Every visible change of a result but the last, which its row tells; from and to are NULL where the rule had or has no result.
CREATE TABLE compliance_changes (
    account_id TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    rule_key BIGINT NOT NULL,
    compliance_from BIGINT,
    compliance_to BIGINT,
    annotation_from TEXT NOT NULL,
    annotation_to TEXT NOT NULL,
    message_type BIGINT NOT NULL,
    PRIMARY KEY (account_id, resource_key, changed, rule_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

-- Deleted rules that compliance timelines still speak of.
CREATE TABLE former_rules (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    rule_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    risk_level BIGINT NOT NULL,
    created BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

-- A full run of one rule over one account, while it lasts. What lies before (resource_type, resource_key) has
-- been evaluated and is counted in the five numbers.
CREATE TABLE evaluation_runs (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    owner_id TEXT NOT NULL,
    ordering BIGINT NOT NULL,
    message_type BIGINT NOT NULL,
    revert BIGINT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    covered BIGINT NOT NULL,
    non_compliant BIGINT NOT NULL,
    not_applicable BIGINT NOT NULL,
    insufficient BIGINT NOT NULL,
    ignored BIGINT NOT NULL,
    node TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

CREATE INDEX evaluation_runs_by_rule ON evaluation_runs (rule_key);

-- When a rule was last run by its schedule.
CREATE TABLE rule_schedules (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    last_run BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

-- Evaluations that a function has still to make; at most one for a rule and a resource.
CREATE TABLE function_events (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    resource_key BIGINT NOT NULL,
    owner_id TEXT NOT NULL,
    ordering BIGINT NOT NULL,
    message_type BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_key, resource_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

-- Figures at the end of a day (UTC+8).
CREATE TABLE evaluation_statistics (
    account_id TEXT NOT NULL,
    aggregator_id TEXT NOT NULL,
    statistic_date TEXT NOT NULL,
    resources BIGINT NOT NULL,
    non_compliant_resources BIGINT NOT NULL,
    rules BIGINT NOT NULL,
    non_compliant_rules BIGINT NOT NULL,
    PRIMARY KEY (account_id, aggregator_id, statistic_date)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end
