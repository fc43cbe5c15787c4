// Nothing of one tenant shows to another. Every operation is called with identifiers of a foreign account, by the owner of
// another directory, by a fellow member of the same directory, and by nobody; no answer may hold anything that was not asked
// with, foreign identifiers must be answered like ones that never existed, and the foreign account must be as it was.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf, codes, inputOf, operations } from './operations.mjs';
import { Server } from './support.mjs';
import { bogus, CONTENT, furnish, known, NAME, own as foreign } from './tenant.mjs';

let server;
let victim; // the organisation; the paging tokens of its lists in `tokens`, what nobody else may see in `secrets`
let secrets;
let strangers; // two owners of directories of their own, in the same state
let fellow; // a member of the victim's directory
let ids;
const tokens = {};

/** What the victim sees of itself; must be the same before and after. */
async function state() {
  const seen = {};
  for (const operation of operations.filter((o) => o.readOnly && !['GetServerStatus', 'GetCallerIdentity', 'GetAccessKeyLastUsed'].includes(o.name))) {
    for (const second of [false, true]) {
      const { code, text } = await answerOf(server, operation, inputOf(operation, known(foreign(), { second }), { optional: second }));
      seen[`${operation.product} ${operation.version} ${operation.name} ${second}`] = code || text.replace(/"[A-Za-z]*(RequestId|Timestamp|Token)":("[^"]*"|\d+)/g, '');
    }
  }
  return seen;
}

before(async () => {
  server = await Server.start();
  ({ organisation: victim, secrets, ids } = await furnish(server));
  strangers = [await victim.stranger('stranger-1'), await victim.stranger('stranger-2')];
  fellow = { keys: await victim.enter(await victim.member('fellow')) };
  for (const one of strangers) {
    await victim.manage('InitResourceDirectory', {}, one.keys);
    const member = (await victim.manage('CreateResourceAccount', { DisplayName: 'own' }, one.keys)).Account.AccountId;
    one.group = (await victim.config('CreateAggregator', { AggregatorName: 'own', Description: 'own', AggregatorAccounts: JSON.stringify(
      [{ AccountId: Number(member), AccountName: 'own', AccountType: 'ResourceDirectory' }]) }, one.keys)).AggregatorId;
  }
  for (const operation of operations.filter((o) => o.readOnly && (o.parameters ?? []).some((p) => ['NextToken', 'Marker'].includes(p.name)))) {
    const { text } = await answerOf(server, operation, { ...inputOf(operation, known(foreign()), { optional: false }), MaxResults: 1, MaxItems: 1 });
    tokens[operation.name] = /"(?:NextToken|Marker)":"([^"]+)"/.exec(text)?.[1];
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

// Says whether the caller's own report of the call before is ready, which is a matter of time.
const BUSY = 'ConfigRuleReportCreating';

/** Reads first: afterwards the walker has things of the same names itself. */
const ordered = [...operations.filter((o) => o.readOnly), ...operations.filter((o) => !o.readOnly && !SUICIDAL.includes(o.name))];

/** One answer after the other, with the calls that led to them. */
async function* walk(keys, of, ownGroup) {
  for (const operation of ordered) {
    for (const { optional, second, own } of VARIANTS) {
      if (own && !ownGroup) continue;
      const input = inputOf(operation, known(of, { second, group: own ? ownGroup : of.group, token: (o) => tokens[o.name] }), { optional });
      const answer = await answerOf(server, operation, input, { keys });
      yield { operation, input, answer, what: `${operation.product} ${operation.version} ${operation.name} ${JSON.stringify(input)}` };
    }
  }
}

const GENERAL = /^(Missing|Invalid|NoPermission|Forbidden|UnsupportedOperation|IdempotentParameterMismatch|EntityNotExist)/;

const documented = (operation, code) => GENERAL.test(code) || operation.errors.some((error) => error.code === code) || codes.has(code);

/** What is wrong with one answer. */
function findings({ operation, input, answer, what }, made, hidden) {
  const found = [];
  if (answer.status >= 500 && answer.code !== 'UnsupportedOperation') found.push(`${what}: ${answer.text}`);
  else if (answer.code && !documented(operation, answer.code)) found.push(`${what}: ${answer.code} is not documented`);
  const asked = JSON.stringify(input) + made;
  for (const secret of hidden)
    if (!asked.includes(secret) && answer.text.includes(secret)) found.push(`${what} shows ${secret}: ${answer.text}`);
  return found;
}

/** What a refusal says, without what it was asked with: identifiers, and the request's own number. */
function told({ input, answer }, of) {
  if (!answer.code) return `${answer.status}`;
  const { Message, AccessDeniedDetail: detail } = JSON.parse(answer.text);
  const asked = [...Object.values(of), ...Object.values(input)].filter((value) => typeof value === 'string' && value.length > 3);
  const plain = asked.sort((a, b) => b.length - a.length).reduce((text, value) => text.replaceAll(value, '#'), Message);
  return `${answer.status} ${answer.code} ${plain} ${detail?.NoPermissionType} ${detail?.PolicyType}`;
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
    found.push(...findings(a.value, made, secrets));
    const [theirs, nothing] = [told(a.value, foreign()), told(b.value, bogus())];
    if ([a, b].some(({ value }) => value.answer.code === BUSY)) continue;
    if (theirs !== nothing && !WORLDWIDE.includes(a.value.operation.name)) found.push(`${a.value.what}: ${theirs}, of a thing that never was: ${nothing}`);
  }
  assert.deepEqual(found, []);
});

test('a fellow member of the directory learns and changes nothing', async () => {
  const open = [victim.account, victim.root]; // members know whom they belong to
  const found = [];
  let made = '';
  for await (const one of walk(fellow.keys, foreign())) {
    if (!one.operation.readOnly) made += NAME;
    found.push(...findings(one, made, secrets.filter((secret) => !open.includes(secret))));
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
    for (const secret of secrets) assert.ok(!text.includes(secret), `${page} shows ${secret}`);
  }
});
