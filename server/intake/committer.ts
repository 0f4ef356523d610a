/**
 * Step 3, `pending`: gives submissions their id and received time, and writes record, entry and bookkeeping in one durable
 * batch for all that are waiting; then hands the entries to the ledger in the same order. One writer, one order.
 * An Idempotency-Key is looked up in the same place, so two requests with one key cannot both become deposits.
 * Nothing is acknowledged before the write is durable. A failed write is ambiguous and ends the process (`fatal`).
 * For want of room submissions stand in lines, which are taken from in turns: nobody waits for all that another party, or a batch of many
 * lines, has brought before. Only what is new needs room.
 */
import { Refusal } from '../refusal.ts';
import { type Deposit, type DepositStore, entryOf, idempotencyKey, type NewDeposit } from './deposit-store.ts';
import type { Feeder } from './feeder.ts';
import type { IdSequence } from './ids.ts';
import { contentSha256, type Submission } from './submission.ts';

/** Deposits of one durable write: bounds how long the first of them waits for the last. */
const GROUP_MAX = 256;
/** How long a submission stands in line for room, in ms: less than clients and proxies wait for an answer. */
const ROOM_WAIT_MS = 30_000;
const ROOM_POLL_MS = 50;

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
  /** Until when it stands in line. */
  readonly untilMs: number;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly waiting: Waiting } & ({ readonly taken: Taken } | { readonly error: unknown });

export class Committer {
  readonly #options: CommitterOptions;
  /** What there was no room for yet: one line for each party's single deposits, one for those of its batches. The first of the first is next. */
  readonly #lines = new Map<string, Waiting[]>();
  #looking: NodeJS.Timeout | undefined;
  #queue: Waiting[] = [];
  /** Size of the group that is being written. */
  #writing = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /**
   * Whether any new deposit would be refused now, so that nobody sends its bytes for nothing. Of room it says nothing: that comes and goes.
   * @throws Refusal quorum-away, clock-behind; StoreError
   */
  async checkOpen(): Promise<void> {
    if (await this.#options.isBehind()) throw new Refusal('quorum-away');
    this.#options.ids.check();
  }

  /**
   * Resolves when the deposit is `pending`.
   * @throws Refusal quorum-away, pushback, stopping, clock-behind, idempotency-key-reused; CertError record-malformed
   */
  async submit(submission: Submission): Promise<Taken> {
    if (this.#closed) throw new Refusal('stopping');
    const name = `${submission.mode} ${submission.party.party}`;
    return new Promise((resolve, reject) => {
      const waiting = { submission, untilMs: performance.now() + ROOM_WAIT_MS, resolve, reject };
      const line = this.#lines.get(name) ?? [];
      line.push(waiting);
      this.#lines.set(name, line);
      this.#admit();
      if (line.includes(waiting)) void this.#answerEarlier(waiting, line);
    });
  }

  /** What was answered before needs no room. It keeps its place in line until that is known. */
  async #answerEarlier(waiting: Waiting, line: Waiting[]): Promise<void> {
    const answer = await this.#earlier(waiting.submission).then(
      (earlier) => earlier && (() => waiting.resolve(earlier)),
      (error: unknown) => () => waiting.reject(error),
    );
    const place = line.indexOf(waiting);
    // Who has left the line may have made the very deposit that was found.
    if (answer === undefined || place < 0) return;
    line.splice(place, 1);
    answer();
  }

  /** Refuses what is new, or stands in line, and finishes what was taken. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#looking);
    for (const { reject } of [...this.#lines.values()].flat()) reject(new Refusal('stopping'));
    this.#lines.clear();
    await this.#running;
  }

  get #isFull(): boolean {
    const { feeder, outstandingMax } = this.#options;
    return this.#queue.length + this.#writing + feeder.outstanding >= outstandingMax;
  }

  /** Takes from the lines as many as there is room for, one of each in turn, and refuses whoever has stood there too long. */
  #admit(): void {
    clearTimeout(this.#looking);
    for (const [name, line] of this.#lines) {
      if (this.#isFull) break;
      this.#queue.push(...line.splice(0, 1));
      this.#lines.delete(name);
      // Behind all others, where this loop comes to it again.
      if (line.length > 0) this.#lines.set(name, line);
    }
    const nowMs = performance.now();
    for (const [name, line] of this.#lines) {
      while (line[0] !== undefined && line[0].untilMs <= nowMs) line.shift()?.reject(new Refusal('pushback'));
      if (line.length === 0) this.#lines.delete(name);
    }
    if (this.#queue.length > 0) this.#running ??= this.#run();
    if (this.#lines.size > 0) this.#looking = setTimeout(() => this.#admit(), ROOM_POLL_MS);
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
    const earlier = await this.#earlier(submission, fresh);
    if (earlier !== undefined) return earlier;
    if (await isBehind()) throw new Refusal('quorum-away');
    // What is only hashed, because its key is known, is never a new deposit: keys are not forgotten.
    if (submission.how === 'upload' && blob === undefined) throw new Error('invariant: an upload has its bytes');
    const { id, received } = ids.next();
    const { record, commitment } = build(submission, id, received);
    const deposit: Deposit = {
      id,
      received,
      commitment,
      party: party.party,
      mode,
      contentSha256: contentSha256(submission),
      ...(blob === undefined ? {} : { blob }),
    };
    const fileSha256s = submission.files.map((file) => file.sha256);
    const key = keyOf(submission);
    fresh.push({ deposit, record, fileSha256s, ...(key === undefined ? {} : { key }) });
    return { deposit, replayed: false };
  }

  /**
   * The answer that its key has had.
   * @param fresh deposits that are not in the store yet
   * @throws Refusal idempotency-key-reused
   */
  async #earlier(submission: Submission, fresh: readonly NewDeposit[] = []): Promise<Taken | undefined> {
    const key = keyOf(submission);
    if (key === undefined) return undefined;
    const deposit = fresh.find((made) => made.key === key)?.deposit ?? (await this.#depositOfKey(key));
    if (deposit === undefined) return undefined;
    if (deposit.contentSha256 !== contentSha256(submission)) throw new Refusal('idempotency-key-reused');
    return { deposit, replayed: true };
  }

  async #depositOfKey(key: string): Promise<Deposit | undefined> {
    const { store } = this.#options;
    const id = await store.idOfKey(key);
    return id === undefined ? undefined : store.deposit(id);
  }
}

function keyOf({ party, idempotencyKey: key }: Submission): string | undefined {
  return key === undefined ? undefined : idempotencyKey(party.party, key);
}
