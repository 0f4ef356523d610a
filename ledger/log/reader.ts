// Reading the log: tiles at any width that was ever current, and proofs from tiles that are checked against a head first.

import { narrow } from '../core/narrow.ts';
import { formatTilePath, type Tile } from '../core/tile.ts';
import { TileReader, type TreeHead } from '../core/tile-reader.ts';
import { LogError } from './errors.ts';
import type { LogSource, TileStore } from './ports.ts';
import { tileWidth } from './staging.ts';

/** Reads the tiles of a growing tree. */
export class Reader {
  readonly #tiles: TileStore;
  readonly #size: () => number;

  /** @param size how many entries are integrated now: all tiles of that tree are in the store */
  constructor(tiles: TileStore, size: () => number) {
    this.#tiles = tiles;
    this.#size = size;
  }

  /**
   * A tile or bundle at exactly the width asked for, cut from a wider form when the narrow one is gone.
   * @returns undefined when the integrated tree is not that wide
   * @throws LogError state-inconsistent; StoreError corrupt
   */
  async tile(tile: Tile): Promise<Uint8Array | undefined> {
    for (;;) {
      const size = this.#size();
      const width = tileWidth(tile, size);
      if (tile.width > width) return undefined;
      const exact = await this.#tiles.get(formatTilePath(tile));
      if (exact !== undefined) return exact;
      const wider = await this.#tiles.get(formatTilePath({ ...tile, width }));
      if (wider !== undefined) return narrow(wider, tile);
      // The tree grew between the two reads and took the partial tile with it: look again.
      if (this.#size() === size) throw new LogError('state-inconsistent', `${formatTilePath(tile)} is missing`);
    }
  }

  /** A reader of the tree under this head, which must not be larger than the integrated tree. */
  at(head: TreeHead): TileReader {
    return new TileReader(head, async (tile) => {
      const bytes = await this.tile(tile);
      if (bytes === undefined) throw new Error('invariant: a head has all its tiles');
      return bytes;
    });
  }

  /**
   * What a cosigner's client may ask about this head.
   * @param onFailure told of what our own store did not give: the client's error blames the cosigner
   */
  source(head: TreeHead, onFailure: (error: unknown) => void): LogSource {
    return telling(this.at(head), onFailure);
  }
}

/**
 * What a cosigner's client, and whoever compares trees, may ask of a reader.
 * @param onFailure told of what the reader did not give: what the client then throws may not say it
 */
export function telling(
  reader: TileReader,
  onFailure: (error: unknown) => void,
): LogSource & Pick<TileReader, 'range'> {
  const told = <T>(reading: Promise<T>): Promise<T> =>
    reading.catch((error) => {
      onFailure(error);
      throw error;
    });
  return {
    range: (size) => told(reader.range(size)),
    consistencyProof: (oldSize, newSize) => told(reader.consistencyProof(oldSize, newSize)),
    subtreeProof: (lo, hi, size) => told(reader.subtreeProof(lo, hi, size)),
    entries: (lo, hi) => told(reader.entries(lo, hi)),
  };
}
