/** The Http port against our own server: answers whole or not at all. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type HttpClient, HttpError, openHttpClient, SOCKETS_PER_HOST } from './client.ts';
import { type HttpServer, listen } from './server.ts';

const limits = { timeoutMs: 5000, responseBytesMax: 1000 };

async function withPair(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  run: (client: HttpClient, server: HttpServer) => Promise<void>,
): Promise<void> {
  const server = await listen({ host: '127.0.0.1', port: 0, handler });
  const client = openHttpClient();
  try {
    await run(client, server);
  } finally {
    client.close();
    await server.close(0);
  }
}

/** A peer that is no HTTP server: what it does with a connection once a request has come. */
async function withPeer(
  answer: (socket: Socket) => unknown,
  run: (client: HttpClient, url: string) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = openHttpClient();
  try {
    await run(client, `http://127.0.0.1:${(server.address() as { port: number }).port}/`);
  } finally {
    client.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Writes the head at once, then the piece again and again for as long as the connection is open. */
function drip(socket: Socket, head: string, piece: string | Uint8Array): void {
  socket.write(head);
  const timer = setInterval(() => socket.write(piece), 1);
  socket.on('close', () => clearInterval(timer));
}

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no error',
    (error) => error.code,
  );
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(201, { 'x-answer': 'yes', 'x-length': request.headers['content-length'] ?? 'none' });
  request.pipe(response);
}

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array([1, 2]);
  yield new Uint8Array([3]);
}

