// The issuing side of a commitment: the RFC 6962 tree over the parts of one record, and the path of each part.
// Built with merkletreejs; the verifying side uses ledger/core, and a test makes the two agree for every size.
// Options that give the RFC 6962 shape: leaves already hashed, no sorting, an odd node moves up unpaired.

import { MerkleTree } from 'merkletreejs';
import { type Hash, nodeHash } from '../../ledger/core/hash.ts';
import { HASH_BYTES } from '../../ledger/core/limits.ts';
import { type FilePart, partLeaf, type RecordHeader } from '../core/record.ts';

/** A commitment and how to prove each part under it. */
export interface Commitment {
  /** The root: what the ledger entry holds. */
  readonly commitment: Hash;
  /** RFC 6962 audit path of a part, leaf's sibling first. */
  path(part: number): Hash[];
}

/**
 * Commits to a record.
 * @param parts header first, then the files in order
 */
export function buildCommitment(parts: readonly (RecordHeader | FilePart)[]): Commitment {
  const leaves = parts.map((part) => Buffer.from(partLeaf(part)));
  const node = (pair: Buffer): Buffer => Buffer.from(nodeHash(pair.subarray(0, HASH_BYTES), pair.subarray(HASH_BYTES)));
  const tree = new MerkleTree(leaves, node, { hashLeaves: false, duplicateOdd: false, sort: false });
  return {
    commitment: new Uint8Array(tree.getRoot()),
    path(part) {
      const leaf = leaves[part];
      if (leaf === undefined) throw new Error(`invariant: no part ${part} of ${leaves.length}`);
      return tree.getProof(leaf, part).map(({ data }) => new Uint8Array(data));
    },
  };
}
