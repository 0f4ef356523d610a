/**
 * Private keys that never leave a hardware security module: PKCS#11 (OASIS, version 3.0) through the optional package `pkcs11js`.
 * Ed25519 (CKM_EDDSA) for notes and cosignatures, ECDSA P-256 (CKM_ECDSA) for PDF and RFC 3161. A key that the token would give away is
 * refused, and every signature is verified before it is used: a token that signs wrongly makes its owner a liar.
 * One session for the life of the process; calls are synchronous, so two signatures never mix. A token that is gone makes signing fail,
 * and the process with it: start it again when the token is back.
 * ML-DSA-44 is not here: tokens do not have it yet; it stays a file. Which key is where: keyring.ts.
 */
import { createHash } from 'node:crypto';
import type { PKCS11 } from 'pkcs11js';
import { parseDer, readOctets } from '../../certs/core/der.ts';
import { encodeInteger, encodeOid, encodeSequence } from '../../certs/core/der-write.ts';
import { OID } from '../../certs/core/oids.ts';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { StartError } from '../start-error.ts';

/** Where a member's token is. */
export interface TokenPlace {
  /** The maker's PKCS#11 library, an absolute path. */
  readonly module: string;
  /** Label of the token. */
  readonly token: string;
}

export type TokenKeyType = 'ed25519' | 'p256';

/** A key pair in a token. */
export interface TokenKey {
  /** Ed25519: 32 bytes; P-256: 0x04 ‖ x ‖ y. */
  readonly publicKey: Uint8Array;
  /** The raw signature: Ed25519 of the bytes; P-256 a DER Ecdsa-Sig-Value of their SHA-256. Not verified yet. */
  sign(bytes: Uint8Array): Uint8Array;
}

type Library = typeof import('pkcs11js');

/** PKCS#11 3.0 section 2.3: constants that pkcs11js 2.1.7 does not name. */
const CKK_EC_EDWARDS = 0x40;
const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;
const CKM_EDDSA = 0x1057;
const ED25519_OID = '1.3.101.112';
const SIGNATURE_BYTES = 64;
/** CK_TOKEN_INFO.label is padded with blanks to this length. */
const LABEL_BYTES = 32;

/** An open session with one token. */
export class Token {
  readonly #library: Library;
  readonly #module: PKCS11;
  readonly #session: Buffer;
  readonly #label: string;

  private constructor(library: Library, module: PKCS11, session: Buffer, label: string) {
    this.#library = library;
    this.#module = module;
    this.#session = session;
    this.#label = label;
  }

  /**
   * Opens the token.
   * @param write to make keys in it
   * @throws StartError `hsm-unavailable` when the package, the module or the token is not there; `pin-wrong`
   */
  static async open({ module: path, token }: TokenPlace, pin: string, write = false): Promise<Token> {
    const library = await loadLibrary();
    const module = new library.PKCS11();
    try {
      module.load(path);
      module.C_Initialize();
    } catch (cause) {
      throw unavailable(`${path} cannot be loaded: ${(cause as Error).message}`, cause);
    }
    try {
      return new Token(library, module, openSession(library, module, token, pin, write), token);
    } catch (error) {
      module.C_Finalize();
      throw error;
    }
  }

  /** Leaves the token; its keys no longer sign. */
  close(): void {
    this.#module.C_Finalize();
  }

