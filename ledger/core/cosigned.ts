// The cosignatures on a checkpoint under a policy's names: which of them count, and which came too late for their key.

import { hexEncode } from './bytes.ts';
import { type Cosignature, openCosignatures } from './cosignature.ts';
import type { Note, VerifierKey } from './note.ts';
import type { Policy } from './policy.ts';

/** A key or certificate that is not believed from a time on. */
export interface Revoked {
  /** Hex: the public key of a cosigner, whatever names it goes by, or the SHA-256 of a certificate. */
  readonly id: string;
  /** ms since the epoch. */
  readonly atMs: number;
}

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
export function openCosigned(policy: Policy, note: Note, revoked: readonly Revoked[]): Cosigned {
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

/**
 * The policy as it can be satisfied from now on: without the keys that are revoked, whenever. Groups keep their members, so a revoked one is
 * one that never signs. What such a key signed before its time is for {@link openCosigned} to judge.
 */
export function withoutRevoked(policy: Policy, revoked: readonly Revoked[]): Policy {
  const witnesses = [...policy.witnesses].filter(([, { key }]) => keyRevokedMs(revoked, key) === undefined);
  return { ...policy, witnesses: new Map(witnesses) };
}

/** From when on a cosigner's key is revoked, ms since the epoch: the earliest time given for it; undefined when it is not. */
export function keyRevokedMs(revoked: readonly Revoked[], key: VerifierKey): number | undefined {
  return revokedMs(revoked, hexEncode(key.publicKey));
}

/** As {@link keyRevokedMs}, by the id of a key or certificate. */
export function revokedMs(revoked: readonly Revoked[], id: string): number | undefined {
  const times = revoked.filter((each) => each.id === id).map(({ atMs }) => atMs);
  return times.length === 0 ? undefined : Math.min(...times);
}
