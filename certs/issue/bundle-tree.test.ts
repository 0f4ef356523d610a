import { expect } from 'chai';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { type Hash, treeRoot } from '../../ledger/core/hash.ts';
import { checkInclusion, inclusionSubtrees } from '../../ledger/core/proof.ts';
import { type FilePart, partLeaf } from '../core/record.ts';
import { buildCommitment } from './bundle-tree.ts';

const PARTS_MAX = 199;
// The tree does not look into the parts: short ones keep the hashing of 19,900 leaves quick.
const empty: FilePart = { v: 1, salt: '', index: 0, name: '', size: 0, mediaType: '', sha256: '' };
const parts = Array.from({ length: PARTS_MAX }, (_, index): FilePart => ({ ...empty, index }));
const leaves = parts.map(partLeaf);

describe('certs/issue/bundle-tree', () => {
  it(`gives the root and the paths of RFC 6962 for 1 to ${PARTS_MAX} parts and every part`, () => {
    const roots = new Map<string, Hash>();
    const rootOf = (lo: number, hi: number): Hash => {
      const known = roots.get(`${lo} ${hi}`) ?? treeRoot(leaves.slice(lo, hi));
      roots.set(`${lo} ${hi}`, known);
      return known;
    };
    for (let size = 1; size <= PARTS_MAX; size++) {
      const { commitment, path } = buildCommitment(parts.slice(0, size));
      expect(hexEncode(commitment)).to.equal(hexEncode(rootOf(0, size)));
      for (let part = 0; part < size; part++) {
        const expected = inclusionSubtrees(part, size).map(({ lo, hi }) => rootOf(lo, hi));
        if (path(part).map(hexEncode).join() !== expected.map(hexEncode).join()) expect.fail(`part ${part} of ${size}`);
      }
    }
  }).timeout(120_000);

  it('gives paths that the verifying side accepts, also for equal parts', () => {
    const [part] = parts as [FilePart];
    const { commitment, path } = buildCommitment([part, part, part]);
    for (const i of [0, 1, 2]) checkInclusion(path(i), i, 3, partLeaf(part), commitment);
    expect(path(2)).to.have.length(1);
  });

  it('has no path for a part that is not there', () => {
    expect(() => buildCommitment(parts.slice(0, 1)).path(1)).to.throw('invariant');
  });
});
