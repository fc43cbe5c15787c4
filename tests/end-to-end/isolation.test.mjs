// Nothing of one tenant shows to another. Every operation is called with identifiers of a foreign account, by the owner of
// another directory, by a fellow member of the same directory, and by nobody; no answer may hold anything that was not asked
// with, foreign identifiers must be answered like ones that never existed, and the foreign account must be as it was.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf, codes, inputOf, operations } from './operations.mjs';
import { allow, deny, Organisation, policy, VERSION } from './organisation.mjs';
import { failure, Server } from './support.mjs';

const NAME = 'xvictimx'; // in every name of the victim; requests carry it
const CONTENT = 'xprivatex'; // in everything else of it; no request carries it

let server;
let victim; // the organisation; its ids in `ids`, the paging tokens of its lists in `tokens`
let strangers; // two owners of directories of their own, in the same state
let fellow; // a member of the victim's directory
const ids = {};
const tokens = {};

const RULE = { SourceOwner: 'ALIYUN', SourceIdentifier: 'oss-bucket-public-read-prohibited', RiskLevel: 1, Description: CONTENT,
  ResourceTypesScope: 'ACS::OSS::Bucket', ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification' };
const TOKEN = { ClientToken: 'token-of-the-victim' };
const PACK = { CompliancePackName: NAME, Description: CONTENT, RiskLevel: 1,
  ConfigRules: JSON.stringify([{ ConfigRuleName: `${NAME}-packed`, ManagedRuleIdentifier: 'oss-bucket-public-write-prohibited', RiskLevel: 2 }]) };
const tags = [{ Key: `${NAME}-tag`, Value: CONTENT }];

const buckets = (accountId) => [1, 2, 3].map((n) => ({ accountId, resourceType: 'ACS::OSS::Bucket', resourceId: `${NAME}-bucket-${n}`,
  resourceName: `${NAME}-bucket-${n}`, regionId: 'cn-hangzhou', tags: { env: CONTENT },
  configuration: { Name: NAME, Comment: CONTENT, AccessControlList: { Grant: 'public-read' } } }));

async function makeIdentities() {
  const { ram } = { ram: (action, parameters) => victim.ram(action, parameters) };
  ids.user = (await ram('CreateUser', { UserName: NAME, Comments: CONTENT, DisplayName: CONTENT })).User.UserId;
  ids.key = (await ram('CreateAccessKey', { UserName: NAME })).AccessKey;
  await ram('CreateUser', { UserName: `${NAME}-2` });
  await ram('CreateGroup', { GroupName: NAME, Comments: CONTENT });
  await ram('CreateGroup', { GroupName: `${NAME}-2` });
  await ram('AddUserToGroup', { UserName: NAME, GroupName: NAME });
  ids.role = (await ram('CreateRole', { RoleName: NAME, Description: CONTENT, AssumeRolePolicyDocument: policy(
    { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${victim.account}:root`] } }) })).Role.RoleId;
  await ram('CreatePolicy', { PolicyName: NAME, Description: CONTENT, PolicyDocument: policy(allow('config:Get*', `acs:config:*:*:rule/${CONTENT}`)) });
  await ram('AttachPolicyToUser', { PolicyType: 'Custom', PolicyName: NAME, UserName: NAME });
  await ram('CreateLoginProfile', { UserName: NAME, Password: `${CONTENT}-A1b2!` });
  await ram('SetAccountAlias', { AccountAlias: `${NAME}-alias` });
  await ram('TagResources', { ResourceType: 'role', ResourceNames: JSON.stringify([NAME]), Tag: JSON.stringify(tags) }).catch(
    () => ram('TagResources', { ResourceType: 'role', ResourceNames: JSON.stringify([NAME]), Tag: tags }));
  const denied = await failure(victim.config('ListConfigRules', {}, ids.key));
  ids.message = denied.data.AccessDeniedDetail.EncodedDiagnosticMessage;
}

async function makeDirectory() {
  const invited = await victim.stranger('invited'); // an invitation by mail is for whoever knows its id
  ids.folder = await victim.folder(NAME);
  ids.member = await victim.member(NAME, ids.folder);
  ids.policy = await victim.guard(NAME, policy(deny(`config:Delete${CONTENT}`)));
  await victim.manage('EnableControlPolicy');
  await victim.manage('AttachControlPolicy', { PolicyId: ids.policy, TargetId: ids.folder });
  ids.handshake = (await victim.manage('InviteAccountToResourceDirectory',
    { TargetEntity: invited.account, TargetType: 'Account', Note: CONTENT })).Handshake.HandshakeId;
  ids.resourceGroup = (await victim.manage('CreateResourceGroup', { Name: NAME, DisplayName: CONTENT })).ResourceGroup.Id;
  await victim.manage('RegisterDelegatedAdministrator', { AccountId: ids.member, ServicePrincipal: 'config.aliyuncs.com' });
  await victim.manage('TagResources', { ResourceType: 'Folder', ResourceId: [ids.folder], Tag: tags }).catch(
    () => server.call('TagResources', { ResourceType: 'Folder', ResourceId: [ids.folder], Tag: tags }, { version: VERSION.master }));
}

async function makeRules() {
  await server.put([...buckets(victim.account), ...buckets(ids.member)]);
  ids.group = (await victim.config('CreateAggregator', { AggregatorName: NAME, AggregatorType: 'CUSTOM', Description: CONTENT,
    AggregatorAccounts: JSON.stringify([{ AccountId: Number(ids.member), AccountName: NAME, AccountType: 'ResourceDirectory' }]) })).AggregatorId;
  const group = { AggregatorId: ids.group };
  ids.rule = (await victim.config('CreateConfigRule', { ...RULE, ConfigRuleName: NAME, ...TOKEN })).ConfigRuleId;
  ids.groupRule = (await victim.config('CreateAggregateConfigRule', { ...RULE, ...group, ConfigRuleName: NAME, ...TOKEN })).ConfigRuleId;
  ids.pack = (await victim.config('CreateCompliancePack', { ...PACK, ...TOKEN })).CompliancePackId;
  ids.groupPack = (await victim.config('CreateAggregateCompliancePack', { ...PACK, ...group, ...TOKEN })).CompliancePackId;
}

/** Foreign identifiers, by the names of parameters that take them. */
const foreign = () => ({ account: victim.account, member: ids.member, folder: ids.folder, root: victim.root, policy: ids.policy,
  handshake: ids.handshake, resourceGroup: ids.resourceGroup, group: ids.group, rule: ids.rule, groupRule: ids.groupRule,
  pack: ids.pack, groupPack: ids.groupPack, key: ids.key.AccessKeyId, name: NAME, message: ids.message, token: TOKEN.ClientToken });

/** The same forms, of things that never were. */
const bogus = () => ({ account: '1999999999999991', member: '1999999999999992', folder: 'fd-0000000000', root: 'r-000000',
  policy: 'cp-0000000000000000', handshake: 'h-0000000000000000', resourceGroup: 'rg-000000000000000', group: `ca-${'0'.repeat(20)}`,
  rule: `cr-${'0'.repeat(20)}`, groupRule: `cr-${'1'.repeat(20)}`, pack: `cp-${'0'.repeat(20)}`, groupPack: `cp-${'1'.repeat(20)}`,
  key: 'LTAI5t00000000000000000A', name: 'xnobodyx', message: ids.message, token: 'token-of-nobody' });

const DIRECTORY_TYPES = { Folder: 'folder', Account: 'member', ControlPolicy: 'policy', ResourceGroup: 'resourceGroup' };

/** What to call an operation with. `group` is the account group to name, `second` picks the other of two choices. */
function known(of, { group = of.group, second = false, token = () => undefined } = {}) {
  const pick = (a, b) => (second ? b : a);
  const bucket = `${of.name}-bucket-1`;
  const account = pick(of.member, of.account);
  const one = { ResourceAccountId: Number(account), ResourceType: 'ACS::OSS::Bucket', Region: 'cn-hangzhou', ResourceId: bucket };
  const directory = pick('Folder', 'Account');
  const isTag = (operation) => /Tag/.test(operation.name) && operation.product !== 'ram' && operation.product !== 'config';
  return { AccountId: account, MemberId: of.member, ResourceAccountId: account, ResourceOwnerId: account, PayerAccountId: of.member,
    AdminAccountId: of.account, TargetEntity: account, TargetType: 'Account', AggregatorId: group, AggregatorIds: [group], SrcAggregatorId: group,
    DesAggregatorIds: [group], ConfigRuleId: pick(of.groupRule, of.rule), ConfigRuleIds: [of.groupRule, of.rule], SrcConfigRuleIds: [of.groupRule, of.rule],
    CompliancePackId: pick(of.groupPack, of.pack), CompliancePackIds: [of.groupPack, of.pack], SrcCompliancePackIds: [of.groupPack, of.pack],
    FolderId: (operation, parameter) => (parameter.type === 'array' ? [of.folder] : of.folder), ParentFolderId: of.folder,
    DestinationFolderId: pick(of.folder, of.root), ChildId: of.folder, TargetId: pick(of.folder, of.member), PolicyId: of.policy,
    HandshakeId: of.handshake, ResourceGroupId: of.resourceGroup, ResourceGroupIds: [of.resourceGroup], UserName: of.name, GroupName: of.name,
    RoleName: of.name, PolicyName: of.name, PolicyType: 'Custom', UserAccessKeyId: of.key, RoleArn: `acs:ram::${of.account}:role/${of.name}`,
    PrincipalType: 'IMSUser', PrincipalName: `${of.name}@${of.account}.onaliyun.com`, ServicePrincipal: 'config.aliyuncs.com', RoleSessionName: 'walker',
    ResourceType: (operation) => (isTag(operation) ? directory : operation.product === 'ram' ? 'role'
      : /TagResources/.test(operation.name) ? pick('ACS::Config::Rule', 'ACS::Config::Aggregator') : 'ACS::OSS::Bucket'),
    ResourceId: (operation) => (isTag(operation) ? of[DIRECTORY_TYPES[directory]]
      : /TagResources/.test(operation.name) ? [pick(of.rule, of.group)] : bucket),
    ResourceIds: [bucket], ResourceNames: [of.name], Region: 'cn-hangzhou', Resources: [one], TagKey: `${of.name}-tag`, TagKeys: [`${of.name}-tag`],
    NextToken: token, Marker: token, ClientToken: of.token, EncodedDiagnosticMessage: of.message, Keyword: of.name, QueryKeyword: of.name, MaxResults: 10,
    ConfigurationItems: [{ accountId: account, resourceType: 'ACS::OSS::Bucket', resourceId: bucket, regionId: 'cn-hangzhou', configuration: { stolen: 1 } }],
    AggregatorAccounts: [{ AccountId: Number(of.member), AccountName: of.name, AccountType: 'ResourceDirectory' }], FolderIdsScope: [of.folder],
    AccountIdsScope: [account], ExcludeAccountIdsScope: [account], ResourceIdsScope: [bucket], PolicyDocument: policy(allow('config:Get*')),
    AssumeRolePolicyDocument: policy({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [`acs:ram::${of.account}:root`] } }),
    ConfigRuleName: of.name, CompliancePackName: of.name, AggregatorName: of.name, SourceIdentifier: RULE.SourceIdentifier, SourceOwner: 'ALIYUN',
    ResourceTypesScope: ['ACS::OSS::Bucket'], ConfigRuleTriggerTypes: ['ConfigurationItemChangeNotification'], RiskLevel: 1 };
}

/** Everything of the victim that an answer must not hold unless the request did. */
const secrets = () => [CONTENT, NAME, ...Object.values(foreign()), ids.user, ids.role, ids.key.AccessKeySecret, server.credentials.AccessKeySecret,
  victim.directory.ResourceDirectoryId];

/** What the victim sees of itself; must be the same before and after. */
async function state() {
  const seen = {};
  for (const operation of operations.filter((o) => o.readOnly && !['GetServerStatus', 'GetCallerIdentity', 'GetAccessKeyLastUsed'].includes(o.name))) {
    for (const second of [false, true]) {
      const { code, body } = await answerOf(server, operation, inputOf(operation, known(foreign(), { second }), { optional: second }));
      seen[`${operation.product} ${operation.version} ${operation.name} ${second}`] = code || body.replace(/"[A-Za-z]*(RequestId|Timestamp|Token)":("[^"]*"|\d+)/g, '');
    }
  }
  return seen;
}

before(async () => {
  server = await Server.start();
  victim = await Organisation.on(server);
  strangers = [await victim.stranger('stranger-1'), await victim.stranger('stranger-2')];
  fellow = { keys: await victim.enter(await victim.member('fellow')) };
  await makeIdentities();
  await makeDirectory();
  await makeRules();
  for (const one of strangers) {
    await victim.manage('InitResourceDirectory', {}, one.keys);
    const member = (await victim.manage('CreateResourceAccount', { DisplayName: 'own' }, one.keys)).Account.AccountId;
    one.group = (await victim.config('CreateAggregator', { AggregatorName: 'own', Description: 'own', AggregatorAccounts: JSON.stringify(
      [{ AccountId: Number(member), AccountName: 'own', AccountType: 'ResourceDirectory' }]) }, one.keys)).AggregatorId;
  }
  for (const operation of operations.filter((o) => o.readOnly && (o.parameters ?? []).some((p) => ['NextToken', 'Marker'].includes(p.name)))) {
    const { body } = await answerOf(server, operation, { ...inputOf(operation, known(foreign()), { optional: false }), MaxResults: 1, MaxItems: 1 });
    tokens[operation.name] = /"(?:NextToken|Marker)":"([^"]+)"/.exec(body)?.[1];
  }
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

const VARIANTS = [{ optional: false }, { optional: false, second: true }, { optional: true }, { optional: true, second: true }, { optional: true, own: true }];
// Ways to lock oneself out; they take no identifier of anybody else.
const SUICIDAL = ['SetSecurityPreference', 'DestroyResourceDirectory'];

// Aliases are unique in the world, and an invitation needs an account that exists.
const WORLDWIDE = ['SetAccountAlias', 'InviteAccountToResourceDirectory'];

/** Reads first: afterwards the walker has things of the same names itself. */
const ordered = [...operations.filter((o) => o.readOnly), ...operations.filter((o) => !o.readOnly && !SUICIDAL.includes(o.name))];

/** One answer after the other, with the calls that led to them. */
async function* walk(keys, of, ownGroup) {
  for (const operation of ordered) {
    for (const { optional, second, own } of VARIANTS) {
      if (own && !ownGroup) continue;
      const input = inputOf(operation, known(of, { second, group: own ? ownGroup : of.group, token: (o) => tokens[o.name] }), { optional });
      const answer = await answerOf(server, operation, input, keys);
      yield { operation, input, answer, what: `${operation.product} ${operation.version} ${operation.name} ${JSON.stringify(input)}` };
    }
  }
}

const GENERAL = /^(Missing|Invalid|NoPermission|Forbidden|UnsupportedOperation|IdempotentParameterMismatch|EntityNotExist)/;

const documented = (operation, code) => GENERAL.test(code) || operation.errors.some((error) => error.code === code) || codes.has(code);

/** What is wrong with one answer. */
function findings({ operation, input, answer, what }, made, hidden) {
  const found = [];
  if (answer.status >= 500) found.push(`${what}: ${answer.body}`);
  else if (answer.code && !documented(operation, answer.code)) found.push(`${what}: ${answer.code} is not documented`);
  const asked = JSON.stringify(input) + made;
  for (const secret of hidden)
    if (!asked.includes(secret) && answer.body.includes(secret)) found.push(`${what} shows ${secret}: ${answer.body}`);
  return found;
}

let untouched;

test('the owner of another directory learns and changes nothing, and cannot tell what exists', async () => {
  assert.ok(Object.values(tokens).filter(Boolean).length >= 5, 'lists of the victim have further pages');
  untouched = await state();
  const [first, second] = [walk(strangers[0].keys, foreign(), strangers[0].group), walk(strangers[1].keys, bogus(), strangers[1].group)];
  const found = [];
  let made = '';
  for (;;) {
    const [a, b] = [await first.next(), await second.next()];
    if (a.done) break;
    if (!a.value.operation.readOnly) made += NAME;
    found.push(...findings(a.value, made, secrets()));
    const told = [a, b].map(({ value }) => `${value.answer.status} ${value.answer.code}`);
    if (told[0] !== told[1] && !WORLDWIDE.includes(a.value.operation.name)) found.push(`${a.value.what}: ${told[0]}, of a thing that never was: ${told[1]}`);
  }
  assert.deepEqual(found, []);
});

test('a fellow member of the directory learns and changes nothing', async () => {
  const open = [victim.account, victim.root, victim.directory.ResourceDirectoryId]; // members know whom they belong to
  const found = [];
  let made = '';
  for await (const one of walk(fellow.keys, foreign())) {
    if (!one.operation.readOnly) made += NAME;
    found.push(...findings(one, made, secrets().filter((secret) => !open.includes(secret))));
  }
  assert.deepEqual(found, []);
});

test('the victim is as it was', async () => {
  const now = await state();
  assert.deepEqual(Object.keys(now).filter((call) => now[call] !== untouched[call]).map((call) => [call, untouched[call], now[call]]), []);
});

test('nobody gets anything without a valid signature', async () => {
  const proven = /^AssumeRoleWith/; // these bring another proof of who asks
  for (const operation of operations.filter((o) => !proven.test(o.name))) {
    const common = { Action: operation.name, Version: operation.version, Format: 'JSON', ...inputOf(operation, { ...known(foreign()) }, { optional: false }) };
    const signed = { ...common, AccessKeyId: server.credentials.AccessKeyId, SignatureMethod: 'HMAC-SHA1', SignatureVersion: '1.0',
      SignatureNonce: `${operation.product}${operation.version}${operation.name}`, Timestamp: new Date().toISOString().replace(/\.\d+/, ''), Signature: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' };
    const headers = { 'x-acs-action': operation.name, 'x-acs-version': operation.version };
    for (const [query, more] of [[common, {}], [signed, {}], [{}, headers]]) {
      const text = Object.entries(query).filter(([, value]) => typeof value !== 'object').map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
      const answer = await fetch(`${server.endpoint}/?${text}`, { method: operation.methods[0], headers: more });
      const body = await answer.text();
      const code = /"Code":"([^"]+)"|<Code>([^<]+)/.exec(body)?.slice(1).join('');
      assert.ok(answer.status >= 400 && answer.status < 500, `${operation.name}: ${answer.status}`);
      assert.match(code, /^(Missing|IncompleteSignature|SignatureDoesNotMatch|InvalidAccessKeyId|InvalidTimeStamp|InvalidParameter|IllegalTimestamp)/, operation.name);
      for (const secret of [CONTENT, ids.role, ids.user]) assert.ok(!body.includes(secret), operation.name);
    }
  }
  for (const page of ['healthz', 'readyz', 'metrics']) {
    const text = await (await fetch(`${server.endpoint}/${page}`)).text();
    for (const secret of secrets()) assert.ok(!text.includes(secret), `${page} shows ${secret}`);
  }
});
