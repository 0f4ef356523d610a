// A node that watches the others: reads what each cosigner and the platform show, holds it against what this node itself has signed and
// against each other, and tells of two checkpoints that cannot both be right. DESIGN.md, "Watching each other".
//
// Only what a log has signed is ever held against it, and only what tiles have shown. A comparison that nobody's tiles settle stays an open
// question and is tried again at every poll. Nothing here stops, delays or changes what the node itself does: what breaks is told, and the
// rest goes on.

import { utf8Decode } from '../core/bytes.ts';
import { formatCheckpoint, openCheckpoint } from '../core/checkpoint.ts';
import { parseNote, type VerifierKey } from '../core/note.ts';
import type { FetchTile } from '../core/tile-reader.ts';
import { isTold } from '../core/told.ts';
import type { Clock, Http, SignedHead } from '../log/ports.ts';
import { type Comparison, compare, TreeReaders } from './compare.ts';
import type { MonitorEvent } from './events.ts';
import { latestOf, openShown, type Peer, type Shown, tilesOf } from './peer.ts';

/** How often all peers are read, ms. A fork is found within one such interval of the moment when this node knows the other side of it. */
export const POLL_MS = 10_000;

/** After this long without a proof from anybody, an open question is told of, ms. */
export const WITHHELD_MS = 600_000;

/** Open questions kept about one peer, the oldest first: they are the ones that will be settled first. */
const QUESTIONS_MAX = 16;

/** What two checkpoints of one size are compared with. */
const NOBODY = new TreeReaders([]);

/** A log that this node cosigns or writes. */
export interface WatchedLog {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** The newest note that this node itself stands by, signed by the log; undefined before the first. */
  own(): Promise<Uint8Array | undefined>;
  /** Tiles that this node holds itself; asked before anybody else's. */
  readonly tiles?: FetchTile;
}

export interface MonitorOptions {
  readonly logs: readonly WatchedLog[];
  readonly peers: readonly Peer[];
  readonly http: Http;
  readonly clock: Clock;
  /** Must not throw. */
  onEvent(event: MonitorEvent): void;
}

/** A signed checkpoint that nobody has shown yet to continue ours, or ours it. */
interface Question {
  readonly head: SignedHead;
  readonly sinceMs: number;
  told: 'unanswered' | 'withheld' | undefined;
}

/** What is remembered of one peer; nothing of it outlives the process, and all of it is bounded. */
class Watched {
  readonly peer: Peer;
  /** By checkpoint text. */
  readonly questions = new Map<string, Question>();
  /** The last agreement: its checkpoint, and ours too when ours was the smaller one, for ours may still grow another way. */
  agreed = '';
  /** The checkpoint last told of as not continued, and of how many we have known. */
  subject = '';
  forks = 0;
  failures = 0;
  unsigned = 0;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  ask(head: SignedHead, sinceMs: number): void {
    const text = formatCheckpoint(head.checkpoint);
    if (this.questions.has(text) || this.questions.size >= QUESTIONS_MAX) return;
    this.questions.set(text, { head, sinceMs, told: undefined });
  }
}

