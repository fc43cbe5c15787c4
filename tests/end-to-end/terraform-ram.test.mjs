// The calls of the Terraform provider for RAM and STS, with the values of its acceptance tests: create, read, change, delete, read
// what is gone. A second read must give what was written, or a plan would never be empty.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION } from './organisation.mjs';
import { at, blank, gone, isCode, old, ram, readOr, refused, serve, settled } from './terraform.mjs';

serve();

const oldRam = (name, query) => old(VERSION.ram, name, query);

/** A list by markers, of the older client: as many pages as the answer says. */
async function marked(name, take, query = {}) {
  const all = [];
  for (let Marker; ;) {
    const answer = await oldRam(name, { ...query, ...(Marker && { Marker }) });
    all.push(...take(answer));
    if (!answer.IsTruncated) return all;
    Marker = answer.Marker;
  }
}

/** A user is found by its id among all users, then read by its name. */
async function readUser(UserId) {
  const found = (await marked('ListUsers', (a) => a.Users.User, { MaxItems: 100 })).find((user) => user.UserId === UserId);
  return found && readOr(['EntityNotExist.User'], async () => (await oldRam('GetUser', { UserName: found.UserName })).User);
}

const NAME = 'tf-testAcccn-beijingRamUserConfig-1234567';

test('alicloud_ram_user', async () => {
  const { UserId } = (await oldRam('CreateUser', { UserName: NAME })).User;
  const read = () => readUser(UserId);
  const user = await settled(read, { UserName: NAME });
  for (const name of ['DisplayName', 'MobilePhone', 'Email', 'Comments']) assert.ok(blank(user[name]), `${name} was not written`);
  const written = {};
  for (const [name, value] of [['DisplayName', 'displayname'], ['MobilePhone', '86-18888888888'], ['Email', 'hello.uuu@aaa.com'], ['Comments', 'yoyoyo']]) {
    await ram('UpdateUser', { UserName: NAME, NewUserName: NAME, [`New${name}`]: value });
    written[name] = value;
    await settled(read, written);
  }
  const all = { DisplayName: 'displayname_all', MobilePhone: '86-18888888889', Email: 'hello.uuu@aaa_all.com', Comments: 'yoyoyo_all' };
  await ram('UpdateUser', { UserName: NAME, NewUserName: `${NAME}_all`, ...Object.fromEntries(Object.entries(all).map(([name, value]) => [`New${name}`, value])) });
  await settled(read, { ...all, UserName: `${NAME}_all` });
  await ram('UpdateUser', { UserName: `${NAME}_all`, NewUserName: NAME, NewDisplayName: '', NewMobilePhone: '', NewEmail: '', NewComments: '' });
  const bare = await settled(read, { UserName: NAME });
  for (const name of Object.keys(all)) assert.ok(blank(bare[name]), `${name} was taken back`);
  await gone(read, () => oldRam('DeleteUser', { UserName: NAME }));
});

test('alicloud_ram_account_password_policy', async () => {
  const read = async () => (await oldRam('GetPasswordPolicy')).PasswordPolicy;
  const initial = { MinimumPasswordLength: 12, RequireLowercaseCharacters: true, RequireUppercaseCharacters: true, RequireNumbers: true, RequireSymbols: true,
    HardExpiry: false, MaxPasswordAge: 0, PasswordReusePrevention: 0, MaxLoginAttemps: 5 };
  const login = (UserName, Password) => oldRam('CreateLoginProfile', { UserName, Password });
  await oldRam('CreateUser', { UserName: 'tf-login' });
  await oldRam('SetPasswordPolicy', initial);
  await settled(read, initial);
  for (const weak of ['Short_1', 'Eleven_1234', 'no_capitals_1234', 'NO_SMALLS_1234', 'No_digits_at_all', 'NoSymbols1234'])
    await refused(login('tf-login', weak), ['InvalidParameter.Password.TooWeak']);
  await login('tf-login', 'Yourpassword_1234');
  const changed = { ...initial, MinimumPasswordLength: 9, RequireLowercaseCharacters: false, RequireUppercaseCharacters: false, RequireNumbers: false, RequireSymbols: false,
    HardExpiry: true, MaxPasswordAge: 12, PasswordReusePrevention: 5, MaxLoginAttemps: 3 };
  await oldRam('SetPasswordPolicy', changed);
  await settled(read, changed);
  await refused(oldRam('SetPasswordPolicy', { ...changed, MinimumPasswordLength: 33 }), ['InvalidParameter.MinimumPasswordLength.Range']);
  await oldRam('SetSecurityPreference', { AllowUserToChangePassword: false });
  await settled(read, changed);
  await oldRam('SetSecurityPreference', { AllowUserToChangePassword: true });
  await oldRam('UpdateLoginProfile', { UserName: 'tf-login', Password: 'small_only' });
  await oldRam('DeleteLoginProfile', { UserName: 'tf-login' });
  await oldRam('DeleteUser', { UserName: 'tf-login' });
  await oldRam('SetPasswordPolicy', initial);
  await settled(read, initial);
});

