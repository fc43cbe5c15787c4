// The command line as its users meet it: formats, exit statuses, errors that name their place.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from './paths.mjs';
import { plumbline, scratch } from './support.mjs';

const directory = scratch();
const write = (name, content) => {
  const file = path.join(directory, name);
  fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};
const bucket = (id, grant) => ({ resourceType: 'ACS::OSS::Bucket', resourceId: id, accountId: 1, regionId: 'cn-hangzhou',
  configuration: { AccessControlList: { Grant: grant } } });
const RULE = ['check', '--rule', 'oss-bucket-public-read-prohibited'];

test('every subcommand explains itself with an example', () => {
  const list = plumbline(['help']).stdout.match(/^ {2}(\w+)/gm).map((word) => word.trim());
  assert.ok(list.length >= 8);
  for (const name of list) {
    const { status, stdout } = plumbline(['help', name]);
    assert.equal(status, 0, name);
    if (name !== 'help') assert.match(stdout, /example/, name);
  }
});

test('unknown subcommands, options and rules are usage errors that name them', () => {
  for (const args of [['nonsense'], ['check', '--nonsense'], ['serve', '--nonsense'], ['import', '--nonsense'], ['version', 'x'], ['rules', 'show', 'nothing']]) {
    const { status, stderr } = plumbline(args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, new RegExp(args.at(-1)));
  }
});

test('check tells compliant from violated by its exit status', () => {
  const good = write('good.jsonl', JSON.stringify(bucket('a', 'private')) + '\n');
  const bad = write('bad.jsonl', JSON.stringify(bucket('b', 'public-read')) + '\n');
  assert.equal(plumbline([...RULE, good]).status, 0);
  const { status, stdout, stderr } = plumbline([...RULE, bad]);
  assert.equal(status, 1);
  const deviation = JSON.parse(stdout);
  assert.deepEqual(Object.keys(deviation), ['ruleName', 'identifier', 'resourceType', 'resourceId', 'accountId', 'regionId',
    'complianceType', 'riskLevel', 'annotation']);
  assert.equal(deviation.annotation.configuration, 'public-read');
  assert.match(stderr, /1 resources, 1 rules, 1 evaluations: 0 COMPLIANT, 1 NON_COMPLIANT/);
});

test('check reads snapshots with configurations as text, arrays, and standard input', () => {
  const item = { ...bucket('b', ''), configuration: JSON.stringify({ AccessControlList: { Grant: 'public-read' } }) };
  const snapshot = write('snapshot.json', { configurationItems: [item, item], fileVersion: '1.0' });
  assert.equal(plumbline([...RULE, snapshot]).stdout.trim().split('\n').length, 2);
  const array = write('array.json', [bucket('b', 'public-read')]);
  assert.equal(plumbline([...RULE, array]).status, 1);
  const input = JSON.stringify(bucket('b', 'public-read'));
  assert.equal(plumbline([...RULE, '-'], { input }).status, 1);
});

test('annotations of managed rules tell a property of the resource, not a parameter', () => {
  const item = write('parameters.jsonl', { resourceType: 'ACS::ECS::Instance', resourceId: 'i', tags: { env: 'test' },
    configuration: { InstanceNetworkType: 'vpc', VpcAttributes: { VpcId: 'vpc-2' } } });
  const why = (...rule) => JSON.parse(plumbline(['check', '--rule', ...rule, item]).stdout).annotation;
  assert.deepEqual(why('ecs-instances-in-vpc', '--param', 'vpcIds=vpc-1'),
    { configuration: 'vpc-2', desiredValue: 'vpc-1', operator: 'StringIn', property: '$.VpcAttributes.VpcId' });
  assert.deepEqual(why('required-tags', '--param', 'tag1Key=env', '--param', 'tag1Value=prod'),
    { configuration: '{"env":"test"}', desiredValue: 'env=prod', operator: 'HasTags', property: '$.tags' });
});

test('check judges no resource that is gone', () => {
  const bad = bucket('b', 'public-read');
  const gone = [{ ...bad, resourceEventType: 'REMOVE' }, { ResourceEventType: 'REMOVE', ...bad }, { ...bad, resourceDeleted: 0 }, { ...bad, resourceDeleted: '0' }];
  const lines = write('gone.jsonl', gone.map((item) => JSON.stringify(item) + '\n').join(''));
  const text = { ...bad, configuration: JSON.stringify(bad.configuration), resourceEventType: 'REMOVE' };
  const changes = write('changes.json', { configurationItems: [text, { ...text, resourceId: 'c', resourceEventType: 'MODIFY' }, { ...bad, resourceId: 'd', resourceDeleted: 1 }], fileVersion: '1.0' });
  const none = plumbline([...RULE, lines]);
  assert.deepEqual([none.status, none.stdout], [0, '']);
  assert.match(none.stderr, /^0 resources, 1 rules, 0 evaluations/);
  assert.deepEqual(plumbline([...RULE, changes]).stdout.trim().split('\n').map((line) => JSON.parse(line).resourceId), ['c', 'd']);
});

