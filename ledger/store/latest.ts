// The number of the latest commit, kept outside LevelDB: what tells that commits are missing when LevelDB silently dropped them.
// A file that says what it is, then two slots of 64 bytes written in turn, so that one that a crash cuts short leaves the other:
//
//   This folder holds data: it is never created anew.\n
//   <number, 16 digits> <first 46 hex digits of the SHA-256 of these digits>\n
//   <the same, of the number before or after>\n
//
// Every commit writes its number into the database too. A crash may leave the database one ahead of this file, never behind it:
// behind means that something acknowledged is gone.

import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';
import { concat, equal, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { StoreError } from '../log/ports.ts';

const TITLE = utf8Encode('This folder holds data: it is never created anew.\n');
const SLOT_BYTES = 64;

/** The file, open for one process. */
export class Latest {
  readonly #file: FileHandle;
  #number: number;

  private constructor(file: FileHandle, number: number) {
    this.#file = file;
    this.#number = number;
  }

  /** Makes the file, before the first commit. There whole or not at all; durable once the caller has synced the folder. */
  static async create(path: string): Promise<void> {
    const file = await open(`${path}.new`, 'w', 0o600);
    await file.writeFile(concat(TITLE, formatSlot(0)));
    await file.sync();
    await file.close();
    await rename(`${path}.new`, path);
  }

  /**
   * Opens the file.
   * @param number the latest commit in the database, 0 before the first
   * @throws StoreError corrupt: commits are missing in the database, or the file is not what was written
   */
  static async open(path: string, number: number): Promise<Latest> {
    const bytes = new Uint8Array(await readFile(path));
    // As folders had it before there were numbers: nothing is known of what they should hold.
    if (equal(bytes, TITLE)) await Latest.create(path);
    const noted = equal(bytes, TITLE) ? 0 : numberIn(bytes);
    if (noted === undefined) throw new StoreError('corrupt', `${path} is not what was written`);
    if (number < noted) {
      throw new StoreError('corrupt', `commit ${noted} was acknowledged, the database ends with commit ${number}`);
    }
    return new Latest(await open(path, 'r+'), number);
  }

  /** The latest commit. */
  get number(): number {
    return this.#number;
  }

  /** Notes a commit that is durable in the database. Durable before it resolves: only then may the commit be acknowledged. */
  async note(number: number): Promise<void> {
    await this.#file.write(formatSlot(number), 0, SLOT_BYTES, TITLE.length + (number % 2) * SLOT_BYTES);
    await this.#file.datasync();
    this.#number = number;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** The higher of the two numbers; undefined when no slot can be read. */
function numberIn(bytes: Uint8Array): number | undefined {
  const first = TITLE.length;
  const slots = [bytes.slice(first, first + SLOT_BYTES), bytes.slice(first + SLOT_BYTES)];
  const numbers = slots.map(parseSlot).filter((number) => number !== undefined);
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

function formatSlot(number: number): Uint8Array {
  const digits = String(number).padStart(16, '0');
  const sum = createHash('sha256')
    .update(digits)
    .digest('hex')
    .slice(0, SLOT_BYTES - digits.length - 2);
  return utf8Encode(`${digits} ${sum}\n`);
}

/** undefined for what a crash has cut short, and for what rot has changed. */
function parseSlot(slot: Uint8Array): number | undefined {
  const number = Number((utf8Decode(slot) ?? '').slice(0, 16));
  return Number.isSafeInteger(number) && equal(formatSlot(number), slot) ? number : undefined;
}
