// `check` over files that its threads read in ranges of 64 KiB: the report is the same for any number of threads and for
// standard input, which is read in one piece after the other; what is wrong is told with file and line.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { plumbline, scratch } from './support.mjs';

const directory = scratch();
const RULES = ['check', '--rule', 'oss-bucket-public-read-prohibited', '--rule', 'oss-bucket-logging-enabled'];
const ITEMS = 3000;

/** Items of 80 to 2,000 bytes, every third with a finding; two are longer than a range, some lines are blank. */
function items(change = () => undefined) {
  return Array.from({ length: ITEMS }, (_, i) => {
    const note = 'n'.repeat(i === 700 || i === 2500 ? 300000 : (i * 7919) % 1900);
    return change(i) ?? JSON.stringify({ resourceType: 'ACS::OSS::Bucket', resourceId: `b-${i}`, accountId: '1', regionId: 'cn-hangzhou',
      configuration: { AccessControlList: { Grant: i % 3 ? 'private' : 'public-read' }, Note: note } }) + (i % 500 ? '' : '\n  \r');
  }).join('\n');
}

function write(name, text) {
  const file = path.join(directory, name);
  fs.writeFileSync(file, text);
  return file;
}

const ids = (stdout) => stdout.trim().split('\n').map((line) => JSON.parse(line))
  .filter((d) => d.identifier === 'oss-bucket-public-read-prohibited' && d.complianceType === 'NON_COMPLIANT').map((d) => d.resourceId);

test('the report is the same for any number of threads, from standard input, and without a last line feed', () => {
  const text = items();
  const file = write('items.jsonl', text + '\n'), open = write('open.jsonl', text);
  const wanted = plumbline([...RULES, '--threads', '1', '-'], { input: text });
  assert.equal(wanted.status, 1);
  assert.deepEqual(ids(wanted.stdout), Array.from({ length: ITEMS / 3 }, (_, i) => `b-${i * 3}`));
  for (const threads of ['1', '2', '8'])
    for (const input of [file, open, '-']) {
      const done = plumbline([...RULES, '--threads', threads, input], { input: text });
      assert.equal(done.status, 1, done.stderr);
      assert.ok(done.stdout === wanted.stdout, `${threads} threads, ${path.basename(input)}`);
      assert.match(done.stderr, new RegExp(`^${ITEMS} resources, 2 rules, ${2 * ITEMS} evaluations: `));
    }
});

test('every format says the same of a large file as of standard input', () => {
  const text = items();
  const file = write('formats.jsonl', text);
  for (const format of ['json', 'csv', 'junit', 'table', 'sarif']) {
    const run = (input) => plumbline([...RULES, '--threads', '4', '--format', format, input], { input: text })
      .stdout.replaceAll(/standard( |%20)input/g, file).replace(/ time="\d+\.\d+" timestamp="[^"]*"/, '');
    assert.ok(run(file) === run('-'), format);
  }
});

test('SARIF names the line of a finding in a large file', () => {
  const lines = items().split('\n');
  const { stdout } = plumbline([...RULES, '--threads', '4', '--format', 'sarif', write('sarif.jsonl', lines.join('\n'))]);
  for (const result of JSON.parse(stdout).runs[0].results) {
    const [place] = result.locations;
    const line = lines[place.physicalLocation.region.startLine - 1];
    assert.equal(JSON.parse(line).resourceId, place.logicalLocations[0].fullyQualifiedName);
  }
});

test('several files, large and small, are reported in their order', () => {
  const [first, second] = [write('first.jsonl', items()), write('second.jsonl', items().replaceAll('"b-', '"c-'))];
  const small = write('small.jsonl', JSON.stringify({ resourceType: 'ACS::OSS::Bucket', resourceId: 's', configuration: { AccessControlList: { Grant: 'public-read' } } }));
  const { stdout } = plumbline([...RULES, '--threads', '8', first, small, second, small]);
  const of = (letter) => Array.from({ length: ITEMS / 3 }, (_, i) => `${letter}-${i * 3}`);
  assert.deepEqual(ids(stdout), [...of('b'), 's', ...of('c'), 's']);
});

test('the first broken line of a large file is named; what is before it is reported, and nothing behind it', () => {
  const broken = (i) => (i === 2000 || i === 2001 || i === 2900 ? '{"resourceType": }' : undefined);
  const text = items(broken);
  const line = text.split('\n').findIndex((one) => one.startsWith('{"resourceType": }')) + 1;
  const reports = new Set();
  for (const threads of ['1', '2', '8']) {
    const { status, stdout, stderr } = plumbline([...RULES, '--threads', threads, write('broken.jsonl', text)]);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`broken\\.jsonl:${line}: `));
    const seen = ids(stdout), whole = Array.from({ length: 667 }, (_, i) => `b-${i * 3}`);
    assert.ok(seen.length > 500 && seen.length <= whole.length, String(seen.length));
    assert.deepEqual(seen, whole.slice(0, seen.length));
    reports.add(stdout);
  }
  assert.equal(reports.size, 1);
});

test('a large file without a finding ends with status 0, one that is blank with no resource', () => {
  const file = write('good.jsonl', items().replaceAll('public-read', 'private'));
  assert.equal(plumbline(['check', '--rule', 'oss-bucket-public-read-prohibited', '--threads', '2', file]).status, 0);
  const { status, stderr } = plumbline([...RULES, '--input', 'jsonl', '--threads', '2', write('blank.jsonl', ' \n'.repeat(200000))]);
  assert.equal(status, 0);
  assert.match(stderr, /^0 resources/);
});
