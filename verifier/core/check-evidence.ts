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

/** A file at hand, with the numbers of the record's files that it is equal to: two of those may be equal. */
export interface Given {
  readonly name: string;
  readonly sha256: string;
  readonly files: readonly number[];
}

/** Compares every file at hand with every file that the record shows. */
export function compareFiles(evidence: readonly Evidence[], record: ShownRecord): Given[] {
  const named = filesByDigest(record);
  return evidence.map((given) => {
    const same = named(given.sha256).filter((part) => isWhole(given, part));
    return { name: given.name, sha256: given.sha256, files: same.map(({ index }) => index) };
  });
}

/** Numbers of the record's files that some file at hand is equal to. */
export function comparedOf(given: readonly Given[]): ReadonlySet<number> {
  return new Set(given.flatMap(({ files: numbers }) => numbers));
}

/** Every file at hand is a file of the record. That some files of the record are not at hand is no contradiction. */
export function checkEvidence(evidence: readonly Evidence[], record: ShownRecord): Passed<true> {
  if (evidence.length > EVIDENCE_FILES_MAX) throw new Error(`invariant: at most ${EVIDENCE_FILES_MAX} files at once`);
  const named = filesByDigest(record);
  for (const given of evidence) for (const part of named(given.sha256)) checkWhole(given, part);
  const given = compareFiles(evidence, record);
  const others = given.filter(({ files: numbers }) => numbers.length === 0);
  if (others.length > 0) {
    // They may be the files that are not shown, unless they are more than those: then one of them at least is in no record.
    const undisclosed = record.parts - record.shown.length;
    const isOpen = new Set(others.map(({ sha256 }) => sha256)).size <= undisclosed;
    throw new VerifierError(
      isOpen ? 'file-not-shown' : 'file-not-in-record',
      `${others.length} of ${evidence.length} files`,
      { files: others.map(({ name, sha256 }) => ({ name, sha256 })) },
    );
  }
  const { files: all } = header(record);
  return { value: true, detail: { compared: comparedOf(given).size, shown: record.shown.length - 1, files: all } };
}

/** The files a record shows, by SHA-256: two of them may be equal. */
function filesByDigest(record: ShownRecord): (sha256: string) => readonly FilePart[] {
  const byDigest = new Map<string, FilePart[]>();
  for (const part of files(record)) {
    const same = byDigest.get(part.sha256);
    if (same === undefined) byDigest.set(part.sha256, [part]);
    else same.push(part);
  }
  return (sha256) => byDigest.get(sha256) ?? [];
}

/** Whether the same SHA-256 comes with the same size and SM3. */
function isWhole(given: Evidence, part: FilePart): boolean {
  const sm3Differs = part.sm3 !== undefined && given.sm3 !== undefined && part.sm3 !== given.sm3;
  return part.size === given.size && !sm3Differs;
}

/** One digest equal and another not cannot come from one file: the record contradicts itself, or the caller erred. */
function checkWhole(given: Evidence, part: FilePart): void {
  if (isWhole(given, part)) return;
  throw new VerifierError('file-digests-disagree', `file ${part.index}: same SHA-256, other size or SM3`, {
    file: part.index,
    name: given.name,
  });
}
