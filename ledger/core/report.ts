// What all reports of misbehaviour have in common: canonical JSON (RFC 8785), one object, its `kind` and exactly its fields.
// What a report proves is the business of fork-report.ts and omission-report.ts.

import { base64Decode, utf8Encode } from './bytes.ts';
import { LedgerError } from './errors.ts';
import type { Hash } from './hash.ts';
import { type Json, parseCanonicalJson } from './json.ts';
import { HASH_BYTES, PROOF_HASHES_MAX } from './limits.ts';

type Fields = { readonly [key: string]: Json };

/**
 * The fields of a report of one kind.
 * @throws LedgerError report-malformed
 */
export function readReport(
  report: string,
  kind: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Fields {
  const fields = readObject(report);
  if (fields['kind'] !== kind) throw malformed(`not a ${kind}`);
  readFields(fields, ['kind', ...required], optional);
  return fields;
}

/** The `kind` a report claims to be of; undefined when it is no report at all. */
export function kindOf(report: string): string | undefined {
  try {
    return textOf(readObject(report)['kind']);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

function readObject(report: string): Fields {
  try {
    return objectOf(parseCanonicalJson(utf8Encode(report)));
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code === 'report-malformed') throw error;
    throw malformed(error.message, error);
  }
}

/**
 * An object with exactly these fields.
 * @throws LedgerError report-malformed
 */
export function readFields(
  value: Json | undefined,
  required: readonly string[],
  optional: readonly string[] = [],
): Fields {
  const fields = objectOf(value);
  for (const key of required) if (!Object.hasOwn(fields, key)) throw malformed(`no field ${key}`);
  const unknown = Object.keys(fields).find((key) => !required.includes(key) && !optional.includes(key));
  if (unknown !== undefined) throw malformed('a field that this kind does not have');
  return fields;
}

function objectOf(value: Json | undefined): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw malformed('not a JSON object');
  return value;
}

/** @throws LedgerError report-malformed */
export function textOf(value: Json | undefined): string {
  if (typeof value !== 'string') throw malformed('a field is not text');
  return value;
}

/** @throws LedgerError report-malformed */
export function bytesOf(value: Json | undefined): Uint8Array {
  const bytes = base64Decode(textOf(value));
  if (bytes === undefined) throw malformed('not base64');
  return bytes;
}

/** @throws LedgerError report-malformed */
export function hashOf(value: Json | undefined): Hash {
  const hash = bytesOf(value);
  if (hash.length !== HASH_BYTES) throw malformed(`a hash of ${hash.length} bytes`);
  return hash;
}

/** A place on the ledger. @throws LedgerError report-malformed */
export function indexOf(value: Json | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed('not an index');
  return value;
}

/** Hashes one after the other, as in a tile. @throws LedgerError report-malformed; also for more than `max` */
export function hashesOf(value: Json | undefined, max: number): Hash[] {
  const bytes = bytesOf(value);
  const count = bytes.length / HASH_BYTES;
  if (!Number.isInteger(count) || count > max) throw malformed(`hashes of ${bytes.length} bytes`);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

/** The hashes of one proof. @throws LedgerError report-malformed */
export function proofOf(value: Json | undefined): Hash[] {
  if (!Array.isArray(value) || value.length > PROOF_HASHES_MAX) throw malformed('not the hashes of a proof');
  return value.map(hashOf);
}

/** The text is no report of this kind. */
export function malformed(why: string, cause?: unknown): LedgerError {
  return new LedgerError('report-malformed', `report: ${why}`, { cause });
}

/** The report is well formed, and what it holds does not show what it claims. */
export function unproven(why: string): LedgerError {
  return new LedgerError('report-unproven', why);
}
