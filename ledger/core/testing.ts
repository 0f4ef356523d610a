// What the tests and the fixture generator of the ledger share: refusals as values, keys from a seed, trees held in memory.
// Not part of the product; everything here is deterministic.

import { ed25519 } from '@noble/curves/ed25519.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { formatBundle } from './bundle.ts';
import { concat, utf8Encode } from './bytes.ts';
import { type LedgerCode, LedgerError } from './errors.ts';
import { EMPTY_ROOT, type Hash, leafHash, nodeHash, splitPoint, treeRoot } from './hash.ts';
import { HASH_BYTES, TILE_WIDTH } from './limits.ts';
import { type KeyType, vkeyOf } from './note.ts';
import { isSubtree, type Subtree } from './proof.ts';
import type { Signer } from './signature.ts';
import type { FetchTile, TreeHead } from './tile-reader.ts';

/** What came of an input: accepted, or refused with this code. */
export type Verdict = 'accepted' | LedgerCode;

/** The verdict of a check or parser. Anything thrown that is not a LedgerError is a bug and goes on up. */
export function verdict(run: () => unknown): Verdict {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return codeOf(error);
  }
}

/** The verdict of an asynchronous one. */
export async function verdictOf(run: () => Promise<unknown>): Promise<Verdict> {
  try {
    await run();
    return 'accepted';
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): LedgerCode {
  if (error instanceof LedgerError) return error.code;
  throw error;
}

/** A signer whose key follows from `seedByte`; its signatures are deterministic. */
export function testSigner(name: string, type: KeyType, seedByte: number): Signer {
  const seed = new Uint8Array(32).fill(seedByte);
  if (type === 0x06) {
    const { publicKey, secretKey } = ml_dsa44.keygen(seed);
    const sign = (message: Uint8Array) => ml_dsa44.sign(message, secretKey, { extraEntropy: false });
    return { key: vkeyOf(name, type, publicKey), sign: async (message) => sign(message) };
  }
  return {
    key: vkeyOf(name, type, ed25519.getPublicKey(seed)),
    sign: async (message) => ed25519.sign(message, seed),
  };
}

/** The same bytes with one bit of one byte turned. */
export function flipped(bytes: Uint8Array, at: number, bit = 0): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

/**
 * Requires that a proof is refused with one bit of any of its hashes turned (the bit moves, so all are met), with a hash missing
 * at either end, and with one more at either end.
 */
export function expectRefusals(proof: readonly Hash[], check: (proof: Hash[]) => void, what: string): void {
  const turned = proof.map((hash, i) => proof.with(i, flipped(hash, (proof.length * 7 + i) % HASH_BYTES, i % 8)));
  const shorter = proof.length === 0 ? [] : [proof.slice(1), proof.slice(0, -1)];
  const cut = [...shorter, [...proof, EMPTY_ROOT], [EMPTY_ROOT, ...proof]];
  const verdicts = [...turned, ...cut].map((changed) => verdict(() => check(changed)));
  const expected = [...turned.map(() => 'proof-bad'), ...cut.map(() => 'proof-malformed')];
  if (verdicts.join() !== expected.join()) throw new Error(`${what}: ${verdicts.join()}`);
}

/** Every subtree [lo, hi) of a tree of `size`. */
export function* subtreesOf(size: number): Generator<[lo: number, hi: number]> {
  for (let hi = 0; hi <= size; hi++) {
    for (let lo = 0; lo <= hi; lo++) if (isSubtree(lo, hi)) yield [lo, hi];
  }
}

/** A whole tree in memory. Its roots follow the recursive definition of RFC 6962, each computed once. */
export class TestTree {
  readonly entries: readonly Uint8Array[];
  readonly leaves: readonly Hash[];
  readonly #roots = new Map<string, Hash>();

  constructor(size: number, entryOf: (index: number) => Uint8Array = (index) => utf8Encode(`entry ${index}`)) {
    this.entries = Array.from({ length: size }, (_, index) => entryOf(index));
    this.leaves = this.entries.map(leafHash);
  }

  root(lo: number, hi: number): Hash {
    if (hi - lo < 2) return treeRoot(this.leaves.slice(lo, hi));
    const key = `${lo} ${hi}`;
    const middle = lo + splitPoint(hi - lo);
    const root = this.#roots.get(key) ?? nodeHash(this.root(lo, middle), this.root(middle, hi));
    this.#roots.set(key, root);
    return root;
  }

  roots(subtrees: readonly Subtree[]): Hash[] {
    return subtrees.map(({ lo, hi }) => this.root(lo, hi));
  }

  head(size: number = this.leaves.length): TreeHead {
    return { size, root: this.root(0, size) };
  }

  /** Serves every tile and bundle of this tree, and of each smaller one. */
  readonly fetch: FetchTile = async ({ level, index, width }) => {
    const first = index * TILE_WIDTH;
    if (level === 'entries') return formatBundle(this.entries.slice(first, first + width));
    const leaves = TILE_WIDTH ** level; // below each hash of the tile
    return concat(
      ...Array.from({ length: width }, (_, i) => this.root((first + i) * leaves, (first + i + 1) * leaves)),
    );
  };
}
