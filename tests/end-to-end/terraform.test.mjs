// The calls of the Terraform provider, resource by resource: create, read, change, delete, read what is gone. A second read
// must give what was written, or a plan would never be empty. Transport, waits and codes: reference/api/terraform-clients.md.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formOf, sign } from './operations.mjs';
import { policy, deny, VERSION } from './organisation.mjs';
import { Server, until } from './support.mjs';

let server;
let account;
let token = 0;

before(async () => {
  server = await Server.start();
  account = server.credentials.AccountId;
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

const clientToken = (action) => ({ ClientToken: `TF-${action}-1795320000-${String(token++).padStart(8, '0')}-0000-4000-8000-000000000000`.slice(0, 64) });

/** Which of the codes an error is taken for: equal, or the listed one starts with it, or it occurs in the body. */
const isCode = (error, codes) => codes.some((code) => error.code === code || code.startsWith(error.code) || error.text.includes(code));

/** The provider's transport: part of the parameters in the query, part in a form. */
async function rpc(name, { version = VERSION.config, method = 'POST', query = {}, body = {}, keys = server.credentials } = {}) {
  const text = sign({ name, version }, query, keys, { method, format: 'json', body });
  const answer = await fetch(`${server.endpoint}/?${text}`, { method,
    headers: { 'x-acs-version': version, 'x-acs-action': name, 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'terraform' },
    ...(method === 'POST' && { body: formOf(body) }) });
  const content = await answer.text();
  const object = JSON.parse(content);
  if (answer.status >= 400) throw Object.assign(new Error(content), { code: object.Code, text: content, status: answer.status });
  assert.ok(!('Code' in object) || /^(200|0|ok|success)$/i.test(object.Code), `${name} has a Code`);
  assert.ok(!('Success' in object) || object.Success === true, `${name} has Success`);
  return object;
}

/** A read that gives undefined for one of the codes by which the resource tells that it is gone. */
const readOr = (codes, read) => read().catch((error) => {
  if (isCode(error, codes)) return undefined;
  throw error;
});

/** What was written is read back, twice the same. */
async function settled(read, wanted) {
  const [first, second] = [await read(), await read()];
  assert.deepEqual(first, second);
  for (const [name, value] of Object.entries(wanted)) assert.deepEqual(first[name], value, name);
  return first;
}

/** Deletes, and reads until it is gone. */
async function gone(read, remove) {
  await remove();
  assert.equal(await read(), undefined);
}

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

const manager = (name, body = {}, more = {}) => rpc(name, { version: VERSION.manager, body, ...more });
const master = (name, body = {}, more = {}) => rpc(name, { version: VERSION.master, body, ...more });

async function administrator() {
  const ram = (name, body) => rpc(name, { version: VERSION.ram, body });
  await ram('CreateUser', { UserName: 'terraform' });
  await ram('AttachPolicyToUser', { UserName: 'terraform', PolicyType: 'System', PolicyName: 'AdministratorAccess' });
  return (await ram('CreateAccessKey', { UserName: 'terraform' })).AccessKey;
}
const tagsOf = async (ResourceType, id) => (await master('ListTagResources', { ResourceType, ResourceId: [id] })).TagResources
  .map(({ TagKey, TagValue }) => [TagKey, TagValue]);

/** Tags come and go with the calls of the directory resources. */
async function tagged(ResourceType, id) {
  await master('TagResources', { ResourceType, ResourceId: [id], Tag: [{ Key: 'Created', Value: 'TF' }, { Key: 'For', Value: 'acceptance' }] });
  assert.deepEqual((await tagsOf(ResourceType, id)).sort(), [['Created', 'TF'], ['For', 'acceptance']]);
  await master('UntagResources', { ResourceType, ResourceId: [id], TagKey: ['Created', 'For'] });
  assert.deepEqual(await tagsOf(ResourceType, id), []);
}

test('alicloud_resource_manager_resource_directory', async () => {
  const read = () => readOr(['ResourceDirectoryNotInUse'], async () => (await master('GetResourceDirectory')).ResourceDirectory);
  assert.equal(await read(), undefined);
  await manager('InitResourceDirectory');
  await settled(read, { MasterAccountId: account, ControlPolicyStatus: 'Disabled', MemberDeletionStatus: 'Disabled' });
  await manager('EnableControlPolicy');
  await until(async () => (await read()).ControlPolicyStatus === 'Enabled');
  await manager('SetMemberDeletionPermission', { Status: 'Enabled' });
  await master('SetMemberDisplayNameSyncStatus', { Status: 'Enabled' });
  const directory = await settled(read, { MemberDeletionStatus: 'Enabled', MemberAccountDisplayNameSyncStatus: 'Enabled' });
  assert.match(directory.RootFolderId, /^r-/);
});

test('alicloud_config_configuration_recorder', async () => {
  const started = await rpc('StartConfigurationRecorder', { version: VERSION.old, body: { EnterpriseEdition: false } });
  assert.equal(String(started.ConfigurationRecorder.AccountId), account);
  const read = async () => (await rpc('DescribeConfigurationRecorder', { version: VERSION.old, method: 'GET', query: { RegionId: 'cn-shanghai' } })).ConfigurationRecorder;
  await rpc('PutConfigurationRecorder', { version: VERSION.old, body: { ResourceTypes: 'ACS::ECS::Instance,ACS::OSS::Bucket' } });
  await until(async () => (await read()).ConfigurationRecorderStatus === 'REGISTERED');
  const recorder = await settled(read, {});
  assert.deepEqual([...recorder.ResourceTypes].sort(), ['ACS::ECS::Instance', 'ACS::OSS::Bucket']);
  assert.equal(recorder.OrganizationMasterId, Number(account));
  assert.equal(typeof recorder.OrganizationEnableStatus, 'string');
});

test('alicloud_resource_manager_folder', async () => {
  const { Folder } = await manager('CreateFolder', { FolderName: 'tf-folder' });
  const { FolderId } = Folder;
  const read = () => readOr(['EntityNotExists.Folder', 'EntityNotExists.ResourceDirectory'], async () => (await manager('GetFolder', {}, { query: { FolderId } })).Folder);
  const { RootFolderId } = (await master('GetResourceDirectory')).ResourceDirectory;
  await settled(read, { FolderName: 'tf-folder', ParentFolderId: RootFolderId });
  await tagged('Folder', FolderId);
  await manager('UpdateFolder', { FolderId, NewFolderName: 'tf-renamed' });
  await settled(read, { FolderName: 'tf-renamed' });
  const listed = await manager('ListFoldersForParent', { QueryKeyword: 'renamed', PageNumber: 1, PageSize: 50 });
  assert.deepEqual(listed.Folders.Folder.map((f) => f.FolderId), [FolderId]);
  await gone(read, () => manager('DeleteFolder', { FolderId }));
});

test('alicloud_resource_manager_account', async () => {
  const { FolderId } = (await manager('CreateFolder', { FolderName: 'tf-home' })).Folder;
  const { Account } = await manager('CreateResourceAccount', { DisplayName: 'tf-account', AccountNamePrefix: 'tf-prefix', ParentFolderId: FolderId, Tags: [{ Key: 'Created', Value: 'TF' }] });
  const { AccountId } = Account;
  const read = () => readOr(['EntityNotExists.Account'], async () => {
    const { Account: found } = await manager('GetAccount', { AccountId });
    const { PayerAccountId } = await manager('GetPayerForAccount', { AccountId });
    return { ...found, PayerAccountId };
  });
  await settled(read, { DisplayName: 'tf-account', FolderId, JoinMethod: 'created', Status: 'CreateSuccess', Type: 'ResourceAccount', PayerAccountId: AccountId });
  const { TagResources } = await manager('ListTagResources', { ResourceType: 'Account', ResourceId: [AccountId] });
  assert.deepEqual(TagResources.map((t) => [t.TagKey, t.TagValue]), [['Created', 'TF']]);
  const { RootFolderId } = (await master('GetResourceDirectory')).ResourceDirectory;
  await manager('MoveAccount', { AccountId, DestinationFolderId: RootFolderId });
  const keys = await administrator(); // the owner itself may neither change nor delete members
  await manager('UpdateAccount', { AccountId, NewDisplayName: 'tf-renamed' }, { keys });
  await master('UpdatePayerForAccount', { AccountId, PayerAccountId: account });
  await settled(read, { DisplayName: 'tf-renamed', FolderId: RootFolderId, PayerAccountId: account });
  const listed = await master('ListAccounts', { IncludeTags: true, PageNumber: 1, PageSize: 50 });
  const entry = listed.Accounts.Account.find((a) => a.AccountId === AccountId);
  for (const name of ['DisplayName', 'Type', 'FolderId', 'ResourceDirectoryId', 'Status', 'JoinMethod', 'JoinTime', 'ModifyTime', 'Tags']) assert.ok(name in entry, name);
  await master('UpdatePayerForAccount', { AccountId, PayerAccountId: AccountId });
  await manager('CheckAccountDelete', { AccountId }, { keys });
  const { AccountDeletionCheckResultInfo: check } = await manager('GetAccountDeletionCheckResult', { AccountId });
  assert.equal(check.Status, 'PreCheckComplete');
  await manager('DeleteAccount', { AccountId, AbandonableCheckId: JSON.stringify(check.AbandonableChecks.map((c) => c.CheckId)) }, { keys });
  const { RdAccountDeletionStatus } = await manager('GetAccountDeletionStatus', { AccountId });
  assert.ok(['Success', 'Deleting'].includes(RdAccountDeletionStatus.Status));
  assert.equal(await read(), undefined);
});

test('alicloud_resource_manager_control_policy and its attachment', async () => {
  const document = policy(deny(['ram:UpdateRole', 'ram:DeleteRole'], 'acs:ram:*:*:role/ResourceDirectoryAccountAccessRole'));
  const { ControlPolicy } = await manager('CreateControlPolicy', { PolicyName: 'tf-policy', Description: 'tf', EffectScope: 'RAM', PolicyDocument: document });
  const { PolicyId } = ControlPolicy;
  const read = () => readOr(['EntityNotExists.ControlPolicy'], async () => (await manager('GetControlPolicy', { PolicyId })).ControlPolicy);
  await settled(read, { PolicyName: 'tf-policy', Description: 'tf', EffectScope: 'RAM', PolicyDocument: document });
  await tagged('ControlPolicy', PolicyId);
  await manager('UpdateControlPolicy', { PolicyId, NewPolicyName: 'tf-other', NewDescription: 'other', NewPolicyDocument: policy(deny('ecs:*')) });
  await settled(read, { PolicyName: 'tf-other', Description: 'other', PolicyDocument: policy(deny('ecs:*')) });
  const { FolderId: TargetId } = (await manager('CreateFolder', { FolderName: 'tf-target' })).Folder;
  const attached = async () => (await manager('ListControlPolicyAttachmentsForTarget', { TargetId })).ControlPolicyAttachments.ControlPolicyAttachment.find((a) => a.PolicyId === PolicyId);
  assert.equal(await attached(), undefined);
  await manager('AttachControlPolicy', { TargetId, PolicyId });
  await until(async () => (await attached()).PolicyType === 'Custom');
  await settled(attached, { PolicyName: 'tf-other', Description: 'other' });
  await gone(attached, () => manager('DetachControlPolicy', { TargetId, PolicyId }));
  const listed = await manager('ListControlPolicies', { PolicyType: 'Custom', PageNumber: 1, PageSize: 50 });
  for (const name of ['AttachmentCount', 'PolicyName', 'Description', 'EffectScope', 'PolicyId', 'PolicyType']) assert.ok(name in listed.ControlPolicies.ControlPolicy[0], name);
  await gone(read, () => manager('DeleteControlPolicy', { PolicyId }));
  await manager('DeleteControlPolicy', { PolicyId }).catch((error) => assert.ok(isCode(error, ['EntityNotExists.ControlPolicy'])));
});

test('alicloud_resource_manager_resource_group', async () => {
  const { ResourceGroup } = await manager('CreateResourceGroup', { DisplayName: 'tf group', Name: 'tf-group', Tag: [{ Key: 'Created', Value: 'TF' }] });
  const ResourceGroupId = ResourceGroup.Id;
  const read = () => readOr(['EntityNotExists.ResourceGroup'], async () => (await manager('GetResourceGroup', { ResourceGroupId })).ResourceGroup);
  await until(async () => (await read()).Status === 'OK');
  const group = await settled(read, { DisplayName: 'tf group', Name: 'tf-group', AccountId: account });
  assert.ok(group.RegionStatuses.RegionStatus.every((r) => r.Status === 'OK' && r.RegionId));
  const tags = async () => (await manager('ListTagResources', { ResourceType: 'ResourceGroup', ResourceId: [ResourceGroupId] })).TagResources.map((t) => t.TagKey);
  assert.deepEqual(await tags(), ['Created']);
  await manager('UnTagResources', { ResourceType: 'ResourceGroup', ResourceId: [ResourceGroupId], TagKey: ['Created'] }); // spelt as one code path does
  await manager('TagResources', { ResourceType: 'ResourceGroup', ResourceId: [ResourceGroupId], Tag: [{ Key: 'For', Value: 'Test' }] });
  assert.deepEqual(await tags(), ['For']);
  await manager('UpdateResourceGroup', { ResourceGroupId, NewDisplayName: 'renamed' });
  await settled(read, { DisplayName: 'renamed' });
  const listed = await manager('ListResourceGroups', { Status: 'OK', PageNumber: 1, PageSize: 50 });
  assert.ok(listed.ResourceGroups.ResourceGroup.some((g) => g.Id === ResourceGroupId));
  await manager('DeleteResourceGroup', { ResourceGroupId });
  const left = await read();
  assert.ok(left === undefined || left.Status === 'PendingDelete', JSON.stringify(left));
});

test('alicloud_resource_manager_delegated_administrator', async () => {
  const { AccountId } = (await manager('CreateResourceAccount', { DisplayName: 'tf-delegate' })).Account;
  const ServicePrincipal = 'config.aliyuncs.com';
  const read = async () => (await manager('ListDelegatedAdministrators', { ServicePrincipal, PageNumber: 1, PageSize: 50 })).Accounts.Account.find((a) => a.AccountId === AccountId);
  assert.equal(await read(), undefined);
  await manager('RegisterDelegatedAdministrator', { ServicePrincipal, AccountId });
  await settled(read, { ServicePrincipal });
  await gone(read, () => manager('DeregisterDelegatedAdministrator', { ServicePrincipal, AccountId }));
});

let AggregatorId;

test('alicloud_config_aggregator', async () => {
  const { AccountId } = (await manager('CreateResourceAccount', { DisplayName: 'tf-member' })).Account;
  const members = [{ AccountId: Number(AccountId), AccountName: 'tf-member', AccountType: 'ResourceDirectory' }];
  ({ AggregatorId } = await rpc('CreateAggregator', { body: { AggregatorAccounts: JSON.stringify(members), AggregatorType: 'CUSTOM', Description: 'tf', AggregatorName: 'tf-group', ...clientToken('CreateAggregator') } }));
  const read = (id = AggregatorId) => readOr(['Invalid.AggregatorId.Value'], async () => (await rpc('GetAggregator', { body: { AggregatorId: id } })).Aggregator);
  await until(async () => (await read()).AggregatorStatus === 1);
  const group = await settled(read, { AggregatorName: 'tf-group', AggregatorType: 'CUSTOM', Description: 'tf' });
  const own = ({ AggregatorAccounts }) => AggregatorAccounts.filter((a) => String(a.AccountId) !== account).map((a) => [a.AccountId, a.AccountName, a.AccountType]);
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

const target = (kind, name) => ({ OSS: `acs:oss:cn-shanghai:${account}:${name}`, MNS: `acs:mns:cn-shanghai:${account}:/topics/${name}`,
  SLS: `acs:log:cn-shanghai:${account}:project/${name}/logstore/${name}` })[kind];
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
  const written = { DeliveryChannelAssumeRoleArn: `acs:ram::${account}:role/aliyunserviceroleforconfig`, DeliveryChannelCondition: types('ACS::ECS::Instance'), DeliveryChannelName: 'tf-channel',
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
  const functionArn = `acs:fc:cn-shanghai:${account}:functions/tf`;
  await update({ RemediationType: 'FC', SourceType: 'CUSTOM', RemediationTemplateId: functionArn, Params: '{}' },
    { RemediationType: 'FC', RemediationSourceType: 'CUSTOM', RemediationTemplateId: functionArn, RemediationOriginParams: '{}' });
  const remove = () => rpc(`Delete${prefix}Remediations`, { body: { ...owner, RemediationIds: RemediationId } });
  await gone(read, remove);
  await remove().catch((error) => assert.ok(isCode(error, ['RemediationConfigNotExist'])));
  await rpc(`Delete${prefix}ConfigRules`, { body: { ...owner, ConfigRuleIds: ConfigRuleId } });
}

test('alicloud_config_remediation', () => remediation('', {}, ['RemediationConfigNotExist', 'RemediationNotExist'], 'GET'));

test('alicloud_config_aggregate_remediation', async () => remediation('Aggregate', { AggregatorId: await groupOf() }, ['RemediationNotExist', 'Invalid.AggregatorId.Value'], 'POST'));
