// Condition keys that requests and resources bring, and how denials are worded.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allow, code, deny, Organisation, policy, VERSION } from './organisation.mjs';
import { failure, Server } from './support.mjs';

let server;
let organisation;
let keys; // of the user whose policy the tests change

const rule = (ConfigRuleName, tags) => ({ ConfigRuleName, RiskLevel: 1, SourceOwner: 'ALIYUN',
  SourceIdentifier: 'ecs-instance-deletion-protection-enabled', ResourceTypesScope: 'ACS::ECS::Instance',
  ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ...(tags && { Tag: JSON.stringify(tags) }) });
const when = (statement, Condition) => ({ ...statement, Condition });
const tagged = (key) => ({ StringEquals: { [`acs:ResourceTag/${key}`]: 'prod' } });

/** The user may do what the statements say, from the next call on. */
const grant = (...statements) => organisation.ram('CreatePolicyVersion',
  { PolicyName: 'tester', PolicyDocument: policy(...statements), SetAsDefault: true, RotateStrategy: 'DeleteOldestNonDefaultVersionWhenLimitExceeded' });

before(async () => {
  server = await Server.start();
  organisation = await Organisation.on(server);
  keys = await organisation.person('tester', { document: policy(allow('config:List*')) });
});

after(async () => {
  const { code: status } = await server.stop();
  assert.equal(status, 0, server.log);
});

test('acs:RequestTag is what a request tags with', async () => {
  await grant(when(allow('config:CreateConfigRule'), { StringEquals: { 'acs:RequestTag/env': ['prod', 'test'] } }));
  const make = (name, tags) => organisation.config('CreateConfigRule', rule(name, tags), keys);
  assert.equal(await code(make('bare')), 'NoPermission');
  assert.equal(await code(make('other', [{ Key: 'env', Value: 'dev' }])), 'NoPermission');
  assert.equal(await code(make('elsewhere', [{ Key: 'stage', Value: 'prod' }])), 'NoPermission');
  assert.ok((await make('good', [{ Key: 'team', Value: 'x' }, { Key: 'env', Value: 'prod' }])).ConfigRuleId);
  await grant(when(allow('ram:CreateResourceGroup'), { StringEquals: { 'acs:RequestTag/env': 'prod' } }));
  const group = (Name, tags) => organisation.manage('CreateResourceGroup', { Name, DisplayName: Name, ...tags }, keys);
  assert.equal(await code(group('without')), 'NoPermission');
  assert.ok((await group('with', { 'Tag.1.Key': 'env', 'Tag.1.Value': 'prod' })).ResourceGroup.Id);
});

test('acs:ResourceTag is what the rule, group, folder, member, policy or role carries', async () => {
  const { ConfigRuleId } = await organisation.config('CreateConfigRule', rule('tagged', [{ Key: 'env', Value: 'prod' }]));
  const plain = (await organisation.config('CreateConfigRule', rule('plain'))).ConfigRuleId;
  const tag = { Tag: JSON.stringify([{ Key: 'env', Value: 'prod' }]) };
  const { CompliancePackId } = await organisation.config('CreateCompliancePack', { CompliancePackName: 'tagged', RiskLevel: 1,
    Description: 'x', ConfigRules: JSON.stringify([{ ConfigRuleId }]), ...tag });
  const { AggregatorId } = await organisation.config('CreateAggregator', { AggregatorName: 'tagged', AggregatorType: 'RD', Description: 'x', ...tag });
  const group = await organisation.config('CreateAggregateConfigRule', { AggregatorId, ...rule('grouped'), ...tag });
  const folder = await organisation.folder('tagged');
  const member = await organisation.member('tagged-member', folder);
  const guard = await organisation.guard('tagged-policy', policy(allow('*')));
  for (const [ResourceType, id] of [['Folder', folder], ['Account', member], ['ControlPolicy', guard]])
    await server.call('TagResources', { ResourceType, 'ResourceId.1': id, 'Tag.1.Key': 'env', 'Tag.1.Value': 'prod' }, { version: VERSION.master });
  const { ResourceGroup } = await organisation.manage('CreateResourceGroup', { Name: 'tagged', DisplayName: 'x', 'Tag.1.Key': 'env', 'Tag.1.Value': 'prod' });
  const trust = JSON.stringify({ Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole',
    Principal: { RAM: [`acs:ram::${organisation.account}:root`] } }] });
  await organisation.ram('CreateRole', { RoleName: 'tagged', AssumeRolePolicyDocument: trust, 'Tag.1.Key': 'env', 'Tag.1.Value': 'prod' });
  const calls = [
    () => organisation.config('GetConfigRule', { ConfigRuleId }, keys),
    () => organisation.config('GetCompliancePack', { CompliancePackId }, keys),
    () => organisation.config('GetAggregator', { AggregatorId }, keys),
    () => organisation.config('GetAggregateConfigRule', { AggregatorId, ConfigRuleId: group.ConfigRuleId }, keys),
    () => organisation.manage('GetFolder', { FolderId: folder }, keys),
    () => organisation.manage('GetAccount', { AccountId: member }, keys),
    () => organisation.manage('GetControlPolicy', { PolicyId: guard }, keys),
    () => organisation.manage('GetResourceGroup', { ResourceGroupId: ResourceGroup.Id }, keys),
    () => organisation.ram('GetRole', { RoleName: 'TAGGED' }, keys),
    () => organisation.sts('AssumeRole', { RoleArn: `acs:ram::${organisation.account}:role/tagged`, RoleSessionName: 'test' }, keys),
  ];
  await grant(when(allow('*'), tagged('ENV')));
  for (const call of calls) await call();
  assert.equal(await code(organisation.config('GetConfigRule', { ConfigRuleId: plain }, keys)), 'NoPermission');
  assert.equal(await code(organisation.config('DeleteConfigRules', { ConfigRuleIds: `${ConfigRuleId},${plain}` }, keys)), 'NoPermission');
  assert.equal(await code(organisation.config('ListConfigRules', {}, keys)), 'NoPermission'); // lists are of no one tag
  await grant(allow('*'), when({ Effect: 'Deny', Action: '*', Resource: '*' }, tagged('env')));
  for (const call of calls) assert.equal((await failure(call())).data.AccessDeniedDetail.NoPermissionType, 'ExplicitDeny');
  assert.ok(await organisation.config('GetConfigRule', { ConfigRuleId: plain }, keys));
});

