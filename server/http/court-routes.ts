/**
 * A court over HTTP: c2sp.org/tlog-witness under /witness, RFC 3161 (section 3.4) under /tsa.
 */
import type Koa from 'koa';
import { TIMESTAMP_REQUEST_BYTES_MAX, type Tsa } from '../../certs/issue/tsa.ts';
import type { Witness } from '../../ledger/witness/service.ts';
import type { EventLog } from '../logging.ts';
import { Refusal } from '../refusal.ts';
import {
  answerProtocol,
  CHECKPOINT_BODY_BYTES_MAX,
  type CosignerMetrics,
  cosignerApp,
  readBody,
} from './cosigner-app.ts';

const QUERY_TYPE = 'application/timestamp-query';
const REPLY_TYPE = 'application/timestamp-reply';

/** The court's app. Protocol refusals are text, as the specification has them; everything below the protocol is problem+json. */
export function courtApp(o: { witness: Witness; tsa: Tsa; log: EventLog; metrics: CosignerMetrics }): Koa {
  const { witness, tsa, log, metrics } = o;
  return cosignerApp(log, metrics, (router) => {
    router.post('/witness/add-checkpoint', async (ctx) => {
      answerProtocol(ctx, await witness.addCheckpoint(await readBody(ctx, CHECKPOINT_BODY_BYTES_MAX)));
    });
    router.post('/witness/sign-subtree', async (ctx) => {
      answerProtocol(ctx, await witness.signSubtree(await readBody(ctx, CHECKPOINT_BODY_BYTES_MAX)));
    });
    router.get('/witness/:originHash/checkpoint', async (ctx) => {
      answerProtocol(ctx, await witness.checkpoint(ctx['params'].originHash));
    });
    router.post('/tsa', async (ctx) => {
      // RFC 3161 section 3.4: the request is sent as application/timestamp-query.
      if (ctx.get('Content-Type') !== QUERY_TYPE) throw new Refusal('content-type-unsupported');
      const reply = await tsa.respond(await readBody(ctx, TIMESTAMP_REQUEST_BYTES_MAX));
      answerProtocol(ctx, { status: 200, contentType: REPLY_TYPE, body: reply });
    });
  });
}
