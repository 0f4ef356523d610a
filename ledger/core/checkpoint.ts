// Checkpoints: origin, tree size and root hash as the text of a note. c2sp.org/tlog-checkpoint.
// Opening one says who signed it, not that it is consistent with any other: that takes a proof (proof.ts).

import { base64Decode, base64Encode, decimal, lines } from './bytes.ts';
import { LedgerError } from './errors.ts';
import type { Hash } from './hash.ts';
import { HASH_BYTES } from './limits.ts';
import { isNoteText, type Note, openNote, type VerifierKey } from './note.ts';

/** What a checkpoint says. `extensions` are opaque lines, which ML-DSA-44 cosignatures do not cover. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  readonly extensions: readonly string[];
}

/** The note text of a checkpoint, final newline included. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint;
  return [origin, String(size), base64Encode(root), ...extensions].map((line) => `${line}\n`).join('');
}

/**
 * Reads the text of a checkpoint's note.
 * @throws LedgerError checkpoint-malformed; also for a size above INDEX_MAX
 */
export function parseCheckpoint(noteText: string): Checkpoint {
  const found = isNoteText(noteText) ? lines(noteText) : undefined;
  // SPEC tlog-checkpoint: "The note text is a sequence of at least three non-empty lines".
  if (found === undefined || found.length < 3 || found.includes('')) {
    throw new LedgerError('checkpoint-malformed', 'not three or more non-empty lines');
  }
  const [origin = '', sizeText = '', rootText = '', ...extensions] = found;
  const size = decimal(sizeText);
  if (size === undefined) throw new LedgerError('checkpoint-malformed', 'not a tree size');
  const root = base64Decode(rootText);
  if (root?.length !== HASH_BYTES) throw new LedgerError('checkpoint-malformed', 'not a root hash');
  const checkpoint: Checkpoint = { origin, size, root, extensions };
  if (formatCheckpoint(checkpoint) !== noteText) throw new LedgerError('checkpoint-malformed', 'not in canonical form');
  return checkpoint;
}

/**
 * The checkpoint of a note signed by the log it names.
 * @param logKeys keys of type 0x01, any number of logs; a log's key name is its origin
 * @throws LedgerError checkpoint-malformed | origin-unknown (no key has that name) | signature-bad | note-not-signed
 */
export function openCheckpoint(note: Note, logKeys: readonly VerifierKey[]): Checkpoint {
  const checkpoint = parseCheckpoint(note.text);
  // SPEC tlog-policy: the log's key name "MUST correspond to the log's origin line".
  const keys = logKeys.filter((key) => key.name === checkpoint.origin);
  if (keys.length === 0)
    throw new LedgerError('origin-unknown', `no key for the log ${JSON.stringify(checkpoint.origin)}`);
  openNote(note, keys);
  return checkpoint;
}
