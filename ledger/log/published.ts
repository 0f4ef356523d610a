// What is published: a checkpoint that enough have cosigned. Persisted as its note, so that a restart goes on serving it at once.

import { equal } from '../core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts';
import { formatNote, isSignedBy, parseNote, type VerifierKey } from '../core/note.ts';
import type { Policy, QuorumState } from '../core/policy.ts';
import { rangeRoot } from '../core/range.ts';
import type { OwnTree } from './cosigner-memory.ts';
import { LogError } from './errors.ts';
import type { IndexStore } from './ports.ts';
import { Round } from './round.ts';

export interface Published {
  /** Checkpoint, log signature, and every cosignature known when it was written. */
  readonly note: string;
  readonly checkpoint: Checkpoint;
  readonly quorum: QuorumState;
}

/** Where its note is kept in the log's index store. */
export const PUBLISHED_KEY = 'published';

/**
 * What the previous process published last; undefined when there is nothing, or the policy now asks for more.
 * @param own our tree; undefined before the first head
 * @throws LogError behind-cosigners (it is larger than our head: the stores do not belong together) | fork; LedgerError; StoreError
 */
export async function loadPublished(
  index: IndexStore,
  policy: Policy,
  logKey: VerifierKey,
  own: OwnTree | undefined,
): Promise<Published | undefined> {
  const bytes = await index.get(PUBLISHED_KEY);
  if (bytes === undefined) return undefined;
  const note = parseNote(bytes);
  const checkpoint = openCheckpoint(note, [logKey]);
  if (own === undefined || checkpoint.size > own.head.checkpoint.size) {
    throw new LogError('behind-cosigners', `size ${checkpoint.size} is published, which is more than the latest head`);
  }
  if (!equal(rangeRoot(await own.reader.range(checkpoint.size)), checkpoint.root)) {
    throw new LogError('fork', `the published checkpoint of size ${checkpoint.size} is not that of our tree`);
  }
  const signatures = note.signatures.filter((line) => isSignedBy(line, logKey));
  const logSigned = formatNote({ text: note.text, signatures });
  const round = new Round({ note: logSigned, checkpoint }, policy);
  round.restore(note);
  return round.quorum.satisfied ? { note: round.note, checkpoint, quorum: round.quorum } : undefined;
}
