/**
 * `probata keygen`: makes one key of a log or a cosigner, in a file or in a token, and says what others must know it by.
 */
import { encode, encodeOid, encodeSequence, TAG } from '../../certs/core/der-write.ts';
import { OID } from '../../certs/core/oids.ts';
import { formatVkey, isKeyName, type KeyType } from '../../ledger/core/note.ts';
import { newSeal, writeKeyFile } from '../keys/files.ts';
import { openPassphrase, requirePin, tokenSigner } from '../keys/keyring.ts';
import { pemEncode } from '../keys/pem.ts';
import { Token } from '../keys/pkcs11.ts';
import { type Env, PASSPHRASE } from '../keys/secrets.ts';
import { generateKey, signerOf } from '../keys/signers.ts';
import { StartError } from '../start-error.ts';

/** What a key of a file is for, as the command line names it. */
const FILE_KINDS: Readonly<Record<string, KeyType>> = { log: 0x01, ed25519: 0x04, 'ml-dsa-44': 0x06 };
/** Kinds that a token can make; `p256` signs PDF and timestamps and has no key name. */
const TOKEN_KINDS: Readonly<Record<string, 0x01 | 0x04 | 'p256'>> = { log: 0x01, ed25519: 0x04, p256: 'p256' };

/**
 * Writes the private key to a new file, mode 0600; encrypted when the environment gives a passphrase.
 * @returns its vkey
 * @throws StartError `input-malformed`, `output-refused`, `secret-*`
 */
export function keygen(options: { type: string; name: string; out: string }, env: Env): string {
  const type = FILE_KINDS[options.type];
  if (type === undefined) throw new StartError('input-malformed', `a file holds ${Object.keys(FILE_KINDS).join(', ')}`);
  requireKeyName(options.name);
  const pem = generateKey(type);
  const seal = newSeal(openPassphrase(env, PASSPHRASE));
  try {
    writeKeyFile(options.out, pem, seal);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'exists; a key is never overwritten' : `cannot be written: ${code}`;
    throw new StartError('output-refused', `${options.out} ${why}`, { cause });
  }
  return formatVkey(signerOf(pem, options.name, type).key);
}

export interface TokenKeygen {
  readonly type: string;
  readonly name: string;
  readonly module: string;
  readonly token: string;
  readonly label: string;
}

/**
 * Makes a key pair that cannot leave its token.
 * @returns its vkey; of a P-256 key, the public key as PEM, for whoever issues its certificate
 * @throws StartError `input-malformed`, `output-refused`, `hsm-*`, `pin-*`
 */
export async function tokenKeygen({ type, name, label, ...place }: TokenKeygen, env: Env): Promise<string> {
  const kind = TOKEN_KINDS[type];
  if (kind === undefined)
    throw new StartError('input-malformed', `a token makes ${Object.keys(TOKEN_KINDS).join(', ')}, and no ${type}`);
  requireKeyName(name);
  const token = await Token.open(place, requirePin(env), true);
  try {
    if (kind !== 'p256') return formatVkey(tokenSigner(token.generate(label, 'ed25519'), name, kind).key);
    return pemEncode('PUBLIC KEY', p256PublicKey(token.generate(label, 'p256').publicKey)).trimEnd();
  } finally {
    token.close();
  }
}

function requireKeyName(name: string): void {
  if (!isKeyName(name)) throw new StartError('input-malformed', `"${name}" cannot be a key name: no spaces, no plus`);
}

/** SubjectPublicKeyInfo (RFC 5480 section 2). @param point 0x04 ‖ x ‖ y */
function p256PublicKey(point: Uint8Array): Uint8Array {
  return encodeSequence(
    encodeSequence(encodeOid(OID.ecPublicKey), encodeOid(OID.prime256v1)),
    encode(TAG.bitString, Uint8Array.of(0), point),
  );
}
