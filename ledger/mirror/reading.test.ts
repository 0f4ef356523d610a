// The other doors of a mirror: add-checkpoint, the mirror checkpoint, tiles, sign-subtree. c2sp.org/tlog-mirror, tlog-tiles.

import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { formatEntry } from '../core/entry.ts';
import { formatNote, formatSignatureLine, openNote, parseNote, parseSignatureLines } from '../core/note.ts';
import { signNote } from '../core/signature.ts';
import { formatTilePath, type Tile } from '../core/tile.ts';
import { formatSignSubtree, originHash } from '../witness/request.ts';
import { bodyText, ORIGIN, strangersLine, TestLog, WitnessBench } from '../witness/testing.ts';
import { ARBITRATION_KEYS, checkpointRequest, LOG, MirrorBench } from './testing.ts';

const HASH = originHash(ORIGIN);

describe('mirror: add-checkpoint is that of a witness, without a cosignature', () => {
  it('200 with an empty body; the mirror checkpoint does not move', async () => {
    const bench = await MirrorBench.open();
    const answers = [await bench.pend(0, 0), await bench.pend(0, 5), await bench.pend(5, 5), await bench.pend(5, 9)];
    for (const answer of answers) expect(answer).to.include({ status: 200, body: '' });
    expect((await bench.served()).status).to.equal(404);
    // The same checkpoint again is no new head.
    expect((await bench.stores.heads(`pending-${HASH}`).latest())?.number).to.equal(2);
  });

  it('SPEC “MUST retain the log’s signature in the pending checkpoint”, and nobody else’s', async () => {
    const bench = await MirrorBench.open();
    const { note } = await LOG.head(5);
    await bench.mirror.addCheckpoint(checkpointRequest(0, `${note}${await strangersLine('x\n')}`));
    const kept = await bench.stores.heads(`pending-${HASH}`).latest();
    expect(new TextDecoder().decode(kept?.bytes)).to.equal(`1767225600\n${note}`);
  });

  it('400, 403, 404, 409 and 422 as a witness says them', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 5);
    const { note } = await LOG.head(9);
    const { text } = parseNote(note);
    const forged = formatSignatureLine(await signNote('x\n', LOG.signer));
    const fork = await new TestLog(ORIGIN, 'fork').grow(9).request(5, 9);
    const answers = [
      await bench.mirror.addCheckpoint(utf8Encode('old 5\n')),
      await bench.mirror.addCheckpoint(checkpointRequest(10, note)),
      await bench.mirror.addCheckpoint(checkpointRequest(5, `${text}\n${forged}`)),
      await bench.mirror.addCheckpoint(checkpointRequest(0, (await new TestLog('other.example').grow(3).head(3)).note)),
      await bench.pend(4, 9),
      await bench.mirror.addCheckpoint(fork),
    ];
    expect(answers.map(({ status }) => status)).to.deep.equal([400, 400, 403, 404, 409, 422]);
    expect(answers[4]).to.include({ contentType: 'text/x.tlog.size', body: '5\n' });
    expect(bench.events.map(({ kind }) => kind)).to.deep.equal(['pending', 'inconsistent']);
  });
});

describe('mirror: what it tells its operator', () => {
  it('tells of a change of policy once, when it first takes the entry', async () => {
    const log = new TestLog().grow(2);
    for (const received of ['2026-11-25T09:42:09.123Z', '2026-11-25T09:42:10.123Z']) {
      log.append(formatEntry({ kind: 'policy', v: 1, received, statement: 'ab'.repeat(32) }));
    }
    log.grow(300);
    const bench = await MirrorBench.open(undefined, undefined, log);
    await bench.mirrorTo(0, 3);
    await bench.mirrorTo(3, 5);
    // The same entries again, as after a lost answer.
    await bench.upload(0, 5);
    await bench.mirrorTo(5, 300);
    const told = bench.events.flatMap((event) => (event.kind === 'policy-entry' ? [event.index] : []));
    expect(told).to.deep.equal([2, 3]);
  });
});

