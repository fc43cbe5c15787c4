// The operations of functions with the official client of Function Compute, and what an invocation is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { CUSTOM, Cloud, FC, after, before, decide, instance, test, zip } from './functions.mjs';
import { failure, plumbline, scratch, until } from './support.mjs';

let cloud;

before(async () => {
  cloud = await Cloud.start();
  await cloud.server.put([instance('i-1', 'good')]);
});

after(() => cloud?.stop());

test('the official client keeps functions', async () => {
  const made = await cloud.python('kept', 'def handler(event, context):\n    return event\n', { description: 'one' });
  assert.equal(made.functionName, 'kept');
  assert.equal((await cloud.fc.getFunction('kept', new FC.GetFunctionRequest({}))).body.handler, 'index.handler');
  const updated = await cloud.fc.updateFunction('kept', new FC.UpdateFunctionRequest({ body: new FC.UpdateFunctionInput({ timeout: 7 }) }));
  assert.equal(updated.body.timeout, 7);
  assert.equal(updated.body.description, 'one');
  const listed = await cloud.fc.listFunctions(new FC.ListFunctionsRequest({ prefix: 'ke' }));
  assert.deepEqual(listed.body.functions.map((f) => f.functionName), ['kept']);
  const code = (await cloud.fc.getFunctionCode('kept', new FC.GetFunctionCodeRequest({}))).body;
  const bytes = Buffer.from(await (await fetch(code.url)).arrayBuffer());
  assert.equal(createHash('sha256').update(bytes).digest('hex'), code.checksum);
  const twice = await failure(cloud.python('kept', ''));
  assert.match(twice.message + twice.code, /FunctionAlreadyExists/);
  await cloud.fc.deleteFunction('kept');
  assert.match((await failure(cloud.fc.getFunction('kept', new FC.GetFunctionRequest({})))).code, /FunctionNotFound/);
});

test('versions and aliases name what was published', async () => {
  await cloud.python('dated', 'def handler(event, context):\n    return "one"\n');
  const version = (await cloud.fc.publishFunctionVersion('dated', new FC.PublishFunctionVersionRequest({ body: new FC.PublishVersionInput({ description: 'first' }) }))).body;
  assert.equal(version.versionId, '1');
  await cloud.fc.createAlias('dated', new FC.CreateAliasRequest({ body: new FC.CreateAliasInput({ aliasName: 'live', versionId: '1' }) }));
  await cloud.fc.updateFunction('dated', new FC.UpdateFunctionRequest({ body: new FC.UpdateFunctionInput({
    code: new FC.InputCodeLocation({ zipFile: zip({ 'index.py': 'def handler(event, context):\n    return "two"\n' }).toString('base64') }) }) }));
  assert.equal((await cloud.invoke('dated')).body, 'two');
  const old = await cloud.fc.getFunction('dated', new FC.GetFunctionRequest({ qualifier: 'live' }));
  assert.match(old.body.functionArn, /dated\/1$/);
});

test('an invocation answers with the result, the whole log and the kind of error', async () => {
  await cloud.python('echo', 'import json, sys\ndef handler(event, context):\n    for i in range(40):\n        print("line", i)\n    sys.stderr.write("last " + context.request_id + "\\n")\n    return {"event": json.loads(event), "name": context.function.name, "account": context.account_id}\n');
  for (let round = 0; round < 20; round++) {
    const done = await cloud.invoke('echo', '{"a":1}');
    assert.deepEqual(JSON.parse(done.body), { event: { a: 1 }, name: 'echo', account: cloud.account });
    const id = done.headers['x-fc-request-id'];
    const lines = done.log.trim().split('\n');
    assert.equal(lines[0], `FC Invoke Start RequestId: ${id}`);
    assert.equal(lines.at(-2), `last ${id}`);
    assert.equal(lines.at(-1), `FC Invoke End RequestId: ${id}`);
    assert.equal(lines.filter((line) => /^line/.test(line)).length, 40);
    assert.equal(done.type, undefined);
  }
  await cloud.create('twin', { 'index.js': 'exports.handler = async (event) => { for (let i = 0; i < 40; i++) console.log("line", i); return "done"; };' }, { runtime: 'nodejs20' });
  for (let round = 0; round < 20; round++)
    assert.equal((await cloud.invoke('twin')).log.match(/line \d+/g).length, 40);
  await cloud.python('broken', 'def handler(event, context):\n    raise ValueError("no")\n');
  const failed = await cloud.invoke('broken');
  assert.equal(failed.status, 200);
  assert.equal(failed.type, 'UnhandledInvocationError');
  assert.equal(JSON.parse(failed.body).errorType, 'ValueError');
  assert.match(failed.log, /FC Invoke End RequestId: \S+, Error: .*ValueError/);
});

