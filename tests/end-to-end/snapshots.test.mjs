// Snapshots: at the channel's time all resources and all results reach their targets, topics are told, and a snapshot file
// can be imported again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Organisation } from './organisation.mjs';
import { logsOf, messagesOf, Sink } from './sink.mjs';
import { plumbline, scratch, Server, until } from './support.mjs';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MANY = 1203; // more than two pages of the snapshot

let sink;
let server;
let large; // another server, whose results say much
let account;
let member;
let group;
let begun;
let rule;
const ids = {};

const arn = (service, rest, id = account) => `acs:${service}:cn-shanghai:${id}:${rest}`;
const item = (id, more = {}) => ({ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: id, resourceName: id, regionId: 'cn-hangzhou',
  availabilityZone: 'cn-hangzhou-a', resourceCreateTime: 1584347689000, resourceGroupId: 'rg-1', tags: { env: ['prod'] },
  configuration: { Name: id, Text: 'ä "quoted" \\ line\nbreak', AccessControlList: { Grant: id === 'open' ? 'public-read' : 'private' } }, ...more });

/** The first whole minute that channels which are made now will not miss. */
function nextMinute() {
  const time = new Date(Math.ceil((Date.now() + 6000) / 60000) * 60000);
  return { time, text: `${time.toISOString().slice(11, 16)}Z` };
}

/** Eight results of 600 KB and one of more than a log record takes. */
async function startLarge() {
  const made = await Server.start({ args: ['--delivery-oss', `${sink.url}/oss`, '--delivery-sls', `${sink.url}/sls`, '--delivery-retry', '50'] });
  const { ConfigRuleId } = await made.call('CreateConfigRule', { ConfigRuleName: 'short', SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration',
    ResourceTypesScope: 'ACS::ECS::Disk', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', Conditions: JSON.stringify({ ComplianceConditions: JSON.stringify({
      operator: 'and', children: [{ operator: 'StringEquals', featurePath: '$.Text', desired: 'x', featureSource: 'CONFIGURATION' }] }) }) });
  for (let n = 0; n < 9; n++)
    await made.put([{ resourceType: 'ACS::ECS::Disk', resourceId: `d-${n}`, regionId: 'cn-beijing', configuration: { Text: (n < 8 ? 'y' : '"').repeat(600000).slice(0, n < 8 ? 600000 : 400000) } }]);
  await until(async () => (await made.call('ListConfigRuleEvaluationResults', { ConfigRuleId, MaxResults: 100, ComplianceType: 'NON_COMPLIANT' })).EvaluationResults.EvaluationResultList.length === 9);
  return made;
}

