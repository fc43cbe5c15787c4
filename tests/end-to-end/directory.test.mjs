// A resource directory of three folder levels and twenty accounts, and control policies that bind its members; through
// the newer clients (signature V3) and the older one (signature V1).
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { allow, code, deny, Organisation, policy, VERSION } from './organisation.mjs';
import { failure, Server } from './support.mjs';

const require = createRequire(import.meta.url);
const OpenApi = require('@alicloud/openapi-client');
const manager = require('@alicloud/resourcemanager20200331');
const ram = require('@alicloud/ram20150501');

let server;
let organisation;
let owner; // the management account's client, signature V3
const folders = {}; // by name
const members = []; // { id, name, folder }

const modern = (Client, keys) => new Client(new OpenApi.Config({
  protocol: 'HTTP', endpoint: new URL(server.endpoint).host, regionId: 'cn-shanghai',
  accessKeyId: keys.AccessKeyId, accessKeySecret: keys.AccessKeySecret, securityToken: keys.SecurityToken }));

before(async () => {
  server = await Server.start();
  organisation = await Organisation.on(server);
  owner = modern(manager.default, server.credentials);
});

after(async () => {
  const { code: status } = await server.stop();
  assert.equal(status, 0, server.log);
});

/** Every page of a list of the newer client. */
async function pages(method, Request, parameters, pick) {
  const found = [];
  for (let pageNumber = 1; ; pageNumber++) {
    const { body } = await owner[method](new Request({ ...parameters, pageNumber, pageSize: 7 }));
    found.push(...pick(body));
    if (pick(body).length === 0) {
      assert.equal(body.totalCount, found.length);
      return found;
    }
  }
}

test('folders of three levels and twenty accounts are made and found again', async () => {
  const parents = { business: organisation.root, production: 'business', staging: 'business', shop: 'production', bank: 'production' };
  for (const [folderName, parent] of Object.entries(parents)) {
    const { body } = await owner.createFolder(new manager.CreateFolderRequest({ folderName, parentFolderId: folders[parent] ?? parent }));
    assert.equal(body.folder.folderName, folderName);
    assert.match(body.folder.folderId, /^fd-[0-9A-Za-z]{10}$/);
    folders[folderName] = body.folder.folderId;
  }
  const places = ['shop', 'bank', 'staging', 'business'];
  for (let i = 0; i < 20; i++) {
    const folder = places[i % places.length];
    const { body } = await owner.createResourceAccount(new manager.CreateResourceAccountRequest({
      displayName: `account-${i}`, parentFolderId: folders[folder], accountNamePrefix: `prefix-${i}` }));
    assert.match(body.account.accountId, /^\d{16}$/);
    assert.equal(body.account.status, 'CreateSuccess');
    assert.match(body.account.accountName, new RegExp(`^prefix-${i}@rd-[0-9a-z]+\\.aliyunid\\.com$`));
    members.push({ id: body.account.accountId, name: `account-${i}`, folder });
  }
  const all = await pages('listAccounts', manager.ListAccountsRequest, {}, (body) => body.accounts.account);
  assert.deepEqual(all.map((a) => a.accountId).sort(), members.map((m) => m.id).sort());
  const direct = await pages('listAccountsForParent', manager.ListAccountsForParentRequest, { parentFolderId: folders.shop },
    (body) => body.accounts.account);
  assert.deepEqual(direct.map((a) => a.displayName).sort(), members.filter((m) => m.folder === 'shop').map((m) => m.name).sort());
  const children = await pages('listFoldersForParent', manager.ListFoldersForParentRequest, { parentFolderId: folders.production },
    (body) => body.folders.folder);
  assert.deepEqual(children.map((f) => f.folderName).sort(), ['bank', 'shop']);
  const { body } = await owner.listAncestors(new manager.ListAncestorsRequest({ childId: folders.shop }));
  assert.deepEqual(body.folders.folder.map((f) => f.folderName), ['root', 'business', 'production']);
});

test('an account says where it lies', async () => {
  const { body } = await owner.getAccount(new manager.GetAccountRequest({ accountId: members[0].id }));
  const { account } = body;
  assert.equal(account.folderId, folders.shop);
  assert.equal(account.type, 'ResourceAccount');
  assert.equal(account.joinMethod, 'created');
  assert.equal(account.location, 'root/business/production/shop');
  assert.equal(account.resourceDirectoryPath, [organisation.directory.ResourceDirectoryId, organisation.root,
    folders.business, folders.production, folders.shop, members[0].id].join('/'));
});

