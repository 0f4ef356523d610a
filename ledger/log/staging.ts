// The staging bundle: all that one step from head to head adds, in one value that is durable before the head is swapped.
//
//   probata-staging/v1
//   old <size before the step, decimal>
//   note <bytes, decimal>
//   <tile path> <bytes, decimal>            one line for each tile, in the order of newTiles
//   <empty line>
//   <the note> <the bytes of each tile>     without separators
//
// Also here: `apply`, the one function with which both the normal path and recovery make a committed step visible.

import { parseBundle } from '../core/bundle.ts';
import { concat, decimal, equal, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { TILE_WIDTH } from '../core/limits.ts';
import { formatTilePath, parseTilePath, type Tile } from '../core/tile.ts';
import { LogError } from './errors.ts';
import type { TileStore } from './ports.ts';

export interface StagedTile {
  readonly tile: Tile;
  readonly bytes: Uint8Array;
}

/** One step: from a tree of `oldSize` to the one that `note` signs. */
export interface Staged {
  readonly oldSize: number;
  readonly note: string;
  readonly tiles: readonly StagedTile[];
}

/** Name of the staging bundle of a head, in the tile store. One name for a number: two sequencers cannot both stage it. */
export function stagingName(headNumber: number): string {
  return `staging/${headNumber}`;
}

/** The bytes of a staging bundle. */
export function formatStaged(staged: Staged): Uint8Array {
  const note = utf8Encode(staged.note);
  const tileLines = staged.tiles.map(({ tile, bytes }) => `${formatTilePath(tile)} ${bytes.length}\n`);
  const head = `probata-staging/v1\nold ${staged.oldSize}\nnote ${note.length}\n${tileLines.join('')}\n`;
  return concat(utf8Encode(head), note, ...staged.tiles.map(({ bytes }) => bytes));
}

/**
 * Reads a staging bundle.
 * @throws LogError state-inconsistent | LedgerError tile-path-malformed: for anything formatStaged would not write
 */
export function parseStaged(bytes: Uint8Array): Staged {
  const bodiesAt = bytes.findIndex((byte, i) => byte === 0x0a && bytes[i + 1] === 0x0a) + 2;
  const [, old = '', ...bodyLines] = (utf8Decode(bytes.subarray(0, bodiesAt)) ?? '').split('\n').slice(0, -2);
  let at = bodiesAt;
  const [note, ...tiles] = bodyLines.map((line) => {
    const [name = '', length = ''] = line.split(' ');
    const start = at;
    at += decimal(length) ?? 0;
    return { name, bytes: bytes.slice(start, at) };
  });
  const staged: Staged = {
    oldSize: decimal(old.slice('old '.length)) ?? 0,
    note: utf8Decode(note?.bytes ?? new Uint8Array(0)) ?? '',
    tiles: tiles.map(({ name, bytes }) => ({ tile: parseTilePath(name), bytes })),
  };
  if (!equal(formatStaged(staged), bytes)) throw new LogError('state-inconsistent', 'a staging bundle is malformed');
  return staged;
}

/** The entries that a step adds, from index `oldSize` on. */
export function entriesOf(staged: Staged): Uint8Array[] {
  return staged.tiles
    .filter(({ tile }) => tile.level === 'entries')
    .flatMap(({ tile, bytes }) =>
      parseBundle(bytes, tile.width).slice(Math.max(0, staged.oldSize - tile.index * TILE_WIDTH)),
    );
}

/** Where a committed step becomes visible. */
export interface ApplyTarget {
  readonly tiles: TileStore;
  onSequenced(first: number, entries: readonly Uint8Array[]): Promise<void>;
}

/** Makes a committed step visible. Idempotent: a crash anywhere inside leaves the staging bundle, and the next start applies it again. */
export async function apply(target: ApplyTarget, staged: Staged): Promise<void> {
  await target.tiles.put(staged.tiles.map(({ tile, bytes }) => [formatTilePath(tile), bytes]));
  // A crash here: the tiles are readable, their owner has not been told. It is told again on restart.
  const entries = entriesOf(staged);
  if (entries.length > 0) await target.onSequenced(staged.oldSize, entries);
}

/**
 * Names that nobody needs once a step is applied: its staging bundle, and the narrower forms of every tile that it completed.
 * Only a tile that was partial at the step's beginning can have narrower forms.
 */
export function superseded(headNumber: number, staged: Staged): string[] {
  // SPEC tlog-tiles: logs "MAY delete any partial tile once the corresponding full tile is … available".
  const completed = staged.tiles.filter(({ tile }) => tile.width === TILE_WIDTH);
  const partials = completed.flatMap(({ tile }) => {
    const before = tileWidth(tile, staged.oldSize);
    return Array.from({ length: before }, (_, i) => formatTilePath({ ...tile, width: i + 1 }));
  });
  return [stagingName(headNumber), ...partials];
}

/** How wide a tile is in the tree of `size`: 0 (not there) to 256 (full). */
export function tileWidth(tile: Tile, size: number): number {
  const hashes = tile.level === 'entries' ? size : Math.floor(size / TILE_WIDTH ** tile.level);
  return Math.min(TILE_WIDTH, Math.max(0, hashes - tile.index * TILE_WIDTH));
}
