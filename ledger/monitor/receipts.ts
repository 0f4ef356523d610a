// Receipts held against the ledger: is the entry there, and if not, can that be shown to a stranger? Proofs are built here, from tiles that
// are checked against one cosigned checkpoint; they are checked in ledger/core/omission-report.ts, which also says why they are proofs.
// Nobody's index is asked: the place is found from the entries themselves, which stand in order of receipt.

import { equal } from '../core/bytes.ts';
import { openCheckpoint } from '../core/checkpoint.ts';
import { LedgerError } from '../core/errors.ts';
import { TILE_WIDTH } from '../core/limits.ts';
import { parseNote } from '../core/note.ts';
import {
  checkOmissionReport,
  cosignedAfter,
  formatOmissionReport,
  type OmissionTrust,
  type ProvenOmission,
  receiptKeysOf,
  receivedOf,
} from '../core/omission-report.ts';
import { openReceipt } from '../core/receipt.ts';
import { type FetchTile, TileReader } from '../core/tile-reader.ts';
import type { SignedHead } from '../log/ports.ts';

/**
 * What became of a receipt. `not-due`: not there, and the deadline has not passed. `undecided`: not there, and no checkpoint is cosigned
 * after the deadline yet, so that nothing can be shown; ask again. `broken`: shown, by `report`.
 */
export type ReceiptState =
  | { readonly state: 'honoured'; readonly index: number }
  | { readonly state: 'not-due' | 'undecided' }
  | { readonly state: 'broken'; readonly what: ProvenOmission['what']; readonly id: string; readonly report: string };

/** Bundles kept: sorted receipts then read each bundle about once. */
const BUNDLES_KEPT_MAX = 64;

/** Neighbours in one proof. As many entries would have to be of one millisecond, or of kinds without a time. */
const RUN_ENTRIES_MAX = 16_384;

/** Looks receipts up under one checkpoint. */
export class ReceiptMonitor {
  readonly #head: SignedHead;
  readonly #trust: OmissionTrust;
  readonly #reader: TileReader;
  readonly #bundles = new Map<number, Uint8Array[]>();

  /**
   * @param note the newest checkpoint of the ledger, whole
   * @param fetch where its tiles and entries may be read; not trusted
   * @throws LedgerError when the note is not signed by a log of the policy
   */
  constructor(note: string, trust: OmissionTrust, fetch: FetchTile) {
    const logKeys = trust.policy.logs.map(({ key }) => key);
    this.#head = { note, checkpoint: openCheckpoint(parseNote(note), logKeys) };
    this.#trust = trust;
    this.#reader = new TileReader(this.#head.checkpoint, fetch);
  }

  /**
   * Looks one receipt up.
   * @param text the whole receipt
   * @param nowMs the present, ms since the epoch; only tells `not-due` from `undecided`
   * @throws LedgerError when it is no receipt of this log, or the tiles are not those of the checkpoint; and what `fetch` throws
   */
  async look(text: string, nowMs: number): Promise<ReceiptState> {
    const { origin } = this.#head.checkpoint;
    const receipt = openReceipt(text, receiptKeysOf(origin, this.#trust.receiptKeys));
    const run = await this.#run(receipt.entry.received);
    const at = run.entries.findIndex((entry) => equal(entry, receipt.entryBytes));
    if (at >= 0) return { state: 'honoured', index: run.first + at };
    if (cosignedAfter(parseNote(this.#head.note), this.#trust.policy, receipt.deadline) === undefined) {
      return { state: nowMs > Date.parse(receipt.deadline) ? 'undecided' : 'not-due' };
    }
    const report = await this.#report(text, run);
    return { state: 'broken', what: checkOmissionReport(report, this.#trust).what, id: receipt.entry.id, report };
  }

  async #report(receipt: string, { first, entries }: Run): Promise<string> {
    const run = [];
    for (const [i, entry] of entries.entries()) {
      run.push({ entry, proof: await this.#reader.inclusionProof(first + i) });
    }
    return formatOmissionReport({ receipt, checkpoint: this.#head.note, first, run });
  }

  /** All entries between the last one received before a time and the first one received after it, both included. */
  async #run(received: string): Promise<Run> {
    const { size } = this.#head.checkpoint;
    const place = await this.#firstNotBefore(received);
    let first = place;
    for (let time: string | undefined; first > 0 && (time === undefined || time >= received); ) {
      time = receivedOf(await this.#entry(--first));
      this.#requireShort(place - first);
    }
    const entries: Uint8Array[] = [];
    for (
      let i = first, time: string | undefined;
      i < size && (i <= place || time === undefined || time <= received);
      i++
    ) {
      const entry = await this.#entry(i);
      entries.push(entry);
      time = receivedOf(entry);
      this.#requireShort(entries.length);
    }
    return { first, entries };
  }

  #requireShort(entries: number): void {
    if (entries > RUN_ENTRIES_MAX)
      throw new LedgerError('report-unproven', `more than ${RUN_ENTRIES_MAX} entries of one time`);
  }

  /** Index of the first entry not received before a time, by halving; entries without a time go with the one before them. */
  async #firstNotBefore(received: string): Promise<number> {
    let lo = 0;
    let hi = this.#head.checkpoint.size;
    while (lo < hi) {
      const middle = Math.floor((lo + hi) / 2);
      const { index, time } = await this.#timeAtOrBefore(middle, lo);
      if (time !== undefined && time >= received) hi = index;
      else lo = middle + 1;
    }
    return lo;
  }

  /** The last entry with a time in [lo, index]; when there is none, `index` itself without one. */
  async #timeAtOrBefore(index: number, lo: number): Promise<{ index: number; time: string | undefined }> {
    for (let i = index; i >= lo; i--) {
      const time = receivedOf(await this.#entry(i));
      if (time !== undefined) return { index: i, time };
      this.#requireShort(index - i);
    }
    return { index, time: undefined };
  }

  async #entry(index: number): Promise<Uint8Array> {
    const number = Math.floor(index / TILE_WIDTH);
    const bundle = this.#bundles.get(number) ?? (await this.#readBundle(number));
    // Least recently used first.
    this.#bundles.delete(number);
    this.#bundles.set(number, bundle);
    const entry = bundle[index - number * TILE_WIDTH];
    if (entry === undefined) throw new Error('invariant: an entry inside its bundle');
    return entry;
  }

  async #readBundle(number: number): Promise<Uint8Array[]> {
    const hi = Math.min(this.#head.checkpoint.size, (number + 1) * TILE_WIDTH);
    const bundle = await this.#reader.entries(number * TILE_WIDTH, hi);
    const [oldest] = this.#bundles.keys();
    if (oldest !== undefined && this.#bundles.size >= BUNDLES_KEPT_MAX) this.#bundles.delete(oldest);
    return bundle;
  }
}

/** Neighbours on the ledger. */
interface Run {
  readonly first: number;
  readonly entries: readonly Uint8Array[];
}
