// The calls of the Terraform provider for Cloud Config, resource by resource: create, read, change, delete, read what is gone.
// A second read must give what was written, or a plan would never be empty.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION } from './organisation.mjs';
import { until } from './support.mjs';
import { at, clientToken, gone, isCode, manager, readOr, rpc, serve, settled } from './terraform.mjs';

serve(() => manager('InitResourceDirectory'));

const RULE = { ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', RiskLevel: 1, SourceOwner: 'ALIYUN', SourceIdentifier: 'ecs-instances-in-vpc',
  RegionIdsScope: 'cn-hangzhou', TagKeyScope: 'tfTest', TagValueScope: 'forTF', ExcludeResourceIdsScope: 'i-0,i-1',
  InputParameters: JSON.stringify({ vpcIds: 'vpc-1,vpc-2' }), ResourceTypesScope: 'ACS::ECS::Instance' };
const ruleRead = (rule) => ({ ...rule, InputParameters: JSON.stringify(rule.InputParameters), ResourceTypesScope: rule.Scope.ComplianceResourceTypes.join(),
  SourceOwner: rule.Source.Owner, SourceIdentifier: rule.Source.Identifier });
const ruleWritten = (name, more) => ({ ...RULE, ConfigRuleName: name, ...more, ConfigRuleTriggerTypes: undefined });
const without = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

test('alicloud_config_rule', async () => {
  const query = { ...RULE, ConfigRuleName: 'tf-rule', Description: 'by terraform', ResourceGroupIdsScope: '', ...clientToken('CreateConfigRule') };
  const { ConfigRuleId } = await rpc('CreateConfigRule', { query: {}, body: query });
  const read = () => readOr(['ConfigRuleNotExists', 'Invalid.ConfigRuleId.Value'], async () =>
    ruleRead((await rpc('GetConfigRule', { query: { ConfigRuleId } })).ConfigRule));
  await until(async () => ['ACTIVE', 'EVALUATING'].includes((await read()).ConfigRuleState));
  const rule = await settled(read, without(ruleWritten('tf-rule', { Description: 'by terraform' })));
  assert.equal(rule.Source.SourceDetails[0].MessageType, 'ConfigurationItemChangeNotification');
  assert.equal(rule.Source.SourceDetails[0].EventSource, 'aliyun.config');
  const change = { RiskLevel: 3, Description: 'changed', ExcludeResourceIdsScope: 'i-2', InputParameters: JSON.stringify({ vpcIds: 'vpc-3' }) };
  await rpc('UpdateConfigRule', { query: { ConfigRuleId, ...clientToken('UpdateConfigRule') }, body: change });
  await until(async () => ['ACTIVE', 'EVALUATING'].includes((await read()).ConfigRuleState));
  await settled(read, without(ruleWritten('tf-rule', change)));
  for (const [action, state] of [['StopConfigRules', 'INACTIVE'], ['ActiveConfigRules', 'ACTIVE']]) {
    await rpc(action, { version: VERSION.old, body: { ConfigRuleIds: ConfigRuleId } });
    assert.equal((await read()).ConfigRuleState, state);
  }
  const listed = await rpc('ListConfigRules', { version: VERSION.old, method: 'GET', query: { ConfigRuleName: 'tf-rule', PageNumber: 1, PageSize: 50 } });
  for (const name of ['AccountId', 'CompliancePackId', 'ConfigRuleArn', 'ConfigRuleId', 'ConfigRuleState', 'Description', 'RiskLevel', 'ConfigRuleName',
    'SourceIdentifier', 'SourceOwner', 'Compliance']) assert.ok(name in listed.ConfigRules.ConfigRuleList[0], name);
  const remove = () => rpc('DeleteConfigRules', { version: VERSION.old, body: { ConfigRuleIds: ConfigRuleId } });
  await gone(read, remove);
  await remove().catch((error) => assert.ok(isCode(error, ['ConfigRuleNotExists'])));
});