test('a package in a file looks at what its scopes cover', () => {
  const open = (id, more) => ({ ...bucket(id, 'public-read'), ...more });
  const items = [open('in'), open('excluded'), open('elsewhere', { regionId: 'cn-beijing' }), open('playing', { tags: { stage: 'play' } }),
    open('other group', { resourceGroupId: 'rg-2' }), open('working', { tags: { stage: ['work'] } })];
  const input = write('scoped.jsonl', items.map((item) => JSON.stringify(item) + '\n').join(''));
  const rule = (configRuleName, scope, more) => ({ configRuleName, scope: { complianceResourceTypes: ['ACS::OSS::Bucket'], ...scope },
    source: { owner: 'ALIYUN', identifier: 'oss-bucket-public-read-prohibited' }, inputParameters: {}, ...more });
  const pack = (scope, ...configRuleTemplates) => write('scoped.json', { configRuleTemplates, compliancePackTemplate: { scope } });
  const found = (file) => {
    const { stdout, stderr } = plumbline(['check', '--pack', file, input]);
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line)).map((one) => `${one.ruleName}:${one.resourceId}`);
    assert.deepEqual([...new Set(stdout.match(/"riskLevel":\d/g))], ['"riskLevel":2'], 'of a package that names none');
    assert.ok(stderr.includes(` ${lines.length} evaluations: 0 COMPLIANT, ${lines.length} NON_COMPLIANT`), stderr);
    return lines.join();
  };
  const both = pack({ complianceRegionIds: ['cn-hangzhou'], complianceExcludeTagsScope: [{ tagKey: 'stage', tagValue: 'play' }] },
    rule('a', { complianceExcludeResourceIds: ['excluded'], complianceExcludeResourceGroupIds: ['rg-2'] }), rule('b', { complianceTagsScope: [{ tagKey: 'stage' }] }));
  assert.equal(found(both), 'a:in,a:working,b:working');
  assert.equal(found(pack({ complianceResourceIds: ['playing'] }, rule('a'))), 'a:playing');
  for (const wrong of [pack({ complianceRegionIds: 'cn-hangzhou' }, rule('a')), pack({}, rule('a', { complianceTagsScope: [{ tagValue: 'x' }] })),
    pack({}, rule('a', {}, { riskLevel: 4 })), pack({}, rule('a', {}, { source: { owner: 'CUSTOM_CONFIGURATION', conditions: { operator: 'and' } } }))]) {
    const { status, stderr } = plumbline(['check', '--pack', wrong, input]);
    assert.equal(status, 2);
    assert.match(stderr, /scoped\.json: \$\.(compliancePackTemplate|configRuleTemplates\[0\]): .*(scope\.compliance|riskLevel|conditions must be a text)/);
  }
});

test('a package in a file may name the operator that only templates have', () => {
  const conditions = (operator) => JSON.stringify({ ComplianceConditions: JSON.stringify({ operator, featurePath: '$.AccessControlList.Grant',
    featureSource: 'CONFIGURATION', desired: 'private,public-read' }) });
  const pack = (operator) => write(`${operator}.json`, { configRuleTemplates: [{ configRuleName: 'grants', scope: { complianceResourceTypes: ['ACS::OSS::Bucket'] },
    source: { owner: 'CUSTOM_CONFIGURATION', identifier: 'acs-config-configuration', conditions: conditions(operator) } }] });
  const items = (grant) => write('granted.jsonl', JSON.stringify(bucket('a', grant)));
  assert.equal(plumbline(['check', '--pack', pack('StringEqualsIn'), items('private')]).status, 0);
  assert.equal(plumbline(['check', '--pack', pack('StringEqualsIn'), items('public-read-write')]).status, 1);
  assert.equal(plumbline(['check', '--pack', pack('StringEqualsOut'), items('private')]).status, 2);
});

test('a broken line is named by file and line, with exit status 2', () => {
  const file = write('broken.jsonl', `${JSON.stringify(bucket('a', 'private'))}\n{"resourceType": }\n`);
  const { status, stderr } = plumbline([...RULE, file]);
  assert.equal(status, 2);
  assert.match(stderr, /broken\.jsonl:2: /);
});

test('a broken document is named by file and line, whatever reads it', () => {
  const file = write('document.json', '{\n  "a": 1,\n  "b":\n}\n');
  const good = write('for-broken.jsonl', JSON.stringify(bucket('a', 'private')));
  for (const args of [[...RULE, file], ['check', '--pack', file, good], ['check', '--conditions', file, '--type', 'X', good],
    ['policy', 'test', file], ['import', '--data', path.join(directory, 'broken-document'), '--account', '1', file]]) {
    const { status, stderr } = plumbline(args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /document\.json:4: not valid JSON at byte 19/, args.join(' '));
  }
});

test('what is asked for is not read as something else', () => {
  const plan = write('asked.json', { format_version: '1.2', terraform_version: '1.9.0', planned_values: { root_module: { resources: [] } } });
  assert.equal(plumbline([...RULE, '--input', 'terraform', plan]).status, 0);
  const { status, stderr } = plumbline([...RULE, '--input', 'snapshot', plan]);
  assert.deepEqual([status, /asked\.json: .*configurationItems/.test(stderr)], [2, true], stderr);
  assert.equal(plumbline([...RULE, '--data', directory, '--input', 'jsonl']).status, 2);
  const decide = (...more) => plumbline(['policy', 'decide', '--action', 'ecs:Get', '--resource', '*', ...more]);
  assert.match(decide('--context', '{"a":').stderr, /--context:1: not valid JSON/);
  assert.match(plumbline(['rules', 'test', write('broken-rule.json', '{\n"identifier":\n')]).stderr, /broken-rule\.json: \$: is not JSON \(line 3, byte 16\)/);
});

test('lines of items may begin with empty lines', () => {
  const lines = [bucket('a', 'public-read'), bucket('b', 'private')].map((item) => JSON.stringify(item));
  for (const input of [`\n\n${lines.join('\n')}`, `\r\n${lines.join('\r\n')}\r\n`])
    assert.equal(plumbline([...RULE, '-'], { input }).status, 1);
  const { stderr } = plumbline([...RULE, '-'], { input: `\n${lines[0]}\n{\n` });
  assert.match(stderr, /standard input:3: /);
});

