-- New results of small changes enter the lists of their rules later, many together (src/engine/listed.h): until
-- then they lie together by resource, so that a change touches a page of an index instead of one for each rule.
-- `listed` stands in the indexes so that nothing but them is read where nothing else is asked for.
ALTER TABLE results ADD COLUMN listed BIGINT NOT NULL DEFAULT 1;

DROP INDEX results_by_rule;
CREATE INDEX results_by_rule ON results (account_id, rule_key, shown, last_non_compliant, resource_key, listed)
    WHERE listed = 1;
CREATE INDEX results_unlisted ON results (account_id, listed, resource_key, rule_key, shown, last_non_compliant)
    WHERE listed = 0;

DROP INDEX results_marked;
CREATE INDEX results_marked ON results (account_id, rule_key, resource_key, ignore_until)
    WHERE ignore_until IS NOT NULL;
