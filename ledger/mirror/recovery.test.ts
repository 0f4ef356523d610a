// A mirror cosigns only what it durably holds: a crash at every single effect, restarts in the middle, stores that lost or changed bytes.

import { expect } from 'chai';
import { formatTilePath, tilesForSize } from '../core/tile.ts';
import { FaultPlan, MemoryDisk, memoryStores } from '../store/memory.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { originHash } from '../witness/request.ts';
import { bodyText, ORIGIN } from '../witness/testing.ts';
import { edgeRoot } from './edge.ts';
import { ARBITRATION, LOG, MirrorBench } from './testing.ts';

const ED25519_ONLY = ARBITRATION.slice(0, 1);
const HASH = originHash(ORIGIN);

type Step = (bench: MirrorBench) => Promise<ProtocolAnswer>;

/** From nothing to the first checkpoint and the next one in the same bundle. */
const FIRST: readonly Step[] = [
  (bench) => bench.pend(0, 3),
  (bench) => bench.upload(0, 3),
  (bench) => bench.mirrorTo(3, 5),
];

/** Over a bundle border, in two uploads; then the same checkpoint again a second later. */
const OVER_A_BORDER: readonly Step[] = [
  (bench) => bench.pend(254, 258),
  (bench) => bench.upload(254, 258, { packages: 1 }),
  (bench) => bench.upload(256, 258),
  (bench) => {
    bench.clock.ms += 1000;
    return bench.upload(258, 258);
  },
];

/** What a client does that knows nothing: asks for size and next entry, and goes on from there. */
async function resume(bench: MirrorBench, size: number): Promise<number> {
  const conflict = bodyText(await bench.pend(size - 1, size));
  if (conflict !== '') await bench.pend(Number(conflict), size);
  return (await bench.upload(await bench.nextEntry(), size)).status;
}

async function rejection(running: Promise<unknown>): Promise<string> {
  return running.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** Runs the steps; `reached` follows the sizes whose cosignatures were answered. */
async function run(disk: MemoryDisk, faults: FaultPlan, steps: readonly Step[], reached: number[]): Promise<void> {
  const bench = await MirrorBench.open(memoryStores(disk, faults), ED25519_ONLY);
  for (const step of steps) {
    await step(bench);
    reached.push((await bench.servedSize()) ?? 0);
  }
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const [key, value] of disk.values) copy.values.set(key, value);
  return copy;
}

/** Lets the steps crash at each effect in turn, before and after it happened; opens again on the same disk, and resumes. */
async function crashEverywhere(start: MemoryDisk, steps: readonly Step[], resumeTo: number): Promise<number> {
  const counting = new FaultPlan();
  await run(copyOf(start), counting, steps, []);
  for (let at = 0; at < counting.count; at++) {
    for (const happened of [false, true]) {
      const where = `effect ${at}, ${happened ? 'its answer lost' : 'not happened'}`;
      const disk = copyOf(start);
      const reached: number[] = [];
      const crash = run(disk, new FaultPlan([{ at, happened }]), steps, reached);
      expect(await rejection(crash), where).to.match(/^(effect|the answer)/);

      const bench = await MirrorBench.open(memoryStores(disk), ED25519_ONLY);
      const served = await bench.servedSize();
      expect(served ?? 0, where).to.be.at.least(reached.at(-1) ?? 0);
      if (served !== undefined) expect(await bench.problems(served), where).to.deep.equal([]);
      bench.clock.ms += 10_000;
      expect(await resume(bench, resumeTo), where).to.equal(200);
      expect(await bench.problems(resumeTo), where).to.deep.equal([]);
    }
  }
  return counting.count;
}

describe('mirror: a crash at every effect', () => {
  it('from nothing: what was cosigned is served whole after a restart, and the client can go on', async () => {
    expect(await crashEverywhere(new MemoryDisk(), FIRST, 7)).to.be.greaterThan(20);
  });

  it('over a bundle border, in two uploads, and for fresh cosignatures', async function () {
    this.timeout(60_000);
    const disk = new MemoryDisk();
    await (await MirrorBench.open(memoryStores(disk), ED25519_ONLY)).mirrorTo(0, 254);
    expect(await crashEverywhere(disk, OVER_A_BORDER, 260)).to.be.greaterThan(20);
  });
});

