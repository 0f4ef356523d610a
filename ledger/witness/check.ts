// add-checkpoint up to the decision: may this cosigner follow the log to the submitted checkpoint?
// c2sp.org/tlog-witness, "add-checkpoint"; the checks stand in the order of the text. A mirror's add-checkpoint is "handled identically".
// What is done with an accepted checkpoint (cosign it, or keep it as pending) is the caller's.

import { equal } from '../core/bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../core/checkpoint.ts';
import { LedgerError } from '../core/errors.ts';
import { EMPTY_ROOT } from '../core/hash.ts';
import { formatNote, openNote, parseNote, type VerifierKey } from '../core/note.ts';
import { checkConsistency } from '../core/proof.ts';
import { answering, orRefuse, type ProtocolAnswer, refuse, refuseAs } from './answer.ts';
import type { WitnessEvent } from './events.ts';
import { type AddCheckpointRequest, parseAddCheckpoint } from './request.ts';
import type { Accepted, Head, Heads, Queue } from './state.ts';

/** A log that a cosigner follows. */
export interface FollowedLog {
  readonly origin: string;
  /** The log's keys, each named like the origin. */
  readonly keys: readonly VerifierKey[];
  /** The checkpoints accepted so far. */
  readonly heads: Heads;
  /** Orders everything that reads and then writes the heads. */
  readonly queue: Queue;
}

/**
 * Handles one add-checkpoint body.
 * @param logs by origin
 * @param accept runs in the log's queue, after all checks, with the head they were made against; must append the checkpoint to the heads
 *   and only then answer. Returns undefined when it lost the append to another process: the checks are made again.
 * @returns 400, 403, 404, 409 or 422 as the text says, or what `accept` answers
 */
export function addCheckpoint<L extends FollowedLog>(
  body: Uint8Array,
  logs: ReadonlyMap<string, L>,
  onEvent: (event: WitnessEvent) => void,
  accept: (log: L, latest: Head | undefined, submitted: Accepted) => Promise<ProtocolAnswer | undefined>,
): Promise<ProtocolAnswer> {
  return answering(async () => {
    const request = orRefuse(400, () => parseAddCheckpoint(body));
    const { log, submitted } = openSubmitted(request.note, logs);
    // SPEC tlog-witness: "The old size MUST be equal to or lower than the checkpoint size. Otherwise … 400".
    if (request.oldSize > submitted.checkpoint.size) refuse(400, 'the old size is larger than the checkpoint size');
    return log.queue.run(async () => {
      for (;;) {
        const latest = await log.heads.latest();
        const latestSize = latest?.checkpoint.size ?? 0;
        // SPEC tlog-witness: the old size must match "the size of the latest checkpoint it cosigned … (or zero if it never cosigned a
        // checkpoint for that origin). If it doesn't match, the witness MUST respond with a 409 … a Content-Type of text/x.tlog.size".
        if (request.oldSize !== latestSize) refuseAs(conflict(latestSize));
        const failure = inconsistency(request, submitted.checkpoint, latest?.checkpoint);
        if (failure !== undefined) {
          const { conclusive, reason } = failure;
          // SPEC tlog-witness: it "MAY log the request even if the checkpoint fails one of the consistency checks".
          const ours = latest === undefined ? {} : { latest: latest.note };
          if (conclusive !== undefined) {
            onEvent({ kind: 'inconsistent', origin: log.origin, conclusive, request: body, ...ours });
          }
          refuse(422, reason);
        }
        const answer = await accept(log, latest, submitted);
        if (answer !== undefined) return answer;
      }
    });
  });
}

function conflict(size: number): ProtocolAnswer {
  return { status: 409, contentType: 'text/x.tlog.size', body: `${size}\n` };
}

/** Which log signed it, and the note without anybody else's signatures. */
function openSubmitted<L extends FollowedLog>(
  text: string,
  logs: ReadonlyMap<string, L>,
): { log: L; submitted: Accepted } {
  const note = orRefuse(400, () => parseNote(text));
  const checkpoint = orRefuse(400, () => parseCheckpoint(note.text));
  // SPEC tlog-witness: "If the checkpoint origin is unknown, the witness MUST respond with a 404".
  const log = logs.get(checkpoint.origin) ?? refuse(404, 'unknown origin');
  // SPEC tlog-witness: it "MUST ignore signatures from unknown keys", and "MUST respond with a 403 … if either no signature from a trusted
  // key for the origin is present, or a signature line's key name and ID match a trusted key but the signature itself fails to verify".
  const signatures = orRefuse(403, () => openNote(note, log.keys));
  return { log, submitted: { note: formatNote({ text: note.text, signatures }), checkpoint } };
}

interface Inconsistency {
  readonly reason: string;
  /**
   * Whether the signed checkpoints contradict each other whatever the proof says. Undefined when they agree whatever it says: then nothing
   * but the request is wrong, and anybody can send that, of what everybody can read.
   */
  readonly conclusive: boolean | undefined;
}

/** Why the checkpoint does not follow from the latest one, or undefined when it does. */
function inconsistency(
  request: AddCheckpointRequest,
  next: Checkpoint,
  latest: Checkpoint | undefined,
): Inconsistency | undefined {
  // SPEC tlog-witness: "A checkpoint of size zero MUST have the root hash of the empty tree … Otherwise … 422".
  if (next.size === 0 && !equal(next.root, EMPTY_ROOT)) {
    return { reason: 'a tree of size 0 has the root of the empty tree', conclusive: true };
  }
  const latestRoot = latest?.root ?? EMPTY_ROOT;
  // SPEC tlog-witness: "If the old size matches the checkpoint size, the witness MUST check that the root hashes are also identical … 422".
  if (next.size === latest?.size && !equal(next.root, latestRoot)) {
    return { reason: 'another root at the same size', conclusive: true };
  }
  try {
    // SPEC tlog-witness: "If the proof is not empty when the old size is zero, or if a Merkle Consistency Proof doesn't verify … 422".
    checkConsistency(request.proof, request.oldSize, next.size, latestRoot, next.root);
    return undefined;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    // Every tree continues itself, and the empty one.
    const agree = request.oldSize === next.size || request.oldSize === 0;
    return { reason: `${error.code}: ${error.message}`, conclusive: agree ? undefined : false };
  }
}
