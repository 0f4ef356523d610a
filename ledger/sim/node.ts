// A process of the simulation: a disk, a clock that is its own, and one life after the other on them.

import { type Clock, StoreError } from '../log/ports.ts';
import { type KeyedStores, keyedStores } from '../store/key-value.ts';
import { type DiskFaults, SimDisk, SimKeyValue } from './disk.ts';
import type { Consortium } from './keys.ts';
import { Life, ProcessEnded } from './life.ts';
import type { Network } from './network.ts';
import type { Oracle } from './oracle.ts';
import { Random } from './random.ts';
import { rehearse } from './rehearsal.ts';
import type { Timeline } from './timeline.ts';
import type { Variant } from './variant.ts';

/** What the processes of one simulation share. */
export interface World {
  readonly seed: number;
  readonly timeline: Timeline;
  readonly network: Network;
  readonly oracle: Oracle;
  readonly consortium: Consortium;
  readonly variant: Variant;
  /** Of now; they end when healing begins. */
  diskFaults: DiskFaults;
  /** What must be awaited before the next step. */
  readonly checks: Promise<void>[];
}

/** When a simulation begins, milliseconds since the epoch. */
const BEGIN_MS = Date.UTC(2026, 0, 1);

export abstract class SimNode {
  readonly name: string;
  readonly disk = new SimDisk();
  protected readonly world: World;
  protected readonly random: Random;
  /** What its clock is ahead of the true time, ms. */
  skewMs = 0;
  #life: Life | undefined;

  constructor(name: string, world: World) {
    this.name = name;
    this.world = world;
    this.random = new Random(`${world.seed} ${name}`);
    this.disk.onDurable = (writes) => world.oracle.durable(name, this.disk, writes);
  }

  readonly clock: Clock = () => Math.floor(BEGIN_MS + this.world.timeline.nowMs + this.skewMs);

  /** Opens the real thing on these stores; rejects, or calls `fatal`, when it cannot run. */
  protected abstract open(stores: KeyedStores, life: Life, fatal: (error: Error) => never): Promise<void>;

  /** Forgets what ran. */
  protected abstract forget(): void;

  /** What a start does to the stores, without a network: it must be the same however often it is cut short and made again. */
  abstract recover(stores: KeyedStores): Promise<void>;

  /** The life that runs now. */
  protected get life(): Life | undefined {
    return this.#life;
  }

  start(): void {
    const { timeline, variant } = this.world;
    const life = new Life();
    this.#life = life;
    timeline.note(`${this.name} starts`);
    const fatal = (error: Error): never => {
      if (life.alive) this.#ended(error);
      throw new ProcessEnded(this.name, { cause: error });
    };
    const { disk, random, name } = this;
    const kv = new SimKeyValue({ disk, life, random, timeline, name, faults: () => this.world.diskFaults, fatal });
    const stores = keyedStores(kv);
    const opened = this.open(variant.stores?.(name, stores, disk) ?? stores, life, fatal);
    opened.then(
      () => life.alive && timeline.note(`${name} runs`),
      (error: Error) => life.alive && this.#ended(error),
    );
  }

  /** Kills the process, if it runs, and starts it again after a while. */
  crash(why: string): void {
    if (this.#life === undefined) return;
    const { timeline, oracle, diskFaults, checks } = this.world;
    timeline.note(`${this.name} ends: ${why}`);
    this.#life.end();
    this.#life = undefined;
    this.forget();
    this.disk.crash(this.random, diskFaults);
    oracle.afterCrash(this.name, this.disk);
    checks.push(rehearse(this, this.random, oracle));
    timeline.after(this.random.between(5, 2000), () => this.start());
  }

  /** A process that ends by itself: its disk must be the reason. */
  #ended(error: Error): void {
    const explained = error instanceof StoreError && (error.code === 'failed' || error.code === 'corrupt');
    if (!explained) this.world.oracle.violate('no unexplained end', `${this.name}: ${error.stack ?? error.message}`);
    this.crash(error.message);
  }
}
