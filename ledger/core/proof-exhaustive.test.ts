/** Every hash of every proof turned and cut, at every size. */
import {
  checkConsistency,
  checkInclusion,
  checkSubtreeConsistency,
  consistencySubtrees,
  inclusionSubtrees,
  subtreeConsistencySubtrees,
} from './proof.ts';
import { expectRefusals, subtreesOf, TestTree } from './testing.ts';

const SIZE_MAX = 130;
const SUBTREE_SIZE_MAX = 70;
const tree = new TestTree(SIZE_MAX, (index) => Uint8Array.of(index));

describe('proof, exhaustively', () => {
  it(`refuses every changed inclusion proof up to size ${SIZE_MAX}`, () => {
    for (let size = 1; size <= SIZE_MAX; size++) {
      for (let index = 0; index < size; index++) {
        const proof = tree.roots(inclusionSubtrees(index, size));
        const [leaf, root] = [tree.root(index, index + 1), tree.root(0, size)];
        expectRefusals(proof, (changed) => checkInclusion(changed, index, size, leaf, root), `${index} of ${size}`);
      }
    }
  });

  it(`refuses every changed consistency proof up to size ${SIZE_MAX}`, () => {
    for (let newSize = 0; newSize <= SIZE_MAX; newSize++) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const proof = tree.roots(consistencySubtrees(oldSize, newSize));
        const [oldRoot, newRoot] = [tree.root(0, oldSize), tree.root(0, newSize)];
        const check = (changed: Uint8Array[]) => checkConsistency(changed, oldSize, newSize, oldRoot, newRoot);
        expectRefusals(proof, check, `${oldSize} to ${newSize}`);
      }
    }
  });

  it(`refuses every changed subtree proof up to size ${SUBTREE_SIZE_MAX}`, () => {
    for (let size = 0; size <= SUBTREE_SIZE_MAX; size++) {
      for (const [lo, hi] of subtreesOf(size)) {
        const proof = tree.roots(subtreeConsistencySubtrees(lo, hi, size));
        const [subtreeRoot, root] = [tree.root(lo, hi), tree.root(0, size)];
        const check = (changed: Uint8Array[]) => checkSubtreeConsistency(changed, lo, hi, size, subtreeRoot, root);
        expectRefusals(proof, check, `[${lo}, ${hi}) of ${size}`);
      }
    }
  });
});
