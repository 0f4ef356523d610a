// What is published: a checkpoint that enough have cosigned. Persisted as its note, so that a restart goes on serving it at once.

import { equal } from '../core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts';
import { formatNote, isSignedBy, parseNote, type VerifierKey } from '../core/note.ts';
import type { Policy, QuorumState } from '../core/policy.ts';
import { rangeRoot } from '../core/range.ts';
import type { OwnTree } from './cosigner-memory.ts';
import { LogError } from './errors.ts';
import { type PastEpoch, policyFor } from './past-epoch.ts';
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
 * @param past what was published in an earlier epoch is judged by its policy
 * @param own our tree; undefined before the first head
 * @throws LogError behind-cosigners (it is larger than our head: the stores do not belong together) | fork; LedgerError; StoreError
 */
export async function loadPublished(
  index: IndexStore,
  policy: Policy,
  past: readonly PastEpoch[],
  logKeys: readonly VerifierKey[],
  own: OwnTree | undefined,
): Promise<Published | undefined> {
  const found = (await index.get(PUBLISHED_KEY)) ?? past.at(-1)?.note;
  if (found === undefined) return undefined;
  const note = parseNote(found);
  const checkpoint = openCheckpoint(note, logKeys);
  if (own === undefined || checkpoint.size > own.head.checkpoint.size) {
    throw new LogError('behind-cosigners', `size ${checkpoint.size} is published, which is more than the latest head`);
  }
  if (!equal(rangeRoot(await own.reader.range(checkpoint.size)), checkpoint.root)) {
    throw new LogError('fork', `the published checkpoint of size ${checkpoint.size} is not that of our tree`);
  }
  const signatures = note.signatures.filter((line) => logKeys.some((key) => isSignedBy(line, key)));
  const logSigned = formatNote({ text: note.text, signatures });
  const round = new Round({ note: logSigned, checkpoint }, policyFor(checkpoint.size, past, policy));
  round.restore(note);
  return round.quorum.satisfied ? { note: round.note, checkpoint, quorum: round.quorum } : undefined;
}
