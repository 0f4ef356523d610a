/**
 * An arbitration mirror over HTTP: c2sp.org/tlog-mirror under /mirror; what it holds is served as c2sp.org/tlog-tiles.
 */
import { constants, createGunzip, type Gunzip } from 'node:zlib';
import type Koa from 'koa';
import type { Context } from 'koa';
import {
  ENTRY_BYTES_MAX,
  HASH_BYTES,
  MIRROR_PACKAGE_ENTRIES,
  MIRROR_PACKAGES_MAX,
  PROOF_HASHES_MAX,
} from '../../ledger/core/limits.ts';
import type { Mirror } from '../../ledger/mirror/service.ts';
import { REQUEST_BYTES_MAX } from '../../ledger/witness/request.ts';
import { Refusal } from '../refusal.ts';
import { type CosignerAppOptions, cosignerApp, originHashOf } from './cosigner-app.ts';
import { bodyChunks, readBody } from './request.ts';
import { sendTile, tileOf } from './tile-answer.ts';

/**
 * An add-entries body after decompression, in bytes: the header and the largest packages that a client should send at once.
 * What is beyond is not read, so a small body cannot stand for an endless one; the mirror answers for the packages before it.
 */
export const ADD_ENTRIES_BYTES_MAX =
  65_536 + MIRROR_PACKAGES_MAX * (MIRROR_PACKAGE_ENTRIES * (2 + ENTRY_BYTES_MAX) + 1 + PROOF_HASHES_MAX * HASH_BYTES);

/** The mirror's app. */
export function mirrorApp(options: CosignerAppOptions & { mirror: Mirror }): Koa {
  const { mirror } = options;
  return cosignerApp(options, (router, answer) => {
    router.post('/mirror/add-checkpoint', async (ctx) => {
      const body = await readBody(ctx, REQUEST_BYTES_MAX);
      await answer(ctx, mirror.addCheckpoint(body));
    });
    router.post('/mirror/add-entries', async (ctx) => {
      // SPEC tlog-mirror: "mirrors SHOULD send an `Accept-Encoding` header that includes `gzip`".
      ctx.set('Accept-Encoding', 'gzip');
      const gunzip = gunzipOf(ctx);
      try {
        await answer(ctx, mirror.addEntries(limited(gunzip ?? bodyChunks(ctx), ADD_ENTRIES_BYTES_MAX)));
      } finally {
        gunzip?.destroy();
      }
    });
    router.post('/mirror/sign-subtree', async (ctx) => {
      const body = await readBody(ctx, REQUEST_BYTES_MAX);
      await answer(ctx, mirror.signSubtree(body));
    });
    router.get('/mirror/:originHash/checkpoint', (ctx) => answer(ctx, mirror.checkpoint(originHashOf(ctx))));
    router.get('/mirror/:originHash/tile/*path', async (ctx) => {
      const hash = originHashOf(ctx);
      const tile = tileOf(ctx.path.slice(`/mirror/${hash}/`.length));
      // Nothing is written here: a tile that cannot be read is missing to who asks for it, and to nobody else.
      await sendTile(ctx, tile, await mirror.readTile(hash, tile));
    });
  });
}

/**
 * The decompressor the body runs through, if it is compressed. A sender that goes away ends it.
 * @throws Refusal `content-encoding-unsupported`
 */
function gunzipOf(ctx: Context): Gunzip | undefined {
  const encoding = ctx.get('Content-Encoding').toLowerCase();
  if (encoding === '' || encoding === 'identity') return undefined;
  // SPEC tlog-mirror: "Mirrors MUST support receiving `Content-Encoding: gzip` in `add-entries` requests."
  // RFC 9110 section 8.4.1.3: x-gzip is the same.
  if (encoding !== 'gzip' && encoding !== 'x-gzip') throw new Refusal('content-encoding-unsupported');
  // A body cut off counts as one that ended there: what came before it is kept.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  ctx.req.once('close', () => {
    if (!ctx.req.complete) gunzip.destroy();
  });
  // Bytes that are no gzip end the body where they begin: its reader sees a broken stream.
  gunzip.on('error', () => ctx.req.unpipe(gunzip).resume());
  return ctx.req.pipe(gunzip);
}

/** The body until it would be longer than this. */
export async function* limited(body: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of body) {
    total += chunk.length;
    if (total > bytesMax) return;
    yield chunk;
  }
}
