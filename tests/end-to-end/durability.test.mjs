// What was acknowledged is there after kill -9, whole and with its verdicts; two servers never share a database; a backup made
// beside a running server opens as one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { Postgres } from './postgres.mjs';
import { elsewhere, plumbline, program, scratch, Server as Plain } from './support.mjs';

const started = [];
const Server = { start: async (options) => (started.push(await Plain.start(options)), started.at(-1)) };
after(() => started.forEach((server) => server.child.kill('SIGKILL'))); // what a failed test has left

/** The arguments of an import into what the server of the data directory uses. */
const into = async (data) => ['--data', data, ...(elsewhere.url ? ['--store', await elsewhere.url(data)] : [])];
const sqliteOnly = { skip: elsewhere.url && 'about the files of SQLite' };

const KILLS = 3;
const WRITERS = 4;

const instance = (id) => ({
  resourceType: 'ACS::ECS::Instance', resourceId: id, regionId: 'cn-hangzhou', resourceName: id,
  configuration: { InstanceId: id, Status: Number(id.slice(2)) % 3 ? 'Running' : 'Stopped', Padding: 'x'.repeat(500) },
});

async function makeRule(server) {
  const { ConfigRuleId } = await server.call('CreateConfigRule', {
    ConfigRuleName: 'running', SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration',
    ResourceTypesScope: 'ACS::ECS::Instance', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification',
    Conditions: JSON.stringify({ ComplianceConditions: JSON.stringify({ operator: 'and', children: [
      { operator: 'StringEquals', featureSource: 'CONFIGURATION', featurePath: '$.Status', desired: 'Running' }] }) }),
  });
  return ConfigRuleId;
}

async function everyVerdict(server, ConfigRuleId) {
  const found = new Map();
  for (let NextToken; ;) {
    const { EvaluationResults: page } = await server.call('ListConfigRuleEvaluationResults', { ConfigRuleId, MaxResults: 100, ...(NextToken && { NextToken }) });
    for (const result of page.EvaluationResultList)
      found.set(result.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId, result.ComplianceType);
    NextToken = page.NextToken;
    if (!NextToken) return found;
  }
}

/** The server's own counter. */
async function countOf(server) {
  const { DiscoveredResourceCountsSummary: groups } = await server.call('GetDiscoveredResourceCountsGroupByResourceType', {});
  return groups.reduce((sum, { ResourceCount }) => sum + Number(ResourceCount), 0);
}

/** Everything that was promised is there, each with its verdict, and the counters say what the lists say. */
async function verify(server, ConfigRuleId, promised) {
  const found = await everyVerdict(server, ConfigRuleId);
  for (const id of promised) assert.ok(found.has(id), `${id} was acknowledged and is gone`);
  for (const [id, verdict] of found) assert.equal(verdict, Number(id.slice(2)) % 3 ? 'COMPLIANT' : 'NON_COMPLIANT', id);
  assert.equal(await countOf(server), found.size);
  const { ConfigRules } = await server.call('ListConfigRules', { ConfigRuleName: 'running' });
  const failing = [...found.values()].filter((verdict) => verdict === 'NON_COMPLIANT').length;
  const { ComplianceType, Count } = ConfigRules.ConfigRuleList[0].Compliance;
  assert.deepEqual([ComplianceType, Count], failing ? ['NON_COMPLIANT', failing] : [ComplianceType, Count]);
  const some = [...promised].at(randomInt(promised.size));
  const { DiscoveredResourceDetail: detail } = await server.call('GetDiscoveredResource',
    { ResourceType: 'ACS::ECS::Instance', ResourceId: some, Region: 'cn-hangzhou' });
  assert.deepEqual(JSON.parse(detail.Configuration), instance(some).configuration);
  const timeline = await server.call('GetResourceConfigurationTimeline',
    { ResourceType: 'ACS::ECS::Instance', ResourceId: some, Region: 'cn-hangzhou' });
  assert.equal(timeline.ResourceConfigurationTimeline.ConfigurationList.length, 1);
}

async function killWhileWriting(start) {
  const promised = new Set();
  let server = await start();
  const rule = await makeRule(server);
  let next = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = promised.size, enough = before + randomInt(20, 120);
    let reached;
    const due = new Promise((done) => { reached = done; });
    const write = async () => {
      for (;;) {
        const ids = Array.from({ length: randomInt(1, 12) }, () => `i-${String(next++).padStart(8, '0')}`);
        try {
          await server.put(ids.map(instance));
        } catch {
          return;
        }
        for (const id of ids) promised.add(id);
        if (promised.size >= enough) reached();
      }
    };
    const writers = Array.from({ length: WRITERS }, write);
    await due;
    await server.stop('SIGKILL');
    await Promise.all(writers);
    assert.ok(promised.size > before);
    server = await start();
    await verify(server, rule, promised);
  }
  assert.equal((await server.stop()).code, 0, server.log);
}

test('kill -9 during PutConfigurationItems loses nothing acknowledged: SQLite', () => {
  const data = scratch();
  return killWhileWriting(() => Server.start({ data }));
});

test('kill -9 during PutConfigurationItems loses nothing acknowledged: PostgreSQL', async () => {
  const postgres = await Postgres.start();
  const data = scratch();
  try {
    await killWhileWriting(() => Server.start({ data, args: ['--store', postgres.url] }));
  } finally {
    await postgres.stop();
  }
});

