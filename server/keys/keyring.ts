/**
 * The keys of one member: each in a file of its folder, or in its token when the configuration says so. A key whose public half is not the
 * one that the policy, the configuration or the certificate names is refused: nobody would count what it signs.
 */
import { sign } from 'node:crypto';
import { join } from 'node:path';
import { verifySignature as verifyEcdsa } from '../../certs/core/algorithms.ts';
import { OID } from '../../certs/core/oids.ts';
import type { X509 } from '../../certs/core/x509.ts';
import type { SignBytes } from '../../certs/issue/sign-cms.ts';
import { formatVkey, type KeyType, type VerifierKey, vkeyOf } from '../../ledger/core/note.ts';
import { type Signer, verifySignature } from '../../ledger/core/signature.ts';
import { type HsmConfig, KEY_FILES } from '../config.ts';
import { StartError } from '../start-error.ts';
import { Passphrase } from './encryption.ts';
import { Token, type TokenKey, type TokenKeyType } from './pkcs11.ts';
import { finishRewrite } from './rewrite.ts';
import { type Env, PASSPHRASE, PIN, readSecret } from './secrets.ts';
import { readP256Key, readSigner } from './signers.ts';

/** What a P-256 key signs as it is opened, to show that it fits its certificate. */
const PROBE = new TextEncoder().encode('probata: does this key fit its certificate?');

export type NoteKey = 'log' | 'receipt' | 'ed25519' | 'mlDsa44';

interface OpenToken {
  readonly token: Token;
  readonly labels: HsmConfig['keys'];
}

export class Keyring {
  readonly #dir: string;
  readonly #passphrase: Passphrase | undefined;
  readonly #hsm: OpenToken | undefined;

  private constructor(dir: string, passphrase: Passphrase | undefined, hsm: OpenToken | undefined) {
    this.#dir = dir;
    this.#passphrase = passphrase;
    this.#hsm = hsm;
  }

  /**
   * Opens the keys of a member.
   * @param dir its folder
   * @param hsm where its token is, and which keys are in it
   * @param env where passphrase and PIN come from
   * @throws StartError `secret-*`, `pin-*`, `hsm-*`
   */
  static async open(dir: string, hsm: HsmConfig | undefined, env: Env = {}): Promise<Keyring> {
    finishRewrite(dir);
    const passphrase = openPassphrase(env, PASSPHRASE);
    if (hsm === undefined) return new Keyring(dir, passphrase, undefined);
    const token = await Token.open(hsm, requirePin(env));
    return new Keyring(dir, passphrase, { token, labels: hsm.keys });
  }

  /** Leaves the token; its keys no longer sign. A process that opens the token again must have left it before. */
  close(): void {
    this.#hsm?.token.close();
  }

  /** The keys in the files of another folder, under the same passphrase. @param dir a folder laid out like a member's */
  of(dir: string): Keyring {
    return new Keyring(dir, this.#passphrase, undefined);
  }

  /**
   * The signer of a key for notes.
   * @param name key name of its signatures
   * @param expected the keys that others know it by; undefined when nothing here says so
   * @throws StartError `key-*`, `passphrase-*`
   */
  signer(id: NoteKey, name: string, type: KeyType, expected?: readonly VerifierKey[]): Signer {
    const label = this.#label(id);
    // ML-DSA-44 has no label: the configuration does not offer it.
    const signer =
      label === undefined || type === 0x06
        ? readSigner(join(this.#dir, KEY_FILES[id]), name, type, this.#passphrase)
        : tokenSigner(this.#tokenKey(label, 'ed25519'), name, type);
    const vkeys = expected?.map(formatVkey);
    if (vkeys !== undefined && !vkeys.includes(formatVkey(signer.key)))
      throw new StartError(
        'key-mismatch',
        `${this.#place(id)} is ${formatVkey(signer.key)}, not the ${name} that others know`,
      );
    return signer;
  }

  /**
   * What signs CMS with a P-256 key.
   * @param certificate the signer's own
   * @throws StartError `key-*`, `passphrase-*`
   */
  async p256(id: 'pdf' | 'tsa', certificate: X509): Promise<SignBytes> {
    const label = this.#label(id);
    const tokenKey = label === undefined ? undefined : this.#tokenKey(label, 'p256');
    const signs = tokenKey?.sign ?? this.#p256File(id);
    if (!verifies(certificate, PROBE, await signs(PROBE)))
      throw new StartError('key-mismatch', `${this.#place(id)} is not the key of its certificate`);
    return tokenKey === undefined ? signs : tokenSignBytes(tokenKey, certificate);
  }

  #p256File(id: 'pdf' | 'tsa'): SignBytes {
    const key = readP256Key(join(this.#dir, KEY_FILES[id]), this.#passphrase);
    return (bytes) => new Uint8Array(sign('sha256', bytes, key));
  }

  #tokenKey(label: string, type: TokenKeyType): TokenKey {
    if (this.#hsm === undefined) throw new Error('invariant: labels come with a token');
    return this.#hsm.token.key(label, type);
  }

  /** Its label in the token; undefined when it is in a file. */
  #label(id: NoteKey | 'pdf' | 'tsa'): string | undefined {
    return id === 'mlDsa44' ? undefined : this.#hsm?.labels[id];
  }

  /** Where a key is, for people. */
  #place(id: NoteKey | 'pdf' | 'tsa'): string {
    const label = this.#label(id);
    return label === undefined ? join(this.#dir, KEY_FILES[id]) : `the key "${label}" of the token`;
  }
}

/** The passphrase under this name. @returns undefined when none is given. @throws StartError `secret-*` */
export function openPassphrase(env: Env, name: string): Passphrase | undefined {
  const text = readSecret(env, name);
  return text === undefined ? undefined : new Passphrase(text);
}

/** The PIN of a token. @throws StartError `pin-missing`, `secret-*` */
export function requirePin(env: Env): string {
  const pin = readSecret(env, PIN);
  if (pin === undefined) throw new StartError('pin-missing', `the token asks for a PIN: set ${PIN}_FILE`);
  return pin;
}

/** Signs in the token, and gives out nothing that does not verify. */
export function tokenSigner(tokenKey: TokenKey, name: string, type: 0x01 | 0x04): Signer {
  const key = vkeyOf(name, type, tokenKey.publicKey);
  return {
    key,
    sign: async (message) => {
      const signature = tokenKey.sign(message);
      if (!verifySignature(key, message, signature)) throw wrongSignature(name);
      return signature;
    },
  };
}

/** As {@link tokenSigner}, under the key of a certificate. */
export function tokenSignBytes(tokenKey: TokenKey, certificate: X509): SignBytes {
  return (bytes) => {
    const signature = tokenKey.sign(bytes);
    if (!verifies(certificate, bytes, signature)) throw wrongSignature('its certificate');
    return signature;
  };
}

function verifies({ publicKey }: X509, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey === undefined) return false;
  return verifyEcdsa(publicKey, { oid: OID.ecdsaWithSHA256 }, bytes, signature, { lowS: false });
}

function wrongSignature(name: string): Error {
  return new Error(`the token gave a signature that does not verify under ${name}`);
}
