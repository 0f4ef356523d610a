// The long versions: every pair of failures, a tree of three levels.

import { expect } from 'chai';
import { memoryStores } from '../store/memory.ts';
import {
  crashAndRecover,
  expectSound,
  faultsFrom,
  lifeEffects,
  recoveryEffects,
  start,
  untilPublished,
  World,
} from './testing.ts';

describe('log, at length', () => {
  it('survives every single effect that fails, or happens and its answer is lost', async () => {
    for (const fault of faultsFrom(0, await lifeEffects())) await crashAndRecover([fault]);
  });

  it('survives every failure in a commit followed by every failure in the next start', async () => {
    const early = await recoveryEffects();
    let pairs = 0;
    for (const first of faultsFrom(early, early + 7)) {
      for (const second of faultsFrom(0, early + 7)) {
        await crashAndRecover([first], [second]);
        pairs += 1;
      }
    }
    expect(pairs).to.be.above(300);
    console.log(JSON.stringify({ name: 'log-double-faults', n: pairs, failures: 0 }));
  });

  it('grows through three levels of tiles', async () => {
    const world = new World({ courts: 1 });
    const stores = memoryStores();
    const session = await start(world, stores);
    for (let size = 0; size < 66_000; size += 3000) {
      await Promise.all(Array.from({ length: 3000 }, () => session.append()));
    }
    await untilPublished(session, 66_000);
    expect(await session.log.readTile({ level: 2, index: 0, width: 1 })).to.have.length(32);
    await session.log.proof(65_535);
    await session.log.close();
    await expectSound(world, stores);
  });
});
