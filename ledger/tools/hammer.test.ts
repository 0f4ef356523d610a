/** The hammer against a real log in memory: quiet on an honest one, loud on each way of lying. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { equal, hexEncode, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { cosign } from '../core/cosignature.ts';
import { formatEntry } from '../core/entry.ts';
import { formatSignatureLine, formatVkey } from '../core/note.ts';
import { parsePolicy } from '../core/policy.ts';
import { parseTilePath } from '../core/tile.ts';
import { formatTlogProof } from '../core/tlog-proof.ts';
import { Log } from '../log/log.ts';
import type { Cosigner } from '../log/ports.ts';
import { memoryStores } from '../store/memory.ts';
import { testSigner } from '../witness/testing.ts';
import { type HammerAnswer, type HammerOptions, type HammerReport, hammer } from './hammer.ts';

const ORIGIN = 'ledger.test.example';
const logSigner = testSigner(ORIGIN, 0x01);
const courtSigner = testSigner('court-1.test.example', 0x04);
const policy = parsePolicy(
  `log ${formatVkey(logSigner.key)}\nwitness court-1 ${formatVkey(courtSigner.key)}\nquorum court-1\n`,
);
const court: Cosigner = {
  name: 'court-1',
  cosign: async ({ checkpoint }) => {
    const seconds = BigInt(Math.floor(Date.now() / 1000));
    return formatSignatureLine(await cosign(checkpoint, seconds, courtSigner));
  },
  latest: async () => undefined,
};

type Send = HammerOptions['send'];
const answer = (status: number, body: string | Uint8Array, headers: Record<string, string> = {}): HammerAnswer => ({
  status,
  headers,
  body: typeof body === 'string' ? utf8Encode(body) : body,
});

/** The platform's routes that the hammer uses, over a real log. */
function platform(log: Log): Send {
  const indexes = new Map<string, number>();
  return async ({ method, path, headers, body }) => {
    // As a network does, this lets timers run.
    await sleep(0);
    if (path.startsWith('/api/') && headers['authorization'] !== 'Bearer t') return answer(401, '');
    if (method === 'POST') {
      const take = (): string => {
        const hex = hexEncode(new Uint8Array(randomBytes(16)));
        const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
        const commitment = hexEncode(new Uint8Array(randomBytes(32)));
        const received = new Date().toISOString();
        void log
          .append(formatEntry({ kind: 'deposit', v: 1, id, received, commitment }))
          .then((index) => indexes.set(id, index));
        return JSON.stringify({ status: 202, id, state: 'stored' });
      };
      if (!path.endsWith('/batch')) return answer(202, take());
      const lines = (utf8Decode(body ?? new Uint8Array(0)) ?? '').split('\n');
      return answer(200, lines.map(take).join('\n'));
    }
    if (path === '/ledger/checkpoint') return answer(200, log.published()?.note ?? '');
    if (path.startsWith('/ledger/')) {
      const bytes = await log.readTile(parseTilePath(path.slice('/ledger/'.length)));
      return bytes === undefined ? answer(404, '') : answer(200, bytes);
    }
    return answer(200, formatTlogProof(await log.proof(indexes.get(path.split('/')[4] ?? '') ?? -1)));
  };
}

async function run(lie: (honest: Send) => Send, options: Partial<HammerOptions> = {}): Promise<HammerReport> {
  const stores = memoryStores();
  const log = await Log.open({
    origin: ORIGIN,
    signer: logSigner,
    tiles: stores.tiles('ledger'),
    heads: stores.heads('ledger'),
    index: stores.index('ledger'),
    cosigners: [court],
    policy,
    clock: Date.now,
    onSequenced: async () => {},
    onPublished: () => {},
    onEvent: () => {},
    fatal: (error) => {
      throw error;
    },
  });
  while (log.published() === undefined) await sleep(1);
  try {
    return await hammer({
      send: lie(platform(log)),
      token: 't',
      policy,
      writers: 4,
      readers: 1,
      rate: 200,
      batch: 1,
      seconds: 10,
      graceSeconds: 0.2,
      goal: 10,
      now: () => performance.now(),
      sleep: (ms) => sleep(ms / 10),
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      ...options,
    });
  } finally {
    await log.close();
  }
}

/** The honest platform, with the answers to some paths changed. */
function changing(pattern: RegExp, change: (honest: HammerAnswer) => HammerAnswer): (honest: Send) => Send {
  return (honest) => async (request) => {
    const said = await honest(request);
    return pattern.test(`${request.method} ${request.path}`) ? change(said) : said;
  };
}

