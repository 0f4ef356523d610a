// A mirror's own copy of one log: entry bundles and hash tiles, up to the mirror checkpoint and on to the next entry.
// c2sp.org/tlog-mirror, "Updating a Mirror"; tlog-tiles. Pending entries and the log share one storage, as the text allows.
// Knows tiles, not checkpoints: what may be saved or served is decided in state.ts, which also keeps calls from overlapping.

import { formatBundle, parseBundle } from '../core/bundle.ts';
import { concat, equal } from '../core/bytes.ts';
import { type Hash, leafHash } from '../core/hash.ts';
import { HASH_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { formatTilePath, newTiles, type Tile, tileRoot } from '../core/tile.ts';
import type { TileStore } from '../log/ports.ts';
import { edgeRoot, partialTiles, rederiveRoot, requireTile, widthAt } from './edge.ts';
import type { PackageRange } from './package.ts';

/** Tiles in one atomic write while growing: bounds memory at 2 MB. Own choice. */
const BATCH_TILES = 256;

/**
 * All methods but `read` must be called one after the other. Entries [0, nextEntry) are always durable: in full bundles, and the last ones
 * in a partial bundle exactly as wide as they need.
 */
export class Replica {
  readonly #tiles: TileStore;
  #size: number;
  #nextEntry: number;

  private constructor(tiles: TileStore, size: number) {
    this.#tiles = tiles;
    this.#size = size;
    this.#nextEntry = size;
  }

  /**
   * Opens a copy that was committed at `size` with `root`, and finds the first missing entry behind it.
   * @param previousSize the commit before; what a crash left of its partial tiles is discarded
   * @throws Error when the tiles do not lead to the root: the store lost or changed something
   */
  static async open(tiles: TileStore, size: number, root: Hash, previousSize: number): Promise<Replica> {
    if (!equal(await edgeRoot(tiles, size), root))
      throw new Error(`invariant: the tiles lead to the root of size ${size}`);
    const self = new Replica(tiles, size);
    await self.#discardPartial(previousSize);
    // Of pending entries only full bundles are found again. A pending partial bundle, at most 255 entries, is uploaded once more.
    for (let index = Math.floor(size / TILE_WIDTH); await self.#hasBundle(index); index++) {
      self.#nextEntry = (index + 1) * TILE_WIDTH;
    }
    return self;
  }

  /** Entries the mirror checkpoint covers: what is served. */
  get size(): number {
    return this.#size;
  }

  /** The first missing entry. */
  get nextEntry(): number {
    return this.#nextEntry;
  }

  /** The first entries of the bundle that starts at `bundleStart`, up to (not including) index `end`, at most the next entry. */
  async held(bundleStart: number, end: number): Promise<Uint8Array[]> {
    if (bundleStart === end) return [];
    const tile = this.#bundle(bundleStart, Math.min(this.#nextEntry, bundleStart + TILE_WIDTH));
    return parseBundle(await requireTile(this.#tiles, tile), tile.width).slice(0, end - bundleStart);
  }

  /**
   * Saves authenticated entries of one bundle durably; those that are there already are only compared.
   * @param range its start is at most the next entry
   * @param hashes leaf hashes of the whole bundle up to the end of the range, as they were proven
   */
  async save(range: PackageRange, entries: readonly Uint8Array[], hashes: readonly Hash[]): Promise<void> {
    const { bundleStart, start, end } = range;
    if (start > this.#nextEntry) throw new Error('invariant: entries are saved without a gap');
    const held = await this.held(bundleStart, Math.max(bundleStart, Math.min(this.#nextEntry, end)));
    // SPEC tlog-mirror: "If some entry has already been written to the log or the pending entry list, the mirror MUST skip saving that entry."
    const again = held.slice(start - bundleStart);
    const same = again.every((entry, i) => equal(entry, entries[i] ?? new Uint8Array(0)));
    if (!same) throw new Error('invariant: entries proven consistent with one log are equal');
    if (end <= this.#nextEntry) return;
    const tile = this.#bundle(bundleStart, end);
    await this.#putBundle(tile, [...held, ...entries.slice(again.length)], hashes);
    // A crash here: a full bundle is found by `open`; a partial one is put again, with the same bytes.
    this.#nextEntry = end;
  }

  /**
   * Makes the tiles of a tree of `size`, at most the next entry, and derives its root from what the store gives back.
   * Nothing of it is served yet. Doing it again does nothing.
   */
  async grow(size: number): Promise<Hash> {
    let batch = new Map<string, Uint8Array>();
    for (const tile of newTiles(this.#size, size)) {
      if (tile.level === 'entries') {
        // Full bundles and their hashes were saved with their package; the last one may be held wider, or not at all as wide.
        if (tile.width === TILE_WIDTH) continue;
        const entries = await this.held(tile.index * TILE_WIDTH, size);
        await this.#putBundle(tile, entries, entries.map(leafHash));
      } else if (tile.level > 0) {
        batch.set(formatTilePath(tile), await this.#widen(tile, batch));
      }
      if (batch.size < BATCH_TILES) continue;
      await this.#tiles.put([...batch]);
      batch = new Map();
    }
    if (batch.size > 0) await this.#tiles.put([...batch]);
    // A crash here: tiles of a tree that no checkpoint names yet. The next commit puts the same bytes again.
    return rederiveRoot(this.#tiles, this.#size, size);
  }

  /** Serves the tree of `size` from now on, and forgets the partial tiles that it widened. To be called once the checkpoint is durable. */
  async advance(size: number): Promise<void> {
    const previousSize = this.#size;
    this.#size = size;
    await this.#discardPartial(previousSize);
  }

  /** A tile or bundle of the committed tree, cut from a wider one if need be; undefined when the tree does not have it. */
  async read(tile: Tile): Promise<Uint8Array | undefined> {
    for (;;) {
      const size = this.#size;
      const width = widthAt(size, tile.level, tile.index);
      if (tile.width > width) return undefined;
      const bytes = await this.#tiles.get(formatTilePath({ ...tile, width }));
      if (bytes !== undefined) return cut(bytes, tile, width);
      // A commit has just widened the tile and discarded this one: look again. Otherwise a promised tile is gone.
      if (size === this.#size) throw new Error(`invariant: the mirror holds ${formatTilePath({ ...tile, width })}`);
    }
  }

  /** The hash tile above level 0, from its narrower form and the full tiles below it. */
  async #widen(tile: Tile, batch: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> {
    const known = widthAt(this.#size, tile.level, tile.index);
    const parts = known === 0 ? [] : [await requireTile(this.#tiles, { ...tile, width: known })];
    for (let i = known; i < tile.width; i++) {
      const below = { level: Number(tile.level) - 1, index: tile.index * TILE_WIDTH + i, width: TILE_WIDTH };
      parts.push(tileRoot(batch.get(formatTilePath(below)) ?? (await requireTile(this.#tiles, below))));
    }
    return concat(...parts);
  }

  /** A bundle together with the hashes of its entries. */
  async #putBundle(tile: Tile, entries: readonly Uint8Array[], hashes: readonly Hash[]): Promise<void> {
    await this.#tiles.put([
      [formatTilePath(tile), formatBundle(entries)],
      [formatTilePath({ ...tile, level: 0 }), concat(...hashes)],
    ]);
  }

  #bundle(bundleStart: number, end: number): Tile {
    return { level: 'entries', index: bundleStart / TILE_WIDTH, width: end - bundleStart };
  }

  async #hasBundle(index: number): Promise<boolean> {
    return (await this.#tiles.get(formatTilePath({ level: 'entries', index, width: TILE_WIDTH }))) !== undefined;
  }

  /** SPEC tlog-tiles: logs "MAY delete any partial tile once the corresponding full tile is … available"; wider ones serve narrower requests. */
  async #discardPartial(previousSize: number): Promise<void> {
    const narrower = partialTiles(previousSize).filter(
      ({ level, index, width }) => widthAt(this.#size, level, index) > width,
    );
    if (narrower.length > 0) await this.#tiles.discard(narrower.map(formatTilePath));
  }
}

/** The first `tile.width` hashes or entries of a stored tile of `width`. */
function cut(bytes: Uint8Array, tile: Tile, width: number): Uint8Array {
  if (tile.width === width) return bytes;
  if (tile.level !== 'entries') return bytes.slice(0, tile.width * HASH_BYTES);
  return formatBundle(parseBundle(bytes, width).slice(0, tile.width));
}
