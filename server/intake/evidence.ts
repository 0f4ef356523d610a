/**
 * Steps 1 and 2, `received` and `stored`: the bytes of one deposit, hashed (SHA-256 and SM3) while they stream into one blob,
 * file after file. The blob's name is noted before its first byte, so a crash at any point leaves nothing that the next start
 * does not delete. Hashing goes through node:crypto; memory is one chunk, whatever the size.
 */
import { createHash } from 'node:crypto';
import type { BlobStore, BlobWriter } from '../../ledger/log/ports.ts';
import { Refusal } from '../refusal.ts';
import type { DepositStore } from './deposit-store.ts';
import type { Limits } from './limits.ts';
import type { DiskSpace } from './space.ts';

/** Free space is asked for again each time this many bytes have come. */
const SPACE_CHECK_BYTES = 16 * 1024 * 1024;

export interface FileDigests {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sm3: string;
}

export interface EvidenceOptions {
  readonly blobs: BlobStore;
  readonly store: DepositStore;
  readonly limits: Limits;
  readonly space: DiskSpace;
  /** Keeps nothing: of a request that was answered before, only to see whether it is the same one. */
  readonly hashOnly?: boolean;
}

/** The bytes of one deposit on their way in. Ends with exactly one `commit` or `abort`. */
export class Evidence {
  readonly #options: EvidenceOptions;
  #writer: BlobWriter | undefined;
  #bytes = 0;
  #bytesChecked = 0;
  #files = 0;

  constructor(options: EvidenceOptions) {
    this.#options = options;
  }

  /**
   * Takes the next file.
   * @throws Refusal file-empty, file-too-large, body-too-large, storage-full; whatever the stream throws
   */
  async add(chunks: AsyncIterable<Uint8Array>): Promise<FileDigests> {
    const { limits } = this.#options;
    const file = ++this.#files;
    const sha256 = createHash('sha256');
    const sm3 = createHash('sm3');
    let size = 0;
    for await (const chunk of chunks) {
      size += chunk.length;
      this.#bytes += chunk.length;
      if (size > limits.fileBytesMax) throw new Refusal('file-too-large', { file, limit: limits.fileBytesMax });
      if (this.#bytes > limits.depositBytesMax) {
        throw new Refusal('body-too-large', { limit: limits.depositBytesMax });
      }
      sha256.update(chunk);
      sm3.update(chunk);
      await this.#write(chunk);
    }
    if (size === 0) throw new Refusal('file-empty', { file });
    return { size, sha256: sha256.digest('hex'), sm3: sm3.digest('hex') };
  }

  /** Makes the bytes durable. @returns the blob's name */
  async commit(): Promise<string> {
    if (this.#writer === undefined) throw new Error('invariant: evidence is committed with at least one byte');
    // A crash after this leaves a whole blob that no deposit holds: deleted at the next start, by its note.
    await this.#writer.commit();
    return this.#writer.name;
  }

  /** Leaves nothing behind, whether the bytes were committed or not. */
  async abort(): Promise<void> {
    if (this.#writer === undefined) return;
    const { blobs, store } = this.#options;
    const { name } = this.#writer;
    await this.#writer.abort();
    await blobs.delete(name);
    await store.forgetBlob(name);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#options.hashOnly) return;
    if (this.#writer === undefined) {
      const writer = await this.#options.blobs.create();
      this.#writer = writer;
      await this.#options.store.beginBlob(writer.name);
    }
    if (this.#bytes - this.#bytesChecked >= SPACE_CHECK_BYTES) {
      this.#bytesChecked = this.#bytes;
      await this.#options.space.check(0);
    }
    await this.#writer.write(chunk);
  }
}

/** Deletes blobs that no deposit holds: what a crash left of uploads. @returns how many */
export async function deleteOrphans(blobs: BlobStore, store: DepositStore): Promise<number> {
  const orphans = await store.orphanBlobs();
  for (const name of orphans) {
    await blobs.delete(name);
    await store.forgetBlob(name);
  }
  return orphans.length;
}
