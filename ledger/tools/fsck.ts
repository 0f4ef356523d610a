// fsck: derives a whole tlog-tiles log again from its entry bundles, compares every hash tile and the signed checkpoint.
// c2sp.org/tlog-tiles. Works on any such log, over any transport: it only asks for paths. Streams: memory does not grow with the log.
// What entries may say is entry-order.ts's task. Does not look for tiles that no tree of this size has: only a folder can list them.

import { parseBundle } from '../core/bundle.ts';
import { concat, equal } from '../core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts';
import { LedgerError } from '../core/errors.ts';
import { EMPTY_ROOT, type Hash } from '../core/hash.ts';
import { HASH_BYTES, TILE_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { fetchOrCut } from '../core/narrow.ts';
import { type Note, parseNote, type VerifierKey } from '../core/note.ts';
import { formatTilePath, type Tile } from '../core/tile.ts';
import { leafHashes, rootOver } from './bulk-hash.ts';
import { readAhead } from './read-ahead.ts';

/**
 * `missing`: no answer for a path. `malformed`: not of the format, or too short or too long. `different`: not what the entries give.
 * `wrong`: an entry that this log may not hold, or whose deposit does not fit it. `extra`: something that no log of this size has.
 */
export interface FsckProblem {
  readonly path: string;
  readonly code: 'missing' | 'malformed' | 'different' | 'wrong' | 'extra';
  readonly detail: string;
}

/** A checkpoint, found elsewhere, that must be one of this log's tree. */
export interface Claim {
  /** Where it was found, for the problem it may become. */
  readonly path: string;
  readonly size: number;
  readonly root: Hash;
}

/** The checkpoint of a note that the log signed. @throws LedgerError when no key that is believed for its size did */
export type OpenNote = (note: Note) => Checkpoint;

/** Believes these keys, whatever the size. */
export function signedBy(keys: readonly VerifierKey[]): OpenNote {
  return (note) => openCheckpoint(note, keys);
}

export interface FsckOptions {
  /** Bytes under a path such as `checkpoint` or `tile/0/000`; undefined when there are none. Called ahead of need, many at once. */
  readonly fetch: (path: string) => Promise<Uint8Array | undefined>;
  readonly open: OpenNote;
  /** What is wrong with entries that are the log's, from index `first` on. Called in order, without gaps where bundles can be read. */
  readonly inspect?: (
    first: number,
    entries: readonly Uint8Array[],
  ) => Iterable<FsckProblem> | Promise<Iterable<FsckProblem>>;
  /** Checkpoints to compare, by size, smallest first. Those beyond the checkpoint are left alone. */
  readonly claims?: Iterable<Claim> | AsyncIterable<Claim>;
  /** Entries that the log is known to have had: a smaller checkpoint is reported. */
  readonly knownSize?: number;
  /** After each bundle. */
  readonly onProgress?: (entries: number, size: number) => void;
}

export interface FsckResult {
  /** What the checkpoint says; 0 and the empty root when there is no usable checkpoint. */
  readonly size: number;
  readonly root: Hash;
  /** Entries read and hashed. */
  readonly entries: number;
  /** Empty when the log is in order; at most PROBLEMS_KEPT. */
  readonly problems: readonly FsckProblem[];
}

/** A log in which everything is wrong does not fill the memory. */
export const PROBLEMS_KEPT = 100_000;

/** Checks a log. Never rejects because of what the log holds; passes on what `fetch` throws. */
export async function fsck(options: FsckOptions): Promise<FsckResult> {
  const problems: FsckProblem[] = [];
  const report = (problem: FsckProblem): void => {
    if (problems.length < PROBLEMS_KEPT) problems.push(problem);
  };
  const checkpoint = await readCheckpoint(options, report);
  if (checkpoint === undefined) return { size: 0, root: EMPTY_ROOT, entries: 0, problems };
  const { knownSize = 0 } = options;
  if (checkpoint.size < knownSize) {
    report({
      path: CHECKPOINT,
      code: 'different',
      detail: `size ${checkpoint.size}, of a log that had ${knownSize} entries`,
    });
  }
  const check = new Check(options, checkpoint, report);
  await check.run();
  if (!equal(check.root(), checkpoint.root)) {
    report({ path: CHECKPOINT, code: 'different', detail: 'the entries give another root' });
  }
  await compareAgain(options, checkpoint, report);
  return { size: checkpoint.size, root: checkpoint.root, entries: check.entries, problems };
}

type Report = (problem: FsckProblem) => void;
type HashTile = Tile & { readonly level: number };

const CHECKPOINT = 'checkpoint';

async function readCheckpoint(options: FsckOptions, report: Report): Promise<Checkpoint | undefined> {
  const bytes = await options.fetch(CHECKPOINT);
  if (bytes === undefined) {
    report({ path: CHECKPOINT, code: 'missing', detail: 'no checkpoint' });
    return undefined;
  }
  try {
    return options.open(parseNote(bytes));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    report({ path: CHECKPOINT, code: 'malformed', detail: `${error.code}: ${error.message}` });
    return undefined;
  }
}

/** A second look, after everything was read: a cache that keeps an older answer, or a server behind another one, shows here. */
async function compareAgain(options: FsckOptions, first: Checkpoint, report: Report): Promise<void> {
  const again = await readCheckpoint(options, report);
  if (again === undefined) return;
  if (again.size < first.size || (again.size === first.size && !equal(again.root, first.root))) {
    const detail = `size ${first.size} when it was read first, and another of size ${again.size} at the end`;
    report({ path: CHECKPOINT, code: 'different', detail });
  }
}

/** The hashes of a level that wait until they fill a tile. */
interface Level {
  width: number;
  readonly bytes: Uint8Array;
}

/** One pass over the bundles. A full tile of a level is compared and handed up as one hash. */
class Check {
  entries = 0;
  readonly #options: FsckOptions;
  readonly #checkpoint: Checkpoint;
  readonly #report: Report;
  readonly #levels: Level[] = [];
  readonly #claims: AsyncIterator<Claim> | Iterator<Claim>;
  #claim: Claim | undefined;

  constructor(options: FsckOptions, checkpoint: Checkpoint, report: Report) {
    this.#options = options;
    this.#checkpoint = checkpoint;
    this.#report = report;
    const claims = options.claims ?? [];
    this.#claims = Symbol.asyncIterator in claims ? claims[Symbol.asyncIterator]() : claims[Symbol.iterator]();
  }

  async run(): Promise<void> {
    const { fetch, onProgress } = this.#options;
    const { size } = this.#checkpoint;
    await this.#nextClaim();
    await this.#compareClaims(0);
    let bundle: Uint8Array | undefined;
    for await (const [tile, bytes] of readAhead(readingOrder(size), (tile) => fetchOrCut(tile, fetch))) {
      if (tile.level === 'entries') {
        bundle = bytes;
        continue;
      }
      if (tile.level === 0) await this.#takeBundle(tile, bundle, bytes);
      await this.#compare({ ...tile, level: tile.level }, bytes);
      if (tile.level === 0) onProgress?.(this.entries, size);
    }
  }

  /** Root over all leaves so far. From the right: what lies behind a level's last full node counts as one more node of it. */
  root(): Hash {
    let right: Hash = new Uint8Array(0);
    for (const { bytes, width } of this.#levels) {
      if (width > 0 || right.length > 0) right = rootOver(concat(bytes.subarray(0, width * HASH_BYTES), right));
    }
    return right.length === 0 ? EMPTY_ROOT : right;
  }

  /** Makes a bundle the waiting leaves; the hash tile when it cannot be read, so that one gap does not hide others. */
  async #takeBundle(tile: Tile, bundle: Uint8Array | undefined, tileBytes: Uint8Array | undefined): Promise<void> {
    const entries = this.#parse({ ...tile, level: 'entries' }, bundle);
    const hashes = entries === undefined ? (tileBytes ?? new Uint8Array(0)) : leafHashes(entries);
    this.#fill(0, hashes.subarray(0, tile.width * HASH_BYTES), tile.width);
    if (entries === undefined) return;
    this.entries += entries.length;
    for (const problem of (await this.#options.inspect?.(tile.index * TILE_WIDTH, entries)) ?? [])
      this.#report(problem);
  }

  #parse(tile: Tile, bytes: Uint8Array | undefined): Uint8Array[] | undefined {
    const path = formatTilePath(tile);
    if (bytes === undefined) {
      this.#report({ path, code: 'missing', detail: 'no such bundle' });
      return undefined;
    }
    try {
      return parseBundle(bytes, tile.width);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      this.#report({ path, code: 'malformed', detail: error.message });
      return undefined;
    }
  }

  /** Compares the waiting hashes of a level with the log's tile, hands a full tile up, and starts the next. */
  async #compare(tile: HashTile, bytes: Uint8Array | undefined): Promise<void> {
    const level = this.#level(tile.level);
    const path = formatTilePath(tile);
    const derived = level.bytes.slice(0, tile.width * HASH_BYTES);
    if (bytes === undefined) this.#report({ path, code: 'missing', detail: 'no such tile' });
    else if (bytes.length !== derived.length) {
      const detail = `${bytes.length} bytes, not ${derived.length} of at most ${TILE_BYTES}`;
      this.#report({ path, code: 'malformed', detail });
    } else if (!equal(bytes, derived)) await this.#judge(tile, derived, bytes);
    if (tile.level === 0) await this.#compareClaimsInside(tile);
    if (tile.width < TILE_WIDTH) return;
    const above = this.#level(tile.level + 1);
    above.bytes.set(rootOver(level.bytes), above.width * HASH_BYTES);
    above.width += 1;
    level.width = 0;
  }

  /**
   * A tile and what lies below it differ: what stands above says which is wrong, and the pass goes on with what is right.
   * So one wrong byte is one problem, named where it is, and not one at each level up to the root.
   */
  async #judge(tile: HashTile, derived: Uint8Array, served: Uint8Array): Promise<void> {
    const confirmed = await this.#isConfirmed(tile, served);
    if (confirmed || !(await this.#isConfirmed(tile, derived))) this.#reportBelow(tile, derived, served);
    if (!confirmed)
      this.#report({ path: formatTilePath(tile), code: 'different', detail: 'the entries give other hashes' });
    this.#fill(tile.level, confirmed ? served : derived, tile.width);
  }

  /** Names the tiles, or the bundle with its first wrong entry, for which the hashes stand that differ. */
  #reportBelow(tile: HashTile, derived: Uint8Array, served: Uint8Array): void {
    const { level, index, width } = tile;
    const stands = `hashes to something else than ${formatTilePath(tile)} has for it`;
    for (let i = 0; i < width; i++) {
      const [from, to] = [i * HASH_BYTES, (i + 1) * HASH_BYTES];
      if (equal(served.subarray(from, to), derived.subarray(from, to))) continue;
      const number = index * TILE_WIDTH + i;
      const below: Tile =
        level > 0 ? { level: level - 1, index: number, width: TILE_WIDTH } : { ...tile, level: 'entries' };
      const detail = level > 0 ? stands : `${stands}, from entry ${number} on`;
      this.#report({ path: formatTilePath(below), code: 'different', detail });
      if (level === 0) return;
    }
  }

  /** Whether these hashes of a tile give what stands for it in the tile above or, on the right edge, in the checkpoint. */
  async #isConfirmed({ level, index, width }: HashTile, hashes: Uint8Array): Promise<boolean> {
    this.#fill(level, hashes, width);
    if (width < TILE_WIDTH) return equal(this.root(), this.#checkpoint.root);
    const parents = Math.floor(this.#checkpoint.size / TILE_WIDTH ** (level + 1));
    const parent = Math.floor(index / TILE_WIDTH);
    const above: Tile = { level: level + 1, index: parent, width: Math.min(TILE_WIDTH, parents - parent * TILE_WIDTH) };
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    const stands = (await fetchOrCut(above, this.#options.fetch))?.subarray(at, at + HASH_BYTES);
    return stands !== undefined && equal(stands, rootOver(hashes));
  }

  #fill(number: number, hashes: Uint8Array, width: number): void {
    const level = this.#level(number);
    level.bytes.fill(0);
    level.bytes.set(hashes);
    level.width = width;
  }

  #level(number: number): Level {
    this.#levels[number] ??= { width: 0, bytes: new Uint8Array(TILE_BYTES) };
    return this.#levels[number];
  }

  /** Compares the claims whose tree ends inside this tile, or with it. */
  async #compareClaimsInside(tile: HashTile): Promise<void> {
    const first = tile.index * TILE_WIDTH;
    const level = this.#level(0);
    while (this.#claim !== undefined && this.#claim.size <= first + tile.width) {
      level.width = this.#claim.size - first;
      await this.#compareClaims(this.#claim.size);
    }
    level.width = tile.width;
  }

  /** Compares every waiting claim of this size with the tree as it stands. */
  async #compareClaims(size: number): Promise<void> {
    const root = this.root();
    for (; this.#claim?.size === size; await this.#nextClaim()) {
      const { path } = this.#claim;
      if (!equal(this.#claim.root, root))
        this.#report({ path, code: 'different', detail: `the entries give another root of size ${size}` });
    }
  }

  async #nextClaim(): Promise<void> {
    const previous = this.#claim?.size ?? 0;
    const next = await this.#claims.next();
    this.#claim = next.done === true ? undefined : next.value;
    if (this.#claim !== undefined && this.#claim.size < previous) throw new Error('invariant: claims come by size');
  }
}

/** The tiles of a tree as the pass needs them: each bundle, the tile of its hashes, and the tiles above which that completes. */
function* readingOrder(size: number): Generator<Tile> {
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    yield { level: 'entries', index, width };
    yield { level: 0, index, width };
    for (let level = 1, full = index; width === TILE_WIDTH && full % TILE_WIDTH === TILE_WIDTH - 1; level++) {
      full = Math.floor(full / TILE_WIDTH);
      yield { level, index: full, width: TILE_WIDTH };
    }
  }
  for (let level = 1, hashes = Math.floor(size / TILE_WIDTH); hashes > 0; level++) {
    const width = hashes % TILE_WIDTH;
    hashes = Math.floor(hashes / TILE_WIDTH);
    if (width > 0) yield { level, index: hashes, width };
  }
}
