// A random walk of a compliance officer over the HTTP API: after each step every list, count and summary must tell the
// same, and for rules that run what a model of the resources, scopes, packs and ignored results tells.
// reference/evaluation-semantics.md, sections 2, 6, 9, 10. PLUMBLINE_SEED and PLUMBLINE_STEPS take other walks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Organisation } from './organisation.mjs';
import { Server, until } from './support.mjs';
import { numbersOf } from './walk.mjs';

const J = JSON.stringify;
const seed = Number(process.env.PLUMBLINE_SEED ?? 20261122);
const steps = Number(process.env.PLUMBLINE_STEPS ?? 30);
const TYPES = ['ACS::OSS::Bucket', 'ACS::ECS::Instance'];
const REGIONS = ['cn-hangzhou', 'cn-shanghai'];
const RESULTS = ['COMPLIANT', 'NON_COMPLIANT', 'NOT_APPLICABLE', 'INSUFFICIENT_DATA', 'IGNORED'];
/** Which result a rule, pack or account has: the first class that is not empty. */
const ORDER = ['NON_COMPLIANT', 'COMPLIANT', 'IGNORED', 'NOT_APPLICABLE'];

const below = numbersOf(seed);
const one = (list) => list[below(list.length)];
const some = (list) => list.filter(() => below(2));

let server;
let org;
let folder;
const accounts = [];
/** Who has rules and packs: the management account, and its groups. { group, members(), rules: Map, packs: Map } */
const owners = [];
const resources = new Map();
const trail = [];
let serial = 0;

const keyOf = (r) => `${r.accountId}/${r.regionId}/${r.resourceType}/${r.resourceId}`;
const call = (action, parameters) => server.client().request(action, { RegionId: 'cn-shanghai', ...parameters }, { method: 'POST', timeout: 60000 });
const read = (action, parameters) => server.call(action, parameters);

/** An operation in its form for the owner: GetConfigRule of a group is GetAggregateConfigRule. */
const named = (owner, action) => (owner.group ? action.replace(/^(Get|List|Create|Update|Delete|Start|Ignore|Revert|Active|Deactive|Attach|Detach)/, '$1Aggregate') : action);
const ask = (owner, action, parameters) => read(named(owner, action), { ...(owner.group && { AggregatorId: owner.group }), ...parameters });
const tell = (owner, action, parameters) => call(named(owner, action), { ...(owner.group && { AggregatorId: owner.group }), ...parameters });

async function pages(fetch) {
  const all = [];
  let token = '';
  do {
    const [list, next] = await fetch(token && { NextToken: token });
    all.push(...list);
    token = next;
  } while (token);
  return all;
}

// --- The model -----------------------------------------------------------------------------------------------

const matches = (scope, r) =>
  (!scope.RegionIdsScope || scope.RegionIdsScope === r.regionId) &&
  (!scope.ExcludeResourceIdsScope || !scope.ExcludeResourceIdsScope.split(',').includes(r.resourceId)) &&
  (!scope.ResourceGroupIdsScope || scope.ResourceGroupIdsScope === r.resourceGroupId) &&
  (!scope.TagsScope || r.tags[scope.TagsScope[0].TagKey] === scope.TagsScope[0].TagValue) &&
  (!scope.ExcludeTagsScope || r.tags[scope.ExcludeTagsScope[0].TagKey] !== scope.ExcludeTagsScope[0].TagValue);

/** Types that the management account records; the others record all. */
let recorded = TYPES;
const isRecorded = (r) => r.accountId !== org.account || recorded.includes(r.resourceType);

const covers = (owner, rule, r) => r.resourceType === rule.type && isRecorded(r) && owner.members.includes(r.accountId) && matches(rule.scope, r) &&
  [...owner.packs.values()].every((pack) => !pack.rules.has(rule.id) || matches(pack.scope, r));

function verdict(rule, r) {
  if (rule.cpu) return r.configuration.Cpu >= rule.cpu ? 'COMPLIANT' : 'NON_COMPLIANT';
  const grant = r.configuration.AccessControlList?.Grant;
  return grant === undefined ? 'INSUFFICIENT_DATA' : grant === 'private' ? 'COMPLIANT' : 'NON_COMPLIANT';
}

