// One step of the tree: both ways agree for every shape, and a bit that flips anywhere between them is found before signing.

import { expect } from 'chai';
import { concat, equal } from '../core/bytes.ts';
import { leafHash, treeRoot } from '../core/hash.ts';
import { rangeRoot } from '../core/range.ts';
import { newTiles } from '../core/tile.ts';
import { ORIGIN } from '../witness/testing.ts';
import type { Pooled } from './pool.ts';
import { receivedMsOf } from './pool.ts';
import { seal, type Tip } from './sequencer.ts';
import { buildStep, checkStep, EMPTY_TREE, edgeRoot, type Step, type Tree } from './step.ts';
import { World } from './testing.ts';

const world = new World({ courts: 0 });

function pooled(count: number): Pooled[] {
  return Array.from({ length: count }, () => {
    const entry = world.entry();
    const ignore = () => undefined;
    return { entry, leaf: leafHash(entry), receivedMs: receivedMsOf(entry), resolve: ignore, reject: ignore };
  });
}

/** Entry after entry as leaf hashes, grown in steps of these sizes. */
function grow(steps: readonly number[]): { tree: Tree; leaves: Uint8Array[] } {
  let tree = EMPTY_TREE;
  const leaves: Uint8Array[] = [];
  for (const count of steps) {
    const batch = pooled(count);
    const step = buildStep(tree, batch);
    const size = tree.range.size;
    leaves.push(...batch.map(({ leaf }) => leaf));
    expect(equal(checkStep(tree, batch, step, 0), treeRoot(leaves))).to.equal(true);
    expect(step.tiles.map(({ tile }) => tile)).to.deep.equal(newTiles(size, size + count));
    tree = step.tree;
  }
  return { tree, leaves };
}

describe('step', () => {
  it('gives the root by definition, whatever the steps', () => {
    grow([0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 24]); // ends at 256
    grow([255, 1, 1, 254, 1, 257]);
    grow([256, 256, 1]);
    grow([1000, 24, 600]);
  });

  it('derives the root of every size from the right edge alone', () => {
    let tree = EMPTY_TREE;
    const leaves: Uint8Array[] = [];
    for (let size = 0; size < 270; size++) {
      expect(equal(edgeRoot(size, tree.edge), treeRoot(leaves)), `size ${size}`).to.equal(true);
      const batch = pooled(1);
      leaves.push(...batch.map(({ leaf }) => leaf));
      tree = buildStep(tree, batch).tree;
    }
  });

  it('carries hashes up through three levels', () => {
    // Hash tiles of made-up hashes: the shape is what counts, and 65,536 entries would only take longer.
    const hashes = (count: number) => concat(...Array.from({ length: count }, (_, i) => leafHash(new Uint8Array([i]))));
    const edge = new Map<number | 'entries', Uint8Array>([
      [0, hashes(7)],
      [2, hashes(3)],
    ]);
    const nodes = (count: number) => Array.from({ length: count }, (_, i) => leafHash(new Uint8Array([i])));
    const size = 3 * 65_536 + 7;
    expect(equal(edgeRoot(size, edge), treeRoot([...nodes(3), treeRoot(nodes(7))]))).to.equal(true);
    expect(() => edgeRoot(size + 1, edge)).to.throw('invariant');
  });
});

