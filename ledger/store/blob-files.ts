// Evidence bytes as files: <dir>/<2 hex digits>/<2 hex digits>/<32 hex digits>, and <dir>/unfinished/ while they are being written.
// Names are random and made here; nothing a user wrote ever becomes part of a path. Files 0600, folders 0700.
// Does not hash or encrypt: whoever reads compares with the digests in the record.

import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hexEncode } from '../core/bytes.ts';
import { type BlobStore, type BlobWriter, StoreError } from '../log/ports.ts';

/** Bytes read at once. Own choice. */
const CHUNK_BYTES = 262_144;

/**
 * Opens a folder of blobs, and removes what was never finished in it. One process at a time.
 * Every method throws StoreError: missing | failed.
 */
export async function openBlobFiles(dir: string): Promise<BlobStore> {
  const unfinished = join(dir, 'unfinished');
  await wrap('cannot open the folder', async () => {
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true, mode: 0o700 });
    await syncDirectory(dir);
    // The folder itself may be new: a power cut would take it with all that is in it.
    await syncDirectory(dirname(dir));
  });
  const folders = new Folders(dir);
  return {
    create: () => FileWriter.open(folders, unfinished),
    read: (name, range) => readBlob(dir, name, range),
    delete: (name) =>
      wrap('cannot delete', async () => {
        const { folder, path } = placeOf(dir, name);
        if (!(await exists(path))) return;
        await rm(path, { force: true });
        await syncDirectory(folder);
      }),
  };
}

/** Where a blob lives. @throws StoreError missing for anything but 32 lower-case hex digits */
function placeOf(dir: string, name: string): { folder: string; path: string } {
  if (!/^[0-9a-f]{32}$/.test(name)) throw new StoreError('missing', 'not the name of a blob');
  const folder = join(dir, name.slice(0, 2), name.slice(2, 4));
  return { folder, path: join(folder, name) };
}

async function readBlob(
  dir: string,
  name: string,
  range: { readonly start: number; readonly end: number } | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const { path } = placeOf(dir, name);
  if (!(await wrap('cannot look', () => exists(path)))) throw new StoreError('missing', 'no such blob');
  return chunks(path, range?.start ?? 0, range?.end ?? Number.MAX_SAFE_INTEGER);
}

async function* chunks(path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  const file = await wrap('cannot read', () => open(path, 'r'));
  try {
    for (let at = start; at < end; ) {
      const buffer = new Uint8Array(Math.min(CHUNK_BYTES, end - at));
      const { bytesRead } = await wrap('cannot read', () => file.read(buffer, 0, buffer.length, at));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** The folders in which blobs live. */
class Folders {
  readonly dir: string;
  readonly #durable = new Set<string>();

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Both folders above a blob, durable. One that exists may be somebody's who has not synced it yet: each is synced once. */
  async make(name: string): Promise<void> {
    let parent = this.dir;
    for (const part of [name.slice(0, 2), name.slice(2, 4)]) {
      const folder = join(parent, part);
      if (!this.#durable.has(folder)) {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await syncDirectory(parent);
        this.#durable.add(folder);
      }
      parent = folder;
    }
  }
}

class FileWriter implements BlobWriter {
  readonly name: string;
  readonly #folders: Folders;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #open = true;

  private constructor(name: string, folders: Folders, temporary: string, file: FileHandle) {
    this.name = name;
    this.#folders = folders;
    this.#temporary = temporary;
    this.#file = file;
  }

  static async open(folders: Folders, unfinished: string): Promise<FileWriter> {
    const name = hexEncode(randomBytes(16));
    const temporary = join(unfinished, name);
    const file = await wrap('cannot create', () => open(temporary, 'wx', 0o600));
    return new FileWriter(name, folders, temporary, file);
  }

  write(chunk: Uint8Array): Promise<void> {
    return wrap('cannot write', async () => {
      for (let at = 0; at < chunk.length; ) at += (await this.#file.write(chunk, at)).bytesWritten;
    });
  }

  commit(): Promise<void> {
    return wrap('cannot commit', async () => {
      const { folder, path } = placeOf(this.#folders.dir, this.name);
      await this.#file.sync();
      await this.#close();
      await this.#folders.make(this.name);
      await rename(this.#temporary, path);
      // A crash here may leave the blob under neither name or under its own: it was not promised to anybody yet.
      await syncDirectory(folder);
    });
  }

  abort(): Promise<void> {
    return wrap('cannot abort', async () => {
      if (this.#open) await this.#close();
      await rm(this.#temporary, { force: true });
    });
  }

  #close(): Promise<void> {
    this.#open = false;
    return this.#file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  await directory.sync();
  await directory.close();
}

/** Whatever the file system throws becomes StoreError failed. */
async function wrap<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError('failed', `blob store: ${what}`, { cause: error });
  }
}
