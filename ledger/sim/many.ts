// Thousands of seeds: the simulation as one bundle with a quicker Ed25519, run by a few processes that share the seeds.

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

/** What came of a range of seeds. */
export interface Totals {
  readonly seeds: number;
  readonly steps: number;
  readonly entries: number;
  readonly kills: number;
  /** One line for each seed that broke an invariant. */
  readonly failures: readonly string[];
  /** Of each seed; in order as long as one process runs them. */
  readonly traceHashes: readonly string[];
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Seeds of one child process: enough to be worth its start, few enough that the last one does not make all others wait. */
const SHARD = 100;

let made: Promise<string> | undefined;

/** Path of the bundle; made once in a process. */
function bundle(): Promise<string> {
  made ??= makeBundle();
  return made;
}

async function makeBundle(): Promise<string> {
  const outfile = `${ROOT}node_modules/.cache/sim/${process.pid}.js`;
  await build({
    entryPoints: [`${ROOT}ledger/sim/main.ts`],
    alias: { '@noble/curves/ed25519.js': `${ROOT}ledger/sim/quick-ed25519.ts` },
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'inline',
    outfile,
  });
  return outfile;
}

/** Runs the seeds from `first` on. @param planted the invariant whose planted bug to run with */
export async function runSeeds(first: number, count: number, planted?: string): Promise<Totals> {
  const script = await bundle();
  const shards = Array.from({ length: Math.ceil(count / SHARD) }, (_, i) => first + i * SHARD);
  const done: Totals[] = [];
  const work = async () => {
    for (let seed = shards.shift(); seed !== undefined; seed = shards.shift()) {
      done.push(await runShard(script, seed, Math.min(SHARD, first + count - seed), planted));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const sum = (of: (totals: Totals) => number) => done.reduce((total, totals) => total + of(totals), 0);
  return {
    seeds: sum(({ seeds }) => seeds),
    steps: sum(({ steps }) => steps),
    entries: sum(({ entries }) => entries),
    kills: sum(({ kills }) => kills),
    failures: done.flatMap(({ failures }) => failures),
    traceHashes: done.flatMap(({ traceHashes }) => traceHashes),
  };
}

async function runShard(script: string, seed: number, seeds: number, planted?: string): Promise<Totals> {
  const args = ['--enable-source-maps', '--max-semi-space-size=32', script, '--json'];
  args.push('--seed', String(seed), '--seeds', String(seeds), ...(planted === undefined ? [] : ['--planted', planted]));
  // Exit code 1 says that an invariant was broken; the line says which. Anything else is no line.
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 }).catch((error) => {
    if (error.code === 1) return error as { stdout: string };
    throw error;
  });
  return JSON.parse(stdout) as Totals;
}
