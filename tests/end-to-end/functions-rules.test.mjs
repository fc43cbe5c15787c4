// Rules that functions decide: every kind of event, every form of report, and what a report may not do.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { Cloud, FC, IMAGE_CHECK, NODE_CHECK, after, before, decide, instance, test, zip } from './functions.mjs';
import { elsewhere, failure, plumbline, until } from './support.mjs';

let cloud;

before(async () => {
  cloud = await Cloud.start();
  await cloud.server.put([instance('i-good', 'good-image'), instance('i-bad', 'bad-image'), instance('i-none')]);
});

after(() => cloud?.stop());

for (const [runtime, files, old] of [['python3.10', { 'index.py': IMAGE_CHECK }, {}], ['python3.12', { 'index.py': IMAGE_CHECK }, { old: 'yes' }], ['nodejs20', { 'index.js': NODE_CHECK }, {}]]) {
  test(`the image check decides as a ${runtime} function (${JSON.stringify(old)})`, async () => {
    const name = `image-${runtime.replace('.', '-')}`;
    await cloud.create(name, files, { runtime });
    const rule = await cloud.createRule(name, cloud.arn(name), { imageIds: 'good-image,other', ...old });
    await until(async () => Object.values(await cloud.verdicts(rule)).every((v) => v !== 'INSUFFICIENT_DATA'));
    assert.deepEqual(await cloud.verdicts(rule), { 'i-good': 'COMPLIANT', 'i-bad': 'NON_COMPLIANT', 'i-none': 'NOT_APPLICABLE' });
    const told = await cloud.status(rule);
    assert.ok(told.LastSuccessfulInvocationTimestamp > 0);
    assert.ok(told.LastSuccessfulEvaluationTimestamp >= told.LastSuccessfulInvocationTimestamp);
    if (runtime === 'python3.10')
      assert.match((await cloud.results(rule))['i-bad'].Annotation, /"property": ?"\$\.ImageId"/);
    await cloud.server.put([instance('i-bad', 'good-image')]);
    await until(async () => (await cloud.verdicts(rule))['i-bad'] === 'COMPLIANT');
    await cloud.server.put([instance('i-bad', 'bad-image')]);
    await until(async () => (await cloud.verdicts(rule))['i-bad'] === 'NON_COMPLIANT');
    await cloud.deleteRules(rule);
  });
}

test('an event tells the resource, what changed, and the parameters as texts', async () => {
  await cloud.python('telling', decide('"COMPLIANT"', `print("EVENT" + json.dumps({k: v for k, v in evt.items() if k != "resultToken"}))`));
  const rule = await cloud.createRule('telling', cloud.arn('telling'), { number: 2, text: 'x' }, { ResourceIdsScope: 'i-good' });
  await cloud.settled();
  await cloud.server.put([instance('i-good', 'next-image')]);
  const events = await until(async () => {
    const seen = await cloud.events('telling');
    return seen.length === 2 && seen;
  });
  await cloud.server.put([instance('i-good', 'good-image')]);
  const [byHand, change] = events;
  assert.equal(byHand.invokingEvent.messageType, 'Manual');
  assert.deepEqual(byHand.ruleParameters, { number: '2', text: 'x' });
  assert.equal(change.invokingEvent.messageType, 'ConfigurationItemChangeNotification');
  assert.equal(change.invokingEvent.configurationType, 'COMMON');
  const item = change.invokingEvent.configurationItem;
  assert.equal(String(item.accountId), cloud.account);
  assert.equal(item.arn, `acs:ecs:cn-shanghai:${cloud.account}:instance/i-good`);
  assert.equal(JSON.parse(item.configuration).ImageId, 'next-image');
  assert.deepEqual(JSON.parse(item.configurationDiff).ImageId, ['good-image', 'next-image']);
  assert.deepEqual(JSON.parse(item.tags), { env: ['prod'] });
  assert.equal(item.resourceCreationTime, item.resourceCreateTime);
  assert.ok(change.orderingTimestamp > byHand.orderingTimestamp);
  await cloud.settled();
  await cloud.deleteRules(rule);
});

