/**
 * The ledger over HTTP: c2sp.org/tlog-tiles, prefix `/ledger`. Public; tiles never change and may be cached for ever, the
 * checkpoint for a second; errors are never cached.
 */
import type { Context } from 'koa';
import { Refusal } from '../refusal.ts';
import type { Platform } from './platform.ts';
import type { Route } from './route.ts';
import { sendTile, tileOf } from './tile-answer.ts';

const PREFIX = '/ledger/';

export function ledgerRoutes(platform: Platform): Route[] {
  return [
    { method: 'GET', path: `${PREFIX}checkpoint`, access: 'public', handle: (ctx) => sendCheckpoint(platform, ctx) },
    { method: 'GET', path: `${PREFIX}tile/*path`, access: 'public', handle: (ctx) => answerTile(platform, ctx) },
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

async function answerTile({ notary }: Platform, ctx: Context): Promise<void> {
  const tile = tileOf(ctx.path.slice(PREFIX.length));
  await sendTile(ctx, tile, await notary.ledger.readTile(tile));
}
