// The calls of the Terraform provider for what resource groups have: policies and their versions, attachments, roles, service-linked
// roles, auto grouping, with the values of its acceptance tests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION } from './organisation.mjs';
import { until } from './support.mjs';
import { at, blank, gone, manager, old, pages, ram, readOr, refused, serve, settled } from './terraform.mjs';

serve();

const oldManager = (name, query) => old(VERSION.manager, name, query);
const OBJECTS = { Action: ['oss:*'], Effect: 'Allow', Resource: ['acs:oss:*:*:*'] };
const document = (...statements) => `        ${JSON.stringify({ Statement: statements, Version: '1' }, undefined, 4)}\n    `;
const statements = (text) => JSON.parse(text).Statement;

/** A policy is read in two steps: the policy, then the version that it, or the state, names. */
const readPolicy = (PolicyName) => readOr(['EntityNotExist.Policy', 'EntityNotExist.Policy.Version'], async () => {
  const { Policy } = await oldManager('GetPolicy', { PolicyName, PolicyType: 'Custom' });
  const { PolicyVersion } = await oldManager('GetPolicyVersion', { PolicyName, PolicyType: 'Custom', VersionId: Policy.DefaultVersion });
  return { ...Policy, document: statements(PolicyVersion.PolicyDocument) };
});

test('alicloud_resource_manager_policy and alicloud_resource_manager_policy_version', async () => {
  const PolicyName = 'tf-testAccResourceManagerPolicy1234567';
  assert.equal((await manager('CreatePolicy', { PolicyName, Description: 'tf policy', PolicyDocument: document(OBJECTS) })).Policy.PolicyName, PolicyName);
  const read = () => readPolicy(PolicyName);
  await settled(read, { PolicyName, PolicyType: 'Custom', Description: 'tf policy', DefaultVersion: 'v1', document: [OBJECTS] });
  const denied = { ...OBJECTS, Effect: 'Deny' };
  const { VersionId } = (await oldManager('CreatePolicyVersion', { PolicyName, PolicyDocument: document(denied), SetAsDefault: false })).PolicyVersion;
  const readVersion = () => readOr(['EntityNotExist.Policy', 'EntityNotExist.Policy.Version'], async () =>
    (await oldManager('GetPolicyVersion', { PolicyName, PolicyType: 'Custom', VersionId })).PolicyVersion);
  const version = await settled(readVersion, { IsDefaultVersion: false });
  assert.deepEqual(statements(version.PolicyDocument), [denied]);
  assert.ok(version.CreateDate);
  for (const id of [VersionId, 'v1']) {
    await manager('SetDefaultPolicyVersion', { PolicyName, VersionId: id });
    await settled(read, { DefaultVersion: id, document: [id === 'v1' ? OBJECTS : denied] });
    await settled(readVersion, { IsDefaultVersion: id === VersionId });
  }
  const listed = (await manager('ListPolicyVersions', { PolicyName, PolicyType: 'Custom' })).PolicyVersions.PolicyVersion;
  assert.deepEqual(listed.map((v) => [v.VersionId, v.IsDefaultVersion]).sort(), [['v1', true], [VersionId, false]]);
  await gone(readVersion, () => oldManager('DeletePolicyVersion', { PolicyName, VersionId }));
  await refused(oldManager('DeletePolicyVersion', { PolicyName, VersionId }), ['EntityNotExist.Policy', 'EntityNotExist.Policy.Version']);
  const own = await pages((page) => oldManager('ListPolicies', { PolicyType: 'Custom', ...page }), (a) => a.Policies.Policy);
  const found = own.find((policy) => policy.PolicyName === PolicyName);
  for (const name of ['AttachmentCount', 'CreateDate', 'DefaultVersion', 'Description', 'PolicyType', 'UpdateDate']) assert.ok(name in found, name);
  await gone(read, () => manager('DeletePolicy', { PolicyName }));
  await refused(manager('DeletePolicy', { PolicyName }), ['EntityNotExist.Policy']);
});