test('names and places that cannot be are refused with their documented codes', async () => {
  const folder = (folderName, parentFolderId) => code(owner.createFolder(new manager.CreateFolderRequest({ folderName, parentFolderId })));
  const account = (displayName, more) => code(owner.createResourceAccount(new manager.CreateResourceAccountRequest({ displayName, ...more })));
  const cases = [
    [await folder('shop', folders.production), 'InvalidParameter.Folder.Name.AlreadyUsed'],
    [await folder('x'.repeat(25)), 'InvalidParameter.Folder.Name.Length'],
    [await folder('a/b'), 'InvalidParameter.Folder.Name'],
    [await folder(undefined), 'MissingParameter.Folder.Name'],
    [await folder('x', 'nonsense'), 'InvalidParameter.ParentFolderId'],
    [await folder('x', 'fd-0000000000'), 'EntityNotExists.Folder'],
    [await account('account-0'), 'InvalidParameter.Account.DisplayName.AlreadyUsed'],
    [await account('x'.repeat(51)), 'InvalidParameter.Account.DisplayName.Length'],
    [await account('other', { parentFolderId: 'fd-0000000000' }), 'EntityNotExists.Folder'],
    [await code(owner.getAccount(new manager.GetAccountRequest({ accountId: '1' }))), 'InvalidParameter.AccountId'],
    [await code(owner.getAccount(new manager.GetAccountRequest({ accountId: '1999999999999999' }))), 'EntityNotExists.Account'],
    [await code(owner.deleteFolder(new manager.DeleteFolderRequest({ folderId: folders.production }))), 'DeleteConflict.Folder.SubFolder'],
    [await code(owner.deleteFolder(new manager.DeleteFolderRequest({ folderId: folders.shop }))), 'DeleteConflict.Folder.Account'],
    [await code(owner.destroyResourceDirectory()), 'DeleteConflict.ResourceDirectory.Account'],
    [await code(organisation.manage('InitResourceDirectory')), 'EntityAlreadyExists.ResourceDirectory'],
  ];
  for (const [got, expected] of cases) assert.equal(got, expected);
});

test('five levels of folders, no sixth', async () => {
  let parent = folders.shop; // level 3
  for (const name of ['four', 'five']) parent = await organisation.folder(name, parent);
  assert.equal(await code(organisation.folder('six', parent)), 'LimitExceeded.Folder.Depth');
});