test('a custom runtime is any program that serves port 9000', async () => {
  const directory = scratch();
  fs.writeFileSync(path.join(directory, 'main.c'), CUSTOM);
  const built = spawnSync('cc', ['-O1', '-static', '-o', path.join(directory, 'bootstrap'), path.join(directory, 'main.c')], { encoding: 'utf8' });
  assert.equal(built.status, 0, built.stderr);
  await cloud.create('in-c', { bootstrap: fs.readFileSync(path.join(directory, 'bootstrap')) }, { runtime: 'custom', executable: ['bootstrap'] });
  assert.equal((await cloud.invoke('in-c')).body, 'from C');
});

test('members that would change what a function does are refused by their names', async () => {
  const refused = {
    vpcConfig: { vpcId: 'vpc-1', vSwitchIds: ['vsw-1'], securityGroupId: 'sg-1' }, layers: ['acs:fc:cn-shanghai:1:layers/l/versions/1'],
    nasConfig: { userId: 0, groupId: 0, mountPoints: [{ mountDir: '/mnt', serverAddr: 'a:/b' }] }, ossMountConfig: { mountPoints: [{ bucketName: 'b' }] },
    customContainerConfig: { image: 'registry/a:b' }, gpuConfig: { gpuType: 'fc.gpu.tesla.1', gpuMemorySize: 8192 }, customDNS: { nameServers: ['1.1.1.1'] },
    logConfig: { project: 'p', logstore: 'l' }, tracingConfig: { type: 'Jaeger' }, internetAccess: true, instanceConcurrency: 10, diskSize: 10240,
    idleTimeout: 300, sessionAffinity: 'MCP_SSE', enableLongLiving: true, disableOndemand: true, instanceIsolationMode: 'SESSION_EXCLUSIVE',
    polarFsConfig: { mountPoints: [{ mountDir: '/p' }] }, instanceLifecycleConfig: { preStop: { handler: 'index.stop', timeout: 3 } },
  };
  for (const [name, value] of Object.entries(refused)) {
    const error = await failure(cloud.python('never', 'x = 1', { [name]: value }));
    assert.match(`${error.code} ${error.message}`, /InvalidArgument/, name);
    assert.match(error.message, new RegExp(name), name);
  }
  assert.match((await failure(cloud.fc.getFunction('never', new FC.GetFunctionRequest({})))).code, /FunctionNotFound/);
  const oss = await failure(cloud.create('never', null, { code: new FC.InputCodeLocation({ ossBucketName: 'b', ossObjectName: 'o' }) }));
  assert.match(oss.message, /ossBucketName/);
});

