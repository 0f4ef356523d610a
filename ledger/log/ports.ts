// The ports of the ledger's writers: everything that ledger/log, ledger/witness and ledger/mirror may do to the outside.
// Each contract states atomicity, durability and concurrency; ledger/store/contract.ts is the test of these sentences.
// Does not hold any driver, format or rule of the ledger.

import type { Checkpoint } from '../core/checkpoint.ts';
import type { Hash } from '../core/hash.ts';

/** The present, in milliseconds since the epoch (UTC). May jump, also backwards: callers decide what that means. */
export type Clock = () => number;

/**
 * Why a store refused.
 * `conflict`: an immutable name exists with other bytes. `corrupt`: the bytes read back are not the bytes written.
 * `missing`: no such blob. `locked`: another process holds the store. `failed`: the outside failed; a write may or may not have happened.
 */
export type StoreCode = 'conflict' | 'corrupt' | 'missing' | 'locked' | 'failed';

/** The only error a store throws. */
export class StoreError extends Error {
  readonly code: StoreCode;

  constructor(code: StoreCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/**
 * Immutable named bytes: tiles, entry bundles, staging bundles.
 * Trust: not trusted. Who changes it can stop the ledger, not fork it: every tile is checked against a signed head when it is read.
 */
export interface TileStore {
  /** The bytes under a name, or undefined when there are none. @throws StoreError `corrupt` when they fail the store's own checksum. */
  get(name: string): Promise<Uint8Array | undefined>;
  /**
   * Atomic: the whole batch or nothing. Durable (survives a power cut) before it resolves. Create-only: putting the same bytes again does
   * nothing. After any rejection but `conflict` the batch may or may not have happened.
   * @throws StoreError `conflict` when a name exists with other bytes; then nothing of the batch was written.
   */
  put(batch: readonly (readonly [name: string, bytes: Uint8Array])[]): Promise<void>;
  /** Forgets names that are no longer needed; absent names are no error. May be undone by a crash. */
  discard(names: readonly string[]): Promise<void>;
}

/**
 * The numbered signed heads of one log, 0, 1, 2, … without holes; never pruned, never changed.
 * Trust: trusted. A head store that goes back allows a fork, which only the cosigners' memory can then stop.
 */
export interface HeadStore {
  /** The head with the highest number, or undefined when there is none. Sees every create that resolved before the call. */
  latest(): Promise<{ readonly number: number; readonly bytes: Uint8Array } | undefined>;
  /** The head with this number, or undefined. @throws StoreError `corrupt`. */
  get(number: number): Promise<Uint8Array | undefined>;
  /**
   * Compare-and-swap by creating the next number: among all concurrent callers, in all processes, at most one ever gets true for a number.
   * True: durable. False: that number exists, with whatever bytes. A rejection is ambiguous: it may have happened.
   */
  create(number: number, bytes: Uint8Array): Promise<boolean>;
}

/**
 * Ordered keys and values that can be rebuilt or are not the ledger. Keys are ordered as UTF-8 bytes.
 * Trust: what it holds is checked again, or is not evidence.
 */
export interface IndexStore {
  /** @throws StoreError `corrupt`. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Atomic and durable before it resolves; value undefined = delete. Writes of concurrent callers take effect in call order. A rejection is ambiguous. */
  write(batch: readonly (readonly [key: string, value: Uint8Array | undefined])[]): Promise<void>;
  /** Entries with gte <= key < lt in key order (or the reverse), at most `limit` of them. A snapshot taken when iteration starts. */
  scan(range: {
    readonly gte: string;
    readonly lt: string;
    readonly limit?: number;
    readonly reverse?: boolean;
  }): AsyncIterable<[key: string, value: Uint8Array]>;
}

/**
 * Evidence bytes under a random name that the store makes up: 32 lower-case hex digits, never anything a user chose.
 * Trust: not trusted. Whoever reads compares with the digests in the record.
 */
export interface BlobStore {
  /** A new blob. Nothing can be read under its name before `commit`. */
  create(): Promise<BlobWriter>;
  /** The bytes, or those in [start, end). @throws StoreError `missing`. */
  read(name: string, range?: { readonly start: number; readonly end: number }): Promise<AsyncIterable<Uint8Array>>;
  /** Removes the blob for good; a missing one is no error. */
  delete(name: string): Promise<void>;
}

/** One blob being written, by one caller, one call after the other. Ends with exactly one `commit` or `abort`. */
export interface BlobWriter {
  readonly name: string;
  write(chunk: Uint8Array): Promise<void>;
  /** Durable, with all bytes written so far, before it resolves. */
  commit(): Promise<void>;
  /** Leaves nothing behind. Does nothing after `commit`. */
  abort(): Promise<void>;
}

/** A tree head that the log has signed. `note` is the whole signed note, `checkpoint` what it says. */
export interface SignedHead {
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

/** What a cosigner's client needs from the log to build its request. Every answer is already checked against the head. */
export interface LogSource {
  /** From oldSize to newSize, both at most the head's size (RFC 6962 2.1.2). */
  consistencyProof(oldSize: number, newSize: number): Promise<Hash[]>;
  /** Of the subtree [lo, hi) in the tree of `size` (MTC draft 4.4). */
  subtreeProof(lo: number, hi: number, size: number): Promise<Hash[]>;
  /** The entries [lo, hi). */
  entries(lo: number, hi: number): Promise<Uint8Array[]>;
}

/** Someone who cosigns heads: a court (witness) or an arbitration mirror. One object per policy member, e.g. `court-1`. */
export interface Cosigner {
  readonly name: string;
  /** Its cosignature lines over this head's checkpoint. The caller verifies them. Rejects when it refuses or cannot be reached. */
  cosign(head: SignedHead, source: LogSource): Promise<string>;
  /**
   * The latest checkpoint note that it shows, with its cosignature; undefined when it shows none of this log. Rejects when it cannot be
   * reached, and, asked with a head of ours, when it says that it has cosigned more than that and does not show it.
   */
  latest(own?: SignedHead): Promise<string | undefined>;
}

/**
 * One HTTP exchange. Times in ms. Rejects on timeout, when its signal is aborted, on a connection that fails, and on a body above
 * `responseBytesMax`; nothing more is sent then.
 */
export type Http = (request: {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
  readonly signal?: AbortSignal;
  /** Called for every part of the answer that comes. */
  readonly onAnswerPart?: () => void;
}) => Promise<{
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}>;
