// How the Terraform provider talks: its transport, its reading of codes, its paging. Transport, waits and codes:
// reference/api/terraform-clients.md. The tests of its resources are in terraform-*.test.mjs.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { formOf, sign } from './operations.mjs';
import { VERSION } from './organisation.mjs';
import { Server } from './support.mjs';

/** The server of the test file that calls `serve`, and its management account. */
export const at = { server: undefined, account: undefined };

export function serve(prepare = async () => {}) {
  before(async () => {
    at.server = await Server.start();
    at.account = at.server.credentials.AccountId;
    await prepare();
  });
  after(async () => {
    const { code } = await at.server.stop();
    assert.equal(code, 0, at.server.log);
  });
}

let token = 0;

export const clientToken = (action) =>
  ({ ClientToken: `TF-${action}-1795320000-${String(token++).padStart(8, '0')}-0000-4000-8000-000000000000`.slice(0, 64) });

/** Which of the codes an error is taken for: equal, or the listed one starts with it, or it occurs in the body. */
export const isCode = (error, codes) => codes.some((code) => error.code === code || code.startsWith(error.code) || error.text.includes(code));

/** The provider's transport: part of the parameters in the query, part in a form. */
export async function rpc(name, { version = VERSION.config, method = 'POST', query = {}, body = {}, on = at.server, keys = on.credentials } = {}) {
  const text = sign({ name, version }, query, keys, { method, format: 'json', body });
  const answer = await fetch(`${on.endpoint}/?${text}`, { method,
    headers: { 'x-acs-version': version, 'x-acs-action': name, 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'terraform' },
    ...(method === 'POST' && { body: formOf(body) }) });
  const content = await answer.text();
  const object = JSON.parse(content);
  if (answer.status >= 400) throw Object.assign(new Error(content), { code: object.Code, text: content, status: answer.status });
  assert.ok(!('Code' in object) || /^(200|0|ok|success)$/i.test(object.Code), `${name} has a Code`);
  assert.ok(!('Success' in object) || object.Success === true, `${name} has Success`);
  return object;
}

/** One call of a product with everything in the form, as most resources do it. */
export const manager = (name, body = {}, more = {}) => rpc(name, { version: VERSION.manager, body, ...more });
export const master = (name, body = {}, more = {}) => rpc(name, { version: VERSION.master, body, ...more });
export const ram = (name, body = {}, more = {}) => rpc(name, { version: VERSION.ram, body, ...more });

/** A call of the older client of the provider, which has everything in the query. */
export const old = (version, name, query = {}) => rpc(name, { version, query: { RegionId: 'cn-hangzhou', ...query } });

/** A read that gives undefined for one of the codes by which the resource tells that it is gone. */
export const readOr = (codes, read) => read().catch((error) => {
  if (isCode(error, codes)) return undefined;
  throw error;
});

/** What was written is read back, twice the same. */
export async function settled(read, wanted) {
  const [first, second] = [await read(), await read()];
  assert.deepEqual(first, second);
  for (const [name, value] of Object.entries(wanted)) assert.deepEqual(first[name], value, name);
  return first;
}

/** Deletes, and reads until it is gone. */
export async function gone(read, remove) {
  await remove();
  assert.equal(await read(), undefined);
}

/** The call fails with one of the codes. */
export const refused = (promise, codes) => promise.then(
  (answer) => assert.fail(`expected ${codes}, got ${JSON.stringify(answer)}`), (error) => assert.ok(isCode(error, codes), error.text));

/** Every page of a list by number: a page with fewer than 50 entries is the last. `take` gives the entries of an answer. */
export async function pages(call, take) {
  const all = [];
  for (let PageNumber = 1; ; PageNumber++) {
    const entries = take(await call({ PageSize: 50, PageNumber }));
    assert.ok(Array.isArray(entries), 'the path of the list is missing');
    all.push(...entries);
    if (entries.length < 50) return all;
  }
}

/** A text attribute that was not written reads as nothing: absent, null and empty are the same to the provider. */
export const blank = (value) => value === undefined || value === null || value === '';

/** An administrator: the owner itself may neither change nor delete members. */
export async function administrator(UserName = 'terraform') {
  await ram('CreateUser', { UserName });
  await ram('AttachPolicyToUser', { UserName, PolicyType: 'System', PolicyName: 'AdministratorAccess' });
  return (await ram('CreateAccessKey', { UserName })).AccessKey;
}