test('members that say nothing or only describe are taken, kept and given back', async () => {
  const made = await cloud.python('described', 'def handler(event, context):\n    return 1\n', {
    cpu: 0.5, tags: [{ key: 'team', value: 'a' }], resourceGroupId: 'rg-1', description: 'why', internetAccess: false, layers: [],
    vpcConfig: { vpcId: '' }, instanceIsolationMode: 'SHARE', sessionAffinity: 'NONE', instanceConcurrency: 1, diskSize: 512 });
  for (const got of [made, (await cloud.fc.getFunction('described', new FC.GetFunctionRequest({}))).body]) {
    assert.equal(got.cpu, 0.5);
    assert.deepEqual(got.tags.map((tag) => [tag.key, tag.value]), [['team', 'a']]);
    assert.equal(got.resourceGroupId, 'rg-1');
    assert.equal(got.description, 'why');
    assert.equal(got.internetAccess, false);
  }
  await cloud.update('described', { cpu: 1 });
  const changed = (await cloud.fc.getFunction('described', new FC.GetFunctionRequest({}))).body;
  assert.equal(changed.cpu, 1);
  assert.equal(changed.tags[0].value, 'a');
  const refused = await failure(cloud.update('described', { vpcConfig: { vpcId: 'vpc-1' } }));
  assert.match(refused.message, /vpcConfig/);
});

test('code is compared with its CRC-64', async () => {
  const code = zip({ 'index.py': 'def handler(event, context):\n    return 1\n' });
  let crc = 0xffffffffffffffffn;
  for (const byte of code) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0xc96c5795d7870f42n : crc >> 1n;
  }
  crc ^= 0xffffffffffffffffn;
  const location = (checksum) => new FC.InputCodeLocation({ zipFile: code.toString('base64'), checksum });
  assert.match((await failure(cloud.create('summed', null, { code: location('1') }))).message, /checksum/);
  await cloud.create('summed', null, { code: location(String(crc)) });
});

test('an initializer runs once in every instance, before its first event', async () => {
  const lifecycle = (handler, timeout = 3) => ({ instanceLifecycleConfig: { initializer: { handler, timeout } } });
  await cloud.python('prepared', 'import json\nseen = []\ndef prepare(context):\n    seen.append(context.request_id)\n    print("preparing")\ndef handler(event, context):\n    return json.dumps(len(seen))\n', lifecycle('index.prepare'));
  await cloud.create('prepared-js', { 'index.js': 'let seen = 0;\nexports.prepare = (context, callback) => { seen++; callback(null); };\nexports.handler = async () => seen;' }, { runtime: 'nodejs20', ...lifecycle('index.prepare') });
  for (const name of ['prepared', 'prepared-js'])
    for (let round = 0; round < 3; round++)
      assert.equal((await cloud.invoke(name)).body, '1');
  assert.equal((await cloud.fc.getFunction('prepared', new FC.GetFunctionRequest({}))).body.instanceLifecycleConfig.initializer.handler, 'index.prepare');
  const bad = { raising: 'def prepare(context):\n    raise KeyError("cold")\n', sleeping: 'import time\ndef prepare(context):\n    time.sleep(60)\n', missing: '' };
  for (const [name, source] of Object.entries(bad)) {
    await cloud.python(`prepared-${name}`, `${source}\ndef handler(event, context):\n    return "never"\n`, lifecycle('index.prepare', 1));
    const failed = await cloud.invoke(`prepared-${name}`);
    assert.equal(failed.type, 'InitializationError', name);
    assert.match(failed.body, name === 'sleeping' ? /initializer timed out after 1 seconds/ : /errorMessage/);
  }
});

test('a custom runtime gets /initialize once when an initializer is configured', async () => {
  const server = `import http.server
calls = []
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        calls.append([self.path, self.headers["x-fc-control-path"], self.headers.get("x-fc-function-initializer"), self.headers.get("x-fc-initialization-timeout")])
        body = str(calls).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
http.server.HTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
`;
  await cloud.create('contract', { 'main.py': server }, { runtime: 'custom.debian12', customRuntimeConfig: { command: ['python3'], args: ['main.py'], port: 9000 },
    instanceLifecycleConfig: { initializer: { handler: 'anything', timeout: 7 } } });
  assert.equal((await cloud.invoke('contract')).body, "[['/initialize', '/initialize', 'anything', '7'], ['/invoke', '/invoke', 'anything', '7']]");
  assert.equal((await cloud.invoke('contract')).body.match(/'\/initialize', '\/initialize'/g).length, 1);
});

