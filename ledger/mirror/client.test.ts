// End to end: a log drives a court and a mirror through their clients, over sizes around every border; killed and resumed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openCosignatures } from '../core/cosignature.ts';
import { parseNote, parseSignatureLines } from '../core/note.ts';
import type { Cosigner, LogSource } from '../log/ports.ts';
import { openLevelStore } from '../store/level.ts';
import { memoryStores } from '../store/memory.ts';
import { type ProtocolAnswer, textAnswer } from '../witness/answer.ts';
import { CosignerError } from '../witness/gateway.ts';
import { COURT_KEYS, inProcessHttp, WitnessBench } from '../witness/testing.ts';
import { ByteReader } from './byte-reader.ts';
import { readUploadHeader } from './package.ts';
import { ARBITRATION_KEYS, courtClient, LOG, MirrorBench, mirrorClient, mirrorHttp, prefixed } from './testing.ts';

/** Signature types of all verified cosignatures of a court and a mirror over the head of this size. */
async function cosignedBy(size: number, ...cosigners: readonly Cosigner[]): Promise<number[]> {
  const head = await LOG.head(size);
  const lines = await Promise.all(cosigners.map((cosigner) => cosigner.cosign(head, LOG.source)));
  const note = { text: parseNote(head.note).text, signatures: parseSignatureLines(lines.join('')) };
  return openCosignatures(note, [...COURT_KEYS, ...ARBITRATION_KEYS]).map(({ key }) => key.type);
}

async function code(asking: Promise<unknown>): Promise<string> {
  return asking.then(
    () => 'no error',
    (error: unknown) => (error instanceof CosignerError ? error.code : String(error)),
  );
}

const SIZES = [0, 1, 255, 256, 257, 600, 9000];

