// Recovery: what a start finds in the stores, brought to the same state that the normal path leaves. It runs the same `apply`.
// Order: read the latest head and check it; apply its staging bundle; burn the number of a step that was staged and never swapped;
// derive the right edge again from the stored tiles and compare it with the head. Nothing is signed here.
// Every step may be cut short and run again.

import { equal } from '../core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts';
import { HASH_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { parseNote, type VerifierKey } from '../core/note.ts';
import { EMPTY_RANGE } from '../core/range.ts';
import { formatTilePath, type Tile } from '../core/tile.ts';
import { LogError } from './errors.ts';
import { formatHeadRecord, type HeadRecord, parseHeadRecord, recordHash } from './head-record.ts';
import { receivedMsOf } from './pool.ts';
import type { HeadStore, TileStore } from './ports.ts';
import { Reader } from './reader.ts';
import type { Tip } from './sequencer.ts';
import { type ApplyTarget, apply, parseStaged, stagingName, superseded } from './staging.ts';
import { EMPTY_TREE, edgeRoot, edgeTiles, type Tree } from './step.ts';

export interface RecoveryOptions extends ApplyTarget {
  readonly origin: string;
  readonly logKey: VerifierKey;
  /** Keys that the log had before: the latest head may still be signed by one. */
  readonly earlierLogKeys?: readonly VerifierKey[];
  readonly tiles: TileStore;
  readonly heads: HeadStore;
}

export interface Recovered {
  readonly tip: Tip;
  /** True when a crash had come between swap and apply. */
  readonly reapplied: boolean;
}

/** A head record and its bytes, checked. */
interface Latest {
  readonly record: HeadRecord;
  readonly bytes: Uint8Array;
  readonly checkpoint: Checkpoint;
}

/**
 * Opens the stores of a log; a log without a head starts empty.
 * @throws LogError state-inconsistent, LedgerError or StoreError: then this log must not run, and nothing was signed
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const latest = await readLatest(options);
  if (latest === undefined) {
    await refuseForgottenTiles(options.tiles);
    return {
      tip: { number: -1, record: undefined, head: undefined, sealedMs: 0, receivedMs: 0, tree: EMPTY_TREE },
      reapplied: false,
    };
  }
  const reapplied = await applyStaging(options, latest);
  const { record, bytes, checkpoint } = await fenceLeftover(options, latest);
  const { tree, receivedMs } = await readTree(options.tiles, checkpoint);
  const head = { note: record.note, checkpoint };
  return {
    tip: { number: record.number, record: bytes, head, sealedMs: record.sealedMs, receivedMs, tree },
    reapplied,
  };
}

/** The latest head: signed by the log, and following the head below it. */
async function readLatest({
  heads,
  origin,
  logKey,
  earlierLogKeys = [],
}: RecoveryOptions): Promise<Latest | undefined> {
  const latest = await heads.latest();
  if (latest === undefined) return undefined;
  const { number, bytes } = latest;
  const record = parseHeadRecord(bytes);
  const checkpoint = openCheckpoint(parseNote(record.note), [logKey, ...earlierLogKeys]);
  if (record.number !== number || checkpoint.origin !== origin) {
    throw new LogError('state-inconsistent', `head ${number} is that of another log or number`);
  }
  const below = number === 0 ? undefined : await heads.get(number - 1);
  const follows = below === undefined ? number === 0 : sameHash(record.previous, recordHash(below));
  if (!follows) throw new LogError('state-inconsistent', `head ${number} does not follow head ${number - 1}`);
  return { record, bytes, checkpoint };
}

function sameHash(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && equal(a, b);
}

/** A log that has tiles but no head has lost its heads: starting a new one there would fork it. */
async function refuseForgottenTiles(tiles: TileStore): Promise<void> {
  for (let width = 1; width <= TILE_WIDTH; width++) {
    if ((await tiles.get(formatTilePath({ level: 0, index: 0, width }))) !== undefined) {
      throw new LogError(
        'state-inconsistent',
        'there are tiles, but no head: the head store is not the one of this log',
      );
    }
  }
}

/** Applies the latest step when its staging bundle is still there; true when it was. */
async function applyStaging({ tiles, onSequenced }: RecoveryOptions, { record }: Latest): Promise<boolean> {
  const bytes = record.staging === undefined ? undefined : await tiles.get(record.staging);
  if (record.staging === undefined || bytes === undefined) return false;
  const staged = parseStaged(bytes);
  if (staged.note !== record.note) {
    // Put by a sequencer that then lost the swap. The name was free only because this head's own bundle had been applied and discarded.
    await tiles.discard([record.staging]);
    return false;
  }
  await apply({ tiles, onSequenced }, staged);
  // A crash here leaves the staging bundle: the next start applies it again, which changes nothing.
  await tiles.discard(superseded(record.number, staged));
  return true;
}

/**
 * Discards a step that was staged for the next number and never swapped. First it burns that number with a record that repeats
 * the head: whoever staged it may still be alive, and must lose the swap before its bundle disappears.
 */
async function fenceLeftover(options: RecoveryOptions, latest: Latest): Promise<Latest> {
  // The latest head may be such a fence itself, whose start came no further: no step can use what was staged under its number.
  if (latest.record.staging === undefined) await options.tiles.discard([stagingName(latest.record.number)]);
  const number = latest.record.number + 1;
  if ((await options.tiles.get(stagingName(number))) === undefined) return latest;
  const previous = recordHash(latest.bytes);
  const record: HeadRecord = { ...latest.record, number, previous, staging: undefined };
  const bytes = formatHeadRecord(record);
  if (!(await options.heads.create(number, bytes))) {
    throw new LogError('state-inconsistent', `another sequencer has created head ${number}`);
  }
  // A crash here leaves the bundle under the number of a fence: the next start discards it.
  await options.tiles.discard([stagingName(number)]);
  return { record, bytes, checkpoint: latest.checkpoint };
}

/** The tree under the head, from the stored tiles on its right edge; they must give the head's root. */
async function readTree(tiles: TileStore, head: Checkpoint): Promise<{ tree: Tree; receivedMs: number }> {
  const edge = new Map<Tile['level'], Uint8Array>();
  for (const tile of edgeTiles(head.size)) {
    const bytes = await tiles.get(formatTilePath(tile));
    if (bytes === undefined) throw new LogError('state-inconsistent', `${formatTilePath(tile)} is missing`);
    if (tile.level !== 'entries' && bytes.length !== tile.width * HASH_BYTES) {
      throw new LogError('state-inconsistent', `${formatTilePath(tile)} has ${bytes.length} bytes`);
    }
    edge.set(tile.level, bytes);
  }
  if (!equal(edgeRoot(head.size, edge), head.root)) {
    throw new LogError('state-inconsistent', 'the stored tiles do not give the root of the latest head');
  }
  if (head.size === 0) return { tree: { range: EMPTY_RANGE, edge }, receivedMs: 0 };
  // The second way. It also checks the last bundle, entry by entry.
  const reader = new Reader(tiles, () => head.size).at(head);
  const [last] = await reader.entries(head.size - 1, head.size);
  if (last === undefined) throw new Error('invariant: a tree with a size has a last entry');
  return { tree: { range: await reader.range(head.size), edge }, receivedMs: receivedMsOf(last) };
}