/** Channels of every kind, all for the same minute; what the tests look at has arrived when it has passed. */
before(async () => {
  sink = await Sink.start();
  sink.answer = ({ method, path: where }) => (method === 'PUT' && where.includes('/gone/') ? [404, '<Error><Code>NoSuchBucket</Code></Error>'] : 200);
  server = await Server.start({ args: ['--delivery-oss', `${sink.url}/oss`, '--delivery-mns', `${sink.url}/mns`, '--delivery-sls', `${sink.url}/sls`, '--delivery-retry', '50'] });
  account = server.credentials.AccountId;
  const organisation = await Organisation.on(server);
  member = await organisation.member('snapshot');
  group = (await server.call('CreateAggregator', { AggregatorName: 'all', AggregatorType: 'RD', Description: 'all' })).AggregatorId;
  const many = Array.from({ length: MANY }, (_, n) => item(`d-${n}`, { resourceType: 'ACS::ECS::Disk', regionId: 'cn-beijing', configuration: { DiskId: `d-${n}`, Size: n }, tags: {} }));
  await server.put([item('open'), item('closed', { tags: {}, resourceGroupId: undefined, availabilityZone: undefined }), ...many]);
  await server.put([item('of-member', { accountId: member })]);
  rule = (await server.call('CreateConfigRule', { ConfigRuleName: 'no public buckets', SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited',
    ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' })).ConfigRuleId;
  await until(async () => (await server.call('GetConfigRule', { ConfigRuleId: rule })).ConfigRule.ConfigRuleEvaluationStatus?.FirstEvaluationCompleted !== false);
  large = await startLarge();
  begun = nextMinute();
  for (const [name, more] of [['results', { OversizedDataOSSTargetArn: `acs:oss:cn-shanghai:${large.credentials.AccountId}:whole` }], ['cut', {}]])
    await large.call('CreateConfigDeliveryChannel', { DeliveryChannelType: 'SLS', CompliantSnapshot: true, DeliverySnapshotTime: begun.text,
      DeliveryChannelTargetArn: `acs:log:cn-shanghai:${large.credentials.AccountId}:project/p/logstore/${name}`, ...more });
  const channel = async (DeliveryChannelType, DeliveryChannelTargetArn, more = {}, name = 'CreateConfigDeliveryChannel') =>
    (await server.call(name, { DeliveryChannelType, DeliveryChannelTargetArn, DeliverySnapshotTime: begun.text, ...more })).DeliveryChannelId;
  const only = JSON.stringify([{ filterType: 'ResourceType', values: ['ACS::OSS::Bucket'], multiple: true }]);
  ids.bucket = await channel('OSS', arn('oss', 'all'), { ConfigurationSnapshot: true });
  ids.some = await channel('OSS', arn('oss', 'some'), { ConfigurationSnapshot: true, DeliveryChannelCondition: only });
  ids.gone = await channel('OSS', arn('oss', 'gone'), { ConfigurationSnapshot: true, DeliveryChannelCondition: only });
  ids.topic = await channel('MNS', arn('mns', '/topics/told'), { ConfigurationSnapshot: true });
  ids.logs = await channel('SLS', arn('log', 'project/p/logstore/snapshots'), { ConfigurationSnapshot: true, CompliantSnapshot: true, DeliveryChannelCondition: only });
  await channel('OSS', arn('oss', 'group'), { AggregatorId: group, ConfigurationSnapshot: true, DeliveryChannelCondition: only }, 'CreateAggregateConfigDeliveryChannel');
  await until(() => objects('all').length === 1 + Math.ceil(MANY / 500) && objects('some').length === 1 && objects('group').length === 1 && logsOf(sink, 'snapshots').length >= 4 &&
    messagesOf(sink, 'told').filter((m) => m.eventName === 'SnapshotDeliverySuccess').length >= 2, 90);
});

after(async () => {
  assert.equal((await large?.stop())?.code, 0, large?.log);
  const { code } = await server.stop();
  await sink.stop();
  assert.equal(code, 0, server.log);
});

const objects = (bucket) => sink.at(`/oss/${bucket}/`);
const files = (bucket) => objects(bucket).map((object) => ({ ...object, file: JSON.parse(object.body) }));
const itemsOf = (bucket) => files(bucket).flatMap(({ file }) => file.configurationItems);

test('a configuration snapshot has every resource once, in files by region with the documented names and members', () => {
  const found = files('all');
  const day = begun.time.toISOString().slice(0, 10).replaceAll('-', '/');
  for (const { method, path: where, file } of found) {
    assert.equal(method, 'PUT');
    assert.deepEqual(Object.keys(file), ['configurationItems', 'requestId', 'fileVersion']);
    assert.equal(file.fileVersion, '1.0');
    assert.match(file.requestId, UUID);
    const [{ regionId: region }] = file.configurationItems;
    const name = new RegExp(`^/oss/all/ACSLogs/${account}/Config/${region}/${day}/${account}_Config_${region}_ConfigurationSnapshot_(\\d{8}T\\d{6}Z)_${file.requestId}\\.json$`);
    const [, time] = name.exec(where) ?? assert.fail(where);
    assert.ok(time.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z') >= begun.time.toISOString().replace('.000', ''), time);
    for (const one of file.configurationItems) assert.equal(one.regionId, region);
  }
  const seen = itemsOf('all').map((one) => one.resourceId);
  assert.equal(seen.length, MANY + 2);
  assert.equal(new Set(seen).size, MANY + 2);
  const open = itemsOf('all').find((one) => one.resourceId === 'open');
  assert.deepEqual(open, { accountId: account, availabilityZone: 'cn-hangzhou-a', regionId: 'cn-hangzhou', configuration: JSON.stringify(item('open').configuration),
    resourceCreateTime: 1584347689000, resourceGroupId: 'rg-1', resourceId: 'open', resourceName: 'open', resourceType: 'ACS::OSS::Bucket',
    tags: '{"env":["prod"]}' });
});

test('a condition restricts the snapshot, and a group has those of its members', () => {
  assert.deepEqual(itemsOf('some').map((one) => one.resourceId).sort(), ['closed', 'open']);
  assert.deepEqual(itemsOf('group').map((one) => [one.accountId, one.resourceId]), [[member, 'of-member']]);
  assert.match(itemsOf('group')[0].resourceDirectoryId, /^rd-/);
  assert.ok(objects('group')[0].path.includes(`/ACSLogs/${member}/Config/cn-hangzhou/`), 'in the folder of the member');
});

test('topics hear of snapshots that reached their bucket and of those that did not', async () => {
  const all = await until(() => messagesOf(sink, 'told').some((m) => m.eventName === 'SnapshotDeliveryFailed') && messagesOf(sink, 'told'));
  for (const { requestId, notificationCreationTime, eventName, errorCause, ...rest } of all) {
    assert.match(requestId, UUID);
    assert.ok(notificationCreationTime >= begun.time.getTime());
    assert.deepEqual(rest, { eventType: 'SnapshotDelivery' });
    assert.equal(errorCause, eventName === 'SnapshotDeliveryFailed' ? 'NoSuchBucket' : undefined);
  }
  assert.equal(all.filter((m) => m.eventName === 'SnapshotDeliverySuccess').length, 2, 'one for each bucket, not for each file');
  assert.equal(all.filter((m) => m.eventName === 'SnapshotDeliveryFailed').length, 1, 'not for each attempt');
});

test('log records of resources and of results', () => {
  const records = logsOf(sink, 'snapshots');
  for (const record of records) for (const [name, value] of Object.entries(record)) assert.equal(typeof value, 'string', name);
  const resources = records.filter((record) => record.dataType === 'ConfigurationSnapshot');
  const results = records.filter((record) => record.dataType === 'CompliantSnapshot');
  assert.equal(resources.length + results.length, records.length);
  assert.deepEqual(resources.map((record) => record.resourceId).sort(), ['closed', 'open']);
  const open = resources.find((record) => record.resourceId === 'open');
  for (const name of ['accountId', 'arn', 'availabilityZone', 'configuration', 'regionId', 'requestId', 'resourceCreateTime', 'resourceGroupId', 'resourceName', 'resourceType', 'tags', 'version'])
    assert.ok(name in open, name);
  assert.equal(open.arn, `acs:oss:cn-hangzhou:${account}:open`);
  assert.deepEqual(JSON.parse(open.configuration), item('open').configuration);
  assert.deepEqual(results.map((record) => [record.resourceId, record.complianceType, record.configRuleId, record.riskLevel]).sort(),
    [['closed', 'COMPLIANT', rule, 'Critical'], ['open', 'NON_COMPLIANT', rule, 'Critical']]);
});

test('results come in calls and records that a Logstore takes', async () => {
  await until(() => logsOf(sink, 'results').length === 9 && logsOf(sink, 'cut').length === 9, 90);
  for (const name of ['results', 'cut']) {
    const calls = sink.at(`/logstores/${name}/track`);
    for (const { body } of calls) assert.ok(body.length < 3 * 1024 * 1024, `${body.length} bytes in one call`);
    const records = logsOf(sink, name);
    for (const record of records) assert.ok(JSON.stringify(record).length <= 1 << 20);
    assert.deepEqual(records.map((record) => record.resourceId).sort(), Array.from({ length: 9 }, (_, n) => `d-${n}`));
    const [most] = records.filter((record) => record.oversized === 'true');
    assert.equal(most.resourceId, 'd-8');
    assert.ok(!('annotation' in most) && records.filter((record) => record.annotation?.length > 600000).length === 8);
    if (name === 'cut') {
      assert.ok(!('ossObject' in most));
      continue;
    }
    const [object] = sink.at(`/oss/whole/${most.ossObject.split(':whole/')[1]}`);
    assert.match(JSON.parse(JSON.parse(object.body).annotation).configuration, /^"{400000}$/);
  }
});

test('a delivered snapshot is imported again: the same resources', async (t) => {
  const directory = scratch();
  const names = objects('all').map(({ body }, n) => {
    const name = path.join(directory, `${n}.json`);
    fs.writeFileSync(name, body);
    return name;
  });
  const other = await Server.start({ env: { PLUMBLINE_ACCOUNT_ID: account } });
  t.after(() => other.stop());
  assert.equal(other.credentials.AccountId, account);
  const imported = plumbline(['import', '--endpoint', other.endpoint, '--data', other.data, ...names]);
  assert.equal(imported.status, 0, imported.stderr);
  const told = (on, ResourceId, ResourceType, Region) => on.call('GetDiscoveredResource', { ResourceId, ResourceType, Region }).then(({ DiscoveredResourceDetail: detail }) => {
    const { ResourceDeleted, Version, ...rest } = detail;
    return rest;
  });
  for (const [id, type, region] of [['open', 'ACS::OSS::Bucket', 'cn-hangzhou'], ['closed', 'ACS::OSS::Bucket', 'cn-hangzhou'], ['d-7', 'ACS::ECS::Disk', 'cn-beijing'], [`d-${MANY - 1}`, 'ACS::ECS::Disk', 'cn-beijing']])
    assert.deepEqual(await told(other, id, type, region), await told(server, id, type, region));
  assert.match(imported.stderr, new RegExp(`${MANY + 2} items accepted: ${MANY + 2} changed, 0 unchanged`));
  const again = plumbline(['import', '--endpoint', other.endpoint, '--data', other.data, ...names]);
  assert.match(again.stderr, new RegExp(`${MANY + 2} items accepted: 0 changed, ${MANY + 2} unchanged`));
});
