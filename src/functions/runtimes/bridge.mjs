// Runs a Node.js event handler behind the custom-runtime contract: POST /initialize and /invoke on port
// FC_SERVER_PORT.
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

let broken;
let handler;
let initializer;

async function load(text) {
  const dot = text.lastIndexOf('.');
  const file = path.join(process.cwd(), text.slice(0, dot));
  const name = text.slice(dot + 1);
  const module = fs.existsSync(`${file}.mjs`)
    ? await import(pathToFileURL(`${file}.mjs`))
    : createRequire(pathToFileURL(`${file}.js`))(file);
  const found = module[name] ?? module.default?.[name];
  if (typeof found !== 'function') throw new Error(`Handler '${name}' is missing on module '${text.slice(0, dot)}'`);
  return found;
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

// Functions of both generations: (...given, callback) and async (...given).
function run(called, ...given) {
  return new Promise((done) => {
    const callback = (error, value) => done(error ? failure(error, true) : [200, answerOf(value), '']);
    try {
      const result = called(...given, callback);
      if (typeof result?.then === 'function' || called.length <= given.length)
        Promise.resolve(result).then((value) => done([200, answerOf(value), '']), (error) => done(failure(error, false)));
    } catch (error) {
      done(failure(error, false));
    }
  });
}

async function serve(path, headers, event) {
  if (path !== '/invoke' && path !== '/initialize') return [404, Buffer.alloc(0), ''];
  requestId = headers['x-fc-request-id'] ?? '';
  if (broken) return failure(broken, false);
  process.env.ALIBABA_CLOUD_ACCESS_KEY_ID = headers['x-fc-access-key-id'] ?? '';
  process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET = headers['x-fc-access-key-secret'] ?? '';
  process.env.ALIBABA_CLOUD_SECURITY_TOKEN = headers['x-fc-security-token'] ?? '';
  return path === '/invoke' ? run(handler, event, contextOf(headers)) : run(initializer, contextOf(headers));
}

try {
  handler = await load(process.env._HANDLER ?? 'index.handler');
  if (process.env._INITIALIZER) initializer = await load(process.env._INITIALIZER);
} catch (error) {
  broken = error;
}
http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const [status, body, type] = await serve(request.url, request.headers, Buffer.concat(parts));
    response.writeHead(200, { 'x-fc-status': status, 'x-fc-error-type': type, 'Content-Type': 'application/octet-stream', 'Content-Length': body.length });
    response.end(body);
  });
}).listen(Number(process.env.FC_SERVER_PORT ?? 9000), '0.0.0.0');
