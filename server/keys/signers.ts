/**
 * What signs with a private key in memory, and new keys.
 * Ed25519: PKCS#8 (RFC 8410), signed by node:crypto. ML-DSA-44: PKCS#8 holding the 32-byte seed (RFC 9881 section 6), signed by noble,
 * because Node 20 has no ML-DSA. ECDSA P-256 for PDF and RFC 3161: PKCS#8, signed by node:crypto.
 * Verifying is not here: ledger/core/signature.ts is the one verifier. Keys in an HSM: pkcs11.ts.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concat, equal } from '../../ledger/core/bytes.ts';
import { type KeyType, vkeyOf } from '../../ledger/core/note.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import type { Passphrase } from './encryption.ts';
import { formatKey, malformed, parseKey, readKeyFile } from './files.ts';

const SEED_BYTES = 32;
/**
 * RFC 9881 section 6: OneAsymmetricKey version 0, id-ml-dsa-44 without parameters, the private key as `seed [0]` of 32 bytes.
 * All lengths are fixed, so the DER before the seed is a constant.
 */
const ML_DSA_44_PREFIX = Uint8Array.from([
  0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x04,
  0x22, 0x80, 0x20,
]);

/** A new private key for notes of this type (0x01 and 0x04 are Ed25519, 0x06 is ML-DSA-44), as PEM text in the clear. */
export function generateKey(type: KeyType): string {
  if (type === 0x06) return formatKey(concat(ML_DSA_44_PREFIX, randomBytes(SEED_BYTES)));
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/**
 * The signer of a private key file.
 * @param name key name of its signatures
 * @throws StartError as readKeyFile
 */
export function readSigner(path: string, name: string, type: KeyType, passphrase?: Passphrase): Signer {
  return pkcs8Signer(readKeyFile(path, passphrase), name, type, path);
}

/**
 * The signer of a private key text in the clear.
 * @throws StartError `key-malformed`
 */
export function signerOf(pem: string, name: string, type: KeyType): Signer {
  return pkcs8Signer(parseKey(pem, undefined, 'the key'), name, type, 'the key');
}

function pkcs8Signer(pkcs8: Uint8Array, name: string, type: KeyType, source: string): Signer {
  if (type === 0x06) return mlDsa44Signer(mlDsa44Seed(pkcs8, source), name);
  const privateKey = readPrivateKey(pkcs8, source);
  if (privateKey.asymmetricKeyType !== 'ed25519') throw malformed(source, 'an Ed25519 private key');
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(jwk.x ?? '', 'base64url'));
  return {
    key: vkeyOf(name, type, publicKey),
    sign: async (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

function mlDsa44Signer(seed: Uint8Array, name: string): Signer {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed);
  return {
    key: vkeyOf(name, 0x06, publicKey),
    sign: async (message) => ml_dsa44.sign(message, secretKey),
  };
}

function mlDsa44Seed(key: Uint8Array, source: string): Uint8Array {
  const prefix = key.subarray(0, ML_DSA_44_PREFIX.length);
  if (key.length !== ML_DSA_44_PREFIX.length + SEED_BYTES || !equal(prefix, ML_DSA_44_PREFIX))
    throw malformed(source, 'an ML-DSA-44 private key in seed form');
  return key.slice(ML_DSA_44_PREFIX.length);
}

/**
 * The ECDSA P-256 key of a file, for CMS signatures.
 * @throws StartError as readKeyFile
 */
export function readP256Key(path: string, passphrase?: Passphrase): KeyObject {
  const key = readPrivateKey(readKeyFile(path, passphrase), path);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw malformed(path, 'an ECDSA P-256 private key');
  }
  return key;
}

function readPrivateKey(pkcs8: Uint8Array, source: string): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw malformed(source, 'a PKCS#8 private key', cause);
  }
}