describe('seal', () => {
  const { tree } = grow([300]);

  /** A tip of 300 entries and a batch that completes the second tile. */
  function setUp(): {
    tip: Tip;
    batch: Pooled[];
    signed: number;
    sealWith: (build: typeof buildStep) => Promise<unknown>;
  } {
    const tip: Tip = { number: 1, record: new Uint8Array(1), head: undefined, sealedMs: 0, receivedMs: 0, tree };
    const batch = pooled(300);
    const state = { tip, batch, signed: 0, sealWith: (build: typeof buildStep) => seal(log, tip, batch, 0, build) };
    const log = {
      origin: ORIGIN,
      signer: {
        key: world.signer.key,
        sign: (message: Uint8Array) => {
          state.signed += 1;
          return world.signer.sign(message);
        },
      },
    };
    return state;
  }

  const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const flipTile = (step: Step, index: number): Step => ({
    ...step,
    tiles: step.tiles.map(({ tile, bytes }, i) => ({
      tile,
      bytes: i === index ? flip(bytes, bytes.length - 40) : bytes,
    })),
  });

  const corruptions: Record<string, (step: Step) => Step> = {
    'a bit of the full entry bundle': (step) => flipTile(step, 0),
    'a bit of the partial entry bundle': (step) => flipTile(step, 1),
    'a bit of the full hash tile': (step) => flipTile(step, 2),
    'a bit of the partial hash tile': (step) => flipTile(step, 3),
    'a bit of the tile above': (step) => flipTile(step, 4),
    'a tile left out': (step) => ({ ...step, tiles: step.tiles.slice(1) }),
    'a tile too many': (step) => ({ ...step, tiles: [...step.tiles, step.tiles[0] as Step['tiles'][0]] }),
    'a bit of the compact range': (step) => ({
      ...step,
      tree: {
        ...step.tree,
        range: { ...step.tree.range, hashes: step.tree.range.hashes.map((hash) => flip(hash, 3)) },
      },
    }),
    'the size of the compact range': (step) => ({
      ...step,
      tree: { ...step.tree, range: { ...step.tree.range, size: step.tree.range.size + 1 } },
    }),
    'a bit of the remembered edge': (step) => ({
      ...step,
      tree: { ...step.tree, edge: new Map([...step.tree.edge].map(([level, bytes]) => [level, flip(bytes, 5)])) },
    }),
  };
  for (const [name, corrupt] of Object.entries(corruptions)) {
    it(`never signs over ${name}`, async () => {
      const state = setUp();
      const error = await state.sealWith((tree, batch) => corrupt(buildStep(tree, batch))).catch((thrown) => thrown);
      expect(error).to.be.instanceOf(Error);
      expect(state.signed).to.equal(0);
    });
  }

  it('never signs over an entry or a leaf hash that changed after it was accepted', async () => {
    for (const name of ['entry', 'leaf'] as const) {
      const state = setUp();
      for (const at of [0, 150, 299]) {
        const original = state.batch[at] as Pooled;
        // In the commitment's digits, so that the entry still parses.
        const bytes = original[name].map((byte, i) => (i === 20 ? (byte === 0x31 ? 0x32 : 0x31) : byte));
        state.batch[at] = { ...original, [name]: bytes };
        expect(await state.sealWith(buildStep).catch((thrown) => thrown)).to.be.instanceOf(Error);
        state.batch[at] = original;
      }
      expect(state.signed).to.equal(0);
    }
  });

  it('never signs received times that decrease', async () => {
    const state = setUp();
    world.clock.ms += 1;
    state.batch.splice(0, 1, ...pooled(1));
    expect(await state.sealWith(buildStep).catch((thrown) => thrown)).to.be.instanceOf(Error);
    expect(state.signed).to.equal(0);
  });

  it('never hands on a signature that does not verify', async () => {
    const { tip, batch } = setUp();
    const signer = { key: world.signer.key, sign: async (m: Uint8Array) => flip(await world.signer.sign(m), 9) };
    const error = await seal({ origin: ORIGIN, signer }, tip, batch, 0).catch((thrown) => thrown);
    expect(error).to.have.property('code', 'signature-bad');
  });

  it('signs once when nothing is wrong; the compact range alone would give the wrong root (control)', async () => {
    const state = setUp();
    await state.sealWith(buildStep);
    expect(state.signed).to.equal(1);
    const { tip, batch } = state;
    const wrong = { ...(batch[0] as Pooled), leaf: flip((batch[0] as Pooled).leaf, 20) };
    const step = buildStep(tip.tree, [wrong, ...batch.slice(1)]);
    const right = buildStep(tip.tree, batch);
    expect(equal(rangeRoot(step.tree.range), rangeRoot(right.tree.range))).to.equal(false);
    expect(equal(rangeRoot(step.tree.range), edgeRoot(600, step.tree.edge))).to.equal(true);
  });
});
