// Remediations: templates and functions that run for resources a rule found non-compliant, by hand and by themselves.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Organisation } from './organisation.mjs';
import { failure, Server, until } from './support.mjs';

let server;
let account;
let executor;
const requests = [];
let answer = () => 200;

before(async () => {
  executor = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    requests.push(JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(answer()).end('{}');
  });
  await new Promise((done) => executor.listen(0, '127.0.0.1', done));
  server = await Server.start({ args: ['--remediation-executor', 'simulate'] });
  account = server.credentials.AccountId;
});

after(async () => {
  const { code } = await server.stop();
  executor.closeAllConnections();
  executor.close();
  assert.equal(code, 0, server.log);
});

const bucket = (id, grant, more = {}) => ({ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: id, resourceName: id, regionId: 'cn-hangzhou',
  tags: { env: 'prod' }, configuration: { Name: id, AccessControlList: { Grant: grant, Owner: 'o' } }, ...more });
const rule = async (name, more = {}, on = server) => (await on.call('CreateConfigRule', { ConfigRuleName: name, SourceOwner: 'ALIYUN',
  SourceIdentifier: 'oss-bucket-public-read-prohibited', ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1,
  ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ...more })).ConfigRuleId;
const PARAMS = JSON.stringify({ bucketName: '{resourceId}', regionId: '{regionId}', permissionName: 'private' });
const ACL = { RemediationType: 'OOS', RemediationTemplateId: 'ACS-OSS-PutBucketAcl', InvokeType: 'MANUAL_EXECUTION', Params: PARAMS };
const create = async (ConfigRuleId, more = {}, on = server) => (await on.call('CreateRemediation', { ConfigRuleId, ...ACL, ...more })).RemediationId;
const describe = async (RemediationId, on = server) => (await on.call('DescribeRemediation', { RemediationId })).Remediation;
const runs = async (ConfigRuleId, more = {}, on = server) => (await on.call('ListRemediationExecutions', { ConfigRuleId, MaxResults: 100, ...more })).RemediationExecutionData.RemediationExecutions;
const verdict = async (ConfigRuleId, id) => (await server.call('ListConfigRuleEvaluationResults', { ConfigRuleId, MaxResults: 100 })).EvaluationResults.EvaluationResultList
  .find((r) => r.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId === id)?.ComplianceType;
