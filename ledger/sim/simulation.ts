// One simulation: a seed makes a consortium, its faults and its work; faults rage, then stop, and everything must get well.
// The same seed makes the same run, step by step.

import { utf8Decode } from '../core/bytes.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { parseAddCheckpoint } from '../witness/request.ts';
import { audit } from './audit.ts';
import { NO_DISK_FAULTS } from './disk.ts';
import { COURTS, consortium, MIRRORS } from './keys.ts';
import { CourtNode, MirrorNode } from './members.ts';
import { Network, NO_NETWORK_FAULTS, type Request } from './network.ts';
import type { SimNode, World } from './node.ts';
import { Oracle, type Violation } from './oracle.ts';
import { PlatformNode } from './platform.ts';
import { Random } from './random.ts';
import { Timeline } from './timeline.ts';
import type { Variant } from './variant.ts';

/** What came of one seed. */
export interface Outcome {
  readonly seed: number;
  /** The first violation and the step at which it was seen; undefined when the run was clean. */
  readonly violation: (Violation & { readonly step: number }) | undefined;
  /** Virtual operations: one disk effect, delivery, timer or act of the script each. */
  readonly steps: number;
  readonly entries: number;
  readonly kills: number;
  /** SHA-256 of the trace. */
  readonly traceHash: string;
  /** The trace, when it was asked for. */
  readonly lines: readonly string[];
}

export interface Wanted {
  /** Keep the lines of the trace. */
  readonly lines?: boolean;
  /** Replace parts of the product. */
  readonly variant?: Variant;
}

/** How long faults rage, and how long getting well may take at most; virtual ms. Two uploads may time out after each other. */
const RAGE_MS = [1_500, 4_500] as const;
const HEAL_MS = 600_000;
/** One seed in so many has the ML-DSA-44 keys too. */
const POST_QUANTUM_EVERY = 64;
/** Of all beginnings. */
const BEGINNING_SEED = -1;

/** A log that was full to four entries below a tile's width when the faults began: the next few complete it. */
const NEARLY_A_TILE = 252;

/** Runs one seed. Not twice at once: the global timers are the simulation's meanwhile. */
export async function simulate(seed: number, wanted: Wanted = {}): Promise<Outcome> {
  const random = new Random(`${seed} beginning`);
  const postQuantum = seed % POST_QUANTUM_EVERY === 0;
  // Some logs meet the faults in their very first start, the others have begun in peace.
  const peaceful = !random.chance(0.1);
  const from = peaceful ? await begun(postQuantum, random.chance(0.15) ? NEARLY_A_TILE : 0) : undefined;
  return onItsOwnTime(new Simulation(seed, postQuantum, wanted, from), (simulation) => simulation.run());
}

async function onItsOwnTime<T>(simulation: Simulation, run: (simulation: Simulation) => Promise<T>): Promise<T> {
  const giveBack = simulation.world.timeline.takeOverTimers();
  try {
    return await run(simulation);
  } finally {
    giveBack();
  }
}

/** Consortia that have begun in peace: so many entries, published, and everybody has followed. Each is made once; runs go on from copies. */
const beginnings = new Map<string, Promise<Simulation>>();

function begun(postQuantum: boolean, entries: number): Promise<Simulation> {
  const name = `${postQuantum} ${entries}`;
  const made = beginnings.get(name) ?? begin(postQuantum, entries);
  beginnings.set(name, made);
  return made;
}

async function begin(postQuantum: boolean, entries: number): Promise<Simulation> {
  const simulation = new Simulation(BEGINNING_SEED, postQuantum, {}, undefined);
  await onItsOwnTime(simulation, () => simulation.begin(entries));
  return simulation;
}

class Simulation {
  readonly world: World;
  readonly #random: Random;
  readonly #platform: PlatformNode;
  readonly #members: readonly (CourtNode | MirrorNode)[];
  #raging = true;
  #kills = 0;

  /** @param from goes on with a copy of what this one has left on its disks */
  constructor(
    seed: number,
    postQuantum: boolean,
    { lines = false, variant = {} }: Wanted,
    from: Simulation | undefined,
  ) {
    this.#random = new Random(`${seed}`);
    const timeline = new Timeline(lines, from?.world.timeline.nowMs);
    const oracle = from === undefined ? new Oracle() : from.world.oracle.copy();
    this.world = {
      seed,
      timeline,
      oracle,
      variant,
      network: new Network(timeline, new Random(`${seed} network`)),
      consortium: consortium(postQuantum),
      diskFaults: NO_DISK_FAULTS,
      checks: [],
    };
    this.#platform = new PlatformNode(this.world, from === undefined ? undefined : from.#platform);
    this.#members = [
      ...COURTS.map((name) => new CourtNode(name, this.world)),
      ...MIRRORS.map((name) => new MirrorNode(name, this.world)),
    ];
    if (from !== undefined) this.#copyDisks(from);
    const { network } = this.world;
    for (const member of this.#members) network.add(member);
    network.onRequest = (_, path, body) => {
      if (path !== '/add-checkpoint' || body === undefined) return;
      oracle.note('the log sends', parseAddCheckpoint(body).note);
    };
    network.onAnswer = (host, request, answer) => this.#watchAnswer(host, request, answer);
  }

