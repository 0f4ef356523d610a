// A simulated disk and the keyed stores on it, with the promises and the failures of the level driver (ledger/store/level.ts):
// a write that was not synced may be lost in a crash, from some write on; a failed write ends the process and leaves open whether it
// happened; values carry the same checksum, so a flipped bit, or bytes that went to the wrong place, surface as StoreError corrupt.
// Damage lasts until the key is written again, or the process starts again: the journal still has the right bytes. What is lost for
// good is another rig's subject.

import { StoreError } from '../log/ports.ts';
import type { Change, Get, KeyValue, Write } from '../store/key-value.ts';
import { seal, unseal } from '../store/seal.ts';
import type { Life } from './life.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** Probabilities. Of a read to fail; of a write to fail, or to go to a wrong place; of a crash to lose what was not synced. */
export interface DiskFaults {
  readonly read: number;
  readonly write: number;
  readonly misdirected: number;
  readonly crash: number;
}

export const NO_DISK_FAULTS: DiskFaults = { read: 0, write: 0, misdirected: 0, crash: 0 };

/** What is left of a process between its lives. */
export class SimDisk {
  /** What survives a crash. Values are plain here; their checksums matter only where there is damage. */
  readonly durable = new Map<string, Uint8Array>();
  /** Writes that are visible and not yet durable, oldest first. */
  readonly journal: Write[][] = [];
  /** What the medium gives instead: sealed, and not what was sealed under this key. */
  readonly damaged = new Map<string, Uint8Array>();
  /** Told of everything that becomes durable. */
  onDurable: (writes: readonly Write[]) => void = () => undefined;

  /** The value as the running process sees it. @throws StoreError corrupt */
  read(key: string): Uint8Array | undefined {
    const damaged = this.damaged.get(key);
    if (damaged !== undefined) return unseal(key, damaged);
    for (let i = this.journal.length - 1; i >= 0; i--) {
      const write = this.journal[i]?.find(([name]) => name === key);
      if (write !== undefined) return write[1];
    }
    return this.durable.get(key);
  }

  /** Keys in [gte, lt), in order. All keys are ASCII. */
  keys(gte: string, lt: string): string[] {
    const keys = new Set([...this.durable.keys(), ...this.journal.flatMap((writes) => writes.map(([key]) => key))]);
    return [...keys].filter((key) => key >= gte && key < lt).sort();
  }

  /** The oldest `count` writes of the journal become durable. */
  sync(count = this.journal.length): void {
    for (const writes of this.journal.splice(0, count)) {
      for (const [key, value] of writes) {
        if (value === undefined) this.durable.delete(key);
        else this.durable.set(key, value);
      }
      this.onDurable(writes);
    }
  }

  /** The process is gone: of the journal a beginning is left. */
  crash(random: Random, faults: DiskFaults): void {
    this.sync(random.chance(faults.crash) ? random.integer(0, this.journal.length) : this.journal.length);
    this.journal.length = 0;
    this.damaged.clear();
  }
}

interface DiskAccess {
  readonly disk: SimDisk;
  readonly life: Life;
  readonly random: Random;
  readonly timeline: Timeline;
  readonly faults: () => DiskFaults;
  /** Of the process, for the trace. */
  readonly name: string;
  /** Ends the process. */
  readonly fatal: (error: Error) => never;
}

/** The keys and values of one life of a process. */
export class SimKeyValue implements KeyValue {
  readonly #access: DiskAccess;
  #last: Promise<unknown> = Promise.resolve();

  constructor(access: DiskAccess) {
    this.#access = access;
  }

  readonly get: Get = (key) => this.#effect(async () => this.#read(key));

  update<T>(plan: (get: Get) => Promise<Change<T>>): Promise<T> {
    const result = this.#last.then(() => this.#effect(() => this.#write(plan)));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async *scan(range: Parameters<KeyValue['scan']>[0]): AsyncGenerator<[string, Uint8Array]> {
    const found = await this.#effect(async () => {
      const keys = this.#access.disk.keys(range.gte, range.lt);
      if (range.reverse === true) keys.reverse();
      const entries: [string, Uint8Array][] = [];
      for (const key of keys) {
        if (entries.length === range.limit) break;
        const value = this.#read(key);
        if (value !== undefined) entries.push([key, value]);
      }
      return entries;
    });
    yield* found;
  }

  /** Time passes before an effect; after the end of the process it never comes about. */
  #effect<T>(run: () => Promise<T>): Promise<T> {
    const { life, random, timeline } = this.#access;
    return life.fence(
      timeline.pause(random.between(0, 1)).then(() => (life.alive ? run() : new Promise<T>(() => undefined))),
    );
  }

  #read(key: string): Uint8Array | undefined {
    const { disk, random, timeline, faults, name } = this.#access;
    const value = disk.read(key)?.slice();
    if (!random.chance(faults().read)) return value;
    timeline.note(`${name} disk cannot read ${key}`);
    if (value === undefined || random.chance(0.5)) throw new StoreError('failed', `cannot read ${key}`);
    const flipped = seal(key, value);
    const at = random.integer(0, flipped.length - 1);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.integer(0, 7));
    return unseal(key, flipped);
  }

  async #write<T>(plan: (get: Get) => Promise<Change<T>>): Promise<T> {
    const { disk, random, timeline, faults, fatal, name } = this.#access;
    const { writes, answer, lazy } = await plan(async (key) => this.#read(key));
    if (writes.length === 0) return answer;
    const copies = writes.map(([key, value]): Write => [key, value?.slice()]);
    disk.journal.push(copies);
    for (const [key] of copies) disk.damaged.delete(key);
    timeline.note(`${name} disk writes ${copies.map(([key]) => key).join(' ')}`);
    if (random.chance(faults().misdirected)) this.#misdirect(copies);
    if (lazy === true) return answer;
    await timeline.pause(random.between(1, 20));
    if (random.chance(faults().write)) {
      timeline.note(`${name} disk cannot write`);
      return fatal(new StoreError('failed', 'cannot write'));
    }
    // After the end of the process its disk has made up its mind already.
    if (this.#access.life.alive) disk.sync();
    return answer;
  }

  /** Bytes meant for one key also land on another. */
  #misdirect(writes: readonly Write[]): void {
    const { disk, random, timeline, name } = this.#access;
    const victim = random.pick([...disk.durable.keys()]);
    const [key, value] = random.pick(writes) ?? [];
    if (victim === undefined || key === undefined || value === undefined || key === victim) return;
    disk.damaged.set(victim, seal(key, value));
    timeline.note(`${name} disk writes onto ${victim}`);
  }
}
