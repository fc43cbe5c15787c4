// Starts the real program on a scratch data directory and speaks to it with the official clients.
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from './paths.mjs';

const require = createRequire(import.meta.url);
const { RPCClient } = require('@alicloud/pop-core');

/** The program under test: the sanitised build unless PLUMBLINE names another. */
export const program = process.env.PLUMBLINE ?? path.join(build, 'asan', 'plumbline');

export function scratch() {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'plumbline-test-'));
}

/** Runs a subcommand to its end. */
export function plumbline(args, options = {}) {
  const done = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}

/** Another store for all servers: `url(data)` tells the one of a data directory (on-postgres.mjs). */
export const elsewhere = { url: undefined };

export class Server {
  /**
   * Starts `plumbline serve` and waits for its ready line. `data` may be an existing directory; `command` starts
   * the program in another way (a wrapper and its arguments, or another copy), as another user with `spawning`.
   */
  static async start({ data = scratch(), args = [], env = {}, command = [program], spawning = {} } = {}) {
    const server = new Server();
    server.data = data;
    server.log = '';
    const store = elsewhere.url ? ['--store', await elsewhere.url(data)] : [];
    const [first, ...rest] = [...command, 'serve', '--data', data, '--listen', '127.0.0.1:0', ...store, ...args];
    server.child = spawn(first, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...spawning });
    server.child.stderr.on('data', (bytes) => (server.log += bytes));
    server.exited = new Promise((done) => server.child.on('exit', (code, signal) => done({ code, signal })));
    server.endpoint = await new Promise((done, fail) => {
      let text = '';
      server.child.stdout.on('data', (bytes) => {
        text += bytes;
        const match = /listening on (https?:\/\/\S+)/.exec(text);
        if (match) done(match[1]);
      });
      server.exited.then(({ code, signal }) => fail(new Error(`serve ended (${code ?? signal}): ${server.log}`)));
    });
    server.credentials = JSON.parse(fs.readFileSync(path.join(data, 'credentials.json'), 'utf8'));
    return server;
  }

  /** A pop-core client (signature V1) for an API version, by default as the root of the management account. */
  client(apiVersion = '2020-09-07', keys = this.credentials, extra = {}) {
    return new RPCClient({
      accessKeyId: keys.AccessKeyId,
      accessKeySecret: keys.AccessKeySecret,
      securityToken: keys.SecurityToken,
      endpoint: this.endpoint,
      apiVersion,
      ...extra,
    });
  }

  /** One call with signature V1; reading operations by GET, as the vendor's metadata has some of them GET only. */
  call(action, parameters = {}, { version = '2020-09-07', keys = this.credentials } = {}) {
    const method = /^(Get|List|Describe)/.test(action) ? 'GET' : 'POST';
    return this.client(version, keys).request(action, { RegionId: 'cn-shanghai', ...parameters }, { method, timeout: 60000 });
  }

  /** Stores configuration items through the API. */
  put(items, options = {}) {
    return this.call('PutConfigurationItems', { ConfigurationItems: JSON.stringify(items) },
      { version: '2026-11-01', ...options });
  }

  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    return this.exited;
  }
}

/** The error a promise is rejected with; fails when it is not. */
export async function failure(promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected an error, got ${JSON.stringify(answer)}`);
}

/** Polls until `probe` gives a truthy value; no fixed waits. */
export async function until(probe, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error('the condition did not become true in time');
    await new Promise((done) => setTimeout(done, 20));
  }
}
