/**
 * What only the folder of a stopped member shows: every row of its store with its checksum, the chain of its heads, tiles that no tree of its
 * size has, what a step left behind. What the entries give is fsck.ts's task: this file hands it the heads as claims.
 * What a platform keeps of its deposits is fsck-deposits.ts's.
 */
import { equal, hexEncode } from '../../ledger/core/bytes.ts';
import type { Checkpoint } from '../../ledger/core/checkpoint.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { formatTilePath, parseTilePath, type Tile } from '../../ledger/core/tile.ts';
import { LogError } from '../../ledger/log/errors.ts';
import { type HeadRecord, parseHeadRecord, recordHash } from '../../ledger/log/head-record.ts';
import type { HeadStore, TileStore } from '../../ledger/log/ports.ts';
import { parseStaged, type Staged, stagingName, tileWidth } from '../../ledger/log/staging.ts';
import type { Claim, FsckProblem, OpenNote } from '../../ledger/tools/fsck.ts';
import { parseRemembered } from '../../ledger/witness/state.ts';
import type { Flaw } from './fsck-deposits.ts';

type Report = (problem: FsckProblem) => void;
type Rows = AsyncIterable<readonly [key: string, value: Uint8Array | undefined]>;

/** The heads of a platform, each signed by the log, numbered, on top of the one below it; as claims about the tree. */
export async function* platformHeads(heads: HeadStore, openNote: OpenNote, report: Report): AsyncGenerator<Claim> {
  let below: Uint8Array | undefined;
  yield* headsOf(heads, 'head', report, (bytes, number) => {
    const record = parseHeadRecord(bytes);
    const previous = below === undefined ? undefined : recordHash(below);
    below = bytes;
    if (record.number !== number) throw new LogError('state-inconsistent', `it says number ${record.number}`);
    if (hexOf(record.previous) !== hexOf(previous))
      throw new LogError('state-inconsistent', 'it does not stand on the head below it');
    return openNote(parseNote(record.note));
  });
}

/** The checkpoints that a mirror has accepted or cosigned, each signed by the log. */
export function mirrorHeads(heads: HeadStore, name: string, openNote: OpenNote, report: Report): AsyncGenerator<Claim> {
  return headsOf(heads, name, report, (bytes) => openNote(parseNote(parseRemembered(bytes).note)));
}

async function* headsOf(
  heads: HeadStore,
  name: string,
  report: Report,
  open: (bytes: Uint8Array, number: number) => Checkpoint,
): AsyncGenerator<Claim> {
  const last = (await heads.latest())?.number ?? -1;
  let size = 0;
  for (let number = 0; number <= last; number++) {
    const path = `${name} ${number}`;
    const checkpoint = await attempt(path, report, async () => {
      const bytes = await heads.get(number);
      if (bytes === undefined) throw new LogError('state-inconsistent', 'there is none among heads without holes');
      const opened = open(bytes, number);
      if (opened.size < size)
        throw new LogError('state-inconsistent', `its tree has size ${opened.size}, after ${size}`);
      return opened;
    });
    if (checkpoint === undefined) continue;
    size = checkpoint.size;
    yield { path, size, root: checkpoint.root };
  }
}

/** One note, as a claim; none when there is no note. */
export async function* noteClaim(
  path: string,
  note: Uint8Array | undefined,
  openNote: OpenNote,
  report: Report,
): AsyncGenerator<Claim> {
  if (note === undefined) return;
  const checkpoint = await attempt(path, report, async () => openNote(parseNote(note)));
  if (checkpoint !== undefined) yield { path, size: checkpoint.size, root: checkpoint.root };
}

/** Two lists of claims, each by size, as one by size. */
export async function* merged(
  a: AsyncIterator<Claim>,
  b: AsyncIterator<Claim> | Iterator<Claim>,
): AsyncGenerator<Claim> {
  let [nextA, nextB] = [await a.next(), await b.next()];
  while (nextA.done !== true || nextB.done !== true) {
    if (nextB.done === true || (nextA.done !== true && nextA.value.size <= nextB.value.size)) {
      yield nextA.value;
      nextA = await a.next();
    } else {
      yield nextB.value;
      nextB = await b.next();
    }
  }
}

