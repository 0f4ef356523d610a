/**
 * `probata restore`: a member's folder out of a backup, whole or not at all: it is made beside its place, checked while it is made, and
 * moved there last. The folder says that it is restored (marks.ts): the member signs nothing before it has caught up.
 */
import { createReadStream, existsSync } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { CONFIG_FILE, readConfig, readRole } from '../config.ts';
import { StartError } from '../start-error.ts';
import { openRows } from '../wiring.ts';
import { syncFolder, verifyBackup, writeDurably } from './backup.ts';
import { BackupReader, type Item } from './backup-stream.ts';
import { RESTORED_FILE, type Restored } from './marks.ts';

/** Rows of one write: bounds memory at some MB. */
const ROWS_AT_ONCE = 500;

export interface RestoreOptions {
  /** The backup. */
  readonly file: string;
  /** Where the member is to live; missing or empty. */
  readonly dir: string;
  /** Whom a court or a mirror asks what it has signed since, prefixes of others. None: its `peers`. */
  readonly ask: readonly string[];
  /** The present, ms since the epoch. */
  readonly nowMs: number;
}

/**
 * Restores a member.
 * @returns its role and when the backup was taken
 * @throws StartError `data-exists`, `output-refused` (the place cannot be replaced by a folder), `backup-damaged`, `input-missing` (a court or a
 *   mirror with nobody to ask). Then nothing is left of it.
 */
export async function restore({ file, dir, ask, nowMs }: RestoreOptions): Promise<{ role: string; taken: string }> {
  const place = resolve(dir);
  await refuseTaken(place);
  if (!existsSync(file)) throw new StartError('input-missing', `${file} does not exist`);
  // Read to its end first: of a damaged backup not even a beginning is written.
  await verifyBackup(file);
  const reader = await BackupReader.open(createReadStream(file));
  const { role, taken } = reader.head;
  const stage = join(dirname(place), `.${basename(place)}.restoring`);
  await rm(stage, { recursive: true, force: true });
  await mkdir(stage, { recursive: true, mode: 0o700 });
  try {
    await fill(stage, reader, ask, nowMs);
    // A crash before here leaves a folder with another name that the next restore removes; after it, the whole member.
    await rename(stage, place);
  } catch (error) {
    // There are private keys in it.
    await rm(stage, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(dirname(place));
  return { role, taken };
}

/** @throws StartError `data-exists`, `output-refused` when a folder cannot be moved to this place */
async function refuseTaken(place: string): Promise<void> {
  const there = await lstat(place).catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there === undefined) return;
  if (!there.isDirectory())
    throw new StartError('output-refused', `${place} is no folder but a file or a link: name the folder itself`);
  if (there.dev !== (await stat(dirname(place))).dev)
    throw new StartError('output-refused', `${place} is a mount point: restore into a folder below it`);
  if ((await readdir(place)).length > 0)
    throw new StartError('data-exists', `${place} is not empty; a restore never overwrites anything`);
}

/** Makes the whole member in a folder that is not its place yet. */
async function fill(stage: string, reader: BackupReader, ask: readonly string[], nowMs: number): Promise<void> {
  const { role, taken } = reader.head;
  await unpack(reader, stage);
  if (readRole(stage) !== role) throw new StartError('backup-damaged', `${CONFIG_FILE} in it is not that of a ${role}`);
  if (role !== 'platform' && ask.length === 0 && (readConfig(stage, role).peers ?? []).length === 0)
    throw new StartError('input-missing', `a ${role} must ask others what it has signed since: name them with --ask`);
  const restored: Restored = { v: 1, taken, restored: new Date(nowMs).toISOString(), ask };
  await writeDurably(join(stage, RESTORED_FILE), chunksOf(`${JSON.stringify(restored, undefined, 2)}\n`));
  await syncFolder(stage);
}

async function unpack(reader: BackupReader, stage: string): Promise<void> {
  const store = await openRows(stage);
  try {
    let rows: [string, Uint8Array][] = [];
    for await (const item of reader.items()) {
      if (item.head.kind === 'file') await unpackFile(item, item.head, stage);
      else rows.push([item.head.key, await whole(item)]);
      if (rows.length < ROWS_AT_ONCE) continue;
      await store.copyIn(rows);
      rows = [];
    }
    await store.copyIn(rows);
  } finally {
    await store.close();
  }
}

async function unpackFile(item: Item, { path, mode }: { path: string; mode: number }, stage: string): Promise<void> {
  const isInside = normalize(path) === path && !path.startsWith('/') && !path.startsWith('..') && !path.includes('\0');
  if (!isInside || path === '' || path === RESTORED_FILE)
    throw new StartError('backup-damaged', `it names a file outside of the member's folder: ${JSON.stringify(path)}`);
  const target = join(stage, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await writeDurably(target, item.chunks, mode & 0o777);
  await syncFolder(dirname(target));
}

async function whole({ chunks }: Item): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
