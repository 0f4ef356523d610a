// What a cosigner remembers of one log: the checkpoints it has accepted, numbered, each checked against the one before.
// c2sp.org/tlog-witness, "add-checkpoint": "checking the old size … and persisting the new checkpoint must be performed atomically".
// What may follow what is checked in check.ts.

import { decimal, equal, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../core/checkpoint.ts';
import { parseNote } from '../core/note.ts';
import type { HeadStore } from '../log/ports.ts';

/** An accepted checkpoint: the log's signed note (no other signatures) and what it says. */
export interface Accepted {
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

/** An accepted checkpoint as remembered. */
export interface Remembered extends Accepted {
  /** When it was accepted or cosigned, seconds since the epoch. */
  readonly timeSeconds: number;
}

/** A remembered checkpoint and its number. */
export interface Head extends Remembered {
  readonly number: number;
}

/** The checkpoints of one log, each on top of the one it was checked against. */
export class Heads {
  readonly #store: HeadStore;

  constructor(store: HeadStore) {
    this.#store = store;
  }

  /** The latest checkpoint, or undefined when the log was never seen. */
  async latest(): Promise<Head | undefined> {
    const head = await this.#store.latest();
    return head === undefined ? undefined : { number: head.number, ...parseRemembered(head.bytes) };
  }

  /** The latest `count` checkpoints, oldest first. */
  async recent(count: number): Promise<Head[]> {
    const latest = await this.latest();
    if (latest === undefined) return [];
    const heads = [latest];
    for (let number = latest.number - 1; number >= 0 && heads.length < count; number--) {
      const bytes = await this.#store.get(number);
      if (bytes === undefined) throw new Error(`invariant: head ${number} is missing among heads without holes`);
      heads.push({ number, ...parseRemembered(bytes) });
    }
    return heads.reverse();
  }

  /**
   * Puts a checkpoint on top of the head it was checked against. The check and this are atomic together, in all processes:
   * it happens only when `below` is still the latest.
   * @returns true when durable; false when another came first, then the check must be made again
   */
  append(below: Head | undefined, next: Remembered): Promise<boolean> {
    return this.#store.create(below === undefined ? 0 : below.number + 1, formatRemembered(next));
  }
}

/** Whether both are signed notes of one checkpoint text, extension lines included. */
export function sameCheckpoint(a: Accepted, b: Accepted): boolean {
  return formatCheckpoint(a.checkpoint) === formatCheckpoint(b.checkpoint);
}

/** Whether the later checkpoint can be at or after the earlier one, as far as sizes and roots tell. */
export function follows(earlier: Checkpoint, later: Checkpoint | undefined): boolean {
  if (later === undefined || later.size < earlier.size) return false;
  return later.size > earlier.size || equal(later.root, earlier.root);
}

/** A line with the time in seconds, then the signed note. */
export function formatRemembered(remembered: Remembered): Uint8Array {
  return utf8Encode(`${remembered.timeSeconds}\n${remembered.note}`);
}

/** Reads what formatRemembered wrote. The store has its own checksum: anything else is a broken invariant. */
export function parseRemembered(bytes: Uint8Array): Remembered {
  const text = utf8Decode(bytes) ?? '';
  const end = text.indexOf('\n');
  const timeSeconds = decimal(text.slice(0, Math.max(end, 0)));
  if (timeSeconds === undefined) throw new Error('invariant: a remembered checkpoint starts with its time');
  const note = text.slice(end + 1);
  return { timeSeconds, note, checkpoint: parseCheckpoint(parseNote(note).text) };
}

/** Runs tasks of one log one after the other, in call order. A task that fails does not stop the next. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
