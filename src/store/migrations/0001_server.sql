-- The server's own tables. Times are Unix milliseconds.

-- Values that the server keeps across starts: names are the program's own.
CREATE TABLE settings(
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Signature nonces seen, until they expire: a request is accepted once.
CREATE TABLE nonces(
    access_key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (access_key_id, nonce)
-- sqlite only
) WITHOUT ROWID;
-- end
-- postgres only
);
-- end
CREATE INDEX nonces_by_expiry ON nonces(expires_at);

-- Answers kept for client tokens, so that a repeated call gets the same answer.
CREATE TABLE client_tokens(
    account_id TEXT NOT NULL,
    action TEXT NOT NULL,
    token TEXT NOT NULL,
    parameter_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    response TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, action, token)
);
CREATE INDEX client_tokens_by_expiry ON client_tokens(expires_at);

-- Work to be done by whichever process claims it: one row for each kind and key of an account. A claim is a lease
-- (lease_owner, lease_until); when it runs out, the work is claimed again.
CREATE TABLE jobs(
    account_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    payload TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, kind, key)
);
CREATE INDEX jobs_by_time ON jobs(state, run_at);