test('an event names a resource by the form of its type', async () => {
  await cloud.server.put([{ resourceType: 'ACS::OSS::Bucket', resourceId: 'b-1', resourceName: 'bucket-1', regionId: 'cn-shanghai', configuration: { Name: 'bucket-1' } }]);
  await cloud.python('naming', decide('"COMPLIANT"', `print("EVENT" + json.dumps({k: v for k, v in evt.items() if k != "resultToken"}))`));
  const rule = await cloud.createRule('naming', cloud.arn('naming'), {}, { ResourceTypesScope: 'ACS::OSS::Bucket' });
  const [event] = await until(async () => {
    const seen = await cloud.events('naming');
    return seen.length === 1 && seen;
  });
  assert.equal(event.invokingEvent.configurationItem.arn, `acs:oss:cn-shanghai:${cloud.account}:bucket-1`);
  await cloud.settled();
  await cloud.deleteRules(rule);
  await cloud.server.put([{ resourceType: 'ACS::OSS::Bucket', resourceId: 'b-1', regionId: 'cn-shanghai', resourceEventType: 'REMOVE' }]);
});

test('a large resource comes without its configuration, which the function fetches', async () => {
  const big = instance('i-big', 'good-image');
  big.configuration.Padding = 'x'.repeat(150000);
  await cloud.server.put([big]);
  await cloud.python('fetching', decide('"NON_COMPLIANT" if whole["ImageId"] == "good-image" else "COMPLIANT"', `
assert evt["invokingEvent"]["configurationType"] == "OVERSIZE" and config == {}
answer = call("GetDiscoveredResource", {"ResourceId": item["resourceId"], "ResourceType": item["resourceType"], "Region": item["regionId"]}, context.credentials)
whole = json.loads(answer["DiscoveredResourceDetail"]["Configuration"])`));
  const rule = await cloud.createRule('fetching', cloud.arn('fetching'), {}, { ResourceIdsScope: 'i-big' });
  await until(async () => (await cloud.verdicts(rule))['i-big'] === 'NON_COMPLIANT');
  await cloud.deleteRules(rule);
  await cloud.server.put([{ ...big, resourceEventType: 'REMOVE' }]);
});