const GROUP = 'tf-testAcccn-beijingRamGroupConfig1234567';
const OBJECTS = { Action: ['oss:ListObjects', 'oss:ListObjects'], Effect: 'Deny', Resource: ['acs:oss:*:*:mybucket', 'acs:oss:*:*:mybucket/*'] };
const document = (...statements) => `\n\t\t${JSON.stringify({ Statement: statements, Version: '1' }, undefined, 2)}\n\t  `;

test('a user that is deleted by force loses keys, policies, groups, login and device first', async () => {
  const UserName = 'tf-testAccForce';
  await oldRam('CreateUser', { UserName });
  await oldRam('DeleteLoginProfile', { UserName }).catch((error) => assert.ok(isCode(error, ['EntityNotExist.User.LoginProfile']), error.text));
  await ram('CreateGroup', { GroupName: 'tf-force' });
  await ram('AddUserToGroup', { UserName, GroupName: 'tf-force' });
  await ram('AttachPolicyToUser', { UserName, PolicyType: 'System', PolicyName: 'AliyunConfigReadOnlyAccess' });
  await ram('CreateAccessKey', { UserName });
  await ram('CreateLoginProfile', { UserName, Password: 'Yourpassword_1234' });
  await refused(oldRam('DeleteUser', { UserName }), ['DeleteConflict.User.AccessKey', 'DeleteConflict.User.Group', 'DeleteConflict.User.Policy', 'DeleteConflict.User.LoginProfile']);
  for (const { AccessKeyId } of (await oldRam('ListAccessKeys', { UserName })).AccessKeys.AccessKey) await oldRam('DeleteAccessKey', { UserName, UserAccessKeyId: AccessKeyId });
  for (const { PolicyName, PolicyType } of (await oldRam('ListPoliciesForUser', { UserName })).Policies.Policy) await oldRam('DetachPolicyFromUser', { UserName, PolicyName, PolicyType });
  for (const { GroupName } of (await oldRam('ListGroupsForUser', { UserName })).Groups.Group) await oldRam('RemoveUserFromGroup', { UserName, GroupName });
  await oldRam('DeleteLoginProfile', { UserName });
  await refused(oldRam('UnbindMFADevice', { UserName }), ['EntityNotExist', 'EntityNotExist.User.MFADevice']);
  await refused(oldRam('UnbindMFADevice', { UserName: 'tf-nobody' }), ['EntityNotExist.User']);
  await oldRam('DeleteUser', { UserName });
  await ram('DeleteGroup', { GroupName: 'tf-force' });
});

