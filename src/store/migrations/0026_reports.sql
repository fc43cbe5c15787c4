-- Files that are made on request: inventories, search files, reports (src/reports/).

-- One row for each file being made or made. `subject` is what a file is about; of one subject the newest
-- counts. A claim moves `due` behind the end of its lease and names the node.
CREATE TABLE report_files (
    account_id TEXT NOT NULL,
    file_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind BIGINT NOT NULL,
    aggregator_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    request TEXT NOT NULL,
    send BIGINT NOT NULL,
    state BIGINT NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    node TEXT NOT NULL,
    PRIMARY KEY (account_id, file_id)
);
CREATE INDEX report_files_by_subject ON report_files (account_id, subject, started);
CREATE INDEX report_files_by_state ON report_files (state, due);

-- The bytes, in pieces of equal size but for the last.
CREATE TABLE report_chunks (
    account_id TEXT NOT NULL,
    file_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (account_id, file_id, position)
);

-- `next_due`: when the subscription asks for the next report, Unix milliseconds; 0: never.
CREATE TABLE report_templates (
    account_id TEXT NOT NULL,
    template_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    file_formats TEXT NOT NULL,
    granularity TEXT NOT NULL,
    language TEXT NOT NULL,
    scope TEXT NOT NULL,
    frequency TEXT NOT NULL,
    created BIGINT NOT NULL,
    next_due BIGINT NOT NULL,
    PRIMARY KEY (account_id, template_id)
);
CREATE INDEX report_templates_by_due ON report_templates (next_due);
