// The right edge of a tree in tiles, and the root derived again from nothing but what the store gives back.
// c2sp.org/tlog-tiles; RFC 6962 section 2.1. Shares no code with the checks of proofs: a mirror signs only what both lead to.

import { parseBundle } from '../core/bundle.ts';
import { concat, equal } from '../core/bytes.ts';
import { EMPTY_ROOT, type Hash, leafHash, treeRoot } from '../core/hash.ts';
import { HASH_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { formatTilePath, newTiles, type Tile } from '../core/tile.ts';
import type { TileStore } from '../log/ports.ts';

/** How wide a tile (or bundle) of this level and index is in a tree of `size`: 0 when the tree does not have it. */
export function widthAt(size: number, level: Tile['level'], index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
  return Math.min(TILE_WIDTH, Math.max(0, hashes - index * TILE_WIDTH));
}

/** The partial tiles of a tree, from level 0 up; `entries` stands for the partial bundle, which is as wide as the level-0 tile. */
export function partialTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const tile = { level, index: Math.floor(hashes / TILE_WIDTH), width: hashes % TILE_WIDTH };
    if (tile.width > 0) tiles.push(tile);
    if (tile.width > 0 && level === 0) tiles.push({ ...tile, level: 'entries' });
  }
  return tiles;
}

/** A stored tile. @throws Error when it is missing: the mirror has promised it */
export async function requireTile(tiles: TileStore, tile: Tile): Promise<Uint8Array> {
  const bytes = await tiles.get(formatTilePath(tile));
  if (bytes === undefined) throw new Error(`invariant: the mirror holds ${formatTilePath(tile)}`);
  return bytes;
}

/** Root of the tree of `size` from its partial tiles: the hashes of each level, and behind them the root of the levels below. */
export async function edgeRoot(tiles: TileStore, size: number): Promise<Hash> {
  let root: Hash | undefined;
  for (const tile of partialTiles(size)) {
    if (tile.level === 'entries') continue;
    const hashes = hashesOf(await requireTile(tiles, tile));
    root = treeRoot(root === undefined ? hashes : [...hashes, root]);
  }
  return root ?? EMPTY_ROOT;
}

/**
 * Reads back every tile that growing from `oldSize` to `newSize` made, hashes every new entry and node again, and returns the root.
 * @throws Error when two tiles disagree: nothing may be signed then
 */
export async function rederiveRoot(tiles: TileStore, oldSize: number, newSize: number): Promise<Hash> {
  for (const tile of newTiles(oldSize, newSize)) {
    const bytes = await requireTile(tiles, tile);
    if (tile.level === 'entries') {
      const hashes = concat(...parseBundle(bytes, tile.width).map(leafHash));
      requireEqual(hashes, await requireTile(tiles, { ...tile, level: 0 }), tile);
    } else if (tile.level > 0) {
      await requireChildren(tiles, tile, hashesOf(bytes), widthAt(oldSize, tile.level, tile.index));
    }
  }
  return edgeRoot(tiles, newSize);
}

/** Each hash from `known` on is the root of the full tile it stands for. The ones before are covered by the root of the whole. */
async function requireChildren(tiles: TileStore, tile: Tile, hashes: readonly Hash[], known: number): Promise<void> {
  const below = Number(tile.level) - 1;
  for (const [i, hash] of hashes.entries()) {
    if (i < known) continue;
    const child = { level: below, index: tile.index * TILE_WIDTH + i, width: TILE_WIDTH };
    requireEqual(treeRoot(hashesOf(await requireTile(tiles, child))), hash, tile);
  }
}

function requireEqual(derived: Uint8Array, stored: Uint8Array, tile: Tile): void {
  if (!equal(derived, stored)) throw new Error(`invariant: ${formatTilePath(tile)} agrees with the tiles below it`);
}

function hashesOf(bytes: Uint8Array): Hash[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}