/** Rows that a member keeps beside its tiles. */
export interface Kept {
  /** What stands before their names. */
  readonly prefix: string;
  /** What is wrong with one of them, beyond its checksum. */
  readonly flaws?: (name: string, value: Uint8Array) => Promise<readonly Flaw[]>;
}

export interface RowsOptions {
  readonly rows: Rows;
  /** What stands before the names of the ledger's tiles. */
  readonly tiles: string;
  readonly others: readonly Kept[];
  /** Entries that the member holds, those it does not serve yet included. */
  readonly size: number;
  /** A tile as wide as the served tree has it. */
  readonly fetch: (path: string) => Promise<Uint8Array | undefined>;
  /** Whether what a step staged under this number may still be there. */
  readonly mayStage: (number: number) => Promise<boolean>;
  readonly report: Report;
}

/** Looks at every row of a store. */
export async function checkRows({ rows, tiles, others, size, fetch, mayStage, report }: RowsOptions): Promise<void> {
  for await (const [key, value] of rows) {
    const name = key.startsWith(tiles) ? key.slice(tiles.length) : undefined;
    const path = name ?? `row ${key}`;
    if (value === undefined) report({ path, code: 'malformed', detail: 'its bytes are not those that were written' });
    else if (name?.startsWith('staging/')) {
      if (!(await mayStage(Number(name.slice('staging/'.length)))))
        report({ path, code: 'extra', detail: 'no head refers to it' });
    } else if (name !== undefined) await checkTile(name, value, size, fetch, report);
    else for (const flaw of await flawsOf(key, value, others)) report({ path, ...flaw });
  }
}

async function flawsOf(key: string, value: Uint8Array, kept: readonly Kept[]): Promise<readonly Flaw[]> {
  const found = kept.find(({ prefix }) => key.startsWith(prefix));
  if (found === undefined) return [{ code: 'extra', detail: 'nothing of this member has that name' }];
  return (await found.flaws?.(key.slice(found.prefix.length), value)) ?? [];
}

async function checkTile(
  name: string,
  bytes: Uint8Array,
  size: number,
  fetch: RowsOptions['fetch'],
  report: Report,
): Promise<void> {
  const tile = await attempt(name, report, async () => parseTilePath(name));
  if (tile === undefined) return;
  const width = tileWidth(tile, size);
  if (tile.width > width) return report({ path: name, code: 'extra', detail: `no ledger of ${size} entries has it` });
  // Narrower forms of the tile are left where a step has just widened it.
  const wider = tile.width === width ? undefined : await fetch(formatTilePath({ ...tile, width } satisfies Tile));
  if (wider !== undefined && !equal(wider.subarray(0, bytes.length), bytes))
    report({ path: name, code: 'different', detail: 'it is not the beginning of its wider form' });
}

/** Whether a platform may hold the staging bundle of a number: not applied yet, not swapped yet, or burnt by a fence. */
export function platformStages(heads: HeadStore): (number: number) => Promise<boolean> {
  return async (number) => {
    const latest = (await heads.latest())?.number ?? -1;
    const bytes = await heads.get(number);
    if (bytes === undefined) return number === latest + 1;
    const { staging } = parseHeadRecord(bytes) satisfies HeadRecord;
    return staging === undefined || (number === latest && staging === stagingName(number));
  };
}

/**
 * The latest step when a crash came between its swap and its end: the next start makes it visible, tiles first, then the places of deposits.
 * @returns what it staged; undefined when nothing is left of it, or it cannot be read: then checkRows says so
 */
export async function unappliedStep(tiles: TileStore, head: HeadRecord | undefined): Promise<Staged | undefined> {
  const staged = head?.staging === undefined ? undefined : await tiles.get(head.staging).catch(() => undefined);
  return staged === undefined ? undefined : parseStaged(staged);
}

/** The tiles as they will be once that step is applied. */
export function applied(tiles: TileStore, step: Staged | undefined): TileStore {
  const staged = new Map(step?.tiles.map(({ tile, bytes }) => [formatTilePath(tile), bytes]));
  return { ...tiles, get: async (name) => (await tiles.get(name)) ?? staged.get(name) };
}

async function attempt<T>(path: string, report: Report, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    report({ path, code: 'malformed', detail: error.message });
    return undefined;
  }
}

function hexOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'none' : hexEncode(bytes);
}
