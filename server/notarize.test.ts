/** The case from bytes to certificate: its states, its order, and every crash on the way. Real ledger, real courts, memory disks. */
import { expect } from 'chai';
import { formatEntry } from '../ledger/core/entry.ts';
import { openNote, parseNote } from '../ledger/core/note.ts';
import type { Log } from '../ledger/log/log.ts';
import { StoreError } from '../ledger/log/ports.ts';
import { start, World } from '../ledger/log/testing.ts';
import { MemoryDisk, memoryStores } from '../ledger/store/memory.ts';
import { ORIGIN, testSigner } from '../ledger/witness/testing.ts';
import { type Deposit, entryOf } from './intake/deposit-store.ts';
import { DEFAULT_LIMITS, RECEIPT_DEADLINE_MS } from './intake/limits.ts';
import type { Submission } from './intake/submission.ts';
import type { Notary, NotaryOptions } from './notarize.ts';
import {
  codeOf,
  countEffects,
  crashAndRecover,
  digests,
  expectKept,
  inState,
  type Life,
  Lives,
  live,
  PARTY,
  until,
  upload,
} from './testing.ts';

/** For so long one answer to the question whether the platform is behind is good, in ms. */
const LOOK_MS = 10_000;
/** As long as anybody stands in line for room. */
const LINE_MS = 30_000;

