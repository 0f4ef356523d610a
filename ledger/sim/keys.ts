// The consortium of every simulation: real keys that sign without chance and without threads, and the policy over them.

import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concat, hexDecode, utf8Encode } from '../core/bytes.ts';
import { sha256 } from '../core/hash.ts';
import { formatVkey, type KeyType, vkeyOf } from '../core/note.ts';
import { type Policy, parsePolicy } from '../core/policy.ts';
import type { Signer } from '../core/signature.ts';

export const ORIGIN = 'ledger.sim.example';
export const COURTS = ['court-1', 'court-2', 'court-3', 'court-4'];
export const MIRRORS = ['arbitration-1', 'arbitration-2'];

/** PKCS #8 of an Ed25519 private key, up to its 32 bytes (RFC 8410 section 7). */
const PKCS8_ED25519 = hexDecode('302e020100300506032b657004220420', 16) as Uint8Array;

/** A real key of this name and type, always the same. */
export function simSigner(name: string, type: KeyType): Signer {
  const seed = sha256(utf8Encode(`${name} ${type}`));
  if (type === 0x06) {
    const { publicKey, secretKey } = ml_dsa44.keygen(seed);
    const key = vkeyOf(name, type, publicKey);
    return { key, sign: async (message) => ml_dsa44.sign(message, secretKey, { extraEntropy: false }) };
  }
  const key = createPrivateKey({ key: Buffer.from(concat(PKCS8_ED25519, seed)), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(spki.subarray(-32));
  return { key: vkeyOf(name, type, publicKey), sign: async (message) => new Uint8Array(sign(null, message, key)) };
}

export const LOG_SIGNER = simSigner(ORIGIN, 0x01);

/** Who signs, and what is asked of them. */
export interface Consortium {
  /** By member: its keys. */
  readonly signers: ReadonlyMap<string, readonly Signer[]>;
  readonly policy: Policy;
}

/** @param postQuantum every member has an ML-DSA-44 key too, as in a real consortium: twenty times slower */
function makeConsortium(postQuantum: boolean): Consortium {
  const types: KeyType[] = postQuantum ? [0x04, 0x06] : [0x04];
  const members = [...COURTS, ...MIRRORS];
  const signers = new Map(
    members.map((member) => [member, types.map((type) => simSigner(`${member}.sim.example`, type))] as const),
  );
  const lines = [...signers].flatMap(([member, keys]) => [
    ...keys.map(({ key }) => `witness ${member}.${key.type} ${formatVkey(key)}`),
    `group ${member} all ${keys.map(({ key }) => `${member}.${key.type}`).join(' ')}`,
  ]);
  const groups = [
    `group courts 3 ${COURTS.join(' ')}`,
    `group arbitration any ${MIRRORS.join(' ')}`,
    'group both all courts arbitration',
    'quorum both',
    '',
  ];
  return { signers, policy: parsePolicy([`log ${formatVkey(LOG_SIGNER.key)}`, ...lines, ...groups].join('\n')) };
}

const made = new Map<boolean, Consortium>();

/** Made once: everything in it is immutable. */
export function consortium(postQuantum: boolean): Consortium {
  const known = made.get(postQuantum) ?? makeConsortium(postQuantum);
  made.set(postQuantum, known);
  return known;
}
