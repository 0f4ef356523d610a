// The publisher: brings heads to the cosigners and publishes each head whose cosignatures satisfy the policy.
// All cosigners work on one head at a time (a round), else a busy log would spread their cosignatures over many heads and no head
// would ever have enough. Each has its own loop and its own retries, and holds up nobody.
// Does not sign. Verifies every cosignature before it counts.

import { utf8Encode } from '../core/bytes.ts';
import { parseNote } from '../core/note.ts';
import { evaluatePolicy, type Policy, type QuorumState } from '../core/policy.ts';
import { isTold } from '../core/told.ts';
import { asError } from './cosigner-memory.ts';
import type { LogEvent } from './events.ts';
import type { FailStop } from './fail-stop.ts';
import { PUBLISH_LINGER_MS, RETRY_MIN_MS } from './limits.ts';
import type { Cosigner, IndexStore, LogSource, SignedHead } from './ports.ts';
import { PUBLISHED_KEY, type Published } from './published.ts';
import { Round } from './round.ts';
import { retryMs, Wakeup } from './wakeup.ts';

export interface PublisherOptions {
  readonly cosigners: readonly Cosigner[];
  readonly policy: Policy;
  readonly index: IndexStore;
  readonly failStop: FailStop;
  /** @param onFailure told of what our own store did not give */
  source(head: SignedHead, onFailure: (error: unknown) => void): LogSource;
  /**
   * Called when a cosigner gave no cosignature. Rejects when it knows something of the log that must not be: then the log stops.
   * @param onFailure told of what our own store did not give to compare: the next head does not need it
   */
  suspect(cosigner: Cosigner, onFailure: (error: unknown) => void): Promise<void>;
  onPublished(published: Published): void;
  onEvent(event: LogEvent): void;
}

/** One cosigner's side of the rounds. */
interface Lane {
  readonly cosigner: Cosigner;
  readonly news: Wakeup;
  /** The round that it is being asked for now, the last one it was asked for, and the last one it answered in full. */
  asking?: Round;
  asked?: Round;
  answered?: Round;
  /** Attempts in a row that failed, and those at which our own store did. */
  failures: number;
  storeFailures: number;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #lanes: readonly Lane[];
  readonly #news = new Wakeup();
  readonly #pace = new Wakeup();
  #newest: SignedHead | undefined;
  #round: Round | undefined;
  #published: Published | undefined;
  #closed = false;

