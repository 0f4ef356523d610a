// Test support: one bit of a folder flipped, and what comes of it. Runs as a process of its own: what LevelDB makes of rotten files may be
// the end of the process, and that too must be seen.

import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { equal } from '../core/bytes.ts';
import { Harm, WORKLOADS } from './crash-workloads.ts';

export interface Flip {
  /** Which of the workloads made the folder. */
  readonly workload: number;
  readonly pristine: string;
  /** The highest number that it acknowledged. */
  readonly acknowledged: number;
  /** Below the folder. */
  readonly path: string;
  readonly bit: number;
}

/** What came of a flip, in one line: `harmless`, `detected <how>` or `harm <what>`. */
export type Outcome = string;

/** Flips on a copy, then does what a start does and reads all that there is. `naive`: with LevelDB alone. */
export async function tryFlip(flip: Flip, naive: boolean): Promise<Outcome> {
  const dir = `${flip.pristine}-flipped`;
  await cp(flip.pristine, dir, { recursive: true });
  try {
    const path = join(dir, flip.path);
    const bytes = await readFile(path);
    const at = flip.bit >> 3;
    bytes[at] = (bytes[at] as number) ^ (1 << (flip.bit & 7));
    await writeFile(path, bytes);
    if (naive) await readNaively(dir, flip.pristine);
    else await WORKLOADS[flip.workload]?.check(dir, flip.acknowledged);
    return 'harmless';
  } catch (error) {
    if (error instanceof Harm) return `harm ${error.message}`;
    return `detected ${error instanceof Error ? error.message.split('\n')[0] : error}`;
  } finally {
    await rm(dir, { recursive: true });
  }
}

const truths = new Map<string, Promise<Map<string, Uint8Array>>>();

/** Reads all that LevelDB gives and compares it with the truth. */
async function readNaively(dir: string, pristine: string): Promise<void> {
  if (!truths.has(pristine))
    truths.set(
      pristine,
      cp(pristine, `${pristine}-truth`, { recursive: true }).then(() => readAll(`${pristine}-truth`)),
    );
  const truth = (await truths.get(pristine)) as Map<string, Uint8Array>;
  const found = await readAll(dir);
  for (const [key, value] of truth) {
    const got = found.get(key);
    if (got === undefined) throw new Harm(`${key} has disappeared`);
    if (!equal(got, value)) throw new Harm(`${key} has another value`);
  }
}

async function readAll(dir: string): Promise<Map<string, Uint8Array>> {
  const db = new Level<string, Uint8Array>(join(dir, 'level'), { valueEncoding: 'view' });
  await db.open();
  try {
    return new Map(await db.iterator().all());
  } finally {
    await db.close();
  }
}

/** The program: flips from standard input as JSON, an outcome a line. */
export async function main(naive: boolean): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const flips = JSON.parse(Buffer.concat(chunks).toString()) as Flip[];
  for (const flip of flips) console.log(await tryFlip(flip, naive));
}
