// What an operator meets besides serving: plumbline.conf, a lost store, keys made by root, certificates of one's own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { plumbline, program, scratch, Server, until } from './support.mjs';

const serveOnce = (data, ...args) => plumbline(['serve', '--data', data, '--listen', '127.0.0.1:0', ...args], { timeout: 60000 });

test('plumbline.conf has comments at the ends of lines, and a line without a value is named', async () => {
  const data = scratch();
  const file = path.join(data, 'plumbline.conf');
  fs.writeFileSync(file, '# all of it\n  log-format = json # for the collector\n\tread-timeout=30\t# seconds\ndelivery-events = http://127.0.0.1:1/#part\n');
  const server = await Server.start({ data });
  assert.equal((await server.stop()).code, 0);
  assert.match(server.log, /^\{.*"stopping"/m, 'log-format counts');
  fs.writeFileSync(file, 'read-timeout = 30\nlisten\n');
  const { status, stderr } = serveOnce(data);
  assert.equal(status, 2);
  assert.match(stderr, /plumbline\.conf:2: "listen" is not name = value\n/);
});

test('a data directory that is a file is said to be one', () => {
  const file = path.join(scratch(), 'data');
  fs.writeFileSync(file, '');
  const { status, stderr } = serveOnce(file);
  assert.equal(status, 2);
  assert.match(stderr, new RegExp(`data directory ${file}: Not a directory\n`));
});

test('a store that was lost does not cost the key of its backup', async () => {
  const first = await Server.start();
  await first.stop();
  const former = fs.readFileSync(path.join(first.data, 'credentials.json'), 'utf8');
  for (const name of fs.readdirSync(first.data).filter((name) => name.startsWith('plumbline.db'))) fs.rmSync(path.join(first.data, name));
  const second = await Server.start({ data: first.data });
  assert.notEqual(second.credentials.AccountId, first.credentials.AccountId);
  assert.equal(fs.readFileSync(path.join(first.data, 'credentials.json.former'), 'utf8'), former);
  await second.stop();
  assert.match(second.log, /warning the store is new: the key of another one is kept in credentials\.json\.former/);
});

test('a key that root makes belongs to the user of the directory', { skip: process.getuid() !== 0 && 'needs root' }, async () => {
  const directory = scratch();
  const copy = path.join(directory, 'plumbline');
  const data = path.join(directory, 'data');
  fs.chmodSync(directory, 0o755);
  fs.copyFileSync(program, copy);
  fs.chmodSync(copy, 0o755);
  fs.mkdirSync(data);
  fs.chownSync(data, 65534, 65534);
  const spawning = { uid: 65534, gid: 65534 };
  const own = await Server.start({ data, command: [copy], spawning });
  const rotated = plumbline(['keys', 'rotate', '--data', data]);
  assert.equal(rotated.status, 0, rotated.stderr);
  const key = fs.statSync(path.join(data, 'secret.key'));
  assert.deepEqual([key.uid, key.mode & 0o777], [65534, 0o600]);
  await until(() => own.call('ListConfigRules').then(() => true, () => false));
  assert.equal((await own.stop()).code, 0, own.log);
  const again = await Server.start({ data, command: [copy], spawning });
  assert.ok(await again.call('ListConfigRules'), 'the rotated key opens the secrets');
  await again.stop();
});

test('the command line trusts a certificate of one\'s own by SSL_CERT_FILE', async (t) => {
  const directory = scratch();
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) => path.join(directory, name));
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'], { encoding: 'utf8' });
  if (made.error) return t.skip('openssl is not installed');
  const server = await Server.start({ args: ['--tls-cert', certificate, '--tls-key', key] });
  try {
    const call = (more) => plumbline(['call', 'ListConfigRules', '--data', server.data], { env: { ...process.env, ...more } });
    const refused = call({ SSL_CERT_FILE: '' });
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /certificate/);
    const trusted = call({ SSL_CERT_FILE: certificate });
    assert.equal(trusted.status, 0, trusted.stderr);
    assert.match(trusted.stdout, /"TotalCount":0/);
  } finally {
    await server.stop();
  }
});
