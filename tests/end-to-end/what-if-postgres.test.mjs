// Replaying calls on PostgreSQL.
await import('./on-postgres.mjs');

await import('./what-if.test.mjs');
