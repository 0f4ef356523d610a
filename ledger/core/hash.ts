// Hashes of the Merkle tree: leaves, nodes, the empty tree, and the root by its definition. RFC 6962 section 2.1, SHA-256.
// The different first byte of leaf and node is what stops a node from being shown as an entry.
// range.ts computes roots a second, independent way; the two must agree before a checkpoint is signed.

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { concat } from './bytes.ts';

/** 32 bytes. */
export type Hash = Uint8Array;

const LEAF_PREFIX = Uint8Array.of(0x00);
const NODE_PREFIX = Uint8Array.of(0x01);

/** SHA-256 of the bytes. */
export function sha256(bytes: Uint8Array): Hash {
  return nobleSha256(bytes);
}

/** Root of the tree without leaves: the hash of the empty string. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array(0));

/** Hash of one entry: SHA-256(0x00 || data). */
export function leafHash(data: Uint8Array): Hash {
  return sha256(concat(LEAF_PREFIX, data));
}

/** Hash of an inner node: SHA-256(0x01 || left || right). */
export function nodeHash(left: Hash, right: Hash): Hash {
  return sha256(concat(NODE_PREFIX, left, right));
}

/** Root over leaf hashes, word for word the recursive definition MTH of RFC 6962. */
export function treeRoot(leafHashes: readonly Hash[]): Hash {
  const first = leafHashes[0];
  if (first === undefined) return EMPTY_ROOT;
  if (leafHashes.length === 1) return first;
  const k = splitPoint(leafHashes.length);
  return nodeHash(treeRoot(leafHashes.slice(0, k)), treeRoot(leafHashes.slice(k)));
}

/** The largest power of two smaller than `size`, for size >= 2: where RFC 6962 splits a tree. */
export function splitPoint(size: number): number {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
}
