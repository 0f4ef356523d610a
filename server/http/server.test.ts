/** The server's own limits, with raw sockets: what koa never gets to see. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import { HEADER_BYTES_MAX, HEADERS_MAX, type HttpServer, listen } from './server.ts';

async function withServer(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  run: (server: HttpServer) => Promise<void>,
  bodyWindowMs?: number,
): Promise<void> {
  const server = await listen({
    host: '127.0.0.1',
    port: 0,
    handler,
    ...(bodyWindowMs === undefined ? {} : { bodyWindowMs }),
  });
  try {
    await run(server);
  } finally {
    await server.close(0);
  }
}

/** Sends raw text and returns everything that comes back until the other side closes. */
function raw(server: HttpServer, text: string, more?: (write: (text: string) => void) => void): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString('latin1');
    });
    socket.on('error', () => {}).on('close', () => resolve(got));
    socket.write(text);
    more?.((next) => socket.write(next));
  });
}

const ok = (_request: IncomingMessage, response: ServerResponse): unknown => response.end('ok');
const headers = (count: number): string => Array.from({ length: count }, (_, i) => `x-${i}: 1\r\n`).join('');
const closing = 'Host: a\r\nConnection: close\r\n';

describe('server/http/server', () => {
  it('answers a request with 100 header lines and refuses 101 with 431, whatever the last one says', async () => {
    let seen = 0;
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      seen += 1;
      response.end(request.headers.authorization);
    };
    await withServer(handler, async (server) => {
      const extra = HEADERS_MAX - 3;
      const fits = await raw(server, `GET / HTTP/1.1\r\n${closing}${headers(extra)}Authorization: Bearer t\r\n\r\n`);
      expect(fits)
        .match(/^HTTP\/1\.1 200 /)
        .and.match(/Bearer t$/);
      for (const count of [extra + 1, 1000]) {
        const refused = await raw(
          server,
          `GET / HTTP/1.1\r\n${closing}${headers(count)}Authorization: Bearer t\r\n\r\n`,
        );
        expect(refused)
          .match(/^HTTP\/1\.1 431 /)
          .and.contain('application/problem+json')
          .and.contain('headers-too-many');
      }
      expect(seen).equal(1);
    });
  });

  it('refuses header lines of too many bytes with 431', async () => {
    await withServer(ok, async (server) => {
      const answer = await raw(server, `GET / HTTP/1.1\r\n${closing}x: ${'y'.repeat(HEADER_BYTES_MAX)}\r\n\r\n`);
      expect(answer)
        .match(/^HTTP\/1\.1 431 /)
        .and.contain('"code":"headers-too-large"');
    });
  });

  it('answers every malformed or ambiguous request with a 400 problem and closes', async () => {
    const cases = [
      'nonsense\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'GET / HTTP/1.1\nHost: a\n\n',
      'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nx: \u0000\r\n\r\n',
      'GET / HTTP/9.9\r\nHost: a\r\n\r\n',
    ];
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      request
        .resume()
        .on('end', () => response.end('ok'))
        .on('error', () => {});
    };
    await withServer(answer, async (server) => {
      for (const text of cases) expect(await raw(server, text), JSON.stringify(text)).match(/^HTTP\/1\.1 400 /);
      expect(await raw(server, cases[0]!)).contain('"code":"request-malformed"');
    });
  });

  it('answers a request that would be upgraded as any other, and closes its connection', async () => {
    await withServer(ok, async (server) => {
      const request = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n';
      expect(await raw(server, request)).to.match(/^HTTP\/1.1 200 .*\r\nconnection: close\r\n.*ok/is);
    });
  });

  it('cuts a body that arrives too slowly, and not one that moves or waits for us', async () => {
    const slowReader = (request: IncomingMessage, response: ServerResponse): void => {
      setTimeout(() => request.resume().on('end', () => response.end('whole')), 300);
    };
    const windowMs = 100;
    const post = `POST / HTTP/1.1\r\n${closing}Content-Length: 20000\r\n\r\n`;
    await withServer(
      slowReader,
      async (server) => {
        expect(await raw(server, `${post}only this`)).equal('');
        expect(await raw(server, post + 'x'.repeat(20_000))).match(/whole$/);
      },
      windowMs,
    );
  });

  it('finishes what is in flight when it closes, and refuses new connections', async () => {
    let release: (() => void) | undefined;
    const handler = (_request: IncomingMessage, response: ServerResponse): void => {
      release = () => response.end('done');
    };
    const server = await listen({ host: '127.0.0.1', port: 0, handler });
    const answer = raw(server, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    while (release === undefined) await new Promise((resolve) => setImmediate(resolve));
    const closed = server.close();
    expect(await raw(server, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).equal('');
    release();
    expect(await answer).match(/done$/);
    await closed;
  });

  it('cuts what is still in flight at the deadline', async () => {
    let arrived: (() => void) | undefined;
    const inFlight = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = await listen({ host: '127.0.0.1', port: 0, handler: () => arrived?.() });
    const answer = raw(server, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await inFlight;
    await server.close(10);
    expect(await answer).equal('');
  });

  it('says in one sentence that a port is taken', async () => {
    await withServer(ok, async (server) => {
      const second = await listen({ host: '127.0.0.1', port: server.port, handler: ok }).catch((error) => error);
      expect(second).include({
        code: 'port-in-use',
        message: `127.0.0.1:${server.port} is already in use by another process`,
      });
    });
  });
});
