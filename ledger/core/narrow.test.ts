// Partial tiles and bundles out of full ones: the same bytes as the partial ones had, and nothing longer out of what is too short.

import { expect } from 'chai';
import { formatBundle, parseBundle } from './bundle.ts';
import { fetchOrCut, narrow } from './narrow.ts';
import { formatTilePath, type Tile } from './tile.ts';

const ENTRIES = Array.from({ length: 256 }, (_, i) => new Uint8Array(i % 7).fill(i));
const BUNDLE = formatBundle(ENTRIES);
const HASHES = Uint8Array.from({ length: 8192 }, (_, i) => i % 251);

describe('a tile cut from a wider one', () => {
  it('is what the narrow one was, at every width', () => {
    for (let width = 1; width <= 256; width++) {
      expect(narrow(BUNDLE, { level: 'entries', index: 3, width })).deep.equal(formatBundle(ENTRIES.slice(0, width)));
      expect(narrow(HASHES, { level: 1, index: 3, width })).deep.equal(HASHES.slice(0, 32 * width));
    }
  });

  it('is too short, when the wider one is', () => {
    for (let cut = 0; cut < 500; cut++) {
      const short = narrow(BUNDLE.slice(0, cut), { level: 'entries', index: 0, width: 200 });
      expect(() => parseBundle(short, 200), `${cut} bytes`).to.throw('ends');
      expect(narrow(HASHES.slice(0, cut), { level: 0, index: 0, width: 200 })).deep.equal(HASHES.slice(0, cut));
    }
  });

  it('is asked for when the narrow one is gone, and only then', async () => {
    const asked = async (tile: Tile, files: ReadonlyMap<string, Uint8Array>) => {
      const paths: string[] = [];
      const bytes = await fetchOrCut(tile, async (path) => {
        paths.push(path);
        return files.get(path);
      });
      return { paths, bytes };
    };
    const [full, partial]: Tile[] = [256, 5].map((width) => ({ level: 0, index: 2, width }));
    const [fullPath, partialPath] = [full, partial].map((tile) => formatTilePath(tile as Tile)) as [string, string];
    const [cut, other] = [HASHES.slice(0, 160), HASHES.slice(32, 192)];
    const both = new Map([
      [fullPath, HASHES],
      [partialPath, other],
    ]);
    expect(await asked(partial as Tile, both)).deep.equal({ paths: [partialPath], bytes: other });
    both.delete(partialPath);
    expect(await asked(partial as Tile, both)).deep.equal({ paths: [partialPath, fullPath], bytes: cut });
    expect(await asked(partial as Tile, new Map())).deep.equal({ paths: [partialPath, fullPath], bytes: undefined });
    expect(await asked(full as Tile, new Map())).deep.equal({ paths: [fullPath], bytes: undefined });
  });
});
