// Authenticated reading of a tiled log: every hash and entry returned has been checked against one head. c2sp.org/tlog-tiles.
//
// The partial tiles of all levels are together the right edge of the tree: their hashes give its root, which must be the head's.
// Every full tile is checked by its hash in the tile above, every bundle by its level-0 tile. So stores, caches and mirrors need
// no trust, and only checked tiles are kept. Who signed the head is the caller's concern.

import { parseBundle } from './bundle.ts';
import { equal } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { type Hash, leafHash } from './hash.ts';
import { HASH_BYTES, TILE_WIDTH } from './limits.ts';
import {
  consistencySubtrees,
  inclusionSubtrees,
  isSubtree,
  type Subtree,
  subtreeConsistencySubtrees,
} from './proof.ts';
import { type CompactRange, foldRoots } from './range.ts';
import { formatTilePath, type Tile, tileNodes } from './tile.ts';

/** The tree that everything read is checked against. */
export interface TreeHead {
  readonly size: number;
  readonly root: Hash;
}

/** Gets exactly the bytes of one tile or bundle, at exactly this width, from anywhere; they are not trusted. */
export type FetchTile = (tile: Tile) => Promise<Uint8Array>;

/** The nodes of a tile, by level inside the tile and index. */
type Nodes = ReturnType<typeof tileNodes>;

/** Checked full tiles kept, 16 KB of nodes each: enough for the path to any leaf of 2^53, several times over. */
const TILES_KEPT_MAX = 64;

/**
 * Reads the tree of one head. Safe for concurrent calls: a tile asked for twice at once is fetched once.
 * Every method throws LedgerError root-mismatch (the right edge is not the head's), tile-malformed or bundle-malformed (wrong
 * shape), tile-bad (a full tile or an entry is not the one in the tree), proof-malformed (no such range in this tree),
 * and whatever `fetch` throws; after an error it can be asked again.
 */
export class TileReader {
  readonly #head: TreeHead;
  readonly #fetch: FetchTile;
  /** The checked partial tiles by path; at most one for each level. */
  #edge: Promise<ReadonlyMap<string, Nodes>> | undefined;
  /** Checked full tiles by path, least recently used first; also those on their way, which leave again when they fail. */
  readonly #tiles = new Map<string, Promise<Nodes>>();

  constructor(head: TreeHead, fetch: FetchTile) {
    this.#head = head;
    this.#fetch = fetch;
  }

