// The lives whose system calls are made to fail: a first batch in empty folders, a batch that completes a tile, one that makes LevelDB
// roll and compact its files, and the recovery of a batch that was committed and not applied.

import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyedStores } from '../store/key-value.ts';
import { openLevelStore } from '../store/level.ts';
import { noFatal, startOwned } from '../store/testing.ts';
import { runLife, type Said } from './child.ts';
import type { Orders } from './life.ts';
import { Consortium, MEMBERS, type Member } from './members.ts';

/** What a life does, and what was there before it. */
export interface Shape {
  readonly name: string;
  readonly orders: Omit<Orders, 'dir'>;
  /** Whose store is struck. */
  readonly members: readonly Member[];
  /** Makes the folders; says what was acknowledged meanwhile. */
  prepare(dir: string): Promise<Said>;
}

export const NOTHING: Said = { acknowledged: [], published: 0, ready: false };

const FIRST: Shape = {
  name: 'first batch',
  orders: { batches: [1, 3] },
  members: MEMBERS,
  prepare: async () => NOTHING,
};

export const SHAPES: readonly Shape[] = [
  FIRST,
  {
    name: 'tile completed',
    orders: { batches: [3, 10, 2] },
    members: MEMBERS,
    prepare: (dir) => runLife({ dir, batches: [1, 250] }),
  },
  {
    name: 'files rolled',
    // LevelDB rolls at 4 MiB.
    orders: { batches: [2, 3], fillBytes: 5 << 20 },
    members: ['ledger'],
    prepare: (dir) => runLife({ dir, batches: [5] }),
  },
  { name: 'staged batch', orders: { batches: [2] }, members: ['ledger'], prepare: stage },
];

/** A life that ends after the swap of its second batch, before anything of it is applied. */
async function stage(dir: string): Promise<Said> {
  const said = await runLife({ dir, batches: [5] });
  const world = await Consortium.open(dir, noFatal);
  const store = await openLevelStore(join(dir, 'ledger'), noFatal);
  const session = await startOwned(world, onlyStaging(store));
  world.clock.ms = Date.now();
  world.continueAt(session.log.head().checkpoint.size);
  await session.append();
  await session.fatal;
  await session.log.close();
  await store.close();
  await world.close();
  return said;
}

function onlyStaging(stores: KeyedStores & { close(): Promise<void> }) {
  const tiles: KeyedStores['tiles'] = (prefix) => {
    const store = stores.tiles(prefix);
    const put: typeof store.put = async (batch) => {
      if (!batch.every(([name]) => name.startsWith('staging/'))) throw new Error('the process ends here');
      await store.put(batch);
    };
    return { ...store, put };
  };
  return { ...stores, tiles };
}

/** Folders of a shape to start from, made once, in a place that is removed at the end. */
export class Ground {
  readonly #root: string;
  readonly #prepared = new Map<Shape, Promise<Said>>();
  #copies = 0;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Runs an action with a ground of its own. */
  static async use<T>(act: (ground: Ground) => Promise<T>): Promise<T> {
    const root = await mkdtemp(join(tmpdir(), 'probata-rig-'));
    try {
      return await act(new Ground(root));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  }

  /** Runs an action on a copy of the shape's folders; `said` is what was acknowledged in them before. */
  async on<T>(shape: Shape, act: (dir: string, said: Said) => Promise<T>): Promise<T> {
    const template = join(this.#root, shape.name);
    const made = this.#prepared.get(shape) ?? mkdir(template).then(() => shape.prepare(template));
    this.#prepared.set(shape, made);
    const said = await made;
    const dir = join(this.#root, String(this.#copies++));
    await cp(template, dir, { recursive: true });
    for (const member of MEMBERS) await mkdir(join(dir, member), { recursive: true });
    try {
      return await act(dir, said);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}

/** Runs an action on every item, two at a time: one core for the life, one for the check of another. */
export async function twoAtATime<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
  };
  await Promise.all([worker(), worker()]);
}
