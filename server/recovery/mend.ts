/**
 * Rows of the ledger's tiles that are missing, rotten, or not those of the tree: made again out of a mirror's copy. Every tile is derived
 * from the entries, which are checked against the mirror's checkpoint. Cut short anywhere, what is done stands, and the rest is as it was.
 * Not here: heads, deposits and records, which no mirror has.
 */
import { equal } from '../../ledger/core/bytes.ts';
import { formatTilePath, parseTilePath } from '../../ledger/core/tile.ts';
import { StoreError, type TileStore } from '../../ledger/log/ports.ts';
import { tileWidth } from '../../ledger/log/staging.ts';
import { EMPTY_TREE } from '../../ledger/log/step.ts';
import { PLATFORM_TILES, type PlatformStores } from '../wiring.ts';
import type { Copy } from './mirror-copy.ts';
import { edgeOf, growths, type NamedTile } from './steps.ts';

/** The bytes under a name; undefined when there are none, or not those that were written. @throws StoreError failed */
export async function storedBytes(tiles: TileStore, name: string): Promise<Uint8Array | undefined> {
  try {
    return await tiles.get(name);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return undefined;
    throw error;
  }
}

/** Makes rows hold these bytes, whatever they hold now. @returns how many held others, or none */
export async function rewrite(tiles: TileStore, batch: readonly NamedTile[]): Promise<number> {
  const stored = await Promise.all(batch.map(([name]) => storedBytes(tiles, name)));
  const wrong = batch.filter(([, bytes], i) => {
    const found = stored[i];
    return found === undefined || !equal(found, bytes);
  });
  // A put creates only. A crash in between leaves the row as it was, or none.
  await tiles.discard(wrong.map(([name]) => name));
  await tiles.put(wrong);
  return wrong.length;
}

/**
 * Mends the tiles of the ledger's first `size` entries.
 * @param size at most the copy's
 * @returns how many rows
 */
export async function mendTiles(tiles: TileStore, copy: Pick<Copy, 'entries'>, size: number): Promise<number> {
  let mended = 0;
  let tree = EMPTY_TREE;
  for await (const growth of growths(EMPTY_TREE, size, copy)) {
    mended += await rewrite(tiles, growth.full);
    tree = growth.tree;
  }
  return mended + (await rewrite(tiles, edgeOf(tree)));
}

/**
 * Takes away the narrower forms of tiles that are not the beginning of the tile in the tree of `size`: whoever asks for one gets it cut from that.
 * @returns how many rows
 */
export async function dropBadForms({ tiles, rows }: PlatformStores, size: number): Promise<number> {
  const bad: string[] = [];
  for await (const [key, bytes] of rows(`${PLATFORM_TILES}tile/`)) {
    const name = key.slice(PLATFORM_TILES.length);
    const tile = parseTilePath(name);
    const width = tileWidth(tile, size);
    if (tile.width >= width) continue;
    const whole = await tiles.get(formatTilePath({ ...tile, width }));
    if (whole === undefined) throw new Error('invariant: a mended ledger has all its tiles');
    if (bytes === undefined || !equal(whole.subarray(0, bytes.length), bytes)) bad.push(name);
  }
  await tiles.discard(bad);
  return bad.length;
}
