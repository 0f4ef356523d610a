/**
 * Test support: the notary in memory, with the real ledger and real courts around it, whose stores can lie; and what must hold whenever
 * no process runs. Only tests import this file. The whole consortium over real sockets is in testing-consortium.ts.
 */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { Declared } from '../certs/core/record.ts';
import { parseBundle } from '../ledger/core/bundle.ts';
import { hexEncode } from '../ledger/core/bytes.ts';
import { parseCheckpoint } from '../ledger/core/checkpoint.ts';
import { parseDepositEntry } from '../ledger/core/entry.ts';
import { parseNote } from '../ledger/core/note.ts';
import { parseTilePath } from '../ledger/core/tile.ts';
import { parseHeadRecord } from '../ledger/log/head-record.ts';
import { Log } from '../ledger/log/log.ts';
import { Reader } from '../ledger/log/reader.ts';
import { World } from '../ledger/log/testing.ts';
import { type Fault, FaultPlan, MemoryDisk, memoryBlobs, memoryStores } from '../ledger/store/memory.ts';
import { ORIGIN, testSigner } from '../ledger/witness/testing.ts';
import type { Party } from './auth.ts';
import { depositRowCheck } from './commands/fsck-deposits.ts';
import { applied, unappliedStep } from './commands/fsck-folder.ts';
import { type Deposit, DepositStore, entryOf } from './intake/deposit-store.ts';
import { DEFAULT_LIMITS } from './intake/limits.ts';
import { diskSpace } from './intake/space.ts';
import type { Submission, SubmittedFile } from './intake/submission.ts';
import type { EventFields } from './logging.ts';
import { Notary, type NotaryOptions } from './notarize.ts';
import { Refusal } from './refusal.ts';

export const PARTY: Party = { party: 'demo', name: '张三', identified: '实名认证', relation: '无' };

export const NOTHING_DECLARED: Declared = {
  source: '',
  generation: '',
  storage: '',
  notarisation: '',
  witness: '',
  corroboration: '',
};

const FACTS: NotaryOptions['facts'] = {
  build: 'probata test',
  platform: { name: '存证平台', nameEn: 'Platform', statement: '声明', statementEn: 'Statement' },
  members: [],
  origin: ORIGIN,
  policySha256: '0'.repeat(64),
};

/** The faults of one process, and its end: from then on no effect of it happens, and none is answered. */
class ProcessFaults extends FaultPlan {
  #dead = false;

  kill(): void {
    this.#dead = true;
  }

  override run<T>(effect: () => T | Promise<T>): Promise<T> {
    return this.#dead ? new Promise(() => {}) : super.run(effect);
  }
}

/** One life of the platform's process. */
export interface Life {
  readonly notary: Notary;
  readonly events: { level: string; event: string; fields: EventFields }[];
  /** Resolves when something asked for the process to end. */
  readonly fatal: Promise<Error>;
}

/** Starts the platform's process on this disk. */
export async function live(
  world: World,
  disk: MemoryDisk,
  changes: Partial<NotaryOptions> = {},
  faults = new ProcessFaults(),
  cosigners = world.cosigners(),
): Promise<Life> {
  const events: Life['events'] = [];
  let end: (error: Error) => void = () => {};
  const ended = new Promise<Error>((resolve) => {
    end = resolve;
  });
  const fatal = (error: Error): never => {
    faults.kill();
    end(error);
    throw error;
  };
  const stores = memoryStores(disk, faults);
  const notary = await Notary.open({
    openLog: (hooks) =>
      Log.open({
        ...hooks,
        origin: ORIGIN,
        signer: world.signer,
        tiles: stores.tiles('log'),
        heads: stores.heads('log'),
        index: stores.index('log'),
        cosigners,
        policy: world.policy,
        clock: world.clock,
        fatal,
      }),
    onLedgerEvent: () => {},
    index: stores.index('deposits'),
    blobs: memoryBlobs(disk, faults),
    space: diskSpace(async () => ({ freeBytes: 1, totalBytes: 1 }), DEFAULT_LIMITS),
    limits: DEFAULT_LIMITS,
    clock: world.clock,
    receiptSigner: testSigner(`${ORIGIN}/receipt`, 0x01),
    facts: FACTS,
    issue: async (record) => Buffer.from(`certificate with ${record.shown.length} parts`),
    recheck: { revocations: 0, holds: async () => true },
    log: (level, event, fields = {}) => events.push({ level, event, fields }),
    fatal,
    ...changes,
  });
  return { notary, events, fatal: ended };
}

