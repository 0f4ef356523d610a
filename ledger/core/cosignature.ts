// Cosignatures of witnesses and mirrors: signed messages, lines, times. c2sp.org/tlog-cosignature.
// Types 0x04 (Ed25519) and 0x06 (ML-DSA-44). Times are seconds since the epoch, as bigint.
// Who must have cosigned is policy.ts's task; that a tree is consistent must be known before cosign is called.

import { concat, readUint64, uint64, utf8Encode } from './bytes.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { LedgerError } from './errors.ts';
import type { Hash } from './hash.ts';
import { COSIGNATURE_TIME_MAX, COSIGNED_NAME_BYTES_MAX } from './limits.ts';
import { isSignedBy, type Note, type NoteSignature, type VerifierKey } from './note.ts';
import { isSubtree, type Subtree } from './proof.ts';
import { type Signer, signatureBytes, verifySignature } from './signature.ts';

/** A verified cosignature. */
export interface Cosignature {
  readonly key: VerifierKey;
  readonly timeSeconds: bigint;
  readonly line: NoteSignature;
}

/** A subtree of a log and its root. */
export interface SubtreeHead extends Subtree {
  readonly root: Hash;
}

/** The eight bytes in front of the raw signature in a `timestamped_signature`. */
const TIME_BYTES = 8;

/**
 * Cosigns a checkpoint as of a time: "the largest tree of this log that I have seen, and consistent with all others".
 * @param timeSeconds 1..COSIGNATURE_TIME_MAX
 * @param signer a key of type 0x04 or 0x06
 */
export async function cosign(checkpoint: Checkpoint, timeSeconds: bigint, signer: Signer): Promise<NoteSignature> {
  // SPEC tlog-witness: "the timestamp MUST NOT be zero"; tlog-cosignature: "It MUST NOT exceed 2^63 - 1".
  if (timeSeconds < 1n || timeSeconds > COSIGNATURE_TIME_MAX) throw new Error('invariant: time of a cosignature');
  return timestamped(checkpointMessage(checkpoint, timeSeconds, signer.key), timeSeconds, signer);
}

/** Cosigns a subtree of a log, without a time: only ML-DSA-44 keys (type 0x06) can. */
export async function cosignSubtree(origin: string, subtree: SubtreeHead, signer: Signer): Promise<NoteSignature> {
  if (signer.key.type !== 0x06) throw new Error('invariant: subtrees are cosigned with keys of type 0x06');
  return timestamped(subtreeMessage(origin, subtree, 0n, signer.key), 0n, signer);
}

async function timestamped(message: Uint8Array, timeSeconds: bigint, signer: Signer): Promise<NoteSignature> {
  const signature = concat(uint64(timeSeconds), await signer.sign(message));
  return { name: signer.key.name, keyId: signer.key.id, signature };
}

/**
 * The cosignatures on a checkpoint by the given keys, all verified, one per key; lines of other keys are ignored.
 * None at all is not an error: how many are needed is for a policy to say.
 * @param keys keys of types 0x04 and 0x06
 * @throws LedgerError checkpoint-malformed | cosignature-malformed (length, or a time that is zero or too large) | signature-bad
 */
export function openCosignatures(note: Note, keys: readonly VerifierKey[]): Cosignature[] {
  const checkpoint = parseCheckpoint(note.text);
  const opened = new Map<VerifierKey, Cosignature>();
  for (const line of note.signatures) {
    const key = keys.find((known) => known.type !== 0x01 && isSignedBy(line, known));
    if (key === undefined) continue;
    const { timeSeconds, signature } = split(line, key);
    // SPEC tlog-witness: "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
    if (timeSeconds === 0n)
      throw new LedgerError('cosignature-malformed', `the cosignature of ${key.name} has no time`);
    if (!verifySignature(key, checkpointMessage(checkpoint, timeSeconds, key), signature)) {
      throw new LedgerError('signature-bad', `the cosignature of ${key.name} does not verify`);
    }
    if (!opened.has(key)) opened.set(key, { key, timeSeconds, line });
  }
  return [...opened.values()];
}

/**
 * Checks one key's cosignature on a subtree, as sign-subtree of tlog-witness answers it.
 * @throws LedgerError cosignature-malformed (length, or a time that is not zero) | signature-bad (also for another key's line)
 */
export function checkSubtreeCosignature(
  origin: string,
  subtree: SubtreeHead,
  line: NoteSignature,
  key: VerifierKey,
): void {
  const { timeSeconds, signature } = split(line, key);
  // SPEC tlog-witness: "If the cosignature format supports timestamps, the timestamp MUST be zero."
  if (timeSeconds !== 0n) throw new LedgerError('cosignature-malformed', `the cosignature of ${key.name} has a time`);
  const verified =
    key.type === 0x06 &&
    isSignedBy(line, key) &&
    verifySignature(key, subtreeMessage(origin, subtree, timeSeconds, key), signature);
  if (!verified) throw new LedgerError('signature-bad', `the cosignature of ${key.name} does not verify`);
}

/** The two fields of a `timestamped_signature`. */
function split(line: NoteSignature, key: VerifierKey): { timeSeconds: bigint; signature: Uint8Array } {
  if (line.signature.length !== TIME_BYTES + signatureBytes(key.type)) {
    throw new LedgerError('cosignature-malformed', `the cosignature of ${key.name} has the wrong length`);
  }
  const timeSeconds = readUint64(line.signature, 0);
  // SPEC tlog-cosignature: "It MUST NOT exceed 2^63 - 1".
  if (timeSeconds > COSIGNATURE_TIME_MAX) {
    throw new LedgerError('cosignature-malformed', `the cosignature of ${key.name} has a time beyond 2^63 - 1`);
  }
  return { timeSeconds, signature: line.signature.subarray(TIME_BYTES) };
}

function checkpointMessage(checkpoint: Checkpoint, timeSeconds: bigint, key: VerifierKey): Uint8Array {
  if (key.type === 0x06) {
    // SPEC tlog-cosignature: "If signing a checkpoint, [start] MUST be zero", and `end` "is the size of the tree".
    return subtreeMessage(checkpoint.origin, { lo: 0, hi: checkpoint.size, root: checkpoint.root }, timeSeconds, key);
  }
  if (key.type !== 0x04) throw new Error('invariant: checkpoints are cosigned with keys of type 0x04 or 0x06');
  // SPEC tlog-cosignature: the lines `cosignature/v1` and `time <decimal>`, then "the whole note body".
  return utf8Encode(`cosignature/v1\ntime ${timeSeconds}\n${formatCheckpoint(checkpoint)}`);
}

/** The `cosigned_message` structure of tlog-cosignature, "ML-DSA-44 signed message". */
function subtreeMessage(origin: string, subtree: SubtreeHead, timeSeconds: bigint, key: VerifierKey): Uint8Array {
  const { lo, hi, root } = subtree;
  if (!isSubtree(lo, hi)) throw new Error('invariant: only subtrees are cosigned');
  return concat(
    utf8Encode('subtree/v1\n\0'),
    opaque(key.name),
    uint64(timeSeconds),
    opaque(origin),
    uint64(lo),
    uint64(hi),
    root,
  );
}

/** `opaque <1..2^8-1>`: a length byte and the bytes. */
function opaque(text: string): Uint8Array {
  const bytes = utf8Encode(text);
  if (bytes.length < 1 || bytes.length > COSIGNED_NAME_BYTES_MAX) {
    throw new LedgerError('cosignature-malformed', `a name of ${bytes.length} bytes cannot be cosigned with ML-DSA-44`);
  }
  return concat(Uint8Array.of(bytes.length), bytes);
}
