-- Kept columns (src/engine/kept.h): for the live resources of one type with from_key < resource_key <= until_key
-- the values that rules ask for. Pages of one type do not overlap.
CREATE TABLE kept_pages (
    account_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    from_key BIGINT NOT NULL,
    until_key BIGINT NOT NULL,
    records BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (account_id, resource_type, from_key)
);

-- Resources that changed after their page was written: what the page says of them counts no more.
CREATE TABLE kept_marks (
    account_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_key BIGINT NOT NULL,
    PRIMARY KEY (account_id, resource_type, resource_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end
