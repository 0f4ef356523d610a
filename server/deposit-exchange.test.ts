/** What `probata deposit` tries again and for how long, and what it calls moving. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { type Answer, DepositError, type Platform, post, read } from './deposit-exchange.ts';
import { type HttpClient, HttpError, openHttpClient } from './http/client.ts';
import { until } from './testing.ts';

const BYTES_MAX = 100_000;
const IDLE_MS = 1000;

interface Told {
  readonly platform: Platform;
  readonly pausesMs: number[];
}

/** A platform of which every attempt has the next outcome, and the last one for ever. */
function platformWith(outcomes: readonly (Answer | Error)[]): Told {
  const pausesMs: number[] = [];
  let asked = 0;
  const http: Platform['http'] = async () => {
    const outcome = outcomes[Math.min(asked++, outcomes.length - 1)] as Answer | Error;
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const platform: Platform = {
    ...{ http, url: 'http://platform.example', token: 't', idleMs: IDLE_MS },
    pause: async (ms) => pausesMs.push(ms),
    say: () => {},
  };
  return { platform, pausesMs };
}

const answer = (status: number, headers: Record<string, string> = {}): Answer => ({
  ...{ status, headers, body: new Uint8Array(0) },
});
const send = ({ platform }: Told): Promise<Answer> =>
  post(platform, () => ({ path: '/', responseBytesMax: BYTES_MAX }));
const errorOf = (attempt: Promise<unknown>): Promise<unknown> => attempt.catch((error: unknown) => error);

describe('server/deposit-exchange', () => {
  it('tries again what may pass, with growing pauses, and waits as long as it is told', async () => {
    const unreachable = new HttpError('http-unreachable', 'ECONNRESET');
    const passing = [408, 429, 500, 502, 503, 504].map((status) =>
      answer(status, status === 429 ? { 'retry-after': '7' } : { 'retry-after': 'Mon, 30 Nov 2026 00:00:00 GMT' }),
    );
    const told = platformWith([unreachable, ...passing, answer(202)]);
    expect((await send(told)).status).to.equal(202);
    expect(told.pausesMs).to.deep.equal([500, 1000, 7000, 4000, 8000, 16_000, 30_000]);
  });

  it('gives up after some minutes, and says what to do', async () => {
    for (const outcome of [answer(503), answer(503, { 'retry-after': '60' }), new HttpError('http-timeout', 'late')]) {
      const told = platformWith([outcome]);
      expect(await errorOf(send(told)))
        .to.be.instanceOf(DepositError)
        .with.property('message')
        .that.includes('give the same command again later');
      const allMs = told.pausesMs.reduce((sum, ms) => sum + ms, 0);
      expect(allMs).to.be.within(4 * 60_000, 5 * 60_000);
    }
    const tomorrow = platformWith([answer(503, { 'retry-after': '86400' })]);
    expect(await errorOf(send(tomorrow))).to.be.instanceOf(DepositError);
    expect(tomorrow.pausesMs).to.deep.equal([]);
  });

  it('does not try again what no attempt mends', async () => {
    for (const status of [400, 401, 404, 413, 422, 507]) {
      const told = platformWith([answer(status), answer(202)]);
      expect(await errorOf(send(told)), String(status)).to.be.instanceOf(DepositError);
      expect(told.pausesMs).to.deep.equal([]);
    }
  });

  describe('over a connection', () => {
    let server: Server;
    let client: HttpClient;
    let answering: RequestListener;
    before((done) => {
      server = createServer((request, response) => answering(request, response)).listen(0, '127.0.0.1', done);
      client = openHttpClient();
    });
    after(() => {
      client.close();
      server.closeAllConnections();
      server.close();
    });
    const there = (): Told => {
      const told = platformWith([]);
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return { ...told, platform: { ...told.platform, http: client.http, url } };
    };
    /** Answers with the size of what was sent, once all of it is there and the time has passed. */
    const count = async (request: IncomingMessage, response: ServerResponse, afterMs = 0): Promise<void> => {
      let bytes = 0;
      for await (const chunk of request) bytes += chunk.length;
      await pause(afterMs);
      response.writeHead(202).end(String(bytes));
    };
    const sendBody = async (platform: Platform, body: () => AsyncIterable<Uint8Array>): Promise<string> =>
      Buffer.from(
        (await post(platform, () => ({ path: '/', body: body(), responseBytesMax: BYTES_MAX }))).body,
      ).toString();

    it('sends for as long as it moves', async () => {
      async function* slowly(): AsyncGenerator<Uint8Array> {
        for (let part = 0; part < 10; part += 1) {
          await pause(IDLE_MS / 5);
          yield new Uint8Array(1);
        }
      }
      answering = (request, response) => void count(request, response);
      const { platform, pausesMs } = there();
      expect(await sendBody(platform, slowly)).to.equal('10');
      expect(pausesMs).to.deep.equal([]);
    });

    it('waits longer for the answer than for anything that moves: what it sent may be on its way', async () => {
      async function* whole(): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(20_000);
      }
      answering = (request, response) => void count(request, response, 2 * IDLE_MS);
      const { platform, pausesMs } = there();
      expect(await sendBody(platform, whole)).to.equal('20000');
      expect(pausesMs).to.deep.equal([]);
    });

    it('begins again when nothing moves, and sends nothing more of what it gave up', async () => {
      let made = 0;
      let stopped = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield new Uint8Array(100_000);
        } finally {
          stopped = true;
        }
      }
      async function* short(): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(3);
      }
      let first: IncomingMessage | undefined;
      answering = (request, response) => {
        // The first is not read, so that it stands still as soon as all buffers are full.
        if (first === undefined) first = request;
        else void count(request, response);
      };
      const { platform, pausesMs } = there();
      expect(await sendBody(platform, () => (made++ === 0 ? endless() : short()))).to.equal('3');
      expect(pausesMs).to.deep.equal([500]);
      await until(() => stopped);
      first?.on('error', () => {}).resume();
      await until(() => first?.closed === true);
      expect(first?.complete).to.equal(false);
    });

    it('reads for as long as it moves, and is begun again when it does not', async () => {
      const slowly: RequestListener = async (_request, response) => {
        for (let part = 0; part < 10; part += 1) {
          response.write('x');
          await pause(IDLE_MS / 5);
        }
        response.end();
      };
      let asked = 0;
      answering = (request, response) => {
        if (asked++ === 0) response.write('half');
        else void slowly(request, response);
      };
      const { platform, pausesMs } = there();
      expect(Buffer.from((await read(platform, '/', BYTES_MAX)).body).toString()).to.equal('x'.repeat(10));
      expect(pausesMs).to.deep.equal([500]);
    });

    it('follows nobody elsewhere with its token, and takes no answer without end', async () => {
      const seen: (string | undefined)[] = [];
      answering = (request, response) => {
        seen.push(`${request.url} ${request.headers.authorization}`);
        response.writeHead(302, { location: '/elsewhere' }).end();
      };
      expect(await errorOf(read(there().platform, '/a', BYTES_MAX))).to.be.instanceOf(DepositError);
      expect(seen).to.deep.equal(['/a Bearer t']);
      answering = (_request, response) => {
        response.end('x'.repeat(BYTES_MAX + 1));
      };
      const { platform, pausesMs } = there();
      expect(await errorOf(read(platform, '/', BYTES_MAX)))
        .to.be.instanceOf(DepositError)
        .with.property('message')
        .that.includes('is larger than');
      expect(pausesMs).to.deep.equal([]);
    });
  });
});
