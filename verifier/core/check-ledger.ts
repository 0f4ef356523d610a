// The ledger's side of a certificate: record against commitment, entry, inclusion, checkpoint, cosignatures, quorum.
// c2sp.org/tlog-proof, "Verifying a tlog proof"; the leaf it asks for is the entry, carried in the proof's extra data.
// SPEC tlog-proof: "Applications MUST NOT implicitly trust the extra data": it counts only once its hash is the leaf proven.
// Every function is one check: it returns what later checks need, or throws what it found.

import { checkCommitment, header, type ShownRecord } from '../../certs/core/record.ts';
import { base64Encode, hexDecode, utf8Decode } from '../../ledger/core/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { type Cosigned, openCosigned } from '../../ledger/core/cosigned.ts';
import { type DepositEntry, parseDepositEntry } from '../../ledger/core/entry.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { leafHash } from '../../ledger/core/hash.ts';
import type { Json } from '../../ledger/core/json.ts';
import { HASH_BYTES } from '../../ledger/core/limits.ts';
import { isSignedBy, type Note, type NoteSignature, parseNote } from '../../ledger/core/note.ts';
import { evaluatePolicy, type Policy, type QuorumState } from '../../ledger/core/policy.ts';
import { checkInclusion } from '../../ledger/core/proof.ts';
import { parseTlogProof, type TlogProof } from '../../ledger/core/tlog-proof.ts';
import type { Passed } from './checks.ts';
import { VerifierError } from './errors.ts';
import type { Trust } from './trust.ts';

/** The attached proof, read; nothing of it is authenticated yet. */
export interface ReadProof {
  readonly proof: TlogProof;
  readonly entryBytes: Uint8Array;
  readonly entry: DepositEntry;
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

/** Reads the attached `.tlog-proof` and the entry and checkpoint in it. */
export function readProof(bytes: Uint8Array): Passed<ReadProof> {
  const text = utf8Decode(bytes);
  if (text === undefined) throw new LedgerError('tlog-proof-malformed', 'not UTF-8');
  const proof = parseTlogProof(text);
  const entryBytes = proof.extra;
  if (entryBytes === undefined) throw new VerifierError('entry-absent', 'the proof does not carry its entry');
  const note = parseNote(proof.checkpoint);
  return {
    value: { proof, entryBytes, entry: parseDepositEntry(entryBytes), note, checkpoint: parseCheckpoint(note.text) },
  };
}

/** The record shown is the one whose commitment the entry holds. */
export function checkRecordCommitment(record: ShownRecord, { entry }: ReadProof): Passed<true> {
  const commitment = hexDecode(entry.commitment, HASH_BYTES);
  if (commitment === undefined) throw new Error('invariant: a parsed entry holds a commitment');
  checkCommitment(record, commitment);
  return { value: true, detail: { commitment: entry.commitment, shown: record.shown.length, parts: record.parts } };
}

/** Record and entry speak of one deposit. The commitment binds them already; a page must not show two ids or times. */
export function checkEntry(record: ShownRecord, { entry }: ReadProof): Passed<true> {
  const { id, received } = header(record);
  if (entry.id !== id) throw new VerifierError('id-differs', `entry ${entry.id}, record ${id}`);
  if (entry.received !== received)
    throw new VerifierError('received-differs', `entry ${entry.received}, record ${received}`);
  return { value: true, detail: { id, received } };
}

/** The entry is in the tree of the checkpoint. */
export function checkEntryInclusion({ proof, entryBytes, checkpoint }: ReadProof): Passed<true> {
  checkInclusion(proof.proof, proof.index, checkpoint.size, leafHash(entryBytes), checkpoint.root);
  return {
    value: true,
    detail: { index: proof.index, treeSize: checkpoint.size, rootHash: base64Encode(checkpoint.root) },
  };
}

/** The checkpoint is signed by a log of the verifier's policy, and it is the log the record names. */
export function checkCheckpoint(record: ShownRecord, { note }: ReadProof, { policy }: Trust): Passed<true> {
  const { origin } = openCheckpoint(
    note,
    policy.logs.map(({ key }) => key),
  );
  const named = header(record).origin;
  if (origin !== named) throw new VerifierError('origin-differs', `checkpoint ${origin}, record ${named}`);
  return { value: true, detail: { origin } };
}

/** Every cosignature by a key of the policy verifies; those made when their key had been revoked do not count. */
export function checkCosignatures({ note }: ReadProof, { policy, revoked }: Trust): Passed<Cosigned> {
  const value = openCosigned(policy, note, revoked);
  const ignored = unknownLines(note, policy).length;
  const names = (cosigned: Cosigned['counting']): string[] => cosigned.map(({ witness }) => witness);
  return { value, detail: { verified: names(value.counting), revoked: names(value.revoked), ignored } };
}

/** Signature lines by no key of the policy, whatever name they bear: nobody has verified them. All others are verified. */
export function unknownLines({ signatures }: Note, { logs, witnesses }: Policy): NoteSignature[] {
  const known = [...logs, ...witnesses.values()].map(({ key }) => key);
  return signatures.filter((line) => !known.some((key) => isSignedBy(line, key)));
}

/** Enough of them for the verifier's own policy. */
export function checkQuorum({ counting }: Cosigned, { policy }: Trust): Passed<QuorumState> {
  const state = evaluatePolicy(policy, new Set(counting.map(({ witness }) => witness)));
  const groups = groupDetail(policy, state);
  if (!state.satisfied) {
    throw new VerifierError('quorum-short', `not enough cosignatures for ${policy.quorum}`, { groups });
  }
  return { value: state, detail: { groups } };
}

/** What the reader is told about each group that has a threshold of its own. */
function groupDetail(policy: Policy, state: QuorumState): Json {
  return state.groups
    .filter(({ members }) => members.every((member) => policy.groups.has(member)))
    .map(({ name, needed, members, satisfiedMembers }) => ({
      name,
      needed,
      members: members.length,
      cosigned: [...satisfiedMembers],
    }));
}
