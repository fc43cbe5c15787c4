-- Results that wait to be listed are found by their resource (src/engine/listed.h): a row for each resource that
-- has some instead of an entry of an index for each result. rule_counts counts what is listed; who counts adds
-- what waits.
UPDATE results SET listed = 1 WHERE listed = 0;
DROP INDEX results_unlisted;

CREATE TABLE results_waiting (
    account_id TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    PRIMARY KEY (account_id, resource_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end
