// Receipts held against the ledger: is the entry there, and if not, can that be shown to a stranger? Proofs are built here, from tiles that
// are checked against one cosigned checkpoint; they are checked in ledger/core/omission-report.ts, which also says why they are proofs.
// Nobody's index is asked: the place is found from the entries themselves, which stand in order of receipt.

import { equal } from '../core/bytes.ts';
import { cosignedAfter, openJudged, openOwed } from '../core/epoch.ts';
import { type Hash, leafHash } from '../core/hash.ts';
import { OMISSION_LEAVES_MAX, TILE_WIDTH } from '../core/limits.ts';
import { parseNote } from '../core/note.ts';
import {
  checkOmissionReport,
  formatOmissionReport,
  type OmissionTrust,
  type ProvenOmission,
  receivedOf,
} from '../core/omission-report.ts';
import { type FetchTile, TileReader } from '../core/tile-reader.ts';
import type { SignedHead } from '../log/ports.ts';

/**
 * What became of a receipt. `not-due`: not there, and the deadline has not passed. `undecided`: not there, and no checkpoint is cosigned
 * after the deadline yet, so that nothing can be shown; ask again. `buried`: there are more entries around its place than a report can hold,
 * which no honest ledger has. `broken`: shown, by `report`.
 */
export type ReceiptState =
  | { readonly state: 'honoured'; readonly index: number }
  | { readonly state: 'not-due' | 'undecided' | 'buried' }
  | { readonly state: 'broken'; readonly what: ProvenOmission['what']; readonly id: string; readonly report: string };

/** Bundles kept: sorted receipts then read each bundle about once. */
const BUNDLES_KEPT_MAX = 64;

/** What is kept of an entry, however long it is. */
interface Seen {
  readonly leaf: Hash;
  readonly received: string | undefined;
}

/** Looks receipts up under one checkpoint. */
export class ReceiptMonitor {
  readonly #head: SignedHead;
  readonly #trust: OmissionTrust;
  readonly #leavesMax: number;
  readonly #reader: TileReader;
  readonly #bundles = new Map<number, readonly Seen[]>();

  /**
   * @param note the newest checkpoint of the ledger, whole
   * @param fetch where its tiles and entries may be read; not trusted
   * @param leavesMax entries that a report may speak of
   * @throws LedgerError when the note is not signed by the log, with a key of the epoch of its size
   */
  constructor(note: string, trust: OmissionTrust, fetch: FetchTile, leavesMax: number = OMISSION_LEAVES_MAX) {
    const parsed = parseNote(note);
    this.#head = { note, checkpoint: openJudged(parsed, trust.epochs) };
    this.#trust = trust;
    this.#leavesMax = leavesMax;
    this.#reader = new TileReader(this.#head.checkpoint, fetch);
  }

