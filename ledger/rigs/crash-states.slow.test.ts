// T4: every state that a crash may leave. Real workloads on the real store are traced system call by system call; then, for every prefix of
// the trace and each persistence model, what the disk may hold is laid out, opened and recovered. Acknowledged is acknowledged.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { stride } from '../../fixtures/slow.ts';
import { utf8Decode } from '../core/bytes.ts';
import { Disk, MODELS, type Model } from './crash-disk.ts';
import { type Effect, trace } from './crash-trace.ts';
import { WORKLOADS, type Workload } from './crash-workloads.ts';
import { scratch } from './scratch.ts';

/** A state to look at: the first of all equal ones, and the most that was acknowledged in any of them. */
interface Point {
  readonly effects: number;
  readonly model: Model;
  acknowledged: number;
}

/** What one workload did, life after life. */
interface Traced {
  readonly workload: Workload;
  readonly folder: string;
  readonly effects: readonly (Effect | 'restart')[];
}

/** The program to trace, as one file: its own loading leaves nothing in the trace. */
async function bundle(): Promise<string> {
  const outfile = join(import.meta.dirname, '../../node_modules/.cache/crash-workload.mjs');
  const contents = `import { runWorkload } from './crash-workloads.ts';
    await runWorkload(Number(process.argv[2]), process.argv[3], process.argv[4] === 'last');`;
  const stdin = { contents, resolveDir: import.meta.dirname, loader: 'ts' } as const;
  const platform = { bundle: true, packages: 'external', platform: 'node', format: 'esm' } as const;
  await build({ stdin, ...platform, outfile, logLevel: 'warning' });
  return outfile;
}

async function traceAll(): Promise<Traced[]> {
  const program = await bundle();
  const traced: Traced[] = [];
  for (const [number, workload] of WORKLOADS.entries()) {
    const folder = await scratch('trace');
    const effects: (Effect | 'restart')[] = [];
    for (let life = 1; life <= workload.lives; life++) {
      const last = life === workload.lives ? 'last' : 'killed';
      if (life > 1) effects.push('restart');
      effects.push(...(await trace(program, [String(number), folder, last], folder)));
    }
    await rm(folder, { recursive: true });
    traced.push({ workload, folder, effects });
  }
  return traced;
}

/** Plays effects to a disk; tells of the moment after each. */
function play({ folder, effects }: Traced, moment: (disk: Disk, at: number, acknowledged: number) => void): void {
  const disk = new Disk(folder);
  let acknowledged = -1;
  effects.forEach((effect, i) => {
    if (effect === 'restart') disk.restart();
    else disk.apply(effect);
    acknowledged = Math.max(acknowledged, acknowledgedBy(effect));
    moment(disk, i + 1, acknowledged);
  });
}

function acknowledgedBy(effect: Effect | 'restart'): number {
  if (effect === 'restart' || effect.kind !== 'write' || effect.fd !== 1) return -1;
  return Number(/^ack (\d+)\n$/.exec(utf8Decode(effect.bytes) ?? '')?.[1] ?? -1);
}

/** All states that differ. */
function pointsOf(traced: Traced): Point[] {
  const points = new Map<string, Point>();
  play(traced, (disk, effects, acknowledged) => {
    for (const model of MODELS) {
      const { key } = disk.after(model);
      const known = points.get(key);
      if (known === undefined) points.set(key, { effects, model, acknowledged });
      else known.acknowledged = acknowledged;
    }
  });
  return [...points.values()];
}

/** Lays out and opens every `step`-th state of a workload. */
async function checkStates(traced: Traced, step: number): Promise<Tally> {
  const points = pointsOf(traced).filter((_, i) => i % step === 0);
  const failures: string[] = [];
  const jobs: (() => Promise<void>)[] = [];
  // The contents are laid out while the disk is at that moment; checked at once, before the next.
  play(traced, (disk, at) => {
    for (const point of points.filter(({ effects }) => effects === at)) {
      const contents = disk.after(point.model).contents;
      jobs.push(async () => {
        const failure = await checkState(traced, contents(), point.acknowledged);
        if (failure !== undefined)
          failures.push(`${traced.workload.name}, after ${at} calls, ${point.model}: ${failure}`);
      });
    }
  });
  for (const job of jobs) await job();
  return { n: points.length, failures };
}

async function checkState(
  { workload, folder }: Traced,
  contents: readonly [path: string, bytes: Uint8Array | undefined][],
  acknowledged: number,
): Promise<string | undefined> {
  const dir = await scratch('state');
  try {
    for (const [path, bytes] of contents) {
      const place = dir + path.slice(folder.length);
      if (bytes === undefined) await mkdir(place, { recursive: true });
      else await writeFile(place, bytes);
    }
    await workload.check(dir, acknowledged);
    return undefined;
  } catch (error) {
    return `${acknowledged} acknowledged: ${error instanceof Error ? error.message : error}`;
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** The same process on a driver that never syncs LevelDB's directory. LevelDB's own syncs stay: it goes on with that of the MANIFEST. */
function withoutDirectorySync({ workload, folder, effects }: Traced): Traced {
  const kept = effects.filter((effect, i) => {
    if (effect === 'restart' || effect.kind !== 'sync' || effect.path !== join(folder, 'level')) return true;
    const next = effects[i + 2];
    return next !== undefined && next !== 'restart' && next.kind === 'sync' && next.path.includes('MANIFEST');
  });
  return { workload, folder, effects: kept };
}

let traces: Promise<Traced[]> | undefined;

async function check(all: readonly Traced[]): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const traced of all) tallies.push(await checkStates(traced, stride()));
  return { n: tallies.reduce((n, tally) => n + tally.n, 0), failures: tallies.flatMap(({ failures }) => failures) };
}

defineRig({
  id: 'T4',
  name: 'states that a crash may leave, under six persistence models: nothing acknowledged is lost, nothing forks, all opens',
  async run() {
    traces ??= traceAll();
    return check(await traces);
  },
  without: 'the sync of LevelDB’s directory',
  async control() {
    traces ??= traceAll();
    return check((await traces).slice(0, 1).map(withoutDirectorySync));
  },
});
