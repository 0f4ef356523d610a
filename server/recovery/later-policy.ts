/**
 * Whether the ledger has ended the policy of this folder. The change of policy is an entry, the statement and the keys that followed are
 * not: out of an old backup come trust bundle, configuration and keys from before, and a platform that starts on them would certify under
 * members that have left and with keys that were replaced or revoked. A change that was withdrawn with its entry on the ledger looks the
 * same there: that it was, only the operator knows.
 */
import { parseEntry } from '../../ledger/core/entry.ts';
import { statementDigest } from '../../verifier/core/statement.ts';
import type { TrustBundle } from '../../verifier/core/trust.ts';
import { isProposed, readProposed } from '../epochs/next.ts';
import type { PlatformTrust } from '../roles/platform-setup.ts';
import { AFTER_A_CHANGE, type Copy, refused } from './mirror-copy.ts';
import { chunks } from './steps.ts';

/**
 * Reads every entry behind the last change of policy that the folder's trust bundle proves, some thousands at a time.
 * @param dir the platform's folder
 * @param withdrawn entries of changes that the operator says were withdrawn
 * @throws StartError `refill-refused` when there is another change, but that which the folder is about to make itself
 */
export async function refuseLaterPolicy(
  dir: string,
  { past, statement }: Pick<PlatformTrust, 'past' | 'statement'>,
  { head, entries }: Pick<Copy, 'head' | 'entries'>,
  withdrawn: readonly number[],
): Promise<void> {
  const { size } = head.checkpoint;
  for (const { lo, hi } of chunks(past.at(-1)?.upTo ?? 0, size)) {
    for (const [i, bytes] of (await entries(lo, hi)).entries()) {
      const entry = parseEntry(bytes);
      if (entry.kind !== 'policy' || withdrawn.includes(lo + i)) continue;
      // Cut short between the entry and the files: the next start finds the entry at the end of the ledger and goes on (epochs/change.ts).
      if (lo + i === size - 1 && entry.statement === proposedStatement(dir, statement)) return;
      throw refused(
        `entry ${lo + i} has ended the policy of this folder's trust.json, unless that change was withdrawn; ` +
          `${AFTER_A_CHANGE}; if it was withdrawn, add --withdrawn ${lo + i}`,
      );
    }
  }
}

function proposedStatement(dir: string, previous: string): string | undefined {
  if (!isProposed(dir)) return undefined;
  return statementDigest(JSON.parse(Buffer.from(readProposed(dir)).toString('utf8')) as TrustBundle, previous);
}
