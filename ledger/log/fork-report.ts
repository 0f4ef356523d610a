// Misbehaviour reports: two checkpoints signed by one log that cannot both be right, with all that is needed to see it.
// A report is canonical JSON (RFC 8785). Anyone with the log's key can check it; nothing else is needed.
// Does not say who is to blame: whoever held the log's key signed both.

import { base64Decode, base64Encode, equal } from '../core/bytes.ts';
import { openCheckpoint } from '../core/checkpoint.ts';
import { LedgerError } from '../core/errors.ts';
import type { Hash } from '../core/hash.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { parseNote, type VerifierKey } from '../core/note.ts';
import { checkConsistency } from '../core/proof.ts';

export interface Fork {
  /** Whole signed notes, verbatim. Theirs is not larger than ours. */
  readonly ours: string;
  readonly theirs: string;
  /** Root of our tree at their size, and its consistency proof with our checkpoint: the same proof fails from their root. */
  readonly root: Hash;
  readonly proof: readonly Hash[];
}

const KIND = 'probata-fork/v1';

/** The text of a report. */
export function formatForkReport({ ours, theirs, root, proof }: Fork): string {
  return canonicalJson({ kind: KIND, ours, theirs, root: base64Encode(root), proof: proof.map(base64Encode) });
}

/**
 * True when the report proves a fork: the log signed both notes, and by its own checkpoint `ours` the tree at their size
 * has another root than the one it signed in `theirs`.
 * @throws LedgerError for a report that is malformed, not signed by the log, or whose proof does not lead to `ours`
 */
export function provesFork(report: string, logKey: VerifierKey): boolean {
  const fork = parseForkReport(report);
  const ours = openCheckpoint(parseNote(fork.ours), [logKey]);
  const theirs = openCheckpoint(parseNote(fork.theirs), [logKey]);
  checkConsistency(fork.proof, theirs.size, ours.size, fork.root, ours.root);
  return !equal(fork.root, theirs.root);
}

function parseForkReport(report: string): Fork {
  const malformed = new LedgerError('json-malformed', 'not a fork report');
  const value = parseJson(report);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw malformed;
  const { kind, ours, theirs, root, proof } = value;
  if (kind !== KIND || typeof ours !== 'string' || typeof theirs !== 'string' || !Array.isArray(proof)) throw malformed;
  const [rootHash, ...hashes] = [root, ...proof].map((text) => {
    const hash = typeof text === 'string' ? base64Decode(text) : undefined;
    if (hash === undefined) throw malformed;
    return hash;
  });
  return { ours, theirs, root: rootHash as Hash, proof: hashes };
}
