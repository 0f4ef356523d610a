/**
 * From any thrown value to one answer. Refusals are the sender's; what the layers below say is translated here, in one place;
 * everything else is ours: logged with its message, answered with a text that says nothing of it.
 */
import type { Context, Middleware } from 'koa';
import { LogError } from '../../ledger/log/errors.ts';
import { StoreError } from '../../ledger/log/ports.ts';
import type { EventLog } from '../logging.ts';
import { Refusal } from '../refusal.ts';
import { problemOf } from './problem.ts';

/** The refusal that an error amounts to. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof LogError && error.code === 'not-published')
    return new Refusal('not-published', {}, { cause: error });
  if (error instanceof StoreError && isFull(error.cause)) return new Refusal('storage-full', {}, { cause: error });
  return new Refusal('internal', {}, { cause: error });
}

function isFull(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
}

/** Writes a refusal as the answer of this request. */
function answerProblem(ctx: Context, refusal: Refusal): void {
  const { status, headers, body } = problemOf(refusal);
  const codings = ctx.res.getHeader('Accept-Encoding');
  // What an answer had set before it failed must not stay: a problem is never cached and never a download.
  for (const name of ctx.res.getHeaderNames()) ctx.remove(name);
  ctx.status = status;
  ctx.set({ ...headers, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  // But for what the address takes, which a route says before it looks at a body.
  if (codings !== undefined) ctx.res.setHeader('Accept-Encoding', codings);
  // RFC 9110 section 15.5.6: a 405 lists the methods that the address takes.
  if (refusal.code === 'method-not-allowed') ctx.set('Allow', methodsOf(ctx).join(', '));
  ctx.body = `${JSON.stringify(body)}\n`;
  ctx.type = 'application/problem+json';
}

/** Outermost middleware: every error and every unanswered request becomes a problem. */
export function problems(log: EventLog): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.body === undefined) throw new Refusal(methodsOf(ctx).length > 0 ? 'method-not-allowed' : 'not-found');
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.code === 'internal') log('alarm', 'request-failed', { route: routeOf(ctx), reason: String(error) });
      answerProblem(ctx, refusal);
      // The rest of a refused upload is read and dropped, so that the sender gets to read the answer.
      ctx.req.resume();
    }
  };
}

/** The methods of the routes that this path belongs to. */
function methodsOf(ctx: Context): string[] {
  const matched = (ctx['matched'] ?? []) as { readonly methods: string[] }[];
  return [...new Set(matched.flatMap(({ methods }) => methods))].sort();
}

/** The route's pattern, never the path: paths carry what strangers wrote. */
export function routeOf(ctx: Context): string {
  return typeof ctx['_matchedRoute'] === 'string' ? ctx['_matchedRoute'] : 'unmatched';
}
