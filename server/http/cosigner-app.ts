/**
 * What a court's and a mirror's HTTP service share: protocol answers, health, metrics.
 * /healthz and /readyz: the process answers, its stores are open, it would cosign. /metrics: Prometheus text.
 * A store that fails under a protocol answer ends the process: whether the state was persisted is then unknown, and only a restart finds out.
 * What is only read, a tile, fails for that request alone.
 * Not here: which paths there are (court-routes.ts, mirror-routes.ts).
 */
import Router from '@koa/router';
import Koa, { type Context } from 'koa';
import type { ProtocolAnswer } from '../../ledger/witness/answer.ts';
import type { EventLog } from '../logging.ts';
import type { Metrics } from '../metrics.ts';
import { Refusal } from '../refusal.ts';
import { problems } from './errors.ts';

export interface CosignerAppOptions {
  readonly log: EventLog;
  readonly metrics: Metrics;
  /** Ends the process: a service rejects only when its store failed or an invariant is broken. */
  readonly fatal: (error: Error) => never;
}

/** Answers a request with what the service says; ends the process when the service cannot say anything any more. */
export type Answer = (ctx: Context, answer: Promise<ProtocolAnswer>) => Promise<void>;

/**
 * The app with its health and metrics routes.
 * @param routes adds the service's own
 */
export function cosignerApp(options: CosignerAppOptions, routes: (router: Router, answer: Answer) => void): Koa {
  const { log, metrics, fatal } = options;
  const app = new Koa();
  app.on('error', (error: NodeJS.ErrnoException) => log('debug', 'answer-failed', { reason: String(error) }));
  app.use(metrics.middleware());
  app.use(async (ctx, next) => {
    await next();
    // An answer that comes before the whole request leaves bytes on the connection that nobody will read.
    if (!ctx.req.complete) ctx.set('Connection', 'close');
  });
  app.use(problems(log));
  const router = new Router({ sensitive: true, strict: true });
  router.get(['/healthz', '/readyz'], (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { status: 'ok' };
  });
  router.get('/metrics', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.type = metrics.contentType;
    ctx.body = await metrics.text();
  });
  routes(router, async (ctx, answer) => send(ctx, await answer.catch(fatal)));
  app.use(router.routes());
  return app;
}

function send(ctx: Context, { status, contentType, body }: ProtocolAnswer): void {
  ctx.status = status;
  ctx.set({ 'Content-Type': contentType, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  ctx.body = typeof body === 'string' ? body : Buffer.from(body);
}

/** Where a log's tiles and checkpoint are asked for. @throws Refusal `not-found` when it is no origin hash */
export function originHashOf(ctx: Context): string {
  const hash = String(ctx['params'].originHash);
  // SPEC tlog-witness: "The origin hash is the SHA-256 hash of the log's origin, hex encoded, in lowercase."
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new Refusal('not-found');
  return hash;
}
