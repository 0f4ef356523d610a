/**
 * Step 8, `certified`: makes certificates, stores them, and remembers which are still owed.
 * A deposit handed in by itself is owed its certificate as soon as the ledger has published it; one of a batch, or of one file
 * alone, is made when it is first asked for. At most ISSUERS at a time, and neither those that are owed nor those that are asked
 * for keep the others waiting. A failure (no timestamp service, say) is tried again with growing pauses and holds nobody else up.
 * On a disk that is all but full none is made: what is asked for is refused, and what is owed waits (intake/space.ts).
 * What is owed survives a restart. What is stored never changes, unless keys are revoked after it was made: when it is then asked for, it is
 * checked once against the new trust bundle, and made anew if that refuses it. The old bytes stay.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parseRecord, type ShownRecord } from '../certs/core/record.ts';
import { showFiles } from '../certs/issue/record-builder.ts';
import type { TlogProof } from '../ledger/core/tlog-proof.ts';
import type { BlobStore } from '../ledger/log/ports.ts';
import type { DepositStore, StoredCertificate } from './intake/deposit-store.ts';
import type { DiskSpace } from './intake/space.ts';
import type { EventLog } from './logging.ts';
import type { Recheck } from './recheck.ts';
import { Refusal } from './refusal.ts';

/** Rendering uses one processor fully; the second waits for its timestamp meanwhile. */
const ISSUERS = 2;
/** How long closing waits for certificates that are being made; what is not done then is made at the next start. */
const CLOSE_WAIT_MS = 5000;
/** First pause after a failure; doubles up to RETRY_MAX_MS. */
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 15_000;

export interface CertifierOptions {
  readonly store: DepositStore;
  readonly blobs: BlobStore;
  readonly space: DiskSpace;
  /** Size of the published tree. */
  readonly publishedSize: () => number;
  /** Against the published checkpoint. */
  readonly proof: (index: number) => Promise<TlogProof>;
  /** Renders, signs, timestamps, and runs our own verifier on the bytes it returns. */
  readonly issue: (record: ShownRecord, proof: TlogProof) => Promise<Uint8Array>;
  readonly recheck: Recheck;
  readonly log: EventLog;
}

interface Owed {
  index: number | undefined;
  failures: number;
  notBeforeMs: number;
}

/** Why a certificate is made. What is owed goes before what is asked for. */
type Why = 'owed' | 'asked';

export class Certifier {
  readonly #options: CertifierOptions;
  /** In received order, so also in index order. */
  readonly #owed = new Map<string, Owed>();
  /** Of those owed, the ones that are being made or wait in line for it: at most ISSUERS, however many others are asked for. */
  readonly #paying = new Set<string>();
  readonly #making = new Map<string, Promise<StoredCertificate>>();
  readonly #waiters = new Map<string, Set<() => void>>();
  #free = ISSUERS;
  /** Who waits for an issuer, by the certificate it will make. */
  readonly #turns: { readonly name: string; readonly go: () => void }[] = [];
  #closed = false;
  #released = false;
  #abandoned = false;

  constructor(options: CertifierOptions) {
    this.#options = options;
  }

  /** Deposits whose certificate is owed and not made. */
  get owed(): number {
    return this.#owed.size;
  }

  /** @param index ledger index, undefined while the deposit is pending; {@link integrated} brings it then */
  owe(id: string, index: number | undefined): void {
    this.#owed.set(id, { index, failures: 0, notBeforeMs: 0 });
  }

  /** The deposit has its place on the ledger. */
  integrated(id: string, index: number): void {
    const owed = this.#owed.get(id);
    if (owed !== undefined) owed.index = index;
    this.published();
  }

