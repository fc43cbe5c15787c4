// The calls of the Terraform provider for packages, account groups, remediations, report templates and the lists of Cloud Config,
// with the values of its acceptance tests, its data sources and its sweepers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION } from './organisation.mjs';
import { until } from './support.mjs';
import { at, blank, clientToken, gone, isCode, manager, master, pages, readOr, refused, rpc, serve, settled } from './terraform.mjs';

let members;

/** Members as the data source of accounts gives them. */
serve(async () => {
  await manager('InitResourceDirectory');
  for (const DisplayName of ['tf-first', 'tf-second']) await manager('CreateResourceAccount', { DisplayName });
  const accounts = await pages((page) => master('ListAccounts', { IncludeTags: true, ...page }), (a) => a.Accounts.Account);
  members = accounts.filter((a) => a.Status === 'CreateSuccess').map((a) => ({ AccountId: a.AccountId, AccountName: a.DisplayName, AccountType: 'ResourceDirectory' }));
});

const parameters = (object) => Object.entries(object).map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue }));
const entry = (ManagedRuleIdentifier, object = {}) => ({ ManagedRuleIdentifier, ConfigRuleParameters: parameters(object) });
const TEMPLATE = 'ct-3d20ff4e06a30027f76e';
const RETENTION = entry('ecs-snapshot-retention-days', { days: '7' });
const EXPIRED = entry('ecs-instance-expired-check', { days: '60' });
const shown = (rules) => rules.map((rule) => [rule.ManagedRuleIdentifier, (rule.ConfigRuleParameters ?? []).map((p) => [p.ParameterName, p.ParameterValue])]).sort();
const wanted = (entries) => shown(entries);

/** A package of an account, or with `AggregatorId` of a group. */
async function packSteps(prefix, owner, notFound) {
  const name = (verb) => `${verb}${prefix}CompliancePack`;
  const written = { CompliancePackName: 'tf-testacccn-beijingpack12345', Description: 'tf-pack', RiskLevel: 1 };
  const { CompliancePackId } = await rpc(name('Create'), { body: { ...owner, ...written, CompliancePackTemplateId: TEMPLATE, ConfigRules: JSON.stringify([RETENTION]), ...clientToken(name('Create')) } });
  const query = { RegionId: 'cn-hangzhou', ...owner, CompliancePackId };
  const read = () => readOr(notFound, async () => (await rpc(name('Get'), { method: 'GET', query })).CompliancePack);
  const agrees = async (entries) => {
    await until(async () => (await read()).Status === 'ACTIVE');
    const pack = await settled(read, { ...written, CompliancePackTemplateId: TEMPLATE });
    assert.deepEqual(shown(pack.ConfigRules), wanted(entries));
    assert.ok(pack.ConfigRules.every((rule) => rule.ConfigRuleId));
    return pack;
  };
  const pack = await agrees([RETENTION]);
  const update = async (changes, entries) => {
    Object.assign(written, changes);
    await rpc(name('Update'), { body: { ...owner, CompliancePackId, ...written, ConfigRules: JSON.stringify(entries), ...clientToken(name('Update')) } });
    await agrees(entries);
  };
  await update({}, [RETENTION, EXPIRED]);
  await update({ Description: 'tf-packupdate' }, [RETENTION, EXPIRED]);
  await update({ RiskLevel: 2 }, [RETENTION, EXPIRED]);
  await update({ Description: 'tf-pack', RiskLevel: 1 }, [RETENTION]);
  // Earlier releases name the rule that an entry became, and leave out what they do not know as null or nothing.
  const { ConfigRuleId } = (await read()).ConfigRules[0];
  await rpc(name('Update'), { body: { ...owner, CompliancePackId, ...written, ConfigRules: JSON.stringify([{ ...RETENTION, ConfigRuleName: null, ConfigRuleId }, { ...EXPIRED, ConfigRuleName: null, ConfigRuleId: '' }]),
    ...clientToken(name('Update')) } });
  const mixed = await agrees([RETENTION, EXPIRED]);
  assert.ok(mixed.ConfigRules.some((rule) => rule.ConfigRuleId === ConfigRuleId), 'the entry that names its rule stays that rule');
  assert.ok(pack.CompliancePackId);
  const listed = await pages((page) => rpc(`List${prefix}CompliancePacks`, { method: 'GET', query: { ...owner, ...page } }), (a) => a.CompliancePacksResult.CompliancePacks);
  const found = listed.find((p) => p.CompliancePackId === CompliancePackId);
  for (const member of ['AccountId', 'CompliancePackName', 'CompliancePackTemplateId', 'Description', 'RiskLevel', 'Status', ...Object.keys(owner)]) assert.ok(member in found, member);
  await gone(read, () => rpc(name('Delete') + 's', { body: { ...owner, CompliancePackIds: CompliancePackId, ...clientToken(name('Delete')) } }));
  const single = await rpc(name('Create'), { body: { ...owner, ...written, CompliancePackTemplateId: TEMPLATE, ConfigRules: JSON.stringify([{ ...entry('oss-bucket-public-read-prohibited'), ConfigRuleId: '' }]), ...clientToken(name('Create')) } });
  const read2 = async () => (await rpc(name('Get'), { method: 'GET', query: { ...owner, CompliancePackId: single.CompliancePackId } })).CompliancePack;
  assert.deepEqual(shown((await read2()).ConfigRules), [['oss-bucket-public-read-prohibited', []]]);
  await rpc(name('Delete') + 's', { body: { ...owner, CompliancePackIds: single.CompliancePackId } });
}

