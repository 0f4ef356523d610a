// Test support: a disk between a process and the power cut. It is told every effect of the process, and says what may be found after a
// crash, under six models of what file systems keep. The models bound what POSIX allows: real file systems lie between them.

import { dirname } from 'node:path';
import type { Effect } from './crash-trace.ts';

/**
 * What a crash keeps.
 * `kill`: everything done. `lost`: names, and the bytes that were synced. `torn`: everything, the last write only in part.
 * `zeros`: sizes, and zeros in place of bytes that were not synced. `journal` (ext4): names as of the last sync of anything; synced bytes.
 * `strict` (POSIX): names that a sync of their folder made durable; synced bytes.
 */
export const MODELS = ['kill', 'lost', 'torn-first', 'torn-half', 'torn-end', 'zeros', 'journal', 'strict'] as const;
export type Model = (typeof MODELS)[number];

/** How much of the last write a torn one keeps. */
const TORN: Partial<Record<Model, (bytes: number) => number>> = {
  'torn-first': () => 1,
  'torn-half': (bytes) => Math.floor(bytes / 2),
  'torn-end': (bytes) => bytes - 1,
};

interface Write {
  readonly at: number;
  readonly bytes: Uint8Array;
}

class File {
  readonly id: number;
  readonly writes: Write[] = [];
  /** How many of the writes are synced. */
  synced = 0;
  size = 0;

  constructor(id: number) {
    this.id = id;
  }
}

type Names = Map<string, File | 'folder'>;

/** What is found after a crash: each path below the folder, and its bytes; undefined for a folder. */
export interface CrashState {
  /** Equal for equal states of one disk. */
  readonly key: string;
  contents(): [path: string, bytes: Uint8Array | undefined][];
}

/** LevelDB's own diary and its lock: nothing that is ever read back. */
const IGNORED = /\/(LOG|LOG\.old|LOCK)$/;

export class Disk {
  readonly #folder: string;
  readonly #names: Names = new Map();
  #journal: Names = new Map();
  readonly #durable: Names = new Map();
  readonly #open = new Map<number, { path: string; file: File | 'folder'; position: number }>();
  #files = 0;
  /** The file of the last effect, when that was a write. */
  #writing: File | undefined;

  /** @param folder exists already, durably */
  constructor(folder: string) {
    this.#folder = folder;
    for (const names of [this.#names, this.#journal, this.#durable]) names.set(folder, 'folder');
  }

  /** The process is another one from here on. */
  restart(): void {
    this.#open.clear();
  }

  apply(effect: Effect): void {
    this.#writing = undefined;
    switch (effect.kind) {
      case 'open':
        this.#opened(effect);
        return;
      case 'close':
        this.#open.delete(effect.fd);
        return;
      case 'write':
        this.#written(effect);
        return;
      case 'sync':
        this.#synced(effect.fd);
        return;
      case 'mkdir':
        this.#names.set(effect.path, 'folder');
        return;
      case 'unlink':
        this.#names.delete(effect.path);
        return;
      case 'link':
        this.#linked(effect.path, effect.to);
        return;
      case 'rename':
        if (IGNORED.test(effect.path)) return;
        this.#linked(effect.path, effect.to);
        this.#names.delete(effect.path);
        return;
    }
  }

  #opened({ path, fd, creates, truncates }: Effect & { kind: 'open' }): void {
    if (IGNORED.test(path)) return;
    let file = this.#names.get(path);
    if (file === undefined || (truncates && file !== 'folder')) {
      if (!creates) throw new Error(`opened without being there: ${path}`);
      if (file !== undefined && file.size > 0) throw new Error(`nothing here is ever truncated: ${path}`);
      file = new File(this.#files++);
      this.#names.set(path, file);
    }
    this.#open.set(fd, { path, file, position: 0 });
  }

  #written({ fd, bytes, at }: Effect & { kind: 'write' }): void {
    const opened = this.#open.get(fd);
    if (opened === undefined || opened.file === 'folder') return;
    const { file } = opened;
    const start = at ?? opened.position;
    file.writes.push({ at: start, bytes });
    file.size = Math.max(file.size, start + bytes.length);
    if (at === undefined) opened.position += bytes.length;
    this.#writing = file;
  }

  #synced(fd: number): void {
    const opened = this.#open.get(fd);
    if (opened === undefined) return;
    const { file, path } = opened;
    this.#journal = new Map(this.#names);
    if (file !== 'folder') {
      file.synced = file.writes.length;
      return;
    }
    const isIn = (name: string) => dirname(name) === path;
    for (const name of [...this.#durable.keys()].filter(isIn)) this.#durable.delete(name);
    for (const [name, found] of this.#names) if (isIn(name)) this.#durable.set(name, found);
  }

  #linked(path: string, to: string): void {
    const file = this.#names.get(path);
    if (file === undefined) throw new Error(`given another name without being there: ${path}`);
    this.#names.set(to, file);
  }

  /** What a crash now may leave. */
  after(model: Model): CrashState {
    const names = model === 'journal' ? this.#journal : model === 'strict' ? this.#durable : this.#names;
    const kept = [...names].filter(([path]) => this.#isReachable(path, names)).sort(([a], [b]) => (a < b ? -1 : 1));
    const shapes = kept.map(([path, file]) => ({
      path,
      file,
      shape: file === 'folder' ? undefined : this.#shape(file, model),
    }));
    const key = shapes
      .map(({ path, file, shape }) => (file === 'folder' ? path : `${path}=${file.id}:${shape?.key}`))
      .join('\n');
    return { key, contents: () => shapes.map(({ path, shape }) => [path, shape?.bytes()]) };
  }

  #isReachable(path: string, names: Names): boolean {
    return path === this.#folder || (names.has(dirname(path)) && this.#isReachable(dirname(path), names));
  }

  /** The bytes of a file after a crash, made only when asked for, and a key for them. Writes are only ever added: counts say enough. */
  #shape(file: File, model: Model): { key: string; bytes: () => Uint8Array } {
    const { writes, synced, size } = file;
    const count = writes.length;
    const last = writes[count - 1];
    const part = TORN[model];
    if (part !== undefined && last !== undefined && file === this.#writing) {
      const cut = part(last.bytes.length);
      const torn = { at: last.at, bytes: last.bytes.subarray(0, cut) };
      return { key: `${count}/${cut}`, bytes: () => lay([...writes.slice(0, count - 1), torn], 0) };
    }
    if (model === 'kill' || part !== undefined) return { key: `${count}`, bytes: () => lay(writes.slice(0, count), 0) };
    const zeros = model === 'zeros' && synced < count && size > sizeOf(writes.slice(0, synced));
    return { key: `${synced}${zeros ? `+${size}` : ''}`, bytes: () => lay(writes.slice(0, synced), zeros ? size : 0) };
  }
}

function sizeOf(writes: readonly Write[]): number {
  return writes.reduce((size, { at, bytes }) => Math.max(size, at + bytes.length), 0);
}

/** The writes one over the other, zeros where there was none, at least so long. */
function lay(writes: readonly Write[], atLeast: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(atLeast, sizeOf(writes)));
  for (const write of writes) bytes.set(write.bytes, write.at);
  return bytes;
}
