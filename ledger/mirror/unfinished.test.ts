// Uploads that are begun and left: what they hold together is bounded, and they keep nobody else out.

import { expect } from 'chai';
import { concat, uint16 } from '../core/bytes.ts';
import { ENTRY_BYTES_MAX } from '../core/limits.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { MirrorBench, uploadHeader, uploadParts } from './testing.ts';
import { UNFINISHED_BYTES_MAX } from './unfinished.ts';

/** The largest entry, as it is sent. Nobody has to know that it is none of the log's before the proof is there. */
const ENTRY = concat(uint16(ENTRY_BYTES_MAX), new Uint8Array(ENTRY_BYTES_MAX));
/** Entries of a package that lacks its last. */
const ENTRIES = 255;

/** An upload that sends these parts and then nothing, for ever. */
class Left {
  readonly waits: Promise<void>;
  answer: ProtocolAnswer | undefined;

  constructor(bench: MirrorBench, parts: Iterable<Uint8Array>) {
    let wait = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      wait = resolve;
    });
    async function* body(): AsyncGenerator<Uint8Array> {
      yield* parts;
      wait();
      await new Promise(() => undefined);
    }
    const answered = bench.mirror.addEntries(body()).then((answer) => {
      this.answer = answer;
    });
    this.waits = Promise.race([waiting, answered]);
  }
}

function* stranger(bench: MirrorBench): Generator<Uint8Array> {
  yield uploadHeader(bench.log.origin, 0, 300);
  for (let i = 0; i < ENTRIES; i++) yield ENTRY;
}

describe('mirror: unfinished packages', () => {
  it('are given up, those begun first, when they hold too much together', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 300);
    const left: Left[] = [];
    for (let i = 0; i < 6; i++) {
      left.push(new Left(bench, stranger(bench)));
      await left.at(-1)?.waits;
    }
    const held = left.filter(({ answer }) => answer === undefined).length * ENTRIES * ENTRY_BYTES_MAX;
    expect(held).to.be.within(UNFINISHED_BYTES_MAX / 2, UNFINISHED_BYTES_MAX);
    expect(left.map(({ answer }) => answer?.status)).to.deep.equal([
      503,
      503,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('keep nobody out who sends a whole one, and what was kept before is told', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 300);
    const [header, first, second] = uploadParts(bench.log, 0, 300) as [Uint8Array, Uint8Array, Uint8Array];
    const slow = new Left(bench, [header, first, second.subarray(0, 40)]);
    await slow.waits;
    for (let i = 0; i < 6; i++) await new Left(bench, stranger(bench)).waits;
    expect(slow.answer?.status, 'its first package is kept').to.equal(202);
    expect((await bench.upload(0, 300)).status).to.equal(200);
    expect(await bench.problems(300)).to.deep.equal([]);
  });
});
