// How cosigners relate to the policy: a cosigner is one member of it, and signs for every witness (key) under that member.

import type { VerifierKey } from '../core/note.ts';
import type { Policy } from '../core/policy.ts';

/** A witness line of the policy: one key. */
export interface PolicyWitness {
  readonly name: string;
  readonly key: VerifierKey;
}

/** All witnesses under a name of the policy: itself, or those of its members. Empty for a name that the policy does not have. */
export function witnessesUnder(policy: Policy, name: string): PolicyWitness[] {
  const witness = policy.witnesses.get(name);
  if (witness !== undefined) return [{ name, key: witness.key }];
  return (policy.groups.get(name)?.members ?? []).flatMap((member) => witnessesUnder(policy, member));
}