test('alicloud_ram_group, its members and its policies', async () => {
  const { Group } = await ram('CreateGroup', { GroupName: GROUP });
  assert.equal(Group.GroupName, GROUP);
  const read = () => readOr(['EntityNotExist.Group'], async () => (await ram('GetGroup', { GroupName: GROUP })).Group);
  assert.ok(blank((await settled(read, { GroupName: GROUP })).Comments));
  for (const NewComments of ['group comments', '']) {
    await ram('UpdateGroup', { GroupName: GROUP, NewComments });
    assert.equal((await read()).Comments ?? '', NewComments);
  }
  const members = async () => (await readOr(['EntityNotExist'], () => ram('ListUsersForGroup', { GroupName: GROUP })))?.Users.User.map((user) => user.UserName);
  assert.deepEqual(await members(), []);
  for (const UserName of ['tf-member-0', 'tf-member-1']) {
    await oldRam('CreateUser', { UserName, DisplayName: 'displayname', MobilePhone: '86-18888888888', Email: 'hello.uuu@aaa.com', Comments: 'yoyoyo' });
    await ram('AddUserToGroup', { UserName, GroupName: GROUP });
  }
  assert.deepEqual((await members()).sort(), ['tf-member-0', 'tf-member-1']);
  await refused(ram('AddUserToGroup', { UserName: 'tf-member-0', GroupName: GROUP }), ['EntityAlreadyExists.User.Group']);
  const groupsOf = async () => (await ram('ListGroupsForUser', { UserName: 'tf-member-0' })).Groups.Group.map((group) => group.GroupName);
  assert.deepEqual(await groupsOf(), [GROUP]);
  await refused(ram('DeleteGroup', { GroupName: GROUP }), ['DeleteConflict.Group.User']);
  await ram('CreatePolicy', { PolicyName: 'tf-group-policy', PolicyDocument: document(OBJECTS), Description: 'this is a policy test' });
  const policies = async () => (await readOr(['EntityNotExist.Group'], () => oldRam('ListPoliciesForGroup', { GroupName: GROUP })))?.Policies.Policy.map((policy) => [policy.PolicyType, policy.PolicyName]);
  const attachment = { PolicyName: 'tf-group-policy', PolicyType: 'Custom', GroupName: GROUP };
  await oldRam('AttachPolicyToGroup', attachment);
  assert.deepEqual(await policies(), [['Custom', 'tf-group-policy']]);
  await oldRam('DetachPolicyFromGroup', attachment);
  await refused(oldRam('DetachPolicyFromGroup', attachment), ['EntityNotExist']);
  assert.deepEqual(await policies(), []);
  for (const UserName of ['tf-member-0', 'tf-member-1']) {
    await ram('RemoveUserFromGroup', { UserName, GroupName: GROUP });
    await refused(ram('RemoveUserFromGroup', { UserName, GroupName: GROUP }), ['EntityNotExist']);
    await ram('DeleteUser', { UserName });
  }
  await gone(read, () => ram('DeleteGroup', { GroupName: GROUP }));
  assert.equal(await members(), undefined);
  assert.equal(await policies(), undefined);
  await ram('DeletePolicy', { PolicyName: 'tf-group-policy' });
});

const readPolicy = (PolicyName) => readOr(['EntityNotExist.Policy'], async () => {
  const { Policy, DefaultPolicyVersion } = await ram('GetPolicy', { RegionId: 'cn-hangzhou', PolicyName, PolicyType: 'Custom' });
  return { Policy, DefaultPolicyVersion };
});

test('alicloud_ram_policy, changed more often than versions are kept, deleted by force', async () => {
  const PolicyName = 'tf-testAcccn-beijingRamPolicyConfig-1234567';
  assert.equal((await ram('CreatePolicy', { PolicyName, Description: 'this is a policy test', PolicyDocument: document(OBJECTS) })).Policy.PolicyName, PolicyName);
  const read = () => readPolicy(PolicyName);
  const policy = await settled(read, {});
  assert.equal(policy.Policy.Description, 'this is a policy test');
  assert.equal(policy.Policy.PolicyType, 'Custom');
  assert.equal(policy.Policy.AttachmentCount, 0);
  assert.equal(policy.Policy.DefaultVersion, policy.DefaultPolicyVersion.VersionId);
  assert.deepEqual(JSON.parse(policy.DefaultPolicyVersion.PolicyDocument).Statement, [OBJECTS]);
  for (let i = 0; i < 6; i++) {
    const statement = { ...OBJECTS, Effect: i % 2 ? 'Deny' : 'Allow' };
    await ram('CreatePolicyVersion', { PolicyName, PolicyDocument: document(statement), SetAsDefault: true, RotateStrategy: 'DeleteOldestNonDefaultVersionWhenLimitExceeded' });
    assert.deepEqual(JSON.parse((await read()).DefaultPolicyVersion.PolicyDocument).Statement, [statement]);
  }
  const target = { PolicyName, PolicyType: 'Custom' };
  await ram('CreateUser', { UserName: 'tf-holder' });
  await ram('AttachPolicyToUser', { ...target, UserName: 'tf-holder' });
  await ram('CreateGroup', { GroupName: 'tf-holders' });
  await ram('AttachPolicyToGroup', { ...target, GroupName: 'tf-holders' });
  assert.equal((await read()).Policy.AttachmentCount, 2);
  const entities = await ram('ListEntitiesForPolicy', target);
  assert.deepEqual(entities.Users.User.map((user) => user.UserName), ['tf-holder']);
  assert.deepEqual(entities.Groups.Group.map((group) => group.GroupName), ['tf-holders']);
  assert.deepEqual(entities.Roles.Role, []);
  await refused(ram('DeletePolicy', { PolicyName }), ['DeleteConflict.Policy.User', 'DeleteConflict.Policy.Group', 'DeleteConflict.Policy.Version']);
  await ram('DetachPolicyFromUser', { ...target, UserName: 'tf-holder' });
  await ram('DetachPolicyFromGroup', { ...target, GroupName: 'tf-holders' });
  const versions = (await ram('ListPolicyVersions', target)).PolicyVersions.PolicyVersion;
  for (const { VersionId, IsDefaultVersion } of versions) if (!IsDefaultVersion) await ram('DeletePolicyVersion', { PolicyName, VersionId });
  await gone(read, () => ram('DeletePolicy', { PolicyName }));
  await refused(ram('DeletePolicy', { PolicyName }), ['EntityNotExist.Policy']);
  await refused(ram('ListPolicyVersions', target), ['EntityNotExist.Policy']);
  await ram('DeleteUser', { UserName: 'tf-holder' });
  await ram('DeleteGroup', { GroupName: 'tf-holders' });
});

