/**
 * Ids and received times of deposits: UUIDv7 (RFC 9562 section 5.7) whose time is the received time, strictly increasing.
 * So the order of ids is the order of receipt, of the pending queue and of the ledger's entries.
 * A clock that goes back is refused, not hidden: `received` is a statement to a court. The time is the ledger's: it also knows entries
 * that are no deposits, and raises the alarm.
 */
import { randomInt } from 'node:crypto';
import { v7 } from 'uuid';
import { Refusal } from '../refusal.ts';

/** Ids of the same millisecond count up from a random start below this, so that the 32-bit counter cannot run over. */
const COUNTER_START_MAX = 2 ** 31;

/** The received time in an id, in ms since the epoch. */
export function receivedMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The present, ms since the epoch; undefined while the clock is behind what is on the ledger, or behind `usedMs`. */
export type LedgerTime = (usedMs: number) => number | undefined;

export class IdSequence {
  readonly #now: LedgerTime;
  /** Times up to here are used up: another process may have counted within that millisecond. */
  readonly #usedUpMs: number;
  #lastMs: number;
  #counter = 0;

  /** @param latestId the newest id ever given, from the store */
  constructor(now: LedgerTime, latestId: string | undefined) {
    this.#now = now;
    this.#usedUpMs = latestId === undefined ? -1 : receivedMs(latestId);
    this.#lastMs = this.#usedUpMs;
  }

  /**
   * The next id, and the time it says.
   * @throws Refusal clock-behind
   */
  next(): { id: string; received: string } {
    const nowMs = this.#present();
    this.#counter = nowMs === this.#lastMs ? this.#counter + 1 : randomInt(COUNTER_START_MAX);
    this.#lastMs = nowMs;
    return { id: v7({ msecs: nowMs, seq: this.#counter }), received: new Date(nowMs).toISOString() };
  }

  /** Whether there is a next id now. @throws Refusal clock-behind */
  check(): void {
    this.#present();
  }

  #present(): number {
    const nowMs = this.#now(this.#lastMs);
    if (nowMs === undefined || nowMs <= this.#usedUpMs) throw new Refusal('clock-behind');
    return nowMs;
  }
}
