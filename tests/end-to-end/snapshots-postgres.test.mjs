// Snapshots with PostgreSQL as the store (loaded as delivery-postgres.test.mjs loads its tests).
await import('./on-postgres.mjs');

await import('./snapshots.test.mjs');
