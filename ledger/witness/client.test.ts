// The log's side of a court, against a real court behind an Http port without sockets, and against courts that lie.

import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { formatNote, parseNote, parseSignatureLines } from '../core/note.ts';
import { type Cosigner, type Http, type SignedHead, type StoreCode, StoreError } from '../log/ports.ts';
import { memoryStores } from '../store/memory.ts';
import { type ProtocolAnswer, textAnswer } from './answer.ts';
import { witnessCosigner } from './client.ts';
import { CosignerError } from './gateway.ts';
import { originHash } from './request.ts';
import { bodyText, COURT_KEYS, gather, inProcessHttp, ORIGIN, strangersLine, WitnessBench } from './testing.ts';

/** A court's routes, and the requests that came. */
function courtHttp(bench: WitnessBench, requests: string[] = []): Http {
  return inProcessHttp({
    'POST /witness/add-checkpoint': async (body) => {
      const bytes = await gather(body);
      requests.push(new TextDecoder().decode(bytes).split('\n')[0] ?? '');
      return bench.witness.addCheckpoint(bytes);
    },
    [`GET /witness/${originHash(ORIGIN)}/checkpoint`]: () => bench.monitor(),
  });
}

function client(
  bench: WitnessBench,
  http: Http,
  index = memoryStores().index('log'),
  onWentBack: (was: number, is: number) => void = () => expect.fail('a court that remembers'),
): Cosigner {
  const url = 'http://court-1.test/witness';
  const logKey = bench.log.signer.key;
  return witnessCosigner({ name: 'court-1', url, keys: COURT_KEYS, logKey, http, index, onWentBack });
}

/** A court that answers anything. */
const liar = (answer: ProtocolAnswer): Http =>
  inProcessHttp({
    'POST /witness/add-checkpoint': async () => answer,
    [`GET /witness/${originHash(ORIGIN)}/checkpoint`]: async () => answer,
  });

