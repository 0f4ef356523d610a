// Bulk hashing gives the bytes of the pure definition, for every width of a tile and entries of every kind of length.

import { expect } from 'chai';
import { concat } from '../core/bytes.ts';
import { leafHash, treeRoot } from '../core/hash.ts';
import { ENTRY_BYTES_MAX } from '../core/limits.ts';
import { leafHashes, rootOver } from './bulk-hash.ts';

describe('bulk hashing', () => {
  const entries = Array.from({ length: 256 }, (_, i) => new Uint8Array(i * 3).fill(i));

  it('hashes entries as RFC 6962 does, the empty and the longest too', () => {
    const all = [...entries, new Uint8Array(ENTRY_BYTES_MAX).fill(7), new Uint8Array(0)];
    expect(leafHashes(all)).to.deep.equal(concat(...all.map(leafHash)));
  });

  it('finds the root over 1 to 256 hashes as the recursive definition does', () => {
    const hashes = entries.map(leafHash);
    for (let width = 1; width <= hashes.length; width++) {
      const part = hashes.slice(0, width);
      expect(rootOver(concat(...part)), `${width}`).to.deep.equal(treeRoot(part));
    }
  });
});
