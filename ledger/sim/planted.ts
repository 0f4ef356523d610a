// The controls: one planted bug for each invariant, each a mistake that somebody could make around the product. The simulation must
// find it, under the name of its invariant, within a few seeds; else that invariant sees nothing.

import { concat, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { formatCheckpoint } from '../core/checkpoint.ts';
import { formatNote } from '../core/note.ts';
import { signNote } from '../core/signature.ts';
import type { Cosigner, HeadStore, IndexStore, TileStore } from '../log/ports.ts';
import type { SimDisk } from './disk.ts';
import { LOG_SIGNER } from './keys.ts';
import { DEPOSITS_PREFIX, type Invariant, PLATFORM } from './oracle.ts';
import type { Variant } from './variant.ts';

export interface PlantedBug {
  readonly finds: Invariant;
  /** The mistake, in a few words. */
  readonly what: string;
  readonly variant: Variant;
}

/** Heads answered from memory before they are on the disk, and written there late: a cache that is no cache. */
function forgetfulHeads(heads: HeadStore): HeadStore {
  const written = new Map<number, Uint8Array>();
  const newest = () => Math.max(-1, ...written.keys());
  return {
    async latest() {
      const stored = await heads.latest();
      const number = newest();
      return number > (stored?.number ?? -1) ? { number, bytes: written.get(number) as Uint8Array } : stored;
    },
    get: async (number) => written.get(number) ?? heads.get(number),
    async create(number, bytes) {
      if (number <= newest() || (await heads.get(number)) !== undefined) return false;
      written.set(number, bytes);
      // The one before goes to the disk now; this one with the next.
      const previous = written.get(number - 1);
      if (previous !== undefined) await heads.create(number - 1, previous);
      return true;
    },
  };
}

/** A head store that writes over what is there, and sometimes reads what was there before: two replicas without a leader. */
function leaderlessHeads(heads: HeadStore, overwrite: (number: number, bytes: Uint8Array) => Promise<void>): HeadStore {
  return {
    async latest() {
      const stored = await heads.latest();
      const before = stored === undefined || stored.number < 2 ? undefined : await heads.get(stored.number - 1);
      return stored === undefined || before === undefined ? stored : { number: stored.number - 1, bytes: before };
    },
    get: (number) => heads.get(number),
    async create(number, bytes) {
      await overwrite(number, bytes);
      return true;
    },
  };
}

/** What a court remembers, read back without its time: it begins with a line of seconds. */
function timeless(bytes: Uint8Array): Uint8Array {
  const text = utf8Decode(bytes) ?? '';
  return utf8Encode(`1${text.slice(text.indexOf('\n'))}`);
}

function timelessHeads(heads: HeadStore): HeadStore {
  return {
    ...heads,
    async latest() {
      const latest = await heads.latest();
      return latest && { ...latest, bytes: timeless(latest.bytes) };
    },
  };
}

function timelessIndex(index: IndexStore): IndexStore {
  return {
    ...index,
    async get(key) {
      const bytes = await index.get(key);
      return bytes && timeless(bytes);
    },
  };
}

/** Tiles kept in memory; the disk gets bundles of the right length. */
function hollowTiles(tiles: TileStore): TileStore {
  const held = new Map<string, Uint8Array>();
  return {
    get: async (name) => held.get(name) ?? tiles.get(name),
    async put(batch) {
      for (const [name, bytes] of batch) held.set(name, bytes.slice());
      await tiles.put(
        batch.map(([name, bytes]) => [name, name.includes('entries') ? new Uint8Array(bytes.length) : bytes]),
      );
    },
    discard: (names) => tiles.discard(names),
  };
}

/** A court that gets heads with roots made up for it, signed by the log's own key. */
function shownAnotherTree(court: Cosigner): Cosigner {
  return {
    ...court,
    async cosign({ checkpoint }, source) {
      const other = { ...checkpoint, root: checkpoint.root.map((byte) => byte ^ 1) };
      const text = formatCheckpoint(other);
      const note = formatNote({ text, signatures: [await signNote(text, LOG_SIGNER)] });
      return court.cosign({ note, checkpoint: other }, source);
    },
  };
}

/** Only the heads of some processes. */
function withHeads(
  isMeant: (process: string) => boolean,
  change: (heads: HeadStore, prefix: string, disk: SimDisk) => HeadStore,
): Variant {
  return {
    stores(process, stores, disk) {
      const heads = (prefix: string) => change(stores.heads(prefix), prefix, disk);
      return isMeant(process) ? { ...stores, heads } : stores;
    },
  };
}

const isPlatform = (process: string) => process === PLATFORM;
const isCourt = (process: string) => process.startsWith('court');

/** No cosigner is believed when it says that it has seen more: takes out the start-up question. */
const unasked: Variant['cosigner'] = (cosigner) => ({ ...cosigner, latest: async () => undefined });

export const PLANTED: readonly PlantedBug[] = [
  {
    finds: 'append-only',
    what: 'a head store that creates over an existing number, and a stale read at start',
    variant: {
      ...withHeads(isPlatform, (heads, prefix, disk) =>
        leaderlessHeads(heads, async (number, bytes) => {
          disk.journal.push([[`heads!${prefix}!${String(number).padStart(16, '0')}`, bytes.slice()]]);
          disk.sync();
        }),
      ),
      cosigner: unasked,
    },
  },
  {
    finds: 'one root per size',
    what: 'a platform that shows one court another tree',
    variant: { cosigner: (cosigner) => (cosigner.name === 'court-4' ? shownAnotherTree(cosigner) : cosigner) },
  },
  {
    finds: 'acknowledged in tree',
    what: 'an owner that is told the index before the head is swapped',
    variant: {
      append: async (log, entry) => {
        void log.append(entry).catch(() => undefined);
        return log.published()?.checkpoint.size ?? 0;
      },
    },
  },
  {
    finds: 'cosigned <= stored',
    what: 'a court that signs before its head is durable',
    variant: withHeads(isCourt, forgetfulHeads),
  },
  {
    finds: 'no decreasing time',
    what: 'a court that forgets when it cosigned last',
    variant: {
      stores(process, stores) {
        if (!isCourt(process)) return stores;
        return {
          ...stores,
          heads: (prefix) => timelessHeads(stores.heads(prefix)),
          index: (prefix) => timelessIndex(stores.index(prefix)),
        };
      },
    },
  },
  {
    finds: 'receipts honoured',
    what: 'receipts sent before the deposit is durable',
    variant: {
      take: async (store, deposits) => {
        void store.take(deposits).catch(() => undefined);
      },
    },
  },
  {
    finds: 'mirror root = log root',
    what: 'a mirror whose disk holds bundles without their bytes',
    variant: {
      stores: (process, stores) =>
        process.startsWith('arbitration')
          ? { ...stores, tiles: (prefix) => hollowTiles(stores.tiles(prefix)) }
          : stores,
    },
  },
  {
    finds: 'restart idempotent',
    what: 'an owner that counts what the ledger reports, each time it is reported',
    variant: {
      sequenced: async (store, stores, first, entries) => {
        await store.sequenced(first, entries);
        const index = stores.index(DEPOSITS_PREFIX);
        const counted = (await index.get('counted')) ?? new Uint8Array(0);
        await index.write([['counted', concat(counted, new Uint8Array(entries.length))]]);
      },
    },
  },
];
