// What the pages state, taken from the record and the proof and from nothing else. Reads, verifies nothing: that is the
// verifier's work, on the same two files.

import { hexEncode, readUint64, uint32, utf8Decode } from '../../ledger/core/bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { ED25519_SIGNATURE_BYTES, ML_DSA_44_SIGNATURE_BYTES } from '../../ledger/core/limits.ts';
import { type NoteSignature, parseNote } from '../../ledger/core/note.ts';
import { parseTlogProof } from '../../ledger/core/tlog-proof.ts';
import {
  commitmentOf,
  type FilePart,
  files,
  header,
  parseRecord,
  type RecordHeader,
  type RecordMember,
} from '../core/record.ts';

/** A member has a key of each, and the policy needs both of them. */
const ALGORITHMS = ['Ed25519', 'ML-DSA-44'] as const;
type Algorithm = (typeof ALGORITHMS)[number];

/** One cosignature line of the checkpoint, as it presents itself. */
export interface CosignatureFact {
  readonly algorithm: Algorithm;
  /** 8 hex digits. */
  readonly keyId: string;
  /** Seconds since 1970, UTC, by the cosigner's clock. */
  readonly timeSeconds: bigint;
}

export interface MemberFact extends RecordMember {
  readonly cosignatures: readonly CosignatureFact[];
  /** Algorithms of which it has no line. It counts as having cosigned when there is none. */
  readonly missing: readonly Algorithm[];
}

/** Everything a certificate states. */
export interface Facts {
  readonly header: RecordHeader;
  readonly files: readonly FilePart[];
  /** True when the record shows only some of its files. */
  readonly partial: boolean;
  /** Hex. */
  readonly commitment: string;
  /** Entry index in the ledger, 0-based. */
  readonly index: number;
  readonly checkpoint: Checkpoint;
  /** Key id of the log's own signature, when there is one. */
  readonly logKeyId: string | undefined;
  readonly members: readonly MemberFact[];
  /** Signature lines of nobody named in the record. */
  readonly otherSignatures: number;
}

/**
 * Reads what a certificate is to state.
 * @param record canonical bytes of the record
 * @param proof bytes of the .tlog-proof
 * @throws CertError record-malformed, record-newer-format, commitment-mismatch; LedgerError tlog-proof-malformed
 */
export function readFacts(record: Uint8Array, proof: Uint8Array): Facts {
  const shown = parseRecord(record);
  const text = utf8Decode(proof);
  if (text === undefined) throw new LedgerError('tlog-proof-malformed', 'tlog-proof: not UTF-8');
  const { index, checkpoint } = parseTlogProof(text);
  const note = parseNote(checkpoint);
  const head = header(shown);
  const named = new Set([head.origin, ...head.members.map(({ keyName }) => keyName)]);
  const logLine = note.signatures.find(({ name }) => name === head.origin);
  return {
    header: head,
    files: files(shown),
    partial: shown.shown.length < shown.parts,
    commitment: hexEncode(commitmentOf(shown)),
    index,
    checkpoint: parseCheckpoint(note.text),
    logKeyId: logLine === undefined ? undefined : keyIdOf(logLine),
    members: head.members.map((member) => memberFact(member, note.signatures)),
    otherSignatures: note.signatures.filter(({ name }) => !named.has(name)).length,
  };
}

function memberFact(member: RecordMember, lines: readonly NoteSignature[]): MemberFact {
  const cosignatures = cosignaturesOf(member.keyName, lines);
  const missing = ALGORITHMS.filter((each) => !cosignatures.some(({ algorithm }) => algorithm === each));
  return { ...member, cosignatures, missing };
}

/** Cosignatures carry their time in front (tlog-cosignature, `timestamped_signature`); their length tells the algorithm. */
function cosignaturesOf(keyName: string, lines: readonly NoteSignature[]): CosignatureFact[] {
  return lines.flatMap((line): CosignatureFact[] => {
    const signatureBytes = line.signature.length - 8;
    if (line.name !== keyName || signatureBytes < 0) return [];
    if (signatureBytes !== ED25519_SIGNATURE_BYTES && signatureBytes !== ML_DSA_44_SIGNATURE_BYTES) return [];
    const algorithm = signatureBytes === ED25519_SIGNATURE_BYTES ? 'Ed25519' : 'ML-DSA-44';
    return [{ algorithm, keyId: keyIdOf(line), timeSeconds: readUint64(line.signature, 0) }];
  });
}

function keyIdOf({ keyId }: NoteSignature): string {
  return hexEncode(uint32(keyId));
}