/** A package out of two rules, which come and go. */
async function packOfRules(prefix, owner, rule) {
  const ids = [];
  for (let i = 0; i < 2; i++) ids.push((await rpc(`Create${prefix}ConfigRule`, { body: { ...owner, ...rule, ConfigRuleName: `tf-of-rules-${i}`, Description: 'tf', ...clientToken(`Create${prefix}ConfigRule`) } })).ConfigRuleId);
  const { CompliancePackId } = await rpc(`Create${prefix}CompliancePack`, { body: { ...owner, CompliancePackName: 'tf-of-rules', Description: 'tf', RiskLevel: 1,
    ConfigRules: JSON.stringify(ids.map((ConfigRuleId) => ({ ConfigRuleId }))), ...clientToken(`Create${prefix}CompliancePack`) } });
  const read = async () => (await rpc(`Get${prefix}CompliancePack`, { method: 'GET', query: { ...owner, CompliancePackId } })).CompliancePack;
  await until(async () => (await read()).Status === 'ACTIVE');
  const rules = async () => (await read()).ConfigRules.map((r) => r.ConfigRuleId).sort();
  assert.deepEqual(await rules(), [...ids].sort());
  assert.ok(blank((await read()).CompliancePackTemplateId));
  await rpc(`Detach${prefix}ConfigRuleToCompliancePack`, { body: { ...owner, CompliancePackId, ConfigRuleIds: ids[0] } });
  assert.deepEqual(await rules(), [ids[1]]);
  await rpc(`Attach${prefix}ConfigRuleToCompliancePack`, { body: { ...owner, CompliancePackId, ConfigRuleIds: ids[0] } });
  assert.deepEqual(await rules(), [...ids].sort());
  await rpc(`Delete${prefix}CompliancePacks`, { body: { ...owner, CompliancePackIds: CompliancePackId } });
  for (const id of ids) assert.equal((await rpc(`Get${prefix}ConfigRule`, { method: 'GET', query: { ...owner, ConfigRuleId: id } })).ConfigRule.ConfigRuleId, id, 'the rules stay');
  await rpc(`Delete${prefix}ConfigRules`, { body: { ...owner, ConfigRuleIds: ids.join() } });
}

