-- Results lie by resource: those of one resource together, so that recording it and a run over a range of
-- resources read them in one scan. The index has the lists of a rule in the order they are shown in: a page of
-- what is shown alike is read from there, whatever lies before it (src/engine/result_list.c).
-- sqlite only
DROP INDEX results_by_resource;
DROP INDEX results_ignored;
ALTER TABLE results RENAME TO results_before;

CREATE TABLE results (
    account_id TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    rule_key BIGINT NOT NULL,
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
    reported BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, resource_key, rule_key)
) WITHOUT ROWID;

INSERT INTO results (account_id, resource_key, rule_key, compliance, shown, message_type, ordering, recorded,
    last_non_compliant, last_fixed, annotation, changed, changed_from, annotation_from, ignore_until, ignore_date,
    ignore_reason, reported)
SELECT account_id, resource_key, rule_key, compliance, shown, message_type, ordering, recorded,
    last_non_compliant, last_fixed, annotation, changed, changed_from, annotation_from, ignore_until, ignore_date,
    ignore_reason, reported
FROM results_before ORDER BY account_id, resource_key, rule_key;

DROP TABLE results_before;

CREATE INDEX results_ignored ON results (ignore_until) WHERE ignore_until IS NOT NULL;
-- end
-- postgres only
DROP INDEX results_by_resource;
ALTER TABLE results DROP CONSTRAINT results_pkey;
ALTER TABLE results ADD PRIMARY KEY (account_id, resource_key, rule_key);
-- end

CREATE INDEX results_by_rule ON results (account_id, rule_key, shown, last_non_compliant, resource_key);
CREATE INDEX results_marked ON results (account_id, rule_key, resource_key) WHERE ignore_until IS NOT NULL;

-- What a run found by a page of kept columns and stored (src/engine/seals.h): a digest of what the rule says of
-- all records of the page. `page` is the checksum of the page that it was found by.
CREATE TABLE kept_results (
    account_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    from_key BIGINT NOT NULL,
    rule_key BIGINT NOT NULL,
    page BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (account_id, resource_type, from_key, rule_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end
