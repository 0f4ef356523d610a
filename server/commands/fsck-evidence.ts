/**
 * The bytes that a platform keeps beside the ledger: a deposit's evidence against the digests in its record, its certificates against those that
 * were noted when they were stored. Every byte is read. Nothing here is named but the deposit and the number of a file: names are a litigant's.
 */
import { createHash } from 'node:crypto';
import { files, parseRecord } from '../../certs/core/record.ts';
import { type BlobStore, StoreError } from '../../ledger/log/ports.ts';
import type { Deposit, DepositStore } from '../intake/deposit-store.ts';

/** @returns what is wrong, one sentence each */
export async function evidenceFlaws(
  deposit: Deposit,
  record: Uint8Array,
  store: DepositStore,
  blobs: BlobStore,
): Promise<string[]> {
  const { id, blob } = deposit;
  const flaws = blob === undefined ? [] : await fileFlaws(id, blob, record, blobs);
  for (const certificate of await store.certificates(id)) {
    const flaw = await flawOf(blobs, certificate.blob, 0, certificate.bytes, certificate.sha256);
    if (flaw !== undefined) flaws.push(`a certificate of deposit ${id} ${flaw}`);
  }
  return flaws;
}

async function fileFlaws(id: string, blob: string, record: Uint8Array, blobs: BlobStore): Promise<string[]> {
  const flaws: string[] = [];
  let start = 0;
  for (const [i, { size, sha256 }] of files(parseRecord(record)).entries()) {
    const flaw = await flawOf(blobs, blob, start, start + size, sha256);
    if (flaw !== undefined) flaws.push(`file ${i + 1} of deposit ${id} ${flaw}`);
    start += size;
  }
  return flaws;
}

/** What is wrong with a part of a blob; undefined when its digest is the one it should have. */
async function flawOf(
  blobs: BlobStore,
  blob: string,
  start: number,
  end: number,
  sha256: string,
): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of await blobs.read(blob, { start, end })) hash.update(chunk);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.code === 'missing' ? 'is not held any more' : `cannot be read: ${error.message}`;
  }
  return hash.digest('hex') === sha256 ? undefined : 'has other bytes than were stored';
}
