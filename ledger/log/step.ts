// One step of the tree: what a batch of entries adds to it, computed by one way and checked by another before anything is signed.
// `buildStep` appends leaf by leaf to a compact range; `checkStep` starts from the bytes that will be stored and derives all again,
// from entry bundles over every hash tile up to the root. A bit that flips in memory between the two is found here.
// Does not sign, store or read.

import { formatBundle, parseBundle } from '../core/bundle.ts';
import { concat, equal } from '../core/bytes.ts';
import { EMPTY_ROOT, type Hash, leafHash, treeRoot } from '../core/hash.ts';
import { HASH_BYTES, TILE_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { appendLeaf, type CompactRange, EMPTY_RANGE, rangeRoot } from '../core/range.ts';
import { formatTilePath, newTiles, type Tile, tileRoot } from '../core/tile.ts';
import { checkPooled, type Pooled } from './pool.ts';
import type { StagedTile } from './staging.ts';

/** What appending needs to know of a tree: its compact range, and the bytes of the partial tile of each level (and of the bundle). */
export interface Tree {
  readonly range: CompactRange;
  readonly edge: ReadonlyMap<Tile['level'], Uint8Array>;
}

/** The tree without entries. */
export const EMPTY_TREE: Tree = { range: EMPTY_RANGE, edge: new Map() };

/** What appending needs to know of an entry. */
type Appended = Pick<Pooled, 'entry' | 'leaf'>;

/** The tree after a batch, and the tiles that this creates or widens. */
export interface Step {
  readonly tree: Tree;
  readonly tiles: readonly StagedTile[];
}

const NO_BYTES = new Uint8Array(0);

/** Appends a batch. */
export function buildStep(tree: Tree, batch: readonly Appended[]): Step {
  const edge = new Map<Tile['level'], Uint8Array>();
  const tiles: StagedTile[] = [];
  const size = tree.range.size;
  if (batch.length > 0) growBundles(tree, batch, edge, tiles);
  let added: readonly Hash[] = batch.map(({ leaf }) => leaf);
  for (let level = 0, before = size; before + added.length > 0; level++, before = Math.floor(before / TILE_WIDTH)) {
    added = growLevel(level, before, concat(tree.edge.get(level) ?? NO_BYTES, ...added), added.length > 0, edge, tiles);
  }
  const range = batch.reduce((grown, { leaf }) => appendLeaf(grown, leaf), tree.range);
  return { tree: { range, edge }, tiles };
}

function growBundles(
  tree: Tree,
  batch: readonly Appended[],
  edge: Map<Tile['level'], Uint8Array>,
  tiles: StagedTile[],
): void {
  const { size } = tree.range;
  const newSize = size + batch.length;
  for (let index = Math.floor(size / TILE_WIDTH); index * TILE_WIDTH < newSize; index++) {
    const start = index * TILE_WIDTH;
    const old = start < size ? (tree.edge.get('entries') ?? NO_BYTES) : NO_BYTES;
    const added = batch.slice(Math.max(0, start - size), start - size + TILE_WIDTH).map(({ entry }) => entry);
    const bytes = concat(old, formatBundle(added));
    const width = Math.min(TILE_WIDTH, newSize - start);
    tiles.push({ tile: { level: 'entries', index, width }, bytes });
    if (width < TILE_WIDTH) edge.set('entries', bytes);
  }
}

/** Cuts the hashes of a level, from its last partial tile on, into tiles; returns the hashes that this adds to the level above. */
function growLevel(
  level: number,
  before: number,
  bytes: Uint8Array,
  grown: boolean,
  edge: Map<Tile['level'], Uint8Array>,
  tiles: StagedTile[],
): Hash[] {
  const above: Hash[] = [];
  const first = Math.floor(before / TILE_WIDTH);
  for (let at = 0; at < bytes.length; at += TILE_BYTES) {
    const tileBytes = bytes.slice(at, at + TILE_BYTES);
    const tile: Tile = { level, index: first + at / TILE_BYTES, width: tileBytes.length / HASH_BYTES };
    if (grown) tiles.push({ tile, bytes: tileBytes });
    if (tile.width === TILE_WIDTH) above.push(tileRoot(tileBytes));
    else edge.set(level, tileBytes);
  }
  return above;
}

/**
 * Derives the step again, from the bytes that will be stored.
 * @param previousReceivedMs received time of the entry before the batch
 * @returns the root hash to sign
 * @throws a plain Error, "invariant: …", when anything differs: then nothing may be signed
 */
export function checkStep(tree: Tree, batch: readonly Pooled[], step: Step, previousReceivedMs: number): Hash {
  let lastMs = previousReceivedMs;
  for (const pooled of batch) {
    checkPooled(pooled, lastMs);
    lastMs = pooled.receivedMs;
  }
  const oldSize = tree.range.size;
  const newSize = oldSize + batch.length;
  const expected = newTiles(oldSize, newSize).map(formatTilePath).join();
  ensure(step.tiles.map(({ tile }) => formatTilePath(tile)).join() === expected, 'a step has exactly the new tiles');
  const bytesOf = new Map(step.tiles.map(({ tile, bytes }) => [`${tile.level}/${tile.index}`, bytes]));
  for (const { tile, bytes } of step.tiles) {
    if (tile.level === 'entries') checkBundle(tile, bytes, batch, oldSize, bytesOf);
    else if (tile.width === TILE_WIDTH) checkParent(tile as Tile & { level: number }, bytes, bytesOf);
  }
  const root = edgeRoot(newSize, step.tree.edge);
  for (const [level, bytes] of step.tree.edge) {
    const stored = bytesOf.get(`${level}/${edgeIndex(newSize, level)}`);
    ensure(stored === undefined || equal(stored, bytes), 'the remembered edge is what is stored');
  }
  ensure(step.tree.range.size === newSize, 'a step grows the tree by its batch');
  ensure(equal(rangeRoot(step.tree.range), root), 'two ways to the root agree');
  return root;
}

/** The bundle ends in the batch's own bytes, and hashes to its level-0 tile. */
function checkBundle(
  tile: Tile,
  bytes: Uint8Array,
  batch: readonly Pooled[],
  oldSize: number,
  bytesOf: ReadonlyMap<string, Uint8Array>,
): void {
  const entries = parseBundle(bytes, tile.width);
  entries.forEach((entry, i) => {
    const pooled = batch[tile.index * TILE_WIDTH + i - oldSize];
    ensure(pooled === undefined || equal(entry, pooled.entry), 'a bundle holds the entries that came in');
  });
  const hashes = bytesOf.get(`0/${tile.index}`) ?? NO_BYTES;
  ensure(equal(concat(...entries.map(leafHash)), hashes), 'a bundle hashes to its level-0 tile');
}

/** The root of a full tile stands at its place in the tile above. */
function checkParent(
  tile: Tile & { level: number },
  bytes: Uint8Array,
  bytesOf: ReadonlyMap<string, Uint8Array>,
): void {
  const parent = bytesOf.get(`${tile.level + 1}/${Math.floor(tile.index / TILE_WIDTH)}`) ?? NO_BYTES;
  const at = (tile.index % TILE_WIDTH) * HASH_BYTES;
  const root = treeRoot(splitHashes(bytes));
  ensure(equal(root, parent.subarray(at, at + HASH_BYTES)), 'a full tile hashes into the tile above');
}

/**
 * Root of the tree of `size`, from the partial tiles on its right edge alone: level by level upwards, what lies to the right
 * of a level's last full node counts as one more node of that level, because RFC 6962 splits at the largest power of two.
 * @throws a plain Error when a partial tile does not have the width that the size asks for
 */
export function edgeRoot(size: number, edge: ReadonlyMap<Tile['level'], Uint8Array>): Hash {
  let right: Hash | undefined;
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const nodes = splitHashes(edge.get(level) ?? NO_BYTES);
    ensure(nodes.length === hashes % TILE_WIDTH, 'the edge is as wide as the size asks for');
    if (right !== undefined) nodes.push(right);
    if (nodes.length > 0) right = treeRoot(nodes);
  }
  return right ?? EMPTY_ROOT;
}

/** Index of the partial tile of a level in a tree of `size`. */
export function edgeIndex(size: number, level: Tile['level']): number {
  return Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 1 : level + 1));
}

/** The partial tiles and the partial bundle on the right edge of a tree of `size`. */
export function edgeTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH;
    if (width > 0) tiles.push({ level, index: edgeIndex(size, level), width });
  }
  const width = size % TILE_WIDTH;
  return width > 0 ? [{ level: 'entries', index: edgeIndex(size, 'entries'), width }, ...tiles] : tiles;
}

function splitHashes(bytes: Uint8Array): Hash[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

function ensure(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${invariant}`);
}