const CPU = { SourceOwner: 'ALIYUN', SourceIdentifier: 'ecs-cpu-min-count-limit', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance', RiskLevel: 1,
  ExcludeResourceIdsScope: 'i-1', InputParameters: '{"cpuCount":"4"}', RegionIdsScope: 'cn-hangzhou', ResourceGroupIdsScope: 'rg-acfmvoh45rhcfly', TagKeyScope: 'tFTest', TagValueScope: 'forTF 123' };

test('alicloud_config_compliance_pack of a template, with rules of the template and others', () => packSteps('', {}, ['Invalid.CompliancePackId.Value']));

test('alicloud_config_compliance_pack of rules', () => packOfRules('', {}, CPU));

let AggregatorId;

test('alicloud_config_aggregator: accounts come and go', async () => {
  const [first, second] = members;
  const written = { AggregatorName: 'tf-testacccn-beijingconfigaggregator12345', Description: 'tf-create-aggregator' };
  const body = (accounts) => ({ ...written, AggregatorAccounts: JSON.stringify(accounts) });
  ({ AggregatorId } = await rpc('CreateAggregator', { body: { ...body([first]), AggregatorType: 'CUSTOM', ...clientToken('CreateAggregator') } }));
  const read = () => readOr(['Invalid.AggregatorId.Value'], async () => (await rpc('GetAggregator', { body: { AggregatorId } })).Aggregator);
  const agrees = async (accounts) => {
    await until(async () => String((await read()).AggregatorStatus) === '1');
    const group = await settled(read, { ...written, AggregatorType: 'CUSTOM' });
    assert.deepEqual(group.AggregatorAccounts.map((a) => [String(a.AccountId), a.AccountName, a.AccountType]).sort(), accounts.map((a) => Object.values(a)).sort());
    assert.ok(blank(group.FolderId));
  };
  await agrees([first]);
  for (const [accounts, changes] of [[[first, second], {}], [[first, second], { AggregatorName: `${written.AggregatorName}1` }], [[first, second], { Description: 'tf-modify-aggregator' }],
    [[first], { AggregatorName: written.AggregatorName, Description: 'tf-create-aggregator' }]]) {
    Object.assign(written, changes);
    await rpc('UpdateAggregator', { body: { AggregatorId, ...body(accounts), ...clientToken('UpdateAggregator') } });
    await agrees(accounts);
  }
  const listed = await rpc('ListAggregators', { method: 'GET', query: { MaxResults: 50 } });
  for (const name of ['AccountId', 'AggregatorId', 'AggregatorName', 'AggregatorType', 'Description', 'AggregatorStatus']) assert.ok(name in listed.AggregatorsResult.Aggregators[0], name);
  assert.ok(blank(listed.NextToken));
  // A sweep that found nothing deletes nothing, which is refused by a code that the resource takes for success.
  await refused(rpc('DeleteAggregators', { body: { AggregatorIds: '' } }), ['AccountNotExisted', 'Invalid.AggregatorIds.Empty']);
});

test('alicloud_config_aggregate_compliance_pack of a template', () => packSteps('Aggregate', { AggregatorId }, ['Invalid.AggregatorId.Value', 'Invalid.CompliancePackId.Value']));

test('alicloud_config_aggregate_compliance_pack of rules', () => packOfRules('Aggregate', { AggregatorId }, CPU));

