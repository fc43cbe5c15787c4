// Whatever comes in, through the server or from a file: an error that says where, with a code of the reference, nothing stored,
// and a server that answers the next caller at once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root } from './paths.mjs';
import { Connection, signed } from './raw.mjs';
import { failure, plumbline, scratch, Server } from './support.mjs';

let server;
const SLOW = 15000; // milliseconds; the sanitised build on a busy machine

before(async () => { server = await Server.start(); });
after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
});

const item = (more = {}) => ({ resourceType: 'ACS::ECS::Instance', resourceId: 'i-1', regionId: 'cn-hangzhou', configuration: {}, ...more });
const text = (more) => JSON.stringify(item(more));
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);

async function count() {
  const { DiscoveredResourceCountsSummary: groups } = await server.call('GetDiscoveredResourceCountsGroupByResourceType', {});
  return groups.reduce((sum, { ResourceCount }) => sum + Number(ResourceCount), 0);
}

/** Sends the bytes of a body as they are; the answer's status and body. */
async function post(body, action = 'PutConfigurationItems', version = '2026-11-01', type = 'application/json') {
  const request = signed(server.credentials, action, { method: 'POST', version, body, type });
  const connection = await Connection.open(server.endpoint);
  connection.write(request.slice(0, request.indexOf('\r\n\r\n') + 4));
  connection.write(body);
  const answer = await connection.answer();
  connection.socket.destroy();
  assert.ok(answer, 'the server closed the connection without an answer');
  assert.doesNotMatch(answer.body, /SignatureDoesNotMatch/);
  return answer;
}

const items = (...texts) => `{"ConfigurationItems":[${texts.join(',')}]}`;

test('a malformed item is refused with its index and member, and nothing of its call is stored', async () => {
  const cases = [
    ['{"resourceId":"a"}', /ConfigurationItems\[1\]\.resourceType/],
    ['{"resourceType":"A::B::C"}', /ConfigurationItems\[1\]\.resourceId/],
    ['[]', /ConfigurationItems\[1\]: must be an object/],
    ['null', /ConfigurationItems\[1\]/],
    [text({ configuration: '{"a":' }), /ConfigurationItems\[1\]\.configuration/],
    [text({ configuration: 3 }), /ConfigurationItems\[1\]\.configuration/],
    [text({ tags: { a: { b: 1 } } }), /ConfigurationItems\[1\]\.tags/],
    [text({ captureTime: 'yesterday' }), /ConfigurationItems\[1\]\.captureTime/],
    [text({ resourceEventType: 'EXPLODE' }), /ConfigurationItems\[1\]\.resourceEventType/],
    [text({ resourceId: 'a\u0000b' }), /ConfigurationItems\[1\]\.resourceId.*NUL/],
    [text({ resourceName: 'x'.repeat(2000) }), /ConfigurationItems\[1\]\.resourceName/],
    [text({ configuration: { big: 'x'.repeat(1 << 20) } }), /ConfigurationItems\[1\]\.configuration.*1 MiB/],
  ];
  const stored = await count();
  for (const [bad, message] of cases) {
    const { status, body } = await post(items(text({ resourceId: 'good' }), bad));
    assert.equal(status, 400, body.slice(0, 300));
    assert.match(JSON.parse(body).Code, /^Invalid\.ConfigurationItems\.Value$|^Invalid/);
    assert.match(body, message, bad.slice(0, 100));
  }
  assert.equal(await count(), stored);
});

test('text that is no JSON is refused, whatever bytes it is made of', async () => {
  const stored = await count();
  for (const bad of ['', '{', '{"ConfigurationItems":[}', `{"ConfigurationItems":${nested(2000)}}`, '\u0000', '{"ConfigurationItems":[1e999]}', 'nul', '{"a":1}']) {
    const { status, body } = await post(bad);
    assert.equal(status, 400, `${bad.slice(0, 60)}: ${body.slice(0, 300)}`);
    assert.ok(JSON.parse(body).Code);
  }
  assert.equal(await count(), stored);
});

