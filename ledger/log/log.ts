// The log: one object that sequences entries, has heads cosigned, publishes them and answers reads. design: "The write path".
// Puts the parts together; each rule is in its part. All effects go through the ports given to `open`.

import type { VerifierKey } from '../core/note.ts';
import type { Policy, QuorumState } from '../core/policy.ts';
import type { Signer } from '../core/signature.ts';
import type { Tile } from '../core/tile.ts';
import type { TileReader } from '../core/tile-reader.ts';
import type { TlogProof } from '../core/tlog-proof.ts';
import { ClockGuard } from './clock-guard.ts';
import { askMemory, compareMemory, mustNotSign, type OwnTree } from './cosigner-memory.ts';
import { LogError } from './errors.ts';
import type { LogEvent } from './events.ts';
import { FailStop } from './fail-stop.ts';
import { everyKey, type LogKeys, type PastEpoch } from './past-epoch.ts';
import { witnessesUnder } from './policy-members.ts';
import { Pool } from './pool.ts';
import type { Clock, Cosigner, HeadStore, IndexStore, SignedHead, TileStore } from './ports.ts';
import { loadPublished, type Published } from './published.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import { Reader } from './reader.ts';
import { recover } from './recovery.ts';
import { Sequencer } from './sequencer.ts';
import { StartupQuestion } from './startup-question.ts';

export interface LogOptions {
  readonly origin: string;
  /** The log's key, type 0x01, named like the origin. */
  readonly signer: Signer;
  readonly tiles: TileStore;
  readonly heads: HeadStore;
  /** Holds the published checkpoint. */
  readonly index: IndexStore;
  /** Members of the policy, by name. */
  readonly cosigners: readonly Cosigner[];
  readonly policy: Policy;
  /** Policies that have ended, oldest first; none when not given. */
  readonly past?: readonly PastEpoch[];
  readonly clock: Clock;
  /** The entries from index `first` on are committed. Must be idempotent: after a crash it is called again for the same entries. */
  onSequenced(first: number, entries: readonly Uint8Array[]): Promise<void>;
  /** Once for each checkpoint that becomes the published one; also for the first of a process, published before or not. */
  onPublished(published: Published): void;
  onEvent(event: LogEvent): void;
  /** Fail-stop: ends the process. Called at most once; nothing of the log runs on after it. */
  fatal(error: Error): never;
}

/** The parts of an open log. */
interface Parts {
  readonly clock: ClockGuard;
  readonly failStop: FailStop;
  readonly pool: Pool;
  readonly sequencer: Sequencer;
  readonly publisher: Publisher;
  readonly question: StartupQuestion;
  readonly reader: Reader;
  /** Size at which the present policy began. */
  readonly began: number;
}

export class Log {
  readonly #parts: Parts;
  readonly #done: Promise<void>;
  #publishedReader: { readonly of: Published['checkpoint']; readonly reader: TileReader } | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#done = parts.failStop.guard(this.#run());
    void parts.failStop.end.then(() => this.#closeParts());
  }

  /**
   * Recovers and starts. Serves reads and takes entries in at once; signs only after enough cosigners have said that they know
   * nothing larger and nothing else (startup-question.ts). If one does, `fatal` is called with LogError behind-cosigners or fork.
   * @throws LogError state-inconsistent | behind-cosigners | fork, LedgerError, StoreError: this log must not run on these stores
   */
  static async open(options: LogOptions): Promise<Log> {
    const { tiles, index, policy, past = [], cosigners, onEvent } = options;
    const logKey: VerifierKey = options.signer.key;
    const keys: LogKeys = { logKey, past };
    const logKeys = everyKey(keys);
    for (const { name } of cosigners) {
      if (witnessesUnder(policy, name).length === 0) throw new Error(`invariant: the policy has no member ${name}`);
    }
    const { tip, reapplied } = await recover({ ...options, logKey, earlierLogKeys: logKeys });
    const began = past.at(-1)?.upTo ?? 0;
    if (tip.tree.range.size < began) {
      throw new LogError(
        'behind-cosigners',
        `the policy changed at size ${began}, we know ${tip.tree.range.size}: an old backup?`,
      );
    }
    onEvent({ kind: 'recovered', severity: 'info', size: tip.tree.range.size, reapplied });
    const reader = new Reader(tiles, () => sequencer.head?.checkpoint.size ?? 0);
    const failStop = new FailStop(options.fatal);
    const clock = new ClockGuard(options.clock, Math.max(tip.sealedMs, tip.receivedMs), onEvent);
    const pool = new Pool(clock, tip.receivedMs);
    const onHead = (head: SignedHead) => publisher.offer(head);
    const sequencer = new Sequencer({ ...options, pool, clock, failStop, onHead }, tip);
    const own = (): OwnTree | undefined => {
      const { head } = sequencer;
      return head === undefined ? undefined : { head, reader: reader.at(head.checkpoint) };
    };
    const published = await loadPublished(index, policy, past, logKeys, own());
    const source: PublisherOptions['source'] = ({ checkpoint }, onFailure) => reader.source(checkpoint, onFailure);
    const suspect: PublisherOptions['suspect'] = async (cosigner, onFailure) => {
      const theirs = await askMemory(cosigner, keys);
      if (theirs === undefined || theirs instanceof Error) return;
      await compareMemory(cosigner, theirs, own(), keys, onEvent).catch((error) => {
        if (mustNotSign(error)) throw error;
        onFailure(error);
      });
    };
    const publisher = new Publisher({ ...options, failStop, source, suspect }, published);
    const question = new StartupQuestion({ cosigners, policy, keys, own: own(), onEvent });
    return new Log({ clock, failStop, pool, sequencer, publisher, question, reader, began });
  }