  #copyDisks(from: Simulation): void {
    for (const [i, { disk }] of from.#nodes.entries()) {
      for (const [key, value] of disk.durable) this.#nodes[i]?.disk.durable.set(key, value);
    }
  }

  /** Starts without faults, and ends when so many entries are published and everybody has followed. */
  async begin(entries: number): Promise<void> {
    for (const node of this.#nodes) node.start();
    await this.#until(() => this.#platform.log !== undefined);
    this.#platform.submit(entries);
    await this.#until(() => this.world.oracle.size === entries && this.#isWell());
    // What is not durable yet is lost with this process: copies are taken of the disks alone.
    const { violation } = this.world.oracle;
    if (violation !== undefined) throw new Error(`a beginning in peace: ${violation.invariant}: ${violation.detail}`);
  }

  async run(): Promise<Outcome> {
    for (const node of this.#nodes) node.start();
    this.#unleash();
    await this.#until(() => !this.#raging);
    await this.#until(() => this.#isWell());
    const { oracle, timeline, seed } = this.world;
    if (oracle.violation === undefined) {
      if (!this.#isWell()) oracle.violate('heals', this.#illness());
      for (const problem of await audit(this.#platform, this.#members)) oracle.violate('heals', problem);
    }
    const { steps, lines } = timeline;
    const { violation } = oracle;
    if (violation !== undefined) timeline.note(`VIOLATED ${violation.invariant}: ${violation.detail}`);
    return {
      seed,
      violation: violation === undefined ? undefined : { ...violation, step: steps },
      steps,
      entries: oracle.size,
      kills: this.#kills,
      traceHash: timeline.traceHash(),
      lines,
    };
  }

  get #nodes(): readonly SimNode[] {
    return [this.#platform, ...this.#members];
  }

  /** Steps until something is so, an invariant is broken, or time is up. */
  async #until(isSo: () => boolean): Promise<void> {
    const { timeline, oracle, checks } = this.world;
    const endMs = timeline.nowMs + HEAL_MS;
    while (oracle.violation === undefined && timeline.nowMs < endMs && !isSo()) {
      if (!(await timeline.step())) return;
      await Promise.all(checks.splice(0));
    }
  }

  /** Draws the faults at the rates of the test plan, and the script of the run. */
  #unleash(): void {
    const { timeline, network } = this.world;
    const random = this.#random;
    this.world.diskFaults = {
      read: random.between(0, 0.1),
      write: random.between(0, 0.1),
      misdirected: random.between(0, 0.1),
      crash: random.between(0.8, 1),
    };
    network.faults = {
      lostRequest: random.between(0, 0.2),
      lostAnswer: random.between(0, 0.1),
      twice: random.between(0, 0.1),
      cutBody: random.between(0, 0.3),
      delayMs: random.between(5, 200),
    };
    for (const node of this.#nodes) node.skewMs = random.integer(-2000, 2000);
    // A busy platform fills tiles; most are not.
    const most = random.chance(0.05) ? 200 : 6;
    this.#every(random.between(150, 800), () => this.#platform.submit(random.integer(1, most)));
    this.#every(random.between(300, 3000), () => this.#kill());
    this.#every(random.between(1000, 5000), () => this.#cutOff());
    this.#every(random.between(1000, 5000), () => this.#jump());
    timeline.after(random.between(...RAGE_MS), () => this.#calm());
  }

  /** Acts again and again, as long as faults rage, with pauses around a mean. */
  #every(meanMs: number, act: () => void): void {
    this.world.timeline.after(this.#random.between(0, 2 * meanMs), () => {
      if (!this.#raging) return;
      act();
      this.#every(meanMs, act);
    });
  }

  #kill(): void {
    this.#kills += 1;
    const victim = this.#random.chance(0.4) ? this.#platform : this.#random.pick(this.#members);
    victim?.crash('killed');
  }

  #cutOff(): void {
    const { network, timeline } = this.world;
    const name = this.#random.pick(this.#members)?.name ?? '';
    timeline.note(`${name} is cut off`);
    network.cut.add(name);
    timeline.after(this.#random.between(100, 3000), () => network.cut.delete(name));
  }

  #jump(): void {
    const node = this.#random.pick(this.#nodes);
    if (node === undefined) return;
    node.skewMs = this.#random.integer(-5000, 5000);
    this.world.timeline.note(`the clock of ${node.name} jumps to ${node.skewMs} ms`);
  }

  /** The faults stop. What they did stays. */
  #calm(): void {
    this.world.timeline.note('calm');
    this.#raging = false;
    this.world.diskFaults = NO_DISK_FAULTS;
    this.world.network.faults = NO_NETWORK_FAULTS;
    this.world.network.cut.clear();
    for (const node of this.#nodes) node.skewMs = 0;
  }

  /** Every receipt is on the ledger, all of it is published with a quorum, and everybody has followed. */
  #isWell(): boolean {
    return this.#illness() === '';
  }

  #illness(): string {
    const { oracle } = this.world;
    if (oracle.owed > 0) return `${oracle.owed} receipts are not on the ledger`;
    const published = this.#platform.log?.published()?.checkpoint.size;
    if (published !== oracle.size) return `${published} of ${oracle.size} entries are published`;
    const behind = this.#members.filter(({ name }) => oracle.sizeOf(name) !== oracle.size);
    return behind.length === 0 ? '' : `${behind.map(({ name }) => name).join(' ')} did not follow`;
  }

  #watchAnswer(host: string, { method, path }: Request, { status, body }: ProtocolAnswer): void {
    if (status !== 200) return;
    const text = typeof body === 'string' ? body : (utf8Decode(body) ?? '');
    if (method === 'GET') this.world.oracle.note(`${host} serves`, text);
    else if (text !== '' && path !== '/checkpoint') this.world.oracle.cosigned(host, text);
  }
}
