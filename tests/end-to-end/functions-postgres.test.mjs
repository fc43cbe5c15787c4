// Rules that functions decide, and servers that are killed while they do, with PostgreSQL as the store. The tests are
// loaded when the database is there: modules that are imported side by side do not wait for each other.
await import('./on-postgres.mjs');

await import('./functions-rules.test.mjs');
await import('./functions-faults.test.mjs');
