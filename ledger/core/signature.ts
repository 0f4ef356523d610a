// The one signature verifier, used by server, command line and the judge's page alike, and the port for signing keys.
// What is signed is decided elsewhere: note.ts (0x01) and cosignature.ts (0x04, 0x06).
//
// Ed25519 implementations differ on crafted signatures, so the rule is written down (RFC 8032 section 5.1.7, cofactored):
// accept when A and R are canonical encodings of curve points, A is not of small order, S < L, and
// [8][S]B = [8]R + [8][k]A with k = SHA-512(R || A || message) over the bytes as sent.
// ML-DSA-44 is FIPS 204 algorithm 3, pure, with empty context.

import { ed25519 } from '@noble/curves/ed25519.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { utf8Encode } from './bytes.ts';
import { ED25519_SIGNATURE_BYTES, ML_DSA_44_SIGNATURE_BYTES } from './limits.ts';
import type { KeyType, NoteSignature, VerifierKey } from './note.ts';

/**
 * A signing key, wherever it lives. `sign` gives the raw signature of exactly these bytes
 * (64 bytes for types 0x01 and 0x04, 2,420 for 0x06), without key ID or time.
 */
export interface Signer {
  readonly key: VerifierKey;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** Length of a raw signature of this type, bytes. */
export function signatureBytes(type: KeyType): number {
  return type === 0x06 ? ML_DSA_44_SIGNATURE_BYTES : ED25519_SIGNATURE_BYTES;
}

/** True when the raw signature over the message verifies under the key, by the rule above. Never throws on input. */
export function verifySignature(key: VerifierKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== signatureBytes(key.type)) return false;
  return key.type === 0x06
    ? ml_dsa44.verify(signature, message, key.publicKey)
    : ed25519.verify(signature, message, key.publicKey, { zip215: false });
}

/** The signature line of a key of type 0x01 over a note's text. */
export async function signNote(text: string, signer: Signer): Promise<NoteSignature> {
  if (signer.key.type !== 0x01) throw new Error('invariant: notes are signed with keys of type 0x01');
  return { name: signer.key.name, keyId: signer.key.id, signature: await signer.sign(utf8Encode(text)) };
}
