// Identities over the real wire: the official RAM client makes users, policies and roles; each is then who it is.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { failure, plumbline, Server } from './support.mjs';

const require = createRequire(import.meta.url);
const { Config } = require('@alicloud/openapi-client');
const Ram = require('@alicloud/ram20150501');

const sts = { version: '2015-04-01' };
const readRules = JSON.stringify({
  Version: '1', Statement: [{ Effect: 'Allow', Action: ['config:List*', 'sts:AssumeRole'], Resource: '*' }],
});
let server;
let ram;
let alice;

const official = (keys) => {
  const url = new URL(server.endpoint);
  return new Ram.default(new Config({
    accessKeyId: keys.AccessKeyId, accessKeySecret: keys.AccessKeySecret, securityToken: keys.SecurityToken,
    endpoint: url.host, protocol: url.protocol.replace(':', ''), regionId: 'cn-hangzhou',
  }));
};

before(async () => {
  server = await Server.start();
  ram = official(server.credentials);
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test('a user with a policy may do what it says, and is told why not otherwise', async () => {
  const made = await ram.createUser(new Ram.CreateUserRequest({ userName: 'alice', displayName: 'Alice' }));
  assert.equal(made.body.user.userName, 'alice');
  await ram.createPolicy(new Ram.CreatePolicyRequest({ policyName: 'Reading', policyDocument: readRules }));
  await ram.attachPolicyToUser(new Ram.AttachPolicyToUserRequest({
    policyType: 'Custom', policyName: 'Reading', userName: 'alice' }));
  const { accessKey } = (await ram.createAccessKey(new Ram.CreateAccessKeyRequest({ userName: 'alice' }))).body;
  alice = { AccessKeyId: accessKey.accessKeyId, AccessKeySecret: accessKey.accessKeySecret };
  const who = await server.call('GetCallerIdentity', {}, { ...sts, keys: alice });
  assert.equal(who.IdentityType, 'RAMUser');
  assert.equal(who.Arn, `acs:ram::${who.AccountId}:user/alice`);
  await server.call('ListConfigRules', {}, { keys: alice });
  const denied = await failure(server.call('ListUsers', {}, { version: '2015-05-01', keys: alice }));
  assert.equal(denied.code, 'NoPermission');
  const detail = denied.data.AccessDeniedDetail;
  assert.equal(detail.AuthAction, 'ram:ListUsers');
  assert.equal(detail.AuthPrincipalType, 'SubUser');
  assert.equal(detail.NoPermissionType, 'ImplicitDeny');
  const decoded = (await ram.decodeDiagnosticMessage(new Ram.DecodeDiagnosticMessageRequest({
    encodedDiagnosticMessage: detail.EncodedDiagnosticMessage }))).body.decodedDiagnosticMessage;
  assert.equal(decoded.authAction, 'ram:ListUsers');
  assert.equal(decoded.explicitDeny, false);
});

test('a change of a policy holds on the next call', async () => {
  const document = readRules.replace('config:List*', 'config:Get*');
  await ram.createPolicyVersion(new Ram.CreatePolicyVersionRequest({
    policyName: 'Reading', policyDocument: document, setAsDefault: true }));
  assert.equal((await failure(server.call('ListConfigRules', {}, { keys: alice }))).code, 'NoPermission');
  await ram.setDefaultPolicyVersion(new Ram.SetDefaultPolicyVersionRequest({
    policyName: 'Reading', versionId: 'v1' }));
  await server.call('ListConfigRules', {}, { keys: alice });
});

test('a session of a role is narrowed by its policy and ends with the role', async () => {
  const { AccountId } = await server.call('GetCallerIdentity', {}, sts);
  await ram.createRole(new Ram.CreateRoleRequest({
    roleName: 'Auditor',
    assumeRolePolicyDocument: JSON.stringify({ Version: '1', Statement: [{
      Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${AccountId}:root`] } }] }),
  }));
  await ram.attachPolicyToRole(new Ram.AttachPolicyToRoleRequest({
    policyType: 'System', policyName: 'AliyunRAMReadOnlyAccess', roleName: 'Auditor' }));
  const assume = (extra = {}) => server.call('AssumeRole', {
    RoleArn: `acs:ram::${AccountId}:role/Auditor`, RoleSessionName: 'work', ...extra }, { ...sts, keys: alice });
  const wide = (await assume()).Credentials;
  const roles = await official(wide).listRoles(new Ram.ListRolesRequest({}));
  assert.equal(roles.body.roles.role[0].roleName, 'Auditor');
  const narrow = (await assume({ Policy: JSON.stringify({ Version: '1', Statement: [{
    Effect: 'Allow', Action: 'ram:GetRole', Resource: '*' }] }) })).Credentials;
  const denied = await failure(server.call('ListRoles', {}, { version: '2015-05-01', keys: narrow }));
  assert.equal(denied.data.AccessDeniedDetail.PolicyType, 'SessionPolicy');
  await ram.detachPolicyFromRole(new Ram.DetachPolicyFromRoleRequest({
    policyType: 'System', policyName: 'AliyunRAMReadOnlyAccess', roleName: 'Auditor' }));
  await ram.deleteRole(new Ram.DeleteRoleRequest({ roleName: 'Auditor' }));
  assert.equal((await failure(server.call('GetCallerIdentity', {}, { ...sts, keys: wide }))).code,
    'InvalidSecurityToken.Expired');
});

test('the sealing key is rotated beside the running server', async () => {
  const rotated = plumbline(['keys', 'rotate', '--data', server.data]);
  assert.equal(rotated.status, 0, rotated.stderr);
  await ram.createUser(new Ram.CreateUserRequest({ userName: 'bob' }));
  const { accessKey } = (await ram.createAccessKey(new Ram.CreateAccessKeyRequest({ userName: 'bob' }))).body;
  const bob = { AccessKeyId: accessKey.accessKeyId, AccessKeySecret: accessKey.accessKeySecret };
  assert.equal((await server.call('GetCallerIdentity', {}, { ...sts, keys: bob })).IdentityType, 'RAMUser');
  assert.equal((await server.call('GetCallerIdentity', {}, { ...sts, keys: alice })).IdentityType, 'RAMUser');
});
