// Official clients besides those that other tests use, under TLS: the newest core, the provider of role sessions, and older
// clients that are still installed a lot. All letters that encoders treat differently go there and back.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { here } from './paths.mjs';
import { scratch, Server } from './support.mjs';

const folder = scratch();
const certificate = path.join(folder, 'server.crt');
let settings;
let server;

/** What a client of clients.mjs answers. */
const answerOf = (name) => new Promise((done, fail) => {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate, CLIENT_SETTINGS: JSON.stringify(settings) };
  execFile(process.execPath, [path.join(here, 'clients.mjs'), name], { env, encoding: 'utf8' },
    (error, stdout, stderr) => (error ? fail(new Error(`${name}: ${stderr}`)) : done(JSON.parse(stdout))));
});

before(async () => {
  const key = path.join(folder, 'server.key');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const data = scratch();
  const plain = await Server.start({ data });
  const ram = (action, parameters) => plain.call(action, parameters, { version: '2015-05-01' });
  const account = plain.credentials.AccountId;
  const trust = JSON.stringify({ Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${account}:root`] } }] });
  await ram('CreateRole', { RoleName: 'worker', AssumeRolePolicyDocument: trust });
  await ram('AttachPolicyToRole', { RoleName: 'worker', PolicyName: 'AdministratorAccess', PolicyType: 'System' });
  await ram('CreateUser', { UserName: 'admin' });
  await ram('AttachPolicyToUser', { UserName: 'admin', PolicyName: 'AdministratorAccess', PolicyType: 'System' });
  const { AccessKey } = await ram('CreateAccessKey', { UserName: 'admin' });
  await plain.stop();
  server = await Server.start({ data, args: ['--tls-cert', certificate, '--tls-key', key] });
  settings = { endpoint: server.endpoint, keys: AccessKey, roleArn: `acs:ram::${account}:role/worker` };
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test('the client of STS that writes milliseconds in its time', async () => {
  const { answer: identity } = await answerOf('sts-sdk identity');
  assert.match(identity.Arn ?? JSON.stringify(identity), /:user\/admin$/);
  const { answer: session } = await answerOf('sts-sdk session');
  assert.match(session.Credentials?.AccessKeyId ?? JSON.stringify(session), /^STS\./);
});

test('the provider of credentials takes a role', async () => {
  const { answer } = await answerOf('credentials session');
  assert.match(answer.accessKeyId, /^STS\./);
  assert.ok(answer.securityToken);
  assert.match((await answerOf('credentials refused')).answer, /access key secret is invalid/);
});

for (const name of ['core V3', 'core V1', 'core V3 session', 'core V1 session'])
  test(`${name}: both methods, bodies as forms and as JSON`, async () => {
    const { answer, odd } = await answerOf(name);
    assert.equal(answer.length, 4);
    for (const one of answer) {
      assert.ok(one.name.startsWith(odd), one.name);
      assert.deepEqual(one.parameters, { tag1Key: odd });
    }
  });

test('older clients', async () => {
  const { answer, odd } = await answerOf('rpc-client');
  assert.equal(answer, `${odd} rpc`);
  assert.equal((await answerOf('ram')).answer, 'a *~é');
});
