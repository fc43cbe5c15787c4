// Advanced search: statements over the caller's own resources and over account groups, as the official client sends them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { code, Organisation } from './organisation.mjs';
import { failure, Server } from './support.mjs';

let server;
let organisation;
let shop;
let bank;
let group;
const keys = {};

const instance = (accountId, resourceId, more = {}) => ({ accountId, resourceType: 'ACS::ECS::Instance', resourceId, resourceName: `name of ${resourceId}`,
  regionId: 'cn-shanghai', resourceCreateTime: Date.parse('2021-03-01T00:00:00Z'), tags: { business: 'online', product: 'a' }, ...more,
  configuration: { Memory: 1024, Cpu: 2, InstanceType: 'ecs.g7.large', Status: 'Running', DeletionProtection: false,
    VpcAttributes: { VpcId: 'vpc-1', PrivateIpAddress: { IpAddress: ['192.168.128.1', '10.1.2.3'] } },
    NetworkInterfaces: { NetworkInterface: [{ Type: 'Primary', MacAddress: 'aa' }, { Type: 'Secondary', MacAddress: 'bb' }] }, ...more.configuration } });

const search = async (Sql, { AggregatorId, as } = {}) => {
  const { QueryResults } = await server.call(AggregatorId ? 'ListAggregateResourcesByAdvancedSearch' : 'ListResourcesByAdvancedSearch',
    { Sql, ...(AggregatorId && { AggregatorId }) }, { keys: as });
  const { Columns, Values } = QueryResults.QueryResultList;
  return { columns: Columns, rows: Values };
};
const ids = async (where, options) => (await search(`SELECT ResourceId WHERE ${where}`, options)).rows.map(([id]) => id).sort();

before(async () => {
  server = await Server.start();
  organisation = await Organisation.on(server);
  [shop, bank] = [await organisation.member('shop'), await organisation.member('bank')];
  for (const id of [shop, bank]) keys[id] = await organisation.enter(id);
  const own = organisation.account;
  await server.put([
    instance(own, 'i-small'),
    instance(own, 'i-large', { regionId: 'cn-beijing', resourceCreateTime: Date.parse('2020-06-01T00:00:00Z'), tags: { business: 'offline' },
      configuration: { Memory: 8192, Cpu: 2.5, InstanceType: 'ecs.g7.xlarge', DeletionProtection: true, VpcAttributes: { VpcId: 'vpc-2' } } }),
    { accountId: own, resourceType: 'ACS::OSS::Bucket', resourceId: 'logs', regionId: 'cn-shanghai', configuration: { Name: 'logs', Quota: null } },
    { accountId: own, resourceType: 'ACS::OSS::Bucket', resourceId: 'gone', regionId: 'cn-shanghai', configuration: { Name: 'gone' } },
    instance(shop, 'i-shop'), instance(bank, 'i-bank')]);
  await server.put([{ accountId: own, resourceType: 'ACS::OSS::Bucket', resourceId: 'gone', regionId: 'cn-shanghai', resourceEventType: 'REMOVE' }]);
  group = (await server.call('CreateAggregator', { AggregatorName: 'chosen', AggregatorType: 'CUSTOM', Description: 'one member', AggregatorAccounts:
    JSON.stringify([{ AccountId: Number(shop), AccountName: 'shop', AccountType: 'ResourceDirectory' }]) })).AggregatorId;
});

after(async () => {
  const { code: status } = await server.stop();
  assert.equal(status, 0, server.log);
});