/**
 * What a rule must show: results by resource. A disabled one keeps what it has found, and knows nothing of what has come
 * since. Marks of resources that are not covered any more go.
 */
function expected(owner, rule) {
  const shown = {};
  for (const [key, r] of resources)
    if (covers(owner, rule, r)) shown[key] = rule.active ? verdict(rule, r) : rule.shown[key] ?? 'INSUFFICIENT_DATA';
  for (const key of rule.ignored) if (key in shown) shown[key] = 'IGNORED'; else rule.ignored.delete(key);
  return (rule.shown = shown);
}

// --- The steps -----------------------------------------------------------------------------------------------

const scopes = () => one([{}, {}, {}, { RegionIdsScope: one(REGIONS) }, { TagsScope: [{ TagKey: 'env', TagValue: 'prod' }] },
  { ExcludeTagsScope: [{ TagKey: 'env', TagValue: 'prod' }] }, { ResourceGroupIdsScope: 'rg-a' }, { ExcludeResourceIdsScope: 'r1,r2' }]);

async function put(...items) {
  for (const r of items) if (isRecorded(r)) resources.set(keyOf(r), r);
  await server.put(items);
}

const random = (accountId, n) => {
  const resourceType = TYPES[n % 2];
  const configuration = resourceType === TYPES[1] ? { Cpu: 1 + below(4) }
    : one([{}, { AccessControlList: { Grant: 'private' } }, { AccessControlList: { Grant: 'public-read' } }]);
  return { accountId, resourceType, resourceId: `r${n}`, regionId: REGIONS[n >> 2 & 1], resourceGroupId: one(['rg-a', 'rg-b']),
    tags: one([{}, { env: 'prod' }, { env: 'test' }]), configuration };
};

