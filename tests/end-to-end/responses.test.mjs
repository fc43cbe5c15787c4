// What operations answer has the shape that their specification says: no member too many, every type as promised, in JSON
// and in XML.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { inputOf, operations, answerOf } from './operations.mjs';
import { root } from './paths.mjs';
import { Server } from './support.mjs';
import { furnish, known, own } from './tenant.mjs';

let server;
let special; // identifiers of things that some operations need
const answers = []; // of reading operations: { operation, code, text }

const VARIANTS = [{ optional: false }, { optional: false, second: true }, { optional: true }, { optional: true, second: true }];

/** A member that was deleted, a service-linked role that was, and rules of one owner each. */
async function prepare(organisation) {
  const AccountId = await organisation.member('gone');
  await organisation.manage('SetMemberDeletionPermission', { Status: 'Enabled' });
  await organisation.manage('CheckAccountDelete', { AccountId }, organisation.administrator);
  await organisation.manage('DeleteAccount', { AccountId }, organisation.administrator);
  const { Role } = await organisation.manage('CreateServiceLinkedRole', { ServiceName: 'config.aliyuncs.com' });
  const { DeletionTaskId } = await organisation.manage('DeleteServiceLinkedRole', { RoleName: Role.RoleName });
  const identifiers = own();
  special = (operation) => ({ VersionId: 'v1', DeletionTaskId, ...(/Deletion/.test(operation.name) && { AccountId }),
    ConfigRuleIds: [/Aggregate/.test(operation.name) ? identifiers.groupRule : identifiers.rule] });
}

const inputs = (operation) => VARIANTS.map(({ optional, second }) =>
  inputOf(operation, { ...known(own(), { second }), ...special(operation) }, { optional }));

before(async () => {
  server = await Server.start();
  await prepare((await furnish(server)).organisation);
  for (const operation of operations.filter((one) => one.readOnly))
    for (const input of [...inputs(operation), ...(operation.name.startsWith('GetServiceLinked') ? [{ DeletionTaskId: special(operation).DeletionTaskId }] : [])]) {
      const { code, text } = await answerOf(server, operation, input);
      answers.push({ operation, input, code, text });
    }
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

test('every reading operation succeeds with identifiers of the caller\'s own', () => {
  const failed = operations.filter((one) => one.readOnly && !answers.some((a) => a.operation === one && a.code === ''));
  assert.deepEqual(failed.map((o) => [o.product, o.version, o.name, answers.find((a) => a.operation === o).code].join(' ')), []);
});

test('JSON answers fit the response trees', () => {
  const lines = answers.filter((a) => a.code === '').map(({ operation, text }) =>
    `{"product":"${operation.product}","version":"${operation.version}","operation":"${operation.name}","response":${text}}\n`);
  const done = spawnSync('python3', [path.join(root, 'tools/check-response.py'), '--batch'],
    { input: lines.join(''), encoding: 'utf8', maxBuffer: 1 << 26 });
  assert.deepEqual([...new Set(done.stderr.replace(/\[\d+\]/g, '[]').split('\n').filter(Boolean))], []);
  assert.equal(done.status, 0);
});

/** The tree of a well-formed document; fails on anything else. */
function parseXml(text) {
  const root = { children: [], text: '' };
  const open = [root];
  const token = /<\?[^>]*\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([A-Za-z_][\w.-]*)(\/?)>|&(amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);|([^<&\x00-\x08\x0b\x0c\x0e-\x1f]+)/gy;
  for (let at = 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const found = token.exec(text);
    assert.ok(found, `not well-formed at ${JSON.stringify(text.slice(at, at + 60))}`);
    const [, , close, name, empty] = found;
    if (!name) continue;
    if (close) assert.equal(open.pop().name, name);
    else {
      const element = { name, children: [] };
      open.at(-1).children.push(element);
      if (!empty) open.push(element);
    }
  }
  assert.deepEqual([open.length, root.children.length], [1, 1]);
  return root.children[0];
}

/** The elements that a JSON value becomes: lists repeat their name; a list in a list is a text, as XML could not tell its end. */
const elements = (value) => Object.entries(value).flatMap(([name, child]) => (Array.isArray(child) ? child : [child])
  .filter((one) => one !== null).map((one) => (typeof one === 'object' && one && !Array.isArray(one) ? { name, children: elements(one) } : { name, children: [] })));

const FREE = ['InputParameters', 'Evaluation', 'CompulsoryInputParameterDetails', 'OptionalInputParameterDetails']; // any members
const shape = (list) => list.map(({ name, children }) => (FREE.includes(name) ? name : `${name}(${shape(children)})`)).join();

test('XML answers are well-formed and say what the JSON says', async () => {
  const chosen = answers.filter((a) => a.code === '' && a.text.length < 60000);
  for (const { operation, input, text } of chosen.filter((a, i) => chosen.findIndex((b) => b.operation === a.operation) === i)) {
    const answer = await answerOf(server, operation, input, { format: 'XML' });
    assert.match(answer.type, /^text\/xml/, operation.name);
    const root = parseXml(answer.text);
    assert.equal(root.name, `${operation.name}Response`);
    assert.equal(shape(root.children), shape(elements(JSON.parse(text))), `${operation.name} ${answer.text.slice(0, 600)} ${text.slice(0, 600)}`);
  }
});

test('errors are well-formed in both forms', async () => {
  for (const { operation, input } of answers.filter((a) => a.code !== '').slice(0, 60)) {
    const root = parseXml((await answerOf(server, operation, input, { format: 'XML' })).text);
    assert.equal(root.name, 'Error');
    assert.deepEqual(root.children.map((c) => c.name).slice(0, 5), ['RequestId', 'HostId', 'Code', 'Message', 'Recommend'], operation.name);
  }
});