describe('server/http/client', () => {
  it('sends bytes with their length and streams in pieces, and returns status, lower-case headers and bytes', async () => {
    await withPair(echo, async ({ http }, { url }) => {
      const body = new Uint8Array([9, 8, 7]);
      const first = await http({ method: 'POST', url: `${url}/x`, body, ...limits });
      expect(first.status).equal(201);
      expect(first.headers).include({ 'x-answer': 'yes', 'x-length': '3' });
      expect(first.body).deep.equal(body);
      const second = await http({ method: 'POST', url: `${url}/x`, body: pieces(), ...limits });
      expect(second.headers).include({ 'x-length': 'none' });
      expect(second.body).deep.equal(new Uint8Array([1, 2, 3]));
    });
  });

  it('keeps its connection between requests', async () => {
    const ports = new Set<number | undefined>();
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      ports.add(request.socket.remotePort);
      response.end();
    };
    await withPair(handler, async ({ http }, { url }) => {
      for (let i = 0; i < 5; i++) await http({ method: 'GET', url, ...limits });
      expect(ports.size).equal(1);
    });
  });

  it('refuses an answer larger than the limit', async () => {
    const handler = (_request: IncomingMessage, response: ServerResponse): unknown => response.end('x'.repeat(1001));
    await withPair(handler, async ({ http }, { url }) => {
      expect(await refusal(http({ method: 'GET', url, ...limits }))).equal('http-answer-too-large');
      expect((await http({ method: 'GET', url, ...limits, responseBytesMax: 1001 })).body.length).equal(1001);
    });
  });

  it('reads an answer under gzip, with the limit on what it says, and refuses a broken one and other codings', async () => {
    const answers: Record<string, [coding: string, body: Uint8Array]> = {
      '/whole': ['gzip', gzipSync('x'.repeat(1000))],
      '/other-name': ['X-GZip', gzipSync('x'.repeat(1000))],
      '/none': ['gzip', new Uint8Array(0)],
      '/junk': ['gzip', new Uint8Array(10)],
      '/large': ['gzip', gzipSync('x'.repeat(1001))],
      '/half': ['gzip', gzipSync('x'.repeat(1000)).subarray(0, 20)],
      '/other': ['br', new Uint8Array(10)],
    };
    const handler = ({ url = '' }: IncomingMessage, response: ServerResponse): void => {
      const [coding, body] = answers[url] ?? expect.fail();
      response.writeHead(200, { 'content-encoding': coding }).end(body);
    };
    await withPair(handler, async ({ http }, { url }) => {
      const get = (path: string) => http({ method: 'GET', url: url + path, ...limits });
      for (const path of ['/whole', '/other-name'])
        expect((await get(path)).body, path).deep.equal(new TextEncoder().encode('x'.repeat(1000)));
      expect(await refusal(get('/large'))).equal('http-answer-too-large');
      expect(await refusal(get('/half'))).equal('http-malformed');
      expect(await refusal(get('/junk'))).equal('http-malformed');
      expect(await refusal(get('/other'))).equal('http-malformed');
      expect((await get('/none')).body.length).equal(0);
    });
  });

  it('gives up at the deadline, before the answer and in the middle of it', async () => {
    const handler = (request: IncomingMessage, response: ServerResponse): unknown =>
      request.url === '/half' && response.writeHead(200).write('half');
    await withPair(handler, async ({ http }, { url }) => {
      for (const path of ['/none', '/half']) {
        expect(await refusal(http({ method: 'GET', url: url + path, ...limits, timeoutMs: 50 })), path).equal(
          'http-timeout',
        );
      }
    });
  });

  it('settles by the deadline, whatever the peer sends until then', async () => {
    const head = 'HTTP/1.1 200 OK\r\n';
    const chunked = `${head}transfer-encoding: chunked\r\n`;
    const peers: Record<string, (socket: Socket) => unknown> = {
      nothing: () => undefined,
      'headers without an end': (socket) => drip(socket, head, 'x: y\r\n'),
      'a flood of 100 Continue': (socket) => drip(socket, '', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10)),
      'a flood of 103 Early Hints': (socket) => drip(socket, '', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(10)),
      'a body of chunks without an end': (socket) => drip(socket, `${chunked}\r\n`, '1\r\nx\r\n'),
      'a body that stops': (socket) => socket.write(`${head}content-length: 9\r\n\r\nx`),
      'trailers without an end': (socket) => drip(socket, `${chunked}\r\n1\r\nx\r\n0\r\n`, 'x: y\r\n'),
      'gzip that stops': (socket) =>
        socket.write(
          Buffer.concat([Buffer.from(`${head}content-encoding: gzip\r\n\r\n`), gzipSync('x').subarray(0, 9)]),
        ),
    };
    for (const [name, answer] of Object.entries(peers)) {
      await withPeer(answer, async ({ http }, url) => {
        const endless = { ...limits, timeoutMs: 100, responseBytesMax: 1_000_000 };
        expect(await refusal(http({ method: 'GET', url, ...endless })), name).equal('http-timeout');
      });
    }
  });

  it('ends when its signal is aborted, also before it began, and leaves the connection', async () => {
    const over = new AbortController();
    const reason = new HttpError('http-timeout', 'enough');
    let left: Promise<unknown> = Promise.resolve();
    const answer = (socket: Socket): void => {
      left = new Promise((resolve) => socket.on('close', resolve));
      over.abort(reason);
    };
    await withPeer(answer, async ({ http }, url) => {
      const ask = () => http({ method: 'POST', url, body: pieces(), ...limits, signal: over.signal });
      expect(await ask().catch((error) => error)).equal(reason);
      await left;
      expect(await ask().catch((error) => error)).equal(reason);
    });
  });

  it('tells of an answer as it comes', async () => {
    let told: () => void = () => {};
    const handler = async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
      for (const part of ['first', 'last']) {
        const read = new Promise<void>((resolve) => {
          told = resolve;
        });
        response.write(part);
        await read;
      }
      response.end();
    };
    await withPair(handler, async ({ http }, { url }) => {
      const { body } = await http({ method: 'GET', url, ...limits, onAnswerPart: () => told() });
      expect(Buffer.from(body).toString()).equal('firstlast');
    });
  });

  it('takes a change of protocol for no answer, without waiting for the deadline, and leaves the connection', async () => {
    for (const fields of ['Connection: Upgrade\r\nUpgrade: x\r\n', 'Connection: upgrade\r\nUpgrade: h2c\r\nX: y\r\n']) {
      let left: Promise<unknown> = Promise.resolve();
      const answer = (socket: Socket): void => {
        left = new Promise((resolve) => socket.on('close', resolve));
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\nnot HTTP any more`);
      };
      await withPeer(answer, async ({ http }, url) => {
        for (const body of [undefined, new Uint8Array(3), pieces()]) {
          expect(await refusal(http({ method: 'POST', url, ...limits, ...(body && { body }) }))).equal(
            'http-malformed',
          );
          await left;
        }
      });
    }
  });

  it('settles by the deadline while it waits for a connection, or for a body that never comes', async () => {
    const held: ServerResponse[] = [];
    const handler = (_request: IncomingMessage, response: ServerResponse): unknown => held.push(response);
    await withPair(handler, async ({ http }, { url }) => {
      const others = Array.from({ length: SOCKETS_PER_HOST }, () => http({ method: 'GET', url, ...limits }));
      const waiting = http({ method: 'GET', url, ...limits, timeoutMs: 50 });
      expect(await refusal(waiting)).equal('http-timeout');
      while (held.length < SOCKETS_PER_HOST) await new Promise((resolve) => setTimeout(resolve, 1));
      for (const response of held) response.end();
      expect((await Promise.all(others)).length).equal(SOCKETS_PER_HOST);
    });
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      await new Promise(() => {});
    }
    await withPair(echo, async ({ http }, { url }) => {
      const sent = http({ method: 'POST', url, body: silent(), ...limits, timeoutMs: 50 });
      expect(await refusal(sent)).equal('http-timeout');
    });
  }).timeout(20_000);

  it('returns an answer that comes before the body is sent, and stops the body', async () => {
    let stopped = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          yield new Uint8Array(1000);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        stopped = true;
      }
    }
    const handler = (_request: IncomingMessage, response: ServerResponse): unknown =>
      response.writeHead(409).end('early');
    await withPair(handler, async ({ http }, { url }) => {
      const answer = await http({ method: 'POST', url, body: endless(), ...limits });
      expect(answer.status).equal(409);
      while (!stopped) await new Promise((resolve) => setTimeout(resolve, 1));
    });
  });

  it('names what is unreachable, cut off or not HTTP', async () => {
    const cut = (_request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('123', () => response.destroy());
    };
    let gone = '';
    await withPair(cut, async ({ http }, { url }) => {
      gone = url;
      expect(await refusal(http({ method: 'GET', url, ...limits }))).equal('http-unreachable');
      expect(await refusal(http({ method: 'GET', url: 'ftp://a/', ...limits }))).equal('http-malformed');
    });
    const client = openHttpClient();
    expect(await refusal(client.http({ method: 'GET', url: gone, ...limits }))).equal('http-unreachable');
    client.close();
  });

  it('passes on the failure of a streamed body', async () => {
    // biome-ignore lint/correctness/useYield: it fails before its first piece
    async function* failing(): AsyncGenerator<Uint8Array> {
      throw new Error('disk');
    }
    await withPair(echo, async ({ http }, { url }) => {
      expect(await refusal(http({ method: 'POST', url, body: failing(), ...limits }))).equal('http-unreachable');
    });
  });
});
