// `plumbline call` against a running server.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { plumbline, scratch, Server } from './support.mjs';

let server;
const call = (...args) => plumbline(['call', ...args, '--data', server.data]);

before(async () => { server = await Server.start(); });
after(async () => { assert.equal((await server.stop()).code, 0, server.log); });

test('an operation is signed with the key of the data directory and its answer is JSON', () => {
  const { status, stdout, stderr } = call('GetServerStatus');
  assert.equal(status, 0, stderr);
  assert.match(JSON.parse(stdout).RequestId, /^[0-9A-F-]{36}$/);
});

test('lists and objects may be JSON or flattened', () => {
  const base = ['CreateConfigRule', '--SourceOwner', 'ALIYUN', '--SourceIdentifier', 'oss-bucket-public-read-prohibited',
    '--ConfigRuleTriggerTypes', 'ConfigurationItemChangeNotification', '--RiskLevel', '1', '--ResourceTypesScope', 'ACS::OSS::Bucket'];
  const flat = call(...base, '--ConfigRuleName', 'flat', '--TagsScope.1.TagKey', 'env', '--TagsScope.1.TagValue', 'prod');
  assert.equal(flat.status, 0, flat.stderr);
  const json = call(...base, '--ConfigRuleName', 'json', '--TagsScope', '[{"TagKey":"env","TagValue":"prod"}]');
  assert.equal(json.status, 0, json.stderr);
  for (const { stdout } of [flat, json]) {
    const read = JSON.parse(call('GetConfigRule', '--ConfigRuleId', JSON.parse(stdout).ConfigRuleId).stdout).ConfigRule;
    assert.deepEqual(read.TagsScope, [{ TagKey: 'env', TagValue: 'prod' }]);
  }
  const joined = JSON.parse(call('ListConfigRules', '--PageSize=1', '--PageNumber', '2', '--format=json').stdout).ConfigRules;
  assert.deepEqual([joined.PageSize, joined.PageNumber, joined.ConfigRuleList.length], [1, 2, 1]);
  const table = call('ListConfigRules', '--format', 'table');
  assert.equal(table.status, 0);
  assert.match(table.stdout, /ConfigRuleName/);
  assert.match(table.stdout, /\bflat\b/);
  assert.throws(() => JSON.parse(table.stdout));
});

test('the numbers of the server name what waits', async () => {
  const text = await (await fetch(`${server.endpoint}/metrics`)).text();
  for (const name of ['evaluation_runs_waiting', 'function_events', 'store_writes_waiting'])
    assert.match(text, new RegExp(`^plumbline_${name} \\d+$`, 'm'));
});

test('a refusal ends with 1 and tells the code', () => {
  const { status, stderr, stdout } = call('GetConfigRule', '--ConfigRuleId', 'cr-000000000000');
  assert.equal(status, 1);
  assert.match(stderr + stdout, /ConfigRuleNotExists/);
});

test('a mistake ends with 2 before anything is sent', () => {
  for (const [args, message] of [
    [['NoSuchOperation'], /NoSuchOperation/],
    [['GetConfigRule', '--ConfigRuleIdd', 'x'], /ConfigRuleIdd/],
    [['GetConfigRule', '--ConfigRuleIdd=x'], /ConfigRuleIdd:/],
    [['ListConfigRules', '--format', 'yaml'], /yaml/],
    [['ListConfigRules', '--endpoint', 'http://127.0.0.1:1'], /127\.0\.0\.1/],
  ]) {
    const { status, stderr } = call(...args);
    assert.equal(status, 2, `${args}: ${stderr}`);
    assert.match(stderr, message);
  }
});

test('without credentials.json the key comes from the environment', () => {
  const { AccessKeyId, AccessKeySecret } = server.credentials;
  const env = { ...process.env, ALIBABA_CLOUD_ACCESS_KEY_ID: AccessKeyId, ALIBABA_CLOUD_ACCESS_KEY_SECRET: AccessKeySecret };
  const ask = (environment) => plumbline(['call', 'GetServerStatus', '--endpoint', server.endpoint, '--data', scratch()], { env: environment });
  assert.equal(ask(env).status, 0);
  const wrong = ask({ ...env, ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'wrong' });
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr + wrong.stdout, /SignatureDoesNotMatch/);
});

test('import tells the server whose the items are that name no account', () => {
  const directory = scratch();
  const file = path.join(directory, 'items.jsonl');
  const account = server.credentials.AccountId;
  fs.writeFileSync(file, ['{}', '{"a":1}'].map((configuration, i) => `{"resourceType":"A::B::C","resourceId":"told-${i}","configuration":${configuration}}`).join('\n'));
  const send = (...more) => plumbline(['import', '--endpoint', server.endpoint, '--data', server.data, ...more, file]);
  const own = send('--account', account);
  assert.equal(own.status, 0, own.stderr);
  assert.match(own.stderr, /2 items accepted: 2 changed/);
  const foreign = send('--account', '5');
  assert.equal(foreign.status, 2);
  assert.match(foreign.stderr, /accountId: the account is not one of yours/);
  fs.writeFileSync(file, `{"resourceType":"A::B::C","resourceId":"told-0","accountId":"${account}","configuration":{}}\n`);
  assert.equal(send('--account', '5').status, 0, 'an item that names its account keeps it');
});
