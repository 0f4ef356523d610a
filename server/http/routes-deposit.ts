/**
 * POST /api/v1/deposits: one deposit, its files (multipart/form-data) or their digests (application/json).
 * 202 with the receipt once it is durable; with `Prefer: wait=N`, 201 if it is certified within that time.
 * Whatever is refused leaves nothing behind; what would be refused whatever it holds is refused before its body is read.
 * A request that was answered before, by its Idempotency-Key, has the same answer whatever a new one would meet.
 */
import type { Context } from 'koa';
import type { Party } from '../auth.ts';
import type { Taken } from '../intake/committer.ts';
import {
  checkedMediaType,
  checkFileName,
  checkStated,
  EMPTY_DECLARATION,
  parseDeclaration,
  parseDigestDeposit,
} from '../intake/declaration.ts';
import type { Evidence } from '../intake/evidence.ts';
import type { Submission, SubmittedFile } from '../intake/submission.ts';
import { Refusal } from '../refusal.ts';
import { DEPOSITS_PATH, depositPath, depositView } from './deposit-view.ts';
import { readMultipart } from './multipart.ts';
import type { Platform } from './platform.ts';
import { contentTypeOf, declaredLength, idempotencyKeyOf, preferredWait, readBody, transportOf } from './request.ts';
import type { Route } from './route.ts';

export function depositRoute(platform: Platform): Route {
  return { method: 'POST', path: DEPOSITS_PATH, access: 'party', handle: (ctx, party) => post(platform, ctx, party) };
}

async function post(platform: Platform, ctx: Context, party: Party): Promise<void> {
  const { notary, policy, space } = platform;
  const type = contentTypeOf(ctx);
  const waitSeconds = preferredWait(ctx);
  const idempotencyKey = idempotencyKeyOf(ctx);
  const isKnown = idempotencyKey !== undefined && (await notary.isKnown(party.party, idempotencyKey));
  if (!isKnown) {
    await space.check(declaredLength(ctx));
    await notary.checkOpen();
  }
  const common: Common = {
    party,
    mode: 'single',
    transport: transportOf(ctx),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  const take = TAKE.get(type);
  if (take === undefined) throw new Refusal('content-type-unsupported');
  const { deposit } = await take(platform, ctx, common, isKnown);
  if (waitSeconds !== undefined) {
    await notary.certifier.waitCertified(deposit.id, waitSeconds * 1000);
    ctx.set('Preference-Applied', `wait=${waitSeconds}`);
  }
  const view = await depositView(notary, policy, deposit);
  ctx.status = waitSeconds !== undefined && view.state === 'certified' ? 201 : 202;
  ctx.set({ Location: depositPath(deposit.id), 'Cache-Control': 'no-store' });
  ctx.body = view;
}

type Common = Pick<Submission, 'party' | 'mode' | 'transport' | 'idempotencyKey'>;

/** What a deposit may come as. */
const TAKE = new Map([
  ['multipart/form-data', takeUpload],
  ['application/json', takeDigests],
]);

async function takeDigests({ notary, limits }: Platform, ctx: Context, common: Common): Promise<Taken> {
  const { declared, files } = parseDigestDeposit(await readBody(ctx, limits.jsonBytesMax));
  return notary.submit({ ...common, how: 'digest', declared, files });
}

async function takeUpload(platform: Platform, ctx: Context, common: Common, isKnown: boolean): Promise<Taken> {
  const { notary, limits } = platform;
  if (declaredLength(ctx) > limits.depositBytesMax + limits.jsonBytesMax) {
    throw new Refusal('body-too-large', { limit: limits.depositBytesMax });
  }
  const evidence = notary.evidence({ hashOnly: isKnown });
  let taken: Taken;
  try {
    const submission = await receive(platform, ctx, evidence, common);
    const blob = isKnown ? {} : { blob: await evidence.commit() };
    taken = await notary.submit({ ...submission, ...blob });
  } catch (error) {
    await evidence.abort();
    throw error;
  }
  // The same bytes are held already, under the deposit that the first request made.
  if (taken.replayed) await evidence.abort();
  return taken;
}

async function receive(
  { limits }: Platform,
  ctx: Context,
  evidence: Evidence,
  common: Common,
): Promise<Omit<Submission, 'blob'>> {
  const files: SubmittedFile[] = [];
  const json = await readMultipart(ctx.req, {
    jsonBytesMax: limits.jsonBytesMax,
    onFile: async ({ name, mediaType, chunks }, number) => {
      checkFileName(name, number);
      files.push({ name, mediaType: checkedMediaType(mediaType, number), ...(await evidence.add(chunks)) });
    },
  });
  const { declared, files: stated } = json === undefined ? EMPTY_DECLARATION : parseDeclaration(json);
  if (stated !== undefined) checkStated(stated, files);
  return { ...common, how: 'upload', declared, files };
}
