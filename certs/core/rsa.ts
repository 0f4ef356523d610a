// RSA signature verification, PKCS#1 v1.5 (RFC 8017 section 8.2.2): most public timestamp authorities sign so.
// Compares the whole encoded message with the one it builds itself; nothing inside the padding is ever parsed.
// Public data only: no constant-time arithmetic, no signing.

import { concat, equal } from '../../ledger/core/bytes.ts';
import type { HashName } from './algorithms.ts';
import { Fields, parseDer, readInteger, TAG } from './der.ts';
import { encode, encodeOctets, encodeOid, encodeSequence } from './der-write.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';

/** Modulus sizes taken, in bits. Below: factorable. Above: no authority uses them, and verifying gets slow. */
export const RSA_BITS_MIN = 2_048;
export const RSA_BITS_MAX = 8_192;
/** The only public exponent taken; every public authority uses it. */
export const RSA_EXPONENT = 65_537n;

export interface RsaPublicKey {
  readonly type: 'rsa';
  readonly modulus: bigint;
  /** Length of the modulus, and of every signature. */
  readonly bytes: number;
}

/**
 * Reads an RSAPublicKey (RFC 8017 A.1.1).
 * @throws CertError der-malformed, x509-malformed
 */
export function parseRsaKey(der: Uint8Array): RsaPublicKey {
  const fields = new Fields(parseDer(der), 'RSAPublicKey');
  const modulus = readInteger(fields.take());
  const exponent = readInteger(fields.take());
  fields.end();
  const bits = modulus.toString(2).length;
  if (modulus < 0n || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || exponent !== RSA_EXPONENT) {
    throw new CertError('x509-malformed', 'X.509: an RSA key of a size or exponent that is not taken');
  }
  return { type: 'rsa', modulus, bytes: Math.ceil(bits / 8) };
}

/** RSASSA-PKCS1-v1_5-VERIFY over a digest already computed. */
export function verifyRsa(key: RsaPublicKey, hash: HashName, digest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== key.bytes) return false;
  const s = fromBytes(signature);
  if (s >= key.modulus) return false;
  const algorithm = encodeSequence(encodeOid(OID[hash]), encode(TAG.null));
  const digestInfo = encodeSequence(algorithm, encodeOctets(digest));
  const padding = new Uint8Array(key.bytes - 3 - digestInfo.length).fill(0xff);
  const expected = concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), digestInfo);
  return equal(expected, bigEndian(power65537(s, key.modulus), key.bytes));
}

/** s^65537 mod n: sixteen squarings and one multiplication. */
function power65537(s: bigint, n: bigint): bigint {
  let result = s;
  for (let i = 0; i < 16; i += 1) result = (result * result) % n;
  return (result * s) % n;
}

function fromBytes(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** A non-negative number as exactly this many bytes. */
export function bigEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn));
}