test('alicloud_resource_manager_policy_attachment', async () => {
  const name = 'tf-testAccResourceManagerPolicyAttachment1234567';
  await ram('CreateUser', { UserName: name });
  await manager('CreatePolicy', { PolicyName: name, Description: 'policy_attachment', PolicyDocument: document(OBJECTS) });
  const groups = await pages((page) => manager('ListResourceGroups', page), (a) => a.ResourceGroups.ResourceGroup);
  const [group] = groups.filter((g) => /default/.test(g.Name));
  assert.ok(group, 'every account has a default group');
  assert.equal(groups[0].Id, group.Id);
  const id = { PolicyName: name, PolicyType: 'Custom', PrincipalName: `${name}@${at.account}.onaliyun.com`, PrincipalType: 'IMSUser', ResourceGroupId: group.Id };
  const read = async () => (await readOr(['EntityNotExist.Policy', 'EntityNotExists.ResourceGroup'], () =>
    pages((page) => manager('ListPolicyAttachments', { ...id, Language: 'en', ...page }), (a) => a.PolicyAttachments.PolicyAttachment)))
    ?.find((a) => Object.entries(id).every(([key, value]) => a[key] === value));
  assert.equal(await read(), undefined);
  await manager('AttachPolicy', id);
  const attachment = await settled(read, id);
  for (const member of ['AttachDate', 'Description']) assert.ok(member in attachment, member);
  const swept = await pages((page) => manager('ListPolicyAttachments', { PolicyType: 'Custom', ...page }), (a) => a.PolicyAttachments.PolicyAttachment);
  assert.deepEqual(swept.map((a) => a.PolicyName), [name]);
  await gone(read, () => manager('DetachPolicy', id));
  await manager('DeletePolicy', { PolicyName: name });
  assert.equal(await read(), undefined);
  await refused(manager('DetachPolicy', id), ['EntityNotExist.Policy', 'EntityNotExists.ResourceGroup']);
  await ram('DeleteUser', { UserName: name });
});

const trust = (Effect, Principal) => JSON.stringify({ Statement: [{ Action: 'sts:AssumeRole', Effect, Principal }], Version: '1' }, undefined, 4);

test('alicloud_resource_manager_role', async () => {
  const RoleName = 'tf-testAccResourceManagerRole1234567';
  const root = { RAM: [`acs:ram::${at.account}:root`] };
  const { Role } = await manager('CreateRole', { RoleName, AssumeRolePolicyDocument: trust('Allow', root), Description: 'Test resourceManager role', MaxSessionDuration: 3600 });
  assert.equal(Role.RoleName, RoleName);
  const read = () => readOr(['EntityNotExist.Role'], async () => (await oldManager('GetRole', { RoleName })).Role);
  const role = await settled(read, { RoleName, Description: 'Test resourceManager role', MaxSessionDuration: 3600 });
  assert.deepEqual(statements(role.AssumeRolePolicyDocument), statements(trust('Allow', root)));
  for (const name of ['Arn', 'RoleId', 'UpdateDate']) assert.ok(role[name], name);
  await manager('UpdateRole', { RoleName, NewAssumeRolePolicyDocument: trust('Deny', root) });
  assert.equal(statements((await read()).AssumeRolePolicyDocument)[0].Effect, 'Deny');
  await manager('UpdateRole', { RoleName, NewAssumeRolePolicyDocument: trust('Allow', root), NewMaxSessionDuration: 7200 });
  await settled(read, { MaxSessionDuration: 7200, Description: 'Test resourceManager role' });
  const roles = await pages((page) => manager('ListRoles', page), (a) => a.Roles.Role);
  const found = roles.find((r) => r.RoleName === RoleName);
  for (const name of ['Arn', 'Description', 'MaxSessionDuration', 'RoleId', 'UpdateDate']) assert.ok(name in found, name);
  await gone(read, () => manager('DeleteRole', { RoleName }));
  await refused(manager('DeleteRole', { RoleName }), ['EntityNotExist.Role']);
});

test('alicloud_resource_manager_service_linked_role is read through RAM', async () => {
  const { Role } = await manager('CreateServiceLinkedRole', { ServiceName: 'engine.dataworks.aliyuncs.com' });
  const { RoleName } = Role;
  const read = () => readOr(['EntityNotExist.Role'], async () => (await old(VERSION.ram, 'GetRole', { RoleName })).Role);
  const role = await settled(read, { RoleName });
  for (const name of ['RoleId', 'Arn']) assert.ok(role[name], name);
  const { DeletionTaskId } = await manager('DeleteServiceLinkedRole', { RoleName });
  await until(async () => (await manager('GetServiceLinkedRoleDeletionStatus', { DeletionTaskId })).Status === 'SUCCEEDED');
  assert.equal(await read(), undefined);
});

