// Account groups: who is in them, rules and packs over all their members, and what a member may see of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { code, Organisation } from './organisation.mjs';
import { failure, Server } from './support.mjs';

let server;
let organisation;
let folder;
let shop; // members: two in the folder, one beside it
let bank;
let lab;
let everyone; // groups: RD, FOLDER, CUSTOM
let business;
let chosen;
const keys = {}; // of members, by account id

const call = (action, parameters, as) => organisation.config(action, parameters, as);
const number = (text) => Number(text);
const plain = (value) => JSON.parse(JSON.stringify(value)); // the client's objects have no prototype

const bucket = (accountId, id, grant) => ({ accountId, resourceType: 'ACS::OSS::Bucket', resourceId: id, resourceName: id,
  regionId: 'cn-hangzhou', configuration: { Name: id, AccessControlList: { Grant: grant } } });

const rule = (AggregatorId, ConfigRuleName, more = {}, as = undefined) => call('CreateAggregateConfigRule', {
  AggregatorId, ConfigRuleName, SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 1,
  ResourceTypesScope: 'ACS::OSS::Bucket', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ...more }, as);

const results = async (AggregatorId, ConfigRuleId, more = {}, as = undefined) => {
  const found = {};
  for (let NextToken; NextToken !== ''; ) {
    const { EvaluationResults } = await call('ListAggregateConfigRuleEvaluationResults',
      { AggregatorId, ConfigRuleId, MaxResults: 2, ...(NextToken && { NextToken }), ...more }, as);
    for (const result of EvaluationResults.EvaluationResultList)
      found[result.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId] = result.ComplianceType;
    NextToken = EvaluationResults.NextToken ?? '';
  }
  return found;
};

const membersOf = async (AggregatorId) => {
  const { Aggregator } = await call('GetAggregator', { AggregatorId });
  assert.equal(Aggregator.AggregatorStatus, 1);
  assert.equal(number(Aggregator.AggregatorAccountCount), Aggregator.AggregatorAccounts.length);
  return Aggregator.AggregatorAccounts.map((a) => String(a.AccountId)).filter((id) => id !== organisation.account).sort();
};

before(async () => {
  server = await Server.start();
  organisation = await Organisation.on(server);
  folder = await organisation.folder('business');
  [shop, bank] = [await organisation.member('shop', folder), await organisation.member('bank', folder)];
  lab = await organisation.member('lab');
  for (const id of [shop, bank, lab]) keys[id] = await organisation.enter(id);
  await server.put([bucket(shop, 'shop-open', 'public-read'), bucket(shop, 'shop-closed', 'private'),
    bucket(bank, 'bank-open', 'public-read'), bucket(lab, 'lab-open', 'public-read')]);
});

after(async () => {
  const { code: status } = await server.stop();
  assert.equal(status, 0, server.log);
});

test('groups of the three kinds have the members they should', async () => {
  const make = async (AggregatorName, AggregatorType, more = {}) => (await call('CreateAggregator',
    { AggregatorName, AggregatorType, Description: 'made by a test', ...more })).AggregatorId;
  everyone = await make('everyone', 'RD');
  business = await make('business', 'FOLDER', { FolderId: folder });
  chosen = await make('chosen', 'CUSTOM', { AggregatorAccounts: JSON.stringify([
    { AccountId: number(shop), AccountName: 'shop', AccountType: 'ResourceDirectory' },
    { AccountId: number(lab), AccountName: 'lab', AccountType: 'ResourceDirectory' }]) });
  for (const id of [everyone, business, chosen]) assert.match(id, /^ca-[0-9a-f]{20}$/);
  assert.deepEqual(await membersOf(everyone), [shop, bank, lab].sort());
  assert.deepEqual(await membersOf(business), [shop, bank].sort());
  assert.deepEqual(await membersOf(chosen), [shop, lab].sort());
  const { AggregatorsResult } = await call('ListAggregators', { MaxResults: 2 });
  const rest = await call('ListAggregators', { MaxResults: 2, NextToken: AggregatorsResult.NextToken });
  assert.deepEqual([...AggregatorsResult.Aggregators, ...rest.AggregatorsResult.Aggregators].map((a) => a.AggregatorType).sort(),
    ['CUSTOM', 'FOLDER', 'RD']);
});

