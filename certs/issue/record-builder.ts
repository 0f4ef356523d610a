// Builds records: salts every part, commits to them, and takes out the part of a bundle that its holder wants to show.
// Not here: where facts come from (server), the record's form (certs/core/record.ts).

import { base64Encode, hexEncode } from '../../ledger/core/bytes.ts';
import type { Hash } from '../../ledger/core/hash.ts';
import { HASH_BYTES } from '../../ledger/core/limits.ts';
import { CertError } from '../core/errors.ts';
import { type FilePart, files, formatRecord, header, type RecordHeader, type ShownRecord } from '../core/record.ts';
import { rendererId } from '../render/renderer-id.ts';
import { buildCommitment } from './bundle-tree.ts';

/** What the platform knows about a file. */
export type FileFacts = Omit<FilePart, 'v' | 'salt' | 'index'>;

/** What the platform knows about a deposit, apart from its files. */
export type DepositFacts = Omit<RecordHeader, 'v' | 'salt' | 'files' | 'renderer'>;

/** A record ready to be committed to. */
export interface BuiltRecord {
  readonly record: ShownRecord;
  /** The record's canonical bytes: what travels. */
  readonly bytes: Uint8Array;
  /** The commitment for the ledger entry. */
  readonly commitment: Hash;
}

/**
 * Builds the record of a deposit. It names the renderer of its time; whichever draws the certificate one day names itself there.
 * @param input facts, files in the submitter's order, and a source of as many random 32-byte salts as asked for
 * @throws CertError record-malformed when a fact has the wrong form or length
 */
export function buildRecord(
  input: DepositFacts & { readonly files: readonly FileFacts[]; readonly salts: (count: number) => Uint8Array[] },
): BuiltRecord {
  const { files: fileFacts, salts: drawSalts, ...facts } = input;
  const salts = drawSalts(fileFacts.length + 1);
  const salt = (part: number): string => {
    const bytes = salts[part];
    if (bytes?.length !== HASH_BYTES) throw new Error('invariant: one salt of 32 bytes for each part');
    return hexEncode(bytes);
  };
  const head: RecordHeader = { v: 1, salt: salt(0), ...facts, files: fileFacts.length, renderer: rendererId() };
  const parts = [head, ...fileFacts.map((file, i): FilePart => ({ v: 1, salt: salt(i + 1), index: i + 1, ...file }))];
  const record: ShownRecord = {
    v: 1,
    parts: parts.length,
    shown: parts.map((content, part) => ({ part, content })),
  };
  return { record, bytes: formatRecord(record), commitment: buildCommitment(parts).commitment };
}

/**
 * The part of a record that shows only some files; the others stay private, their number does not.
 * @param record a whole record
 * @param fileNumbers 1-based, in any order, at least one
 * @returns the shown parts with their paths, or the record itself when all its files are asked for
 * @throws CertError record-malformed for a file number that the record does not have
 */
export function showFiles(record: ShownRecord, fileNumbers: readonly number[]): ShownRecord {
  if (record.shown.length !== record.parts) throw new Error('invariant: files are taken out of a whole record');
  const wanted = new Set(fileNumbers);
  for (const n of wanted) {
    if (record.shown[n] === undefined || n === 0) throw new CertError('record-malformed', `record: has no file ${n}`);
  }
  if (wanted.size === 0) throw new CertError('record-malformed', 'record: no file to show');
  if (wanted.size === header(record).files) return record;
  const tree = buildCommitment([header(record), ...files(record)]);
  const shown = record.shown
    .filter(({ part }) => part === 0 || wanted.has(part))
    .map(({ part, content }) => ({ part, content, path: tree.path(part).map(base64Encode) }));
  return { v: 1, parts: record.parts, shown };
}
