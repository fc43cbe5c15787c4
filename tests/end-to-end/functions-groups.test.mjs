// Rules of account groups that functions decide: whose resources they are asked about, and whose they may tell of.
import assert from 'node:assert/strict';
import http from 'node:http';
import { Cloud, after, before, instance, test } from './functions.mjs';
import { Organisation } from './organisation.mjs';
import { failure, plumbline, until } from './support.mjs';

let cloud;
let organisation;
let shop;
let bank;
let AggregatorId;
let far; // the function: an HTTP server of this test, its ARN, what it was asked, and what it does
const asked = [];
let answer = () => {};

const call = (action, parameters, keys) => cloud.server.call(action, parameters, { keys });
const put = (asking, list, more = {}, keys = asking.keys) => call('PutEvaluations', { ResultToken: asking.event.resultToken, Evaluations: JSON.stringify(list), ...more }, keys);
const result = ({ event }, complianceType, more = {}) => {
  const { accountId, configurationItem: item } = event.invokingEvent;
  return { accountId, complianceResourceId: item.resourceId, complianceResourceType: item.resourceType, complianceRegionId: item.regionId,
    orderingTimestamp: event.orderingTimestamp, complianceType, annotation: null, ...more };
};
const about = (id) => asked.findLast(({ event }) => event.invokingEvent.configurationItem.resourceId === id);
const rule = async (ConfigRuleName, more = {}) => (await call('CreateAggregateConfigRule', { AggregatorId, ConfigRuleName, SourceOwner: 'CUSTOM_FC', SourceIdentifier: far.arn,
  RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance', ...more })).ConfigRuleId;
const verdicts = async (ConfigRuleId, keys) => Object.fromEntries((await call('ListAggregateConfigRuleEvaluationResults', { AggregatorId, ConfigRuleId, MaxResults: 100 }, keys))
  .EvaluationResults.EvaluationResultList.map((r) => [r.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId, r.ComplianceType]));
const of = (accountId, id, more = {}) => ({ ...instance(id, 'x'), accountId, ...more });

before(async () => {
  cloud = await Cloud.start();
  organisation = await Organisation.on(cloud.server);
  [shop, bank] = [await organisation.member('shop'), await organisation.member('bank')];
  ({ AggregatorId } = await call('CreateAggregator', { AggregatorName: 'all', AggregatorType: 'RD', Description: 'all' }));
  await cloud.server.put([of(shop, 'i-shop'), of(shop, 'i-other'), of(bank, 'i-bank')]);
  const listener = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { headers } = request;
    const asking = { event: JSON.parse(Buffer.concat(parts).toString()),
      keys: { AccessKeyId: headers['x-fc-access-key-id'], AccessKeySecret: headers['x-fc-access-key-secret'], SecurityToken: headers['x-fc-security-token'] } };
    asked.push(asking);
    const failed = await Promise.resolve(answer(asking)).then(() => false, () => true);
    response.writeHead(200, failed ? { 'x-fc-status': '404' } : {}).end('null');
  });
  await new Promise((done) => listener.listen(0, '127.0.0.1', done));
  const deployed = plumbline(['function', 'deploy', '--name', 'far', '--timeout', '60', '--remote', `http://127.0.0.1:${listener.address().port}/f`, '--data', cloud.server.data]);
  assert.equal(deployed.status, 0, deployed.stderr);
  far = { arn: deployed.stdout.trim(), listener };
});

after(async () => {
  await cloud?.stop();
  far?.listener.closeAllConnections();
  far?.listener.close();
});

test('a function is asked about every member and hands in results for them', async () => {
  answer = (asking) => put(asking, [result(asking, 'NON_COMPLIANT')]);
  const id = await rule('members');
  await cloud.settled();
  assert.deepEqual(asked.map(({ event }) => [event.invokingEvent.accountId, event.invokingEvent.configurationItem.accountId].map(String)).sort(),
    [[shop, shop], [shop, shop], [bank, bank]].sort());
  assert.deepEqual(await verdicts(id), { 'i-shop': 'NON_COMPLIANT', 'i-other': 'NON_COMPLIANT', 'i-bank': 'NON_COMPLIANT' });
  const keys = await organisation.enter(shop);
  assert.deepEqual(await verdicts(id, keys), { 'i-shop': 'NON_COMPLIANT', 'i-other': 'NON_COMPLIANT' }, 'a member sees its own');
  assert.equal((await failure(put(about('i-shop'), [result(about('i-shop'), 'COMPLIANT')], {}, keys))).code, 'Invalid.ResultToken.Value', 'nor does its token help it');
  await put(about('i-shop'), [result(about('i-shop'), 'COMPLIANT'), result(about('i-bank'), 'COMPLIANT')]);
  assert.deepEqual(await verdicts(id), { 'i-shop': 'COMPLIANT', 'i-other': 'NON_COMPLIANT', 'i-bank': 'COMPLIANT' });
  const stranger = result(about('i-shop'), 'COMPLIANT', { accountId: 1234567890123456 });
  assert.equal((await failure(put(about('i-shop'), [stranger]))).code, 'Invalid.Evaluations.Value');
  await call('DeleteAggregateConfigRules', { AggregatorId, ConfigRuleIds: id });
});

test('what a function reads of a member it reads by the group', async () => {
  const big = of(shop, 'i-big');
  big.configuration.Padding = 'x'.repeat(150000);
  await cloud.server.put([big]);
  const read = {};
  answer = async (asking) => {
    const { configurationType, configurationItem: item } = asking.event.invokingEvent;
    if (configurationType === 'OVERSIZE') {
      const what = { ResourceId: item.resourceId, ResourceType: item.resourceType, Region: item.regionId };
      read.own = await call('GetDiscoveredResource', what, asking.keys).catch((error) => error.code);
      read.group = await call('GetAggregateDiscoveredResource', { ...what, AggregatorId, ResourceAccountId: item.accountId }, asking.keys);
    }
    await put(asking, [result(asking, 'COMPLIANT')]);
  };
  const id = await rule('large');
  await cloud.settled();
  assert.equal(read.own, 'Invalid.ResourceId.Value');
  assert.equal(JSON.parse(read.group.DiscoveredResourceDetail.Configuration).Padding.length, 150000);
  await call('DeleteAggregateConfigRules', { AggregatorId, ConfigRuleIds: id });
  await cloud.server.put([{ ...big, resourceEventType: 'REMOVE' }]);
});

test('a resource that goes while the function runs does not take the results of others along', async () => {
  asked.length = 0;
  answer = () => {};
  const id = await rule('going');
  await until(() => asked.length === 3);
  const [gone, other] = [about('i-other'), about('i-bank')];
  await cloud.server.put([of(shop, 'i-other', { resourceEventType: 'REMOVE' })]);
  await put(other, [result(gone, 'NON_COMPLIANT'), result(other, 'NON_COMPLIANT')]);
  assert.deepEqual(await verdicts(id), { 'i-shop': 'INSUFFICIENT_DATA', 'i-bank': 'NON_COMPLIANT' });
  const never = result(other, 'NON_COMPLIANT', { complianceResourceId: 'i-never' });
  assert.equal((await failure(put(other, [never]))).code, 'Invalid.Evaluations.Value');
  await call('DeleteAggregateConfigRules', { AggregatorId, ConfigRuleIds: id });
  await cloud.server.put([of(shop, 'i-other')]);
});

test('a rule about accounts is asked once for each member, and DeleteMode is about one of them', async () => {
  const account = (asking, complianceType) => ({ ...result(asking, complianceType), complianceResourceId: String(asking.event.invokingEvent.accountId),
    complianceResourceType: 'ACS::::Account', complianceRegionId: 'global', annotation: { configuration: 1 } });
  asked.length = 0;
  answer = (asking) => put(asking, [account(asking, 'NON_COMPLIANT')]);
  const id = await rule('accounts', { ResourceTypesScope: 'ACS::::Account', ConfigRuleTriggerTypes: 'ScheduledNotification', MaximumExecutionFrequency: 'One_Hour' });
  await cloud.settled();
  assert.deepEqual(asked.map(({ event }) => [event.invokingEvent.configurationType, String(event.invokingEvent.accountId)]).sort(), [['NONE', shop], ['NONE', bank]].sort());
  assert.deepEqual(await verdicts(id), { [shop]: 'NON_COMPLIANT', [bank]: 'NON_COMPLIANT' });
  answer = (asking) => (String(asking.event.invokingEvent.accountId) === shop ? put(asking, [], { DeleteMode: 'true' }) : put(asking, []));
  await call('StartAggregateConfigRuleEvaluation', { AggregatorId, ConfigRuleId: id });
  await cloud.settled();
  assert.deepEqual(await verdicts(id), { [shop]: 'INSUFFICIENT_DATA', [bank]: 'NON_COMPLIANT' });
  await call('DeleteAggregateConfigRules', { AggregatorId, ConfigRuleIds: id });
});