  /**
   * Looks one receipt up.
   * @param text the whole receipt
   * @param nowMs the present, ms since the epoch; only tells `not-due` from `undecided`
   * @throws LedgerError when it is no receipt of this log, or the tiles are not those of the checkpoint; and what `fetch` throws
   */
  async look(text: string, nowMs: number): Promise<ReceiptState> {
    const { epochs } = this.#trust;
    const receipt = openOwed(text, this.#head.checkpoint.origin, epochs);
    const promised = leafHash(receipt.entryBytes);
    const run = await this.#run(receipt.entry.received);
    if (run === undefined) return { state: 'buried' };
    const at = run.seen.findIndex(({ leaf }) => equal(leaf, promised));
    if (at >= 0) return { state: 'honoured', index: run.first + at };
    const deadlineMs = Date.parse(receipt.deadline);
    if (cosignedAfter(parseNote(this.#head.note), epochs, deadlineMs) === undefined) {
      return { state: nowMs > deadlineMs ? 'undecided' : 'not-due' };
    }
    const report = await this.#report(text, run);
    return { state: 'broken', what: checkOmissionReport(report, this.#trust).what, id: receipt.entry.id, report };
  }

  async #report(receipt: string, { first, seen }: Run): Promise<string> {
    const { hashes: left } = await this.#reader.range(first);
    const proof = await this.#reader.consistencyProof(first + seen.length);
    const entries = [];
    for (const i of telling(seen)) {
      const [entry] = await this.#reader.entries(first + i, first + i + 1);
      if (entry !== undefined) entries.push({ index: first + i, entry });
    }
    const leaves = seen.map(({ leaf }) => leaf);
    return formatOmissionReport({ receipt, checkpoint: this.#head.note, first, left, leaves, proof, entries });
  }

  /** All entries between the last one received before a time and the first one received after it, both included; undefined when too many. */
  async #run(received: string): Promise<Run | undefined> {
    const { size } = this.#head.checkpoint;
    const place = await this.#firstNotBefore(received);
    let first = place;
    for (let time: string | undefined; first > 0 && (time === undefined || time >= received); ) {
      if (place - first === this.#leavesMax) return undefined;
      time = (await this.#seen(--first)).received;
    }
    const seen: Seen[] = [];
    for (
      let i = first, time: string | undefined;
      i < size && (i <= place || time === undefined || time <= received);
      i++
    ) {
      if (seen.length === this.#leavesMax) return undefined;
      const entry = await this.#seen(i);
      seen.push(entry);
      time = entry.received;
    }
    return { first, seen };
  }

  /**
   * Index of the first entry not received before a time, by halving; entries without a time go with the one before them. Of more of those than
   * a run may have only the last are looked through: then this is a place behind them, and the run is too long.
   */
  async #firstNotBefore(received: string): Promise<number> {
    let lo = 0;
    let hi = this.#head.checkpoint.size;
    while (lo < hi) {
      const middle = Math.floor((lo + hi) / 2);
      const { index, time } = await this.#timeAtOrBefore(middle, Math.max(lo, middle - this.#leavesMax));
      if (time !== undefined && time >= received) hi = index;
      else lo = middle + 1;
    }
    return lo;
  }

  /** The last entry with a time in [lo, index]; when there is none, `index` itself without one. */
  async #timeAtOrBefore(index: number, lo: number): Promise<{ index: number; time: string | undefined }> {
    for (let i = index; i >= lo; i--) {
      const { received: time } = await this.#seen(i);
      if (time !== undefined) return { index: i, time };
    }
    return { index, time: undefined };
  }

  async #seen(index: number): Promise<Seen> {
    const number = Math.floor(index / TILE_WIDTH);
    const bundle = this.#bundles.get(number) ?? (await this.#readBundle(number));
    // Least recently used first.
    this.#bundles.delete(number);
    this.#bundles.set(number, bundle);
    const seen = bundle[index - number * TILE_WIDTH];
    if (seen === undefined) throw new Error('invariant: an entry inside its bundle');
    return seen;
  }

  async #readBundle(number: number): Promise<Seen[]> {
    const hi = Math.min(this.#head.checkpoint.size, (number + 1) * TILE_WIDTH);
    const bundle = await this.#reader.entries(number * TILE_WIDTH, hi);
    const [oldest] = this.#bundles.keys();
    if (oldest !== undefined && this.#bundles.size >= BUNDLES_KEPT_MAX) this.#bundles.delete(oldest);
    return bundle.map((entry) => ({ leaf: leafHash(entry), received: receivedOf(entry) }));
  }
}

/** Neighbours on the ledger. */
interface Run {
  readonly first: number;
  readonly seen: readonly Seen[];
}

/** Places in a run of the entries whose times a stranger needs: the outermost that say one, and the first two in the wrong order. */
function telling(seen: readonly Seen[]): number[] {
  const timed = seen.flatMap(({ received }, place) => (received === undefined ? [] : [{ received, place }]));
  const fall = timed.findIndex(({ received }, i) => received < (timed[i - 1]?.received ?? ''));
  const shown = [timed[0], ...(fall < 0 ? [] : timed.slice(fall - 1, fall + 1)), timed.at(-1)];
  return [...new Set(shown.flatMap((each) => each?.place ?? []))];
}