/** The lives of a test, so that all of them end with it. */
export class Lives {
  readonly #begun: Life[] = [];

  async begin(...args: Parameters<typeof live>): Promise<Life> {
    const life = await live(...args);
    this.#begun.push(life);
    return life;
  }

  async end(): Promise<void> {
    for (const { notary } of this.#begun.splice(0)) await notary.close();
  }
}

/** Whether the deposit is in this state: a condition to wait for. */
export function inState({ notary }: Life, id: string, state: string): () => Promise<boolean> {
  return async () => (await notary.standing(id)).state === state;
}

/** Why the notary refused, or `taken`. */
export function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'taken',
    (error) => (error instanceof Refusal ? error.code : Promise.reject(error)),
  );
}

/** A submission of digests. */
export function digests(name: string, changes: Partial<Submission> = {}): Submission {
  const sha256 = createHash('sha256').update(name).digest('hex');
  const file: SubmittedFile = { name, size: name.length, mediaType: 'text/plain', sha256 };
  const base = { party: PARTY, mode: 'single', how: 'digest', transport: 'HTTP/1.1' } as const;
  return { ...base, declared: NOTHING_DECLARED, files: [file], ...changes };
}

/** Takes in a deposit with bytes, as the routes do. */
export async function upload(notary: Notary, name: string, changes: Partial<Submission> = {}): Promise<Deposit> {
  const evidence = notary.evidence();
  const file = { name, mediaType: 'text/plain', ...(await evidence.add(chunksOf(name))) };
  const { deposit } = await notary.submit(
    digests(name, { how: 'upload', files: [file], blob: await evidence.commit(), ...changes }),
  );
  return deposit;
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  for (const character of text) yield Buffer.from(character);
}

/** Far beyond any test's own time limit: only so that a failed test does not wait for ever. */
const GIVE_UP_MS = 120_000;

/** Resolves when the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + GIVE_UP_MS;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('the condition never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Every promise kept: what was acknowledged is on the ledger, once and in received order, with its bytes; nothing else is left. */
export async function expectKept(disk: MemoryDisk, notary: Notary, acknowledged: readonly Deposit[]): Promise<void> {
  const store = new DepositStore(memoryStores(disk).index('deposits'));
  expect(await store.pending()).to.deep.equal([]);
  expect(await store.uncertified()).to.deep.equal([]);
  const size = notary.ledger.head().checkpoint.size;
  const ids: string[] = [];
  for (let index = 0; index < size; index += 1) ids.push(await idAt(notary, index));
  expect([...ids].sort(), 'ledger order is received order').to.deep.equal(ids);
  expect(new Set(ids).size, 'no deposit is on the ledger twice').to.equal(size);
  for (const deposit of acknowledged) {
    expect(await store.deposit(deposit.id)).to.deep.equal(deposit);
    expect(ids[(await store.index(deposit.id)) ?? -1]).to.equal(deposit.id);
    expect(await store.certificate(deposit.id)).not.to.equal(undefined);
    if (deposit.blob !== undefined) expect(disk.blobs.has(deposit.blob), 'evidence is kept').to.equal(true);
  }
  const owned = new Set<string | undefined>();
  for (const id of ids) {
    owned.add((await store.deposit(id))?.blob).add((await store.certificate(id))?.blob);
    expect(hexEncode(entryOf((await store.deposit(id)) as Deposit))).to.equal(
      hexEncode(await entryAt(notary, (await store.index(id)) ?? -1)),
    );
  }
  expect(
    [...disk.blobs.keys()].filter((blob) => !owned.has(blob)),
    'no bytes without an owner',
  ).to.deep.equal([]);
}

