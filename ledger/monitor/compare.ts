// Two checkpoints of one log, compared: the same history, two that cannot both be right, or not to be told yet.
// Size 0 by the root of the empty tree, other equal sizes by their roots. Different sizes by the newer one's own tree, whose tiles may come
// from anybody: each is checked against the newer checkpoint before it is believed (ledger/core/tile-reader.ts). Who is asked, and when
// again, is watch.ts's task.

import { equal } from '../core/bytes.ts';
import { formatCheckpoint } from '../core/checkpoint.ts';
import { forkReport } from '../core/fork-report.ts';
import { EMPTY_ROOT, type Hash } from '../core/hash.ts';
import type { VerifierKey } from '../core/note.ts';
import { rangeRoot } from '../core/range.ts';
import { type FetchTile, TileReader } from '../core/tile-reader.ts';
import type { SignedHead } from '../log/ports.ts';

export type Comparison =
  | { readonly outcome: 'consistent' }
  /** `report` is self-contained evidence; `older` names the checkpoint that the newer tree does not continue. */
  | { readonly outcome: 'fork'; readonly report: string; readonly older: SignedHead }
  /** Nobody has shown the newer tree yet. */
  | { readonly outcome: 'open'; readonly reason: Error };

/** Readers of trees, one for each source and tree: what one source got wrong says nothing about the others. */
export class TreeReaders {
  readonly #sources: readonly FetchTile[];
  /** By checkpoint text, so that several comparisons with one tree fetch its tiles once. */
  readonly #readers = new Map<string, readonly TileReader[]>();

  /** @param sources where trees may be read, in the order in which they are asked */
  constructor(sources: readonly FetchTile[]) {
    this.#sources = sources;
  }

  /** Readers of the tree under a head. */
  of({ checkpoint }: SignedHead): readonly TileReader[] {
    const text = formatCheckpoint(checkpoint);
    const readers = this.#readers.get(text) ?? this.#sources.map((source) => new TileReader(checkpoint, source));
    this.#readers.set(text, readers);
    return readers;
  }
}

/** The newer tree at the older one's size. */
interface Beginning {
  readonly root: Hash;
  readonly proof: readonly Hash[];
}

/**
 * Compares two checkpoints of one log.
 * @param a, b both signed by one of `logKeys`, in any order
 * @param readers where the newer tree may be read
 */
export async function compare(
  a: SignedHead,
  b: SignedHead,
  readers: TreeReaders,
  logKeys: readonly VerifierKey[],
): Promise<Comparison> {
  const [older, newer] = inOrder(a, b);
  const beginning = await beginningOf(newer, older.checkpoint.size, readers);
  if (beginning instanceof Error) return { outcome: 'open', reason: beginning };
  const { root, proof } = beginning;
  if (equal(root, older.checkpoint.root)) return { outcome: 'consistent' };
  const report = forkReport({ newer: newer.note, older: older.note, root, proof }, logKeys);
  return { outcome: 'fork', report, older };
}

/** The one whose tree is asked what it began with comes last. */
function inOrder(a: SignedHead, b: SignedHead): [older: SignedHead, newer: SignedHead] {
  return isOlder(a, b) ? [a, b] : [b, a];
}

/**
 * By size; two of one size by their text, so that everybody who finds them writes the same report. But of two of size 0 the empty tree is
 * the newer one: it is the other that stands against what every tree begins with.
 */
function isOlder(a: SignedHead, b: SignedHead): boolean {
  const difference = a.checkpoint.size - b.checkpoint.size;
  if (difference !== 0) return difference < 0;
  const [aIsEmpty, bIsEmpty] = [a, b].map(({ checkpoint }) => equal(checkpoint.root, EMPTY_ROOT));
  return aIsEmpty === bIsEmpty ? a.note < b.note : bIsEmpty === true;
}

async function beginningOf(newer: SignedHead, size: number, readers: TreeReaders): Promise<Beginning | Error> {
  // Whatever the newer one says of itself: a checkpoint of size 0 with another root is a lie also when there are two of them.
  if (size === 0) return { root: EMPTY_ROOT, proof: [] };
  if (size === newer.checkpoint.size) return { root: newer.checkpoint.root, proof: [] };
  let reason = new Error('there is nobody to ask for tiles');
  for (const reader of readers.of(newer)) {
    try {
      return { root: rangeRoot(await reader.range(size)), proof: await reader.consistencyProof(size) };
    } catch (error) {
      reason = error as Error;
    }
  }
  return reason;
}
