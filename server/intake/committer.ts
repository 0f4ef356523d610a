/**
 * Step 3, `pending`: gives submissions their id and received time, and writes record, entry and bookkeeping in one durable
 * batch for all that are waiting; then hands the entries to the ledger in the same order. One writer, one order.
 * An Idempotency-Key is looked up in the same place, so two requests with one key cannot both become deposits.
 * Nothing is acknowledged before the write is durable. A failed write is ambiguous and ends the process (`fatal`).
 */
import { Refusal } from '../refusal.ts';
import { type Deposit, type DepositStore, entryOf, idempotencyKey, type NewDeposit } from './deposit-store.ts';
import type { Feeder } from './feeder.ts';
import type { IdSequence } from './ids.ts';
import { contentSha256, type Submission } from './submission.ts';

/** Deposits of one durable write: bounds how long the first of them waits for the last. */
const GROUP_MAX = 256;

/** A deposit that is safe: record and entry are durable. */
export interface Taken {
  readonly deposit: Deposit;
  /** True when an earlier request with the same Idempotency-Key made it; the blob of this one is not needed. */
  readonly replayed: boolean;
}

export interface CommitterOptions {
  readonly store: DepositStore;
  readonly ids: IdSequence;
  readonly feeder: Feeder;
  readonly build: (submission: Submission, id: string, received: string) => { record: Uint8Array; commitment: string };
  /** The deposit is durable; called in received order, before the ledger sees its entry. */
  readonly onPending: (deposit: Deposit) => void;
  /** Deposits taken in and not yet integrated; more are refused. */
  readonly outstandingMax: number;
  /** True while nothing new is promised (arrears.ts). */
  readonly isBehind: () => Promise<boolean>;
  readonly fatal: (error: Error) => never;
}

interface Waiting {
  readonly submission: Submission;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly waiting: Waiting } & ({ readonly taken: Taken } | { readonly error: unknown });

export class Committer {
  readonly #options: CommitterOptions;
  #queue: Waiting[] = [];
  /** Size of the group that is being written. */
  #writing = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** True when what is submitted now is refused with `pushback`. */
  get isFull(): boolean {
    const { feeder, outstandingMax } = this.#options;
    return this.#queue.length + this.#writing + feeder.outstanding >= outstandingMax;
  }

  /**
   * Resolves when the deposit is `pending`.
   * @throws Refusal quorum-away, pushback, stopping, clock-behind, idempotency-key-reused; CertError record-malformed
   */
  async submit(submission: Submission): Promise<Taken> {
    if (this.#closed) throw new Refusal('stopping');
    if (this.isFull) throw new Refusal('pushback');
    return new Promise((resolve, reject) => {
      this.#queue.push({ submission, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Refuses what is new and finishes what was taken. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // One turn later: requests that end in the same turn share a write.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commit(this.#queue.splice(0, GROUP_MAX));
    this.#running = undefined;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    this.#writing = group.length;
    const fresh: NewDeposit[] = [];
    const outcomes: Outcome[] = [];
    for (const waiting of group) {
      try {
        outcomes.push({ waiting, taken: await this.#decide(waiting.submission, fresh) });
      } catch (error) {
        outcomes.push({ waiting, error });
      }
    }
    try {
      if (fresh.length > 0) await this.#options.store.take(fresh);
    } catch (error) {
      this.#options.fatal(error as Error);
    }
    // A crash before here leaves none of the group; from here on all of it, and the next start feeds it.
    for (const { deposit } of fresh) {
      this.#options.onPending(deposit);
      this.#options.feeder.push(deposit.id, entryOf(deposit));
    }
    this.#writing = 0;
    for (const outcome of outcomes) {
      if ('taken' in outcome) outcome.waiting.resolve(outcome.taken);
      else outcome.waiting.reject(outcome.error);
    }
  }

  /** A new deposit is added to `fresh`; a retry finds the deposit its key made, in the store or in this very group. */
  async #decide(submission: Submission, fresh: NewDeposit[]): Promise<Taken> {
    const { ids, build, isBehind } = this.#options;
    const { party, mode, blob } = submission;
    const digest = contentSha256(submission);
    const key =
      submission.idempotencyKey === undefined ? undefined : idempotencyKey(party.party, submission.idempotencyKey);
    if (key !== undefined) {
      const earlier = fresh.find((made) => made.key === key)?.deposit ?? (await this.#depositOfKey(key));
      if (earlier !== undefined) {
        if (earlier.contentSha256 !== digest) throw new Refusal('idempotency-key-reused');
        return { deposit: earlier, replayed: true };
      }
    }
    if (await isBehind()) throw new Refusal('quorum-away');
    const { id, received } = ids.next();
    const { record, commitment } = build(submission, id, received);
    const deposit: Deposit = {
      id,
      received,
      commitment,
      party: party.party,
      mode,
      contentSha256: digest,
      ...(blob === undefined ? {} : { blob }),
    };
    const fileSha256s = submission.files.map((file) => file.sha256);
    fresh.push({ deposit, record, fileSha256s, ...(key === undefined ? {} : { key }) });
    return { deposit, replayed: false };
  }

  async #depositOfKey(key: string): Promise<Deposit | undefined> {
    const { store } = this.#options;
    const id = await store.idOfKey(key);
    return id === undefined ? undefined : store.deposit(id);
  }
}
