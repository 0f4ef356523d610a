/**
 * The case, from bytes to certificate. Each step leaves something durable, and a crash after it goes on from there:
 *
 *   1 received    bytes stream in, hashed as they come          intake/evidence.ts    crash: nothing; the blob is deleted at start
 *   2 stored      the blob is whole and durable                 intake/evidence.ts    crash: as before, nobody was told anything
 *   3 pending     id, received time, record, entry: one write   intake/committer.ts   crash: fed to the ledger at the next start
 *                 the receipt may be sent                       intake/receipt.ts
 *   4 sequenced   the ledger's head swap holds the entry        ledger/log            crash: the ledger applies again and reports again
 *   5 integrated  tiles are written, the head is signed         ledger/log
 *   6 cosigned    the policy's quorum has cosigned the head     ledger/log
 *   7 published   anyone can fetch the checkpoint               ledger/log            crash: certificates owed are in the store
 *   8 certified   the certificate is verified and stored        certify.ts            crash before: made again
 *
 * Of the states only what cannot be derived is stored: pending, the index, the certificate (intake/deposit-store.ts). The rest is
 * a comparison of the index with the ledger's heads, so no state can disagree with the ledger.
 */
import type { ShownRecord } from '../certs/core/record.ts';
import type { QuorumState } from '../ledger/core/policy.ts';
import type { Signer } from '../ledger/core/signature.ts';
import type { TlogProof } from '../ledger/core/tlog-proof.ts';
import type { LogEvent } from '../ledger/log/events.ts';
import type { Log, LogOptions } from '../ledger/log/log.ts';
import type { BlobStore, Clock, IndexStore } from '../ledger/log/ports.ts';
import { Certifier } from './certify.ts';
import { Arrears } from './intake/arrears.ts';
import { Committer, type Taken } from './intake/committer.ts';
import { type Deposit, DepositStore, entryOf, idempotencyKey } from './intake/deposit-store.ts';
import { deleteOrphans, Evidence } from './intake/evidence.ts';
import { Feeder } from './intake/feeder.ts';
import { IdSequence } from './intake/ids.ts';
import type { Limits } from './intake/limits.ts';
import { signReceipt } from './intake/receipt.ts';
import type { DiskSpace } from './intake/space.ts';
import { buildDeposit, type PlatformFacts, type Submission } from './intake/submission.ts';
import type { EventLog } from './logging.ts';
import type { Recheck } from './recheck.ts';

/** The states of a deposit. A caller sees `pending` and later: before that it has no id. */
export type DepositState =
  | 'received'
  | 'stored'
  | 'pending'
  | 'sequenced'
  | 'integrated'
  | 'cosigned'
  | 'published'
  | 'certified';

/** Where a deposit stands now. */
export interface Standing {
  readonly state: DepositState;
  /** Ledger index, from `sequenced` on. */
  readonly index: number | undefined;
  /** Of the head that is to cover it, or that covers it. */
  readonly quorum: QuorumState;
}

export interface NotaryOptions {
  /** Opens the ledger with what it tells us. */
  readonly openLog: (hooks: Pick<LogOptions, 'onSequenced' | 'onPublished' | 'onEvent'>) => Promise<Log>;
  readonly onLedgerEvent: (event: LogEvent) => void;
  readonly index: IndexStore;
  readonly blobs: BlobStore;
  readonly space: DiskSpace;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly receiptSigner: Signer;
  readonly facts: PlatformFacts;
  readonly issue: (record: ShownRecord, proof: TlogProof) => Promise<Uint8Array>;
  readonly recheck: Recheck;
  readonly log: EventLog;
  readonly fatal: (error: Error) => never;
}

/** Sizes of trees that the ledger has told of since the start. */
interface LedgerSizes {
  head: number;
  /** The largest that anybody has cosigned: tells whose quorum `ledger.quorum()` is. */
  cosigned: number;
}

export class Notary {
  readonly store: DepositStore;
  readonly ledger: Log;
  readonly certifier: Certifier;
  readonly #options: NotaryOptions;
  readonly #feeder: Feeder;
  readonly #committer: Committer;
  readonly #arrears: Arrears;
  readonly #seen: LedgerSizes;

