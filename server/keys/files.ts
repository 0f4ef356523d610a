/**
 * Private keys and certificates as files: PEM, private keys as PKCS#8 in the clear or encrypted (encryption.ts).
 * A key file that anyone but its owner may read is refused: a leaked key cannot be told from an honest one.
 * Not here: what signs with a key (signers.ts), all files of a member at once (rewrite.ts).
 */
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { StartError } from '../start-error.ts';
import { decryptKey, encryptKey, newParameters, type Passphrase, type ScryptParameters } from './encryption.ts';
import { pemDecode, pemEncode } from './pem.ts';
import { OTHERS, octal } from './secrets.ts';

/** Largest key or certificate file, in bytes. */
const KEY_FILE_BYTES_MAX = 65_536;
const CLEAR = 'PRIVATE KEY';
const ENCRYPTED = 'ENCRYPTED PRIVATE KEY';

/** How private keys are encrypted when they are written. */
export interface Seal {
  readonly passphrase: Passphrase;
  /** The same for all files of one member (encryption.ts). */
  readonly parameters: ScryptParameters;
}

/** How the keys of one member are encrypted from now on: under a new salt. @returns undefined without a passphrase */
export function newSeal(passphrase: Passphrase | undefined): Seal | undefined {
  return passphrase === undefined ? undefined : { passphrase, parameters: newParameters() };
}

/** The text of a private key file. @param seal without it, the key is in the clear */
export function formatKey(pkcs8: Uint8Array, seal?: Seal): string {
  if (seal === undefined) return pemEncode(CLEAR, pkcs8);
  return pemEncode(ENCRYPTED, encryptKey(pkcs8, seal.parameters, seal.passphrase.derive));
}

/**
 * The private key in a text, in the clear or encrypted.
 * @param passphrase what opens it when it is encrypted
 * @param source where the text comes from, for the error message
 * @returns DER PrivateKeyInfo
 * @throws StartError `key-malformed`, `passphrase-missing`, `passphrase-wrong`, `key-cost-refused`
 */
export function parseKey(pem: string, passphrase: Passphrase | undefined, source: string): Uint8Array {
  const clear = pemDecode(pem, CLEAR);
  const encrypted = pemDecode(pem, ENCRYPTED);
  const der = clear[0] ?? encrypted[0];
  if (der === undefined || clear.length + encrypted.length > 1) throw malformed(source, 'one PKCS#8 PEM private key');
  if (clear.length === 1) return der;
  if (passphrase === undefined) {
    throw new StartError('passphrase-missing', `${source} is encrypted: set PROBATA_PASSPHRASE_FILE`);
  }
  return decryptKey(der, passphrase.derive, source);
}

/** True when a text holds a private key, in either form. */
export function holdsKey(pem: string): boolean {
  return pem.includes(`-----BEGIN ${CLEAR}-----`) || pem.includes(`-----BEGIN ${ENCRYPTED}-----`);
}

/**
 * Writes a private key to a new file that only its owner may read, durably.
 * @param pem the key in the clear
 * @param seal how to encrypt it; without it, it is written as it is
 * @throws the file system's error, also when the file exists: a key is never overwritten
 */
export function writeKeyFile(path: string, pem: string, seal?: Seal): void {
  const text = seal === undefined ? pem : formatKey(parseKey(pem, undefined, 'the key'), seal);
  writeFileSync(path, text, { flag: 'wx', mode: 0o600, flush: true });
}

/**
 * The private key of a file.
 * @param passphrase what opens it; a key in the clear is then refused: whoever set a passphrase believes that all keys are encrypted
 * @returns DER PrivateKeyInfo
 * @throws StartError `key-missing`, `key-exposed`, `key-in-the-clear`, and as {@link parseKey}
 */
export function readKeyFile(path: string, passphrase?: Passphrase): Uint8Array {
  const pem = readKeyText(path);
  if (passphrase !== undefined && pemDecode(pem, CLEAR).length > 0) {
    throw new StartError(
      'key-in-the-clear',
      `${path} is not encrypted, but a passphrase is set: run "probata key encrypt", or take the passphrase away`,
    );
  }
  return parseKey(pem, passphrase, path);
}

/** The text of a private key file. @throws StartError `key-missing`, `key-exposed`, `key-malformed` */
export function readKeyText(path: string): string {
  return readLimited(path, (mode) => {
    if ((mode & OTHERS) === 0) return;
    throw new StartError(
      'key-exposed',
      `${path} has mode ${octal(mode)}; a private key must be 0600: chmod 600 it, or replace the key`,
    );
  });
}

/**
 * The certificates of a PEM file as DER, in file order (the signer's own first).
 * @throws StartError `key-missing`, `key-malformed`
 */
export function readChain(path: string): Uint8Array[] {
  const chain = pemDecode(
    readLimited(path, () => {}),
    'CERTIFICATE',
  );
  if (chain.length === 0) throw malformed(path, 'a list of PEM certificates');
  return chain;
}

function readLimited(path: string, checkMode: (mode: number) => void): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new StartError('key-missing', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  try {
    // The mode of the open file, not of the path: the two could differ by a rename in between.
    const { mode, size } = fstatSync(file);
    checkMode(mode);
    if (size > KEY_FILE_BYTES_MAX) throw malformed(path, `a file of at most ${KEY_FILE_BYTES_MAX} bytes`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** @param expected what it should be, with its article */
export function malformed(source: string, expected: string, cause?: unknown): StartError {
  return new StartError('key-malformed', `${source} is not ${expected}`, { cause });
}