  /** Root of the subtree [lo, hi), which need not be a node of the tree. */
  async subtree(lo: number, hi: number): Promise<Hash> {
    this.#requireSubtree(lo, hi);
    return foldRoots(await Promise.all(fullSubtrees(lo, hi).map((full) => this.#node(full))));
  }

  /** Hash of the leaf. */
  async leaf(index: number): Promise<Hash> {
    return this.subtree(index, index + 1);
  }

  /** The entries [lo, hi), which are all held in memory: ask for as many as that allows. */
  async entries(lo: number, hi: number): Promise<Uint8Array[]> {
    if (!(Number.isInteger(lo) && Number.isInteger(hi) && 0 <= lo && lo <= hi && hi <= this.#head.size)) {
      throw new LedgerError('proof-malformed', `no entries [${lo}, ${hi}) in a tree of size ${this.#head.size}`);
    }
    const entries: Uint8Array[] = [];
    for (let at = lo; at < hi; ) {
      const index = Math.floor(at / TILE_WIDTH);
      const end = Math.min(hi, (index + 1) * TILE_WIDTH);
      const bundle = await this.#bundle(index);
      entries.push(...bundle.slice(at - index * TILE_WIDTH, end - index * TILE_WIDTH));
      at = end;
    }
    return entries;
  }

  /** Inclusion proof of a leaf in the tree's first `size` leaves, by default all. */
  async inclusionProof(index: number, size: number = this.#head.size): Promise<Hash[]> {
    this.#requireSubtree(0, size);
    return this.#roots(inclusionSubtrees(index, size));
  }

  /** Consistency proof from `oldSize` to `newSize`, by default the head's. */
  async consistencyProof(oldSize: number, newSize: number = this.#head.size): Promise<Hash[]> {
    this.#requireSubtree(0, newSize);
    return this.#roots(consistencySubtrees(oldSize, newSize));
  }

  /** Subtree consistency proof from [lo, hi) to the tree's first `size` leaves, by default all. */
  async subtreeProof(lo: number, hi: number, size: number = this.#head.size): Promise<Hash[]> {
    this.#requireSubtree(0, size);
    return this.#roots(subtreeConsistencySubtrees(lo, hi, size));
  }

  /** Compact range of the tree's first `size` leaves. */
  async range(size: number): Promise<CompactRange> {
    this.#requireSubtree(0, size);
    return { size, hashes: await this.#roots(fullSubtrees(0, size)) };
  }

  #roots(subtrees: readonly Subtree[]): Promise<Hash[]> {
    return Promise.all(subtrees.map(({ lo, hi }) => this.subtree(lo, hi)));
  }

  #requireSubtree(lo: number, hi: number): void {
    if (isSubtree(lo, hi) && hi <= this.#head.size) return;
    throw new LedgerError('proof-malformed', `no subtree [${lo}, ${hi}) in a tree of size ${this.#head.size}`);
  }

  /** Root of a full subtree: a node inside one tile. */
  async #node({ lo, hi }: Subtree): Promise<Hash> {
    let tileLevel = 0;
    let leaves = 1; // below each hash of that tile level
    while ((hi - lo) / leaves >= TILE_WIDTH) {
      tileLevel += 1;
      leaves *= TILE_WIDTH;
    }
    const first = lo / leaves;
    const count = (hi - lo) / leaves;
    const index = Math.floor(first / TILE_WIDTH);
    const nodes = await this.#tile(tileLevel, index);
    return nodeAt(nodes, Math.log2(count), (first - index * TILE_WIDTH) / count);
  }

  /** The checked nodes of a tile of this tree. */
  async #tile(level: number, index: number): Promise<Nodes> {
    const tile = this.#tileAt(level, index);
    const path = formatTilePath(tile);
    if (tile.width < TILE_WIDTH) return this.#edgeTile(path);
    const kept = this.#tiles.get(path);
    const reading = kept ?? this.#readFullTile(tile, level);
    this.#tiles.delete(path);
    this.#tiles.set(path, reading);
    if (kept === undefined) {
      this.#dropOldest();
      reading.catch(() => {
        if (this.#tiles.get(path) === reading) this.#tiles.delete(path);
      });
    }
    return reading;
  }

  #dropOldest(): void {
    for (const path of this.#tiles.keys()) {
      if (this.#tiles.size <= TILES_KEPT_MAX) return;
      this.#tiles.delete(path);
    }
  }

  /** The tile at these coordinates, as wide as this tree makes it. */
  #tileAt(level: number, index: number): Tile {
    const hashes = Math.floor(this.#head.size / TILE_WIDTH ** level);
    return { level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) };
  }

  async #readFullTile(tile: Tile, level: number): Promise<Nodes> {
    const parentIndex = Math.floor(tile.index / TILE_WIDTH);
    const [nodes, parent] = await Promise.all([this.#fetchNodes(tile), this.#tile(level + 1, parentIndex)]);
    const root = nodeAt(nodes, nodes.length - 1, 0);
    if (!equal(root, nodeAt(parent, 0, tile.index - parentIndex * TILE_WIDTH))) {
      throw new LedgerError('tile-bad', `${formatTilePath(tile)} is not the tile in the tree`);
    }
    return nodes;
  }

  async #edgeTile(path: string): Promise<Nodes> {
    this.#edge ??= this.#readEdge().catch((error: unknown) => {
      this.#edge = undefined;
      throw error;
    });
    const nodes = (await this.#edge).get(path);
    if (nodes === undefined) throw new Error(`invariant: ${path} is on the right edge`);
    return nodes;
  }

  /** Reads the partial tiles of all levels and checks that together they give the head's root. */
  async #readEdge(): Promise<ReadonlyMap<string, Nodes>> {
    const tiles: Tile[] = [];
    for (let level = 0, hashes = this.#head.size; hashes > 0; level++) {
      if (hashes % TILE_WIDTH > 0) tiles.unshift(this.#tileAt(level, Math.floor(hashes / TILE_WIDTH)));
      hashes = Math.floor(hashes / TILE_WIDTH);
    }
    const edge = await Promise.all(tiles.map(async (tile) => ({ tile, nodes: await this.#fetchNodes(tile) })));
    // Highest level first, and inside a tile largest first: the compact range of the whole tree.
    const range = edge.flatMap(({ tile, nodes }) =>
      fullSubtrees(0, tile.width).map(({ lo, hi }) => nodeAt(nodes, Math.log2(hi - lo), lo / (hi - lo))),
    );
    if (!equal(foldRoots(range), this.#head.root)) {
      throw new LedgerError('root-mismatch', `the tiles of size ${this.#head.size} do not give the root of the head`);
    }
    return new Map(edge.map(({ tile, nodes }) => [formatTilePath(tile), nodes]));
  }

  /** The nodes of a tile as fetched: copies, so whoever gave the bytes cannot change them after the check. */
  async #fetchNodes(tile: Tile): Promise<Nodes> {
    const bytes = await this.#fetch(tile);
    if (bytes.length !== tile.width * HASH_BYTES) {
      throw new LedgerError('tile-malformed', `${formatTilePath(tile)} has ${bytes.length} bytes`);
    }
    return tileNodes(bytes);
  }

  /** The checked entries of a bundle. */
  async #bundle(index: number): Promise<Uint8Array[]> {
    const { width } = this.#tileAt(0, index);
    const tile: Tile = { level: 'entries', index, width };
    const [bytes, nodes] = await Promise.all([this.#fetch(tile), this.#tile(0, index)]);
    const entries = parseBundle(bytes.slice(), width);
    for (const [i, entry] of entries.entries()) {
      if (!equal(leafHash(entry), nodeAt(nodes, 0, i))) {
        throw new LedgerError('tile-bad', `entry ${index * TILE_WIDTH + i} is not the entry in the tree`);
      }
    }
    return entries;
  }
}

function nodeAt(nodes: Nodes, level: number, index: number): Hash {
  const hash = nodes[level]?.[index];
  if (hash === undefined) throw new Error('invariant: the tile has this node');
  return hash;
}

/** The full subtrees that [lo, hi) falls into, left to right; largest first, because lo is aligned to all of them. */
function fullSubtrees(lo: number, hi: number): Subtree[] {
  const full: Subtree[] = [];
  for (let at = lo; at < hi; ) {
    let leaves = 1;
    while (leaves * 2 <= hi - at) leaves *= 2;
    full.push({ lo: at, hi: at + leaves });
    at += leaves;
  }
  return full;
}
