// Policies that have ended: which checkpoints they judge, and the keys the log signed with. The change itself is an entry like any other;
// who makes it, and when, is not the log's business.

import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../core/checkpoint.ts';
import { epochAt } from '../core/epoch.ts';
import type { Note, VerifierKey } from '../core/note.ts';
import type { Policy } from '../core/policy.ts';

/** A policy that has ended, with a checkpoint of `upTo` entries. */
export interface PastEpoch {
  readonly policy: Policy;
  readonly logKeys: readonly VerifierKey[];
  readonly upTo: number;
  /** That checkpoint, cosigned under it: published at least, whatever became of what was noted of it. */
  readonly note: string;
}

/** The policy that judges checkpoints of a size. */
export function policyFor(size: number, past: readonly PastEpoch[], present: Policy): Policy {
  return epochAt([...past, { policy: present, upTo: Number.POSITIVE_INFINITY }], size).policy;
}

/** The key that the log signs with now, and the epochs in which it had others. */
export interface LogKeys {
  readonly logKey: VerifierKey;
  readonly past: readonly PastEpoch[];
}

/** Every key that the log ever had: whatever one of them signed may be held against it. */
export function everyKey({ logKey, past }: LogKeys): VerifierKey[] {
  return [logKey, ...past.flatMap(({ logKeys }) => logKeys)];
}

/**
 * A checkpoint of this log, signed with a key that it had at that size or later. A key that was replaced signs nothing larger: whoever does
 * that with it is not the log, and may not stop it. A later key that signs a smaller tree is the log's, and a fork if the tree is another.
 * @throws LedgerError as {@link openCheckpoint}
 */
export function openOwn(note: Note, { logKey, past }: LogKeys): Checkpoint {
  const { size } = parseCheckpoint(note.text);
  return openCheckpoint(note, everyKey({ logKey, past: past.filter(({ upTo }) => size <= upTo) }));
}
