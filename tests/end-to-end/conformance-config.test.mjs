// What the specification of Config says about single calls, as tables: codes with their published messages, filters, scopes,
// pages, and what comes back of what was sent. reference/api/config-2020-09-07.json, reference/evaluation-semantics.md.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { code, Organisation } from './organisation.mjs';
import { Server, failure, until } from './support.mjs';

const J = JSON.stringify;
let server;
let account;
let number = 0;
const ids = {};

const call = (action, parameters) => server.call(action, parameters);
const post = (action, parameters) => server.client().request(action, { RegionId: 'cn-shanghai', ...parameters }, { method: 'POST' });
const name = () => `rule-${number++}`;
const managed = (more) => ({ ConfigRuleName: name(), SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 1,
  ResourceTypesScope: 'ACS::OSS::Bucket', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ...more });
const clause = (operator, featurePath, desired) => ({ operator, featurePath, desired, featureSource: 'CONFIGURATION' });
const conditions = (...children) => J({ ComplianceConditions: J({ operator: 'and', children }) });
const condition = (more) => managed({ SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration',
  ResourceTypesScope: 'ACS::ECS::Instance', Conditions: conditions(clause('StringEquals', '$.Status', 'Running')), ...more });
const instance = (n, more) => ({ accountId: account, resourceType: 'ACS::ECS::Instance', resourceId: `i${n}`, resourceName: `n${n}`, regionId: 'cn-hangzhou',
  resourceGroupId: 'rg-a', tags: {}, configuration: { Status: 'Running', Cpu: 2, VpcAttributes: { VpcId: 'vpc-1', VSwitchId: 'vsw-1' } }, ...more });
const bucket = (n, grant, more) => ({ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: `b${n}`, resourceName: `N${n}`,
  regionId: n % 2 ? 'cn-shanghai' : 'cn-hangzhou', resourceGroupId: `rg-${n % 2}`, configuration: { AccessControlList: { Grant: grant } }, ...more });

/** Evaluated at least once, and not being evaluated. */
const settled = (ConfigRuleId) => until(async () => {
  const { ConfigRule: rule } = await call('GetConfigRule', { ConfigRuleId });
  return rule.ConfigRuleState === 'ACTIVE' && rule.ConfigRuleEvaluationStatus.LastSuccessfulEvaluationTimestamp;
});

async function make(rule) {
  const { ConfigRuleId } = await call('CreateConfigRule', rule);
  await settled(ConfigRuleId);
  return ConfigRuleId;
}