test('a delegated administrator sees the tags of the directory', async () => {
  const folder = await organisation.folder('delegated');
  await server.call('TagResources', { ResourceType: 'Folder', 'ResourceId.1': folder, 'Tag.1.Key': 'env', 'Tag.1.Value': 'prod' }, { version: VERSION.master });
  const delegate = await organisation.member('delegate');
  await organisation.manage('RegisterDelegatedAdministrator', { AccountId: delegate, ServicePrincipal: 'config.aliyuncs.com' });
  const reader = await organisation.person('reader', { document: policy(when(allow('resourcemanager:GetFolder'), tagged('env'))),
    keys: await organisation.enter(delegate) });
  assert.equal((await organisation.manage('GetFolder', { FolderId: folder }, reader)).Folder.FolderId, folder);
  assert.equal(await code(organisation.manage('GetFolder', { FolderId: organisation.root }, reader)), 'NoPermission');
});

test('a control policy may ask for tags too', async () => {
  await organisation.manage('EnableControlPolicy');
  const member = await organisation.member('guarded');
  const inside = await organisation.enter(member);
  const id = await organisation.guard('untagged', policy(when({ Effect: 'Deny', Action: 'config:CreateConfigRule', Resource: '*' },
    { StringNotEquals: { 'acs:RequestTag/env': 'prod' } })), member);
  assert.equal(await code(organisation.config('CreateConfigRule', rule('a'), inside)), 'NoPermission');
  assert.ok(await organisation.config('CreateConfigRule', rule('a', [{ Key: 'env', Value: 'prod' }]), inside));
  await organisation.manage('DetachControlPolicy', { PolicyId: id, TargetId: member });
});

test('ram:ServiceName is the service whose role is made or deleted', async () => {
  const service = { StringEquals: { 'ram:ServiceName': 'config.aliyuncs.com' } };
  await grant(when(allow(['ram:CreateServiceLinkedRole', 'ram:DeleteServiceLinkedRole']), service));
  const make = (ServiceName) => organisation.manage('CreateServiceLinkedRole', { ServiceName }, keys);
  const remove = (RoleName) => organisation.manage('DeleteServiceLinkedRole', { RoleName }, keys);
  assert.equal(await code(make('resourcemanager.aliyuncs.com')), 'NoPermission');
  const { Role } = await make('config.aliyuncs.com');
  assert.equal(await code(remove('AliyunServiceRoleForResourceDirectory')), 'NoPermission');
  assert.ok((await remove(Role.RoleName)).DeletionTaskId);
});

test('a second tag whose name differs in case stands for no other', async () => {
  await grant({ ...allow('config:CreateConfigRule'), Condition: { StringEquals: { 'acs:RequestTag/stage': 'prod' } } });
  const make = (...tags) => organisation.config('CreateConfigRule', rule(`cased-${tags.length}-${tags[0].Value}`, tags), keys);
  assert.equal(await code(make({ Key: 'STAGE', Value: 'prod' }, { Key: 'stage', Value: 'test' })), 'NoPermission');
  assert.ok((await make({ Key: 'STAGE', Value: 'test' }, { Key: 'stage', Value: 'prod' })).ConfigRuleId);
});

