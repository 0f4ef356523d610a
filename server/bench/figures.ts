/**
 * The figures of a running consortium. Order matters: single deposits are owed certificates at once, and drawing them uses the processors
 * for a while; so what must not wait for that comes first.
 */
import { nodeFonts } from '../../certs/render/fonts-node.ts';
import { renderCertificate, rendererId } from '../../certs/render/render.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { verify } from '../../verifier/core/verify.ts';
import { type ProcessConsortium, until } from '../processes/testing.ts';
import { during, type Timed, times } from './measure.ts';

export const WRITERS = 16;
const SINGLES = 200;
const BATCH_LINES = 5000;
const LATENCY_REQUESTS = 40;
/** Certificates are counted for this long at most. */
const DRAWING_SECONDS = 20;

export interface Rate {
  readonly n: number;
  readonly seconds: number;
}

/** From the request to a checkpoint that the quorum has cosigned, one deposit at a time on an idle system. */
export function quorumLatency(consortium: ProcessConsortium): Promise<Timed> {
  return times(LATENCY_REQUESTS, async () => {
    const size = await publishedSize(consortium);
    // A batch of one: no certificate is owed for it, which would be drawn during the next measurement.
    await consortium.depositBatch(1);
    while ((await publishedSize(consortium)) <= size);
  });
}

/** One batch request until its last entry is under a cosigned checkpoint. */
export function batchEntries(consortium: ProcessConsortium): Promise<Rate> {
  return published(consortium, async () => (await consortium.depositBatch(BATCH_LINES)).length);
}

/** Single deposits, WRITERS at a time, until the last is under a cosigned checkpoint. */
export function singleDeposits(consortium: ProcessConsortium): Promise<Rate> {
  return published(consortium, async () => {
    let started = 0;
    let accepted = 0;
    const writer = async (): Promise<void> => {
      while (started++ < SINGLES) if (typeof (await consortium.deposit()) === 'string') accepted += 1;
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
    return accepted;
  });
}

async function published(consortium: ProcessConsortium, act: () => Promise<number>): Promise<Rate> {
  const size = await publishedSize(consortium);
  const start = performance.now();
  const n = await act();
  await until('all published', async () => (await publishedSize(consortium)) >= size + n);
  return { n, seconds: (performance.now() - start) / 1000 };
}

async function publishedSize(consortium: ProcessConsortium): Promise<number> {
  const answer = await consortium.get(`${consortium.url}/ledger/checkpoint`);
  if (answer?.status !== 200) throw new Error('the platform serves no checkpoint');
  return parseCheckpoint(parseNote(answer.body).text).size;
}

/** How fast the certificates owed become fewer. */
export async function certificates(consortium: ProcessConsortium): Promise<Rate> {
  const owed = async (): Promise<number> => {
    const metrics = Buffer.from((await consortium.get(`${consortium.url}/metrics`))?.body ?? []).toString();
    return Number(/^probata_certificates_owed (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
  };
  const before = await owed();
  const start = performance.now();
  let after = before;
  while (after > 0 && performance.now() - start < DRAWING_SECONDS * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    after = await owed();
  }
  return { n: before - after, seconds: (performance.now() - start) / 1000 };
}

/** The whole verifier on one certificate, pages drawn again; then without the pages, which leaves the verdict open. */
export async function verifications(
  certificate: Uint8Array,
  trust: Uint8Array,
): Promise<{ whole: Timed; withoutPages: Timed }> {
  const fonts = nodeFonts();
  const input = { certificate, trust, evidence: [], certificateOnly: true, nowMs: Date.now() };
  const rerender = async (source: Parameters<typeof renderCertificate>[0]) =>
    (await renderCertificate(source, fonts)).bytes;
  const whole = { ...input, rerender, rendererId: rendererId() };
  const { outcome } = await verify(whole);
  if (outcome !== 'consistent') throw new Error(`the verifier says ${outcome}`);
  return { whole: await during(5, 1, () => verify(whole)), withoutPages: await during(3, 1, () => verify(input)) };
}
