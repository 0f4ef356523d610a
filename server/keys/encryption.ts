/**
 * Private keys encrypted with a passphrase: EncryptedPrivateKeyInfo (RFC 5958 section 3) under PBES2 (RFC 8018 section 6.2), the key derived
 * by scrypt (RFC 7914), the contents under AES-256-CBC. So any key that we hold as PKCS#8, the ML-DSA-44 seed too, has one container,
 * which other programs can open.
 * CBC does not authenticate. What a wrong passphrase or a changed file decrypts to is refused because it is no key of the expected form, or
 * because its public key is not the one expected: every caller compares it with the policy, the configuration or the certificate.
 * scrypt takes 128 MiB and about 0.3 s. The files of one member share a salt, each with its own IV, so a process derives once for all of them.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { type Der, Fields, parseDer, readCount, readOctets, readOid } from '../../certs/core/der.ts';
import { encodeInteger, encodeOctets, encodeOid, encodeSequence, TAG } from '../../certs/core/der-write.ts';
import { concat, hexEncode } from '../../ledger/core/bytes.ts';
import { StartError } from '../start-error.ts';

/** What scrypt is to cost: N, with r and p as in RFC 7914 section 2. */
export interface ScryptParameters {
  readonly salt: Uint8Array;
  /** CPU and memory cost N: 128 · N · r bytes. */
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
}

/** Derives the 32-byte key of a passphrase under these parameters. */
export type DeriveKey = (parameters: ScryptParameters) => Uint8Array;

