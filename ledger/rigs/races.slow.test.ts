// T10: two sequencers of one log. On one folder only one may open; on one store that two can reach, each number of the chain of heads is
// given once, whoever is slow, stopped or late.

import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { randomFrom } from '../../fixtures/random.ts';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { expectSound, start, World } from '../log/testing.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { memoryStores } from '../store/memory.ts';
import { expectSoundOnDisk } from '../store/testing.ts';
import { counting, delayed, insist, overwriting } from './races.ts';
import { scratch } from './scratch.ts';

const SEED = 10;
const ENTRIES = 6;

/** Two processes at work on one store at once, each restarting when the other has stopped it. */
async function interleaved(stores: KeyedStores, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const world = new World({ courts: 0 });
  const given = new Map<number, number>();
  const counted = counting(stores, given);
  const slowness = 1 + random(4);
  const process = () => delayed(counted, () => random(slowness));
  await Promise.all([insist(world, process(), ENTRIES), insist(world, process(), ENTRIES)]);
  await expectOneHistory(world, stores, given);
}

/** A process that stops in the middle of its swap, and goes on after another has taken over. */
async function stale(stores: KeyedStores, seed: number): Promise<void> {
  const world = new World({ courts: 0 });
  const given = new Map<number, number>();
  const counted = counting(stores, given);
  let resume: () => void = () => undefined;
  const taken = new Promise<void>((resolve) => {
    resume = resolve;
  });
  let swaps = 0;
  let reached: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const sleepy: KeyedStores = {
    ...counted,
    heads: (prefix) => {
      const store = counted.heads(prefix);
      return {
        ...store,
        create: async (number, bytes) => {
          if (swaps++ === 1 + (seed % 4)) {
            reached();
            await taken;
          }
          return store.create(number, bytes);
        },
      };
    },
  };
  const old = await start(world, sleepy);
  const work = (async () => {
    for (let i = 0; i < ENTRIES; i++) if ((await old.append()) === undefined) return;
  })();
  await stopped;
  await insist(world, counted, 1 + (seed % 3));
  resume();
  await work;
  await old.log.close();
  await insist(world, counted, 1);
  await expectOneHistory(world, stores, given);
}

async function expectOneHistory(world: World, stores: KeyedStores, given: ReadonlyMap<number, number>): Promise<void> {
  const twice = [...given].filter(([, times]) => times > 1).map(([number]) => number);
  if (twice.length > 0) throw new Error(`given to two: ${twice.join()}`);
  await expectSound(world, stores);
}

/** The program of a process that holds a folder until its standard input ends. */
async function bundle(): Promise<string> {
  const outfile = join(import.meta.dirname, '../../node_modules/.cache/hold-folder.mjs');
  const contents = `import { openLevelStore } from '../store/level.ts';
    import { start, World } from '../log/testing.ts';
    import { hexEncode } from '../core/bytes.ts';
    const [, , dir, first] = process.argv;
    try {
      const store = await openLevelStore(dir, () => process.exit(1));
      const world = new World({ courts: 0 });
      world.continueAt(Number(first));
      const { log } = await start(world, store, { clock: () => Date.now(), onSequenced: (at, entries) =>
        store.index('owner').write(entries.map((entry, i) => [String(at + i).padStart(16, '0'), entry])) });
      const entry = world.entry();
      console.log('opened ' + (await log.append(entry)) + ' ' + hexEncode(entry));
      process.stdin.resume().on('end', async () => { await log.close(); await store.close(); process.exit(0); });
    } catch (error) {
      console.log('refused ' + error.code);
      process.exit(0);
    }`;
  const stdin = { contents, resolveDir: import.meta.dirname, loader: 'ts' } as const;
  const platform = { bundle: true, packages: 'external', platform: 'node', format: 'esm' } as const;
  await build({ stdin, ...platform, outfile, logLevel: 'warning' });
  return outfile;
}

/** Two processes started at once on one folder, again and again: each time one gets in. */
async function processes(count: number, failures: string[]): Promise<void> {
  const program = await bundle();
  const dir = await scratch('races');
  const world = new World({ courts: 0 });
  for (let race = 0; race < count; race++) {
    const both = [0, 1].map((k) => hold(program, dir, race * 2 + k));
    const said = await Promise.all(both.map(({ line }) => line));
    for (const { release } of both) await release();
    const opened = said.filter((line) => line.startsWith('opened '));
    if (opened.length !== 1 || !said.includes('refused locked')) failures.push(`race ${race}: ${said.join(', ')}`);
    for (const line of opened) {
      const [, index, entry = ''] = line.split(' ');
      world.acknowledged.push([Number(index), entry]);
    }
  }
  await expectSoundOnDisk(dir, world).catch((error) => failures.push(`after ${count} races: ${error.message}`));
  await rm(dir, { recursive: true });
}

function hold(program: string, dir: string, first: number): { line: Promise<string>; release: () => Promise<void> } {
  const child = spawn(process.execPath, [program, dir, String(first)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const line = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void ended.then(() => resolve('ended without a word'));
  });
  const release = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { line, release };
}

async function onOneStore(make: () => KeyedStores): Promise<Tally> {
  const failures: string[] = [];
  const races: [string, (stores: KeyedStores, seed: number) => Promise<void>, number][] = [
    ['interleaved', interleaved, rounds(40)],
    ['stale', stale, rounds(20)],
  ];
  let n = 0;
  for (const [name, race, count] of races) {
    for (let seed = SEED; seed < SEED + count; seed++, n++) {
      await race(make(), seed).catch((error) => failures.push(`${name}, seed ${seed}: ${error.message}`));
    }
  }
  return { n, failures };
}

defineRig({
  id: 'T10',
  name: 'races of two sequencers: one seals each head, no fork',
  seed: SEED,
  async run() {
    const { n, failures } = await onOneStore(memoryStores);
    const count = rounds(40);
    const more = [...failures];
    await processes(count, more);
    return { n: n + count, failures: more };
  },
  without: 'the compare-and-swap of heads',
  control: () => onOneStore(() => overwriting(memoryStores())),
});
