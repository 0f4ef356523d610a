// Stores in memory that lie on demand: for tests and simulations. A fault plan makes chosen effects fail, before or after they happened.
// Durable as long as the MemoryDisk is kept: a restart is a new store on the same disk.

import { randomBytes } from 'node:crypto';
import { concat, hexEncode, utf8Encode } from '../core/bytes.ts';
import { type BlobStore, type BlobWriter, StoreError } from '../log/ports.ts';
import { type Get, type KeyedStores, type KeyValue, keyedStores } from './key-value.ts';

/** What survives a restart. */
export class MemoryDisk {
  readonly values = new Map<string, Uint8Array>();
  readonly blobs = new Map<string, Uint8Array>();
}

/** One effect that fails: its number in order of calls, from 0; `happened` = only the answer was lost. */
export interface Fault {
  readonly at: number;
  readonly happened: boolean;
}

/** Counts the effects of a store and strikes the planned ones with StoreError `failed`. */
export class FaultPlan {
  readonly #faults: readonly Fault[];
  #count = 0;

  constructor(faults: readonly Fault[] = []) {
    this.#faults = faults;
  }

  /** Effects so far. */
  get count(): number {
    return this.#count;
  }

  async run<T>(effect: () => T | Promise<T>): Promise<T> {
    const at = this.#count++;
    const fault = this.#faults.find((planned) => planned.at === at);
    // Time passes on both sides of an effect, as with every real store.
    await undefined;
    if (fault?.happened === false) throw new StoreError('failed', `effect ${at} failed`);
    const answer = await effect();
    if (fault !== undefined) throw new StoreError('failed', `the answer of effect ${at} was lost`);
    await undefined;
    return answer;
  }
}

/** The keyed stores on a memory disk. */
export function memoryStores(disk = new MemoryDisk(), faults = new FaultPlan()): KeyedStores {
  return keyedStores(new MemoryKeyValue(disk, faults));
}

class MemoryKeyValue implements KeyValue {
  readonly #values: Map<string, Uint8Array>;
  readonly #faults: FaultPlan;
  #last: Promise<unknown> = Promise.resolve();

  constructor(disk: MemoryDisk, faults: FaultPlan) {
    this.#values = disk.values;
    this.#faults = faults;
  }

  readonly get: Get = (key) => this.#faults.run(() => this.#values.get(key)?.slice());

  update: KeyValue['update'] = (plan) => {
    const result = this.#last.then(() =>
      this.#faults.run(async () => {
        const { writes, answer } = await plan(async (key) => this.#values.get(key)?.slice());
        for (const [key, value] of writes) {
          if (value === undefined) this.#values.delete(key);
          else this.#values.set(key, value.slice());
        }
        return answer;
      }),
    );
    this.#last = result.catch(() => undefined);
    return result;
  };

  async *scan(range: Parameters<KeyValue['scan']>[0]): AsyncGenerator<[string, Uint8Array]> {
    const snapshot = await this.#faults.run(() => new Map(this.#values));
    const gte = utf8Encode(range.gte);
    const lt = utf8Encode(range.lt);
    const found = [...snapshot]
      .map(([key, value]) => ({ key, keyBytes: utf8Encode(key), value }))
      .filter(({ keyBytes }) => compare(keyBytes, gte) >= 0 && compare(keyBytes, lt) < 0)
      .sort((a, b) => compare(a.keyBytes, b.keyBytes) * (range.reverse === true ? -1 : 1));
    for (const { key, value } of found.slice(0, range.limit)) yield [key, value.slice()];
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
}

/** Evidence bytes on a memory disk. */
export function memoryBlobs(disk = new MemoryDisk(), faults = new FaultPlan()): BlobStore {
  return {
    create: () => faults.run(() => new MemoryBlobWriter(disk, faults)),
    async read(name, range) {
      const bytes = await faults.run(() => disk.blobs.get(name));
      if (bytes === undefined) throw new StoreError('missing', 'no such blob');
      return once(bytes.slice(range?.start, range?.end));
    },
    delete: (name) => faults.run(() => void disk.blobs.delete(name)),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

class MemoryBlobWriter implements BlobWriter {
  readonly name = hexEncode(randomBytes(16));
  readonly #disk: MemoryDisk;
  readonly #faults: FaultPlan;
  readonly #chunks: Uint8Array[] = [];

  constructor(disk: MemoryDisk, faults: FaultPlan) {
    this.#disk = disk;
    this.#faults = faults;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#faults.run(() => void this.#chunks.push(chunk.slice()));
  }

  commit(): Promise<void> {
    return this.#faults.run(() => void this.#disk.blobs.set(this.name, concat(...this.#chunks)));
  }

  async abort(): Promise<void> {
    this.#chunks.length = 0;
  }
}