test('groups are refused with their documented codes', async () => {
  const make = (parameters, as) => code(call('CreateAggregator', { AggregatorName: 'other', Description: 'x', ...parameters }, as));
  const accounts = (...ids) => JSON.stringify(ids.map((id) => ({ AccountId: number(id), AccountName: 'x', AccountType: 'ResourceDirectory' })));
  assert.equal(await make({ AggregatorName: 'chosen', AggregatorAccounts: accounts(shop) }), 'AggregatorNameDuplicated');
  assert.equal(await make({ AggregatorType: 'CUSTOM' }), 'Invalid.AggregatorAccounts.Empty');
  assert.equal(await make({ AggregatorAccounts: accounts(shop, shop) }), 'AggregatorAccountListItemDuplicated');
  assert.equal(await make({ AggregatorAccounts: accounts('1999999999999999') }), 'Invalid.AggregatorAccounts.Value');
  assert.equal(await make({ AggregatorAccounts: accounts(shop) }, keys[shop]), 'NoPermissionCreateAggregator');
  assert.equal(await code(call('GetAggregator', { AggregatorId: 'ca-00000000000000000000' })), 'Invalid.AggregatorId.Value');
  assert.equal(await code(call('UpdateAggregator', { AggregatorId: everyone, AggregatorName: 'mine' }, keys[shop])), 'AggregatorMemberNoPermission');
  assert.equal(await code(call('DeleteAggregators', { AggregatorIds: everyone }, keys[shop])), 'AggregatorMemberNoPermission');
});

test('a group rule judges every member, and GetAggregateConfigRule tells all of it', async () => {
  const { ConfigRuleId } = await rule(everyone, 'no-public-read', { Description: 'buckets stay closed', InputParameters: '{}',
    RegionIdsScope: 'cn-hangzhou', ExcludeResourceIdsScope: 'nobody', TagKeyScope: 'env', TagValueScope: 'prod', TagKeyLogicScope: 'AND',
    ExcludeTagsScope: JSON.stringify([{ TagKey: 'skip', TagValue: 'yes' }]), AccountIdsScope: [shop, bank].join(','),
    FolderIdsScope: folder, ExcludeAccountIdsScope: lab, ExcludeFolderIdsScope: 'fd-0000000000' });
  const { ConfigRule } = await call('GetAggregateConfigRule', { AggregatorId: everyone, ConfigRuleId });
  assert.deepEqual({ ...ConfigRule.CreateBy }, { AggregatorId: everyone, AggregatorName: 'everyone', CreatorId: organisation.account,
    CreatorName: 'root', CreatorType: 'AGGREGATOR', CompliancePackId: '', CompliancePackName: '' });
  const { CreateTimestamp, ModifiedTimestamp, ConfigRuleEvaluationStatus: status, ManagedRule } = ConfigRule;
  assert.ok(CreateTimestamp > 1.7e12 && ModifiedTimestamp >= CreateTimestamp);
  assert.ok(status.FirstActivatedTimestamp >= CreateTimestamp && typeof status.FirstEvaluationStarted === 'boolean');
  assert.deepEqual([ManagedRule.Identifier, ManagedRule.SourceDetails[0].MessageType, Array.isArray(ManagedRule.Labels)],
    ['oss-bucket-public-read-prohibited', 'ConfigurationItemChangeNotification', true]);
  const expected = { AccountId: organisation.account, ConfigRuleId, ConfigRuleName: 'no-public-read', ConfigRuleState: 'ACTIVE',
    ConfigRuleArn: `acs:config::${organisation.account}:rule/${ConfigRuleId}`, Description: 'buckets stay closed', RiskLevel: 1,
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::OSS::Bucket', RegionIdsScope: 'cn-hangzhou',
    ExcludeResourceIdsScope: 'nobody', TagKeyScope: 'env', TagValueScope: 'prod', TagKeyLogicScope: 'AND', InputParameters: {},
    AccountIdsScope: [shop, bank].join(','), FolderIdsScope: folder, ExcludeAccountIdsScope: lab, ExcludeFolderIdsScope: 'fd-0000000000',
    ExcludeTagsScope: [{ TagKey: 'skip', TagValue: 'yes' }], Compliance: { ComplianceType: 'INSUFFICIENT_DATA', Count: 0 } };
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(plain(ConfigRule[name]), value, name);
  assert.deepEqual([ConfigRule.Source.Owner, ConfigRule.Source.Identifier, ConfigRule.Source.SourceDetails[0].MessageType],
    ['ALIYUN', 'oss-bucket-public-read-prohibited', 'ConfigurationItemChangeNotification']);
  const { ConfigRules } = await call('ListAggregateConfigRules', { AggregatorId: everyone, Keyword: 'public-read' });
  assert.equal(ConfigRules.ConfigRuleList[0].ConfigRuleId, ConfigRuleId);
  await call('DeleteAggregateConfigRules', { AggregatorId: everyone, ConfigRuleIds: ConfigRuleId });
  assert.equal(await code(call('GetAggregateConfigRule', { AggregatorId: everyone, ConfigRuleId })), 'ConfigRuleNotExists');
});

