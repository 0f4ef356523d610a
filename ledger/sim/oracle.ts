// The eight invariants, checked against everything that becomes durable on any disk and everything that leaves any process.
// Keeps its own tree of the entries, by the compact range alone, and believes no size, root or time that it has not seen itself.

import { formatBundle } from '../core/bundle.ts';
import { decimal, equal, hexEncode, readUint64, utf8Decode } from '../core/bytes.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../core/checkpoint.ts';
import { leafHash } from '../core/hash.ts';
import { TILE_WIDTH } from '../core/limits.ts';
import { parseNote, parseSignatureLines } from '../core/note.ts';
import { appendLeaf, type CompactRange, EMPTY_RANGE, rangeRoot } from '../core/range.ts';
import { formatTilePath } from '../core/tile.ts';
import { parseHeadRecord } from '../log/head-record.ts';
import { receivedMsOf } from '../log/pool.ts';
import { entriesOf, parseStaged } from '../log/staging.ts';
import type { Write } from '../store/key-value.ts';
import { originHash } from '../witness/request.ts';
import { parseRemembered } from '../witness/state.ts';
import type { SimDisk } from './disk.ts';
import { ORIGIN } from './keys.ts';

export type Invariant =
  | 'append-only'
  | 'one root per size'
  | 'acknowledged in tree'
  | 'cosigned <= stored'
  | 'no decreasing time'
  | 'receipts honoured'
  | 'mirror root = log root'
  | 'restart idempotent';

/** What went wrong first. Beside the invariants: a process that ends for another reason than its disk, or never gets well again. */
export interface Violation {
  readonly invariant: Invariant | 'no unexplained end' | 'heals';
  readonly detail: string;
}

/** Prefixes of the platform's stores, as in server/wiring.ts. */
export const PLATFORM = 'platform';
export const LOG_PREFIX = 'ledger';
export const DEPOSITS_PREFIX = 'deposits';

const HASH = originHash(ORIGIN);
const LOG_HEADS = `heads!${LOG_PREFIX}!`;
/** Where a court, or a mirror, keeps what it cosigns; and where a mirror keeps what it may upload towards. */
const COSIGNED_HEADS = [`heads!${HASH}!`, `heads!mirrored-${HASH}!`];
const PENDING_HEADS = `heads!pending-${HASH}!`;

/** What is known of one cosigner. */
interface Followed {
  /** Text of the latest durable checkpoint, and its size. */
  readonly text: string;
  readonly size: number;
  readonly timeSeconds: number;
  /** Time of the latest cosignature that left it. */
  readonly sentSeconds: bigint;
  /** Entries whose durable copy was compared. */
  readonly compared: number;
}

export class Oracle {
  /** The first violation. */
  violation: Violation | undefined;
  #entries: Uint8Array[] = [];
  #indexes = new Map<string, number>();
  #ranges: CompactRange[] = [EMPTY_RANGE];
  #heads: Uint8Array[] = [];
  #roots = new Map<number, string>();
  #cosigners = new Map<string, Followed>();
  /** Receipts whose entry is not on the ledger yet: hex of the entry, and the id of the deposit. */
  #owed = new Map<string, string>();
  #sealedMs = 0;
  #receivedMs = 0;

  /** Another that goes on with what this one has seen. */
  copy(): Oracle {
    const copy = new Oracle();
    copy.#entries = [...this.#entries];
    copy.#indexes = new Map(this.#indexes);
    copy.#ranges = [...this.#ranges];
    copy.#heads = [...this.#heads];
    copy.#roots = new Map(this.#roots);
    copy.#cosigners = new Map(this.#cosigners);
    copy.#owed = new Map(this.#owed);
    copy.#sealedMs = this.#sealedMs;
    copy.#receivedMs = this.#receivedMs;
    return copy;
  }

  /** Entries on the ledger. */
  get size(): number {
    return this.#entries.length;
  }

  violate(invariant: Violation['invariant'], detail: string): void {
    this.violation ??= { invariant, detail };
  }

