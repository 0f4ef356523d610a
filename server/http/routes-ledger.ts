/**
 * The ledger over HTTP: c2sp.org/tlog-tiles, prefix `/ledger`. Public; tiles never change and may be cached for ever, the
 * checkpoint for a second; errors are never cached.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context } from 'koa';
import { LedgerError } from '../../ledger/core/errors.ts';
import { parseTilePath, type Tile } from '../../ledger/core/tile.ts';
import { Refusal } from '../refusal.ts';
import type { Platform } from './platform.ts';
import type { Route } from './route.ts';

const PREFIX = '/ledger/';
const compress = promisify(gzip);

export function ledgerRoutes(platform: Platform): Route[] {
  return [
    { method: 'GET', path: `${PREFIX}checkpoint`, access: 'public', handle: (ctx) => sendCheckpoint(platform, ctx) },
    { method: 'GET', path: `${PREFIX}tile/*path`, access: 'public', handle: (ctx) => sendTile(platform, ctx) },
  ];
}

async function sendCheckpoint({ notary }: Platform, ctx: Context): Promise<void> {
  const published = notary.ledger.published();
  if (published === undefined) throw new Refusal('not-found');
  ctx.body = published.note;
  // SPEC tlog-tiles: "with `Content-Type: text/plain; charset=utf-8`."
  ctx.type = 'text/plain; charset=utf-8';
  // SPEC tlog-tiles: "This endpoint is mutable, so its headers SHOULD prevent caching beyond a few seconds."
  ctx.set('Cache-Control', 'public, max-age=1');
}

async function sendTile({ notary }: Platform, ctx: Context): Promise<void> {
  const tile = tileOf(ctx.path.slice(PREFIX.length));
  const bytes = await notary.ledger.readTile(tile);
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
  if (ctx.get('accept-encoding') === '' || ctx.acceptsEncodings('gzip', 'identity') !== 'gzip') return bytes;
  ctx.set('Content-Encoding', 'gzip');
  return compress(bytes);
}

function tileOf(path: string): Tile {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (error instanceof LedgerError) throw new Refusal('not-found', {}, { cause: error });
    throw error;
  }
}
