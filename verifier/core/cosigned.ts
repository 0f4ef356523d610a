// The cosignatures on a checkpoint under a policy's names: which of them count, and which came too late for their key.

import { type Cosignature, openCosignatures } from '../../ledger/core/cosignature.ts';
import type { Note } from '../../ledger/core/note.ts';
import type { Policy } from '../../ledger/core/policy.ts';
import { keyRevokedMs, type Revocation } from './revocation.ts';

/** A verified cosignature with the name its key has in the policy. */
export interface NamedCosignature {
  readonly witness: string;
  readonly cosignature: Cosignature;
}

/** All cosignatures by keys of the policy, verified. */
export interface Cosigned {
  readonly counting: readonly NamedCosignature[];
  /** Made when their key had been revoked. */
  readonly revoked: readonly NamedCosignature[];
}

/**
 * Opens the cosignatures of a policy's keys. Keys the policy does not know count for nothing.
 * @throws LedgerError checkpoint-malformed | cosignature-malformed | signature-bad
 */
export function openCosigned(policy: Policy, note: Note, revoked: readonly Revocation[]): Cosigned {
  const opened = openCosignatures(
    note,
    [...policy.witnesses.values()].map(({ key }) => key),
  );
  const named = [...policy.witnesses].flatMap(([witness, { key }]) =>
    opened.filter((cosignature) => cosignature.key === key).map((cosignature) => ({ witness, cosignature })),
  );
  const isLate = ({ cosignature: { key, timeSeconds } }: NamedCosignature): boolean =>
    Number(timeSeconds) * 1000 >= (keyRevokedMs(revoked, key) ?? Number.POSITIVE_INFINITY);
  return { counting: named.filter((each) => !isLate(each)), revoked: named.filter(isLate) };
}