async function idAt(notary: Notary, index: number): Promise<string> {
  return parseDepositEntry(await entryAt(notary, index)).id;
}

async function entryAt(notary: Notary, index: number): Promise<Uint8Array> {
  const width = Math.min(256, notary.ledger.head().checkpoint.size - 256 * Math.floor(index / 256));
  const bundle = await notary.ledger.readTile({ level: 'entries', index: Math.floor(index / 256), width });
  return parseBundle(bundle as Uint8Array, width)[index % 256] as Uint8Array;
}

/** One life: two deposits alone, three at once; ends early when it must. What was acknowledged is added to `taken`. */
async function liveOnce(world: World, disk: MemoryDisk, faults: ProcessFaults, taken: Deposit[]): Promise<void> {
  let life: Life;
  try {
    life = await live(world, disk, {}, faults);
  } catch (error) {
    expect(error).to.have.property('code', 'failed');
    return;
  }
  const take = async (name: string): Promise<void> => {
    const deposit = await Promise.race([upload(life.notary, name), life.fatal]).catch((error) => error);
    if (!(deposit instanceof Error)) taken.push(deposit);
  };
  let over = false;
  life.fatal.then(() => {
    over = true;
  });
  const work = async (): Promise<void> => {
    await take('first');
    await take('second');
    await Promise.all(['third', 'fourth', 'fifth'].map(take));
    await until(() => over || life.notary.certifier.owed === 0);
  };
  await Promise.race([work(), life.fatal]);
  await Promise.race([life.notary.close(), life.fatal]);
}

/** What fsck finds in the rows of deposits that a process which has ended left on this disk. @param size entries that are taken to be there */
export async function depositRowFlaws(disk: MemoryDisk, size: number): Promise<string[]> {
  const stores = memoryStores(disk);
  const deposits = stores.index('deposits');
  const head = await stores.heads('log').latest();
  const tiles = stores.tiles('log');
  const step = await unappliedStep(tiles, head && parseHeadRecord(head.bytes));
  const whole = await sizeOn(disk);
  const reader = new Reader(applied(tiles, step), () => whole);
  const fetch = (path: string): Promise<Uint8Array | undefined> => reader.tile(parseTilePath(path));
  const check = depositRowCheck(deposits, { size, fetch }, memoryBlobs(disk));
  const found: string[] = [];
  for await (const [name, value] of deposits.scan({ gte: '', lt: '~' }))
    found.push(...(await check(name, value)).map(({ detail }) => `${name}: ${detail}`));
  return found;
}

/** Entries under the newest head on this disk. */
async function sizeOn(disk: MemoryDisk): Promise<number> {
  const head = await memoryStores(disk).heads('log').latest();
  return head === undefined ? 0 : parseCheckpoint(parseNote(parseHeadRecord(head.bytes).note).text).size;
}

/** How many effects on the stores one life without faults has. */
export async function countEffects(): Promise<number> {
  const counting = new ProcessFaults();
  await liveOnce(new World(), new MemoryDisk(), counting, []);
  return counting.count;
}

/** One life with this fault, one without: everything acknowledged in either must be kept, and fsck finds nothing in between. */
export async function crashAndRecover(fault: Fault): Promise<void> {
  const world = new World();
  const broken = new MemoryDisk();
  const taken: Deposit[] = [];
  const faults = new ProcessFaults([fault]);
  await liveOnce(world, broken, faults, taken);
  faults.kill();
  const disk = copyOf(broken);
  expect(await depositRowFlaws(disk, await sizeOn(disk)), 'a crash leaves no row that fsck finds wrong').to.deep.equal(
    [],
  );
  world.clock.ms += 1;
  const { notary } = await live(world, disk);
  taken.push(await upload(notary, 'after'));
  await until(() => notary.certifier.owed === 0);
  await expectKept(disk, notary, taken);
  await notary.close();
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const [key, value] of disk.values) copy.values.set(key, value);
  for (const [name, bytes] of disk.blobs) copy.blobs.set(name, bytes);
  return copy;
}
