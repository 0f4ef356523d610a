/** The Http port against our own server: answers whole or not at all. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type HttpClient, openHttpClient } from './client.ts';
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
