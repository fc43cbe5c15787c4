// The main job over the real wire: resources in, compliance packages evaluated, explained verdicts out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failure, Server } from './support.mjs';

let server;
let account;

before(async () => {
  server = await Server.start();
  account = server.credentials.AccountId;
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

const bucket = (id, grant, more = {}) => ({
  accountId: account,
  resourceType: 'ACS::OSS::Bucket',
  resourceId: id,
  resourceName: id,
  regionId: 'cn-hangzhou',
  tags: { env: 'prod' },
  configuration: { Name: id, AccessControlList: { Grant: grant }, DataRedundancyType: 'ZRS', ...more },
});

const conditions = (clause) => JSON.stringify({
  ComplianceConditions: JSON.stringify({ operator: 'and', children: [{ featureSource: 'CONFIGURATION', ...clause }] }),
});

const rule = (name, parameters) => server.call('CreateConfigRule', {
  ConfigRuleName: name,
  SourceOwner: 'ALIYUN',
  SourceIdentifier: name,
  ResourceTypesScope: 'ACS::OSS::Bucket',
  RiskLevel: 1,
  ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification',
  ...parameters,
});

const verdicts = async (ConfigRuleId, parameters = {}) => {
  const answer = await server.call('ListConfigRuleEvaluationResults', { ConfigRuleId, MaxResults: 100, ...parameters });
  return Object.fromEntries(answer.EvaluationResults.EvaluationResultList.map((result) => [
    result.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId, result]));
};

test('a verdict is visible when the write returns, and says why', async () => {
  const put = await server.put([bucket('open', 'public-read'), bucket('closed', 'private')]);
  assert.deepEqual([put.Accepted, put.Changed, put.Unchanged, put.Removed], [2, 2, 0, 0]);
  const { ConfigRuleId } = await rule('oss-bucket-public-read-prohibited');
  const found = await verdicts(ConfigRuleId);
  assert.equal(found.closed.ComplianceType, 'COMPLIANT');
  assert.equal(found.open.ComplianceType, 'NON_COMPLIANT');
  assert.deepEqual(JSON.parse(found.open.Annotation), {
    configuration: 'public-read', desiredValue: 'read', operator: 'NotContains', property: '$.AccessControlList.Grant',
  });
  await server.put([bucket('open', 'private')]);
  const fixed = (await verdicts(ConfigRuleId)).open;
  assert.equal(fixed.ComplianceType, 'COMPLIANT');
  assert.ok(fixed.LastCompliantFixedTimestamp >= found.open.LastNonCompliantRecordTimestamp);
});

test('an item that says nothing new changes nothing', async () => {
  const again = await server.put([bucket('closed', 'private')]);
  assert.deepEqual([again.Accepted, again.Changed, again.Unchanged], [1, 0, 1]);
});

test('a condition rule decides by the user\'s own clause', async () => {
  const { ConfigRuleId } = await rule('zone-redundant', {
    SourceOwner: 'CUSTOM_CONFIGURATION',
    SourceIdentifier: 'acs-config-configuration',
    Conditions: conditions({ operator: 'StringEquals', featurePath: '$.DataRedundancyType', desired: 'ZRS' }),
  });
  await server.put([bucket('single-zone', 'private', { DataRedundancyType: 'LRS' })]);
  const found = await verdicts(ConfigRuleId);
  assert.equal(found['single-zone'].ComplianceType, 'NON_COMPLIANT');
  assert.equal(found.closed.ComplianceType, 'COMPLIANT');
});

test('a pack is made from a template, counted, read back and deleted with its rules', async () => {
  const { CompliancePackId } = await server.call('CreateCompliancePack', {
    CompliancePackName: 'oss', CompliancePackTemplateId: 'ct-a5edff4e06a3004a5e15', DefaultEnable: true, RiskLevel: 1,
  });
  const { CompliancePack } = await server.call('GetCompliancePack', { CompliancePackId });
  assert.equal(CompliancePack.Status, 'ACTIVE');
  assert.equal(CompliancePack.ConfigRules.length, 8); // the template switches eight of its nine rules on
  const counts = await server.call('GetConfigRuleComplianceByPack', { CompliancePackId });
  assert.equal(counts.ConfigRuleComplianceResult.TotalCount, CompliancePack.ConfigRules.length);
  assert.match(CompliancePack.TemplateContent, /^\{\n {4}"/);
  const gone = await server.call('DeleteCompliancePacks', { CompliancePackIds: CompliancePackId, DeleteRule: true });
  assert.equal(gone.OperateCompliancePacksResult.OperateCompliancePacks[0].Success, true);
  const error = await failure(server.call('GetCompliancePack', { CompliancePackId }));
  assert.equal(error.code, 'Invalid.CompliancePackId.Value');
});

test('TemplateContent comes back with its nesting levels as they were sent', async () => {
  const sent = conditions({ operator: 'GreaterOrEquals', featurePath: '$.Cpu', desired: '2' });
  const template = { configRuleTemplates: [{
    configRuleName: 'two-cores', scope: { complianceResourceTypes: ['ACS::ECS::Instance'] }, description: '',
    source: { owner: 'CUSTOM_CONFIGURATION', identifier: 'acs-config-configuration',
      sourceDetails: [{ messageType: 'ConfigurationItemChangeNotification' }], conditions: sent },
    inputParameters: {} }] };
  const { CompliancePackId } = await server.call('CreateCompliancePack', {
    CompliancePackName: 'from-template', RiskLevel: 1, TemplateContent: JSON.stringify(template),
  });
  const { CompliancePack } = await server.call('GetCompliancePack', { CompliancePackId });
  const back = JSON.parse(CompliancePack.TemplateContent).configRuleTemplates[0];
  assert.equal(back.source.conditions, sent);
  assert.equal(back.configRuleName, 'two-cores');
});

test('the configuration timeline shows changes as [old, new], newest first', async () => {
  const answer = await server.call('GetResourceConfigurationTimeline', {
    ResourceType: 'ACS::OSS::Bucket', ResourceId: 'open', Region: 'cn-hangzhou', MaxResults: 10,
  });
  const list = answer.ResourceConfigurationTimeline.ConfigurationList;
  assert.equal(list[0].ResourceEventType, 'MODIFY');
  assert.deepEqual(JSON.parse(list[0].ConfigurationDiff),
    { AccessControlList: [{ Grant: 'public-read' }, { Grant: 'private' }] });
  assert.equal(list.at(-1).ResourceEventType, 'DISCOVERED');
});

test('a bad item is refused with its index and member, and nothing of the call is stored', async () => {
  const error = await failure(server.put([bucket('fine', 'private'), { accountId: account, resourceType: 'X::Y' }]));
  assert.match(error.message, /1/);
  assert.match(error.message, /resourceId/);
  const missing = await failure(server.call('GetDiscoveredResource',
    { ResourceId: 'fine', ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou' }));
  assert.ok(missing.code);
});

test('wrong parameters are named with the documented codes', async () => {
  const cases = [
    [{ ConfigRuleName: '' }, /ConfigRuleName/],
    [{ RiskLevel: 9 }, /RiskLevel/],
    [{ SourceOwner: 'NOBODY' }, /SourceOwner/],
    [{ SourceIdentifier: 'no-such-rule' }, /./],
    [{ SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration', Conditions: '{' }, /Conditions/],
  ];
  for (const [parameters, expected] of cases) {
    const error = await failure(rule('bad', parameters));
    assert.match(`${error.code} ${error.message}`, expected, JSON.stringify(parameters));
    assert.notEqual(error.code, 'InternalError');
  }
});

test('the same client token has one effect, other parameters are refused', async () => {
  const parameters = { ClientToken: 'token-1' };
  const first = await rule('oss-bucket-public-write-prohibited', parameters);
  const second = await rule('oss-bucket-public-write-prohibited', parameters);
  assert.equal(second.ConfigRuleId, first.ConfigRuleId);
  const error = await failure(rule('oss-bucket-public-write-prohibited', { ...parameters, RiskLevel: 3 }));
  assert.equal(error.code, 'IdempotentParameterMismatch');
});

test('what was acknowledged survives kill -9', async () => {
  await server.put([bucket('survivor', 'public-read')]);
  const { data } = server;
  await server.stop('SIGKILL');
  server = await Server.start({ data });
  const { ConfigRules } = await server.call('ListConfigRules', { PageSize: 100 });
  const id = ConfigRules.ConfigRuleList.find((r) => r.ConfigRuleName === 'oss-bucket-public-read-prohibited').ConfigRuleId;
  assert.equal((await verdicts(id)).survivor.ComplianceType, 'NON_COMPLIANT');
});
