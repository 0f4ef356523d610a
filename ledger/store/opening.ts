// An opening of LevelDB that can be undone. Whenever it opens, LevelDB reads its newest writes from a log, writes them into other files,
// and deletes the log. A log that it cannot read, or does not find because the folder cannot be read, it leaves out, and opens all the
// same: one read that fails would cost acknowledged writes for good. So every file has a second name in a folder beside until the
// opening is known to be good. That is a copy of what was: an opening writes new files, and changes none in place.

import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StoreError } from '../log/ports.ts';

/** Not data; and the lock must stay one file for everybody. */
const NOT_KEPT = new Set(['LOCK', 'LOG', 'LOG.old']);

/** An opening takes few files away, one after the other. */
const ATTEMPTS_MAX = 100;

/** The second names of one opening, in a folder of their own: other processes that try to open the database have theirs. */
export class SecondNames {
  readonly #location: string;
  readonly #folder: string;

  private constructor(location: string) {
    this.#location = location;
    this.#folder = `${location}.before.${process.pid}.${randomBytes(8).toString('hex')}`;
  }

  /**
   * Before the database is opened.
   * @param location the folder of LevelDB's files
   * @throws StoreError failed
   */
  static async give(location: string): Promise<SecondNames> {
    for (let attempt = 1; ; attempt++) {
      const names = new SecondNames(location);
      try {
        await mkdir(names.#folder, { mode: 0o700 });
        for (const name of await readdir(location)) {
          if (!NOT_KEPT.has(name)) await link(join(location, name), join(names.#folder, name));
        }
        return names;
      } catch (cause) {
        await names.drop();
        // A file that went away was taken by a process that is opening the database: again, and whole, until the lock can tell.
        if (isGone(cause) && attempt < ATTEMPTS_MAX) continue;
        throw new StoreError('failed', `the files of ${location} cannot be given second names`, { cause });
      }
    }
  }

  /**
   * The opening was bad: its files give way to those that were there before. To be called while the database is still open, and with
   * that locked. Until it is closed nobody finds a folder of that name (finishPutBack), from then on the files as they were.
   * @param close closes the database. Until then LevelDB goes on compacting, by path: were the files put back under its name, it would
   *   delete among them what it holds to be obsolete
   */
  async putBack(close: () => Promise<void>): Promise<void> {
    const bad = `${this.#folder}.bad`;
    await sync(this.#folder);
    await rename(this.#location, bad);
    // A crash before the next rename leaves no folder of that name: finishPutBack.
    await close();
    await rename(this.#folder, this.#location);
    await sync(dirname(this.#location));
    await rm(bad, { recursive: true });
  }

  /**
   * Before everything else: what a crash between the two renames of `putBack` has left. It is the only thing that takes the folder's name away.
   * @throws StoreError locked (another process is between the two), failed
   */
  static async finishPutBack(location: string): Promise<void> {
    try {
      const parent = dirname(location);
      const names = await readdir(parent);
      if (names.includes(basename(location))) return;
      const [waiting] = names.filter((name) => openerOf(location, name) !== undefined && names.includes(`${name}.bad`));
      if (waiting === undefined) return;
      if (isInUse(openerOf(location, waiting) as number))
        throw new StoreError('locked', `${location} is being put back: ${waiting} gets its name`);
      await rename(join(parent, waiting), location);
      await sync(parent);
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      throw new StoreError('failed', `the files of ${location} cannot be put back`, { cause });
    }
  }

  /** The opening was good. To be called before the first write: nobody needs what was, nor what openings that crashed have left. */
  async forgetAll(): Promise<void> {
    await this.drop();
    const parent = dirname(this.#location);
    for (const name of await readdir(parent)) {
      const pid = openerOf(this.#location, name);
      if (pid !== undefined && !isInUse(pid)) await rm(join(parent, name), { recursive: true });
    }
  }

  /** Takes the names away. */
  drop(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The process whose opening a folder beside the database is of; undefined when it is none of these folders. */
function openerOf(location: string, name: string): number | undefined {
  const pid = new RegExp(`^${basename(location)}\\.before\\.(\\d+)\\.`).exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * A process that tries to open the database now, and is about to find it locked, keeps its names until then. This one has none but its own:
 * others under its number are of a process that crashed, as in a container, where each has the same.
 */
function isInUse(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function sync(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  await directory.sync();
  await directory.close();
}
