// The gateway under clients that are slow, greedy, many or hostile, under TLS, and across crashes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { failure, plumbline, scratch, Server, until } from './support.mjs';
import { Connection, exchange, signed } from './raw.mjs';

const codeOf = (answer) => JSON.parse(answer.body).Code;

/** Runs with a server of its own, which must stop cleanly afterwards. */
async function withServer(args, work) {
  const server = await Server.start({ args });
  try {
    await work(server);
  } finally {
    const { code } = await server.stop();
    assert.equal(code, 0, server.log);
  }
}

const rule = { ConfigRuleName: 'kept', SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited',
  ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' };

const buckets = (server, prefix, count) => Array.from({ length: count }, (_, i) => ({
  accountId: server.credentials.AccountId, resourceType: 'ACS::OSS::Bucket', resourceId: `${prefix}-${i}`,
  resourceName: `${prefix}-${i}`, regionId: 'cn-hangzhou', configuration: { Name: `${prefix}-${i}`, AccessControlList: { Grant: 'private' } } }));

const count = async (server) => (await server.call('ListDiscoveredResources', { MaxResults: 1, ResourceTypes: 'ACS::OSS::Bucket' }))
  .DiscoveredResourceProfiles.TotalCount;

// ---- TLS ----

function certificate(directory, name) {
  const key = path.join(directory, `${name}.key`);
  const cert = path.join(directory, `${name}.crt`);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
    '-subj', '/CN=plumbline.test', '-addext', 'subjectAltName=DNS:plumbline.test,IP:127.0.0.1', '-keyout', key, '-out', cert],
  { stdio: 'ignore' });
  return { key, cert };
}

test('with a certificate the server speaks HTTPS and nothing else', async () => {
  const { key, cert } = certificate(scratch(), 'server');
  await withServer(['--tls-cert', cert, '--tls-key', key, '--strict'], async (server) => {
    assert.match(server.endpoint, /^https:/);
    const ca = fs.readFileSync(cert);
    const answer = await exchange(server.endpoint, signed(server.credentials, 'ActiveConfigRules', { method: 'POST', query: { ConfigRuleIds: 'cr-none' } }), { ca });
    assert.equal(answer.status, 200, answer.body);
    await assert.rejects(exchange(server.endpoint, signed(server.credentials, 'ListUsers')), /self-signed/);
    assert.equal(await exchange(server.endpoint.replace('https', 'http'), signed(server.credentials, 'ListUsers')), null);
  });
});

test('a certificate that does not fit its key is told at the start', () => {
  const directory = scratch();
  const one = certificate(directory, 'one');
  const other = certificate(directory, 'other');
  const base = ['serve', '--data', path.join(directory, 'data'), '--listen', '127.0.0.1:0'];
  const mixed = plumbline([...base, '--tls-cert', one.cert, '--tls-key', other.key]);
  assert.equal(mixed.status, 2);
  assert.match(mixed.stderr, /certificate and key do not fit/);
  const half = plumbline([...base, '--tls-cert', one.cert]);
  assert.equal(half.status, 2);
  assert.match(half.stderr, /tls-cert and tls-key go together/);
});

test('a strict server wants TLS for operations that the vendor gives over HTTPS only', async () => {
  await withServer(['--strict'], async (server) => {
    const answer = await exchange(server.endpoint, signed(server.credentials, 'ActiveConfigRules', { method: 'POST', query: { ConfigRuleIds: 'cr-none' } }));
    assert.equal(answer.status, 404);
    assert.equal(codeOf(answer), 'InvalidProtocol.NeedSsl');
  });
});

// ---- slow and many clients ----

test('clients that never finish are closed, and nobody waits for them', async () => {
  await withServer(['--threads', '1', '--read-timeout', '1', '--idle-timeout', '1'], async (server) => {
    const silent = await Connection.open(server.endpoint);
    const stuck = [];
    for (let i = 0; i < 20; i++) stuck.push((await Connection.open(server.endpoint)).write('GET /?Action=GetConfigRule HTTP/1.1\r\nhost: a\r\n'));
    const text = signed(server.credentials, 'ListConfigRules');
    const trickle = await Connection.open(server.endpoint);
    let sent = 0;
    const drip = setInterval(() => trickle.write(`x-${sent++}: y\r\n`), 50);
    trickle.write('GET / HTTP/1.1\r\n');
    const body = await Connection.open(server.endpoint);
    body.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100000\r\n\r\n');
    const pour = setInterval(() => body.write('x'), 50);
    try {
      assert.equal((await exchange(server.endpoint, text)).status, 200);
      await Promise.all([silent, trickle, body, ...stuck].map((connection) => connection.ended()));
    } finally {
      clearInterval(drip);
      clearInterval(pour);
    }
    assert.equal((await exchange(server.endpoint, signed(server.credentials, 'ListConfigRules'))).status, 200);
    const metrics = await exchange(server.endpoint, 'GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n');
    assert.match(metrics.body, /plumbline_connections_closed_slow_total [1-9]/);
  });
});

