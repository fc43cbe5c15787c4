// Functions as rules, with the official client of Function Compute: the repaired image-check sample and its
// twins, and functions that misbehave, each with its outcome and the server healthy afterwards.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { Server, failure, plumbline, scratch, until } from './support.mjs';

const require = createRequire(import.meta.url);
const FC = require('@alicloud/fc20230330');
const { Config } = require('@alicloud/openapi-core').$OpenApiUtil;

let server;
let fc;

/** A zip file of stored entries: { name: text or Buffer }; `executable` names get the mode 0755. */
function zip(files, executable = []) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const data = Buffer.from(content);
    const label = Buffer.from(name);
    const crc = zlib.crc32 ? zlib.crc32(data) : crc32(data);
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(20, 4);
    head.writeUInt32LE(crc, 14);
    head.writeUInt32LE(data.length, 18);
    head.writeUInt32LE(data.length, 22);
    head.writeUInt16LE(label.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(0x0314, 4);
    entry.writeUInt16LE(20, 6);
    entry.writeUInt32LE(crc, 16);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(label.length, 28);
    entry.writeUInt32LE(((executable.includes(name) ? 0o100755 : 0o100644) << 16) >>> 0, 38);
    entry.writeUInt32LE(offset, 42);
    parts.push(head, label, data);
    directory.push(entry, label);
    offset += 30 + label.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

function crc32(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** The signed call that vendor samples make, with the standard library only; V1 signature. */
const PYTHON_CALL = `
import base64, hashlib, hmac, json, time, urllib.parse, urllib.request, uuid

def call(action, params, credentials, host="config.cn-shanghai.aliyuncs.com", version="2020-09-07"):
    form = dict(params, Action=action, Version=version, Format="JSON", AccessKeyId=credentials.access_key_id,
                SecurityToken=credentials.security_token, SignatureMethod="HMAC-SHA1", SignatureVersion="1.0",
                SignatureNonce=str(uuid.uuid4()), Timestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    enc = lambda s: urllib.parse.quote(str(s), safe="-_.~")
    text = "POST&%2F&" + enc("&".join(enc(k) + "=" + enc(form[k]) for k in sorted(form)))
    key = (credentials.access_key_secret + "&").encode()
    form["Signature"] = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha1).digest()).decode()
    request = urllib.request.Request("http://" + host + "/", urllib.parse.urlencode(form).encode())
    try:
        return json.loads(urllib.request.urlopen(request, timeout=20).read())
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode())
`;

/** The repaired sample: is an instance started from one of the images? Reports as old clients do: str(list). */
const IMAGE_CHECK = `${PYTHON_CALL}
import logging
logger = logging.getLogger()

def handler(event, context):
    evt = json.loads(event)
    for key in ("resultToken", "ruleParameters", "invokingEvent"):
        if key not in evt:
            return None
    item = evt["invokingEvent"].get("configurationItem") or {}
    if not item:
        logger.warning("no configuration item")
        return None
    wanted = [x.strip() for x in evt["ruleParameters"].get("imageIds", "").split(",") if x.strip()]
    config = json.loads(item.get("configuration") or "{}")
    verdict, note = "NOT_APPLICABLE", None
    if config.get("ImageId"):
        ok = config["ImageId"] in wanted
        verdict = "COMPLIANT" if ok else "NON_COMPLIANT"
        if not ok:
            note = json.dumps({"configuration": config["ImageId"], "desiredValue": ",".join(wanted),
                               "operator": "In", "property": "$.ImageId"})
    logger.info("%s: %s", item["resourceId"], verdict)
    results = [{"accountId": item["accountId"], "complianceResourceId": item["resourceId"],
                "complianceResourceType": item["resourceType"], "complianceRegionId": item["regionId"],
                "orderingTimestamp": item["captureTime"], "complianceType": verdict, "annotation": note}]
    call("PutEvaluations", {"ResultToken": evt["resultToken"], "Evaluations": str(results), "DeleteMode": "True"},
         context.credentials, version="2019-01-08" if "old" in evt["ruleParameters"] else "2020-09-07")
    return results
`;

const NODE_CHECK = `
const crypto = require('crypto'), http = require('http');
const enc = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
function call(action, params, credentials) {
  const form = { ...params, Action: action, Version: '2020-09-07', Format: 'JSON', AccessKeyId: credentials.accessKeyId,
    SecurityToken: credentials.securityToken, SignatureMethod: 'HMAC-SHA1', SignatureVersion: '1.0',
    SignatureNonce: crypto.randomUUID(), Timestamp: new Date().toISOString().replace(/\\.\\d+/, '') };
  const text = 'POST&%2F&' + enc(Object.keys(form).sort().map((k) => enc(k) + '=' + enc(form[k])).join('&'));
  form.Signature = crypto.createHmac('sha1', credentials.accessKeySecret + '&').update(text).digest('base64');
  return new Promise((done, fail) => {
    const request = http.request({ host: 'config.cn-shanghai.aliyuncs.com', method: 'POST', path: '/',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }, (response) => {
      let body = '';
      response.on('data', (part) => (body += part)).on('end', () => (response.statusCode === 200 ? done(body) : fail(new Error(body))));
    });
    request.on('error', fail);
    request.end(new URLSearchParams(form).toString());
  });
}
exports.handler = async (event, context) => {
  const evt = JSON.parse(event.toString());
  const item = evt.invokingEvent.configurationItem;
  const wanted = (evt.ruleParameters.imageIds || '').split(',');
  const image = JSON.parse(item.configuration).ImageId;
  const results = [{ accountId: item.accountId, complianceResourceId: item.resourceId, complianceResourceType: item.resourceType,
    complianceRegionId: item.regionId, orderingTimestamp: evt.orderingTimestamp,
    complianceType: !image ? 'NOT_APPLICABLE' : wanted.includes(image) ? 'COMPLIANT' : 'NON_COMPLIANT', annotation: null }];
  context.logger.info('%s: %s', item.resourceId, results[0].complianceType);
  await call('PutEvaluations', { ResultToken: evt.resultToken, Evaluations: JSON.stringify(results), DeleteMode: 'true' }, context.credentials);
  return results;
};
`;

const arn = (name) => `acs:fc:cn-shanghai:${server.credentials.AccountId}:functions/${name}`;

async function create(name, files, options = {}) {
  const { executable, ...members } = options;
  const input = new FC.CreateFunctionInput({
    functionName: name, runtime: 'python3.10', handler: 'index.handler', timeout: 10, memorySize: 256,
    code: new FC.InputCodeLocation({ zipFile: zip(files, executable).toString('base64') }), ...members,
  });
  return (await fc.createFunction(new FC.CreateFunctionRequest({ body: input }))).body;
}

const python = (name, source, options) => create(name, { 'index.py': source }, options);

async function invoke(name, event = '{}', headers = {}) {
  const { Readable } = require('node:stream');
  const answer = await fc.invokeFunctionWithOptions(name,
    new FC.InvokeFunctionRequest({ body: Readable.from([Buffer.from(event)]), qualifier: 'LATEST' }),
    new FC.InvokeFunctionHeaders({ xFcInvocationType: 'Sync', xFcLogType: 'Tail', ...headers }), new (require('@darabonba/typescript').RuntimeOptions)({ readTimeout: 60000 }));
  const parts = [];
  for await (const part of answer.body) parts.push(part);
  const body = Buffer.concat(parts).toString();
  const log = Buffer.from(answer.headers['x-fc-log-result'] ?? '', 'base64').toString();
  return { status: answer.statusCode, type: answer.headers['x-fc-error-type'], body, log, headers: answer.headers };
}

function instance(id, image, more = {}) {
  return { resourceType: 'ACS::ECS::Instance', resourceId: id, resourceName: id, regionId: 'cn-shanghai',
    configuration: { InstanceId: id, ...(image ? { ImageId: image } : {}) }, tags: { env: ['prod'] }, ...more };
}

async function createRule(name, functionArn, parameters = {}, more = {}) {
  const answer = await server.call('CreateConfigRule', {
    ConfigRuleName: name, SourceOwner: 'CUSTOM_FC', SourceIdentifier: functionArn, RiskLevel: 1,
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance',
    InputParameters: JSON.stringify(parameters), ...more });
  return answer.ConfigRuleId;
}

async function results(rule) {
  const answer = await server.call('ListConfigRuleEvaluationResults', { ConfigRuleId: rule, MaxResults: 100 });
  const list = answer.EvaluationResults.EvaluationResultList ?? [];
  return Object.fromEntries(list.map((r) => [r.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId, r]));
}

const verdicts = async (rule) => Object.fromEntries(Object.entries(await results(rule)).map(([id, r]) => [id, r.ComplianceType]));
const status = async (rule) => (await server.call('GetConfigRule', { ConfigRuleId: rule })).ConfigRule.ConfigRuleEvaluationStatus;
const healthy = async () => assert.equal((await fetch(`${server.endpoint}/healthz`)).status, 200);

before(async () => {
  server = await Server.start({ args: ['--function-retry', '50'] });
  fc = new FC.default(new Config({
    accessKeyId: server.credentials.AccessKeyId, accessKeySecret: server.credentials.AccessKeySecret,
    endpoint: server.endpoint.replace('http://', ''), protocol: 'http', regionId: 'cn-shanghai' }));
  await server.put([instance('i-good', 'good-image'), instance('i-bad', 'bad-image'), instance('i-none')]);
});

after(async () => {
  await server?.stop();
});

test('the official client keeps functions', async () => {
  const made = await python('kept', 'def handler(event, context):\n    return event\n', { description: 'one' });
  assert.equal(made.functionName, 'kept');
  assert.equal((await fc.getFunction('kept', new FC.GetFunctionRequest({}))).body.handler, 'index.handler');
  const updated = await fc.updateFunction('kept', new FC.UpdateFunctionRequest({ body: new FC.UpdateFunctionInput({ timeout: 7 }) }));
  assert.equal(updated.body.timeout, 7);
  assert.equal(updated.body.description, 'one');
  const listed = await fc.listFunctions(new FC.ListFunctionsRequest({ prefix: 'ke' }));
  assert.deepEqual(listed.body.functions.map((f) => f.functionName), ['kept']);
  const code = (await fc.getFunctionCode('kept', new FC.GetFunctionCodeRequest({}))).body;
  const bytes = Buffer.from(await (await fetch(code.url)).arrayBuffer());
  assert.equal(createHash('sha256').update(bytes).digest('hex'), code.checksum);
  const twice = await failure(python('kept', ''));
  assert.match(twice.message + twice.code, /FunctionAlreadyExists/);
  await fc.deleteFunction('kept');
  assert.match((await failure(fc.getFunction('kept', new FC.GetFunctionRequest({})))).code, /FunctionNotFound/);
});

test('versions and aliases name what was published', async () => {
  await python('dated', 'def handler(event, context):\n    return "one"\n');
  const version = (await fc.publishFunctionVersion('dated', new FC.PublishFunctionVersionRequest({ body: new FC.PublishVersionInput({ description: 'first' }) }))).body;
  assert.equal(version.versionId, '1');
  await fc.createAlias('dated', new FC.CreateAliasRequest({ body: new FC.CreateAliasInput({ aliasName: 'live', versionId: '1' }) }));
  await fc.updateFunction('dated', new FC.UpdateFunctionRequest({ body: new FC.UpdateFunctionInput({
    code: new FC.InputCodeLocation({ zipFile: zip({ 'index.py': 'def handler(event, context):\n    return "two"\n' }).toString('base64') }) }) }));
  assert.equal((await invoke('dated')).body, 'two');
  const old = await fc.getFunction('dated', new FC.GetFunctionRequest({ qualifier: 'live' }));
  assert.match(old.body.functionArn, /dated\/1$/);
});

test('an invocation answers with the result, the log and the kind of error', async () => {
  await python('echo', 'import json\ndef handler(event, context):\n    print("seen", context.request_id)\n    return {"event": json.loads(event), "name": context.function.name, "account": context.account_id}\n');
  const done = await invoke('echo', '{"a":1}');
  assert.deepEqual(JSON.parse(done.body), { event: { a: 1 }, name: 'echo', account: server.credentials.AccountId });
  // What a function prints travels beside its answer and may be a moment behind it.
  await until(async () => /seen/.test((await invoke('echo', '{"a":1}')).log));
  assert.equal(done.type, undefined);
  await python('broken', 'def handler(event, context):\n    raise ValueError("no")\n');
  const failed = await invoke('broken');
  assert.equal(failed.status, 200);
  assert.equal(failed.type, 'UnhandledInvocationError');
  assert.equal(JSON.parse(failed.body).errorType, 'ValueError');
});

for (const [runtime, files, old] of [['python3.10', { 'index.py': IMAGE_CHECK }, {}], ['python3.12', { 'index.py': IMAGE_CHECK }, { old: 'yes' }], ['nodejs20', { 'index.js': NODE_CHECK }, {}]]) {
  test(`the image check decides as a ${runtime} function (${JSON.stringify(old)})`, async () => {
    const name = `image-${runtime.replace('.', '-')}`;
    await create(name, files, { runtime });
    const rule = await createRule(name, arn(name), { imageIds: 'good-image,other', ...old });
    await until(async () => Object.values(await verdicts(rule)).every((v) => v !== 'INSUFFICIENT_DATA'));
    assert.deepEqual(await verdicts(rule), { 'i-good': 'COMPLIANT', 'i-bad': 'NON_COMPLIANT', 'i-none': 'NOT_APPLICABLE' });
    const told = await status(rule);
    assert.ok(told.LastSuccessfulInvocationTimestamp > 0);
    assert.ok(told.LastSuccessfulEvaluationTimestamp >= told.LastSuccessfulInvocationTimestamp);
    if (runtime === 'python3.10')
      assert.match((await results(rule))['i-bad'].Annotation, /"property": ?"\$\.ImageId"/);
    await server.put([instance('i-bad', 'good-image')]);
    await until(async () => (await verdicts(rule))['i-bad'] === 'COMPLIANT');
    await server.put([instance('i-bad', 'bad-image')]);
    await until(async () => (await verdicts(rule))['i-bad'] === 'NON_COMPLIANT');
    await server.call('DeleteConfigRules', { ConfigRuleIds: rule });
  });
}

test('both forms of the function ARN lead to the function', async () => {
  const old = `acs:fc:cn-hangzhou:${server.credentials.AccountId}:services/ConfigService.LATEST/functions/image-python3-10`;
  const rule = await createRule('old-form', old, { imageIds: 'good-image' });
  await until(async () => (await verdicts(rule))['i-good'] === 'COMPLIANT');
  await server.call('DeleteConfigRules', { ConfigRuleIds: rule });
});

const CUSTOM = `#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    static char request[1 << 16];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9000)};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bind(listener, (struct sockaddr *)&address, sizeof address);
    listen(listener, 8);
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        size_t n = 0;
        ssize_t got;
        while ((got = read(peer, request + n, sizeof request - 1 - n)) > 0) {
            n += (size_t)got;
            request[n] = 0;
            char *body = strstr(request, "\\r\\n\\r\\n");
            if (!body || !strstr(body, "}"))
                continue;
            char answer[256];
            const char *text = strstr(request, "POST /invoke") && strstr(request, "x-fc-request-id") ? "from C" : "what?";
            int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\\r\\nContent-Length: %zu\\r\\n\\r\\n%s", strlen(text), text);
            if (write(peer, answer, (size_t)length) != length)
                return 1;
            n = 0;
        }
        close(peer);
    }
}
`;

test('a custom runtime is any program that serves port 9000', async () => {
  const directory = scratch();
  fs.writeFileSync(path.join(directory, 'main.c'), CUSTOM);
  const built = spawnSync('cc', ['-O1', '-static', '-o', path.join(directory, 'bootstrap'), path.join(directory, 'main.c')], { encoding: 'utf8' });
  assert.equal(built.status, 0, built.stderr);
  await create('in-c', { bootstrap: fs.readFileSync(path.join(directory, 'bootstrap')) }, { runtime: 'custom', executable: ['bootstrap'] });
  assert.equal((await invoke('in-c')).body, 'from C');
});

const BAD = {
  'endless-loop': ['def handler(event, context):\n    while True:\n        pass\n', { timeout: 1 }, /timed out after 1 seconds/],
  'memory-hog': ['def handler(event, context):\n    kept = []\n    while True:\n        kept.append(bytearray(10000000))\n', {}, /memory|exited|MemoryError|^$/i],
  'disk-hog': ['def handler(event, context):\n    with open("/tmp/big", "wb") as f:\n        for _ in range(1024):\n            f.write(b"x" * 1048576)\n', { diskSize: 16 }, /No space left|File too large|File size limit|exited/],
  'fork-bomb': ['import os\ndef handler(event, context):\n    while True:\n        os.fork()\n', { timeout: 2 }, /Resource temporarily unavailable|timed out|exited|memory limit/],
  'leaving': ['import os\ndef handler(event, context):\n    os._exit(3)\n', {}, /exited unexpectedly/],
};

for (const [name, [source, options, message]] of Object.entries(BAD)) {
  test(`a function that misbehaves (${name}) fails alone`, async () => {
    await python(name, source, options);
    const failed = await invoke(name);
    assert.equal(failed.status, 200);
    assert.equal(failed.type, 'UnhandledInvocationError');
    assert.match(JSON.parse(failed.body).errorMessage, message);
    await healthy();
    assert.match((await invoke('echo', '{"still":"there"}')).body, /there/);
  });
}

test('a function sees no files, devices, privileges or network of others', async () => {
  await python('probe', `
import json, os, socket
def attempt(what):
    try:
        return str(what())
    except Exception as error:
        return "refused: " + type(error).__name__
def connect(address):
    s = socket.socket(); s.settimeout(2); s.connect(address); return "connected"
def handler(event, context):
    port = json.loads(event)["port"]
    return {
        "root": sorted(os.listdir("/")), "shadow": attempt(lambda: open("/etc/shadow").read()),
        "home": attempt(lambda: os.listdir("/root")), "data": attempt(lambda: os.listdir("/var")),
        "code": attempt(lambda: open("/code/new", "w")), "usr": attempt(lambda: open("/usr/new", "w")),
        "top": attempt(lambda: open("/new", "w")), "devices": sorted(os.listdir("/dev")),
        "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
        "server": attempt(lambda: connect(("127.0.0.1", port))), "outside": attempt(lambda: connect(("1.1.1.1", 80))),
        "names": attempt(lambda: socket.gethostbyname("example.com")),
        "vendor": socket.gethostbyname("config.cn-hangzhou.aliyuncs.com"),
        "raw": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "capabilities": [l for l in open("/proc/self/status") if l.startswith("CapEff")][0].split()[1],
        "environment": sorted(k for k in os.environ if "PLUMBLINE" in k),
    }
`);
  const seen = JSON.parse((await invoke('probe', JSON.stringify({ port: Number(new URL(server.endpoint).port) }))).body);
  for (const what of ['shadow', 'home', 'data', 'code', 'usr', 'top', 'server', 'outside', 'names', 'raw'])
    assert.match(seen[what], /^refused/, what);
  assert.deepEqual(seen.devices, ['fd', 'null', 'random', 'urandom', 'zero']);
  assert.equal(seen.vendor, '127.0.0.1');
  assert.equal(Number.parseInt(seen.capabilities, 16), 0);
  assert.ok(seen.processes < 8);
  assert.deepEqual(seen.environment, []);
});

test('a function that fails leaves its error in the status of the rule, and the events of others alone', async () => {
  const rule = await createRule('failing', arn('broken'));
  await until(async () => (await status(rule)).LastErrorCode === 'FunctionInvokeError');
  const told = await status(rule);
  assert.match(told.LastErrorMessage, /ValueError/);
  assert.ok(told.LastFailedInvocationTimestamp > 0);
  assert.ok(told.LastFailedEvaluationTimestamp >= told.LastFailedInvocationTimestamp);
  assert.deepEqual(new Set(Object.values(await verdicts(rule))), new Set(['INSUFFICIENT_DATA']));
  await until(async () => (await server.call('GetServerStatus', {}, { version: '2026-11-01' })).Queues.FunctionEvents === 0);
  const nobody = await createRule('nobody', arn('no-such-function'));
  await until(async () => (await status(nobody)).LastErrorCode === 'FunctionNotFound');
  await server.call('DeleteConfigRules', { ConfigRuleIds: `${rule},${nobody}` });
});

test('tokens and results that are not sound are refused', async () => {
  await python('keeper', 'import json\ndef handler(event, context):\n    print("TOKEN" + json.loads(event)["resultToken"] + "END")\n', { timeout: 1 });
  const rule = await createRule('keeper', arn('keeper'));
  let token;
  await until(async () => {
    const done = plumbline(['function', 'logs', 'keeper', '--data', server.data]);
    token = /TOKEN(\S+)END/.exec(done.stdout)?.[1];
    return token;
  });
  const report = (id, type, more = {}) => ({ accountId: Number(server.credentials.AccountId), complianceResourceId: id,
    complianceResourceType: 'ACS::ECS::Instance', complianceRegionId: 'cn-shanghai', complianceType: type, ...more });
  const put = (list, more = {}) => server.call('PutEvaluations', { ResultToken: token, Evaluations: JSON.stringify(list), ...more });
  assert.match((await failure(put([report('i-good', 'COMPLIANT')], { ResultToken: `x${token}` }))).code, /Invalid.ResultToken.Value/);
  assert.match((await failure(put([report('i-good', 'MAYBE')]))).code, /Invalid.Evaluations.Value/);
  assert.match((await failure(put([report('i-good', 'COMPLIANT'), report('i-unknown', 'COMPLIANT')]))).code, /Invalid.Evaluations.Value/);
  assert.match((await failure(put(Array(101).fill(report('i-good', 'COMPLIANT'))))).code, /Invalid.Evaluations.Value/);
  assert.equal((await verdicts(rule))['i-good'], 'INSUFFICIENT_DATA');
  assert.equal((await put([report('i-good', 'COMPLIANT'), report('i-bad', 'NON_COMPLIANT', { annotation: 'seen' })])).Result, true);
  assert.equal((await put([report('i-good', 'COMPLIANT'), report('i-bad', 'NON_COMPLIANT', { annotation: 'seen' })])).Result, true);
  assert.equal((await verdicts(rule))['i-bad'], 'NON_COMPLIANT');
  assert.equal((await results(rule))['i-bad'].Annotation, 'seen');
  const old = token;
  await server.call('StartConfigRuleEvaluation', { ConfigRuleId: rule });
  await until(async () => {
    const all = [...plumbline(['function', 'logs', 'keeper', '--data', server.data]).stdout.matchAll(/TOKEN(\S+)END/g)];
    return all.length > 3 && (token = all.at(-1)[1]) !== old;
  });
  await put([report('i-bad', 'COMPLIANT')]);
  await put([report('i-bad', 'NON_COMPLIANT')], { ResultToken: old });
  assert.equal((await verdicts(rule))['i-bad'], 'COMPLIANT');
  await server.call('DeleteConfigRules', { ConfigRuleIds: rule });
});

test('events survive kill -9 of the server', async () => {
  const data = scratch();
  let own = await Server.start({ data, args: ['--function-retry', '50'] });
  const directory = path.join(data, 'code');
  fs.mkdirSync(directory);
  fs.writeFileSync(path.join(directory, 'index.py'), `import time\ntime.sleep(0.2)\n${IMAGE_CHECK}`);
  const deployed = plumbline(['function', 'deploy', directory, '--name', 'check', '--runtime', 'python3', '--handler', 'index.handler', '--data', data]);
  assert.equal(deployed.status, 0, deployed.stderr);
  await own.put([instance('i-1', 'good'), instance('i-2', 'bad')]);
  const { ConfigRuleId } = await own.call('CreateConfigRule', {
    ConfigRuleName: 'r', SourceOwner: 'CUSTOM_FC', SourceIdentifier: deployed.stdout.trim(), RiskLevel: 1,
    ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance', InputParameters: '{"imageIds":"good"}' });
  await own.stop('SIGKILL');
  own = await Server.start({ data, args: ['--function-retry', '50'] });
  try {
    await until(async () => {
      const list = (await own.call('ListConfigRuleEvaluationResults', { ConfigRuleId })).EvaluationResults.EvaluationResultList;
      return list.length === 2 && list.every((r) => ['COMPLIANT', 'NON_COMPLIANT'].includes(r.ComplianceType));
    });
    assert.match(plumbline(['function', 'list', '--data', data]).stdout, /^check\tpython3/m);
    assert.match(plumbline(['function', 'invoke', 'check', '--data', data]).stdout, /null/);
  } finally {
    await own.stop();
  }
});