test('large strings, deep nesting, odd numbers and odd keys in a configuration are kept as they are, or refused', async () => {
  const cases = {
    big: JSON.stringify({ v: 'x'.repeat((1 << 20) - 100) }),
    deep: `{"v":${nested(1000)}}`,
    numbers: '{"v":[18446744073709551615,-9223372036854775808,0.1,1e308,123456789012345678]}',
    escapes: '{"v":"\\u0000\\ud83d\\ude00","\\u0000":1,"":2}',
  };
  for (const [id, configuration] of Object.entries(cases)) {
    const { status, body } = await post(items(`{"resourceType":"A::B::C","resourceId":"${id}","configuration":${configuration}}`));
    assert.ok(status === 200 || (status === 400 && JSON.parse(body).Code), `${id}: ${status} ${body.slice(0, 200)}`);
    if (status !== 200) continue;
    const { DiscoveredResourceDetail: detail } = await server.call('GetDiscoveredResource', { ResourceType: 'A::B::C', ResourceId: id, Region: 'global' });
    assert.deepEqual(JSON.parse(detail.Configuration), JSON.parse(configuration), id);
  }
  const beyond = await post(items('{"resourceType":"A::B::C","resourceId":"beyond","configuration":{"v":123456789012345678901234567890}}'));
  assert.ok([200, 400].includes(beyond.status), beyond.body);
});

test('a key given twice in a configuration does not make two of it', async () => {
  const { status, body } = await post(items('{"resourceType":"A::B::C","resourceId":"twice","configuration":{"a":1,"a":2}}'));
  assert.ok(status === 200 || status === 400, body);
  if (status === 200) {
    const again = await post(items('{"resourceType":"A::B::C","resourceId":"twice","configuration":{"a":1,"a":2}}'));
    assert.equal(JSON.parse(again.body).Unchanged, 1);
  }
});

test('bytes that are not UTF-8 are refused', async () => {
  const body = Buffer.concat([Buffer.from('{"ConfigurationItems":[{"resourceType":"A::B::C","resourceId":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}]}')]);
  const stored = await count();
  const answer = await post(body);
  assert.equal(answer.status, 400, answer.body);
  assert.equal(await count(), stored);
});

const makeRule = (conditions, more = {}) => server.call('CreateConfigRule', {
  ConfigRuleName: `bad-${Math.random()}`, SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration',
  ResourceTypesScope: 'ACS::ECS::Instance', RiskLevel: 1, ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification',
  Conditions: typeof conditions === 'string' ? conditions : JSON.stringify({ ComplianceConditions: JSON.stringify(conditions) }), ...more,
});

test('a malformed condition or path is refused with its place, and no rule is made', async () => {
  const leaf = (more) => ({ operator: 'and', children: [{ operator: 'StringEquals', featureSource: 'CONFIGURATION', featurePath: '$.a', desired: 'b', ...more }] });
  const deep = Array.from({ length: 1000 }).reduce((child) => ({ operator: 'and', children: [child] }), leaf().children[0]);
  for (const bad of ['{', '[]', '{"ComplianceConditions":"{"}', leaf({ operator: 'Equalish' }), leaf({ featurePath: '$.a[' }), leaf({ featurePath: 'a' }),
    leaf({ featurePath: `$${'[?@.a]'.repeat(3000)}` }), leaf({ desired: {} }), leaf({ featureSource: 'NOWHERE' }), { operator: 'and', children: [] }, deep,
    leaf({ operator: 'Matches', desired: '(' })]) {
    const error = await failure(makeRule(bad));
    assert.match(error.code, /^(Invalid|Parameter|Condition|SizeExceed|Exceed)/, `${JSON.stringify(bad).slice(0, 120)}: ${error.code}`);
  }
  const { ConfigRules } = await server.call('ListConfigRules', {});
  assert.equal(ConfigRules.TotalCount, 0);
});

