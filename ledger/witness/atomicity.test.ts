// A court never goes back: concurrent requests, several processes, and a crash at every single effect. Each with its control.
// c2sp.org/tlog-witness, "add-checkpoint": the six-step race.

import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { parseNote, parseSignatureLines } from '../core/note.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { FaultPlan, MemoryDisk, memoryStores } from '../store/memory.ts';
import { originHash } from './request.ts';
import { Queue } from './state.ts';
import { bodyText, COURT, COURT_KEYS, goesBack, headSizes, ORIGIN, WitnessBench } from './testing.ts';

const ED25519_ONLY = COURT.slice(0, 1);

describe('witness: atomicity', () => {
  it('100 requests at once in one process: the heads only grow, every 200 is among them', async () => {
    const bench = await WitnessBench.open(memoryStores(), ED25519_ONLY);
    const requests = await Promise.all(
      Array.from({ length: 100 }, (_, i) => bench.log.request((i * 7) % 20, 20 + (i % 20))),
    );
    const first = await bench.follow(0, 14);
    const answers = await Promise.all(requests.map((request) => bench.witness.addCheckpoint(request)));
    const accepted = answers.filter(({ status }) => status === 200).length;
    const found = await headSizes(bench.stores);
    expect([first.status, goesBack(found)]).to.deep.equal([200, false]);
    expect(accepted)
      .to.be.at.least(found.length - 1)
      .and.at.least(1);
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([200, 409]));
  });

  it('runs the tasks of a log one after the other, also after one that fails', async () => {
    const queue = new Queue();
    const trace: number[] = [];
    const task = (i: number) => async () => {
      trace.push(i);
      await undefined;
      trace.push(i);
      if (i === 1) throw new Error('one fails');
    };
    await Promise.allSettled([0, 1, 2].map((i) => queue.run(task(i))));
    expect(trace).to.deep.equal([0, 0, 1, 1, 2, 2]);
  });
});

/** What monitors see, as a size; 0 when nothing. */
async function monitored(bench: WitnessBench): Promise<number> {
  const answer = await bench.monitor();
  return answer.status === 404 ? 0 : Number(bodyText(answer).split('\n')[1]);
}

describe('witness: a crash at every effect', () => {
  /** Follows 0 → 5 → 9 → 9, later in time each. Counts what was answered. */
  async function scenario(bench: WitnessBench, answered: number[]): Promise<void> {
    for (const [oldSize, size] of [
      [0, 5],
      [5, 9],
      [9, 9],
    ] as const) {
      bench.clock.ms += 1000;
      if ((await bench.follow(oldSize, size)).status === 200) answered.push(size);
    }
  }

  it('open again on the same stores: nothing answered is forgotten, monitors catch up, the log can go on', async () => {
    const counting = new FaultPlan();
    await scenario(await WitnessBench.open(memoryStores(new MemoryDisk(), counting), ED25519_ONLY), []);
    expect(counting.count).to.equal(10);
    for (let at = 0; at < counting.count; at++) {
      for (const happened of [false, true]) {
        const disk = new MemoryDisk();
        const answered: number[] = [];
        const faulty = memoryStores(disk, new FaultPlan([{ at, happened }]));
        const crash = await WitnessBench.open(faulty, ED25519_ONLY)
          .then((bench) => scenario(bench, answered))
          .catch((error: Error) => error);
        expect(crash, `effect ${at}`).to.be.instanceOf(Error);
        const bench = await WitnessBench.open(memoryStores(disk), ED25519_ONLY);
        const found = await headSizes(bench.stores);
        // Persisted before answered, and signed again at the latest now.
        for (const size of answered) expect(found).to.include(size);
        expect(await monitored(bench)).to.equal(found.at(-1) ?? 0);
        bench.clock.ms += 10_000;
        const answer = await bench.follow(found.at(-1) ?? 0, 12);
        expect(answer.status, bodyText(answer)).to.equal(200);
        expect(goesBack(await headSizes(bench.stores))).to.equal(false);
      }
    }
  });

  it('control: a court that answers before it persists forgets', async () => {
    // The same crash, but on stores that only pretend to write: what was answered is not among the heads afterwards.
    const disk = new MemoryDisk();
    const real = memoryStores(disk);
    const pretending: KeyedStores = {
      ...real,
      heads: (prefix) => ({ ...real.heads(prefix), create: async () => true }),
    };
    const bench = await WitnessBench.open(pretending, ED25519_ONLY);
    expect((await bench.follow(0, 5)).status).to.equal(200);
    expect(await headSizes(memoryStores(disk))).not.to.include(5);
  });

  it('signs with both keys what a crash left unsigned', async () => {
    const disk = new MemoryDisk();
    // Effects of the first start: two reads. Of the first request: one read, the head, the note.
    const lost = await WitnessBench.open(memoryStores(disk, new FaultPlan([{ at: 4, happened: false }])));
    expect(await lost.follow(0, 5).catch((error: Error) => error)).to.be.instanceOf(Error);
    const bench = await WitnessBench.open(memoryStores(disk));
    const note = parseNote(bodyText(await bench.monitor()));
    expect(openCosignatures(note, COURT_KEYS)).to.have.length(2);
    const lines = parseSignatureLines(bodyText(await bench.follow(5, 5)));
    expect(openCosignatures({ text: note.text, signatures: lines }, COURT_KEYS)).to.have.length(2);
  });

  it('tells broken heads from none', async () => {
    const disk = new MemoryDisk();
    await memoryStores(disk).heads(originHash(ORIGIN)).create(0, utf8Encode('no time\n'));
    const failure = await WitnessBench.open(memoryStores(disk), ED25519_ONLY).catch((error: Error) => error.message);
    expect(failure).to.include('invariant');
  });
});
