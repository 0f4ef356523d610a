/**
 * Whether the platform is behind with what it has promised. A receipt promises that a quorum has cosigned the entry by the deadline, which is
 * in others' hands: once an entry has waited for that for half the time, nothing new is promised before a quorum answers again.
 * Derived from the ledger and the deposit store, so that a restart forgets nothing.
 */
import { parseBundle } from '../../ledger/core/bundle.ts';
import { parseEntry } from '../../ledger/core/entry.ts';
import { TILE_WIDTH } from '../../ledger/core/limits.ts';
import type { Log } from '../../ledger/log/log.ts';
import type { Clock } from '../../ledger/log/ports.ts';
import type { DepositStore } from './deposit-store.ts';
import { RECEIPT_DEADLINE_MS } from './limits.ts';

/** How long an entry may be unpublished, in ms: what is promised until then still has as long again. */
const UNPUBLISHED_MS_MAX = RECEIPT_DEADLINE_MS / 2;
/** How long an answer is good for, in ms. */
const LOOK_EVERY_MS = 10_000;

export interface ArrearsOptions {
  readonly store: Pick<DepositStore, 'pending'>;
  readonly ledger: Pick<Log, 'readTile'>;
  readonly publishedSize: () => number;
  /** Entries under the newest signed head. */
  readonly headSize: () => number;
  readonly clock: Clock;
}

export class Arrears {
  readonly #options: ArrearsOptions;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #behind: Promise<boolean> = Promise.resolve(false);

  constructor(options: ArrearsOptions) {
    this.#options = options;
  }

  /** True while nothing new should be promised. @throws StoreError */
  isBehind(): Promise<boolean> {
    const nowMs = this.#options.clock();
    if (Math.abs(nowMs - this.#lookedMs) >= LOOK_EVERY_MS) {
      this.#lookedMs = nowMs;
      this.#behind = this.#oldest().then((received) => nowMs - Date.parse(received ?? '') > UNPUBLISHED_MS_MAX);
    }
    return this.#behind;
  }

  /** When the oldest unpublished entry was received: entries stand in that order. Undefined when all are published. */
  async #oldest(): Promise<string | undefined> {
    const { store, ledger, publishedSize, headSize } = this.#options;
    const [index, size] = [publishedSize(), headSize()];
    if (index >= size) return (await store.pending())[0]?.received;
    const bundle = Math.floor(index / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH);
    const bytes = await ledger.readTile({ level: 'entries', index: bundle, width });
    const entry = bytes && parseBundle(bytes, width)[index - bundle * TILE_WIDTH];
    if (entry === undefined) throw new Error('invariant: a signed head has its entries');
    return parseEntry(entry).received;
  }
}