describe('mirror: the mirror checkpoint', () => {
  it('SPEC “MUST include a cosignature from the mirror”: the log’s signature, then both of ours', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 300);
    expect((await bench.served()).status).to.equal(404);
    const lines = bodyText(await bench.upload(0, 300));
    const note = parseNote(bodyText(await bench.served()));
    expect(formatNote({ ...note, signatures: note.signatures.slice(0, 1) })).to.equal((await LOG.head(300)).note);
    expect(note.signatures.slice(1).map(formatSignatureLine).join('')).to.equal(lines);
    expect(openNote(note, [LOG.signer.key])).to.have.length(1);
    expect(openCosignatures(note, ARBITRATION_KEYS)).to.have.length(2);
    expect((await bench.mirror.checkpoint('ab')).status).to.equal(404);
  });

  it('gives fresh cosignatures to an empty upload at its size', async () => {
    const bench = await MirrorBench.open();
    await bench.mirrorTo(0, 300);
    await bench.pend(300, 600);
    await bench.upload(300, 600, { packages: 1 });
    bench.clock.ms += 5000;
    const { text } = parseNote((await LOG.head(300)).note);
    const signatures = parseSignatureLines(bodyText(await bench.upload(300, 300)));
    const times = openCosignatures({ text, signatures }, ARBITRATION_KEYS).map(({ timeSeconds }) => timeSeconds);
    expect(times).to.deep.equal([1767225605n, 1767225605n]);
  });
});

describe('mirror: tiles', () => {
  let bench: MirrorBench;

  before(async () => {
    bench = await MirrorBench.open();
    await bench.mirrorTo(0, 70);
    await bench.mirrorTo(70, 600);
    await bench.pend(600, 900);
    await bench.upload(600, 900, { packages: 1 });
  });

  const read = (tile: Tile): Promise<Uint8Array | undefined> => bench.mirror.readTile(HASH, tile);
  const width = async (tile: Tile): Promise<number | undefined> => (await read(tile))?.length;

  it('serves full and partial tiles, and narrower ones cut from them', async () => {
    expect(await width({ level: 0, index: 0, width: 256 })).to.equal(256 * 32);
    expect(await width({ level: 0, index: 2, width: 88 })).to.equal(88 * 32);
    expect(await width({ level: 1, index: 0, width: 2 })).to.equal(2 * 32);
    // 70 was a checkpoint's width once; its tile is cut from the full one now. 17 never was.
    for (const narrow of [70, 17]) {
      const tile = await read({ level: 0, index: 0, width: narrow });
      expect(tile).to.deep.equal((await read({ level: 0, index: 0, width: 256 }))?.slice(0, narrow * 32));
    }
    expect(await width({ level: 1, index: 0, width: 1 })).to.equal(32);
  });

  it('serves bundles, and narrower ones cut from them', async () => {
    const bytes = (lo: number, hi: number): number =>
      LOG.entries.slice(lo, hi).reduce((sum, entry) => sum + 2 + entry.length, 0);
    expect(await width({ level: 'entries', index: 1, width: 256 })).to.equal(bytes(256, 512));
    expect(await width({ level: 'entries', index: 2, width: 88 })).to.equal(bytes(512, 600));
    expect(await width({ level: 'entries', index: 2, width: 5 })).to.equal(bytes(512, 517));
  });

  it('serves nothing beyond the mirror checkpoint, although it holds more', async () => {
    expect(await bench.nextEntry()).to.equal(768);
    for (const tile of [
      { level: 0, index: 2, width: 256 },
      { level: 0, index: 2, width: 89 },
      { level: 'entries', index: 2, width: 256 },
      { level: 1, index: 0, width: 3 },
      { level: 2, index: 0, width: 1 },
      { level: 63, index: 0, width: 1 },
      { level: 0, index: 3, width: 1 },
      { level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 },
    ] as const) {
      expect(await read(tile), formatTilePath(tile)).to.equal(undefined);
    }
    expect(await bench.mirror.readTile('ab', { level: 0, index: 0, width: 1 })).to.equal(undefined);
  });
});

describe('mirror: sign-subtree', () => {
  const body = (note: string): Uint8Array => {
    const subtree = { lo: 4, hi: 8 };
    const proof = LOG.subtreeProof(4, 8, 14);
    return formatSignSubtree({ subtree, root: LOG.root(4, 8), proof, note });
  };

  it('200 for its own mirror checkpoint', async () => {
    const bench = await MirrorBench.open();
    await bench.mirrorTo(0, 14);
    const answer = await bench.mirror.signSubtree(body(bodyText(await bench.served())));
    expect(answer.status, bodyText(answer)).to.equal(200);
    expect(parseSignatureLines(bodyText(answer)).map(({ keyId }) => keyId)).to.deep.equal([ARBITRATION_KEYS[1]?.id]);
  });

  it('SPEC “checkpoints signed only with the witness key(s) MUST NOT be exchanged”: 403 for a court’s, and for a pending one', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 14);
    const court = await WitnessBench.open();
    await court.witness.addCheckpoint(await LOG.request(0, 14));
    expect((await bench.mirror.signSubtree(body(bodyText(await court.monitor())))).status).to.equal(403);
    expect((await bench.mirror.signSubtree(body((await LOG.head(14)).note))).status).to.equal(403);
  });
});