test('alicloud_config_aggregate_config_rule: every attribute after the other', async () => {
  const written = { ConfigRuleName: 'tf-testacccn-beijingrule12345', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', SourceOwner: 'ALIYUN', SourceIdentifier: 'ecs-cpu-min-count-limit', RiskLevel: 1,
    ResourceTypesScope: 'ACS::ECS::Instance', InputParameters: '{"cpuCount":"4"}' };
  const { ConfigRuleId } = await rpc('CreateAggregateConfigRule', { body: { AggregatorId, ...written, ...clientToken('CreateAggregateConfigRule') } });
  const query = { RegionId: 'cn-hangzhou', AggregatorId, ConfigRuleId };
  const read = () => readOr(['ConfigRuleNotExists', 'Invalid.AggregatorId.Value', 'Invalid.ConfigRuleId.Value'], async () => (await rpc('GetAggregateConfigRule', { method: 'GET', query })).ConfigRule);
  const agrees = async () => {
    await until(async () => ['ACTIVE', 'INACTIVE'].includes((await read()).ConfigRuleState));
    const rule = await read();
    for (const name of ['Description', 'ExcludeResourceIdsScope', 'MaximumExecutionFrequency', 'RegionIdsScope', 'ResourceGroupIdsScope', 'TagKeyScope', 'TagValueScope']) assert.equal(rule[name] ?? '', written[name] ?? '', name);
    for (const name of ['ConfigRuleName', 'ConfigRuleTriggerTypes', 'RiskLevel']) assert.equal(rule[name], written[name], name);
    assert.deepEqual(rule.InputParameters, JSON.parse(written.InputParameters));
    assert.deepEqual(rule.Scope.ComplianceResourceTypes, ['ACS::ECS::Instance']);
    assert.deepEqual([rule.Source.Identifier, rule.Source.Owner], ['ecs-cpu-min-count-limit', 'ALIYUN']);
    assert.deepEqual(rule.ExcludeTagsScope ?? [], []);
    assert.equal(rule.ConfigRuleState, 'ACTIVE');
  };
  await agrees();
  for (const step of [{ InputParameters: '{"cpuCount":"3"}' }, { Description: 'tfupdate' }, { RiskLevel: 2 }, { ExcludeResourceIdsScope: 'i-0' }, { RegionIdsScope: 'cn-hangzhou' }, { ResourceGroupIdsScope: 'rg-1' },
    { TagKeyScope: 'tfTest_update', TagValueScope: 'tfTest 123 update' }, { InputParameters: '{"cpuCount":"4"}', Description: 'tf', RiskLevel: 1, ExcludeResourceIdsScope: 'i-1', RegionIdsScope: 'cn-shanghai',
      ResourceGroupIdsScope: 'rg-2', TagKeyScope: 'tftest', TagValueScope: 'tfTest 123' }, { Description: '', ExcludeResourceIdsScope: '', RegionIdsScope: '', ResourceGroupIdsScope: '', TagKeyScope: '', TagValueScope: '' }]) {
    Object.assign(written, step);
    const { ConfigRuleTriggerTypes, ResourceTypesScope, RiskLevel } = written; // sent with every change
    await rpc('UpdateAggregateConfigRule', { body: { AggregatorId, ConfigRuleId, ConfigRuleTriggerTypes, ResourceTypesScope, RiskLevel, ...step, ...clientToken('UpdateAggregateConfigRule') } });
    await agrees();
  }
  const swept = await pages((page) => rpc('ListAggregateConfigRules', { method: 'GET', query: { AggregatorId, ...page } }), (a) => a.ConfigRules.ConfigRuleList);
  assert.ok(swept.some((rule) => rule.ConfigRuleId === ConfigRuleId && rule.ConfigRuleName === written.ConfigRuleName));
  await gone(read, () => rpc('DeleteAggregateConfigRules', { body: { AggregatorId, ConfigRuleIds: ConfigRuleId } }));
  // A rule that is gone is either a code that the resource takes for success, or told in the answer.
  await rpc('DeleteAggregateConfigRules', { body: { AggregatorId, ConfigRuleIds: ConfigRuleId } })
    .catch((error) => assert.ok(isCode(error, ['ConfigRuleCanNotDelete', 'ConfigRuleNotExists', 'Invalid.AggregatorId.Value', 'Invalid.ConfigRuleId.Value'])));
});

