// The log of calls replays calls as they were: without a change nothing differs, and what a change would do is what
// it then does.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { Organisation, allow, deny, policy } from './organisation.mjs';
import { Server, failure } from './support.mjs';

let server;
let organisation;
let member;
let owner;
let alice;
let guest;
let limited;
const version = '2026-11-01';

const trust = (account, Condition) => JSON.stringify({ Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole',
  Principal: { RAM: `acs:ram::${account}:root` }, ...(Condition && { Condition }) }] });
const role = (name) => `acs:ram::${member}:role/${name}`;
const assume = (name, keys, more = {}) => organisation.sts('AssumeRole', { RoleArn: role(name), RoleSessionName: 'nightly', ...more }, keys);
const keysOf = ({ Credentials }) => Credentials;

/** Calls of many kinds; each is made again to see what became of it. */
const calls = {
  list: () => organisation.config('ListConfigRules', {}, alice),
  listAsSession: () => organisation.config('ListConfigRules', {}, limited),
  deniedBySession: () => organisation.ram('ListUsers', {}, limited),
  withoutPermission: () => organisation.config('ListConfigRules', {}, guest),
  tagProduction: () => organisation.ram('TagResources', { ResourceType: 'role', 'ResourceNames.1': 'open', 'Tag.1.Key': 'env', 'Tag.1.Value': 'production' }, alice),
  tagTest: () => organisation.ram('TagResources', { ResourceType: 'role', 'ResourceNames.1': 'open', 'Tag.1.Key': 'env', 'Tag.1.Value': 'test' }, alice),
  assume: () => assume('open', alice),
  assumeAsBreakGlass: () => assume('open', alice, { RoleSessionName: 'break-glass' }),
  assumeWithId: () => assume('closed', alice, { ExternalId: 'agreed-1' }),
  assumeWithWrongId: () => assume('closed', alice, { ExternalId: 'guessed' }),
  assumeWithoutId: () => assume('closed', alice),
  assumeFromOutside: () => assume('abroad', organisation.administrator, { ExternalId: 'agreed-2' }),
  assumeWithSource: () => assume('open', alice, { SourceIdentity: 'alice@example' }),
  assumeWithoutPermission: () => assume('open', guest),
  assumeTagged: () => assume('marked', alice),
  readTagged: () => organisation.ram('GetRole', { RoleName: 'marked' }, alice),
  readUntagged: () => organisation.ram('GetRole', { RoleName: 'closed' }, alice),
};
const outcome = (name) => calls[name]().then(() => 'Allow', (error) => error.data?.AccessDeniedDetail?.NoPermissionType ?? error.code);
const outcomes = async () => Object.fromEntries(await Promise.all(Object.keys(calls).map(async (name) => [name, await outcome(name)])));

const whatIf = (PolicyDocument) => server.call('SimulateControlPolicyChange', { TargetId: member, PolicyDocument }, { version });

before(async () => {
  server = await Server.start();
  organisation = await Organisation.on(server);
  member = await organisation.member('apps');
  owner = await organisation.enter(member);
  alice = await organisation.person('alice', { policy: 'AdministratorAccess', keys: owner });
  guest = await organisation.person('guest', { keys: owner });
  await organisation.ram('CreateRole', { RoleName: 'open', AssumeRolePolicyDocument: trust(member) }, owner);
  await organisation.ram('CreateRole', { RoleName: 'closed', AssumeRolePolicyDocument: trust(member, { StringEquals: { 'sts:ExternalId': 'agreed-1' } }) }, owner);
  await organisation.ram('CreateRole', { RoleName: 'marked', AssumeRolePolicyDocument: trust(member), 'Tag.1.Key': 'class', 'Tag.1.Value': 'Gold' }, owner);
  await organisation.ram('CreateRole', { RoleName: 'abroad', AssumeRolePolicyDocument: trust(organisation.account, { StringEquals: { 'sts:ExternalId': 'agreed-2' } }) }, owner);
  await organisation.ram('AttachPolicyToRole', { RoleName: 'open', PolicyType: 'System', PolicyName: 'AdministratorAccess' }, owner);
  limited = keysOf(await assume('open', alice, { Policy: policy(allow('config:*')) }));
  await organisation.manage('EnableControlPolicy');
});
after(() => server?.stop());

test('calls come out as their policies say', async () => {
  assert.deepEqual(await outcomes(), { list: 'Allow', listAsSession: 'Allow', deniedBySession: 'ImplicitDeny', withoutPermission: 'ImplicitDeny',
    tagProduction: 'Allow', tagTest: 'Allow', assume: 'Allow', assumeAsBreakGlass: 'Allow', assumeWithId: 'Allow',
    assumeWithWrongId: 'ImplicitDeny', assumeWithoutId: 'ImplicitDeny', assumeFromOutside: 'Allow', assumeWithSource: 'Allow',
    assumeWithoutPermission: 'ImplicitDeny', assumeTagged: 'Allow', readTagged: 'Allow', readUntagged: 'Allow' });
});

test('a trust policy that does not allow is told as such', async () => {
  const { data } = await failure(calls.assumeWithWrongId());
  assert.equal(data.AccessDeniedDetail.PolicyType, 'AssumeRolePolicy');
  assert.equal(data.AccessDeniedDetail.AuthAction, 'sts:AssumeRole');
  assert.equal((await failure(calls.assumeWithoutPermission())).data.AccessDeniedDetail.PolicyType, 'AccountLevelIdentityBasedPolicy');
});

