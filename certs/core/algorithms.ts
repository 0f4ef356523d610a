// Signature algorithms and public keys of X.509 and CMS: identifiers, parsing, verification.
// ECDSA on P-256 and P-384 (RFC 5480, RFC 5758) and RSA PKCS#1 v1.5 (RFC 4055), each with SHA-256, SHA-384 or SHA-512.
// Our own certificates and tokens are P-256 only (their profiles say so); the rest is for outside timestamp authorities.

import { p256, p384 } from '@noble/curves/nist.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat, equal } from '../../ledger/core/bytes.ts';
import { type Der, Fields, parseDer, readBits, readInteger, readOid, TAG } from './der.ts';
import { encode, encodeInteger, encodeOid, encodeSequence } from './der-write.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';
import { bigEndian, parseRsaKey, type RsaPublicKey, verifyRsa } from './rsa.ts';

export type HashName = 'sha256' | 'sha384' | 'sha512';

/** AlgorithmIdentifier (RFC 5280 4.1.1.2): the identifier and its parameters as DER. */
export interface Algorithm {
  readonly oid: string;
  readonly parameters?: Uint8Array;
}

export type PublicKey =
  /** `point`: 0x04 ‖ x ‖ y. */
  { readonly type: 'p256' | 'p384'; readonly point: Uint8Array } | RsaPublicKey;

const NULL = encode(TAG.null);
const HASHES = { sha256, sha384, sha512 } as const;
const CURVES = { p256, p384 } as const;

const HASH_OF_SIGNATURE: ReadonlyMap<string, { scheme: 'ecdsa' | 'rsa'; hash: HashName }> = new Map([
  [OID.ecdsaWithSHA256, { scheme: 'ecdsa', hash: 'sha256' }],
  [OID.ecdsaWithSHA384, { scheme: 'ecdsa', hash: 'sha384' }],
  [OID.ecdsaWithSHA512, { scheme: 'ecdsa', hash: 'sha512' }],
  [OID.sha256WithRSAEncryption, { scheme: 'rsa', hash: 'sha256' }],
  [OID.sha384WithRSAEncryption, { scheme: 'rsa', hash: 'sha384' }],
  [OID.sha512WithRSAEncryption, { scheme: 'rsa', hash: 'sha512' }],
]);

/** AlgorithmIdentifier. @throws CertError der-malformed */
export function readAlgorithm(der: Der): Algorithm {
  const fields = new Fields(der, 'AlgorithmIdentifier');
  const oid = readOid(fields.take(TAG.oid));
  const [parameters, ...more] = fields.rest();
  if (more.length > 0) throw new CertError('der-malformed', 'DER: AlgorithmIdentifier has more fields than known');
  return parameters === undefined ? { oid } : { oid, parameters: parameters.bytes };
}

export function encodeAlgorithm(algorithm: Algorithm): Uint8Array {
  const oid = encodeOid(algorithm.oid);
  return algorithm.parameters === undefined ? encodeSequence(oid) : encodeSequence(oid, algorithm.parameters);
}

/** Same identifier and same parameters. */
export function sameAlgorithm(a: Algorithm, b: Algorithm): boolean {
  return equal(encodeAlgorithm(a), encodeAlgorithm(b));
}

/** The hash a digest algorithm stands for; absent or NULL parameters (RFC 5754 section 2), undefined for any other. */
export function digestName({ oid, parameters }: Algorithm): HashName | undefined {
  if (parameters !== undefined && !equal(parameters, NULL)) return undefined;
  return (['sha256', 'sha384', 'sha512'] as const).find((name) => OID[name] === oid);
}

