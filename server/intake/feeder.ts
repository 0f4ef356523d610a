/**
 * Hands entries to the ledger in exactly the order given, and only in that order: a refused entry holds back all behind it.
 * Safe to lose: what was not sequenced is in the deposit store and is fed again at the next start.
 */
import { LogError } from '../../ledger/log/errors.ts';

/** Entries in the ledger's hands at once: below its own limit, so that it never has to push back on us. */
const IN_FLIGHT_MAX = 2048;
/** Pause before a refused entry is tried again, in ms. */
const RETRY_MS = 100;

export interface FeederOptions {
  /** Log.append: order of calls is order of entries. */
  readonly append: (entry: Uint8Array) => Promise<number>;
  /** The entry's place on the ledger is fixed and its head is signed. */
  readonly onIntegrated: (id: string, index: number) => void;
  readonly fatal: (error: Error) => never;
}

interface Item {
  readonly id: string;
  readonly entry: Uint8Array;
}

export class Feeder {
  readonly #options: FeederOptions;
  #waiting: Item[] = [];
  #refused: Item[] = [];
  #inFlight = 0;
  #stalled = false;
  #closed = false;
  #lastId = '';

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  /** Entries not yet integrated. */
  get outstanding(): number {
    return this.#waiting.length + this.#inFlight + this.#refused.length;
  }

  /** @param id ascending from call to call: the order of receipt */
  push(id: string, entry: Uint8Array): void {
    if (id <= this.#lastId) throw new Error(`invariant: ${id} is fed after ${this.#lastId}`);
    this.#lastId = id;
    this.#waiting.push({ id, entry });
    this.#feed();
  }

  /** Nothing more is fed. What the ledger then refuses as `closed` stays pending for the next start. */
  close(): void {
    this.#closed = true;
  }

  #feed(): void {
    while (!this.#closed && !this.#stalled && this.#inFlight < IN_FLIGHT_MAX) {
      const item = this.#waiting.shift();
      if (item === undefined) return;
      this.#inFlight += 1;
      void this.#append(item);
    }
  }

  async #append(item: Item): Promise<void> {
    try {
      const index = await this.#options.append(item.entry);
      this.#options.onIntegrated(item.id, index);
    } catch (error) {
      const code = error instanceof LogError ? error.code : undefined;
      // Stopping, or stopped for good: only the next start can feed it.
      if (code === 'closed' || code === 'stopped') this.#closed = true;
      // "Not now", and the entry was not taken. Anything else leaves us not knowing what was.
      else if (code !== 'pushback' && code !== 'sealed') this.#options.fatal(error as Error);
      this.#stalled = true;
      this.#refused.push(item);
    }
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#settle();
    else this.#feed();
  }

  #settle(): void {
    if (this.#stalled) {
      // Nothing is in flight: whatever was refused goes back to the front, oldest first.
      this.#refused.sort((a, b) => (a.id < b.id ? -1 : 1));
      this.#waiting = [...this.#refused.splice(0), ...this.#waiting];
      setTimeout(() => {
        this.#stalled = false;
        this.#feed();
      }, RETRY_MS);
    } else {
      this.#feed();
    }
  }
}
