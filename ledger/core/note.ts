// Signed notes and verifier keys (vkeys). c2sp.org/signed-note.
//
// A note is a text, an empty line, and signature lines `— <key name> <base64(key ID || signature)>`. The text may hold empty
// lines itself; the last one separates. A key is identified by its name and its key ID together, never by one of them.
// What the text says is checkpoint.ts's task; cosignatures (types 0x04, 0x06) sign more than the text and are in cosignature.ts.

import {
  base64Decode,
  base64Encode,
  concat,
  equal,
  hasControl,
  hexDecode,
  hexEncode,
  isWellFormed,
  lines,
  readUint32,
  uint32,
  utf8Decode,
  utf8Encode,
} from './bytes.ts';
import { LedgerError } from './errors.ts';
import { sha256 } from './hash.ts';
import {
  COSIGNED_NAME_BYTES_MAX,
  ED25519_KEY_BYTES,
  ML_DSA_44_KEY_BYTES,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
} from './limits.ts';
import { verifySignature } from './signature.ts';

/** Signature type of a key: 0x01 Ed25519 over the text, 0x04 Ed25519 cosignature, 0x06 ML-DSA-44 cosignature. */
export type KeyType = 0x01 | 0x04 | 0x06;

/** What a vkey says. `id` is a uint32, derived from the rest. */
export interface VerifierKey {
  readonly name: string;
  readonly id: number;
  readonly type: KeyType;
  readonly publicKey: Uint8Array;
}

/** One signature line. `signature` is what follows the key ID: for cosignatures it begins with the time. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Uint8Array;
}

/** `text` includes its final newline, but not the separating empty line. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** True for a key name: not empty, no Unicode space, no plus sign, and nothing a note could not hold. */
export function isKeyName(text: string): boolean {
  // SPEC signed-note: "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters."
  return text !== '' && isWellFormed(text) && !hasControl(text) && !/[\p{White_Space}+]/u.test(text);
}

/** True for the text of a note: not empty, ends in a newline, no other control character. */
export function isNoteText(text: string): boolean {
  return text.endsWith('\n') && isWellFormed(text) && !hasControl(text, '\n');
}

/**
 * The verifier key of a name, signature type and public key.
 * @throws LedgerError vkey-malformed for an impossible name or a public key of the wrong length
 */
export function vkeyOf(name: string, type: KeyType, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new LedgerError('vkey-malformed', 'not a key name');
  const nameBytes = utf8Encode(name);
  // SPEC tlog-cosignature: `opaque cosigner_name<1..2^8-1>` bounds the names of keys that sign it.
  if (type === 0x06 && nameBytes.length > COSIGNED_NAME_BYTES_MAX) {
    throw new LedgerError('vkey-malformed', `a key name of ${nameBytes.length} bytes`);
  }
  if (publicKey.length !== (type === 0x06 ? ML_DSA_44_KEY_BYTES : ED25519_KEY_BYTES)) {
    throw new LedgerError('vkey-malformed', `a public key of ${publicKey.length} bytes`);
  }
  // SPEC signed-note: "key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]"
  const id = readUint32(sha256(concat(nameBytes, Uint8Array.of(0x0a, type), publicKey)), 0);
  return { name, id, type, publicKey };
}

/** `<key name>+<key ID, 8 hex digits>+<base64(signature type || public key)>`. */
export function formatVkey(key: VerifierKey): string {
  return `${key.name}+${hexEncode(uint32(key.id))}+${base64Encode(concat(Uint8Array.of(key.type), key.publicKey))}`;
}

/**
 * Reads a vkey of one of the three types we know; its key ID must be the one derived from the rest.
 * @throws LedgerError vkey-malformed
 */
export function parseVkey(text: string): VerifierKey {
  // Names hold no plus sign, base64 may: the first two separate.
  const match = /^([^+]+)\+([^+]{8})\+(.+)$/.exec(text);
  const [, name = '', hex = '', base64 = ''] = match ?? [];
  const id = hexDecode(hex, 4);
  const encoded = base64Decode(base64);
  if (match === null || id === undefined || encoded === undefined)
    throw new LedgerError('vkey-malformed', 'not a vkey');
  const type = encoded[0];
  if (type !== 0x01 && type !== 0x04 && type !== 0x06) {
    throw new LedgerError('vkey-malformed', `signature type ${type ?? 'absent'}: only 1, 4 and 6 are supported`);
  }
  const key = vkeyOf(name, type, encoded.slice(1));
  if (!equal(id, uint32(key.id))) throw new LedgerError('vkey-malformed', 'the key ID is not that of the key');
  return key;
}