test('a byte order mark before a file is no part of it', () => {
  const mark = '\ufeff';
  const item = JSON.stringify(bucket('a', 'public-read'));
  for (const content of [item, `${item}\n${item}\n`, `[${item}]`, JSON.stringify({ configurationItems: [JSON.parse(item)] })]) {
    assert.equal(plumbline([...RULE, write('marked.json', mark + content)]).status, 1, content);
    assert.equal(plumbline([...RULE, '-'], { input: mark + content }).status, 1, content);
  }
  const condition = { operator: 'StringEquals', featureSource: 'CONFIGURATION', featurePath: '$.a', desired: 'b' };
  const type = ['--type', 'ACS::OSS::Bucket', write('unmarked.json', item)];
  assert.equal(plumbline(['check', '--conditions', write('marked-condition.json', mark + JSON.stringify(condition)), ...type]).status, 1);
  const broken = plumbline([...RULE, write('marked-broken.json', `${mark}${item}\n{\n`)]);
  assert.match(broken.stderr, /marked-broken\.json:2: /);
  const rule = JSON.parse(fs.readFileSync(path.join(root, 'catalogue/rules/oss-bucket-public-read-prohibited.json')));
  assert.equal(plumbline(['rules', 'test', write('oss-bucket-public-read-prohibited.json', mark + JSON.stringify(rule))]).status, 0);
  assert.equal(plumbline(['jsonpath', '$.a', '-'], { input: `${mark}{"a":1}` }).stdout, '[1]\n');
});

test('a condition that no operator can read is refused before anything is judged', () => {
  const condition = { operator: 'RegexMatch', featureSource: 'CONFIGURATION', featurePath: '$.a', desired: '([' };
  const good = write('for-regex.jsonl', JSON.stringify(bucket('a', 'private')));
  const { status, stderr } = plumbline(['check', '--conditions', write('regex.json', condition), '--type', 'ACS::OSS::Bucket', good]);
  assert.deepEqual([status, /at desired: the operator cannot read it/.test(stderr)], [2, true], stderr);
});

test('output that cannot be written is an error', () => {
  const input = '{"a":1}\n';
  for (const args of [['version'], ['help'], ['help', 'check'], ['jsonpath', '$.a'], ['rules', 'list'], ['rules', 'show', 'oss-bucket-public-read-prohibited'],
    ['policy', 'decide', '--action', 'ecs:Get', '--resource', '*']]) {
    const full = fs.openSync('/dev/full', 'w');
    const { status, stderr } = plumbline(args, { input, stdio: ['pipe', full, 'pipe'] });
    fs.closeSync(full);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /written|No space left/, args.join(' '));
  }
});

test('SARIF names files as URIs', () => {
  const file = write('my items 100%.jsonl', JSON.stringify(bucket('a', 'public-read')));
  const { uri } = JSON.parse(plumbline([...RULE, '--format', 'sarif', file]).stdout).runs[0].results[0].locations[0].physicalLocation.artifactLocation;
  assert.equal(uri, path.join(directory, 'my%20items%20100%25.jsonl'));
});

test('every format is well-formed', () => {
  const file = write('two.jsonl', [bucket('a', 'public-read'), bucket('b', 'private')].map((i) => JSON.stringify(i)).join('\n'));
  const run = (format) => plumbline([...RULE, '--format', format, file]).stdout;
  assert.equal(JSON.parse(run('json')).length, 1);
  assert.equal(JSON.parse(run('sarif')).runs[0].results[0].kind, 'fail');
  assert.match(run('junit'), /^<\?xml.*<testcase .*<failure .*<\/testsuite>\s*$/s);
  assert.equal(run('csv').trim().split('\r\n').length, 2);
  assert.match(run('table'), /NON_COMPLIANT\s+a/);
});