  /** @param published what a previous process published last */
  constructor(options: PublisherOptions, published: Published | undefined) {
    this.#options = options;
    this.#published = published;
    this.#lanes = options.cosigners.map((cosigner) => ({
      cosigner,
      news: new Wakeup(),
      failures: 0,
      storeFailures: 0,
    }));
  }

  get published(): Published | undefined {
    return this.#published;
  }

  /** Of the head now being cosigned. */
  get quorum(): QuorumState {
    return this.#round?.quorum ?? evaluatePolicy(this.#options.policy, new Set());
  }

  /** There is a newer head. Heads in between that nobody was asked about yet are skipped: the newer one covers them. */
  offer(head: SignedHead): void {
    this.#newest = head;
    this.#news.wake();
  }

  /** Runs round after round until closed. */
  async run(): Promise<void> {
    for (const lane of this.#lanes) void this.#runLane(lane);
    while (!this.#closed) {
      const head = this.#newest;
      if (head === undefined || head === this.#round?.head) await this.#news.wait();
      // A quorum out of reach is tried again ten times a second, not with every head.
      else if (!(await this.#runRound(head))) await this.#pace.wait(RETRY_MIN_MS);
    }
  }

  /** Ends `run`; a cosigner's answer that is still to come is dropped. */
  close(): void {
    this.#closed = true;
    this.#news.wake();
    this.#pace.wake();
    for (const { news } of this.#lanes) news.wake();
  }

  /** Works on one head until there is a newer one; false when its quorum was out of reach. */
  async #runRound(head: SignedHead): Promise<boolean> {
    const round = this.#begin(head);
    while (!round.quorum.satisfied) {
      if (this.#closed || this.#isSuperseded(round)) return false;
      await this.#news.wait();
    }
    await this.#linger(round);
    let lines = 0;
    // Publishes; then again with each further cosignature, as long as no newer head is there.
    for (let first = true; !this.#closed; first = false) {
      const more = round.cosigned.length > lines;
      lines = round.cosigned.length;
      if (more || first) await this.#publish(round, first);
      if (this.#newest !== head) return true;
      await this.#news.wait();
    }
    return true;
  }

  #begin(head: SignedHead): Round {
    const round = new Round(head, this.#options.policy);
    if (this.#published?.checkpoint.size === head.checkpoint.size) round.restore(parseNote(this.#published.note));
    this.#round = round;
    for (const lane of this.#lanes) lane.news.wake();
    return round;
  }

  /** True when everybody has been asked, nobody is still thinking, it was not enough, and there is a newer head to ask for. */
  #isSuperseded(round: Round): boolean {
    return this.#newest !== round.head && this.#lanes.every((lane) => lane.asked === round && lane.asking !== round);
  }

  /** Waits a little for cosigners that were well at last sight, so that the published note carries as many as possible. */
  async #linger(round: Round): Promise<void> {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      this.#news.wake();
    }, PUBLISH_LINGER_MS);
    const isComing = (lane: Lane) => lane.failures === 0 && lane.answered !== round;
    while (!over && !this.#closed && this.#lanes.some(isComing)) await this.#news.wait();
    clearTimeout(timer);
  }

  async #publish(round: Round, first: boolean): Promise<void> {
    const { checkpoint } = round.head;
    if (checkpoint.size < (this.#published?.checkpoint.size ?? 0)) {
      throw new Error('invariant: what is published never gets smaller');
    }
    const published: Published = { note: round.note, checkpoint, quorum: round.quorum };
    const { index, failStop, onPublished, onEvent } = this.#options;
    await failStop.guard(index.write([[PUBLISHED_KEY, utf8Encode(published.note)]]));
    // A crash here, or later: the next start finds the note, and tells its owner again once the newest head is published.
    this.#published = published;
    onEvent({ kind: 'published', severity: 'info', size: checkpoint.size, cosigners: round.cosigned });
    if (first) onPublished(published);
  }

  async #runLane(lane: Lane): Promise<void> {
    while (!this.#closed) {
      const round = this.#round;
      if (round === undefined || lane.answered === round) {
        await lane.news.wait();
        continue;
      }
      lane.asking = round;
      lane.asked = round;
      const well = round.has(lane.cosigner.name) || (await this.#ask(lane, round));
      delete lane.asking;
      if (well) {
        lane.answered = round;
        lane.failures = 0;
        lane.storeFailures = 0;
      } else lane.failures += 1;
      this.#news.wake();
      // A new round ends the pause.
      if (!well && !this.#closed) await lane.news.wait(retryMs(lane.failures));
    }
  }

  /** Asks for cosignatures and adds them to the round; true when all that the policy has for this cosigner are there. */
  async #ask(lane: Lane, round: Round): Promise<boolean> {
    const { source, suspect, failStop, onEvent } = this.#options;
    const { cosigner, failures } = lane;
    const { name } = cosigner;
    const { size } = round.head.checkpoint;
    // The client's error would blame the cosigner. What comes too late for a closed store is nobody's failure.
    let counted = false;
    const tellStore = (thrown: unknown) => {
      if (this.#closed || counted) return;
      counted = true;
      lane.storeFailures += 1;
      if (!isTold(lane.storeFailures)) return;
      const told = { cosigner: name, size, failures: lane.storeFailures, error: asError(thrown) };
      onEvent({ kind: 'store-failed', severity: 'alarm', ...told });
    };
    try {
      const answer = await cosigner.cosign(round.head, source(round.head, tellStore));
      if (!round.add(name, answer)) throw new Error('it did not sign with all of its keys');
      onEvent({ kind: 'cosigned', severity: 'info', cosigner: name, size });
      return true;
    } catch (thrown) {
      this.#tellFailure(cosigner, size, failures + 1, asError(thrown));
    }
    await failStop.guard(suspect(cosigner, tellStore));
    return false;
  }

  /** Tells of the 1st, 2nd, 4th, 8th … failure in a row: one that is down for long, on a busy log, would drown all else. */
  #tellFailure({ name }: Cosigner, size: number, failures: number, error: Error): void {
    if (!isTold(failures)) return;
    this.#options.onEvent({ kind: 'cosigner-failed', severity: 'warning', cosigner: name, size, failures, error });
  }
}
