// Servers that are killed while functions run: every event is delivered again and counts once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Cloud, IMAGE_CHECK, decide, instance, test } from './functions.mjs';
import { plumbline, scratch, until } from './support.mjs';

const directories = (where) => fs.readdirSync(where).filter((name) => name.startsWith('plumbline-functions-'));

test('events survive kill -9 of the server, queued and running, and have one effect', async () => {
  const data = scratch();
  let own = await Cloud.start({ data });
  try {
    const directory = path.join(data, 'code');
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, 'index.py'), `import time\n${IMAGE_CHECK.replace('def handler(event, context):\n', 'def handler(event, context):\n    time.sleep(0.2)\n')}`);
    const deployed = plumbline(['function', 'deploy', directory, '--name', 'check', '--runtime', 'python3', '--handler', 'index.handler', '--data', data]);
    assert.equal(deployed.status, 0, deployed.stderr);
    await own.server.put(Array.from({ length: 40 }, (_, n) => instance(`i-${n}`, n % 2 ? 'good' : 'bad')));
    const rule = await own.createRule('r', deployed.stdout.trim(), { imageIds: 'good' });
    await until(async () => Object.values(await own.verdicts(rule)).filter((v) => v !== 'INSUFFICIENT_DATA').length > 4);
    await own.stop('SIGKILL');
    own = await Cloud.start({ data });
    await until(async () => Object.values(await own.verdicts(rule)).every((v) => v !== 'INSUFFICIENT_DATA'));
    const verdicts = await own.verdicts(rule);
    assert.equal(Object.keys(verdicts).length, 40);
    for (let n = 0; n < 40; n++) assert.equal(verdicts[`i-${n}`], n % 2 ? 'COMPLIANT' : 'NON_COMPLIANT');
    const counts = (await own.server.call('GetConfigRule', { ConfigRuleId: rule })).ConfigRule.Compliance;
    assert.equal(counts.Count, 20);
    await own.settled();
    assert.match(plumbline(['function', 'list', '--data', data]).stdout, /^check\tpython3/m);
    assert.match(plumbline(['function', 'invoke', 'check', '--data', data]).stdout, /null/);
  } finally {
    await own.stop();
  }
});

test('an asynchronous invocation survives kill -9 as well', async () => {
  const data = scratch();
  let own = await Cloud.start({ data });
  try {
    await own.server.put([instance('i-1', 'good')]);
    await own.python('marking', 'import json, time\ndef handler(event, context):\n    print("EVENT" + event.decode())\n    time.sleep(1)\n');
    for (let n = 0; n < 3; n++) await own.invoke('marking', JSON.stringify({ n }), { xFcInvocationType: 'Async' });
    await until(async () => (await own.events('marking')).length > 0);
    await own.stop('SIGKILL');
    own = await Cloud.start({ data });
    await until(async () => new Set((await own.events('marking')).map((event) => event.n)).size === 3);
  } finally {
    await own.stop();
  }
});

test('what a crashing or hanging function does costs no other event its result', async () => {
  const own = await Cloud.start();
  try {
    await own.server.put(Array.from({ length: 20 }, (_, n) => instance(`i-${n}`, 'x')));
    await own.python('shaky', decide('"COMPLIANT"', `
if item["resourceId"] == "i-3":
    import os; os._exit(9)
if item["resourceId"] == "i-7":
    while True: pass`), { timeout: 3 });
    const rule = await own.createRule('shaky', own.arn('shaky'));
    await own.settled();
    const verdicts = await own.verdicts(rule);
    for (let n = 0; n < 20; n++) assert.equal(verdicts[`i-${n}`], n === 3 || n === 7 ? 'INSUFFICIENT_DATA' : 'COMPLIANT', `i-${n}`);
  } finally {
    await own.stop();
  }
});

test('directories of killed servers go at the next start, those of living ones stay', async () => {
  const where = scratch();
  fs.chmodSync(where, 0o755);
  const env = { TMPDIR: where };
  const killed = await Cloud.start({ env });
  const living = await Cloud.start({ env });
  try {
    assert.equal(directories(where).length, 2);
    await killed.stop('SIGKILL');
    assert.equal(directories(where).length, 2);
    const next = await Cloud.start({ env });
    assert.equal(directories(where).length, 2);
    await next.stop();
    assert.equal(directories(where).length, 1);
    await living.python('fine', 'def handler(event, context):\n    return "fine"\n');
    assert.equal((await living.invoke('fine')).body, 'fine');
  } finally {
    await living.stop();
  }
  assert.deepEqual(directories(where), []);
});
