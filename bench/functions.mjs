// Functions: invocations per second warm and cold, time from a change to its verdict, 10,000 resources through
// one function, and what all of it leaves in the server's memory. usage: node bench/functions.mjs PLUMBLINE
// The server is the release build on a scratch store; times hold for a machine with nothing else to do.
import crypto from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

process.env.PLUMBLINE = path.resolve(process.argv[2]);
const { CUSTOM, Cloud, PYTHON_CALL, instance } = await import('../tests/end-to-end/functions.mjs');
const { scratch, until } = await import('../tests/end-to-end/support.mjs');

const RESOURCES = Number(process.argv[3] ?? 10000);
const WARM_MS = 4000;
const agent = new http.Agent({ keepAlive: true });
const hex = (text) => crypto.createHash('sha256').update(text).digest('hex');

/** One signed invocation over a kept connection (signature V3); the answer's body. */
function invoke(server, name) {
  const { AccessKeyId, AccessKeySecret } = server.credentials;
  const url = new URL(`${server.endpoint}/2023-03-30/functions/${name}/invocations`);
  const headers = { host: url.host, 'x-acs-action': 'InvokeFunction', 'x-acs-version': '2023-03-30', 'x-acs-date': new Date().toISOString().replace(/\.\d+/, ''),
    'x-acs-signature-nonce': crypto.randomUUID(), 'x-acs-content-sha256': hex('{}') };
  const names = Object.keys(headers).sort();
  const canonical = ['POST', url.pathname, '', ...names.map((n) => `${n}:${headers[n]}`), '', names.join(';'), hex('{}')].join('\n');
  const signature = crypto.createHmac('sha256', AccessKeySecret).update(`ACS3-HMAC-SHA256\n${hex(canonical)}`).digest('hex');
  headers.Authorization = `ACS3-HMAC-SHA256 Credential=${AccessKeyId},SignedHeaders=${names.join(';')},Signature=${signature}`;
  return new Promise((done, fail) => {
    const request = http.request(url, { method: 'POST', headers, agent }, (response) => {
      let body = '';
      response.on('data', (part) => (body += part));
      response.on('end', () => (response.statusCode === 200 && !response.headers['x-fc-error-type'] ? done(body) : fail(new Error(body))));
    });
    request.on('error', fail);
    request.end('{}');
  });
}

const milliseconds = () => Number(process.hrtime.bigint()) / 1e6;
const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];
const ms = (value) => value.toFixed(1);

function memory(server) {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) / 1024;
}

async function warm(server, name, callers) {
  const times = [];
  await Promise.all(Array.from({ length: callers }, () => invoke(server, name)));
  const end = milliseconds() + WARM_MS;
  const began = milliseconds();
  await Promise.all(Array.from({ length: callers }, async () => {
    while (milliseconds() < end) {
      const start = milliseconds();
      await invoke(server, name);
      times.push(milliseconds() - start);
    }
  }));
  return { rate: times.length / ((milliseconds() - began) / 1000), p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** The first answer of a fresh instance: a changed function has none. */
async function cold(cloud, name, rounds) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    await cloud.update(name, { description: `round ${i}` });
    const start = milliseconds();
    await invoke(cloud.server, name);
    times.push(milliseconds() - start);
  }
  return quantile(times, 0.5);
}

const REPORT = `${PYTHON_CALL}
import http.client
link = None
def handler(event, context):
    evt = json.loads(event)
    item = evt["invokingEvent"]["configurationItem"]
    image = json.loads(item["configuration"]).get("ImageId")
    call("PutEvaluations", {"ResultToken": evt["resultToken"], "Evaluations": json.dumps([{"accountId": item["accountId"], "complianceResourceId": item["resourceId"],
        "complianceResourceType": item["resourceType"], "complianceRegionId": item["regionId"], "orderingTimestamp": evt["orderingTimestamp"],
        "complianceType": "COMPLIANT" if image == "good" else "NON_COMPLIANT"}])}, context.credentials)
`;

async function rates(cloud) {
  const directory = scratch();
  fs.writeFileSync(path.join(directory, 'main.c'), CUSTOM);
  spawnSync('cc', ['-O2', '-static', '-o', path.join(directory, 'bootstrap'), path.join(directory, 'main.c')]);
  await cloud.python('python', 'def handler(event, context):\n    return "ok"\n');
  await cloud.create('node', { 'index.js': 'exports.handler = async () => "ok";' }, { runtime: 'nodejs20' });
  await cloud.create('custom', { bootstrap: fs.readFileSync(path.join(directory, 'bootstrap')) }, { runtime: 'custom', executable: ['bootstrap'] });
  for (const name of ['python', 'node', 'custom']) {
    const start = await cold(cloud, name, 8);
    const one = await warm(cloud.server, name, 1);
    const four = await warm(cloud.server, name, 4);
    console.log(`${name}: cold ${ms(start)} ms (${(1000 / start).toFixed(1)} starts/s); warm, 1 caller: ${one.rate.toFixed(0)} invocations/s, p50 ${ms(one.p50)} ms, p99 ${ms(one.p99)} ms; 4 callers: ${four.rate.toFixed(0)} invocations/s`);
  }
}

async function latency(cloud) {
  await cloud.python('report', REPORT);
  await cloud.server.put([instance('i-probe', 'good')]);
  const rule = await cloud.createRule('probe', cloud.arn('report'), {}, { ResourceIdsScope: 'i-probe' });
  await cloud.settled();
  const times = [];
  for (let i = 0; i < 150; i++) {
    const image = i % 2 ? 'good' : 'bad';
    const start = milliseconds();
    await cloud.server.put([instance('i-probe', image)]);
    while ((await cloud.verdicts(rule))['i-probe'] !== (i % 2 ? 'COMPLIANT' : 'NON_COMPLIANT'));
    times.push(milliseconds() - start);
  }
  console.log(`function, change to verdict (written and read over HTTP): p50 ${ms(quantile(times, 0.5))} ms, p99 ${ms(quantile(times, 0.99))} ms`);
  await cloud.deleteRules(rule);
}

async function many(cloud) {
  for (let n = 0; n < RESOURCES; n += 1000)
    await cloud.server.put(Array.from({ length: Math.min(1000, RESOURCES - n) }, (_, i) => instance(`i-${n + i}`, i % 2 ? 'good' : 'bad')));
  const before = memory(cloud.server);
  const start = milliseconds();
  await cloud.createRule('many', cloud.arn('report'), {}, { ExcludeResourceIdsScope: 'i-probe' });
  let deepest = 0;
  await until(async () => {
    const depth = await cloud.queued();
    deepest = Math.max(deepest, depth);
    await new Promise((done) => setTimeout(done, 200));
    return deepest > 0 && depth === 0;
  }, 1200);
  const seconds = (milliseconds() - start) / 1000;
  console.log(`${RESOURCES} resources through one function, 2 workers: ${seconds.toFixed(1)} s, ${(RESOURCES / seconds).toFixed(0)} verdicts/s; queue ${deepest} to 0`);
  console.log(`server memory with functions: before ${ms(before)} MB, after ${ms(memory(cloud.server))} MB resident`);
}

const idle = await Cloud.start();
const fresh = memory(idle.server);
try {
  await rates(idle);
  console.log(`server memory: fresh ${ms(fresh)} MB, after these invocations ${ms(memory(idle.server))} MB resident`);
  await latency(idle);
} finally {
  await idle.stop();
}
const two = await Cloud.start({ args: ['--function-workers', '2'] });
try {
  await two.python('report', REPORT);
  await many(two);
} finally {
  await two.stop();
  agent.destroy();
}
