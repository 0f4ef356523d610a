// Epochs for tests: consortiums that follow one another with other keys and bodies, their changes really cosigned, and the bundle of it all.
// What must come of it is in conformance.ts.

import type { X509 } from '../../certs/core/x509.ts';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { formatEntry } from '../../ledger/core/entry.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import { formatTlogProof } from '../../ledger/core/tlog-proof.ts';
import type { EarlierEpoch } from '../core/epochs.ts';
import type { RevokedKey } from '../core/revocation.ts';
import { type StatementJson, statementDigest } from '../core/statement.ts';
import type { TrustBundle } from '../core/trust.ts';
import {
  consortiumOf,
  type DepositOptions,
  type Parts,
  RECEIVED_MS,
  type TestConsortium,
  witnessKeys,
} from '../testing.ts';

/** Entries below the checkpoint that ends epoch 1, and below that of epoch 2. */
export const CHANGE_SIZES = [10, 20] as const;
/** An epoch: the bodies and keys, and what had been revoked when it began. */
export interface Era {
  readonly consortium: TestConsortium;
  readonly revoked?: RevokedKey[];
}

/** How a change was made otherwise than it should be. */
export interface ChangeOptions extends DepositOptions {
  /** Whose keys cosign it; those of the epoch that it ends by default. */
  readonly by?: TestConsortium;
  /** The bytes of the entry. */
  readonly bytes?: Uint8Array;
  readonly size?: number;
}

/** The bundle of these epochs, oldest first, each change proven under the policy that it ended. */
export async function bundleOf(eras: readonly Era[], changes: readonly ChangeOptions[] = []): Promise<TrustBundle> {
  const statements = eras.map(statementOf);
  const epochs: EarlierEpoch[] = [];
  let digest = statementDigest(statements[0] as StatementJson, undefined);
  for (const [i, next] of statements.slice(1).entries()) {
    digest = statementDigest(next, digest);
    const era = eras[i] as Era;
    epochs.push({
      ...(statements[i] as StatementJson),
      change: await proveChange(era, digest, { size: CHANGE_SIZES[i] ?? 0, ...changes[i] }),
    });
  }
  const { consortium, revoked } = eras.at(-1) as Era;
  return { ...consortium.trust, ...(revoked && { revoked }), ...(epochs.length > 0 && { epochs }) };
}

async function proveChange(
  { consortium }: Era,
  statement: string,
  options: ChangeOptions & { size: number },
): Promise<string> {
  const { by = consortium, size, bytes } = options;
  const received = new Date(RECEIVED_MS).toISOString();
  const entry = bytes ?? formatEntry({ kind: 'policy', v: 1, received, statement });
  return formatTlogProof(await by.prove(entry, { index: size - 1, treeSize: size, ...options }));
}

function statementOf({ consortium, revoked }: Era): StatementJson {
  const { notBefore: _, notAfter: __, ...statement } = consortium.trust;
  return { ...statement, ...(revoked && { revoked }) };
}

/** The same consortium with some parts replaced. */
export function changed({ parts }: TestConsortium, changes: Partial<Parts>): TestConsortium {
  return consortiumOf({ ...parts, ...changes });
}

/** The keys of the consortium with those of one member made anew, added, or (without a seed) taken out. */
export function keysWith({ parts }: TestConsortium, member: string, seed?: string): Map<string, Signer> {
  const others = [...parts.witnesses].filter(([witness]) => !witness.startsWith(`${member}.`));
  return new Map([...others, ...(seed === undefined ? [] : witnessKeys(member, `${member}.life.example`, seed))]);
}

/** The members whose numbers are given, of both kinds; `courts` 1 to 9, all arbitration bodies unless told otherwise. */
export function only(courts: string, bodies = '12'): (witness: string) => boolean {
  return (witness) => {
    const [kind = '', number = ''] = witness.split(/[-.]/);
    return (kind === 'court' ? courts : bodies).includes(number);
  };
}

/** What a revocation names a certificate by. */
export function digestOf({ der }: X509): string {
  return hexEncode(sha256(der));
}
