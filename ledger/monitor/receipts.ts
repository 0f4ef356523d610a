// Receipts held against the ledger: is the entry there, and if not, can that be shown to a stranger? Proofs are built here, from tiles that
// are checked against one cosigned checkpoint; they are checked in ledger/core/omission-report.ts, which also says why they are proofs.
// Nobody's index is asked: the place is found from the entries themselves, which stand in order of receipt.

import { equal } from '../core/bytes.ts';
import { cosignedAfter, openJudged, openOwed } from '../core/epoch.ts';
import { leafHash } from '../core/hash.ts';
import { OMISSION_LEAVES_MAX, TILE_WIDTH } from '../core/limits.ts';
import { parseNote } from '../core/note.ts';
import {
  checkOmissionReport,
  formatOmissionReport,
  type OmissionTrust,
  type ProvenOmission,
} from '../core/omission-report.ts';
import { type FetchTile, TileReader } from '../core/tile-reader.ts';
import type { SignedHead } from '../log/ports.ts';
import { SeenEntries, type SeenEntry } from './seen.ts';

/**
 * What became of a receipt. `not-due`: not there, and the deadline has not passed. `undecided`: not there, and no checkpoint is cosigned
 * after the deadline by every honest clock yet, so that nothing can be shown; ask again. `buried`: there are more entries around its place than a report can hold, or
 * more without a time in front of twice its place than are looked through; no honest ledger has either. `newer-format`: the same, but some of
 * them are of a format that this program does not know, and say their time to a later one. `broken`: shown, by `report`.
 */
export type ReceiptState =
  | { readonly state: 'honoured'; readonly index: number }
  | { readonly state: 'not-due' | 'undecided' | TooLong }
  | { readonly state: 'broken'; readonly what: ProvenOmission['what']; readonly id: string; readonly report: string };

/** Why a run cannot be shown. */
type TooLong = 'buried' | 'newer-format';

/** Bundles kept beside those of one run of the greatest length: what the search reads, and sorted receipts share. */
const BUNDLES_BESIDE = 64;

/**
 * Entries without a time that one step of the search looks through, in runs of the greatest length. With none among them that says a time, the
 * place is sought behind them: a ledger without end, which courts cosign blindly and a lying mirror too, must not be read without end.
 */
const PADDING_RUNS = 32;

/** Looks receipts up under one checkpoint. */
export class ReceiptMonitor {
  readonly #head: SignedHead;
  readonly #trust: OmissionTrust;
  readonly #leavesMax: number;
  readonly #reader: TileReader;
  readonly #entries: SeenEntries;

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
    const keptMax = Math.ceil(leavesMax / TILE_WIDTH) + BUNDLES_BESIDE;
    this.#entries = new SeenEntries(this.#reader, this.#head.checkpoint.size, keptMax);
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
    const run = await this.#run(Date.parse(receipt.entry.received));
    if (typeof run === 'string') return { state: run };
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

  /** All entries between the last one received before a time and the first one received after it, both included. */
  async #run(receivedMs: number): Promise<Run | TooLong> {
    const { size } = this.#head.checkpoint;
    const place = await this.#firstNotBefore(receivedMs);
    const lowest = Math.max(0, place - this.#leavesMax);
    let before = await this.#entries.lastTimed(lowest, place);
    while (before !== undefined && before.receivedMs >= receivedMs) {
      before = await this.#entries.lastTimed(lowest, before.index);
    }
    if (before === undefined && lowest > 0) return this.#tooLong(lowest);
    const first = before?.index ?? 0;
    const seen: SeenEntry[] = [];
    for (
      let i = first, time: number | undefined;
      i < size && (i <= place || time === undefined || time <= receivedMs);
      i++
    ) {
      if (seen.length === this.#leavesMax) return this.#tooLong(first);
      const entry = await this.#entries.at(i);
      seen.push(entry);
      time = entry.receivedMs;
    }
    return { first, seen };
  }

  #tooLong(first: number): TooLong {
    return this.#entries.sawNewer(first, first + this.#leavesMax) ? 'newer-format' : 'buried';
  }

  /**
   * Index of the first entry not received before a time; entries without a time go with the one before them. By doubling from the front, and
   * by halving once that is nearer: what is looked at does not depend on the size, which the platform chooses last. So no padding behind twice
   * the place is read; of other padding each entry once, as what a step has looked through lies outside all later ones.
   */
  async #firstNotBefore(receivedMs: number): Promise<number> {
    let lo = 0;
    let hi = this.#head.checkpoint.size;
    while (lo < hi) {
      const middle = Math.min(2 * lo + 1, Math.floor((lo + hi) / 2));
      const lowest = Math.max(lo, middle - PADDING_RUNS * this.#leavesMax);
      const timed = await this.#entries.lastTimed(lowest, middle + 1);
      if (timed !== undefined && timed.receivedMs >= receivedMs) hi = timed.index;
      else lo = middle + 1;
    }
    return lo;
  }
}

/** Neighbours on the ledger. */
interface Run {
  readonly first: number;
  readonly seen: readonly SeenEntry[];
}

/** Places in a run of the entries whose times a stranger needs: the outermost that say one, and the first two in the wrong order. */
function telling(seen: readonly SeenEntry[]): number[] {
  const timed = seen.flatMap(({ receivedMs }, place) => (receivedMs === undefined ? [] : [{ receivedMs, place }]));
  const fall = timed.findIndex(
    ({ receivedMs }, i) => receivedMs < (timed[i - 1]?.receivedMs ?? Number.NEGATIVE_INFINITY),
  );
  const shown = [timed[0], ...(fall < 0 ? [] : timed.slice(fall - 1, fall + 1)), timed.at(-1)];
  return [...new Set(shown.flatMap((each) => each?.place ?? []))];
}
