// A random walk of a security engineer: policies with versions, groups, roles, sessions, control policies and accounts that
// move. After each step SimulatePolicy must tell of random calls what they get when they are really made and signed.
// reference/policy-language.md, reference/resource-directory.md. PLUMBLINE_SEED and PLUMBLINE_STEPS take other walks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { operations } from './operations.mjs';
import { Organisation, VERSION } from './organisation.mjs';
import { Server } from './support.mjs';
import { numbersOf } from './walk.mjs';

const J = JSON.stringify;
const seed = Number(process.env.PLUMBLINE_SEED ?? 20261122);
const steps = Number(process.env.PLUMBLINE_STEPS ?? 60);
const CALLS = 8; // after each step

const below = numbersOf(seed);
const one = (list) => list[below(list.length)];
const some = (list) => { const chosen = list.filter(() => below(3) === 0); return chosen.length ? chosen : [one(list)]; };

let server;
let org;
const folders = [];
let account; // the member that the walk is about
const rules = [];
const guards = []; // control policies
const trail = [];
/** Who calls: { arn, keys }, a role also with what its session was narrowed to. */
const principals = [];
const worker = { name: 'worker' };
const POLICIES = ['first', 'second', 'third'];

/** As the administrator of the member, whom its control policies bind, too. */
const inside = (action, parameters, version = VERSION.ram) => server.call(action, parameters, { version, keys: worker.owner });

// --- Policies ------------------------------------------------------------------------------------------------

const ACTIONS = ['*', 'config:*', 'ram:*', 'config:Get*', 'config:GetConfigRule', 'config:ListConfigRules', 'config:*ConfigRules', 'ram:Get*',
  'ram:GetUser', 'ram:List*', 'ram:CreateGroup', 'ram:Delete?roup', 'sts:GetCallerIdentity', 'ram:getrole'];
const RESOURCES = () => ['*', '*', '*', `acs:config:*:${account}:*`, `acs:config:*:${account}:rule/${rules[0]}`, 'acs:config:*:*:rule/*',
  `acs:ram:*:${account}:*`, 'acs:ram:*:*:user/al*', `acs:ram:*:${account}:group/*`, `acs:ram:*:${account}:role/worker`, 'acs:*:*:*:*', `acs:ram::${account}:user/*`];
const CONDITIONS = () => [{ IpAddress: { 'acs:SourceIp': '127.0.0.0/8' } }, { NotIpAddress: { 'acs:SourceIp': ['127.0.0.1', '10.0.0.0/8'] } },
  { Bool: { 'acs:SecureTransport': 'false' } }, { Bool: { 'acs:SecureTransport': 'true' } }, { StringLike: { 'acs:PrincipalARN': '*:user/al*' } },
  { StringNotEquals: { 'acs:PrincipalARN': `acs:ram::${account}:role/worker` } }, { DateLessThan: { 'acs:CurrentTime': '2020-01-01T00:00:00Z' } },
  { DateGreaterThan: { 'acs:CurrentTime': '2020-01-01T00:00:00Z' } }, { StringLike: { 'acs:PrincipalRDPath': ['*/' + folders[2] + '/*', 'rd-none/*'] } },
  { StringEquals: { 'acs:RequestTag/none': 'x' } }, { Bool: { 'acs:MFAPresent': 'true' } }, { StringNotEquals: { 'acs:Absent': 'x' } }];

function statement(allows) {
  const made = { Effect: below(10) < allows ? 'Allow' : 'Deny', Action: some(ACTIONS), Resource: some(RESOURCES()) };
  if (below(12) === 0) {
    made.NotAction = made.Action.filter((action) => action !== '*').concat('ram:GetAccountAlias');
    delete made.Action;
  }
  if (below(3) === 0) made.Condition = Object.assign({}, ...Array.from({ length: 1 + below(2) }, () => one(CONDITIONS())));
  return made;
}
const document = (allows = 7) => J({ Version: '1', Statement: Array.from({ length: 1 + below(3) }, () => statement(allows)) });
/** Leaves something allowed, as a guardrail does. */
const guardrail = () => J({ Version: '1', Statement: [...(below(3) ? [{ Effect: 'Allow', Action: '*', Resource: '*' }] : []), statement(4)] });

// --- The calls: what they need, and with which they are made -------------------------------------------------