const condition = (featurePath, operator, desired) => JSON.stringify({ children: [{ desired, featurePath, featureSource: 'RESOURCE', operator }], operator: 'and' });
const target = (id) => condition('$.resourceGroupId', 'StringEquals', id);

test('alicloud_resource_manager_auto_grouping_rule: scopes come and go in pairs', async () => {
  const ids = [];
  for (const Name of ['tf-target-0', 'tf-target-1', 'tf-target-2']) ids.push((await manager('CreateResourceGroup', { Name, DisplayName: Name })).ResourceGroup.Id);
  const written = { RuleName: '资源用例测试规则', RuleType: 'custom_condition' };
  let contents = [{ TargetResourceGroupCondition: target(ids[0]), AutoGroupingScopeCondition: '' }];
  const { RuleId } = await manager('CreateAutoGroupingRule', { ...written, RuleContents: contents });
  const read = () => readOr(['EntityNotExists.AutoGroupingRule'], async () => (await manager('GetAutoGroupingRule', { RuleId })).Rule);
  const SCOPES = ['RegionIdsScope', 'ResourceGroupIdsScope', 'ResourceIdsScope', 'ResourceTypesScope'].flatMap((name) => [name, `Exclude${name}`]);
  const scopes = {};
  const agrees = async () => {
    const rule = await settled(read, written);
    for (const name of [...SCOPES, 'RuleDesc']) assert.equal(rule[name] ?? '', { ...scopes, ...written }[name] ?? '', name);
    assert.deepEqual(rule.RuleContents.map((c) => [c.TargetResourceGroupCondition, c.AutoGroupingScopeCondition ?? '']),
      contents.map((c) => [c.TargetResourceGroupCondition, c.AutoGroupingScopeCondition]));
  };
  const { RuleType, ...changeable } = written;
  const update = async (more = {}) => {
    Object.assign(written, more);
    await manager('UpdateAutoGroupingRule', { RuleId, ...changeable, ...more, ...scopes, RuleContents: contents });
    await agrees();
  };
  await agrees();
  for (const [name, value] of [['ResourceGroupIdsScope', ids[2]], ['RegionIdsScope', 'cn-beijing'], ['ResourceIdsScope', 'dmock-xxxx'], ['ResourceTypesScope', 'ecs.instance']]) {
    for (const [set, removed] of [[`Exclude${name}`, name], [name, `Exclude${name}`], [`Exclude${name}`, name]]) {
      delete scopes[removed];
      scopes[set] = value;
      await update();
    }
  }
  contents = ['name_b', 'name_c', 'name_d'].map((name, i) => ({ TargetResourceGroupCondition: target(ids[i]), AutoGroupingScopeCondition: condition('$.resourceName', 'StringEqualsAny', name) }));
  await update();
  await update({ RuleName: '资源用例测试规则_2' });
  await update({ RuleName: '资源用例测试规则_2', RuleDesc: '资源用例测试规则_2' });
  await gone(read, () => manager('DeleteAutoGroupingRule', { RuleId }));
});

test('a resource group without a display name of its own, and its tags', async () => {
  const { Id } = (await manager('CreateResourceGroup', { Name: 'tf-rd1234567', DisplayName: 'terraform-test' })).ResourceGroup;
  const tags = async () => (await manager('ListTagResources', { ResourceType: 'ResourceGroup', ResourceId: [Id] }));
  assert.deepEqual((await tags()).TagResources, []);
  assert.ok(blank((await tags()).NextToken), 'the last page ends the loop');
  await refused(manager('CreateResourceGroup', { Name: 'tf-rd1234567', DisplayName: 'again' }), ['EntityAlreadyExists.ResourceGroup']);
  const sources = await pages((page) => manager('ListResourceGroups', { Status: 'OK', ...page }), (a) => a.ResourceGroups.ResourceGroup);
  for (const name of ['AccountId', 'DisplayName', 'Id', 'Name', 'Status']) assert.ok(sources.every((g) => name in g), name);
  await manager('DeleteResourceGroup', { ResourceGroupId: Id });
});
