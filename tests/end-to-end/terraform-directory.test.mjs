// The calls of the Terraform provider for the resource directory, resource groups and what belongs to them: create, read, change,
// delete, read what is gone. A second read must give what was written, or a plan would never be empty.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policy, deny, VERSION } from './organisation.mjs';
import { Server, until } from './support.mjs';
import { administrator, at, blank, gone, isCode, manager, master, pages, readOr, refused, rpc, serve, settled } from './terraform.mjs';

serve();

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
  await settled(read, { MasterAccountId: at.account, ControlPolicyStatus: 'Disabled', MemberDeletionStatus: 'Disabled' });
  await manager('EnableControlPolicy');
  await until(async () => (await read()).ControlPolicyStatus === 'Enabled');
  await manager('SetMemberDeletionPermission', { Status: 'Enabled' });
  await master('SetMemberDisplayNameSyncStatus', { Status: 'Enabled' });
  const directory = await settled(read, { MemberDeletionStatus: 'Enabled', MemberAccountDisplayNameSyncStatus: 'Enabled' });
  assert.match(directory.RootFolderId, /^r-/);
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
  await master('UpdatePayerForAccount', { AccountId, PayerAccountId: at.account });
  await settled(read, { DisplayName: 'tf-renamed', FolderId: RootFolderId, PayerAccountId: at.account });
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
  const group = await settled(read, { DisplayName: 'tf group', Name: 'tf-group', AccountId: at.account });
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


const ROLES = deny(['ram:UpdateRole', 'ram:DeleteRole', 'ram:AttachPolicyToRole', 'ram:DetachPolicyFromRole'], 'acs:ram:*:*:role/ResourceDirectoryAccountAccessRole');

test('alicloud_resource_manager_control_policy: name, description and document one after the other', async () => {
  const name = 'tf-testacccn-beijingresourcemanagercontrolpolicy12345';
  const written = { PolicyName: name, EffectScope: 'RAM', PolicyDocument: policy(ROLES) };
  const { PolicyId } = (await manager('CreateControlPolicy', written)).ControlPolicy;
  const read = () => readOr(['EntityNotExists.ControlPolicy'], async () => (await manager('GetControlPolicy', { PolicyId })).ControlPolicy);
  assert.ok(blank((await settled(read, written)).Description));
  const few = policy(deny(['ram:AttachPolicyToRole', 'ram:DetachPolicyFromRole'], 'acs:ram:*:*:role/ResourceDirectoryAccountAccessRole'));
  for (const step of [{ PolicyName: `${name}1` }, { Description: `${name}1` }, { PolicyDocument: few }, { PolicyName: name, Description: name, PolicyDocument: policy(ROLES) }, { Description: '' }]) {
    await manager('UpdateControlPolicy', { PolicyId, ...Object.fromEntries(Object.entries(step).map(([key, value]) => [`New${key}`, value])) });
    Object.assign(written, step);
    await settled(read, written);
  }
  for (const Language of ['en', 'zh-CN', 'ja']) {
    const all = await pages((page) => manager('ListControlPolicies', { Language, ...page }), (a) => a.ControlPolicies.ControlPolicy);
    assert.deepEqual([...new Set(all.map((one) => one.PolicyType))].sort(), ['Custom', 'System']);
  }
  const system = await pages((page) => manager('ListControlPolicies', { PolicyType: 'System', ...page }), (a) => a.ControlPolicies.ControlPolicy);
  assert.ok((await manager('GetControlPolicy', { PolicyId: system[0].PolicyId, Language: 'en' })).ControlPolicy.PolicyDocument);
  const { RootFolderId } = (await master('GetResourceDirectory')).ResourceDirectory;
  const attached = (await manager('ListControlPolicyAttachmentsForTarget', { TargetId: RootFolderId, Language: 'en' })).ControlPolicyAttachments.ControlPolicyAttachment;
  for (const member of ['AttachDate', 'Description', 'PolicyId', 'PolicyName', 'PolicyType']) assert.ok(attached.every((one) => member in one), member);
  await gone(read, () => manager('DeleteControlPolicy', { PolicyId }));
  await refused(manager('DetachControlPolicy', { PolicyId, TargetId: 'fd-0000000000' }), ['EntityNotExists.Target', 'EntityNotExists.ControlPolicy']);
});

