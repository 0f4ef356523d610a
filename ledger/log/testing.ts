// Test support: a log with real courts around it, whose stores can lie, and the one check that must hold after everything.
// Courts are the real witnesses with real keys, reached through the real clients; only the sockets are missing.

import { expect } from 'chai';
import { parseBundle } from '../core/bundle.ts';
import { concat, equal, hexEncode, utf8Encode } from '../core/bytes.ts';
import { parseCheckpoint } from '../core/checkpoint.ts';
import { formatEntry } from '../core/entry.ts';
import { leafHash, sha256 } from '../core/hash.ts';
import { formatVkey, parseNote } from '../core/note.ts';
import { type Policy, parsePolicy } from '../core/policy.ts';
import { appendLeaf, EMPTY_RANGE, rangeRoot } from '../core/range.ts';
import type { Signer } from '../core/signature.ts';
import { formatTilePath } from '../core/tile.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { type Fault, FaultPlan, MemoryDisk, memoryStores } from '../store/memory.ts';
import { fsck, signedBy } from '../tools/fsck.ts';
import { witnessCosigner } from '../witness/client.ts';
import { originHash } from '../witness/request.ts';
import { Witness } from '../witness/service.ts';
import { inProcessHttp, ORIGIN, testClock, testSigner } from '../witness/testing.ts';
import type { LogEvent } from './events.ts';
import { parseHeadRecord, recordHash } from './head-record.ts';
import { Log, type LogOptions } from './log.ts';
import type { Cosigner, HeadStore, Http, TileStore } from './ports.ts';
import type { Published } from './published.ts';

/** A court: a real witness on its own disk. `down`: nothing answers. */
export class Court {
  readonly name: string;
  readonly signers: readonly Signer[];
  readonly disk = new MemoryDisk();
  down = false;
  readonly #clock: () => number;
  #witness: Promise<Witness> | undefined;

  constructor(name: string, types: readonly (0x04 | 0x06)[], clock: () => number) {
    this.name = name;
    this.signers = types.map((type) => testSigner(`${name}.test.example`, type));
    this.#clock = clock;
  }

  /** The client's connection. */
  readonly http: Http = async (request) => {
    if (this.down) throw new Error('connection refused');
    const witness = await this.#open();
    return inProcessHttp({
      'POST /witness/add-checkpoint': async (body) => witness.addCheckpoint(await bytesOf(body)),
      [`GET /witness/${originHash(ORIGIN)}/checkpoint`]: () => witness.checkpoint(originHash(ORIGIN)),
    })(request);
  };

  /** Starts it anew on the same disk. */
  restart(): void {
    this.#witness = undefined;
  }

  #open(): Promise<Witness> {
    const stores = memoryStores(this.disk);
    this.#witness ??= Witness.open({
      logs: [{ origin: ORIGIN, keys: [testSigner(ORIGIN, 0x01).key] }],
      signers: this.signers,
      heads: (hash) => stores.heads(hash),
      cosigned: stores.index('cosigned'),
      clock: this.#clock,
      onEvent: () => undefined,
    });
    return this.#witness;
  }
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return concat(...parts);
}

interface Shape {
  readonly courts: number;
  readonly needed: number;
  readonly types: readonly (0x04 | 0x06)[];
}

/** Everything outside the log's process: its disk, its clock, the courts, and its owner's durable memory. */
export class World {
  readonly clock = testClock();
  readonly signer = testSigner(ORIGIN, 0x01);
  readonly courts: readonly Court[];
  readonly policy: Policy;
  /** What onSequenced told the owner, by index: hex of the entry. */
  readonly sequenced = new Map<number, string>();
  /** What the log acknowledged: index, and hex of the entry. */
  readonly acknowledged: [index: number, entry: string][] = [];
  readonly #shape: Shape;
  #entries = 0;

  /** @param courts how many, and how many of them are needed */
  constructor({ courts = 1, needed = 1, types = [0x04] }: Partial<Shape> = {}) {
    this.#shape = { courts, needed, types };
    this.courts = Array.from({ length: courts }, (_, i) => new Court(`court-${i + 1}`, types, () => this.clock()));
    this.policy = parsePolicy(policyText(this.signer, this.courts, needed));
  }

  /** The same world again, to go another way from here. */
  clone(): World {
    const { courts, needed, types } = this.#shape;
    const world = new World({ courts, needed, types });
    world.clock.ms = this.clock.ms;
    world.#entries = this.#entries;
    for (const [index, entry] of this.sequenced) world.sequenced.set(index, entry);
    world.acknowledged.push(...this.acknowledged);
    for (const [i, court] of this.courts.entries()) {
      for (const [key, value] of court.disk.values) world.courts[i]?.disk.values.set(key, value);
    }
    return world;
  }

  /** Entries made from now on are numbered from here. */
  continueAt(number: number): void {
    this.#entries = number;
  }

