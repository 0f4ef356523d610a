// Seeded damage for tests: the same seed gives the same mutants on every machine.

import { concat } from '../../ledger/core/bytes.ts';

/** Numbers in [0, 1), from a 32-bit seed (mulberry32). */
export type Random = () => number;

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number in [0, below). */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** The bytes with one of them changed to any other value. */
export function changeByte(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = ((bytes[at] as number) + 1 + below(random, 255)) % 256;
  return changed;
}

type Damage = (bytes: Uint8Array, at: number, length: number, random: Random, donor: Uint8Array) => Uint8Array;

const DAMAGE: readonly Damage[] = [
  (bytes, at, _, random) => changeByte(bytes, at, random),
  (bytes, at) => concat(bytes.subarray(0, at), Uint8Array.of((bytes[at] as number) ^ 1), bytes.subarray(at + 1)),
  (bytes, at, length) => concat(bytes.subarray(0, at), bytes.subarray(at + length)),
  (bytes, at, length, random) =>
    concat(
      bytes.subarray(0, at),
      Uint8Array.from({ length }, () => below(random, 256)),
      bytes.subarray(at),
    ),
  (bytes, at, length) => concat(bytes.subarray(0, at + length), bytes.subarray(at)),
  (bytes, at, length) => Uint8Array.from(bytes).fill(0, at, at + length),
  (bytes, at) => bytes.slice(0, at),
  (bytes, at) => concat(bytes, bytes.subarray(at)),
  (bytes, at, length, _, donor) =>
    concat(bytes.subarray(0, at), donor.subarray(at, at + length), bytes.subarray(at + length)),
  (bytes, at, _, __, donor) => concat(bytes.subarray(0, at), donor.subarray(at)),
];

/**
 * Damages bytes in one of ten ways: changed, removed, inserted, repeated, zeroed, cut off, appended to, or mixed with others.
 * @param donor a file of the same kind, to take pieces from
 */
export function mutate(bytes: Uint8Array, random: Random, donor: Uint8Array): Uint8Array {
  const at = below(random, bytes.length);
  const length = 1 + below(random, 2 ** (1 + below(random, 12)));
  return (DAMAGE[below(random, DAMAGE.length)] as Damage)(bytes, at, length, random, donor);
}
