// Tiles and bundles cut from wider forms of themselves: partial ones go when the full one is there. c2sp.org/tlog-tiles, "Partial Tiles".

import { readUint16 } from './bytes.ts';
import { HASH_BYTES, TILE_WIDTH } from './limits.ts';
import { formatTilePath, type Tile } from './tile.ts';

/** The first `tile.width` hashes or entries of a wider form. Of one that has fewer, what there is: whoever reads it sees that it is too short. */
export function narrow(wider: Uint8Array, tile: Tile): Uint8Array {
  if (tile.level !== 'entries') return wider.slice(0, tile.width * HASH_BYTES);
  let end = 0;
  for (let entry = 0; entry < tile.width && end + 2 <= wider.length; entry++) end += 2 + readUint16(wider, end);
  return wider.slice(0, end);
}

/**
 * A tile or bundle as a tree under a checkpoint has it, from a log that may have grown since.
 * @param fetch bytes under a path; undefined when there are none
 */
export async function fetchOrCut(
  tile: Tile,
  fetch: (path: string) => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  const exact = await fetch(formatTilePath(tile));
  if (exact !== undefined || tile.width === TILE_WIDTH) return exact;
  // SPEC tlog-tiles: logs "MAY delete any partial tile once the corresponding full tile is … available".
  const full = await fetch(formatTilePath({ ...tile, width: TILE_WIDTH }));
  return full && narrow(full, tile);
}