test('people and roles in members act there and nowhere else', async () => {
  const [home, other] = members;
  const inside = modern(ram.default, await organisation.enter(home.id));
  await inside.createUser(new ram.CreateUserRequest({ userName: 'alice' }));
  await inside.createRole(new ram.CreateRoleRequest({ roleName: 'reader', assumeRolePolicyDocument: policy(
    { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${home.id}:root`] } }) }));
  await inside.attachPolicyToRole(new ram.AttachPolicyToRoleRequest({ policyType: 'System', policyName: 'AliyunConfigReadOnlyAccess', roleName: 'reader' }));
  await inside.attachPolicyToUser(new ram.AttachPolicyToUserRequest({ policyType: 'System', policyName: 'AliyunSTSAssumeRoleAccess', userName: 'alice' }));
  const { body } = await inside.createAccessKey(new ram.CreateAccessKeyRequest({ userName: 'alice' }));
  const alice = { AccessKeyId: body.accessKey.accessKeyId, AccessKeySecret: body.accessKey.accessKeySecret };
  assert.equal((await organisation.sts('GetCallerIdentity', {}, alice)).Arn, `acs:ram::${home.id}:user/alice`);
  assert.equal(await code(organisation.config('ListConfigRules', {}, alice)), 'NoPermission');
  const { Credentials } = await organisation.sts('AssumeRole',
    { RoleArn: `acs:ram::${home.id}:role/reader`, RoleSessionName: 'alice' }, alice);
  assert.equal((await organisation.config('ListConfigRules', {}, Credentials)).ConfigRules.TotalCount, 0);
  assert.equal(await code(organisation.config('DeleteConfigRules', { ConfigRuleIds: 'cr-1' }, Credentials)), 'NoPermission');
  assert.equal(await code(organisation.sts('AssumeRole',
    { RoleArn: `acs:ram::${other.id}:role/ResourceDirectoryAccountAccessRole`, RoleSessionName: 'alice' }, alice)), 'NoPermission');
  const elsewhere = modern(ram.default, await organisation.enter(other.id));
  assert.equal(await code(elsewhere.getUser(new ram.GetUserRequest({ userName: 'alice' }))), 'EntityNotExist.User');
  for (const keys of [alice, await organisation.enter(home.id)])
    assert.notEqual((await failure(organisation.manage('CreateFolder', { FolderName: 'mine' }, keys))).code, undefined);
});

const attach = (policyId, targetId) => owner.attachControlPolicy(new manager.AttachControlPolicyRequest({ policyId, targetId }));
const detach = (policyId, targetId) => owner.detachControlPolicy(new manager.DetachControlPolicyRequest({ policyId, targetId }));
const remove = (keys) => organisation.config('DeleteConfigRules', { ConfigRuleIds: 'cr-00000000000000000000' }, keys);

/** Whether a member's administrator gets through to the operation. */
async function mayRemove(keys) {
  const answer = await remove(keys).catch((error) => error);
  return answer.code !== 'NoPermission';
}

test('a control policy binds every member below its folder, says so, and lets go on the next call', async () => {
  const [inShop, , inStaging] = await Promise.all([0, 1, 2].map((i) => organisation.enter(members[i].id)));
  const { body } = await owner.createControlPolicy(new manager.CreateControlPolicyRequest({
    policyName: 'keep-rules', description: 'nobody_deletes_rules', effectScope: 'RAM', policyDocument: policy(deny('config:Delete*')) }));
  const { policyId } = body.controlPolicy;
  assert.match(policyId, /^cp-/);
  assert.deepEqual([body.controlPolicy.attachmentCount, body.controlPolicy.policyType], ['0', 'Custom']);
  assert.equal(await code(attach(policyId, folders.production)), 'InvalidControlPolicyEnablementStatus');
  await owner.enableControlPolicy();
  const status = await owner.getControlPolicyEnablementStatus();
  assert.equal(status.body.enablementStatus, 'Enabled');
  const given = await organisation.manage('ListControlPolicyAttachmentsForTarget', { TargetId: members[0].id });
  assert.deepEqual(given.ControlPolicyAttachments.ControlPolicyAttachment.map((a) => a.PolicyName), ['FullAliyunAccess']);

  assert.ok(await mayRemove(inShop));
  await attach(policyId, folders.production);
  const error = await failure(remove(inShop));
  assert.equal(error.entry.response.statusCode, 403);
  const { AccessDeniedDetail } = error.data;
  assert.deepEqual([AccessDeniedDetail.AuthAction, AccessDeniedDetail.NoPermissionType, AccessDeniedDetail.PolicyType,
    AccessDeniedDetail.AuthPrincipalType, AccessDeniedDetail.AuthPrincipalOwnerId],
  ['config:DeleteConfigRules', 'ExplicitDeny', 'ControlPolicy', 'AssumedRoleUser', members[0].id]);
  const { DecodedDiagnosticMessage: told } = await organisation.ram('DecodeDiagnosticMessage',
    { EncodedDiagnosticMessage: AccessDeniedDetail.EncodedDiagnosticMessage }, inShop);
  const denied = told.MatchedPolicies.MatchedPolicies ?? told.MatchedPolicies;
  const culprit = denied.find((p) => p.Effect === 'Deny');
  assert.deepEqual([culprit.PolicyIdentifier, culprit.AttachedEntityType], [policyId, 'ResourceDirectoryTarget']);
  const simulated = await server.call('SimulatePolicy', { PrincipalArn: `acs:ram::${members[0].id}:role/ResourceDirectoryAccountAccessRole`,
    ActionName: 'config:DeleteConfigRules', ResourceArn: `acs:config:*:${members[0].id}:rule/x` }, { version: VERSION.own });
  assert.deepEqual([simulated.Decision, simulated.DecidedBy.PolicyName, simulated.DecidedBy.TargetId, simulated.DecidedBy.TargetName],
    ['ExplicitDeny', 'keep-rules', folders.production, 'production']);
  assert.ok(await mayRemove(inStaging), 'the sibling folder is not bound');
  assert.ok(await mayRemove(organisation.administrator), 'the management account is not bound');

  await organisation.manage('MoveAccount', { AccountId: members[2].id, DestinationFolderId: folders.bank });
  assert.ok(!await mayRemove(inStaging), 'moved below the policy');
  await organisation.manage('MoveAccount', { AccountId: members[2].id, DestinationFolderId: folders.staging });
  assert.ok(await mayRemove(inStaging), 'moved away again');

  await owner.updateControlPolicy(new manager.UpdateControlPolicyRequest({ policyId, newPolicyDocument: policy(deny('config:Stop*')) }));
  assert.ok(await mayRemove(inShop), 'the policy says something else now');
  await owner.updateControlPolicy(new manager.UpdateControlPolicyRequest({ policyId, newPolicyDocument: policy(deny('config:Delete*')) }));
  assert.ok(!await mayRemove(inShop));
  await detach(policyId, folders.production);
  assert.ok(await mayRemove(inShop));
  await owner.deleteControlPolicy(new manager.DeleteControlPolicyRequest({ policyId }));
  assert.equal(await code(owner.getControlPolicy(new manager.GetControlPolicyRequest({ policyId }))), 'EntityNotExists.ControlPolicy');
});

test('what a folder does not allow, no policy below it can', async () => {
  const keys = await organisation.enter(members[0].id);
  const id = await organisation.guard('only-reading', policy(allow(['config:Get*', 'config:List*'])), folders.business);
  assert.equal(await code(detach(id, folders.staging)), 'EntityNotExists.ControlPolicyAttachment');
  await detach('cp-FullAliyunAccess', folders.business);
  assert.equal(await code(detach(id, folders.business)), 'NotSupport.DetachLastControlPolicy');
  const error = await failure(remove(keys));
  assert.deepEqual([error.data.AccessDeniedDetail.NoPermissionType, error.data.AccessDeniedDetail.PolicyType], ['ImplicitDeny', 'ControlPolicy']);
  assert.equal((await organisation.config('ListConfigRules', {}, keys)).ConfigRules.TotalCount, 0);
  await attach('cp-FullAliyunAccess', folders.business);
  await detach(id, folders.business);
  assert.ok(await mayRemove(keys));
  await organisation.manage('DeleteControlPolicy', { PolicyId: id });
});

test('control policies have their documented limits and codes', async () => {
  const create = (policyName, policyDocument, more = {}) => organisation.manage('CreateControlPolicy',
    { PolicyName: policyName, PolicyDocument: policyDocument, EffectScope: 'RAM', ...more });
  const good = policy(deny('config:Delete*'));
  const filled = (length) => { // counted in characters: the filling is not ASCII
    const head = policy({ ...deny('config:Delete*'), Resource: [`acs:config:*:*:rule/`] });
    return head.replace('rule/', `rule/${'規'.repeat(length - head.length)}`);
  };
  const { ControlPolicy } = await create('first', filled(4096));
  const id = ControlPolicy.PolicyId;
  const target = members[4].id;
  await attach(id, target);
  const cases = [
    [code(create('long', filled(4097))), 'InvalidParameter.PolicyDocument.Length'],
    [code(create('first', good)), 'EntityAlreadyExists.ControlPolicy'],
    [code(create('1st', good)), 'InvalidParameter.PolicyName'],
    [code(create('other', '{"Version":"1"}')), 'MalformedPolicyDocument'],
    [code(create('other', good, { EffectScope: 'ALL' })), 'InvalidParameter.EffectScope'],
    [code(create('other', good, { Description: 'x'.repeat(1025) })), 'InvalidParameter.Description.Length'],
    [code(organisation.manage('UpdateControlPolicy', { PolicyId: id, NewPolicyDocument: filled(4097) })), 'InvalidParameter.NewPolicyDocument.Length'],
    [code(attach(id, target)), 'EntityAlreadyExists.ControlPolicyAttachment'],
    [code(attach(id, 'fd-0000000000')), 'EntityNotExists.Target'],
    [code(attach('cp-0000000000000000', target)), 'EntityNotExists.ControlPolicy'],
    [code(organisation.manage('DeleteControlPolicy', { PolicyId: id })), 'DeleteConflict.ControlPolicy.Target'],
    [code(organisation.manage('DeleteControlPolicy', { PolicyId: 'cp-FullAliyunAccess' })), 'NotSupport.SystemControlPolicy'],
  ];
  for (const [got, expected] of cases) assert.equal(await got, expected);
  assert.equal((await organisation.manage('GetControlPolicy', { PolicyId: id })).ControlPolicy.AttachmentCount, '1');
  for (let i = 0; i < 10; i++) { // ten custom policies; the system's one does not count
    const wanted = i < 9 ? undefined : 'LimitExceeded.ControlPolicyAttachment';
    const guard = await organisation.guard(`more-${i}`, good);
    const answer = await organisation.manage('AttachControlPolicy', { PolicyId: guard, TargetId: target }).catch((e) => e);
    assert.equal(answer.code, wanted, `attachment ${i}`);
  }
  const { ControlPolicies } = await organisation.manage('ListControlPolicies', { PolicyType: 'Custom', PageSize: 100 });
  assert.equal(ControlPolicies.ControlPolicy.length, 11);
  const targets = await organisation.manage('ListTargetAttachmentsForControlPolicy', { PolicyId: id });
  assert.deepEqual(targets.TargetAttachments.TargetAttachment.map((t) => [t.TargetId, t.TargetType, t.TargetName]),
    [[target, 'Account', members[4].name]]);
});

test('switching control policies off lets everybody go and keeps the policies', async () => {
  const keys = await organisation.enter(members[4].id);
  assert.ok(!await mayRemove(keys));
  await organisation.manage('DisableControlPolicy');
  assert.equal((await organisation.manage('GetControlPolicyEnablementStatus')).EnablementStatus, 'Disabled');
  assert.ok(await mayRemove(keys));
  const { ControlPolicies } = await organisation.manage('ListControlPolicies', { PolicyType: 'Custom', PageSize: 100 });
  assert.deepEqual(new Set(ControlPolicies.ControlPolicy.map((p) => p.AttachmentCount)), new Set(['0']));
});

test('a deleted member is gone with its people', async () => {
  const member = members[19];
  const keys = await organisation.person('bob', { policy: 'AdministratorAccess', keys: await organisation.enter(member.id) });
  assert.equal((await organisation.sts('GetCallerIdentity', {}, keys)).AccountId, member.id);
  const drop = () => organisation.manage('DeleteAccount', { AccountId: member.id }, organisation.administrator);
  assert.equal(await code(drop()), 'NoLicense.ResourceDirectory');
  await organisation.manage('SetMemberDeletionPermission', { Status: 'Enabled' });
  await organisation.manage('CheckAccountDelete', { AccountId: member.id }, organisation.administrator);
  await drop();
  const { RdAccountDeletionStatus } = await organisation.manage('GetAccountDeletionStatus', { AccountId: member.id });
  assert.equal(RdAccountDeletionStatus.Status, 'Success');
  assert.equal(await code(organisation.manage('GetAccount', { AccountId: member.id })), 'EntityNotExists.Account');
  assert.equal(await code(organisation.sts('GetCallerIdentity', {}, keys)), 'InvalidAccessKeyId.NotFound');
});

test('an invited account joins, is bound, and leaves', async () => {
  const stranger = await organisation.stranger('visitor');
  const invite = () => organisation.manage('InviteAccountToResourceDirectory', { TargetEntity: stranger.account, TargetType: 'Account' });
  const { Handshake } = await invite();
  assert.equal(await code(invite()), 'EntityAlreadyExists.Handshake');
  assert.equal(await code(organisation.manage('AcceptHandshake', { HandshakeId: Handshake.HandshakeId })), 'EntityNotExists.Handshake');
  const accepted = await organisation.manage('AcceptHandshake', { HandshakeId: Handshake.HandshakeId }, stranger.keys);
  assert.equal(accepted.Handshake.Status, 'Accepted');
  const { Account } = await organisation.manage('GetAccount', { AccountId: stranger.account });
  assert.deepEqual([Account.Type, Account.JoinMethod, Account.Status], ['CloudAccount', 'invited', 'InviteSuccess']);
  assert.equal(await code(organisation.manage('CancelHandshake', { HandshakeId: Handshake.HandshakeId })), 'HandshakeStatusMismatch');
  await organisation.manage('RemoveCloudAccount', { AccountId: stranger.account }, organisation.administrator);
  assert.equal(await code(organisation.manage('GetResourceDirectory', {}, stranger.keys)), 'ResourceDirectoryNotInUse');
});