let ruleId;

test('results, statistics and timelines of a group are those of its members', async () => {
  ruleId = (await rule(everyone, 'read')).ConfigRuleId;
  const all = { 'shop-open': 'NON_COMPLIANT', 'shop-closed': 'COMPLIANT', 'bank-open': 'NON_COMPLIANT', 'lab-open': 'NON_COMPLIANT' };
  assert.deepEqual(await results(everyone, ruleId), all);
  assert.deepEqual(await results(everyone, ruleId, { ComplianceType: 'COMPLIANT' }), { 'shop-closed': 'COMPLIANT' });
  assert.deepEqual(await results(everyone, ruleId, { ResourceOwnerId: number(bank) }), { 'bank-open': 'NON_COMPLIANT' });
  const { ConfigRule } = await call('GetAggregateConfigRule', { AggregatorId: everyone, ConfigRuleId: ruleId });
  assert.deepEqual(plain(ConfigRule.Compliance), { ComplianceType: 'NON_COMPLIANT', Count: 3 });
  const group = { AggregatorId: everyone };
  const { ComplianceSummary } = await call('GetAggregateComplianceSummary', group);
  const { ComplianceSummaryByConfigRule: byRule, ComplianceSummaryByResource: byResource } = ComplianceSummary;
  assert.deepEqual([byRule.NonCompliantCount, byRule.TotalCount], [1, 1]);
  assert.deepEqual([byResource.CompliantCount, byResource.NonCompliantCount, byResource.TotalCount, byResource.HighRiskRuleNonCompliantResourceCount], [1, 3, 4, 3]);
  const { ConfigRuleSummaries } = await call('GetAggregateConfigRuleSummaryByRiskLevel', group);
  assert.deepEqual(ConfigRuleSummaries.map((s) => [s.RiskLevel, s.CompliantCount, s.NonCompliantCount]), [[1, 0, 1], [2, 0, 0], [3, 0, 0]]);
  const { ComplianceResult } = await call('GetAggregateResourceComplianceByConfigRule', { ...group, ConfigRuleId: ruleId });
  assert.deepEqual(ComplianceResult.Compliances.map((c) => [c.ComplianceType, c.Count]), [['COMPLIANT', 1], ['NON_COMPLIANT', 3]]);
  const region = await call('GetAggregateResourceComplianceGroupByRegion', { ...group, ConfigRuleIds: ruleId });
  assert.equal(region.ComplianceResult.ComplianceResultList[0].RegionId, 'cn-hangzhou');
  const counts = await call('GetAggregateResourceCountsGroupByResourceType', group);
  assert.equal(counts.DiscoveredResourceCountsSummary.find((c) => c.ResourceType === 'ACS::OSS::Bucket').ResourceCount, 4);
  const inFolder = await call('GetAggregateResourceCountsGroupByRegion', { ...group, FolderId: folder });
  assert.equal(inFolder.DiscoveredResourceCountsSummary[0].ResourceCount, 3);
  const { EvaluationResults } = await call('ListAggregateConfigRuleEvaluationStatistics', group);
  assert.deepEqual([EvaluationResults.at(-1).AggregatorId, EvaluationResults.at(-1).NonCompliantResourceCnt, EvaluationResults.at(-1).TotalRuleCnt], [everyone, 3, 1]);
  const one = { ...group, ResourceType: 'ACS::OSS::Bucket', ResourceId: 'bank-open', Region: 'cn-hangzhou', ResourceAccountId: number(bank), MaxResults: 10 };
  const { ResourceConfigurationTimeline } = await call('GetAggregateResourceConfigurationTimeline', one);
  assert.equal(ResourceConfigurationTimeline.ConfigurationList[0].ResourceId, 'bank-open');
  const { ResourceComplianceTimeline } = await call('GetAggregateResourceComplianceTimeline', one);
  assert.match(ResourceComplianceTimeline.ComplianceList[0].Configuration, /NON_COMPLIANT/);
  const { MaxResults, ...resource } = one;
  const { DiscoveredResourceDetail } = await call('GetAggregateDiscoveredResource', resource);
  assert.equal(String(DiscoveredResourceDetail.AccountId), bank);
  assert.equal(await code(call('GetAggregateDiscoveredResource', { ...resource, ResourceAccountId: number(shop) })), 'Invalid.ResourceId.Value');
  const found = await call('ListAggregateDiscoveredResources', { ...group, MaxResults: 100 });
  assert.equal(found.DiscoveredResourceProfiles.DiscoveredResourceProfileList.length, 4);
  assert.equal(MaxResults, 10);
});