  /** These writes are durable now. */
  durable(process: string, disk: SimDisk, writes: readonly Write[]): void {
    for (const [key, value] of writes) {
      if (value === undefined || !key.startsWith('heads!')) continue;
      if (key.startsWith(LOG_HEADS)) this.#logHead(Number(key.slice(LOG_HEADS.length)), value, disk);
      else if (COSIGNED_HEADS.some((prefix) => key.startsWith(prefix))) this.#cosignedHead(process, value, disk, key);
      else if (key.startsWith(PENDING_HEADS)) this.#checkpoint(`${process} keeps`, parseRemembered(value).checkpoint);
    }
  }

  /** A note leaves a process. */
  note(what: string, text: string): void {
    this.#checkpoint(what, parseCheckpoint(parseNote(text).text));
  }

  /** A cosigner is about to sign this message, of type 0x04. */
  cosigns(process: string, message: Uint8Array): void {
    const [, timeLine = '', ...body] = (utf8Decode(message) ?? '').split('\n');
    const text = body.join('\n');
    const stored = this.#cosigners.get(process);
    if (stored === undefined || stored.text !== text) {
      const { size } = parseCheckpoint(text);
      this.violate('cosigned <= stored', `${process} signs size ${size}, durable is ${stored?.size ?? 'nothing'}`);
    }
    const timeSeconds = decimal(timeLine.slice('time '.length)) ?? 0;
    if (stored !== undefined && timeSeconds < stored.timeSeconds) {
      this.violate('no decreasing time', `${process} signs at ${timeSeconds}, after ${stored.timeSeconds}`);
    }
  }

  /** Cosignature lines leave a cosigner. */
  cosigned(process: string, lines: string): void {
    for (const { signature } of parseSignatureLines(lines)) {
      const cosigner = this.#cosigners.get(process);
      const sentSeconds = readUint64(signature, 0);
      if (cosigner === undefined) {
        this.violate('cosigned <= stored', `${process} has nothing stored`);
        return;
      }
      if (sentSeconds < cosigner.sentSeconds) {
        this.violate('no decreasing time', `${process} cosigned at ${cosigner.sentSeconds}, now at ${sentSeconds}`);
      }
      this.#cosigners.set(process, { ...cosigner, sentSeconds });
    }
  }

  /** The log told its owner that an entry is on the ledger. */
  acknowledged(index: number, entry: Uint8Array | undefined): void {
    const found = this.#entries[index];
    if (found === undefined || entry === undefined || !equal(found, entry)) {
      this.violate('acknowledged in tree', `entry ${index} of ${this.size} was acknowledged and is not there`);
    }
  }

  /** The owner sends a receipt. */
  receipted(id: string, entry: Uint8Array, disk: SimDisk): void {
    const hex = hexEncode(entry);
    if (this.#indexes.has(hex)) return;
    this.#owed.set(hex, id);
    this.#checkReceipt(id, disk);
  }

  /** A process has ended, and its disk has made up its mind. */
  afterCrash(process: string, disk: SimDisk): void {
    if (process !== PLATFORM) return;
    const last = this.#heads.length - 1;
    if (last >= 0 && !disk.durable.has(LOG_HEADS + String(last).padStart(16, '0'))) {
      this.violate('append-only', `head ${last} was durable and is gone`);
    }
    for (const id of this.#owed.values()) this.#checkReceipt(id, disk);
  }

  /** How many receipts are still to be honoured. */
  get owed(): number {
    return this.#owed.size;
  }

  /** What a cosigner has durably cosigned. */
  sizeOf(cosigner: string): number | undefined {
    return this.#cosigners.get(cosigner)?.size;
  }

  /** A deposit with a receipt that is not on the ledger waits on the disk, to be fed again. */
  #checkReceipt(id: string, disk: SimDisk): void {
    if (disk.durable.has(`index!${DEPOSITS_PREFIX}!pending/${id}`)) return;
    this.violate('receipts honoured', `the deposit ${id} has a receipt, and is neither on the ledger nor waiting`);
  }

  #logHead(number: number, bytes: Uint8Array, disk: SimDisk): void {
    const known = this.#heads[number];
    if (known !== undefined || number !== this.#heads.length) {
      this.violate('append-only', `head ${number} is written where ${this.#heads.length} heads were`);
      return;
    }
    this.#heads.push(bytes);
    const { sealedMs, staging, note } = parseHeadRecord(bytes);
    if (sealedMs < this.#sealedMs) {
      this.violate('no decreasing time', `head ${number} is sealed ${this.#sealedMs - sealedMs} ms before the last`);
    }
    this.#sealedMs = sealedMs;
    if (staging !== undefined) this.#append(`tiles!${LOG_PREFIX}!${staging}`, disk);
    const checkpoint = parseCheckpoint(parseNote(note).text);
    this.#checkpoint(`head ${number} has`, checkpoint);
    if (checkpoint.size !== this.size) {
      this.violate('append-only', `head ${number} has size ${checkpoint.size}, its entries are ${this.size}`);
    }
  }