const RULE = { ALIYUN: { SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited', ResourceTypesScope: TYPES[0] },
  OWN: { SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration', ResourceTypesScope: TYPES[1] } };
const conditions = (cpu) => J({ ComplianceConditions: J({ operator: 'and', children: [
  { operator: 'GreaterOrEquals', featurePath: '$.Cpu', featureSource: 'CONFIGURATION', desired: String(cpu) }] }) });

async function createRule(owner) {
  const cpu = below(2) * (1 + below(4));
  const scope = scopes();
  const rule = { type: TYPES[cpu ? 1 : 0], cpu, scope, risk: 1 + below(3), active: true, shown: {}, ignored: new Set(), name: `rule-${serial++}` };
  rule.id = (await tell(owner, 'CreateConfigRule', { ...(cpu ? RULE.OWN : RULE.ALIYUN), ...(cpu && { Conditions: conditions(cpu) }), ...scope,
    ConfigRuleName: rule.name, RiskLevel: rule.risk, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' })).ConfigRuleId;
  owner.rules.set(rule.id, rule);
}

async function updateRule(owner) {
  const rule = one([...owner.rules.values()]);
  if (!rule) return;
  const cpu = rule.cpu && 1 + below(4);
  const risk = 1 + below(3);
  const scope = scopes();
  await tell(owner, 'UpdateConfigRule', { ConfigRuleId: rule.id, RiskLevel: risk, ...(cpu && { Conditions: conditions(cpu) }), ...scope });
  Object.assign(rule, { cpu, risk, scope: { ...rule.scope, ...scope } });
}

const operated = (answer) => (answer.OperateRuleResult ?? answer.OperateResult).OperateRuleItemList ?? answer.OperateRuleResult.OperateRuleItemList;

async function switchRule(owner) {
  const rule = one([...owner.rules.values()]);
  if (!rule) return;
  const [item] = operated(await tell(owner, rule.active ? 'DeactiveConfigRules' : 'ActiveConfigRules', { ConfigRuleIds: rule.id }));
  assert.equal(item.ErrorCode ?? '', '', 'the rule is switched');
  rule.active = !rule.active;
}

/** All rules of a package at once; those that are so already are told one by one. */
async function switchPack(owner) {
  const pack = one([...owner.packs.values()]);
  if (!pack) return;
  const on = below(2) === 1;
  const items = operated(await tell(owner, on ? 'ActiveConfigRules' : 'DeactiveConfigRules', { CompliancePackId: pack.id }));
  const before = Object.fromEntries([...pack.rules].map((id) => [id, owner.rules.get(id).active !== on]));
  assert.deepEqual(Object.fromEntries(items.map((item) => [item.ConfigRuleId, item.Success])), before, pack.name);
  for (const id of pack.rules) owner.rules.get(id).active = on;
}

async function record() {
  recorded = one([TYPES, TYPES, [TYPES[0]], [TYPES[1]]]);
  await call('UpdateConfigurationRecorder', { ResourceTypes: recorded.join() });
}

async function deleteRule(owner) {
  const free = [...owner.rules.values()].filter((rule) => ![...owner.packs.values()].some((pack) => pack.rules.has(rule.id)));
  const rule = one(free);
  if (!rule || owner.rules.size < 3) return;
  await tell(owner, 'DeleteConfigRules', { ConfigRuleIds: rule.id });
  owner.rules.delete(rule.id);
}

async function createPack(owner) {
  const rules = some([...owner.rules.keys()]);
  if (!rules.length || owner.packs.size > 3) return;
  const scope = scopes();
  const pack = { scope, rules: new Set(rules), name: `pack-${serial++}` };
  pack.id = (await tell(owner, 'CreateCompliancePack', { CompliancePackName: pack.name, RiskLevel: 2, ...scope,
    ConfigRules: J(rules.map((ConfigRuleId) => ({ ConfigRuleId }))) })).CompliancePackId;
  owner.packs.set(pack.id, pack);
}

async function updatePack(owner) {
  const pack = one([...owner.packs.values()]);
  if (!pack) return;
  const scope = scopes();
  await tell(owner, 'UpdateCompliancePack', { CompliancePackId: pack.id, ...scope });
  Object.assign(pack.scope, scope);
}

async function joinPack(owner) {
  const pack = one([...owner.packs.values()]);
  const rule = one([...owner.rules.keys()]);
  if (!pack || !rule) return;
  if (pack.rules.has(rule) && pack.rules.size === 1) return;
  const leave = pack.rules.has(rule);
  await tell(owner, `${leave ? 'Detach' : 'Attach'}ConfigRuleToCompliancePack`, { CompliancePackId: pack.id, ConfigRuleIds: rule });
  pack.rules[leave ? 'delete' : 'add'](rule);
}

async function deletePack(owner) {
  const pack = one([...owner.packs.values()]);
  if (!pack || below(2)) return;
  const DeleteRule = below(2) === 1;
  const { OperateCompliancePacksResult: done } = await tell(owner, 'DeleteCompliancePacks', { CompliancePackIds: pack.id, DeleteRule });
  assert.ok(done.OperateCompliancePacks[0].Success);
  owner.packs.delete(pack.id);
  if (!DeleteRule) return;
  const left = new Set((await listRules(owner)).map((rule) => rule.ConfigRuleId));
  for (const id of pack.rules) {
    if (left.has(id)) continue;
    owner.rules.delete(id);
    for (const other of owner.packs.values()) other.rules.delete(id);
  }
}

/** Ignores a deviation, or takes that back. */
async function ignore(owner) {
  const results = (await listResults(owner)).filter((result) => owner.rules.get(result.rule)?.active);
  const result = one(results.filter((r) => r.type === (below(3) ? 'NON_COMPLIANT' : 'IGNORED')));
  if (!result) return;
  const revert = result.type === 'IGNORED';
  const [account, region, type, id] = result.key.split('/');
  const Resources = J([{ ResourceAccountId: account, ResourceType: type, Region: region, ResourceId: id }]);
  await tell(owner, `${revert ? 'Revert' : 'Ignore'}EvaluationResults`, { ConfigRuleId: result.rule, Resources,
    ...(!revert && { Reason: 'known', IgnoreDate: '2099-01-01' }) });
  owner.rules.get(result.rule).ignored[revert ? 'delete' : 'add'](result.key);
}

async function evaluate(owner) {
  const rule = one([...owner.rules.values()].filter((r) => r.active));
  const pack = below(2) ? one([...owner.packs.values()].filter((p) => [...p.rules].some((id) => owner.rules.get(id).active))) : undefined;
  const RevertEvaluation = below(3) === 0;
  if (!rule) return;
  await tell(owner, 'StartConfigRuleEvaluation', { ...(pack ? { CompliancePackId: pack.id } : { ConfigRuleId: rule.id }), RevertEvaluation });
  for (const id of RevertEvaluation ? pack?.rules ?? [rule.id] : [])
    if (owner.rules.get(id).active) owner.rules.get(id).ignored.clear();
}

async function remove() {
  const r = one([...resources.values()]);
  if (resources.size < 8 || !isRecorded(r)) return;
  resources.delete(keyOf(r));
  await server.put([{ ...r, resourceEventType: 'REMOVE' }]);
}

async function move() {
  const AccountId = one(accounts.slice(1));
  const inside = owners[2].members.includes(AccountId);
  await org.manage('MoveAccount', { AccountId, DestinationFolderId: inside ? org.root : folder });
}

const change = () => put(...Array.from({ length: 1 + below(3) }, () => random(one(accounts), below(10))));
const STEPS = [change, change, change, change, remove, move, createRule, createRule, updateRule, updateRule, switchRule, switchRule, switchPack, deleteRule, record,
  createPack, createPack, updatePack, joinPack, joinPack, deletePack, ignore, ignore, ignore, evaluate];

/** Nothing is evaluated any more. */
const settled = () => until(async () => {
  const text = await (await fetch(`${server.endpoint}/metrics`)).text();
  if (/^plumbline_evaluation_runs_(waiting|running) [1-9]/m.test(text)) return false;
  for (const owner of owners) if ((await listRules(owner)).some((rule) => /EVALUATING|DELETING/.test(rule.ConfigRuleState))) return false;
  return true;
});

// --- What the operations tell --------------------------------------------------------------------------------

async function listRules(owner, filter = {}) {
  const all = [];
  for (let PageNumber = 1; ; PageNumber++) {
    const { ConfigRules: page } = await ask(owner, 'ListConfigRules', { PageNumber, PageSize: 100, ...filter });
    all.push(...page.ConfigRuleList);
    if (all.length >= page.TotalCount || page.ConfigRuleList.length === 0) return all;
  }
}

const resultOf = (result) => {
  const q = result.EvaluationResultIdentifier.EvaluationResultQualifier;
  return { rule: q.ConfigRuleId, key: `${q.ResourceOwnerId}/${q.RegionId}/${q.ResourceType}/${q.ResourceId}`, type: result.ComplianceType,
    risk: result.RiskLevel, name: q.ConfigRuleName, pack: q.CompliancePackId, id: result.EvaluationId, ignoreDate: q.IgnoreDate ?? '',
    since: result.LastNonCompliantRecordTimestamp ?? 0, annotation: result.Annotation };
};
const resultsBy = (owner, action, parameters) => pages(async (more) => {
  const { EvaluationResults } = await ask(owner, action, { MaxResults: 40, ...parameters, ...more });
  return [EvaluationResults.EvaluationResultList.map(resultOf), EvaluationResults.NextToken];
});
const listResults = (owner, filter = {}) => resultsBy(owner, 'ListConfigRuleEvaluationResults', filter);

const tally = (results) => Object.fromEntries(RESULTS.map((type) => [type, results.filter((r) => r.type === type).length]));
const leading = (counts) => ORDER.find((type) => counts[type]) ?? 'INSUFFICIENT_DATA';
const compliances = (list) => Object.fromEntries(list.map((c) => [c.ComplianceType, c.Count]));
const present = (counts, types = RESULTS) => Object.fromEntries(types.filter((type) => counts[type]).map((type) => [type, counts[type]]));
const plain = (list) => list.map((x) => `${x.rule} ${x.key} ${x.type} ${x.id}`).sort();
const ids = (list) => list.map((rule) => rule.ConfigRuleId).sort();
const distinct = (list) => new Set(list).size;

function grouped(results, part) {
  const by = {};
  for (const r of results) (by[r.key.split('/')[part]] ??= []).push(r);
  return Object.fromEntries(Object.entries(by).map(([name, list]) => [name, present(tally(list))]));
}

async function checkRule(owner, listed, results) {
  const rule = owner.rules.get(listed.ConfigRuleId);
  const counts = tally(results);
  const type = leading(counts);
  const { ConfigRule: got } = await ask(owner, 'GetConfigRule', { ConfigRuleId: rule.id });
  const about = `${rule.name} ${J(counts)}`;
  const compliance = { ComplianceType: type, Count: counts[type] && type !== 'INSUFFICIENT_DATA' ? counts[type] : 0 };
  assert.deepEqual({ ...listed.Compliance }, compliance, `ListConfigRules ${about}`);
  assert.deepEqual({ ...got.Compliance }, compliance, `GetConfigRule ${about}`);
  for (const name of ['ConfigRuleName', 'RiskLevel', 'ConfigRuleState', 'ConfigRuleArn', 'ResourceTypesScope', 'AccountId'])
    assert.deepEqual(got[name], listed[name], `${name} of ${rule.name}`);
  assert.equal(got.CreateBy.CompliancePackId ?? '', listed.CreateBy.CompliancePackId ?? '');
  assert.equal(got.ConfigRuleState, rule.active ? 'ACTIVE' : 'INACTIVE', rule.name);
  assert.ok(got.ModifiedTimestamp >= got.CreateTimestamp);
  const status = got.ConfigRuleEvaluationStatus;
  assert.ok(status.LastSuccessfulEvaluationTimestamp >= status.LastSuccessfulInvocationTimestamp);
  assert.ok(status.LastSuccessfulInvocationTimestamp >= status.FirstActivatedTimestamp);
  for (const result of results) {
    assert.deepEqual([result.risk, result.name, result.pack ?? ''], [rule.risk, rule.name, got.CreateBy.CompliancePackId ?? ''], rule.name);
    assert.equal(result.ignoreDate, result.type === 'IGNORED' ? '2099-01-01' : '', rule.name);
  }
  assert.deepEqual(Object.fromEntries(results.map((r) => [r.key, r.type])), expected(owner, rule), `the model of ${rule.name} ${J(rule.scope)}`);
  const { ComplianceResult: byRule } = await ask(owner, 'GetResourceComplianceByConfigRule', { ConfigRuleId: rule.id });
  assert.deepEqual(compliances(byRule.Compliances), present(counts), `GetResourceComplianceByConfigRule ${about}`);
  assert.equal(byRule.TotalCount, results.length);
  const { ComplianceResult: byRegion } = await ask(owner, 'GetResourceComplianceGroupByRegion', { ConfigRuleIds: rule.id });
  assert.deepEqual(Object.fromEntries(byRegion.ComplianceResultList.map((x) => [x.RegionId, compliances(x.Compliances)])), grouped(results, 1), about);
}

async function checkPack(owner, pack, results) {
  const { ConfigRuleComplianceResult: rules } = await ask(owner, 'GetConfigRuleComplianceByPack', { CompliancePackId: pack.id });
  const { ResourceComplianceResult: sums } = await ask(owner, 'GetResourceComplianceByPack', { CompliancePackId: pack.id });
  const { CompliancePack: got } = await ask(owner, 'GetCompliancePack', { CompliancePackId: pack.id });
  assert.deepEqual(ids(got.ConfigRules), [...pack.rules].sort(), `rules of ${pack.name}`);
  assert.deepEqual(ids(await listRules(owner, { CompliancePackId: pack.id })), [...pack.rules].sort(), `ListConfigRules of ${pack.name}`);
  const inside = results.filter((r) => pack.rules.has(r.rule));
  assert.deepEqual(plain(await listResults(owner, { CompliancePackId: pack.id })), plain(inside), `results of ${pack.name}`);
  const running = [...pack.rules].filter((id) => owner.rules.get(id).active);
  const types = Object.fromEntries(running.map((id) => [id, leading(tally(inside.filter((r) => r.rule === id)))]));
  assert.deepEqual(Object.fromEntries(rules.ConfigRuleCompliances.filter((r) => r.ConfigRuleId in types).map((r) => [r.ConfigRuleId, r.ComplianceType])), types, pack.name);
  const told = ['NonCompliantCount', 'CompliantCount', 'IgnoredCount', 'NotApplicableCount', 'InsufficientDataCount'];
  const classes = ['NON_COMPLIANT', 'COMPLIANT', 'IGNORED', 'NOT_APPLICABLE', 'INSUFFICIENT_DATA'];
  assert.deepEqual(told.map((name) => rules[name]), classes.map((type) => Object.values(types).filter((t) => t === type).length), `rules by result of ${pack.name}`);
  assert.equal(rules.TotalCount, told.reduce((sum, name) => sum + rules[name], 0), pack.name);
  const live = inside.filter((r) => running.includes(r.rule));
  const counts = tally(live);
  const bad = live.filter((r) => r.type === 'NON_COMPLIANT');
  assert.deepEqual([sums.TotalCount, ...told.map((name) => sums[name])], [distinct(live.map((r) => r.key)), distinct(bad.map((r) => r.key)),
    ...classes.slice(1).map((type) => counts[type])], `resources of ${pack.name}`);
  if (owner.group) await checkPackByAccount(owner, pack, live);
}

async function checkPackByAccount(owner, pack, live) {
  const { AccountComplianceResult: by } = await ask(owner, 'GetAccountComplianceByPack', { CompliancePackId: pack.id });
  const told = Object.fromEntries(by.AccountCompliances.map((a) => [a.AccountId, a.ComplianceType]));
  assert.deepEqual(told, Object.fromEntries(owner.members.map((id) => [id, leading(tally(live.filter((r) => r.key.startsWith(id))))])), pack.name);
  assert.deepEqual([by.TotalCount, by.NonCompliantCount], [owner.members.length, Object.values(told).filter((t) => t === 'NON_COMPLIANT').length]);
}

async function checkSums(owner, rules, results) {
  const running = rules.filter((rule) => owner.rules.get(rule.ConfigRuleId).active);
  const live = results.filter((r) => owner.rules.get(r.rule).active);
  const bad = live.filter((r) => r.type === 'NON_COMPLIANT');
  const badKeys = new Set(bad.map((r) => r.key));
  const good = distinct(live.filter((r) => r.type === 'COMPLIANT' && !badKeys.has(r.key)).map((r) => r.key));
  const types = running.map((rule) => [rule.RiskLevel, rule.Compliance.ComplianceType]);
  const number = (type, risk) => types.filter(([r, t]) => t === type && (!risk || r === risk)).length;
  const { ComplianceSummary: summary } = await tell(owner, 'GetComplianceSummary');
  const { CompliantCount, NonCompliantCount, TotalCount } = summary.ComplianceSummaryByConfigRule;
  assert.deepEqual([CompliantCount, NonCompliantCount, TotalCount],
    [number('COMPLIANT'), number('NON_COMPLIANT'), number('COMPLIANT') + number('NON_COMPLIANT')], 'GetComplianceSummary by rule');
  const by = summary.ComplianceSummaryByResource;
  assert.deepEqual([by.CompliantCount, by.NonCompliantCount, by.TotalCount, by.HighRiskRuleNonCompliantResourceCount,
    by.MediumRiskRuleNonCompliantResourceCount, by.LowRiskRuleNonCompliantResourceCount],
  [good, badKeys.size, good + badKeys.size, ...[1, 2, 3].map((risk) => bad.filter((r) => r.risk === risk).length)], 'GetComplianceSummary by resource');
  const { ConfigRuleSummaries: levels } = await ask(owner, 'GetConfigRuleSummaryByRiskLevel');
  assert.deepEqual(levels.map((l) => [l.RiskLevel, l.CompliantCount, l.NonCompliantCount]),
    [1, 2, 3].map((risk) => [risk, number('COMPLIANT', risk), number('NON_COMPLIANT', risk)]), 'GetConfigRuleSummaryByRiskLevel');
  const { EvaluationResults: days } = await ask(owner, 'ListConfigRuleEvaluationStatistics');
  const today = days.at(-1);
  assert.deepEqual([today.NonCompliantResourceCnt, today.NonCompliantRuleCnt], [badKeys.size, number('NON_COMPLIANT')], 'statistics of today');
}

async function checkFilters(owner, rules, results) {
  for (const ComplianceType of RESULTS) {
    assert.deepEqual(ids(await listRules(owner, { ComplianceType })), ids(rules.filter((r) => r.Compliance.ComplianceType === ComplianceType)), ComplianceType);
    assert.deepEqual(plain(await listResults(owner, { ComplianceType })), plain(results.filter((r) => r.type === ComplianceType)), ComplianceType);
  }
  const Regions = one(REGIONS);
  assert.deepEqual(plain(await listResults(owner, { Regions })), plain(results.filter((r) => r.key.split('/')[1] === Regions)), Regions);
  if (!owner.group || !owner.members.length) return;
  const ResourceAccountId = one(owner.members);
  assert.deepEqual(plain(await listResults(owner, { ResourceAccountId })), plain(results.filter((r) => r.key.startsWith(ResourceAccountId))), 'by account');
}

/** The results of a resource: in a group those of the same name in every member. */
async function checkResource(owner, results) {
  const r = one([...resources.values()].filter((x) => owner.members.includes(x.accountId)));
  if (!r) return;
  const name = keyOf(r).slice(keyOf(r).indexOf('/'));
  const told = await resultsBy(owner, 'ListResourceEvaluationResults', { ResourceType: r.resourceType, ResourceId: r.resourceId, Region: r.regionId });
  assert.deepEqual(plain(told), plain(results.filter((x) => x.key.endsWith(name))), `results of ${name}`);
}

async function checkOwner(owner) {
  if (owner.group) {
    const { Aggregator } = await read('GetAggregator', { AggregatorId: owner.group });
    owner.members = Aggregator.AggregatorAccounts.map((a) => String(a.AccountId)).sort();
  }
  const rules = await listRules(owner);
  assert.deepEqual(ids(rules), [...owner.rules.keys()].sort());
  const results = await listResults(owner);
  for (const rule of rules) await checkRule(owner, rule, results.filter((r) => r.rule === rule.ConfigRuleId));
  for (const pack of owner.packs.values()) await checkPack(owner, pack, results);
  await checkSums(owner, rules, results);
  await checkFilters(owner, rules, results);
  await checkResource(owner, results);
}

async function checkAll() {
  await settled();
  for (const owner of owners) await checkOwner(owner);
}

before(async () => {
  server = await Server.start();
  org = await Organisation.on(server);
  folder = await org.folder('business');
  accounts.push(org.account, await org.member('shop', folder), await org.member('bank', folder));
  owners.push({ members: [org.account], rules: new Map(), packs: new Map() });
  for (const more of [{ AggregatorType: 'RD' }, { AggregatorType: 'FOLDER', FolderId: folder }]) {
    const { AggregatorId } = await call('CreateAggregator', { AggregatorName: more.AggregatorType, Description: 'walked over', ...more });
    owners.push({ group: AggregatorId, members: [], rules: new Map(), packs: new Map() });
  }
  for (const account of accounts) await put(...Array.from({ length: 8 }, (_, n) => random(account, n)));
  await checkAll();
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test(`lists, counts and summaries agree on a walk of ${steps} steps from seed ${seed}`, async () => {
  for (let n = 0; n < steps; n++) {
    const step = one(STEPS);
    const owner = one(owners);
    trail.push(`${step.name}${owner.group ? ` of ${owners.indexOf(owner)}` : ''}`);
    try {
      await step(owner);
      await checkAll();
    } catch (error) {
      error.message = `step ${n} of seed ${seed}: ${trail.slice(-6).join(', ')}\n${error.message}`;
      throw error;
    }
  }
});