  /** The next entry: received now. */
  entry(): Uint8Array {
    const number = this.#entries++;
    return formatEntry({
      kind: 'deposit',
      v: 1,
      id: `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`,
      received: new Date(this.clock()).toISOString(),
      commitment: hexEncode(sha256(utf8Encode(String(number)))),
    });
  }

  /** @param through what stands between the log and the courts */
  cosigners(index = memoryStores().index('cosigners'), through: (http: Http) => Http = (http) => http): Cosigner[] {
    return this.courts.map(({ name, signers, http }) =>
      witnessCosigner({
        name,
        url: 'http://court/witness',
        keys: signers.map(({ key }) => key),
        logKey: this.signer.key,
        http: through(http),
        index,
      }),
    );
  }
}

function policyText(log: Signer, courts: readonly Court[], needed: number): string {
  const lines = courts.flatMap(({ name, signers }) => [
    ...signers.map(({ key }) => `witness ${name}.${key.type} ${formatVkey(key)}`),
    `group ${name} all ${signers.map(({ key }) => `${name}.${key.type}`).join(' ')}`,
  ]);
  const group = courts.length === 0 ? [] : [`group courts ${needed} ${courts.map(({ name }) => name).join(' ')}`];
  const quorum = `quorum ${courts.length === 0 ? 'none' : 'courts'}`;
  return [`log ${formatVkey(log.key)}`, ...lines, ...group, quorum, ''].join('\n');
}

/** One life of the log's process. */
export interface Session {
  readonly log: Log;
  readonly events: LogEvent[];
  readonly published: Published[];
  /** Resolves when the log asked for the process to end. */
  readonly fatal: Promise<Error>;
  /** Appends an entry and notes the acknowledgement in the world. Resolves undefined when the process ended first. */
  append(entry?: Uint8Array): Promise<number | undefined>;
}

export const PREFIX = 'log';

/** Starts the log's process on these stores. */
export async function start(
  world: World,
  stores: KeyedStores,
  changes: Partial<LogOptions> = {},
  faults = new FaultPlan(),
): Promise<Session> {
  const events: LogEvent[] = [];
  const published: Published[] = [];
  let end: (error: Error) => void = () => undefined;
  const fatal = new Promise<Error>((resolve) => {
    end = resolve;
  });
  const log = await Log.open({
    origin: ORIGIN,
    signer: world.signer,
    tiles: stores.tiles(PREFIX),
    heads: stores.heads(PREFIX),
    index: stores.index(PREFIX),
    cosigners: world.cosigners(),
    policy: world.policy,
    clock: world.clock,
    onSequenced: (first, entries) =>
      faults.run(() => {
        for (const [i, entry] of entries.entries()) world.sequenced.set(first + i, hexEncode(entry));
      }),
    onPublished: (each) => published.push(each),
    onEvent: (event) => events.push(event),
    fatal: (error) => {
      end(error);
      throw error;
    },
    ...changes,
  });
  const append = async (entry = world.entry()) => {
    const index = await Promise.race([log.append(entry), fatal.then(() => undefined)]);
    if (index !== undefined) world.acknowledged.push([index, hexEncode(entry)]);
    return index;
  };
  return { log, events, published, fatal, append };
}

/** Resolves when the condition holds; the test's own time limit is the only one. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Resolves when this many entries are published, or the process ended. */
export async function untilPublished({ log, fatal }: Session, size: number): Promise<void> {
  let over = false;
  void fatal.then(() => {
    over = true;
  });
  await until(() => over || (log.published()?.checkpoint.size ?? -1) >= size);
}

/**
 * What must hold whenever no process runs: the log can be derived again from its entries, its heads are one chain of one growing
 * tree, all that was acknowledged is in it, once, and the courts saw nothing else.
 */
export async function expectSound(world: World, stores: KeyedStores): Promise<void> {
  const tiles = stores.tiles(PREFIX);
  const heads = stores.heads(PREFIX);
  const fetch = storedLog(tiles, heads);
  const { size, problems } = await fsck({ fetch, open: signedBy([world.signer.key]) });
  expect(problems).to.deep.equal([]);
  const entries = await allEntries(fetch, size);
  for (const [index, entry] of world.acknowledged)
    expect(entries[index], `acknowledged entry ${index}`).to.equal(entry);
  for (const [index, entry] of world.sequenced) expect(entries[index], `reported entry ${index}`).to.equal(entry);
  expect(new Set(entries).size).to.equal(entries.length);
  expect(world.sequenced.size).to.equal(entries.length);
  const leaves = entries.map((entry) => leafHash(Buffer.from(entry, 'hex')));
  const ranges = [EMPTY_RANGE];
  for (const leaf of leaves) ranges.push(appendLeaf(ranges.at(-1) ?? EMPTY_RANGE, leaf));
  const rootOf = (ofSize: number) => rangeRoot(ranges[ofSize] ?? expect.fail('a size that the log does not have'));
  let previous: Uint8Array | undefined;
  for (let number = 0; ; number++) {
    const bytes = await heads.get(number);
    if (bytes === undefined) break;
    const record = parseHeadRecord(bytes);
    const checkpoint = parseCheckpoint(parseNote(record.note).text);
    expect(equal(checkpoint.root, rootOf(checkpoint.size)), `head ${number}`).to.equal(true);
    expect(record.previous).to.deep.equal(previous === undefined ? undefined : recordHash(previous));
    previous = bytes;
  }
  for (const cosigner of world.cosigners()) {
    const note = await cosigner.latest();
    if (note === undefined) continue;
    const checkpoint = parseCheckpoint(parseNote(note).text);
    expect(checkpoint.size).to.be.at.most(size);
    expect(equal(checkpoint.root, rootOf(checkpoint.size)), `what ${cosigner.name} cosigned`).to.equal(true);
  }
}

