/**
 * A court over HTTP: c2sp.org/tlog-witness under /witness, RFC 3161 (section 3.4) under /tsa.
 * Refusals of the protocols are text or DER, as the specifications have them; what is below the protocols is problem+json.
 */
import type Koa from 'koa';
import { TIMESTAMP_REQUEST_BYTES_MAX, type Tsa } from '../../certs/issue/tsa.ts';
import { REQUEST_BYTES_MAX } from '../../ledger/witness/request.ts';
import type { Witness } from '../../ledger/witness/service.ts';
import { Refusal } from '../refusal.ts';
import { type CosignerAppOptions, cosignerApp, originHashOf } from './cosigner-app.ts';
import { contentTypeOf, readBody } from './request.ts';

const QUERY_TYPE = 'application/timestamp-query';
const REPLY_TYPE = 'application/timestamp-reply';

/** The court's app. */
export function courtApp(options: CosignerAppOptions & { witness: Witness; tsa: Tsa }): Koa {
  const { witness, tsa } = options;
  return cosignerApp(options, (router, answer) => {
    router.post('/witness/add-checkpoint', async (ctx) => {
      const body = await readBody(ctx, REQUEST_BYTES_MAX);
      await answer(ctx, witness.addCheckpoint(body));
    });
    router.post('/witness/sign-subtree', async (ctx) => {
      const body = await readBody(ctx, REQUEST_BYTES_MAX);
      await answer(ctx, witness.signSubtree(body));
    });
    router.get('/witness/:originHash/checkpoint', (ctx) => answer(ctx, witness.checkpoint(originHashOf(ctx))));
    router.post('/tsa', async (ctx) => {
      if (contentTypeOf(ctx) !== QUERY_TYPE) throw new Refusal('content-type-unsupported');
      const body = await readBody(ctx, TIMESTAMP_REQUEST_BYTES_MAX);
      const reply = tsa.respond(body).then((der) => ({ status: 200, contentType: REPLY_TYPE, body: der }));
      await answer(ctx, reply);
    });
  });
}