const tagsText = (tags) => JSON.stringify(Object.entries(tags).map(([Key, Value]) => ({ Key, Value })));

/** The tags of a role or a policy: written as one text at creation, changed and read by the names of the objects. */
async function tagged(ResourceType, name, written) {
  const names = JSON.stringify([name]);
  const read = async () => Object.fromEntries((await ram('ListTagResources', { ResourceType, ResourceNames: names })).TagResources.map((tag) => [tag.TagKey, tag.TagValue]));
  assert.deepEqual(await read(), written);
  await ram('TagResources', { ResourceType, ResourceNames: names, Tag: tagsText({ Created: 'TF-update', For: 'Test-update' }) });
  assert.deepEqual(await read(), { ...written, Created: 'TF-update', For: 'Test-update' });
  await ram('UntagResources', { ResourceType, ResourceNames: names, TagKeys: JSON.stringify(Object.keys(await read())) });
  assert.deepEqual(await read(), {});
}

const trust = (Principal, Effect = 'Allow') => document({ Action: 'sts:AssumeRole', Effect, Principal });

test('alicloud_ram_role and its policies', async () => {
  const RoleName = 'tf-testAcccn-beijingRamRoleConfig-1234567';
  const AssumeRolePolicyDocument = trust({ Service: ['apigateway.aliyuncs.com', 'ecs.aliyuncs.com'] });
  await ram('CreateRole', { RoleName, AssumeRolePolicyDocument, Description: 'this is a test', MaxSessionDuration: 3600, Tag: tagsText({ Created: 'TF', For: 'Test' }) });
  const read = () => readOr(['EntityNotExist.Role'], async () => (await ram('GetRole', { RoleName })).Role);
  const role = await settled(read, { RoleName, Description: 'this is a test', MaxSessionDuration: 3600, Arn: `acs:ram::${at.account}:role/${RoleName}` });
  assert.deepEqual(JSON.parse(role.AssumeRolePolicyDocument), JSON.parse(AssumeRolePolicyDocument));
  await tagged('role', RoleName, { Created: 'TF', For: 'Test' });
  await ram('UpdateRole', { RoleName, NewAssumeRolePolicyDocument: trust({ Service: ['apigateway.aliyuncs.com'] }) });
  assert.deepEqual(JSON.parse((await settled(read, { Description: 'this is a test' })).AssumeRolePolicyDocument).Statement[0].Principal, { Service: ['apigateway.aliyuncs.com'] });
  await ram('UpdateRole', { RoleName, NewDescription: 'changed', NewMaxSessionDuration: 7200 });
  await settled(read, { Description: 'changed', MaxSessionDuration: 7200 });
  await ram('UpdateRole', { RoleName, NewDescription: '' });
  assert.ok(blank((await read()).Description));
  // The deprecated way names users and services, and gives the one that was left out as an empty list.
  await ram('UpdateRole', { RoleName, NewAssumeRolePolicyDocument: JSON.stringify({ Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole',
    Principal: { Service: ['ecs.aliyuncs.com'], RAM: [] } }], Version: '1' }) });
  await ram('UpdateRole', { RoleName, NewAssumeRolePolicyDocument: trust({ RAM: [`acs:ram::${at.account}:root`] }) });
  await ram('CreatePolicy', { PolicyName: 'tf-role-policy', PolicyDocument: document(OBJECTS), Tag: tagsText({ Created: 'TF' }) });
  await tagged('policy', 'tf-role-policy', { Created: 'TF' });
  const policies = async () => (await readOr(['EntityNotExist.Role'], () => ram('ListPoliciesForRole', { RoleName })))?.Policies.Policy.map((policy) => `${policy.PolicyType}:${policy.PolicyName}`);
  const attachment = { RoleName, PolicyName: 'tf-role-policy', PolicyType: 'Custom' };
  await ram('AttachPolicyToRole', attachment);
  await ram('AttachPolicyToRole', { RoleName, PolicyName: 'AliyunConfigFullAccess', PolicyType: 'System' });
  assert.deepEqual((await policies()).sort(), ['Custom:tf-role-policy', 'System:AliyunConfigFullAccess']);
  await refused(ram('DeleteRole', { RoleName }), ['DeleteConflict.Role.Policy']);
  for (const policy of await policies()) {
    const [PolicyType, PolicyName] = policy.split(':');
    await ram('DetachPolicyFromRole', { RoleName, PolicyName, PolicyType });
  }
  await refused(ram('DetachPolicyFromRole', attachment), ['EntityNotExist']);
  await gone(read, () => ram('DeleteRole', { RoleName }));
  await refused(ram('DeleteRole', { RoleName }), ['EntityNotExist.Role']);
  assert.equal(await policies(), undefined);
  await ram('DeletePolicy', { PolicyName: 'tf-role-policy' });
});

