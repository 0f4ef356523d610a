// Fork reports, `probata-fork/v1`: two checkpoints signed by one log that cannot both be right, with all that is needed to see it.
// Canonical JSON (RFC 8785). Anyone with the log's key can check one; nothing else is needed. FORMATS.md, "Fork report".
// Does not say who is to blame: whoever held the log's key signed both. Cosignatures in the notes say who vouched for which.

import { base64Encode, equal } from './bytes.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { EMPTY_ROOT, type Hash } from './hash.ts';
import { canonicalJson } from './json.ts';
import { type Note, parseNote, type VerifierKey } from './note.ts';
import { checkConsistency } from './proof.ts';
import { hashOf, malformed, proofOf, readReport, textOf, unproven } from './report.ts';

/** The evidence. Notes are whole and verbatim, cosignatures included. */
export interface Fork {
  readonly newer: string;
  /** Of a tree that is not larger. */
  readonly older: string;
  /**
   * Root of the newer checkpoint's own tree at the older one's size. Absent in a suspicion: then `proof` is one that came with the
   * newer checkpoint and does not hold, which whoever passed it on may have made up.
   */
  readonly root?: Hash;
  /** Consistency proof from `root` to the newer checkpoint: what the newer tree really began with. */
  readonly proof: readonly Hash[];
}

/** A fork that has been proven. */
export interface ProvenFork {
  readonly newer: SignedCheckpoint;
  readonly older: SignedCheckpoint;
}

/** A checkpoint whose log signature has been verified. */
export interface SignedCheckpoint {
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

/** The first words of every fork report, as its `kind`. */
export const FORK_KIND = 'probata-fork/v1';

/** The text of a report; it proves nothing by being written. */
export function formatForkReport({ newer, older, root, proof }: Fork): string {
  const shown = root === undefined ? {} : { root: base64Encode(root) };
  return canonicalJson({ kind: FORK_KIND, newer, older, ...shown, proof: proof.map(base64Encode) });
}

/**
 * The text of a report that proves what it says.
 * @param logKeys the log's keys
 * @throws Error (an invariant) when it would not: whoever calls this has found a fork already
 */
export function forkReport(fork: Fork, logKeys: readonly VerifierKey[]): string {
  const report = formatForkReport(fork);
  try {
    checkForkReport(report, logKeys);
  } catch (cause) {
    throw new Error('invariant: a fork that was found can be proven', { cause });
  }
  return report;
}

/**
 * Checks that a report proves a fork: one log signed both notes, and by its own newer checkpoint the tree at the older one's size
 * has another root than the one it signed there.
 * @param logKeys keys of any number of logs
 * @throws LedgerError report-malformed | report-unproven (the notes are signed and do not contradict each other, or nobody has shown that
 *   they do), or the code of the part that fails: the notes, their signatures, the proof
 */
export function checkForkReport(report: string, logKeys: readonly VerifierKey[]): ProvenFork {
  const fork = parseForkReport(report);
  const [newer, older] = [open(fork.newer, logKeys), open(fork.older, logKeys)];
  const { root, proof } = fork;
  if (newer.checkpoint.origin !== older.checkpoint.origin) throw unproven('the checkpoints are of two logs');
  if (newer.checkpoint.size < older.checkpoint.size) throw malformed('the newer checkpoint is the smaller one');
  if (root === undefined)
    throw unproven('a proof that does not hold may be anybody’s: nobody has shown the newer tree');
  // The empty tree is the beginning of every tree, so a checkpoint of size 0 with another root needs nothing beside it.
  const within = older.checkpoint.size === 0 ? { size: 0, root: EMPTY_ROOT } : newer.checkpoint;
  checkConsistency(proof, older.checkpoint.size, within.size, root, within.root);
  if (equal(root, older.checkpoint.root)) throw unproven('the newer checkpoint continues the older one');
  return { newer, older };
}

function open(text: string, logKeys: readonly VerifierKey[]): SignedCheckpoint {
  const note = parseNote(text);
  return { note, checkpoint: openCheckpoint(note, logKeys) };
}

/**
 * Reads a report; nothing is verified.
 * @throws LedgerError report-malformed
 */
export function parseForkReport(report: string): Fork {
  const { newer, older, root, proof } = readReport(report, FORK_KIND, ['newer', 'older', 'proof'], ['root']);
  return {
    newer: textOf(newer),
    older: textOf(older),
    ...(root === undefined ? {} : { root: hashOf(root) }),
    proof: proofOf(proof),
  };
}