/** A remote function: an HTTP server of this test; `answer(call)` gives status and body. */
async function remote(answer) {
  const calls = [];
  const listener = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const call = { path: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
      calls.push(call);
      const [status, body, headers] = await answer(call, calls.length);
      response.writeHead(status, headers);
      response.end(body);
    });
  });
  await new Promise((done) => listener.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${listener.address().port}/fn`, calls, close: () => listener.close() };
}

test('a remote function is an address with the same contract', async () => {
  const there = await remote(async ({ headers, body }) => {
    const event = JSON.parse(body);
    if (!event.resultToken) return [200, `echo ${body}`];
    const item = event.invokingEvent.configurationItem;
    const keys = { AccessKeyId: headers['x-fc-access-key-id'], AccessKeySecret: headers['x-fc-access-key-secret'], SecurityToken: headers['x-fc-security-token'] };
    await cloud.server.call('PutEvaluations', { ResultToken: event.resultToken, Evaluations: JSON.stringify([{ accountId: item.accountId, complianceResourceId: item.resourceId,
      complianceResourceType: item.resourceType, complianceRegionId: item.regionId, orderingTimestamp: event.orderingTimestamp, complianceType: 'NON_COMPLIANT', annotation: 'from afar' }]) }, { keys });
    return [200, 'done'];
  });
  try {
    const deployed = plumbline(['function', 'deploy', '--name', 'far', '--remote', there.url, '--data', cloud.server.data]);
    assert.equal(deployed.status, 0, deployed.stderr);
    assert.equal((await cloud.invoke('far', '{"a":2}')).body, 'echo {"a":2}');
    assert.equal(there.calls[0].path, '/fn/invoke');
    assert.equal(there.calls[0].headers['x-fc-function-name'], 'far');
    const rule = await cloud.createRule('far', deployed.stdout.trim());
    await until(async () => (await cloud.verdicts(rule))['i-1'] === 'NON_COMPLIANT');
    assert.equal((await cloud.results(rule))['i-1'].Annotation, 'from afar');
    await cloud.deleteRules(rule);
  } finally {
    there.close();
  }
  const gone = await cloud.invoke('far');
  assert.equal(gone.type, 'UnhandledInvocationError');
  assert.match(gone.body, /cannot be reached/);
  const metadata = plumbline(['function', 'deploy', '--name', 'metadata', '--remote', 'http://169.254.169.254/latest', '--data', cloud.server.data]);
  assert.equal(metadata.status, 0, metadata.stderr);
  assert.match((await cloud.invoke('metadata')).body, /cannot be reached/);
  assert.match(plumbline(['function', 'deploy', '--name', 'file', '--remote', 'file:///etc/passwd', '--data', cloud.server.data]).stderr, /http/);
});

test('an asynchronous invocation is answered at once and tried three times', async () => {
  const there = await remote((call, count) => [count < 3 ? 500 : 200, '{}']);
  try {
    plumbline(['function', 'deploy', '--name', 'later', '--remote', there.url, '--data', cloud.server.data]);
    const answer = await cloud.invoke('later', '{"n":1}', { xFcInvocationType: 'Async', xFcAsyncTaskId: 'task_1' });
    assert.equal(answer.status, 202);
    await until(() => there.calls.length === 3);
    assert.deepEqual(there.calls.map((call) => call.headers['x-fc-retry-count']), ['0', '1', '2']);
    assert.deepEqual(new Set(there.calls.map((call) => call.body)), new Set(['{"n":1}']));
    assert.match((await failure(cloud.invoke('later', '{}', { xFcInvocationType: 'Async', xFcAsyncTaskId: '1 2' }))).message, /task-id/);
    assert.match((await failure(cloud.invoke('later', 'x'.repeat(262145), { xFcInvocationType: 'Async' }))).code, /EntityTooLarge/);
    await cloud.invoke('later', '{"n":2}', { xFcInvocationType: 'Async' });
    await until(() => there.calls.length === 4);
  } finally {
    there.close();
  }
});

test('paths of Function Compute 2.0 are refused with advice', async () => {
  for (const where of ['/2016-08-15/services/s/functions', '/2021-04-06/services/s.LATEST/functions/f/invocations']) {
    const answer = await fetch(cloud.server.endpoint + where, { method: 'POST', body: '{}' });
    assert.equal(answer.status, 400);
    const body = await answer.json();
    assert.equal(body.Code, 'UnsupportedVersion');
    assert.match(body.Message, /2023-03-30/);
  }
});

test('both forms of the function ARN lead to the function', async () => {
  await cloud.python('by-arn', decide('"COMPLIANT"'));
  for (const identifier of ['cn-hangzhou:ACCOUNT:services/ConfigService.LATEST/functions/by-arn', 'cn-hangzhou:ACCOUNT:services/ConfigService/functions/by-arn',
    'cn-shanghai:ACCOUNT:functions/by-arn', 'cn-shanghai:ACCOUNT:functions/by-arn/LATEST']) {
    const rule = await cloud.createRule('a-form', `acs:fc:${identifier.replace('ACCOUNT', cloud.account)}`);
    await until(async () => (await cloud.verdicts(rule))['i-1'] === 'COMPLIANT');
    await cloud.deleteRules(rule);
  }
});

test('a role is handed to functions only by who may pass it', async () => {
  const { account, server } = cloud;
  const ram = (action, parameters) => server.call(action, parameters, { version: '2015-05-01' });
  const role = `acs:ram::${account}:role/function-owner`;
  await ram('CreateRole', { RoleName: 'function-owner', AssumeRolePolicyDocument: JSON.stringify({ Version: '1',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: ['fc.aliyuncs.com'] } }] }) });
  await ram('CreateUser', { UserName: 'coder' });
  const { AccessKey } = await ram('CreateAccessKey', { UserName: 'coder' });
  const grant = async (name, ...Statement) => {
    await ram('CreatePolicy', { PolicyName: name, PolicyDocument: JSON.stringify({ Version: '1', Statement }) });
    await ram('AttachPolicyToUser', { PolicyType: 'Custom', PolicyName: name, UserName: 'coder' });
  };
  await grant('functions', { Effect: 'Allow', Action: 'fc:*', Resource: '*' });
  const coder = Object.assign(Object.create(cloud), { fc: Cloud.client(server.endpoint, { AccessKeyId: AccessKey.AccessKeyId, AccessKeySecret: AccessKey.AccessKeySecret }) });
  const files = { 'index.py': 'def handler(event, context):\n    return context.credentials.access_key_id\n' };
  assert.equal((await failure(coder.create('passed', files, { role }))).code, 'NoPermission');
  await coder.create('passed', files);
  assert.equal((await failure(coder.update('passed', { role }))).code, 'NoPermission');
  await grant('pass-elsewhere', { Effect: 'Allow', Action: 'ram:PassRole', Resource: role.replace('::', ':*:'), Condition: { StringEquals: { 'acs:Service': 'oos.aliyuncs.com' } } });
  assert.equal((await failure(coder.update('passed', { role }))).code, 'NoPermission');
  await grant('pass', { Effect: 'Allow', Action: 'ram:PassRole', Resource: role.replace('::', ':*:'), Condition: { StringEquals: { 'acs:Service': 'fc.aliyuncs.com' } } });
  assert.equal((await coder.update('passed', { role })).body.role, role);
  assert.equal((await coder.update('passed', { description: 'kept' })).body.role, role);
});
