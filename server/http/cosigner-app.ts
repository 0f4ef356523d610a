/**
 * What a court's and a mirror's HTTP service share: bodies with a limit, protocol answers, health, metrics.
 * /healthz: the process answers. /readyz: its stores are open and it would cosign. /metrics: Prometheus text.
 * Not here: which paths there are (court-routes.ts, mirror-routes.ts).
 */
import Router from '@koa/router';
import Koa, { type Context } from 'koa';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ProtocolAnswer } from '../../ledger/witness/answer.ts';
import type { WitnessEvent } from '../../ledger/witness/events.ts';
import type { EventLog } from '../logging.ts';
import { Refusal } from '../refusal.ts';
import { problems, routeOf } from './errors.ts';

/** An add-checkpoint or sign-subtree body, in bytes: a note of NOTE_BYTES_MAX with its proof lines. */
export const CHECKPOINT_BODY_BYTES_MAX = 1_048_576;

/** The counters of one cosigner. */
export interface CosignerMetrics {
  readonly registry: Registry;
  count(event: WitnessEvent): void;
}

export function openCosignerMetrics(): CosignerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const events = new Counter({
    name: 'probata_cosigner_events_total',
    help: 'What happened, by kind',
    labelNames: ['kind'],
    registers,
  });
  const size = new Gauge({
    name: 'probata_cosigned_size',
    help: 'Size of the latest cosigned checkpoint',
    labelNames: ['origin'],
    registers,
  });
  return {
    registry,
    count(event) {
      events.inc({ kind: event.kind });
      if (event.kind === 'cosigned') size.set({ origin: event.origin }, event.size);
    },
  };
}

/**
 * The app with its health and metrics routes; `routes` adds the service's own.
 * @param metrics its counters; every request is counted by route and status
 */
export function cosignerApp(log: EventLog, metrics: CosignerMetrics, routes: (router: Router) => void): Koa {
  const app = new Koa();
  const requests = new Counter({
    name: 'probata_http_requests_total',
    help: 'Requests by route and status',
    labelNames: ['route', 'status'],
    registers: [metrics.registry],
  });
  app.use(async (ctx, next) => {
    await next();
    requests.inc({ route: routeOf(ctx), status: ctx.status });
    // An answer that comes before the whole request leaves bytes on the wire that nobody will read.
    if (!ctx.req.complete) ctx.set('Connection', 'close');
  });
  app.use(problems(log));
  const router = new Router();
  router.get(['/healthz', '/readyz'], (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.body = 'ok\n';
  });
  router.get('/metrics', async (ctx) => {
    ctx.type = metrics.registry.contentType;
    ctx.body = await metrics.registry.metrics();
  });
  routes(router);
  app.use(router.routes());
  app.use(router.allowedMethods({ throw: true, methodNotAllowed: notAllowed, notImplemented: notAllowed }));
  // Koa prints errors of sockets that closed early; they are the client's and of no interest.
  app.silent = true;
  return app;
}

function notAllowed(): Refusal {
  return new Refusal('method-not-allowed');
}

/** Sends what the protocol answers. */
export function answerProtocol(ctx: Context, answer: ProtocolAnswer): void {
  ctx.status = answer.status;
  ctx.set({ 'Content-Type': answer.contentType, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  ctx.body = typeof answer.body === 'string' ? answer.body : Buffer.from(answer.body);
}

/**
 * The whole body of a request.
 * @throws Refusal `body-too-large` as soon as it is, `body-truncated`, `content-encoding-unsupported`
 */
export async function readBody(ctx: Context, bytesMax: number): Promise<Uint8Array> {
  if (ctx.get('Content-Encoding') !== '') throw new Refusal('content-encoding-unsupported');
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of bodyOf(ctx)) {
      total += chunk.length;
      if (total > bytesMax) throw new Refusal('body-too-large', { limit: bytesMax });
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof Refusal ? cause : new Refusal('body-truncated', {}, { cause });
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** The body as it arrives. Leaving it half-read does not close the connection, so that the refusal can still be sent. */
export function bodyOf(ctx: Context): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ctx.req.iterator({ destroyOnReturn: false }) };
}