test('alicloud_ram_access_key, of a user and of the caller', async () => {
  const UserName = 'tf-testAccAccessKey';
  await oldRam('CreateUser', { UserName });
  for (const owner of [{ UserName }, {}]) {
    const { AccessKey } = await oldRam('CreateAccessKey', owner);
    assert.ok(AccessKey.AccessKeySecret);
    const UserAccessKeyId = AccessKey.AccessKeyId;
    const read = () => readOr(['EntityNotExist'], async () => (await oldRam('ListAccessKeys', owner)).AccessKeys.AccessKey.find((key) => key.AccessKeyId === UserAccessKeyId));
    await settled(read, { Status: 'Active' });
    for (const Status of ['Inactive', 'Active']) {
      await oldRam('UpdateAccessKey', { ...owner, UserAccessKeyId, Status });
      await settled(read, { Status });
    }
    await gone(read, () => oldRam('DeleteAccessKey', { ...owner, UserAccessKeyId }));
    await refused(oldRam('DeleteAccessKey', { ...owner, UserAccessKeyId }), ['EntityNotExist']);
  }
  await oldRam('DeleteUser', { UserName });
  assert.equal(await readOr(['EntityNotExist'], () => oldRam('ListAccessKeys', { UserName })), undefined);
});

test('alicloud_ram_login_profile', async () => {
  const UserName = 'tf-testAccLogin@example.com'.replace('@', '.');
  await oldRam('CreateUser', { UserName });
  await ram('CreateLoginProfile', { UserName, Password: 'Yourpassword_1234', PasswordResetRequired: false, MFABindRequired: true });
  const read = () => readOr(['EntityNotExist.User.LoginProfile', 'EntityNotExist.User'], async () => (await ram('GetLoginProfile', { UserName })).LoginProfile);
  await settled(read, { UserName, MFABindRequired: true, PasswordResetRequired: false });
  await ram('UpdateLoginProfile', { UserName, Password: 'Yourpassword_12345', MFABindRequired: false, PasswordResetRequired: true });
  await settled(read, { UserName, MFABindRequired: false, PasswordResetRequired: true });
  await gone(read, () => ram('DeleteLoginProfile', { UserName }));
  await oldRam('DeleteUser', { UserName });
  assert.equal(await read(), undefined);
});

