/**
 * A route as data: method, path, who may call it, what it does. The router, the metrics and the access tests are all made from
 * the same list, so a route without a rule cannot exist.
 */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Authenticator, Party } from '../auth.ts';

export type Route = { readonly method: 'GET' | 'POST'; readonly path: string } & (
  | { readonly access: 'public'; readonly handle: (ctx: Context) => Promise<void> }
  | { readonly access: 'party'; readonly handle: (ctx: Context, party: Party) => Promise<void> }
);

/** Binds routes; who calls a private one is asked before anything else. What no route answers is for http/errors.ts. */
export function bindRoutes(routes: readonly Route[], authenticator: Authenticator): Middleware {
  const router = new Router({ sensitive: true, strict: true });
  for (const route of routes) router.register(route.path, [route.method], (ctx) => answer(route, ctx, authenticator));
  return router.routes() as unknown as Middleware;
}

async function answer(route: Route, ctx: Context, authenticator: Authenticator): Promise<void> {
  if (route.access === 'public') return route.handle(ctx);
  // Whoever is refused learns nothing of what exists: this comes before anything is looked up.
  const party = await authenticator.authenticate(ctx.get('authorization') || undefined);
  return route.handle(ctx, party);
}
