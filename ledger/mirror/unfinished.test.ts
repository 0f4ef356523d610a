// Uploads that are begun and left: what they hold together is bounded, and they keep nobody else out.

import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { concat, uint16 } from '../core/bytes.ts';
import { ENTRY_BYTES_MAX } from '../core/limits.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { chunksOf } from '../witness/testing.ts';
import { ByteReader } from './byte-reader.ts';
import { MirrorBench, uploadHeader, uploadParts } from './testing.ts';
import { type Holding, UNFINISHED_BYTES_MAX, Unfinished } from './unfinished.ts';

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

/** A package of the largest entries, none of them the log's, in whole. */
function* wholeStranger(bench: MirrorBench): Generator<Uint8Array> {
  yield* stranger(bench);
  yield concat(ENTRY, Uint8Array.of(0));
}

describe('mirror: unfinished packages', () => {
  let bench: MirrorBench;

  beforeEach(async () => {
    bench = await MirrorBench.open();
    await bench.pend(0, 300);
  });

  /** Strangers, one after the other; each is ended, or holds what it sent. */
  async function leave(count: number): Promise<Left[]> {
    const left: Left[] = [];
    for (let i = 0; i < count; i++) {
      left.push(new Left(bench, stranger(bench)));
      await left.at(-1)?.waits;
    }
    return left;
  }

  it('are given up, the largest, when they hold too much together; what has ended holds nothing', async () => {
    const [header, first] = uploadParts(bench.log, 0, 300) as [Uint8Array, Uint8Array];
    for (const parts of [[header.subarray(0, 9)], [header, first.subarray(0, 99)], [...wholeStranger(bench)]]) {
      for (let i = 0; i < 2; i++)
        expect((await bench.mirror.addEntries(chunksOf(concat(...parts)))).status).to.be.within(400, 422);
    }
    const left = await leave(6);
    const held = left.filter(({ answer }) => answer === undefined).length * ENTRIES * ENTRY_BYTES_MAX;
    expect(held).to.be.within(UNFINISHED_BYTES_MAX / 2, UNFINISHED_BYTES_MAX);
    const ended = left.map(({ answer }) => answer?.status).filter((status) => status !== undefined);
    expect(ended).to.deep.equal([503, 503]);
  });

  it('keep nobody out whose packages are small, though begun first, sent in pieces, beside whole and left ones', async () => {
    const [header, first, second] = uploadParts(bench.log, 0, 300) as [Uint8Array, Uint8Array, Uint8Array];
    let strangers: Promise<ProtocolAnswer[]> = Promise.resolve([]);
    async function* honest(): AsyncGenerator<Uint8Array> {
      yield* [header, first.subarray(0, -40)];
      await leave(6);
      yield* [first.subarray(-40), second.subarray(0, 40)];
      strangers = Promise.all(
        Array.from({ length: 6 }, () => bench.mirror.addEntries(chunksOf(concat(...wholeStranger(bench))))),
      );
      await strangers;
      yield second.subarray(40);
    }
    expect((await bench.mirror.addEntries(honest())).status).to.equal(200);
    expect(new Set((await strangers).map(({ status }) => status))).to.deep.equal(new Set([422, 503]));
    expect(await bench.problems(300)).to.deep.equal([]);
  });

  it('are given up for their age too, and are told what was kept before', async () => {
    const [header, first] = uploadParts(bench.log, 0, 300) as [Uint8Array, Uint8Array];
    const old = new Left(bench, [header, first, ENTRY]);
    await old.waits;
    bench.clock.ms += 600_000;
    await leave(5);
    expect(old.answer?.status).to.equal(202);
  });

  it('are given up while they wait for their turn, and not when it has come', () => {
    let ms = 0;
    const unfinished = new Unfinished(() => ms);
    const begin = (): Holding => unfinished.begin(new ByteReader(chunksOf(new Uint8Array(0))));
    const [due, waiting] = [begin(), begin()];
    const entryPackage = { entries: [], proof: [] };
    for (const holding of [due, waiting]) {
      unfinished.add(holding, UNFINISHED_BYTES_MAX / 2);
      holding.waiting = entryPackage;
    }
    expect(unfinished.take(due)).to.equal(entryPackage);
    ms = 10;
    const other = begin();
    unfinished.add(other, UNFINISHED_BYTES_MAX / 2 + 1);
    expect(unfinished.take(waiting)).to.equal(undefined);
    expect([due, waiting, other].map(({ givenUp }) => givenUp)).to.deep.equal([false, true, false]);
  });

  it('hold no chunk that was read', async () => {
    const reader = new ByteReader(pieces());
    let first: WeakRef<Uint8Array> | undefined;
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 3; i++) {
        const chunk = new Uint8Array(1000);
        first ??= new WeakRef(chunk);
        yield chunk;
      }
    }
    for (let i = 0; i < 3; i++) await reader.take(1000);
    // What a job has seen of a weak reference is held until the job ends.
    await turn();
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    expect(first?.deref()).to.equal(undefined);
    reader.cut();
  });
});
