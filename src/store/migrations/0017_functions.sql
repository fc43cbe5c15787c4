-- Functions: what else CreateFunction was given, and whose claims a heartbeat renews.

-- JSON object of members that are kept as they came: tags, cpu, instanceLifecycleConfig and others.
ALTER TABLE functions ADD COLUMN members TEXT NOT NULL DEFAULT '{}';

-- Claims only: there are few, however long the queue is.
CREATE INDEX function_events_by_node ON function_events (node) WHERE node <> '';
CREATE INDEX function_invocations_by_node ON function_invocations (node) WHERE node <> '';
