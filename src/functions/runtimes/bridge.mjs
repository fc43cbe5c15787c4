// Runs a Node.js event handler behind the custom-runtime contract: POST /invoke on port FC_SERVER_PORT.
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

let requestId = '';
const say = (level) => (...words) =>
  process.stdout.write(`${new Date().toISOString()} ${requestId} [${level}] ${format(...words)}\n`);
const logger = { log: say('INFO'), info: say('INFO'), debug: say('DEBUG'), verbose: say('VERBOSE'), warn: say('WARNING'), error: say('ERROR') };
Object.assign(console, { log: logger.log, info: logger.info, debug: logger.debug, warn: logger.warn, error: logger.error });

const text = process.env._HANDLER ?? 'index.handler';
const dot = text.lastIndexOf('.');
const file = path.join(process.cwd(), text.slice(0, dot));
const name = text.slice(dot + 1);
let broken;
let handler;

async function load() {
  const module = fs.existsSync(`${file}.mjs`)
    ? await import(pathToFileURL(`${file}.mjs`))
    : createRequire(pathToFileURL(`${file}.js`))(file);
  handler = module[name] ?? module.default?.[name];
  if (typeof handler !== 'function') throw new Error(`Handler '${name}' is missing on module '${text.slice(0, dot)}'`);
}

function contextOf(headers) {
  const get = (member) => headers[`x-fc-${member}`] ?? '';
  return {
    requestId: get('request-id'),
    credentials: { accessKeyId: get('access-key-id'), accessKeySecret: get('access-key-secret'), securityToken: get('security-token') },
    function: { name: get('function-name'), handler: get('function-handler'), memory: Number(get('function-memory')), timeout: Number(get('function-timeout')) },
    service: { name: get('service-name'), logProject: '', logStore: '', qualifier: get('qualifier'), versionId: get('version-id') },
    region: get('region'),
    accountId: get('account-id'),
    logger,
  };
}

function answerOf(value) {
  if (Buffer.isBuffer(value)) return value;
  if (value !== null && typeof value === 'object') return Buffer.from(JSON.stringify(value));
  return Buffer.from(String(value));
}

function failure(error, handled) {
  const body = { errorMessage: String(error?.message ?? error), errorType: error?.name ?? 'Error', stackTrace: String(error?.stack ?? '').split('\n') };
  logger.error(error);
  return [404, Buffer.from(JSON.stringify(body)), handled ? 'HandledInvocationError' : 'UnhandledInvocationError'];
}

// Handlers of both generations: (event, context, callback) and async (event, context).
function run(event, context) {
  return new Promise((done) => {
    const callback = (error, value) => done(error ? failure(error, true) : [200, answerOf(value), '']);
    try {
      const result = handler(event, context, callback);
      if (typeof result?.then === 'function' || handler.length < 3)
        Promise.resolve(result).then((value) => done([200, answerOf(value), '']), (error) => done(failure(error, false)));
    } catch (error) {
      done(failure(error, false));
    }
  });
}

async function invoke(headers, event) {
  requestId = headers['x-fc-request-id'] ?? '';
  if (broken) return failure(broken, false);
  process.env.ALIBABA_CLOUD_ACCESS_KEY_ID = headers['x-fc-access-key-id'] ?? '';
  process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET = headers['x-fc-access-key-secret'] ?? '';
  process.env.ALIBABA_CLOUD_SECURITY_TOKEN = headers['x-fc-security-token'] ?? '';
  return run(event, contextOf(headers));
}

await load().catch((error) => { broken = error; });
http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const [status, body, type] = request.url === '/invoke' ? await invoke(request.headers, Buffer.concat(parts)) : [200, Buffer.alloc(0), ''];
    response.writeHead(200, { 'x-fc-status': status, 'x-fc-error-type': type, 'Content-Type': 'application/octet-stream', 'Content-Length': body.length });
    response.end(body);
  });
}).listen(Number(process.env.FC_SERVER_PORT ?? 9000), '0.0.0.0');