  #append(key: string, disk: SimDisk): void {
    const bytes = disk.durable.get(key);
    if (bytes === undefined) {
      this.violate('append-only', `a head is durable and its ${key} is not`);
      return;
    }
    const staged = parseStaged(bytes);
    if (staged.oldSize !== this.size) {
      this.violate('append-only', `a step from size ${staged.oldSize} is applied at size ${this.size}`);
      return;
    }
    for (const entry of entriesOf(staged)) {
      const hex = hexEncode(entry);
      if (this.#indexes.has(hex)) this.violate('receipts honoured', `an entry is twice on the ledger, at ${this.size}`);
      this.#indexes.set(hex, this.size);
      this.#owed.delete(hex);
      const receivedMs = receivedMsOf(entry);
      if (receivedMs < this.#receivedMs) {
        this.violate('no decreasing time', `entry ${this.size} was received before entry ${this.size - 1}`);
      }
      this.#receivedMs = receivedMs;
      this.#entries.push(entry);
      this.#ranges.push(appendLeaf(this.#ranges.at(-1) ?? EMPTY_RANGE, leafHash(entry)));
    }
  }

  /** One size has one root wherever it is seen, and the root is that of the entries on the ledger. */
  #checkpoint(what: string, { size, root }: Checkpoint): void {
    const hex = hexEncode(root);
    const seen = this.#roots.get(size) ?? hex;
    this.#roots.set(size, seen);
    if (seen !== hex) this.violate('one root per size', `${what} another root of size ${size}`);
    const range = this.#ranges[size];
    if (range === undefined) this.violate('append-only', `${what} size ${size}, the ledger has ${this.size}`);
    else if (!equal(rangeRoot(range), root)) this.violate('append-only', `${what} a root of ${size} that is not ours`);
  }

  #cosignedHead(process: string, bytes: Uint8Array, disk: SimDisk, key: string): void {
    const { checkpoint, timeSeconds } = parseRemembered(bytes);
    const before = this.#cosigners.get(process) ?? { timeSeconds: 0, sentSeconds: 0n, size: 0, compared: 0 };
    this.#checkpoint(`${process} stores`, checkpoint);
    if (checkpoint.size < before.size) this.violate('append-only', `${process} goes back to ${checkpoint.size}`);
    if (timeSeconds < before.timeSeconds) this.violate('no decreasing time', `${process} goes back to ${timeSeconds}`);
    const isMirror = key.includes('mirrored');
    if (isMirror) this.#compareCopy(process, disk, before.compared, checkpoint.size);
    const compared = isMirror ? checkpoint.size : 0;
    const { size } = checkpoint;
    this.#cosigners.set(process, { ...before, size, timeSeconds, compared, text: formatCheckpoint(checkpoint) });
  }

  /** A mirror's durable bundles are the ledger's entries, up to the size that it is about to cosign. */
  #compareCopy(process: string, disk: SimDisk, from: number, size: number): void {
    for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < size; index++) {
      const start = index * TILE_WIDTH;
      const width = Math.min(TILE_WIDTH, size - start);
      const path = formatTilePath({ level: 'entries', index, width });
      const bundle = disk.durable.get(`tiles!${HASH}!${path}`);
      const expected = formatBundle(this.#entries.slice(start, start + width));
      if (bundle === undefined || !equal(bundle, expected)) {
        this.violate('mirror root = log root', `${process} stores size ${size} without the ledger's ${path}`);
      }
    }
  }
}
