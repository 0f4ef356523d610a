// A stopped log seen from outside: the paths of tlog-tiles answered straight from the stores, for a folder that no process runs.
// Checks nothing: whoever reads through this does.

import { utf8Encode } from '../core/bytes.ts';
import { parseHeadRecord } from './head-record.ts';
import type { HeadStore, TileStore } from './ports.ts';

/**
 * Answers `checkpoint` with the latest signed head, cosigned or not, and a tile's path with the tile.
 * @throws LogError state-inconsistent; StoreError
 */
export function storedLog(tiles: TileStore, heads: HeadStore): (path: string) => Promise<Uint8Array | undefined> {
  return async (path) => {
    if (path !== 'checkpoint') return tiles.get(path);
    const latest = await heads.latest();
    return latest === undefined ? undefined : utf8Encode(parseHeadRecord(latest.bytes).note);
  };
}
