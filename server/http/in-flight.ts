/**
 * Requests whose handling is under way. A handler may outlive its connection, to clean up after an upload that was cut; the stores
 * must outlive the handler.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Middleware } from 'koa';

/** How long the last handlers may take after their connections are closed. */
const IDLE_WAIT_MS = 5000;
const POLL_MS = 10;

export class InFlight {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  middleware(): Middleware {
    return async (_ctx, next) => {
      this.#count += 1;
      try {
        await next();
      } finally {
        this.#count -= 1;
      }
    };
  }

  /** Resolves when nothing is under way, or after a time in which it should be. */
  async idle(): Promise<void> {
    for (let waitedMs = 0; this.#count > 0 && waitedMs < IDLE_WAIT_MS; waitedMs += POLL_MS) await pause(POLL_MS);
  }
}
