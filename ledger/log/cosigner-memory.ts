// What a cosigner remembers of this log, compared with what we have. Nobody but the holder of the log's key can make up such a memory:
// a larger tree means that we are an old backup or not the only one who signs; another tree means that the log was forked.

import { equal } from '../core/bytes.ts';
import { forkReport } from '../core/fork-report.ts';
import { EMPTY_ROOT } from '../core/hash.ts';
import { parseNote } from '../core/note.ts';
import { rangeRoot } from '../core/range.ts';
import type { TileReader } from '../core/tile-reader.ts';
import { LogError } from './errors.ts';
import type { LogEvent } from './events.ts';
import { everyKey, type LogKeys, openOwn } from './past-epoch.ts';
import type { Cosigner, SignedHead } from './ports.ts';

/** Our latest head and a reader of its tree. */
export interface OwnTree {
  readonly head: SignedHead;
  readonly reader: TileReader;
}

/**
 * Its latest checkpoint, signed by the log; undefined when it never saw the log; an Error when it gave no usable answer.
 * @param own asks whether it has cosigned more than this too. Who only says so, and shows no checkpoint, gave no usable answer: nothing may
 *   be signed on it, and a liar must not stop the log.
 */
export async function askMemory(
  cosigner: Cosigner,
  keys: LogKeys,
  own?: SignedHead,
): Promise<SignedHead | undefined | Error> {
  try {
    const note = await cosigner.latest(own);
    if (note === undefined) return undefined;
    // A note that no key of the log signed says nothing about the log: anyone could have written it.
    return { note, checkpoint: openOwn(parseNote(note), keys) };
  } catch (error) {
    return asError(error);
  }
}

/**
 * Compares a cosigner's checkpoint with our tree; without a tree of our own, with the one without entries.
 * @throws LogError behind-cosigners | fork, after an event with the evidence: then nothing more may be signed. Anything else: our own store
 *   did not give what is to be compared
 */
export async function compareMemory(
  cosigner: Cosigner,
  theirs: SignedHead,
  own: OwnTree | undefined,
  keys: LogKeys,
  onEvent: (event: LogEvent) => void,
): Promise<void> {
  const { name } = cosigner;
  const { size, root } = theirs.checkpoint;
  const ourSize = own?.head.checkpoint.size ?? 0;
  if (size > ourSize) {
    onEvent({ kind: 'cosigner-ahead', severity: 'alarm', cosigner: name, note: theirs.note });
    throw new LogError('behind-cosigners', `${name} knows size ${size}, this copy of the ledger ends at ${ourSize}`);
  }
  const ourRoot = own === undefined ? EMPTY_ROOT : rangeRoot(await own.reader.range(size));
  if (equal(ourRoot, root)) return;
  const found = `${name} knows another tree of size ${size}`;
  try {
    if (own !== undefined) {
      const proof = await own.reader.consistencyProof(size);
      const report = forkReport({ newer: own.head.note, older: theirs.note, root: ourRoot, proof }, everyKey(keys));
      onEvent({ kind: 'misbehaviour', severity: 'alarm', cosigner: name, report });
    }
  } catch (cause) {
    // A fork stays one when its evidence cannot be put together.
    throw new LogError('fork', found, { cause });
  }
  throw new LogError('fork', found);
}

/** Whether a comparison has shown something after which nothing more may be signed. */
export function mustNotSign(error: unknown): boolean {
  return error instanceof LogError && (error.code === 'behind-cosigners' || error.code === 'fork');
}

/** Whatever was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('not an Error was thrown', { cause: thrown });
}
