// Test support: a log on a real LevelDB folder, and its ports made to lie. What kills its process is in ledger/rigs.

import { hexEncode } from '../core/bytes.ts';
import { expectSound, type Session, start, type World } from '../log/testing.ts';
import type { KeyedStores } from './key-value.ts';
import { openLevelStore } from './level.ts';
import type { FaultPlan } from './memory.ts';

export const noFatal = (error: Error): never => {
  throw new Error('fatal was called', { cause: error });
};

/** Every effect of the stores goes through the fault plan. */
export function lying(stores: KeyedStores, faults: FaultPlan): KeyedStores {
  const through = <A extends unknown[], T>(effect: (...args: A) => Promise<T>) => {
    return (...args: A) => faults.run(() => effect(...args));
  };
  return {
    tiles: (prefix) => {
      const { get, put, discard } = stores.tiles(prefix);
      return { get: through(get), put: through(put), discard: through(discard) };
    },
    heads: (prefix) => {
      const { latest, get, create } = stores.heads(prefix);
      return { latest: through(latest), get: through(get), create: through(create) };
    },
    index: (prefix) => {
      const { get, write, scan } = stores.index(prefix);
      return { get: through(get), write: through(write), scan };
    },
  };
}

/** What the owner of the log keeps for itself, in the same database: each entry it was told of, by index. */
const OWNER = 'owner';

/** The log's process, its owner's memory included. */
export function startOwned(world: World, store: KeyedStores): Promise<Session> {
  return start(world, store, {
    onSequenced: (first, entries) =>
      store.index(OWNER).write(entries.map((entry, i) => [String(first + i).padStart(16, '0'), entry] as const)),
  });
}

/** Recovers the folder as a restart would, then checks everything. */
export async function expectSoundOnDisk(dir: string, world: World): Promise<void> {
  const store = await openLevelStore(dir, noFatal);
  try {
    await expectSoundAfterRecovery(store, world);
  } finally {
    await store.close();
  }
}

/** Recovers these stores as a restart would, then checks everything. */
export async function expectSoundAfterRecovery(store: KeyedStores, world: World): Promise<void> {
  world.clock.ms = Date.now();
  const session = await startOwned(world, store);
  await session.log.close();
  for await (const [index, entry] of store.index(OWNER).scan({ gte: '0', lt: ':' })) {
    world.sequenced.set(Number(index), hexEncode(entry));
  }
  await expectSound(world, store);
}