/** Digest of the concatenation of the parts. */
export function digest(name: HashName, parts: readonly Uint8Array[]): Uint8Array {
  const hash = HASHES[name].create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/**
 * Reads a SubjectPublicKeyInfo (RFC 5280 4.1.2.7).
 * @returns undefined for key types this program does not know
 * @throws CertError der-malformed, x509-malformed (a point that is not on its curve, an unusable RSA modulus)
 */
export function readPublicKey(der: Der): PublicKey | undefined {
  const fields = new Fields(der, 'SubjectPublicKeyInfo');
  const { oid, parameters } = readAlgorithm(fields.take());
  const key = readBits(fields.take());
  fields.end();
  if (oid === OID.rsaEncryption && parameters !== undefined && equal(parameters, NULL)) return parseRsaKey(key);
  if (oid !== OID.ecPublicKey || parameters === undefined) return undefined;
  const type = equal(parameters, encodeOid(OID.prime256v1))
    ? 'p256'
    : equal(parameters, encodeOid(OID.secp384r1))
      ? 'p384'
      : undefined;
  if (type === undefined) return undefined;
  // RFC 5480 2.2: the uncompressed form MUST be supported; the compressed one would be a second form of the same key.
  if (key[0] !== 0x04 || !CURVES[type].utils.isValidPublicKey(key, false)) {
    throw new CertError('x509-malformed', `X.509: the public key is no uncompressed point of ${type}`);
  }
  return { type, point: key };
}

/**
 * Verifies a signature.
 * @param algorithm of the signature; for CMS with plain rsaEncryption (RFC 4056 section 3) `rsaHash` names the hash
 * @param lowS refuse the second form (r, n − s) that every ECDSA signature has
 * @returns false for a wrong signature, an unknown algorithm, and an algorithm that does not fit the key
 */
export function verifySignature(
  key: PublicKey,
  algorithm: Algorithm,
  message: Uint8Array,
  signature: Uint8Array,
  o: { lowS: boolean; rsaHash?: HashName },
): boolean {
  const known =
    algorithm.oid === OID.rsaEncryption && o.rsaHash !== undefined
      ? { scheme: 'rsa' as const, hash: o.rsaHash }
      : HASH_OF_SIGNATURE.get(algorithm.oid);
  if (known === undefined) return false;
  const hashed = digest(known.hash, [message]);
  if (key.type === 'rsa') {
    // RFC 4055 section 5: the parameters MUST be NULL.
    if (known.scheme !== 'rsa' || algorithm.parameters === undefined || !equal(algorithm.parameters, NULL))
      return false;
    return verifyRsa(key, known.hash, hashed, signature);
  }
  // RFC 5758 3.2: the parameters MUST be absent.
  if (known.scheme !== 'ecdsa' || algorithm.parameters !== undefined) return false;
  const compact = compactSignature(signature, CURVES[key.type].lengths.secretKey as number);
  if (compact === undefined) return false;
  return CURVES[key.type].verify(compact, hashed, key.point, { prehash: false, lowS: o.lowS, format: 'compact' });
}

/**
 * The second form (r, n − s) that an ECDSA signature has, for the order n of each curve it may be of: whoever sees a signature can write it,
 * and it verifies as well. None of any other signature: RSA has one form.
 */
export function secondForms(signature: Uint8Array): Uint8Array[] {
  const [r, s] = ecdsaNumbers(signature) ?? [];
  if (r === undefined || s === undefined) return [];
  const orders = Object.values(CURVES).map(({ Point }) => Point.Fn.ORDER);
  return orders.filter((n) => s < n).map((n) => encodeSequence(encodeInteger(r), encodeInteger(n - s)));
}

/** Ecdsa-Sig-Value to r ‖ s; undefined when it is not strict DER or out of range. */
function compactSignature(signature: Uint8Array, bytes: number): Uint8Array | undefined {
  const numbers = ecdsaNumbers(signature);
  if (numbers === undefined || numbers.some((n) => n <= 0n || n >= 1n << BigInt(8 * bytes))) return undefined;
  return concat(...numbers.map((n) => bigEndian(n, bytes)));
}

/** r and s of an Ecdsa-Sig-Value (RFC 5480 appendix A); undefined when it is not strict DER. */
function ecdsaNumbers(signature: Uint8Array): [r: bigint, s: bigint] | undefined {
  try {
    const fields = new Fields(parseDer(signature), 'Ecdsa-Sig-Value');
    const numbers: [bigint, bigint] = [readInteger(fields.take()), readInteger(fields.take())];
    fields.end();
    return numbers;
  } catch (error) {
    if (error instanceof CertError) return undefined;
    throw error;
  }
}
