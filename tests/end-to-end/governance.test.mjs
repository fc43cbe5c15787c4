// What a governed organisation tells: what-if, denials by trust policies, invitations by mail, the vendor's quotas.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fs from 'node:fs';
import path from 'node:path';

import { allow, code, deny, Organisation, policy } from './organisation.mjs';
import { failure, plumbline, Server } from './support.mjs';

let server;
let org;
let folder;
let member;

before(async () => {
  server = await Server.start();
  org = await Organisation.on(server);
  folder = await org.folder('apps');
  member = await org.member('shop', folder);
  await org.manage('EnableControlPolicy');
});
after(() => server.stop());

const whatIf = (...args) => plumbline(['policy', 'what-if', '--data', server.data, ...args]);
const trust = (principal, more = {}) => policy({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [principal] }, ...more });

test('what-if replays calls as they were made', async () => {
  const file = path.join(server.data, 'plain.json');
  const plain = { Effect: 'Deny', Action: 'ram:*', Resource: '*', Condition: { Bool: { 'acs:SecureTransport': 'false' } } };
  const session = { Policy: policy(allow('ram:List*')) };
  await org.ram('ListUsers', {}, await org.enter(member, session));
  await failure(org.ram('CreateUser', { UserName: 'never' }, await org.enter(member, session)));
  await org.ram('ListGroups', {}, await org.enter(member));
  fs.writeFileSync(file, policy(plain));
  const seen = whatIf('--attach', file, '--target', folder, '--format', 'json');
  assert.equal(seen.status, 1, seen.stderr);
  const calls = JSON.parse(seen.stdout).Calls;
  const decided = Object.fromEntries(calls.map((one) => [one.ActionName, `${one.DecisionBefore} ${one.DecisionAfter}`]));
  assert.deepEqual(decided, { 'ram:ListGroups': 'Allow ExplicitDeny', 'ram:ListUsers': 'Allow ExplicitDeny',
    'ram:CreateUser': 'ImplicitDeny ExplicitDeny' });
  const listed = calls.find((one) => one.ActionName === 'ram:ListUsers');
  assert.deepEqual([listed.SecureTransport, listed.MFAPresent, listed.SessionPolicy], [false, false, session.Policy]);
  fs.writeFileSync(file, policy({ ...plain, Condition: { Bool: { 'acs:SecureTransport': 'true' } } }));
  const same = whatIf('--attach', file, '--target', folder, '--days', '3', '--format', 'table');
  assert.equal(same.status, 0, same.stderr);
  assert.match(same.stdout, /^0 of 4 distinct calls of the last 3 days would change, in 1 account\n$/);
  assert.equal((await org.manage('ListControlPolicies', { PolicyType: 'Custom' })).TotalCount, 0, 'nothing is left behind');
});

test('what-if knows the policies of the directory, and says what cannot be', async () => {
  const guard = await org.guard('NoUsers', policy(deny('ram:ListUsers')), folder);
  const detach = whatIf('--detach', guard, '--target', folder, '--format', 'table');
  assert.equal(detach.status, 1, detach.stderr);
  assert.match(detach.stdout, /ExplicitDeny +Allow +1 .*ram:ListUsers/);
  assert.equal(whatIf('--attach', guard, '--target', member, '--format', 'table').status, 0, 'it is denied already');
  for (const [args, message] of [
    [['--detach', guard, '--target', member], /EntityNotExists\.ControlPolicyAttachment/],
    [['--detach', 'cp-FullAliyunAccess', '--target', member], /NotSupport\.DetachLastControlPolicy/],
    [['--attach', 'cp-none', '--target', member], /EntityNotExists\.ControlPolicy/],
    [['--attach', guard, '--target', 'fd-none'], /EntityNotExists\.Target/],
    [['--attach', guard], /--target is missing/],
    [['--attach', guard, '--detach', guard, '--target', folder], /give one of/],
    [['--attach', '/nowhere', '--target', folder], /nowhere/],
  ]) {
    const done = whatIf(...args);
    assert.equal(done.status, 2, args.join(' '));
    assert.match(done.stderr, message);
  }
  await org.manage('DetachControlPolicy', { PolicyId: guard, TargetId: folder });
});

