// T7: one bit flipped on the disk, anywhere. It is noticed before anything is signed or served, or it changes nothing.

import { spawn } from 'node:child_process';
import { readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { noteRow } from '../../fixtures/tables.ts';
import type { Flip, Outcome } from './bit-flips.ts';
import { WORKLOADS } from './crash-workloads.ts';
import { scratch } from './scratch.ts';

/** The stores that rot: the log, a court, a mirror, evidence. By number of their workload. */
const STORES = [1, 3, 4, 5];

/** Kinds of files, and how many of the flips fall on each. */
const KINDS: readonly (readonly [name: string, pattern: RegExp, flips: number])[] = [
  ['.ldb', /\.ldb$/, 350],
  ['.log', /\.log$/, 300],
  ['MANIFEST', /MANIFEST-\d+$/, 120],
  ['CURRENT', /CURRENT$/, 60],
  ['in-use', /in-use$/, 50],
  ['evidence', /^blobs\//, 120],
];

interface Folder {
  readonly workload: number;
  readonly pristine: string;
  readonly acknowledged: number;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/** The program of a traced workload, and that which flips, as one file that starts fast. */
async function bundle(): Promise<string> {
  const outfile = join(import.meta.dirname, '../../node_modules/.cache/bit-flips.mjs');
  const contents = `import { main } from './bit-flips.ts'; import { runWorkload } from './crash-workloads.ts';
    const [, , what, number, dir] = process.argv;
    await (what === 'run' ? runWorkload(Number(number), dir, false) : main(what === 'naive'));`;
  const stdin = { contents, resolveDir: import.meta.dirname, loader: 'ts' } as const;
  const platform = { bundle: true, packages: 'external', platform: 'node', format: 'esm' } as const;
  await build({ stdin, ...platform, outfile, logLevel: 'warning' });
  return outfile;
}

/** Runs the program. @returns its lines, and how it ended */
async function run(program: string, args: readonly string[], input = ''): Promise<{ lines: string[]; end: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (...how) => resolve(how));
  });
  return { lines: output.split('\n').slice(0, -1), end: signal ?? String(code) };
}

/** A folder as it is found after two kills: tables from the first life, a write-ahead log from the second. */
async function fill(program: string, workload: number): Promise<Folder> {
  const pristine = await scratch('rot');
  let acknowledged = -1;
  for (let life = 0; life < 2; life++) {
    const { lines } = await run(program, ['run', String(workload), pristine]);
    acknowledged = Number(lines.at(-1)?.slice('ack '.length));
  }
  const paths = (await readdir(pristine, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(
    paths.map(async (path) => ({ path: relative(pristine, path), bytes: (await stat(path)).size })),
  );
  return { workload, pristine, acknowledged, files: files.filter(({ bytes }) => bytes > 0) };
}

/** Spread evenly over all bytes of a kind, and over the bits of a byte. */
function flipsOf(folders: readonly Folder[], pattern: RegExp, count: number): Flip[] {
  const places = folders.flatMap((folder) =>
    folder.files.filter(({ path }) => pattern.test(path)).map((file) => ({ folder, file })),
  );
  const total = places.reduce((sum, { file }) => sum + file.bytes, 0);
  return Array.from({ length: count }, (_, i) => {
    let at = Math.floor(((i + 0.5) * total) / count);
    const place = places.find(({ file }) => {
      if (at < file.bytes) return true;
      at -= file.bytes;
      return false;
    });
    if (place === undefined) throw new Error(`there is no file like ${pattern.source}`);
    const { workload, pristine, acknowledged } = place.folder;
    return { workload, pristine, acknowledged, path: place.file.path, bit: at * 8 + (i % 8) };
  });
}

/** Tries all; where the program ends in the middle of one, that is its outcome. */
async function outcomesOf(program: string, flips: readonly Flip[], how: 'product' | 'naive'): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < flips.length) {
    const { lines, end } = await run(program, [how], JSON.stringify(flips.slice(outcomes.length)));
    outcomes.push(...lines);
    if (outcomes.length < flips.length) outcomes.push(`harm the process ended with ${end}`);
  }
  return outcomes;
}

async function rot(kinds: typeof KINDS, how: 'product' | 'naive'): Promise<Tally> {
  const program = await bundle();
  const folders: Folder[] = [];
  for (const workload of STORES) folders.push(await fill(program, workload));
  const failures: string[] = [];
  let n = 0;
  for (const [name, pattern, full] of kinds) {
    const flips = flipsOf(folders, pattern, rounds(full));
    const outcomes = await outcomesOf(program, flips, how);
    n += flips.length;
    outcomes.forEach((outcome, i) => {
      const flip = flips[i] as Flip;
      const where = `${WORKLOADS[flip.workload]?.name}, ${flip.path}, bit ${flip.bit}`;
      if (outcome.startsWith('harm ')) failures.push(`${where}: ${outcome}`);
    });
    const count = (start: string) => outcomes.filter((outcome) => outcome.startsWith(start)).length;
    const row = { detected: count('detected'), harmless: count('harmless'), harm: count('harm ') };
    noteRow('bit flips at rest', `${how} ${name}`, { reader: how, file: name, n: flips.length, ...row });
  }
  for (const { pristine } of folders) {
    for (const dir of [pristine, `${pristine}-truth`, `${pristine}-flipped`])
      await rm(dir, { recursive: true, force: true });
  }
  return { n, failures };
}

defineRig({
  id: 'T7',
  name: 'bits flipped at rest: detected before anything is signed or served, or harmless',
  run: () => rot(KINDS, 'product'),
  without: 'our checks of values, files and commits',
  control: () => rot(KINDS.slice(0, 2), 'naive'),
});
