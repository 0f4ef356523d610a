// A disk that can be filled while a life runs on it, and given its space back. A tmpfs in a mount namespace of its own, so that nothing
// of it is left behind; where namespaces are not to be had, a limit on the size of files, which also fails writes and can be lifted.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cp, mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Ended, runLife } from './child.ts';
import type { Orders } from './life.ts';

type OnLine = (line: string, child: ChildProcess) => void;

export interface TightDisk {
  /** What fills it, in a few words. */
  readonly kind: string;
  /** Its folder. */
  readonly place: string;
  live(orders: Omit<Orders, 'dir'>, onLine?: OnLine): Promise<Ended>;
  /** Leaves only so much. */
  fill(freeBytes: number, child: ChildProcess): Promise<void>;
  free(child?: ChildProcess): Promise<void>;
  /** Runs an action on a copy of what is on it. */
  copied<T>(act: (dir: string) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The best that this machine offers. */
export async function openTightDisk(bytes: number): Promise<TightDisk> {
  return (await Tmpfs.mount(bytes)) ?? new FileSizeLimit(await mkdtemp(join(tmpdir(), 'probata-limit-')));
}

async function copiedFrom<T>(place: string, act: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'probata-copy-'));
  try {
    await cp(place, dir, { recursive: true });
    return await act(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A tmpfs that only the programs started with `inside` see under its own name. */
export class Tmpfs implements TightDisk {
  readonly kind = 'tmpfs';
  /** Its folder, as the programs inside see it. */
  readonly dir: string;
  /** The same folder as everybody sees it. */
  readonly place: string;
  /** Command line that runs a program inside. */
  readonly inside: readonly string[];
  readonly #keeper: ChildProcess;

  private constructor(dir: string, keeper: ChildProcess) {
    this.dir = join(dir, 'data');
    this.place = `/proc/${keeper.pid}/root${this.dir}`;
    this.inside = ['nsenter', '-t', String(keeper.pid), '-m', '--'];
    this.#keeper = keeper;
  }

  /** Undefined where nobody may mount. */
  static async mount(bytes: number): Promise<Tmpfs | undefined> {
    const dir = await mkdtemp(join(tmpdir(), 'probata-tmpfs-'));
    // It keeps the namespace until its stdin ends, with us at the latest.
    const script = `mount -t tmpfs -o size=${bytes} tmpfs ${dir} && mkdir ${dir}/data && echo mounted && exec cat`;
    const keeper = spawn('unshare', ['-m', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
    keeper.on('error', () => undefined);
    for await (const line of createInterface({ input: keeper.stdout })) {
      if (line === 'mounted') return new Tmpfs(dir, keeper);
    }
    return undefined;
  }

  live(orders: Omit<Orders, 'dir'>, onLine?: OnLine): Promise<Ended> {
    return runLife({ dir: this.dir, ...orders }, this.inside, onLine);
  }

  async fill(freeBytes: number): Promise<void> {
    await this.free();
    const { bavail, bsize } = await statfs(this.place);
    const file = await open(join(this.place, '../filler'), 'w');
    const chunk = new Uint8Array(65_536);
    try {
      for (let rest = bavail * bsize - freeBytes; rest > 0; rest -= chunk.length) {
        await file.write(chunk, 0, Math.min(rest, chunk.length));
      }
    } catch (error) {
      // The life was faster: full is full.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    } finally {
      await file.close();
    }
  }

  free(): Promise<void> {
    return rm(join(this.place, '../filler'), { force: true });
  }

  copied<T>(act: (dir: string) => Promise<T>): Promise<T> {
    return copiedFrom(this.place, act);
  }

  async close(): Promise<void> {
    this.#keeper.kill();
    await rm(join(this.dir, '..'), { recursive: true, force: true });
  }
}

/** No file can grow beyond what it may have; util-linux `prlimit`, which needs no privileges. */
class FileSizeLimit implements TightDisk {
  readonly kind = 'limit on file size (no mount namespace here)';
  readonly place: string;

  constructor(place: string) {
    this.place = place;
  }

  live(orders: Omit<Orders, 'dir'>, onLine?: OnLine): Promise<Ended> {
    return runLife({ dir: this.place, ...orders }, [], onLine);
  }

  async fill(freeBytes: number, { pid }: ChildProcess): Promise<void> {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${freeBytes}:unlimited`]);
  }

  async free(child?: ChildProcess): Promise<void> {
    if (child?.exitCode === null) execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
  }

  copied<T>(act: (dir: string) => Promise<T>): Promise<T> {
    return copiedFrom(this.place, act);
  }

  close(): Promise<void> {
    return rm(this.place, { recursive: true, force: true });
  }
}
