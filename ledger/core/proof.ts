// Inclusion, consistency and subtree proofs: which nodes each consists of, and how each is checked.
// RFC 6962 section 2.1 and draft-ietf-plants-merkle-tree-certs, "Subtrees". Fetching the nodes is tile-reader.ts's task.
//
// Ranges are half-open, [lo, hi). The draft shows that its subtree consistency proof is the general case: of [0, m) it is
// RFC 6962's consistency proof, of [i, i + 1) its audit path. So there is one builder and one check here.

import { equal } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { EMPTY_ROOT, type Hash, nodeHash, splitPoint } from './hash.ts';
import { HASH_BYTES, INDEX_MAX } from './limits.ts';

/** The leaves [lo, hi) of a tree, taken as a tree of their own. */
export interface Subtree {
  readonly lo: number;
  readonly hi: number;
}

/**
 * True when [lo, hi) can be proven consistent with a tree that contains it.
 * MTC draft 4.1: `start` is a multiple of BIT_CEIL(end - start).
 */
export function isSubtree(lo: number, hi: number): boolean {
  if (!isSize(lo) || !isSize(hi) || lo > hi) return false;
  let ceil = 1;
  while (ceil < hi - lo) ceil *= 2; // powers of two stay exact beyond 2^53
  return lo % ceil === 0;
}

/** The nodes of the inclusion proof (RFC 6962's audit path) of leaf `index` in a tree of `size`, in proof order. */
export function inclusionSubtrees(index: number, size: number): Subtree[] {
  return subtreeConsistencySubtrees(index, index + 1, size);
}

/** The nodes of the consistency proof between two sizes of a tree, in proof order; none when oldSize is 0 or newSize. */
export function consistencySubtrees(oldSize: number, newSize: number): Subtree[] {
  return subtreeConsistencySubtrees(0, oldSize, newSize);
}

/**
 * The nodes of the subtree consistency proof of [lo, hi) in a tree of `size`, in proof order. MTC draft 4.4.1.
 * @throws LedgerError proof-malformed when there is no such subtree
 */
export function subtreeConsistencySubtrees(lo: number, hi: number, size: number): Subtree[] {
  requireSubtree(lo, hi, size);
  if (lo === hi) return [];
  const fromRoot: Subtree[] = [];
  let node = { lo: 0, hi: size };
  let start = lo;
  // Walks down to [start, hi), noting the other child at each step.
  while (node.lo !== start || node.hi !== hi) {
    const middle = node.lo + splitPoint(node.hi - node.lo);
    const left = { lo: node.lo, hi: middle };
    const right = { lo: middle, hi: node.hi };
    if (hi <= middle) {
      fromRoot.push(right);
      node = left;
    } else {
      fromRoot.push(left);
      node = right;
      // When the middle splits the subtree itself, its left part is the node just noted; the rest is still to be reached.
      start = Math.max(start, middle);
    }
  }
  // The subtree was split: its last part is a node that the verifier cannot derive from the subtree's hash.
  if (start !== lo) fromRoot.push(node);
  return fromRoot.reverse();
}

/**
 * Checks that leaf `index` has `leafHash` in the tree of `size` with `root`. RFC 6962 section 2.1.1.
 * @throws LedgerError proof-malformed (no such proof: index, size or number of hashes) | proof-bad (another root)
 */
export function checkInclusion(proof: readonly Hash[], index: number, size: number, leafHash: Hash, root: Hash): void {
  checkSubtreeConsistency(proof, index, index + 1, size, leafHash, root);
}

/**
 * Checks that the tree of `newSize` extends the tree of `oldSize`. RFC 6962 section 2.1.2.
 * From size 0 the proof is empty and says nothing about `newRoot`; between equal sizes it is empty and the roots must agree.
 * @throws LedgerError proof-malformed | proof-bad
 */
export function checkConsistency(
  proof: readonly Hash[],
  oldSize: number,
  newSize: number,
  oldRoot: Hash,
  newRoot: Hash,
): void {
  checkSubtreeConsistency(proof, 0, oldSize, newSize, oldRoot, newRoot);
  // The empty subtree says nothing about the tree around it, but two trees of size 0 are one tree.
  if (oldSize === newSize && !equal(oldRoot, newRoot)) throw new LedgerError('proof-bad', 'two roots of one size');
}

