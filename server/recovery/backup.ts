/**
 * `probata backup`: one member's folder as one file: configuration, keys as they are (an encrypted one stays so), tokens, reports, evidence
 * bytes, and every row of its store. Of a stopped member: nothing moves while it is copied, so the copy is of one moment.
 * The file is written under another name, read back from the disk and checked whole before it gets its own.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CONFIG_FILE, readRole, STORE_FOLDER } from '../config.ts';
import { StartError } from '../start-error.ts';
import { DATABASE, openRows } from '../wiring.ts';
import { BackupReader, type Item, writeBackup } from './backup-stream.ts';
import { HAS_STORE_FILE, RESTORED_FILE } from './marks.ts';

const BLOBS = join(STORE_FOLDER, 'blobs');
/** What is not copied as files: the store's rows are copied one by one, a new store is marked anew, what was never finished is nobody's. */
const LEFT_OUT = [...DATABASE, HAS_STORE_FILE, join(BLOBS, 'unfinished')];

export interface BackupOptions {
  /** The member's folder. */
  readonly dir: string;
  /** The backup; must not exist. */
  readonly out: string;
  /** Whether a platform's evidence and certificates are copied too. Their files never change, so they can be copied while it runs. */
  readonly evidence: boolean;
  /** The present, ms since the epoch. */
  readonly nowMs: number;
}

export interface BackupSummary {
  readonly role: string;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  /** Of the whole file, lower-case hex. */
  readonly sha256: string;
}

/**
 * Writes the backup of a member.
 * @throws StartError `data-exists`, `data-incomplete` (restored, not caught up), `data-locked` (it runs), `backup-refused` (something in the
 *   folder cannot be copied as a file), `backup-damaged`, `config-*`. Then nothing is left of it: it would hold keys.
 */
export async function backup({ dir, out, evidence, nowMs }: BackupOptions): Promise<BackupSummary> {
  const role = readRole(dir);
  if (existsSync(join(dir, RESTORED_FILE)))
    throw new StartError(
      'data-incomplete',
      `${dir} was restored and has not caught up: start it first, then back it up`,
    );
  if (existsSync(out)) throw new StartError('data-exists', `${out} exists; a backup is never overwritten`);
  const rows = await openRows(dir).catch((error) => {
    if (error instanceof StartError && error.code === 'data-locked') throw stopFirst(dir, error);
    throw error;
  });
  const unfinished = `${out}.unfinished`;
  try {
    const paths = await filesOf(dir, evidence ? LEFT_OUT : [...LEFT_OUT, BLOBS]);
    const head = { role, name: basename(resolve(dir)), taken: new Date(nowMs).toISOString() };
    // One that was killed left its file: it is of no use to anyone.
    await rm(unfinished, { force: true });
    await writeDurably(unfinished, writeBackup(head, itemsOf(dir, paths, rows.rows())));
    const summary = await verifyBackup(unfinished);
    await rename(unfinished, out);
    await syncFolder(dirname(resolve(out)));
    return { role, ...summary };
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await rows.close();
  }
}

/** Reads a whole backup and checks every byte of it. @throws StartError `backup-damaged` */
export async function verifyBackup(path: string): Promise<Omit<BackupSummary, 'role'>> {
  const whole = createHash('sha256');
  const counted = { files: 0, rows: 0, bytes: 0 };
  const reader = await BackupReader.open(
    through(createReadStream(path), (chunk) => {
      whole.update(chunk);
      counted.bytes += chunk.length;
    }),
  );
  for await (const { head, chunks } of reader.items()) {
    for await (const _ of chunks);
    counted[head.kind === 'file' ? 'files' : 'rows'] += 1;
  }
  return { ...counted, sha256: whole.digest('hex') };
}

async function* itemsOf(
  dir: string,
  paths: readonly string[],
  rows: AsyncIterable<readonly [key: string, value: Uint8Array | undefined]>,
): AsyncGenerator<Item> {
  // The configuration first: a backup without it is none.
  for (const path of [CONFIG_FILE, ...paths.filter((each) => each !== CONFIG_FILE)]) {
    const { mode, size } = await stat(join(dir, path));
    yield { head: { kind: 'file', path, mode: mode & 0o777, bytes: size }, chunks: createReadStream(join(dir, path)) };
  }
  for await (const [key, value] of rows) {
    if (value === undefined)
      throw new StartError(
        'backup-damaged',
        `${dir}: the bytes under ${key} are not those that were written; see probata fsck`,
      );
    yield { head: { kind: 'row', key, bytes: value.length }, chunks: once(value) };
  }
}

/**
 * Paths of all files below a member's folder but some, with forward slashes, sorted.
 * @throws StartError `backup-refused` when something is neither a file nor a folder: what a link leads to would be missing from the backup
 */
async function filesOf(dir: string, leftOut: readonly string[]): Promise<string[]> {
  const found = (await readdir(dir, { recursive: true, withFileTypes: true }))
    .map((entry) => ({ entry, path: relative(dir, join(entry.parentPath, entry.name)) }))
    .filter(({ path }) => !leftOut.some((left) => path === left || path.startsWith(`${left}/`)));
  const others = found.filter(({ entry }) => !entry.isFile() && !entry.isDirectory()).map(({ path }) => path);
  if (others.length > 0)
    throw new StartError(
      'backup-refused',
      `${dir} was not backed up: neither files nor folders are ${others.sort().join(', ')}; put there what a link leads to`,
    );
  return found
    .filter(({ entry }) => entry.isFile())
    .map(({ path }) => path)
    .sort();
}

/** A new file, durable before it resolves; its name is made durable by syncFolder. */
export async function writeDurably(path: string, bytes: AsyncIterable<Uint8Array>, mode = 0o600): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await writeFile(file, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes what was created or renamed in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync();
  await folder.close();
}

function stopFirst(dir: string, cause: StartError): StartError {
  const pid = join(dirname(resolve(dir)), 'run', `${basename(resolve(dir))}.pid`);
  return new StartError(
    'data-locked',
    `${dir} is in use: stop the member (kill -TERM $(cat ${pid})), back it up, and start it again; the others go on meanwhile`,
    { cause },
  );
}

async function* through(
  bytes: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    see(chunk);
    yield chunk;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
