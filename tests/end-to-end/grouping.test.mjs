// Resource groups that fill themselves: rules, what is associated, the log, and who may see what.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { allow, code, policy, Organisation, VERSION } from './organisation.mjs';
import { Server } from './support.mjs';

let server;
let org;
const group = {};

/** By POST: most of these operations know no other method. */
const manage = (action, parameters = {}, keys) => server.client(VERSION.manager, keys ?? server.credentials)
  .request(action, { RegionId: 'cn-shanghai', ...parameters }, { method: 'POST', timeout: 60000 });
const put = (items) => server.put(items);
const instance = (resourceId, more = {}) => ({ resourceType: 'ACS::ECS::Instance', regionId: 'cn-hangzhou', resourceId,
  configuration: { InstanceId: resourceId }, ...more });
const disk = (resourceId, InstanceId, more = {}) => ({ resourceType: 'ACS::ECS::Disk', regionId: 'cn-hangzhou', resourceId,
  configuration: { DiskId: resourceId, InstanceId }, ...more });

const leaf = (operator, desired, featurePath = '$.tags', featureSource = 'RESOURCE') => ({ operator, desired, featurePath, featureSource });
const target = (id) => JSON.stringify({ operator: 'and', children: [leaf('StringEquals', id, '$.resourceGroupId')] });
const when = (...children) => JSON.stringify({ operator: 'and', children });
const content = (id, ...children) => ({ TargetResourceGroupCondition: target(id),
  ...(children.length ? { AutoGroupingScopeCondition: when(...children) } : {}) });

/** Where the server says a resource is. */
async function groupOf(ResourceId) {
  const { Resources } = await manage('ListResources', { ResourceId });
  return Resources.Resource[0]?.ResourceGroupId;
}

before(async () => {
  server = await Server.start();
  org = await Organisation.on(server);
  for (const Name of ['online', 'offline', 'loose']) {
    group[Name] = (await manage('CreateResourceGroup', { Name, DisplayName: `${Name}-shown` })).ResourceGroup.Id;
  }
});
after(() => server.stop());

test('a rule puts new resources into its group, and keeps them there', async () => {
  const contents = [content(group.online, leaf('TagMatchAll', JSON.stringify({ env: 'online', team: "o'neil" })))];
  const { RuleId } = await manage('CreateAutoGroupingRule', { RuleName: 'by tag', RuleType: 'custom_condition', RuleContents: contents });
  await put([instance('i-off', { tags: { env: 'online', team: "o'neil" } })]);
  assert.equal(await groupOf('i-off'), '', 'auto grouping is off');
  await manage('EnableAutoGrouping');
  assert.deepEqual((({ EnableStatus, EnableExistedResourcesTransfer }) => ({ EnableStatus, EnableExistedResourcesTransfer }))(
    await manage('GetAutoGroupingStatus')), { EnableStatus: 'Enable', EnableExistedResourcesTransfer: false });
  const items = [instance('i-1', { tags: { env: 'online', team: "o'neil" } }), instance('i-2', { tags: { env: 'online' } })];
  await put(items);
  assert.equal(await groupOf('i-1'), group.online);
  assert.equal(await groupOf('i-2'), '');
  assert.equal(await groupOf('i-off'), '', 'what was there before stays');
  const again = await put(items);
  assert.equal(again.Unchanged, 2, 'recorded again it stays where it was put');
  assert.equal(await groupOf('i-1'), group.online);
  await manage('UpdateAutoGroupingConfig', { EnableExistingResourcesTransfer: true });
  assert.equal(await groupOf('i-off'), group.online);
  const { Remediations } = await manage('ListAutoGroupingRemediations', { RuleId });
  assert.deepEqual(Remediations.map((one) => one.ResourceId), ['i-off', 'i-1']);
  assert.equal(Remediations[0].TargetResourceGroupInfo.ResourceGroupDisplayName, 'online-shown');
  assert.equal(Remediations[0].Service, 'ecs');
  assert.equal((await manage('ListAutoGroupingRemediations', { RuleId, ResourceId: 'i-1' })).Remediations.length, 1);
  const { Rule } = await manage('GetAutoGroupingRule', { RuleId });
  assert.equal(Rule.RuleName, 'by tag');
  assert.match(Rule.RuleContents[0].RuleContentId, /^grc-/);
  await manage('UpdateAutoGroupingRule', { RuleId, RuleName: 'by tag', ResourceTypesScope: 'ecs.disk',
    RuleContents: [{ ...contents[0], RuleContentId: Rule.RuleContents[0].RuleContentId }] });
  await put([instance('i-3', { tags: { env: 'online', team: "o'neil" } })]);
  assert.equal(await groupOf('i-3'), '', 'instances are out of scope now');
  assert.equal((await manage('GetAutoGroupingRule', { RuleId })).Rule.ResourceTypesScope, 'ecs.disk');
  await manage('DeleteAutoGroupingRule', { RuleId });
  assert.equal(await code(manage('GetAutoGroupingRule', { RuleId })), 'EntityNotExists.AutoGroupingRule');
});

