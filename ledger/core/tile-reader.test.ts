/** Authenticated reading: everything read is right, and nothing is returned that the head does not commit to. */
import { expect } from 'chai';
import { LedgerError } from './errors.ts';
import { EMPTY_ROOT } from './hash.ts';
import { checkConsistency, checkInclusion, checkSubtreeConsistency, isSubtree } from './proof.ts';
import { appendLeaf, type CompactRange, EMPTY_RANGE, rangeRoot } from './range.ts';
import { flipped, subtreesOf, TestTree, type Verdict, verdictOf } from './testing.ts';
import { formatTilePath, type Tile, tilesForSize } from './tile.ts';
import { type FetchTile, TileReader } from './tile-reader.ts';

const LARGE = 70_000;
const large = new TestTree(LARGE);
const SIZES = [1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, LARGE];

/** What came of reading a tree when one tile has a bit of one byte turned on the way. */
function readWithByteTurned(tree: TestTree, tile: Tile, at: number): Promise<Verdict> {
  const path = formatTilePath(tile);
  const { fetch } = spied(tree, (got, bytes) => (formatTilePath(got) === path ? flipped(bytes, at, at % 8) : bytes));
  return verdictOf(() => new TileReader(tree.head(), fetch).subtree(0, 2));
}

/** Counts what is fetched, and lets a test change it on the way. */
function spied(tree: TestTree, change: (tile: Tile, bytes: Uint8Array) => Uint8Array = (_, bytes) => bytes) {
  const fetched: string[] = [];
  const fetch: FetchTile = async (tile) => {
    fetched.push(formatTilePath(tile));
    return change(tile, await tree.fetch(tile));
  };
  return { fetched, fetch };
}

