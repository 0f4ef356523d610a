// Our ledger entries: canonical JSON (RFC 8785) that fixes a deposit without saying anything about a person.
// design: {"commitment":…,"id":…,"kind":"deposit","received":"…Z","v":1}. The record behind the commitment is never on the ledger.

import { hexDecode, utf8Encode } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { canonicalJson, type Json, parseCanonicalJson } from './json.ts';
import { ENTRY_BYTES_MAX, HASH_BYTES } from './limits.ts';

/**
 * The entry of a deposit. `id` is a UUIDv7, `received` the platform's time as YYYY-MM-DDTHH:MM:SS.mmmZ,
 * `commitment` 64 lower-case hex digits: the RFC 6962 root over the parts of the record.
 */
export interface DepositEntry {
  readonly kind: 'deposit';
  readonly v: 1;
  readonly id: string;
  readonly received: string;
  readonly commitment: string;
}

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** True for a UUID of version 7 (RFC 9562 section 5.7) in lower case. */
export function isUuidV7(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text);
}

/** True for YYYY-MM-DDTHH:MM:SS.mmmZ on a day that the calendar has. No leap seconds: POSIX time has none. */
export function isUtcMilliseconds(text: string): boolean {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{3}Z$/.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
  return day >= 1 && day <= days && hour <= 23 && minute <= 59 && second <= 59;
}

/**
 * The bytes of an entry.
 * @throws LedgerError entry-malformed when a field has the wrong form: nothing unreadable may reach the ledger
 */
export function formatEntry(entry: DepositEntry): Uint8Array {
  return utf8Encode(canonicalJson({ ...checkFields({ ...entry }) }));
}

/**
 * Reads the bytes of an entry.
 * @throws LedgerError entry-newer-format (canonical JSON with a kind or version we do not know: an explicit verdict, never valid)
 *   | entry-malformed (anything else)
 */
export function parseEntry(bytes: Uint8Array): DepositEntry {
  return checkFields(parseObject(bytes));
}

function checkFields({ kind, v, id, received, commitment, ...rest }: { [key: string]: Json }): DepositEntry {
  if (typeof kind !== 'string' || typeof v !== 'number') throw malformed('no kind or no version');
  if (kind !== 'deposit' || v !== 1) {
    throw new LedgerError('entry-newer-format', 'entry of a kind or version that this program does not know');
  }
  if (Object.keys(rest).length > 0) throw malformed('a field that version 1 does not have');
  if (typeof id !== 'string' || !isUuidV7(id)) throw malformed('id is not a UUIDv7');
  if (typeof received !== 'string' || !isUtcMilliseconds(received)) throw malformed('received is not a UTC time');
  if (typeof commitment !== 'string' || hexDecode(commitment, HASH_BYTES) === undefined) {
    throw malformed('commitment is not 64 lower-case hex digits');
  }
  return { kind, v, id, received, commitment };
}

function parseObject(bytes: Uint8Array): { [key: string]: Json } {
  if (bytes.length > ENTRY_BYTES_MAX) throw malformed(`${bytes.length} bytes`);
  try {
    const value = parseCanonicalJson(bytes);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw malformed(error.message, error);
  }
  throw malformed('not a JSON object');
}

function malformed(why: string, cause?: unknown): LedgerError {
  return new LedgerError('entry-malformed', `entry: ${why}`, { cause });
}
