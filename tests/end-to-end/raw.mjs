// Requests byte by byte: a signature of version 3 made by hand, and sockets that may misbehave.
import { createHash, createHmac, randomUUID } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';

const hash = (text) => createHash('sha256').update(text).digest('hex');
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The bytes of a signed request. */
export function signed(keys, action, { method = 'GET', version = '2020-09-07', query = {}, body = '', type = 'application/json' } = {}) {
  const headers = {
    host: 'plumbline.test',
    'x-acs-action': action,
    'x-acs-content-sha256': hash(body),
    'x-acs-date': new Date().toISOString().replace(/\.\d+Z/, 'Z'),
    'x-acs-signature-nonce': randomUUID(),
    'x-acs-version': version,
  };
  if (body) headers['content-type'] = type;
  const names = Object.keys(headers).sort();
  const text = Object.keys(query).sort().map((name) => `${encode(name)}=${encode(String(query[name]))}`).join('&');
  const canonical = [method, '/', text, ...names.map((name) => `${name}:${headers[name]}`), '', names.join(';'), hash(body)].join('\n');
  const signature = createHmac('sha256', keys.AccessKeySecret).update(`ACS3-HMAC-SHA256\n${hash(canonical)}`).digest('hex');
  headers.authorization = `ACS3-HMAC-SHA256 Credential=${keys.AccessKeyId},SignedHeaders=${names.join(';')},Signature=${signature}`;
  headers['content-length'] = Buffer.byteLength(body);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} /?${text} HTTP/1.1\r\n${lines}\r\n${body}`;
}

/** A connection that reads answers one after the other. */
export class Connection {
  static open(endpoint, options = {}) {
    const { hostname, port, protocol } = new URL(endpoint);
    const connection = new Connection();
    connection.text = '';
    connection.closed = false;
    connection.waiting = [];
    const socket = protocol === 'https:' ? tls.connect({ host: hostname, port, ...options }) : net.connect(port, hostname);
    connection.socket = socket;
    const changed = () => connection.waiting.splice(0).forEach((wake) => wake());
    socket.setNoDelay(true);
    socket.on('data', (bytes) => { connection.text += bytes.toString('latin1'); changed(); });
    socket.on('error', (error) => { connection.error = error; });
    socket.on('close', () => { connection.closed = true; changed(); });
    return new Promise((done, fail) => {
      socket.once(protocol === 'https:' ? 'secureConnect' : 'connect', () => done(connection));
      socket.once('error', fail);
    });
  }

  write(text) {
    if (!this.closed) this.socket.write(text);
    return this;
  }

  /** The next answer: status, headers as text, body. Null when the connection ends before it is whole. */
  async answer() {
    for (;;) {
      const end = this.text.indexOf('\r\n\r\n');
      if (end >= 0) {
        const head = this.text.slice(0, end);
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (this.text.length >= end + 4 + length) {
          const body = this.text.slice(end + 4, end + 4 + length);
          this.text = this.text.slice(end + 4 + length);
          return { status: Number(head.split(' ')[1]), head, body };
        }
      }
      if (this.closed) return null;
      await new Promise((wake) => this.waiting.push(wake));
    }
  }

  async ended() {
    while (!this.closed) await new Promise((wake) => this.waiting.push(wake));
  }

  close() {
    this.socket.destroy();
  }
}

/** One request on a connection of its own. */
export async function exchange(endpoint, text, options) {
  const connection = await Connection.open(endpoint, options);
  const answer = await connection.write(text).answer();
  connection.close();
  return answer;
}
