/** Every hash of every proof turned and cut. */
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
/** Every small size, and those around the powers of two, where the shape of the tree changes. */
const SIZES = [...Array.from({ length: 41 }, (_, size) => size), 63, 64, 65, 127, 128, 129, SIZE_MAX];
const SUBTREE_SIZE_MAX = 65;
const tree = new TestTree(SIZE_MAX, (index) => Uint8Array.of(index));

describe('proof, exhaustively', () => {
  it(`refuses every changed inclusion proof up to size ${SIZE_MAX}`, () => {
    for (const size of SIZES) {
      for (let index = 0; index < size; index++) {
        const proof = tree.roots(inclusionSubtrees(index, size));
        const [leaf, root] = [tree.root(index, index + 1), tree.root(0, size)];
        expectRefusals(proof, (changed) => checkInclusion(changed, index, size, leaf, root), `${index} of ${size}`);
      }
    }
  });

  it(`refuses every changed consistency proof up to size ${SIZE_MAX}`, () => {
    for (const newSize of SIZES) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const proof = tree.roots(consistencySubtrees(oldSize, newSize));
        const [oldRoot, newRoot] = [tree.root(0, oldSize), tree.root(0, newSize)];
        const check = (changed: Uint8Array[]) => checkConsistency(changed, oldSize, newSize, oldRoot, newRoot);
        expectRefusals(proof, check, `${oldSize} to ${newSize}`);
      }
    }
  });

  it(`refuses every changed subtree proof up to size ${SUBTREE_SIZE_MAX}`, () => {
    for (const size of SIZES.filter((each) => each <= SUBTREE_SIZE_MAX)) {
      for (const [lo, hi] of subtreesOf(size)) {
        const proof = tree.roots(subtreeConsistencySubtrees(lo, hi, size));
        const [subtreeRoot, root] = [tree.root(lo, hi), tree.root(0, size)];
        const check = (changed: Uint8Array[]) => checkSubtreeConsistency(changed, lo, hi, size, subtreeRoot, root);
        expectRefusals(proof, check, `[${lo}, ${hi}) of ${size}`);
      }
    }
  });
});
