// A pause that somebody else can end: how the log's loops wait for work, for a retry, or for the end.

import { RETRY_MAX_MS, RETRY_MIN_MS } from './limits.ts';

/** For one waiter at a time. A wake that finds nobody waiting is remembered for the next wait. */
export class Wakeup {
  #woken = false;
  #end: (() => void) | undefined;

  /** Ends the present wait, or the next one. */
  wake(): void {
    this.#woken = true;
    this.#end?.();
  }

  /** Resolves when woken, or after `ms` milliseconds when given. */
  async wait(ms?: number): Promise<void> {
    if (this.#end !== undefined) throw new Error('invariant: one waiter at a time');
    if (!this.#woken) await this.#pause(ms);
    this.#woken = false;
  }

  #pause(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.#end?.(), ms);
      this.#end = () => {
        clearTimeout(timer);
        this.#end = undefined;
        resolve();
      };
    });
  }
}

/** Pause after so many failures in a row (at least one), milliseconds: doubling from RETRY_MIN_MS to RETRY_MAX_MS. */
export function retryMs(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1));
}
