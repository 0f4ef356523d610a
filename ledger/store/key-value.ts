// The three keyed ports (TileStore, HeadStore, IndexStore) over one small thing: ordered keys with atomic, conditional updates.
// What each port promises is enforced here once; a driver only has to keep the promises of KeyValue.

import { equal } from '../core/bytes.ts';
import { type HeadStore, type IndexStore, StoreError, type TileStore } from '../log/ports.ts';

export type Write = readonly [key: string, value: Uint8Array | undefined];

/** What an update decided. `lazy`: may be undone by a crash. */
export interface Change<T> {
  readonly writes: readonly Write[];
  readonly answer: T;
  readonly lazy?: true;
}

export type Get = (key: string) => Promise<Uint8Array | undefined>;

/** Ordered by the UTF-8 bytes of the keys. */
export interface KeyValue {
  readonly get: Get;
  /**
   * Runs the plan and makes its writes, all or none. Plans run one after the other, in the order of the calls, in one process at most;
   * each sees the writes of all before it. Durable before it resolves. A plan that throws writes nothing.
   */
  update<T>(plan: (get: Get) => Promise<Change<T>>): Promise<T>;
  scan(range: { gte: string; lt: string; limit?: number; reverse?: boolean }): AsyncIterable<[string, Uint8Array]>;
}

/** The keyed stores of one role. A prefix names one store: stores of another kind, or with another prefix, never meet. */
export interface KeyedStores {
  tiles(prefix: string): TileStore;
  heads(prefix: string): HeadStore;
  index(prefix: string): IndexStore;
}

/** All keyed ports over one KeyValue. */
export function keyedStores(kv: KeyValue): KeyedStores {
  return {
    tiles: (prefix) => tileStore(kv, `tiles!${checked(prefix)}!`),
    heads: (prefix) => headStore(kv, `heads!${checked(prefix)}!`),
    index: (prefix) => indexStore(kv, `index!${checked(prefix)}!`),
  };
}

function checked(prefix: string): string {
  if (!/^[a-z0-9.-]+$/.test(prefix)) throw new Error('invariant: a store prefix is of a-z, 0-9, dot and hyphen');
  return prefix;
}

function tileStore(kv: KeyValue, prefix: string): TileStore {
  return {
    get: (name) => kv.get(prefix + name),
    put: (batch) =>
      kv.update(async (get) => {
        const found = await Promise.all(batch.map(([name]) => get(prefix + name)));
        found.forEach((bytes, i) => {
          const [name, wanted] = batch[i] as (typeof batch)[number];
          if (bytes !== undefined && !equal(bytes, wanted)) {
            throw new StoreError('conflict', `${name} exists with other bytes`);
          }
        });
        const fresh = batch.filter((_, i) => found[i] === undefined);
        return { writes: fresh.map(([name, bytes]) => [prefix + name, bytes] as const), answer: undefined };
      }),
    discard: (names) =>
      kv.update(async () => ({
        writes: names.map((name) => [prefix + name, undefined] as const),
        answer: undefined,
        lazy: true,
      })),
  };
}

/** Sixteen digits: every integer up to 2^53 - 1, in order. */
function numberKey(number: number): string {
  return String(number).padStart(16, '0');
}

function headStore(kv: KeyValue, prefix: string): HeadStore {
  return {
    async latest() {
      for await (const [key, bytes] of kv.scan({ gte: prefix, lt: `${prefix}:`, limit: 1, reverse: true })) {
        return { number: Number(key.slice(prefix.length)), bytes };
      }
      return undefined;
    },
    get: (number) => kv.get(prefix + numberKey(number)),
    create: (number, bytes) =>
      kv.update(async (get) => {
        const key = prefix + numberKey(number);
        if ((await get(key)) !== undefined) return { writes: [], answer: false };
        return { writes: [[key, bytes]], answer: true };
      }),
  };
}

function indexStore(kv: KeyValue, prefix: string): IndexStore {
  return {
    get: (key) => kv.get(prefix + key),
    write: (batch) =>
      kv.update(async () => ({
        writes: batch.map(([key, value]) => [prefix + key, value] as const),
        answer: undefined,
      })),
    async *scan({ gte, lt, ...rest }) {
      for await (const [key, value] of kv.scan({ gte: prefix + gte, lt: prefix + lt, ...rest })) {
        yield [key.slice(prefix.length), value];
      }
    },
  };
}
