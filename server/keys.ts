/**
 * Private keys as files, and what signs with them.
 * Ed25519: PKCS#8 PEM (RFC 8410), signed by node:crypto. ML-DSA-44: PKCS#8 PEM holding the 32-byte seed (RFC 9881 section 6),
 * signed by noble, because Node 20 has no ML-DSA. ECDSA P-256 for PDF and RFC 3161: PKCS#8 PEM, signed by node:crypto.
 * A key file that anyone but its owner may read is refused: a leaked key cannot be told from an honest one.
 * Verifying is not here: ledger/core/signature.ts is the one verifier.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concat, equal } from '../ledger/core/bytes.ts';
import { type KeyType, vkeyOf } from '../ledger/core/note.ts';
import type { Signer } from '../ledger/core/signature.ts';
import { StartError } from './start-error.ts';

/** Largest key or certificate file, in bytes. */
const KEY_FILE_BYTES_MAX = 65_536;
/** Permission bits of everyone but the owner. */
const OTHERS = 0o077;
const SEED_BYTES = 32;
/**
 * RFC 9881 section 6: OneAsymmetricKey version 0, id-ml-dsa-44 without parameters, the private key as `seed [0]` of 32 bytes.
 * All lengths are fixed, so the DER before the seed is a constant.
 */
const ML_DSA_44_PREFIX = Uint8Array.from([
  0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x04,
  0x22, 0x80, 0x20,
]);

/** A new private key for notes of this type (0x01 and 0x04 are Ed25519, 0x06 is ML-DSA-44), as PEM text. */
export function generateKey(type: KeyType): string {
  if (type === 0x06) return pemEncode('PRIVATE KEY', concat(ML_DSA_44_PREFIX, randomBytes(SEED_BYTES)));
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/**
 * Writes a private key to a new file that only its owner may read, durably.
 * @throws the file system's error, also when the file exists: a key is never overwritten
 */
export function writeKeyFile(path: string, pem: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, pem);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * The signer of a private key file.
 * @param name key name of its signatures
 * @throws StartError `key-missing`, `key-exposed`, `key-malformed`
 */
export function readSigner(path: string, name: string, type: KeyType): Signer {
  return signerOf(readPrivate(path), name, type, path);
}

/**
 * The signer of a private key text.
 * @param source where the text comes from, for the error message
 * @throws StartError `key-malformed`
 */
export function signerOf(pem: string, name: string, type: KeyType, source = 'the key'): Signer {
  if (type === 0x06) return mlDsa44Signer(mlDsa44Seed(pem, source), name);
  const key = privateKey(pem, source);
  if (key.asymmetricKeyType !== 'ed25519') throw malformed(source, 'an Ed25519 private key');
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(jwk.x ?? '', 'base64url'));
  return {
    key: vkeyOf(name, type, publicKey),
    sign: async (message) => new Uint8Array(sign(null, message, key)),
  };
}

function mlDsa44Signer(seed: Uint8Array, name: string): Signer {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed);
  return {
    key: vkeyOf(name, 0x06, publicKey),
    sign: async (message) => ml_dsa44.sign(message, secretKey),
  };
}

function mlDsa44Seed(pem: string, source: string): Uint8Array {
  const [der, more] = pemDecode(pem, 'PRIVATE KEY');
  const prefix = der?.subarray(0, ML_DSA_44_PREFIX.length);
  if (
    der === undefined ||
    prefix === undefined ||
    more !== undefined ||
    der.length !== ML_DSA_44_PREFIX.length + SEED_BYTES ||
    !equal(prefix, ML_DSA_44_PREFIX)
  ) {
    throw malformed(source, 'an ML-DSA-44 private key in seed form');
  }
  return der.slice(ML_DSA_44_PREFIX.length);
}

/**
 * The ECDSA P-256 key of a file, for CMS signatures.
 * @throws StartError `key-missing`, `key-exposed`, `key-malformed`
 */
export function readP256Key(path: string): KeyObject {
  const key = privateKey(readPrivate(path), path);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw malformed(path, 'an ECDSA P-256 private key');
  }
  return key;
}

/**
 * The certificates of a PEM file as DER, in file order (the signer's own first).
 * @throws StartError `key-missing`, `key-malformed`
 */
export function readChain(path: string): Uint8Array[] {
  const chain = pemDecode(readLimited(path, false), 'CERTIFICATE');
  if (chain.length === 0) throw malformed(path, 'a list of PEM certificates');
  return chain;
}

function privateKey(pem: string, source: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch (cause) {
    throw malformed(source, 'a PKCS#8 PEM private key', cause);
  }
}

function readPrivate(path: string): string {
  return readLimited(path, true);
}

function readLimited(path: string, isPrivate: boolean): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new StartError('key-missing', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  try {
    // The mode of the open file, not of the path: the two could differ by a rename in between.
    const { mode, size } = fstatSync(file);
    if (isPrivate && (mode & OTHERS) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw new StartError(
        'key-exposed',
        `${path} has mode ${octal}; a private key must be 0600: chmod 600 it, or replace the key`,
      );
    }
    if (size > KEY_FILE_BYTES_MAX) throw malformed(path, `a file of at most ${KEY_FILE_BYTES_MAX} bytes`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function malformed(source: string, expected: string, cause?: unknown): StartError {
  return new StartError('key-malformed', `${source} is not ${expected}`, { cause });
}

function pemEncode(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function pemDecode(pem: string, label: string): Uint8Array[] {
  const sections = pem.matchAll(
    new RegExp(`-----BEGIN ${label}-----\\s([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g'),
  );
  return [...sections].map((section) => new Uint8Array(Buffer.from(section[1] ?? '', 'base64')));
}
