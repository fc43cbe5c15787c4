// What delivery channels deliver to in tests.
import http from 'node:http';

/** A store, message and log service in one: keeps what it is sent, or answers as `answer` says. */
export class Sink {
  static async start() {
    const sink = new Sink();
    sink.requests = [];
    sink.answer = () => 200;
    sink.server = http.createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      const seen = { method: request.method, path: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
      const answer = await sink.answer(seen);
      const [status, body] = Array.isArray(answer) ? answer : [answer, ''];
      if (status < 300 && !['HEAD', 'GET'].includes(request.method)) sink.requests.push(seen);
      response.writeHead(status).end(body);
    });
    await new Promise((done) => sink.server.listen(0, '127.0.0.1', done));
    sink.url = `http://127.0.0.1:${sink.server.address().port}`;
    return sink;
  }

  /** What was sent to paths that contain the text. */
  at(text) {
    return this.requests.filter((request) => request.path.includes(text));
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(done));
  }
}

/** MessageBody of what the topic got. */
export const messagesOf = (sink, topic) => sink.at(`/mns/topics/${topic}/messages`).map(({ body }) => {
  const text = /<MessageBody>(.*)<\/MessageBody>/s.exec(body)[1].replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  return JSON.parse(text);
});

/** Records of what the Logstore got. */
export const logsOf = (sink, logstore) => sink.at(`/logstores/${logstore}/track`).flatMap(({ body }) => JSON.parse(body).__logs__);
