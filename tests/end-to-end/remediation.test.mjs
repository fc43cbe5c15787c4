// Remediations: templates and functions that run for resources a rule found non-compliant, by hand and by themselves.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Cloud, instance, noSandbox } from './functions.mjs';
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
    const sent = JSON.parse(Buffer.concat(parts).toString());
    requests.push(sent);
    response.writeHead(await answer(sent)).end('{}');
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
  const whole = (await server.call('GetRemediationTemplate')).RemediationTemplates;
  assert.deepEqual([...new Set(whole.map((t) => t.TemplateIdentifier))].sort(), all.RemediationTemplates.map((t) => t.TemplateIdentifier).sort());
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
  requests.length = 0;
  try {
    const id = other.credentials.AccountId;
    const ConfigRuleId = await rule('executor', {}, other);
    await create(ConfigRuleId, {}, other);
    await other.put([{ ...bucket('e1', 'public-read'), accountId: id }]);
    await other.call('StartRemediation', { ConfigRuleId });
    await until(async () => (await runs(ConfigRuleId, {}, other)).length === 1);
    const [request] = requests;
    const [{ ExecutionInvocationId }] = await runs(ConfigRuleId, {}, other);
    assert.deepEqual({ ...request, Parameters: JSON.parse(request.Parameters) }, { Action: 'StartExecution', TemplateName: 'ACS-OSS-PutBucketAcl', RegionId: 'cn-hangzhou', ClientToken: ExecutionInvocationId,
      Parameters: { regionId: 'cn-hangzhou', bucketName: 'e1', permissionName: 'private' }, AccountId: id, ConfigRuleId, ResourceType: 'ACS::OSS::Bucket', ResourceId: 'e1' });
    answer = () => 500;
    await other.call('StartRemediation', { ConfigRuleId });
    await until(async () => (await runs(ConfigRuleId, { ExecutionStatus: 'Failed' }, other)).length === 1);
    assert.equal((await runs(ConfigRuleId, { ExecutionStatus: 'Failed' }, other))[0].ExecutionStatusMessage, 'The executor answered with HTTP status 500.');
    assert.equal((await other.call('DescribeRemediation', { ConfigRuleId })).Remediation.LastSuccessfulInvocationId, ExecutionInvocationId, 'a failure is no success');
  } finally {
    answer = () => 200;
    await other.stop();
  }
});

test('by itself through an executor: what it repairs is evaluated again, and a resource that falls back within ten minutes is left alone', async () => {
  const other = await Server.start({ args: ['--remediation-executor', `http://127.0.0.1:${executor.address().port}/run`] });
  const id = other.credentials.AccountId;
  requests.length = 0;
  answer = async ({ ResourceId, Parameters }) => {
    await other.put([{ ...bucket(ResourceId, JSON.parse(Parameters).permissionName), accountId: id }]);
    return 202;
  };
  try {
    const ConfigRuleId = await rule('repaired', {}, other);
    const RemediationId = await create(ConfigRuleId, { InvokeType: 'AUTO_EXECUTION' }, other);
    const told = async (resource) => (await other.call('ListConfigRuleEvaluationResults', { ConfigRuleId, MaxResults: 100 })).EvaluationResults.EvaluationResultList
      .find((r) => r.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId === resource)?.ComplianceType;
    await other.put([{ ...bucket('r1', 'public-read'), accountId: id }]);
    await until(async () => (await told('r1')) === 'COMPLIANT' && (await runs(ConfigRuleId, {}, other)).length === 1);
    const { Remediation } = await other.call('DescribeRemediation', { RemediationId });
    assert.deepEqual([Remediation.LastSuccessfulInvocationId, Remediation.LastSuccessfulInvocationType], [(await runs(ConfigRuleId, {}, other))[0].ExecutionInvocationId, 'AUTO_EXECUTION']);
    assert.ok(Remediation.LastSuccessfulInvocationTime > 0);
    await other.put([{ ...bucket('r1', 'public-read'), accountId: id }]);
    assert.equal(await told('r1'), 'NON_COMPLIANT');
    await other.put([{ ...bucket('r2', 'public-read'), accountId: id }]);
    await until(async () => (await runs(ConfigRuleId, {}, other)).length === 2);
    assert.deepEqual(requests.map((request) => request.ResourceId), ['r1', 'r2'], 'r1 only once');
    assert.equal(await told('r1'), 'NON_COMPLIANT');
    await other.call('StartRemediation', { ConfigRuleId });
    await until(async () => (await told('r1')) === 'COMPLIANT');
  } finally {
    answer = () => 200;
    await other.stop();
  }
});