test('JUnit counts what it lists, and is XML whatever is named', () => {
  const odd = 'b "1" <&>\u0001\t\n\ufffe\uffff\u4f60';
  const file = write('odd.jsonl', [bucket(odd, 'public-read'), bucket('b', 'private'), { resourceType: 'ACS::OSS::Bucket', resourceId: 'c', configuration: {} }]
    .map((item) => JSON.stringify(item)).join('\n'));
  const { status, stdout } = plumbline([...RULE, '--format', 'junit', file]);
  assert.equal(status, 1);
  assert.match(stdout, /<testsuite name="plumbline check" tests="2" failures="1" errors="0" skipped="1" time="\d+\.\d{3}" timestamp="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" hostname="localhost">/);
  assert.equal(stdout.match(/<testcase /g).length, 2);
  assert.match(stdout, / name="b &quot;1&quot; &lt;&amp;&gt; &#9;&#10;\ufffd\ufffd\u4f60" time="0"><failure type="NON_COMPLIANT" message="/);
  const parsed = spawnSync('python3', ['-c', 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin.buffer)'], { input: stdout });
  assert.equal(parsed.status, 0, String(parsed.stderr));
  assert.equal(plumbline([...RULE, '--format', 'junit', '-'], { input: '{' }).stdout, '');
});

test('JUnit has a passed case for each rule that found nothing, and counts what its reader counts', () => {
  const rules = [...RULE, '--rule', 'oss-bucket-public-write-prohibited', '--format', 'junit'];
  const listed = (more) => (xml) => xml.match(new RegExp(`<testcase [^>]*>${more}`, 'g'))?.length ?? 0;
  const passed = (xml) => xml.match(/<testcase [^>]*\/>/g)?.length ?? 0;
  const property = (xml, name) => Number(xml.match(new RegExp(`<property name="${name}" value="(\\d+)"/>`))[1]);
  const cases = [
    ['[]', { tests: 2, failures: 0, skipped: 0 }, 2, 0],
    [JSON.stringify([bucket('a', 'private'), bucket('b', 'private')]), { tests: 2, failures: 0, skipped: 0 }, 2, 4],
    [JSON.stringify([bucket('a', 'public-read'), bucket('b', 'public-read'), bucket('c', 'private')]), { tests: 3, failures: 2, skipped: 0 }, 1, 4],
    [JSON.stringify([bucket('a', 'public-read-write'), { resourceType: 'ACS::OSS::Bucket', resourceId: 'c', configuration: {} }]), { tests: 4, failures: 2, skipped: 2 }, 0, 0],
  ];
  for (const [input, counts, passes, compliant] of cases) {
    const { stdout } = plumbline([...rules, '-'], { input });
    const suite = stdout.match(/<testsuite [^>]*>/)[0];
    for (const [name, value] of Object.entries(counts)) assert.ok(suite.includes(` ${name}="${value}"`), `${suite} ${name} ${input}`);
    assert.deepEqual([passed(stdout), listed('<failure ')(stdout), listed('<skipped ')(stdout)], [passes, counts.failures, counts.skipped], input);
    assert.deepEqual([property(stdout, 'rules'), property(stdout, 'COMPLIANT'), property(stdout, 'NON_COMPLIANT')], [2, compliant, counts.failures]);
    const parsed = spawnSync('python3', ['-c', 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin.buffer)'], { input: stdout });
    assert.equal(parsed.status, 0, String(parsed.stderr));
  }
});

const reported = (args) => {
  const { status, stdout, stderr } = plumbline(args);
  return { status, stderr, lines: stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)) };
};

test('a rule that is given again is evaluated once, and that is said', () => {
  const file = write('once.jsonl', JSON.stringify(bucket('a', 'public-read')));
  const twice = [...RULE, ...RULE.slice(1), file];
  const { status, stderr, lines } = reported(twice);
  assert.deepEqual([status, lines.length], [1, 1]);
  assert.match(stderr, /^1 resources, 1 rules, 1 evaluations: .*\n.*note: given more than once, evaluated once: OSS bucket public read prohibited\n$/);
  const [{ tool, results }] = JSON.parse(plumbline([...twice, '--format', 'sarif']).stdout).runs;
  assert.deepEqual(tool.driver.rules, [{ id: results[0].ruleId, name: 'oss-bucket-public-read-prohibited' }]);
  assert.equal(results.length, 1);
  assert.doesNotMatch(reported([...RULE, file]).stderr, /note/);
  const TEMPLATE = ['check', '--template', 'ct-a5edff4e06a3004a5e15'];
  const once = reported([...TEMPLATE, file]), again = reported([...TEMPLATE, ...TEMPLATE.slice(1), file]);
  assert.deepEqual(again.lines, once.lines);
  assert.match(again.stderr, /evaluated once: .+ and \d+ more\n/);
});

const required = (key) => ['--rule', 'required-tags', '--param', `tag1Key=${key}`];

test('rules of one name that decide differently are told apart', () => {
  const file = write('apart.jsonl', JSON.stringify({ ...bucket('a', 'private'), tags: { owner: ['me'] } }));
  const args = ['check', ...required('owner'), ...required('team'), ...required('cost'), ...required('team'), file];
  const { lines, stderr } = reported(args);
  const name = JSON.parse(plumbline(['check', ...required('team'), file]).stdout).ruleName;
  assert.deepEqual(lines.map((line) => line.ruleName), [`${name} (2)`, `${name} (3)`]);
  assert.match(stderr, /^1 resources, 3 rules, 3 evaluations/);
  assert.ok(stderr.endsWith(`evaluated once: ${name} (2)\n`), stderr);
  const [{ tool, results }] = JSON.parse(plumbline([...args, '--format', 'sarif']).stdout).runs;
  assert.deepEqual(tool.driver.rules.map((rule) => rule.id), [name, `${name} (2)`, `${name} (3)`]);
  assert.deepEqual(results.filter((r) => r.kind === 'fail').map((r) => r.ruleId), [`${name} (2)`, `${name} (3)`]);
});

const named = (more, scope = {}) => ({ configRuleName: 'n', scope: { complianceResourceTypes: ['ACS::OSS::Bucket'], ...scope },
  source: { owner: 'ALIYUN', identifier: 'oss-bucket-public-read-prohibited' }, ...more });

test('in a package only what is the same in everything is one rule', () => {
  const file = write('packed.jsonl', JSON.stringify(bucket('a', 'public-read')));
  const count = (...rules) => reported(['check', '--pack', write('pack.json', { configRuleTemplates: rules }), file]);
  for (const [second, rules] of [[named({}), 1], [named({ riskLevel: 1 }), 2], [named({}, { complianceRegionIds: ['cn-hangzhou'] }), 2], [named({ configRuleName: 'o' }), 2]]) {
    const { lines, stderr } = count(named({}), second);
    assert.equal(new Set(lines.map((line) => line.ruleName)).size, rules, JSON.stringify(second));
    assert.equal(lines.length, rules);
    assert.equal(/note/.test(stderr), rules === 1);
  }
  const nameless = named({ configRuleName: undefined, source: { owner: 'CUSTOM_CONFIGURATION', identifier: 'acs-config-configuration', conditions: '{}' } });
  assert.match(count(nameless).stderr, /\$\.configRuleTemplates\[0\]: configRuleName is missing/);
});

test('one condition for two types is one rule', () => {
  const tree = write('for-two.json', { operator: 'and', children: [
    { operator: 'StringEquals', featurePath: '$.Status', featureSource: 'CONFIGURATION', desired: 'Running' }] });
  const file = write('two-types.jsonl', ['ACS::ECS::Instance', 'ACS::RDS::DBInstance'].map((resourceType) =>
    JSON.stringify({ resourceType, resourceId: resourceType, configuration: { Status: 'Stopped' } })).join('\n'));
  const { lines, stderr } = reported(['check', '--conditions', tree, '--type', 'ACS::ECS::Instance', '--conditions', tree, '--type', 'ACS::RDS::DBInstance', file]);
  assert.deepEqual(lines.map((line) => [line.ruleName, line.resourceType]), [[tree, 'ACS::ECS::Instance'], [tree, 'ACS::RDS::DBInstance']]);
  assert.match(stderr, /^2 resources, 1 rules, 2 evaluations.*\n$/);
});

test('the report keeps the order of the input with several threads', () => {
  const items = Array.from({ length: 20000 }, (_, i) => JSON.stringify(bucket(`b-${String(i).padStart(6, '0')}`, 'public-read')));
  const file = write('many.jsonl', items.join('\n'));
  const ids = plumbline([...RULE, '--threads', '4', file]).stdout.trim().split('\n').map((line) => JSON.parse(line).resourceId);
  assert.equal(ids.length, 20000);
  assert.deepEqual(ids, [...ids].sort());
});

const group = (module, key) => ({ address: `${module}alicloud_security_group.sg${key ? `["${key}"]` : ''}`, mode: 'managed', type: 'alicloud_security_group', name: 'sg', values: { name: 'sg' } });
const opening = (module, key, port) => ({ address: `${module}alicloud_security_group_rule.open${key ? `["${key}"]` : ''}`, mode: 'managed', type: 'alicloud_security_group_rule', name: 'open',
  values: { type: 'ingress', ip_protocol: 'tcp', port_range: `${port}/${port}`, cidr_ip: '0.0.0.0/0', policy: 'accept' } });
const referring = (...references) => [{ address: 'alicloud_security_group.sg', expressions: {} },
  { address: 'alicloud_security_group_rule.open', expressions: { security_group_id: { references } } }];

test('an entry of a plan belongs to the instance that its reference means', () => {
  const module = (key) => ({ address: `module.net["${key}"]`, resources: [group(`module.net["${key}"].`), opening(`module.net["${key}"].`, '', key === 'x.y' ? 3389 : 443)] });
  const plan = write('instances.json', { format_version: '1.2', planned_values: { root_module: {
    resources: [group('', 'a'), group('', 'b'), opening('', 'a', 443), opening('', 'b', 22)], child_modules: [module('x.y'), module('z')] } },
  configuration: { root_module: { resources: referring('alicloud_security_group.sg', 'each.key'),
    module_calls: { net: { module: { resources: referring('alicloud_security_group.sg.id', 'alicloud_security_group.sg') } } } } } });
  const { status, stdout } = plumbline(['check', '--rule', 'sg-risky-ports-check', plan]);
  assert.equal(status, 1);
  const found = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(found.map((one) => [one.address, one.complianceType]), [
    ['alicloud_security_group.sg["b"]', 'NON_COMPLIANT'], ['module.net["x.y"].alicloud_security_group.sg', 'NON_COMPLIANT']]);
});

test('states without resources, and plans cut down to their changes', () => {
  const counts = (document) => {
    const { status, stderr } = plumbline([...RULE, '-'], { input: JSON.stringify(document) });
    return `${status}: ${stderr.split(',')[0]}`;
  };
  const values = { acl: 'public-read' };
  const change = (name, after, more) => ({ address: `alicloud_oss_bucket.${name}`, mode: 'managed', type: 'alicloud_oss_bucket', name, change: { actions: [], after }, ...more });
  assert.equal(counts({ format_version: '1.0' }), '0: 0 resources');
  assert.equal(counts({ format_version: '1.0', terraform_version: '1.9.0' }), '0: 0 resources');
  assert.equal(counts({ version: 4, lineage: 'l', resources: [{ mode: 'managed', type: 'alicloud_oss_bucket', name: 'b', instances: [{ attributes: { id: 'b', ...values } }] }] }), '1: 1 resources');
  assert.equal(counts({ format_version: '1.2', resource_changes: [change('a', values), change('b', null), change('c', values, { mode: 'data' }), change('d', values, { deposed: 'x' })] }), '1: 1 resources');
  assert.match(counts({ format_version: '2.0', planned_values: {} }), /^2: .*format_version: 2\.0 is not known/);
  assert.match(counts({ format_version: '1.0', provider_schemas: {} }), /^2: .*neither planned_values/);
});

test('a Terraform plan is checked before anything is deployed, and the address is named', () => {
  const plan = write('plan.json', { format_version: '1.2', terraform_version: '1.9.0', planned_values: { root_module: { resources: [
    { address: 'alicloud_oss_bucket.logs', mode: 'managed', type: 'alicloud_oss_bucket', name: 'logs',
      values: { bucket: 'logs', acl: 'public-read', tags: { env: 'prod' } } },
    { address: 'random_id.x', mode: 'managed', type: 'random_id', name: 'x', values: {} }],
  child_modules: [{ resources: [{ address: 'module.a.alicloud_oss_bucket.b[0]', mode: 'managed', type: 'alicloud_oss_bucket',
    name: 'b', values: { bucket: 'b', acl: 'private' } }] }] } } });
  const { status, stdout } = plumbline([...RULE, plan]);
  assert.equal(status, 1);
  const found = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(found.map((d) => d.address), ['alicloud_oss_bucket.logs']);
});

test('entries of a plan are judged inside the resource they belong to', () => {
  const resource = (type, name, values) => ({ address: `${type}.${name}`, mode: 'managed', type, name, values });
  const plan = write('groups.json', { format_version: '1.2', planned_values: { root_module: { resources: [
    resource('alicloud_security_group', 'web', { security_group_name: 'web' }),
    resource('alicloud_security_group_rule', 'all', { type: 'ingress', ip_protocol: 'all', port_range: '-1/-1',
      policy: 'accept', cidr_ip: '0.0.0.0/0', priority: 1 }),
    resource('alicloud_oss_bucket', 'logs', { bucket: 'logs' }),
    resource('alicloud_oss_bucket_acl', 'logs', { bucket: 'logs', acl: 'public-read' })] } },
  configuration: { root_module: { resources: [{ address: 'alicloud_security_group_rule.all',
    expressions: { security_group_id: { references: ['alicloud_security_group.web.id', 'alicloud_security_group.web'] } } }] } } });
  const { status, stdout } = plumbline(['check', '--rule', 'sg-public-access-check',
    '--rule', 'oss-bucket-public-read-prohibited', plan]);
  assert.equal(status, 1);
  const found = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(found.filter((d) => d.complianceType === 'NON_COMPLIANT').map((d) => d.address),
    ['alicloud_security_group.web', 'alicloud_oss_bucket.logs']);
});

test('jsonpath selects one array a line, and names the place of a wrong path', () => {
  const input = '{"a":[{"b":1},{"b":2}]}\n{"a":[]}\n';
  assert.equal(plumbline(['jsonpath', '$.a[*].b'], { input }).stdout, '[1,2]\n[]\n');
  const { status, stderr } = plumbline(['jsonpath', '--dialect', 'rfc9535', '$.a['], { input });
  assert.equal(status, 2);
  assert.match(stderr, /byte 4/);
});

test('policy decides, tests and lints', () => {
  const allow = write('allow.json', { Version: '1', Statement: [{ Effect: 'Allow', Action: 'config:*', Resource: '*' }] });
  const guard = write('guard.json', { Version: '1', Statement: [
    { Effect: 'Allow', Action: '*', Resource: '*' }, { Effect: 'Deny', Action: 'config:Delete*', Resource: '*' }] });
  const ask = (action) => plumbline(['policy', 'decide', '--identity', allow, '--control', guard, '--action', action,
    '--resource', 'acs:config:*:1:rule/x', '--format', 'json']);
  assert.equal(ask('config:GetConfigRule').status, 0);
  const denied = ask('config:DeleteConfigRules');
  assert.equal(denied.status, 1);
  assert.deepEqual([JSON.parse(denied.stdout).Decision, JSON.parse(denied.stdout).DecidedBy], ['ExplicitDeny', 'control policy']);
  const lint = plumbline(['policy', 'lint', write('typo.json', { Version: '1', Statement: [
    { Effect: 'Allow', Action: 'config:Fetch*', Resource: '*' }] })]);
  assert.equal(lint.status, 1);
  assert.match(lint.stdout, /typo\.json:1:\d+: unknown-action/);
  const lines = ['{"Version": "1", "Statement": [', ' {"Effect": "Deny", "Action": "config:*", "Resource": "*"},',
    ' {"Effect": "Allow", "Action": ["config:GetConfigRule",', '   "config:Fetch*"], "Resource": "*"},',
    ' {"Effect": "Allow", "Action": "*", "Resource": "*"},',
    ' {"Effect": "Allow", "Action": "ram:ListUsers", "Resource": "*", "Condition": {', '  "StringEquals": {"a:k": "é"}, "StringNotEquals": {"a:k": "é"}}}]}'];
  fs.writeFileSync(path.join(directory, 'all.json'), lines.join('\n'));
  const all = plumbline(['policy', 'lint', path.join(directory, 'all.json')]);
  assert.deepEqual(all.stdout.trim().split('\n').map((line) => /all\.json:(\d+:\d+: [a-z-]+)/.exec(line)[1]),
    ['3:2: shadowed-statement', '4:4: unknown-action', '5:2: overbroad-grant', '6:2: shadowed-statement', '7:20: impossible-condition']);
  fs.writeFileSync(path.join(directory, 'broken.json'), '{"Version": "1", "Statement": [\n {"Effect": "allow", "Action": "*", "Resource": "*"}]}');
  assert.match(plumbline(['policy', 'lint', path.join(directory, 'broken.json')]).stdout, /broken\.json:2:13: error: .*Effect must be Allow or Deny/);
  for (const [file, count] of [['cases.json', 227], ['cases-more.json', 310]]) {
    const cases = plumbline(['policy', 'test', path.join(root, 'tests/policy', file)]);
    assert.equal(cases.status, 0, cases.stdout);
    assert.match(cases.stdout, new RegExp(`${count} passed, 0 failed`));
  }
});

test('policy decide knows the principal and what binds it', () => {
  const all = write('everything.json', { Version: '1', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] });
  const exempt = write('exempt.json', { Version: '1', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' },
    { Effect: 'Deny', Action: 'ram:*', Resource: '*', Condition: { StringNotLike: { 'acs:PrincipalARN': 'acs:ram:*:*:role/keeper' } } }] });
  const ask = (...more) => {
    const done = plumbline(['policy', 'decide', '--identity', all, '--action', 'ram:DeleteUser', '--resource', 'acs:ram:*:1:user/a', ...more]);
    return done.stdout.split(',')[0] || done.stderr.trim();
  };
  assert.equal(ask('--control', exempt), 'ExplicitDeny');
  assert.equal(ask('--control', exempt, '--principal', 'acs:ram::1:role/Keeper/morning'), 'Allow');
  assert.equal(ask('--control', exempt, '--principal', 'acs:ram::1:role/keeper', '--context', '{"acs:principalarn":"acs:ram::1:role/other"}'), 'ExplicitDeny');
  assert.equal(ask('--session', exempt), 'ExplicitDeny');
  assert.match(ask('--session', exempt, '--principal', 'acs:ram::1:user/alice'), /--session: only a role/);
  assert.match(ask('--control', exempt, '--account-role', 'standalone'), /--control: an account in no directory/);
});

