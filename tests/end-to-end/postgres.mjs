// Runs end-to-end tests on a private PostgreSQL: `node --import ./postgres.mjs --test x.test.mjs`, or imported
// before the tests. Every data directory gets a database of its own; the server ends with the tests.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { elsewhere, until } from './support.mjs';

/** PostgreSQL refuses to run as root. */
function unprivileged() {
  if (process.getuid() !== 0) return {};
  const users = fs.readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const user = users.find((u) => u[0] === 'postgres') ?? users.find((u) => u[0] === 'nobody');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

const versions = fs.readdirSync('/usr/lib/postgresql').sort((a, b) => Number(a) - Number(b));
const programs = path.join('/usr/lib/postgresql', versions.at(-1), 'bin');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'plumbline-test-'));
const as = unprivileged();
if (as.uid) fs.chownSync(directory, as.uid, as.gid);
const made = spawnSync(path.join(programs, 'initdb'), ['-D', path.join(directory, 'data'), '-A', 'trust', '-U', 'plumbline', '-N'], { ...as, cwd: '/', encoding: 'utf8' });
if (made.status !== 0) throw new Error(made.stderr);
const server = spawn(path.join(programs, 'postgres'), ['-D', path.join(directory, 'data'), '-k', directory, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'max_connections=300'],
  { ...as, cwd: '/', stdio: 'ignore' });
process.on('exit', () => {
  server.kill('SIGQUIT');
  fs.rmSync(directory, { recursive: true, force: true });
});
after(() => server.kill('SIGINT'));

function psql(database, sql) {
  return spawnSync('psql', ['-q', '-h', directory, '-U', 'plumbline', '-d', database, '-c', sql], { encoding: 'utf8' });
}

const databases = new Map();
elsewhere.url = async (data) => {
  await until(() => psql('postgres', 'SELECT 1').status === 0);
  if (!databases.has(data)) {
    databases.set(data, `plumbline_${databases.size + 1}`);
    const created = psql('postgres', `CREATE DATABASE ${databases.get(data)}`);
    if (created.status !== 0) throw new Error(created.stderr);
  }
  return `postgres://plumbline@/${databases.get(data)}?host=${encodeURIComponent(directory)}`;
};