/** The paths of tlog-tiles, answered straight from the stores. */
function storedLog(tiles: TileStore, heads: HeadStore): (path: string) => Promise<Uint8Array | undefined> {
  return async (path) => {
    if (path !== 'checkpoint') return tiles.get(path);
    const latest = await heads.latest();
    return latest === undefined ? undefined : utf8Encode(parseHeadRecord(latest.bytes).note);
  };
}

async function allEntries(fetch: (path: string) => Promise<Uint8Array | undefined>, size: number): Promise<string[]> {
  const entries: string[] = [];
  for (let index = 0; index * 256 < size; index++) {
    const width = Math.min(256, size - index * 256);
    const bundle = await fetch(formatTilePath({ level: 'entries', index, width }));
    entries.push(...parseBundle(bundle as Uint8Array, width).map(hexEncode));
  }
  return entries;
}

/** A log of 252 entries, so that the next few complete a tile; made once, gone on from many times. */
let base: Promise<{ world: World; disk: MemoryDisk }> | undefined;

async function prepare(): Promise<{ world: World; disk: MemoryDisk }> {
  const world = new World();
  const disk = new MemoryDisk();
  const session = await start(world, memoryStores(disk));
  await Promise.all(Array.from({ length: 252 }, () => session.append()));
  await untilPublished(session, 252);
  await session.log.close();
  return { world, disk };
}

/** A copy of it. */
export async function prepared(): Promise<{ world: World; disk: MemoryDisk }> {
  base ??= prepare();
  const { world, disk } = await base;
  const copy = new MemoryDisk();
  for (const [key, value] of disk.values) copy.values.set(key, value);
  return { world: world.clone(), disk: copy };
}

/** One life of the process: starts, appends some entries alone and some at once, publishes. Ends early when the log asks for it. */
export async function liveOnce(world: World, stores: KeyedStores, faults: FaultPlan): Promise<void> {
  let session: Session;
  try {
    session = await start(world, stores, {}, faults);
  } catch (error) {
    expect(error).to.have.property('code', 'failed');
    return;
  }
  const work = async () => {
    world.clock.ms += 1000;
    await session.append();
    const indexes = await Promise.all(Array.from({ length: 5 }, () => session.append()));
    await untilPublished(session, (indexes.at(-1) ?? Number.NaN) + 1);
  };
  await Promise.race([work(), session.fatal]);
  await session.log.close();
}

/** A life with faults, perhaps a second one with more, then one without: it must publish what it has and find everything in order. */
export async function crashAndRecover(first: readonly Fault[], second: readonly Fault[] = []): Promise<void> {
  const { world, disk } = await prepared();
  const live = async (planned: readonly Fault[]) => {
    const faults = new FaultPlan(planned);
    await liveOnce(world, memoryStores(disk, faults), faults);
  };
  await live(first);
  if (second.length > 0) await live(second);
  const stores = memoryStores(disk);
  const session = await start(world, stores);
  world.clock.ms += 1000;
  const index = await session.append();
  await untilPublished(session, (index ?? Number.NaN) + 1);
  await session.log.close();
  await expectSound(world, stores);
}

/** Both kinds of failure of the effects [from, to). */
export function faultsFrom(from: number, to: number): Fault[] {
  return Array.from({ length: 2 * (to - from) }, (_, i) => ({ at: from + Math.floor(i / 2), happened: i % 2 === 1 }));
}

/** How many effects a life has, from its start to its end. */
export async function lifeEffects(): Promise<number> {
  const { world, disk } = await prepared();
  const faults = new FaultPlan();
  await liveOnce(world, memoryStores(disk, faults), faults);
  return faults.count;
}

/** How many effects a start has before it can take an entry in. */
export async function recoveryEffects(): Promise<number> {
  const { world, disk } = await prepared();
  const faults = new FaultPlan();
  const session = await start(world, memoryStores(disk, faults), {}, faults);
  const { count } = faults;
  await session.log.close();
  return count;
}