const text = (change: (text: string) => string) => (honest: HammerAnswer) => ({
  ...honest,
  body: utf8Encode(change(utf8Decode(honest.body) ?? '')),
});

describe('ledger/tools/hammer', () => {
  it('finds every acknowledged deposit on an honest ledger, checks inclusions and proofs, and reaches its goal', async () => {
    const report = await run((honest) => honest);
    expect(report.failures).deep.equal([]);
    expect(report.goalReached).equal(true);
    expect(report.found).at.least(10);
    expect(report.inclusionChecks).greaterThan(0);
    expect(report.proofChecks).greaterThan(0);
    expect(report.foundAfterMs?.p99).at.least(report.foundAfterMs?.p50 ?? 0);
  });

  it('stops at the end of its time and waits for the rest without a goal', async () => {
    const report = await run((honest) => honest, { seconds: 0.2, graceSeconds: 5, goal: 1_000_000 });
    expect(report.failures).deep.equal([]);
    expect(report.found).equal(report.acknowledged);
    expect(report.goalReached).equal(false);
  });

  it('writes in batches at full speed, and finds every line on the ledger', async () => {
    const report = await run((honest) => honest, {
      rate: undefined,
      seconds: 0.2,
      graceSeconds: 5,
      batch: 20,
      goal: 1e6,
    });
    expect(report.failures).deep.equal([]);
    expect(report.acknowledged).at.least(20);
    expect(report.found).equal(report.acknowledged);
  });

  it('reports a batch with a line that was not answered', async () => {
    const short = changing(
      /batch/,
      text((lines) => lines.split('\n').slice(1).join('\n')),
    );
    const report = await run(short, { batch: 5, seconds: 0.2, goal: 1_000_000 });
    expect(report.failures.join()).includes('4 answers to 5 lines');
  });

  it('counts patience asked for, and does not call it a failure', async () => {
    let asked = 0;
    const busy = changing(/^POST/, (honest) => (asked++ % 2 === 0 ? answer(503, '', { 'retry-after': '0' }) : honest));
    const report = await run(busy);
    expect(report.failures).deep.equal([]);
    expect(report.pushedBack).greaterThan(0);
  });

  const lies: [name: string, lie: (honest: Send) => Send, failure: RegExp][] = [
    ['a refused deposit', changing(/^POST/, () => answer(500, 'oops')), /^deposit: answered 500/],
    [
      'an acknowledgement of nothing',
      changing(
        /^POST/,
        text((body) => body.replace(/"id":"...../, '"id":"00000')),
      ),
      /^lost: 00000/,
    ],
    [
      'a changed root',
      changing(
        /checkpoint$/,
        text((body) => body.replace(/\n(.)(.*=)\n\n/, (_, a, b) => `\n${a === 'A' ? 'B' : 'A'}${b}\n\n`)),
      ),
      /signature|does not verify/,
    ],
    [
      'a checkpoint without cosignatures',
      changing(
        /checkpoint$/,
        text((body) => body.replace(/— court.*\n/, '')),
      ),
      /quorum has not cosigned/,
    ],
    [
      'a changed entry',
      changing(/tile\/entries/, (honest) => ({
        ...honest,
        body: honest.body.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
      })),
      /not the entry in the tree|bundle/,
    ],
    [
      'a changed hash',
      changing(/tile\/0/, (honest) => ({ ...honest, body: honest.body.map((byte, i) => (i === 3 ? byte ^ 1 : byte)) })),
      /root/,
    ],
    ['a missing tile', changing(/tile\/0/, () => answer(404, '')), /answered 404/],
    [
      'the proof of another deposit',
      changing(
        /proof$/,
        text((body) => body.replace(/\nindex (\d+)/, (_, index) => `\nindex ${index === '0' ? 1 : 0}`)),
      ),
      /^proof:/,
    ],
  ];
  for (const [name, lie, failure] of lies) {
    it(`reports ${name}`, async () => {
      const report = await run(lie, { seconds: 0.4, graceSeconds: 0.1, goal: 1_000_000 });
      expect(
        report.failures.some((line) => failure.test(line)),
        report.failures[0],
      ).equal(true);
    });
  }

  it('reports a ledger that goes back', async () => {
    let first: HammerAnswer | undefined;
    let wentOn = false;
    const back = changing(/checkpoint$/, (honest) => {
      first ??= honest;
      const isNewer = !equal(honest.body, first.body);
      if (isNewer && wentOn) return first;
      wentOn ||= isNewer;
      return honest;
    });
    const report = await run(back, { seconds: 0.2, graceSeconds: 1, goal: 1_000_000 });
    expect(report.failures[0]).match(/^follow: went back/);
  });
});
