// Test support: keys, a log that signs and proves by the bare definitions, and an Http port without sockets.
// Proofs here come from the recursive definition of the tree over the leaf hashes, not from tiles: a second, independent origin.

import { ed25519 } from '@noble/curves/ed25519.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concat, utf8Encode } from '../core/bytes.ts';
import { formatCheckpoint } from '../core/checkpoint.ts';
import { EMPTY_ROOT, type Hash, leafHash, nodeHash, sha256, splitPoint } from '../core/hash.ts';
import { formatNote, formatSignatureLine, type KeyType, vkeyOf } from '../core/note.ts';
import { consistencySubtrees, type Subtree, subtreeConsistencySubtrees } from '../core/proof.ts';
import { type Signer, signNote } from '../core/signature.ts';
import type { Http, LogSource, SignedHead } from '../log/ports.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { memoryStores } from '../store/memory.ts';
import type { ProtocolAnswer } from './answer.ts';
import type { WitnessEvent } from './events.ts';
import { formatAddCheckpoint, originHash } from './request.ts';
import { Witness } from './service.ts';

export const ORIGIN = 'ledger.test.example';

/** A real key of this name and type, always the same. */
export function testSigner(name: string, type: KeyType): Signer {
  const seed = sha256(utf8Encode(`${name} ${type}`));
  if (type === 0x06) {
    const { publicKey, secretKey } = ml_dsa44.keygen(seed);
    return { key: vkeyOf(name, type, publicKey), sign: async (message) => ml_dsa44.sign(message, secretKey) };
  }
  const key = vkeyOf(name, type, ed25519.getPublicKey(seed));
  return { key, sign: async (message) => ed25519.sign(message, seed) };
}

/** Both cosigner keys of a court or mirror. */
export function testCosigner(name: string): Signer[] {
  return [testSigner(name, 0x04), testSigner(name, 0x06)];
}

/** A log in memory. `salt` makes another history of the same log. */
export class TestLog {
  readonly signer: Signer;
  readonly entries: Uint8Array[] = [];
  readonly #salt: string;
  readonly #hashes: Hash[] = [];
  readonly #roots = new Map<string, Hash>();
  readonly #notes = new Map<number, string>();

  constructor(origin = ORIGIN, salt = 'entry') {
    this.signer = testSigner(origin, 0x01);
    this.#salt = salt;
  }

  get origin(): string {
    return this.signer.key.name;
  }

  /** Appends entries of differing lengths until there are `size`. */
  grow(size: number): this {
    while (this.entries.length < size)
      this.append(utf8Encode(`${this.#salt} ${this.entries.length} `.repeat(1 + (this.entries.length % 3))));
    return this;
  }

  append(entry: Uint8Array): void {
    this.entries.push(entry);
    this.#hashes.push(leafHash(entry));
  }

  /** MTH of the leaves [lo, hi), word for word. */
  root(lo: number, hi: number): Hash {
    if (lo === hi) return EMPTY_ROOT;
    if (hi - lo === 1) return this.#hashes[lo] as Hash;
    const key = `${lo},${hi}`;
    const middle = lo + splitPoint(hi - lo);
    const root = this.#roots.get(key) ?? nodeHash(this.root(lo, middle), this.root(middle, hi));
    this.#roots.set(key, root);
    return root;
  }

  #proof(subtrees: readonly Subtree[]): Hash[] {
    return subtrees.map(({ lo, hi }) => this.root(lo, hi));
  }

  consistency(oldSize: number, newSize: number): Hash[] {
    return this.#proof(consistencySubtrees(oldSize, newSize));
  }

  subtreeProof(lo: number, hi: number, size: number): Hash[] {
    return this.#proof(subtreeConsistencySubtrees(lo, hi, size));
  }

  /** The checkpoint of this size as the log signs it. */
  async head(size: number, extensions: readonly string[] = [], root = this.root(0, size)): Promise<SignedHead> {
    const checkpoint = { origin: this.origin, size, root, extensions };
    const text = formatCheckpoint(checkpoint);
    return { note: formatNote({ text, signatures: [await signNote(text, this.signer)] }), checkpoint };
  }

  /** The body of an honest add-checkpoint. Made once: signing is slow. */
  async request(oldSize: number, size: number): Promise<Uint8Array> {
    const note = this.#notes.get(size) ?? (await this.head(size)).note;
    this.#notes.set(size, note);
    return formatAddCheckpoint({ oldSize, proof: oldSize === 0 ? [] : this.consistency(oldSize, size), note });
  }

  /** What a cosigner's client gets from the log. */
  get source(): LogSource {
    return {
      consistencyProof: async (oldSize, newSize) => this.consistency(oldSize, newSize),
      subtreeProof: async (lo, hi, size) => this.subtreeProof(lo, hi, size),
      entries: async (lo, hi) => this.entries.slice(lo, hi),
    };
  }
}

