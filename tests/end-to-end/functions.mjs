// What the tests of functions share: zip files, samples, and one server with its clients.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import * as runner from 'node:test';
import { Readable } from 'node:stream';
import zlib from 'node:zlib';
import { Server, plumbline, until } from './support.mjs';

const require = createRequire(import.meta.url);
export const FC = require('@alicloud/fc20230330');
const { Config } = require('@alicloud/openapi-core').$OpenApiUtil;
const { RuntimeOptions } = require('@darabonba/typescript');

/** Why functions cannot run on this machine; false where they can. */
export const noSandbox = (() => {
  const tried = spawnSync('bwrap', ['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--die-with-parent',
    '--ro-bind', '/', '/', '--proc', '/proc', 'true'], { encoding: 'utf8' });
  if (tried.error) return 'bubblewrap is not installed';
  return tried.status !== 0 && `the kernel allows no sandbox here: ${tried.stderr.trim()}`;
})();

/** Tests and their preparations that need functions: skipped, with the reason, where there can be none. */
export const test = (name, ...rest) => {
  const [options, body] = rest.length > 1 ? rest : [{}, rest[0]];
  return runner.test(name, { ...options, skip: noSandbox || options.skip }, body);
};
export const before = (work) => noSandbox || runner.before(work);
export const after = (work) => noSandbox || runner.after(work);

/** A zip file of stored entries: { name: text or Buffer }; `executable` names get the mode 0755. */
export function zip(files, executable = []) {
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

export function crc32(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** The signed call that vendor samples make, with the standard library only; V1 signature. */
export const PYTHON_CALL = `
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
export const IMAGE_CHECK = `${PYTHON_CALL}
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

export const NODE_CHECK = `
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

export const CUSTOM = `#include <arpa/inet.h>
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

/** A function that tells for each resource what `verdict` says: Python that sees evt, item and config. */
export const decide = (verdict, before = '') => `${PYTHON_CALL}
def handler(event, context):
    evt = json.loads(event)
    item = evt["invokingEvent"].get("configurationItem") or {}
    config = json.loads(item.get("configuration") or "{}")
    def report(results, **more):
        return call("PutEvaluations", dict({"ResultToken": evt["resultToken"], "Evaluations": json.dumps(results)}, **more), context.credentials)
    def result(kind, resource=None, **more):
        one = {"accountId": evt["invokingEvent"]["accountId"], "complianceResourceId": resource or item.get("resourceId"),
               "complianceResourceType": item.get("resourceType", "ACS::ECS::Instance"), "complianceRegionId": item.get("regionId", "cn-shanghai"),
               "orderingTimestamp": evt["orderingTimestamp"], "complianceType": kind, "annotation": None}
        return dict(one, **more)
${before.split('\n').map((line) => `    ${line}`).join('\n')}
    return report([result(${verdict})])
`;

export function instance(id, image, more = {}) {
  return { resourceType: 'ACS::ECS::Instance', resourceId: id, resourceName: id, regionId: 'cn-shanghai',
    configuration: { InstanceId: id, ...(image ? { ImageId: image } : {}) }, tags: { env: ['prod'] }, ...more };
}

/** A server with functions, and what one does with it. */
export class Cloud {
  static async start(options = {}) {
    const cloud = new Cloud();
    cloud.server = await Server.start({ ...options, args: ['--function-retry', '50', ...(options.args ?? [])] });
    cloud.account = cloud.server.credentials.AccountId;
    cloud.fc = Cloud.client(cloud.server.endpoint, cloud.server.credentials);
    return cloud;
  }

  static client(endpoint, keys) {
    return new FC.default(new Config({ accessKeyId: keys.AccessKeyId, accessKeySecret: keys.AccessKeySecret,
      endpoint: endpoint.replace('http://', ''), protocol: 'http', regionId: 'cn-shanghai' }));
  }

  arn(name) {
    return `acs:fc:cn-shanghai:${this.account}:functions/${name}`;
  }

  /** Creates a function; members that the client's model does not know go into `extra`. */
  async create(name, files, options = {}) {
    const { executable, ...members } = options;
    const input = new FC.CreateFunctionInput({
      functionName: name, runtime: 'python3.10', handler: 'index.handler', timeout: 10, memorySize: 256,
      ...(files ? { code: new FC.InputCodeLocation({ zipFile: zip(files, executable).toString('base64') }) } : {}), ...members });
    return (await this.fc.createFunction(new FC.CreateFunctionRequest({ body: input }))).body;
  }

  python(name, source, options) {
    return this.create(name, { 'index.py': source }, options);
  }

  update(name, members) {
    return this.fc.updateFunction(name, new FC.UpdateFunctionRequest({ body: new FC.UpdateFunctionInput(members) }));
  }

  async invoke(name, event = '{}', headers = {}, qualifier = 'LATEST') {
    const answer = await this.fc.invokeFunctionWithOptions(name,
      new FC.InvokeFunctionRequest({ body: Readable.from([Buffer.from(event)]), qualifier }),
      new FC.InvokeFunctionHeaders({ xFcInvocationType: 'Sync', xFcLogType: 'Tail', ...headers }), new RuntimeOptions({ connectTimeout: 60000, readTimeout: 60000 }));
    const parts = [];
    for await (const part of answer.body) parts.push(part);
    const body = Buffer.concat(parts).toString();
    const log = Buffer.from(answer.headers['x-fc-log-result'] ?? '', 'base64').toString();
    return { status: answer.statusCode, type: answer.headers['x-fc-error-type'], body, log, headers: answer.headers };
  }

  async createRule(name, identifier, parameters = {}, more = {}) {
    const answer = await this.server.call('CreateConfigRule', {
      ConfigRuleName: name, SourceOwner: 'CUSTOM_FC', SourceIdentifier: identifier, RiskLevel: 1,
      ConfigRuleTriggerTypes: 'ConfigurationItemChangeNotification', ResourceTypesScope: 'ACS::ECS::Instance',
      InputParameters: JSON.stringify(parameters), ...more });
    return answer.ConfigRuleId;
  }

  async deleteRules(...rules) {
    await this.server.call('DeleteConfigRules', { ConfigRuleIds: rules.join(',') });
  }

  async results(rule) {
    const answer = await this.server.call('ListConfigRuleEvaluationResults', { ConfigRuleId: rule, MaxResults: 100 });
    const list = answer.EvaluationResults.EvaluationResultList ?? [];
    return Object.fromEntries(list.map((r) => [r.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId, r]));
  }

  async verdicts(rule) {
    return Object.fromEntries(Object.entries(await this.results(rule)).map(([id, r]) => [id, r.ComplianceType]));
  }

  async status(rule) {
    return (await this.server.call('GetConfigRule', { ConfigRuleId: rule })).ConfigRule.ConfigRuleEvaluationStatus;
  }

  async queued() {
    return (await this.server.call('GetServerStatus', {}, { version: '2026-11-01' })).Queues.FunctionEvents;
  }

  /** The members of events that a function printed as one JSON line each, beginning with EVENT. */
  async events(name) {
    const text = plumbline(['function', 'logs', name, '--data', this.server.data]).stdout;
    return [...text.matchAll(/^EVENT(.*)$/gm)].map((line) => JSON.parse(line[1]));
  }

  settled() {
    return until(async () => (await this.queued()) === 0);
  }

  stop(signal) {
    return this.server?.stop(signal);
  }
}
