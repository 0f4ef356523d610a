// What a court's cosignatures say, what its monitors read, and what it refuses to start with.

import { expect } from 'chai';
import { cosign, openCosignatures } from '../core/cosignature.ts';
import { formatSignatureLine, openNote, parseNote, parseSignatureLines } from '../core/note.ts';
import { memoryStores } from '../store/memory.ts';
import { originHash } from './request.ts';
import { bodyText, COURT, COURT_KEYS, ORIGIN, strangersLine, testSigner, WitnessBench } from './testing.ts';

describe('witness: cosignatures', () => {
  it('answers with nothing but its own cosignature lines, Ed25519 and ML-DSA-44, over the checkpoint', async () => {
    const bench = await WitnessBench.open();
    const { note } = await bench.log.head(5);
    const answer = await bench.send(`old 0\n\n${note}${await strangersLine('anything\n')}`);
    const signatures = parseSignatureLines(bodyText(answer));
    const opened = openCosignatures({ text: parseNote(note).text, signatures }, COURT_KEYS);
    expect(signatures).to.have.length(2);
    expect(opened.map(({ key }) => key.type)).to.deep.equal([0x04, 0x06]);
    expect(opened.map(({ timeSeconds }) => timeSeconds)).to.deep.equal([1767225600n, 1767225600n]);
  });

  it('serves the log’s signature and its own to monitors, and 404 before the first', async () => {
    const bench = await WitnessBench.open();
    expect((await bench.monitor()).status).to.equal(404);
    expect((await bench.witness.checkpoint('ab')).status).to.equal(404);
    const { note } = await bench.log.head(5);
    const lines = bodyText(await bench.send(`old 0\n\n${note}${await strangersLine('anything\n')}`));
    const served = await bench.monitor();
    expect(served).to.deep.equal({ status: 200, contentType: 'text/plain; charset=utf-8', body: `${note}${lines}` });
    expect(openNote(parseNote(bodyText(served)), [bench.log.signer.key])).to.have.length(1);
  });

  it('never repeats a forged line in its own name', async () => {
    const bench = await WitnessBench.open();
    const { note, checkpoint } = await bench.log.head(5);
    const forged = await cosign({ ...checkpoint, size: 4 }, 1n, COURT[0]!);
    expect((await bench.send(`old 0\n\n${note}${formatSignatureLine(forged)}`)).status).to.equal(200);
    expect(openCosignatures(parseNote(bodyText(await bench.monitor())), COURT_KEYS)).to.have.length(2);
    await bench.reopen();
    expect((await bench.follow(5, 9)).status).to.equal(200);
  });

  it('never gives an earlier time than before, also after a restart, and tells its operator', async () => {
    const bench = await WitnessBench.open();
    await bench.follow(0, 5);
    bench.clock.ms -= 3_600_000;
    await bench.reopen();
    const { text } = parseNote((await bench.log.head(9)).note);
    const signatures = parseSignatureLines(bodyText(await bench.follow(5, 9)));
    expect(openCosignatures({ text, signatures }, COURT_KEYS).map(({ timeSeconds }) => timeSeconds)).to.deep.equal([
      1767225600n,
      1767225600n,
    ]);
    expect(bench.events).to.deep.include({ kind: 'clock-behind', origin: ORIGIN, behindSeconds: 3600, count: 1 });
  });

  it('signs nothing while its clock has no time', async () => {
    const bench = await WitnessBench.open();
    bench.clock.ms = 999;
    const failure = await bench.follow(0, 5).catch((error: Error) => error);
    expect(failure).to.be.instanceOf(Error).with.property('message').that.includes('clock');
    expect(await bench.stores.heads(originHash(ORIGIN)).latest()).to.equal(undefined);
  });

  it('cosigns the same checkpoint with a fresh time, without a new head; within one second not even a signature', async () => {
    const bench = await WitnessBench.open();
    const first = bodyText(await bench.follow(0, 5));
    expect(bodyText(await bench.follow(5, 5))).to.equal(first);
    expect(bench.events.filter(({ kind }) => kind === 'cosigned')).to.have.length(1);
    bench.clock.ms += 1000;
    expect(bodyText(await bench.follow(5, 5))).not.to.equal(first);
    expect((await bench.stores.heads(originHash(ORIGIN)).latest())?.number).to.equal(0);
  });

  it('reports a fork with all the bytes a reader needs', async () => {
    const bench = await WitnessBench.open();
    await bench.follow(0, 5);
    const request = await bench.fork.request(5, 5);
    await bench.witness.addCheckpoint(request);
    const { note } = await bench.log.head(5);
    expect(bench.inconsistencies()).to.deep.equal([
      { kind: 'inconsistent', origin: ORIGIN, conclusive: true, request, latest: note },
    ]);
  });

  it('starts to sign with a new key without a new checkpoint', async () => {
    const bench = await WitnessBench.open();
    await bench.reopen(COURT.slice(0, 1));
    await bench.follow(0, 5);
    await bench.reopen();
    expect(openCosignatures(parseNote(bodyText(await bench.monitor())), COURT_KEYS)).to.have.length(2);
  });

  it('refuses to start when its heads went back behind what it published', async () => {
    const bench = await WitnessBench.open();
    await bench.follow(0, 5);
    const published = bench.stores.index('cosigned');
    bench.stores = { ...memoryStores(), index: () => published };
    expect(await bench.reopen().catch((error: Error) => error.message)).to.include('went back');
  });

  it('refuses a configuration that cannot work', async () => {
    const bench = await WitnessBench.open();
    expect(await bench.reopen([]).catch((error: Error) => error.message)).to.include('0x04 and 0x06');
    expect(await bench.reopen([bench.log.signer]).catch((error: Error) => error.message)).to.include('0x04 and 0x06');
    const other = [testSigner('other.example', 0x01).key];
    expect(await bench.reopen(COURT, other).catch((error: Error) => error.message)).to.include('named like the origin');
  });
});
