// The keyed stores on LevelDB (npm `level`), as measured: LevelDB alone neither keeps its promises after a failed write,
// nor notices flipped bits, nor syncs its directory. So: every batch is synced and then the directory too; the process ends on the
// first failed write and recovers on restart (a command fails instead: nothing more is written); every value carries our own SHA-256,
// checked on each read; at the start every file is checked (level-files.ts), and that no acknowledged commit is missing (latest.ts), or
// the opening is undone (opening.ts).
// One process at a time: LevelDB's LOCK file.

import { type FileHandle, mkdir, open, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Level } from 'level';
import { decimal, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { StoreError } from '../log/ports.ts';
import { type Change, type Get, type KeyedStores, type KeyValue, keyedStores } from './key-value.ts';
import { Latest } from './latest.ts';
import { checkLevelFiles } from './level-files.ts';
import { SecondNames } from './opening.ts';
import { seal, unseal } from './seal.ts';

export interface LevelStore extends KeyedStores {
  /**
   * Every key and value as they stand now, whoever's they are; no value where the bytes are not those that were written.
   * @param prefix how the keys begin; all of them by default
   */
  rows(prefix?: string): AsyncIterable<readonly [key: string, value: Uint8Array | undefined]>;
  /** Writes rows of a copy, all of them or none. */
  copyIn(rows: readonly (readonly [key: string, value: Uint8Array])[]): Promise<void>;
  /** Ends after the writes in flight. */
  close(): Promise<void>;
}

type Db = Level<string, Uint8Array>;

/** In a store's folder: it holds data, and the number of its latest commit (latest.ts). */
export const IN_USE_FILE = 'in-use';

/** Where each commit writes its number. No key of a store: those have a `!` in them. */
const LATEST_KEY = 'latest';

/**
 * Folders open in this process. LevelDB would refuse a second opener too, but by opening and closing the LOCK file once more,
 * and with that POSIX drops the lock of the first: another process could then open the folder.
 */
const OPEN = new Set<string>();

/**
 * Opens the stores of one role, and creates them in an empty or missing folder.
 * @param dir folder of this store alone
 * @param fatal ends the process; called on the first failed write, after which no write is ever acknowledged. One that throws instead: that
 *   write and every later one are rejected
 * @throws StoreError locked (another process holds it) | failed | corrupt (it held data before and cannot be opened now)
 */
export async function openLevelStore(dir: string, fatal: (error: Error) => never): Promise<LevelStore> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const folder = await realpath(dir);
  if (OPEN.has(folder)) throw new StoreError('locked', `${dir} is open in this process`);
  OPEN.add(folder);
  try {
    const kv = await openKeyValue(folder, fatal);
    const close = () => kv.close().finally(() => OPEN.delete(folder));
    const copyIn: LevelStore['copyIn'] = (rows) => kv.update(async () => ({ writes: rows, answer: undefined }));
    return { ...keyedStores(kv), rows: (prefix) => kv.rows(prefix), copyIn, close };
  } catch (error) {
    OPEN.delete(folder);
    throw error;
  }
}

async function openKeyValue(dir: string, fatal: (error: Error) => never): Promise<LevelKeyValue> {
  const location = join(dir, 'level');
  const marker = join(dir, IN_USE_FILE);
  await syncDirectory(dirname(dir));
  const used = await exists(marker);
  if (used) {
    await SecondNames.finishPutBack(location);
    await checkLevelFiles(location);
  }
  const before = used ? await SecondNames.give(location) : undefined;
  const db = await openDb(location, used).catch(async (error: unknown) => {
    await before?.drop();
    throw error;
  });
  let kv: LevelKeyValue;
  try {
    // No write is ever acknowledged before the marker is durable: without it there is nothing to lose, with it nothing is recreated.
    await syncDirectory(location);
    if (!used) await Latest.create(marker);
    await syncDirectory(dir);
    const latest = await Latest.open(marker, await latestIn(db));
    kv = new LevelKeyValue(db, await open(location, 'r'), latest, fatal);
  } catch (error) {
    // What is missing may have been impossible to read just now: the next opening finds the files that this one found.
    const close = () => db.close();
    try {
      await before?.putBack(close);
    } finally {
      await close();
    }
    throw error;
  }
  await before?.forgetAll().catch(async (cause: unknown) => {
    await kv.close();
    throw new StoreError('failed', `the second names of ${location} cannot be taken away`, { cause });
  });
  return kv;
}