  private constructor(options: NotaryOptions, store: DepositStore, ledger: Log, seen: LedgerSizes, latestId?: string) {
    this.#options = options;
    this.store = store;
    this.ledger = ledger;
    this.#seen = seen;
    const { blobs, space, clock, facts, issue, recheck, limits, log, fatal } = options;
    this.certifier = new Certifier({
      store,
      blobs,
      space,
      publishedSize: () => publishedSize(ledger),
      proof: (index) => ledger.proof(index),
      issue,
      recheck,
      log,
    });
    this.#feeder = new Feeder({
      append: (entry) => ledger.append(entry),
      onIntegrated: (id, index) => this.certifier.integrated(id, index),
      fatal,
    });
    this.#arrears = new Arrears({
      store,
      ledger,
      publishedSize: () => publishedSize(ledger),
      headSize: () => seen.head,
      clock,
    });
    this.#committer = new Committer({
      store,
      ids: new IdSequence((usedMs) => ledger.now(usedMs), latestId),
      feeder: this.#feeder,
      build: (submission, id, received) => buildDeposit(submission, id, received, facts),
      onPending: ({ id, mode }) => {
        if (mode === 'single') this.certifier.owe(id, undefined);
        log(mode === 'single' ? 'info' : 'debug', 'deposit-pending', { id });
      },
      outstandingMax: limits.outstandingMax,
      isBehind: () => this.isInArrears(),
      fatal,
    });
  }

  /** Opens the ledger, takes up everything a stop or crash left half-way, and only then takes anything new. */
  static async open(options: NotaryOptions): Promise<Notary> {
    const store = new DepositStore(options.index);
    const deleted = await deleteOrphans(options.blobs, store);
    if (deleted > 0) options.log('info', 'orphans-deleted', { count: deleted });
    let notary: Notary | undefined;
    const seen: LedgerSizes = { head: 0, cosigned: 0 };
    const ledger = await options.openLog({
      onSequenced: (first, entries) => store.sequenced(first, entries),
      onPublished: () => notary?.certifier.published(),
      onEvent: (event) => {
        if (event.kind === 'head' || event.kind === 'recovered') seen.head = event.size;
        if (event.kind === 'cosigned') seen.cosigned = Math.max(seen.cosigned, event.size);
        options.onLedgerEvent(event);
      },
    });
    try {
      notary = new Notary(options, store, ledger, seen, await store.latestId());
      await notary.#resume();
      return notary;
    } catch (error) {
      // Its loops would keep a process alive that has failed to start.
      await (notary ?? ledger).close();
      throw error;
    }
  }

  async #resume(): Promise<void> {
    for (const id of await this.store.uncertified()) this.certifier.owe(id, await this.store.index(id));
    const pending = await this.store.pending();
    for (const deposit of pending) this.#feeder.push(deposit.id, entryOf(deposit));
    if (pending.length > 0) this.#options.log('info', 'pending-resumed', { count: pending.length });
    this.certifier.published();
  }

  /** Step 1 and 2: takes the bytes of one deposit, or only hashes them. The caller commits what it keeps, or aborts it. */
  evidence({ hashOnly } = { hashOnly: false }): Evidence {
    const { blobs, limits, space } = this.#options;
    return new Evidence({ blobs, store: this.store, limits, space, hashOnly });
  }

  /** Whether this party's Idempotency-Key has made a deposit. */
  async isKnown(party: string, key: string): Promise<boolean> {
    return (await this.store.idOfKey(idempotencyKey(party, key))) !== undefined;
  }

  /**
   * Whether any new deposit would be refused now, room or no room.
   * @throws Refusal quorum-away, clock-behind; StoreError
   */
  checkOpen(): Promise<void> {
    return this.#committer.checkOpen();
  }

  /**
   * Step 3; the others follow by themselves.
   * @throws Refusal quorum-away, pushback, stopping, clock-behind, idempotency-key-reused
   */
  submit(submission: Submission): Promise<Taken> {
    return this.#committer.submit(submission);
  }

  /** True when a submission made now is refused with `quorum-away`. @throws StoreError */
  isInArrears(): Promise<boolean> {
    return this.#arrears.isBehind();
  }

  /** A deposit of this party; undefined for an unknown id and for another party's alike. */
  async find(id: string, party: string): Promise<Deposit | undefined> {
    const deposit = await this.store.deposit(id);
    return deposit?.party === party ? deposit : undefined;
  }

  async standing(id: string): Promise<Standing> {
    const [index, certificate] = await Promise.all([this.store.index(id), this.store.certificate(id)]);
    const published = this.ledger.published();
    if (index !== undefined && published !== undefined && index < published.checkpoint.size) {
      return { state: certificate === undefined ? 'published' : 'certified', index, quorum: published.quorum };
    }
    const quorum = this.ledger.quorum();
    if (index === undefined) return { state: 'pending', index, quorum };
    if (index >= this.ledger.head().checkpoint.size) return { state: 'sequenced', index, quorum };
    // A satisfied quorum may still be that of an older head, which does not cover this deposit.
    return { state: quorum.satisfied && index < this.#seen.cosigned ? 'cosigned' : 'integrated', index, quorum };
  }

  /** The signed promise for a deposit. The same bytes each time. */
  receipt(deposit: Deposit): Promise<string> {
    return signReceipt(entryOf(deposit), this.#options.receiptSigner);
  }

  /** Deposits the ledger has not integrated, for metrics. */
  get outstanding(): number {
    return this.#feeder.outstanding;
  }

  /** Entries under the newest signed head. */
  get headSize(): number {
    return this.#seen.head;
  }

  /** Finishes what was taken in; what the ledger has not sequenced by then is fed at the next start. */
  async close(): Promise<void> {
    await this.#committer.close();
    this.#feeder.close();
    await this.certifier.close();
    await this.ledger.close();
  }
}

function publishedSize(ledger: Log): number {
  return ledger.published()?.checkpoint.size ?? 0;
}