test('alicloud_config_remediation: templates that put tags', async () => {
  const { ConfigRuleId } = await rpc('CreateConfigRule', { body: { Description: '关联的资源类型下实体资源均已有指定标签', SourceOwner: 'ALIYUN', SourceIdentifier: 'required-tags', RiskLevel: 1, TagValueScope: 'test', TagKeyScope: 'test',
    ExcludeResourceIdsScope: 'test', RegionIdsScope: 'cn-hangzhou', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceGroupIdsScope: 'rg-acfmvoh45rhcfly', ResourceTypesScope: 'ACS::RDS::DBInstance',
    ConfigRuleName: 'tf-cicd-rule-by-required-tags', InputParameters: '{"tag1Key":"terraform","tag1Value":"terraform"}', ...clientToken('CreateConfigRule') } });
  const params = (value) => `{"regionId":"{regionId}","tags":"{\\"terraform\\":\\"${value}\\"}","resourceType":"{resourceType}","resourceIds":"{resourceId}"}`;
  const written = { ConfigRuleId, RemediationType: 'OOS', RemediationTemplateId: 'ACS-TAG-TagResources', InvokeType: 'MANUAL_EXECUTION' };
  const { RemediationId } = await rpc('CreateRemediation', { body: { ...written, Params: params('terraform'), ...clientToken('CreateRemediation') } });
  const read = () => readOr(['RemediationConfigNotExist', 'RemediationNotExist'], async () => (await rpc('DescribeRemediation', { method: 'GET', query: { RemediationId } })).Remediation);
  await settled(read, { ...written, RemediationOriginParams: params('terraform') });
  for (const [sent, seen] of [[{ RemediationTemplateId: 'ACS-TAG-TagResourcesIgnoreCaseSensitive' }], [{ InvokeType: 'AUTO_EXECUTION' }], [{ Params: params('terraform_update') }, { RemediationOriginParams: params('terraform_update') }]]) {
    await rpc('UpdateRemediation', { body: { RemediationId, ...sent, ...clientToken('UpdateRemediation') } });
    await settled(read, seen ?? sent);
  }
  await gone(read, () => rpc('DeleteRemediations', { body: { RemediationIds: RemediationId } }));
  await rpc('DeleteConfigRules', { version: VERSION.old, body: { ConfigRuleIds: ConfigRuleId } });
});

test('alicloud_config_report_template', async () => {
  const scope = (Key, Value) => [{ MatchType: 'In', Value, Key }];
  const written = { ReportTemplateName: 'tfaccconfig12345', ReportTemplateDescription: 'test-desc', ReportGranularity: 'AllInOne', ReportFileFormats: 'excel', SubscriptionFrequency: ' ', ReportLanguage: 'en-US' };
  let reportScope = scope('RuleId', 'cr-xxx');
  const create = () => rpc('CreateReportTemplate', { body: { ...written, ReportScope: JSON.stringify(reportScope) } });
  let { ReportTemplateId } = await create();
  const read = () => readOr(['ReportTemplateNotExist'], async () => (await rpc('GetReportTemplate', { body: { ReportTemplateId } })).ReportTemplate);
  const agrees = async () => assert.deepEqual((await settled(read, written)).ReportScope.map(({ Key, MatchType, Value }) => ({ MatchType, Value, Key })), reportScope);
  await agrees();
  const changes = { ReportTemplateName: 'tfaccconfig12345_update', ReportTemplateDescription: 'desc-updated', ReportGranularity: 'GroupByAccount', SubscriptionFrequency: '0 0 0 * * ?', ReportLanguage: 'zh-CN' };
  Object.assign(written, changes);
  reportScope = scope('CompliancePackId', 'cp-xxxx');
  await rpc('UpdateReportTemplate', { body: { ReportTemplateId, ...changes, ReportScope: JSON.stringify(reportScope) } });
  await agrees();
  await gone(read, () => rpc('DeleteReportTemplate', { body: { ReportTemplateId } }));
  ({ ReportTemplateId } = await create()); // a change of the scope replaces the template
  await agrees();
  await rpc('DeleteReportTemplate', { body: { ReportTemplateId } });
});

