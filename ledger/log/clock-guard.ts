// The clock, trusted only forwards: after it has gone back nothing is accepted or sealed until it has caught up, and somebody is told.

import type { LogEvent } from './events.ts';
import { CLOCK_POLL_MS } from './limits.ts';
import type { Clock } from './ports.ts';

export class ClockGuard {
  readonly #clock: Clock;
  readonly #onEvent: (event: LogEvent) => void;
  #lastMs: number;
  /** Runs while the clock is back. Only it ends that state: else one of two calls in a row could be refused and the next accepted. */
  #poll: ReturnType<typeof setInterval> | undefined;
  #closed = false;

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
    if (this.#poll !== undefined) return undefined;
    const nowMs = this.#clock();
    const lastMs = Math.max(this.#lastMs, usedMs);
    if (nowMs >= lastMs) return nowMs;
    if (this.#closed) return undefined;
    this.#onEvent({ kind: 'clock-back', severity: 'alarm', nowMs, lastMs });
    this.#poll = setInterval(() => {
      if (this.#clock() < lastMs) return;
      this.#stop();
      this.#onEvent({ kind: 'clock-caught-up', severity: 'info' });
    }, CLOCK_POLL_MS);
    return undefined;
  }

  /** A time is on the ledger. */
  advance(ms: number): void {
    this.#lastMs = Math.max(this.#lastMs, ms);
  }

  /** Looks at the clock no more by itself, and tells nobody. */
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }
}