test('alicloud_resource_manager_handshake', async () => {
  const { AccountId } = (await manager('CreateResourceAccount', { DisplayName: 'tf-stranger' })).Account;
  await manager('PromoteResourceAccount', { AccountId, Email: 'tf-stranger@example.com' });
  const keys = await administrator('tf-inviter');
  await manager('RemoveCloudAccount', { AccountId }, { keys });
  const written = { TargetEntity: AccountId, TargetType: 'Account', Note: 'test resource manager handshake' };
  const { HandshakeId } = (await manager('InviteAccountToResourceDirectory', written)).Handshake;
  const read = () => readOr(['EntityNotExists.Handshake'], async () => (await manager('GetHandshake', { HandshakeId })).Handshake);
  const handshake = await settled(read, { ...written, Status: 'Pending', MasterAccountId: at.account });
  for (const name of ['CreateTime', 'ExpireTime', 'MasterAccountName', 'ModifyTime', 'ResourceDirectoryId']) assert.ok(handshake[name], name);
  const all = await pages((page) => manager('ListHandshakesForResourceDirectory', page), (a) => a.Handshakes.Handshake);
  assert.deepEqual(all.filter((one) => one.Status === 'Pending').map((one) => one.HandshakeId), [HandshakeId]);
  await manager('CancelHandshake', { HandshakeId });
  assert.equal((await read()).Status, 'Cancelled');
  await refused(manager('CancelHandshake', { HandshakeId }), ['HandshakeStatusMismatch', 'EntityNotExists.Handshake']);
});

test('alicloud_resource_manager_delegated_administrator of the firewall', async () => {
  const [{ AccountId }] = await pages((page) => master('ListAccounts', { IncludeTags: true, ...page }), (a) => a.Accounts.Account.filter((one) => one.Status === 'CreateSuccess'));
  const id = { AccountId, ServicePrincipal: 'cloudfw.aliyuncs.com' };
  const read = async () => (await pages((page) => manager('ListDelegatedAdministrators', { ServicePrincipal: id.ServicePrincipal, ...page }), (a) => a.Accounts.Account)).find((one) => one.AccountId === AccountId);
  await manager('RegisterDelegatedAdministrator', id);
  assert.ok((await settled(read, id)).DelegationEnabledTime);
  await gone(read, () => manager('DeregisterDelegatedAdministrator', id));
});

test('alicloud_resource_manager_account: tags change, and the data source of the check before a deletion', async () => {
  const { AccountId } = (await manager('CreateResourceAccount', { DisplayName: 'tf-testAcc1234567', Tags: [{ Key: 'Created', Value: 'TF' }, { Key: 'For', Value: 'ACCOUNT' }] })).Account;
  const tags = async () => Object.fromEntries((await manager('ListTagResources', { ResourceType: 'Account', ResourceId: [AccountId] })).TagResources.map((tag) => [tag.TagKey, tag.TagValue]));
  assert.deepEqual(await tags(), { Created: 'TF', For: 'ACCOUNT' });
  await manager('TagResources', { ResourceType: 'Account', ResourceId: [AccountId], Tag: [{ Key: 'Created', Value: 'TF_Update' }, { Key: 'For', Value: 'ACCOUNT_Update' }] });
  assert.deepEqual(await tags(), { Created: 'TF_Update', For: 'ACCOUNT_Update' });
  await manager('UntagResources', { ResourceType: 'Account', ResourceId: [AccountId], TagKey: ['For'] });
  assert.deepEqual(await tags(), { Created: 'TF_Update' });
  const keys = await administrator('tf-checker');
  await manager('CheckAccountDelete', { AccountId }, { keys });
  const check = await until(async () => {
    const { AccountDeletionCheckResultInfo: info } = await manager('GetAccountDeletionCheckResult', { AccountId }, { keys });
    return info.Status === 'PreCheckComplete' && info;
  });
  assert.ok(['true', 'false'].includes(String(check.AllowDelete)));
  for (const name of ['NotAllowReason', 'AbandonableChecks']) assert.ok(Array.isArray(check[name]), name);
  const folders = await pages((page) => manager('ListFoldersForParent', page), (a) => a.Folders.Folder);
  for (const { FolderId } of folders) assert.equal((await manager('GetFolder', { FolderId })).Folder.FolderId, FolderId);
});

test('alicloud_resource_manager_resource_directory: switches off again, and destroyed', async () => {
  const other = await Server.start();
  const on = (name, version = VERSION.manager, body = {}) => rpc(name, { version, body, on: other });
  try {
    const { ResourceDirectoryId } = (await on('InitResourceDirectory')).ResourceDirectory;
    assert.match(ResourceDirectoryId, /^rd-/);
    const read = () => readOr(['ResourceDirectoryNotInUse'], async () => (await on('GetResourceDirectory', VERSION.master)).ResourceDirectory);
    for (const Status of ['Enabled', 'Disabled']) {
      await on(Status === 'Enabled' ? 'EnableControlPolicy' : 'DisableControlPolicy');
      await until(async () => (await read()).ControlPolicyStatus === Status);
      await on('SetMemberDeletionPermission', VERSION.manager, { Status });
      await on('SetMemberDisplayNameSyncStatus', VERSION.master, { Status });
      const directory = await settled(read, { ControlPolicyStatus: Status, MemberDeletionStatus: Status, MemberAccountDisplayNameSyncStatus: Status });
      for (const name of ['MasterAccountId', 'MasterAccountName', 'RootFolderId', 'CreateTime']) assert.ok(directory[name], name);
    }
    await gone(read, () => on('DestroyResourceDirectory'));
  } finally {
    await other.stop();
  }
});
