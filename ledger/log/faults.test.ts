// The lies: every effect on every store fails once, having happened or not; then a restart must find everything in order.
// In memory; level.test.ts and kill.test.ts do it to the real store. The controls remove one protection each, and must see the damage.

import { expect } from 'chai';
import type { KeyedStores } from '../store/key-value.ts';
import { FaultPlan, memoryStores } from '../store/memory.ts';
import type { LogError } from './errors.ts';
import type { HeadStore } from './ports.ts';
import {
  crashAndRecover,
  expectSound,
  faultsFrom,
  lifeEffects,
  PREFIX,
  prepared,
  recoveryEffects,
  start,
  type World,
} from './testing.ts';

async function expectUnsound(world: World, stores: KeyedStores): Promise<void> {
  const error = await expectSound(world, stores).catch((thrown: unknown) => thrown);
  expect(error).to.be.instanceOf(Error);
}

describe('log under faults', () => {
  it('survives every effect that fails, or happens and its answer is lost, in turn', async () => {
    const effects = await lifeEffects();
    expect(effects).to.be.above(20);
    // Both of every effect: the slow test.
    for (const fault of faultsFrom(0, effects).filter(({ at, happened }) => happened === (at % 2 === 1)))
      await crashAndRecover([fault]);
  }).timeout(60_000);

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
    const { world, disk } = await prepared();
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
    const { world, disk } = await prepared();
    const stores = memoryStores(disk);
    const tiles = stores.tiles(PREFIX);
    const session = await start(world, stores, { tiles: { ...tiles, put: async () => undefined } });
    await session.append();
    await session.log.close();
    await expectUnsound(world, stores);
  });

  it('stops for good at the first failed write, with its answer outstanding', async () => {
    const { world, disk } = await prepared();
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