/** `— <key name> <base64(key ID || signature)>` and a newline. */
export function formatSignatureLine(line: NoteSignature): string {
  return `\u2014 ${line.name} ${base64Encode(concat(uint32(line.keyId), line.signature))}\n`;
}

/**
 * Reads one or more signature lines, as at the end of a note or in a witness's answer.
 * @throws LedgerError note-malformed
 */
export function parseSignatureLines(text: string): NoteSignature[] {
  const found = lines(text);
  if (found === undefined) throw new LedgerError('note-malformed', 'signature lines end in a newline');
  // SPEC signed-note: "Verifiers SHOULD apply a maximum limit to the number of signatures in a note".
  if (found.length > NOTE_SIGNATURES_MAX) throw new LedgerError('note-malformed', `${found.length} signature lines`);
  return found.map(parseSignatureLine);
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line);
  const [, name = '', base64 = ''] = match ?? [];
  const bytes = base64Decode(base64);
  // SPEC signed-note: "Signatures are the base64 encoding of 4+n bytes."
  if (!isKeyName(name) || bytes === undefined || bytes.length <= 4) {
    throw new LedgerError('note-malformed', 'not a signature line');
  }
  return { name, keyId: readUint32(bytes, 0), signature: bytes.slice(4) };
}

/** The whole note. Its text is ours: anything but a note text breaks an invariant. */
export function formatNote(note: Note): string {
  if (!isNoteText(note.text))
    throw new Error('invariant: a note text ends in a newline and holds no control characters');
  return `${note.text}\n${note.signatures.map(formatSignatureLine).join('')}`;
}

/**
 * Splits a note into text and signatures. Nothing is verified: openNote, openCheckpoint and openCosignatures do that.
 * @throws LedgerError note-malformed
 */
export function parseNote(note: string | Uint8Array): Note {
  const text = typeof note === 'string' ? note : utf8Decode(note);
  // SPEC signed-note: "Signed notes MUST be valid UTF-8".
  if (text === undefined || !isWellFormed(text)) throw new LedgerError('note-malformed', 'not UTF-8');
  // UTF-16 units never outnumber UTF-8 bytes, so this bounds what the exact measure has to encode.
  if (text.length > NOTE_BYTES_MAX || utf8Encode(text).length > NOTE_BYTES_MAX) {
    throw new LedgerError('note-malformed', `more than ${NOTE_BYTES_MAX} bytes`);
  }
  // SPEC signed-note: "MUST NOT contain any ASCII control characters (those below U+0020) other than newline."
  if (hasControl(text, '\n')) throw new LedgerError('note-malformed', 'control character');
  // SPEC signed-note: "the text is separated from the signatures by the last empty line in the note."
  const separator = text.lastIndexOf('\n\n');
  if (separator < 0) throw new LedgerError('note-malformed', 'no empty line');
  const parsed: Note = {
    text: text.slice(0, separator + 1),
    signatures: parseSignatureLines(text.slice(separator + 2)),
  };
  if (formatNote(parsed) !== text) throw new LedgerError('note-malformed', 'not in canonical form');
  return parsed;
}

/** True when the line names this key, by name and key ID together. */
export function isSignedBy(line: NoteSignature, key: VerifierKey): boolean {
  // SPEC signed-note: ignore "signatures from unknown keys, even if they share a name or ID (but not both) with a known key."
  return line.name === key.name && line.keyId === key.id;
}

/**
 * The signatures on the text by the given keys, all verified, one per key; those of other keys are ignored.
 * @param keys keys of type 0x01
 * @throws LedgerError signature-bad (a given key's signature does not verify) | note-not-signed (no line by a given key)
 */
export function openNote(note: Note, keys: readonly VerifierKey[]): NoteSignature[] {
  const text = utf8Encode(note.text);
  const verified = new Map<VerifierKey, NoteSignature>();
  for (const line of note.signatures) {
    const key = keys.find((known) => known.type === 0x01 && isSignedBy(line, known));
    if (key === undefined) continue;
    // SPEC signed-note: "If a signature from a known key fails to verify, clients SHOULD reject the whole note."
    if (!verifySignature(key, text, line.signature)) {
      throw new LedgerError('signature-bad', `the signature of ${key.name} does not verify`);
    }
    if (!verified.has(key)) verified.set(key, line);
  }
  // SPEC signed-note: "If no signature from a known key verifies successfully, clients MUST reject the note."
  if (verified.size === 0) throw new LedgerError('note-not-signed', 'no signature of a known key');
  return [...verified.values()];
}