test('a malformed template is refused and no package is made', async () => {
  for (const TemplateContent of ['{', '[]', 'configRules: [', '{"configRules":[{"identifier":"no-such-rule"}]}', nested(1000), '{"configRules":{}}']) {
    const error = await failure(server.call('CreateCompliancePack', { CompliancePackName: 'bad', RiskLevel: 1, TemplateContent }));
    assert.ok(error.code && error.code !== 'InternalError', `${TemplateContent.slice(0, 50)}: ${error.code}`);
  }
  const { CompliancePacksResult } = await server.call('ListCompliancePacks', {});
  assert.equal(CompliancePacksResult.TotalCount, 0);
});

test('ten thousand parameters are handled in time that grows with their number; more are refused', async () => {
  const timed = async (n) => {
    const body = Array.from({ length: n }, (_, i) => `ConfigRuleIds.${i + 1}=cr-${i}`).join('&');
    const started = Date.now();
    const answer = await post(body, 'DeleteConfigRules', '2020-09-07', 'application/x-www-form-urlencoded');
    assert.ok(answer.status < 500, answer.body.slice(0, 200));
    return Date.now() - started;
  };
  await timed(10);
  const few = await timed(1000), many = await timed(9900);
  assert.ok(many < 30 * Math.max(few, 20), `${few} ms for 1,000, ${many} ms for 9,900`);
  const answer = await post(Array.from({ length: 10050 }, (_, i) => `A.${i}=1`).join('&'), 'DeleteConfigRules', '2020-09-07', 'application/x-www-form-urlencoded');
  assert.equal(answer.status, 400);
  assert.match(answer.body, /10000|10,000/);
});

test('none of this has stalled the server', async () => {
  const started = Date.now();
  await server.call('ListConfigRules', {});
  assert.ok(Date.now() - started < SLOW);
});

// ---- files ----

const directory = scratch();
const write = (name, content) => {
  const file = path.join(directory, name);
  fs.writeFileSync(file, content);
  return file;
};

test('import stops at the bad line and names it; what was accepted before stays', () => {
  const data = path.join(directory, 'data');
  const good = (id) => JSON.stringify(item({ resourceId: id }));
  const cases = [
    ['member.jsonl', `${good('a')}\n\n{"resourceType":"A::B::C"}\n`, /member\.jsonl:3: .*resourceId/],
    ['json.jsonl', `${good('a')}\n{"a":\n`, /json\.jsonl:2: /],
    ['two-halves.jsonl', `{"resourceType":"A::B::C","resourceId":["a"\n"b"]}\n`, /two-halves\.jsonl.*JSON/],
    ['utf8.jsonl', Buffer.concat([Buffer.from(`${good('a')}\n{"resourceType":"A::B::C","resourceId":"`), Buffer.from([0xff]), Buffer.from('"}\n')]), /utf8\.jsonl:2: /],
    ['nul.jsonl', `${good('a')}\n{"resourceType":"A::B::C","resourceId":"a\\u0000"}\n`, /nul\.jsonl:2: .*NUL/],
    ['deep.jsonl', `${good('a')}\n{"resourceType":"A::B::C","resourceId":"d","configuration":{"a":${nested(3000)}}}\n`, /deep\.jsonl:2: /],
    ['large.jsonl', `${JSON.stringify(item({ configuration: { a: 'x'.repeat(1 << 20) } }))}\n`, /large\.jsonl:1: .*1 MiB/],
  ];
  for (const [name, content, message] of cases) {
    const done = plumbline(['import', '--data', data, '--account', '1', write(name, content)]);
    assert.equal(done.status, 2, `${name}: ${done.stderr}`);
    assert.match(done.stderr, message);
    assert.match(done.stderr, /^0 items accepted/m, name);
  }
  const missing = plumbline(['import', '--data', data, '--account', '1', path.join(directory, 'nowhere.jsonl')]);
  assert.deepEqual([missing.status, /nowhere\.jsonl/.test(missing.stderr)], [2, true], missing.stderr);
});

