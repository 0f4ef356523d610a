/**
 * POST /api/v1/deposits/batch: many deposits of digests in one request, NDJSON, an answer line for each line, in order.
 * Each line stands alone: a refused one does not touch the others. A batch may be larger than what can be outstanding: its lines wait for room
 * in their order, never more of them than are taken in at the same time. The request is read to its end even when nobody reads the answers yet,
 * because simple clients send everything first; so answers wait in memory, bounded by the number of lines.
 * With an Idempotency-Key, a batch sent again makes no deposit twice: each line has the key and its number. Those that have made one are
 * answered also when there is no space for a new one.
 */

import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { Party } from '../auth.ts';
import { parseDigestDeposit } from '../intake/declaration.ts';
import { BATCH_LINES_MAX } from '../intake/limits.ts';
import { Refusal } from '../refusal.ts';
import { DEPOSITS_PATH, linksOf } from './deposit-view.ts';
import { refusalOf } from './errors.ts';
import type { Platform } from './platform.ts';
import { problemOf } from './problem.ts';
import { bodyChunks, contentTypeOf, declaredLength, idempotencyKeyOf, transportOf } from './request.ts';
import type { Route } from './route.ts';

/** Lines being taken in at the same time: a few durable writes' worth. */
const LINES_IN_FLIGHT = 512;

export function batchRoute(platform: Platform): Route {
  return {
    method: 'POST',
    path: `${DEPOSITS_PATH}/batch`,
    access: 'party',
    handle: (ctx, party) => post(platform, ctx, party),
  };
}

async function post(platform: Platform, ctx: Context, party: Party): Promise<void> {
  const { limits, space } = platform;
  if (contentTypeOf(ctx) !== 'application/x-ndjson') throw new Refusal('content-type-unsupported');
  if (declaredLength(ctx) > limits.batchBytesMax) throw new Refusal('body-too-large', { limit: limits.batchBytesMax });
  const key = idempotencyKeyOf(ctx);
  const noSpace = await space.check(declaredLength(ctx)).then(
    () => undefined,
    (error: unknown) => {
      if (key !== undefined && error instanceof Refusal) return error;
      throw error;
    },
  );
  const transport = transportOf(ctx);
  const answers = new Readable({ read: () => {} });
  ctx.status = 200;
  ctx.type = 'application/x-ndjson';
  ctx.set('Cache-Control', 'no-store');
  ctx.body = answers;
  const answer = (bytes: Uint8Array, line: number): Promise<object> =>
    takeLine(platform, { party, transport, key: key === undefined ? undefined : `${key} ${line}`, noSpace }, bytes);
  void answerAll(platform, ctx, answers, answer);
}

/** Never rejects: what goes wrong is the answer of its line, and of the whole when reading cannot go on. */
async function answerAll(
  platform: Platform,
  ctx: Context,
  answers: Readable,
  answer: (bytes: Uint8Array, line: number) => Promise<object>,
): Promise<void> {
  const inFlight: { line: number; body: Promise<object> }[] = [];
  const write = async (): Promise<void> => {
    const next = inFlight.shift();
    if (next !== undefined) push(answers, next.line, await next.body);
  };
  let line = 0;
  try {
    for await (const bytes of linesOf(ctx, platform)) {
      line += 1;
      if (line > BATCH_LINES_MAX) throw new Refusal('lines-too-many', { line, limit: BATCH_LINES_MAX });
      if (isBlank(bytes)) continue;
      const body = answer(bytes, line).catch((error: unknown) => problem(platform, error));
      inFlight.push({ line, body });
      if (inFlight.length >= LINES_IN_FLIGHT) await write();
    }
    while (inFlight.length > 0) await write();
  } catch (error) {
    while (inFlight.length > 0) await write();
    push(answers, line + 1, problem(platform, error));
  }
  answers.push(null);
}

function push(answers: Readable, line: number, body: object): void {
  if (!answers.destroyed) answers.push(`${JSON.stringify({ line, ...body })}\n`);
}

function problem({ log }: Platform, error: unknown): object {
  const refusal = refusalOf(error);
  if (refusal.code === 'internal') log('alarm', 'batch-line-failed', { reason: String(error) });
  return problemOf(refusal).body;
}

interface LineContext {
  readonly party: Party;
  readonly transport: string;
  readonly key: string | undefined;
  /** Why no new deposit is taken. */
  readonly noSpace: Refusal | undefined;
}

async function takeLine(platform: Platform, context: LineContext, bytes: Uint8Array): Promise<object> {
  const { notary } = platform;
  const { party, transport, key, noSpace } = context;
  const { declared, files } = parseDigestDeposit(bytes);
  const isKnown = noSpace !== undefined && key !== undefined && (await notary.isKnown(party.party, key));
  if (noSpace !== undefined && !isKnown) throw noSpace;
  const idempotencyKey = key === undefined ? {} : { idempotencyKey: key };
  const submission = { party, mode: 'batch', how: 'digest', transport, declared, files, ...idempotencyKey } as const;
  const { deposit, replayed } = await notary.submit(submission);
  const { id, received } = deposit;
  return {
    status: 202,
    id,
    // A new one is that; of thousands it need not be looked up.
    state: replayed ? (await notary.standing(id)).state : 'pending',
    received,
    links: linksOf(deposit),
    receipt: await notary.receipt(deposit),
  };
}

/** The lines of the body, without their newline. */
async function* linesOf(ctx: Context, { limits }: Platform): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let bodyBytes = 0;
  const check = (lineBytes: number): void => {
    if (lineBytes > limits.jsonBytesMax) throw new Refusal('line-too-long', { limit: limits.jsonBytesMax });
  };
  for await (const chunk of bodyChunks(ctx)) {
    bodyBytes += chunk.length;
    if (bodyBytes > limits.batchBytesMax) throw new Refusal('body-too-large', { limit: limits.batchBytesMax });
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      check(restBytes + end - start);
      yield Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    check(restBytes);
  }
  if (restBytes > 0) yield Buffer.concat(rest);
}

const NEWLINE = 0x0a;

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