describe('mirror: restarts', () => {
  it('finds full bundles behind the mirror checkpoint again', async () => {
    const bench = await MirrorBench.open();
    await bench.mirrorTo(0, 300);
    await bench.pend(300, 900);
    await bench.upload(300, 900, { packages: 2 });
    await bench.reopen();
    expect([await bench.servedSize(), await bench.nextEntry()]).to.deep.equal([300, 768]);
    expect((await bench.upload(768, 900)).status).to.equal(200);
    expect(await bench.problems(900)).to.deep.equal([]);
  });

  it('completes the first package of a resumed upload from the bundle of the checkpoint', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 900);
    await bench.upload(0, 900);
    await bench.reopen();
    await bench.pend(900, 1000);
    expect(await bench.nextEntry()).to.equal(900);
    expect((await bench.upload(900, 1000)).status).to.equal(200);
    expect(await bench.problems(1000)).to.deep.equal([]);
  });

  it('remembers pending checkpoints', async () => {
    const bench = await MirrorBench.open();
    await bench.pend(0, 300);
    await bench.pend(300, 600);
    await bench.reopen();
    expect((await bench.upload(0, 300)).status).to.equal(200);
    expect((await bench.upload(300, 600)).status).to.equal(200);
  });

  it('forgets the partial tiles that a commit widened, also when a crash came before', async () => {
    const disk = new MemoryDisk();
    const bench = await MirrorBench.open(memoryStores(disk), ED25519_ONLY);
    for (const [oldSize, size] of [
      [0, 5],
      [5, 9],
      [9, 300],
    ] as const) {
      await bench.mirrorTo(oldSize, size);
    }
    const names = (): string[] => [...disk.values.keys()].filter((key) => key.startsWith('tiles!')).sort();
    const needed = tilesForSize(300).map((tile) => `tiles!${HASH}!${formatTilePath(tile)}`);
    expect(names()).to.deep.equal(needed.sort());
    // What a crash between the checkpoint and the discarding leaves: the narrower tiles of the size before.
    const left = tilesForSize(9).map((tile) => [`tiles!${HASH}!${formatTilePath(tile)}`, new Uint8Array(1)] as const);
    for (const [name, bytes] of left) disk.values.set(name, bytes);
    await bench.reopen(ED25519_ONLY);
    expect(names()).to.deep.equal(needed);
  });
});

describe('mirror: nothing is kept or signed that was not proven', () => {
  it('keeps nothing of a package that fails, and the packages before it', async () => {
    const disk = new MemoryDisk();
    const bench = await MirrorBench.open(memoryStores(disk), ED25519_ONLY);
    await bench.pend(0, 600);
    const before = disk.values.size;
    expect((await bench.upload(0, 600, { proofSize: 700 })).status).to.equal(422);
    expect([await bench.nextEntry(), disk.values.size]).to.deep.equal([0, before]);
    const good = [...disk.values.keys()];
    expect((await bench.upload(0, 600, { packages: 1 })).status).to.equal(202);
    expect((await bench.upload(256, 600, { proofSize: 700 })).status).to.equal(422);
    expect([await bench.nextEntry(), disk.values.size]).to.deep.equal([256, good.length + 2]);
  });

  /** The names of all tiles on a disk, after two full packages were kept and nothing was committed. */
  async function halfway(): Promise<{ disk: MemoryDisk; bench: MirrorBench; tiles: string[] }> {
    const disk = new MemoryDisk();
    const bench = await MirrorBench.open(memoryStores(disk), ED25519_ONLY);
    await bench.pend(0, 600);
    await bench.upload(0, 600, { packages: 2 });
    return { disk, bench, tiles: [...disk.values.keys()].filter((key) => key.startsWith('tiles!')) };
  }

  function flip(disk: MemoryDisk, name: string): void {
    const bytes = disk.values.get(name) as Uint8Array;
    disk.values.set(
      name,
      bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
    );
  }

  it('SPEC “MUST NOT sign … until all entries are durably committed”: signs nothing when any stored tile changed', async () => {
    const { tiles } = await halfway();
    expect(tiles).to.have.length(4);
    for (const name of tiles) {
      const { disk, bench } = await halfway();
      flip(disk, name);
      expect(await rejection(bench.upload(512, 600)), name).to.match(
        /invariant|bundle-malformed|ends inside|bytes after/,
      );
      expect((await bench.served()).status).to.equal(404);
      expect(await memoryStores(disk).heads(`mirror-${HASH}`).latest()).to.equal(undefined);
    }
  });

  it('control: the root of the tiles alone does not notice a changed entry', async () => {
    const { disk, tiles } = await halfway();
    const bundle = tiles.find((name) => name.includes('/entries/')) as string;
    const tileStore = memoryStores(disk).tiles(HASH);
    await (await MirrorBench.open(memoryStores(disk), ED25519_ONLY)).upload(512, 600);
    flip(disk, bundle);
    expect(await edgeRoot(tileStore, 600)).to.deep.equal(LOG.root(0, 600));
  });

  it('refuses to start when its pending checkpoints went back behind the mirror checkpoint', async () => {
    const bench = await MirrorBench.open(memoryStores(), ED25519_ONLY);
    await bench.mirrorTo(0, 5);
    const stores = bench.stores;
    bench.stores = {
      ...stores,
      heads: (prefix) => (prefix.startsWith('pending-') ? memoryStores().heads(prefix) : stores.heads(prefix)),
    };
    expect(await rejection(bench.reopen(ED25519_ONLY))).to.include('went back');
  });

  it('refuses to start when the tiles do not lead to the mirror checkpoint any more', async () => {
    for (const tile of tilesForSize(600).filter(({ level, width }) => level !== 'entries' && width < 256)) {
      const disk = new MemoryDisk();
      const bench = await MirrorBench.open(memoryStores(disk), ED25519_ONLY);
      await bench.mirrorTo(0, 600);
      const name = `tiles!${HASH}!${formatTilePath(tile)}`;
      flip(disk, name);
      expect(await rejection(bench.reopen(ED25519_ONLY)), name).to.include('invariant');
      disk.values.delete(name);
      expect(await rejection(bench.reopen(ED25519_ONLY)), name).to.include('invariant');
    }
  });
});
