// The one source of chance in a simulation: everything that is not decided by the code under test is decided by the seed.

import { utf8Encode } from '../core/bytes.ts';
import { sha256 } from '../core/hash.ts';

/** A stream of chance (the small fast counter generator of the PractRand suite). Not for keys. */
export class Random {
  readonly #state: Uint32Array;

  /** @param seed the same text gives the same stream */
  constructor(seed: string) {
    this.#state = new Uint32Array(sha256(utf8Encode(seed)).slice(0, 16).buffer);
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const sum = (a + b + d) >>> 0;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    state[3] = d + 1;
    return sum / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** From `low` up to, not including, `high`. */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  /** One of them; undefined when there are none. */
  pick<T>(of: readonly T[]): T | undefined {
    return of[this.integer(0, of.length - 1)];
  }
}
