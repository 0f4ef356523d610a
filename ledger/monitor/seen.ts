// The entries under one checkpoint as they are seen while receipts are looked up: leaf hash and time of each, 40 bytes, however long it is.
// Whoever pads a ledger with entries that say no time would have them read again for each receipt, for ever. So of a bundle in which no entry
// says one, that much is kept for good, and of those that were used last everything.

import { type Hash, leafHash } from '../core/hash.ts';
import { HASH_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { timeOf } from '../core/omission-report.ts';
import type { TileReader } from '../core/tile-reader.ts';

/** What is kept of an entry. */
export interface SeenEntry {
  readonly leaf: Hash;
  /** When it was received, ms since the epoch; undefined when it does not say so. */
  readonly receivedMs: number | undefined;
}

/** What is kept of the entries of one bundle, one after the other. */
interface SeenBundle {
  readonly leaves: Uint8Array;
  /** NaN for none. */
  readonly receivedMs: Float64Array;
}

/** Reads entries, checked against the checkpoint of its reader. */
export class SeenEntries {
  readonly #reader: TileReader;
  readonly #size: number;
  readonly #keptMax: number;
  /** Least recently used first. */
  readonly #bundles = new Map<number, SeenBundle>();
  /** Bundles in which no entry says a time. */
  readonly #timeless = new Set<number>();
  /** Bundles with an entry of a newer format. */
  readonly #newer = new Set<number>();

  /**
   * @param size entries under the checkpoint
   * @param keptMax bundles kept whole, of about 10 kB each
   */
  constructor(reader: TileReader, size: number, keptMax: number) {
    this.#reader = reader;
    this.#size = size;
    this.#keptMax = keptMax;
  }

  /** One entry. @param index below the size @throws LedgerError as {@link TileReader.entries} */
  async at(index: number): Promise<SeenEntry> {
    const number = Math.floor(index / TILE_WIDTH);
    const place = index - number * TILE_WIDTH;
    const { leaves, receivedMs } = await this.#bundle(number);
    const ms = receivedMs[place];
    if (ms === undefined) throw new Error('invariant: an entry inside its bundle');
    const leaf = leaves.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
    return { leaf, receivedMs: Number.isNaN(ms) ? undefined : ms };
  }

  /** The last entry in [lo, hi) that says a time. @throws LedgerError as {@link at} */
  async lastTimed(lo: number, hi: number): Promise<{ index: number; receivedMs: number } | undefined> {
    for (let index = hi - 1; index >= lo; index--) {
      const number = Math.floor(index / TILE_WIDTH);
      if (this.#timeless.has(number)) {
        index = number * TILE_WIDTH;
        continue;
      }
      const { receivedMs } = await this.at(index);
      if (receivedMs !== undefined) return { index, receivedMs };
    }
    return undefined;
  }

  /** Whether an entry of a newer format was seen in [lo, hi), or beside it in one bundle. */
  sawNewer(lo: number, hi: number): boolean {
    for (let number = Math.floor(lo / TILE_WIDTH); number * TILE_WIDTH < hi; number++) {
      if (this.#newer.has(number)) return true;
    }
    return false;
  }

  async #bundle(number: number): Promise<SeenBundle> {
    const bundle = this.#bundles.get(number) ?? (await this.#read(number));
    this.#bundles.delete(number);
    this.#bundles.set(number, bundle);
    return bundle;
  }

  async #read(number: number): Promise<SeenBundle> {
    const first = number * TILE_WIDTH;
    const entries = await this.#reader.entries(first, Math.min(this.#size, first + TILE_WIDTH));
    const leaves = new Uint8Array(entries.length * HASH_BYTES);
    for (const [place, entry] of entries.entries()) leaves.set(leafHash(entry), place * HASH_BYTES);
    const times = entries.map(timeOf);
    const receivedMs = Float64Array.from(times, ({ received = '' }) => Date.parse(received));
    if (times.some(({ isNewer }) => isNewer)) this.#newer.add(number);
    if (receivedMs.every(Number.isNaN)) this.#timeless.add(number);
    const [oldest] = this.#bundles.keys();
    if (oldest !== undefined && this.#bundles.size >= this.#keptMax) this.#bundles.delete(oldest);
    return { leaves, receivedMs };
  }
}
