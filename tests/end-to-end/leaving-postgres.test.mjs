// Accounts that go take their records with them on PostgreSQL, too.
await import('./on-postgres.mjs');

await import('./leaving.test.mjs');