test('a permission to assume roles may depend on how they are assumed', async () => {
  const keys = await organisation.person('partner', { keys: owner, document: JSON.stringify({ Version: '1', Statement: [{ ...allow('sts:AssumeRole'),
    Condition: { StringEquals: { 'sts:RoleSessionName': 'partner' } } }] }) });
  assert.ok(keysOf(await assume('open', keys, { RoleSessionName: 'partner' })).SecurityToken);
  assert.equal((await failure(assume('open', keys, { RoleSessionName: 'other' }))).code, 'NoPermission');
});

test('a missing role is named to those who may assume roles', async () => {
  assert.equal((await failure(assume('nowhere', alice))).code, 'EntityNotExist.Role');
  assert.equal((await failure(assume('nowhere', guest))).code, 'NoPermission');
  assert.equal((await failure(assume('nowhere', organisation.administrator))).code, 'NoPermission');
});

test('without a change no call differs', async () => {
  const told = await whatIf(policy(allow('*')));
  assert.equal(told.Changed, 0);
  assert.ok(told.Evaluated >= Object.keys(calls).length);
});

for (const [title, Condition, changed] of [
  ['tags of the request', { StringEquals: { 'acs:RequestTag/env': 'production' } }, ['tagProduction']],
  ['an external id', { StringLike: { 'sts:ExternalId': 'agreed-*' } }, ['assumeWithId']],
  ['the name of a session', { StringEquals: { 'sts:RoleSessionName': 'break-glass' } }, ['assumeAsBreakGlass']],
  ['a source identity', { StringLike: { 'sts:SourceIdentity': '*@example' } }, ['assumeWithSource']],
  ['tags of the resource', { StringEquals: { 'acs:ResourceTag/class': 'Gold' } }, ['assumeTagged', 'readTagged']],
  ['the address', { IpAddress: { 'acs:SourceIp': '192.0.2.0/24' } }, []],
]) {
  test(`what a policy on ${title} would do is what it does`, async () => {
    const document = JSON.stringify({ Version: '1', Statement: [allow('*'), { ...deny('*'), Condition }] });
    const was = await outcomes();
    const told = await whatIf(document);
    const denied = told.Calls.filter((call) => call.DecisionBefore === 'Allow');
    assert.equal(denied.length, changed.length, JSON.stringify(told.Calls));
    const { ControlPolicy } = await organisation.manage('CreateControlPolicy', { PolicyName: `p${changed.join('')}`, EffectScope: 'RAM', PolicyDocument: document });
    await organisation.manage('AttachControlPolicy', { PolicyId: ControlPolicy.PolicyId, TargetId: member });
    const is = await outcomes();
    await organisation.manage('DetachControlPolicy', { PolicyId: ControlPolicy.PolicyId, TargetId: member });
    assert.deepEqual(Object.keys(calls).filter((name) => was[name] === 'Allow' && is[name] !== 'Allow').sort(), changed.sort());
    for (const call of denied) assert.equal(call.DecisionAfter, 'ExplicitDeny');
  });
}

test('a call is decided again with the tags that its resource had, when a policy had asked for them', async () => {
  const only = (value) => policy(allow('*'), { ...deny('ram:GetRole'), Condition: { StringEquals: { 'acs:ResourceTag/class': value } } });
  const read = () => organisation.ram('GetRole', { RoleName: 'passing' }, alice);
  const ofRead = async (document) => (await whatIf(document)).Calls.filter((call) => /role\/passing$/.test(call.ResourceArn) && call.ActionName === 'ram:GetRole');
  await organisation.ram('CreateRole', { RoleName: 'passing', AssumeRolePolicyDocument: trust(member), 'Tag.1.Key': 'class', 'Tag.1.Value': 'then' }, owner);
  const asking = await organisation.guard('asking', only('somebody else'), member);
  await read();
  await organisation.ram('TagResources', { ResourceType: 'role', 'ResourceNames.1': 'passing', 'Tag.1.Key': 'class', 'Tag.1.Value': 'now' }, owner);
  const [then, ...more] = await ofRead(only('then'));
  assert.equal(more.length, 0);
  assert.deepEqual([then.DecisionBefore, then.DecisionAfter, JSON.parse(then.Conditions)], ['Allow', 'ExplicitDeny', { 'acs:ResourceTag': { class: 'then' } }]);
  assert.deepEqual(await ofRead(only('now')), []);
  await read();
  assert.equal((await ofRead(only('now'))).length, 1);
  await organisation.manage('DetachControlPolicy', { PolicyId: asking, TargetId: member });
});

test('what is gone is decided again with the tags it had, each resource of a request with its own', async () => {
  const guarded = (action) => policy(allow('*'), { ...deny(action), Condition: { StringEquals: { 'acs:ResourceTag/class': 'Gold' } } });
  const rule = async (ConfigRuleName, tags) => (await organisation.config('CreateConfigRule', { ConfigRuleName, RiskLevel: 1, SourceOwner: 'ALIYUN',
    SourceIdentifier: 'ecs-instance-deletion-protection-enabled', ResourceTypesScope: 'ACS::ECS::Instance',
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ...tags }, owner)).ConfigRuleId;
  const [plain, marked] = [await rule('plain'), await rule('marked', { Tag: JSON.stringify([{ Key: 'class', Value: 'Gold' }]) })];
  const asking = await organisation.guard('golden', guarded('ram:DeleteRole'), member);
  await organisation.config('DeleteConfigRules', { ConfigRuleIds: `${plain},${marked}` }, alice);
  await organisation.manage('DetachControlPolicy', { PolicyId: asking, TargetId: member });
  const { Calls } = await whatIf(guarded('config:DeleteConfigRules'));
  assert.deepEqual(Calls.map((call) => call.ResourceArn.split('/').at(-1)), [marked]);
});
