// fsck: derives a whole tlog-tiles log again from its entry bundles, compares every hash tile and the signed checkpoint.
// c2sp.org/tlog-tiles. Works on any such log, over any transport: it only asks for paths. Streams: memory does not grow with the log.
// Does not read what the entries say, and does not look for tiles that no tree of this size has.

import { parseBundle } from '../core/bundle.ts';
import { concat, equal } from '../core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts';
import { LedgerError } from '../core/errors.ts';
import { EMPTY_ROOT, type Hash, leafHash } from '../core/hash.ts';
import { HASH_BYTES, TILE_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { parseNote, type VerifierKey } from '../core/note.ts';
import { appendLeaf, EMPTY_RANGE, rangeRoot } from '../core/range.ts';
import { formatTilePath, type Tile, tileRoot } from '../core/tile.ts';

/** `missing`: no answer for a path. `malformed`: not of the format, or too short or too long. `different`: not what the entries give. */
export interface FsckProblem {
  readonly path: string;
  readonly code: 'missing' | 'malformed' | 'different';
  readonly detail: string;
}

export interface FsckOptions {
  /** Bytes under a path such as `checkpoint` or `tile/0/000`; undefined when there are none. */
  readonly fetch: (path: string) => Promise<Uint8Array | undefined>;
  readonly logKey: VerifierKey;
  /** After each bundle. */
  readonly onProgress?: (entries: number, size: number) => void;
}

export interface FsckResult {
  /** What the checkpoint says; 0 and the empty root when there is no usable checkpoint. */
  readonly size: number;
  readonly root: Hash;
  /** Entries read and hashed. */
  readonly entries: number;
  /** Empty when the log is in order. */
  readonly problems: readonly FsckProblem[];
}

/** Checks a log. Never rejects because of what the log holds; passes on what `fetch` throws. */
export async function fsck(options: FsckOptions): Promise<FsckResult> {
  const problems: FsckProblem[] = [];
  const checkpoint = await readCheckpoint(options, problems);
  if (checkpoint === undefined) return { size: 0, root: EMPTY_ROOT, entries: 0, problems };
  const check = new Check(options, checkpoint.size, problems);
  const entries = await check.run();
  if (!equal(check.root, checkpoint.root)) {
    problems.push({ path: 'checkpoint', code: 'different', detail: 'the entries give another root' });
  }
  return { size: checkpoint.size, root: checkpoint.root, entries, problems };
}

async function readCheckpoint(options: FsckOptions, problems: FsckProblem[]): Promise<Checkpoint | undefined> {
  const path = 'checkpoint';
  const bytes = await options.fetch(path);
  if (bytes === undefined) {
    problems.push({ path, code: 'missing', detail: 'no checkpoint' });
    return undefined;
  }
  try {
    return openCheckpoint(parseNote(bytes), [options.logKey]);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    problems.push({ path, code: 'malformed', detail: `${error.code}: ${error.message}` });
    return undefined;
  }
}

/** One pass over the bundles. Hashes of a level wait until they fill a tile, which is compared and handed up as one hash. */
class Check {
  readonly #options: FsckOptions;
  readonly #size: number;
  readonly #problems: FsckProblem[];
  readonly #levels: { index: number; hashes: Hash[] }[] = [];
  #range = EMPTY_RANGE;
  #entries = 0;

  constructor(options: FsckOptions, size: number, problems: FsckProblem[]) {
    this.#options = options;
    this.#size = size;
    this.#problems = problems;
  }

  /** Root over all leaves so far. */
  get root(): Hash {
    return rangeRoot(this.#range);
  }

  /** Returns how many entries were read and hashed. */
  async run(): Promise<number> {
    for (let index = 0; index * TILE_WIDTH < this.#size; index++) {
      const width = Math.min(TILE_WIDTH, this.#size - index * TILE_WIDTH);
      for (const leaf of await this.#leaves(index, width)) {
        this.#range = appendLeaf(this.#range, leaf);
        await this.#push(0, leaf);
      }
      this.#options.onProgress?.(this.#entries, this.#size);
    }
    for (let level = 0; level < this.#levels.length; level++) await this.#compare(level);
    return this.#entries;
  }

  /** The leaf hashes under a bundle; those of the hash tile when the bundle cannot be read, so that one gap does not hide others. */
  async #leaves(index: number, width: number): Promise<Hash[]> {
    const path = formatTilePath({ level: 'entries', index, width });
    const bytes = await this.#options.fetch(path);
    if (bytes === undefined) this.#report(path, 'missing', 'no such bundle');
    const entries = bytes === undefined ? undefined : this.#parse(path, bytes, width);
    if (entries === undefined) return this.#hashesInstead(index, width);
    this.#entries += entries.length;
    return entries.map(leafHash);
  }

  #parse(path: string, bytes: Uint8Array, width: number): Uint8Array[] | undefined {
    try {
      return parseBundle(bytes, width);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      this.#report(path, 'malformed', error.message);
      return undefined;
    }
  }

  async #hashesInstead(index: number, width: number): Promise<Hash[]> {
    const bytes = (await this.#options.fetch(formatTilePath({ level: 0, index, width }))) ?? new Uint8Array(0);
    return Array.from({ length: width }, (_, i) => {
      const hash = bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES);
      return hash.length === HASH_BYTES ? hash : EMPTY_ROOT;
    });
  }

  async #push(level: number, hash: Hash): Promise<void> {
    this.#levels[level] ??= { index: 0, hashes: [] };
    const { hashes } = this.#levels[level];
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const root = tileRoot(concat(...hashes));
    await this.#compare(level);
    await this.#push(level + 1, root);
  }

  /** Compares the waiting hashes of a level with the log's tile, and starts the next tile. */
  async #compare(level: number): Promise<void> {
    const waiting = this.#levels[level];
    if (waiting === undefined || waiting.hashes.length === 0) return;
    const tile: Tile = { level, index: waiting.index, width: waiting.hashes.length };
    const path = formatTilePath(tile);
    const expected = concat(...waiting.hashes);
    this.#levels[level] = { index: waiting.index + 1, hashes: [] };
    const bytes = await this.#options.fetch(path);
    if (bytes === undefined) this.#report(path, 'missing', 'no such tile');
    else if (bytes.length !== expected.length) {
      this.#report(path, 'malformed', `${bytes.length} bytes, not ${expected.length} of at most ${TILE_BYTES}`);
    } else if (!equal(bytes, expected)) this.#report(path, 'different', 'the entries give other hashes');
  }

  #report(path: string, code: FsckProblem['code'], detail: string): void {
    this.#problems.push({ path, code, detail });
  }
}
