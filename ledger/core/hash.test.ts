/** Hashes of the tree: the constants of RFC 6962, the root's two independent computations, and what prefixes prevent. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { concat, hexDecode, hexEncode } from './bytes.ts';
import { EMPTY_ROOT, type Hash, leafHash, nodeHash, sha256, splitPoint, treeRoot } from './hash.ts';
import { appendLeaf, type CompactRange, EMPTY_RANGE, rangeRoot } from './range.ts';
import { subtreesOf, TestTree } from './testing.ts';

/** The eight leaves that Certificate Transparency implementations have shared since RFC 6962, and the roots of 0..8 of them. */
const CT_LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const CT_ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const nodeSha256 = (...parts: Uint8Array[]): Hash => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
};

describe('hash', () => {
  it('is SHA-256 with the prefixes of RFC 6962 section 2.1', () => {
    const [a, b] = [Uint8Array.of(1, 2, 3), sha256(Uint8Array.of(7))];
    expect(sha256(a)).to.deep.equal(nodeSha256(a));
    expect(leafHash(a)).to.deep.equal(nodeSha256(Uint8Array.of(0), a));
    expect(nodeHash(b, b)).to.deep.equal(nodeSha256(Uint8Array.of(1), b, b));
  });

  it('gives the empty root of RFC 6962 and the roots shared by Certificate Transparency', () => {
    const leaves = CT_LEAVES.map((hex) => leafHash(hexDecode(hex) as Uint8Array));
    for (const [size, root] of CT_ROOTS.entries()) {
      expect(hexEncode(treeRoot(leaves.slice(0, size))), String(size)).to.equal(root);
    }
    expect(hexEncode(EMPTY_ROOT)).to.equal(CT_ROOTS[0]);
  });

  it('gives the root that TestTree computes, whose own way the other tests rely on', () => {
    const tree = new TestTree(70);
    for (const [lo, hi] of subtreesOf(70)) expect(treeRoot(tree.leaves.slice(lo, hi))).to.deep.equal(tree.root(lo, hi));
  });

  it('does not let a pair of digests stand for an entry', () => {
    const tree = new TestTree(4);
    const forged = concat(tree.root(0, 2), tree.root(2, 4));
    expect(leafHash(forged)).to.not.deep.equal(tree.root(0, 4));
  });

  it('does not let three leaves have the root of four with the last repeated', () => {
    const [a, b, c] = new TestTree(3).leaves as [Hash, Hash, Hash];
    expect(treeRoot([a, b, c])).to.not.deep.equal(treeRoot([a, b, c, c]));
  });

  it('splits at the largest power of two below the size, also beyond 32 bits', () => {
    expect([2, 3, 4, 5, 8, 9].map(splitPoint)).to.deep.equal([1, 2, 2, 4, 4, 8]);
    expect(splitPoint(2 ** 40)).to.equal(2 ** 39);
    expect(splitPoint(Number.MAX_SAFE_INTEGER)).to.equal(2 ** 52);
  });
});

describe('range', () => {
  it('gives the root of the definition for every size 0..130, one hash for each set bit', () => {
    const tree = new TestTree(130);
    let range: CompactRange = EMPTY_RANGE;
    for (const [size, leaf] of [...tree.leaves.entries()]) {
      expect(rangeRoot(range), String(size)).to.deep.equal(tree.root(0, size));
      expect(range.hashes).to.have.length([...size.toString(2)].filter((bit) => bit === '1').length);
      range = appendLeaf(range, leaf);
    }
    expect(rangeRoot(range)).to.deep.equal(tree.root(0, 130));
  });

  it('never changes a range that it was given', () => {
    const tree = new TestTree(8);
    const ranges = [EMPTY_RANGE];
    for (const leaf of tree.leaves) ranges.push(appendLeaf(ranges.at(-1) as CompactRange, leaf));
    for (const [size, range] of ranges.entries()) expect(rangeRoot(range)).to.deep.equal(tree.root(0, size));
  });

  it('appends beyond 32 bits', () => {
    const [hash] = new TestTree(1).leaves as [Hash];
    const full: CompactRange = { size: 2 ** 40 - 1, hashes: Array.from({ length: 40 }, () => hash) };
    const next = appendLeaf(full, hash);
    expect([next.size, next.hashes.length]).to.deep.equal([2 ** 40, 1]);
  });

  it('breaks on a hash that is none and on a full tree', () => {
    const hash = EMPTY_ROOT;
    expect(() => appendLeaf(EMPTY_RANGE, hash.slice(1))).to.throw('invariant');
    expect(() => appendLeaf({ size: Number.MAX_SAFE_INTEGER, hashes: [] }, hash)).to.throw(
      'invariant: the tree is full',
    );
    expect(() => appendLeaf({ size: 1, hashes: [] }, hash)).to.throw('invariant');
  });
});