const OPERATIONS = ['GetConfigRule', 'ListConfigRules', 'ActiveConfigRules', 'GetCompliancePack', 'GetUser', 'ListUsers', 'GetRole', 'GetGroup',
  'CreateGroup', 'DeleteGroup', 'ListPoliciesForUser'].map((name) => operations.find((o) => o.name === name && /^(config|ram)$/.test(o.product) && o.version !== '2019-01-08'));
const KNOWN = { ConfigRuleId: () => one(rules), ConfigRuleIds: () => 'cr-none', CompliancePackId: () => 'cp-none',
  UserName: () => one(['alice', 'bob', 'nobody']), RoleName: () => 'worker', GroupName: () => one(['people', 'none']) };

/** A call with what it takes, and the resource that its specification says it needs. */
function anyCall() {
  const operation = one(OPERATIONS);
  const input = Object.fromEntries(operation.parameters.filter((p) => p.required).map((p) => [p.name, KNOWN[p.name]()]));
  if (operation.name === 'DeleteGroup') input.GroupName = 'none'; // the others need it
  const resource = operation.ram.resources[0].replace('{@account}', account).replace(/\{(\w+)\}/, (_, name) => input[name]);
  return { operation, input, action: operation.ram.action, resource };
}

const simulate = (principal, ActionName, ResourceArn, more = {}) => server.call('SimulatePolicy',
  { PrincipalArn: principal.arn, ActionName, ResourceArn, ...more }, { version: VERSION.own });

/** Allow, ExplicitDeny or ImplicitDeny: what a call really gets. */
async function make(principal, { operation, input }) {
  try {
    await server.call(operation.name, input, { version: operation.version, keys: principal.keys });
    return 'Allow';
  } catch (error) {
    const { AccessDeniedDetail: detail, Code } = error.data ?? {};
    if (!Code) throw error;
    if (!detail) return 'Allow';
    assert.match(Code, /NoPermission|Forbidden/);
    return detail.NoPermissionType;
  }
}

async function compare() {
  const principal = one(principals);
  const chosen = anyCall();
  const { action, resource } = chosen;
  const told = await simulate(principal, action, resource);
  let decision = told.Decision;
  if (principal.session && told.DecidedBy.Step !== 'control policy') { // the session's policy is asked before the role's
    const narrowed = await simulate(principal, action, resource, { IdentityPolicies: J([[JSON.parse(principal.session)]]) });
    if (narrowed.Decision !== 'Allow') decision = narrowed.Decision;
  }
  const real = await make(principal, chosen);
  assert.equal(real, decision, `${principal.arn} ${action} ${resource}: ${J(told)}${principal.session ? ` narrowed to ${principal.session}` : ''}`);
  if (told.Decision === 'ExplicitDeny') assert.ok(told.MatchedStatements.some((m) => m.Effect === 'Deny'), J(told));
  if (told.Decision === 'Allow') assert.ok(told.MatchedStatements.every((m) => m.Effect === 'Allow'), J(told));
  return real;
}

// --- The steps -----------------------------------------------------------------------------------------------

/** A step may ask for what is so already, or for what a control policy denies; anything else is a failure. */
async function attempt(promise, expected = /^$/) {
  try {
    return await promise;
  } catch (error) {
    if (!expected.test(error.code) && error.code !== 'NoPermission') throw error;
  }
}

async function newVersion() {
  await attempt(inside('CreatePolicyVersion', { PolicyName: one(POLICIES), PolicyDocument: document(), SetAsDefault: below(4) > 0,
    RotateStrategy: 'DeleteOldestNonDefaultVersionWhenLimitExceeded' }));
}

async function olderVersion() {
  const PolicyName = one(POLICIES);
  const listed = await attempt(inside('ListPolicyVersions', { PolicyName, PolicyType: 'Custom' }));
  if (listed) await attempt(inside('SetDefaultPolicyVersion', { PolicyName, VersionId: one(listed.PolicyVersions.PolicyVersion).VersionId }));
}

async function attachPolicy() {
  const PolicyName = one(POLICIES);
  const [target, more] = one([['User', { UserName: 'alice' }], ['User', { UserName: 'bob' }], ['Group', { GroupName: 'people' }], ['Role', { RoleName: 'worker' }]]);
  const attach = below(3) > 0;
  await attempt(inside(`${attach ? 'AttachPolicyTo' : 'DetachPolicyFrom'}${target}`, { PolicyType: 'Custom', PolicyName, ...more }),
    attach ? /EntityAlreadyExists/ : /EntityNotExist/);
}