describe('log to court and mirror, end to end', () => {
  it(`sizes ${SIZES.join(', ')}: both keys of both cosign, the mirror’s root is the log’s`, async function () {
    this.timeout(60_000);
    const bench = await MirrorBench.open();
    const uploads: string[] = [];
    const cosigners = [courtClient(await WitnessBench.open()), mirrorClient(mirrorHttp(bench, uploads))] as const;
    for (const size of SIZES) {
      expect(await cosignedBy(size, ...cosigners)).to.deep.equal([0x04, 0x06, 0x04, 0x06]);
      expect(await bench.problems(size), `size ${size}`).to.deep.equal([]);
    }
    // One upload for each head; the last one, of 34 packages, in two of at most 32. The first of all asks where to start.
    const expected = ['0: 200', '1: 200', '1: 200', '1: 200', '1: 200', '2: 200', '32: 202', '2: 200'];
    expect(uploads).to.deep.equal(expected.map((line) => line.replace(':', ' packages:')));
  });

  it('mirrors 9,000 entries from nothing', async function () {
    this.timeout(60_000);
    const bench = await MirrorBench.open();
    const uploads: string[] = [];
    expect(await cosignedBy(9000, mirrorClient(mirrorHttp(bench, uploads)))).to.deep.equal([0x04, 0x06]);
    expect(await bench.problems(9000)).to.deep.equal([]);
    expect(uploads).to.deep.equal(['0 packages: 409', '32 packages: 202', '4 packages: 200']);
  });

  it('cut off after every package and killed each time, it resumes at the next entry', async () => {
    const bench = await MirrorBench.open();
    let attempts = 0;
    for (; attempts < 50; attempts++) {
      // Both sides die: the client knows nothing any more, the mirror opens again on its stores.
      await bench.reopen();
      const answered = await code(cosignedBy(2000, mirrorClient(mirrorHttp(bench, [], 2))));
      if (answered === 'no error') break;
      expect(answered).to.include('connection reset');
    }
    // Eight packages, two at a time; of the last two the answer is lost, so a fifth attempt hears it.
    expect(attempts).to.equal(4);
    expect(await bench.problems(2000)).to.deep.equal([]);
  });

  it('keeps a client that is cut off, and uploads nothing twice', async () => {
    const bench = await MirrorBench.open();
    const uploads: string[] = [];
    const mirror = mirrorClient(mirrorHttp(bench, uploads, 3));
    const answers: string[] = [];
    while (answers.at(-1) !== 'no error' && answers.length < 9) answers.push(await code(cosignedBy(2000, mirror)));
    expect(answers).to.deep.equal(['Error: connection reset', 'Error: connection reset', 'no error']);
    const packages = uploads.filter((line) => line.includes(': 202') || line.includes(': 200'));
    expect(packages).to.have.length(3);
  });

  it('on LevelDB, opened again between all steps', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'probata-mirror-'));
    try {
      for (const [i, size] of [0, 1, 255, 257, 600, 600].entries()) {
        const store = await openLevelStore(dir, (error) => {
          throw error;
        });
        const roles = { mirror: prefixed(store, 'mirror-role.'), court: prefixed(store, 'court-role.') };
        const bench = await MirrorBench.open(roles.mirror);
        const cosigners = [courtClient(await WitnessBench.open(roles.court)), mirrorClient(mirrorHttp(bench))] as const;
        if (i % 2 === 1) await code(cosignedBy(size, mirrorClient(mirrorHttp(bench, [], 1))));
        bench.clock.ms += i * 1000;
        if (size <= 40) expect(await cosignedBy(size, ...cosigners)).to.have.length(4);
        else expect(await cosignedBy(size, cosigners[1])).to.have.length(2);
        expect(await bench.problems(size)).to.deep.equal([]);
        await store.close();
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('says what the mirror serves', async () => {
    const bench = await MirrorBench.open();
    const mirror = mirrorClient(mirrorHttp(bench));
    expect(await mirror.latest()).to.equal(undefined);
    await mirror.cosign(await LOG.head(300), LOG.source);
    expect(await mirror.latest())
      .to.be.a('string')
      .that.includes('\n300\n');
  });

  it('starts over with a mirror that lost everything', async () => {
    const bench = await MirrorBench.open();
    const mirror = mirrorClient(mirrorHttp(bench));
    await mirror.cosign(await LOG.head(300), LOG.source);
    bench.stores = memoryStores();
    await bench.reopen();
    await mirror.cosign(await LOG.head(600), LOG.source);
    expect(await bench.problems(600)).to.deep.equal([]);
  });
});

describe('mirror client: lies and limits', () => {
  const always = (answer: ProtocolAnswer): Cosigner =>
    mirrorClient(
      inProcessHttp({
        'POST /mirror/add-checkpoint': async () => textAnswer(200, ''),
        'POST /mirror/add-entries': async () => answer,
      }),
    );
  const info = (status: number, body: string, contentType = 'text/x.tlog.mirror-info'): ProtocolAnswer => ({
    status,
    contentType,
    body,
  });
  const asks = async (cosigner: Cosigner): Promise<string> => code(cosigner.cosign(await LOG.head(600), LOG.source));

  it('gives up when the upload does not advance', async () => {
    expect(await asks(always(info(202, '600\n0\n\n')))).to.equal('unavailable');
    expect(await asks(always(info(409, '600\n0\n\n')))).to.equal('unavailable');
    expect(await asks(always(info(409, '9000\n9000\n\n')))).to.equal('unavailable');
    expect(await asks(always(info(202, '600\n9000\n\n')))).to.equal('unavailable');
  });

  it('gives a ticket back with the next request', async () => {
    const tickets: string[] = [];
    const answers = [info(202, '600\n256\nYWJj\n'), info(202, '600\n512\nZGVm\n'), textAnswer(422, 'enough\n')];
    const mirror = mirrorClient(
      inProcessHttp({
        'POST /mirror/add-checkpoint': async () => textAnswer(200, ''),
        'POST /mirror/add-entries': async (body) => {
          tickets.push(new TextDecoder().decode((await readUploadHeader(new ByteReader(body))).ticket));
          return answers[tickets.length - 1] as ProtocolAnswer;
        },
      }),
    );
    expect(await asks(mirror)).to.equal('refused');
    expect(tickets).to.deep.equal(['', 'abc', 'def']);
  });

  it('refuses answers that are not of the protocol', async () => {
    expect(await asks(always(info(409, '600\n0\n')))).to.equal('answer-bad');
    expect(await asks(always(info(202, '600\n0\n\n', 'text/plain')))).to.equal('answer-bad');
    expect(await asks(always(textAnswer(200, '')))).to.equal('answer-bad');
  });

  it('tells a refusal from a mirror in trouble', async () => {
    expect(await asks(always(textAnswer(422, 'wrong\n')))).to.equal('refused');
    expect(await asks(always(textAnswer(503, 'busy\n')))).to.equal('unavailable');
  });

  it('passes on that the log cannot read its own entries', async () => {
    const bench = await MirrorBench.open();
    const source: LogSource = { ...LOG.source, entries: () => Promise.reject(new Error('tile missing')) };
    const failure = await code(mirrorClient(mirrorHttp(bench)).cosign(await LOG.head(600), source));
    expect(failure).not.to.equal('no error');
    expect((await bench.served()).status).to.equal(404);
  });

  it('reads the log package by package', async () => {
    const bench = await MirrorBench.open();
    const lengths: number[] = [];
    const source: LogSource = {
      ...LOG.source,
      entries: async (lo, hi) => {
        lengths.push(hi - lo);
        return LOG.entries.slice(lo, hi);
      },
    };
    await mirrorClient(mirrorHttp(bench)).cosign(await LOG.head(600), source);
    expect(lengths).to.deep.equal([256, 256, 88]);
  });
});
