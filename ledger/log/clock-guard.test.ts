// The clock going back: nothing is accepted or sealed, somebody is told, and it goes on by itself once the time has passed.

import { expect } from 'chai';
import { hexDecode } from '../core/bytes.ts';
import { parseEntry } from '../core/entry.ts';
import { memoryStores } from '../store/memory.ts';
import type { LogError } from './errors.ts';
import { expectSound, start, until, World } from './testing.ts';

describe('log with a clock that goes back', () => {
  it('stops accepting and sealing with an alarm, and resumes when time has passed', async () => {
    const world = new World({ courts: 0 });
    const stores = memoryStores();
    const session = await start(world, stores);
    await session.append();
    const before = world.clock.ms;
    for (const jump of [1, 3_600_000]) {
      world.clock.ms = before - jump;
      const refused = await session.log.append(world.entry()).catch((error: LogError) => error.code);
      expect(refused).to.equal('sealed');
      const alarms = session.events.filter(({ kind }) => kind === 'clock-back');
      expect(alarms.at(-1)).to.deep.include({ severity: 'alarm', nowMs: before - jump, lastMs: before });
      world.clock.ms = before;
      await until(() => session.events.at(-1)?.kind === 'clock-caught-up');
    }
    expect(await session.append()).to.equal(1);
    await session.log.close();
    await expectSound(world, stores);
  });

  it('keeps refusing until the alarm is over: of two calls in a row not one is refused and the next taken', async () => {
    const world = new World({ courts: 0 });
    const session = await start(world, memoryStores());
    await session.append();
    world.clock.ms -= 1;
    const early = session.log.append(world.entry()).catch((error: LogError) => error.code);
    world.clock.ms += 1;
    const late = session.log.append(world.entry()).catch((error: LogError) => error.code);
    expect(await Promise.all([early, late])).to.deep.equal(['sealed', 'sealed']);
    await session.log.close();
  });

  it('offers no time for an entry before one that is in line, on the ledger, or given to an entry not appended yet', async () => {
    const world = new World({ courts: 0 });
    const session = await start(world, memoryStores());
    const { ms } = world.clock;
    expect(session.log.now(0)).to.equal(ms);
    expect(session.log.now(ms + 1)).to.equal(undefined);
    world.clock.ms = ms + 1;
    await until(() => session.events.at(-1)?.kind === 'clock-caught-up');
    const inLine = session.append();
    world.clock.ms = ms;
    expect(session.log.now(0)).to.equal(undefined);
    world.clock.ms = ms + 1;
    await inLine;
    world.clock.ms = ms;
    expect(session.log.now(0)).to.equal(undefined);
    world.clock.ms = ms + 1;
    await until(() => session.events.at(-1)?.kind === 'clock-caught-up');
    await session.log.close();
    // Nobody would end a watch that is begun now.
    world.clock.ms = ms;
    expect(session.log.now(0)).to.equal(undefined);
    expect(session.events.filter(({ kind }) => kind === 'clock-back')).to.have.length(3);
  });

  it('does not seal what waits while the clock is back, also after a restart', async () => {
    const world = new World({ courts: 0 });
    const stores = memoryStores();
    let session = await start(world, stores);
    await session.append();
    await session.log.close();
    const entry = world.entry();
    world.clock.ms -= 60_000;
    session = await start(world, stores);
    expect(await session.log.append(entry).catch((error: LogError) => error.code)).to.equal('sealed');
    expect(session.log.head().checkpoint.size).to.equal(1);
    world.clock.ms += 60_000;
    await until(() => session.events.at(-1)?.kind === 'clock-caught-up');
    expect(await session.append(entry)).to.equal(1);
    const received = world.acknowledged.map(([, hex]) => parseEntry(hexDecode(hex) as Uint8Array).received);
    expect(received).to.deep.equal([...received].sort());
    await session.log.close();
    await expectSound(world, stores);
  });
});
