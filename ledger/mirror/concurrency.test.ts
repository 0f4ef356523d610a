// Uploads at the same time: packages interleave, nothing is lost, nothing goes back. c2sp.org/tlog-mirror, "Implementation Considerations".

import { expect } from 'chai';
import fc from 'fast-check';
import { utf8Encode } from '../core/bytes.ts';
import { formatTilePath, tilesForSize } from '../core/tile.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { memoryStores } from '../store/memory.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { originHash } from '../witness/request.ts';
import { bodyText, ORIGIN } from '../witness/testing.ts';
import { parseMirrorInfo } from './package.ts';
import { ARBITRATION, MirrorBench, uploadParts } from './testing.ts';

const ED25519_ONLY = ARBITRATION.slice(0, 1);

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
}

function deferred(): Deferred {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** An upload whose parts (header, packages) are let through one by one. */
class Gated {
  readonly answer: Promise<ProtocolAnswer>;
  readonly #parts: readonly Uint8Array[];
  readonly #gates: readonly Deferred[];
  /** Resolved when the mirror asks for that part. */
  readonly #asked: readonly Deferred[];
  #passed = 0;

  constructor(bench: MirrorBench, start: number, end: number) {
    this.#parts = uploadParts(bench.log, start, end);
    this.#gates = this.#parts.map(deferred);
    this.#asked = [...this.#parts.map(deferred), deferred()];
    this.answer = bench.mirror.addEntries(this.#body());
  }

  /** Lets the next part through and waits until the mirror has dealt with it: it asks for more, or answers. */
  async next(): Promise<void> {
    this.#gates[this.#passed++]?.resolve();
    await Promise.race([this.#asked[this.#passed]?.promise, this.answer]);
  }

  /** Lets everything through. */
  finish(): Promise<ProtocolAnswer> {
    for (const gate of this.#gates) gate.resolve();
    return this.answer;
  }

  async *#body(): AsyncGenerator<Uint8Array> {
    for (const [i, part] of this.#parts.entries()) {
      this.#asked[i]?.resolve();
      await this.#gates[i]?.promise;
      yield part;
    }
    this.#asked[this.#parts.length]?.resolve();
  }
}

describe('mirror: uploads at the same time', () => {
  it('interleaves two uploads package by package; each skips what the other saved', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 900);
    const uploads = [new Gated(bench, 0, 900), new Gated(bench, 0, 900)] as const;
    for (let part = 0; part < 3; part++) {
      await uploads[part % 2 === 0 ? 0 : 1].next();
      await uploads[part % 2 === 0 ? 1 : 0].next();
    }
    const answers = [await uploads[0].finish(), await uploads[1].finish()];
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
    expect(await bench.problems(900)).to.deep.equal([]);
    const saved = bench.events.flatMap((event) => (event.kind === 'entries' ? [event.nextEntry] : []));
    expect(saved).to.deep.equal([...saved].sort((a, b) => a - b));
  });

  it('lets a slow upload end as a repetition when a fast one has committed the same', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 600);
    const slow = new Gated(bench, 0, 600);
    await slow.next();
    expect((await bench.upload(0, 600)).status).to.equal(200);
    expect((await slow.finish()).status).to.equal(200);
    expect(await bench.problems(600)).to.deep.equal([]);
  });

  it('SPEC “the mirror MUST NOT rewind the checkpoint”: a slow upload to a smaller size is answered 409', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 300);
    const slow = new Gated(bench, 0, 300);
    await slow.next();
    await bench.pend(300, 700);
    expect((await bench.upload(0, 700)).status).to.equal(200);
    const answer = await slow.finish();
    expect([answer.status, bodyText(answer)]).to.deep.equal([409, '700\n700\n\n']);
    expect(await bench.problems(700)).to.deep.equal([]);
  });

  it('control: without the look at the latest checkpoint only a broken invariant stops it', async () => {
    const bench = await MirrorBench.open(forgetful(memoryStores()), ED25519_ONLY);
    await bench.pend(0, 300);
    const slow = new Gated(bench, 0, 300);
    await slow.next();
    await bench.pend(300, 700);
    await bench.upload(0, 700);
    const failure = await slow.finish().catch((error: Error) => error.message);
    expect(failure).to.include('invariant');
  });

  it('moves up to the end of an upload when another committed less in between', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 300);
    await bench.pend(300, 700);
    const slow = new Gated(bench, 0, 700);
    await slow.next();
    await slow.next();
    expect((await bench.upload(256, 300)).status).to.equal(200);
    expect((await slow.finish()).status).to.equal(200);
    expect(await bench.problems(700)).to.deep.equal([]);
  });

  it('does not care that the pending checkpoint moves on during an upload', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 600);
    const slow = new Gated(bench, 0, 600);
    await slow.next();
    await bench.pend(600, 900);
    expect((await slow.finish()).status).to.equal(200);
    expect(await bench.problems(600)).to.deep.equal([]);
  });

  it('SPEC “if one client begins an add-entries stream but pauses it”: the others go on', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 600);
    const paused = Array.from({ length: 10 }, () => new Gated(bench, 0, 600));
    for (const upload of paused) await upload.next();
    expect((await bench.upload(0, 600)).status).to.equal(200);
    for (const upload of paused) expect((await upload.finish()).status).to.equal(200);
    expect(await bench.problems(600)).to.deep.equal([]);
  });

  it('a body cut off after a concurrent upload went further advertises the true next entry', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 900);
    const slow = new Gated(bench, 0, 900);
    await slow.next();
    await slow.next();
    await bench.upload(0, 900, { packages: 3 });
    const cut = bench.upload(0, 900, { packages: 1 });
    expect(parseMirrorInfo(utf8Encode(bodyText(await cut)))).to.include({ size: 900, nextEntry: 768 });
    await slow.finish();
  });

  it('serves every tile of the served checkpoint while it grows and forgets narrower tiles', async () => {
    const bench = await MirrorBench.open(memoryStores(), ED25519_ONLY);
    const hash = originHash(ORIGIN);
    let growing = true;
    let read = 0;
    const reading = (async () => {
      while (growing) {
        for (const tile of tilesForSize((await bench.servedSize()) ?? 0)) {
          const bytes = await bench.mirror.readTile(hash, tile);
          if (bytes === undefined) return formatTilePath(tile);
          read++;
        }
        await undefined;
      }
      return undefined;
    })();
    let size = 0;
    for (const next of [1, 2, 40, 254, 256, 257, 258, 300, 511, 512, 514]) {
      await bench.mirrorTo(size, next);
      size = next;
    }
    growing = false;
    expect(await reading).to.equal(undefined);
    expect(read).to.be.greaterThan(20);
  });

  it('10 random crowds of clients: the mirror checkpoint never goes back, and the copy is the log', async () => {
    const client = fc.record({ start: fc.nat(600), end: fc.constantFrom(200, 300, 513, 600), packages: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(client, { minLength: 2, maxLength: 6 }), async (clients) => {
        const bench = await MirrorBench.open(memoryStores(), ED25519_ONLY);
        for (const [from, to] of [
          [0, 200],
          [200, 300],
          [300, 513],
          [513, 600],
        ] as const) {
          await bench.pend(from, to);
        }
        const answers = await Promise.all(
          clients.map(({ start, end, packages }) => bench.upload(Math.min(start, end), end, { packages })),
        );
        for (const { status } of answers) expect([200, 202, 400, 409]).to.include(status);
        const cosigned = bench.events.flatMap((event) => (event.kind === 'cosigned' ? [event.size] : []));
        expect(cosigned).to.deep.equal([...cosigned].sort((a, b) => a - b));
        const served = await bench.servedSize();
        if (served !== undefined) expect(await bench.problems(served)).to.deep.equal([]);
        const nextEntry = await bench.nextEntry();
        expect((await bench.upload(nextEntry, 600)).status).to.equal(200);
        expect(await bench.problems(600)).to.deep.equal([]);
      }),
      { numRuns: 10 },
    );
  });
});

/** Stores whose mirror heads always look empty, and take any number. */
function forgetful(stores: KeyedStores): KeyedStores {
  return {
    ...stores,
    heads(prefix) {
      const heads = stores.heads(prefix);
      if (!prefix.startsWith('mirror-')) return heads;
      return { ...heads, latest: async () => undefined, create: async () => true };
    },
  };
}