/** Reads and compares until it is closed. `poll` may also be called alone. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #peers: readonly Watched[];
  /** Checkpoints that reached this node in another way. */
  readonly #submitted = new Watched({ name: 'submission', url: '', keys: [] });
  /** How often watching itself broke, by the peer or log it broke on: one that breaks it again and again must not hide the others. */
  readonly #failures = new Map<string, number>();
  #polling: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#peers = options.peers.map((peer) => new Watched(peer));
  }

  /** Begins to poll, first after one interval: the others may be starting too. */
  start(): void {
    this.#timer = setInterval(() => void this.poll(), POLL_MS);
    this.#timer.unref();
  }

  /** Ends polling; a poll under way ends when its requests do, and tells nothing any more. */
  close(): void {
    clearInterval(this.#timer);
    this.#closed = true;
  }

  /**
   * Takes up a signed checkpoint that somebody submitted and that could not be followed: the next poll asks the others' tiles.
   * @throws LedgerError when no log of ours has signed it
   */
  suspect(note: Uint8Array): void {
    this.#submitted.ask(openShown(note, [], this.#logKeys()).head, this.#options.clock());
  }

  /** Reads every peer once and settles what can be settled. Never rejects. A call while one is under way waits for that one. */
  poll(): Promise<void> {
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined;
    });
    return this.#polling;
  }

  async #poll(): Promise<void> {
    const shown = await Promise.all(this.#peers.map((watched) => this.#read(watched)));
    for (const log of this.#options.logs) {
      const heads = shown.map((head) => (head?.checkpoint.origin === log.origin ? head : undefined));
      await this.#attempt(log.origin, () => this.#compareWithOwn(log));
      await this.#compareWithEachOther(log, heads);
    }
  }

  /** A part of a poll. What others show must not end this node, nor keep it from the other parts, whatever breaks on it. */
  async #attempt(about: string, part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      const { stack, message } = error as Error;
      const failures = (this.#failures.get(about) ?? 0) + 1;
      this.#failures.set(about, failures);
      if (isTold(failures)) this.#onEvent({ kind: 'failed', about, failures, reason: stack ?? message });
    }
  }

  /** What the peer shows, noted as a question when it is new. */
  async #read(watched: Watched): Promise<SignedHead | undefined> {
    const { http, clock } = this.#options;
    let shown: Shown | undefined;
    try {
      shown = await latestOf(watched.peer, this.#logKeys(), http);
      watched.failures = 0;
    } catch (error) {
      this.#tell('peer-failed', watched.peer, ++watched.failures, error as Error);
      return undefined;
    }
    if (shown?.unsigned === undefined) watched.unsigned = 0;
    else this.#tell('peer-unsigned', watched.peer, ++watched.unsigned, shown.unsigned);
    if (shown !== undefined) watched.ask(shown.head, clock());
    return shown?.head;
  }

  async #compareWithOwn(log: WatchedLog): Promise<void> {
    const note = await log.own();
    if (note === undefined) return;
    const own = { note: utf8Decode(note) ?? '', checkpoint: openCheckpoint(parseNote(note), log.keys) };
    const readers = new TreeReaders(this.#sources(log));
    // All at once: a source that hangs then costs the poll one timeout, and not one for each question.
    const settling = [...this.#peers, this.#submitted].flatMap((watched) =>
      [...watched.questions.values()]
        .filter(({ head }) => head.checkpoint.origin === log.origin)
        .map((question) =>
          this.#attempt(watched.peer.name, () => this.#settle(watched, question, own, readers, log.keys)),
        ),
    );
    await Promise.all(settling);
  }

  /** Asks one question; it stays when nobody's tiles answer it. */
  async #settle(
    watched: Watched,
    question: Question,
    own: SignedHead,
    readers: TreeReaders,
    logKeys: readonly VerifierKey[],
  ): Promise<void> {
    const { checkpoint } = question.head;
    const text = formatCheckpoint(checkpoint);
    const agreement = text + (checkpoint.size > own.checkpoint.size ? formatCheckpoint(own.checkpoint) : '');
    const known = agreement === watched.agreed;
    const comparison = known ? undefined : await compare(own, question.head, readers, logKeys);
    if (comparison?.outcome === 'open') return this.#stillOpen(watched, question, comparison.reason);
    watched.questions.delete(text);
    if (comparison?.outcome === 'fork') this.#found(watched, comparison);
    else watched.agreed = agreement;
  }

  /** Peers at one size need nobody's tiles to contradict each other, nor one at size 0 to contradict itself, also while we are elsewhere. */
  async #compareWithEachOther(log: WatchedLog, heads: readonly (SignedHead | undefined)[]): Promise<void> {
    const bySize = new Map<number, SignedHead>();
    for (const [i, head] of heads.entries()) {
      if (head === undefined) continue;
      const other = bySize.get(head.checkpoint.size) ?? head;
      bySize.set(head.checkpoint.size, other);
      const watched = this.#peers[i] as Watched;
      await this.#attempt(watched.peer.name, async () => {
        const comparison = await compare(other, head, NOBODY, log.keys);
        if (comparison.outcome === 'fork') this.#found(watched, comparison);
      });
    }
  }

  #sources({ tiles }: WatchedLog): FetchTile[] {
    const theirs = this.#peers.map(({ peer }) => tilesOf(peer.url, this.#options.http));
    return tiles === undefined ? theirs : [tiles, ...theirs];
  }

  /**
   * The log must serve the tiles of all that it has signed. While its ledger is down, nothing is withheld: it may have been killed when one
   * peer had its newest checkpoint and nobody else its tiles. A mirror that is down is no excuse for a log that answers.
   */
  #stillOpen({ peer }: Watched, question: Question, reason: Error): void {
    const openMs = this.#options.clock() - question.sinceMs;
    const silent = this.#peers.filter(({ failures }) => failures > 0).map((watched) => watched.peer);
    const kind = silent.some(isLog) ? 'unanswered' : 'withheld';
    if (openMs < WITHHELD_MS || question.told === 'withheld' || question.told === kind) return;
    question.told = kind;
    const { origin, size } = question.head.checkpoint;
    const names = silent.map(({ name }) => name);
    this.#onEvent({ kind, origin, peer: peer.name, size, openMs, silent: names, reason: reason.message });
  }

  /** A log that lies on and on is told of at its 1st, 2nd, 4th, 8th … lie. */
  #found(watched: Watched, { report, older }: Extract<Comparison, { outcome: 'fork' }>): void {
    const subject = formatCheckpoint(older.checkpoint);
    if (watched.subject === subject) return;
    watched.subject = subject;
    if (!isTold(++watched.forks)) return;
    const { origin } = older.checkpoint;
    this.#onEvent({ kind: 'fork', origin, peer: watched.peer.name, subject, report });
  }

  #tell(kind: 'peer-failed' | 'peer-unsigned', peer: Peer, failures: number, { message }: Error): void {
    if (isTold(failures)) this.#onEvent({ kind, peer: peer.name, failures, reason: message });
  }

  #onEvent(event: MonitorEvent): void {
    if (!this.#closed) this.#options.onEvent(event);
  }

  #logKeys(): VerifierKey[] {
    return this.#options.logs.flatMap(({ keys }) => keys);
  }
}

/** Whether the peer is the platform's own ledger: it cosigns nothing. */
function isLog({ keys }: Peer): boolean {
  return keys.length === 0;
}
