// The times of a certificate: plausible, and what follows from them.
// Three claimants, three times, never mixed: received (platform), cosignature time (each court), timestamp (its authority).
// "Not later than" is the (f+1)-th smallest cosignature time among the courts, f being the liars the policy survives:
// at least one of f+1 courts is honest, so by then an honest court had seen it.

import type { VerifiedTimestamp } from '../../certs/core/timestamp.ts';
import type { Cosigned } from '../../ledger/core/cosigned.ts';
import { CLOCK_TOLERANCE_MS } from '../../ledger/core/limits.ts';
import { evaluatePolicy, honestTime, liarsSurvived, type MemberTime, memberTimes } from '../../ledger/core/policy.ts';
import type { Passed } from './checks.ts';
import { type VerifierCode, VerifierError } from './errors.ts';
import { GROUP_OF, type MemberKind } from './statement.ts';
import type { Trust } from './trust.ts';

/** What the times of a certificate say. */
export interface Times {
  /** Members whose time is plausible, earliest first, by kind. */
  readonly members: Readonly<Record<MemberKind, readonly MemberTime[]>>;
  /** ms since epoch. */
  readonly notLaterThanMs: number;
  /** Courts of the policy, courts it needs, and courts that may lie without moving {@link notLaterThanMs} before the truth. */
  readonly courts: { readonly members: number; readonly needed: number; readonly liars: number };
}

/** The time of a timestamp by itself. @throws VerifierError time-in-future, time-outside-trust */
export function checkTimestampTime({ timeMs }: VerifiedTimestamp, trust: Trust, nowMs: number): void {
  const code = implausible(BigInt(Math.floor(timeMs / 1000)), trust, nowMs);
  if (code !== undefined) throw new VerifierError(code, `the timestamp is of ${iso(timeMs)}`, { time: iso(timeMs) });
}

/**
 * Every time lies between the dates of the trust bundle and not after the verifier's own clock.
 * A cosigner whose time does not is left out, as if it had not cosigned: one lying clock must not undo a quorum of others.
 * @param nowMs the verifier's clock, ms since epoch
 */
export function checkTimes(
  { counting }: Cosigned,
  timestamp: VerifiedTimestamp,
  trust: Trust,
  nowMs: number,
): Passed<Times> {
  checkTimestampTime(timestamp, trust, nowMs);
  const found = counting.map((each) => ({ ...each, code: implausible(each.cosignature.timeSeconds, trust, nowMs) }));
  const times = new Map(
    found.flatMap(({ code, witness, cosignature }) => (code ? [] : [[witness, cosignature.timeSeconds]])),
  );
  const left = found.flatMap(({ code, witness }) => (code ? [witness] : []));
  const { policy } = trust;
  if (!evaluatePolicy(policy, new Set(times.keys())).satisfied) {
    const code = found.find((each) => each.code)?.code;
    if (code === undefined) throw new Error('invariant: times are looked at only once the quorum is satisfied');
    throw new VerifierError(code, 'too many cosignatures', { left });
  }
  const timeOf = (witness: string): bigint | undefined => times.get(witness);
  const timesOf = (kind: MemberKind): MemberTime[] =>
    policy.groups.has(GROUP_OF[kind]) ? memberTimes(policy, GROUP_OF[kind], timeOf) : [];
  const courts = policy.groups.get(GROUP_OF.court);
  const honest = honestTime(policy, GROUP_OF.court, timeOf);
  if (courts === undefined || honest === undefined) throw new Error('invariant: no quorum can do without the courts');
  const value: Times = {
    members: { court: timesOf('court'), arbitration: timesOf('arbitration') },
    notLaterThanMs: Number(honest) * 1000,
    courts: {
      members: courts.members.length,
      needed: courts.needed,
      liars: liarsSurvived(courts.members.length, courts.needed),
    },
  };
  return { value, detail: { notLaterThan: iso(value.notLaterThanMs), left } };
}

function implausible(timeSeconds: bigint, trust: Trust, nowMs: number): VerifierCode | undefined {
  const timeMs = timeSeconds * 1000n;
  if (timeMs > BigInt(Math.floor(nowMs + CLOCK_TOLERANCE_MS))) return 'time-in-future';
  // notBefore may be given in milliseconds, cosignature times are cut to seconds.
  if (timeMs + 999n < BigInt(trust.notBeforeMs) || timeMs > BigInt(trust.notAfterMs)) return 'time-outside-trust';
  return undefined;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