test('who leaves a folder or user away means the root folder and itself', async () => {
  const { ResourceDirectoryId, RootFolderId } = organisation.directory;
  const path = `acs:resourcemanager:*:*:folder/${ResourceDirectoryId}/${RootFolderId}`;
  const kept = await organisation.person('rootless', { document: policy(allow('*'), deny('resourcemanager:CreateFolder', path),
    deny('ram:CreateAccessKey', 'acs:ram:*:*:user/rootless')) });
  for (const parent of [{}, { ParentFolderId: RootFolderId }])
    assert.equal((await failure(organisation.manage('CreateFolder', { FolderName: 'no', ...parent }, kept))).data.AccessDeniedDetail?.NoPermissionType, 'ExplicitDeny');
  for (const user of [{}, { UserName: 'rootless' }])
    assert.equal(await code(organisation.ram('CreateAccessKey', user, kept)), 'NoPermission');
  const given = await organisation.person('own', { document: policy(allow('resourcemanager:*', path), allow('ram:*AccessKey*', 'acs:ram:*:*:user/own')) });
  assert.equal((await organisation.manage('CreateFolder', { FolderName: 'yes' }, given)).Folder.ParentFolderId, RootFolderId);
  assert.equal((await organisation.ram('ListAccessKeys', {}, given)).AccessKeys.AccessKey.length, 1);
  assert.equal(await code(organisation.ram('ListAccessKeys', { UserName: 'rootless' }, given)), 'NoPermission');
});

test('blanks around an identifier lead past no policy', async () => {
  const { ConfigRuleId } = await organisation.config('CreateConfigRule', rule('kept'));
  await grant(allow('config:*'), deny('config:*', `acs:config:*:*:rule/${ConfigRuleId}`));
  for (const id of [ConfigRuleId, ` ${ConfigRuleId}`, `${ConfigRuleId}\t`])
    assert.equal(await code(organisation.config('GetConfigRule', { ConfigRuleId: id }, keys)), 'NoPermission');
});

test('the former version of an operation leads past no policy', async () => {
  const { ConfigRuleId } = await organisation.config('CreateConfigRule', rule('kept-too'));
  const other = (await organisation.config('CreateConfigRule', rule('not-kept'))).ConfigRuleId;
  await grant(allow('config:*'), deny('config:*', `acs:config:*:*:rule/${ConfigRuleId}`), deny('config:*', 'acs:config:*:*:resource/i-hidden'));
  const remove = (ConfigRuleIds, version) => server.call('DeleteConfigRules', { ConfigRuleIds }, { keys, version });
  for (const version of ['2019-01-08', '2020-09-07'])
    for (const ids of [ConfigRuleId, `${other},${ConfigRuleId}`])
      assert.equal(await code(remove(ids, version)), 'NoPermission', `${version} ${ids}`);
  assert.equal((await remove(other, '2019-01-08')).OperateRuleResult.OperateRuleItemList[0].Success, true);
  const hidden = { AggregatorId: 'ca-0000000000000000', ResourceAccountId: organisation.account, ResourceOwnerId: organisation.account, ResourceType: 'ACS::ECS::Instance', Region: 'cn-shanghai' };
  for (const version of ['2019-01-08', '2020-09-07'])
    assert.equal(await code(server.call('GetAggregateDiscoveredResource', { ...hidden, ResourceId: 'i-hidden' }, { keys, version })), 'NoPermission', version);
});

test('each product words a denial as it documents it', async () => {
  await grant(allow('ecs:*'));
  const message = async (promise) => (await failure(promise)).data.Message;
  const byRam = 'You are not authorized to do this action. You should be authorized by RAM.';
  assert.equal(await message(organisation.ram('ListUsers', {}, keys)), byRam);
  assert.equal(await message(organisation.sts('AssumeRole', { RoleArn: `acs:ram::${organisation.account}:role/tagged`, RoleSessionName: 'test' }, keys)), byRam);
  assert.equal(await message(organisation.ram('DecodeDiagnosticMessage', { EncodedDiagnosticMessage: 'x' }, keys)), 'You do not have the required permissions.');
  assert.equal(await message(organisation.manage('GetResourceGroup', { ResourceGroupId: 'rg-abcdefghijklmno' }, keys)), 'You are not authorized to perform the operation.');
  assert.equal(await message(organisation.config('ListConfigRules', {}, keys)), 'You are not authorized to perform this operation.');
});

test('the message of a documented length is the documented one', async () => {
  const message = async (promise) => (await failure(promise)).data.Message;
  assert.equal(await message(organisation.manage('CreateControlPolicy', { PolicyName: 'long', EffectScope: 'RAM', PolicyDocument: policy(allow('*')).padEnd(4097) })),
    'The maximum length of the policy document is exceeded. It must not exceed 4096 characters.');
  assert.equal(await message(organisation.manage('CreateFolder', { FolderName: 'x'.repeat(25) })), 'The Name of folder exceeds the length limit.');
  assert.equal(await message(organisation.ram('CreateUser', { UserName: 'x'.repeat(65) })), 'The parameter - "UserName" beyond the length limit.');
});