const OIDS = {
  pbes2: '1.2.840.113549.1.5.13',
  scrypt: '1.3.6.1.4.1.11591.4.11',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const;

/** 2^17: 128 MiB with r = 8. What we write, and the least that we accept. */
export const SCRYPT_COST = 131_072;
/** 2^20: 1 GiB. A file that asks for more would end the process instead of opening a key. */
const SCRYPT_COST_MAX = 1_048_576;
const BLOCK_SIZE = 8;
const PARALLELIZATION = 1;
const SALT_BYTES = 16;
const SALT_BYTES_MAX = 64;
const IV_BYTES = 16;
const KEY_BYTES = 32;

/** A passphrase with the keys derived from it so far. It never shows the passphrase again. */
export class Passphrase {
  readonly #text: string;
  readonly #derived = new Map<string, Uint8Array>();

  constructor(text: string) {
    this.#text = text;
  }

  /**
   * The key under these parameters; derived once in this process.
   * @throws StartError `key-cost-refused` when they are too weak to protect a key, or too costly to be meant
   */
  derive: DeriveKey = (parameters) => {
    const { salt, cost, blockSize, parallelization } = parameters;
    const powerOfTwo = Number.isInteger(Math.log2(cost));
    const inRange = cost >= SCRYPT_COST && cost <= SCRYPT_COST_MAX && powerOfTwo;
    if (!inRange || blockSize !== BLOCK_SIZE || parallelization !== PARALLELIZATION || salt.length > SALT_BYTES_MAX) {
      throw new StartError(
        'key-cost-refused',
        `it is encrypted under scrypt with N ${cost}, r ${blockSize}, p ${parallelization}; N must be a power of two from ${SCRYPT_COST} ` +
          `to ${SCRYPT_COST_MAX}, r ${BLOCK_SIZE} and p ${PARALLELIZATION}: encrypt it again`,
      );
    }
    const id = `${cost} ${hexEncode(salt)}`;
    const key = this.#derived.get(id) ?? scrypt(this.#text, parameters);
    this.#derived.set(id, key);
    return key;
  };
}

/** scrypt without our limits (RFC 7914 section 6). */
export function scrypt(passphrase: string, { salt, cost, blockSize, parallelization }: ScryptParameters): Uint8Array {
  const options = { N: cost, r: blockSize, p: parallelization, maxmem: 256 * cost * blockSize };
  return new Uint8Array(scryptSync(Buffer.from(passphrase, 'utf8'), salt, KEY_BYTES, options));
}

/** Parameters for a new container, with a salt of its own: one for all files of a member. */
export function newParameters(cost = SCRYPT_COST): ScryptParameters {
  return { salt: randomBytes(SALT_BYTES), cost, blockSize: BLOCK_SIZE, parallelization: PARALLELIZATION };
}

/**
 * Encrypts a private key, under an IV of its own.
 * @param pkcs8 DER PrivateKeyInfo
 * @returns DER EncryptedPrivateKeyInfo
 */
export function encryptKey(pkcs8: Uint8Array, parameters: ScryptParameters, derive: DeriveKey): Uint8Array {
  const iv = new Uint8Array(randomBytes(IV_BYTES));
  const cipher = createCipheriv('aes-256-cbc', derive(parameters), iv);
  const encrypted = concat(new Uint8Array(cipher.update(pkcs8)), new Uint8Array(cipher.final()));
  return encodeSequence(formatAlgorithm(parameters, iv), encodeOctets(encrypted));
}

function formatAlgorithm({ salt, cost, blockSize, parallelization }: ScryptParameters, iv: Uint8Array): Uint8Array {
  const scryptParameters = encodeSequence(
    encodeOctets(salt),
    encodeInteger(cost),
    encodeInteger(blockSize),
    encodeInteger(parallelization),
  );
  return encodeSequence(
    encodeOid(OIDS.pbes2),
    encodeSequence(
      encodeSequence(encodeOid(OIDS.scrypt), scryptParameters),
      encodeSequence(encodeOid(OIDS.aes256Cbc), encodeOctets(iv)),
    ),
  );
}

/**
 * Decrypts a private key.
 * @param der EncryptedPrivateKeyInfo
 * @param source where it comes from, for the error message
 * @returns DER PrivateKeyInfo: one SEQUENCE that begins with a version; nothing more is known of it yet
 * @throws StartError `key-malformed` when it is no such container, or one of another algorithm; `key-cost-refused`;
 * `passphrase-wrong` when it does not decrypt to a private key
 */
export function decryptKey(der: Uint8Array, derive: DeriveKey, source: string): Uint8Array {
  const { parameters, iv, encrypted } = parseContainer(der, source);
  const decipher = createDecipheriv('aes-256-cbc', deriveFor(parameters, derive, source), iv);
  try {
    const pkcs8 = concat(new Uint8Array(decipher.update(encrypted)), new Uint8Array(decipher.final()));
    new Fields(parseDer(pkcs8), 'PrivateKeyInfo').take(TAG.integer);
    return pkcs8;
  } catch {
    // Without the cause: it could describe the decrypted bytes.
    throw new StartError('passphrase-wrong', `the passphrase does not open ${source}, or the file has been changed`);
  }
}

function deriveFor(parameters: ScryptParameters, derive: DeriveKey, source: string): Uint8Array {
  try {
    return derive(parameters);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    throw new StartError(error.code, `${source}: ${error.message}`);
  }
}

interface Container {
  readonly parameters: ScryptParameters;
  readonly iv: Uint8Array;
  readonly encrypted: Uint8Array;
}

function parseContainer(der: Uint8Array, source: string): Container {
  try {
    const outer = new Fields(parseDer(der), 'EncryptedPrivateKeyInfo');
    const { kdf, cipher } = parsePbes2(outer.take());
    const encrypted = readOctets(outer.take());
    outer.end();
    const salt = readOctets(kdf.take());
    const [cost, blockSize, parallelization] = [kdf.take(), kdf.take(), kdf.take()].map(readCount) as [
      number,
      number,
      number,
    ];
    // RFC 7914 section 7: keyLength is optional; AES-256 leaves no choice.
    const keyLength = kdf.takeIf(TAG.integer);
    if (keyLength !== undefined && readCount(keyLength) !== KEY_BYTES) throw new Error('a key of another length');
    kdf.end();
    const iv = readOctets(cipher.take());
    cipher.end();
    if (iv.length !== IV_BYTES) throw new Error('an IV of another length');
    return { parameters: { salt, cost, blockSize, parallelization }, iv, encrypted };
  } catch (cause) {
    throw new StartError('key-malformed', `${source} is not a private key under PBES2 with scrypt and AES-256-CBC`, {
      cause,
    });
  }
}

/** The parameters of scrypt, and those of the cipher. */
function parsePbes2(algorithm: Der): { kdf: Fields; cipher: Fields } {
  const fields = algorithmFields(algorithm, OIDS.pbes2);
  const parameters = new Fields(fields.take(), 'PBES2-params');
  fields.end();
  const kdfFields = algorithmFields(parameters.take(), OIDS.scrypt);
  const kdf = new Fields(kdfFields.take(), 'scrypt-params');
  kdfFields.end();
  const cipher = algorithmFields(parameters.take(), OIDS.aes256Cbc);
  parameters.end();
  return { kdf, cipher };
}

/** An AlgorithmIdentifier's fields after its identifier, which must be this one. */
function algorithmFields(der: Der, oid: string): Fields {
  const fields = new Fields(der, 'AlgorithmIdentifier');
  const found = readOid(fields.take());
  if (found !== oid) throw new Error(`the algorithm is ${found}`);
  return fields;
}