test('policy lint leaves published actions and resources of other services alone', () => {
  const statement = (Action, Resource) => ({ Effect: 'Deny', Action, Resource });
  const file = write('published.json', { Version: '1', Statement: [
    statement(['ram:BindMFADevice', 'ram:UnbindMFADevice', 'ram:DisableVirtualMFA', 'ram:PassRole', 'sts:GetCallerIdentity'], '*'),
    statement('sts:AssumeRole', 'acs:ram:*:*:role/keeper')] });
  assert.deepEqual(plumbline(['policy', 'lint', '--kind', 'control', file]), { status: 0, stdout: '', stderr: '' });
});

test('check reads the recorded inventory, as it is and as it was', () => {
  const data = path.join(directory, 'recorded');
  const at = (seconds) => Date.UTC(2026, 0, 1) + seconds * 1000;
  const put = (name, items) => {
    const file = write(name, items.map((i) => JSON.stringify(i)).join('\n'));
    assert.equal(plumbline(['import', '--data', data, '--account', '1', file]).status, 0);
  };
  const found = (...more) => {
    const { status, stdout, stderr } = plumbline([...RULE, '--data', data, '--format', 'jsonl', ...more]);
    return { status, stderr, ids: stdout.trim().split('\n').filter(Boolean).map((l) => JSON.parse(l).resourceId) };
  };
  put('then.jsonl', [{ ...bucket('changed', 'public-read'), captureTime: at(0) }, { ...bucket('removed', 'public-read'), captureTime: at(0) }]);
  put('now.jsonl', [{ ...bucket('changed', 'private'), captureTime: at(60) }, { ...bucket('new', 'public-read'), captureTime: at(60) },
    { ...bucket('removed', 'public-read'), captureTime: at(60), resourceEventType: 'REMOVE' }]);
  const files = fs.readdirSync(data);
  const before = fs.readFileSync(path.join(data, 'plumbline.db'));
  assert.deepEqual({ ...found(), stderr: '' }, { status: 1, ids: ['new'], stderr: '' });
  assert.deepEqual(found('--at', '2026-01-01T00:00:30Z').ids, ['changed', 'removed']);
  assert.match(found('--at', '2025-12-31T00:00:00Z').stderr, /0 resources/);
  assert.deepEqual(found('--at', '2025-12-31T00:00:00Z').status, 0);
  assert.ok(fs.readFileSync(path.join(data, 'plumbline.db')).equals(before), 'the store is not touched');
  assert.deepEqual(fs.readdirSync(data).filter((n) => !/-(wal|shm)$/.test(n)), files.filter((n) => !/-(wal|shm)$/.test(n)));
  const elsewhere = plumbline([...RULE, '--data', directory], { env: { ...process.env, PLUMBLINE_STORE: path.join(data, 'plumbline.db') } });
  assert.equal(JSON.parse(elsewhere.stdout).resourceId, 'new', 'the environment names the store, as for serve and import');
  const missing = plumbline([...RULE, '--data', path.join(directory, 'nowhere')]);
  assert.equal(missing.status, 2);
  assert.ok(!fs.existsSync(path.join(directory, 'nowhere')));
  assert.equal(plumbline([...RULE, '--data', data, 'file.json']).status, 2);
});

