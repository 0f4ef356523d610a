// The files at hand against the file parts of the record, by digest. Names are shown, never compared: files get renamed.
// Reading and hashing the bytes is the caller's work (command line, page), because a file may be larger than memory.

import { type FilePart, files, header, type ShownRecord } from '../../certs/core/record.ts';
import type { Passed } from './checks.ts';
import { VerifierError } from './errors.ts';
import { EVIDENCE_FILES_MAX } from './limits.ts';

/** A file at hand, as the caller hashed it. */
export interface Evidence {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sm3?: string;
}

/**
 * Every file at hand is a file of the record. That some files of the record are not at hand is no contradiction.
 * @returns numbers of the record's files that some file at hand is equal to
 */
export function checkEvidence(evidence: readonly Evidence[], record: ShownRecord): Passed<ReadonlySet<number>> {
  if (evidence.length > EVIDENCE_FILES_MAX) throw new Error(`invariant: at most ${EVIDENCE_FILES_MAX} files at once`);
  const parts = files(record);
  const equal = evidence.map((given) => equalParts(given, parts));
  const others = evidence.filter((_, i) => equal[i]?.length === 0);
  if (others.length > 0) {
    throw new VerifierError('file-not-in-record', `${others.length} of ${evidence.length} files`, {
      files: others.map(({ name, sha256 }) => ({ name, sha256 })),
    });
  }
  const numbers = new Set(equal.flat().map(({ index }) => index));
  return { value: numbers, detail: { compared: numbers.size, shown: parts.length, files: header(record).files } };
}

function equalParts(given: Evidence, parts: readonly FilePart[]): FilePart[] {
  const same = parts.filter(({ sha256 }) => sha256 === given.sha256);
  // One digest equal and another not cannot come from one file: the record contradicts itself, or the caller erred.
  const torn = same.find(
    ({ size, sm3 }) => size !== given.size || (sm3 !== undefined && given.sm3 !== undefined && sm3 !== given.sm3),
  );
  if (torn !== undefined) {
    throw new VerifierError('file-digests-disagree', `file ${torn.index}: same SHA-256, other size or SM3`, {
      file: torn.index,
      name: given.name,
    });
  }
  return same;
}
