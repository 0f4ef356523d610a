/**
 * Which policy the change in `next/` was prepared for. A backup holds `next/` too: put back behind a later change, an old one would be made
 * again over it, and name keys that are gone by then. Nobody could cosign anything any more, the change that mends it neither.
 */
import { VerifierError } from '../../verifier/core/errors.ts';
import { statementDigest } from '../../verifier/core/statement.ts';
import { parseTrustBundle, type Trust, type TrustBundle } from '../../verifier/core/trust.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { StartError } from '../start-error.ts';
import { isProposed, isProven, nextDir, readFollows, readProposed } from './next.ts';

/**
 * Refuses what is in `next/` unless it was prepared for the policy in force. Nothing there is none.
 * @param bytes the trust bundle in force
 * @throws StartError config-malformed
 */
export function refuseStale(dir: string, bytes: Uint8Array): void {
  if (!isProposed(dir) && !isProven(dir)) return;
  const present = parseTrustBundle(bytes);
  const why = isProven(dir) ? whyOther(present, followedByProven(dir)) : whyProposedForOther(dir, present);
  if (why === undefined) return;
  const what = `the change in ${nextDir(dir)} is not made: ${why}`;
  throw new StartError(
    'config-malformed',
    `${what}. If trust.json is the present one, move ${nextDir(dir)} away; else put the present one there`,
  );
}

function followedByProven(dir: string): string | undefined {
  return parseTrustBundle(readTrust(nextDir(dir)).bytes).epochs.at(-2)?.digest;
}

function whyProposedForOther(dir: string, present: Trust): string | undefined {
  const follows = readFollows(dir);
  if (follows !== undefined) return whyOther(present, follows);
  // Written by hand: nothing says what it follows, but a change that is made is known.
  const bytes = readProposed(dir);
  if (!isStatement(bytes)) return undefined;
  const proposed = JSON.parse(Buffer.from(bytes).toString('utf8')) as TrustBundle;
  const made = present.epochs.find(
    ({ digest, number }) => statementDigest(proposed, present.epochs[number - 2]?.digest) === digest,
  );
  return made && `it was made already, as epoch ${made.number}`;
}

/** What is none is nobody's old change; it is refused as such when it is read (proposal.ts). */
function isStatement(bytes: Uint8Array): boolean {
  try {
    parseTrustBundle(bytes);
    return true;
  } catch (error) {
    if (error instanceof VerifierError) return false;
    throw error;
  }
}

function whyOther({ epochs, number, digest }: Trust, follows: string | undefined): string | undefined {
  if (follows === digest) return undefined;
  const known = epochs.find((epoch) => epoch.digest === follows);
  const prepared =
    known === undefined ? 'a policy that trust.json does not know' : `the policy of epoch ${known.number}`;
  return `it was prepared for ${prepared}, and trust.json is of epoch ${number}`;
}
