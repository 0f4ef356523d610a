// Test support: a log on a real LevelDB folder, its ports made to lie, and its process killed.

import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { hexEncode } from '../core/bytes.ts';
import { expectSound, type Session, start, until, World } from '../log/testing.ts';
import type { KeyedStores } from './key-value.ts';
import { type LevelStore, openLevelStore } from './level.ts';
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

function startOwned(world: World, store: LevelStore): Promise<Session> {
  return start(world, store, {
    onSequenced: (first, entries) =>
      store.index(OWNER).write(entries.map((entry, i) => [String(first + i).padStart(16, '0'), entry] as const)),
  });
}

/** The child's program: appends until it is killed; one line, index and entry in hex, for each acknowledgement. */
export async function appendForever(dir: string): Promise<void> {
  const store = await openLevelStore(dir, () => process.exit(1));
  const world = new World({ courts: 0 });
  const session = await startOwned(world, store);
  await until(() => (session.log.published()?.checkpoint.size ?? -1) >= 0);
  // Entries that were never acknowledged may be on the ledger too: numbers go on behind everything that may be there.
  world.continueAt(session.log.head().checkpoint.size);
  for (let round = 1; ; round++) {
    world.clock.ms = Date.now();
    const appends = Array.from({ length: round % 30 }, async () => {
      const entry = world.entry();
      writeSync(1, `${await session.log.append(entry)} ${hexEncode(entry)}\n`);
    });
    await Promise.all(appends);
  }
}

/**
 * Lets a child append to the folder and kills it so many milliseconds after its first acknowledgement; then everything it
 * acknowledged must be there. Returns how many entries that were.
 */
export async function killOnce(dir: string, world: World, afterMs: number): Promise<number> {
  const script = `import('${import.meta.url}').then(({ appendForever }) => appendForever(${JSON.stringify(dir)}));`;
  const child = spawn(process.execPath, ['--import', 'tsx/esm', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    output += chunk;
  }
  // The last line may be cut short by the kill.
  const lines = output.split('\n').slice(0, -1);
  for (const line of lines) {
    const [index = '', entry = ''] = line.split(' ');
    world.acknowledged.push([Number(index), entry]);
  }
  await expectSoundOnDisk(dir, world);
  return lines.length;
}

/** Recovers the folder as a restart would, then checks everything. */
export async function expectSoundOnDisk(dir: string, world: World): Promise<void> {
  const store = await openLevelStore(dir, noFatal);
  world.clock.ms = Date.now();
  const session = await startOwned(world, store);
  await session.log.close();
  for await (const [index, entry] of store.index(OWNER).scan({ gte: '0', lt: ':' })) {
    world.sequenced.set(Number(index), hexEncode(entry));
  }
  await expectSound(world, store);
  await store.close();
}
