-- The mail addresses of accounts that left a directory, for invitations by mail. Owned by src/org.
CREATE TABLE directory_emails (
    account_id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL
);
