// Test support: two sequencers of one log on one store, as two processes would be: each with memory of its own, their effects interleaved.

import type { HeadStore } from '../log/ports.ts';
import { type Session, start, type World } from '../log/testing.ts';
import type { KeyedStores } from '../store/key-value.ts';

/** What one process sees of the store: each effect happens some turns of the event loop later, and is answered some turns after that. */
export function delayed(stores: KeyedStores, turns: () => number): KeyedStores {
  const pause = async (): Promise<void> => {
    for (let turn = turns(); turn > 0; turn--) await new Promise(setImmediate);
  };
  const late = <A extends unknown[], T>(effect: (...args: A) => Promise<T>) => {
    return async (...args: A): Promise<T> => {
      await pause();
      const answer = await effect(...args);
      await pause();
      return answer;
    };
  };
  return {
    tiles: (prefix) => {
      const { get, put, discard } = stores.tiles(prefix);
      return { get: late(get), put: late(put), discard: late(discard) };
    },
    heads: (prefix) => {
      const { latest, get, create } = stores.heads(prefix);
      return { latest: late(latest), get: late(get), create: late(create) };
    },
    index: (prefix) => stores.index(prefix),
  };
}

/** The same stores; notes how often each number of the heads was given to somebody. */
export function counting(stores: KeyedStores, given: Map<number, number>): KeyedStores {
  const heads = (prefix: string): HeadStore => {
    const store = stores.heads(prefix);
    const create = async (number: number, bytes: Uint8Array): Promise<boolean> => {
      const won = await store.create(number, bytes);
      if (won) given.set(number, (given.get(number) ?? 0) + 1);
      return won;
    };
    return { ...store, create };
  };
  return { ...stores, heads };
}

/** Heads that are written over instead of created: what a store without compare-and-swap does. */
export function overwriting(stores: KeyedStores): KeyedStores {
  const all = new Map<number, Uint8Array>();
  const heads = (): HeadStore => ({
    async latest() {
      const number = Math.max(...all.keys());
      const bytes = all.get(number);
      return bytes === undefined ? undefined : { number, bytes };
    },
    get: async (number) => all.get(number),
    async create(number, bytes) {
      all.set(number, bytes);
      return true;
    },
  });
  return { ...stores, heads };
}

/** One process after the other until so many entries are acknowledged: when one is stopped by the other, the next starts. */
export async function insist(world: World, stores: KeyedStores, entries: number): Promise<void> {
  for (let done = 0; done < entries; ) {
    const session = await restart(world, stores);
    for (; done < entries; done++) {
      const index = await session.append();
      if (index === undefined) break;
    }
    await session.log.close();
  }
}

/** Starts; a start that meets the other one at work is made again, as a supervisor does. */
async function restart(world: World, stores: KeyedStores): Promise<Session> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await start(world, stores);
    } catch (error) {
      if (attempt === 50) throw error;
    }
  }
}
