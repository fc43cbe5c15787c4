// The operations of the specification, and calls of them made out of their parameters.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { root } from './paths.mjs';

const specifications = path.join(root, 'api');

const load = (product, version, file) => ({ product, version, name: path.basename(file, '.json'),
  ...JSON.parse(fs.readFileSync(path.join(specifications, product, version, file), 'utf8')) });

/** Every operation with a handler, in the order of its name: { product, version, name, parameters, response, errors, ... }. */
export const operations = fs.readdirSync(specifications, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  .flatMap(({ name: product }) => fs.readdirSync(path.join(specifications, product)).flatMap((version) =>
    fs.readdirSync(path.join(specifications, product, version)).filter((file) => file.endsWith('.json') && /^[A-Z]/.test(file))
      .map((file) => load(product, version, file))))
  .filter((operation) => operation.handler)
  .sort((a, b) => `${a.product}${a.version}${a.name}`.localeCompare(`${b.product}${b.version}${b.name}`));

/** Every error code that the program knows. */
export const codes = new Set(JSON.parse(fs.readFileSync(path.join(specifications, 'errors.json'), 'utf8')).map((error) => error.code));

/** A value that the parameter takes, when nothing better is known. */
export function plausible(parameter) {
  const { type, item, fields, example, minimum = 1 } = parameter;
  if (parameter.enum) return parameter.enum[0];
  if (type === 'array' && item === 'object') return [Object.fromEntries((fields ?? []).map((field) => [field.name, plausible(field)]))];
  if (type === 'array') return [example ?? 'x'];
  if (type === 'boolean') return 'true';
  if (type === 'map') return {};
  if (/^int/.test(type)) return example ?? minimum;
  return example ?? 'x';
}

/** A value in the form that the parameter has on the wire. */
export function onWire(parameter, value) {
  if (value === null || typeof value !== 'object') return value;
  if (parameter.wire === 'list') return value;
  return parameter.wire === 'csv' ? value.join(',') : JSON.stringify(value);
}

/** The parameters of one call: `known` by name (a value, or a function of the operation), else plausible ones if required. */
export function inputOf(operation, known, { optional = true } = {}) {
  const input = {};
  for (const parameter of operation.parameters ?? []) {
    let value = optional || parameter.required ? known[parameter.name] : undefined;
    if (typeof value === 'function') value = value(operation, parameter);
    if (value === undefined && parameter.required) value = plausible(parameter);
    if (value === undefined) continue;
    if (parameter.type === 'array' && !Array.isArray(value)) value = [value];
    input[parameter.name] = onWire(parameter, value);
  }
  return input;
}

const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Lists and objects as `Name.1.Key`. */
function flatten(input, prefix = '', into = {}) {
  for (const [name, value] of Object.entries(input)) {
    const key = prefix + (Array.isArray(input) ? Number(name) + 1 : name);
    if (value !== null && typeof value === 'object') flatten(value, `${key}.`, into);
    else into[key] = String(value);
  }
  return into;
}

let nonce = 0;

/** The query of a call with signature V1, which also covers the parameters of a form in the body. */
export function sign(operation, input, keys, { method = 'GET', format = 'JSON', body = {} } = {}) {
  const form = flatten(body);
  const all = { ...flatten(input), ...form, Action: operation.name, Version: operation.version, Format: format, AccessKeyId: keys.AccessKeyId,
    SignatureMethod: 'HMAC-SHA1', SignatureVersion: '1.0', SignatureNonce: `${process.pid}-${nonce++}`,
    Timestamp: new Date().toISOString().replace(/\.\d+/, ''), ...(keys.SecurityToken && { SecurityToken: keys.SecurityToken }) };
  const query = Object.keys(all).sort().map((name) => `${encode(name)}=${encode(all[name])}`).join('&');
  const signature = crypto.createHmac('sha1', `${keys.AccessKeySecret}&`).update(`${method}&%2F&${encode(query)}`).digest('base64');
  const rest = query.split('&').filter((pair) => !(pair.split('=')[0] in form));
  return `${rest.join('&')}&Signature=${encode(signature)}`;
}

export const formOf = (body) => Object.entries(flatten(body)).map((pair) => pair.map(encode).join('=')).join('&');

/** Calls it; the bytes of the answer, as the usual client gives large numbers as texts, and its error code, if it is one. */
export async function answerOf(server, operation, input, { keys = server.credentials, format } = {}) {
  const method = operation.readOnly && operation.methods.includes('GET') ? 'GET' : operation.methods.at(-1);
  const answer = await fetch(`${server.endpoint}/?${sign(operation, input, keys, { method, format })}`, { method });
  const text = await answer.text();
  const code = answer.status < 400 ? '' : /"Code":"([^"]*)"|<Code>([^<]*)/.exec(text)?.slice(1).join('');
  return { status: answer.status, code, type: answer.headers.get('content-type'), text };
}
