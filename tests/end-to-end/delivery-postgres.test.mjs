// Deliveries and remediations, and servers that are killed while they have some, with PostgreSQL as the store.
import './on-postgres.mjs';
import './delivery.test.mjs';
import './remediation.test.mjs';
