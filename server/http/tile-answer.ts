/**
 * One tile or entry bundle over HTTP, c2sp.org/tlog-tiles: type, caching, compression. For whoever serves a ledger or a copy of one.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context } from 'koa';
import { LedgerError } from '../../ledger/core/errors.ts';
import { parseTilePath, type Tile } from '../../ledger/core/tile.ts';
import { Refusal } from '../refusal.ts';

const compress = promisify(gzip);

/** The tile a path names. @throws Refusal `not-found` */
export function tileOf(path: string): Tile {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (error instanceof LedgerError) throw new Refusal('not-found', {}, { cause: error });
    throw error;
  }
}

/** Sends a tile's bytes. @throws Refusal `not-found` when there are none */
export async function sendTile(ctx: Context, tile: Tile, bytes: Uint8Array | undefined): Promise<void> {
  if (bytes === undefined) throw new Refusal('not-found');
  ctx.body = await encoded(ctx, tile, Buffer.from(bytes));
  // SPEC tlog-tiles: "with `Content-Type: application/octet-stream`."
  ctx.type = 'application/octet-stream';
  // SPEC tlog-tiles: "This endpoint is immutable, so its caching headers SHOULD be long-lived."
  ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
}

/** SPEC tlog-tiles: "Entry bundles SHOULD be compressed at the HTTP layer." Hashes do not compress. */
async function encoded(ctx: Context, tile: Tile, bytes: Buffer): Promise<Buffer> {
  if (tile.level !== 'entries') return bytes;
  ctx.vary('Accept-Encoding');
  if (ctx.get('Accept-Encoding') === '' || ctx.acceptsEncodings('gzip', 'identity') !== 'gzip') return bytes;
  ctx.set('Content-Encoding', 'gzip');
  return compress(bytes);
}