/** The number of the latest commit in the database, 0 before the first. */
async function latestIn(db: Db): Promise<number> {
  const sealed = await db.get(LATEST_KEY);
  return sealed === undefined ? 0 : (decimal(utf8Decode(unseal(LATEST_KEY, sealed)) ?? '') ?? 0);
}

async function openDb(location: string, used: boolean): Promise<Db> {
  try {
    return await openOnce(location, !used);
  } catch (error) {
    if (codeOf(error) === 'LEVEL_LOCKED') {
      throw new StoreError('locked', `${location} is in use by another process`, { cause: error });
    }
    // A full disk is no damage: nothing is missing, and with space again the same files open.
    const code = reasonOf(error).startsWith('IO error') ? 'failed' : 'corrupt';
    if (used)
      throw new StoreError(code, `${location} holds data and cannot be opened: ${reasonOf(error)}`, { cause: error });
  }
  // A crash while LevelDB was creating its files leaves a database that never opens (google/leveldb#189). Nothing was in it.
  await rm(location, { recursive: true, force: true });
  return openOnce(location, true).catch((cause: unknown) => {
    throw new StoreError('failed', `${location} cannot be created: ${reasonOf(cause)}`, { cause });
  });
}

async function openOnce(location: string, createIfMissing: boolean): Promise<Db> {
  const db: Db = new Level(location, { keyEncoding: 'utf8', valueEncoding: 'view', createIfMissing });
  await db.open();
  return db;
}

/** LevelDB's own code is that of the cause: the error itself only says that the database is not open. */
function codeOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw new StoreError('failed', `cannot look at ${path}`, { cause: error });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  await directory.sync();
  await directory.close();
}

/** An update that waits for its turn. */
interface Task {
  readonly plan: (get: Get) => Promise<Change<unknown>>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

class LevelKeyValue implements KeyValue {
  readonly #db: Db;
  readonly #directory: FileHandle;
  readonly #latest: Latest;
  readonly #fatal: (error: Error) => never;
  /** Deletions that are lazy: they go with the next commit, so that every batch of LevelDB's is synced. */
  #deferred = new Map<string, Uint8Array | undefined>();
  #waiting: Task[] = [];
  #writing: Promise<void> | undefined;
  /** The first failed write. */
  #failure: StoreError | undefined;

  constructor(db: Db, directory: FileHandle, latest: Latest, fatal: (error: Error) => never) {
    this.#db = db;
    this.#directory = directory;
    this.#latest = latest;
    this.#fatal = fatal;
  }