test('the published statements answer', async () => {
  const type = "ResourceType='ACS::ECS::Instance'";
  assert.deepEqual(await search(`SELECT ResourceId, ResourceName WHERE ${type} AND RegionId='cn-shanghai' AND Tags.Kvpair='business:online'`),
    { columns: ['ResourceId', 'ResourceName'], rows: [['i-small', 'name of i-small']] });
  assert.deepEqual(await search(`SELECT COUNT(1) WHERE ${type} AND Memory=1024 AND Tags.Key='product'`), { columns: ['COUNT(1)'], rows: [[1]] });
  assert.deepEqual(await ids(`${type} AND ResourceCreationTime > '2021-01-01 00:00:00'`), ['i-small']);
  assert.deepEqual(await ids(`${type} AND VpcAttributes.PrivateIpAddress.IpAddress = '192.168.128.1'`), ['i-small']);
  assert.deepEqual((await search('SELECT ResourceType, COUNT(1) GROUP BY ResourceType ORDER BY COUNT(1) DESC')).rows,
    [['ACS::ECS::Instance', 2], ['ACS::OSS::Bucket', 1]]);
  const whole = await search('SELECT * WHERE ResourceType = "ACS::OSS::Bucket"');
  assert.deepEqual(whole.columns, ['AccountId', 'RegionId', 'ResourceId', 'ResourceType', 'ResourceName', 'ResourceCreationTime', 'ResourceGroupId']);
  assert.equal(whole.rows.length, 1); // removed ones cannot be found
  assert.deepEqual(whole.rows[0].slice(0, 4).map(String), [organisation.account, 'cn-shanghai', 'logs', 'ACS::OSS::Bucket']);
  assert.deepEqual(await ids("ResourceType LIKE 'ACS::ECS::%'"), ['i-large', 'i-small']);
});

test('operators compare by what values are', async () => {
  const cases = { "Memory >= 1024 AND Memory < 8192": ['i-small'], 'Cpu = 2.5': ['i-large'], "Memory = '1024'": ['i-small'],
    'DeletionProtection = true': ['i-large'], "InstanceType IN ('ecs.g7.xlarge', 'x')": ['i-large'], 'Memory BETWEEN 2000 AND 9000': ['i-large'],
    "VpcAttributes.PrivateIpAddress.IpAddress = '192.168.0.0/16'": ['i-small'], 'Memory IS NULL': ['logs'], 'Quota = NULL AND Name IS NOT NULL': ['logs'],
    "NOT (RegionId = 'cn-shanghai')": ['i-large'], "vpcattributes.vpcid = 'vpc-2'": ['i-large'],
    "NetworkInterfaces.NetworkInterface.Type = 'Primary' AND NetworkInterfaces.NetworkInterface.MacAddress = 'bb'": ['i-large', 'i-small'],
    "Arn = 'acs:ecs:cn-shanghai:ACCOUNT:instance/i-small'": ['i-small'], "Arn = 'acs:oss:cn-shanghai:ACCOUNT:logs'": ['logs'],
    "Memory > 1 AND (RegionId = 'cn-beijing' OR Tags.Value = 'a')": ['i-large', 'i-small'] };
  for (const [where, wanted] of Object.entries(cases))
    assert.deepEqual(await ids(where.replace('ACCOUNT', organisation.account)), wanted, where);
});

test('rows are ordered, cut and totalled', async () => {
  assert.deepEqual((await search('SELECT ResourceId, Memory ORDER BY Memory DESC LIMIT 2')).rows, [['i-large', 8192], ['i-small', 1024]]);
  assert.deepEqual((await search('SELECT SUM(Memory), AVG(Cpu), MIN(ResourceCreationTime), MAX(InstanceType), COUNT(Memory), COUNT(*)')).rows,
    [[9216, 2.25, '2020-06-01 00:00:00', 'ecs.g7.xlarge', 2, 3]]);
  assert.deepEqual((await search("SELECT SUM(Memory) WHERE ResourceId = 'nothing'")).rows, [[null]]);
  const [[addresses, attributes]] = (await search("SELECT VpcAttributes.PrivateIpAddress.IpAddress, VpcAttributes WHERE ResourceId = 'i-large'")).rows;
  assert.deepEqual([addresses, JSON.parse(JSON.stringify(attributes))], [null, { VpcId: 'vpc-2' }]);
});

