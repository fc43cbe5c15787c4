-- The condition keys of a logged call that its other columns do not tell: tags of the request, what STS was asked
-- with. JSON object of texts; empty: none. Owned by src/identity. Assumptions of roles that were logged without
-- these keys cannot be decided again, so they go.
ALTER TABLE identity_calls ADD COLUMN conditions TEXT NOT NULL DEFAULT '';
DELETE FROM identity_calls WHERE action = 'sts:AssumeRole';