/**
 * Checks that leaf `index` has `leafHash` in the subtree [lo, hi) with `root`. MTC draft 4.3.3.
 * @throws LedgerError proof-malformed | proof-bad
 */
export function checkSubtreeInclusion(
  proof: readonly Hash[],
  index: number,
  lo: number,
  hi: number,
  leafHash: Hash,
  root: Hash,
): void {
  requireSubtree(lo, hi, hi);
  checkInclusion(proof, index - lo, hi - lo, leafHash, root);
}

/**
 * Checks that the subtree [lo, hi) with `subtreeRoot` is part of the tree of `size` with `root`. MTC draft 4.4.3.
 * An empty subtree has an empty proof and says nothing about `root`.
 * @throws LedgerError proof-malformed (no such proof) | proof-bad (another root)
 */
export function checkSubtreeConsistency(
  proof: readonly Hash[],
  lo: number,
  hi: number,
  size: number,
  subtreeRoot: Hash,
  root: Hash,
): void {
  requireSubtree(lo, hi, size);
  for (const hash of [...proof, subtreeRoot, root]) {
    if (hash.length !== HASH_BYTES) throw new LedgerError('proof-malformed', `a hash of ${hash.length} bytes`);
  }
  if (lo === hi) {
    if (proof.length !== 0) throw new LedgerError('proof-malformed', 'the proof of an empty subtree is empty');
    if (!equal(subtreeRoot, EMPTY_ROOT)) throw new LedgerError('proof-bad', 'not the root of the empty tree');
    return;
  }
  const derived = deriveRoots(proof, { fn: lo, sn: hi - 1, tn: size - 1 }, subtreeRoot);
  if (!equal(derived.subtreeRoot, subtreeRoot))
    throw new LedgerError('proof-bad', 'the proof gives another subtree root');
  if (!equal(derived.root, root)) throw new LedgerError('proof-bad', 'the proof gives another tree root');
}

/** First leaf of the subtree, its last leaf, and the last leaf of the tree, as node numbers of the level reached (MTC's letters). */
interface Place {
  fn: number;
  sn: number;
  tn: number;
}

/** Both roots that a proof leads to: steps 3 to 8 of MTC draft 4.4.3. Division, because JavaScript shifts cut to 32 bits. */
function deriveRoots(proof: readonly Hash[], place: Place, subtreeRoot: Hash): { subtreeRoot: Hash; root: Hash } {
  // Up to the level where the subtree's last node is a whole node of the tree.
  while (place.fn !== place.sn && (place.sn === place.tn || place.sn % 2 === 1)) up(place);
  const rest = [...proof];
  const seed = place.fn === place.sn ? subtreeRoot : rest.shift();
  if (seed === undefined) throw new LedgerError('proof-malformed', 'the proof is too short');
  let fr = seed;
  let sr = seed;
  for (const hash of rest) {
    if (place.tn === 0) throw new LedgerError('proof-malformed', 'the proof is too long');
    if (place.sn % 2 === 1 || place.sn === place.tn) {
      if (place.fn < place.sn) fr = nodeHash(hash, fr);
      sr = nodeHash(hash, sr);
      while (place.sn % 2 === 0) up(place);
    } else {
      sr = nodeHash(sr, hash);
    }
    up(place);
  }
  if (place.tn !== 0) throw new LedgerError('proof-malformed', 'the proof is too short');
  return { subtreeRoot: fr, root: sr };
}

function up(place: Place): void {
  place.fn = Math.floor(place.fn / 2);
  place.sn = Math.floor(place.sn / 2);
  place.tn = Math.floor(place.tn / 2);
}

function requireSubtree(lo: number, hi: number, size: number): void {
  // SPEC MTC draft 4.4.3: "Check that [start, end) is a valid subtree, and that end <= n."
  if (!isSize(size) || !isSubtree(lo, hi) || hi > size) {
    throw new LedgerError('proof-malformed', `no subtree [${lo}, ${hi}) in a tree of size ${size}`);
  }
}

function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= INDEX_MAX;
}
