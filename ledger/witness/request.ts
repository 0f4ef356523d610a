// The two request bodies of a cosigner: add-checkpoint and sign-subtree. c2sp.org/tlog-witness, "HTTP Interface".
// Parsing accepts exactly what formatting writes. What the checkpoint and the proof say is checked elsewhere.

import { base64Decode, base64Encode, decimal, hexEncode, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { LedgerError } from '../core/errors.ts';
import { type Hash, sha256 } from '../core/hash.ts';
import { HASH_BYTES, NOTE_BYTES_MAX, PROOF_HASHES_MAX } from '../core/limits.ts';
import type { Subtree } from '../core/proof.ts';

/** Bytes before the checkpoint: 63 proof lines of 45 bytes, a range line and a hash line fit. Own choice. */
const HEADING_BYTES_MAX = 4096;

/** Bytes in one request body. The HTTP layer may stop reading there. */
export const REQUEST_BYTES_MAX = HEADING_BYTES_MAX + NOTE_BYTES_MAX;

/** Asks a cosigner to follow the log from `oldSize` to the checkpoint. */
export interface AddCheckpointRequest {
  readonly oldSize: number;
  readonly proof: readonly Hash[];
  /** The signed checkpoint, verbatim, not yet parsed. */
  readonly note: string;
}

/** Asks a cosigner for a cosignature on a subtree of a checkpoint it has cosigned. */
export interface SignSubtreeRequest {
  readonly subtree: Subtree;
  readonly root: Hash;
  readonly proof: readonly Hash[];
  /** The reference checkpoint with the cosigner's own cosignature, verbatim, not yet parsed. */
  readonly note: string;
}

/** The path element under the monitoring prefix. SPEC tlog-witness: "the SHA-256 hash of the log's origin, hex encoded, in lowercase". */
export function originHash(origin: string): string {
  return hexEncode(sha256(utf8Encode(origin)));
}

/** @throws LedgerError request-malformed */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpointRequest {
  const { heading, note } = splitBody(body);
  const [oldLine = '', ...proofLines] = heading;
  const oldSize = oldLine.startsWith('old ') ? decimal(oldLine.slice('old '.length)) : undefined;
  if (oldSize === undefined) throw malformed('the first line is not an old size line');
  return { oldSize, proof: parseProof(proofLines), note };
}

/** The body of an add-checkpoint request. */
export function formatAddCheckpoint(request: AddCheckpointRequest): Uint8Array {
  return joinBody([`old ${request.oldSize}`, ...formatProof(request.proof)], request.note);
}

/** @throws LedgerError request-malformed; that [lo, hi) is a subtree of the checkpoint is not checked here */
export function parseSignSubtree(body: Uint8Array): SignSubtreeRequest {
  const { heading, note } = splitBody(body);
  const [rangeLine = '', rootLine = '', ...proofLines] = heading;
  const match = /^subtree ([0-9]+) ([0-9]+)$/.exec(rangeLine);
  const lo = decimal(match?.[1] ?? '');
  const hi = decimal(match?.[2] ?? '');
  if (lo === undefined || hi === undefined) throw malformed('the first line is not a subtree range line');
  return { subtree: { lo, hi }, root: parseHash(rootLine), proof: parseProof(proofLines), note };
}

/** The body of a sign-subtree request. */
export function formatSignSubtree(request: SignSubtreeRequest): Uint8Array {
  const { lo, hi } = request.subtree;
  return joinBody([`subtree ${lo} ${hi}`, base64Encode(request.root), ...formatProof(request.proof)], request.note);
}

/** Separates the heading's lines from the note. SPEC tlog-witness: "an empty line, followed by a checkpoint". */
function splitBody(body: Uint8Array): { heading: string[]; note: string } {
  if (body.length > REQUEST_BYTES_MAX) throw malformed(`a request of ${body.length} bytes`);
  const text = utf8Decode(body);
  if (text === undefined) throw malformed('not UTF-8');
  const end = text.indexOf('\n\n');
  if (end < 0 || end > HEADING_BYTES_MAX) throw malformed('no empty line after the heading');
  return { heading: text.slice(0, end).split('\n'), note: text.slice(end + 2) };
}

function joinBody(heading: readonly string[], note: string): Uint8Array {
  return utf8Encode([...heading, '', note].join('\n'));
}

function parseProof(proofLines: readonly string[]): Hash[] {
  // SPEC tlog-witness: "The client MUST NOT send more than 63 consistency proof lines."
  if (proofLines.length > PROOF_HASHES_MAX) throw malformed(`${proofLines.length} proof lines`);
  return proofLines.map(parseHash);
}

function formatProof(proof: readonly Hash[]): string[] {
  return proof.map(base64Encode);
}

/** SPEC tlog-witness: each line "MUST encode a single hash in base64". */
function parseHash(line: string): Hash {
  const hash = base64Decode(line);
  if (hash?.length !== HASH_BYTES) throw malformed('a line is not one hash in base64');
  return hash;
}

function malformed(message: string): LedgerError {
  return new LedgerError('request-malformed', message);
}
