// The clock, trusted only forwards: after it has gone back nothing is sealed until it has caught up, and somebody is told.

import type { LogEvent } from './events.ts';
import type { Clock } from './ports.ts';

export class ClockGuard {
  readonly #clock: Clock;
  readonly #onEvent: (event: LogEvent) => void;
  #lastMs: number;
  #back = false;

  /** @param lastMs the latest time on the ledger, milliseconds since the epoch */
  constructor(clock: Clock, lastMs: number, onEvent: (event: LogEvent) => void) {
    this.#clock = clock;
    this.#lastMs = lastMs;
    this.#onEvent = onEvent;
  }

  /**
   * The present in milliseconds since the epoch; undefined while it is before a time that is already in use.
   * @param usedMs the latest time in use that is not on the ledger yet
   */
  now(usedMs: number): number | undefined {
    const nowMs = this.#clock();
    const lastMs = Math.max(this.#lastMs, usedMs);
    const back = nowMs < lastMs;
    if (back !== this.#back) {
      this.#back = back;
      this.#onEvent(
        back ? { kind: 'clock-back', severity: 'alarm', nowMs, lastMs } : { kind: 'clock-caught-up', severity: 'info' },
      );
    }
    return back ? undefined : nowMs;
  }

  /** A time is on the ledger. */
  advance(ms: number): void {
    this.#lastMs = Math.max(this.#lastMs, ms);
  }
}