describe('server/notarize', () => {
  const lives = new Lives();
  const begin: typeof live = (...args) => lives.begin(...args);
  afterEach(() => lives.end());

  it('takes bytes, and certifies them by itself', async () => {
    const world = new World();
    const disk = new MemoryDisk();
    const life = await begin(world, disk);
    const deposit = await upload(life.notary, 'evidence');
    await until(inState(life, deposit.id, 'certified'));
    const { notary } = life;
    expect((await notary.standing(deposit.id)).index).to.equal(0);
    expect(Buffer.from(disk.blobs.get(deposit.blob ?? '') ?? []).toString()).to.equal('evidence');
    await expectKept(disk, notary, [deposit]);
  });

  it('promises what it will keep: the receipt names the entry and a deadline, the same bytes each time', async () => {
    const world = new World();
    const { notary } = await begin(world, new MemoryDisk());
    const deposit = await upload(notary, 'evidence');
    const receipt = await notary.receipt(deposit);
    expect(await notary.receipt(deposit)).to.equal(receipt);
    const note = parseNote(receipt);
    expect(openNote(note, [testSigner(`${ORIGIN}/receipt`, 0x01).key])).to.have.length(1);
    const deadline = new Date(Date.parse(deposit.received) + 24 * 60 * 60 * 1000).toISOString();
    const entry = Buffer.from(entryOf(deposit)).toString();
    expect(note.text).to.equal(`probata receipt v1\n${entry}\ndeadline ${deadline}\n`);
  });

  it('stays integrated and says who is missing while too few courts answer, then certifies by itself', async () => {
    const world = new World({ courts: 4, needed: 3 });
    const life = await begin(world, new MemoryDisk());
    const { notary } = life;
    await until(() => notary.ledger.published() !== undefined);
    for (const court of world.courts.slice(0, 2)) court.down = true;
    const { id } = await upload(notary, 'evidence');
    await until(async () => (await notary.standing(id)).state === 'integrated');
    await until(() => notary.ledger.quorum().groups.at(-1)?.satisfiedMembers.length === 2);
    const { state, quorum } = await notary.standing(id);
    expect(state).to.equal('integrated');
    expect(quorum.groups.at(-1)).to.deep.include({ name: 'courts', needed: 3, satisfied: false });
    expect(await codeOf(notary.certifier.certificate(id))).to.equal('not-published');
    for (const court of world.courts) court.down = false;
    await until(inState(life, id, 'certified'));
  });

  it('never shows a state that goes back', async () => {
    const order = ['pending', 'sequenced', 'integrated', 'cosigned', 'published', 'certified'];
    const life = await begin(new World({ courts: 2, needed: 2 }), new MemoryDisk());
    const { notary } = life;
    const reached = new Map<string, number>();
    let last = '';
    for (let i = 0; i < 8; i += 1) {
      last = (await upload(notary, `evidence ${i}`)).id;
      reached.set(last, 0);
    }
    await until(async () => {
      for (const [id, before] of reached) {
        const now = order.indexOf((await notary.standing(id)).state);
        expect(now, order[before]).to.be.at.least(before);
        reached.set(id, now);
      }
      return [...reached.values()].every((now) => order[now] === 'certified');
    });
  });

  it('keeps the order of receipt on the ledger, whatever comes at once', async () => {
    const world = new World();
    const disk = new MemoryDisk();
    const life = await begin(world, disk);
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => life.notary.submit(digests(`file ${i}`))));
    const ids = all.map(({ deposit }) => deposit.id);
    expect([...ids].sort()).to.deep.equal(ids);
    await until(() => life.notary.certifier.owed === 0);
    await expectKept(
      disk,
      life.notary,
      all.map(({ deposit }) => deposit),
    );
  });

  it('takes nothing while the clock is behind, and says so', async () => {
    const world = new World();
    const { notary } = await begin(world, new MemoryDisk());
    await upload(notary, 'before');
    world.clock.ms -= 1;
    expect(await codeOf(notary.submit(digests('behind')))).to.equal('clock-behind');
    world.clock.ms += 2;
    await until(async () => (await codeOf(notary.submit(digests('after')))) === 'taken');
  });

  it('takes nothing whose time is before that of an entry that is no deposit', async () => {
    const world = new World();
    const { notary } = await begin(world, new MemoryDisk());
    world.clock.ms += 100;
    const received = new Date(world.clock.ms).toISOString();
    await notary.ledger.append(formatEntry({ kind: 'policy', v: 1, received, statement: 'ab'.repeat(32) }));
    world.clock.ms -= 50;
    expect(await codeOf(notary.submit(digests('between')))).to.equal('clock-behind');
  });

  it('makes one deposit of one key, also when two ask at once, and refuses other content under it', async () => {
    const { notary } = await begin(new World(), new MemoryDisk());
    const keyed = (name: string, party = PARTY) => notary.submit(digests(name, { idempotencyKey: 'k', party }));
    const answers = await Promise.all([keyed('a'), keyed('a'), keyed('a')]);
    expect(new Set(answers.map(({ deposit }) => deposit.id)).size).to.equal(1);
    expect(answers.map(({ replayed }) => replayed)).to.deep.equal([false, true, true]);
    expect((await keyed('a')).deposit).to.deep.equal(answers[0].deposit);
    expect(await codeOf(keyed('b'))).to.equal('idempotency-key-reused');
    expect((await keyed('b', { ...PARTY, party: 'other' })).replayed).to.equal(false);
  });

  it('lets submissions wait in line for room, in the order in which they came', async () => {
    const limits = { ...DEFAULT_LIMITS, outstandingMax: 2 };
    const { notary } = await begin(new World(), new MemoryDisk(), { limits });
    const done: string[] = [];
    const names = Array.from({ length: 9 }, (_, i) => `waits ${i}`);
    await Promise.all(names.map((name) => notary.submit(digests(name)).then(() => done.push(name))));
    expect(done).to.deep.equal(names);
  });

  it('takes from the lines in turns: neither batches nor single deposits, of whomever, hold up anybody else', async () => {
    const limits = { ...DEFAULT_LIMITS, outstandingMax: 2 };
    const { notary } = await begin(new World(), new MemoryDisk(), { limits });
    const done: string[] = [];
    const other = { ...PARTY, party: 'other' };
    const take = async (name: string, changes: Parameters<typeof digests>[1]): Promise<void> => {
      await notary.submit(digests(name, changes));
      done.push(name);
    };
    const many = Array.from({ length: 30 }, (_, i) => [
      take(`line ${i}`, { mode: 'batch' }),
      take(`single of the other ${i}`, { party: other }),
    ]);
    const late = [take('single', {}), take('line of the other', { party: other, mode: 'batch' })];
    await Promise.all([...many.flat(), ...late]);
    // Two were taken at once, and two of each crowd may be before them.
    expect(done.slice(0, 8)).to.include.members(['single', 'line of the other']);
  });

  it('refuses who has stood in line too long, and takes again when there is room', async () => {
    const world = new World();
    const limits = { ...DEFAULT_LIMITS, outstandingMax: 1 };
    const { notary } = await begin(world, new MemoryDisk(), { limits });
    const { now } = performance;
    try {
      const taken = codeOf(notary.submit(digests('taken')));
      const early = ['a', 'b'].map((name) => codeOf(notary.submit(digests(name))));
      performance.now = () => now.call(performance) + LINE_MS;
      const late = codeOf(notary.submit(digests('late')));
      expect(await Promise.all([taken, ...early, late])).to.deep.equal(['taken', 'pushback', 'pushback', 'taken']);
    } finally {
      performance.now = now;
    }
  });

  it('answers what it has answered before at once, room or no room', async () => {
    const world = new World();
    const disk = new MemoryDisk();
    const keyed = (name: string, key: string): Submission => digests(name, { idempotencyKey: key });
    const first = await begin(world, disk);
    const { deposit } = await first.notary.submit(keyed('a', 'k'));
    await first.notary.close();
    const { notary } = await begin(world, disk, { limits: { ...DEFAULT_LIMITS, outstandingMax: 0 } });
    expect(await notary.submit(keyed('a', 'k'))).to.deep.equal({ deposit, replayed: true });
    expect(await codeOf(notary.submit(keyed('b', 'k')))).to.equal('idempotency-key-reused');
    const waits = codeOf(notary.submit(keyed('a', 'new')));
    await notary.close();
    expect(await waits).to.equal('stopping');
  });

  it('takes nobody for answered before who has left the line and made the deposit since', async () => {
    const disk = new MemoryDisk();
    const index = memoryStores(disk).index('deposits');
    let look: () => void = () => {};
    const slow = new Promise<void>((resolve) => {
      look = resolve;
    });
    let looks = 0;
    const slowIndex: typeof index = {
      scan: (range) => index.scan(range),
      write: (batch) => index.write(batch),
      async get(name) {
        if (name.startsWith('key/') && ++looks === 1) await slow;
        return index.get(name);
      },
    };
    const limits = { ...DEFAULT_LIMITS, outstandingMax: 1 };
    const { notary } = await begin(new World(), disk, { limits, index: slowIndex });
    const names = ['a', 'b', 'c', 'd'];
    const taken = names.map((name) => notary.submit(digests(name, name === 'b' ? { idempotencyKey: 'k' } : {})));
    expect((await (taken[1] as (typeof taken)[0])).replayed).to.equal(false);
    look();
    expect((await Promise.all(taken)).map(({ replayed }) => replayed)).to.deep.equal([false, false, false, false]);
  });

  it('refuses those who stand in line when it closes', async () => {
    const world = new World();
    const limits = { ...DEFAULT_LIMITS, outstandingMax: 1 };
    const { notary } = await begin(world, new MemoryDisk(), { limits });
    const waiting = ['a', 'b', 'c'].map((name) => codeOf(notary.submit(digests(name))));
    await notary.close();
    expect(await Promise.all(waiting)).to.deep.equal(['taken', 'stopping', 'stopping']);
  });

  it('promises nothing new once an entry has been unpublished for half the deadline, after a restart too, until a quorum answers', async () => {
    const world = new World();
    const disk = new MemoryDisk();
    let away = false;
    const through: Parameters<World['cosigners']>[1] = (http) => (request) => {
      if (away) throw new Error('away');
      return http(request);
    };
    const start = (): Promise<Life> => begin(world, disk, {}, undefined, world.cosigners(undefined, through));
    const { notary } = await start();
    const take = (to: Notary, name: string): Promise<string> => codeOf(to.submit(digests(name)));
    expect(await take(notary, 'a')).to.equal('taken');
    await until(() => notary.ledger.published()?.checkpoint.size === 1);
    away = true;
    world.clock.ms += RECEIPT_DEADLINE_MS;
    expect(await take(notary, 'b'), 'everything is published').to.equal('taken');
    await until(() => notary.headSize === 2);
    world.clock.ms += RECEIPT_DEADLINE_MS / 2;
    expect(await take(notary, 'c'), 'half the time').to.equal('taken');
    world.clock.ms += LOOK_MS;
    expect(await take(notary, 'd'), 'more than that').to.equal('quorum-away');
    await notary.close();
    const again = await start();
    expect(await take(again.notary, 'e'), 'after a restart').to.equal('quorum-away');
    away = false;
    await until(() => again.notary.ledger.published()?.checkpoint.size === 3);
    world.clock.ms += LOOK_MS;
    expect(await take(again.notary, 'f'), 'published').to.equal('taken');
  });

  it('counts what is being written as outstanding', async () => {
    const disk = new MemoryDisk();
    const index = memoryStores(disk).index('deposits');
    let write: () => void = () => {};
    const slow = new Promise<void>((resolve) => {
      write = resolve;
    });
    let writing = false;
    const slowIndex: typeof index = {
      get: (key) => index.get(key),
      scan: (range) => index.scan(range),
      async write(batch) {
        writing = true;
        await slow;
        return index.write(batch);
      },
    };
    const limits = { ...DEFAULT_LIMITS, outstandingMax: 3 };
    const { notary } = await begin(new World(), disk, { limits, index: slowIndex });
    const first = Promise.all([notary.submit(digests('a')), notary.submit(digests('b'))]);
    await until(() => writing);
    const later = ['c', 'd'].map((name) => codeOf(notary.submit(digests(name))));
    const { now } = performance;
    try {
      performance.now = () => now.call(performance) + LINE_MS;
      const last = codeOf(notary.submit(digests('e')));
      write();
      await first;
      expect(await Promise.all([...later, last])).to.deep.equal(['taken', 'pushback', 'taken']);
    } finally {
      performance.now = now;
    }
  });

  it('closes the ledger when it cannot open: it would run on, and the process with it', async () => {
    const world = new World();
    const disk = new MemoryDisk();
    const index = memoryStores(disk).index('deposits');
    let ledger: Log | undefined;
    const failing: typeof index = {
      get: (key) => index.get(key),
      scan(range) {
        if (ledger !== undefined) throw new StoreError('failed', 'cannot read');
        return index.scan(range);
      },
      write: (batch) => index.write(batch),
    };
    const openLog: NotaryOptions['openLog'] = async (hooks) => {
      ledger = (await start(world, memoryStores(disk), hooks)).log;
      return ledger;
    };
    const codeIn = (error: { code?: string }) => error.code;
    expect(await live(world, disk, { index: failing, openLog }).catch(codeIn)).to.equal('failed');
    expect(await ledger?.append(world.entry()).catch(codeIn)).to.equal('closed');
  });

  it('takes up after a stop what it had taken in before', async () => {
    const world = new World();
    const disk = new MemoryDisk();
    for (const court of world.courts) court.down = true;
    const first = await live(world, disk);
    const taken: Deposit[] = [];
    for (const name of ['a', 'b', 'c']) taken.push(await upload(first.notary, name));
    const cut = first.notary.evidence();
    await cut.add(bytes('never finished'));
    await cut.commit();
    await first.notary.close();
    for (const court of world.courts) court.down = false;
    world.clock.ms += 1;
    const second = await begin(world, disk);
    await until(() => second.notary.certifier.owed === 0);
    await expectKept(disk, second.notary, taken);
  });

  async function* bytes(text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
  }
});

/** Every one is tried in notarize.slow.test.ts. */
const STRIDE = 53;

describe('server/notarize under faults', () => {
  it('keeps every promise when an effect fails, with or without having happened', async () => {
    const effects = await countEffects();
    expect(effects).to.be.above(100);
    for (let at = 0; at < effects; at += STRIDE) {
      for (const happened of [false, true]) await crashAndRecover({ at, happened });
    }
  });
});
