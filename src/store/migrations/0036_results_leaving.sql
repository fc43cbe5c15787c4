-- Results that nobody sees any more and that workers take away in pieces (src/engine/leaving.h): those of a rule
-- that was deleted or that does not concern the account any more, or, with a resource type, those of resources that
-- it does not cover any more. `told`: timelines say that they left at `since`. Of a type, resources up to `behind`
-- have been gone through.
CREATE TABLE results_leaving (
    account_id TEXT NOT NULL,
    rule_key BIGINT NOT NULL,
    resource_type TEXT NOT NULL,
    since BIGINT NOT NULL,
    told BIGINT NOT NULL,
    behind BIGINT NOT NULL,
    PRIMARY KEY (account_id, rule_key, resource_type)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end
