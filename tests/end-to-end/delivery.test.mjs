// Delivery channels: what is recorded and found reaches buckets, topics and Logstores, in the documented form, at least once.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Organisation } from './organisation.mjs';
import { messagesOf, Sink, logsOf } from './sink.mjs';
import { failure, Server, until } from './support.mjs';

const KEY = { id: 'sink-key', secret: 'sink-secret' };

let sink;
let server;
let account;
const options = () => ({
  args: ['--delivery-oss', `${sink.url}/oss`, '--delivery-mns', `${sink.url}/mns`, '--delivery-sls', `${sink.url}/sls`,
    '--delivery-events', `${sink.url}/events/{service}`, '--delivery-retry', '50'],
  env: { PLUMBLINE_DELIVERY_ACCESS_KEY_ID: KEY.id, PLUMBLINE_DELIVERY_ACCESS_KEY_SECRET: KEY.secret },
});

before(async () => {
  sink = await Sink.start();
  server = await Server.start(options());
  account = server.credentials.AccountId;
});

after(async () => {
  const { code } = await server.stop();
  await sink.stop();
  assert.equal(code, 0, server.log);
});

const arn = {
  oss: (bucket) => `acs:oss:cn-shanghai:${account}:${bucket}`,
  mns: (topic) => `acs:mns:cn-shanghai:${account}:/topics/${topic}`,
  sls: (project, logstore) => `acs:log:cn-shanghai:${account}:project/${project}/logstore/${logstore}`,
};
const channel = async (DeliveryChannelType, DeliveryChannelTargetArn, more = {}) =>
  (await server.call('CreateConfigDeliveryChannel', { DeliveryChannelType, DeliveryChannelTargetArn, ...more })).DeliveryChannelId;
const drop = (DeliveryChannelId) => server.call('DeleteConfigDeliveryChannel', { DeliveryChannelId });
const bucket = (id, grant, more = {}) => ({ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: id, resourceName: id, regionId: 'cn-hangzhou',
  resourceCreateTime: 1584347689000, tags: { env: 'prod' }, configuration: { Name: id, AccessControlList: { Grant: grant } }, ...more });
const rule = async (name, more = {}) => (await server.call('CreateConfigRule', { ConfigRuleName: name, SourceOwner: 'ALIYUN',
  SourceIdentifier: 'oss-bucket-public-read-prohibited', ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1,
  ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ...more })).ConfigRuleId;

const messages = (topic) => messagesOf(sink, topic);
const logs = (logstore) => logsOf(sink, logstore);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('changes become objects with the documented members, signed', async () => {
  const id = await channel('OSS', arn.oss('changes'), { ConfigurationItemChangeNotification: true });
  assert.match(id, /^cdc-[0-9a-f]{16}$/);
  const start = Date.now();
  await server.put([bucket('one', 'private'), { ...bucket('two', 'private'), regionId: 'cn-beijing' }]);
  await server.put([bucket('one', 'public-read')]);
  await server.put([{ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: 'one', regionId: 'cn-hangzhou', resourceEventType: 'REMOVE' }]);
  const objects = await until(() => sink.at('/oss/changes/').length === 4 && sink.at('/oss/changes/'));
  const files = objects.map((object) => ({ ...object, file: JSON.parse(object.body) }))
    .sort((a, b) => a.file.configurationItems[0].captureTime - b.file.configurationItems[0].captureTime);
  const found = (event) => files.find(({ file }) => file.configurationItems[0].resourceEventType === event && file.configurationItems[0].resourceId === 'one');
  for (const { method, path: where, file } of files) {
    const item = file.configurationItems[0];
    assert.equal(method, 'PUT');
    assert.deepEqual(Object.keys(file), ['configurationItems', 'requestId', 'fileVersion']);
    assert.equal(file.fileVersion, '1.0');
    assert.match(file.requestId, UUID);
    const day = new Date(start).toISOString().slice(0, 10).replaceAll('-', '/');
    const name = new RegExp(`^/oss/changes/ACSLogs/${account}/Config/${item.regionId}/${day}/${account}_Config_${item.regionId}_ConfigurationItemChangeNotification_\\d{8}T\\d{6}Z_${file.requestId}\\.json$`);
    assert.match(where, name);
  }
  const item = found('MODIFY').file.configurationItems[0];
  const { captureTime, ...rest } = item;
  assert.ok(captureTime >= start && captureTime <= Date.now());
  assert.deepEqual(rest, { accountId: Number(account), arn: `acs:oss:cn-hangzhou:${account}:one`, regionId: 'cn-hangzhou',
    configuration: JSON.stringify({ Name: 'one', AccessControlList: { Grant: 'public-read' } }),
    configurationDiff: JSON.stringify({ AccessControlList: [{ Grant: 'private' }, { Grant: 'public-read' }] }),
    resourceCreateTime: 1584347689000, resourceId: 'one', resourceName: 'one', resourceType: 'ACS::OSS::Bucket', tags: item.tags, resourceEventType: 'MODIFY' });
  assert.equal(typeof item.tags, 'string');
  assert.deepEqual(JSON.parse(found('DISCOVERED').file.configurationItems[0].configurationDiff).Name, [null, 'one']);
  const removed = found('REMOVE').file.configurationItems[0];
  assert.deepEqual(JSON.parse(removed.configurationDiff).Name, ['one', null]);
  assert.equal(removed.resourceName, 'one');
  await signed(objects[0]);
  await drop(id);
});