test('the first rule that matches decides; scopes restrict and take out', async () => {
  const rule = (RuleName, more) => manage('CreateAutoGroupingRule', { RuleName, RuleType: 'custom_condition', ...more });
  const first = await rule('names', { RegionIdsScope: 'cn-beijing,cn-shanghai', ExcludeResourceIdsScope: 'i-not',
    RuleContents: [content(group.online, leaf('StringEquals', 'prod', '$.resourceName')),
      content(group.offline, leaf('StringEquals', 'test', '$.resourceName'))] });
  const second = await rule('rest', { RegionIdsScope: 'cn-beijing', RuleContents: [content(group.loose)] });
  const at = (id, regionId, resourceName) => ({ ...instance(id), regionId, resourceName });
  await put([at('i-a', 'cn-shanghai', 'prod'), at('i-b', 'cn-beijing', 'test'), at('i-c', 'cn-beijing', 'none'),
    at('i-d', 'cn-hangzhou', 'prod'), at('i-not', 'cn-shanghai', 'prod')]);
  assert.deepEqual(await Promise.all(['i-a', 'i-b', 'i-c', 'i-d', 'i-not'].map(groupOf)),
    [group.online, group.offline, group.loose, '', '']);
  const page = await manage('ListAutoGroupingRules', { MaxResults: 1 });
  assert.equal(page.Rules[0].RuleName, 'names');
  const next = await manage('ListAutoGroupingRules', { MaxResults: 1, NextToken: page.NextToken });
  assert.deepEqual([next.Rules[0].RuleName, next.NextToken], ['rest', undefined]);
  await manage('DeleteAutoGroupingRule', { RuleId: first.RuleId });
  const behind = await manage('ListAutoGroupingRules', { MaxResults: 1, NextToken: page.NextToken });
  assert.deepEqual(behind.Rules.map((one) => one.RuleName), ['rest'], 'the rule that a page ended with may be gone');
  await manage('DeleteAutoGroupingRule', { RuleId: second.RuleId });
});

test('rules that say nothing sensible are refused', async () => {
  const create = (...RuleContents) => manage('CreateAutoGroupingRule', { RuleName: 'bad', RuleType: 'custom_condition', RuleContents });
  const wrong = async (content) => code(create(content));
  assert.equal(await wrong({ TargetResourceGroupCondition: target('rg-none') }), 'EntityNotExists.ResourceGroup');
  assert.equal(await wrong({ TargetResourceGroupCondition: '{' }), 'InvalidParameter.RuleContents');
  assert.equal(await wrong(content(group.online, leaf('TagMatchAll', 'x'))), 'InvalidParameter.RuleContents');
  assert.equal(await wrong(content(group.online, leaf('NoSuchOperator', 'x'))), 'InvalidParameter.RuleContents');
  assert.equal(await wrong(content(group.online, leaf('StringEquals', 'x', '$.x', 'ELSEWHERE'))), 'InvalidParameter.RuleContents');
  assert.equal(await code(manage('ListAutoGroupingRemediations', { RuleId: 'gr-none' })), 'EntityNotExists.AutoGroupingRule');
});