test('import keeps what it is given, and check judges it the same offline', () => {
  const data = path.join(directory, 'data');
  const file = write('import.jsonl', [bucket('a', 'public-read'), bucket('b', 'private')].map((i) => JSON.stringify(i)).join('\n'));
  const first = plumbline(['import', '--data', data, '--account', '1', file]);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stderr, /2 items accepted: 2 changed/);
  assert.match(plumbline(['import', '--data', data, '--account', '1', file]).stderr, /0 changed, 2 unchanged/);
  const broken = plumbline(['import', '--data', data, '--account', '1', write('broken-import.jsonl', '{"resourceType":"X::Y::Z"}\n')]);
  assert.equal(broken.status, 2);
  assert.match(broken.stderr, /broken-import\.jsonl/);
});

test('import needs no --account where every item names its own', () => {
  const data = path.join(directory, 'without-account');
  const named = write('named.jsonl', JSON.stringify(bucket('a', 'public-read')));
  const first = plumbline(['import', '--data', data, named]);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stderr, /1 items accepted: 1 changed/);
  const { accountId, ...nameless } = bucket('b', 'private');
  const file = write('nameless.jsonl', `${JSON.stringify({ ...nameless, accountId })}\n${JSON.stringify(nameless)}\n`);
  for (const more of [[], ['--account', '']]) {
    const { status, stderr } = plumbline(['import', '--data', data, ...more, file]);
    assert.equal(status, 2);
    assert.match(stderr, /nameless\.jsonl:2: .*accountId/);
  }
  assert.equal(plumbline(['import', '--data', data, '--account', '7', file]).status, 0);
  assert.equal(plumbline(['import', '--endpoint', 'http://127.0.0.1:1', '--store', 'x', file]).status, 2);
});

