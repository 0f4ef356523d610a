// Tiles: their coordinates, their paths, which of them a tree has, and the hashes inside one. c2sp.org/tlog-tiles.
// A tile is 256 consecutive hashes of one level out of eight; partial tiles (width < 256) stand on the right edge only.
// Reading and checking tiles is tile-reader.ts's task.

import { LedgerError } from './errors.ts';
import { type Hash, nodeHash, treeRoot } from './hash.ts';
import { HASH_BYTES, INDEX_MAX, TILE_BYTES, TILE_LEVEL_MAX, TILE_WIDTH } from './limits.ts';

/** A hash tile, or the bundle of the entries below a level-0 tile. `width` is 1..256: hashes, or entries. */
export interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

/** The path under the log's prefix, such as `tile/0/x001/x234/067.p/8`. */
export function formatTilePath(tile: Tile): string {
  const digits = String(tile.index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g) ?? [];
  // SPEC tlog-tiles: "All but the last path element MUST begin with an x."
  const number = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${tile.level}/${number}${tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`}`;
}

/**
 * Reads the path of a hash tile or entry bundle.
 * @throws LedgerError tile-path-malformed for anything formatTilePath would not write
 */
export function parseTilePath(path: string): Tile {
  const refused = new LedgerError('tile-path-malformed', 'not the path of a tile');
  const match = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path);
  if (match === null) throw refused;
  const [, level = '', number = '', width] = match;
  const tile: Tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(number.replace(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  // SPEC tlog-tiles: `<L>` "MUST be a decimal ASCII integer between 0 and 63", `<W>` "between 1 and 255".
  if (tile.level !== 'entries' && tile.level > TILE_LEVEL_MAX) throw refused;
  if (tile.width < 1 || tile.width > TILE_WIDTH || tile.index > INDEX_MAX) throw refused;
  // Also refuses leading zeros, `x000` in front, and a partial tile of width 256.
  if (formatTilePath(tile) !== path) throw refused;
  return tile;
}

/** Every tile and bundle of a tree of this size: bundles first, then level by level, left to right. */
export function tilesForSize(size: number): Tile[] {
  return newTiles(0, size);
}

/** The tiles and bundles that growing from oldSize to newSize creates or widens, at the widths newSize gives them. */
export function newTiles(oldSize: number, newSize: number): Tile[] {
  if (oldSize < 0 || oldSize > newSize || newSize > INDEX_MAX) throw new Error('invariant: sizes of a growing tree');
  const tiles = grown('entries', oldSize, newSize);
  for (let level = 0, before = oldSize, after = newSize; after > 0; level++) {
    tiles.push(...grown(level, before, after));
    // SPEC tlog-tiles: a partial tile "MUST NOT be hashed into a tile at the level above".
    before = Math.floor(before / TILE_WIDTH);
    after = Math.floor(after / TILE_WIDTH);
  }
  return tiles;
}

/** The tiles of one level whose hashes (or entries) include any of numbers [before, after). */
function grown(level: Tile['level'], before: number, after: number): Tile[] {
  const tiles: Tile[] = [];
  if (before === after) return tiles;
  for (let index = Math.floor(before / TILE_WIDTH); index * TILE_WIDTH < after; index++) {
    tiles.push({ level, index, width: Math.min(TILE_WIDTH, after - index * TILE_WIDTH) });
  }
  return tiles;
}

/**
 * Root over the hashes of a tile; for a full tile, the hash that stands for it in the level above.
 * @throws LedgerError tile-malformed when the bytes are not 1..256 whole hashes
 */
export function tileRoot(hashes: Uint8Array): Hash {
  return treeRoot(tileHashes(hashes));
}

/**
 * The hash of node `index` of the tree inside a tile, `level` 0..8 above its hashes:
 * over hashes [index * 2^level, (index + 1) * 2^level).
 * @throws LedgerError tile-malformed when the tile is too narrow to have that node
 */
export function nodeInTile(hashes: Uint8Array, level: number, index: number): Hash {
  const span = 2 ** level * HASH_BYTES;
  const bytes = hashes.subarray(index * span, (index + 1) * span);
  if (bytes.length !== span) throw new LedgerError('tile-malformed', 'the tile is too narrow');
  return tileRoot(bytes);
}

/**
 * All full nodes inside a tile, computed once: result[level][index] is nodeInTile(hashes, level, index).
 * @throws LedgerError tile-malformed when the bytes are not 1..256 whole hashes
 */
export function tileNodes(hashes: Uint8Array): readonly (readonly Hash[])[] {
  const levels = [tileHashes(hashes)];
  for (let below = levels[0] ?? []; below.length > 1; ) {
    const above: Hash[] = [];
    for (let i = 0; i + 1 < below.length; i += 2) above.push(nodeHash(at(below, i), at(below, i + 1)));
    levels.push(above);
    below = above;
  }
  return levels;
}

function tileHashes(hashes: Uint8Array): Hash[] {
  if (hashes.length === 0 || hashes.length > TILE_BYTES || hashes.length % HASH_BYTES !== 0) {
    throw new LedgerError('tile-malformed', `a tile of ${hashes.length} bytes`);
  }
  const count = hashes.length / HASH_BYTES;
  return Array.from({ length: count }, (_, i) => hashes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

function at(hashes: readonly Hash[], index: number): Hash {
  const hash = hashes[index];
  if (hash === undefined) throw new Error('invariant: a node inside the tile');
  return hash;
}
