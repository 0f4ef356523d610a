/**
 * GET of deposits: state, receipt, record, proof, certificate, files; and the lookup by digest.
 * Owner only: an id of somebody else is answered with the very same bytes as one that never was.
 * The lookup is for anyone who has the bytes: it says whether and when, never who.
 */

import type { Context } from 'koa';
import { type FilePart, files as filesOf, parseRecord } from '../../certs/core/record.ts';
import { hexDecode } from '../../ledger/core/bytes.ts';
import { formatTlogProof } from '../../ledger/core/tlog-proof.ts';
import type { Party } from '../auth.ts';
import type { Deposit } from '../intake/deposit-store.ts';
import { receivedMs } from '../intake/ids.ts';
import { LOOKUP_MAX } from '../intake/limits.ts';
import { Refusal } from '../refusal.ts';
import { sendBytes, sendStored } from './artefact.ts';
import { DEPOSITS_PATH, depositView } from './deposit-view.ts';
import type { Platform } from './platform.ts';
import type { Route } from './route.ts';

type Read = (platform: Platform, ctx: Context, deposit: Deposit) => Promise<void>;

const READS: readonly [path: string, read: Read][] = [
  ['', sendView],
  ['/receipt', sendReceipt],
  ['/record', sendRecord],
  ['/proof', sendProof],
  ['/certificate', sendCertificate],
  ['/files/:n', sendFile],
];

export function readRoutes(platform: Platform): Route[] {
  const owned = READS.map(([path, read]): Route => {
    const handle = async (ctx: Context, party: Party): Promise<void> => {
      const deposit = await platform.notary.find(ctx['params'].id, party.party);
      if (deposit === undefined) throw new Refusal('deposit-not-found');
      await read(platform, ctx, deposit);
    };
    return { method: 'GET', path: `${DEPOSITS_PATH}/:id${path}`, access: 'party', handle };
  });
  const lookup: Route = {
    method: 'GET',
    path: '/api/v1/lookup',
    access: 'public',
    handle: (ctx) => sendLookup(platform, ctx),
  };
  return [...owned, lookup];
}

async function sendView({ notary, policy }: Platform, ctx: Context, deposit: Deposit): Promise<void> {
  ctx.body = await depositView(notary, policy, deposit);
  ctx.set('Cache-Control', 'no-store');
}

async function sendReceipt({ notary }: Platform, ctx: Context, deposit: Deposit): Promise<void> {
  sendBytes(ctx, `receipt-${deposit.id}.txt`, 'text/plain; charset=utf-8', await notary.receipt(deposit));
}

async function sendRecord({ notary }: Platform, ctx: Context, { id }: Deposit): Promise<void> {
  sendBytes(ctx, `record-${id}.json`, 'application/json', await notary.store.record(id));
}

async function sendProof({ notary }: Platform, ctx: Context, { id }: Deposit): Promise<void> {
  const index = await notary.store.index(id);
  if (index === undefined) throw new Refusal('not-published');
  const proof = formatTlogProof(await notary.ledger.proof(index));
  sendBytes(ctx, `deposit-${id}.tlog-proof`, 'text/plain; charset=utf-8', proof);
}

async function sendCertificate({ notary, blobs }: Platform, ctx: Context, { id }: Deposit): Promise<void> {
  const file = ctx.query['file'] === undefined ? undefined : positiveInteger(ctx.query['file']);
  if (ctx.query['file'] !== undefined && file === undefined) throw new Refusal('query-invalid', { field: 'file' });
  const { blob, bytes, sha256 } = await notary.certifier.certificate(id, file);
  const name = file === undefined ? `certificate-${id}.pdf` : `certificate-${id}-file-${file}.pdf`;
  sendStored(ctx, { name, contentType: 'application/pdf', bytes }, await blobs.read(blob), sha256);
}

async function sendFile({ notary, blobs }: Platform, ctx: Context, { id, blob }: Deposit): Promise<void> {
  const files = filesOf(parseRecord(await notary.store.record(id)));
  const file = files[(positiveInteger(ctx['params'].n) ?? 0) - 1];
  if (file === undefined) throw new Refusal('file-not-found');
  if (blob === undefined) throw new Refusal('file-not-held');
  const start = startOf(files, file);
  const chunks = await blobs.read(blob, { start, end: start + file.size });
  // The declared media type is the submitter's word; a browser must not act on it.
  sendStored(ctx, { name: file.name, contentType: 'application/octet-stream', bytes: file.size }, chunks, file.sha256);
}

/** The files of a deposit lie one after the other in its blob. */
function startOf(files: readonly FilePart[], file: FilePart): number {
  return files.slice(0, file.index - 1).reduce((bytes, { size }) => bytes + size, 0);
}

async function sendLookup({ notary }: Platform, ctx: Context): Promise<void> {
  const sha256 = ctx.query['sha256'];
  if (typeof sha256 !== 'string' || hexDecode(sha256, 32) === undefined) {
    throw new Refusal('query-invalid', { field: 'sha256' });
  }
  const hits = await notary.store.lookup(sha256, LOOKUP_MAX);
  ctx.body = {
    sha256,
    deposited: hits.length > 0,
    deposits: hits.map(({ id, index }) => ({ received: new Date(receivedMs(id)).toISOString(), index: index ?? null })),
  };
  ctx.set('Cache-Control', 'no-store');
}

function positiveInteger(text: unknown): number | undefined {
  return typeof text === 'string' && /^[1-9]\d{0,6}$/.test(text) ? Number(text) : undefined;
}
