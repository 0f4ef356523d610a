/** Every byte of a full tile turned: what tile-reader.test.ts does by samples. */
import { expect } from 'chai';
import { flipped, TestTree, verdictOf } from './testing.ts';
import { TileReader } from './tile-reader.ts';

describe('tile reader, exhaustively', () => {
  it('refuses a full tile with any byte changed', async () => {
    const tree = new TestTree(258);
    for (let at = 0; at < 256 * 32; at++) {
      const reader = new TileReader(tree.head(), async (tile) => {
        const bytes = await tree.fetch(tile);
        return tile.width === 256 ? flipped(bytes, at, at % 8) : bytes;
      });
      expect(await verdictOf(() => reader.leaf(0)), `byte ${at}`).to.equal('tile-bad');
    }
  });
});