const configuration = async (ResourceId) => JSON.parse((await server.call('GetDiscoveredResource', { ResourceId, ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou' })).DiscoveredResourceDetail.Configuration);

test('templates are listed with what they take', async () => {
  const all = await server.call('ListRemediationTemplates', { RemediationType: 'OOS', PageSize: 100, PageNumber: 1 });
  assert.equal(all.TotalCount, String(all.RemediationTemplates.length));
  const one = await server.call('ListRemediationTemplates', { RemediationType: 'OOS', ManagedRuleIdentifier: 'oss-bucket-public-write-prohibited' });
  assert.deepEqual(one.RemediationTemplates.map((t) => t.TemplateIdentifier), ['ACS-OSS-PutBucketAcl']);
  const { Parameters } = JSON.parse(one.RemediationTemplates[0].TemplateDefinition);
  assert.deepEqual(JSON.parse(Parameters.permissionName.AllowValues), ['public-read-write', 'public-read', 'private']);
  assert.equal(Parameters.bucketName.Default, '{resourceId}');
  const got = await server.call('GetRemediationTemplate', { TemplateIdentifier: 'ACS-OSS-PutBucketAcl' });
  assert.deepEqual(got.RemediationTemplates.map((t) => t.ManagedRuleIdentifier).sort(), ['oss-bucket-public-read-prohibited', 'oss-bucket-public-write-prohibited']);
  const old = await server.call('ListRemediationTemplates', { ManagedRuleIdentifier: 'required-tags' }, { version: '2019-01-08' });
  assert.ok(old.RemediationTemplates.some((t) => t.TemplateIdentifier === 'ACS-TAG-TagResources'));
  assert.deepEqual((await server.call('GetRemediationTemplate', { TemplateIdentifier: 'none' })).RemediationTemplates, []);
});

test('by hand: the non-compliant resources of the rule, or one of them', async () => {
  const ConfigRuleId = await rule('by hand');
  await server.put([bucket('h1', 'public-read'), bucket('h2', 'public-read'), bucket('h3', 'private')]);
  const id = await create(ConfigRuleId);
  assert.match(id, /^crr-[0-9a-f]{16}$/);
  assert.deepEqual(await runs(ConfigRuleId), []);
  assert.equal((await server.call('StartRemediation', { ConfigRuleId, ResourceId: 'h1', ResourceType: 'ACS::OSS::Bucket', ResourceRegionId: 'cn-hangzhou' })).Data, true);
  await until(async () => (await runs(ConfigRuleId)).length === 1);
  const [run] = await runs(ConfigRuleId);
  assert.match(run.ExecutionInvocationId, /^exec-[0-9a-f]{16}$/);
  assert.match(run.ExecutionCreateDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual([run.ExecutionStatus, run.ExecutionResourceIds, run.ExecutionResourceType], ['Success', 'h1', 'ACS::OSS::Bucket']);
  assert.deepEqual(await configuration('h1'), { Name: 'h1', AccessControlList: { Grant: 'private', Owner: 'o' } });
  assert.equal(await verdict(ConfigRuleId, 'h1'), 'COMPLIANT');
  assert.equal(await verdict(ConfigRuleId, 'h2'), 'NON_COMPLIANT');
  await server.call('StartRemediation', { ConfigRuleId });
  await until(async () => (await verdict(ConfigRuleId, 'h2')) === 'COMPLIANT');
  await until(async () => (await runs(ConfigRuleId)).length === 2);
  const remedy = await describe(id);
  assert.equal(remedy.LastSuccessfulInvocationId, (await runs(ConfigRuleId))[0].ExecutionInvocationId);
  assert.equal(remedy.LastSuccessfulInvocationType, 'MANUAL_EXECUTION');
  assert.equal((await runs(ConfigRuleId, { ExecutionStatus: 'Failed' })).length, 0);
  await server.call('UpdateRemediation', { RemediationId: id, InvokeType: 'NON_EXECUTION' });
  assert.equal((await runs(ConfigRuleId)).length, 2, 'a change of the mode keeps the history');
  assert.equal((await failure(server.call('StartRemediation', { ConfigRuleId }))).code, 'RemediationConfigNotExist');
  await server.call('UpdateRemediation', { RemediationId: id, Params: JSON.stringify({ permissionName: 'public-read' }) });
  assert.deepEqual(await runs(ConfigRuleId), [], 'other parameters begin a new one');
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
  assert.equal((await failure(describe(id))).code, 'RemediationNotExist');
});

test('by itself: when a verdict is non-compliant, and once in ten minutes', async () => {
  const ConfigRuleId = await rule('by itself');
  await create(ConfigRuleId, { InvokeType: 'AUTO_EXECUTION' });
  await server.put([bucket('a1', 'public-read')]);
  await until(async () => (await verdict(ConfigRuleId, 'a1')) === 'COMPLIANT');
  await until(async () => (await runs(ConfigRuleId)).length === 1);
  await server.put([bucket('a1', 'public-read'), bucket('a2', 'public-read')]);
  await until(async () => (await runs(ConfigRuleId)).length === 2);
  assert.equal(await verdict(ConfigRuleId, 'a1'), 'NON_COMPLIANT');
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('tags are added, and must be those of the rule', async () => {
  const ConfigRuleId = await rule('tags', { SourceIdentifier: 'required-tags', InputParameters: JSON.stringify({ tag1Key: 'owner', tag1Value: 'me' }) });
  const tagged = (tags) => create(ConfigRuleId, { RemediationTemplateId: 'ACS-TAG-TagResources', Params: JSON.stringify({ properties: [
    { name: 'tags', type: 'OBJECT', value: JSON.stringify(tags), allowedValues: [] }, { name: 'resourceIds', type: 'ARRAY', value: '["{resourceId}"]' }] }) });
  assert.equal((await failure(tagged({ other: 'x' }))).code, 'RemediationInputParamInConsistentWithRule');
  await tagged({ owner: 'me' });
  await server.put([bucket('t1', 'private')]);
  await server.call('StartRemediation', { ConfigRuleId, ResourceId: 't1' });
  await until(async () => (await verdict(ConfigRuleId, 't1')) === 'COMPLIANT');
  const { DiscoveredResourceDetail } = await server.call('GetDiscoveredResource', { ResourceId: 't1', ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou' });
  assert.deepEqual(JSON.parse(DiscoveredResourceDetail.Tags), { env: ['prod'], owner: ['me'] });
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('an executor is asked, and its answer is the outcome', async () => {
  const other = await Server.start({ args: ['--remediation-executor', `http://127.0.0.1:${executor.address().port}/run`] });
  try {
    const id = other.credentials.AccountId;
    const ConfigRuleId = await rule('executor', {}, other);
    await create(ConfigRuleId, {}, other);
    await other.put([{ ...bucket('e1', 'public-read'), accountId: id }]);
    await other.call('StartRemediation', { ConfigRuleId });
    await until(async () => (await runs(ConfigRuleId, {}, other)).length === 1);
    const [request] = requests;
    assert.deepEqual({ ...request, ClientToken: 0, Parameters: JSON.parse(request.Parameters) }, { Action: 'StartExecution', TemplateName: 'ACS-OSS-PutBucketAcl', RegionId: 'cn-hangzhou', ClientToken: 0,
      Parameters: { regionId: 'cn-hangzhou', bucketName: 'e1', permissionName: 'private' }, AccountId: id, ConfigRuleId, ResourceType: 'ACS::OSS::Bucket', ResourceId: 'e1' });
    answer = () => 500;
    await other.call('StartRemediation', { ConfigRuleId });
    await until(async () => (await runs(ConfigRuleId, { ExecutionStatus: 'Failed' }, other)).length === 1);
    assert.equal((await runs(ConfigRuleId, { ExecutionStatus: 'Failed' }, other))[0].ExecutionStatusMessage, 'The executor answered with HTTP status 500.');
    assert.match((await other.call('DescribeRemediation', { ConfigRuleId })).Remediation.LastSuccessfulInvocationId, /^exec-/);
  } finally {
    await other.stop();
  }
});

test('without an executor an execution fails and says so', async () => {
  const bare = await Server.start();
  try {
    const ConfigRuleId = await rule('bare', {}, bare);
    await create(ConfigRuleId, {}, bare);
    await bare.put([{ ...bucket('b1', 'public-read'), accountId: bare.credentials.AccountId }]);
    await bare.call('StartRemediation', { ConfigRuleId });
    await until(async () => (await runs(ConfigRuleId, {}, bare)).length === 1);
    assert.match((await runs(ConfigRuleId, {}, bare))[0].ExecutionStatusMessage, /no executor/);
  } finally {
    await bare.stop();
  }
});

test('a function that is not there fails the execution', async () => {
  const ConfigRuleId = await rule('function');
  await create(ConfigRuleId, { RemediationType: 'FC', SourceType: 'CUSTOM', Params: '{}', RemediationTemplateId: `acs:fc:cn-hangzhou:${account}:functions/fixer` });
  await server.put([bucket('f1', 'public-read'), bucket('f2', 'public-read')]);
  await server.call('StartRemediation', { ConfigRuleId });
  await until(async () => (await runs(ConfigRuleId)).length === 1);
  const [run] = await runs(ConfigRuleId);
  assert.match(run.ExecutionStatusMessage, /functions\/fixer does not exist/);
  assert.deepEqual(run.ExecutionResourceIds.split(',').filter((id) => /^f/.test(id)), ['f1', 'f2']);
  assert.match(run.ExecutionInvocationId, /^[0-9A-F-]{36}$/);
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('refused with their codes', async () => {
  const ConfigRuleId = await rule('codes');
  const code = (more) => failure(create(ConfigRuleId, more)).then((error) => error.code);
  assert.equal(await failure(create('cr-none')).then((e) => e.code), 'ConfigRuleNotExists');
  assert.equal(await code({ RemediationTemplateId: 'ACS-Nothing' }), 'RemediationTemplateNotExist');
  assert.equal(await code({ RemediationTemplateId: 'ACS-ALB-BulkyEnableDeletionProtection', Params: '{}' }), 'RemediationTemplateNotExist');
  assert.equal(await code({ RemediationType: 'FC', RemediationTemplateId: 'no-arn', Params: '{}' }), 'RemediationTemplateNotExist');
  for (const Params of ['no', '[]', '{"permissionName":"secret"}', '{"unknown":"x"}', '{"permissionName":{"a":1}}'])
    assert.equal(await code({ Params }), 'Invalid.Params.Value', Params);
  const id = await create(ConfigRuleId);
  assert.equal(await code({}), 'Invalid.ConfigRuleId.Value');
  assert.equal((await failure(server.call('UpdateRemediation', { RemediationId: 'crr-none', InvokeType: 'AUTO_EXECUTION' }))).code, 'RemediationNotExist');
  assert.equal((await failure(server.call('UpdateRemediation', { RemediationId: id, Params: '{"unknown":"x"}' }))).code, 'Invalid.Params.Value');
  assert.equal((await failure(server.call('DescribeRemediation', { ConfigRuleId: 'cr-none' }))).code, 'RemediationConfigNotExist');
  const deleted = await server.call('DeleteRemediations', { RemediationIds: `${id},crr-none` });
  assert.deepEqual(deleted.RemediationDeleteResults.map((r) => ({ ...r })), [{ RemediationId: id, Success: true }, { RemediationId: 'crr-none', Success: false, ErrorMessage: 'RemediationConfigNotExist' }]);
  assert.equal((await failure(server.call('StartRemediation', { ConfigRuleId }))).code, 'RemediationConfigNotExist');
});

test('a group remedies its members, or one of them', async () => {
  const organisation = await Organisation.on(server);
  const [one, two] = [await organisation.member('one'), await organisation.member('two')];
  const { AggregatorId } = await server.call('CreateAggregator', { AggregatorName: 'all', AggregatorType: 'RD', Description: 'all' });
  const { ConfigRuleId } = await server.call('CreateAggregateConfigRule', { AggregatorId, ConfigRuleName: 'group rule', SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited',
    ResourceTypesScope: 'ACS::OSS::Bucket', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' });
  await server.put([{ ...bucket('g1', 'public-read'), accountId: one }, { ...bucket('g2', 'public-read'), accountId: two }]);
  const { RemediationId } = await server.call('CreateAggregateRemediation', { AggregatorId, ConfigRuleId, ...ACL });
  const { Remediation } = await server.call('DescribeAggregateRemediation', { AggregatorId, RemediationId });
  assert.deepEqual([Remediation.ConfigRuleId, Remediation.RemediationOriginParams, Remediation.RemediationSourceType], [ConfigRuleId, PARAMS, 'ALIYUN']);
  const list = async (more = {}) => (await server.call('ListAggregateRemediationExecutions', { AggregatorId, ConfigRuleId, MaxResults: 10, ...more })).RemediationExecutionData.RemediationExecutions.map((r) => r.ExecutionResourceIds);
  await server.call('StartAggregateRemediation', { AggregatorId, ConfigRuleId, ResourceAccountId: one });
  await until(async () => (await list()).length === 1);
  await server.call('StartAggregateRemediation', { AggregatorId, ConfigRuleId });
  await until(async () => (await list()).length === 2);
  assert.deepEqual(await list(), ['g2', 'g1']);
  assert.deepEqual(await list({ ResourceAccountId: one }), ['g1']);
  const { Remediations } = await server.call('ListAggregateRemediations', { AggregatorId, ConfigRuleIds: ConfigRuleId, PageNumber: 1, PageSize: 10 });
  assert.deepEqual(Remediations.map((r) => [r.RemediationId, r.AggregatorId]), [[RemediationId, AggregatorId]]);
  await server.call('UpdateAggregateRemediation', { AggregatorId, RemediationId, InvokeType: 'AUTO_EXECUTION' });
  await server.put([{ ...bucket('g3', 'public-read'), accountId: two }]);
  await until(async () => (await list()).length === 3);
  await server.call('DeleteAggregateRemediations', { AggregatorId, RemediationIds: RemediationId });
  assert.equal((await failure(server.call('DescribeAggregateRemediation', { AggregatorId, RemediationId }))).code, 'RemediationNotExist');
  assert.equal((await failure(server.call('DescribeAggregateRemediation', { AggregatorId: 'ca-none', RemediationId }))).code, 'Invalid.AggregatorId.Value');
});
