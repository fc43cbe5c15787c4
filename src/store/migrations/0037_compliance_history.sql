-- What one work takes out of the rows of a resource's results lies in one row, as text (src/engine/changes.h): a
-- resource that changes under many rules touches a page or two instead of several. compliance_changes keeps what
-- was stored before, and what leaves with a rule.
CREATE TABLE compliance_history (
    account_id TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    recorded BIGINT NOT NULL,
    changes TEXT NOT NULL,
    PRIMARY KEY (account_id, resource_key, recorded)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end
