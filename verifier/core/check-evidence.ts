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

/** The files a record shows, by SHA-256: two of them may be equal. */
export function filesByDigest(record: ShownRecord): (sha256: string) => readonly FilePart[] {
  const byDigest = new Map<string, FilePart[]>();
  for (const part of files(record)) {
    const same = byDigest.get(part.sha256);
    if (same === undefined) byDigest.set(part.sha256, [part]);
    else same.push(part);
  }
  return (sha256) => byDigest.get(sha256) ?? [];
}

/**
 * Every file at hand is a file of the record. That some files of the record are not at hand is no contradiction.
 * @returns numbers of the record's files that some file at hand is equal to
 */
export function checkEvidence(evidence: readonly Evidence[], record: ShownRecord): Passed<ReadonlySet<number>> {
  if (evidence.length > EVIDENCE_FILES_MAX) throw new Error(`invariant: at most ${EVIDENCE_FILES_MAX} files at once`);
  const recorded = filesByDigest(record);
  for (const given of evidence) for (const part of recorded(given.sha256)) checkWhole(given, part);
  const others = evidence.filter(({ sha256 }) => recorded(sha256).length === 0);
  if (others.length > 0) {
    throw new VerifierError('file-not-in-record', `${others.length} of ${evidence.length} files`, {
      files: others.map(({ name, sha256 }) => ({ name, sha256 })),
    });
  }
  const numbers = new Set(evidence.flatMap(({ sha256 }) => recorded(sha256).map(({ index }) => index)));
  const { files: all } = header(record);
  return { value: numbers, detail: { compared: numbers.size, shown: record.shown.length - 1, files: all } };
}

/** One digest equal and another not cannot come from one file: the record contradicts itself, or the caller erred. */
function checkWhole(given: Evidence, part: FilePart): void {
  const sm3Differs = part.sm3 !== undefined && given.sm3 !== undefined && part.sm3 !== given.sm3;
  if (part.size === given.size && !sm3Differs) return;
  throw new VerifierError('file-digests-disagree', `file ${part.index}: same SHA-256, other size or SM3`, {
    file: part.index,
    name: given.name,
  });
}
