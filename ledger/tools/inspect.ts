/**
 * Says in lines what a file of the ledger holds: tlog-proof, checkpoint, note, signature lines, policy, vkey, entry, entry bundle, hash tile.
 * It recognises a format by reading it with the one parser there is for it. It verifies nothing, and says so.
 */
import { base64Encode, hexEncode, readUint16, readUint64, uint32, utf8Decode } from '../core/bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../core/checkpoint.ts';
import { parseEntry } from '../core/entry.ts';
import { LedgerError } from '../core/errors.ts';
import {
  ED25519_SIGNATURE_BYTES,
  HASH_BYTES,
  ML_DSA_44_SIGNATURE_BYTES,
  TILE_BYTES,
  TILE_WIDTH,
} from '../core/limits.ts';
import {
  type Note,
  type NoteSignature,
  parseNote,
  parseSignatureLines,
  parseVkey,
  type VerifierKey,
} from '../core/note.ts';
import { type PolicyParty, parsePolicy } from '../core/policy.ts';
import { parseTlogProof } from '../core/tlog-proof.ts';

const TIME_BYTES = 8;
const KEY_TYPES = { 1: 'Ed25519', 4: 'Ed25519 cosignature', 6: 'ML-DSA-44 cosignature' };

/**
 * Reads a file whose format is not known.
 * @returns lines for a person, the first naming the format; undefined when it is none of the ledger's
 */
export function inspectLedger(bytes: Uint8Array): string[] | undefined {
  const text = utf8Decode(bytes);
  const readers = text === undefined ? [] : TEXT_READERS.map((reader) => () => reader(text));
  for (const read of [...readers, () => entryLines(bytes), () => bundleLines(bytes), () => tileLines(bytes)]) {
    try {
      const lines = read();
      if (lines !== undefined) return lines;
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
    }
  }
  return undefined;
}

/** In this order: a proof holds a checkpoint, a checkpoint is a note. */
const TEXT_READERS: readonly ((text: string) => string[])[] = [
  proofLines,
  (text) => {
    const note = parseNote(text);
    return [
      'checkpoint (signatures not verified)',
      ...checkpointLines(parseCheckpoint(note.text)),
      ...signatureLines(note),
    ];
  },
  (text) => {
    const note = parseNote(text);
    return [
      'signed note (signatures not verified)',
      ...indent(note.text.trimEnd().split('\n')),
      ...signatureLines(note),
    ];
  },
  (text) => ['signature lines', ...parseSignatureLines(text).map(signatureLine)],
  policyLines,
  (text) => ['verifier key', `  ${keyText(parseVkey(text.trimEnd()))}`],
];

function proofLines(text: string): string[] {
  const { extra, index, proof, checkpoint } = parseTlogProof(text);
  const note = parseNote(checkpoint);
  return [
    'tlog-proof (not verified)',
    `  index ${index}`,
    ...(extra === undefined ? [] : [`  extra ${extra.length} bytes, not authenticated`]),
    ...proof.map((hash, i) => `  hash ${i} ${base64Encode(hash)}`),
    ...checkpointLines(parseCheckpoint(note.text)),
    ...signatureLines(note),
  ];
}

function checkpointLines({ origin, size, root, extensions }: Checkpoint): string[] {
  return [
    `  origin ${origin}`,
    `  tree size ${size}`,
    `  root hash ${base64Encode(root)}`,
    ...extensions.map((line) => `  extension ${line}`),
  ];
}

function signatureLines(note: Note): string[] {
  return note.signatures.map(signatureLine);
}

function signatureLine({ name, keyId, signature }: NoteSignature): string {
  return `  signature ${name} key ${hexEncode(uint32(keyId))} ${signatureKind(signature)}`;
}

/** The length of a signature tells its type, for a person; a verifier goes by the key. */
function signatureKind(signature: Uint8Array): string {
  switch (signature.length) {
    case ED25519_SIGNATURE_BYTES:
      return 'Ed25519';
    case TIME_BYTES + ED25519_SIGNATURE_BYTES:
      return `Ed25519 cosignature at ${timeText(signature)}`;
    case TIME_BYTES + ML_DSA_44_SIGNATURE_BYTES:
      return `ML-DSA-44 cosignature at ${timeText(signature)}`;
    default:
      return `of unknown type, ${signature.length} bytes`;
  }
}

function timeText(signature: Uint8Array): string {
  const seconds = readUint64(signature, 0);
  // The last second that a date of ours can hold, 9999-12-31.
  return seconds > 253_402_300_799n ? `second ${seconds}` : new Date(Number(seconds) * 1000).toISOString();
}

function policyLines(text: string): string[] {
  const policy = parsePolicy(text);
  const party = (word: string, { key, url }: PolicyParty): string =>
    `  ${word} ${keyText(key)}${url === undefined ? '' : ` ${url}`}`;
  return [
    'policy',
    ...policy.logs.map((log) => party('log', log)),
    ...[...policy.witnesses].map(([name, witness]) => party(`witness ${name}`, witness)),
    ...[...policy.groups].map(([name, { needed, members }]) => `  group ${name}: ${needed} of ${members.join(', ')}`),
    `  quorum ${policy.quorum}`,
  ];
}

function keyText({ name, id, type }: VerifierKey): string {
  return `${name} key ${hexEncode(uint32(id))} ${KEY_TYPES[type]}`;
}

function entryLines(bytes: Uint8Array): string[] {
  const { kind, v: _, ...fields } = parseEntry(bytes);
  return [`entry: ${kind}`, ...Object.entries(fields).map(([name, value]) => `  ${name} ${value}`)];
}

/** A bundle does not say how many entries it has: they must fill the bytes exactly, at most TILE_WIDTH of them, all well-formed. */
function bundleLines(bytes: Uint8Array): string[] | undefined {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 2 > bytes.length || lines.length === TILE_WIDTH) return undefined;
    const end = at + 2 + readUint16(bytes, at);
    if (end > bytes.length) return undefined;
    const [, ...fields] = entryLines(bytes.subarray(at + 2, end));
    lines.push(`  entry ${lines.length}: ${fields.map((line) => line.trim()).join(', ')}`);
    at = end;
  }
  return lines.length === 0 ? undefined : [`entry bundle of ${lines.length}`, ...lines];
}

function tileLines(bytes: Uint8Array): string[] | undefined {
  const width = bytes.length / HASH_BYTES;
  if (bytes.length === 0 || bytes.length > TILE_BYTES || !Number.isInteger(width)) return undefined;
  const hashes = Array.from({ length: width }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  return [`perhaps a hash tile of width ${width}`, ...hashes.map((hash, i) => `  hash ${i} ${base64Encode(hash)}`)];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
