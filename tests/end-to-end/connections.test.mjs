// Clients that keep their connections for later do not shut out others, though the cap is reached.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { Server } from './support.mjs';

/** A connection that had one answer and stays open. */
const keep = (endpoint) => new Promise((done, fail) => {
  const { hostname, port } = new URL(endpoint);
  const socket = net.connect(Number(port), hostname, () => socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'));
  socket.once('data', () => done(socket));
  socket.on('error', fail);
});

/** How many sockets each of a process's threads waits for, where it waits for any. */
const polled = (pid) => fs.readdirSync(`/proc/${pid}/fdinfo`)
  .map((fd) => [...fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').matchAll(/^tfd:\s+(\d+)/gm)]
    .filter(([, waited]) => fs.readlinkSync(`/proc/${pid}/fd/${waited}`).startsWith('socket:')).length)
  .filter((count) => count > 0);

test('idle connections make room near the cap', async () => {
  const server = await Server.start({ args: ['--connections', '64', '--threads', '1'] });
  const sockets = [];
  for (let i = 0; i < 64; i++) sockets.push(await keep(server.endpoint));
  const before = Date.now();
  const answer = await fetch(`${server.endpoint}/healthz`, { signal: AbortSignal.timeout(60000) });
  assert.equal(answer.status, 200);
  assert.ok(Date.now() - before < 30000, 'the idle time of 75 seconds need not pass');
  for (const socket of sockets) socket.destroy();
  assert.equal((await server.stop()).code, 0, server.log);
});

test('the cap is that of all threads together', async () => {
  const server = await Server.start({ args: ['--connections', '1', '--threads', '2'] });
  const first = await keep(server.endpoint);
  // Accepted only when the first was ended for being idle: it finds itself alone.
  const answer = await fetch(`${server.endpoint}/metrics`, { signal: AbortSignal.timeout(60000) });
  assert.match(await answer.text(), /^plumbline_connections 1$/m);
  first.destroy();
  assert.equal((await server.stop()).code, 0, server.log);
});

test('connections of one client are spread over the threads', async () => {
  const server = await Server.start({ args: ['--threads', '2'] });
  const sockets = [];
  for (let i = 0; i < 8; i++) sockets.push(await keep(server.endpoint));
  assert.deepEqual(polled(server.child.pid), [4, 4]);
  for (const socket of sockets) socket.destroy();
  assert.equal((await server.stop()).code, 0, server.log);
});
