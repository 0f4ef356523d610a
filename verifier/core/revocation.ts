// Revocations: keys that must not be believed any more from a time on, because they were stolen or lost.
// Keys of cosigners by their vkey, certificates of signers and timestamp authorities by the SHA-256 of their DER, in either of its forms:
// a thief can write the other. A signature counts only when it was made before the revocation, by the time it carries: a thief can put an
// earlier one there, and is then one liar among those the policy survives. A log's signature carries no time: its key is replaced, not revoked.

import { formsOf, type X509 } from '../../certs/core/x509.ts';
import { hexDecode, hexEncode } from '../../ledger/core/bytes.ts';
import { type Revoked, revokedMs } from '../../ledger/core/cosigned.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import type { Json } from '../../ledger/core/json.ts';
import { HASH_BYTES } from '../../ledger/core/limits.ts';
import { parseVkey } from '../../ledger/core/note.ts';
import { object, refuse, string, time } from './fields.ts';

/** The JSON of a revocation. */
export interface RevokedKey {
  /** vkey of a cosigner, or SHA-256 of a certificate's DER in lower-case hex. */
  key: string;
  /** ISO 8601 UTC; what was signed at this time or later does not count. */
  at: string;
}

/** A revocation as read. */
export interface Revocation extends Readonly<RevokedKey>, Revoked {}

/** @throws VerifierError trust-malformed; LedgerError vkey-malformed */
export function readRevocation(value: Json): Revocation {
  const fields = object(value, 'a revocation', ['key', 'at']);
  const key = string(fields, 'key');
  return { key, at: string(fields, 'at'), id: idOf(key), atMs: time(fields, 'at') };
}

function idOf(text: string): string {
  if (hexDecode(text, HASH_BYTES) !== undefined) return text;
  const key = parseVkey(text);
  if (key.type === 0x01) refuse(`the signatures of ${key.name} carry no time: its key is replaced, not revoked`);
  return hexEncode(key.publicKey);
}

/** From when on a certificate is revoked, ms since the epoch: the earliest time given for it; undefined when it is not. */
export function certificateRevokedMs(revoked: readonly Revocation[], certificate: X509): number | undefined {
  const times = formsOf(certificate).flatMap((der) => revokedMs(revoked, hexEncode(sha256(der))) ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}