test('alicloud_ram_account_alias', async () => {
  const read = () => readOr(['EntityNotExist'], async () => (await oldRam('GetAccountAlias')).AccountAlias);
  for (const AccountAlias of ['tf-testaccramaccountalias1234567', 'tf-testacc1234567']) {
    await ram('SetAccountAlias', { RegionId: 'cn-hangzhou', AccountAlias });
    assert.equal(await read(), AccountAlias);
  }
  await gone(read, () => ram('ClearAccountAlias', { RegionId: 'cn-hangzhou' }));
});

test('data sources of RAM: users, groups, roles, policies, system policies, attachments', async () => {
  await oldRam('CreateUser', { UserName: 'tf-data-user', DisplayName: 'displayname' });
  await ram('CreateGroup', { GroupName: 'tf-data-group', Comments: 'group comments' });
  await ram('AddUserToGroup', { UserName: 'tf-data-user', GroupName: 'tf-data-group' });
  await ram('CreateRole', { RoleName: 'tf-data-role', AssumeRolePolicyDocument: trust({ Service: ['ecs.aliyuncs.com'] }), Description: 'this is a test' });
  await ram('CreatePolicy', { PolicyName: 'tf-data-policy', PolicyDocument: document(OBJECTS) });
  const attached = { PolicyName: 'tf-data-policy', PolicyType: 'Custom' };
  for (const [kind, name] of [['User', 'tf-data-user'], ['Group', 'tf-data-group'], ['Role', 'tf-data-role']]) await ram(`AttachPolicyTo${kind}`, { ...attached, [`${kind}Name`]: name });
  const users = await marked('ListUsers', (a) => a.Users.User, { MaxItems: 1000 });
  assert.ok(users.every((user) => user.UserId && user.UserName && user.CreateDate));
  const groups = await marked('ListGroups', (a) => a.Groups.Group, { MaxItems: 1000 });
  assert.deepEqual(groups.map((group) => [group.GroupName, group.Comments]), [['tf-data-group', 'group comments']]);
  const roles = await marked('ListRoles', (a) => a.Roles.Role, { MaxItems: 1000 });
  const role = roles.find(({ RoleName }) => RoleName === 'tf-data-role');
  for (const name of ['RoleId', 'Arn', 'CreateDate', 'UpdateDate']) assert.ok(role[name], name);
  assert.equal((await oldRam('GetRole', { RoleName: 'tf-data-role' })).Role.Description, 'this is a test');
  const entities = await oldRam('ListEntitiesForPolicy', attached);
  assert.deepEqual([entities.Users.User[0].UserName, entities.Groups.Group[0].GroupName, entities.Roles.Role[0].RoleName], ['tf-data-user', 'tf-data-group', 'tf-data-role']);
  const own = await ram('ListPolicies', { PolicyType: 'Custom', MaxItems: 50 });
  assert.equal(own.IsTruncated, false);
  assert.deepEqual(own.Policies.Policy.map((p) => [p.PolicyName, p.PolicyType, p.AttachmentCount, p.DefaultVersion]), [['tf-data-policy', 'Custom', 3, 'v1']]);
  for (const name of ['CreateDate', 'UpdateDate']) assert.ok(own.Policies.Policy[0][name], name);
  const system = await ram('ListPolicies', { PolicyType: 'System', MaxResults: 50 });
  assert.ok(blank(system.Marker), 'the last page ends the loop');
  assert.ok(system.Policies.Policy.some((p) => p.PolicyName === 'AdministratorAccess' && p.PolicyType === 'System'));
  const ofRole = (await ram('ListPoliciesForRole', { RoleName: 'tf-data-role' })).Policies.Policy;
  for (const name of ['AttachDate', 'DefaultVersion', 'PolicyName', 'PolicyType']) assert.ok(ofRole[0][name], name);
  const inGroup = (await ram('ListUsersForGroup', { GroupName: 'tf-data-group' })).Users.User;
  assert.deepEqual(inGroup.map((user) => user.UserName), ['tf-data-user']);
});

test('alicloud_caller_identity and alicloud_account', async () => {
  const identity = await old(VERSION.sts, 'GetCallerIdentity');
  assert.equal(identity.AccountId, at.account);
  assert.equal(identity.IdentityType, 'Account');
  assert.ok(identity.PrincipalId);
  assert.equal(identity.Arn, `acs:ram::${at.account}:root`);
});