  /** More may have been published: makes what is owed and can be made. */
  published(): void {
    const size = this.#options.publishedSize();
    const nowMs = performance.now();
    for (const [id, { index, notBeforeMs }] of this.#owed) {
      if (this.#closed || this.#paying.size >= ISSUERS || index === undefined || index >= size) return;
      if (!this.#paying.has(id) && notBeforeMs <= nowMs) void this.#pay(id, index);
    }
  }

  /**
   * The certificate, made now if it does not exist or a revocation has made it worthless.
   * @param file 1-based: the certificate that shows this file alone
   * @throws Refusal not-published, file-not-found, certificate-unavailable, storage-full, stopping
   */
  async certificate(id: string, file?: number): Promise<StoredCertificate> {
    const { store, publishedSize, log } = this.#options;
    const stored = await store.certificate(id, file);
    if (stored !== undefined && this.#isChecked(stored)) return stored;
    const index = await store.index(id);
    if (index === undefined || index >= publishedSize()) throw new Refusal('not-published');
    try {
      return await this.#make(id, index, file, 'asked');
    } catch (error) {
      if (error instanceof Refusal) throw error;
      log('warn', 'certificate-failed', { id, reason: String(error) });
      throw new Refusal('certificate-unavailable', {}, { cause: error });
    }
  }

  /** Resolves when the deposit is certified, or after the time. */
  async waitCertified(id: string, timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let done: () => void = () => {};
    const certified = new Promise<void>((resolve) => {
      done = resolve;
      timer = setTimeout(resolve, timeoutMs);
      this.#waitersOf(id).add(resolve);
    });
    // Asked after the waiter is in place: a certificate that is stored in between is seen by one of the two.
    if (this.#released || (await this.#options.store.certificate(id)) !== undefined) done();
    await certified;
    clearTimeout(timer);
    this.#waiters.get(id)?.delete(done);
    if (this.#waiters.get(id)?.size === 0) this.#waiters.delete(id);
  }

  /** Ends every wait, now and from now on. */
  releaseWaiting(): void {
    this.#released = true;
    for (const waiters of this.#waiters.values()) for (const resolve of waiters) resolve();
  }

  /** Begins nothing new and waits a little for what is being made; nothing is stored after it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.releaseWaiting();
    const waiting = new AbortController();
    const over = pause(CLOSE_WAIT_MS, undefined, { signal: waiting.signal }).catch(() => {});
    await Promise.race([Promise.allSettled(this.#making.values()), over]);
    waiting.abort();
    this.#abandoned = true;
  }

  async #pay(id: string, index: number): Promise<void> {
    this.#paying.add(id);
    try {
      await this.#make(id, index, undefined, 'owed');
    } catch (error) {
      const owed = this.#owed.get(id);
      if (owed === undefined || this.#closed) return;
      owed.failures += 1;
      const pauseMs = Math.min(RETRY_MIN_MS * 2 ** (owed.failures - 1), RETRY_MAX_MS);
      owed.notBeforeMs = performance.now() + pauseMs;
      setTimeout(() => this.published(), pauseMs + 1).unref();
      // Told once for all, by readiness: a line for each that waits, again and again, would go on filling the disk.
      if (error instanceof Refusal && error.code === 'storage-full') return;
      this.#options.log('warn', 'certificate-failed', { id, count: owed.failures, reason: String(error) });
    } finally {
      this.#paying.delete(id);
      this.published();
    }
  }

  /** One certificate is made once, however many ask for it at the same time. */
  #make(id: string, index: number, file: number | undefined, why: Why): Promise<StoredCertificate> {
    const name = file === undefined ? id : `${id}/${file}`;
    const already = this.#making.get(name);
    if (already !== undefined) {
      // Somebody asked for it before its turn among those owed came.
      if (why === 'owed') this.#toFront(name);
      return already;
    }
    const making = this.#turn(name, why)
      .then(() => this.#issue(id, index, file))
      .finally(() => this.#making.delete(name));
    this.#making.set(name, making);
    return making;
  }

  /** In its turn. */
  async #issue(id: string, index: number, file: number | undefined): Promise<StoredCertificate> {
    try {
      if (this.#closed) throw new Refusal('stopping');
      // It may have been made while this one waited for its turn.
      const stored = await this.#options.store.certificate(id, file);
      const still = stored && (await this.#ifItHolds(stored, id, file));
      const certificate = still ?? (await this.#issueNow(id, index, file, stored));
      if (file === undefined) this.#settle(id);
      return certificate;
    } finally {
      this.#passOn();
    }
  }

  #isChecked({ revocations = 0 }: StoredCertificate): boolean {
    return revocations >= this.#options.recheck.revocations;
  }

  /** The certificate, unless keys have been revoked since it was made and the trust bundle refuses it now. */
  async #ifItHolds(
    stored: StoredCertificate,
    id: string,
    file: number | undefined,
  ): Promise<StoredCertificate | undefined> {
    const { store, blobs, recheck } = this.#options;
    if (this.#isChecked(stored)) return stored;
    const chunks: Uint8Array[] = [];
    for await (const chunk of await blobs.read(stored.blob)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    // Rot is the disk's, and no reason to take a certificate for revoked: `fsck` names it.
    if (sha256Of(bytes) !== stored.sha256) throw new Error('its certificate has other bytes than were stored');
    if (!(await recheck.holds(bytes))) return undefined;
    const checked = { ...stored, revocations: recheck.revocations };
    await store.certified(id, file, checked);
    return checked;
  }

  /** @param replaces the one that does not hold any more */
  async #issueNow(
    id: string,
    index: number,
    file: number | undefined,
    replaces: StoredCertificate | undefined,
  ): Promise<StoredCertificate> {
    const { store, space, proof, issue, recheck, log } = this.#options;
    const startedAt = performance.now();
    const whole = parseRecord(await store.record(id));
    if (file !== undefined && file >= whole.parts) throw new Refusal('file-not-found');
    const record = file === undefined ? whole : showFiles(whole, [file]);
    await space.checkCertificate();
    const pdf = await issue(record, await proof(index));
    if (this.#abandoned) throw new Refusal('stopping');
    const { revocations } = recheck;
    const certificate = { ...(await this.#store(pdf)), revocations, ...(replaces && { replaces }) };
    // A crash before here leaves a blob without an owner, which the next start deletes.
    await store.certified(id, file, certificate);
    log('info', 'certified', { id, index, bytes: pdf.length, ms: Math.round(performance.now() - startedAt) });
    if (replaces !== undefined) log('warn', 'certificate-replaced', { id });
    return certificate;
  }

  async #store(pdf: Uint8Array): Promise<StoredCertificate> {
    const { blobs, store } = this.#options;
    const writer = await blobs.create();
    await store.beginBlob(writer.name);
    try {
      await writer.write(pdf);
      await writer.commit();
    } catch (error) {
      // A full disk, say: it is tried again, and each attempt would leave its part.
      await writer.abort();
      await blobs.delete(writer.name);
      await store.forgetBlob(writer.name);
      throw error;
    }
    return { blob: writer.name, bytes: pdf.length, sha256: sha256Of(pdf) };
  }

  #settle(id: string): void {
    this.#owed.delete(id);
    for (const resolve of this.#waiters.get(id) ?? []) resolve();
  }

  #waitersOf(id: string): Set<() => void> {
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters);
    return waiters;
  }

  /**
   * Resolves when an issuer is free for this one, which passes it on when done. What is owed goes to the front; what is asked for
   * moves up all the same, because those owed have no successor in line before one of them is done.
   */
  async #turn(name: string, why: Why): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else
      await new Promise<void>((go) => {
        this.#turns.push({ name, go });
        if (why === 'owed') this.#toFront(name);
      });
  }

  /** Does nothing for one that is being made. */
  #toFront(name: string): void {
    const at = this.#turns.findIndex((turn) => turn.name === name);
    if (at >= 0) this.#turns.unshift(...this.#turns.splice(at, 1));
  }

  #passOn(): void {
    const next = this.#turns.shift();
    if (next === undefined) this.#free += 1;
    else next.go();
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