/** What a rule reads as when an attribute was not written: a plan would show anything else. */
const BLANK = ['Description', 'ExcludeResourceIdsScope', 'ExcludeRegionIdsScope', 'ExcludeResourceGroupIdsScope', 'ExtendContent', 'ResourceIdsScope', 'TagKeyLogicScope',
  'RegionIdsScope', 'ResourceGroupIdsScope', 'TagKeyScope', 'TagValueScope'];

/** A rule of an account that is written as the provider does it; `steps` are changes, each read back without a difference. */
async function ruleSteps(created, steps) {
  const written = { ...created };
  const { ConfigRuleId } = await rpc('CreateConfigRule', { body: { ...written, ...clientToken('CreateConfigRule') } });
  const read = () => readOr(['ConfigRuleNotExists', 'Invalid.ConfigRuleId.Value'], async () =>
    ruleRead((await rpc('GetConfigRule', { query: { ConfigRuleId } })).ConfigRule));
  const state = () => until(async () => ['ACTIVE', 'EVALUATING'].includes((await read()).ConfigRuleState));
  const agrees = async () => {
    const rule = await read();
    for (const name of BLANK) assert.equal(rule[name] ?? '', written[name] ?? '', name);
    for (const name of ['ConfigRuleName', 'RiskLevel', 'SourceIdentifier', 'SourceOwner', 'ResourceTypesScope']) assert.equal(rule[name], written[name], name);
    assert.deepEqual(JSON.parse(rule.InputParameters), JSON.parse(written.InputParameters ?? '{}'));
    assert.equal(rule.Source.SourceDetails[0].MessageType, written.ConfigRuleTriggerTypes);
    for (const name of ['TagsScope', 'ExcludeTagsScope']) if (written[name]) assert.deepEqual(rule[name].map((tag) => ({ TagKey: tag.TagKey, TagValue: tag.TagValue })), written[name]);
    if (written.ConfigRuleTriggerTypes === 'ScheduledNotification' && written.MaximumExecutionFrequency) assert.equal(rule.MaximumExecutionFrequency, written.MaximumExecutionFrequency);
    for (const name of ['AccountId', 'CreateTimestamp', 'ModifiedTimestamp', 'RiskLevel']) assert.equal(typeof rule[name], 'number', name);
    assert.equal(typeof rule.Compliance.Count, 'number');
  };
  await state();
  await agrees();
  for (const step of steps) {
    await rpc('UpdateConfigRule', { body: { ConfigRuleId, ...clientToken('UpdateConfigRule'), ...step } });
    Object.assign(written, step);
    await state();
    await agrees();
  }
  await gone(read, () => rpc('DeleteConfigRules', { version: VERSION.old, body: { ConfigRuleIds: ConfigRuleId } }));
}

const groupId = async (name) => (await manager('CreateResourceGroup', { Name: name, DisplayName: name })).ResourceGroup.Id;

