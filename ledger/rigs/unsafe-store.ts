// The controls: LevelDB with one of our protections taken out at a time. For rigs only; what each leaves out is what the driver in
// ledger/store/level.ts is for.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Level } from 'level';
import { StoreError } from '../log/ports.ts';
import { type Get, type KeyedStores, type KeyValue, keyedStores } from '../store/key-value.ts';
import { openLevelStore } from '../store/level.ts';

/**
 * `goes-on`: a failed write is reported and the next one is tried, on the same database.
 * `forgives`: a failed write is taken for done.
 * `write-behind`: a write is acknowledged while it still waits in memory.
 * `unsynced`: a write is acknowledged without a sync.
 */
export const WITHOUT = ['goes-on', 'forgives', 'write-behind', 'unsynced'] as const;
export type Without = (typeof WITHOUT)[number];

/** The stores of one role, as far as a rig needs them. */
export type RigStore = KeyedStores & { close(): Promise<void> };

/** How long a write waits in memory, ms. */
const BEHIND_MS = 300;

/** Opens the stores of one role: the product's, or without one protection. */
export function openStore(dir: string, fatal: (error: Error) => never, without?: Without): Promise<RigStore> {
  return without === undefined ? openLevelStore(dir, fatal) : openUnsafeStore(dir, without);
}

async function openUnsafeStore(dir: string, without: Without): Promise<RigStore> {
  await mkdir(dir, { recursive: true });
  const db = new Level<string, Uint8Array>(join(dir, 'level'), { keyEncoding: 'utf8', valueEncoding: 'view' });
  await db.open();
  const { keyValue, written } = unsafeKeyValue(db, without);
  const close = async (): Promise<void> => {
    // Who ends in order loses nothing; and a write to a closed database would end the process that the rig runs in.
    await written();
    await db.close();
  };
  return { ...keyedStores(keyValue), close };
}

/** @returns `written`: until nothing waits in memory any more */
function unsafeKeyValue(
  db: Level<string, Uint8Array>,
  without: Without,
): { keyValue: KeyValue; written: () => Promise<unknown> } {
  const waiting = new Map<string, Uint8Array | undefined>();
  const get: Get = async (key) => (waiting.has(key) ? waiting.get(key) : await db.get(key));
  let last: Promise<unknown> = Promise.resolve();
  let behind: Promise<unknown> = Promise.resolve();

  async function write(writes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    const operations = [...writes].map(([key, value]) =>
      value === undefined ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    );
    try {
      await db.batch(operations, { sync: without !== 'unsynced' });
    } catch (error) {
      if (without !== 'forgives') throw new StoreError('failed', 'LevelDB cannot write', { cause: error });
    }
  }

  function writeBehind(writes: ReadonlyMap<string, Uint8Array | undefined>): void {
    for (const [key, value] of writes) waiting.set(key, value);
    const later = sleep(BEHIND_MS);
    behind = behind.then(() => later).then(() => write(writes));
  }

  const keyValue: KeyValue = {
    get,
    update(plan) {
      const result = last.then(async () => {
        const { writes, answer } = await plan(get);
        const batch = new Map(writes);
        if (without === 'write-behind') writeBehind(batch);
        else if (batch.size > 0) await write(batch);
        return answer;
      });
      last = result.catch(() => undefined);
      return result;
    },
    scan: (range) => db.iterator(range),
  };
  return { keyValue, written: () => behind };
}