test('what is wrong about an option is said, and what was meant', () => {
  const good = write('plain.jsonl', JSON.stringify(bucket('a', 'private')) + '\n');
  for (const [args, message] of [
    [['check', '--format'], /a value is missing for --format\n/],
    [[...RULE, '--explain=3', good], /no value is taken by --explain=3\n/],
    [['check', '--rule', 'oss-bucket-public-raed-prohibited', good], /no managed rule "oss-bucket-public-raed-prohibited"; did you mean oss-bucket-public-read-prohibited\?/],
    [['check', '--rule', 'nothing-like-it', good], /no managed rule "nothing-like-it"\n/],
    [['rules', 'show', 'eip-bandwith-limit'], /no rule eip-bandwith-limit; did you mean eip-bandwidth-limit\?/],
    [['call', 'ListConfigRule'], /no operation ListConfigRule; did you mean ListConfigRules\?/],
    [['call', 'ListConfigRules', '--PageSzie', '3'], /has no such parameter; did you mean PageSize\?/],
    [['policy', 'decide', '--bogus'], /^plumbline policy: unknown option --bogus\n/],
    [['policy', 'what-if', '--target'], /^plumbline policy: what-if: a value is missing for --target\n/],
    [['function', 'list', '--bogus'], /^plumbline function: unknown option --bogus\n/],
    [['function', 'invoke'], /^plumbline function: invoke needs the name of a function\n/],
    [['function', 'remove'], /^plumbline function: expected deploy, invoke, logs or list, not remove\n/],
    [['keys', '--bogus'], /^plumbline keys: unknown option --bogus\n/],
    [['keys', 'turn'], /^plumbline keys: expected rotate, not turn\n/],
    [['backup', '--bogus'], /^plumbline backup: unknown option --bogus\n/],
    [['import', '--bogus'], /^plumbline import: unknown option --bogus\n/],
    [['jsonpath', '--dialect', 'x', '$'], /^plumbline jsonpath: no such dialect: x\n/],
  ]) {
    const { status, stderr } = plumbline(args, { input: '' });
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, message, args.join(' '));
  }
});