test('alicloud_config_rule: every attribute after the other', async () => {
  const vpc = { ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', RiskLevel: 1, SourceOwner: 'ALIYUN', SourceIdentifier: 'ecs-instances-in-vpc', ResourceTypesScope: 'ACS::ECS::Instance' };
  const [first, second] = [await groupId('tf-scope-0'), await groupId('tf-scope-1')];
  await ruleSteps({ ...vpc, ConfigRuleName: 'tf-testAccConfigRule1234567' }, [{ Description: 'test_rule' }, { InputParameters: '{"vpcIds":"vpc-2ze1"}' }, { RiskLevel: 2 },
    { ExcludeResourceIdsScope: 'i-1' }, { RegionIdsScope: 'cn-hangzhou' }, { ResourceGroupIdsScope: first }, { TagKeyScope: 'tfTest123Update', TagValueScope: 'tfTest 123 Update' },
    { RiskLevel: 1, RegionIdsScope: 'cn-beijing', ResourceGroupIdsScope: second, TagKeyScope: 'tfTest123' }]);
  await ruleSteps({ ...vpc, ConfigRuleName: 'tf-scopes', ExcludeRegionIdsScope: 'cn-hangzhou', ExcludeResourceGroupIdsScope: first, ResourceIdsScope: 'i-1,i-2',
    ExcludeTagsScope: [{ TagKey: 'ek', TagValue: 'ev' }], TagsScope: [{ TagKey: 'k', TagValue: 'v' }, { TagKey: 'k2', TagValue: 'v2' }] },
  [{ ExcludeRegionIdsScope: 'cn-beijing,cn-shanghai' }, { ExcludeResourceGroupIdsScope: second }, { ResourceIdsScope: 'i-3' },
    { ExcludeTagsScope: [{ TagKey: 'ek', TagValue: 'other' }, { TagKey: 'ek2', TagValue: 'ev2' }] }, { TagsScope: [{ TagKey: 'k3', TagValue: 'v3' }] }]);
  await ruleSteps({ ...vpc, ConfigRuleName: 'tf-logic', TagKeyScope: 'k1,k2', TagValueScope: 'v', TagKeyLogicScope: 'AND' }, [{ TagKeyLogicScope: 'OR' }]);
});

test('alicloud_config_rule: lists keep their order, parameters become fewer, a schedule has a frequency', async () => {
  const group = await groupId('tf-required-tags');
  const scope = { TagKeyScope: 'test', TagValueScope: 'test', ExcludeResourceIdsScope: 'test', RegionIdsScope: 'cn-hangzhou', ResourceGroupIdsScope: group };
  await ruleSteps({ ConfigRuleName: 'tf-testacccn-beijingConfigRule12345', SourceOwner: 'ALIYUN', SourceIdentifier: 'required-tags', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification',
    ResourceTypesScope: 'ACS::RDS::DBInstance,ACS::ECS::Instance', InputParameters: '{"tag1Key":"terraform","tag1Value":"terraform"}' },
  [{ ...scope, Description: 'RDS实例的CPU核数大于等于设置的阈值，视为“合规”', RiskLevel: 2, ResourceTypesScope: 'ACS::ECS::Instance,ACS::ECS::Disk', InputParameters: '{"tag1Key":"terraform"}' }]);
  await ruleSteps({ ConfigRuleName: 'tf-root', SourceOwner: 'ALIYUN', SourceIdentifier: 'root-ak-check', RiskLevel: 1, ConfigRuleTriggerTypes: 'ScheduledNotification', ResourceTypesScope: 'ACS::::Account' },
    [{ ...scope, Description: '检查根账户访问密钥是否存在，如果存在视为“不合规”。', RiskLevel: 2, MaximumExecutionFrequency: 'TwentyFour_Hours' }, { MaximumExecutionFrequency: 'One_Hour' }]);
});

test('alicloud_config_rule of a function: types and triggers change', () => ruleSteps({ ConfigRuleName: 'tf-function', SourceOwner: 'CUSTOM_FC', RiskLevel: 1,
  SourceIdentifier: `acs:fc:cn-shanghai:${at.account}:services/customer-demo.LATEST/functions/ApprovedAimsByIdPython`,
  ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance' },
[{ Description: 'test_rule' }, { InputParameters: '{"vpcIds":"vpc-2ze1"}' }, { ResourceTypesScope: 'ACS::OSS::Bucket' }, { ConfigRuleTriggerTypes: 'ScheduledNotification' },
  { MaximumExecutionFrequency: 'One_Hour' }, { ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance' }]));

test('alicloud_config_compliance_pack', async () => {
  const entry = (identifier, ...parameters) => ({ ManagedRuleIdentifier: identifier, ConfigRuleParameters: parameters.map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue })) });
  const entries = [entry('ecs-instances-in-vpc', ['vpcIds', 'vpc-1']), entry('oss-bucket-public-read-prohibited')];
  const { CompliancePackId } = await rpc('CreateCompliancePack', { body: { CompliancePackName: 'tf-pack', Description: 'tf', RiskLevel: 1,
    ConfigRules: JSON.stringify(entries), ...clientToken('CreateCompliancePack') } });
  const read = () => readOr(['Invalid.CompliancePackId.Value'], async () =>
    (await rpc('GetCompliancePack', { method: 'GET', query: { RegionId: 'cn-shanghai', CompliancePackId } })).CompliancePack);
  await until(async () => (await read()).Status === 'ACTIVE');
  const pack = await settled(read, { CompliancePackName: 'tf-pack', Description: 'tf', RiskLevel: 1, CompliancePackTemplateId: '' });
  assert.deepEqual(pack.ConfigRules.map((r) => [r.ManagedRuleIdentifier, r.ConfigRuleParameters?.map((p) => [p.ParameterName, p.ParameterValue])]),
    [['ecs-instances-in-vpc', [['vpcIds', 'vpc-1']]], ['oss-bucket-public-read-prohibited', []]]);
  await rpc('UpdateCompliancePack', { query: clientToken('UpdateCompliancePack'), body: { CompliancePackId, RiskLevel: 2, Description: 'changed', ConfigRules: JSON.stringify(entries.slice(0, 1)) } });
  await until(async () => (await read()).Status === 'ACTIVE');
  const changed = await settled(read, { RiskLevel: 2, Description: 'changed' });
  assert.equal(changed.ConfigRules.length, 1);
  const { ConfigRuleId } = await rpc('CreateConfigRule', { body: { ...RULE, ConfigRuleName: 'tf-attached', ...clientToken('CreateConfigRule') } });
  const ids = async () => (await read()).ConfigRules.map((r) => r.ConfigRuleId);
  await rpc('AttachConfigRuleToCompliancePack', { body: { CompliancePackId, ConfigRuleIds: ConfigRuleId } });
  assert.ok((await ids()).includes(ConfigRuleId));
  await rpc('DetachConfigRuleToCompliancePack', { body: { CompliancePackId, ConfigRuleIds: ConfigRuleId } });
  assert.ok(!(await ids()).includes(ConfigRuleId));
  const listed = await rpc('ListCompliancePacks', { method: 'GET', query: { PageNumber: 1, PageSize: 50 } });
  assert.equal(listed.CompliancePacksResult.CompliancePacks[0].CompliancePackId, CompliancePackId);
  await gone(read, () => rpc('DeleteCompliancePacks', { body: { CompliancePackIds: CompliancePackId, ...clientToken('DeleteCompliancePacks') } }));
});

test('alicloud_config_configuration_recorder', async () => {
  const started = await rpc('StartConfigurationRecorder', { version: VERSION.old, body: { EnterpriseEdition: false } });
  assert.equal(String(started.ConfigurationRecorder.AccountId), at.account);
  const read = async () => (await rpc('DescribeConfigurationRecorder', { version: VERSION.old, method: 'GET', query: { RegionId: 'cn-shanghai' } })).ConfigurationRecorder;
  await rpc('PutConfigurationRecorder', { version: VERSION.old, body: { ResourceTypes: 'ACS::ECS::Instance,ACS::OSS::Bucket' } });
  await until(async () => (await read()).ConfigurationRecorderStatus === 'REGISTERED');
  const recorder = await settled(read, {});
  assert.deepEqual([...recorder.ResourceTypes].sort(), ['ACS::ECS::Instance', 'ACS::OSS::Bucket']);
  assert.equal(recorder.OrganizationMasterId, Number(at.account));
  assert.equal(typeof recorder.OrganizationEnableStatus, 'string');
});

let AggregatorId;

test('alicloud_config_aggregator', async () => {
  const { AccountId } = (await manager('CreateResourceAccount', { DisplayName: 'tf-member' })).Account;
  const members = [{ AccountId: Number(AccountId), AccountName: 'tf-member', AccountType: 'ResourceDirectory' }];
  ({ AggregatorId } = await rpc('CreateAggregator', { body: { AggregatorAccounts: JSON.stringify(members), AggregatorType: 'CUSTOM', Description: 'tf', AggregatorName: 'tf-group', ...clientToken('CreateAggregator') } }));
  const read = (id = AggregatorId) => readOr(['Invalid.AggregatorId.Value'], async () => (await rpc('GetAggregator', { body: { AggregatorId: id } })).Aggregator);
  await until(async () => (await read()).AggregatorStatus === 1);
  const group = await settled(read, { AggregatorName: 'tf-group', AggregatorType: 'CUSTOM', Description: 'tf' });
  const own = ({ AggregatorAccounts }) => AggregatorAccounts.filter((a) => String(a.AccountId) !== at.account).map((a) => [a.AccountId, a.AccountName, a.AccountType]);
  assert.deepEqual(own(group), members.map((m) => Object.values(m)));
  await rpc('UpdateAggregator', { body: { AggregatorId, AggregatorName: 'tf-other', Description: 'other', AggregatorAccounts: JSON.stringify(members), ...clientToken('UpdateAggregator') } });
  await settled(read, { AggregatorName: 'tf-other', Description: 'other' });
  const listed = await rpc('ListAggregators', { method: 'GET', query: { MaxResults: 50 } });
  assert.equal(listed.AggregatorsResult.Aggregators[0].AggregatorStatus, 1);
  const whole = await rpc('CreateAggregator', { body: { AggregatorType: 'RD', Description: 'tf', AggregatorName: 'tf-whole', ...clientToken('CreateAggregator') } });
  await gone(() => read(whole.AggregatorId), () => rpc('DeleteAggregators', { body: { AggregatorIds: whole.AggregatorId, ...clientToken('DeleteAggregators') } }));
});

test('alicloud_config_aggregate_config_rule', async () => {
  const written = { ...RULE, ConfigRuleName: 'tf-group-rule', Description: 'tf', MaximumExecutionFrequency: 'One_Hour', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification,ScheduledNotification' };
  const { ConfigRuleId } = await rpc('CreateAggregateConfigRule', { body: { ...written, AggregatorId, ExcludeTagsScope: [{ TagKey: 'skip', TagValue: 'yes' }], ...clientToken('CreateAggregateConfigRule') } });
  const query = { RegionId: 'cn-shanghai', AggregatorId, ConfigRuleId };
  const read = (more = {}) => readOr(['ConfigRuleNotExists', 'Invalid.AggregatorId.Value', 'Invalid.ConfigRuleId.Value'], async () =>
    ruleRead((await rpc('GetAggregateConfigRule', { method: 'GET', query: { ...query, ...more } })).ConfigRule));
  await until(async () => ['ACTIVE', 'INACTIVE'].includes((await read()).ConfigRuleState));
  const rule = await settled(read, { ...without(ruleWritten('tf-group-rule', { Description: 'tf' })), MaximumExecutionFrequency: 'One_Hour',
    ExcludeTagsScope: [{ TagKey: 'skip', TagValue: 'yes' }] });
  assert.deepEqual(rule.ConfigRuleTriggerTypes.split(',').sort(), written.ConfigRuleTriggerTypes.split(','));
  await rpc('UpdateAggregateConfigRule', { body: { AggregatorId, ConfigRuleId, RiskLevel: 2, Description: 'changed', ...clientToken('UpdateAggregateConfigRule') } });
  await settled(read, { RiskLevel: 2, Description: 'changed', ConfigRuleName: 'tf-group-rule' });
  for (const [action, state] of [['DeactiveAggregateConfigRules', 'INACTIVE'], ['ActiveAggregateConfigRules', 'ACTIVE']]) {
    await rpc(action, { method: 'GET', query: { ConfigRuleIds: ConfigRuleId, AggregatorId } });
    await until(async () => (await read()).ConfigRuleState === state);
  }
  const listed = await rpc('ListAggregateConfigRules', { method: 'GET', query: { AggregatorId, PageNumber: 1, PageSize: 50 } });
  assert.ok('CompliancePackId' in listed.ConfigRules.ConfigRuleList[0].CreateBy);
  assert.equal(await read({ AggregatorId: `ca-${'0'.repeat(20)}` }), undefined);
  await gone(read, () => rpc('DeleteAggregateConfigRules', { body: { AggregatorId, ConfigRuleIds: ConfigRuleId } }));
});

test('alicloud_config_aggregate_compliance_pack', async () => {
  const ConfigRules = JSON.stringify([{ ManagedRuleIdentifier: 'ecs-instances-in-vpc', ConfigRuleParameters: [{ ParameterName: 'vpcIds', ParameterValue: 'vpc-1' }] }]);
  const { CompliancePackId } = await rpc('CreateAggregateCompliancePack', { body: { AggregatorId, CompliancePackName: 'tf-group-pack', Description: 'tf', RiskLevel: 1, ConfigRules, ...clientToken('CreateAggregateCompliancePack') } });
  const query = { RegionId: 'cn-shanghai', AggregatorId, CompliancePackId };
  const read = () => readOr(['Invalid.AggregatorId.Value', 'Invalid.CompliancePackId.Value'], async () => (await rpc('GetAggregateCompliancePack', { method: 'GET', query })).CompliancePack);
  await until(async () => (await read()).Status === 'ACTIVE');
  await settled(read, { AggregatorId, CompliancePackId, CompliancePackName: 'tf-group-pack', RiskLevel: 1 });
  await rpc('UpdateAggregateCompliancePack', { body: { AggregatorId, CompliancePackId, Description: 'changed', ConfigRules, ...clientToken('UpdateAggregateCompliancePack') } });
  await until(async () => (await read()).Status === 'ACTIVE');
  const pack = await settled(read, { Description: 'changed' });
  const ConfigRuleIds = pack.ConfigRules[0].ConfigRuleId;
  await rpc('DetachAggregateConfigRuleToCompliancePack', { body: { AggregatorId, CompliancePackId, ConfigRuleIds } });
  assert.deepEqual((await read()).ConfigRules, []);
  await rpc('AttachAggregateConfigRuleToCompliancePack', { body: { AggregatorId, CompliancePackId, ConfigRuleIds } });
  assert.deepEqual((await read()).ConfigRules.map((r) => r.ConfigRuleId), [ConfigRuleIds]);
  const listed = await rpc('ListAggregateCompliancePacks', { method: 'GET', query: { AggregatorId, PageNumber: 1, PageSize: 50 } });
  assert.equal(listed.CompliancePacksResult.CompliancePacks[0].AggregatorId, AggregatorId);
  await gone(read, () => rpc('DeleteAggregateCompliancePacks', { body: { AggregatorId, CompliancePackIds: CompliancePackId, ...clientToken('DeleteAggregateCompliancePacks') } }));
});

const target = (kind, name) => ({ OSS: `acs:oss:cn-shanghai:${at.account}:${name}`, MNS: `acs:mns:cn-shanghai:${at.account}:/topics/${name}`,
  SLS: `acs:log:cn-shanghai:${at.account}:project/${name}/logstore/${name}` })[kind];
const types = (...values) => JSON.stringify([{ filterType: 'ResourceType', values, multiple: true }]);
let tfGroup;
const groupOf = async () => (tfGroup ??= (await rpc('CreateAggregator', { body: { AggregatorName: 'tf-deliveries', AggregatorType: 'RD', Description: 'tf', ...clientToken('CreateAggregator') } })).AggregatorId);

/** A delivery of an account, or with `AggregatorId` of a group: the same walk. */
async function delivery(prefix, owner, notFound) {
  const name = (verb) => `${verb}${prefix}ConfigDeliveryChannel`;
  const written = { ConfigurationItemChangeNotification: true, ConfigurationSnapshot: false, NonCompliantNotification: true, DeliveryChannelCondition: types('ACS::ECS::Instance'),
    DeliveryChannelName: 'tf-delivery', DeliveryChannelTargetArn: target('SLS', 'tf'), DeliveryChannelType: 'SLS', Description: 'by terraform', OversizedDataOSSTargetArn: target('OSS', 'tf-large') };
  const { DeliveryChannelId } = await rpc(name('Create'), { body: { ...owner, ...written, ...clientToken(name('Create')) } });
  const id = { ...owner, DeliveryChannelId };
  const read = () => readOr(notFound, async () => (await rpc(name('Get'), { query: id })).DeliveryChannel);
  const update = async (changes) => {
    await rpc(name('Update'), { body: { ...id, ...changes, ...clientToken(name('Update')) } });
    Object.assign(written, changes);
    await settled(read, written);
  };
  await settled(read, { ...written, ...id, Status: 1 });
  await update({ Status: 0 });
  await update({ Status: 1 });
  await update({ ConfigurationItemChangeNotification: false });
  await update({ ConfigurationSnapshot: true });
  await update({ NonCompliantNotification: false });
  await update({ DeliveryChannelCondition: types('ACS::OSS::Bucket', 'ACS::RDS::DBInstance') });
  await update({ DeliveryChannelName: 'tf-renamed', Description: 'changed' });
  await update({ DeliveryChannelTargetArn: target('SLS', 'tf-other') });
  await update({ OversizedDataOSSTargetArn: target('OSS', 'tf-larger') });
  await update({ Description: '', DeliveryChannelCondition: '' });
  const listed = await rpc(`List${prefix}ConfigDeliveryChannels`, { body: { ...owner, DeliveryChannelIds: DeliveryChannelId } });
  for (const member of ['AccountId', 'ConfigurationItemChangeNotification', 'ConfigurationSnapshot', 'DeliveryChannelAssumeRoleArn', 'DeliveryChannelCondition', 'DeliveryChannelId',
    'DeliveryChannelName', 'DeliveryChannelTargetArn', 'DeliveryChannelType', 'Description', 'NonCompliantNotification', 'OversizedDataOSSTargetArn', 'Status', ...Object.keys(owner)])
    assert.ok(member in listed.DeliveryChannels[0], member);
  await gone(read, () => rpc(name('Delete'), { body: id }));
  await rpc(name('Delete'), { body: id }).then(() => assert.fail(), (error) => assert.ok(isCode(error, notFound)));
}

test('alicloud_config_delivery', () => delivery('', {}, ['DeliveryChannelNotExists']));

test('alicloud_config_aggregate_delivery', async () => delivery('Aggregate', { AggregatorId: await groupOf() }, ['DeliveryChannelNotExists', 'Invalid.AggregatorId.Value']));

test('alicloud_config_delivery_channel', async () => {
  const written = { DeliveryChannelAssumeRoleArn: `acs:ram::${at.account}:role/aliyunserviceroleforconfig`, DeliveryChannelCondition: types('ACS::ECS::Instance'), DeliveryChannelName: 'tf-channel',
    DeliveryChannelTargetArn: target('MNS', 'tf'), DeliveryChannelType: 'MNS', Description: 'by terraform', Status: 1 };
  const put = (more) => rpc('PutDeliveryChannel', { version: VERSION.old, body: { ...written, ...more, ...clientToken('PutDeliveryChannel') } });
  const { DeliveryChannelId } = await put();
  const read = () => readOr(['AccountNotExisted', 'DeliveryChannelNotExists'], async () =>
    (await rpc('DescribeDeliveryChannels', { version: VERSION.old, method: 'GET', query: { RegionId: 'cn-shanghai', DeliveryChannelIds: DeliveryChannelId } })).DeliveryChannels[0]);
  await settled(read, { ...written, DeliveryChannelId });
  for (const change of [{ DeliveryChannelName: 'tf-renamed' }, { Description: 'changed' }, { DeliveryChannelTargetArn: target('MNS', 'tf-other') }, { DeliveryChannelCondition: types('ACS::OSS::Bucket') }, { Status: 0 }, { Status: 1 }]) {
    Object.assign(written, change);
    assert.equal((await put({ DeliveryChannelId })).DeliveryChannelId, DeliveryChannelId);
    await settled(read, { ...written, DeliveryChannelId });
  }
  // The provider has no call that deletes it; one deleted elsewhere is found to be gone.
  await gone(read, () => rpc('DeleteConfigDeliveryChannel', { body: { DeliveryChannelId } }));
});

/** A remediation of a rule of an account, or with `AggregatorId` of a group. */
async function remediation(prefix, owner, notFound, method) {
  const rule = { ...RULE, RegionIdsScope: '', TagKeyScope: '', TagValueScope: '', ExcludeResourceIdsScope: '', InputParameters: '{}',
    SourceIdentifier: 'oss-bucket-public-read-prohibited', ResourceTypesScope: 'ACS::OSS::Bucket' };
  const { ConfigRuleId } = await rpc(`Create${prefix}ConfigRule`, { body: { ...owner, ...rule, ConfigRuleName: `tf-remedied${prefix}`, ...clientToken('CreateConfigRule') } });
  const params = (permissionName) => JSON.stringify({ bucketName: '{resourceId}', regionId: '{regionId}', permissionName });
  const { RemediationId } = await rpc(`Create${prefix}Remediation`, { body: { ...owner, ConfigRuleId, RemediationType: 'OOS', RemediationTemplateId: 'ACS-OSS-PutBucketAcl',
    InvokeType: 'MANUAL_EXECUTION', SourceType: 'ALIYUN', Params: params('public-read'), ...clientToken('CreateRemediation') } });
  const id = { ...owner, RemediationId };
  const read = () => readOr(notFound, async () => (await rpc(`Describe${prefix}Remediation`, { method, query: id })).Remediation);
  const wanted = { ConfigRuleId, RemediationId, RemediationType: 'OOS', RemediationTemplateId: 'ACS-OSS-PutBucketAcl', InvokeType: 'MANUAL_EXECUTION', RemediationSourceType: 'ALIYUN',
    RemediationOriginParams: params('public-read') };
  await settled(read, wanted);
  const update = async (sent, seen = sent) => {
    await rpc(`Update${prefix}Remediation`, { body: { ...id, ...sent, ...clientToken('UpdateRemediation') } });
    await settled(read, Object.assign(wanted, seen));
  };
  await update({ Params: params('private') }, { RemediationOriginParams: params('private') });
  for (const InvokeType of ['AUTO_EXECUTION', 'NON_EXECUTION', 'NOT_CONFIG', 'MANUAL_EXECUTION']) await update({ InvokeType });
  const functionArn = `acs:fc:cn-shanghai:${at.account}:functions/tf`;
  await update({ RemediationType: 'FC', SourceType: 'CUSTOM', RemediationTemplateId: functionArn, Params: '{}' },
    { RemediationType: 'FC', RemediationSourceType: 'CUSTOM', RemediationTemplateId: functionArn, RemediationOriginParams: '{}' });
  const remove = () => rpc(`Delete${prefix}Remediations`, { body: { ...owner, RemediationIds: RemediationId } });
  await gone(read, remove);
  await remove().catch((error) => assert.ok(isCode(error, ['RemediationConfigNotExist'])));
  await rpc(`Delete${prefix}ConfigRules`, { body: { ...owner, ConfigRuleIds: ConfigRuleId } });
}

test('alicloud_config_remediation', () => remediation('', {}, ['RemediationConfigNotExist', 'RemediationNotExist'], 'GET'));

test('alicloud_config_aggregate_remediation', async () => remediation('Aggregate', { AggregatorId: await groupOf() }, ['RemediationNotExist', 'Invalid.AggregatorId.Value'], 'POST'));