/** Checks the object's signature V4 as a store would. */
async function signed({ method, path: where, headers, body }) {
  const [, scope, names, signature] = /^AWS4-HMAC-SHA256 Credential=sink-key\/(.*), SignedHeaders=(.*), Signature=(.*)$/.exec(headers.authorization);
  const hash = crypto.createHash('sha256').update(body).digest('hex');
  assert.equal(headers['x-amz-content-sha256'], hash);
  const canonical = [method, where, '', ...names.split(';').map((name) => `${name}:${headers[name].trim()}`), '', names, hash].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, crypto.createHash('sha256').update(canonical).digest('hex')].join('\n');
  const hmac = (key, value) => crypto.createHmac('sha256', key).update(value).digest();
  const key = scope.split('/').reduce(hmac, `AWS4${KEY.secret}`);
  assert.equal(hmac(key, text).toString('hex'), signature);
}

test('changes and violations become messages', async () => {
  const id = await channel('MNS', arn.mns('all'), { ConfigurationItemChangeNotification: true, NonCompliantNotification: true });
  const ConfigRuleId = await rule('for messages', { RiskLevel: 2 });
  await server.put([bucket('three', 'private')]);
  await server.put([bucket('three', 'public-read')]);
  const all = await until(() => messages('all').length >= 3 && messages('all'));
  const named = (name) => all.filter((message) => message.eventName === name);
  const [update] = named('ResourceUpdate');
  assert.deepEqual(Object.keys(update), ['requestId', 'dataType', 'eventName', 'configurationItemDiff', 'eventType', 'notificationCreationTime', 'configurationItem']);
  assert.equal(update.dataType, 'ConfigurationItemChangeNotification');
  assert.equal(update.eventType, 'ResourceChange');
  assert.deepEqual(update.configurationItemDiff, { changedProperties: { AccessControlList: { changeType: 'MODIFY', previousValue: { Grant: 'private' }, updatedValue: { Grant: 'public-read' } } }, changeType: 'MODIFY' });
  assert.equal(update.configurationItem.accountId, Number(account));
  assert.equal(update.configurationItem.configuration.Name, 'three');
  assert.equal(typeof update.configurationItem.tags, 'object');
  const [add] = named('ResourceAdd');
  assert.deepEqual(add.configurationItemDiff, { changedProperties: {}, changeType: 'DISCOVERED' });
  const [violation, ...others] = named('NonCompliant').filter((m) => m.evaluationResultIdentifier.evaluationResultQualifier.configRuleId === ConfigRuleId);
  assert.equal(others.length, 0);
  assert.equal(violation.riskLevel, 'Warning');
  assert.equal(violation.complianceType, 'NON_COMPLIANT');
  assert.equal(violation.invokingEventMessageType, 'ConfigurationItemChangeNotification');
  assert.deepEqual(JSON.parse(violation.annotation), { configuration: 'public-read', desiredValue: 'read', operator: 'NotContains', property: '$.AccessControlList.Grant' });
  const { captureTime, ...qualifier } = violation.evaluationResultIdentifier.evaluationResultQualifier;
  assert.ok(captureTime > 0);
  assert.deepEqual(qualifier, { resourceId: 'three', configRuleName: 'for messages', configRuleId: ConfigRuleId, resourceName: 'three',
    configRuleArn: `acs:config::${account}:rule/${ConfigRuleId}`, regionId: 'cn-hangzhou', resourceOwnerId: Number(account), resourceType: 'ACS::OSS::Bucket',
    sourceIdentifier: 'oss-bucket-public-read-prohibited', compliancePackId: '', resourceArn: `acs:oss:cn-hangzhou:${account}:three`, resourceGroupId: '' });
  const request = sink.at('/topics/all/messages')[0];
  const text = `POST\n\n${request.headers['content-type']}\n${request.headers.date}\nx-mns-version:2015-06-06\n/topics/all/messages`;
  assert.equal(request.headers.authorization, `MNS ${KEY.id}:${crypto.createHmac('sha1', KEY.secret).update(text).digest('base64')}`);
  // The same verdict again is no news, unless a person asked for it.
  await server.put([bucket('three', 'public-read', { configuration: { Name: 'three', Owner: 'x', AccessControlList: { Grant: 'public-read' } } })]);
  await server.call('StartConfigRuleEvaluation', { ConfigRuleId });
  const again = await until(() => messages('all').filter((m) => m.eventName === 'NonCompliant').length === 2 && messages('all'));
  assert.equal(again.filter((m) => m.eventName === 'NonCompliant')[1].invokingEventMessageType, 'Manual');
  await drop(id);
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('log records carry text values only', async () => {
  const id = await channel('SLS', arn.sls('project', 'records'), { ConfigurationItemChangeNotification: true, NonCompliantNotification: true });
  const ConfigRuleId = await rule('for logs');
  await server.put([bucket('four', 'public-read')]);
  const found = await until(() => logs('records').length >= 2 && logs('records'));
  for (const record of found) for (const value of Object.values(record)) assert.equal(typeof value, 'string');
  const change = found.find((record) => record.dataType === 'ConfigurationItemChangeNotification');
  assert.equal(change.serviceName, 'OSS');
  assert.equal(change.realResourceId, 'four');
  assert.equal(change.resourceEventType, 'DISCOVERED');
  assert.equal(change.version, `${change.captureTime}000`);
  const violation = found.find((record) => record.dataType === 'NonCompliantNotification');
  assert.equal(violation.riskLevel, 'Critical');
  assert.equal(JSON.parse(violation.evaluationResultIdentifier).evaluationResultQualifier.configRuleId, ConfigRuleId);
  assert.ok(Number(violation.lastNonCompliantRecordTimestamp) > 0);
  const body = JSON.parse(sink.at('/sls/project/logstores/records/track')[0].body);
  assert.equal(body.__topic__, 'staging');
  await drop(id);
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('conditions choose risk levels and resource types', async () => {
  const condition = (risk, types) => JSON.stringify([{ filterType: 'RuleRiskLevel', value: risk, multiple: false }, ...(types ? [{ filterType: 'ResourceType', values: types, multiple: true }] : [])]);
  const on = { ConfigurationItemChangeNotification: true, NonCompliantNotification: true };
  const ids = [await channel('MNS', arn.mns('severe'), { ...on, DeliveryChannelCondition: condition('1') }),
    await channel('MNS', arn.mns('elsewhere'), { ...on, DeliveryChannelCondition: condition('3', ['ACS::CDN::Domain']) }),
    await channel('MNS', arn.mns('buckets'), { ...on, DeliveryChannelCondition: condition('2', ['ACS::OSS::Bucket']) })];
  const rules = [await rule('severe', { RiskLevel: 1 }), await rule('medium', { RiskLevel: 2 }), await rule('mild', { RiskLevel: 3 })];
  await server.put([bucket('five', 'public-read')]);
  const risks = (topic) => messages(topic).filter((m) => m.evaluationResultIdentifier?.evaluationResultQualifier.resourceId === 'five').map((m) => m.riskLevel).sort();
  await until(() => risks('buckets').length === 2 && risks('severe').length === 1);
  assert.deepEqual(risks('severe'), ['Critical']);
  assert.deepEqual(risks('buckets'), ['Critical', 'Warning']);
  assert.deepEqual(messages('elsewhere'), []);
  for (const id of ids) await drop(id);
  await server.call('DeleteConfigRules', { ConfigRuleIds: rules.join() });
});

test('what is too large goes to the bucket, and the message names it', async () => {
  const oversized = arn.oss('large');
  const ids = [await channel('MNS', arn.mns('with'), { ConfigurationItemChangeNotification: true, OversizedDataOSSTargetArn: oversized }),
    await channel('MNS', arn.mns('without'), { ConfigurationItemChangeNotification: true })];
  const configuration = { Name: 'six', Text: 'x'.repeat(70000) };
  await server.put([bucket('six', 'private', { configuration })]);
  const [[message], [bare]] = await until(() => messages('with').length && messages('without').length && [messages('with'), messages('without')]);
  assert.equal(message.oversized, true);
  assert.ok(!('configuration' in message.configurationItem) && !('changedProperties' in message.configurationItemDiff));
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
  const key = `ACSLogs/${account}/Config/Oversized/${day}/${message.requestId}.json`;
  assert.equal(message.ossObject, `${oversized}/${key}`);
  const [object] = sink.at(`/oss/large/${key}`);
  assert.deepEqual(JSON.parse(object.body).configurationItem.configuration, configuration);
  assert.equal(bare.oversized, true);
  assert.ok(!('ossObject' in bare));
  for (const id of ids) await drop(id);
});

test('so does a violation that repeats too much', async () => {
  const oversized = arn.oss('large');
  const told = { NonCompliantNotification: true };
  const ids = [await channel('MNS', arn.mns('told-with'), { ...told, OversizedDataOSSTargetArn: oversized }), await channel('MNS', arn.mns('told-without'), told),
    await channel('SLS', arn.sls('p', 'told-with'), { ...told, OversizedDataOSSTargetArn: oversized }), await channel('SLS', arn.sls('p', 'told-without'), told)];
  const ConfigRuleId = await rule('short', { SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration', Conditions: JSON.stringify({ ComplianceConditions:
    JSON.stringify({ operator: 'and', children: [{ operator: 'StringEquals', featurePath: '$.Text', desired: 'x', featureSource: 'CONFIGURATION' }] }) }) });
  const Text = '"'.repeat(400000);
  await server.put([bucket('much', 'private', { configuration: { Text } })]);
  const about = (all) => all.find((m) => JSON.stringify(m).includes('much'));
  await until(() => [messages('told-with'), messages('told-without'), logs('told-with'), logs('told-without')].every(about));
  for (const [kind, told] of [[messages, true], [logs, 'true']]) {
    const [message, bare] = [about(kind('told-with')), about(kind('told-without'))];
    assert.deepEqual([message.oversized, bare.oversized, message.complianceType], [told, told, 'NON_COMPLIANT']);
    assert.ok(!('annotation' in message) && !('annotation' in bare) && !('ossObject' in bare));
    const [object] = sink.at(`/oss/large/${message.ossObject.slice(oversized.length + 1)}`);
    const whole = JSON.parse(object.body);
    assert.equal(whole.requestId, message.requestId);
    assert.equal(JSON.parse(whole.annotation).configuration, Text);
  }
  for (const id of ids) await drop(id);
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('an unreachable target is tried again, also by the next process', async () => {
  const id = await channel('MNS', arn.mns('shaky'), { ConfigurationItemChangeNotification: true });
  sink.answer = ({ path: where }) => (where.includes('shaky') ? 503 : 200);
  await server.put([bucket('seven', 'private')]);
  await until(async () => /plumbline_delivery_failures_total [1-9]/.test(await metrics()));
  assert.match(await metrics(), /plumbline_deliveries_waiting 1/);
  server.child.kill('SIGKILL');
  await server.exited;
  sink.answer = () => 200;
  server = await Server.start({ ...options(), data: server.data });
  await until(() => messages('shaky').length === 1);
  assert.equal(messages('shaky')[0].configurationItem.resourceId, 'seven');
  await until(async () => /plumbline_deliveries_waiting 0/.test(await metrics()));
  await drop(id);
});

test('a target that never answers holds up no other channel', async () => {
  const [silent, well] = [await channel('MNS', arn.mns('silent'), { ConfigurationItemChangeNotification: true }), await channel('MNS', arn.mns('well'), { ConfigurationItemChangeNotification: true })];
  let release;
  const held = new Promise((done) => (release = done));
  sink.answer = ({ path: where }) => (where.includes('/silent/') ? held.then(() => 503) : 200);
  const began = Date.now();
  for (let n = 0; n < 12; n++) await server.put([bucket(`beside-${n}`, 'private')]);
  const arrived = () => messages('well').map((m) => m.configurationItem.resourceId);
  await until(() => arrived().length >= 6 && arrived().includes('beside-11'));
  await server.put([bucket('beside-late', 'private')]);
  await until(() => arrived().includes('beside-late'));
  assert.ok(Date.now() - began < 20000, 'others waited for the silent target');
  release();
  sink.answer = () => 200;
  for (const id of [silent, well]) await drop(id);
});

test('what a killed process was sending is sent by the next one before long', async () => {
  const id = await channel('MNS', arn.mns('held'), { ConfigurationItemChangeNotification: true });
  let asked = false;
  sink.answer = ({ path: where, method }) => {
    if (!where.includes('held') || method === 'GET') return 200;
    asked = true;
    return new Promise(() => {});
  };
  await server.put([bucket('held', 'private')]);
  await until(() => asked);
  server.child.kill('SIGKILL');
  await server.exited;
  sink.answer = () => 200;
  server = await Server.start({ ...options(), data: server.data });
  await until(() => messages('held').some((m) => m.configurationItem.resourceId === 'held'), 40);
  await drop(id);
});

const metrics = async () => (await fetch(`${server.endpoint}/metrics`)).text();

test('a document that its target refuses is given up after some tries; others go on', async () => {
  const id = await channel('MNS', arn.mns('picky'), { ConfigurationItemChangeNotification: true });
  sink.answer = ({ path: where, body }) => (where.includes('picky') && body.includes('bad-one') ? [400, '<Error><Code>InvalidArgument</Code></Error>'] : 200);
  await server.put([bucket('bad-one', 'private')]);
  await server.put([bucket('good-one', 'private')]);
  await until(() => messages('picky').some((m) => m.configurationItem.resourceId === 'good-one'));
  await until(async () => /plumbline_deliveries_dropped_total 1/.test(await metrics()));
  assert.match(server.log, /has dropped a delivery: InvalidArgument/);
  const { DeliveryChannels } = await server.call('GetServerStatus', {}, { version: '2026-11-01' });
  const told = DeliveryChannels.find((one) => one.DeliveryChannelId === id);
  assert.deepEqual([told.Status, told.Delivered, told.Dropped, told.Waiting, told.AggregatorId], [1, 1, 1, 0, '']);
  assert.match(told.LastError, /InvalidArgument/);
  assert.match(told.LastDelivered + told.LastFailed, /^(20[-0-9:.TZ]+Z){2}$/);
  sink.answer = () => 200;
  await drop(id);
});

test('a disabled channel keeps its settings and delivers nothing', async () => {
  const DeliveryChannelId = await channel('MNS', arn.mns('quiet'), { ConfigurationItemChangeNotification: true, DeliveryChannelName: 'q' });
  await server.call('UpdateConfigDeliveryChannel', { DeliveryChannelId, Status: 0 });
  await server.put([bucket('eight', 'private')]);
  const { DeliveryChannel } = await server.call('GetConfigDeliveryChannel', { DeliveryChannelId });
  assert.deepEqual([DeliveryChannel.Status, DeliveryChannel.ConfigurationItemChangeNotification, DeliveryChannel.DeliveryChannelName], [0, true, 'q']);
  await server.call('UpdateConfigDeliveryChannel', { DeliveryChannelId, Status: 1 });
  await server.put([bucket('nine', 'private')]);
  await until(() => messages('quiet').length === 1);
  assert.equal(messages('quiet')[0].configurationItem.resourceId, 'nine');
  await drop(DeliveryChannelId);
});

test('integrated services get CloudEvents', async () => {
  const { Data } = await server.call('ListIntegratedService');
  assert.deepEqual(Data.map((s) => [s.ServiceCode, s.Status]), [['eventbridge', false], ['cms', false], ['bpstudio', false]]);
  await server.call('UpdateIntegratedServiceStatus', { ServiceCode: 'eventbridge', Status: true });
  await server.call('UpdateIntegratedServiceStatus', { ServiceCode: 'cms', Status: true, IntegratedTypes: 'ConfigurationItemChangeNotification' });
  const status = await server.call('GetIntegratedServiceStatus', { ServiceCode: 'eventbridge' });
  assert.deepEqual([status.Data, status.IntegratedTypes], [true, 'ConfigurationItemChangeNotification,NonCompliantNotification']);
  const ConfigRuleId = await rule('for events');
  await server.put([bucket('ten', 'public-read')]);
  const about = ({ data }) => (data.resourceId ?? data.evaluationResultIdentifier.evaluationResultQualifier.resourceId) === 'ten';
  const told = () => sink.at('/events/eventbridge').map(({ body }) => JSON.parse(body)).filter(about);
  const events = await until(() => told().length === 2 && told());
  const change = events.find((event) => event.type === 'oss:Config:ConfigurationItemChangeNotification');
  assert.deepEqual([change.source, change.specversion, change.datacontenttype, change.aliyunaccountid, change.aliyunregionid],
    ['acs.oss', '1.0', 'application/json;charset=utf-8', account, 'cn-hangzhou']);
  assert.equal(change.data.resourceId, 'ten');
  assert.equal(typeof change.data.captureTime, 'string');
  assert.equal(JSON.parse(change.data.configuration).Name, 'ten');
  const violation = events.find((event) => event.type === 'oss:Config:NonCompliantNotification');
  assert.equal(violation.data.evaluationResultIdentifier.evaluationResultQualifier.configRuleId, ConfigRuleId);
  const [monitor] = await until(() => sink.at('/events/cms').length && sink.at('/events/cms').map(({ body }) => JSON.parse(body)));
  assert.deepEqual([monitor.source, monitor.type], ['acs.config', 'config:CloudMonitor:ConfigurationItemChangeNotification']);
  for (const ServiceCode of ['eventbridge', 'cms']) await server.call('UpdateIntegratedServiceStatus', { ServiceCode, Status: false });
  assert.equal((await server.call('DescribeIntegratedServiceStatus', { ServiceCode: 'cms' })).Data, false);
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('a group delivers the changes of its members and the violations of its rules', async () => {
  const organisation = await Organisation.on(server);
  const Account = { AccountId: await organisation.member('delivered') };
  const { AggregatorId } = await server.call('CreateAggregator', { AggregatorName: 'all', AggregatorType: 'RD', Description: 'all' });
  const { DeliveryChannelId } = await server.call('CreateAggregateConfigDeliveryChannel', { AggregatorId, DeliveryChannelType: 'MNS',
    DeliveryChannelTargetArn: `acs:mns:cn-shanghai:${Account.AccountId}:/topics/group`, ConfigurationItemChangeNotification: true, NonCompliantNotification: true });
  const bucketId = await server.call('CreateAggregateConfigDeliveryChannel', { AggregatorId, DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: arn.oss('group'), ConfigurationItemChangeNotification: true });
  const own = await rule('own rule');
  const { ConfigRuleId } = await server.call('CreateAggregateConfigRule', { AggregatorId, ConfigRuleName: 'group rule', SourceOwner: 'ALIYUN',
    SourceIdentifier: 'oss-bucket-public-read-prohibited', ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' });
  await server.put([{ ...bucket('eleven', 'public-read'), accountId: Account.AccountId }, bucket('twelve', 'public-read')]);
  const about = (m) => ['eleven', 'twelve'].includes((m.configurationItem ?? m.evaluationResultIdentifier.evaluationResultQualifier).resourceId);
  const all = await until(() => messages('group').filter(about).length === 2 && messages('group').filter(about));
  assert.deepEqual(all.filter((m) => m.eventName === 'ResourceAdd').map((m) => String(m.configurationItem.accountId)).sort(), [Account.AccountId]);
  assert.deepEqual(all.filter((m) => m.eventName === 'NonCompliant').map((m) => m.evaluationResultIdentifier.evaluationResultQualifier.configRuleId), [ConfigRuleId]);
  const [object] = await until(() => sink.at('/oss/group/').length === 1 && sink.at('/oss/group/'));
  assert.match(JSON.parse(object.body).configurationItems[0].resourceDirectoryId, /^rd-/);
  const keys = await organisation.enter(Account.AccountId);
  const refused = (call) => failure(call).then((error) => error.code);
  assert.equal(await refused(server.call('CreateAggregateConfigDeliveryChannel', { AggregatorId, DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: arn.oss('x') }, { keys })), 'AggregatorMemberNoPermission');
  assert.equal(await refused(server.call('CreateConfigDeliveryChannel', { DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: arn.oss('x') }, { keys })), 'DeliveryChannelAccountNotSupport');
  assert.equal(await refused(server.call('CreateConfigDeliveryChannel', { DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: 'acs:oss:cn-shanghai:1111111111111111:x' })), 'MemberNotBelongToMaster');
  for (const id of [DeliveryChannelId, bucketId.DeliveryChannelId]) await server.call('DeleteAggregateConfigDeliveryChannel', { AggregatorId, DeliveryChannelId: id });
  await server.call('DeleteConfigRules', { ConfigRuleIds: own });
});

test('what cannot be a channel is refused with its code', async () => {
  const good = { DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: arn.oss('errors') };
  const create = (more, name = 'CreateConfigDeliveryChannel', options = {}) => failure(server.call(name, { ...good, ...more }, options)).then((error) => error.code);
  const mns = { DeliveryChannelType: 'MNS', DeliveryChannelTargetArn: arn.mns('errors') };
  assert.equal(await create({ DeliveryChannelType: '' }), 'Invalid.DeliveryChannelType.Empty');
  assert.equal(await create({ DeliveryChannelTargetArn: '' }), 'Invalid.DeliveryChannelTargetArn.Empty');
  for (const wrong of ['acs:oss:cn-shanghai:1:a/../b', 'acs:oss::1:a', 'acs:mns:cn-shanghai:1:/topics/a', 'bucket', 'acs:oss:cn-shanghai:x:a'])
    assert.equal(await create({ DeliveryChannelTargetArn: wrong }), 'Invalid.DeliveryChannelTargetArn.Format', wrong);
  for (const wrong of ['{}', '[{"filterType":"Other","value":"1"}]', '[{"filterType":"RuleRiskLevel","value":"4"}]', '[{"filterType":"RuleRiskLevel","value":"1","multiple":true}]',
    '[{"filterType":"ResourceType","values":[],"multiple":true}]', '[{"filterType":"ResourceType","values":"x"}]', 'no'])
    assert.equal(await create({ DeliveryChannelCondition: wrong }), 'Invalid.DeliveryChannelCondition.Format', wrong);
  assert.equal(await create({ ...mns, OversizedDataOSSTargetArn: 'nothing' }), 'Invalid.OversizedDataOSSTargetArn.Format');
  assert.equal(await create({ DeliverySnapshotTime: '25:00Z' }), 'Invalid.DeliverySnapshotTime.Value');
  assert.equal(await create({ NonCompliantNotification: true }), 'InvalidParameter');
  assert.equal(await create({ ...mns, CompliantSnapshot: true }), 'InvalidParameter');
  for (const [action, more] of [['Get', {}], ['Update', { Description: 'x' }], ['Delete', {}]])
    assert.equal((await failure(server.call(`${action}ConfigDeliveryChannel`, { DeliveryChannelId: 'cdc-0000000000000000', ...more }))).code, 'DeliveryChannelNotExists');
  assert.equal((await failure(server.call('ListConfigDeliveryChannels', { DeliveryChannelIds: 'cdc-0000000000000000' }))).code, 'DeliveryChannelNotExists');
  sink.answer = () => 404;
  assert.equal(await create({}), 'DeliveryChannelOssUnreachable');
  assert.equal(await create(mns), 'DeliveryChannelMnsUnreachable');
  assert.equal(await create({ DeliveryChannelType: 'SLS', DeliveryChannelTargetArn: arn.sls('p', 'l') }), 'DeliveryChannelSlsUnreachable');
  sink.answer = () => 200;
  const old = (more) => create({ DeliveryChannelAssumeRoleArn: `acs:ram::${account}:role/aliyunserviceroleforconfig`, ...more }, 'PutDeliveryChannel', { version: '2019-01-08' });
  assert.equal(await old({ DeliveryChannelAssumeRoleArn: '' }), 'Invalid.DeliveryChannelAssumeRoleArn.Empty');
  assert.equal(await old({ DeliveryChannelAssumeRoleArn: 'role' }), 'Invalid.DeliveryChannelAssumeRoleArn.Format');
  assert.equal(await old({ DeliveryChannelName: '' }), 'Invalid.DeliveryChannelName.Empty');
  assert.equal(await old({ DeliveryChannelId: 'cdc-0000000000000000' }), 'DeliveryChannelNotExists');
});

test('without addresses everything lies below the data directory; strict limits hold', async (t) => {
  const local = await Server.start({ args: ['--strict'] });
  t.after(() => local.stop());
  const id = local.credentials.AccountId;
  const secure = (action, more, version = '2020-09-07') => local.call(action, more, { version });
  const make = (name) => secure('CreateConfigDeliveryChannel', { DeliveryChannelType: 'OSS', DeliveryChannelTargetArn: `acs:oss:cn-shanghai:${id}:${name}`, ConfigurationItemChangeNotification: true });
  for (let i = 0; i < 5; i++) await make(`bucket-${i}`);
  assert.equal((await failure(make('one-more'))).code, 'DeliveryChannelExceedMaxCount');
  await local.put([{ ...bucket('local', 'private'), accountId: id, regionId: '../../../up' }]);
  const found = await until(() => {
    const root = path.join(local.data, 'delivered', 'oss');
    const files = fs.existsSync(root) ? fs.readdirSync(root, { recursive: true }).filter((name) => name.endsWith('.json')) : [];
    return files.length === 5 && files;
  });
  for (const name of found) assert.match(name, new RegExp(`^bucket-\\d/ACSLogs/${id}/Config/[_a-z]+/`));
  const { code } = await local.stop();
  assert.equal(code, 0, local.log);
});