  /**
   * The key pair with this label.
   * @throws StartError `key-missing`, `key-malformed` when it is another kind of key or one of several; `key-exposed` when the token would
   * give the private key away
   */
  key(label: string, type: TokenKeyType): TokenKey {
    const { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKA_SENSITIVE, CKA_EXTRACTABLE } = this.#library;
    const privateKey = this.#find(label, CKO_PRIVATE_KEY, type, 'private');
    if (this.#flag(privateKey, CKA_EXTRACTABLE) || !this.#flag(privateKey, CKA_SENSITIVE)) {
      throw new StartError(
        'key-exposed',
        `${this.#name(label)} can be exported: make a new one with "probata keygen --module"`,
      );
    }
    const publicKey = this.#point(this.#find(label, CKO_PUBLIC_KEY, type, 'public'));
    return { publicKey, sign: (bytes) => this.#sign(privateKey, type, bytes) };
  }

  /**
   * Makes a key pair that cannot leave the token.
   * @throws StartError `output-refused` when the label is taken: a key is never overwritten
   */
  generate(label: string, type: TokenKeyType): TokenKey {
    const l = this.#library;
    if (this.#findAll(label, l.CKO_PRIVATE_KEY).length + this.#findAll(label, l.CKO_PUBLIC_KEY).length > 0)
      throw new StartError('output-refused', `${this.#name(label)} exists; a key is never overwritten`);
    const [mechanism, curve] =
      type === 'ed25519' ? [CKM_EC_EDWARDS_KEY_PAIR_GEN, ED25519_OID] : [l.CKM_EC_KEY_PAIR_GEN, OID.prime256v1];
    const shared = [
      { type: l.CKA_TOKEN, value: true },
      { type: l.CKA_LABEL, value: label },
      { type: l.CKA_ID, value: createHash('sha256').update(label).digest().subarray(0, 16) },
    ];
    this.#module.C_GenerateKeyPair(
      this.#session,
      { mechanism },
      [...shared, { type: l.CKA_VERIFY, value: true }, { type: l.CKA_EC_PARAMS, value: Buffer.from(encodeOid(curve)) }],
      [
        ...shared,
        { type: l.CKA_PRIVATE, value: true },
        { type: l.CKA_SENSITIVE, value: true },
        { type: l.CKA_EXTRACTABLE, value: false },
        { type: l.CKA_SIGN, value: true },
      ],
    );
    return this.key(label, type);
  }

  #find(label: string, objectClass: number, type: TokenKeyType, half: string): Buffer {
    const { CKA_KEY_TYPE, CKK_EC } = this.#library;
    const found = this.#findAll(label, objectClass);
    const [only] = found;
    if (only === undefined) throw new StartError('key-missing', `${this.#name(label)} has no ${half} half`);
    if (found.length > 1) throw new StartError('key-malformed', `${this.#name(label)} is ${found.length} ${half} keys`);
    const wanted = type === 'ed25519' ? CKK_EC_EDWARDS : CKK_EC;
    if (this.#attribute(only, CKA_KEY_TYPE).readUInt8() !== wanted)
      throw new StartError('key-malformed', `${this.#name(label)} is not of type ${type}`);
    return only;
  }

  #findAll(label: string, objectClass: number): Buffer[] {
    const { CKA_CLASS, CKA_LABEL } = this.#library;
    this.#module.C_FindObjectsInit(this.#session, [
      { type: CKA_CLASS, value: objectClass },
      { type: CKA_LABEL, value: label },
    ]);
    try {
      return this.#module.C_FindObjects(this.#session, 3);
    } finally {
      this.#module.C_FindObjectsFinal(this.#session);
    }
  }

  #attribute(object: Buffer, type: number): Buffer {
    const [attribute] = this.#module.C_GetAttributeValue(this.#session, object, [{ type }]);
    return attribute?.value as Buffer;
  }

  #flag(object: Buffer, type: number): boolean {
    return this.#attribute(object, type).readUInt8() !== 0;
  }

  /** PKCS#11 3.0 section 2.3.3: CKA_EC_POINT is the point inside a DER OCTET STRING. */
  #point(publicKey: Buffer): Uint8Array {
    const der = new Uint8Array(this.#attribute(publicKey, this.#library.CKA_EC_POINT));
    return new Uint8Array(readOctets(parseDer(der)));
  }

  #sign(key: Buffer, type: TokenKeyType, bytes: Uint8Array): Uint8Array {
    const mechanism = type === 'ed25519' ? CKM_EDDSA : this.#library.CKM_ECDSA;
    const input = type === 'ed25519' ? Buffer.from(bytes) : createHash('sha256').update(bytes).digest();
    this.#module.C_SignInit(this.#session, { mechanism }, key);
    const signature = new Uint8Array(this.#module.C_Sign(this.#session, input, Buffer.alloc(SIGNATURE_BYTES)));
    return type === 'ed25519' ? signature : ecdsaSigValue(signature);
  }

  #name(label: string): string {
    return `the key "${label}" of token "${this.#label}"`;
  }
}

async function loadLibrary(): Promise<Library> {
  try {
    const loaded = await import('pkcs11js');
    // CommonJS: what Node does not see of its names is behind the default.
    return { ...loaded, ...(loaded as unknown as { default: Library }).default };
  } catch (cause) {
    throw unavailable('keys in a token need the package pkcs11js, which npm could not build here', cause);
  }
}

function openSession(library: Library, module: PKCS11, label: string, pin: string, write: boolean): Buffer {
  const padded = label.padEnd(LABEL_BYTES, ' ');
  const slots = module.C_GetSlotList(true).filter((slot) => module.C_GetTokenInfo(slot).label === padded);
  const [slot] = slots;
  if (slot === undefined || slots.length > 1)
    throw unavailable(`${slots.length === 0 ? 'no token' : 'more than one token'} is labelled "${label}"`);
  const flags = library.CKF_SERIAL_SESSION | (write ? library.CKF_RW_SESSION : 0);
  const session = module.C_OpenSession(slot, flags);
  try {
    module.C_Login(session, library.CKU_USER, pin);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new StartError('pin-wrong', `token "${label}" refuses the PIN (${reason}); tokens lock after a few attempts`);
  }
  return session;
}

function unavailable(message: string, cause?: unknown): StartError {
  return new StartError('hsm-unavailable', message, { cause });
}

/** r ‖ s as a DER Ecdsa-Sig-Value (RFC 5480 appendix A). */
function ecdsaSigValue(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const number = (bytes: Uint8Array): bigint => BigInt(`0x${hexEncode(bytes)}`);
  return encodeSequence(
    encodeInteger(number(signature.subarray(0, half))),
    encodeInteger(number(signature.subarray(half))),
  );
}
