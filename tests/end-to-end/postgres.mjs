// A PostgreSQL server of a test's own, reached through a socket in its directory.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { scratch } from './support.mjs';

function directoryOfPrograms() {
  const root = '/usr/lib/postgresql';
  const versions = fs.existsSync(root) ? fs.readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => path.join(root, version, 'bin')).find((bin) => fs.existsSync(path.join(bin, 'initdb')));
  if (!found) throw new Error('PostgreSQL is not installed (tools/install-packages.sh)');
  return found;
}

const unprivileged = () => Object.fromEntries(['uid', 'gid'].map((id, i) => [
  id, Number(execFileSync('id', [i ? '-g' : '-u', 'nobody'], { encoding: 'utf8' }))]));

export class Postgres {
  static async start() {
    const bin = directoryOfPrograms();
    const postgres = new Postgres();
    const user = process.getuid() === 0 ? unprivileged() : {};
    postgres.directory = scratch();
    if (user.uid) fs.chownSync(postgres.directory, user.uid, user.gid);
    const data = path.join(postgres.directory, 'data');
    const made = spawnSync(path.join(bin, 'initdb'), ['-D', data, '-U', 'plumbline', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8'],
      { ...user, encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    postgres.child = spawn(path.join(bin, 'postgres'), ['-D', data, '-k', postgres.directory, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'max_connections=300'],
      { ...user, stdio: ['ignore', 'ignore', 'pipe'] });
    await new Promise((done, fail) => {
      let log = '';
      postgres.child.stderr.on('data', (bytes) => { log += bytes; if (log.includes('ready to accept connections')) done(); });
      postgres.child.on('exit', () => fail(new Error(log)));
    });
    postgres.url = postgres.urlOf('postgres');
    return postgres;
  }

  urlOf(database) {
    return `postgres://plumbline@/${database}?host=${encodeURIComponent(this.directory)}`;
  }

  /** The URL of a new database. */
  create(database) {
    const made = spawnSync('psql', ['-q', '-h', this.directory, '-U', 'plumbline', '-d', 'postgres', '-c', `CREATE DATABASE ${database}`],
      { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    return this.urlOf(database);
  }

  async stop() {
    const exited = new Promise((done) => this.child.on('exit', done));
    this.child.kill('SIGINT');
    await exited;
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