  readonly get: Get = async (key) => {
    if (this.#deferred.has(key)) return this.#deferred.get(key);
    const sealed = await this.#read(() => this.#db.get(key));
    return sealed === undefined ? undefined : unseal(key, sealed);
  };

  update<T>(plan: (get: Get) => Promise<Change<T>>): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ plan, resolve: resolve as Task['resolve'], reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async *scan(range: Parameters<KeyValue['scan']>[0]): AsyncGenerator<[string, Uint8Array]> {
    for await (const [key, sealed] of this.#sealed(range)) yield [key, unseal(key, sealed)];
  }

  async *rows(prefix = ''): AsyncGenerator<[string, Uint8Array | undefined]> {
    // Above every character of a key.
    const range = prefix === '' ? {} : { gte: prefix, lt: `${prefix}~` };
    for await (const [key, sealed] of this.#sealed(range)) {
      if (key !== LATEST_KEY) yield [key, unsealed(key, sealed)];
    }
  }

  async *#sealed(range: Partial<Parameters<KeyValue['scan']>[0]>): AsyncGenerator<[string, Uint8Array]> {
    const iterator = this.#db.iterator(range);
    try {
      for (;;) {
        const next = await this.#read(() => iterator.next());
        if (next === undefined) return;
        yield next;
      }
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#writing;
    try {
      if (this.#deferred.size > 0 && this.#failure === undefined) await this.#commit(this.#deferred);
    } catch (error) {
      throw cannotWrite(error);
    } finally {
      await this.#db.close();
      await this.#latest.close();
      await this.#directory.close();
    }
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw new StoreError('failed', 'LevelDB cannot read', { cause: error });
    }
  }

  /** One batch in flight; what comes in meanwhile makes up the next one: one sync serves them all. */
  async #writeAll(): Promise<void> {
    // The callers of this turn of the event loop share the first batch.
    await undefined;
    while (this.#waiting.length > 0) {
      const tasks = this.#waiting;
      this.#waiting = [];
      await this.#writeBatch(tasks);
    }
    this.#writing = undefined;
  }

  async #writeBatch(tasks: readonly Task[]): Promise<void> {
    const pending = new Map<string, Uint8Array | undefined>();
    const get: Get = async (key) => (pending.has(key) ? pending.get(key) : this.get(key));
    const done: (() => void)[] = [];
    let lazy = true;
    for (const { plan, resolve, reject } of tasks) {
      try {
        const change = await plan(get);
        for (const [key, value] of change.writes) pending.set(key, value);
        lazy &&= change.lazy === true;
        done.push(() => resolve(change.answer));
      } catch (error) {
        reject(error);
      }
    }
    try {
      if (lazy) this.#defer(pending);
      else if (pending.size > 0) await this.#commit(new Map([...this.#deferred, ...pending]));
    } catch (error) {
      this.#die(cannotWrite(error), tasks);
      return;
    }
    for (const settle of done) settle();
  }

  /** After one failed write LevelDB loses writes that it acknowledges later: nothing is written and acknowledged any more. */
  #die(failure: StoreError, tasks: readonly Task[]): void {
    this.#failure = failure;
    try {
      this.#fatal(failure);
    } catch {
      // The owner throws instead of ending the process: it lives on, so whoever waits must hear that nothing more will come.
      for (const { reject } of [...tasks, ...this.#waiting.splice(0)]) reject(failure);
    }
  }

  #defer(writes: ReadonlyMap<string, Uint8Array | undefined>): void {
    for (const [key, value] of writes) this.#deferred.set(key, value);
  }

  async #commit(writes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    const number = this.#latest.number + 1;
    const operations = [...writes, [LATEST_KEY, utf8Encode(String(number))] as const].map(([key, value]) =>
      value === undefined ? { type: 'del' as const, key } : { type: 'put' as const, key, value: seal(key, value) },
    );
    await this.#db.batch(operations, { sync: true });
    // LevelDB does not sync the directory after it rolled a file: without this the newest file may be gone after a power cut.
    await this.#directory.sync();
    // A crash here: the database has a commit that nobody was told of.
    await this.#latest.note(number);
    this.#deferred = new Map();
  }
}

function cannotWrite(cause: unknown): StoreError {
  return new StoreError('failed', `LevelDB cannot write: ${reasonOf(cause)}`, { cause });
}

/** What LevelDB says: an error of `level` that only wraps another has it as its cause. */
function reasonOf(error: unknown): string {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return reason instanceof Error ? reason.message : String(reason);
}

/** The value; undefined when the bytes are not those that were sealed. */
function unsealed(key: string, sealed: Uint8Array): Uint8Array | undefined {
  try {
    return unseal(key, sealed);
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}