test('check names a malformed snapshot, Terraform file, condition and template', () => {
  const rule = ['--rule', 'ecs-instance-deletion-protection-enabled'];
  const cases = [
    [[...rule, write('plan.json', '{"format_version":"1.2","planned_values":{"root_module":{"resources":[{"type":3}]}}}')], /plan\.json/],
    [[...rule, '--input', 'terraform', write('half.json', '{"format_version":')], /half\.json/],
    [[...rule, write('snapshot.json', '{"ConfigurationItems":[{"resourceType":')], /snapshot\.json/],
    [['--conditions', write('conditions.json', '{"operator":"and"'), '--type', 'A::B::C', write('ok.jsonl', '{"resourceType":"A::B::C","resourceId":"a"}\n')], /conditions\.json|JSON/],
    [['--pack', write('pack.json', '{"configRuleTemplates":[{"managedRuleIdentifier":"no-such-rule"}]}'), path.join(directory, 'ok.jsonl')], /pack\.json/],
  ];
  for (const [args, message] of cases) {
    const done = plumbline(['check', ...args]);
    if (args.some((a) => /plan\.json$/.test(a)) && done.status === 0) continue; // a resource without a type is not one of ours
    assert.equal(done.status, 2, `${args}: ${done.stderr}`);
    assert.match(done.stderr, message);
  }
});

test('a catalogue of one\'s own: folders are read, a wrong one ends serve and check alike', async () => {
  const own = path.join(directory, 'own');
  fs.mkdirSync(path.join(own, 'rules', 'deeper'), { recursive: true });
  const rule = (name) => JSON.stringify({ identifier: name, name, description: 'd', resourceTypes: ['ACS::ECS::Instance'],
    triggers: ['ConfigurationItemChangeNotification'], riskLevel: 1, parameters: [],
    condition: { operator: 'and', children: [{ operator: 'StringEquals', featureSource: 'CONFIGURATION', featurePath: '$.a', desired: 'b' }] } });
  fs.writeFileSync(path.join(own, 'rules', 'deeper', 'my-rule.json'), rule('my-rule'));
  const input = write('one.jsonl', `${text({ configuration: { a: 'b' } })}\n`);
  const check = (catalogue) => plumbline(['check', '--catalogue', catalogue, '--rule', 'my-rule', input]);
  assert.equal(check(own).status, 0, check(own).stderr);
  const template = JSON.parse(fs.readFileSync(path.join(root, 'catalogue/packs/accesskey-permission-governance-best-practice.json')));
  fs.mkdirSync(path.join(own, 'packs'));
  fs.writeFileSync(path.join(own, 'packs', 'my-pack.json'), JSON.stringify({ ...template, templateId: 'ct-0000000000000001', key: 'my-pack' }));
  const packed = plumbline(['check', '--catalogue', own, '--template', 'ct-0000000000000001', input]);
  assert.ok(packed.status < 2, packed.stderr);
  const serve = (catalogue) => plumbline(['serve', '--data', scratch(), '--listen', '127.0.0.1:0', '--catalogue', catalogue]);
  const empty = path.join(directory, 'empty');
  fs.mkdirSync(empty);
  const wrong = path.join(directory, 'wrong');
  fs.mkdirSync(path.join(wrong, 'packs'), { recursive: true });
  fs.writeFileSync(path.join(wrong, 'packs', 'broken.json'), '{"templateId":');
  for (const [catalogue, message] of [[path.join(directory, 'nowhere'), /nowhere.*No such file/], [empty, /empty.*no rule/], [input, /one\.jsonl.*Not a directory/], [wrong, /packs\/broken\.json/]]) {
    for (const done of [serve(catalogue), check(catalogue)]) {
      assert.equal(done.status, 2, done.stderr);
      assert.match(done.stderr, message);
    }
  }
});
