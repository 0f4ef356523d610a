// Policies that have ended: which checkpoints they judge, and the keys the log signed with. The change itself is an entry like any other;
// who makes it, and when, is not the log's business.

import { epochAt } from '../core/epoch.ts';
import type { VerifierKey } from '../core/note.ts';
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
