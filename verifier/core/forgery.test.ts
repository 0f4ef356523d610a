import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import { evaluatePolicy, type Policy, parsePolicy } from '../../ledger/core/policy.ts';
import { signer } from '../testing.ts';
import { forgeryOf } from './forgery.ts';
import type { TrustMember } from './statement.ts';

/** A policy of n courts and m arbitration bodies with one key each. */
function world(courts: number, needed: number, bodies: number, neededBodies: number): [Policy, TrustMember[]] {
  const names = (kind: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
  const members = [
    ...names('court', courts).map((member) => ({ member, kind: 'court' as const, name: member, nameEn: member })),
    ...names('arbitration', bodies).map((member) => ({
      member,
      kind: 'arbitration' as const,
      name: member,
      nameEn: member,
    })),
  ];
  const both = bodies > 0;
  const text = [
    ...members.map(({ member }) => `witness ${member} ${formatVkey(signer(`${member}.example`, 0x04, 'forgery').key)}`),
    `group courts ${needed} ${names('court', courts).join(' ')}`,
    ...(both ? [`group arbitration ${neededBodies} ${names('arbitration', bodies).join(' ')}`] : []),
    ...(both ? ['group all-of-them all courts arbitration', 'quorum all-of-them'] : ['quorum courts']),
    '',
  ];
  return [parsePolicy(text.join('\n')), members];
}

/** Fewest members in common of any two sets that satisfy the policy: found by trying all pairs. */
function fewestShared(policy: Policy, members: readonly TrustMember[]): number {
  const subsets = Array.from({ length: 2 ** members.length }, (_, bits) => bits);
  const enough = subsets.filter(
    (bits) =>
      evaluatePolicy(policy, new Set(members.flatMap(({ member }, i) => ((bits >> i) & 1 ? [member] : [])))).satisfied,
  );
  const ones = (bits: number): number => (bits === 0 ? 0 : (bits & 1) + ones(bits >> 1));
  return Math.min(...enough.flatMap((a) => enough.map((b) => ones(a & b))));
}

describe('verifier/core forgery', () => {
  it('counts two courts for the demo policy, and one arbitration body that must at least be deceived', () => {
    const { liars, signers } = forgeryOf(...world(4, 3, 2, 1));
    expect(liars).to.deep.equal({ court: 2, arbitration: 0 });
    expect(signers).to.deep.equal({ court: 3, arbitration: 1 });
  });

  it('agrees with trying every pair of quorums', () => {
    for (const [courts, needed, bodies, neededBodies] of [
      [1, 1, 0, 0],
      [3, 2, 0, 0],
      [4, 2, 0, 0],
      [4, 3, 2, 1],
      [4, 3, 2, 2],
      [5, 4, 3, 2],
      [6, 5, 0, 0],
    ] as const) {
      const [policy, members] = world(courts, needed, bodies, neededBodies);
      const { liars } = forgeryOf(policy, members);
      expect(liars.court + liars.arbitration, policy.text).to.equal(fewestShared(policy, members));
    }
  });
});