describe('tile reader', () => {
  it('agrees with the definition and the compact range at sizes around tile edges', async () => {
    let range: CompactRange = EMPTY_RANGE;
    for (const size of SIZES) {
      for (const leaf of large.leaves.slice(range.size, size)) range = appendLeaf(range, leaf);
      const head = large.head(size);
      expect(rangeRoot(range), String(size)).to.deep.equal(head.root);
      const reader = new TileReader(head, large.fetch);
      expect(await reader.subtree(0, size)).to.deep.equal(head.root);
      expect(await reader.range(size)).to.deep.equal(range);
      expect(rangeRoot(await reader.range(Math.floor(size / 2)))).to.deep.equal(large.root(0, Math.floor(size / 2)));
    }
  });

  it('builds proofs that the checks accept', async () => {
    for (const size of SIZES) {
      const { root } = large.head(size);
      const reader = new TileReader({ size, root }, large.fetch);
      for (const index of new Set([0, Math.floor(size / 3), Math.floor(size / 2), size - 1])) {
        const leaf = await reader.leaf(index);
        expect(leaf).to.deep.equal(large.leaves[index]);
        checkInclusion(await reader.inclusionProof(index), index, size, leaf, root);
        const proof = await reader.consistencyProof(index);
        checkConsistency(proof, index, size, large.root(0, index), root);
        const [lo, hi] = [Math.floor(index / 256) * 256, index + 1];
        const subtree = await reader.subtree(lo, hi);
        checkSubtreeConsistency(await reader.subtreeProof(lo, hi), lo, hi, size, subtree, root);
      }
    }
  });

  it('builds proofs for every smaller size from the tiles of a larger head', async () => {
    const reader = new TileReader(large.head(600), large.fetch);
    for (const size of [1, 2, 255, 256, 257, 511, 512, 599, 600]) {
      const root = large.root(0, size);
      checkInclusion(await reader.inclusionProof(size - 1, size), size - 1, size, await reader.leaf(size - 1), root);
      checkConsistency(await reader.consistencyProof(1, size), 1, size, large.root(0, 1), root);
      checkSubtreeConsistency(await reader.subtreeProof(0, 1, size), 0, 1, size, large.root(0, 1), root);
    }
  });

  it('reads every subtree of a small tree, also those that are no node of it', async () => {
    const reader = new TileReader(large.head(70), large.fetch);
    for (const [lo, hi] of subtreesOf(70)) expect(await reader.subtree(lo, hi)).to.deep.equal(large.root(lo, hi));
    expect(await reader.subtree(0, 0)).to.deep.equal(EMPTY_ROOT);
  });

  it('reads entries across bundles', async () => {
    const reader = new TileReader(large.head(), large.fetch);
    for (const [lo, hi] of [
      [0, 0],
      [0, 1],
      [255, 257],
      [0, 600],
      [LARGE - 300, LARGE],
    ] as const) {
      expect(await reader.entries(lo, hi)).to.deep.equal(large.entries.slice(lo, hi));
    }
  });

  it('refuses ranges that the tree does not have', async () => {
    const reader = new TileReader(large.head(600), large.fetch);
    for (const [lo, hi] of [
      [0, 601],
      [-1, 1],
      [1, 3],
      [600, 601],
      [0.5, 1],
      [2, 1],
    ] as const) {
      expect(isSubtree(lo, hi) && hi <= 600).to.equal(false);
      expect(await verdictOf(() => reader.subtree(lo, hi)), `[${lo}, ${hi})`).to.equal('proof-malformed');
    }
    for (const [lo, hi] of [
      [0, 601],
      [-1, 1],
      [2, 1],
      [0, 0.5],
    ] as const) {
      expect(await verdictOf(() => reader.entries(lo, hi)), `[${lo}, ${hi})`).to.equal('proof-malformed');
    }
    expect(await verdictOf(() => reader.leaf(600))).to.equal('proof-malformed');
    expect(await verdictOf(() => reader.inclusionProof(0, 601))).to.equal('proof-malformed');
    expect(await verdictOf(() => reader.consistencyProof(601, 602))).to.equal('proof-malformed');
    // An empty proof too is about trees that the head commits to.
    for (const read of [() => reader.consistencyProof(0, 601), () => reader.consistencyProof(700, 700)]) {
      expect(await verdictOf(read)).to.equal('proof-malformed');
    }
    for (const size of [601, -1, 0.5, Number.POSITIVE_INFINITY])
      expect(await verdictOf(() => reader.range(size))).to.equal('proof-malformed');
  });

  it('refuses a tile with any byte changed', async () => {
    for (const size of [3, 258]) {
      const small = new TestTree(size);
      for (const tile of tilesForSize(size).filter(({ level }) => level !== 'entries')) {
        // A full tile by samples, all of its bytes in the slow suite; partial tiles byte by byte.
        for (let at = 0; at < tile.width * 32; at += tile.width === 256 ? 251 : 1) {
          const path = formatTilePath(tile);
          const expected = tile.width < 256 ? 'root-mismatch' : 'tile-bad';
          expect(await readWithByteTurned(small, tile, at), `${path} byte ${at}`).to.equal(expected);
        }
      }
    }
  });

  it('refuses an entry bundle with any byte changed', async () => {
    const small = new TestTree(5);
    const bundle: Tile = { level: 'entries', index: 0, width: 5 };
    for (let at = 0; at < (await small.fetch(bundle)).length; at++) {
      const { fetch } = spied(small, (tile, bytes) => (tile.level === 'entries' ? flipped(bytes, at, at % 8) : bytes));
      const verdict = await verdictOf(() => new TileReader(small.head(), fetch).entries(0, 5));
      expect(verdict, `byte ${at}`).to.be.oneOf(['tile-bad', 'bundle-malformed']);
    }
  });

  it('refuses tiles and bundles that are too short, too long or another tile', async () => {
    const head = large.head(600);
    const changes: [expected: string, change: (tile: Tile, bytes: Uint8Array) => Uint8Array][] = [
      ['tile-malformed', (_, bytes) => bytes.subarray(1)],
      ['tile-malformed', (_, bytes) => bytes.subarray(32)],
      ['tile-malformed', (_, bytes) => Uint8Array.of(...bytes, ...EMPTY_ROOT)],
      ['tile-malformed', () => Uint8Array.of()],
      ['tile-bad', (tile, bytes) => (tile.width === 256 ? bytes.toReversed() : bytes)],
    ];
    for (const [expected, change] of changes) {
      const reader = new TileReader(head, spied(large, change).fetch);
      expect(await verdictOf(() => reader.leaf(0))).to.equal(expected);
    }
    const swapped: FetchTile = (tile) =>
      large.fetch(tile.level === 0 && tile.width === 256 ? { ...tile, index: 1 - tile.index } : tile);
    expect(await verdictOf(() => new TileReader(head, swapped).leaf(0))).to.equal('tile-bad');
    const cut: FetchTile = async (tile) => (await large.fetch(tile)).subarray(tile.level === 'entries' ? 1 : 0);
    expect(await verdictOf(() => new TileReader(head, cut).entries(0, 1))).to.be.oneOf([
      'bundle-malformed',
      'tile-bad',
    ]);
  });

  it('refuses a head whose root is another, before anything is read from full tiles', async () => {
    for (const size of [1, 255, 256, 257, 65_536, LARGE]) {
      const head = { size, root: flipped(large.head(size).root, 3) };
      const reader = new TileReader(head, large.fetch);
      for (const read of [() => reader.leaf(0), () => reader.entries(0, 1), () => reader.range(size)]) {
        expect(await verdictOf(read), `${size}`).to.equal('root-mismatch');
      }
      // A tree of one leaf has an empty proof, read from nowhere; whoever checks it against the head sees the mismatch.
      const proof = await verdictOf(() => reader.inclusionProof(size - 1));
      expect(proof, `${size}`).to.equal(size === 1 ? 'accepted' : 'root-mismatch');
    }
  });

  it('returns nothing of a tile that changes in the fetcher’s hands after the check', async () => {
    const kept = new Map<string, Uint8Array>();
    const fetch: FetchTile = async (tile) => {
      const bytes = await large.fetch(tile);
      kept.set(formatTilePath(tile), bytes);
      return bytes;
    };
    const reader = new TileReader(large.head(600), fetch);
    const entries = await reader.entries(0, 3);
    await reader.leaf(0);
    for (const bytes of kept.values()) bytes.fill(0);
    expect(entries).to.deep.equal(large.entries.slice(0, 3));
    expect(await reader.leaf(1)).to.deep.equal(large.leaves[1]);
    expect(await reader.leaf(599)).to.deep.equal(large.leaves[599]);
  });

  it('fetches the right edge once, a tile asked for twice at once only once, and a checked tile not again', async () => {
    const { fetched, fetch } = spied(large);
    const reader = new TileReader(large.head(), fetch);
    await Promise.all([reader.leaf(0), reader.leaf(1), reader.inclusionProof(7)]);
    await reader.leaf(2);
    expect(new Set(fetched).size).to.equal(fetched.length);
    expect(fetched).to.include('tile/0/000').and.not.include('tile/0/001');
  });

  it('keeps at most 64 checked tiles, the last used', async () => {
    const { fetched, fetch } = spied(large);
    const reader = new TileReader(large.head(), fetch);
    for (let tile = 0; tile < 80; tile++) {
      await reader.leaf(0); // used again and again: stays
      await reader.leaf(tile * 256);
    }
    expect(fetched.filter((path) => path === 'tile/0/000')).to.have.length(1);
    const before = fetched.length;
    await reader.leaf(1 * 256);
    expect(fetched.length).to.equal(before + 1);
  });

  it('can be asked again after a failure, and passes on what the fetcher throws', async () => {
    let broken = true;
    const fetch: FetchTile = async (tile) => {
      if (broken) throw new TypeError('network');
      return large.fetch(tile);
    };
    const reader = new TileReader(large.head(600), fetch);
    for (const read of [() => reader.leaf(0), () => reader.leaf(599), () => reader.entries(0, 1)]) {
      const error = await read().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(TypeError).and.not.instanceOf(LedgerError);
    }
    broken = false;
    expect(await reader.leaf(0)).to.deep.equal(large.leaves[0]);
    expect(await reader.entries(599, 600)).to.deep.equal([large.entries[599]]);
  });

  it('does not keep a refused tile', async () => {
    let lies = true;
    const { fetch } = spied(large, (tile, bytes) =>
      lies && tile.level === 0 && tile.width === 256 ? flipped(bytes, 0) : bytes,
    );
    const reader = new TileReader(large.head(600), fetch);
    expect(await verdictOf(() => reader.leaf(0))).to.equal('tile-bad');
    lies = false;
    expect(await reader.leaf(0)).to.deep.equal(large.leaves[0]);
  });
});
