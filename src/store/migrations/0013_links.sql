-- Links between resources (src/engine/links.h): the resource from_key of from_type names the id to_id of a
-- resource of to_type, by a relation that the catalogue declares.
CREATE TABLE resource_links (
    account_id TEXT NOT NULL,
    to_type TEXT NOT NULL,
    to_id TEXT NOT NULL,
    from_type TEXT NOT NULL,
    from_key BIGINT NOT NULL,
    PRIMARY KEY (account_id, to_type, to_id, from_type, from_key)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end

CREATE INDEX resource_links_by_source ON resource_links (account_id, from_key);

-- The types whose links are kept, because a rule of the account asks for them. Links are whole once `complete`
-- is 1; from the row's beginning every change of a resource of the type keeps its links true.
CREATE TABLE linked_types (
    account_id TEXT NOT NULL,
    from_type TEXT NOT NULL,
    complete BIGINT NOT NULL,
    PRIMARY KEY (account_id, from_type)
);