test('a wrong statement names the character', async () => {
  const wrong = { "SELECT * WHERE RegionId = ": /character 27: a constant/, 'SELECT ResourceId FROM resources': /character 19: FROM is not supported/,
    'SELECT ALL': /character 8: ALL/, "SELECT * WHERE 'ResourceId%' LIKE 'x'": /character 16: the name of a property/,
    'SELECT MAX(COUNT(1))': /character 12: aggregates cannot be nested/, 'SELECT ResourceId, COUNT(1)': /character 8: .*GROUP BY/,
    "SELECT * WHERE a = 'b": /character 20: the text is not closed/, 'SELECT ResourceType, COUNT(1) GROUP BY ResourceType HAVING COUNT(1) > 1': /HAVING/ };
  for (const [sql, message] of Object.entries(wrong)) {
    const error = await failure(search(sql));
    assert.equal(error.code, 'Invalid.Sql.Value', sql);
    assert.match(error.message, message, sql);
  }
  assert.equal(await code(search('')), 'Invalid.Sql.Empty');
  assert.equal(await code(search(`SELECT * WHERE ${'('.repeat(100)}a = 1${')'.repeat(100)}`)), 'Invalid.Sql.Value');
});

test('at most 1,000 rows come back', async () => {
  const many = Array.from({ length: 1200 }, (_, n) => ({ accountId: bank, resourceType: 'Test::Many', resourceId: `m-${n}`, configuration: { n } }));
  await server.put(many);
  const as = keys[bank];
  assert.equal((await search("SELECT * WHERE ResourceType = 'Test::Many'", { as })).rows.length, 1000);
  assert.deepEqual((await search("SELECT n WHERE ResourceType = 'Test::Many' ORDER BY n DESC LIMIT 3", { as })).rows, [[1199], [1198], [1197]]);
  assert.deepEqual((await search("SELECT COUNT(1) WHERE ResourceType = 'Test::Many'", { as })).rows, [[1200]]);
});

test('nobody finds what is not theirs', async () => {
  const everything = 'ResourceId IS NOT NULL OR ResourceId IS NULL';
  assert.deepEqual(await ids(everything, { as: keys[shop] }), ['i-shop']);
  assert.deepEqual(await ids(everything, { AggregatorId: group }), ['i-shop']);
  assert.deepEqual(await ids(everything, { AggregatorId: group, as: keys[shop] }), ['i-shop']);
  assert.deepEqual(await ids(`AccountId = ${bank} OR AccountId = '${bank}'`), []);
  assert.equal(await code(ids(everything, { AggregatorId: group, as: keys[bank] })), 'Invalid.AggregatorId.Value');
  assert.equal(await code(ids(everything, { AggregatorId: 'ca-00000000000000000000' })), 'Invalid.AggregatorId.Value');
  const reader = await organisation.person('reader', { document: JSON.stringify({ Version: '1', Statement: [{ Effect: 'Allow', Action: 'config:Get*', Resource: '*' }] }) });
  assert.match(await code(ids(everything, { as: reader })), /NoPermission|Forbidden/);
});

test('the answer exists as XML', async () => {
  const text = await (await fetch(server.endpoint + '/?' + await signed("SELECT ResourceId, Memory WHERE Memory = 1024"))).text();
  assert.match(text, /<Columns>ResourceId<\/Columns><Columns>Memory<\/Columns><Values>\["i-small",1024\]<\/Values>/);
});

/** A query with signature V1 that asks for XML. */
async function signed(Sql) {
  const crypto = await import('node:crypto');
  const encode = (t) => encodeURIComponent(t).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const all = { Action: 'ListResourcesByAdvancedSearch', Version: '2020-09-07', Format: 'XML', Sql, AccessKeyId: server.credentials.AccessKeyId,
    SignatureMethod: 'HMAC-SHA1', SignatureVersion: '1.0', SignatureNonce: crypto.randomUUID(), Timestamp: new Date().toISOString().replace(/\.\d+/, '') };
  const query = Object.keys(all).sort().map((name) => `${encode(name)}=${encode(all[name])}`).join('&');
  const signature = crypto.createHmac('sha1', `${server.credentials.AccessKeySecret}&`).update(`GET&%2F&${encode(query)}`).digest('base64');
  return `${query}&Signature=${encode(signature)}`;
}