test('an ignored result is not remedied by itself', async () => {
  const ConfigRuleId = await rule('ignored');
  await server.put([bucket('n1', 'public-read')]);
  await until(async () => (await verdict(ConfigRuleId, 'n1')) === 'NON_COMPLIANT');
  await server.call('IgnoreEvaluationResults', { ConfigRuleId, Resources: JSON.stringify([{ ResourceId: 'n1', ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou', ResourceAccountId: Number(account) }]), Reason: 'known' });
  await create(ConfigRuleId, { InvokeType: 'AUTO_EXECUTION' });
  await server.put([bucket('n1', 'public-read', { tags: { other: 'x' } }), bucket('n2', 'public-read')]);
  await until(async () => (await runs(ConfigRuleId)).some((run) => run.ExecutionResourceIds === 'n2'));
  assert.ok(!(await runs(ConfigRuleId)).some((run) => run.ExecutionResourceIds === 'n1'));
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('a function gets the resources of a rule as one list, and its end is the outcome', { skip: noSandbox }, async () => {
  const cloud = await Cloud.start();
  try {
    await cloud.python('fixer', 'import json\ndef handler(event, context):\n    print("EVENT" + json.dumps({"items": json.loads(event)}))\n    return "done"\n');
    await cloud.python('failing', 'def handler(event, context):\n    raise ValueError("not today")\n');
    await cloud.python('slow', 'import time\ndef handler(event, context):\n    time.sleep(60)\n', { timeout: 1 });
    const ConfigRuleId = (await cloud.server.call('CreateConfigRule', { ConfigRuleName: 'in a VPC', SourceOwner: 'ALIYUN', SourceIdentifier: 'ecs-instances-in-vpc',
      ResourceTypesScope: 'ACS::ECS::Instance', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' })).ConfigRuleId;
    await cloud.server.put(['i-1', 'i-2'].map((id) => instance(id, 'image', { configuration: { InstanceId: id, InstanceNetworkType: 'classic' } })));
    const custom = (name) => ({ RemediationType: 'FC', SourceType: 'CUSTOM', InvokeType: 'MANUAL_EXECUTION', Params: '{}', RemediationTemplateId: cloud.arn(name) });
    const RemediationId = await create(ConfigRuleId, custom('fixer'), cloud.server);
    await cloud.server.call('StartRemediation', { ConfigRuleId });
    await until(async () => (await runs(ConfigRuleId, {}, cloud.server)).length === 1);
    const [run] = await runs(ConfigRuleId, {}, cloud.server);
    assert.deepEqual([run.ExecutionStatus, run.ExecutionStatusMessage, run.ExecutionResourceIds, run.ExecutionResourceType], ['Success', '', 'i-1,i-2', 'ACS::ECS::Instance']);
    const [{ items }] = await until(async () => (await cloud.events('fixer')).length && cloud.events('fixer'));
    assert.deepEqual(items, ['i-1', 'i-2'].map((resourceId) => ({ accountId: Number(cloud.account), regionId: 'cn-shanghai', resourceId, resourceType: 'ACS::ECS::Instance', resourceName: resourceId, configRuleId: ConfigRuleId })));
    assert.equal((await describe(RemediationId, cloud.server)).LastSuccessfulInvocationId, run.ExecutionInvocationId);
    for (const [name, message] of [['failing', /not today/], ['slow', /^Invocation time out\.$/]]) {
      await cloud.server.call('UpdateRemediation', { RemediationId, RemediationTemplateId: cloud.arn(name) });
      await cloud.server.call('StartRemediation', { ConfigRuleId, ResourceId: 'i-2' });
      await until(async () => (await runs(ConfigRuleId, {}, cloud.server)).length === 1);
      const [failed] = await runs(ConfigRuleId, {}, cloud.server);
      assert.deepEqual([failed.ExecutionStatus, failed.ExecutionResourceIds], ['Failed', 'i-2']);
      assert.match(failed.ExecutionStatusMessage, message);
      assert.equal((await describe(RemediationId, cloud.server)).LastSuccessfulInvocationId, undefined, 'another template begins a new history');
    }
  } finally {
    await cloud.stop();
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

/** The values of RemediationEnabled in the results that are listed. */
const enabled = async (action, parameters) => [...new Set((await server.call(action, { MaxResults: 100, ...parameters })).EvaluationResults.EvaluationResultList.map((r) => r.RemediationEnabled))];

test('results tell whether their rule has a remediation that may run', async () => {
  const ConfigRuleId = await rule('enabled');
  await server.put([bucket('enabled', 'public-read')]);
  const byRule = () => enabled('ListConfigRuleEvaluationResults', { ConfigRuleId });
  assert.deepEqual(await byRule(), [false]);
  const id = await create(ConfigRuleId);
  assert.deepEqual(await byRule(), [true]);
  const { EvaluationResults } = await server.call('ListResourceEvaluationResults', { ResourceId: 'enabled', ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou', MaxResults: 100 });
  for (const r of EvaluationResults.EvaluationResultList)
    assert.equal(r.RemediationEnabled, r.EvaluationResultIdentifier.EvaluationResultQualifier.ConfigRuleId === ConfigRuleId);
  const old = await server.call('DescribeEvaluationResults', { ConfigRuleId }, { version: '2019-01-08' });
  assert.deepEqual([...new Set(old.EvaluationResults.EvaluationResultList.map((r) => r.RemediationEnabled))], [true]);
  await server.call('UpdateRemediation', { RemediationId: id, InvokeType: 'NON_EXECUTION' });
  assert.deepEqual(await byRule(), [false]);
  await server.call('UpdateRemediation', { RemediationId: id, InvokeType: 'AUTO_EXECUTION' });
  assert.deepEqual(await byRule(), [true]);
  await server.call('DeleteRemediations', { RemediationIds: id });
  assert.deepEqual(await byRule(), [false]);
  await server.call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('what is sent empty stays as it is', async () => {
  const id = await create(await rule('empty'));
  const before = await describe(id);
  assert.deepEqual([before.InvokeType, before.RemediationSourceType], ['MANUAL_EXECUTION', 'ALIYUN']);
  await server.call('UpdateRemediation', { RemediationId: id, InvokeType: '', SourceType: '', RemediationType: '', RemediationTemplateId: '', Params: '' });
  assert.deepEqual(await describe(id), before);
  await server.call('DeleteRemediations', { RemediationIds: id });
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
  assert.deepEqual(await enabled('ListAggregateConfigRuleEvaluationResults', { AggregatorId, ConfigRuleId }), [true]);
  assert.deepEqual([Remediation.ConfigRuleId, Remediation.RemediationOriginParams, Remediation.RemediationSourceType], [ConfigRuleId, PARAMS, 'ALIYUN']);
  const list = async (more = {}, as = undefined) => (await server.call('ListAggregateRemediationExecutions', { AggregatorId, ConfigRuleId, MaxResults: 10, ...more }, { keys: as })).RemediationExecutionData.RemediationExecutions.map((r) => r.ExecutionResourceIds);
  await server.call('StartAggregateRemediation', { AggregatorId, ConfigRuleId, ResourceAccountId: one });
  await until(async () => (await list()).length === 1);
  await server.call('StartAggregateRemediation', { AggregatorId, ConfigRuleId });
  await until(async () => (await list()).length === 2);
  assert.deepEqual(await list(), ['g2', 'g1']);
  assert.deepEqual(await list({ ResourceAccountId: one }), ['g1']);
  const keys = await organisation.enter(one);
  assert.deepEqual(await list({}, keys), ['g1'], 'a member sees what was done to its own resources');
  assert.deepEqual(await list({ ResourceAccountId: one }, keys), ['g1']);
  assert.deepEqual(await list({ ResourceAccountId: two }, keys), [], 'nor is it told of its own when it asks for another');
  const { Remediations } = await server.call('ListAggregateRemediations', { AggregatorId, ConfigRuleIds: ConfigRuleId, PageNumber: 1, PageSize: 10 });
  assert.deepEqual(Remediations.map((r) => [r.RemediationId, r.AggregatorId]), [[RemediationId, AggregatorId]]);
  await server.call('UpdateAggregateRemediation', { AggregatorId, RemediationId, InvokeType: 'AUTO_EXECUTION' });
  await server.put([{ ...bucket('g3', 'public-read'), accountId: two }]);
  await until(async () => (await list()).length === 3);
  await server.call('DeleteAggregateRemediations', { AggregatorId, RemediationIds: RemediationId });
  assert.equal((await failure(server.call('DescribeAggregateRemediation', { AggregatorId, RemediationId }))).code, 'RemediationNotExist');
  assert.equal((await failure(server.call('DescribeAggregateRemediation', { AggregatorId: 'ca-none', RemediationId }))).code, 'Invalid.AggregatorId.Value');
});
