// The long versions: every pair of failures, two hundred kills, a tree of three levels.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { rounds } from '../../fixtures/slow.ts';
import { memoryStores } from '../store/memory.ts';
import { killOnce } from '../store/testing.ts';
import { crashAndRecover, expectSound, faultsFrom, recoveryEffects, start, untilPublished, World } from './testing.ts';

const KILLS = rounds(200);

describe('log, at length', () => {
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

  it(`loses nothing that it acknowledged in ${KILLS} kills`, async () => {
    let acknowledged = 0;
    for (let kill = 0; kill < KILLS; ) {
      const dir = await mkdtemp(join(tmpdir(), 'probata-kills-'));
      const world = new World({ courts: 0 });
      // A folder grows over twenty kills; the moments are spread over the first third of a second.
      for (let i = 0; i < 20; i++, kill++) acknowledged += await killOnce(dir, world, (kill * 37) % 331);
      await rm(dir, { recursive: true });
    }
    expect(acknowledged).to.be.above(KILLS);
    console.log(JSON.stringify({ name: 'log-kills', n: KILLS, acknowledged, lost: 0, forks: 0 }));
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
