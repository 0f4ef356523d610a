// Who would have to act together to forge a certificate that this policy accepts: counted from the policy, not asserted.
// THREATS.md, quorum arithmetic. To forge is to show a second ledger beside the true one, both with a quorum.
// Two quorums of k out of n members share at least 2k - n members, and each of those must have signed against its own
// memory (`liars`). The others of the second quorum must only never have been shown the true ledger (`signers` in all).
// The log's own key is always needed besides.

import type { Policy } from '../../ledger/core/policy.ts';
import type { MemberKind, TrustMember } from './statement.ts';

/** Numbers of bodies of each kind. */
export type Bodies = Readonly<Record<MemberKind, number>>;

export interface Forgery {
  /** Bodies that must lie, beside the platform. */
  readonly liars: Bodies;
  /** Bodies whose cosignature the forgery carries, the liars among them. */
  readonly signers: Bodies;
}

/** The smallest coalition that could forge, by number of bodies. */
export function forgeryOf(policy: Policy, members: readonly TrustMember[]): Forgery {
  const kinds = new Map(members.map(({ member, kind }) => [member, kind]));
  return coalition(policy, kinds, policy.quorum);
}

function coalition(policy: Policy, kinds: ReadonlyMap<string, MemberKind>, name: string): Forgery {
  const kind = kinds.get(name);
  if (kind !== undefined) {
    const one = { court: 0, arbitration: 0, [kind]: 1 };
    return { liars: one, signers: one };
  }
  const group = policy.groups.get(name);
  if (group === undefined) throw new Error('invariant: every witness of a trust bundle belongs to a member');
  const parts = group.members.map((member) => coalition(policy, kinds, member));
  const shared = Math.max(0, 2 * group.needed - group.members.length);
  return {
    liars: sum(
      smallest(
        parts.map(({ liars }) => liars),
        shared,
      ),
    ),
    signers: sum(
      smallest(
        parts.map(({ signers }) => signers),
        group.needed,
      ),
    ),
  };
}

function smallest(bodies: readonly Bodies[], count: number): Bodies[] {
  return [...bodies].sort((a, b) => a.court + a.arbitration - b.court - b.arbitration).slice(0, count);
}

function sum(bodies: readonly Bodies[]): Bodies {
  const total = (kind: MemberKind): number => bodies.reduce((count, each) => count + each[kind], 0);
  return { court: total('court'), arbitration: total('arbitration') };
}
