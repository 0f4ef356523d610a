/**
 * Whether certificates that exist still hold. A revocation may lie in the past, and takes with it what was honestly signed since: a certificate of
 * ours that the judge's bundle refuses from then on, although its proof is as good as ever.
 */
import { parseTrustBundle } from '../verifier/core/trust.ts';
import { verify } from '../verifier/core/verify.ts';

export interface Recheck {
  /** How many revocations the trust bundle has. None is ever taken back: only a larger number means that there are new ones. */
  readonly revocations: number;
  /** Whether the trust bundle still vouches for a certificate. @param certificate as it was stored */
  readonly holds: (certificate: Uint8Array) => Promise<boolean>;
}

/** @param trust the judge's trust bundle */
export function openRecheck(trust: Uint8Array, clock: () => number): Recheck {
  return {
    revocations: parseTrustBundle(trust).revoked.length,
    async holds(certificate) {
      const input = { certificate, trust, evidence: [], certificateOnly: true, nowMs: clock() };
      const { checks } = await verify(input);
      // What it looks like is a matter of record and proof: no revocation changes that, and drawing it is by far the most work.
      return checks.every(({ id, status }) => status === 'passed' || id === 'pages' || id === 'evidence');
    },
  };
}
