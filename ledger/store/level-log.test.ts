// The log on real LevelDB folders: every effect of a commit fails once, and the process is killed, for real.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { expectSound, liveOnce, start, untilPublished, World } from '../log/testing.ts';
import { type Ended, runLife } from '../rigs/child.ts';
import { harmDone } from '../rigs/sound.ts';
import { openLevelStore } from './level.ts';
import { type Fault, FaultPlan } from './memory.ts';
import { lying, noFatal } from './testing.ts';

describe('log on level', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'probata-log-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** One life on the folder; ends early when a fault stops it. Returns its effects. */
  async function live(world: World, fault?: Fault): Promise<number> {
    const store = await openLevelStore(dir, noFatal);
    const faults = new FaultPlan(fault === undefined ? [] : [fault]);
    await liveOnce(world, lying(store, faults), faults);
    await store.close();
    return faults.count;
  }

  it('survives the failure of every effect of a commit, happened or not', async () => {
    const world = new World({ courts: 0 });
    const store = await openLevelStore(dir, noFatal);
    const session = await start(world, store);
    await Promise.all(Array.from({ length: 250 }, () => session.append()));
    await untilPublished(session, 250);
    await session.log.close();
    await store.close();
    const effects = await live(world);
    // From the last reads of recovery on, through two commits.
    for (let at = 8; at < effects; at++) {
      for (const happened of [false, true]) await live(world, { at, happened });
    }
    const reopened = await openLevelStore(dir, noFatal);
    const last = await start(world, reopened);
    await last.append();
    await last.log.close();
    await expectSound(world, reopened);
    await reopened.close();
  }).timeout(60_000);

  it('loses nothing that it acknowledged to a process that is killed', async () => {
    const lives: Ended[] = [];
    for (const acknowledgements of [1, 9]) {
      let said = 0;
      const life = await runLife({ dir }, [], (line, child) => {
        if (line.startsWith('ack') && ++said === acknowledgements) child.kill('SIGKILL');
      });
      expect(life.signal).to.equal('SIGKILL');
      lives.push(life);
      expect(await harmDone(dir, lives)).to.equal(undefined);
    }
    expect(lives.flatMap(({ acknowledged }) => acknowledged)).to.have.length.above(5);
  }).timeout(60_000);
});