test('alicloud_config_configuration_recorder of the enterprise edition', async () => {
  const { ConfigurationRecorder } = await rpc('StartConfigurationRecorder', { version: VERSION.old, body: { EnterpriseEdition: true } });
  assert.equal(ConfigurationRecorder.AccountId, Number(at.account));
  const read = async () => (await rpc('DescribeConfigurationRecorder', { version: VERSION.old, method: 'GET', query: { RegionId: 'cn-hangzhou' } })).ConfigurationRecorder;
  for (const types of [['ACS::ECS::Instance'], ['ACS::ECS::Instance', 'ACS::ECS::Disk']]) {
    await rpc('PutConfigurationRecorder', { version: VERSION.old, body: { ResourceTypes: types.join() } });
    await until(async () => (await read()).ConfigurationRecorderStatus === 'REGISTERED');
    assert.deepEqual([...(await read()).ResourceTypes].sort(), [...types].sort());
  }
});

test('alicloud_config_rules: what a filter does not mean is not listed', async () => {
  const { ConfigRuleId } = await rpc('CreateConfigRule', { body: { ConfigRuleName: 'tf-testAccConfigRule7654321', SourceIdentifier: 'ecs-instances-in-vpc', SourceOwner: 'ALIYUN', ResourceTypesScope: 'ACS::ECS::Instance', RiskLevel: 1,
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ...clientToken('CreateConfigRule') } });
  const list = (query) => pages((page) => rpc('ListConfigRules', { version: VERSION.old, method: 'GET', query: { ...query, ...page } }), (a) => a.ConfigRules.ConfigRuleList)
    .then((rules) => rules.filter((rule) => /^tf-testAccConfigRule7654321$/.test(rule.ConfigRuleName)));
  await until(async () => (await list({ ConfigRuleState: 'ACTIVE' })).length === 1);
  for (const [query, count] of [[{}, 1], [{ ConfigRuleState: 'INACTIVE' }, 0], [{ RiskLevel: 1 }, 1], [{ RiskLevel: 2 }, 0]]) assert.equal((await list(query)).length, count, JSON.stringify(query));
  const [line] = await list({});
  assert.equal(typeof line.ConfigRuleName, 'string');
  const { ConfigRule } = await rpc('GetConfigRule', { method: 'GET', query: { RegionId: 'cn-hangzhou', ConfigRuleId } });
  assert.ok(blank(ConfigRule.Source.SourceDetails[0].MaximumExecutionFrequency));
  for (const name of ['CreateTimestamp', 'ModifiedTimestamp', 'InputParameters', 'ConfigRuleArn', 'AccountId']) assert.ok(name in ConfigRule, name);
  await rpc('DeleteConfigRules', { version: VERSION.old, body: { ConfigRuleIds: ConfigRuleId } });
  assert.deepEqual(await list({}), []);
});

test('alicloud_config_delivery: a condition with line breaks and a comma too many is kept as it was written', async () => {
  const DeliveryChannelCondition = '[\n{\n"filterType":"ResourceType",\n"values":[\n"ACS::CEN::CenInstance",\n],\n"multiple":true\n}\n]\n';
  const { DeliveryChannelId } = await rpc('CreateConfigDeliveryChannel', { body: { DeliveryChannelName: 'tf-mns', DeliveryChannelType: 'MNS', DeliveryChannelTargetArn: `acs:mns:cn-beijing:${at.account}:/topics/tf`,
    Description: 'tf', ConfigurationItemChangeNotification: true, NonCompliantNotification: true, DeliveryChannelCondition, ...clientToken('CreateConfigDeliveryChannel') } });
  const read = async () => (await rpc('GetConfigDeliveryChannel', { query: { DeliveryChannelId } })).DeliveryChannel;
  await settled(read, { DeliveryChannelCondition });
  await rpc('DeleteConfigDeliveryChannel', { body: { DeliveryChannelId } });
});
