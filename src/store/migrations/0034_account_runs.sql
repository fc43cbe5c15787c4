-- The last full run of the rule in this account: its invocation time (0: none is known) and what began it
-- (src/engine/private.h, engine_message_type). A rule of a group may have run in one member alone.
ALTER TABLE rule_counts ADD COLUMN run_ordering BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rule_counts ADD COLUMN run_message BIGINT NOT NULL DEFAULT 0;