/** A signature line of a key that nobody knows. */
export async function strangersLine(text: string): Promise<string> {
  return formatSignatureLine(await signNote(text, testSigner('stranger.example', 0x01)));
}

/** A clock that a test sets. */
export interface TestClock {
  (): number;
  ms: number;
}

export function testClock(ms = Date.UTC(2026, 0, 1)): TestClock {
  const clock: TestClock = Object.assign(() => clock.ms, { ms });
  return clock;
}

type Handler = (body: AsyncIterable<Uint8Array>) => Promise<ProtocolAnswer>;

/** An Http port that calls handlers by method and path, as in `POST /witness/add-checkpoint`. Other paths are 404. */
export function inProcessHttp(handlers: Record<string, Handler>): Http {
  return async ({ method, url, body }) => {
    const path = url.replace(/^http:\/\/[^/]+/, '');
    const handler = handlers[`${method} ${path}`];
    if (handler === undefined) return { status: 404, headers: {}, body: utf8Encode('no such path\n') };
    const { status, contentType, body: answer } = await handler(chunksOf(body ?? new Uint8Array(0)));
    return {
      status,
      headers: { 'content-type': contentType },
      body: typeof answer === 'string' ? utf8Encode(answer) : answer,
    };
  };
}

/** The bytes in pieces, the first ones very small. */
export async function* chunksOf(body: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (!(body instanceof Uint8Array)) {
    yield* body;
    return;
  }
  for (let at = 0, length = 1; at < body.length; at += length, length *= 2) yield body.subarray(at, at + length);
}

/** The whole body. */
export async function gather(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return concat(...parts);
}

/** The text of an answer. */
export function bodyText(answer: ProtocolAnswer): string {
  return typeof answer.body === 'string' ? answer.body : new TextDecoder().decode(answer.body);
}

/** The court of the tests: Ed25519 and ML-DSA-44. */
export const COURT = testCosigner('court-1.test.example');
export const COURT_KEYS = COURT.map((signer) => signer.key);

/** The log of all benches, and another history of the same log. Nobody appends to them. */
const LOG = new TestLog().grow(40);
const FORK = new TestLog(ORIGIN, 'fork').grow(40);

/** A court over one log, and everything around it. */
export class WitnessBench {
  readonly log = LOG;
  readonly fork = FORK;
  readonly clock = testClock();
  readonly events: WitnessEvent[] = [];
  stores: KeyedStores;
  witness!: Witness;

  private constructor(stores: KeyedStores) {
    this.stores = stores;
  }

  static async open(stores = memoryStores(), signers = COURT): Promise<WitnessBench> {
    const bench = new WitnessBench(stores);
    await bench.reopen(signers);
    return bench;
  }

  /** Starts the court again on the same stores. */
  async reopen(signers = COURT, keys = [this.log.signer.key]): Promise<void> {
    this.witness = await this.another(signers, keys);
  }

  /** A second court process on the same stores. */
  another(signers = COURT, keys = [this.log.signer.key]): Promise<Witness> {
    return Witness.open({
      logs: [{ origin: ORIGIN, keys }],
      signers,
      heads: (hash) => this.stores.heads(hash),
      cosigned: this.stores.index('cosigned'),
      clock: this.clock,
      onEvent: (event) => this.events.push(event),
    });
  }

  /** Follows the log honestly. */
  async follow(oldSize: number, size: number): Promise<ProtocolAnswer> {
    return this.witness.addCheckpoint(await this.log.request(oldSize, size));
  }

  send(text: string): Promise<ProtocolAnswer> {
    return this.witness.addCheckpoint(utf8Encode(text));
  }

  monitor(): Promise<ProtocolAnswer> {
    return this.witness.checkpoint(originHash(ORIGIN));
  }

  inconsistencies(): WitnessEvent[] {
    return this.events.filter(({ kind }) => kind === 'inconsistent');
  }
}

/** The sizes of all heads of a court, in order. */
export async function headSizes(stores: KeyedStores): Promise<number[]> {
  const heads = stores.heads(originHash(ORIGIN));
  const count = ((await heads.latest())?.number ?? -1) + 1;
  const found = await Promise.all(Array.from({ length: count }, (_, number) => heads.get(number)));
  return found.map((bytes) => Number(new TextDecoder().decode(bytes).split('\n')[2]));
}

/** Whether any head is smaller than the one before it. */
export function goesBack(sizes: readonly number[]): boolean {
  return sizes.some((size, i) => size < (sizes[i - 1] ?? 0));
}
