// Deliveries and remediations, and servers that are killed while they have some, with PostgreSQL as the store. The tests
// are loaded when the database is there: modules that are imported side by side do not wait for each other.
await import('./on-postgres.mjs');

await import('./delivery.test.mjs');
await import('./remediation.test.mjs');
