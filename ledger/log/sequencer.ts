// The sequencer: takes batches from the pool and moves the log from head to head. One protocol for every store:
// compute twice, sign, stage, swap the head (the only commit point), apply, discard. design: "The write path".
// Does not read: the tip in memory is all it needs. Does not publish: the publisher is told of each new head.

import { equal } from '../core/bytes.ts';
import { type Checkpoint, formatCheckpoint, openCheckpoint } from '../core/checkpoint.ts';
import { formatNote, parseNote } from '../core/note.ts';
import { type Signer, signNote } from '../core/signature.ts';
import type { ClockGuard } from './clock-guard.ts';
import { LogError } from './errors.ts';
import type { LogEvent } from './events.ts';
import type { FailStop } from './fail-stop.ts';
import { formatHeadRecord, recordHash } from './head-record.ts';
import { CLOCK_POLL_MS } from './limits.ts';
import type { Pool, Pooled } from './pool.ts';
import type { HeadStore, SignedHead, TileStore } from './ports.ts';
import { apply, formatStaged, type Staged, stagingName, superseded } from './staging.ts';
import { buildStep, checkStep, type Tree } from './step.ts';
import { Wakeup } from './wakeup.ts';

/** The end of the log: the latest head with all that the next one builds on. Number -1 and no head before the first. */
export interface Tip {
  readonly number: number;
  /** Bytes of the latest head record. */
  readonly record: Uint8Array | undefined;
  readonly head: SignedHead | undefined;
  /** When the head was sealed, and when its last entry was received; milliseconds since the epoch, 0 before the first. */
  readonly sealedMs: number;
  readonly receivedMs: number;
  readonly tree: Tree;
}

/** A step that is signed and not yet anywhere. */
export interface Sealed {
  readonly tip: Tip & { readonly record: Uint8Array; readonly head: SignedHead };
  readonly staged: Staged;
}

/**
 * Computes and signs the next head. What is signed was derived twice, and the signature is verified.
 * @param build the first of the two ways; an argument so that tests can let it go wrong
 * @throws a plain Error, "invariant: …", when the two ways differ, before anything is signed
 */
export async function seal(
  log: { readonly origin: string; readonly signer: Signer },
  tip: Tip,
  batch: readonly Pooled[],
  sealedMs: number,
  build = buildStep,
): Promise<Sealed> {
  const step = build(tip.tree, batch);
  const root = checkStep(tip.tree, batch, step, tip.receivedMs);
  const oldSize = tip.tree.range.size;
  const checkpoint: Checkpoint = { origin: log.origin, size: oldSize + batch.length, root, extensions: [] };
  const head = { note: await signCheckpoint(checkpoint, log.signer), checkpoint };
  const number = tip.number + 1;
  const record = formatHeadRecord({
    number,
    sealedMs,
    previous: tip.record === undefined ? undefined : recordHash(tip.record),
    staging: batch.length > 0 ? stagingName(number) : undefined,
    note: head.note,
  });
  const receivedMs = batch.at(-1)?.receivedMs ?? tip.receivedMs;
  return {
    tip: { number, record, head, sealedMs, receivedMs, tree: step.tree },
    staged: { oldSize, note: head.note, tiles: step.tiles },
  };
}

async function signCheckpoint(checkpoint: Checkpoint, signer: Signer): Promise<string> {
  const text = formatCheckpoint(checkpoint);
  const note = formatNote({ text, signatures: [await signNote(text, signer)] });
  const opened = openCheckpoint(parseNote(note), [signer.key]);
  if (opened.size !== checkpoint.size || !equal(opened.root, checkpoint.root)) {
    throw new Error('invariant: the signed note says what was computed');
  }
  return note;
}

export interface SequencerOptions {
  readonly origin: string;
  readonly signer: Signer;
  readonly tiles: TileStore;
  readonly heads: HeadStore;
  readonly pool: Pool;
  readonly clock: ClockGuard;
  readonly failStop: FailStop;
  onSequenced(first: number, entries: readonly Uint8Array[]): Promise<void>;
  /** After apply: all tiles of this head can be read. */
  onHead(head: SignedHead): void;
  onEvent(event: LogEvent): void;
}

/** One per log and process; that there is one per log in the world is what the head store sees to. */
export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #pause = new Wakeup();
  #tip: Tip;
  #closed = false;

  constructor(options: SequencerOptions, tip: Tip) {
    this.#options = options;
    this.#tip = tip;
  }

  /** The head that is committed and applied; undefined before the first. */
  get head(): SignedHead | undefined {
    return this.#tip.head;
  }

  /** Sequences until closed. Commits at once when idle; what comes in while a commit is in flight makes up the next batch. */
  async run(): Promise<void> {
    const { pool, clock } = this.#options;
    for (;;) {
      // The first head is that of the tree without entries: it has no tiles, so nothing of it is ever half done.
      const first = this.#tip.head === undefined;
      if (!first) await pool.some();
      if (this.#closed) return;
      const nowMs = clock.now(pool.newestReceivedMs);
      if (nowMs !== undefined) await this.#commit(first ? [] : pool.take(), nowMs);
      else await this.#pause.wait(CLOCK_POLL_MS);
    }
  }

  /** Ends `run` after the commit in flight. */
  close(): void {
    this.#closed = true;
    this.#pause.wake();
  }

  async #commit(batch: readonly Pooled[], nowMs: number): Promise<void> {
    const { tiles, heads, pool, clock, failStop, onHead, onEvent } = this.#options;
    const { tip, staged } = await seal(this.#options, this.#tip, batch, nowMs);
    // A crash here leaves nothing: no store has seen the signature.
    if (batch.length > 0) {
      await failStop.guard(tiles.put([[stagingName(tip.number), formatStaged(staged)]]));
    }
    // A crash here leaves a staging bundle without a head. The next start burns its number, then discards it.
    const won = await failStop.guard(heads.create(tip.number, tip.record));
    if (!won) throw new LogError('state-inconsistent', `another sequencer has created head ${tip.number}`);
    // A crash here leaves a committed head whose tiles are in its staging bundle. The next start applies it.
    await failStop.guard(apply(this.#options, staged));
    // A crash here, or before the discard, leaves the same: applying twice changes nothing.
    this.#tip = tip;
    clock.advance(nowMs);
    pool.settle(batch, staged.oldSize);
    onHead(tip.head);
    onEvent({ kind: 'head', severity: 'info', size: tip.head.checkpoint.size, entries: batch.length });
    if (batch.length > 0) await failStop.guard(tiles.discard(superseded(tip.number, staged)));
  }
}
