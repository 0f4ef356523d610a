// The invariant of starting: on a copy of the disk that a crash has left, a start that is cut short and made again leaves what
// one start leaves; and so does a second start after a whole one.

import { equal } from '../core/bytes.ts';
import { StoreError } from '../log/ports.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { FaultPlan, MemoryDisk, memoryStores } from '../store/memory.ts';
import type { SimDisk } from './disk.ts';
import type { Oracle } from './oracle.ts';
import type { Random } from './random.ts';

interface Restartable {
  readonly name: string;
  readonly disk: SimDisk;
  recover(stores: KeyedStores): Promise<void>;
}

export async function rehearse(node: Restartable, random: Random, oracle: Oracle): Promise<void> {
  const once = copyOf(node.disk);
  const again = copyOf(node.disk);
  try {
    const effects = new FaultPlan();
    await node.recover(memoryStores(once, effects));
    // Cut short, or (one effect later than there are) not at all.
    const fault = { at: random.integer(0, effects.count), happened: random.chance(0.5) };
    await node.recover(memoryStores(again, new FaultPlan([fault]))).catch((error) => {
      if (!(error instanceof StoreError && error.code === 'failed')) throw error;
    });
    await node.recover(memoryStores(again));
    const key = difference(once, again);
    if (key !== undefined) oracle.violate('restart idempotent', `${node.name} cut at effect ${fault.at}: ${key}`);
  } catch (error) {
    oracle.violate('restart idempotent', `${node.name} does not start: ${(error as Error).stack}`);
  }
}

function copyOf(disk: SimDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const [key, value] of disk.durable) copy.values.set(key, value);
  return copy;
}

/** The first key whose value differs. */
function difference(a: MemoryDisk, b: MemoryDisk): string | undefined {
  for (const key of new Set([...a.values.keys(), ...b.values.keys()])) {
    const [one, other] = [a.values.get(key), b.values.get(key)];
    if (one !== other && (one === undefined || other === undefined || !equal(one, other))) return key;
  }
  return undefined;
}
