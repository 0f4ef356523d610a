// The compact range: the roots of the full subtrees of a growing tree, all that is needed to append and to know the root.
// RFC 6962 section 2.1, computed bottom up; hash.ts computes the same root top down from its definition.

import { EMPTY_ROOT, type Hash, nodeHash } from './hash.ts';
import { HASH_BYTES, INDEX_MAX } from './limits.ts';

/**
 * Full subtrees that cover leaves [0, size), left to right, one for each set bit of `size`, largest first.
 * Values are never changed: appending returns a new one.
 */
export interface CompactRange {
  readonly size: number;
  readonly hashes: readonly Hash[];
}

/** The tree without leaves. */
export const EMPTY_RANGE: CompactRange = { size: 0, hashes: [] };

/** The range after one more leaf. */
export function appendLeaf(range: CompactRange, leafHash: Hash): CompactRange {
  if (leafHash.length !== HASH_BYTES) throw new Error('invariant: a leaf hash has 32 bytes');
  if (range.size >= INDEX_MAX) throw new Error('invariant: the tree is full');
  const hashes = [...range.hashes];
  let node = leafHash;
  // Each trailing set bit of the size is a full subtree of the same height as `node`: they become one.
  for (let rest = range.size; rest % 2 === 1; rest = (rest - 1) / 2) {
    const left = hashes.pop();
    if (left === undefined) throw new Error('invariant: one hash for each set bit of the size');
    node = nodeHash(left, node);
  }
  hashes.push(node);
  return { size: range.size + 1, hashes };
}

/** Root of the tree over leaves [0, size). */
export function rangeRoot(range: CompactRange): Hash {
  return foldRoots(range.hashes);
}

/** Root over adjacent full subtrees of falling size, left to right: the right edge of a tree joined from the right. */
export function foldRoots(hashes: readonly Hash[]): Hash {
  return hashes.length === 0 ? EMPTY_ROOT : hashes.reduceRight((root, hash) => nodeHash(hash, root));
}
