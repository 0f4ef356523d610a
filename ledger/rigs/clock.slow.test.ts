// T11: clocks that lie. The log and the court refuse to go back with them, say so, and go on by themselves; and no time of the platform
// is ever a court's.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { randomFrom } from '../../fixtures/random.ts';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { expectSound, start, until, untilPublished, World } from '../log/testing.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { memoryStores } from '../store/memory.ts';
import {
  cosignatureTimes,
  type DrivenLog,
  guarded,
  type Left,
  receivedTimes,
  sealedTimes,
  unguarded,
} from './clock.ts';
import { scratch } from './scratch.ts';

const SEED = 11;
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Preloaded into a process, it answers for the wall clock from a file. Debian package libfaketime. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

/** Jumps of a clock that walks at random, in milliseconds. */
const JUMPS = [0, 1, SECOND, HOUR, DAY, 10 * YEAR, -1, -SECOND, -60 * SECOND, -HOUR, -DAY];

type Open = (world: World, stores: KeyedStores) => Promise<DrivenLog>;

/** A log through a walk of its clock; half of the jumps come while an entry waits to be sealed. @throws what it did wrong */
async function walk(open: Open, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const world = new World();
  const stores = memoryStores();
  const log = await open(world, stores);
  let latestMs = 0;
  for (let step = 0; step < 6; step++) {
    const jump = JUMPS[random(JUMPS.length)] as number;
    const midway = random(2) === 0;
    if (!midway) world.clock.ms += jump;
    const back = world.clock.ms < latestMs;
    latestMs = Math.max(latestMs, world.clock.ms);
    const alarms = log.alarms();
    let over = false;
    const answer = tryAppend(log, world).finally(() => {
      over = true;
    });
    await Promise.resolve();
    if (midway) world.clock.ms += jump;
    await until(() => over || log.alarms() > alarms);
    if (back && over && typeof (await answer) === 'number')
      throw new Error(`step ${step}: taken in a time that has passed`);
    latestMs = Math.max(latestMs, world.clock.ms);
    // The clock is right again.
    world.clock.ms = latestMs + 1;
    await answer;
    for (
      let tries = 0;
      typeof (await log.append(world.entry()).catch((e: { code?: string }) => e.code)) !== 'number';
    ) {
      if (++tries === 100) throw new Error(`step ${step}: nothing is taken in although the clock is right again`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    latestMs = world.clock.ms;
  }
  await log.close();
  expectForwards({ received: receivedTimes(world), sealed: await sealedTimes(stores.heads('log')), cosigned: [] });
  await expectSound(world, stores);
}

/** The index of an entry that is received now, or the code of its refusal. */
async function tryAppend(log: DrivenLog, world: World): Promise<number | string | undefined> {
  try {
    return await log.append(world.entry());
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

function expectForwards({ received, sealed, cosigned }: Left): void {
  for (const [what, times] of Object.entries({ received, sealed, cosigned })) {
    const at = times.findIndex((time, i) => time < (times[i - 1] ?? 0));
    if (at > 0) throw new Error(`${what} goes back at ${at}: ${times.slice(at - 1, at + 1).join(' > ')}`);
  }
  if ((sealed.at(-1) ?? 0) < (received.at(-1) ?? 0)) throw new Error('sealed before it was received');
}

/** The platform's clock is wrong, those of the courts are right: their times are theirs. */
async function platformAlone(offsetMs: number): Promise<void> {
  const world = new World({ courts: 3, needed: 2 });
  const courtsMs = world.clock.ms;
  const session = await start(world, memoryStores(), { clock: () => courtsMs + Math.max(0, offsetMs) });
  world.clock.ms += Math.min(0, offsetMs);
  const entry = world.entry();
  world.clock.ms = courtsMs;
  await session.append(entry);
  await untilPublished(session, 1);
  const times = cosignatureTimes(world, session.log.published()?.note ?? '');
  await session.log.close();
  if (times.length < 2 || times.some((time) => time !== courtsMs)) throw new Error(`courts say ${times.join()}`);
}

/** One process under libfaketime: what its clock shows, step by step, and whether deposits are taken then. */
interface Scene {
  readonly name: string;
  readonly steps: readonly (readonly [clock: string, expected: 'taken' | 'refused'])[];
}

const SCENES: readonly Scene[] = [
  {
    name: 'one hour back',
    steps: [
      ['+0', 'taken'],
      ['-3600', 'refused'],
      ['+5', 'taken'],
    ],
  },
  // Less would be over, on a slow machine, before the deposit comes; the walks above go back by less.
  {
    name: 'half a minute back',
    steps: [
      ['+60', 'taken'],
      ['+30', 'refused'],
      ['+90', 'taken'],
    ],
  },
  {
    name: 'one day on',
    steps: [
      ['+0', 'taken'],
      ['+86400', 'taken'],
      ['+0', 'refused'],
      ['+90000', 'taken'],
    ],
  },
  {
    name: 'ten years on',
    steps: [
      ['+0', 'taken'],
      ['+315360000', 'taken'],
      ['+0', 'refused'],
      ['+315360060', 'taken'],
    ],
  },
  // Within one frozen millisecond ids still count up, so deposits are taken.
  {
    name: 'frozen',
    steps: [
      ['2030-01-01 00:00:00', 'taken'],
      ['2030-01-01 00:00:00', 'taken'],
      ['2030-01-01 00:01:00', 'taken'],
    ],
  },
];

async function bundle(): Promise<string> {
  const outfile = join(import.meta.dirname, '../../node_modules/.cache/clock.mjs');
  const contents = `import { underThisClock } from './clock.ts'; await underThisClock();`;
  const stdin = { contents, resolveDir: import.meta.dirname, loader: 'ts' } as const;
  const platform = { bundle: true, packages: 'external', platform: 'node', format: 'esm' } as const;
  await build({ stdin, ...platform, outfile, logLevel: 'warning' });
  return outfile;
}

async function play(program: string, { steps }: Scene): Promise<void> {
  const dir = await scratch('clock');
  const clock = join(dir, 'clock');
  // In one step: a reader that finds the file empty takes the true time.
  const show = async (time: string): Promise<void> => {
    await writeFile(`${clock}.new`, `${time}\n`);
    await rename(`${clock}.new`, clock);
  };
  await show(steps[0]?.[0] ?? '+0');
  // Only the wall clock: Node ends itself when the monotonic one goes back.
  const faketime = { FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  const env = { ...process.env, ...faketime, LD_PRELOAD: LIBRARY };
  const child = spawn(process.execPath, [program], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let alarmed = false;
  const answer = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the process ended');
      if (!value.startsWith('event ')) return value;
      alarmed ||= value.includes('clock-back');
    }
  };
  const deposit = async (name: string): Promise<string> => {
    child.stdin.write(`deposit ${name}\n`);
    return answer();
  };
  try {
    for (const [i, [time, expected]] of steps.entries()) {
      await show(time);
      let said = await deposit(`${i}`);
      // The guard looks at the clock a few times a second, and ends the refusals itself.
      for (let again = 0; again < 50 && expected === 'taken' && said.startsWith('refused'); again++) {
        await sleep(20);
        said = await deposit(`${i} ${again}`);
      }
      if (!said.startsWith(expected)) throw new Error(`at ${time}: ${said}`);
    }
    const wentBack = steps.some(([, expected]) => expected === 'refused');
    if (wentBack && !alarmed) throw new Error('the clock went back, and no alarm told of it');
    child.stdin.write('end\n');
    expectForwards(JSON.parse(await answer()) as Left);
  } finally {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
}

async function walks(open: Open): Promise<Tally> {
  const failures: string[] = [];
  const n = rounds(100);
  for (let seed = SEED; seed < SEED + n; seed++) {
    await walk(open, seed).catch((error) => failures.push(`walk of seed ${seed}: ${error.message}`));
  }
  return { n, failures };
}

defineRig({
  id: 'T11',
  name: 'clocks that go back, jump, stand still: no time decreases, sealing stops and resumes, no platform time is a proof',
  seed: SEED,
  async run() {
    const { n, failures } = await walks(guarded);
    const all = [...failures];
    const offsets = [-HOUR, -SECOND, DAY, 10 * YEAR];
    for (const offset of offsets) {
      await platformAlone(offset).catch((error) =>
        all.push(`the platform alone off by ${offset} ms: ${error.message}`),
      );
    }
    if (!existsSync(LIBRARY)) throw new Error(`${LIBRARY} is missing: apt-get install faketime`);
    const program = await bundle();
    for (const scene of SCENES) {
      await play(program, scene).catch((error) => all.push(`a process, ${scene.name}: ${error.message}`));
    }
    return { n: n + offsets.length + SCENES.length, failures: all };
  },
  without: 'the guard of the clock',
  control: () => walks(unguarded),
});