test('-h explains like --help, behind a verb, too', () => {
  const list = plumbline(['help']).stdout.match(/^ {2}(\w+)/gm).map((word) => word.trim());
  for (const args of [...list.map((name) => [name]), ['policy', 'decide'], ['rules', 'list'], ['keys', 'rotate'], ['function', 'deploy']])
    for (const option of ['-h', '--help']) {
      const { status, stdout, stderr } = plumbline([...args, option]);
      assert.deepEqual([status, stdout, stderr], [0, plumbline(['help', args[0]]).stdout, ''], `${args} ${option}`);
    }
});

test('--catalogue is heard in every spelling', () => {
  const own = path.join(directory, 'own-rules');
  fs.mkdirSync(own);
  fs.copyFileSync(path.join(root, 'catalogue/rules/oss-bucket-public-read-prohibited.json'), path.join(own, 'bucket-of-ours.json'));
  const text = fs.readFileSync(path.join(own, 'bucket-of-ours.json'), 'utf8');
  fs.writeFileSync(path.join(own, 'bucket-of-ours.json'), text.replaceAll('oss-bucket-public-read-prohibited', 'bucket-of-ours'));
  const bad = write('ours.jsonl', JSON.stringify(bucket('b', 'public-read')) + '\n');
  for (const spelling of [['--catalogue', own], [`--catalogue=${own}`], ['--cat', own]])
    for (const args of [[...spelling, '--rule', 'bucket-of-ours', bad], [bad, '--rule', 'bucket-of-ours', ...spelling]])
      assert.equal(plumbline(['check', ...args]).status, 1, args.join(' '));
  assert.match(plumbline(['rules', 'list', `--catalogue=${own}`]).stdout, /^bucket-of-ours\t/m);
});

test('--explain is refused where the format has no place for the tree', () => {
  const bad = write('explained.jsonl', JSON.stringify(bucket('b', 'public-read')) + '\n');
  for (const format of ['table', 'json', 'jsonl', 'csv', 'junit', 'sarif']) {
    const { status, stdout, stderr } = plumbline([...RULE, '--explain', '--format', format, bad]);
    const has = /table|json/.test(format);
    assert.equal(status, has ? 1 : 2, format);
    assert.match(has ? stdout : stderr, has ? /"featurePath":"\$\.AccessControlList\.Grant"/ : /--explain goes with table, json and jsonl/, format);
  }
});

test('a check that decides nothing says so', () => {
  const items = write('others.jsonl', JSON.stringify(bucket('a', 'public-read')) + '\n');
  const tree = write('tree.json', { operator: 'and', children: [
    { operator: 'StringEquals', featurePath: '$.Status', featureSource: 'CONFIGURATION', desired: 'Running' }] });
  const misspelt = plumbline(['check', '--conditions', tree, '--type', 'ACS::OSS::Buckt', items]);
  assert.equal(misspelt.status, 0);
  assert.match(misspelt.stderr, /warning: none of the rules is about the types of these resources\n/);
  for (const [args, input] of [[[], '[]'], [[], '{"planned_values":{"root_module":{}}}'], [['--input', 'jsonl'], ''], [['--input', 'jsonl'], '\n']]) {
    const { status, stderr } = plumbline([...RULE, ...args, '-'], { input });
    assert.equal(status, 0, input);
    assert.match(stderr, /warning: the input has no resources\n/);
  }
  assert.doesNotMatch(plumbline([...RULE, items]).stderr, /warning/);
});

test('an input with nothing in it is the failure of whoever was to write it', () => {
  const items = write('some.jsonl', JSON.stringify(bucket('a', 'private')) + '\n');
  const empty = write('empty.json', '');
  for (const input of ['', '\n', ' \n\t\n', '\ufeff'])
    for (const form of ['auto', 'snapshot', 'terraform']) {
      const { status, stderr, stdout } = plumbline([...RULE, '--input', form, '--format', 'junit', '-'], { input });
      assert.deepEqual([status, stdout], [2, ''], `${JSON.stringify(input)} ${form}`);
      assert.match(stderr, /standard input: empty/);
    }
  assert.match(plumbline([...RULE, items, empty]).stderr, /empty\.json: empty/);
  const imported = plumbline(['import', '--data', path.join(directory, 'none'), '--account', '100000000000001', empty]);
  assert.equal(imported.status, 2);
  assert.match(imported.stderr, /empty\.json: empty/);
});