test('associated resources follow theirs', async () => {
  assert.equal(await code(manage('ListAssociatedTransferSetting')), 'EntityNotExists.AssociatedTransferSetting');
  assert.equal(await code(manage('UpdateAssociatedTransferSetting', { EnableExistingResourcesTransfer: 'true' })),
    'UnsupportedOperation.UpdateAssociatedTransferRuleSetting');
  await put([instance('i-m'), disk('d-1', 'i-m'), disk('d-2', 'i-other')]);
  const move = (ResourceId, ResourceType, to) => manage('MoveResources', { ResourceGroupId: to,
    Resources: [{ ResourceId, ResourceType, Service: 'ecs', RegionId: 'cn-hangzhou' }] });
  await move('i-m', 'instance', group.offline);
  assert.equal(await groupOf('d-1'), '', 'the transfer is off');
  await manage('EnableAssociatedTransfer');
  assert.equal(await code(manage('EnableAssociatedTransfer')), 'UnsupportedOperation.RepeatEnableAssociatedTransferSetting');
  await move('i-m', 'instance', group.online);
  assert.deepEqual(await Promise.all(['i-m', 'd-1', 'd-2'].map(groupOf)), [group.online, group.online, '']);
  await put([instance('i-m', { resourceGroupId: group.loose })]);
  assert.equal(await groupOf('d-1'), group.loose, 'a change that is recorded moves them as well');
  await put([disk('d-new', 'i-m')]);
  assert.equal(await groupOf('d-new'), group.loose);
  const refused = await move('d-1', 'disk', group.offline);
  assert.equal(refused.Responses[0].ErrorCode, 'NotAllowMove.ExistsAssociatedTransferRule');
  const off = { MasterService: 'ecs', MasterResourceType: 'instance', AssociatedService: 'ecs', AssociatedResourceType: 'disk', Status: 'Disable' };
  await manage('UpdateAssociatedTransferSetting', { RuleSettings: [off] });
  await move('i-m', 'instance', group.offline);
  assert.equal(await groupOf('d-1'), group.loose, 'disks do not follow any more');
  assert.equal(await code(manage('UpdateAssociatedTransferSetting', { RuleSettings: [{ ...off, MasterService: 'nothing' }] })),
    'EntityNotExists.AssociatedTransferRule');
  await manage('UpdateAssociatedTransferSetting', { RuleSettings: [{ ...off, Status: 'Enable' }], EnableExistingResourcesTransfer: 'true' });
  assert.equal(await groupOf('d-1'), group.offline, 'existing ones are taken up');
  const { AssociatedTransferSetting: setting } = await manage('ListAssociatedTransferSetting');
  assert.equal(setting.Status, 'Enable');
  assert.equal(setting.EnableExistingResourcesTransfer, 'true');
  assert.ok(setting.RuleSettings.some((one) => one.AssociatedResourceType === 'disk' && one.Status === 'Enable'));
  await manage('DisableAssociatedTransfer');
  assert.equal(await code(manage('DisableAssociatedTransfer')), 'UnsupportedOperation.RepeatDisableAssociatedTransferSetting');
  assert.equal((await manage('ListAssociatedTransferSetting')).AssociatedTransferSetting.Status, 'Disable');
});

test('the log tells who joined and left', async () => {
  await put([instance('i-log', { resourceGroupId: group.online })]);
  await put([instance('i-log', { resourceGroupId: group.offline })]);
  await put([instance('i-log', { resourceEventType: 'REMOVE' })]);
  const look = (more) => manage('LookupResourceGroupEvents', { EventCategory: 'MemberShipChange', MaxResults: '50',
    LookupAttributes: [{ Key: 'ResourceId', Value: 'i-log' }], ...more });
  const { Events } = await look();
  assert.deepEqual(Events.map((one) => [one.ChangeType, one.ResourceGroupDisplayName]), [['Remove', 'offline-shown'],
    ['Add', 'offline-shown'], ['Remove', 'online-shown'], ['Add', 'online-shown']]);
  assert.equal(Events[1].SourceResourceGroupInfo.ResourceGroupId, group.online);
  assert.equal(Events[1].TargetResourceGroupInfo.ResourceGroupId, group.offline);
  assert.equal((await look({ ResourceGroupId: group.online })).Events.length, 2);
  assert.equal((await look({ EndTime: '2001-01-01 00:00:00' })).Events.length, 0);
  const page = await look({ MaxResults: '3' });
  assert.equal(page.Events.length, 3);
  assert.equal((await look({ MaxResults: '3', NextToken: page.NextToken })).Events.length, 1);
  assert.equal(await code(look({ EventCategory: 'Weather' })), 'InvalidParameter.EventCategory');
  assert.equal(await code(look({ LookupAttributes: [{ Key: 'Colour', Value: 'x' }] })), 'InvalidParameter.LookupAttributes');
});

test('groups with what the caller may see in them', async () => {
  const keys = await org.person('looker', { document: policy(allow('resourcemanager:*')) });
  await org.ram('CreatePolicy', { PolicyName: 'instances', PolicyDocument: policy(allow('ecs:DescribeInstances')) });
  await manage('AttachPolicy', { PolicyType: 'Custom', PolicyName: 'instances', PrincipalType: 'IMSUser',
    PrincipalName: `looker@${org.account}.onaliyun.com`, ResourceGroupId: group.online });
  const types = { ResourceTypes: [{ Service: 'ecs', ResourceTypeCode: 'instance' }] };
  const { AuthDetails: [detail], ResourceGroups } = await manage('ListResourceGroupsWithAuthDetails', types, keys);
  assert.equal(detail.AccountScopeAuth, false);
  assert.deepEqual(detail.AuthOfResourceGroups.filter((one) => one.HasPermission).map((one) => one.ResourceGroupId), [group.online]);
  assert.equal(ResourceGroups.length, 4, 'those of the test and the default one');
  const { AuthDetails: [owner] } = await manage('ListResourceGroupsWithAuthDetails', types);
  assert.equal(owner.AccountScopeAuth, true);
});