test('a request may come a byte at a time', async () => {
  await withServer([], async (server) => {
    const connection = await Connection.open(server.endpoint);
    for (const byte of signed(server.credentials, 'ListConfigRules')) {
      connection.write(byte);
      await new Promise(setImmediate);
    }
    assert.equal((await connection.answer()).status, 200);
    connection.close();
  });
});

test('no more connections are served than the limit says', async () => {
  await withServer(['--connections', '4', '--threads', '1'], async (server) => {
    const first = await Connection.open(server.endpoint);
    const others = [];
    for (let i = 0; i < 9; i++) others.push(await Connection.open(server.endpoint));
    first.write('GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n');
    const metrics = await first.answer();
    assert.ok(Number(/^plumbline_connections (\d+)$/m.exec(metrics.body)[1]) <= 4, metrics.body);
    others.forEach((connection) => connection.close());
    await until(async () => {
      const late = await exchange(server.endpoint, 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
      return late?.status === 200;
    });
    first.close();
  });
});

// ---- sizes ----

test('bodies on their way share one limit', async () => {
  await withServer(['--body-memory', '1048576'], async (server) => {
    const head = (size) => `POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: ${size}\r\n\r\n`;
    const ask = async (size) => codeOf(await exchange(server.endpoint, head(size) + 'x'.repeat(size)));
    assert.equal(await ask(600000), 'MissingParameter');
    assert.equal(await ask(1048577), 'ServiceUnavailable');
    let holder;
    await until(async () => { // whichever of the two is read first has the room
      holder?.close();
      holder = await Connection.open(server.endpoint);
      holder.write(head(600001)).write('x'.repeat(600000));
      return await ask(600000) === 'ServiceUnavailable';
    });
    assert.equal((await server.put(buckets(server, 'meanwhile', 1))).Accepted, 1);
    holder.close();
    await until(async () => await ask(600000) === 'MissingParameter');
  });
});

test('a body over its limit is refused before it is sent', async () => {
  await withServer(['--body-limit', '1024'], async (server) => {
    const connection = await Connection.open(server.endpoint);
    connection.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 1025\r\n\r\n');
    const answer = await connection.answer();
    assert.equal(answer.status, 413);
    assert.equal(codeOf(answer), 'RequestEntityTooLarge');
    connection.close();
  });
});

test('headers have a limit of bytes and of lines', async () => {
  await withServer(['--header-limit', '8192'], async (server) => {
    const long = await exchange(server.endpoint, `GET / HTTP/1.1\r\nhost: a\r\nx-long: ${'x'.repeat(20000)}\r\n\r\n`);
    assert.ok(long === null || [413, 414, 431, 400].includes(long.status), long?.head);
    const lines = Array.from({ length: 101 }, (_, i) => `x-${i}: y\r\n`).join('');
    const many = await exchange(server.endpoint, `GET / HTTP/1.1\r\nhost: a\r\n${lines}\r\n`);
    assert.equal(codeOf(many), 'RequestHeaderTooLarge');
    assert.equal((await exchange(server.endpoint, signed(server.credentials, 'ListConfigRules'))).status, 200);
  });
});

test('ten thousand parameters are read, more are refused', async () => {
  await withServer([], async (server) => {
    const form = (count) => Array.from({ length: count }, (_, i) => `P${i}=v`).join('&');
    const ask = (count) => exchange(server.endpoint, signed(server.credentials, 'ListConfigRules',
      { method: 'POST', body: form(count), type: 'application/x-www-form-urlencoded' }));
    const few = await ask(9999);
    const many = await ask(10001);
    assert.equal(few.status, 200, few.body);
    assert.equal(many.status, 400, many.body);
  });
});

test('a deep JSON body is an error, not a crash', async () => {
  await withServer([], async (server) => {
    for (const body of ['['.repeat(100000), `{"ConfigurationItems":${'['.repeat(5000)}${']'.repeat(5000)}}`, '{"a":'.repeat(50000)]) {
      const answer = await exchange(server.endpoint, signed(server.credentials, 'PutConfigurationItems',
        { method: 'POST', version: '2026-11-01', body }));
      assert.equal(answer.status, 400, answer.body);
    }
    assert.equal((await exchange(server.endpoint, signed(server.credentials, 'ListConfigRules'))).status, 200);
  });
});

test('what is no HTTP gets no answer and harms nobody', async () => {
  await withServer(['--idle-timeout', '2'], async (server) => {
    for (const text of ['\0\0\0\0\r\n\r\n', 'GET\r\n\r\n', 'BREW / HTTP/1.1\r\nhost: a\r\n\r\n', `GET / HTTP/1.1\r\n${':'.repeat(200)}\r\n\r\n`]) {
      const answer = await exchange(server.endpoint, text);
      assert.ok(answer === null || answer.status >= 400, answer?.head);
    }
    assert.equal((await exchange(server.endpoint, signed(server.credentials, 'ListConfigRules'))).status, 200);
  });
});

// ---- starting, stopping, crashing ----

test('a port that is taken is told; port 0 takes a free one', async () => {
  await withServer([], async (server) => {
    const { port } = new URL(server.endpoint);
    const second = plumbline(['serve', '--data', scratch(), '--listen', `127.0.0.1:${port}`]);
    assert.equal(second.status, 2);
    assert.match(second.stderr, /cannot listen on 127\.0\.0\.1/);
    assert.notEqual(port, '0');
    assert.equal(JSON.parse(fs.readFileSync(path.join(server.data, 'credentials.json'))).Endpoint, server.endpoint);
  });
});

test('a stop answers what runs, exits with 0 and keeps what was answered', async () => {
  const server = await Server.start();
  let begun = 0;
  const writes = Array.from({ length: 12 }, async (_, i) => {
    const connection = await Connection.open(server.endpoint);
    const body = JSON.stringify({ ConfigurationItems: buckets(server, `stop${i}`, 300) });
    connection.write(signed(server.credentials, 'PutConfigurationItems', { method: 'POST', version: '2026-11-01', body }));
    begun++;
    const answer = await connection.answer();
    connection.close();
    return answer;
  });
  await until(() => begun === 12);
  await Promise.race(writes);
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  const answers = await Promise.all(writes);
  const stored = answers.filter((answer) => answer?.status === 200).length;
  for (const answer of answers) assert.ok(answer === null || [200, 503].includes(answer.status), answer?.body);
  assert.ok(stored >= 1);
  const again = await Server.start({ data: server.data });
  assert.ok(await count(again) >= stored * 300);
  assert.equal((await again.stop()).code, 0);
});

test('a request seen before a crash is refused after it', async () => {
  const server = await Server.start();
  const text = signed(server.credentials, 'ListConfigRules');
  assert.equal((await exchange(server.endpoint, text)).status, 200);
  assert.equal(codeOf(await exchange(server.endpoint, text)), 'SignatureNonceUsed');
  await server.stop('SIGKILL');
  const again = await Server.start({ data: server.data });
  const replay = await exchange(again.endpoint, text);
  assert.equal(replay.status, 400);
  assert.match(codeOf(replay), /^(SignatureNonceUsed|InvalidTimeStamp\.Expired)$/);
  assert.equal((await exchange(again.endpoint, signed(again.credentials, 'ListConfigRules'))).status, 200);
  assert.equal((await again.stop()).code, 0);
});

test('a client token has one effect, also across a crash', async () => {
  const server = await Server.start();
  const made = await server.call('CreateConfigRule', { ...rule, ClientToken: 'once' });
  await server.stop('SIGKILL');
  const again = await Server.start({ data: server.data });
  const repeated = await again.call('CreateConfigRule', { ...rule, ClientToken: 'once' });
  assert.equal(repeated.ConfigRuleId, made.ConfigRuleId);
  const rules = await again.call('ListConfigRules');
  assert.equal(rules.ConfigRules.TotalCount, 1);
  const other = await failure(again.call('CreateConfigRule', { ...rule, ConfigRuleName: 'other', ClientToken: 'once' }));
  assert.match(other.code ?? other.name, /Idempoten|ClientToken|Token/i);
  assert.equal((await again.stop()).code, 0);
});

test('an answer that is kept is never older than the last change', async () => {
  await withServer([], async (server) => {
    const { ConfigRuleId } = await server.call('CreateConfigRule', rule);
    const read = async () => (await server.call('GetConfigRule', { ConfigRuleId })).ConfigRule;
    assert.equal((await read()).Description, '');
    for (let i = 0; i < 10; i++) {
      await server.call('UpdateConfigRule', { ConfigRuleId, Description: `turn ${i}` });
      const [first, second] = [await read(), await read()];
      assert.deepEqual([first.Description, second.Description], [`turn ${i}`, `turn ${i}`]);
    }
    await server.put(buckets(server, 'kept', 2));
    await until(async () => (await read()).Compliance.Count === 2);
    await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
    assert.equal((await failure(read())).code, 'ConfigRuleNotExists');
  });
});