async function joinGroup() {
  const join = below(2);
  await attempt(inside(join ? 'AddUserToGroup' : 'RemoveUserFromGroup', { UserName: one(['alice', 'bob']), GroupName: 'people' }),
    join ? /EntityAlreadyExists/ : /EntityNotExist/);
}

async function narrowSession() {
  const Policy = document(8);
  const { Credentials } = await org.sts('AssumeRole', { RoleArn: worker.session.arn, RoleSessionName: 'narrow', Policy }, org.administrator);
  Object.assign(worker.session, { session: Policy, keys: Credentials });
}

const targets = () => [...folders, account];
async function attachGuard() {
  if (!worker.controls) return;
  const attach = below(5) > 1;
  await attempt(org.manage(attach ? 'AttachControlPolicy' : 'DetachControlPolicy', { PolicyId: one([...guards, 'cp-FullAliyunAccess']), TargetId: one(targets()) }),
    attach ? /EntityAlreadyExists/ : /EntityNotExists|NotSupport.DetachLastControlPolicy/);
}

async function changeGuard() {
  await org.manage('UpdateControlPolicy', { PolicyId: one(guards), NewPolicyDocument: guardrail() });
}

async function moveAccount() {
  await attempt(org.manage('MoveAccount', { AccountId: account, DestinationFolderId: one(folders) }), /Already|Same|Conflict|Invalid/);
}

async function switchControl() {
  if (below(3)) return;
  worker.controls = !worker.controls;
  await org.manage(worker.controls ? 'EnableControlPolicy' : 'DisableControlPolicy');
}

const STEPS = [newVersion, newVersion, newVersion, olderVersion, attachPolicy, attachPolicy, attachPolicy, joinGroup, narrowSession, attachGuard,
  attachGuard, changeGuard, changeGuard, moveAccount, switchControl];

before(async () => {
  server = await Server.start();
  org = await Organisation.on(server);
  folders.push(org.root, await org.folder('upper'));
  folders.push(await org.folder('lower', folders[1]), await org.folder('beside'));
  account = await org.member('walked', folders[2]);
  worker.owner = await org.enter(account);
  for (const ConfigRuleName of ['one', 'two']) rules.push((await inside('CreateConfigRule', { ConfigRuleName, RiskLevel: 1, SourceOwner: 'ALIYUN',
    SourceIdentifier: 'oss-bucket-public-read-prohibited', ResourceTypesScope: 'ACS::OSS::Bucket',
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' }, VERSION.config)).ConfigRuleId);
  await inside('CreateGroup', { GroupName: 'people' });
  for (const name of ['alice', 'bob'])
    principals.push({ arn: `acs:ram::${account}:user/${name}`, keys: await org.person(name, { keys: worker.owner }) });
  await inside('CreateRole', { RoleName: 'worker', AssumeRolePolicyDocument: J({ Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole',
    Principal: { RAM: [`acs:ram::${org.account}:root`] } }] }) });
  const arn = `acs:ram::${account}:role/worker`;
  const { Credentials } = await org.sts('AssumeRole', { RoleArn: arn, RoleSessionName: 'plain' }, org.administrator);
  principals.push({ arn, keys: Credentials });
  worker.session = { arn };
  principals.push(worker.session);
  await narrowSession();
  for (const PolicyName of POLICIES) await inside('CreatePolicy', { PolicyName, PolicyDocument: document() });
  for (const PolicyName of ['keep', 'hold', 'bind'])
    guards.push((await org.manage('CreateControlPolicy', { PolicyName, EffectScope: 'RAM', PolicyDocument: guardrail() })).ControlPolicy.PolicyId);
  await org.manage('EnableControlPolicy');
  worker.controls = true;
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test(`SimulatePolicy tells what calls really get on a walk of ${steps} steps from seed ${seed}`, async () => {
  const seen = { Allow: 0, ExplicitDeny: 0, ImplicitDeny: 0 };
  for (let n = 0; n < steps; n++) {
    const step = one(STEPS);
    trail.push(step.name);
    try {
      await step();
      for (let i = 0; i < CALLS; i++) seen[await compare()]++;
    } catch (error) {
      error.message = `step ${n} of seed ${seed}: ${trail.slice(-6).join(', ')}\n${error.message}`;
      throw error;
    }
  }
  assert.ok(seen.Allow > 10 && seen.ExplicitDeny + seen.ImplicitDeny > 10, `the walk saw ${J(seen)}`);
});
