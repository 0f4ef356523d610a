// Runs lives (life.ts) as processes of their own, under strace or not, and reads what they said.

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import type { Orders } from './life.ts';

/** What one life said before it ended. */
export interface Said {
  readonly acknowledged: [index: number, entry: string][];
  /** The largest size that both cosigners have cosigned. */
  published: number;
  ready: boolean;
}

export interface Ended extends Said {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines on stderr. */
  readonly stderr: string;
}

/** A life that neither went on nor ended. */
export class HungError extends Error {}

/** What a rig says of a life that hung: harm, like any other. Anything else that went wrong is thrown on. */
export function hangAsHarm(error: unknown): string {
  if (error instanceof HungError) return error.message;
  throw error;
}

/** No life is silent for as long, however busy the machine, however slow its disk. */
const PATIENCE_MS = 180_000;

let program: Promise<string> | undefined;

/** The program as one file that starts fast. */
function bundle(): Promise<string> {
  program ??= make();
  return program;
}

async function make(): Promise<string> {
  // Of this test process alone: two may run at once. In the cache, from where the program finds its packages.
  const outfile = join(import.meta.dirname, `../../node_modules/.cache/life.${process.pid}.mjs`);
  await build({
    stdin: {
      contents: `import { live } from './life.ts'; await live(JSON.parse(process.argv[2]));`,
      resolveDir: import.meta.dirname,
      loader: 'ts',
    },
    bundle: true,
    external: ['level'],
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'warning',
  });
  process.once('exit', () => rmSync(outfile, { force: true }));
  return outfile;
}

/**
 * Runs one life to its end.
 * One thread for all files of a life, so that the same life makes the same system calls in the same order.
 * @param wrapper command line of a program that runs the life as its child
 * @param onLine hears each line as it is said, and may kill
 * @throws HungError when it comes to no end
 */
export async function runLife(
  orders: Orders,
  wrapper: readonly string[] = [],
  onLine: (line: string, child: ChildProcess) => void = () => undefined,
): Promise<Ended> {
  const [command = '', ...args] = [...wrapper, process.execPath, await bundle(), JSON.stringify(orders)];
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-2000);
  });
  const ended = new Promise<Pick<Ended, 'code' | 'signal'>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  let hung = false;
  const patience = setTimeout(() => {
    hung = true;
    process.kill(-(child.pid as number), 'SIGKILL');
  }, PATIENCE_MS);
  const said: Said = { acknowledged: [], published: 0, ready: false };
  for await (const line of createInterface({ input: child.stdout })) {
    patience.refresh();
    note(said, line);
    onLine(line, child);
  }
  const end = await ended;
  clearTimeout(patience);
  if (hung)
    throw new HungError(
      `a life neither went on nor ended: ${JSON.stringify(orders)} under ${wrapper.slice(0, 10).join(' ')}`,
    );
  return { ...said, ...end, stderr };
}

function note(said: Said, line: string): void {
  const [event, number, entry = ''] = line.split(' ');
  if (event === 'ack') said.acknowledged.push([Number(number), entry]);
  else if (event === 'published') said.published = Number(number);
  else if (event === 'ready') said.ready = true;
}
