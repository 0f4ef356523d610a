/**
 * The platform's HTTP application: one koa app from one list of routes. The order of the middleware is the order of the file:
 * count, measure, turn errors into problems, set what every answer carries, route. Not here: listening (http/server.ts).
 */
import Koa from 'koa';
import { problems } from './http/errors.ts';
import type { InFlight } from './http/in-flight.ts';
import type { Platform } from './http/platform.ts';
import { bindRoutes, type Route } from './http/route.ts';
import { batchRoute } from './http/routes-batch.ts';
import { depositRoute } from './http/routes-deposit.ts';
import { ledgerRoutes } from './http/routes-ledger.ts';
import { operationsRoutes } from './http/routes-operations.ts';
import { readRoutes } from './http/routes-read.ts';

/** Every route of the platform. */
export function platformRoutes(platform: Platform): Route[] {
  return [
    depositRoute(platform),
    batchRoute(platform),
    ...readRoutes(platform),
    ...ledgerRoutes(platform),
    ...operationsRoutes(platform),
  ];
}

/** A sender or reader that goes away in the middle is not an event. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

/** @param inFlight told of every request from its first to its last step */
export function createApp(platform: Platform, inFlight: InFlight): Koa {
  const { authenticator, log, metrics } = platform;
  const app = new Koa();
  app.on('error', (error: NodeJS.ErrnoException) => {
    if (!GONE.has(error.code ?? '')) log('alarm', 'answer-failed', { reason: String(error) });
  });
  app.use(inFlight.middleware());
  app.use(metrics.middleware());
  app.use(problems(log));
  app.use(async (ctx, next) => {
    ctx.set('X-Content-Type-Options', 'nosniff');
    await next();
  });
  app.use(bindRoutes(platformRoutes(platform), authenticator));
  return app;
}
