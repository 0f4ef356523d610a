/**
 * Proofs in small trees: each is built and accepted, and refused for another index, size or root. That each changed hash is refused
 * is proof-exhaustive.test.ts. The three accumulated values of the MTC draft cover every output up to size 130 in one hash each.
 */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { hexEncode } from './bytes.ts';
import { EMPTY_ROOT, type Hash } from './hash.ts';
import { INDEX_MAX } from './limits.ts';
import {
  checkConsistency,
  checkInclusion,
  checkSubtreeConsistency,
  checkSubtreeInclusion,
  consistencySubtrees,
  inclusionSubtrees,
  isSubtree,
  subtreeConsistencySubtrees,
} from './proof.ts';
import { flipped, subtreesOf, TestTree, verdict } from './testing.ts';

const SIZE_MAX = 130;
const SUBTREE_SIZE_MAX = 70;
const tree = new TestTree(SIZE_MAX + 1, (index) => Uint8Array.of(index));

describe('proof', () => {
  it(`proves every leaf of every size 1..${SIZE_MAX}; refuses other indexes and sizes`, () => {
    for (let size = 1; size <= SIZE_MAX; size++) {
      for (let index = 0; index < size; index++) {
        const proof = tree.roots(inclusionSubtrees(index, size));
        const [leaf, root] = [tree.root(index, index + 1), tree.root(0, size)];
        const what = `${index} of ${size}`;
        checkInclusion(proof, index, size, leaf, root);
        const moved = verdict(() => checkInclusion(proof, (index + 1) % (size + 1), size, leaf, root));
        expect(moved, `${what} as another index`).to.not.equal('accepted');
        const grown = verdict(() => checkInclusion(proof, index, size + 1, leaf, tree.root(0, size + 1)));
        expect(grown, `${what} in a larger tree`).to.not.equal('accepted');
      }
    }
  });

  it(`proves consistency of all sizes m <= n <= ${SIZE_MAX}; refuses other sizes`, () => {
    for (let newSize = 0; newSize <= SIZE_MAX; newSize++) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const proof = tree.roots(consistencySubtrees(oldSize, newSize));
        const [oldRoot, newRoot] = [tree.root(0, oldSize), tree.root(0, newSize)];
        const what = `${oldSize} to ${newSize}`;
        checkConsistency(proof, oldSize, newSize, oldRoot, newRoot);
        if (oldSize === 0 || oldSize === newSize) expect(proof, what).to.have.length(0);
        // From 0 anything is consistent, so only the sizes after it can be told apart.
        if (oldSize > 0) {
          const moved = verdict(() => checkConsistency(proof, oldSize + 1, newSize, oldRoot, newRoot));
          expect(moved, `${what} as ${oldSize + 1}`).to.not.equal('accepted');
        }
      }
    }
  });

  it('refuses other roots, and trees that shrink', () => {
    for (const [oldSize, newSize] of [
      [1, 2],
      [3, 7],
      [6, 8],
      [8, 8],
      [64, 130],
    ] as const) {
      const proof = tree.roots(consistencySubtrees(oldSize, newSize));
      const [oldRoot, newRoot] = [tree.root(0, oldSize), tree.root(0, newSize)];
      const check = (a: Hash, b: Hash) => verdict(() => checkConsistency(proof, oldSize, newSize, a, b));
      expect(check(flipped(oldRoot, 0), newRoot)).to.equal('proof-bad');
      expect(check(oldRoot, flipped(newRoot, 31))).to.equal('proof-bad');
      if (oldSize < newSize) {
        const back = verdict(() => checkConsistency(proof, newSize, oldSize, newRoot, oldRoot));
        expect(back).to.equal('proof-malformed');
      }
    }
    expect(verdict(() => checkConsistency([], 0, 5, tree.root(0, 1), tree.root(0, 5)))).to.equal('proof-bad');
    expect(verdict(() => checkConsistency([], 0, 0, EMPTY_ROOT, tree.root(0, 1)))).to.equal('proof-bad');
    expect(verdict(() => checkConsistency([], 0, 0, tree.root(0, 1), tree.root(0, 1)))).to.equal('proof-bad');
  });

  it(`proves every subtree of every size 0..${SUBTREE_SIZE_MAX}; refuses other roots`, () => {
    for (let size = 0; size <= SUBTREE_SIZE_MAX; size++) {
      for (const [lo, hi] of subtreesOf(size)) {
        const proof = tree.roots(subtreeConsistencySubtrees(lo, hi, size));
        const [subtreeRoot, root] = [tree.root(lo, hi), tree.root(0, size)];
        const what = `[${lo}, ${hi}) of ${size}`;
        checkSubtreeConsistency(proof, lo, hi, size, subtreeRoot, root);
        const other = verdict(() => checkSubtreeConsistency(proof, lo, hi, size, flipped(subtreeRoot, 5), root));
        expect(other, what).to.equal('proof-bad');
      }
    }
  });

  it('proves every leaf of every subtree, and no leaf outside it', () => {
    for (const [lo, hi] of subtreesOf(SUBTREE_SIZE_MAX)) {
      const root = tree.root(lo, hi);
      for (let index = lo; index < hi; index++) {
        const nodes = inclusionSubtrees(index - lo, hi - lo).map((node) => tree.root(lo + node.lo, lo + node.hi));
        const leaf = tree.root(index, index + 1);
        checkSubtreeInclusion(nodes, index, lo, hi, leaf, root);
        expect(verdict(() => checkSubtreeInclusion(nodes, index, lo, hi, flipped(leaf, 9), root))).to.equal(
          'proof-bad',
        );
        const outside = verdict(() => checkSubtreeInclusion(nodes, index - lo, lo, hi, leaf, root));
        if (lo > 0) expect(outside).to.equal('proof-malformed');
      }
    }
    const unaligned = verdict(() => checkSubtreeInclusion([], 1, 1, 3, tree.root(1, 2), tree.root(1, 3)));
    expect(unaligned).to.equal('proof-malformed');
  });

  it('has the shapes that the MTC draft draws', () => {
    const shape = (subtrees: readonly { lo: number; hi: number }[]) =>
      subtrees.map(({ lo, hi }) => `[${lo}, ${hi})`).join(' ');
    expect(shape(inclusionSubtrees(2, 5))).to.equal('[3, 4) [0, 2) [4, 5)'); // entry 10 of [8, 13)
    expect(shape(subtreeConsistencySubtrees(4, 8, 14))).to.equal('[0, 4) [8, 14)');
    expect(shape(subtreeConsistencySubtrees(8, 13, 14))).to.equal('[12, 13) [13, 14) [8, 12) [0, 8)');
  });

  it('has the shapes of the example of RFC 6962 section 2.1.3', () => {
    const shape = (subtrees: readonly { lo: number; hi: number }[]) =>
      subtrees.map(({ lo, hi }) => `[${lo}, ${hi})`).join(' ');
    expect(shape(inclusionSubtrees(0, 7))).to.equal('[1, 2) [2, 4) [4, 7)'); // b, h, l
    expect(shape(inclusionSubtrees(3, 7))).to.equal('[2, 3) [0, 2) [4, 7)'); // c, g, l
    expect(shape(inclusionSubtrees(4, 7))).to.equal('[5, 6) [6, 7) [0, 4)'); // f, j, k
    expect(shape(inclusionSubtrees(6, 7))).to.equal('[4, 6) [0, 4)'); // i, k
    expect(shape(consistencySubtrees(3, 7))).to.equal('[2, 3) [3, 4) [0, 2) [4, 7)'); // c, d, g, l
    expect(shape(consistencySubtrees(4, 7))).to.equal('[4, 7)'); // l
    expect(shape(consistencySubtrees(6, 7))).to.equal('[4, 6) [6, 7) [0, 4)'); // i, j, k
  });

  it('accumulates to the values of the MTC draft, appendix "Subtree Test Vectors"', () => {
    const [roots, inclusion, consistency] = [createHash('sha256'), createHash('sha256'), createHash('sha256')];
    const hashes = (proof: readonly Hash[]) => proof.map((hash) => ` ${hexEncode(hash)}`).join('');
    for (const [lo, hi] of subtreesOf(SIZE_MAX)) {
      roots.update(`[${lo}, ${hi}) ${hexEncode(tree.root(lo, hi))}\n`);
      for (let index = lo; index < hi; index++) {
        const nodes = inclusionSubtrees(index - lo, hi - lo).map((node) => tree.root(lo + node.lo, lo + node.hi));
        inclusion.update(`${index} [${lo}, ${hi})${hashes(nodes)}\n`);
      }
    }
    for (let size = 0; size <= SIZE_MAX; size++) {
      for (const [lo, hi] of subtreesOf(size)) {
        const nodes = tree.roots(subtreeConsistencySubtrees(lo, hi, size));
        consistency.update(`[${lo}, ${hi}) ${size}${hashes(nodes)}\n`);
      }
    }
    expect(roots.digest('hex')).to.equal('b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81');
    expect(inclusion.digest('hex')).to.equal('ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f');
    expect(consistency.digest('hex')).to.equal('10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74');
  });

  it('knows subtrees beyond 32 bits, up to INDEX_MAX', () => {
    expect(isSubtree(0, INDEX_MAX)).to.equal(true);
    expect(isSubtree(2 ** 40, 2 ** 40 + 2 ** 32)).to.equal(true);
    expect(isSubtree(2 ** 40 + 1, 2 ** 40 + 3)).to.equal(false);
    expect(isSubtree(2 ** 52, INDEX_MAX)).to.equal(true);
    expect(isSubtree(2 ** 51, INDEX_MAX)).to.equal(false);
    expect(inclusionSubtrees(2 ** 52, INDEX_MAX)).to.have.length(53);
    for (const [lo, hi] of [
      [-1, 1],
      [1, 0],
      [0, 2 ** 53],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      expect(isSubtree(lo, hi), `[${lo}, ${hi})`).to.equal(false);
    }
  });

  it('refuses indexes, sizes and hashes that are none', () => {
    const [leaf, root] = [tree.root(0, 1), tree.root(0, 2)];
    const proof = [tree.root(1, 2)];
    for (const [index, size] of [
      [-1, 2],
      [2, 2],
      [0, 0],
      [0.5, 2],
      [0, 2.5],
      [0, 2 ** 53],
      [Number.NaN, 2],
    ] as const) {
      expect(
        verdict(() => checkInclusion(proof, index, size, leaf, root)),
        `${index} of ${size}`,
      ).to.equal('proof-malformed');
      expect(
        verdict(() => inclusionSubtrees(index, size)),
        `${index} of ${size}`,
      ).to.equal('proof-malformed');
    }
    const short = leaf.slice(1);
    expect(verdict(() => checkInclusion([short], 0, 2, leaf, root))).to.equal('proof-malformed');
    expect(verdict(() => checkInclusion(proof, 0, 2, short, root))).to.equal('proof-malformed');
    expect(verdict(() => checkInclusion(proof, 0, 2, leaf, short))).to.equal('proof-malformed');
    expect(verdict(() => subtreeConsistencySubtrees(1, 3, 8))).to.equal('proof-malformed');
    expect(verdict(() => consistencySubtrees(3, 2))).to.equal('proof-malformed');
  });
});
