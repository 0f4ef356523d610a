/** /healthz, /readyz, /metrics: for whoever runs the platform. Public; they say nothing about any deposit or person. */
import type { Context } from 'koa';
import type { Platform } from './platform.ts';
import type { Route } from './route.ts';

export function operationsRoutes(platform: Platform): Route[] {
  return [
    { method: 'GET', path: '/healthz', access: 'public', handle: sendAlive },
    { method: 'GET', path: '/readyz', access: 'public', handle: (ctx) => sendReady(platform, ctx) },
    { method: 'GET', path: '/metrics', access: 'public', handle: (ctx) => sendMetrics(platform, ctx) },
  ];
}

/** The process answers. Nothing else: a restart helps against nothing that this does not see. */
async function sendAlive(ctx: Context): Promise<void> {
  ctx.body = { status: 'ok' };
  ctx.set('Cache-Control', 'no-store');
}

/** 200 when a deposit made now would be certified. */
async function sendReady({ readiness }: Platform, ctx: Context): Promise<void> {
  const state = await readiness.state();
  ctx.status = state.ready ? 200 : 503;
  ctx.body = state;
  ctx.set('Cache-Control', 'no-store');
}

async function sendMetrics({ metrics }: Platform, ctx: Context): Promise<void> {
  ctx.body = await metrics.text();
  ctx.type = metrics.contentType;
  ctx.set('Cache-Control', 'no-store');
}
