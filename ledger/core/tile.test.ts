/** Tile coordinates, paths and the hashes inside a tile: the examples that tlog-tiles prints, and every small tree. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { concat } from './bytes.ts';
import { EMPTY_ROOT } from './hash.ts';
import { INDEX_MAX, TILE_LEVEL_MAX, TILE_WIDTH } from './limits.ts';
import { TestTree, verdict } from './testing.ts';
import {
  formatTilePath,
  newTiles,
  nodeInTile,
  parseTilePath,
  type Tile,
  tileNodes,
  tileRoot,
  tilesForSize,
} from './tile.ts';

const anyTile: fc.Arbitrary<Tile> = fc.record({
  level: fc.oneof(fc.nat(TILE_LEVEL_MAX), fc.constant('entries' as const)),
  index: fc.oneof(fc.nat(2000), fc.maxSafeNat()),
  width: fc.integer({ min: 1, max: TILE_WIDTH }),
});

/** How many tiles of each width a list has at each level, such as `0: 273x256 1x112`. */
function census(tiles: readonly Tile[]): string[] {
  const widths = new Map<Tile['level'], Map<number, number>>();
  for (const { level, width } of tiles) {
    const counts = widths.get(level) ?? new Map<number, number>();
    widths.set(level, counts.set(width, (counts.get(width) ?? 0) + 1));
  }
  return [...widths].map(([level, counts]) => `${level}: ${[...counts].map(([w, n]) => `${n}x${w}`).join(' ')}`);
}

describe('tile', () => {
  it('writes and reads the paths that tlog-tiles prints', () => {
    const examples: [path: string, tile: Tile][] = [
      ['tile/0/x001/x234/067', { level: 0, index: 1_234_067, width: 256 }],
      ['tile/0/x001/x234/067.p/8', { level: 0, index: 1_234_067, width: 8 }],
      ['tile/entries/x001/x234/067', { level: 'entries', index: 1_234_067, width: 256 }],
      ['tile/0/000', { level: 0, index: 0, width: 256 }],
      ['tile/63/999.p/255', { level: 63, index: 999, width: 255 }],
      ['tile/1/x001/000', { level: 1, index: 1000, width: 256 }],
    ];
    for (const [path, tile] of examples) {
      expect(formatTilePath(tile)).to.equal(path);
      expect(parseTilePath(path)).to.deep.equal(tile);
    }
  });

  it('reads back every path it writes', () => {
    fc.assert(fc.property(anyTile, (tile) => void expect(parseTilePath(formatTilePath(tile))).to.deep.equal(tile)));
  });

  it('accepts a path only as it writes it', () => {
    const nearly = fc
      .tuple(fc.constantFrom('tile/', ''), fc.string({ unit: fc.constantFrom(...'0019x/.p'), maxLength: 16 }))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(nearly, (path) => {
        if (verdict(() => parseTilePath(path)) === 'accepted')
          expect(formatTilePath(parseTilePath(path))).to.equal(path);
      }),
      { numRuns: 2000 },
    );
  });

  const malformed = [
    '',
    'tile',
    'tile/0',
    'tile/0/',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/00/000',
    'tile/01/000',
    'tile/64/000',
    'tile/100/000',
    'tile/-1/000',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/x001',
    'tile/0/X001/002',
    'tile/0/x001/x002',
    'tile/0/000.p/0',
    'tile/0/000.p/00',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p/257',
    'tile/0/000.p/1000',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000.p/1/',
    '/tile/0/000',
    'tile/0/000/',
    'tile/0/000\n',
    'tile/entry/000',
    'tile/0/٠٠٠',
    'tile/0/000?',
    'tile/0/../000',
    'tile/0/x009/x007/x199/x254/x740/992',
    'tile/0/x001/x001/x001/x001/x001/x001/001',
  ];
  for (const path of malformed) {
    it(`refuses ${JSON.stringify(path)}`, () => {
      expect(verdict(() => parseTilePath(path))).to.equal('tile-path-malformed');
    });
  }

  it('reads the path of the last index, and of none beyond it', () => {
    expect(parseTilePath('tile/0/x009/x007/x199/x254/x740/991').index).to.equal(INDEX_MAX);
  });

  it('has the tiles that tlog-tiles counts for 70,000 and for 256', () => {
    expect(census(tilesForSize(70_000))).to.deep.equal([
      'entries: 273x256 1x112',
      '0: 273x256 1x112',
      '1: 1x256 1x17',
      '2: 1x1',
    ]);
    expect(census(tilesForSize(256))).to.deep.equal(['entries: 1x256', '0: 1x256', '1: 1x1']);
    expect(census(tilesForSize(1))).to.deep.equal(['entries: 1x1', '0: 1x1']);
    expect(tilesForSize(0)).to.deep.equal([]);
  });

  it('lists as new exactly what a step creates or widens', () => {
    const paths = (size: number) => new Set(tilesForSize(size).map(formatTilePath));
    for (const [before, after] of [
      [0, 1],
      [1, 2],
      [255, 256],
      [256, 257],
      [200, 600],
      [512, 512],
      [65_535, 65_537],
      [0, 700],
    ] as const) {
      const old = paths(before);
      const expected = [...paths(after)].filter((path) => !old.has(path));
      expect(newTiles(before, after).map(formatTilePath), `${before} to ${after}`).to.have.members(expected);
    }
    expect(newTiles(256, 257).map(formatTilePath)).to.deep.equal(['tile/entries/001.p/1', 'tile/0/001.p/1']);
  });

  it('needs no list of the whole tree to step at the far end', () => {
    const tiles = newTiles(INDEX_MAX - 1, INDEX_MAX);
    expect(tiles.map((tile) => tile.width)).to.deep.equal([255, 255]);
  });

  it('breaks on sizes that no growing tree has', () => {
    for (const [before, after] of [
      [2, 1],
      [-1, 1],
      [0, 2 ** 53],
    ] as const) {
      expect(() => newTiles(before, after)).to.throw('invariant');
    }
  });

  it('finds every node inside full and partial tiles, one by one and all at once', () => {
    const tree = new TestTree(TILE_WIDTH);
    for (const width of [1, 2, 3, 112, 255, 256]) {
      const bytes = concat(...tree.leaves.slice(0, width));
      expect(tileRoot(bytes)).to.deep.equal(tree.root(0, width));
      const nodes = tileNodes(bytes);
      for (let level = 0; 2 ** level <= width; level++) {
        for (let index = 0; (index + 1) * 2 ** level <= width; index++) {
          const expected = tree.root(index * 2 ** level, (index + 1) * 2 ** level);
          expect(nodeInTile(bytes, level, index)).to.deep.equal(expected);
          expect(nodes[level]?.[index]).to.deep.equal(expected);
        }
        const beyond = Math.floor(width / 2 ** level);
        expect(
          verdict(() => nodeInTile(bytes, level, beyond)),
          `${width} ${level}`,
        ).to.equal('tile-malformed');
        expect(nodes[level]).to.have.length(beyond);
      }
    }
  });

  it('refuses bytes that are not 1..256 hashes', () => {
    for (const length of [0, 1, 31, 33, 8191, 8193, 8224]) {
      expect(
        verdict(() => tileRoot(new Uint8Array(length))),
        String(length),
      ).to.equal('tile-malformed');
      expect(
        verdict(() => tileNodes(new Uint8Array(length))),
        String(length),
      ).to.equal('tile-malformed');
    }
    expect(tileRoot(EMPTY_ROOT)).to.deep.equal(EMPTY_ROOT);
  });
});