before(async () => {
  server = await Server.start();
  account = server.credentials.AccountId;
  await server.put([instance(1, { tags: { env: 'prod', team: 'a' } }), instance(2, { regionId: 'cn-shanghai', tags: { env: 'test' } }),
    instance(3, { resourceGroupId: 'rg-b', tags: { team: 'b' } }), instance(4, { regionId: 'cn-shanghai', resourceGroupId: 'rg-b' }),
    ...[0, 1, 2, 3, 4].map((n) => bucket(n, 'public-read')), bucket(5, 'private'), bucket(6, 'private')]);
  ids.rule = await make(managed({ Tag: J([{ Key: 'stage', Value: 'one' }]) }));
  ids.pack = (await call('CreateCompliancePack', { CompliancePackName: 'tagged', Tag: J([{ Key: 'stage', Value: 'one' }]),
    ConfigRules: J([{ ManagedRuleIdentifier: 'eip-bandwidth-limit' }]) })).CompliancePackId;
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

const list = (count, make = (n) => `x-${n}`) => Array.from({ length: count }, (_, n) => make(n)).join();

/** action, parameters, code, and where one is published, the message. */
const REFUSED = [
  ['CreateConfigRule', () => managed({ ConfigRuleName: '' }), 'Invalid.ConfigRuleName.Empty', 'You must specify ConfigRuleName.'],
  ['CreateConfigRule', () => managed({ SourceOwner: undefined }), 'MissingSourceOwner', 'SourceOwner is mandatory for this action.'],
  ['CreateConfigRule', () => managed({ ConfigRuleTriggerTypes: ',' }), 'MissingConfigRuleTriggerTypes', 'ConfigRuleTriggerTypes is mandatory for this action.'],
  ['CreateConfigRule', () => managed({ SourceOwner: 'X', RiskLevel: undefined }), 'MissingRiskLevel', 'RiskLevel is mandatory for this action.'],
  ['CreateConfigRule', () => managed({ SourceOwner: 'X' }), 'InvalidSourceOwner'],
  ['CreateConfigRule', () => managed({ RiskLevel: 4 }), 'InvalidRiskLevel'],
  ['CreateConfigRule', () => managed({ RiskLevel: '1.0' }), 'InvalidRiskLevel'],
  ['CreateConfigRule', () => managed({ SourceIdentifier: 'nothing' }), 'Invalid.SourceIdentifier.Value'],
  ['CreateConfigRule', () => managed({ ConfigRuleTriggerTypes: 'Manual' }), 'Invalid.ConfigRuleTriggerTypes.Value'],
  ['CreateConfigRule', () => managed({ MaximumExecutionFrequency: 'Daily' }), 'Invalid.MaximumExecutionFrequency.Value'],
  ['CreateConfigRule', () => managed({ InputParameters: '[]' }), 'Invalid.InputParameters.Value'],
  ['CreateConfigRule', () => managed({ InputParameters: '{"unknown":"1"}' }), 'Invalid.InputParameters.Value'],
  ['CreateConfigRule', () => managed({ ExtendContent: '{"fixedHour":"24"}' }), 'Invalid.ExtendContent.Value'],
  ['CreateConfigRule', () => managed({ TagKeyScope: 'a' }), 'Invalid.TagKeyScope.Value'],
  ['CreateConfigRule', () => managed({ Tag: J([{ Key: 'acs:a', Value: '1' }]) }), 'Invalid.Tag.Value'],
  ['CreateConfigRule', () => managed({ Tag: J([{ Key: '', Value: '1' }]) }), 'Invalid.Tag.Value'],
  ['CreateConfigRule', () => managed({ TagsScope: [{ TagValue: '1' }] }), 'InvalidTagsScope'],
  ['CreateConfigRule', () => managed({ ClientToken: 'x'.repeat(65) }), 'InvalidClientToken'],
  ['CreateConfigRule', () => condition({ Conditions: '' }), 'Invalid.Conditions.Empty', 'You must specify Conditions.'],
  ['CreateConfigRule', () => condition({ Conditions: J({ ComplianceConditions: '{' }) }), 'Invalid.Conditions.Value'],
  ['GetConfigRule', { ConfigRuleId: 'cr-none' }, 'ConfigRuleNotExists', 'The ConfigRule does not exist.'],
  ['GetConfigRule', () => ({ ConfigRuleId: ids.rule, Tag: J([{ Key: 'stage', Value: 'two' }]) }), 'ConfigRuleNotExists'],
  ['GetCompliancePack', () => ({ CompliancePackId: ids.pack, Tag: J([{ Key: 'stage', Value: 'two' }]) }), 'Invalid.CompliancePackId.Value'],
  ['ActiveConfigRules', { ConfigRuleIds: ',' }, 'MissingConfigRuleIds', 'ConfigRuleIds is mandatory for this action.'],
  ['DeactiveConfigRules', {}, 'MissingConfigRuleIds', 'ConfigRuleIds is mandatory for this action.'],
  ['DeactiveConfigRules', { CompliancePackId: 'cp-none' }, 'Invalid.CompliancePackId.Value', 'The specified CompliancePackId does not exist.'],
  ['DeleteConfigRules', { ConfigRuleIds: list(21) }, 'Invalid.ConfigRuleIds.SizeExceed', 'The maximum number of ConfigRuleIds cannot exceed 20.'],
  ...['Attach', 'Detach'].map((verb) => [`${verb}ConfigRuleToCompliancePack`, () => ({ CompliancePackId: ids.pack, ConfigRuleIds: list(21) }),
    'Invalid.ConfigRuleIds.SizeExceed', 'The maximum number of ConfigRuleIds cannot exceed 20.']),
  ['DeleteCompliancePacks', { CompliancePackIds: list(6) }, 'Invalid.CompliancePackIds.SizeExceed', 'The maximum number of CompliancePackIds is 5.'],
  ['DeleteAggregators', { AggregatorIds: list(6) }, 'Invalid.AggregatorIds.SizeExceed', 'The maximum number of AggregatorIds is 5.'],
  ['CopyConfigRules', { SrcAggregatorId: 'ca-none', SrcConfigRuleIds: list(100) }, 'ConfigRuleCopyLimit', 'The number of replication config rule must be less than 100.'],
  ['CreateCompliancePack', {}, 'Invalid.CompliancePackName.Empty', 'You must specify CompliancePackName.'],
  ['CreateCompliancePack', { CompliancePackName: 'p' }, 'Invalid.ConfigRules.Empty', 'You must specify ConfigRules.'],
  ['CreateCompliancePack', { CompliancePackName: 'p', ConfigRules: '[{}]' }, 'Invalid.ConfigRules.Value'],
  ['CreateCompliancePack', { CompliancePackName: 'p', ConfigRules: J([{ ManagedRuleIdentifier: 'nothing' }]) }, 'Invalid.ConfigRules.Value'],
  ['CreateCompliancePack', { CompliancePackName: 'p', ConfigRules: J([{ ManagedRuleIdentifier: 'required-tags' }]) }, 'Invalid.ConfigRules.Value'],
  ['CreateCompliancePack', { CompliancePackName: 'p', TemplateContent: '{}' }, 'Invalid.TemplateContent.Value'],
  ['ListCompliancePackTemplates', { FilterType: 'ANYTHING' }, 'InvalidFilterType'],
  ['ListConfigRules', { PageSize: 101 }, 'InvalidPageSize'],
  ['ListConfigRules', { PageNumber: 0 }, 'InvalidPageNumber'],
  ['ListConfigRules', { SortBy: 'CreateDate-Asc' }, 'InvalidSortBy'],
  ['ListRecommendManagedRules', { MaxResults: 0 }, 'InvalidMaxResults'],
  ['ListResourceEvaluationResults', { SortBy: 'LastNonCompliantRecordTimestamp-Asc' }, 'InvalidSortBy'],
  ['ListDiscoveredResources', {}, 'MissingMaxResults', 'MaxResults is mandatory for this action.'],
  ['ListDiscoveredResources', { MaxResults: 10, StartUpdateTimestamp: 1 }, 'MissingEndUpdateTimestamp', 'EndUpdateTimestamp is mandatory for this action.'],
  ['ListDiscoveredResources', { MaxResults: 10, EndUpdateTimestamp: 1 }, 'MissingStartUpdateTimestamp', 'StartUpdateTimestamp is mandatory for this action.'],
  ['ListDiscoveredResources', { MaxResults: 10, StartUpdateTimestamp: 2, EndUpdateTimestamp: 1 }, 'InvalidEndUpdateTimestamp'],
  ['ListDiscoveredResources', { MaxResults: 10, StartUpdateTimestamp: 1, EndUpdateTimestamp: 1 + 30 * 86400000 + 1 }, 'InvalidEndUpdateTimestamp'],
  ['StartConfigRuleEvaluation', { ConfigRuleId: 'cr-none' }, 'ConfigRuleNotExists', 'The ConfigRule does not exist.'],
  ['IgnoreEvaluationResults', () => ({ ConfigRuleId: ids.rule, Resources: '[]' }), 'Invalid.Resources.Empty', 'You must specify Resources.'],
  ['TagResources', { ResourceType: 'ACS::Config::Nothing', ResourceId: ['x'], Tag: [{ Key: 'a', Value: 'b' }] }, 'InvalidResourceType'],
  ['UpdateConfigurationRecorder', { ResourceTypes: 'Instance' }, 'Invalid.ResourceTypes.Value', 'The specified resourceTypes is invalid.'],
  ['DryRunConfigRule', { ConfigurationItem: J({ Configuration: {} }) }, 'InvalidConfigurationItem'],
];

test('refusals have the published codes, and messages where there are published ones', async () => {
  for (const [action, parameters, code, message] of REFUSED) {
    const sent = typeof parameters === 'function' ? parameters() : parameters;
    const error = await failure(call(action, JSON.parse(J(sent))));
    assert.equal(error.code, code, `${action} ${J(sent)} ${error.message}`);
    if (message) assert.equal(error.data.Message, message, `${action} ${J(sent)}`);
  }
});

const T = (TagKey, TagValue) => ({ TagKey, TagValue });
const SCOPES = [
  [{}, 'i1,i2,i3,i4'],
  [{ RegionIdsScope: ' cn-hangzhou , cn-shanghai\n' }, 'i1,i2,i3,i4'],
  [{ ExcludeRegionIdsScope: 'cn-hangzhou' }, 'i2,i4'],
  [{ RegionIdsScope: 'cn-hangzhou', ExcludeRegionIdsScope: 'cn-hangzhou' }, ''],
  [{ ResourceIdsScope: 'i1,i4', ExcludeResourceIdsScope: 'i4' }, 'i1'],
  [{ ExcludeResourceGroupIdsScope: 'rg-b', RegionIdsScope: 'cn-shanghai' }, 'i2'],
  [{ ResourceNameScope: 'n1,n2,N3' }, 'i1,i2'],
  [{ TagsScope: [T('env', '')] }, 'i1,i2'],
  [{ TagsScope: [{ TagKey: 'env' }] }, 'i1,i2'],
  [{ TagsScope: [T('env', 'prod'), T('team', 'b')] }, 'i1,i3'],
  [{ TagsScope: [T('env', 'prod'), T('team', 'a')], TagKeyLogicScope: 'AND' }, 'i1'],
  [{ TagsScope: [T('env', 'prod'), T('team', 'b')], TagKeyLogicScope: 'AND' }, ''],
  [{ ExcludeTagsScope: [T('env', 'test'), T('team', 'b')] }, 'i1,i4'],
  [{ TagsScope: [T('env', '')], ExcludeTagsScope: [T('team', '')] }, 'i2'],
  [{ TagKeyScope: 'env,team', TagValueScope: 'test' }, 'i2'],
  [{ TagKeyScope: 'env,team', TagValueScope: 'prod', TagKeyLogicScope: 'AND' }, ''],
  [{ RegionIdsScope: 'cn-shanghai', ResourceGroupIdsScope: 'rg-b', TagsScope: [T('env', 'test')] }, ''],
];

const resultsOf = (answer) => answer.EvaluationResults.EvaluationResultList.map((one) => one.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId);

test('scopes: values of a list are alternatives, lists restrict together, exclusion wins', async () => {
  for (const [scope, covered] of SCOPES) {
    const ConfigRuleId = await make(condition(scope));
    const results = resultsOf(await call('ListConfigRuleEvaluationResults', { ConfigRuleId, MaxResults: 100 }));
    assert.equal(results.sort().join(), covered, J(scope));
    await call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
  }
});

test('results are filtered and paged', async () => {
  const results = async (more) => resultsOf(await call('ListConfigRuleEvaluationResults', { ConfigRuleId: ids.rule, ...more })).join();
  for (const [filter, wanted] of [[{}, 'b0,b1,b2,b3,b4,b5,b6'], [{ ComplianceType: 'COMPLIANT' }, 'b5,b6'], [{ Regions: 'cn-shanghai' }, 'b1,b3,b5'],
    [{ ResourceGroupIds: 'rg-1', ComplianceType: 'NON_COMPLIANT' }, 'b1,b3'], [{ ResourceTypes: 'ACS::ECS::Instance' }, ''], [{ CompliancePackId: ids.pack }, '']])
    assert.equal(await results(filter), wanted, J(filter));
  const pages = [];
  for (let NextToken; NextToken !== '';) {
    const page = await call('ListConfigRuleEvaluationResults', { ConfigRuleId: ids.rule, MaxResults: 3, ...(NextToken && { NextToken }) });
    pages.push(resultsOf(page).join());
    NextToken = page.EvaluationResults.NextToken;
  }
  assert.deepEqual(pages, ['b0,b1,b2', 'b3,b4,b5', 'b6']);
  const beyond = (await call('ListConfigRules', { PageNumber: 1000 })).ConfigRules;
  assert.deepEqual([beyond.ConfigRuleList, beyond.PageNumber, beyond.PageSize], [[], 1000, 10]);
  assert.ok(beyond.TotalCount > 0);
});

test('resources are found by the time of their last change', async () => {
  const ids = async (StartUpdateTimestamp, EndUpdateTimestamp) => (await call('ListDiscoveredResources', { MaxResults: 100, ResourceTypes: 'ACS::OSS::Bucket',
    StartUpdateTimestamp, EndUpdateTimestamp })).DiscoveredResourceProfiles.DiscoveredResourceProfileList.map((one) => one.ResourceId);
  const now = Date.now(), month = 30 * 86400000;
  assert.equal((await ids(now - month, now)).join(), 'b0,b1,b2,b3,b4,b5,b6');
  assert.deepEqual(await ids(now + 60000, now + 60000 + month), []);
  assert.deepEqual(await ids(1, 1 + month), []);
});

test('a rule and a pack are found by their tags', async () => {
  const Tag = J([{ Key: 'stage', Value: 'one' }]);
  assert.equal((await call('GetConfigRule', { ConfigRuleId: ids.rule, Tag })).ConfigRule.ConfigRuleId, ids.rule);
  assert.equal((await call('GetCompliancePack', { CompliancePackId: ids.pack, Tag })).CompliancePack.CompliancePackId, ids.pack);
  for (const ResourceType of ['ACS::Config::Rule', 'ACS::Config::rule', 'ACS::Config:rule'])
    assert.equal(J((await post('ListTagResources', { ResourceType, ResourceId: [ids.rule] })).TagResources.TagResource),
      J([{ ResourceId: ids.rule, ResourceType: 'ACS::Config::Rule', TagKey: 'stage', TagValue: 'one' }]), ResourceType);
});

test('templates of laws and standards are a part of all templates', async () => {
  const templates = async (more) => (await call('ListCompliancePackTemplates', { PageSize: 100, ...more })).CompliancePackTemplatesResult;
  const [all, laws] = [await templates({ FilterType: 'ALL' }), await templates({ FilterType: 'LAW' })];
  assert.equal(all.TotalCount, (await templates({})).TotalCount);
  assert.ok(laws.TotalCount > 0 && laws.TotalCount < all.TotalCount);
  assert.ok(laws.CompliancePackTemplates.some((one) => /PCI DSS/.test(one.CompliancePackTemplateName)));
  assert.ok(!laws.CompliancePackTemplates.some((one) => /best practices/.test(one.CompliancePackTemplateName)));
});

test('rules that a template brings are those that it shows', async () => {
  const { CompliancePackTemplates: known } = (await call('ListCompliancePackTemplates', { PageSize: 100 })).CompliancePackTemplatesResult;
  const levels = (one) => new Set(one.ConfigRules.filter((rule) => rule.DefaultEnable).map((rule) => rule.RiskLevel)).size;
  const template = known.find((one) => levels(one) > 1 && one.ConfigRules.some((rule) => rule.DefaultEnable && rule.ConfigRuleParameters.some((p) => p.ParameterValue)));
  const shape = (rule) => [rule.ManagedRuleIdentifier, rule.RiskLevel, rule.ConfigRuleParameters.filter((p) => p.ParameterValue)];
  const { CompliancePackId } = await call('CreateCompliancePack', { CompliancePackName: 'of a template', CompliancePackTemplateId: template.CompliancePackTemplateId, DefaultEnable: true });
  const { CompliancePack: pack } = await call('GetCompliancePack', { CompliancePackId });
  assert.deepEqual(pack.ConfigRules.map(shape), template.ConfigRules.filter((rule) => rule.DefaultEnable).map(shape));
  await call('DeleteCompliancePacks', { CompliancePackIds: CompliancePackId, DeleteRule: true });
});

test('a condition is tried on a bare configuration', async () => {
  const Conditions = conditions(clause('GreaterOrEquals', '$.Cpu', '2'));
  const verdict = async (Configuration) => (await call('DryRunConfigRule', { ResourceType: 'ACS::ECS::Instance', Conditions,
    ConfigurationItem: J({ Configuration }) })).ComplianceType;
  assert.deepEqual([await verdict({ Cpu: 1 }), await verdict({ Cpu: '8' }), await verdict(J({ Cpu: 2 }))], ['NON_COMPLIANT', 'COMPLIANT', 'COMPLIANT']);
});

test('what a plan leaves out is the reason for its verdict', async () => {
  const { ResourceEvaluations: [{ Rules: [rule] }] } = await call('EvaluatePreConfigRules', { ResourceEvaluateItems: J([{ ResourceType: 'ACS::OSS::Bucket',
    ResourceProperties: '{}', Rules: [{ Identifier: 'oss-bucket-public-read-prohibited', InputParameters: '{}' }] }]) });
  assert.deepEqual([rule.ComplianceType, JSON.parse(rule.Annotation).reason], ['NON_COMPLIANT', 'No property contains.']);
});

test('a plan of the orchestration service is read in its own names', async () => {
  const judge = async (ResourceType, properties, ...identifiers) => {
    const { ResourceEvaluations: [one] } = await call('EvaluatePreConfigRules', { ResourceTypeFormat: 'ros', ResourceEvaluateItems: J([{ ResourceType,
      ResourceProperties: J(properties), Rules: identifiers.map((Identifier) => ({ Identifier, InputParameters: '{}' })) }]) });
    return one.Rules.map((rule) => (rule.ComplianceType === 'COMPLIANT' ? 'C' : JSON.parse(rule.Annotation).configuration)).join();
  };
  const acl = ['oss-bucket-public-read-prohibited', 'oss-bucket-public-write-prohibited'];
  assert.equal(await judge('ALIYUN::OSS::Bucket', { AccessControl: 'private' }, ...acl), 'C,C');
  assert.equal(await judge('ALIYUN::OSS::Bucket', { AccessControl: 'public-read' }, ...acl), 'public-read,C');
  assert.equal(await judge('ALIYUN::OSS::Bucket', { LoggingConfiguration: { TargetBucket: 'logs', TargetPrefix: 'a' },
    ServerSideEncryptionConfiguration: { SSEAlgorithm: 'AES256' } }, 'oss-bucket-logging-enabled', 'oss-bucket-server-side-encryption-enabled'), 'C,C');
  const entry = (SourceCidrIp, more) => ({ IpProtocol: 'tcp', PortRange: '22/22', SourceCidrIp, Policy: 'accept', ...more });
  const open = 'sg-risky-ports-check', all = 'ecs-security-group-not-open-all-protocol';
  assert.equal(await judge('ALIYUN::ECS::SecurityGroup', { SecurityGroupIngress: [entry('10.0.0.0/8'), entry('0.0.0.0/0', { Policy: 'drop' })] }, open, all), 'C,C');
  assert.match(await judge('ALIYUN::ECS::SecurityGroup', { SecurityGroupEgress: [entry('')], SecurityGroupIngress: [entry('0.0.0.0/0', { Policy: undefined })] }, open), /22\/22/);
  assert.match(await judge('ALIYUN::ECS::SecurityGroup', { SecurityGroupIngress: [entry('10.0.0.0/8', { IpProtocol: 'all' })] }, all), /"IpProtocol":"ALL"/);
  assert.equal(await judge('ALIYUN::SLB::LoadBalancer', { DeletionProtection: true }, 'slb-delete-protection-enabled'), 'C');
  assert.equal(await judge('ALIYUN::SLB::LoadBalancer', { DeletionProtection: false }, 'slb-delete-protection-enabled'), 'off');
  assert.equal(await judge('ALIYUN::ECS::Instance', { VpcId: 'vpc-1', DeletionProtection: false }, 'ecs-instance-deletion-protection-enabled'), 'false');
  assert.equal(await judge('ALIYUN::ECS::Disk', { Encrypted: true }, 'ecs-disk-encrypted'), 'C');
});

test('members that are easily forgotten', async () => {
  const place = { ResourceType: 'ACS::OSS::Bucket', ResourceId: 'b0', Region: 'cn-hangzhou' };
  const [node] = (await call('GetResourceConfigurationTimeline', place)).ResourceConfigurationTimeline.ConfigurationList;
  assert.deepEqual([node.Relationship, node.RelationshipDiff], ['', '']);
  const started = await call('StartConfigRuleEvaluationByResource', { ResourceId: 'b0' });
  assert.deepEqual([started.Result, started.ConfigRuleId], [true, ids.rule]);
  const { DiscoveredResourceDetail: detail } = await call('GetDiscoveredResource', { ResourceType: 'ACS::ECS::Instance', ResourceId: 'i1', Region: 'cn-hangzhou' });
  assert.deepEqual([detail.VpcId, detail.VSwitchId], ['vpc-1', 'vsw-1']);
  assert.ok('RecommendedManagedRules' in await call('ListAggregateRecommendManagedRules', {}));
});

const RULE = { configRuleName: 'condition-rule-example', scope: { complianceResourceTypes: ['ACS::ECS::Instance'] }, description: '',
  source: { owner: 'CUSTOM_CONFIGURATION', identifier: 'acs-config-configuration',
    sourceDetails: [{ messageType: 'ScheduledNotification', maximumExecutionFrequency: 'Twelve_Hours' }, { messageType: 'ConfigurationItemChangeNotification' }],
    conditions: conditions(clause('GreaterOrEquals', '$.Cpu', '2')) }, inputParameters: {} };
const PACK = { compliancePackName: 'from the file', riskLevel: 1, description: 'of the file',
  scope: { complianceRegionIds: ['cn-shanghai'], complianceTagsScope: [{ tagKey: 'env', tagValue: 'test' }], complianceExcludeResourceIds: ['i9'] } };

const create = async (content, more) => {
  const { CompliancePackId } = await call('CreateCompliancePack', { TemplateContent: J(content), ...more });
  return (await call('GetCompliancePack', { CompliancePackId })).CompliancePack;
};
const discard = (pack) => call('DeleteCompliancePacks', { CompliancePackIds: pack.CompliancePackId, DeleteRule: true });

test('a template comes back as it was sent, and makes the same pack again', async () => {
  const content = { configRuleTemplates: [RULE] };
  const first = await create(content, { CompliancePackName: 'first' });
  assert.deepEqual(JSON.parse(first.TemplateContent), content);
  assert.match(first.TemplateContent, /^\{\n {4}"configRuleTemplates": \[\n/);
  await discard(first);
  const second = await create(JSON.parse(first.TemplateContent), { CompliancePackName: 'second' });
  assert.equal(second.TemplateContent, first.TemplateContent);
  assert.deepEqual(second.ConfigRules.map((one) => [one.ConfigRuleName, one.RiskLevel]), [['condition-rule-example', 2]]);
  await discard(second);
});

test('a pack takes its name from the file, then from the request, else from the time', async () => {
  for (const [content, more, wanted] of [[{ compliancePackTemplate: PACK }, { CompliancePackName: 'of the request' }, /^from the file$/],
    [{ compliancePackTemplate: PACK }, {}, /^from the file$/], [{}, { CompliancePackName: 'of the request' }, /^of the request$/], [{}, {}, /^\d{13}\.json$/]]) {
    const pack = await create({ configRuleTemplates: [RULE], ...content }, more);
    assert.match(pack.CompliancePackName, wanted);
    await discard(pack);
  }
});

test('a changed pack is exported with all that a file can say', async () => {
  const pack = await create({ configRuleTemplates: [{ ...RULE, riskLevel: 3 }], compliancePackTemplate: PACK });
  assert.deepEqual([pack.RiskLevel, pack.Description, pack.Scope.RegionIdsScope, pack.Scope.ExcludeResourceIdsScope], [1, 'of the file', 'cn-shanghai', 'i9']);
  await call('UpdateCompliancePack', { CompliancePackId: pack.CompliancePackId, Description: 'changed' });
  const { CompliancePack: changed } = await call('GetCompliancePack', { CompliancePackId: pack.CompliancePackId });
  const file = JSON.parse(changed.TemplateContent);
  assert.deepEqual(file.configRuleTemplates[0], { ...RULE, riskLevel: 3 });
  assert.deepEqual({ ...file.compliancePackTemplate, scope: undefined }, { ...PACK, description: 'changed', scope: undefined });
  assert.deepEqual(file.compliancePackTemplate.scope, PACK.scope);
  await discard(pack);
  const again = await create(file);
  assert.deepEqual([again.RiskLevel, again.Description, again.Scope, again.ConfigRules[0].RiskLevel], [1, 'changed', changed.Scope, 3]);
  await discard(again);
});

test('a template that cannot be read whole is refused: no scope becomes wider, no parameter is lost', async () => {
  const scoped = (scope) => ({ configRuleTemplates: [{ ...RULE, scope: { ...RULE.scope, ...scope } }] });
  const refused = [scoped({ complianceResourceTypes: 'ACS::ECS::Instance' }), scoped({ complianceRegionIds: 'cn-hangzhou' }), scoped({ complianceRegionIds: [1] }),
    { configRuleTemplates: [{ ...RULE, source: { ...RULE.source, conditions: JSON.parse(RULE.source.conditions) } }] },
    scoped({ complianceTagsScope: [{ tagValue: 'x' }] }), scoped({ complianceExcludeTagsScope: { tagKey: 'x' } }), { configRuleTemplates: [{ ...RULE, scope: [] }] },
    { configRuleTemplates: [{ ...RULE, inputParameters: ['x'] }] }, { configRuleTemplates: [{ ...RULE, inputParameters: '{}' }] },
    { configRuleTemplates: [RULE], compliancePackTemplate: [] }, { configRuleTemplates: [RULE], compliancePackTemplate: { scope: 'cn-hangzhou' } }];
  for (const content of refused)
    assert.equal(await code(call('CreateCompliancePack', { CompliancePackName: 'p', TemplateContent: J(content) })), 'Invalid.TemplateContent.Value', J(content));
  const nothing = { scope: { ...RULE.scope, complianceRegionIds: null, complianceTagsScope: null }, riskLevel: null, inputParameters: null };
  await discard(await create({ configRuleTemplates: [{ ...RULE, ...nothing }], compliancePackTemplate: { riskLevel: null, scope: null } }, { CompliancePackName: 'p' }));
});

test('the hour of the daily run goes when the period changes, and only then', async () => {
  const ConfigRuleId = await make(condition({ ConfigRuleTriggerTypes: 'ScheduledNotification', MaximumExecutionFrequency: 'TwentyFour_Hours',
    ExtendContent: J({ fixedHour: '5' }) }));
  const after = async (change) => {
    await call('UpdateConfigRule', { ConfigRuleId, ...change });
    const { ConfigRule: rule } = await call('GetConfigRule', { ConfigRuleId });
    return [rule.MaximumExecutionFrequency, rule.ExtendContent];
  };
  assert.deepEqual(await after({ MaximumExecutionFrequency: '' }), ['TwentyFour_Hours', J({ fixedHour: '5' })]);
  assert.deepEqual(await after({ MaximumExecutionFrequency: 'TwentyFour_Hours' }), ['TwentyFour_Hours', J({ fixedHour: '5' })]);
  assert.deepEqual(await after({ MaximumExecutionFrequency: 'One_Hour' }), ['One_Hour', undefined]);
  assert.equal(await code(call('UpdateConfigRule', { ConfigRuleId, ExtendContent: J({ fixedHour: '6' }) })), 'Invalid.ExtendContent.Value');
  assert.deepEqual(await after({ MaximumExecutionFrequency: 'TwentyFour_Hours', ExtendContent: J({ fixedHour: '6' }) }), ['TwentyFour_Hours', J({ fixedHour: '6' })]);
  assert.deepEqual(await after({ ExtendContent: '' }), ['TwentyFour_Hours', undefined]);
  await call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('the rules that an update lists replace those of the pack, parameters and all', async () => {
  const rule = (more) => ({ ManagedRuleIdentifier: 'eip-bandwidth-limit', ...more });
  const own = { ConfigRuleParameters: [{ ParameterName: 'bandwidth', ParameterValue: '20' }] };
  const { CompliancePackId } = await call('CreateCompliancePack', { CompliancePackName: 'replaced', ConfigRules: J([rule(own)]) });
  const rules = async () => (await call('GetCompliancePack', { CompliancePackId })).CompliancePack.ConfigRules;
  const [{ ConfigRuleId }] = await rules();
  const after = async (...list) => {
    await call('UpdateCompliancePack', { CompliancePackId, ConfigRules: J(list) });
    return (await rules()).map((one) => [one.ConfigRuleId, one.ConfigRuleParameters.map((parameter) => parameter.ParameterValue).join()]);
  };
  assert.deepEqual(await after(rule({ ConfigRuleParameters: [] })), [[ConfigRuleId, '']]);
  assert.deepEqual(await after(rule(own)), [[ConfigRuleId, '20']]);
  assert.deepEqual(await after({ ConfigRuleId }), [[ConfigRuleId, '20']]);
  assert.deepEqual(await after(rule()), [[ConfigRuleId, '']]);
  await call('DeleteCompliancePacks', { CompliancePackIds: CompliancePackId, DeleteRule: true });
});

test('all rules of a pack are disabled and enabled together', async () => {
  const pack = await create({ configRuleTemplates: [RULE, { ...RULE, configRuleName: 'second' }] }, { CompliancePackName: 'together' });
  const of = { CompliancePackId: pack.CompliancePackId };
  const states = async () => Promise.all(pack.ConfigRules.map(async ({ ConfigRuleId }) => (await call('GetConfigRule', { ConfigRuleId })).ConfigRule.ConfigRuleState));
  const { OperateRuleResult: done } = await call('DeactiveConfigRules', of);
  assert.deepEqual(done.OperateRuleItemList.map((one) => [one.ConfigRuleId, one.Success]), pack.ConfigRules.map((one) => [one.ConfigRuleId, true]));
  assert.deepEqual(await states(), ['INACTIVE', 'INACTIVE']);
  await call('ActiveConfigRules', of);
  assert.ok((await states()).every((state) => state !== 'INACTIVE'));
  await discard(pack);
});

test('results of a disabled rule stay as they were, also in time', async () => {
  const of = (id, Status) => instance(id, { regionId: 'cn-beijing', configuration: { Status } });
  await server.put([of(51, 'Running'), of(52, 'Stopped')]);
  const ConfigRuleId = await make(condition({ RegionIdsScope: 'cn-beijing' }));
  const results = async () => (await call('ListConfigRuleEvaluationResults', { ConfigRuleId })).EvaluationResults.EvaluationResultList;
  const before = await results();
  assert.deepEqual(resultsOf({ EvaluationResults: { EvaluationResultList: before } }), ['i51', 'i52']);
  await call('DeactiveConfigRules', { ConfigRuleIds: ConfigRuleId });
  await server.put([of(51, 'Stopped'), of(52, 'Running')]);
  assert.deepEqual(await results(), before);
  await call('ActiveConfigRules', { ConfigRuleIds: ConfigRuleId });
  await settled(ConfigRuleId);
  await until(async () => (await results()).map((one) => one.ComplianceType).join() === 'NON_COMPLIANT,COMPLIANT');
  await call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
  await server.put([51, 52].map((n) => ({ ...of(n, 'Running'), resourceEventType: 'REMOVE' })));
});

test('a rule in the form of 2019: made, changed, described', async () => {
  const old = (action, parameters) => server.call(action, parameters, { version: '2019-01-08' });
  const rule = { ConfigRuleName: 'old', SourceOwner: 'ALIYUN', SourceIdentifier: 'eip-bandwidth-limit', InputParameters: J({ bandwidth: '5' }), RiskLevel: 2,
    SourceDetailMessageType: 'ScheduledNotification', SourceMaximumExecutionFrequency: 'Twelve_Hours',
    ScopeComplianceResourceTypes: J(['ACS::EIP::EipAddress']), ScopeComplianceResourceId: 'eip-1' };
  const { ConfigRuleId } = await old('PutConfigRule', rule);
  const described = async () => (await old('DescribeConfigRule', { ConfigRuleId })).ConfigRule;
  const first = await described();
  assert.equal(J([first.ConfigRuleName, first.RiskLevel, first.MaximumExecutionFrequency, first.InputParameters, first.Scope]), J(['old', 2, 'Twelve_Hours',
    { bandwidth: '5' }, { ComplianceResourceId: 'eip-1', ComplianceResourceTypes: ['ACS::EIP::EipAddress'] }]));
  assert.equal((await old('PutConfigRule', { ...rule, ConfigRuleId, RiskLevel: 1 })).ConfigRuleId, ConfigRuleId);
  assert.equal((await described()).RiskLevel, 1);
  assert.equal(await code(old('PutConfigRule', rule)), 'ConfigRuleExists');
  assert.equal(await code(old('PutConfigRule', { ...rule, ConfigRuleId: 'cr-none' })), 'ConfigRuleNotExists');
  assert.equal(await code(old('PutConfigRule', { ...rule, ConfigRuleId, SourceIdentifier: 'required-tags' })), 'Invalid.SourceIdentifier.Value');
  assert.equal(await code(old('DescribeConfigRule', { ConfigRuleId, MemberId: 1234567890123456 })), 'MemberNotBelongToMaster');
  assert.ok((await old('GetSupportedResourceTypes')).ResourceTypes.includes('ACS::ECS::Instance'));
  await old('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
});

test('the compliance timeline keeps every transition, however soon the next one comes', async () => {
  const place = { ResourceType: 'ACS::OSS::Bucket', ResourceId: 'b8', Region: 'cn-hangzhou' };
  for (const grant of ['public-read', 'private', 'public-read']) await server.put([bucket(8, grant)]);
  const nodes = (await call('GetResourceComplianceTimeline', place)).ResourceComplianceTimeline.ComplianceList;
  const types = nodes.map((node) => JSON.parse(node.ConfigurationDiff)).map((diff) => Object.values(diff)[0].map((entry) => entry.complianceType));
  assert.deepEqual(types, [['COMPLIANT', 'NON_COMPLIANT'], ['NON_COMPLIANT', 'COMPLIANT'], [undefined, 'NON_COMPLIANT']]);
  assert.deepEqual(nodes.map((node) => JSON.parse(node.Configuration).Compliance),
    ['NON_COMPLIANT', 'COMPLIANT', 'NON_COMPLIANT'].map((complianceType) => ({ complianceType, count: 1 })));
  const middle = { StartTime: nodes[1].CaptureTime, EndTime: nodes[1].CaptureTime };
  assert.equal((await call('GetResourceComplianceTimeline', { ...place, ...middle })).ResourceComplianceTimeline.ComplianceList.length, 1);
  await server.put([bucket(8, 'private', { resourceEventType: 'REMOVE' })]);
});

/** The nodes of the compliance timeline, newest first: the rule's change, and what the resource was then. */
async function history(ResourceId, rule, { keys, Region = 'cn-zhangjiakou' } = {}) {
  const { ResourceComplianceTimeline: timeline } = await server.call('GetResourceComplianceTimeline', { ResourceType: 'ACS::ECS::Instance', ResourceId, Region, MaxResults: 100 }, { keys });
  return timeline.ComplianceList.map((node) => [JSON.parse(node.ConfigurationDiff)[rule].map((entry) => entry.complianceType ?? '').join('>'), JSON.parse(node.Configuration).Compliance.complianceType]);
}
const [CAME_WELL, CAME_BAD, WENT] = [['>COMPLIANT', 'COMPLIANT'], ['>NON_COMPLIANT', 'NON_COMPLIANT'], ['NON_COMPLIANT>', 'INSUFFICIENT_DATA']];

test('the compliance timeline outlives scopes, rules and memberships', async () => {
  const of = (n, Status) => instance(n, { regionId: 'cn-zhangjiakou', configuration: { Status } });
  await server.put([of(61, 'Running'), of(62, 'Stopped')]);
  const ConfigRuleId = await make(condition({ ConfigRuleName: 'passing', RegionIdsScope: 'cn-zhangjiakou' }));
  assert.deepEqual(await history('i61', 'passing'), [CAME_WELL]);
  const known = [CAME_BAD];
  for (const [scope, back] of [[{ ResourceTypesScope: 'ACS::ECS::Disk' }, { ResourceTypesScope: 'ACS::ECS::Instance' }], [{ ResourceIdsScope: 'none' }, { ResourceIdsScope: '' }]]) {
    assert.deepEqual(await history('i62', 'passing'), known);
    await call('UpdateConfigRule', { ConfigRuleId, ...scope });
    known.unshift(WENT);
    await until(async () => (await history('i62', 'passing')).length === known.length);
    assert.deepEqual(await history('i62', 'passing'), known, J(scope));
    await call('UpdateConfigRule', { ConfigRuleId, ...back });
    known.unshift(CAME_BAD);
    await until(async () => (await history('i62', 'passing')).length === known.length);
    assert.deepEqual(await history('i61', 'passing'), [CAME_WELL]);
  }
  await call('UpdateConfigRule', { ConfigRuleId, ResourceIdsScope: 'i61' });
  await until(async () => (await history('i62', 'passing')).length === known.length + 1);
  await server.put([of(62, 'Running')]);
  await call('UpdateConfigRule', { ConfigRuleId, ResourceIdsScope: '' });
  known.unshift(CAME_WELL, WENT);
  await until(async () => (await history('i62', 'passing')).length === known.length);
  assert.deepEqual(await history('i62', 'passing'), known);
  await server.put([of(62, 'Stopped')]);
  await call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
  assert.deepEqual(await history('i62', 'passing'), [WENT, ['COMPLIANT>NON_COMPLIANT', 'NON_COMPLIANT'], ...known]);
  await server.put([61, 62].map((n) => ({ ...of(n, 'Running'), resourceEventType: 'REMOVE' })));
});

test('a type that is recorded no more has no results, and has them again when it is recorded again', async () => {
  const of = (n, Status) => instance(n, { regionId: 'cn-zhangjiakou', configuration: { Status } });
  await server.put([of(63, 'Running'), of(64, 'Stopped')]);
  const ConfigRuleId = await make(condition({ ConfigRuleName: 'recorded', RegionIdsScope: 'cn-zhangjiakou' }));
  const listed = async () => resultsOf(await call('ListConfigRuleEvaluationResults', { ConfigRuleId }));
  const summary = async () => (await call('GetResourceComplianceByConfigRule', { ConfigRuleId })).ComplianceResult;
  await settled(ConfigRuleId);
  assert.deepEqual(await listed(), ['i63', 'i64']);
  await call('UpdateConfigurationRecorder', { ResourceTypes: 'ACS::OSS::Bucket' });
  assert.deepEqual(await listed(), []);
  assert.equal((await summary()).TotalCount, 0);
  await server.put([of(63, 'Stopped'), of(65, 'Stopped')]);
  await call('StartConfigRuleEvaluation', { ConfigRuleId });
  await settled(ConfigRuleId);
  assert.deepEqual(await listed(), []);
  assert.deepEqual(await history('i64', 'recorded'), [WENT, CAME_BAD]);
  await call('StartConfigurationRecorder');
  await settled(ConfigRuleId);
  assert.deepEqual(await listed(), ['i63', 'i64']);
  assert.deepEqual((await summary()).Compliances.map((one) => [one.ComplianceType, one.Count]).sort(), [['COMPLIANT', 1], ['NON_COMPLIANT', 1]]);
  assert.deepEqual(await history('i64', 'recorded'), [CAME_BAD, WENT, CAME_BAD]);
  await call('DeleteConfigRules', { ConfigRuleIds: ConfigRuleId });
  await server.put([63, 64].map((n) => ({ ...of(n, 'Running'), resourceEventType: 'REMOVE' })));
});

test('account groups keep the recorders of their owner and their members running', async () => {
  const organisation = await Organisation.on(server);
  const member = await organisation.member('member');
  const keys = await organisation.enter(member);
  const { AggregatorId } = await call('CreateAggregator', { AggregatorName: 'group',
    AggregatorAccounts: J([{ AccountId: Number(member), AccountName: 'member', AccountType: 'ResourceDirectory' }]) });
  assert.equal(await code(call('StopConfigurationRecorder')), 'AdminStopSLRFail');
  assert.equal(await code(server.call('StopConfigurationRecorder', {}, { keys })), 'MemberStopSLRFail');
  for (const [action, wanted] of [['ListAggregateDiscoveredResources', 'MemberNotBelongToMaster'], ['ListAggregateConfigRuleEvaluationResults', 'Invalid.ResourceOwnerId.Value']])
    assert.equal(await code(call(action, { AggregatorId, ResourceAccountId: 1234567890123456, MaxResults: 10 })), wanted, action);
  await server.put([instance(71, { accountId: member, configuration: { Status: 'Stopped' } })], { keys });
  await call('CreateAggregateConfigRule', condition({ AggregatorId, ConfigRuleName: 'of the group' }));
  const of71 = () => history('i71', 'of the group', { keys, Region: 'cn-hangzhou' });
  await until(async () => (await of71()).length === 1);
  const other = await organisation.member('another');
  await call('UpdateAggregator', { AggregatorId, AggregatorAccounts: J([{ AccountId: Number(other), AccountName: 'another', AccountType: 'ResourceDirectory' }]) });
  assert.deepEqual(await of71(), [WENT, CAME_BAD]);
  const { OperateAggregatorsResult: done } = await call('DeleteAggregators', { AggregatorIds: `${AggregatorId},ca-none` });
  assert.equal(J(done.OperateAggregators), J([{ AggregatorId, ErrorCode: '', Success: true },
    { AggregatorId: 'ca-none', ErrorCode: 'Invalid.AggregatorId.Value', Success: false }]));
  assert.equal((await server.call('StopConfigurationRecorder', {}, { keys })).StopConfigurationRecorderResult, true);
});