test('a result is ignored and restored', async () => {
  const target = { AggregatorId: everyone, ConfigRuleId: ruleId, Resources: JSON.stringify([
    { ResourceAccountId: number(shop), ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou', ResourceId: 'shop-open' }]) };
  await call('IgnoreAggregateEvaluationResults', { ...target, Reason: 'a test bucket' });
  assert.equal((await results(everyone, ruleId))['shop-open'], 'IGNORED');
  await call('RevertAggregateEvaluationResults', target);
  assert.equal((await results(everyone, ruleId))['shop-open'], 'NON_COMPLIANT');
  const elsewhere = { ...target, AggregatorId: business };
  assert.equal(await code(call('IgnoreAggregateEvaluationResults', elsewhere)), 'ConfigRuleNotExists');
});

test('a pack of a group counts accounts, rules and resources', async () => {
  const { CompliancePackId } = await call('CreateAggregateCompliancePack', { AggregatorId: everyone, CompliancePackName: 'buckets',
    RiskLevel: 1, ConfigRules: JSON.stringify([{ ConfigRuleName: 'in a pack', ManagedRuleIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 1 }]) });
  const pack = { AggregatorId: everyone, CompliancePackId };
  const { CompliancePack } = await call('GetAggregateCompliancePack', pack);
  assert.deepEqual([CompliancePack.Status, CompliancePack.AggregatorId, CompliancePack.ConfigRules.length], ['ACTIVE', everyone, 1]);
  const { AccountComplianceResult } = await call('GetAggregateAccountComplianceByPack', pack);
  const verdicts = Object.fromEntries(AccountComplianceResult.AccountCompliances.map((a) => [a.AccountId, a.ComplianceType]));
  for (const id of [shop, bank, lab]) assert.equal(verdicts[id], 'NON_COMPLIANT');
  assert.equal(AccountComplianceResult.NonCompliantCount, 3);
  const { ConfigRuleComplianceResult } = await call('GetAggregateConfigRuleComplianceByPack', pack);
  assert.deepEqual([ConfigRuleComplianceResult.TotalCount, ConfigRuleComplianceResult.NonCompliantCount], [1, 1]);
  const { ResourceComplianceResult } = await call('GetAggregateResourceComplianceByPack', pack);
  assert.deepEqual([ResourceComplianceResult.TotalCount, ResourceComplianceResult.NonCompliantCount, ResourceComplianceResult.CompliantCount], [4, 3, 1]);
  await call('DeleteAggregateCompliancePacks', { AggregatorId: everyone, CompliancePackIds: CompliancePackId, DeleteRule: true });
  assert.equal(await code(call('GetAggregateCompliancePack', pack)), 'Invalid.CompliancePackId.Value');
});

test('a member sees the rules of its groups and its own resources, and changes nothing', async () => {
  const as = keys[bank];
  assert.equal((await call('GetAggregateConfigRule', { AggregatorId: everyone, ConfigRuleId: ruleId }, as)).ConfigRule.ConfigRuleName, 'read');
  assert.deepEqual(await results(everyone, ruleId, {}, as), { 'bank-open': 'NON_COMPLIANT' });
  assert.deepEqual(await results(everyone, ruleId, { ResourceOwnerId: number(bank) }, as), { 'bank-open': 'NON_COMPLIANT' });
  const foreign = await call('ListAggregateConfigRuleEvaluationResults',
    { AggregatorId: everyone, ConfigRuleId: ruleId, ResourceOwnerId: number(shop) }, as).catch((error) => error);
  assert.doesNotMatch(JSON.stringify(foreign), /shop-open/);
  assert.deepEqual(plain((await call('GetAggregateConfigRule', { AggregatorId: everyone, ConfigRuleId: ruleId }, as)).ConfigRule.Compliance),
    { ComplianceType: 'NON_COMPLIANT', Count: 1 });
  const { EvaluationResults } = await call('ListAggregateConfigRuleEvaluationStatistics', { AggregatorId: everyone }, as);
  assert.deepEqual(EvaluationResults.map((day) => day.TotalResourceCnt), [1]);
  const found = await call('ListAggregateDiscoveredResources', { AggregatorId: everyone, MaxResults: 100 }, as);
  assert.deepEqual(found.DiscoveredResourceProfiles.DiscoveredResourceProfileList.map((r) => r.ResourceId), ['bank-open']);
  const changes = {
    CreateAggregateConfigRule: () => rule(everyone, 'mine', {}, as),
    UpdateAggregateConfigRule: () => call('UpdateAggregateConfigRule', { AggregatorId: everyone, ConfigRuleId: ruleId, RiskLevel: 3 }, as),
    DeactiveAggregateConfigRules: () => call('DeactiveAggregateConfigRules', { AggregatorId: everyone, ConfigRuleIds: ruleId }, as),
    DeleteAggregateConfigRules: () => call('DeleteAggregateConfigRules', { AggregatorId: everyone, ConfigRuleIds: ruleId }, as),
    StartAggregateConfigRuleEvaluation: () => call('StartAggregateConfigRuleEvaluation', { AggregatorId: everyone, ConfigRuleId: ruleId }, as),
  };
  for (const [name, change] of Object.entries(changes)) {
    const error = await failure(change());
    assert.ok(['AggregatorMemberNoPermission', 'NoPermission'].includes(error.code), `${name}: ${error.code}`);
  }
  assert.equal(await code(call('GetAggregateConfigRule', { AggregatorId: chosen, ConfigRuleId: ruleId }, as)), 'Invalid.AggregatorId.Value');
  assert.equal(await code(call('DeleteConfigRules', { ConfigRuleIds: ruleId }, as).then((answer) => {
    throw Object.assign(new Error(), { code: answer.OperateRuleResult.OperateRuleItemList[0].ErrorCode });
  })), 'ConfigRuleNotExists');
});

test('group rules follow a member that comes, moves or leaves, within the same call', async () => {
  const inBusiness = (await rule(business, 'read')).ConfigRuleId;
  assert.deepEqual(Object.keys(await results(business, inBusiness)).sort(), ['bank-open', 'shop-closed', 'shop-open']);
  await organisation.manage('MoveAccount', { AccountId: lab, DestinationFolderId: folder });
  assert.ok((await results(business, inBusiness))['lab-open']);
  await organisation.manage('MoveAccount', { AccountId: lab, DestinationFolderId: organisation.root });
  assert.equal((await results(business, inBusiness))['lab-open'], undefined);
  const fresh = await organisation.member('fresh', folder);
  assert.ok((await membersOf(everyone)).includes(fresh) && (await membersOf(business)).includes(fresh));
  assert.ok(!(await membersOf(chosen)).includes(fresh));
  await server.put([bucket(fresh, 'fresh-open', 'public-read')]);
  assert.equal((await results(business, inBusiness))['fresh-open'], 'NON_COMPLIANT');
  await organisation.manage('PromoteResourceAccount', { AccountId: bank, Email: 'bank@example.com' });
  await organisation.manage('RemoveCloudAccount', { AccountId: bank }, organisation.administrator);
  for (const [group, id] of [[business, inBusiness], [everyone, ruleId]]) assert.equal((await results(group, id))['bank-open'], undefined);
  assert.equal((await call('GetAggregateConfigRule', { AggregatorId: everyone, ConfigRuleId: ruleId })).ConfigRule.Compliance.Count, 3);
  await call('UpdateAggregator', { AggregatorId: chosen, AggregatorAccounts: JSON.stringify([
    { AccountId: number(fresh), AccountName: 'fresh', AccountType: 'ResourceDirectory' }]) });
  assert.deepEqual(await membersOf(chosen), [fresh]);
});

test('a deleted group takes its rules along', async () => {
  const { OperateAggregatorsResult } = await call('DeleteAggregators', { AggregatorIds: [everyone, chosen].join(',') });
  assert.deepEqual(OperateAggregatorsResult.OperateAggregators.map((o) => o.Success), [true, true]);
  assert.equal(await code(call('ListAggregateConfigRules', { AggregatorId: everyone })), 'Invalid.AggregatorId.Value');
  assert.equal(await code(call('GetAggregateConfigRule', { AggregatorId: business, ConfigRuleId: ruleId })), 'ConfigRuleNotExists');
});