test('kill -9 during an import leaves whole items with their verdicts, and the import can be repeated', async () => {
  const data = scratch();
  const file = path.join(scratch(), 'items.jsonl');
  const ids = Array.from({ length: 20000 }, (_, i) => `i-${String(i).padStart(8, '0')}`);
  fs.writeFileSync(file, ids.map((id) => JSON.stringify(instance(id))).join('\n'));
  let server = await Server.start({ data });
  const rule = await makeRule(server);
  if (!elsewhere.url) await server.stop();
  const log = () => fs.statSync(path.join(data, 'plumbline.db-wal'), { throwIfNoEntry: false })?.size ?? 0;
  const begun = async () => (elsewhere.url ? await countOf(server) > 0 : log() >= 1 << 20); // a batch is stored, or on its way to the disk
  const child = spawn(program, ['import', ...await into(data), file], { stdio: 'ignore' });
  const ended = new Promise((done) => child.on('exit', done));
  while (!await begun()) await new Promise((done) => setImmediate(done));
  child.kill('SIGKILL');
  await ended;
  await server.stop();
  server = await Server.start({ data });
  const stored = await countOf(server);
  assert.ok(stored % 5000 === 0 && stored < ids.length, `${stored} items`);
  await server.stop();
  const again = plumbline(['import', ...await into(data), file]);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, new RegExp(`20000 items accepted: ${20000 - stored} changed, ${stored} unchanged`));
  server = await Server.start({ data });
  const { ConfigRules } = await server.call('ListConfigRules', { ConfigRuleName: 'running' });
  assert.equal(ConfigRules.ConfigRuleList[0].ConfigRuleId, rule);
  assert.equal(ConfigRules.ConfigRuleList[0].Compliance.Count, ids.filter((id) => Number(id.slice(2)) % 3 === 0).length);
  await server.stop();
});

test('a second server on the same database is refused, by name of the first; kill -9 leaves nothing locked', sqliteOnly, async () => {
  const data = scratch();
  const server = await Server.start({ data });
  const pid = server.child.pid;
  for (const args of [['--data', data], ['--data', scratch(), '--store', path.join(data, 'plumbline.db')]]) {
    const second = plumbline(['serve', '--listen', '127.0.0.1:0', ...args]);
    assert.equal(second.status, 2);
    assert.match(second.stderr, new RegExp(`already.*process ${pid}`));
  }
  assert.match(await (await fetch(`${server.endpoint}/readyz`)).text(), /ready/);
  await server.stop('SIGKILL');
  const next = await Server.start({ data });
  assert.equal((await next.stop()).code, 0);
});

test('an import into the data directory beside its running server is seen by it, verdicts included', async () => {
  const data = scratch();
  const server = await Server.start({ data });
  const rule = await makeRule(server);
  const file = path.join(scratch(), 'items.jsonl');
  fs.writeFileSync(file, Array.from({ length: 300 }, (_, i) => JSON.stringify(instance(`i-${i}`))).join('\n'));
  const importing = spawn(program, ['import', ...await into(data), file], { stdio: 'ignore' });
  const ended = new Promise((done) => importing.on('exit', done));
  for (let i = 300; i < 340; i++) await server.put([instance(`i-${i}`)]);
  assert.equal(await ended, 0);
  await verify(server, rule, new Set(Array.from({ length: 340 }, (_, i) => `i-${i}`)));
  await server.stop();
});

test('a backup made while the server writes is one moment of it, and opens as a server', sqliteOnly, async () => {
  const data = scratch();
  const copy = path.join(scratch(), 'copy');
  const server = await Server.start({ data });
  const rule = await makeRule(server);
  const promised = new Set(['i-0', 'i-1', 'i-2', 'i-3']);
  await server.put([...promised].map(instance));
  const making = spawn(program, ['backup', '--data', data, copy], { stdio: 'ignore' });
  const ended = new Promise((done) => making.on('exit', done));
  for (let i = 4; making.exitCode === null; i++) await server.put([instance(`i-${i}`), instance(`i-${i}000000`)]);
  assert.equal(await ended, 0);
  await server.stop();
  assert.equal(fs.statSync(copy).mode & 0o777, 0o700);
  for (const name of ['plumbline.db', 'secret.key', 'credentials.json'])
    assert.equal(fs.statSync(path.join(copy, name)).mode & 0o777, 0o600, name);
  const restored = await Server.start({ data: copy });
  await verify(restored, rule, promised);
  const found = await everyVerdict(restored, rule);
  for (const id of found.keys()) if (id.endsWith('000000')) assert.ok(found.has(id.slice(0, -6)), 'half a call');
  await restored.stop();

  const twice = plumbline(['backup', '--data', data, copy]);
  assert.deepEqual([twice.status, /File exists/.test(twice.stderr)], [2, true], twice.stderr);
  const nothing = plumbline(['backup', '--data', scratch(), path.join(scratch(), 'copy')]);
  assert.equal(nothing.status, 2);
  const postgres = plumbline(['backup', '--store', 'postgres://nowhere/x', path.join(scratch(), 'copy')]);
  assert.deepEqual([postgres.status, /pg_dump/.test(postgres.stderr)], [2, true], postgres.stderr);
});