async function fails(asking: Promise<unknown>, code: string): Promise<void> {
  const error = await asking.then(
    (answer) => answer,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(CosignerError).with.property('code', code);
}

const keyTypes = ({ note }: SignedHead, lines: string): number[] =>
  openCosignatures({ text: parseNote(note).text, signatures: parseSignatureLines(lines) }, COURT_KEYS).map(
    ({ key }) => key.type,
  );

describe('witness client', () => {
  it('brings a court from head to head and returns both cosignatures; one request each once it knows the size', async () => {
    const bench = await WitnessBench.open();
    const requests: string[] = [];
    const court = client(bench, courtHttp(bench, requests));
    for (const size of [0, 1, 2, 17, 17, 40]) {
      const head = await bench.log.head(size);
      expect(keyTypes(head, await court.cosign(head, bench.log.source))).to.deep.equal([0x04, 0x06]);
    }
    expect(requests).to.deep.equal(['old 0', 'old 0', 'old 1', 'old 2', 'old 17', 'old 17']);
  });

  it('finds the court’s size by its 409 after losing its own note of it, and keeps it over a restart otherwise', async () => {
    const bench = await WitnessBench.open();
    const index = memoryStores().index('log');
    await client(bench, courtHttp(bench), index).cosign(await bench.log.head(5), bench.log.source);
    const restarted: string[] = [];
    await client(bench, courtHttp(bench, restarted), index).cosign(await bench.log.head(9), bench.log.source);
    expect(restarted).to.deep.equal(['old 5']);
    const forgetful: string[] = [];
    await client(bench, courtHttp(bench, forgetful)).cosign(await bench.log.head(12), bench.log.source);
    expect(forgetful).to.deep.equal(['old 0', 'old 9']);
  });

  it('goes on when its note of the court’s size is damaged, and writes it anew; a store that fails ends the attempt', async () => {
    const bench = await WitnessBench.open();
    const index = memoryStores().index('log');
    await client(bench, courtHttp(bench), index).cosign(await bench.log.head(5), bench.log.source);
    const unreadable = (code: StoreCode) => ({
      ...index,
      get: () => Promise.reject(new StoreError(code, 'not what was written')),
    });
    const requests: string[] = [];
    const http = courtHttp(bench, requests);
    await client(bench, http, unreadable('corrupt')).cosign(await bench.log.head(7), bench.log.source);
    expect(requests).to.deep.equal(['old 0', 'old 5']);
    await client(bench, http, index).cosign(await bench.log.head(9), bench.log.source);
    expect(requests.slice(2)).to.deep.equal(['old 7']);
    const failing = client(bench, http, unreadable('failed')).cosign(await bench.log.head(12), bench.log.source);
    expect(await failing.catch((error) => error)).to.be.instanceOf(StoreError);
  });

  it('starts over with a court that lost its memory, and tells of it once', async () => {
    const bench = await WitnessBench.open();
    const requests: string[] = [];
    const told: number[][] = [];
    const court = client(bench, courtHttp(bench, requests), undefined, (was, is) => told.push([was, is]));
    await court.cosign(await bench.log.head(5), bench.log.source);
    bench.stores = memoryStores();
    await bench.reopen();
    await court.cosign(await bench.log.head(9), bench.log.source);
    await court.cosign(await bench.log.head(9), bench.log.source);
    expect(requests).to.deep.equal(['old 0', 'old 5', 'old 0', 'old 9']);
    expect(told).to.deep.equal([[5, 0]]);
  });

  it('says ahead when the court has cosigned more than this head', async () => {
    const bench = await WitnessBench.open();
    await bench.follow(0, 9);
    await fails(client(bench, courtHttp(bench)).cosign(await bench.log.head(5), bench.log.source), 'ahead');
  });

  it('says refused when the court holds another history, or does not know the log', async () => {
    const bench = await WitnessBench.open();
    const court = client(bench, courtHttp(bench));
    await court.cosign(await bench.log.head(5), bench.log.source);
    await fails(court.cosign(await bench.fork.head(9), bench.fork.source), 'refused');
    await fails(client(bench, inProcessHttp({})).cosign(await bench.log.head(9), bench.log.source), 'refused');
  });

  it('says unavailable for other answers, and when the size keeps changing', async () => {
    const bench = await WitnessBench.open();
    const head = await bench.log.head(9);
    await fails(client(bench, liar(textAnswer(503, 'later\n'))).cosign(head, bench.log.source), 'unavailable');
    let size = 0;
    const flapping = inProcessHttp({
      'POST /witness/add-checkpoint': async () => {
        size = (size + 1) % 9;
        return { status: 409, contentType: 'text/x.tlog.size', body: `${size}\n` };
      },
    });
    await fails(client(bench, flapping).cosign(head, bench.log.source), 'unavailable');
    expect(size).to.equal(3);
  });

  it('passes a failed connection on', async () => {
    const bench = await WitnessBench.open();
    const broken: Http = () => Promise.reject(new Error('connection refused'));
    const failure = await client(bench, broken)
      .latest()
      .catch((error: Error) => error.message);
    expect(failure).to.equal('connection refused');
  });

  it('returns only the lines of the court’s own keys', async () => {
    const bench = await WitnessBench.open();
    const head = await bench.log.head(5);
    const lines = bodyText(await bench.follow(0, 5));
    const padded = `${await strangersLine('x\n')}${lines}`;
    expect(await client(bench, liar(textAnswer(200, padded))).cosign(head, bench.log.source)).to.equal(lines);
    for (const body of ['', 'hello\n', lines.slice(0, -1), await strangersLine('x\n')]) {
      await fails(client(bench, liar(textAnswer(200, body))).cosign(head, bench.log.source), 'answer-bad');
    }
  });

  it('refuses a 409 that is not one of the protocol', async () => {
    const bench = await WitnessBench.open();
    const head = await bench.log.head(5);
    const type = 'text/x.tlog.size';
    for (const [contentType, body] of [
      ['text/plain', '5\n'],
      [type, '5'],
      [type, '05\n'],
      [type, 'five\n'],
      [type, ''],
    ] as const) {
      const answer = { status: 409, contentType, body };
      await fails(client(bench, liar(answer)).cosign(head, bench.log.source), 'answer-bad');
    }
  });

  it('asks for the monitoring checkpoint where it is said to be', async () => {
    const bench = await WitnessBench.open();
    await bench.follow(0, 5);
    const http = inProcessHttp({ [`GET /elsewhere/${originHash(ORIGIN)}/checkpoint`]: () => bench.monitor() });
    const addresses = { url: 'http://court-1.test/witness', monitoringUrl: 'http://monitor.test/elsewhere' };
    const logKey = bench.log.signer.key;
    const index = memoryStores().index('log');
    const court = witnessCosigner({ name: 'court-1', ...addresses, keys: COURT_KEYS, logKey, http, index });
    expect(await court.latest()).to.equal(bodyText(await bench.monitor()));
  });

  it('reads the monitoring checkpoint, verified, and tells never seen from unreachable', async () => {
    const bench = await WitnessBench.open();
    const court = client(bench, courtHttp(bench));
    expect(await court.latest()).to.equal(undefined);
    await bench.follow(0, 5);
    const note = bodyText(await bench.monitor());
    expect(await court.latest()).to.equal(note);
    await fails(client(bench, liar(textAnswer(500, ''))).latest(), 'unavailable');

    const { text, signatures } = parseNote(note);
    const other = parseNote((await bench.log.head(9)).note).text;
    const lies = [
      'no note',
      formatNote({ text, signatures: signatures.slice(0, 1) }),
      formatNote({ text, signatures: signatures.slice(1) }),
      formatNote({ text: other, signatures }),
    ];
    for (const lie of lies) await fails(client(bench, liar(textAnswer(200, lie))).latest(), 'answer-bad');
  });

  it('sends exactly the body of the text', async () => {
    const bench = await WitnessBench.open();
    const bodies: Uint8Array[] = [];
    const http = inProcessHttp({
      'POST /witness/add-checkpoint': async (body) => {
        const bytes = await gather(body);
        bodies.push(bytes);
        return bench.witness.addCheckpoint(bytes);
      },
    });
    const head = await bench.log.head(5);
    await client(bench, http).cosign(head, bench.log.source);
    expect(bodies).to.deep.equal([utf8Encode(`old 0\n\n${head.note}`)]);
  });
});
