// Snapshots with PostgreSQL as the store.
import './on-postgres.mjs';
import './snapshots.test.mjs';
