// The lies: every effect on every store fails once, having happened or not; then a restart must find everything in order.
// In memory; level.test.ts and kill.test.ts do it to the real store. The controls remove one protection each, and must see the damage.

import { expect } from 'chai';
import type { KeyedStores } from '../store/key-value.ts';
import { type Fault, FaultPlan, MemoryDisk, memoryStores } from '../store/memory.ts';
import type { LogError } from './errors.ts';
import type { HeadStore } from './ports.ts';
import { expectSound, PREFIX, type Session, start, untilPublished, World } from './testing.ts';

/** A log of 252 entries, so that the next few complete a tile; made once, gone on from many times. */
let prepared: Promise<{ world: World; disk: MemoryDisk }> | undefined;

async function prepare(): Promise<{ world: World; disk: MemoryDisk }> {
  const world = new World();
  const disk = new MemoryDisk();
  const session = await start(world, memoryStores(disk));
  await Promise.all(Array.from({ length: 252 }, () => session.append()));
  await untilPublished(session, 252);
  await session.log.close();
  return { world, disk };
}

async function fresh(): Promise<{ world: World; disk: MemoryDisk }> {
  prepared ??= prepare();
  const { world, disk } = await prepared;
  const copy = new MemoryDisk();
  for (const [key, value] of disk.values) copy.values.set(key, value);
  return { world: world.clone(), disk: copy };
}

/** One life of the process: starts, appends some entries alone and some at once, publishes. Ends early when the log asks for it. */
async function liveOnce(world: World, disk: MemoryDisk, faults: FaultPlan): Promise<void> {
  const stores = memoryStores(disk, faults);
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
async function crashAndRecover(first: readonly Fault[], second: readonly Fault[] = []): Promise<void> {
  const { world, disk } = await fresh();
  await liveOnce(world, disk, new FaultPlan(first));
  if (second.length > 0) await liveOnce(world, disk, new FaultPlan(second));
  const stores = memoryStores(disk);
  const session = await start(world, stores);
  world.clock.ms += 1000;
  const index = await session.append();
  await untilPublished(session, (index ?? Number.NaN) + 1);
  await session.log.close();
  await expectSound(world, stores);
}

/** Both kinds of failure of the effects [from, to). */
function faultsFrom(from: number, to: number): Fault[] {
  return Array.from({ length: 2 * (to - from) }, (_, i) => ({ at: from + Math.floor(i / 2), happened: i % 2 === 1 }));
}

/** How many effects a start has before it can take an entry in. */
async function recoveryEffects(): Promise<number> {
  const { world, disk } = await fresh();
  const faults = new FaultPlan();
  const session = await start(world, memoryStores(disk, faults), {}, faults);
  const { count } = faults;
  await session.log.close();
  return count;
}

async function expectUnsound(world: World, stores: KeyedStores): Promise<void> {
  const error = await expectSound(world, stores).catch((thrown: unknown) => thrown);
  expect(error).to.be.instanceOf(Error);
}

describe('log under faults', () => {
  for (const happened of [false, true]) {
    it(`survives every single effect that ${happened ? 'happens, but whose answer is lost' : 'fails'}`, async () => {
      const { world, disk } = await fresh();
      const faults = new FaultPlan();
      await liveOnce(world, disk, faults);
      expect(faults.count).to.be.above(20);
      for (let at = 0; at < faults.count; at++) await crashAndRecover([{ at, happened }]);
    }).timeout(60_000);
  }

  it('survives a second failure inside recovery', async () => {
    const early = await recoveryEffects();
    // The first failure is somewhere from staging to discard, the second somewhere in the next start; all pairs are in the slow test.
    for (const [i, fault] of faultsFrom(early, early + 6).entries()) {
      for (const second of faultsFrom(0, early + 6).filter((_, j) => j % 24 === 2 * i)) {
        await crashAndRecover([fault], [second]);
      }
    }
  }).timeout(60_000);

  it('loses entries when the swap is not the commit point (control)', async () => {
    const { world, disk } = await fresh();
    const stores = memoryStores(disk);
    const heads = stores.heads(PREFIX);
    // Acknowledges heads that it forgets.
    const forgetful: HeadStore = { ...heads, create: async () => true };
    const session = await start(world, stores, { heads: forgetful });
    await session.append();
    await session.log.close();
    await expectUnsound(world, stores);
  });

  it('loses entries when a failed write is taken for a success (control)', async () => {
    const { world, disk } = await fresh();
    const stores = memoryStores(disk);
    const tiles = stores.tiles(PREFIX);
    const session = await start(world, stores, { tiles: { ...tiles, put: async () => undefined } });
    await session.append();
    await session.log.close();
    await expectUnsound(world, stores);
  });

  it('stops for good at the first failed write, with its answer outstanding', async () => {
    const { world, disk } = await fresh();
    const faults = new FaultPlan([{ at: (await recoveryEffects()) + 1, happened: true }]);
    const session = await start(world, memoryStores(disk, faults), {}, faults);
    const answer = session.append();
    expect(await session.fatal).to.have.property('code', 'failed');
    expect(await answer).to.equal(undefined);
    const { count } = faults;
    const refused = await session.log.append(world.entry()).catch((error: LogError) => error.code);
    expect(refused).to.equal('stopped');
    await session.log.close();
    expect(faults.count).to.equal(count);
  });
});