/** Lets the hours of a stopped server pass: what is stored moves into the past. */
async function passHours(data, hours) {
  const change = `UPDATE rules SET created = created - ${hours * 3600000}; UPDATE rule_schedules SET last_run = last_run - ${hours * 3600000};`;
  const done = elsewhere.url
    ? spawnSync('psql', ['-q', '-c', change, await elsewhere.url(data)], { encoding: 'utf8' })
    : spawnSync('python3', ['-c', 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.commit()', path.join(data, 'plumbline.db'), change], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
}

test('scheduled events come with each resource, or with none for a rule about the account', async () => {
  const print = 'print("EVENT" + json.dumps({k: v for k, v in evt.items() if k != "resultToken"}))';
  const own = await Cloud.start();
  try {
    await own.server.put([instance('i-1', 'a'), instance('i-2', 'b')]);
    await own.python('each', decide('"COMPLIANT"', print));
    await own.python('whole', decide(`"NON_COMPLIANT", str(evt["invokingEvent"]["accountId"]), complianceResourceType="ACS::::Account", complianceRegionId="global", annotation="account"`, print));
    const scheduled = { ConfigRuleTriggerTypes: 'ScheduledNotification', MaximumExecutionFrequency: 'One_Hour' };
    await own.createRule('each', own.arn('each'), {}, scheduled);
    const whole = await own.createRule('whole', own.arn('whole'), { dangerous: 'ecs:*' }, { ...scheduled, ResourceTypesScope: 'ACS::::Account' });
    await own.settled();
    assert.equal((await own.results(whole))[own.account].ComplianceType, 'NON_COMPLIANT');
    await own.stop();
    await passHours(own.server.data, 2);
    const again = await Cloud.start({ data: own.server.data });
    own.server = again.server;
    const each = await until(async () => {
      const seen = await own.events('each');
      return seen.length === 2 && seen;
    });
    for (const event of each) {
      assert.equal(event.invokingEvent.messageType, 'ScheduledNotification');
      assert.match(event.invokingEvent.configurationItem.resourceId, /^i-[12]$/);
    }
    const [one, ...others] = await until(async () => {
      const seen = await own.events('whole');
      return seen.length >= 1 && seen;
    });
    assert.deepEqual(one.invokingEvent, { messageType: 'ScheduledNotification', configurationType: 'NONE',
      notificationCreationTimestamp: one.invokingEvent.notificationCreationTimestamp, accountId: Number(own.account), configurationItem: {} });
    assert.deepEqual(one.ruleParameters, { dangerous: 'ecs:*' });
    assert.deepEqual(others, []);
    await own.settled();
    assert.deepEqual(await own.verdicts(whole), { [own.account]: 'NON_COMPLIANT' });
    assert.equal((await own.results(whole))[own.account].Annotation, 'account');
  } finally {
    await own.stop();
  }
});

test('a function may report several results in one call, also for other resources of the scope', async () => {
  await cloud.python('several', decide('"COMPLIANT"', `
if item["resourceId"] != "i-bad":
    return report([])
return report([result("NON_COMPLIANT", id, annotation="by " + item["resourceId"]) for id in ("i-good", "i-bad", "i-none")])`));
  const rule = await cloud.createRule('several', cloud.arn('several'));
  await cloud.settled();
  assert.deepEqual(await cloud.verdicts(rule), { 'i-good': 'NON_COMPLIANT', 'i-bad': 'NON_COMPLIANT', 'i-none': 'NON_COMPLIANT' });
  assert.equal((await cloud.results(rule))['i-none'].Annotation, 'by i-bad');
  await cloud.deleteRules(rule);
});

test('DeleteMode withdraws what a run has not renewed', async () => {
  await cloud.python('withdrawing', decide('"NON_COMPLIANT"'));
  const rule = await cloud.createRule('withdrawing', cloud.arn('withdrawing'));
  await cloud.settled();
  assert.equal((await cloud.verdicts(rule))['i-none'], 'NON_COMPLIANT');
  const next = decide('"COMPLIANT"', `
if item["resourceId"] != "i-good":
    return report([], DeleteMode="true")
return report([result("COMPLIANT")], DeleteMode="True")`);
  await cloud.update('withdrawing', { code: new FC.InputCodeLocation({ zipFile: zip({ 'index.py': next }).toString('base64') }) });
  await cloud.server.call('StartConfigRuleEvaluation', { ConfigRuleId: rule });
  await cloud.settled();
  assert.deepEqual(await cloud.verdicts(rule), { 'i-good': 'COMPLIANT', 'i-bad': 'INSUFFICIENT_DATA', 'i-none': 'INSUFFICIENT_DATA' });
  await cloud.deleteRules(rule);
});

test('a slow function delays neither condition rules nor other functions', async () => {
  await cloud.python('slow', 'import time\ndef handler(event, context):\n    time.sleep(8)\n', { timeout: 20 });
  await cloud.python('slow-2', 'import time\ndef handler(event, context):\n    time.sleep(8)\n', { timeout: 20 });
  await cloud.python('quick', decide('"NON_COMPLIANT"'));
  await cloud.server.put(Array.from({ length: 20 }, (_, n) => instance(`i-many-${n}`, 'x', { regionId: 'cn-beijing' })));
  const slow = [await cloud.createRule('slow', cloud.arn('slow'), {}, { RegionIdsScope: 'cn-beijing' }), await cloud.createRule('slow-2', cloud.arn('slow-2'), {}, { RegionIdsScope: 'cn-beijing' })];
  const began = Date.now();
  const quick = await cloud.createRule('quick', cloud.arn('quick'), {}, { ResourceIdsScope: 'i-good' });
  await until(async () => (await cloud.verdicts(quick))['i-good'] === 'NON_COMPLIANT');
  const condition = await cloud.server.call('CreateConfigRule', { ConfigRuleName: 'condition', SourceOwner: 'CUSTOM_CONFIGURATION', SourceIdentifier: 'acs-config-configuration', RiskLevel: 1,
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance',
    Conditions: '{"ComplianceConditions":"{\\"operator\\":\\"and\\",\\"children\\":[{\\"operator\\":\\"StringEquals\\",\\"featurePath\\":\\"$.ImageId\\",\\"featureSource\\":\\"CONFIGURATION\\",\\"desired\\":\\"good-image\\"}]}"}' });
  assert.equal((await cloud.verdicts(condition.ConfigRuleId))['i-bad'], 'NON_COMPLIANT');
  assert.ok(Date.now() - began < 8000, 'others waited for the slow functions');
  assert.ok((await cloud.queued()) > 0);
  await cloud.deleteRules(...slow, quick, condition.ConfigRuleId);
  await cloud.settled();
});

test('a function that fails leaves its error in the status of the rule, and the events of others alone', async () => {
  await cloud.python('broken', 'def handler(event, context):\n    raise ValueError("no")\n');
  await cloud.python('mute', 'def handler(event, context):\n    return "nothing reported"\n', { timeout: 1 });
  const rule = await cloud.createRule('failing', cloud.arn('broken'));
  await until(async () => (await cloud.status(rule)).LastErrorCode === 'FunctionInvokeError');
  const told = await cloud.status(rule);
  assert.match(told.LastErrorMessage, /ValueError/);
  assert.ok(told.LastFailedInvocationTimestamp > 0);
  assert.ok(told.LastFailedEvaluationTimestamp >= told.LastFailedInvocationTimestamp);
  await cloud.settled();
  assert.deepEqual(new Set(Object.values(await cloud.verdicts(rule))), new Set(['INSUFFICIENT_DATA']));
  const nobody = await cloud.createRule('nobody', cloud.arn('no-such-function'));
  await until(async () => (await cloud.status(nobody)).LastErrorCode === 'FunctionNotFound');
  const mute = await cloud.createRule('mute', cloud.arn('mute'));
  await until(async () => (await cloud.status(mute)).LastErrorCode === 'TimeOut');
  await cloud.deleteRules(rule, nobody, mute);
});

test('what a failing function says is kept as text, whatever its bytes are', async () => {
  const server = `import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = b"bad \\x00\\xff\\xe6\\x97 " + "\u65e5".encode() * 800
        self.send_response(200); self.send_header("x-fc-status", "404"); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.HTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
`;
  await cloud.create('garbled', { 'main.py': server }, { runtime: 'custom', customRuntimeConfig: { command: ['python3', 'main.py'] } });
  const rule = await cloud.createRule('garbled', cloud.arn('garbled'), {}, { ResourceIdsScope: 'i-good' });
  await until(async () => (await cloud.status(rule)).LastErrorCode === 'FunctionInvokeError');
  assert.match((await cloud.status(rule)).LastErrorMessage, /^bad \?\ufffd\ufffd+ \u65e5+$/);
  await cloud.settled();
  await cloud.deleteRules(rule);
  await cloud.python('nulls', decide('"NON_COMPLIANT", annotation="a\\0b\\ud800c"'), { timeout: 2 });
  const nulls = await cloud.createRule('nulls', cloud.arn('nulls'), {}, { ResourceIdsScope: 'i-good' });
  await cloud.settled();
  const result = (await cloud.results(nulls))['i-good'];
  const told = await cloud.status(nulls);
  assert.ok(result.ComplianceType === 'NON_COMPLIANT' || /Invalid.Evaluations.Value/.test(told.LastErrorMessage), JSON.stringify([result, told]));
  await cloud.deleteRules(nulls);
});

test('a failed run leaves the earlier result as it was', async () => {
  await cloud.python('turning', decide('"NON_COMPLIANT"'));
  const rule = await cloud.createRule('turning', cloud.arn('turning'), {}, { ResourceIdsScope: 'i-good' });
  await cloud.settled();
  const before = (await cloud.results(rule))['i-good'];
  await cloud.update('turning', { handler: 'index.gone' });
  await cloud.server.call('StartConfigRuleEvaluation', { ConfigRuleId: rule });
  await until(async () => (await cloud.status(rule)).LastErrorCode === 'FunctionInvokeError');
  await cloud.settled();
  const later = (await cloud.results(rule))['i-good'];
  assert.equal(later.ComplianceType, 'NON_COMPLIANT');
  assert.equal(later.ResultRecordedTimestamp, before.ResultRecordedTimestamp);
  await cloud.deleteRules(rule);
});

test('tokens and results that are not sound are refused; a run counts once and in its order', async () => {
  await cloud.python('keeper', 'import json\ndef handler(event, context):\n    evt = json.loads(event)\n    print("EVENT" + json.dumps({"run": evt["orderingTimestamp"], "token": evt["resultToken"]}))\n', { timeout: 1 });
  const rule = await cloud.createRule('keeper', cloud.arn('keeper'));
  const first = await until(async () => (await cloud.events('keeper'))[0]);
  const token = first.token;
  const report = (id, type, more = {}) => ({ accountId: Number(cloud.account), complianceResourceId: id,
    complianceResourceType: 'ACS::ECS::Instance', complianceRegionId: 'cn-shanghai', complianceType: type, ...more });
  const put = (list, more = {}) => cloud.server.call('PutEvaluations', { ResultToken: token, Evaluations: typeof list === 'string' ? list : JSON.stringify(list), ...more });
  const refused = [
    [[report('i-good', 'COMPLIANT')], /Invalid.ResultToken.Value/, { ResultToken: `x${token}` }],
    [[report('i-good', 'COMPLIANT')], /Invalid.ResultToken.Value/, { ResultToken: 'TESTMODE' }],
    [[report('i-good', 'MAYBE')], /Invalid.Evaluations.Value/],
    [[report('i-good', 'COMPLIANT'), report('i-unknown', 'COMPLIANT')], /Invalid.Evaluations.Value/],
    [[report('i-good', 'COMPLIANT', { complianceResourceType: 'ACS::RDS::DBInstance' })], /Invalid.Evaluations.Value/],
    [[report('i-good', 'COMPLIANT', { accountId: 1 })], /Invalid.Evaluations.Value/],
    [[report('i-good', 'COMPLIANT', { complianceRegionId: 'cn-beijing' })], /Invalid.Evaluations.Value/],
    [Array(101).fill(report('i-good', 'COMPLIANT')), /Invalid.Evaluations.Value/],
    ['rubbish', /Invalid.Evaluations.Value/],
    ['{"a":1}', /Invalid.Evaluations.Value/],
  ];
  for (const [list, code, more] of refused)
    assert.match((await failure(put(list, more)).catch((error) => ({ code: error.message }))).code, code, JSON.stringify([list, more]).slice(0, 300));
  assert.equal((await cloud.verdicts(rule))['i-good'], 'INSUFFICIENT_DATA');
  const both = `[{'accountId': ${cloud.account}, 'complianceResourceId': 'i-good', 'complianceResourceType': "ACS::ECS::Instance", 'complianceRegionId': 'cn-shanghai', 'complianceType': 'COMPLIANT', 'annotation': None},
    {'accountId': ${cloud.account}, 'complianceResourceId': 'i-bad', 'complianceResourceType': 'ACS::ECS::Instance', 'complianceRegionId': 'cn-shanghai', 'complianceType': 'NON_COMPLIANT', 'annotation': 'it\\'s "seen"', },]`;
  for (let round = 0; round < 2; round++) {
    assert.equal((await put(both)).Result, true);
    assert.equal((await cloud.results(rule))['i-bad'].Annotation, 'it\'s "seen"');
  }
  await cloud.server.call('StartConfigRuleEvaluation', { ConfigRuleId: rule });
  const next = await until(async () => (await cloud.events('keeper')).find((event) => event.run > first.run));
  await put([report('i-bad', 'IGNORED')], { ResultToken: next.token });
  assert.equal((await cloud.verdicts(rule))['i-bad'], 'NOT_APPLICABLE', 'what a function leaves out is not what a user ignores');
  await put([report('i-bad', 'COMPLIANT')], { ResultToken: next.token });
  await put([report('i-bad', 'NON_COMPLIANT')]);
  assert.equal((await cloud.verdicts(rule))['i-bad'], 'COMPLIANT');
  await cloud.deleteRules(rule);
  assert.match((await failure(put([report('i-good', 'COMPLIANT')]))).code, /Invalid.ResultToken.Value/);
});

test('a function that reports rubbish learns why; its rule tells that no result came', async () => {
  await cloud.python('rubbish', decide('"COMPLIANT"', 'report([{"complianceType": "SURE"}])'), { timeout: 2 });
  const rule = await cloud.createRule('rubbish', cloud.arn('rubbish'));
  await until(async () => /Invalid.Evaluations.Value/.test((await cloud.status(rule)).LastErrorMessage ?? ''));
  await cloud.deleteRules(rule);
});