test('a trust policy that refuses says so, and a role that is not there looks the same', async () => {
  const owner = await org.enter(member);
  const role = async (RoleName, document) => {
    await org.ram('CreateRole', { RoleName, AssumeRolePolicyDocument: document }, owner);
    return `acs:ram::${member}:role/${RoleName}`;
  };
  const assume = async (RoleArn, keys = org.administrator) => failure(org.sts('AssumeRole', { RoleArn, RoleSessionName: 'visit' }, keys));
  const closed = await assume(await role('closed', trust('acs:ram::1999999999999991:root')));
  const detail = closed.data.AccessDeniedDetail;
  assert.equal(closed.code, 'NoPermission');
  assert.deepEqual({ ...detail, AuthPrincipalDisplayName: 'id', EncodedDiagnosticMessage: 'text' }, {
    AuthAction: 'sts:AssumeRole', AuthPrincipalType: 'SubUser', AuthPrincipalOwnerId: org.account, AuthPrincipalDisplayName: 'id',
    NoPermissionType: 'ImplicitDeny', PolicyType: 'AssumeRolePolicy', EncodedDiagnosticMessage: 'text' });
  assert.match(detail.EncodedDiagnosticMessage, /^AQ/);
  const absent = await assume(`acs:ram::${member}:role/nobody`);
  assert.deepEqual({ ...absent.data.AccessDeniedDetail, EncodedDiagnosticMessage: '' }, { ...detail, EncodedDiagnosticMessage: '' });
  assert.equal(absent.data.Message, closed.data.Message);
  const shut = await assume(await role('shut', policy({ Effect: 'Deny', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${org.account}:root`] } })));
  assert.equal(shut.data.AccessDeniedDetail.NoPermissionType, 'ExplicitDeny');
  const { DecodedDiagnosticMessage: message } = await org.ram('DecodeDiagnosticMessage', { EncodedDiagnosticMessage: detail.EncodedDiagnosticMessage });
  assert.equal(message.NoPermissionPolicyType, 'AssumeRolePolicy');
  const plain = await org.person('plain');
  assert.equal((await assume(`acs:ram::${member}:role/closed`, plain)).data.AccessDeniedDetail.PolicyType, 'AccountLevelIdentityBasedPolicy');
});

test('an invitation by mail is for the account of that address', async () => {
  const { Account: cloud } = await org.manage('CreateCloudAccount', { DisplayName: 'guest', Email: 'guest@example.com' });
  const keys = await org.person('guest-administrator', { policy: 'AdministratorAccess', keys: await org.enter(cloud.AccountId) });
  await org.manage('RemoveCloudAccount', { AccountId: cloud.AccountId }, org.administrator);
  const other = await org.stranger('other');
  const { Handshake: { HandshakeId } } = await org.manage('InviteAccountToResourceDirectory', { TargetType: 'Email', TargetEntity: 'Guest@example.com' });
  for (const action of ['GetHandshake', 'DeclineHandshake', 'AcceptHandshake', 'CancelHandshake']) {
    assert.equal(await code(org.manage(action, { HandshakeId }, other.keys)), 'EntityNotExists.Handshake', action);
  }
  assert.equal((await org.manage('ListHandshakesForAccount', {}, other.keys)).TotalCount, 0);
  assert.equal((await org.manage('ListHandshakesForAccount', {}, keys)).Handshakes.Handshake[0].HandshakeId, HandshakeId);
  assert.equal((await org.manage('GetHandshake', { HandshakeId }, keys)).Handshake.Status, 'Pending');
  assert.equal((await org.manage('AcceptHandshake', { HandshakeId }, keys)).Handshake.Status, 'Accepted');
  assert.equal((await org.manage('GetAccount', { AccountId: cloud.AccountId })).Account.Status, 'InviteSuccess');
});

test('a strict server has the quotas of the vendor', async () => {
  const strict = await Server.start({ args: ['--strict'] });
  try {
    const vendor = await Organisation.on(strict);
    for (let n = 0; n < 100; n++) await vendor.folder(`folder-${n}`);
    assert.equal(await code(vendor.folder('one-too-many')), 'QuotaExceeded.Folder.Count');
    await vendor.manage('EnableControlPolicy');
    await vendor.manage('DisableControlPolicy');
    const soon = await failure(vendor.manage('EnableControlPolicy'));
    assert.equal(soon.code, 'Throttling.EnableControlPolicy');
    assert.match(soon.data.Message, /try again in [45] minute\(s\)/);
    for (let n = 0; n < 20; n++) await vendor.member(`member-${n}`);
    assert.equal(await code(vendor.member('one-too-many')), 'LimitExceeded.Account');
  } finally {
    await strict.stop();
  }
});
