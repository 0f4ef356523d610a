/**
 * What a request says beside its body, and its body as bytes: content type and encoding, Prefer (RFC 7240), Idempotency-Key,
 * bounded reading. The request stream is never destroyed here: an answer must still be possible on its connection.
 */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Context } from 'koa';
import { IDEMPOTENCY_KEY_CHARACTERS_MAX, WAIT_SECONDS_MAX } from '../intake/limits.ts';
import { Refusal } from '../refusal.ts';

/**
 * The media type of the body.
 * @throws Refusal content-encoding-unsupported, content-type-unsupported when there is none
 */
export function contentTypeOf(ctx: Context): string {
  const encoding = ctx.get('content-encoding');
  if (encoding !== '' && encoding.toLowerCase() !== 'identity') throw new Refusal('content-encoding-unsupported');
  const type = ctx.get('content-type').split(';')[0]?.trim().toLowerCase();
  if (type === undefined || type === '') throw new Refusal('content-type-unsupported');
  return type;
}

/** Declared length of the body in bytes; 0 when it is not declared. */
export function declaredLength(ctx: Context): number {
  return ctx.request.length ?? 0;
}

/**
 * `Prefer: wait=N` in seconds, at most WAIT_SECONDS_MAX; undefined when it is not asked for.
 * RFC 7240 section 2: a preference that is not understood is ignored.
 */
export function preferredWait(ctx: Context): number | undefined {
  const seconds = /(?:^|,)\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:[,;]|$)/i.exec(ctx.get('prefer'))?.[1];
  return seconds === undefined ? undefined : Math.min(Number(seconds), WAIT_SECONDS_MAX);
}

const KEY = new RegExp(`^[!-~]{1,${IDEMPOTENCY_KEY_CHARACTERS_MAX}}$`);

/** Whether a text can be an Idempotency-Key. */
export function isIdempotencyKey(text: string): boolean {
  return KEY.test(text);
}

/** @throws Refusal idempotency-key-invalid */
export function idempotencyKeyOf(ctx: Context): string | undefined {
  if (ctx.req.headers['idempotency-key'] === undefined) return undefined;
  const key = ctx.get('idempotency-key');
  if (!isIdempotencyKey(key)) throw new Refusal('idempotency-key-invalid');
  return key;
}

/** How the request travelled to this process, for the record: `HTTP/1.1`, `HTTP/1.1, TLSv1.3`. */
export function transportOf(ctx: Context): string {
  const socket = ctx.req.socket as Partial<TLSSocket>;
  const protocol = socket.encrypted === true ? socket.getProtocol?.() : undefined;
  return [`HTTP/${ctx.req.httpVersion}`, ...(protocol ? [protocol] : [])].join(', ');
}

/**
 * The body, whole.
 * @throws Refusal body-too-large, body-truncated
 */
export async function readBody(ctx: Context, bytesMax: number): Promise<Uint8Array> {
  if (declaredLength(ctx) > bytesMax) throw new Refusal('body-too-large', { limit: bytesMax });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyChunks(ctx)) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Refusal('body-too-large', { limit: bytesMax });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The body as it comes. Whoever stops half-way gets the rest read and dropped, so that the sender comes to read the answer.
 * @throws Refusal body-truncated when the sender breaks off
 */
export async function* bodyChunks({ req }: { readonly req: IncomingMessage }): AsyncGenerator<Uint8Array> {
  try {
    yield* req.iterator({ destroyOnReturn: false });
  } catch (cause) {
    throw new Refusal('body-truncated', {}, { cause });
  } finally {
    req.resume();
  }
}
