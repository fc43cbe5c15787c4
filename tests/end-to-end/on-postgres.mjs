// Runs end-to-end tests on a private PostgreSQL: `node --import ./on-postgres.mjs --test x.test.mjs`, or imported
// before the tests. Every data directory gets a database of its own; the server ends with the tests.
import { after } from 'node:test';
import { Postgres } from './postgres.mjs';
import { elsewhere } from './support.mjs';

const postgres = await Postgres.start();
after(() => postgres.stop());

const databases = new Map();
elsewhere.url = async (data) => {
  if (!databases.has(data)) databases.set(data, postgres.create(`plumbline_${databases.size + 1}`));
  return databases.get(data);
};
