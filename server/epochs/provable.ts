/**
 * Whether a change can be proven at all, whoever cosigns it, and lived with afterwards: asked when it is proposed, and again before its entry goes on the ledger.
 * A start would wait for ever for a proof that no judge accepts, or for answers that nobody is left to give. What a judge asks of the proof itself: verifier/core/epochs.ts.
 */
import { keyRevokedMs, type Revoked, withoutRevoked } from '../../ledger/core/cosigned.ts';
import { evaluatePolicy } from '../../ledger/core/policy.ts';
import { witnessesUnder } from '../../ledger/log/policy-members.ts';
import { isAnswered } from '../../ledger/log/startup-question.ts';
import { requireFollows } from '../../verifier/core/epochs.ts';
import { VerifierError } from '../../verifier/core/errors.ts';
import { TRUST_BYTES_MAX, TRUST_EPOCHS_MAX } from '../../verifier/core/limits.ts';
import type { Statement } from '../../verifier/core/statement.ts';
import { parseTrustBundle, type Trust, type TrustBundle } from '../../verifier/core/trust.ts';
import { formatJson } from './next.ts';

/** Characters of a cosignature's line in JSON: base64 of key id, time and signature, and some 10 around the name. */
const SIGNATURE_LINE = { 1: 120, 4: 120, 6: 3260 } as const;
/** Characters of the rest of a proof: 63 hashes of 46, the entry, the checkpoint, the log's own signature. */
const PROOF_REST = 4096;

/**
 * Why a statement can never follow the present one, and what to do instead; undefined when it can.
 * @param present the bundle now in force
 * @param proposed the next statement, a trust bundle without epochs, as bytes
 * @param bytes the present bundle as the file is
 */
export function whyNeverProven(present: Trust, proposed: Uint8Array, bytes: Uint8Array): string | undefined {
  let next: Trust;
  try {
    next = parseTrustBundle(proposed);
    requireFollows(present, next);
  } catch (cause) {
    if (!(cause instanceof VerifierError)) throw cause;
    return cause.message;
  }
  if (present.number > TRUST_EPOCHS_MAX) {
    return `a bundle holds ${TRUST_EPOCHS_MAX} changes at most; found another consortium, this one’s certificates stay good`;
  }
  const statement = JSON.parse(Buffer.from(proposed).toString('utf8')) as TrustBundle;
  const length = Buffer.byteLength(formatJson(continued(bytes, statement, 'x'.repeat(proofLength(present)))));
  if (length > TRUST_BYTES_MAX) {
    return `the bundle with its proof would have about ${length} bytes, and ${TRUST_BYTES_MAX} at most can be read; found another consortium, this one’s certificates stay good`;
  }
  // The verifier does not count them in the proof either, even those made before the time of the revocation: that may pass while we wait.
  const revoked = needed(present, next.revoked);
  if (revoked.length > 0) {
    return `without ${revoked.join(', ')}, revoked then, the present policy cannot cosign it; replace these keys by one change, and revoke them by vkey in the next`;
  }
  const dead = needed(next, next.revoked);
  if (dead.length > 0) {
    return `the new policy could never be satisfied without ${dead.join(', ')}, which are revoked; replace these keys as well, or ask for fewer courts`;
  }
  const policy = withoutRevoked(next.policy, next.revoked);
  const left = next.members.map(({ member }) => member).filter((name) => witnessesUnder(policy, name).length > 0);
  if (!isAnswered(policy, new Set(left))) {
    const silent = next.members.map(({ member }) => member).filter((name) => !left.includes(name));
    return `after it no start could find out whether its ledger is the newest: without ${silent.join(', ')}, revoked then, too few are left to ask; give them new keys in the same change, or let them leave`;
  }
  return undefined;
}

/**
 * The bundle in force once a change is proven.
 * @param bytes the present bundle
 * @param change `.tlog-proof` of the entry
 */
export function continued(bytes: Uint8Array, proposed: TrustBundle, change: string): TrustBundle {
  const present = JSON.parse(Buffer.from(bytes).toString('utf8')) as TrustBundle;
  const { epochs = [], notBefore: _, notAfter: __, ...ended } = present;
  return { ...proposed, epochs: [...epochs, { ...ended, change }] };
}

/** Characters of a proof with the cosignatures of all: a line of each key, and what else it holds, the longest path among it. */
function proofLength({ policy }: Statement): number {
  const lines = [...policy.witnesses.values()].map(({ key }) => key.name.length + SIGNATURE_LINE[key.type]);
  return lines.reduce((sum, length) => sum + length, PROOF_REST);
}

/** The witnesses of a policy that are revoked, when the others do not suffice; none when they do. */
function needed({ policy }: Statement, revoked: readonly Revoked[]): string[] {
  const isRevoked = (name: string): boolean => {
    const key = policy.witnesses.get(name)?.key;
    return key !== undefined && keyRevokedMs(revoked, key) !== undefined;
  };
  const names = [...policy.witnesses.keys()];
  const left = new Set(names.filter((name) => !isRevoked(name)));
  return evaluatePolicy(policy, left).satisfied ? [] : names.filter(isRevoked);
}
