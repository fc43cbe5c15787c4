-- Every account has a default resource group from its making on (src/org/resource_groups.c). Accounts that were
-- made before, and whose groups nobody has listed yet, get theirs.
INSERT INTO resource_groups (account_id, group_id, name, display_name, status, created, position)
SELECT account_id,
       'rg-' || CASE WHEN length(account_id) > 15 THEN substr(account_id, length(account_id) - 14)
                     ELSE account_id END,
       'default', 'default', 'OK', created_at, 0
FROM identity_accounts WHERE true
ON CONFLICT DO NOTHING;
