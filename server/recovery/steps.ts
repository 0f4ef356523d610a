/** Grows a tree by entries of a checked copy, some thousands at a time: what one chunk adds is in memory, and never more. */
import { leafHash } from '../../ledger/core/hash.ts';
import { TILE_WIDTH } from '../../ledger/core/limits.ts';
import { formatTilePath } from '../../ledger/core/tile.ts';
import { tileWidth } from '../../ledger/log/staging.ts';
import { buildStep, edgeIndex, type Tree } from '../../ledger/log/step.ts';
import type { Copy } from './mirror-copy.ts';

/** Entries held in memory at once: 16 bundles. */
const ENTRIES_AT_ONCE = 16 * TILE_WIDTH;

/** A tile's name and bytes. */
export type NamedTile = readonly [name: string, bytes: Uint8Array];

/** What some entries add. */
export interface Growth {
  /** Index of the first of them. */
  readonly first: number;
  readonly entries: readonly Uint8Array[];
  readonly tree: Tree;
  /** The tiles and bundles that they complete. */
  readonly full: readonly NamedTile[];
}

/** The entries [from, size) in chunks that end where bundles end. */
export function* chunks(from: number, size: number): Generator<{ lo: number; hi: number }> {
  for (let lo = from; lo < size; ) {
    const hi = Math.min(size, lo - (lo % ENTRIES_AT_ONCE) + ENTRIES_AT_ONCE);
    yield { lo, hi };
    lo = hi;
  }
}

/** Grows a tree to `size`. */
export async function* growths(from: Tree, size: number, copy: Pick<Copy, 'entries'>): AsyncGenerator<Growth> {
  let tree = from;
  for (const { lo, hi } of chunks(tree.range.size, size)) {
    const entries = await copy.entries(lo, hi);
    const step = buildStep(
      tree,
      entries.map((entry) => ({ entry, leaf: leafHash(entry) })),
    );
    tree = step.tree;
    const full = step.tiles.filter(({ tile }) => tile.width === TILE_WIDTH);
    yield { first: lo, entries, tree, full: full.map(({ tile, bytes }) => [formatTilePath(tile), bytes]) };
  }
}

/** The partial tiles of a tree. */
export function edgeOf({ range: { size }, edge }: Tree): NamedTile[] {
  return [...edge].map(([level, bytes]) => {
    const index = edgeIndex(size, level);
    const width = tileWidth({ level, index, width: TILE_WIDTH }, size);
    return [formatTilePath({ level, index, width }), bytes];
  });
}
