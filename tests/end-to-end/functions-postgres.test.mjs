// Rules that functions decide, and servers that are killed while they do, with PostgreSQL as the store.
import './on-postgres.mjs';
import './functions-rules.test.mjs';
import './functions-faults.test.mjs';
