// The pool: entries accepted and not yet sequenced, in the order in which they came, at most OUTSTANDING_MAX of them.
// Holds nothing durable: who appends keeps its own copy until `append` resolves.

import { parseEntry } from '../core/entry.ts';
import { type Hash, leafHash } from '../core/hash.ts';
import type { ClockGuard } from './clock-guard.ts';
import { LogError } from './errors.ts';
import { BATCH_ENTRIES_MAX, OUTSTANDING_MAX } from './limits.ts';
import { Wakeup } from './wakeup.ts';

/** An entry as it came in. `leaf` is computed at once: a bit that flips in the bytes from here on is found before signing. */
export interface Pooled {
  readonly entry: Uint8Array;
  readonly leaf: Hash;
  readonly receivedMs: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: LogError) => void;
}

/** First in, first out, one consumer. */
export class Pool {
  readonly #waiting: Pooled[] = [];
  readonly #news = new Wakeup();
  readonly #clock: ClockGuard;
  #inFlight = 0;
  #newestReceivedMs: number;
  #closed = false;

  /** @param lastReceivedMs received time of the last entry on the ledger */
  constructor(clock: ClockGuard, lastReceivedMs: number) {
    this.#clock = clock;
    this.#newestReceivedMs = lastReceivedMs;
  }

  /**
   * Takes an entry in and promises its index.
   * @throws LedgerError entry-malformed | entry-newer-format; LogError received-decreases | sealed | pushback | closed
   */
  add(bytes: Uint8Array): Promise<number> {
    if (this.#closed) throw new LogError('closed', 'the log is closed');
    if (this.#waiting.length + this.#inFlight >= OUTSTANDING_MAX) {
      throw new LogError('pushback', `${OUTSTANDING_MAX} entries are outstanding`);
    }
    const entry = bytes.slice();
    const receivedMs = receivedMsOf(entry);
    // An entry from the future would hold up all others: its time, too, must have come.
    if (this.#clock.now(Math.max(receivedMs, this.#newestReceivedMs)) === undefined) {
      throw new LogError('sealed', 'the clock has gone back: nothing is sealed until it has caught up');
    }
    if (receivedMs < this.#newestReceivedMs) {
      throw new LogError('received-decreases', 'the entry was received before one that is already in line');
    }
    this.#newestReceivedMs = receivedMs;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, leaf: leafHash(entry), receivedMs, resolve, reject });
      this.#news.wake();
    });
  }

  /** Received time of the newest entry, on the ledger or here; milliseconds since the epoch. */
  get newestReceivedMs(): number {
    return this.#newestReceivedMs;
  }

  /** Resolves as soon as entries wait, or the pool is closed. */
  async some(): Promise<void> {
    while (this.#waiting.length === 0 && !this.#closed) await this.#news.wait();
  }

  /** The next batch, oldest first; its entries count as outstanding until it is settled. */
  take(): readonly Pooled[] {
    const batch = this.#waiting.splice(0, BATCH_ENTRIES_MAX);
    this.#inFlight = batch.length;
    return batch;
  }

  /** The batch last taken is on the ledger, from index `first`. */
  settle(batch: readonly Pooled[], first: number): void {
    this.#inFlight = 0;
    batch.forEach(({ resolve }, i) => {
      resolve(first + i);
    });
  }

  /** Refuses what still waits: it is on no ledger, and whoever appended it can do so again after a restart. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new LogError('closed', 'the log was closed'));
    this.#news.wake();
  }
}

/**
 * Received time of an entry, milliseconds since the epoch.
 * @throws LedgerError entry-malformed | entry-newer-format
 */
export function receivedMsOf(entry: Uint8Array): number {
  return Date.parse(parseEntry(entry).received);
}

/** Throws when an entry no longer says what it said when it came in, or is out of order. Its hash is checkStep's to compare. */
export function checkPooled(pooled: Pooled, previousReceivedMs: number): void {
  if (receivedMsOf(pooled.entry) !== pooled.receivedMs || pooled.receivedMs < previousReceivedMs) {
    throw new Error('invariant: received never decreases with the index');
  }
}
