/**
 * The policy of a consortium as text, c2sp.org/tlog-policy: every member needs both of its keys, so a forger must break both algorithms;
 * the quorum needs both groups. How many courts are needed is the caller's; `courtsNeeded` is what a consortium begins with.
 */
import { formatVkey, type VerifierKey } from '../../ledger/core/note.ts';
import { parsePolicy } from '../../ledger/core/policy.ts';
import type { MemberConfig } from '../config.ts';

/** A member with its two keys. */
export interface PolicyMember extends Pick<MemberConfig, 'member' | 'kind' | 'url'> {
  readonly ed25519: VerifierKey;
  readonly mlDsa44: VerifierKey;
}

/** Of n courts n − ⌊(n − 1) / 3⌋ (4: 3, 7: 5, 10: 7): survives one third of liars. */
export function courtsNeeded(courts: number): number {
  return courts - Math.floor((courts - 1) / 3);
}

/** @param needed how many of each kind */
export function policyText(
  log: { readonly key: VerifierKey; readonly url: string },
  members: readonly PolicyMember[],
  needed: Readonly<Record<MemberConfig['kind'], number>>,
): string {
  const names = (kind: MemberConfig['kind']): string =>
    members.flatMap((each) => (each.kind === kind ? [each.member] : [])).join(' ');
  const text = [
    `log ${formatVkey(log.key)} ${log.url}`,
    ...members.flatMap(({ member, url, ed25519, mlDsa44 }) => [
      `witness ${member}.ed25519 ${formatVkey(ed25519)} ${url}`,
      `witness ${member}.ml-dsa-44 ${formatVkey(mlDsa44)} ${url}`,
      `group ${member} all ${member}.ed25519 ${member}.ml-dsa-44`,
    ]),
    `group courts ${needed.court} ${names('court')}`,
    `group arbitration ${needed.arbitration === 1 ? 'any' : needed.arbitration} ${names('arbitration')}`,
    'group consortium all courts arbitration',
    'quorum consortium',
    '',
  ].join('\n');
  parsePolicy(text);
  return text;
}