  /**
   * Puts an entry on the ledger. Resolves with its index once it is committed and applied. Order of calls is order of entries.
   * When the log stops before, the promise never settles: the entry may or may not be on the ledger, and a restart will tell.
   * @throws LogError pushback | sealed | received-decreases | closed | stopped; LedgerError entry-malformed | entry-newer-format
   */
  async append(entry: Uint8Array): Promise<number> {
    const { failStop, pool } = this.#parts;
    if (failStop.stopped) throw new LogError('stopped', 'the log has stopped');
    return pool.add(entry);
  }

  /**
   * The time for the next entry, milliseconds since the epoch: never before an entry of this log. Undefined while the clock is behind one,
   * with an alarm: then nothing may be taken in, or it could never be sealed.
   * @param usedMs the latest time that its owner has given to an entry
   */
  now(usedMs: number): number | undefined {
    const { clock, pool } = this.#parts;
    return clock.now(Math.max(usedMs, pool.newestReceivedMs));
  }

  /** The latest head. @throws LogError not-published before the first */
  head(): SignedHead {
    const { head } = this.#parts.sequencer;
    if (head === undefined) throw new LogError('not-published', 'there is no head yet');
    return head;
  }

  /** The latest checkpoint that satisfied the policy; undefined before the first. Its note gains late cosignatures. */
  published(): Published | undefined {
    return this.#parts.publisher.published;
  }

  /** Which groups have cosigned the head now being cosigned, and which are short. */
  quorum(): QuorumState {
    return this.#parts.publisher.quorum;
  }

  /**
   * Proof that the entry is under the published checkpoint; carries the entry as its extra data, so that it stands alone.
   * @throws LogError not-published; LedgerError or StoreError when the stored tiles are not those of the tree
   */
  async proof(index: number): Promise<TlogProof> {
    const published = this.published();
    if (published === undefined || index >= published.checkpoint.size) {
      throw new LogError('not-published', `entry ${index} is under no published checkpoint yet`);
    }
    const reader = this.#readerOf(published);
    const [proof, [entry]] = await Promise.all([reader.inclusionProof(index), reader.entries(index, index + 1)]);
    if (entry === undefined) throw new Error('invariant: a leaf under the published checkpoint has an entry');
    return { extra: entry, index, proof, checkpoint: published.note };
  }

  /** A tile or bundle at the width asked for; undefined when the integrated tree is not that wide. @throws StoreError */
  readTile(tile: Tile): Promise<Uint8Array | undefined> {
    return this.#parts.reader.tile(tile);
  }

  /** Ends after the commit in flight. Entries that still wait are refused with LogError closed. */
  async close(): Promise<void> {
    this.#closeParts();
    await Promise.race([this.#done, this.#parts.failStop.end]);
  }

  #closeParts(): void {
    const { pool, sequencer, publisher, question, clock } = this.#parts;
    for (const part of [sequencer, pool, publisher, question, clock]) part.close();
  }

  async #run(): Promise<void> {
    const { question, sequencer, publisher, began } = this.#parts;
    if (!(await question.ask())) return;
    const { head } = sequencer;
    // A head that ended an epoch was published under the policy of that epoch; today's members have nothing to add to it.
    if (head !== undefined && (began === 0 || head.checkpoint.size > began)) publisher.offer(head);
    await Promise.all([sequencer.run(), publisher.run()]);
  }

  #readerOf({ checkpoint }: Published): TileReader {
    if (this.#publishedReader?.of !== checkpoint) {
      this.#publishedReader = { of: checkpoint, reader: this.#parts.reader.at(checkpoint) };
    }
    return this.#publishedReader.reader;
  }
}
